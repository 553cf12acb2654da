"""Training in a browser: curves come while it runs, the knob goes through it, nobody asks after."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bn_ui.text import LANGUAGES, labels
from tests.browser.driving import HELPERS, Lab
from tests.browser.serving import Server
from tests.browser.test_axe import Look

pytestmark = pytest.mark.browser

KNOB = "[data-knob=train_moment]"
DONE_WITHIN = 60_000  # ms, on a busy machine
LONG = "&train_data=fashion_mnist&train_depth=8&train_width=100&train_steps=3000&train_m=128"
SHORT = "&train_depth=2&train_width=8&train_steps=40&train_seed=5"


@pytest.fixture(scope="module")
def training_server() -> Iterator[Server]:
    """A server that has trained nothing before."""
    with Server(["-m", "streamlit", "run", "app.py"]) as running:
        yield running


Open = Callable[..., Page]


@pytest.fixture
def training(tab: Callable[..., tuple[Page, str]], training_server: Server) -> Open:
    """Opens the chapter with a link, uncovered."""

    def open_page(query: str = "", lang: str = "en", **how: Any) -> Page:
        page, home = tab(at=training_server, **how)
        page.goto(f"{home}/training?lang={lang}{query}")
        page.get_by_role("button", name=labels(lang)["frame.just_show"]).click()
        button(page, "start").wait_for()
        page.evaluate(HELPERS)
        return page

    return open_page


def button(page: Page, name: str) -> Any:
    return page.locator(f".st-key-train_{name} button")


def train(page: Page) -> None:
    button(page, "start").click()
    page.locator(KNOB).wait_for(timeout=DONE_WITHIN)


def pictures(page: Page) -> None:
    """Note when a picture is drawn, from now on."""
    page.evaluate(
        """() => {
            window.drawnAt = [];
            const note = (all) => all.forEach(() => drawnAt.push(performance.now()));
            const what = { subtree: true, attributes: true, attributeFilter: ['data-pictures'] };
            new MutationObserver(note).observe(document.body, what);
        }"""
    )


def messages(page: Page, seconds: float) -> int:
    """How many messages the server sends while nobody does anything."""
    seen: list[Any] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.webSocketFrameReceived", lambda event: seen.append(event))
    page.wait_for_timeout(1000 * seconds)
    session.detach()
    return len(seen)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_run_watch_stop_scrub(training: Open, lang: str):
    page = training(LONG, lang)
    pictures(page)
    button(page, "start").click()
    expect(page.get_by_role("progressbar")).to_have_count(2)
    page.evaluate("bn.until(() => drawnAt.length >= 15, 'the curves coming')")
    gaps = page.evaluate("drawnAt.slice(1).map((at, i) => at - drawnAt[i]).sort((a, b) => a - b)")
    assert gaps[len(gaps) // 2] < 400, "on a machine of its own it is about 130 ms"
    button(page, "stop").click()
    page.locator(KNOB).wait_for()
    stopped = labels(lang)["runs.by_viewer"].partition("{")[0]
    expect(page.get_by_text(stopped)).to_have_count(1)
    assert button(page, "stop").is_disabled()
    page.wait_for_timeout(500)
    assert messages(page, 2) == 0, "nobody asks how far a run is that has been stopped"

    knob = page.locator(f"{KNOB} input")
    output = page.locator(f"{KNOB} output")
    last = output.inner_text()
    knob.focus()
    page.keyboard.press("Home")
    first = labels(lang)["training.step"].format(step=0)
    expect(output).to_have_text(first)
    assert last != first
    expect(page).to_have_url(re.compile("train_moment=0"))


def test_every_picture_follows_the_knob_under_the_finger(training: Open):
    page = training(SHORT)
    train(page)
    lab = Lab(page, "")
    for view in ("layers", "gradients", "affine", "percentiles", "curves"):
        name = labels("en")[f"training_views.{view}"]
        page.get_by_role("radio", name=name, exact=True).click()
        lab.until("bn.drawn() && bn.settled()")
        before = page.locator("[data-cell]").all_inner_texts()
        sent = lab.sent()
        lab.drag("train_moment", 1.0, 0.6, 0.3, release=False)
        lab.until("bn.root().dataset.shown.includes('train_moment')")
        assert lab.sent() == sent, "nothing is sent before the release"
        assert page.locator("[data-cell]").all_inner_texts() != before, view
        page.mouse.up()
        lab.until("bn.settled()")
        page.locator(f"{KNOB} button").click()
        lab.until("bn.settled()")


def test_a_page_that_is_reloaded_finds_its_run(training: Open):
    query = LONG + "&train_seed=1"
    page = training(query)
    button(page, "start").click()
    page.get_by_role("progressbar").first.wait_for()
    page = training(query)  # a new session, as after a phone has slept
    expect(page.get_by_role("progressbar")).to_have_count(2)
    button(page, "stop").click()
    page.locator(KNOB).wait_for()


def test_the_default_run_has_an_answer_and_then_rests(training: Open):
    page = training()
    train(page)
    shown = page.locator(KNOB)
    expect(shown.locator("output")).to_have_text("step 500")
    expect(page.get_by_text(labels("en")["training_verdict.with"][2:14])).to_be_visible()
    page.wait_for_timeout(500)
    assert messages(page, 2) == 0


def test_a_second_visitor_finds_it_done(training: Open):
    train(training(SHORT))
    page = training(SHORT)
    expect(page.locator(KNOB)).to_be_visible()


def test_on_a_phone_nothing_is_wider_than_the_screen(training: Open):
    page = training(SHORT, "zh", phone=True)
    train(page)
    for view in ("layers", "affine", "percentiles"):
        name = labels("zh")[f"training_views.{view}"]
        page.get_by_role("radio", name=name, exact=True).click()
        page.evaluate("bn.until(() => bn.drawn() && bn.settled(), 'the picture')")
        wide = page.evaluate(
            """() => [...document.querySelectorAll('.bn-live, .bn-live table')]
                .filter((e) => e.scrollWidth > e.parentElement.clientWidth + 1).length"""
        )
        assert wide == 0, view


def test_settings_that_are_folded_away_show_what_they_are(training: Open):
    page = training("&train_m=64&train_scale=2&train_steps=700&train_place=after")

    def shown() -> list[str]:
        boxes = [page.locator(f".st-key-train_{name} input") for name in ("scale", "m", "steps")]
        return [box.input_value() for box in boxes]

    page.get_by_text(labels("en")["training.more"]).click()
    page.locator(".st-key-train_scale input").wait_for()
    assert shown() == ["2", "64", "700"]
    page.locator(".st-key-train_depth input").fill("7")
    page.locator(".st-key-train_depth input").press("Enter")
    expect(page).to_have_url(re.compile("train_depth=7"))
    assert shown() == ["2", "64", "700"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_once_there_is_something_to_see(training: Open, theme: str):
    page = training(SHORT, "zh" if theme == "dark" else "en", theme=theme)
    train(page)
    button(page, "keep").click()
    page.locator(".bn-live").nth(1).wait_for()
    at = Look(page, "")
    at.wear(theme)
    at.check("two runs trained, one pair kept")


def test_settings_survive_a_stop_and_a_new_language(training: Open):
    page = training("&train_depth=7&train_rate=0.25" + "&train_steps=40")
    train(page)
    page.get_by_role("radio", name="中文", exact=True).click()
    page.get_by_text(labels("zh")["training.train"]).wait_for()
    assert page.locator(".st-key-train_depth input").input_value() == "7"
    expect(page.locator(KNOB)).to_be_visible()
    assert Path(page.url.partition("?")[0]).name == "training"
    assert "train_rate=0.25" in page.url
