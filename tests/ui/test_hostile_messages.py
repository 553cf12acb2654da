"""Messages that no browser sends: values out of range, of the wrong kind, for whoever is there.

A widget's limits hold in the browser only, and anybody can write to a websocket.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.load import cpu
from benchmarks.sessions import Session
from bn_ui.chapters import CHAPTERS
from bn_ui.text import LANGUAGES, labels
from tests.browser.serving import Server

WITHIN = 120  # seconds for a page
MOST_CPU = 2000  # ms that one message may cost the server, on any machine
TEXTS = (
    "",
    "nan",
    "<script>alert(1)</script>",
    "![x](http://example.org/x.png) $\\frac{1}{0}$",
    "=cmd|' /C calc'!A0",
    "\u202e\ufeff\x07",
    "1e999, -1e999\n" * 50,
    "9" * 100_000,
)
NUMBERS = (1e308, -1e308, 5e-324, -1.5, 2**53 + 1)
NO_NUMBERS = (float("nan"), float("inf"), -float("inf"))
DEEP = "[" * 500 + "]" * 500
JSON = (
    "null",
    "[]",
    "{}",
    DEEP,
    '{"token": 1e308, "values": {"dist_gamma": 1e308}}',
    '{"token": -1, "values": {"dist_gamma": "x", "lang": {}, "__proto__": []}}',
    '{"values": null, "token": null}',
    '[{"event": "proposal", "value": {"token": 1, "values": {"inf_alpha": null}}}]',
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(["-m", "streamlit", "run", "app.py"]) as running:
        yield running


def absurd(rng: random.Random, name: str, kind: str) -> WidgetState:
    """A value of the kind that a widget has, out of any range."""
    state = WidgetState(id=name)
    match kind:
        case "number_input":
            state.double_value = rng.choice(NUMBERS)
        case "button_group":
            state.string_array_value.data.extend(rng.sample(TEXTS, rng.randrange(4)))
        case "text_area" | "text_input" | "selectbox":
            state.string_value = rng.choice(TEXTS)
        case "bidi_component" if rng.random() < 0.5:
            state.json_value = rng.choice(JSON)
        case "bidi_component":
            state.json_trigger_value = rng.choice(JSON)
        case _:
            state.trigger_value = True
    return state


def unreadable(rng: random.Random, name: str, kind: str) -> WidgetState:
    """A value of another kind, or one that is none."""
    if kind == "number_input":
        return WidgetState(id=name, double_value=rng.choice(NO_NUMBERS))
    if kind == "bidi_component":
        return WidgetState(id=name, json_trigger_value="not JSON")
    others = {"number_input", "button_group", "text_area", "button"} - {kind}
    return absurd(rng, name, rng.choice(sorted(others)))


async def besiege(server: Server, chapter: str, make: Callable[..., WidgetState]) -> list[str]:
    """A message for every widget that the page has, and for one that it has not: what broke."""
    rng, pid, broken = random.Random(chapter), server.process.pid, []
    async with Session(server.url, chapter, "lang=en&revealed=1") as session:
        kinds, fragments = dict(session.kinds), dict(session.widgets)
        for name in [*kinds, "$$ID-0-nothing"]:
            kind, fragment = kinds.get(name, ""), fragments.get(name, "")
            state, before = make(rng, name, kind), cpu(pid)
            await session.run(state, fragment=fragment)
            assert cpu(pid) - before < MOST_CPU, state
            if session.broken:
                broken.append(f"{session.broken}: {state}")
                session.broken = ""
    async with Session(server.url, chapter, "lang=en") as another:
        assert another.widgets, "nobody else is told anything"
        assert not another.broken
    return broken


def besieged(server: Server, chapter: str, make: Callable[..., WidgetState]) -> list[str]:
    return asyncio.run(asyncio.wait_for(besiege(server, chapter, make), WITHIN))


NAMES = [chapter.name for chapter in CHAPTERS]


@pytest.mark.parametrize("chapter", NAMES)
def test_no_value_breaks_a_page(server: Server, chapter: str):
    assert besieged(server, chapter, absurd) == []


@pytest.mark.parametrize("chapter", NAMES[::4])  # it is Streamlit's matter, and the same in all
def test_no_kind_of_value_breaks_more_than_the_page_of_who_sends_it(server: Server, chapter: str):
    """Streamlit itself cannot read it. The page says a sentence, and a reload mends it."""
    told = {labels(lang)["frame.error"] for lang in LANGUAGES}
    for said in besieged(server, chapter, unreadable):
        assert said.partition(": ")[0] in told
