"""What tests of pages have for a pool does what the pool does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bn_ui.runs.pool import Pool
from bn_ui.runs.state import DONE, FAILED, RUNNING, STOPPED, WAITING, Limits, Refused
from tests.ui.pool_in_process import PoolInProcess
from tests.ui.run_work import job

PATIENCE = 60.0
GOOD, OTHER, THIRD = (job(steps=20, seed=seed, pause=0.01) for seed in range(3))
BROKEN = job("broken")
Make = Callable[..., Any]


@pytest.fixture(params=[Pool, PoolInProcess])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Either; what is begun in it is not over at once."""
    pools: list[Pool] = []

    def made(limits: Limits | None = None) -> Pool | PoolInProcess:
        limits = limits or Limits()
        if request.param is Pool:
            pools.append(Pool(workers=1, limits=limits))
            return pools[-1]
        pool = PoolInProcess(lambda _: [{"step": step} for step in range(20)], limits)
        pool.stand(WAITING)
        return pool

    yield made
    for pool in pools:
        pool.close()


def ended(pool: Any, view: Any, state: str) -> None:
    """The run comes to this end."""
    if isinstance(pool, PoolInProcess):
        pool.stand(state)
    else:
        view.wait(timeout=PATIENCE)
    assert view.snapshot().state == state


def test_the_same_job_is_the_same_run(make: Make):
    pool = make()
    assert pool.find(GOOD, "me") is None
    view = pool.submit(GOOD, "me")
    twice = pool.submit_all([GOOD, GOOD], "you")
    ended(pool, view, DONE)
    for other in (*twice, pool.find(GOOD, "me"), pool.submit(GOOD, "me")):
        assert other.snapshot() == view.snapshot()
        assert all(a is b for a, b in zip(other.since(0), view.since(0), strict=True))
    now = view.snapshot()
    assert (now.progress, now.events, now.position, now.seconds_left) == (1.0, 20, 0, 0.0)
    assert [event["step"] for event in view.since(18)] == [18, 19]


def test_what_was_stopped_is_begun_anew(make: Make):
    pool = make()
    view = pool.submit(GOOD, "me")
    view.stop()
    assert pool.find(GOOD, "me").snapshot().reason == "by_viewer"
    again = pool.submit(GOOD, "me")
    assert not again.snapshot().over
    ended(pool, again, DONE)
    again.stop()
    assert (view.snapshot().state, again.snapshot().state) == (STOPPED, DONE)


def test_what_has_failed_is_begun_anew(make: Make):
    pool = make()
    view = pool.submit(BROKEN, "me")
    ended(pool, view, FAILED)
    assert pool.find(BROKEN, "me").snapshot().state == FAILED
    if isinstance(pool, PoolInProcess):
        pool.stand(RUNNING)
    assert not pool.submit(BROKEN, "me").snapshot().over
    assert view.snapshot().state == FAILED


@pytest.mark.parametrize(
    ("limits", "whose"), [(Limits(waiting=1), "all"), (Limits(waiting_each=1), "yours")]
)
def test_all_are_begun_or_none(make: Make, limits: Limits, whose: str):
    pool = make(limits)
    with pytest.raises(Refused) as refused:
        pool.submit_all([GOOD, OTHER], "me")
    assert (refused.value.whose, refused.value.limit) == (whose, 1)
    assert pool.find(GOOD, "me") is None
    ended(pool, pool.submit_all([GOOD, GOOD], "me")[0], DONE)
    found, _ = pool.submit_all([GOOD, THIRD], "me")  # one that there is takes no room
    assert found.snapshot().state == DONE
