"""What is said of a run, in both languages; and the one pool of a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bn_ui import text
from bn_ui.runs import shared, state
from bn_ui.runs.state import Refused, Snapshot
from bn_ui.runs.words import duration, refusal, sentence
from bn_ui.text import LANGUAGES, labels

NOW = Snapshot("running", "", 0, 3, 0.426, 2.04, 61.2, 40, 1)
REASONS = [
    state.BY_VIEWER,
    state.UNWATCHED,
    state.CLOSED,
    state.WORKER_DIED,
    state.ERROR,
    state.TOO_LONG,
]


@pytest.fixture(params=LANGUAGES)
def lang(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(text, "language", lambda: request.param)
    return request.param


def test_states(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(text, "language", lambda: "en")
    assert sentence(NOW) == "Training: 42% done, about 1 min 1 s left."
    waiting = replace(NOW, state="waiting", position=2)
    assert sentence(waiting).startswith("Waiting: number 2 of 3 in the queue.")
    assert sentence(replace(waiting, position=1)).startswith("Waiting: next")
    assert sentence(replace(NOW, state="done")) == "Done: 2.0 s of training."


def test_every_reason_has_its_own_sentence(lang: str):
    ends = [replace(NOW, state="stopped", reason=reason) for reason in REASONS]
    said = [sentence(end) for end in ends]
    assert len(set(said)) == len(REASONS)
    assert all(s.endswith(("." if lang == "en" else "。", "。")) for s in said)
    assert not any("{" in s for s in said)


def test_a_refusal_says_the_limit(lang: str):
    said = {refusal(Refused(whose, 37)) for whose in ("yours", "all")}
    assert len(said) == 2
    assert all("37" in s for s in said)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.95, "10 s"),
        (59.4, "59 s"),
        (59.5, "1 min 0 s"),
        (150, "2 min 30 s"),
    ],
)
def test_durations(seconds: float, expected: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(text, "language", lambda: "en")
    assert duration(seconds) == expected


# ---- shared by all sessions -----------------------------------------------------------------


@pytest.fixture
def one_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("BN_RUNS_DIR", str(tmp_path / "runs"))
    shared.pool.clear()
    yield tmp_path / "runs"
    shared.pool().close()
    shared.pool.clear()


def page() -> None:
    import streamlit as st

    from bn_ui.runs import shared
    from bn_ui.runs.words import sentence
    from tests.ui.run_work import job

    if st.button("Start", key="start"):
        st.session_state["view"] = shared.pool().submit(job(steps=20), shared.viewer())
    if view := st.session_state.get("view"):
        st.caption(sentence(view.snapshot()))
    st.session_state["who"] = shared.viewer()


def test_sessions_share_the_pool_and_are_told_apart(one_pool: Path):
    first, second = (AppTest.from_function(page).run() for _ in range(2))
    who = first.session_state["who"]
    assert who != second.session_state["who"]
    first.button(key="start").click().run()
    first.session_state["view"].wait(timeout=20.0)
    first.run()
    assert first.session_state["who"] == who
    assert not first.exception
    done = first.caption[0].value
    assert done == labels("en")["runs.done"].format(trained=done.split(": ")[1].split(" of")[0])
    second.button(key="start").click().run()
    assert second.caption[0].value == done, "it is there already"


def test_finished_runs_are_kept_where_the_environment_says(one_pool: Path):
    assert shared.pool() is shared.pool()
    assert shared.pool().store.folder == one_pool


def test_or_beside_the_code(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("BN_RUNS_DIR", raising=False)
    assert (shared.folder().parents[1] / "app.py").is_file()
