"""Links, history and languages: an address is a screen."""

from collections.abc import Callable

import pytest

from bn_ui.chapters import HOME
from bn_ui.text import LANGUAGES, labels
from tests import direct
from tests.browser.driving import START, Lab
from tests.browser.serving import Server

pytestmark = pytest.mark.browser

POOLED = "/distributions?lang=en&dist_gamma=2.5&dist_view=pooled"


def heading(tab: Lab) -> str:
    return tab.page.locator("h1").inner_text()


def speak(tab: Lab, lang: str) -> None:
    """Choose a language in place, and wait for the chart's own words to follow."""
    tab.page.locator(".st-key-lang [role=radio]").nth(list(LANGUAGES).index(lang)).click()
    tab.until(
        "document.querySelector('[data-knob=dist_gamma] label').textContent === given",
        labels(lang)["knobs.dist_gamma"],
    ).settle()


def assert_no_failure(tab: Lab) -> None:
    for kind in ("stException", "stAlert"):
        assert tab.page.locator(f"[data-testid={kind}]").count() == 0


def test_a_cold_link_shows_what_a_warm_one_shows(lab: Callable[..., Lab]):
    """The first request that a new server gets, and the second."""
    with Server(["-m", "streamlit", "run", "app.py"]) as fresh:
        cold = lab(POOLED, at=fresh)
        seen = cold.everything()
        cold.assert_shows(gamma=2.5, x=direct.hidden())
        assert lab(POOLED, at=fresh).everything() == seen
    assert seen["title"] == [labels("en")["chapters.distributions"]]


def test_the_front_door_is_a_chapter(lab: Callable[..., Lab]):
    query = "lang=en&over_s=2&over_order=after&quiz_seed=3"
    there = lab(f"/{HOME}?{query}").everything()
    assert lab(f"/?{query}").everything() == there


def test_reload_keeps_what_was_set(lab: Callable[..., Lab]):
    tab = lab(POOLED)
    tab.drag("dist_beta", 0.5, 0.4, 0.3)
    seen = tab.settle().everything()
    tab.page.reload()
    assert tab.ready().everything() == seen


def test_back_and_forward_go_one_commit_at_a_time(lab: Callable[..., Lab]):
    tab = lab()
    gammas = [1.0]
    for position in (160, 200):
        tab.put("dist_gamma", position, "input", "change")
        tab.settle()
        gammas.append(-2 + 0.025 * position)
    steps = [(tab.page.go_back, 1), (tab.page.go_back, 0), (tab.page.go_forward, 1)]
    for go, expected in steps:
        go()
        tab.until(
            "document.querySelector('[data-knob=dist_gamma] output').textContent === given",
            f"{gammas[expected]:g}",
        )
        tab.assert_shows(gamma=gammas[expected])
    tab.put("dist_beta", 60, "input", "change")
    tab.assert_shows(gamma=gammas[1], beta=-3.0)


@pytest.mark.parametrize(
    "path",
    [
        "/distributions?dist_gamma=1e999&dist_beta=-1e999&dist_eps=0&dist_scale=nan",
        "/distributions?dist_m=-1&dist_layer=99999999999999999999&dist_seed=1e308&dist_width=1e9"
        "&dist_feature=1e300&dist_view=each",
        "/distributions?dist_source=own&dist_own=" + "1~" * 3000,
        "/distributions?lang=%00&dist_view=%F0%9F%92%A5&dist_activation=%3Cscript%3Ealert(1)%3C/script%3E"
        "&dist_source=..%2F..%2Fetc%2Fpasswd&dist_gamma=%27%20OR%201=1&__proto__=1&dist_gamma=3",
    ],
    ids=["infinite", "too large", "too long", "strange"],
)
def test_hostile_links(lab: Callable[..., Lab], path: str):
    tab = lab(path)
    assert_no_failure(tab)
    for key, (low, high) in {
        "dist_gamma": (-2, 4),
        "dist_beta": (-6, 6),
        "dist_eps": (0, 100),
    }.items():
        assert low <= tab.box(key) <= high
        assert tab.text(key) not in ("", "NaN")
    for value in tab.query().values():
        assert len(value) < 20, "the link was written again"
    tab.drag("dist_gamma", 0.5, 0.7, 0.6)
    tab.settle()
    assert tab.query()["dist_gamma"]


class TestLanguage:
    def test_changes_in_place(self, lab: Callable[..., Lab]):
        tab = lab("/distributions?dist_gamma=2.5&dist_view=pooled")
        tab.drag("dist_beta", 0.5, 0.4, 0.3)
        tab.settle()
        before = tab.everything()
        path, histogram = tab.page.url.partition("?")[0], tab.histogram("y")
        speak(tab, "zh")
        assert heading(tab) == labels("zh")["chapters.distributions"]
        assert tab.page.evaluate("document.documentElement.lang") == "zh-CN"
        assert tab.page.evaluate("document.title").startswith(heading(tab))
        assert tab.page.url.partition("?")[0] == path
        after = tab.everything()
        for what in ("outputs", "positions", "boxes", "cells", "data"):
            assert after[what] == before[what], what
        assert tab.histogram("y") == histogram
        speak(tab, "en")
        assert tab.everything() == before

    def test_follows_the_browser_at_first(self, lab: Callable[..., Lab]):
        for tab, lang in ((lab(), "en"), (lab(locale="zh-CN"), "zh")):
            assert heading(tab) == labels(lang)["chapters.distributions"]
            assert tab.query() == {}

    def test_of_a_link_wins_over_the_browsers(self, lab: Callable[..., Lab]):
        tab = lab("/distributions?lang=zh")
        assert heading(tab) == labels("zh")["chapters.distributions"]
        tab.assert_shows(START)
