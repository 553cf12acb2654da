"""By keyboard, with a screen reader, on a phone, in the dark, and without another host."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from bn_core.sweeps import FIXED_AXIS
from bn_ui.chapters import LESSONS
from bn_ui.figures.distributions import positions
from bn_ui.palette import BACKGROUNDS, COLOURS
from bn_ui.text import LANGUAGES, labels
from tests.browser.driving import KNOBS, Lab
from tests.browser.serving import Server

pytestmark = pytest.mark.browser

GAMMAS = positions("feature").gamma
# Roles of what can be operated, as browsers tell them to screen readers.
OPERATED = {
    "button",
    "checkbox",
    "combobox",
    "link",
    "radio",
    "slider",
    "spinbutton",
    "switch",
    "tab",
    "textbox",
}


class TestKeyboard:
    def test_tab_comes_to_the_knobs_first(self, lab: Callable[..., Lab]):
        """After the page's own header (skip link, menu, language, terms): γ, β, ε and s in order,
        and nothing between them but each knob's own reset."""
        tab = lab()
        found: list[str] = []
        for _ in range(30):
            tab.page.keyboard.press("Tab")
            where = tab.page.evaluate(
                """() => {
                    const at = document.activeElement;
                    const knob = at.closest('[data-knob]');
                    if (knob) return `${knob.dataset.knob} ${at.tagName}`;
                    const header = at.closest('header, .st-key-lang, .st-key-present_switch')
                        || at.matches('a[href^="glossary"]');
                    const page = at.matches('[data-testid=stSkipToContent], [data-testid=stMain]');
                    return header || page ? 'header' : 'other';
                }"""
            )
            if where == "other":
                break
            found += [where] if where != "header" else []
        assert found == [f"{key} {part}" for key in KNOBS for part in ("INPUT", "BUTTON")]

    def test_keys_move_a_knob(self, lab: Callable[..., Lab]):
        tab = lab()
        tab.knob("dist_gamma").focus()
        for key, position in (("Home", 0), ("End", 240), ("ArrowLeft", 239), ("ArrowDown", 238)):
            tab.page.keyboard.press(key)
            assert tab.at("dist_gamma") == position
        tab.until("bn.root().dataset.sent > 0")
        tab.assert_shows(gamma=GAMMAS[238])

    def test_a_reset_button_by_keyboard(self, lab: Callable[..., Lab]):
        tab = lab("/distributions?dist_gamma=3")
        tab.page.locator("[data-knob=dist_gamma] button").focus()
        tab.page.keyboard.press("Enter")
        tab.assert_shows()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_everything_that_can_be_operated_has_a_name(lab: Callable[..., Lab], lang: str):
    tab = lab(f"/distributions?lang={lang}&dist_source=own")
    session = tab.page.context.new_cdp_session(tab.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    operated = [
        (node["role"]["value"], node.get("name", {}).get("value", "").strip())
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in OPERATED
    ]
    assert not [role for role, name in operated if not name]
    names = {name for role, name in operated if role == "slider"}
    assert names == {labels(lang)[f"knobs.{key}"] for key in KNOBS if key != "dist_scale"}


def test_a_knob_says_its_value_and_a_picture_what_it_shows(lab: Callable[..., Lab]):
    tab = lab("/distributions?dist_eps=0.001")
    for key in KNOBS:
        assert tab.knob(key).get_attribute("aria-valuetext") == tab.text(key)
    figure = tab.page.locator(".bn-live:has([data-knob]) .bn-figure")
    assert figure.get_attribute("role") == "img"
    assert len(figure.get_attribute("aria-label")) > 20


class TestPhone:
    @pytest.mark.parametrize("lang", LANGUAGES)
    def test_nothing_is_wider_than_the_screen(self, lab: Callable[..., Lab], lang: str):
        for query in ("", "&dist_view=each&dist_source=own"):
            tab = lab(f"/distributions?lang={lang}{query}", phone=True)
            wide = tab.page.evaluate(
                """() => [...document.querySelectorAll('html, [data-testid=stMain], .bn-live')]
                    .filter((e) => e.scrollWidth > e.clientWidth)
                    .map((e) => [e.tagName, e.className, e.scrollWidth, e.clientWidth])"""
            )
            assert not wide, query

    @pytest.mark.parametrize("chapter", [lesson.name for lesson in LESSONS])
    def test_every_option_is_in_sight(self, tab: Callable[..., tuple[Page, str]], chapter: str):
        page, home = tab(phone=True)
        page.goto(f"{home}/{chapter}?lang=en")
        page.locator("[class*=_quiz_clear] button").wait_for()
        cut_off = page.evaluate(
            """() => [...document.querySelectorAll('[data-testid=stButtonGroup] button')]
                .filter((b) => b.getBoundingClientRect().right > innerWidth)
                .map((b) => b.innerText)"""
        )
        assert not cut_off

    def test_turning_it_draws_the_other_layout(self, lab: Callable[..., Lab]):
        tab = lab(phone=True)
        panels = "() => bn.figure().layout.xaxis.domain"
        narrow = tab.page.evaluate(panels)
        tab.page.set_viewport_size({"width": 1000, "height": 390})
        tab.until(
            "bn.figure().layout.width === bn.root().clientWidth && bn.figure().layout.width > 560"
        )
        assert tab.page.evaluate(panels) != narrow
        assert tab.histogram("y")


class TestTheme:
    def colours(self, tab: Lab) -> dict[str, str]:
        return tab.page.evaluate(
            """() => {
                const hex = (colour) => '#' + colour.match(/\\d+/g).slice(0, 3)
                    .map((n) => Number(n).toString(16).padStart(2, '0')).join('');
                const y = bn.figure().data.find((t) => t.xaxis === 'x2' && t.fill === 'tozeroy');
                const drawn = [...bn.figure().querySelectorAll('.scatterlayer .js-line')]
                    .map((line) => hex(getComputedStyle(line).stroke));
                const row = bn.root().querySelector('tbody tr:last-child th');
                return {
                    y: y.line.color,
                    drawn: drawn.includes(y.line.color),
                    row: hex(getComputedStyle(row).color),
                    paper: bn.figure().layout.paper_bgcolor,
                    axis: bn.figure().layout.font.color,
                };
            }"""
        )

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_colours_are_those_of_the_theme(self, lab: Callable[..., Lab], theme: str):
        found = self.colours(lab(theme=theme))
        assert found["y"] == found["row"] == COLOURS[theme]["y"]
        assert found["drawn"]
        assert found["paper"] == BACKGROUNDS[theme]

    def test_changing_it_repaints(self, lab: Callable[..., Lab]):
        tab = lab(theme="light")
        tab.page.emulate_media(color_scheme="dark")
        tab.until("bn.figure().layout.paper_bgcolor === given", BACKGROUNDS["dark"])
        assert self.colours(tab)["y"] == COLOURS["dark"]["y"]


def test_axes_stand_still_while_gamma_is_dragged(lab: Callable[..., Lab]):
    """Otherwise the axis would move and not the curve."""
    tab = lab()
    ranges = """() => ['xaxis', 'xaxis2', 'xaxis3', 'yaxis3']
        .map((axis) => bn.figure().layout[axis].range.join())"""
    before = tab.page.evaluate(ranges)
    assert before[1] == ",".join(f"{end:g}" for end in FIXED_AXIS)
    tab.drag("dist_gamma", 0.5, 0.7, 0.9, release=False)
    assert tab.page.evaluate(ranges) == before
    tab.page.mouse.up()
    tab.settle()
    assert tab.page.evaluate(ranges) == before


def test_a_chart_whose_library_does_not_arrive_says_so(new_context: Callable, server: Server):
    page = new_context().new_page()
    page.route("**/plotly.min.js", lambda route: route.abort())
    page.goto(f"{server.url}/distributions?lang=en")
    page.get_by_text(labels("en")["frame.chart_failed"]).first.wait_for()
