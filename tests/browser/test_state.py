"""What is set stays set: controls that come and go, presses that end oddly, slow answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bn_ui.text import labels
from tests.browser.driving import Lab
from tests.browser.serving import Server

pytestmark = pytest.mark.browser
Open = Callable[..., Lab]


def choose(tab: Lab, key: str, text: str) -> None:
    """An option of a segmented control."""
    tab.page.locator(f".st-key-{key} button", has_text=text).click()


def choose_source(tab: Lab, name: str) -> None:
    tab.page.locator(".st-key-dist_source input").click()
    tab.page.get_by_role("option", name=labels("en")[f"sources.{name}"]).click()


def test_controls_that_come_back_show_their_values(lab: Open):
    """Told before they are drawn, they would come up at their minimum."""
    tab = lab("/distributions?dist_source=synthetic&dist_scale=3")
    choose(tab, "dist_activation", "tanh")
    tab.until("location.search.includes('tanh')")
    choose_source(tab, "digits")
    tab.until("bn.root().querySelector('[data-knob=dist_scale]') && bn.settled()")
    assert [tab.box(key) for key in ("dist_scale", "dist_layer", "dist_m")] == [3, 5, 256]
    choose(tab, "dist_activation", "sigmoid")
    tab.until("!location.search.includes('tanh') && bn.settled()")
    assert tab.query()["dist_scale"] == "3"
    assert "dist_layer" not in tab.query()


def test_the_feature_comes_back_after_pooling(lab: Open):
    tab = lab("/distributions?dist_view=pooled&dist_feature=9")
    choose(tab, "dist_activation", "tanh")
    tab.until("location.search.includes('tanh')")
    choose(tab, "dist_view", labels("en")["views.feature"])
    tab.until("!location.search.includes('pooled') && bn.settled()")
    assert tab.box("dist_feature") == 9


def test_menus_survive_a_change_of_language_and_the_next_click(lab: Open):
    """A menu keeps sending the label of the language before."""
    tab = lab("/distributions?lang=en&dist_source=synthetic&dist_shape=outlier")
    tab.page.locator(".st-key-lang button", has_text="中文").click()
    tab.until("document.documentElement.lang === 'zh-CN'")
    choose(tab, "dist_activation", "tanh")
    tab.until("location.search.includes('tanh') && bn.settled()")
    assert tab.query()["dist_source"] == "synthetic"
    assert tab.query()["dist_shape"] == "outlier"


def test_a_drag_that_comes_back_is_over(lab: Open):
    """Nothing has changed, so the browser reports no change; the box still has its say."""
    tab = lab()
    tab.drag("dist_gamma", 0.5, 0.7, 0.5)
    box = tab.page.locator(".st-key-dist_gamma input")
    box.fill("3")
    box.press("Enter")
    tab.until("location.search.includes('dist_gamma=3')")
    tab.assert_shows(gamma=3.0)


def test_a_number_that_is_being_typed_survives_a_click_on_a_knob(lab: Open):
    tab = lab()
    tab.page.locator(".st-key-dist_gamma input").fill("3")
    tab.page.mouse.click(*tab.point("dist_beta", 2 / 3))
    tab.until("location.search.includes('dist_beta') && location.search.includes('dist_gamma')")
    tab.assert_shows(gamma=3.0, beta=2.0)


def test_reset_right_after_a_key_wins(lab: Open, slow_server: Server):
    tab = lab("/distributions?dist_beta=2", at=slow_server)
    tab.knob("dist_gamma").press("ArrowRight")
    tab.page.locator(".st-key-distributions_reset button").click()
    tab.until("location.search === '' && bn.settled()")
    tab.assert_shows()


def test_a_drag_over_a_change_of_the_grid_goes_on(lab: Open, slow_server: Server):
    """Pooled features have fewer positions of ε than the one feature that was dragged."""
    tab = lab(at=slow_server)
    choose(tab, "dist_view", labels("en")["views.pooled"])
    tab.drag("dist_eps", 0.3, 0.9, release=False)
    tab.until("bn.root().querySelector('[data-knob=dist_eps] input').max < 240")
    tab.page.mouse.move(*tab.point("dist_eps", 0.8))
    tab.next_frame()
    tab.page.mouse.up()
    tab.until("location.search.includes('dist_eps') && bn.settled()")
    assert tab.page.locator(".bn-live:has([data-knob]) .bn-error").inner_text() == ""
    assert abs(tab.at("dist_eps") - 48) <= 1


def test_a_large_paste_is_taken_and_kept_out_of_the_box(lab: Open):
    tab = lab("/distributions?dist_source=own")
    rows = "\n".join(f"{i}.25, {i % 17}" for i in range(1900))
    box = tab.page.locator(".st-key-dist_own textarea")
    box.fill(rows)
    box.press("Control+Enter")
    tab.until("bn.root().querySelector('.bn-figure').getAttribute('aria-label').includes('1900')")
    assert box.input_value() == ""
    tab.until("new URLSearchParams(location.search).get('dist_own') === '-'")


def test_a_large_paste_that_cannot_be_read_stays_in_the_box(lab: Open):
    tab = lab("/distributions?dist_source=own")
    rows = "\n".join(["1.234567890123456789, 2"] * 1000 + ["3"])
    box = tab.page.locator(".st-key-dist_own textarea")
    box.fill(rows)
    box.press("Control+Enter")
    tab.page.locator("[data-testid=stAlert]").wait_for()
    assert box.input_value() == rows
