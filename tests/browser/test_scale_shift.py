"""γ under the finger, and the game played with the keyboard alone."""

from collections.abc import Callable

import numpy as np
import pytest

from bn_core.activations import ACTIVATIONS
from bn_core.linearity import straightness
from bn_ui.figures import scale_shift as figures
from bn_ui.text import labels
from tests import direct
from tests.browser.driving import Lab, go, read_number

pytestmark = pytest.mark.browser

KEY = "scale_gamma"
UNIT = direct.hidden()[:, 1]  # what the chapter opens with


def opened(lab: Callable[..., Lab], query: str = "", lang: str = "en", **options: bool) -> Lab:
    tab = lab(**options)
    tab.page.goto(f"{tab.home}/scale_shift?lang={lang}&revealed=1{query}")
    tab.page.locator(f"[data-knob={KEY}]").wait_for()
    return tab.ready()


def assert_shows(tab: Lab, gamma: float) -> None:
    """The row of y, and the line over the curve, for this γ."""
    y = gamma * (UNIT - UNIT.mean()) / np.sqrt(UNIT.var() + 1e-5)
    f = ACTIVATIONS["sigmoid"]
    best = straightness(y[None], f)
    texts = tab.page.locator(".bn-live:has([data-knob=scale_gamma]) [data-cell]")
    mean, sd, slope, r2, saturated, _ = map(read_number, texts.all_inner_texts()[6:])
    assert mean == 0
    np.testing.assert_allclose([sd, slope, r2], [y.std(), *best.mean_slope, *best.r2], rtol=6e-4)
    assert saturated == pytest.approx(100 * best.saturated[0], abs=0.051)
    line = tab.page.evaluate("() => [...bn.figure().data[4].x, ...bn.figure().data[4].y]")
    x, drawn = np.reshape(line, (2, 2))
    np.testing.assert_allclose(drawn, best.slope * x + best.intercept, atol=1e-5)


def test_line_and_numbers_follow_the_knob(lab: Callable[..., Lab]):
    tab = opened(lab)
    assert_shows(tab, 1.0)
    start = 1 / 12
    for fraction in (0.5, 0.2, 0.9):
        tab.drag(KEY, start, fraction, release=False)
        tab.until(f"bn.root().dataset.shown.includes('{KEY}')")
        tab.next_frame()
        assert tab.sent() == 0, "nothing is sent before the release"
        assert_shows(tab, figures.GAMMAS[tab.at(KEY)])
        start = fraction
    tab.page.mouse.up()
    tab.settle()
    assert float(tab.query()[KEY]) == figures.GAMMAS[tab.at(KEY)]


def test_the_game_can_be_won_with_the_keyboard(lab: Callable[..., Lab]):
    tab = opened(lab)
    words = labels("en")
    first = direct.hidden(m=1797)[:32, 0]
    boxes = (("scale_match_beta", first.mean()), ("scale_match_gamma", first.std()))
    for key, value in boxes:
        go(tab.page, tab.page.locator(f".st-key-{key} input"))
        tab.page.keyboard.press("Control+a")
        tab.page.keyboard.type(f"{value:.2f}")
        tab.page.keyboard.press("Enter")
        tab.until(f"location.search.includes('{key}=') && bn.idle()")
    tab.page.get_by_text(words["scale_shift.met"].split("{")[0]).wait_for()
    button = tab.page.locator(".st-key-scale_next button")
    button.wait_for()
    go(tab.page, button)
    tab.page.keyboard.press("Enter")
    tab.until("location.search.includes('scale_batch=2') && bn.idle()")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_wider_than_a_phone(lab: Callable[..., Lab], lang: str):
    tab = opened(lab, "&scale_solved=1", lang, phone=True)
    tab.until("document.querySelectorAll('.bn-live').length === 5")
    wide = tab.page.evaluate(
        """() => [...document.querySelectorAll('html, [data-testid=stMain], .bn-live, .katex')]
            .filter((e) => e.scrollWidth > e.clientWidth || e.getBoundingClientRect().right > 390)
            .map((e) => [e.tagName, e.className, e.scrollWidth, e.clientWidth])"""
    )
    assert not wide
