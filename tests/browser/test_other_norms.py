"""The last sample under the finger, and a cell walked through its block."""

from collections.abc import Callable

import numpy as np
import pytest

from bn_core import forward_train
from bn_core.few_samples import EXAMPLE
from bn_core.norms import shared_cells
from bn_ui.figures import other_norms as figures
from bn_ui.text import labels
from tests.browser.driving import Lab, read_number

pytestmark = pytest.mark.browser

KEY = "norms_shift"
CHART = f".bn-live:has([data-knob={KEY}])"
BLOCK = ".bn-live:has([data-knob=norms_c])"


def opened(lab: Callable[..., Lab], query: str = "", lang: str = "en", **options: bool) -> Lab:
    """The page, uncovered. The fixture waits for a chart, and this page first asks for a guess."""
    tab = lab(**options)
    tab.page.goto(f"{tab.home}/other_norms?lang={lang}{query}")
    tab.page.get_by_role("button", name=labels(lang)["frame.just_show"]).click()
    tab.page.locator(f"[data-knob={KEY}]").wait_for()
    return tab.ready()


def test_the_first_sample_follows_the_last_one_in_batch_norm(lab: Callable[..., Lab]):
    tab = opened(lab, "&norms_m=4")
    start = 0.5
    for fraction in (0.75, 0.2):
        tab.drag(KEY, start, fraction, release=False)
        tab.until(f"bn.root().dataset.shown.includes('{KEY}')")
        tab.next_frame()
        assert tab.sent() == 0, "nothing is sent before the release"
        x = EXAMPLE[:4, 0].copy()
        x[-1] += figures.SHIFTS[tab.at(KEY)]
        x_hat = forward_train(x[:, np.newaxis]).x_hat[:, 0]
        drawn = tab.page.evaluate("() => Array.from(bn.figure().data[1].x)")
        np.testing.assert_allclose(drawn, x_hat, atol=1e-5)
        texts = tab.page.locator(f"{CHART} [data-cell]").all_inner_texts()
        table = np.array([read_number(text) for text in texts]).reshape(3, 3)
        assert table[0, 1] == pytest.approx(x_hat[0], rel=5.1e-4)
        assert (table[1:, 2] == 0).all(), "and in the others it stays"
        start = fraction
    tab.page.mouse.up()
    tab.settle()
    assert float(tab.query()[KEY]) == figures.SHIFTS[tab.at(KEY)]


def test_a_cell_walks_by_keyboard(lab: Callable[..., Lab]):
    tab = opened(lab, "&norms_norm=group&norms_shape=4x6x3x3&norms_groups=3")
    knob = tab.page.locator("[data-knob=norms_c] input")
    knob.focus()
    for _ in range(4):
        knob.press("ArrowRight")
    caption = tab.page.locator(f"{BLOCK} .bn-caption")
    tab.until("new URL(location).searchParams.get('norms_c') === '5'")
    assert "c = 5, h = 1" in caption.inner_text()
    others = shared_cells("group", (4, 6, 3, 3), (0, 4, 0, 0), 3).sum() - 1
    assert f"{others} others" in caption.inner_text()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_wider_than_a_phone(lab: Callable[..., Lab], lang: str):
    tab = opened(lab, lang=lang, phone=True)
    tab.until("document.querySelectorAll('.bn-live').length === 4")
    wide = tab.page.evaluate(
        """() => [...document.querySelectorAll('html, [data-testid=stMain], .bn-live, .katex')]
            .filter((e) => e.scrollWidth > e.clientWidth || e.getBoundingClientRect().right > 390)
            .map((e) => [e.tagName, e.className, e.scrollWidth, e.clientWidth])"""
    )
    assert not wide
