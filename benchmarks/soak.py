"""Does the server give back what it took? Many tabs opened, played with and closed, one after the
other; then memory, threads, open files and processes, against what they were once it was warm.

    python benchmarks/soak.py [how many tabs] [how many changes in all]

Goal: memory within 10 % of its level after warm-up, and no thread, file or process more. Python
collects by its own schedule only (``runner.postScriptGC`` is off).
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import CHAPTERS, change, opened, played_with, resident, settings
from tests.browser.serving import Server

TABS, CHANGES = 500, 10_000
AT_ONCE = 10
WARM_UP = 0.3  # of all tabs: caches are filled by then, and Streamlit keeps closed ones for a while
REST = 130.0  # seconds that Streamlit keeps a session whose tab has gone, and a little
GOAL = 0.10


@dataclass(frozen=True)
class Level:
    memory: float  # megabytes
    threads: int
    files: int
    processes: int


def level(pid: int) -> Level:
    process = Path(f"/proc/{pid}")
    children = [*process.glob("task/*/children")]
    return Level(
        memory=resident(pid),
        threads=len([*process.glob("task/*")]),
        files=len([*process.glob("fd/*")]),
        processes=sum(len(file.read_text().split()) for file in children),
    )


async def visit(url: str, number: int, changes: int) -> None:
    """One tab from its first look at a chapter to its last."""
    session = await opened(url, CHAPTERS[number % len(CHAPTERS)], number)
    box = await played_with(session)
    values = settings(box)
    for _ in range(changes):
        await change(session, box, next(values))
    await session.__aexit__(None, None, None)
    if session.broken:
        raise RuntimeError(f"{CHAPTERS[number % len(CHAPTERS)]} has failed")


async def visits(url: str, first: int, last: int, changes: int) -> None:
    for start in range(first, last, AT_ONCE):
        tabs = range(start, min(start + AT_ONCE, last))
        await asyncio.gather(*(visit(url, number, changes) for number in tabs))


def rested(url: str, pid: int) -> Level:
    """Once what is gone is forgotten, and somebody has looked once more."""
    asyncio.run(asyncio.sleep(REST))
    asyncio.run(visits(url, 0, len(CHAPTERS), 1))
    return level(pid)


def main(tabs: int, changes: int) -> int:
    each, warm = max(changes // tabs, 1), round(WARM_UP * tabs)
    with Server(["-m", "streamlit", "run", "app.py"]) as server:
        pid = server.process.pid
        levels = {"started": level(pid)}
        asyncio.run(visits(server.url, 0, warm, each))
        levels["warm"] = rested(server.url, pid)
        asyncio.run(visits(server.url, warm, tabs, each))
        levels["busy"] = level(pid)
        levels["at rest"] = rested(server.url, pid)
    print(f"{tabs} tabs opened and closed, {tabs * each} changes")
    print(f"{'':12}{'memory MB':>12}{'threads':>10}{'files':>8}{'processes':>12}")
    for name, now in levels.items():
        print(f"{name:12}{now.memory:>12.0f}{now.threads:>10}{now.files:>8}{now.processes:>12}")
    before, after = levels["warm"], levels["at rest"]
    grown = after.memory / before.memory - 1
    print(f"memory since it was warm: {grown:+.0%}")
    more = [n for n in ("threads", "files", "processes") if getattr(after, n) > getattr(before, n)]
    missed = grown > GOAL or more
    print(f"goal: within {GOAL:.0%}, nothing left open: {'missed' if missed else 'met'}", *more)
    return int(bool(missed))


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:3]]
    sys.exit(main(*given, *(TABS, CHANGES)[len(given) :]))
