"""The step h under the finger, and every number on the page that of `check_gradient`."""

from collections.abc import Callable

import numpy as np
import pytest

from bn_core import backward_train, check_gradient, forward_train
from bn_core.step_sizes import DTYPES, GRADIENTS, STEPS
from bn_core.upstream import half_squared_error
from bn_ui import small_batch
from bn_ui.text import labels
from tests.browser.driving import Lab, read_number
from tests.ui.test_gradient_check import given

pytestmark = pytest.mark.browser

KEY = "gc_h"
POINT = {
    "x": given(small_batch.X),
    "gamma": given(small_batch.GAMMA)[0],
    "beta": given(small_batch.BETA)[0],
}
DY = half_squared_error(forward_train(**POINT).y, given(small_batch.TARGET))[1]
DATA = "bn.figure().data"


def opened(lab: Callable[..., Lab], query: str = "", lang: str = "en", **options: bool) -> Lab:
    """The page, uncovered. The fixture waits for a chart, and this page first asks for a guess."""
    tab = lab(**options)
    tab.page.goto(f"{tab.home}/gradient_check?lang={lang}{query}")
    tab.page.get_by_role("button", name=labels(lang)["frame.just_show"]).click()
    tab.page.locator("[data-knob=gc_h]").wait_for()
    return tab.ready()


def checked(name: str, dtype: str, h: float):
    point = {key: value.astype(dtype) for key, value in POINT.items()}
    dy = DY.astype(dtype)
    analytic = getattr(backward_train(dy, forward_train(**point)), f"d{name}")

    def loss(value: np.ndarray) -> float:
        return (dy * forward_train(**point | {name: value}).y).sum()

    return check_gradient(loss, point[name], analytic, h, dtype=dtype)


def table(tab: Lab) -> np.ndarray:
    """The rows of numbers under the picture, as they can be read."""
    texts = tab.page.locator(".bn-live:has([data-knob]) [data-cell]").all_inner_texts()
    return np.array([read_number(text) for text in texts]).reshape(-1, 3)


def assert_shows(tab: Lab, name: str, dtype: str, h: float) -> None:
    """The table to the shown digits; the caption's error of this gradient too."""
    check = checked(name, dtype, h)
    columns = (check.analytic, check.numeric, check.abs_error)
    wanted = np.stack([column.ravel() for column in columns], axis=1).astype(np.float64)
    np.testing.assert_allclose(table(tab), wanted, rtol=5.1e-4)
    rings = tab.page.evaluate(
        f"() => {DATA}.find((t) => t.marker?.symbol?.[0] === 'circle-open').y"
    )
    place = [(gradient, kind) for gradient in GRADIENTS for kind in DTYPES].index((name, dtype))
    assert max(check.relative_error, 1e-16) == pytest.approx(rings[place], rel=1e-12)


@pytest.mark.parametrize(
    ("name", "dtype"), [("x", "float64"), ("x", "float32"), ("gamma", "float64")]
)
def test_the_table_follows_the_knob(lab: Callable[..., Lab], name: str, dtype: str):
    tab = opened(lab, f"&gc_gradient={name}&gc_dtype={dtype}")
    assert_shows(tab, name, dtype, 1e-5)
    ranges = "() => ['xaxis', 'yaxis'].map((axis) => bn.figure().layout[axis].range.join())"
    before = tab.page.evaluate(ranges)
    start = STEPS.index(1e-5) / 48
    for fraction in (0.72, 0.8, 0.95):
        tab.drag(KEY, start, fraction, release=False)
        tab.until("bn.root().dataset.shown.includes('gc_h')")
        tab.next_frame()
        assert tab.sent() == 0, "nothing is sent before the release"
        assert_shows(tab, name, dtype, STEPS[tab.at(KEY)])
        start = fraction
    assert tab.page.evaluate(ranges) == before
    tab.page.mouse.up()
    tab.settle()
    h = STEPS[tab.at(KEY)]
    assert_shows(tab, name, dtype, h)
    assert float(tab.query()[KEY]) == h


def test_a_step_that_is_lost_shows_a_dash(lab: Callable[..., Lab]):
    tab = opened(lab, "&gc_dtype=float32&gc_h=1e-13")
    assert np.isnan(table(tab)[:, 1:]).all()
    caption = tab.page.locator(".bn-caption").inner_text()
    assert "–" in caption
    assert "NaN" not in tab.page.locator("[data-testid=stMain]").inner_text()


def test_a_bug_changes_picture_and_caption(lab: Callable[..., Lab]):
    tab = opened(lab)
    before = tab.page.locator(".bn-caption").inner_text()
    tab.page.locator(".st-key-gc_bug [role=combobox]").click()
    name = labels("en")["bugs.detached"]
    tab.page.get_by_role("option", name=name).click()
    tab.page.get_by_text("does not fall below").wait_for()
    tab.settle()
    assert tab.page.locator(".bn-caption").inner_text() != before
    y = np.array(tab.page.evaluate(f"() => Array.from({DATA}[0].y)"))
    assert y.min() > 0.1, "a plateau: no h brings it down"
    right = tab.page.evaluate(f"() => Array.from({DATA}.at(-1).y)")
    assert min(right) < 1e-9


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_wider_than_a_phone(lab: Callable[..., Lab], lang: str):
    tab = opened(lab, "&gc_bug=eps_outside", lang=lang, phone=True)
    wide = tab.page.evaluate(
        """() => [...document.querySelectorAll('html, [data-testid=stMain], .bn-live')]
            .filter((e) => e.scrollWidth > e.clientWidth)
            .map((e) => [e.tagName, e.className, e.scrollWidth, e.clientWidth])"""
    )
    assert not wide


def test_keys_move_the_knob(lab: Callable[..., Lab]):
    tab = opened(lab)
    tab.knob(KEY).focus()
    tab.page.keyboard.press("End")
    assert tab.at(KEY) == 48
    tab.until("bn.root().dataset.sent > 0")
    tab.settle()
    assert_shows(tab, "x", "float64", 0.1)
    tab.page.locator("[data-knob=gc_h] button").focus()
    tab.page.keyboard.press("Enter")
    tab.until("bn.root().dataset.sent > 1")
    tab.settle()
    assert_shows(tab, "x", "float64", 1e-5)
