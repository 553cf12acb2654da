"""The picture moves under the finger, and what it shows is what the core computes."""

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import BrowserContext

from bn_ui.figures.distributions import positions
from tests.browser.driving import START, Lab, opening_batch
from tests.browser.serving import Server

pytestmark = pytest.mark.browser

GAMMAS = positions("feature").gamma
ACROSS = [i / 12 for i in range(2, 12)]


def distinct_frames(lab: Lab) -> set[str]:
    """Different pictures that came from a knob's frames and not from the server."""
    return {picture["y"] for picture in lab.pictures() if picture["shown"] != "{}"}


@pytest.mark.parametrize("key", ["dist_gamma", "dist_scale"])
def test_mouse(lab: Callable[..., Lab], key: str):
    tab = lab()
    tab.watch()
    tab.drag(key, *ACROSS, release=False)
    assert len(distinct_frames(tab)) >= 5
    assert tab.sent() == 0, "nothing is sent before the release"
    tab.page.mouse.up()
    tab.settle()
    assert tab.sent() == 1


def test_a_plain_slider_redraws_nothing_before_the_release(
    new_context: Callable[..., BrowserContext], plain_server: Server
):
    """The same drag, the ordinary way: this is why there is a component."""
    page = new_context().new_page()
    page.goto(plain_server.url)
    page.locator(".js-plotly-plot .js-line").nth(4).wait_for()
    page.evaluate(
        """() => {
            window.lines = new Set();
            const look = () => {
                const all = [...document.querySelectorAll('.js-plotly-plot .js-line')];
                lines.add(all.map((line) => line.getAttribute('d')).join());
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    track = page.locator(".st-key-gamma [role=group]").bounding_box()
    height = track["y"] + track["height"] / 2

    def move(fraction: float) -> None:
        page.mouse.move(track["x"] + fraction * track["width"], height)
        page.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    thumb = page.locator(".st-key-gamma input").evaluate(
        "(input) => (input.value - input.min) / (input.max - input.min)"
    )
    move(thumb)
    page.mouse.down()
    for fraction in ACROSS:
        move(fraction)
    moved = page.locator(".st-key-gamma input").input_value()
    assert float(moved) > 3, "the slider itself follows the mouse"
    assert page.evaluate("lines.size") == 1
    page.mouse.up()
    page.wait_for_function("() => lines.size > 1")


class Finger:
    """Touches at fractions of γ's way, and so many pixels above it."""

    def __init__(self, tab: Lab) -> None:
        self.tab = tab
        self.session = tab.page.context.new_cdp_session(tab.page)

    def touch(self, kind: str, point: tuple[float, float] | None = None) -> None:
        points = [dict(zip("xy", point, strict=True))] if point else []
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        self.tab.next_frame()


def test_finger(lab: Callable[..., Lab]):
    tab = lab(phone=True)
    tab.watch()
    finger = Finger(tab)
    finger.touch("touchStart", tab.point("dist_gamma", 0.5))
    for fraction in ACROSS:
        finger.touch("touchMove", tab.point("dist_gamma", fraction))
    assert len(distinct_frames(tab)) >= 5
    assert tab.sent() == 0
    finger.touch("touchEnd")
    tab.settle()
    assert tab.sent() == 1
    tab.assert_shows(gamma=GAMMAS[tab.at("dist_gamma")])


def test_a_finger_that_scrolls_the_page_over_a_knob_leaves_it_alone(lab: Callable[..., Lab]):
    tab = lab("/distributions?dist_gamma=2", phone=True)
    finger = Finger(tab)
    x, y = tab.point("dist_gamma", 0.2)
    finger.touch("touchStart", (x, y))
    for step in range(1, 9):
        finger.touch("touchMove", (x, y - 20 * step))
    finger.touch("touchEnd")
    tab.until("document.querySelector('[data-testid=stMain]').scrollTop > 0")
    assert tab.sent() == 0
    tab.assert_shows(gamma=2.0)
    tab.knob("dist_gamma").press("ArrowRight")
    tab.until("bn.root().dataset.sent > 0")
    tab.assert_shows(gamma=2.025)


def test_arrow_keys(lab: Callable[..., Lab]):
    tab = lab()
    tab.watch()
    before = tab.at("dist_gamma")
    tab.knob("dist_gamma").focus()
    for _ in range(12):
        tab.page.keyboard.press("ArrowRight")
        tab.next_frame()
    assert len(distinct_frames(tab)) >= 5
    tab.until("bn.root().dataset.sent > 0")
    assert tab.at("dist_gamma") == before + 12
    tab.assert_shows(gamma=GAMMAS[before + 12])
    assert tab.sent() <= 2, "a pause commits, not every press"


def test_ten_frames_are_what_the_core_computes(lab: Callable[..., Lab]):
    tab = lab("/distributions?dist_beta=-0.5&dist_eps=0.01")
    setting = START | {"beta": -0.5, "eps": 0.01}
    for at in np.random.default_rng(0).choice(len(GAMMAS), 10, replace=False).tolist():
        tab.put("dist_gamma", at)
        tab.until("bn.root().dataset.shown === JSON.stringify({ dist_gamma: given })", at)
        tab.await_picture(setting | {"gamma": GAMMAS[at]}, opening_batch())
    assert tab.sent() == 0, "all of it without the server"


def test_after_the_release_everything_says_the_same(lab: Callable[..., Lab]):
    tab = lab()
    tab.assert_shows()
    tab.drag("dist_gamma", 0.5, 0.6, 0.8)
    gamma = GAMMAS[tab.at("dist_gamma")]
    assert gamma > 2
    tab.assert_shows(gamma=gamma)


def test_a_number_typed_into_its_box(lab: Callable[..., Lab]):
    """Between two positions of the knob: shown as typed, by a thumb at the nearer one."""
    tab = lab()
    tab.type("dist_gamma", "1.234")
    tab.until("document.querySelector('[data-knob=dist_gamma] output').textContent === '1.234'")
    tab.assert_shows(gamma=1.234)
    assert GAMMAS[tab.at("dist_gamma")] == 1.225


def test_keys_on_one_knob_and_at_once_on_another(lab: Callable[..., Lab]):
    """The second does not wait for the pause that ends the first."""
    tab = lab()
    tab.knob("dist_gamma").press("End")
    tab.knob("dist_beta").press("Home")
    tab.until("bn.root().dataset.sent > 1")
    tab.assert_shows(gamma=4.0, beta=-6.0)


class TestReset:
    def test_double_click_on_the_thumb_commits_once(self, lab: Callable[..., Lab]):
        tab = lab("/distributions?dist_gamma=3")
        tab.page.mouse.dblclick(*tab.point("dist_gamma", 5 / 6))
        tab.assert_shows()
        assert tab.sent() == 1

    def test_double_click_of_a_hand_that_trembles_commits_once(self, lab: Callable[..., Lab]):
        """Two pixels are two positions of the knob, but no drag."""
        tab = lab("/distributions?dist_gamma=3")
        mouse = tab.page.mouse
        x, y = tab.point("dist_gamma", 5 / 6)
        mouse.move(x, y)
        mouse.down()
        mouse.up()
        mouse.down(click_count=2)
        mouse.move(x - 2, y)
        tab.until("bn.root().dataset.shown !== '{}'")
        mouse.up(click_count=2)
        tab.assert_shows()
        assert tab.sent() == 1

    def test_double_click_beside_the_thumb_ends_at_the_default(self, lab: Callable[..., Lab]):
        """Its first click is a click: the thumb goes there, and then home."""
        tab = lab("/distributions?dist_gamma=3")
        tab.page.mouse.dblclick(*tab.point("dist_gamma", 0.2))
        tab.until("bn.root().dataset.sent > 0")
        tab.assert_shows()
        assert tab.sent() <= 2

    def test_a_click_and_then_a_drag_is_no_double_click(self, lab: Callable[..., Lab]):
        tab = lab("/distributions?dist_gamma=3")
        mouse = tab.page.mouse
        mouse.move(*tab.point("dist_gamma", 5 / 6))
        mouse.down()
        mouse.up()
        mouse.down(click_count=2)
        for fraction in (0.7, 0.6, 0.4):
            mouse.move(*tab.point("dist_gamma", fraction))
            tab.next_frame()
        mouse.up(click_count=2)
        tab.until("bn.root().dataset.sent > 0")
        assert tab.at("dist_gamma") < 110, "neither where it was nor at the default, 120"
        tab.assert_shows(gamma=GAMMAS[tab.at("dist_gamma")])

    def test_button(self, lab: Callable[..., Lab]):
        tab = lab("/distributions?dist_gamma=3&dist_beta=1")
        tab.page.locator("[data-knob=dist_gamma] button").click()
        tab.assert_shows(beta=1.0)
        assert tab.sent() == 1

    def test_of_the_whole_page(self, lab: Callable[..., Lab]):
        tab = lab("/distributions?dist_gamma=3&dist_beta=1&dist_view=pooled&dist_m=64")
        tab.page.locator(".st-key-distributions_reset button").click()
        tab.until("location.search === ''")
        tab.assert_shows()


# A network that can be stopped: what the server sends is kept back while `wire.held`, and comes in
# its order, one message an animation frame, when `wire.release()` is called.
STOPPED_NETWORK = """
window.wire = { held: false, kept: [], answers: 0 };
wire.release = async () => {
  for (; wire.kept.length > 0; wire.kept.shift()()) await new Promise(requestAnimationFrame);
  wire.held = false;
};
window.WebSocket = class extends WebSocket {
  addEventListener(type, listener, ...options) {
    const keep = (event) => {
      if (!wire.held) return listener(event);
      wire.kept.push(() => listener(event));
      if (event.data.byteLength > 100_000) wire.answers += 1;
    };
    super.addEventListener(type, type === 'message' ? keep : listener, ...options);
  }
};
"""


def assert_rises(seen: list[int]) -> None:
    assert len(seen) > 1
    assert seen == sorted(seen), "it jumped back"


class TestAnswersThatComeLate:
    """Knobs are turned again before the answer to the last turn is there."""

    grid = positions("feature")

    def three_drags(self, tab: Lab, after_each: Callable[[int], object]) -> None:
        tab.watch()
        drags = (
            ("dist_gamma", (0.5, 0.58, 0.65)),
            ("dist_beta", (0.5, 0.42, 0.35)),
            ("dist_gamma", (0.65, 0.72, 0.8)),
        )
        for i, (key, fractions) in enumerate(drags, 1):
            tab.drag(key, *fractions)
            after_each(i)
        assert tab.sent() == 3

    def assert_all_three_hold(self, tab: Lab, left_at: dict[str, int]) -> None:
        tab.assert_shows(
            gamma=self.grid.gamma[left_at["dist_gamma"]], beta=self.grid.beta[left_at["dist_beta"]]
        )
        seen = tab.positions()
        assert seen["dist_gamma"][-1] == left_at["dist_gamma"] > 190
        assert seen["dist_beta"][-1] == left_at["dist_beta"] < 90
        assert_rises(seen["dist_gamma"])
        assert_rises(seen["dist_beta"][::-1])
        assert len(seen["dist_eps"]) == len(seen["dist_scale"]) == 1

    def where(self, tab: Lab) -> dict[str, int]:
        return {key: tab.at(key) for key in ("dist_gamma", "dist_beta")}

    def test_three_drags_on_a_slow_server(self, lab: Callable[..., Lab], slow_server: Server):
        tab = lab(at=slow_server)
        self.three_drags(tab, lambda i: None)
        self.assert_all_three_hold(tab, self.where(tab))

    def test_three_drags_and_then_three_answers(self, lab: Callable[..., Lab]):
        """The first two are out of date when they come."""
        tab = lab(script=STOPPED_NETWORK)
        tab.page.evaluate("wire.held = true")
        self.three_drags(tab, lambda i: tab.until("wire.answers === given", i))
        left_at = self.where(tab)
        assert tab.page.evaluate("Number(bn.root().dataset.token)") == 0
        tab.page.evaluate("wire.release()")
        self.assert_all_three_hold(tab, left_at)

    @pytest.mark.parametrize("stopped", [True, False], ids=["network stopped", "slow server"])
    def test_three_quick_commits_of_one_knob(
        self, lab: Callable[..., Lab], slow_server: Server, stopped: bool
    ):
        tab = lab(script=STOPPED_NETWORK) if stopped else lab(at=slow_server)
        if stopped:
            tab.page.evaluate("wire.held = true")
        tab.watch()
        for i, at in enumerate((150, 180, 200), 1):
            tab.put("dist_gamma", at, "input", "change")
            if stopped:
                tab.until("wire.answers === given", i)
        assert tab.sent() == 3
        if stopped:
            tab.page.evaluate("wire.release()")
        tab.assert_shows(gamma=GAMMAS[200])
        assert_rises(tab.positions()["dist_gamma"])

    def test_an_answer_does_not_move_the_knob_under_the_finger(
        self, lab: Callable[..., Lab], slow_server: Server
    ):
        tab = lab(at=slow_server)
        tab.watch()
        tab.drag("dist_gamma", 0.5, 0.6)
        tab.drag("dist_gamma", 0.6, 0.7, release=False)
        held = tab.at("dist_gamma")
        tab.until("bn.root().dataset.token >= 1 && bn.idle()")
        tab.next_frame()
        assert tab.at("dist_gamma") == held
        tab.page.mouse.up()
        tab.assert_shows(gamma=GAMMAS[held])
        assert_rises(tab.positions()["dist_gamma"])

    def test_a_number_typed_meanwhile_is_kept(self, lab: Callable[..., Lab]):
        """A proposal speaks of the knobs that were moved, and of no other."""
        tab = lab(script=STOPPED_NETWORK)
        tab.page.evaluate("wire.held = true")
        tab.type("dist_beta", "1.5")
        tab.until("wire.answers === 1")
        tab.drag("dist_gamma", 0.5, 0.6)
        gamma = GAMMAS[tab.at("dist_gamma")]
        tab.until("wire.answers === 2")
        tab.page.evaluate("wire.release()")
        tab.assert_shows(gamma=gamma, beta=1.5)
