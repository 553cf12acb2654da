"""What a screen reader says of a chart: the values shown, anew when they change, and not before."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from bn_ui.chapters import CHAPTERS
from bn_ui.text import LANGUAGES
from tests.browser.driving import HELPERS, Lab

pytestmark = pytest.mark.browser

SCREENS = [
    *((chapter.name, "") for chapter in CHAPTERS),
    ("distributions", "&dist_view=each"),
    ("scale_shift", "&scale_solved=1"),
]
DRAWN = """document.querySelector('[data-testid=stMain] .stMarkdown') && bn.idle()
    && [...document.querySelectorAll('.bn-live')].every((c) => c.dataset.pictures > 0)"""
ALTS = "[...document.querySelectorAll('.bn-figure')].map((figure) => figure.ariaLabel)"
ALT = "document.querySelector('.bn-live:has([data-knob={0}]) .bn-figure').ariaLabel"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("chapter", "more"), SCREENS)
def test_every_alt_names_values_and_every_knob_changes_them(
    tab: Callable[..., tuple[Page, str]], chapter: str, more: str, lang: str
):
    at = Lab(*tab())
    at.page.goto(f"{at.home}/{chapter}?lang={lang}&revealed=1{more}")
    at.page.evaluate(HELPERS)
    for alt in at.page.evaluate(f"bn.still(() => {ALTS}, () => {DRAWN})"):
        assert re.search(r"\d", alt), alt
        assert not re.search(r"[{}]|undefined|NaN", alt), alt
    knobs = at.page.locator("[data-knob]").evaluate_all("all => all.map((k) => k.dataset.knob)")
    for key in knobs:
        alt = ALT.format(key)
        before = at.page.evaluate(alt)
        knob = at.knob(key)
        knob.press("End")
        at.until(f"{alt} !== given", before)
        knob.blur()
        at.until(DRAWN)


class TestWhileDragging:
    """Frames come sixty times a second; nobody could listen to that."""

    ROOT = ".bn-live:has([data-knob])"

    def said(self, at: Lab) -> str:
        return at.page.locator(f"{self.ROOT} .bn-said").inner_text()

    def caption(self, at: Lab) -> str:
        return at.page.locator(f"{self.ROOT} .bn-caption").inner_text()

    def test_nothing_is_said_until_the_knob_is_let_go(self, lab: Callable[..., Lab]):
        at = lab()
        before = self.caption(at)
        assert self.said(at) == "", "a page that opens is read, not announced"
        at.drag("dist_gamma", 0.5, 0.7, 0.9, release=False)
        at.until("bn.root().dataset.shown.includes('dist_gamma')")
        at.next_frame()
        assert self.caption(at) != before
        assert self.said(at) == ""
        at.page.mouse.up()
        at.settle()
        assert self.said(at) == self.caption(at) != before

    def test_the_alt_is_not_rewritten_at_every_frame(self, lab: Callable[..., Lab]):
        at = lab()
        alts, pictures = at.page.evaluate(
            """async () => {
                let alts = 0;
                const seen = new MutationObserver((all) => (alts += all.length));
                seen.observe(bn.figure(), { attributes: true, attributeFilter: ['aria-label'] });
                const before = Number(bn.root().dataset.pictures);
                const input = bn.root().querySelector('[data-knob=dist_gamma] input');
                for (let position = 100; position < 140; position += 1) {
                    input.value = position;
                    input.dispatchEvent(new Event('input', { bubbles: true }));
                    await bn.nextFrame();
                }
                return [alts, Number(bn.root().dataset.pictures) - before];
            }"""
        )
        assert pictures > 10
        assert alts < pictures / 4, "at most once a rest"
        before = at.page.evaluate(ALT.format("dist_gamma"))
        at.until(f"{ALT.format('dist_gamma')} !== given", before)  # it rests under the finger

    def test_another_language_is_not_news(self, lab: Callable[..., Lab]):
        at = lab("/distributions?lang=en")
        before = self.caption(at)
        at.page.locator(".st-key-lang [role=radio]").first.click()
        at.until("document.querySelector('.bn-live .bn-caption').innerText !== given", before)
        at.settle()
        assert self.said(at) == ""
