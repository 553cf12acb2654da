"""α under the finger, and a network that is trained while the page is looked at."""

from collections.abc import Callable

import numpy as np
import pytest

from bn_core.running import running_curves, stream
from bn_ui.figures import inference as figures
from bn_ui.text import labels
from tests.browser.driving import Lab, read_number

pytestmark = pytest.mark.browser

KEY = "inf_alpha"
VALUES = figures.batch_values(stream(16, 100, 0), True)
DATA = "bn.figure().data"


def opened(lab: Callable[..., Lab], query: str = "", lang: str = "en", **options: bool) -> Lab:
    """The page, uncovered. The fixture waits for a chart, and this page first asks for a guess."""
    tab = lab(**options)
    tab.page.goto(f"{tab.home}/inference?lang={lang}{query}")
    tab.page.get_by_role("button", name=labels(lang)["frame.just_show"]).click()
    tab.page.locator(f"[data-knob={KEY}]").wait_for()
    return tab.ready()


def assert_shows(tab: Lab, alpha: float) -> None:
    """The running values of the table, and the curves that end there."""
    texts = tab.page.locator(".bn-live:has([data-knob]) [data-cell]").all_inner_texts()
    table = np.array([read_number(text) for text in texts]).reshape(2, 4)
    for row, name in enumerate(figures.STATISTICS):
        curve = running_curves(VALUES[name], figures.INITIAL[name], [alpha])[0]
        assert table[row, 0] == pytest.approx(curve[-1], rel=5.1e-4)
        drawn = tab.page.evaluate(f"() => Array.from({DATA}[{4 * row + 3}].y)")
        np.testing.assert_allclose(drawn, curve, atol=3e-4)


def test_curves_and_table_follow_the_knob(lab: Callable[..., Lab]):
    tab = opened(lab)
    assert_shows(tab, 0.1)
    ranges = "() => ['xaxis', 'yaxis', 'yaxis2'].map((a) => bn.figure().layout[a].range.join())"
    before = tab.page.evaluate(ranges)
    start = 0.66
    for fraction in (0.8, 0.3, 0.97):
        tab.drag(KEY, start, fraction, release=False)
        tab.until(f"bn.root().dataset.shown.includes('{KEY}')")
        tab.next_frame()
        assert tab.sent() == 0, "nothing is sent before the release"
        assert_shows(tab, figures.ALPHAS[tab.at(KEY)])
        start = fraction
    assert tab.page.evaluate(ranges) == before
    tab.page.mouse.up()
    tab.settle()
    assert_shows(tab, figures.ALPHAS[tab.at(KEY)])
    assert float(tab.query()[KEY]) == figures.ALPHAS[tab.at(KEY)]


def test_the_network_is_trained_and_comes_up_by_itself(lab: Callable[..., Lab]):
    """A seed that nobody has asked for: the page waits for it, and then shows it."""
    tab = opened(lab, "&inf_train_seed=77&inf_train_steps=800")
    alts = "[...document.querySelectorAll('.bn-figure')].map((f) => f.ariaLabel || '')"
    tab.until(f"{alts}.some((alt) => alt.includes('800 training steps'))")
    tab.page.locator(".st-key-inf_draw_again button").click()
    tab.until("new URL(location).searchParams.get('inf_draw') === '1'")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_wider_than_a_phone(lab: Callable[..., Lab], lang: str):
    tab = opened(lab, lang=lang, phone=True)
    tab.until("document.querySelectorAll('.bn-live').length === 3")
    wide = tab.page.evaluate(
        """() => [...document.querySelectorAll('html, [data-testid=stMain], .bn-live, .katex')]
            .filter((e) => e.scrollWidth > e.clientWidth || e.getBoundingClientRect().right > 390)
            .map((e) => [e.tagName, e.className, e.scrollWidth, e.clientWidth])"""
    )
    assert not wide
