"""Which questions were answered right: kept in the learner's own browser, and in no other place.

A component without a picture reads and writes the browser's local storage. The session holds the
same for as long as it lasts; a reload or a phone that was locked is a new session, which is told
once what the browser has. What it is told may be anything, and only what fits is taken in.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from bn_core.exercises import MOST_SEED
from bn_ui.chapters import LESSONS
from bn_ui.component import component
from bn_ui.questions import quiz_names

_HERE = Path(__file__).parent
_STATE = "quiz_progress"


def right(chapter: str) -> tuple[str, ...]:
    """The questions of a chapter that were answered right, now or earlier."""
    return tuple(_state()["right"].get(chapter, ()))


@dataclass(frozen=True)
class Standing:
    """Of ``all`` questions, ``right`` were answered right."""

    right: int
    all: int


def standings() -> dict[str, Standing]:
    """How far the learner is in every chapter."""
    return {
        chapter.name: Standing(len(right(chapter.name)), len(quiz_names(chapter.name)))
        for chapter in LESSONS
    }


def whole(standings: Iterable[Standing]) -> Standing:
    """... and in all of them together."""
    found = list(standings)
    return Standing(sum(s.right for s in found), sum(s.all for s in found))


def record(chapter: str, name: str) -> None:
    """Remember that a question was answered right."""
    names = _state()["right"].setdefault(chapter, [])
    if name not in names:
        names.append(name)


def seed() -> int:
    """The seed that this browser has drawn for itself."""
    return _state()["seed"]


def draw_seed() -> None:
    """Another seed than the last one."""
    _state()["seed"] = (seed() + 1 + secrets.randbelow(MOST_SEED)) % (MOST_SEED + 1)


def round_number() -> int:
    """How often everything was cleared in this session: answers belong to a round."""
    return _state()["cleared"]


def clear() -> None:
    """Forget the answers of all chapters, here and in the browser."""
    _state().update(right={}, cleared=round_number() + 1)


def keep(key: str) -> None:
    """Let the browser keep what the session knows. Call it last: what it says is final."""
    state = _state()
    data = state | {"right": {chapter: list(names) for chapter, names in state["right"].items()}}
    component(_HERE, ["progress"])(key=key, data=data, on_stored_change=lambda: _take(key))


def _take(key: str) -> None:
    """What the browser has kept, once a session."""
    state, stored = _state(), st.session_state[key].stored
    if state["heard"] or not isinstance(stored, dict):
        return
    state["heard"] = True
    for chapter, names in _valid(stored.get("right")).items():
        for name in names:
            record(chapter, name)
    if type(drawn := stored.get("seed")) is int and 0 <= drawn <= MOST_SEED:
        state["seed"] = drawn


def _valid(stored: Any) -> Mapping[str, list[str]]:
    """Of what the browser says, the questions that there are."""
    if not isinstance(stored, dict):
        return {}
    lists = {c.name: stored.get(c.name) for c in LESSONS}
    return {
        chapter: [name for name in quiz_names(chapter) if name in names]
        for chapter, names in lists.items()
        if isinstance(names, list)
    }


def _state() -> dict[str, Any]:
    """The session's own copy. ``session`` tells the browser one session from the next."""
    if _STATE not in st.session_state:
        st.session_state[_STATE] = {
            "session": secrets.token_hex(8),
            "heard": False,
            "cleared": 0,
            "seed": secrets.randbelow(MOST_SEED + 1),
            "right": {},
        }
    return st.session_state[_STATE]
