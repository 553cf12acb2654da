"""The pool of workers: order, sharing, stopping, and what happens when something dies."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bn_ui.runs.frames import packed, unpacked
from bn_ui.runs.jobs import Job, version_of
from bn_ui.runs.pool import Pool, View, unbroken
from bn_ui.runs.process import ROOT
from bn_ui.runs.state import Limits, Refused, Run
from bn_ui.runs.store import Store
from bn_ui.runs.waiting import Queue
from bn_ui.runs.warm import warm
from tests.ui import run_work
from tests.ui.run_work import job

PATIENCE = 60.0  # for what takes milliseconds, on a machine that may have other things to do


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("bn-run")]


@pytest.fixture
def make_pool() -> Iterator[Callable[..., Pool]]:
    """Pools that look at the clock often, and that leave nothing behind."""
    pools = []

    def make(workers: int = 1, *, limits: Limits | None = None, **options: object) -> Pool:
        limits = replace(limits or Limits(), tick=0.01)
        pools.append(Pool(workers=workers, limits=limits, **options))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()
    assert not threads()


def finished(view: View) -> list[dict]:
    """All events of a run that must go well."""
    now = view.wait(timeout=PATIENCE)
    assert (now.state, now.reason) == ("done", "")
    return view.since(0)


def pid(view: View) -> int:
    view.wait(0, timeout=PATIENCE)
    return view.since(0)[0]["pid"]


def begun(folder: Path) -> list[str]:
    """Names of the gated runs in the order in which they began."""
    stamps = (file.name.split(".") for file in folder.glob("*.begun"))
    return [name for name, *_ in sorted(stamps, key=lambda parts: int(parts[1]))]


# ---- what comes back ------------------------------------------------------------------------


def test_events_are_those_of_the_function(make_pool):
    events = finished(make_pool().submit(job(steps=30, seed=4), "me"))
    expected = [
        event["weights"].copy() for event in run_work.curve({"steps": 30, "seed": 4, "pause": 0})
    ]
    assert [event["step"] for event in events] == list(range(30))
    # Not thirty times the last state of the array into which the function writes.
    np.testing.assert_array_equal([event["weights"] for event in events], expected)


def test_nobody_can_change_what_all_are_shown(make_pool):
    event = finished(make_pool().submit(job(steps=1), "me"))[0]
    with pytest.raises(ValueError, match="read-only"):
        event["weights"][0] = 0


@pytest.mark.parametrize(
    "array",
    [np.zeros((0, 3)), np.arange(6.0).reshape(2, 3).T, np.arange(9)[::2], np.array(1.5)],
    ids=["empty", "transposed", "strided", "of no dimension"],
)
def test_any_array_arrives(array: np.ndarray):
    arrived = unpacked(packed({"a": array}))["a"]
    np.testing.assert_array_equal(arrived, array)
    assert arrived.dtype == array.dtype


def test_events_arrive_while_the_training_goes_on(make_pool, tmp_path: Path):
    view = make_pool().submit(job("gated", folder=str(tmp_path), name="a"), "me")
    now = view.wait(0, timeout=PATIENCE)
    assert (now.state, now.events, now.progress, now.position) == ("running", 1, 0.5, 0)
    (tmp_path / "open").touch()
    assert len(finished(view)) == 2
    assert [event["step"] for event in view.since(1)] == [1]
    assert view.snapshot().progress == 1.0


def test_how_long_it_took_is_measured_where_it_is_trained(make_pool):
    view = make_pool().submit(job(steps=3, pause=0.05), "me")
    finished(view)
    assert 0.15 <= view.snapshot().seconds < PATIENCE


def test_a_function_that_prints_and_asks_disturbs_nobody(make_pool):
    assert len(finished(make_pool().submit(job("talkative"), "me"))) == 1


def test_what_a_worker_is_given(make_pool):
    (told,) = finished(make_pool().submit(job("surroundings"), "me"))
    assert told["niceness"] == min(os.nice(0) + 10, 19)
    assert told["blas"] == "1"
    assert "numpy" in told["modules"]
    assert "streamlit" not in told["modules"]


# ---- the queue ------------------------------------------------------------------------------


def test_shortest_first_and_the_place_in_the_queue(make_pool, tmp_path: Path):
    pool = make_pool(clock=Clock())
    ask = {"folder": str(tmp_path)}
    views = [pool.submit(job("gated", name="now", **ask), "me")]
    views[0].wait(0, timeout=PATIENCE)
    costs = {"long": 3.0, "short": 1.0, "middle": 2.0, "middle2": 2.0}
    views += [pool.submit(job("gated", name=n, cost=c, **ask), "me") for n, c in costs.items()]
    places = [(v.snapshot().state, v.snapshot().position, v.snapshot().queued) for v in views]
    assert places[0] == ("running", 0, 4)
    assert places[1:] == [("waiting", place, 4) for place in (4, 1, 2, 3)]
    (tmp_path / "open").touch()
    for view in views:
        finished(view)
    assert begun(tmp_path) == ["now", "short", "middle", "middle2", "long"]


@pytest.mark.parametrize(("later", "first"), [(15.0, "short"), (17.0, "long")])
def test_a_long_run_is_not_overtaken_for_ever(later: float, first: str):
    queue = Queue(ageing=4.0)
    long, short = Run(job(cost=5.0), 0, asked=0.0), Run(job(cost=1.0), 1, asked=later)
    queue.add(long)
    queue.add(short)
    assert queue.take() is {"long": long, "short": short}[first]


def test_thirty_runs_at_once_are_all_done_by_as_many_workers_as_there_may_be(make_pool):
    pool = make_pool(2)
    views = [pool.submit(job("surroundings", seed=n), f"student {n}") for n in range(30)]
    workers = {finished(view)[0]["pid"] for view in views}
    assert 1 <= len(workers) <= 2
    assert len({id(view.since(0)[0]) for view in views}) == 30


def test_time_left(make_pool, tmp_path: Path):
    clock = Clock()
    pool = make_pool(clock=clock)
    running = pool.submit(job("gated", folder=str(tmp_path), name="a", cost=3.0), "me")
    running.wait(0, timeout=PATIENCE)
    clock.now += 10
    assert running.snapshot().seconds == 10
    assert running.snapshot().seconds_left == 10  # half of it is done
    shorter = pool.submit(job(steps=1, seed=1, cost=2.0), "me")
    longer = pool.submit(job(steps=1, seed=2, cost=4.0), "me")
    assert shorter.snapshot().seconds_left == 10 + 2
    assert longer.snapshot().seconds_left == 10 + 2 + 4
    (tmp_path / "open").touch()
    finished(longer)
    assert longer.snapshot().seconds_left == 0


def test_two_workers_empty_the_queue_together():
    queue = Queue(ageing=4.0)
    runs = [Run(job(seed=n, cost=cost), n, asked=0.0) for n, cost in enumerate((1.0, 2.0, 3.0))]
    for run in runs:
        queue.add(run)
    starts = [queue.starts_in(run, [10.0, 1.0], pace=2.0) for run in runs]
    assert starts == [1.0, 3.0, 7.0]


def test_time_left_learns_how_fast_the_machine_is(make_pool, tmp_path: Path):
    pool = make_pool()
    for seed in range(6):
        finished(pool.submit(job(steps=2, seed=seed, cost=1000.0), "me"))
    finished(pool.submit(job(steps=20, pause=0.01, cost=1e-6), "me"))  # too cheap to say much
    pool.submit(job("gated", folder=str(tmp_path), name="a"), "me").wait(0, timeout=PATIENCE)
    estimate = pool.submit(job(steps=2, seed=99, cost=1000.0), "me").snapshot().seconds_left
    assert 0 < estimate < 10


def test_one_viewer_cannot_fill_the_queue(make_pool, tmp_path: Path):
    pool = make_pool(limits=Limits(waiting=4, waiting_each=2))
    gate = pool.submit(job("gated", folder=str(tmp_path), name="a"), "me")
    gate.wait(0, timeout=PATIENCE)
    mine = [pool.submit(job(steps=1, seed=seed), "me") for seed in (1, 2)]
    with pytest.raises(Refused) as refused:
        pool.submit(job(steps=1, seed=3), "me")
    assert (refused.value.whose, refused.value.limit) == ("yours", 2)
    assert pool.submit(job(steps=1, seed=2), "me").snapshot().state == "waiting"  # there already
    for seed in (3, 4):
        pool.submit(job(steps=1, seed=seed), "you")
    with pytest.raises(Refused) as refused:
        pool.submit(job(steps=1, seed=5), "somebody else")
    assert (refused.value.whose, refused.value.limit) == ("all", 4)
    mine[0].stop()
    pool.submit(job(steps=1, seed=5), "somebody else")


# ---- sharing --------------------------------------------------------------------------------


def test_equal_settings_are_computed_once(make_pool, tmp_path: Path):
    pool, together = make_pool(2), threading.Barrier(20)

    def ask(viewer: int) -> View:
        together.wait()
        return pool.submit(job("gated", folder=str(tmp_path), name="a"), f"student {viewer}")

    with ThreadPoolExecutor(20) as executor:
        views = list(executor.map(ask, range(20)))
    views[0].wait(0, timeout=PATIENCE)
    assert views[0].snapshot().viewers == 20
    (tmp_path / "open").touch()
    assert {len(finished(view)) for view in views} == {2}
    again = pool.submit(job("gated", folder=str(tmp_path), name="a"), "late")
    assert again.snapshot().state == "done"
    assert begun(tmp_path) == ["a"]


def test_also_by_those_who_all_looked_before_anybody_asked(make_pool, tmp_path: Path):
    all_have_looked = threading.Barrier(8)

    class Slow(Store):
        def load(self, job: Job) -> None:
            all_have_looked.wait(PATIENCE)

    pool = make_pool(2, store=Slow(tmp_path / "runs"))
    wanted = job("gated", folder=str(tmp_path), name="a")
    with ThreadPoolExecutor(8) as executor:
        views = list(executor.map(lambda n: pool.submit(wanted, f"student {n}"), range(8)))
    (tmp_path / "open").touch()
    assert {len(finished(view)) for view in views} == {2}
    assert begun(tmp_path) == ["a"]


def test_other_settings_work_or_version_are_another_run():
    one = job(steps=1)
    others = [
        job(steps=2),
        replace(one, work=replace(one.work, path="other:function")),
        replace(one, work=replace(one.work, version="2")),
    ]
    assert job(steps=1).identity == one.identity
    assert len({one.identity, *(other.identity for other in others)}) == 4


def test_a_version_is_that_of_the_files(tmp_path: Path):
    code, data = tmp_path / "code.py", tmp_path / "data.npz"
    code.write_text("a")
    data.write_text("b")
    before = version_of(code, data)
    assert version_of(data, code) == before
    data.write_text("c")
    assert version_of(code, data) != before


def test_a_run_is_found_again(make_pool, tmp_path: Path):
    pool, wanted = make_pool(), job("gated", folder=str(tmp_path), name="a")
    assert pool.find(wanted, "phone") is None
    pool.submit(wanted, "phone").wait(0, timeout=PATIENCE)
    found = pool.find(wanted, "the same phone, awake again")
    assert found.snapshot().state == "running"
    (tmp_path / "open").touch()
    assert len(finished(found)) == 2
    assert pool.find(wanted, "tomorrow").snapshot().state == "done"


def test_memory_is_bounded(make_pool):
    jobs = [job(steps=300, seed=seed) for seed in range(6)]
    size = record(make_pool(), jobs[0]).size
    pool = make_pool(limits=Limits(memory=int(2.5 * size)))
    for each in jobs:
        finished(pool.submit(each, "me"))
        assert pool.find(jobs[0], "me"), "used all the time"
    kept = [pool.find(each, "me") is not None for each in jobs]
    assert kept == [True, False, False, False, False, True]
    assert sum(run.size for run in pool._runs.values()) <= pool.limits.memory
    finished(pool.submit(jobs[1], "me"))


def test_a_view_does_not_keep_what_the_pool_forgets(make_pool, tmp_path: Path):
    """What tabs have on their screens would otherwise fill the memory. It is on disk."""
    wanted, other = job(steps=300), job(steps=300, seed=1)
    pool = make_pool(limits=Limits(memory=1), store=Store(tmp_path))
    view = pool.submit(wanted, "me")
    before = [event["step"] for event in finished(view)]
    finished(pool.submit(other, "you"))
    assert wanted.identity not in pool._runs
    assert view._run.events == []
    assert view.snapshot().state == "done"
    assert [event["step"] for event in view.since(0)] == before


def test_a_forgotten_run_that_is_on_no_disk_says_so(make_pool, tmp_path: Path):
    pool = make_pool(workers=2, limits=Limits(memory=1))
    stopped = pool.submit(job("endless", folder=str(tmp_path)), "me")
    stopped.wait(0, timeout=PATIENCE)
    stopped.stop()
    assert stopped.snapshot().reason == "by_viewer"
    finished(pool.submit(job(steps=3), "you"))
    assert (stopped.snapshot().state, stopped.snapshot().reason) == ("stopped", "forgotten")
    assert stopped.since(0) == []


def test_all_of_an_experiment_or_nothing(make_pool, tmp_path: Path):
    """Half of it would neither show anything nor be asked for again."""
    pool = make_pool(limits=Limits(waiting=5, waiting_each=2))
    gate = pool.submit(job("gated", folder=str(tmp_path), name="a"), "me")
    gate.wait(0, timeout=PATIENCE)
    there = pool.submit(job(steps=1, seed=0), "me")
    with pytest.raises(Refused):
        pool.submit_all([job(steps=1, seed=seed) for seed in range(3)], "me")
    assert there.snapshot().queued == 1
    assert there.snapshot().viewers == 1, "what was there is still followed"
    views = pool.submit_all([job(steps=1, seed=seed) for seed in range(2)], "me")
    (tmp_path / "open").touch()
    assert [view.wait(timeout=PATIENCE).state for view in views] == ["done", "done"]


def record(pool: Pool, wanted: Job) -> Run:
    """What the pool knows of a run that is done."""
    finished(pool.submit(wanted, "me"))
    return pool._runs[wanted.identity]


def test_runs_without_events_do_not_pile_up(make_pool, tmp_path: Path):
    pool = make_pool(limits=Limits(memory=10**5))
    pool.submit(job("gated", folder=str(tmp_path), name="a"), "me").wait(0, timeout=PATIENCE)
    for seed in range(50):
        pool.submit(job(steps=1, seed=seed), "hasty").stop()
    assert len(pool._runs) <= 1 + 10**5 // 10**4


# ---- stopping -------------------------------------------------------------------------------


def test_stop(make_pool, tmp_path: Path):
    pool = make_pool()
    view = pool.submit(job("endless", folder=str(tmp_path)), "me")
    worker = pid(view)
    view.stop()
    now = view.snapshot()
    assert (now.state, now.reason, now.seconds_left) == ("stopped", "by_viewer", 0)
    assert len(view.since(0)) == now.events >= 1
    until((tmp_path / "closed").exists)
    (again,) = finished(pool.submit(job("surroundings"), "me"))
    assert again["pid"] == worker, "the worker need not have died"
    assert (view.snapshot(), len(view.since(0))) == (now, now.events)


def test_a_stop_is_meant_for_one_run_only(make_pool, tmp_path: Path):
    """... also on a worker that is then given one that was asked for earlier."""
    pool, ask = make_pool(), {"folder": str(tmp_path)}
    gate = pool.submit(job("gated", name="a", **ask), "me")
    gate.wait(0, timeout=PATIENCE)
    earlier = pool.submit(job(steps=20, pause=0.002, cost=9.0), "me")
    later = pool.submit(job("endless", **ask), "me")
    (tmp_path / "open").touch()
    later.wait(0, timeout=PATIENCE)
    later.stop()
    assert len(finished(earlier)) == 20


def test_stop_before_it_has_begun(make_pool, tmp_path: Path):
    pool, ask = make_pool(), {"folder": str(tmp_path)}
    views = [pool.submit(job("gated", name=name, **ask), "me") for name in "abc"]
    views[0].wait(0, timeout=PATIENCE)
    views[1].stop()
    assert views[1].snapshot().state == "stopped"
    assert views[2].snapshot().position == 1
    (tmp_path / "open").touch()
    finished(views[2])
    assert begun(tmp_path) == ["a", "c"]


def test_stop_lets_go_and_the_run_goes_on_for_others(make_pool, tmp_path: Path):
    pool, wanted = make_pool(), job("gated", folder=str(tmp_path), name="a")
    mine, yours = pool.submit(wanted, "me"), pool.submit(wanted, "you")
    mine.wait(0, timeout=PATIENCE)
    mine.stop()
    assert mine.snapshot().state == "stopped"
    assert yours.snapshot().state == "running"
    (tmp_path / "open").touch()
    assert len(finished(yours)) == 2
    assert len(mine.since(0)) == 1, "what came after the stop is not shown"
    assert len(finished(pool.submit(wanted, "me"))) == 2
    assert begun(tmp_path) == ["a"]


def test_a_stopped_run_can_be_had_anew(make_pool, tmp_path: Path):
    pool, wanted = make_pool(), job("endless", folder=str(tmp_path))
    first = pool.submit(wanted, "me")
    pid(first)
    first.stop()
    assert pool.find(wanted, "me").snapshot().state == "stopped"
    second = pool.submit(wanted, "me")
    assert second.snapshot().state in ("waiting", "running")
    assert first.snapshot().state == "stopped"
    pid(second)


def test_what_nobody_watches_is_stopped(make_pool, tmp_path: Path):
    clock = Clock()
    pool, ask = make_pool(clock=clock), {"folder": str(tmp_path)}
    running = pool.submit(job("endless", **ask), "me")
    pid(running)
    waiting, watched = (pool.submit(job("gated", name=name, **ask), "me") for name in "ab")
    clock.now += 100
    watched.snapshot()
    clock.now += 25
    until((tmp_path / "closed").exists)
    assert watched.wait(0, timeout=PATIENCE).state == "running"
    for view in (running, waiting):
        now = view.snapshot()
        assert (now.state, now.reason) == ("stopped", "unwatched")
    assert begun(tmp_path) == ["b"]


def test_two_minutes_less_a_second_are_not_too_long(make_pool, tmp_path: Path):
    clock = Clock()
    view = make_pool(clock=clock).submit(job("endless", folder=str(tmp_path)), "me")
    for _ in range(3):
        seen = view.wait(0, timeout=PATIENCE).events
        clock.now += 119
        with view._pool._lock:  # an event that came after the pool had looked at the clock
            assert view._pool._changed.wait_for(lambda n=seen: len(view._run.events) > n, PATIENCE)
        assert view.snapshot().state == "running"


def test_a_run_that_takes_too_long_is_ended(make_pool, tmp_path: Path):
    clock = Clock()
    view = make_pool(clock=clock, limits=Limits(longest=60.0)).submit(
        job("endless", folder=str(tmp_path)), "me"
    )
    pid(view)
    clock.now += 61
    assert view.wait(timeout=PATIENCE).reason == "too_long"
    until((tmp_path / "closed").exists)


def test_a_training_that_hears_nothing_is_ended_with_its_process(make_pool):
    clock = Clock()
    pool = make_pool(clock=clock)
    view = pool.submit(job("silent"), "me")
    deaf = pid(view)
    view.stop()
    next_one = pool.submit(job("surroundings"), "me")
    until(lambda: pool._workers[0].told is not None)
    assert next_one.snapshot().state == "waiting"
    clock.now += 3.1
    (told,) = finished(next_one)
    assert told["pid"] != deaf
    assert view.snapshot().reason == "by_viewer"


# ---- what breaks ----------------------------------------------------------------------------


def test_a_killed_worker_is_told_and_the_next_run_works(make_pool, tmp_path: Path):
    pool, wanted = make_pool(), job("endless", folder=str(tmp_path))
    view = pool.submit(wanted, "me")
    killed = pid(view)
    os.kill(killed, signal.SIGKILL)
    now = view.wait(timeout=PATIENCE)
    assert (now.state, now.reason) == ("failed", "worker_died")
    assert now.events >= 1, "what had arrived can still be shown"
    assert pid(pool.submit(wanted, "me")) != killed
    with pytest.raises(ProcessLookupError):  # and not a zombie
        os.kill(killed, 0)


def test_a_worker_killed_at_rest_is_not_missed(make_pool):
    pool = make_pool()
    (told,) = finished(pool.submit(job("surroundings", seed=0), "me"))
    os.kill(told["pid"], signal.SIGKILL)
    (again,) = finished(pool.submit(job("surroundings", seed=1), "me"))
    assert again["pid"] != told["pid"]


def test_a_run_that_kills_every_worker_is_not_tried_for_ever(make_pool):
    pool = make_pool()
    now = pool.submit(job("dies_at_once"), "me").wait(timeout=PATIENCE)
    assert (now.state, now.reason) == ("failed", "worker_died")
    finished(pool.submit(job(steps=1), "me"))


def test_workers_that_cannot_be_started(make_pool, monkeypatch: pytest.MonkeyPatch):
    pool = make_pool()
    with monkeypatch.context() as patch:
        patch.setattr("bn_ui.runs.process.sys.executable", "/nowhere/python")
        now = pool.submit(job(steps=1), "me").wait(timeout=PATIENCE)
    assert (now.state, now.reason) == ("failed", "worker_died")
    finished(pool.submit(job(steps=1), "me"))


def test_an_error_in_the_training_fails_the_run_and_not_the_worker(make_pool, capfd):
    pool = make_pool()
    (before,) = finished(pool.submit(job("surroundings", seed=0), "me"))
    view = pool.submit(job("broken"), "me")
    now = view.wait(timeout=PATIENCE)
    assert (now.state, now.reason, now.events) == ("failed", "error", 1)
    (after,) = finished(pool.submit(job("surroundings", seed=1), "me"))
    assert before["pid"] == after["pid"]
    assert "ValueError: diverged" in capfd.readouterr().err, "the log must say what went wrong"


@pytest.mark.parametrize("path", ["tests.ui.run_work:missing", "no_such_module:train"])
def test_a_function_that_is_not_there(make_pool, path: str):
    wanted = job(steps=1)
    lost = replace(wanted, work=replace(wanted.work, path=path))
    assert make_pool().submit(lost, "me").wait(timeout=PATIENCE).reason == "error"


def test_events_that_cannot_be_read_fail_the_run(make_pool, tmp_path: Path):
    pool, wanted = make_pool(), job("endless", folder=str(tmp_path))
    unreadable = replace(wanted, work=replace(wanted.work, progress=lambda event, _: event["none"]))
    assert pool.submit(unreadable, "me").wait(timeout=PATIENCE).reason == "error"
    until((tmp_path / "closed").exists)
    finished(pool.submit(job(steps=1), "me"))


def test_settings_that_cannot_be_sent_are_an_error_of_the_page(make_pool):
    with pytest.raises((AttributeError, TypeError)):
        make_pool().submit(job(key="a", lock=threading.Lock()), "me")


@pytest.mark.parametrize("cost", [0.0, -1.0, float("nan"), float("inf")])
def test_a_cost_that_would_confuse_the_queue(cost: float):
    with pytest.raises(ValueError, match="cost must be positive"):
        job(cost=cost)


# ---- coming and going -----------------------------------------------------------------------


def test_no_process_before_the_first_run_and_none_after_a_rest(make_pool):
    clock = Clock()
    pool = make_pool(2, clock=clock)
    assert not threads()
    (told,) = finished(pool.submit(job("surroundings", seed=0), "me"))
    assert threads()
    clock.now += 301
    until(lambda: not threads())
    with pytest.raises(ProcessLookupError):
        os.kill(told["pid"], 0)
    finished(pool.submit(job("surroundings", seed=1), "me"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files by /proc")
def test_many_runs_and_deaths_leave_no_files_open(make_pool, tmp_path: Path):
    def once(seed: int) -> None:
        pool = make_pool(2)
        finished(pool.submit(job("surroundings", seed=seed), "me"))
        pool.submit(job("dies_at_once", seed=seed), "me").wait(timeout=PATIENCE)
        pid(pool.submit(job("endless", folder=str(tmp_path)), "me"))
        pool.close()

    once(0)
    before = len(os.listdir("/proc/self/fd"))
    for seed in range(1, 4):
        once(seed)
    assert len(os.listdir("/proc/self/fd")) == before


def test_closing_ends_what_runs_and_refuses_what_comes(make_pool, tmp_path: Path):
    pool = make_pool()
    view = pool.submit(job("endless", folder=str(tmp_path)), "me")
    worker = pid(view)
    waiting = pool.submit(job(steps=1), "me")
    pool.close()
    assert {view.snapshot().reason, waiting.snapshot().reason} == {"closed"}
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(job(steps=2), "me")
    pool.close()


SERVER = """
import signal, sys, time
from bn_ui.runs.pool import Pool
from tests.ui.run_work import job

signal.signal(signal.SIGINT, signal.default_int_handler)  # also if the tests run in the background
view = Pool(workers=1).submit(job("endless", folder=sys.argv[1]), "me")
view.wait(0)
print("running", flush=True)
if sys.argv[2] == "wait":
    time.sleep(60)
"""


def server(folder: Path, then: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVER, str(folder), then],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def is_gone(folder: Path) -> bool:
    """Whether no process holds the lock any more: also true of a zombie, which holds nothing."""
    with (folder / "alive").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_workers_die_with_a_server_that_is_killed(tmp_path: Path):
    with server(tmp_path, "wait") as parent:
        assert parent.stdout.readline() == "running\n"
        assert not is_gone(tmp_path)
        parent.kill()
        until(lambda: is_gone(tmp_path))


def test_ctrl_c_ends_all_without_a_word_of_the_workers(tmp_path: Path):
    with server(tmp_path, "wait") as parent:
        assert parent.stdout.readline() == "running\n"
        os.killpg(parent.pid, signal.SIGINT)
        _, said = parent.communicate(timeout=PATIENCE)
    assert said.count("Traceback") == said.count("KeyboardInterrupt") == 1, said
    until(lambda: is_gone(tmp_path))


def test_ctrl_c_does_not_disturb_a_worker_itself(make_pool, tmp_path: Path):
    view = make_pool().submit(job("endless", folder=str(tmp_path)), "me")
    os.kill(pid(view), signal.SIGINT)
    before = view.snapshot().events
    assert view.wait(before + 20, timeout=PATIENCE).state == "running"


def test_the_server_ends_by_itself_in_the_middle_of_a_run(tmp_path: Path):
    with server(tmp_path, "end") as parent:
        parent.wait(PATIENCE)
        assert is_gone(tmp_path), "the server waits for its workers"
        assert (parent.returncode, parent.stderr.read()) == (0, "")


FINISHING = """
import sys, time
from dataclasses import replace
from pathlib import Path
from bn_ui.runs.pool import Pool
from bn_ui.runs.store import Store
from tests.ui.run_work import encode, job

wanted = job(steps=3)
slow = replace(wanted.work, encode=lambda events: time.sleep(0.3) or encode(events))
Pool(workers=1, store=Store(Path(sys.argv[1]))).submit(replace(wanted, work=slow), "me").wait()
"""


def test_what_is_done_when_the_server_ends_is_still_written(tmp_path: Path):
    subprocess.run([sys.executable, "-c", FINISHING, str(tmp_path)], cwd=ROOT, check=True)
    assert [file.suffix for file in tmp_path.iterdir()] == [".npz"]


# ---- beforehand -----------------------------------------------------------------------------


def test_warm_computes_what_is_not_there(tmp_path: Path):
    jobs = [job(steps=3, seed=seed) for seed in range(5)]
    lines = list(warm(jobs, Store(tmp_path), workers=1))
    assert [line.split("s  ")[1] for line in lines] == [each.key for each in jobs]
    assert len(list(tmp_path.glob("*.npz"))) == 5
    assert not threads()


def test_warm_tells_of_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeError, match="not kept on disk"):
        list(warm([job(steps=1)], Store(tmp_path / "file" / "runs"), workers=1))


def test_warm_tells_of_a_run_that_fails(tmp_path: Path):
    with pytest.raises(RuntimeError, match="failed"):
        list(warm([job("broken", key="preset 7")], Store(tmp_path), workers=1))


def test_a_stranger_is_not_shown_what_somebody_stopped(
    make_pool: Callable[..., Pool], tmp_path: Path
):
    pool = make_pool(store=Store(tmp_path / "runs"))
    short, long = job("curve", steps=3), job("endless", folder=str(tmp_path))
    finished(pool.submit(short, "mine"))
    assert unbroken(pool.find(short, "stranger")).snapshot().state == "done"
    mine = pool.submit(long, "mine")
    mine.wait(0, timeout=PATIENCE)
    assert unbroken(pool.find(long, "mine")).snapshot().state == "running"
    mine.stop()
    assert unbroken(pool.find(long, "stranger")) is None
    assert pool.find(long, "mine").snapshot().state == "stopped"


def test_what_is_used_from_memory_is_used_on_disk(make_pool: Callable[..., Pool], tmp_path: Path):
    """... and not the first to make room there."""
    store = Store(tmp_path / "runs")
    pool, wanted = make_pool(store=store), job("curve", steps=3)
    finished(pool.submit(wanted, "mine"))
    pool.close()  # waits for the write
    (kept,) = [path for path in store.folder.iterdir() if path.is_file()]
    os.utime(kept, (1, 1))
    pool.find(wanted, "somebody")
    assert kept.stat().st_mtime > 1
