"""The pool of workers: what does it cost to train outside the web server, and who has to wait?

    python benchmarks/runs.py

The training is a stand-in (products of matrices of a network's sizes), so that the pool is measured
and not what it runs. "A page meanwhile" is a fixed piece of a page's work, done again and again in
the server's process while the runs go on: the ratio says what a reader of another chapter notices.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bn_core import forward_train
from bn_ui.runs.jobs import Job, Work
from bn_ui.runs.pool import Pool, View, cores

STUDENTS = 30
SECONDS = 3.0  # of one run alone
GOAL_CLASS, GOAL_PAGE = 90.0, 0.2


def stand_in(settings: dict[str, float]) -> Iterator[dict]:
    """Train for some time on one core, with twenty events a second."""
    draws = np.random.default_rng(0)
    x, w = draws.normal(size=(60, 784)), draws.normal(size=(784, 100))
    end = time.process_time() + settings["seconds"]
    while time.process_time() < end:
        pause = time.perf_counter() + 0.05
        while time.perf_counter() < pause:
            np.tanh(x @ w)
        yield {"sent": time.monotonic(), "numbers": w[:10].copy()}


def ticks(settings: dict[str, float]) -> Iterator[dict]:
    for _ in range(int(settings["count"])):
        yield {"sent": time.monotonic(), "pid": os.getpid()}
        time.sleep(settings["pause"])


def job(function: Callable, **settings: float) -> Job:
    work = Work(f"benchmarks.runs:{function.__name__}", "1", lambda *_: 0.0, dict, list)
    return Job(work, repr(settings), settings.get("seconds", 1.0), settings)


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def milliseconds(times: list[float]) -> str:
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
    return f"{1e3 * statistics.median(times):8.1f} ms  p95 {1e3 * p95:6.1f} ms"


def starting(pool: Pool) -> tuple[float, float]:
    """Seconds until the first event of a run on a new worker, and on one that is there."""
    return tuple(
        timed(lambda n=n: pool.submit(job(ticks, count=n, pause=0.0), "me").wait()) for n in (1, 2)
    )


def latencies(pool: Pool) -> list[float]:
    """From an event's being made to its being seen."""
    view, seen = pool.submit(job(ticks, count=200, pause=0.013), "me"), []
    while len(seen) < 200:
        view.wait(len(seen))
        now = time.monotonic()
        seen += [now - event["sent"] for event in view.since(len(seen))]
    return seen


def stopping(pool: Pool) -> list[float]:
    """From Stop to the next run's first event on the only worker."""
    times = []
    for n in range(10):
        view = pool.submit(job(stand_in, seconds=100 + n), "me")
        view.wait(0)
        following = pool.submit(job(ticks, count=1, pause=n), "me")
        view.stop()
        times.append(timed(lambda view=following: view.wait(0)))
    return times


def memory(view: View) -> str:
    """What one worker takes that it does not share, where the system tells."""
    file = Path(f"/proc/{view.since(0)[0]['pid']}/smaps_rollup")
    if not file.exists():
        return "not known here"
    row = next(line for line in file.read_text().splitlines() if line.startswith("Pss:"))
    return f"{int(row.split()[1]) / 1024:8.1f} MB"


def page() -> None:
    """What moving a knob asks of the server, about: the frames around the new point."""
    x = np.random.default_rng(0).normal(size=(64, 16))
    for _ in range(100):
        forward_train(x)


def pages(going_on: Callable[[], bool]) -> list[float]:
    times = []
    while going_on() or not times:
        times.append(timed(page))
        time.sleep(0.05)
    return times


def classroom(pool: Pool) -> tuple[float, list[float], float]:
    """Seconds until the last of a class has its result, what a page took, and what polling took."""
    start = time.perf_counter()
    views = [
        pool.submit(job(stand_in, seconds=SECONDS - n / 1000), f"student {n}")
        for n in range(STUDENTS)
    ]
    polls: list[float] = []

    def going_on() -> bool:
        polls.extend(timed(lambda view=view: (view.snapshot(), view.since(0))) for view in views)
        return not all(view.snapshot().over for view in views)

    times = pages(going_on)
    return time.perf_counter() - start, times, statistics.median(polls)


def main() -> int:
    pool = Pool(workers=1)
    new, old = starting(pool)
    print(f"first result, new worker     {1e3 * new:8.1f} ms;  worker at hand {1e3 * old:6.1f} ms")
    print(f"event made to event seen     {milliseconds(latencies(pool))}")
    print(f"Stop to the next run's event {milliseconds(stopping(pool))}")
    flood = pool.submit(job(ticks, count=50_000, pause=0.0), "me")
    rate = 50_000 / timed(flood.wait)
    print(f"events a second, at most     {rate:8.0f}")
    print(f"memory of a worker           {memory(flood)}")
    pool.close()

    alone = [timed(page) for _ in range(100)]
    pool = Pool()
    last, meanwhile, poll = classroom(pool)
    pool.close()
    ratio = statistics.median(meanwhile) / statistics.median(alone)
    p95 = statistics.quantiles(meanwhile, n=20, method="inclusive")[-1]
    print(f"{STUDENTS} runs of {SECONDS:g} s on {cores()} cores: last one done after {last:.1f} s")
    print(f"a page alone                 {milliseconds(alone)}")
    print(f"a page meanwhile             {milliseconds(meanwhile)}  ({ratio:.2f}×)")
    print(f"one poll                     {1e6 * poll:8.1f} µs")
    return int(last > GOAL_CLASS or p95 > GOAL_PAGE)


if __name__ == "__main__":
    sys.exit(main())
