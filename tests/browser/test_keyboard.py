"""Two chapters from start to end with the keyboard alone, as they are and on a projector."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator

from bn_core.derivation import FORWARD, operations
from bn_ui.text import LANGUAGES, labels, questions
from tests.browser.driving import Lab, go
from tests.browser.player import Player, opening

pytestmark = pytest.mark.browser

STEPS = [f"{formula.name}.{operation.name}" for formula, operation in operations(FORWARD)]


def enter(tab: Lab | Player, place: Locator) -> None:
    """With Tab to where it is, and Enter."""
    go(tab.page, place)
    tab.page.keyboard.press("Enter")


def pick(tab: Lab | Player, key: str, wanted: int) -> None:
    """One of a row of options: Tab comes to the row, arrows go along it."""
    row = tab.page.locator(f".st-key-{key}")
    go(tab.page, row)
    at = row.locator("button").evaluate_all("all => all.indexOf(document.activeElement)")
    for _ in range(abs(wanted - at)):
        tab.page.keyboard.press("ArrowRight" if wanted > at else "ArrowLeft")
    tab.page.keyboard.press("Enter")


def projector(tab: Lab | Player, *, on: bool) -> None:
    """Through its button, which keeps the focus."""
    enter(tab, tab.page.locator(".st-key-present_switch button"))
    tab.until(f"location.search.includes('present=1') === {str(on).lower()} && bn.idle()")


def guess(tab: Lab | Player, chapter: str, name: str, key: str, lang: str) -> None:
    """A prediction, right away; then what is so stands beside it."""
    asked = questions(chapter, lang)[name]
    pick(tab, key, list(asked.options).index(asked.answer))
    tab.page.get_by_text(asked.why[:12]).wait_for()


@pytest.mark.parametrize("lang", LANGUAGES)
class TestForward:
    def test_it_can_be_done(self, player: Callable[..., Player], lang: str):
        tab = player(f"/forward?lang={lang}")
        enter(tab, tab.part("next"))
        walked = [tab.step()]
        while tab.part("next").is_enabled():
            tab.press("Enter")
            tab.until("document.querySelector('.bn-step').dataset.step !== given", walked[-1])
            walked.append(tab.step())
        assert walked[-1] == FORWARD[-1].name
        tab.until("bn.idle()")
        self.practise(tab)
        self.other_numbers(tab)
        guess(tab, "forward", "same_shift", "fwd_guess", lang)
        self.link(tab, lang)

    def practise(self, tab: Player) -> None:
        """The last formula is blank until its number, to two decimals, is typed."""
        pick(tab, "fwd_practice", 1)
        tab.until("location.search.includes('fwd_practice=last') && bn.idle()")
        box = tab.part("answer").locator("input")
        box.wait_for()
        go(tab.page, box)
        tab.page.keyboard.type(f"{opening()['y'][0, 0]:.2f}")
        tab.press("Enter")
        box.wait_for(state="detached")
        tab.until("bn.idle()")
        assert "y" in tab.cells()
        pick(tab, "fwd_practice", 0)
        tab.until("!location.search.includes('fwd_practice') && bn.idle()")

    def other_numbers(self, tab: Player) -> None:
        go(tab.page, tab.page.locator(".st-key-batch_x_box textarea"))
        tab.press("Control+a")
        tab.page.keyboard.type("1\n2\n6")
        tab.press("Control+Enter")
        tab.until("location.search.includes('batch_x=1_2_6') && bn.idle()")
        tab.until(
            "!document.querySelector('td[data-cell=\"y 3 0\"]')"
            " && document.querySelector('td[data-cell=\"y 2 0\"]')"
        )

    def link(self, tab: Player, lang: str) -> None:
        opener = tab.page.get_by_role("button", name=labels(lang)["frame.link"], exact=True)
        enter(tab, opener)
        field = tab.page.locator(".st-key-forward_copy_link input")
        shown = "document.querySelector('.st-key-forward_copy_link input')?.value"
        tab.until(f"{shown}?.includes('batch_x=1_2_6')")
        tab.press("Escape")
        field.wait_for(state="hidden")

    def test_on_a_projector(self, player: Callable[..., Player], lang: str):
        """Arrows and a clicker's page keys step, although the focus is on the mode's own button."""
        tab = player(f"/forward?lang={lang}")
        projector(tab, on=True)
        tab.ready()
        for key, step in (("PageDown", "var"), ("ArrowRight", "x_hat"), ("PageUp", "var")):
            tab.press(key)
            tab.at(step)
        projector(tab, on=False)
        tab.ready().at("var")


@pytest.mark.parametrize("lang", LANGUAGES)
class TestDistributions:
    def test_it_can_be_done(self, lab: Callable[..., Lab], lang: str):
        tab = lab(f"/distributions?lang={lang}")
        go(tab.page, tab.knob("dist_gamma"))
        tab.page.keyboard.press("ArrowRight")
        tab.until("location.search.includes('dist_gamma=') && bn.idle()")
        tab.settle()
        enter(tab, tab.page.locator("[data-knob=dist_gamma] button"))
        tab.assert_shows()
        go(tab.page, tab.page.locator(".st-key-dist_source input"))
        for key in ("ArrowDown", "ArrowDown", "Enter"):
            tab.page.keyboard.press(key)
        tab.until("location.search.includes('dist_source=synthetic') && bn.idle()")
        guess(tab, "distributions", "shapes", "dist_guess", lang)
        enter(tab, tab.page.locator(".st-key-distributions_reset button"))
        tab.until("!location.search.includes('dist_source') && bn.idle()")
        tab.assert_shows()

    def test_on_a_projector(self, lab: Callable[..., Lab], lang: str):
        tab = lab(f"/distributions?lang={lang}")
        plain = tab.page.evaluate("bn.figure().layout.font.size")
        projector(tab, on=True)
        tab.until("bn.figure().layout.font.size > given", plain)
        go(tab.page, tab.knob("dist_beta"))
        tab.page.keyboard.press("Home")
        tab.until("location.search.includes('dist_beta=-6') && bn.idle()")
        projector(tab, on=False)
        tab.until("bn.figure().layout.font.size === given", plain)
        tab.assert_shows(beta=-6.0)
