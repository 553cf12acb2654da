"""What is said of a run, in both languages; and the one pool of a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bn_ui import text
from bn_ui.runs import shared, state
from bn_ui.runs.state import Limits, Refused, Snapshot
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
    """A page with a run: found again, started, watched, stopped."""
    import os

    import streamlit as st

    from bn_ui.runs import shared
    from bn_ui.runs.state import Refused
    from bn_ui.runs.words import refusal, sentence
    from tests.ui.run_work import job

    wanted = job("gated", folder=os.environ["BN_RUNS_DIR"], name="a")

    def start() -> None:
        try:
            st.session_state["view"] = shared.pool().submit(wanted, shared.viewer())
        except Refused as refused:
            st.session_state["refused"] = refusal(refused)

    if "view" not in st.session_state:  # a phone that wakes up has a new session
        st.session_state["view"] = shared.pool().find(wanted, shared.viewer())
    view = st.session_state["view"]
    going_on = view is not None and not view.snapshot().over

    def curves() -> None:
        now = view.snapshot()
        st.caption(sentence(now))
        st.write([event["step"] for event in view.since(0)])
        if going_on and now.over:
            st.rerun()  # the whole page once more: no timer, and Start instead of Stop

    if going_on:
        st.button("Stop", key="stop", on_click=view.stop)
    else:
        st.button("Start", key="start", on_click=start)
    if said := st.session_state.pop("refused", ""):
        st.warning(said)
    if view:
        st.fragment(curves, run_every=0.2 if going_on else None)()


def opened() -> AppTest:
    app = AppTest.from_function(page).run()
    assert not app.exception
    return app


def pressed(app: AppTest, button: str) -> AppTest:
    app.button(key=button).click().run()
    assert not app.exception
    return app


def shown(app: AppTest) -> tuple[str, str]:
    """What the page says, and the only button it offers."""
    (button,) = app.button
    return (app.caption[0].value if app.caption else ""), button.key


def test_a_page_follows_a_run_to_its_end(one_pool: Path):
    app = opened()
    assert shown(app) == ("", "start")
    pressed(app, "start")
    app.session_state["view"].wait(0, timeout=60.0)
    said, button = shown(app.run())
    assert said.startswith("Training: 50% done")
    assert button == "stop"
    assert app.json[0].value == "[0]"
    (one_pool / "open").touch()
    app.session_state["view"].wait(timeout=60.0)
    said, button = shown(app.run())
    assert said.startswith("Done: ")
    assert button == "start"
    assert app.json[0].value == "[0, 1]"


def test_sessions_share_runs_but_not_the_stop(one_pool: Path):
    mine = pressed(opened(), "start")
    mine.session_state["view"].wait(0, timeout=60.0)
    yours = opened()
    assert shown(yours)[0].startswith("Training: 50% done"), "it is found without pressing Start"
    assert shown(pressed(mine, "stop"))[0].startswith("Stopped after")
    assert shown(yours.run())[0].startswith("Training: 50% done")
    (one_pool / "open").touch()
    yours.session_state["view"].wait(timeout=60.0)
    done, _ = shown(yours.run())
    assert shown(pressed(mine, "start"))[0] == done
    assert len(list(one_pool.glob("*.begun"))) == 1


def test_a_page_says_that_the_queue_is_full(one_pool: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shared.pool(), "limits", Limits(waiting=0))
    (warning,) = pressed(opened(), "start").warning
    assert warning.value == labels("en")["runs.refused_all"].format(limit=0)


def test_every_tab_is_somebody_else():
    def who() -> None:
        import streamlit as st

        from bn_ui.runs import shared

        st.write(shared.viewer())

    first, second = (AppTest.from_function(who).run() for _ in range(2))
    name = first.markdown[0].value
    assert name != second.markdown[0].value
    assert name == first.run().markdown[0].value


def test_finished_runs_are_kept_where_the_environment_says(one_pool: Path):
    assert shared.pool() is shared.pool()
    assert shared.pool().store.folder == one_pool


def test_or_beside_the_code(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("BN_RUNS_DIR", raising=False)
    assert (shared.folder().parents[1] / "app.py").is_file()
