"""Projector mode as far as the server goes: the link, what is hidden, the way out."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bn_ui import present
from bn_ui.chapters import CHAPTERS
from bn_ui.text import LANGUAGES, labels
from tests.ui.test_distributions import shared_link

ROUTER = Path(__file__).resolve().parents[2] / "bn_ui" / "router.py"
NAMES = [chapter.name for chapter in CHAPTERS]


def opened(chapter: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(ROUTER), default_timeout=60)
    app.query_params.update(query)
    app.switch_page(f"../pages/{chapter}.py").run()
    assert not app.exception
    return app


def hidden(app: AppTest) -> set[str]:
    """Parts that the page's style hides."""
    bodies = (element.proto.body for element in app.get("html"))
    style = " ".join(body for body in bodies if body.startswith("<style>"))
    rule = re.search(r"([^{}]*)\{ display: none; \}</style>", style)
    return set(re.findall(r"st-key-part_(\w+)", rule[1])) if rule else set()


@pytest.mark.parametrize("chapter", NAMES)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_in_and_out(chapter: str, lang: str):
    app = opened(chapter, lang=lang, present="1")
    assert hidden(app) == set(present.ALWAYS)
    assert app.query_params["present"] == "1"
    switch = app.button(key="present_switch")
    assert switch.label == labels(lang)["present.leave"]
    switch.click().run()
    assert not app.exception
    assert hidden(app) == set()
    assert "present" not in app.query_params
    assert app.button(key="present_switch").label == labels(lang)["present.enter"]


@pytest.mark.parametrize(
    ("hide", "expected"),
    [
        ("quiz", {"quiz"}),
        ("quiz,controls", {"controls", "quiz"}),
        ("-", set()),
        ("everything,<script>,controls", {"controls"}),
        ("quiz,intro", {"intro", "quiz"}),
        ("foo", set(present.ALWAYS)),
        ("x" * 5000, set(present.ALWAYS)),
    ],
)
def test_the_link_says_what_is_hidden(hide: str, expected: set[str]):
    app = opened("forward", present="1", hide=hide)
    assert hidden(app) == expected
    told = {"everything,<script>,controls", "foo", "x" * 5000}
    assert bool(app.toast) == (hide in told), "what could not be taken is told"


def test_nothing_is_hidden_without_the_mode():
    assert hidden(opened("forward", hide="controls,quiz")) == set()
    assert hidden(opened("forward", present="yes")) == set()


@pytest.mark.parametrize(
    "chapter",
    [
        "overview",
        "distributions",
        "scale_shift",
        "whitening",
        "backward",
        "gradient_check",
        "inference",
        "other_norms",
    ],
)
def test_a_teachers_link_may_be_revealed(chapter: str):
    """... and what students copy from there is covered again."""
    shown = labels("en")["frame.just_show"]
    covered = opened(chapter, lang="en")
    assert [b for b in covered.button if b.label == shown]
    revealed = opened(chapter, lang="en", revealed="1")
    assert not [b for b in revealed.button if b.label == shown]
    assert "revealed" not in shared_link(revealed)
    assert revealed.query_params["revealed"] == "1", "a reload does not cover it again"
    other = "backward" if chapter != "backward" else "distributions"
    revealed.switch_page(f"../pages/{other}.py").run()
    assert [b for b in revealed.button if b.label == shown], "another chapter is covered"
    assert "revealed" not in revealed.query_params
