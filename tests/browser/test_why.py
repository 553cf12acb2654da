"""Weights, steps and test batches under the finger."""

from collections.abc import Callable

import numpy as np
import pytest

from bn_core.scale_invariance import one_layer, rescaled
from bn_ui.figures import why as figures
from bn_ui.text import labels
from tests.browser.driving import Lab, read_number

pytestmark = pytest.mark.browser

KEY = "why_a"
TOO_WIDE = """() => [...document.querySelectorAll('html, [data-testid=stMain], .bn-live, .katex')]
    .filter((e) => e.scrollWidth > e.clientWidth || e.getBoundingClientRect().right > 390)
    .map((e) => [e.tagName, e.className, e.scrollWidth, e.clientWidth])"""


def opened(lab: Callable[..., Lab], query: str = "", lang: str = "en", **options: bool) -> Lab:
    """The page, uncovered. The fixture waits for a chart, and this page first asks for a guess."""
    tab = lab(**options)
    tab.page.goto(f"{tab.home}/why?lang={lang}{query}")
    tab.page.get_by_role("button", name=labels(lang)["frame.just_show"]).click()
    tab.page.locator(f"[data-knob={KEY}]").wait_for()
    return tab.ready()


def assert_shows(tab: Lab, factor: float) -> None:
    """The table of the layer with BN, whose weights are multiplied by this."""
    texts = tab.page.locator(".bn-live:has([data-knob=why_a]) [data-cell]").all_inner_texts()
    table = np.array([read_number(text) for text in texts]).reshape(6, 2)
    for column, layer in enumerate((one_layer(1), one_layer(1).without())):
        right = rescaled(layer, [factor, 1.0], eps=1e-5)
        expected = [right.loss[0], right.moved[0], right.gradient[0]]
        assert table[:3, column] == pytest.approx(expected, rel=6e-4)


def test_gradient_and_table_follow_the_knob(lab: Callable[..., Lab]):
    tab = opened(lab)
    assert_shows(tab, 2.0)
    tab.drag(KEY, 0.6, 0.2, release=False)
    tab.until(f"bn.root().dataset.shown.includes('{KEY}')")
    tab.next_frame()
    assert tab.sent() == 0, "nothing is sent before the release"
    assert_shows(tab, figures.FACTORS[tab.at(KEY)])
    tab.page.mouse.up()
    tab.settle()
    assert float(tab.query()[KEY]) == figures.FACTORS[tab.at(KEY)] < 1
    assert_shows(tab, figures.FACTORS[tab.at(KEY)])


def test_a_race_is_run_on_a_phone(lab: Callable[..., Lab]):
    """In workers, while the page is looked at; and nothing is wider than the phone then."""
    settings = "&why_data=spirals&why_f=relu&why_rate=1"
    for lang in ("en", "zh"):
        tab = opened(lab, settings, lang=lang, phone=True)
        if lang == "en":  # after that it is there
            tab.page.locator(".st-key-why_race_start button").click()
        noisy = labels(lang)["why_race_figure.noisy"]
        tab.until(
            "[...document.querySelectorAll('.bn-figure')]"
            f".some((f) => f.data && f.data.some((t) => t.name === '{noisy}'))"
        )
        assert not tab.page.evaluate(TOO_WIDE)
