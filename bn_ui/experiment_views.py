"""Experiments of one or many runs, as a browser tab starts, follows and stops them.

An experiment has a name and its jobs by any key. What is on the screen is kept in the session;
a reloaded tab, or somebody else's, finds the same runs again in the pool. The experiment's fragment
calls `whole_page.draw_if_asked` first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial, reduce

import streamlit as st

from bn_ui import whole_page
from bn_ui.runs import shared
from bn_ui.runs import words as run_words
from bn_ui.runs.jobs import Job
from bn_ui.runs.pool import View, unbroken
from bn_ui.runs.state import DONE, FAILED, STOPPED, Refused, Snapshot
from bn_ui.text import t

Jobs = Mapping[Hashable, Job]
Views = Mapping[Hashable, View]
EVERY = 0.5  # seconds between two looks at runs that go on


def shown(name: str, jobs: Jobs) -> Views:
    """The runs there are of these jobs, over or not; starts none."""
    kept: dict[str, View] = st.session_state.get(_key(name), {})
    pool, viewer = shared.pool(), shared.viewer()
    views = {
        key: kept.get(job.identity) or unbroken(pool.find(job, viewer)) for key, job in jobs.items()
    }
    found = {key: view for key, view in views.items() if view is not None}
    st.session_state[_key(name)] = {jobs[key].identity: view for key, view in found.items()}
    return found


def states(views: Views) -> list[Snapshot]:
    """Where they stand. To ask is to watch: see `bn_ui.runs.pool.View`."""
    return [view.snapshot() for view in views.values()]


def going_on(views: Views) -> bool:
    return any(not now.over for now in states(views))


def complete(jobs: Jobs, views: Views) -> bool:
    return len(views) == len(jobs) and all(now.state == DONE for now in states(views))


def buttons(name: str, jobs: Jobs, views: Views) -> None:
    """Start and stop, and why there is nothing to see if there is nothing."""
    busy = going_on(views)
    with st.container(horizontal=True):
        st.button(
            t("experiments.start"),
            key=f"{name}_start",
            icon=":material/play_arrow:",
            disabled=busy or complete(jobs, views),
            on_click=partial(_begin, name, jobs),
        )
        st.button(
            t("experiments.stop"),
            key=f"{name}_stop",
            icon=":material/stop:",
            disabled=not busy,
            on_click=partial(_end, views),
        )
    if refused := st.session_state.pop(_refused(name), None):
        st.warning(run_words.refusal(refused), icon=":material/hourglass_disabled:")
    if not busy:
        broken = [now for now in states(views) if now.state in (STOPPED, FAILED)]
        for now in broken[:1]:
            st.warning(run_words.sentence(now), icon=":material/info:")


def drawn(views: Views, jobs: Jobs, draw: Callable[[], None]) -> None:
    """The picture; as long as a run goes on, again and again with what has come."""
    if going_on(views):
        st.fragment(_follow, run_every=EVERY)(views, len(jobs), draw)
    else:
        draw()


def _follow(views: Views, count: int, draw: Callable[[], None]) -> None:
    now = states(views)
    if all(each.over for each in now):
        st.rerun()
    st.progress(sum(each.progress for each in now) / count, text=_sentence(now, count))
    draw()


def _sentence(now: list[Snapshot], count: int) -> str:
    if count == 1:
        return run_words.sentence(now[0])
    done = sum(each.state == DONE for each in now)
    left = max(each.seconds_left for each in now)
    return t("experiments.progress", done=done, count=count, left=run_words.duration(left))


def joined(sentences: Sequence[str]) -> str:
    """One after the other, as the language does it."""
    return reduce(
        lambda said, more: t("experiments.joined", said=said, more=more), sentences, ""
    ).strip()


def _begin(name: str, jobs: Jobs) -> None:
    """All of them, or none if the queue has no room for all."""
    try:
        views = shared.pool().submit_all([*jobs.values()], shared.viewer())
    except Refused as refused:
        st.session_state[_refused(name)] = refused
    else:
        pairs = zip(jobs.values(), views, strict=True)
        st.session_state[_key(name)] = {job.identity: view for job, view in pairs}


def _end(views: Views) -> None:
    for view in views.values():
        view.stop()
    whole_page.ask()


def _key(name: str) -> str:
    return f"{name}_views"


def _refused(name: str) -> str:
    return f"{name}_refused"
