"""ρ under the finger: dots, ellipses and the covariance matrix move together."""

from collections.abc import Callable

import numpy as np
import pytest

from bn_ui.figures import whitening as figures
from bn_ui.text import labels
from tests.browser.driving import Lab, read_number

pytestmark = pytest.mark.browser

KEY = "white_rho"
# The live chart that holds the first knob.
CHART = f".bn-live:has([data-knob={KEY}])"


def opened(lab: Callable[..., Lab], lang: str = "en", **options: bool) -> Lab:
    """The page, uncovered. The fixture waits for a chart, and this page first asks for a guess."""
    tab = lab(**options)
    tab.page.goto(f"{tab.home}/whitening?lang={lang}")
    tab.page.get_by_role("button", name=labels(lang)["frame.just_show"]).click()
    tab.page.locator(f"[data-knob={KEY}]").wait_for()
    return tab.ready()


def assert_shows(tab: Lab, rho: float) -> None:
    """The table, and the dots that are drawn, have this correlation after BN and none whitened."""
    texts = tab.page.locator(f"{CHART} [data-cell]").all_inner_texts()
    table = np.array([read_number(text) for text in texts]).reshape(4, 5)
    condition = (1 + abs(rho)) / (1 - abs(rho))
    np.testing.assert_allclose(table[1], [1, rho, 1, rho, condition], rtol=5.1e-4)
    np.testing.assert_allclose(table[2:], [[1, 0, 1, 0, 1]] * 2, atol=5.1e-4)
    for panel, covariance in ((1, rho), (2, 0), (3, 0)):
        x, y = (
            tab.page.evaluate(f"() => Array.from(bn.figure().data[{3 * panel}].{letter})")
            for letter in "xy"
        )
        assert np.cov(x, y, ddof=0)[0, 1] == pytest.approx(covariance, abs=0.02)


def test_four_clouds_follow_the_knob(lab: Callable[..., Lab]):
    tab = opened(lab)
    assert_shows(tab, 0.9)
    ranges = "() => ['xaxis', 'yaxis2', 'xaxis4'].map((a) => bn.figure().layout[a].range.join())"
    before = tab.page.evaluate(ranges)
    start = 0.96
    for fraction in (0.7, 0.2):
        tab.drag(KEY, start, fraction, release=False)
        tab.until(f"bn.root().dataset.shown.includes('{KEY}')")
        tab.next_frame()
        assert tab.sent() == 0, "nothing is sent before the release"
        assert_shows(tab, figures.RHOS[tab.at(KEY)])
        start = fraction
    assert tab.page.evaluate(ranges) == before
    tab.page.mouse.up()
    tab.settle()
    assert_shows(tab, figures.RHOS[tab.at(KEY)])
    assert float(tab.query()[KEY]) == figures.RHOS[tab.at(KEY)]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_wider_than_a_phone(lab: Callable[..., Lab], lang: str):
    """With the measurement of the costs, which is made here for once."""
    tab = opened(lab, lang=lang, phone=True)
    tab.page.locator(".st-key-white_measure button").click()
    tab.until("document.querySelectorAll('.bn-live').length === 5")
    wide = tab.page.evaluate(
        """() => [...document.querySelectorAll('html, [data-testid=stMain], .bn-live, .katex')]
            .filter((e) => e.scrollWidth > e.clientWidth || e.getBoundingClientRect().right > 390)
            .map((e) => [e.tagName, e.className, e.scrollWidth, e.clientWidth])"""
    )
    assert not wide


def test_units_of_a_panel_are_equally_long(lab: Callable[..., Lab]):
    """What is whitened looks round on the screen."""
    tab = opened(lab)
    lengths = tab.page.evaluate(
        """() => ['', '2', '3', '4'].map((n) => ['x', 'y'].map((letter) => {
            const axis = bn.figure()._fullLayout[`${letter}axis${n}`];
            return axis._length / Math.abs(axis.range[1] - axis.range[0]);
        }))"""
    )
    for across, up in lengths:
        assert across == pytest.approx(up, rel=1e-3)
