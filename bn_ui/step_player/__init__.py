"""The step player of ``forward`` and ``backward``: the second custom component.

Formula, numbers, table, picture and graph of one step, marked together in the browser wherever
the learner points, and redrawn there when the step changes: Next waits for no server. Everything
shown was computed beforehand by ``bn_core``; Python learns where the learner stands, so that the
link says it too, and checks what the learner works out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from bn_core.derivation import QUANTITIES, Values, derive
from bn_ui import present, small_batch, url
from bn_ui.component import component
from bn_ui.live_chart import commit
from bn_ui.palette import chart_palette
from bn_ui.server import katex_url
from bn_ui.small_batch import MOST_FEATURES, MOST_SAMPLES, SmallBatch
from bn_ui.step_player import practice
from bn_ui.step_player.lesson import LEVELS, blanks, closed_ids, lesson, open_ids
from bn_ui.text import group, language, t
from bn_ui.url import Field

_HERE = Path(__file__).parent
SCRIPTS = ("typesetter", "tables", "lines", "graph", "step_player")


@dataclass(frozen=True)
class Place:
    """Where the learner stands: what the link keeps of the player."""

    passage: str
    step: Field
    sample: Field
    feature: Field
    focus: Field
    level: Field

    @property
    def fields(self) -> tuple[Field, ...]:
        return (self.step, self.sample, self.feature, self.focus, self.level)


def place(passage: str, prefix: str) -> Place:
    """The fields of one chapter's player."""
    ids = (*closed_ids(passage), *open_ids(passage))
    return Place(
        passage,
        step=url.choice(f"{prefix}_step", ids[0], ids),
        sample=url.integer(f"{prefix}_i", 1, 1, MOST_SAMPLES),
        feature=url.integer(f"{prefix}_k", 1, 1, MOST_FEATURES),
        focus=url.choice(f"{prefix}_q", "", ("", *QUANTITIES)),
        level=url.choice(f"{prefix}_practice", LEVELS[0], LEVELS),
    )


def step_player(here: Place, batch: SmallBatch) -> tuple[str, ...]:
    """Draw the player for this batch; return the formulas that are still the learner's to find."""
    work = _Practice(here, batch)
    key = f"{here.passage}_player"
    sections = {
        "place": _place(here, batch, key),
        "feedback": work.feedback(),
        "present": present.active(),
        "words": group("player"),
        "palette": chart_palette(),
        "katex": katex_url(),
    }
    body = _lesson(here.passage, batch.key, work.blank, language(), batch)
    component(_HERE, SCRIPTS)(
        key=key,
        # The lesson is long and seldom changes: its text is made once, and put in as it is.
        data=_json(sections)[:-1].encode() + b',"lesson":' + body + b"}",
        on_commit_change=commit.take(here.fields, key),
        on_answer_change=lambda: _take_answer(here, key),
    )
    return work.blank


def unsolved(here: Place, batch: SmallBatch) -> tuple[str, ...]:
    """The formulas that are still the learner's to find."""
    return _Practice(here, batch).blank


def values_of(passage: str, batch: SmallBatch) -> Values:
    """Every quantity of one pass for this batch.

    Forward has no gradients: with a target of 0, ∂ℓ/∂y is the y that somebody is to work out.
    """
    dy = batch.dy if passage == "backward" else None
    return derive(batch.x, batch.gamma, batch.beta, eps=batch.eps, dy=dy)


@st.cache_resource(max_entries=128, show_spinner=False)
def _lesson(
    passage: str, key: object, blank: tuple[str, ...], lang: str, _batch: SmallBatch
) -> bytes:
    words = {"quantities": group("quantities"), "why": group("why")}
    return _json(lesson(passage, values_of(passage, _batch), frozenset(blank), words)).encode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _place(here: Place, batch: SmallBatch, key: str) -> dict[str, Any]:
    m, d = batch.x.shape
    return {
        "token": commit.token(key),
        "keys": {
            "step": here.step.key,
            "i": here.sample.key,
            "k": here.feature.key,
            "q": here.focus.key,
        },
        "step": url.value(here.step),
        "i": min(url.value(here.sample), m),
        "k": min(url.value(here.feature), d),
        "q": url.value(here.focus),
    }


# ---- practice -----------------------------------------------------------------------------------


class _Practice:
    """What of this batch the learner has worked out, in this session."""

    def __init__(self, here: Place, batch: SmallBatch) -> None:
        self.here, self.batch = here, batch
        level = url.value(here.level)
        stored = st.session_state.get(f"{here.passage}_work", {})
        if stored.get("for") != (level, batch.key):
            stored = {"for": (level, batch.key), "solved": [], "last": None}
            st.session_state[f"{here.passage}_work"] = stored
        self.stored = stored
        self.blank = tuple(
            name for name in blanks(here.passage, level) if name not in stored["solved"]
        )

    def feedback(self) -> dict[str, object] | None:
        """What is said about the last answer, and which entry of which formula it was for."""
        if self.stored["last"] is None:
            return None
        step, i, k, typed, found = self.stored["last"]
        words = f"{typed}: {_feedback_text(found, step)}"
        return {"step": step, "i": i, "k": k, "kind": found.kind, "text": words}

    def answer(self, step: str, i: int, k: int, typed: str) -> None:
        """Take in an answer for sample i and feature k, counted from 1."""
        values = values_of(self.here.passage, self.batch)
        found = practice.check(typed, step, values, i - 1, k - 1)
        self.stored["last"] = (step, i, k, typed.strip(), found)
        if found.kind == "right":
            self.stored["solved"].append(step)

    def give_up(self, step: str) -> None:
        """Show the worked step."""
        self.stored["solved"].append(step)
        self.stored["last"] = None


def _feedback_text(found: practice.Feedback, step: str) -> str:
    if found.kind == "slip":
        return t(f"slips.{step}_{found.slip}")
    return t(f"player.answer_{found.kind}")


def _take_answer(here: Place, key: str) -> None:
    """An answer from the browser, which may be hand-made: only what fits is taken in."""
    message = st.session_state[key].answer
    if not isinstance(message, dict):
        return
    batch = small_batch.read()
    work = _Practice(here, batch)
    step, typed = message.get("step"), message.get("text")
    if step not in work.blank:
        return
    if message.get("give_up"):
        work.give_up(step)
        return
    m, d = batch.x.shape
    i, k = (here.sample.valid(message.get("i")), here.feature.valid(message.get("k")))
    if isinstance(typed, str):
        work.answer(step, min(i, m), min(k, d), typed[: practice.LONGEST])
