"""A school on one server: many tabs on all chapters, each making one change a second.

    python benchmarks/load.py [how many sessions] [seconds]

Real server, a websocket for each tab, which share the machine with it. First each chapter alone:
what its first run and a change cost the server. Then all at once: how long an answer takes. Goal:
at 100 sessions 95 % of the answers within 150 ms, and no error. The machine decides; read the ratio
to the same changes made one after the other.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamlit.proto.NumberInput_pb2 import NumberInput

from benchmarks.sessions import Session
from bn_ui.chapters import LESSONS
from tests.browser.serving import Server

SESSIONS, SECONDS = 100, 30
ALONE = 20  # changes of each chapter
OPENED_A_SECOND = 10
GOAL_MS = 150
CHAPTERS = [chapter.name for chapter in LESSONS]


@dataclass(frozen=True)
class Cost:
    """Of one chapter: CPU (ms), answer (ms) and size (KB) of a first run and of a change."""

    opening: float
    opening_size: float
    change: float
    change_size: float
    answer: float


def settings(box: NumberInput) -> Iterator[float]:
    """What somebody who plays with a box puts into it, one after the other, within its limits."""
    low = box.min if box.has_min else box.default - 10 * box.step
    high = box.max if box.has_max else box.default + 10 * box.step
    for n in itertools.cycle([*range(1, 8), *range(6, -1, -1)]):
        yield min(max(box.default + n * box.step, low), high)


async def opened(url: str, chapter: str, seed: int = 0) -> Session:
    session = Session(url, chapter, f"lang=en&revealed=1&quiz_seed={seed}")
    await session.__aenter__()
    return session


async def played_with(session: Session) -> NumberInput:
    """The first box of the chapter itself, which is the one beside its picture."""

    def own() -> list[NumberInput]:
        return [box for name, box in session.numbers.items() if "quiz" not in name]

    await session.until(lambda: bool(own()))
    return own()[0]


async def change(session: Session, box: NumberInput, value: float) -> float:
    """Milliseconds until the answer is there, and the box again if the whole page is drawn."""
    start = time.perf_counter()
    await session.fill(box.id, value)
    await session.until(lambda: box.id in session.widgets)
    return 1000 * (time.perf_counter() - start)


async def alone(url: str, pid: int, chapter: str) -> tuple[Cost, list[float]]:
    async with Session(url, chapter, "lang=en&revealed=1"):
        pass  # what is loaded and cached once for everybody
    before = cpu(pid)
    session = await opened(url, chapter)
    opening, opening_size = cpu(pid) - before, session.bytes
    box = await played_with(session)
    values = settings(box)
    for _ in range(3):
        await change(session, box, next(values))
    before, size = cpu(pid), session.bytes
    times = [await change(session, box, next(values)) for _ in range(ALONE)]
    spent, sent = (cpu(pid) - before) / ALONE, (session.bytes - size) / ALONE
    await session.__aexit__(None, None, None)
    assert not session.broken, f"{chapter} has failed"
    cost = Cost(opening, opening_size / 1e3, spent, sent / 1e3, statistics.median(times))
    return cost, times


async def everyone(
    url: str, sessions: int, seconds: float
) -> tuple[list[float], int, int, dict[str, list[float]]]:
    """Answers in ms (all, and by chapter), how many tabs have failed, how many bytes came."""
    tabs = []
    for n in range(sessions):
        tabs.append(
            (CHAPTERS[n % len(CHAPTERS)], await opened(url, CHAPTERS[n % len(CHAPTERS)], n))
        )
        await asyncio.sleep(1 / OPENED_A_SECOND)
    before = sum(session.bytes for _, session in tabs)
    times: dict[str, list[float]] = {chapter: [] for chapter in CHAPTERS}
    end = time.perf_counter() + seconds
    await asyncio.gather(*(play(session, times[chapter], end) for chapter, session in tabs))
    size = sum(session.bytes for _, session in tabs) - before
    broken = sum(bool(session.broken) for _, session in tabs)
    for _, session in tabs:
        await session.__aexit__(None, None, None)
    return [*itertools.chain(*times.values())], broken, size, times


async def play(session: Session, times: list[float], end: float) -> None:
    """A change a second, counted from the last one, whether it was answered at once or not."""
    box = await played_with(session)
    values = settings(box)
    due = time.perf_counter() + random.random()
    while due < end:
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        times.append(await change(session, box, next(values)))
        due = max(due + 1, time.perf_counter())


def cpu(pid: int) -> float:
    """Milliseconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Megabytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def percentiles(times: list[float]) -> str:
    if len(times) < 2:
        return f"{'–':>8}" * 3
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return "".join(f"{cuts[p - 1]:8.0f}" for p in (50, 95, 99))


def main(sessions: int, seconds: float) -> int:
    with Server(["-m", "streamlit", "run", "app.py"]) as server:
        pid = server.process.pid
        costs, one_by_one = {}, []
        for chapter in CHAPTERS:
            costs[chapter], times = asyncio.run(alone(server.url, pid, chapter))
            one_by_one += times
        memory, spent, start = resident(pid), cpu(pid), time.perf_counter()
        times, broken, size, by_chapter = asyncio.run(everyone(server.url, sessions, seconds))
        spent, took = cpu(pid) - spent, time.perf_counter() - start
        grown = resident(pid) - memory

    print(f"{'one tab alone':16}{'first run':>18}{'a change':>26}")
    print(f"{'':16}{'CPU ms':>10}{'KB':>8}{'CPU ms':>10}{'KB':>8}{'answer ms':>11}")
    for chapter, cost in costs.items():
        print(
            f"{chapter:16}{cost.opening:>10.0f}{cost.opening_size:>8.0f}{cost.change:>10.1f}"
            f"{cost.change_size:>8.0f}{cost.answer:>11.0f}"
        )
    print(f"\n{sessions} tabs, a change a second each, {seconds:.0f} s: {len(times)} changes")
    print(f"{'answers in ms':16}{'p50':>8}{'p95':>8}{'p99':>8}")
    for chapter, found in by_chapter.items():
        print(f"{chapter:16}{percentiles(found)}")
    print(f"{'all':16}{percentiles(times)}")
    print(f"{'one by one':16}{percentiles(one_by_one)}")
    print(
        f"server: {spent / took / 10:.0f}% of a core, {size / len(times) / 1e3:.0f} KB a change "
        f"before compression, {grown / sessions:.1f} MB a tab, tabs that failed: {broken}"
    )
    missed = statistics.quantiles(times, n=20)[-1] > GOAL_MS or broken
    print(f"goal: p95 within {GOAL_MS} ms, nothing fails: {'missed' if missed else 'met'}")
    return int(bool(missed))


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:3]]
    sys.exit(main(*given, *(SESSIONS, SECONDS)[len(given) :]))
