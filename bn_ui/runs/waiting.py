"""The queue: shortest first, but nobody waits forever."""

from __future__ import annotations

import heapq
from bisect import insort
from collections.abc import Iterable, Iterator

from bn_ui.runs.state import Run


class Queue:
    """Waiting runs in the order in which they will start.

    A run's rank is when it was asked for plus ``ageing`` times its cost. It orders like "cost minus
    a bonus for waiting" and never changes, so that the queue is sorted once; and a run of cost c is
    overtaken only by shorter ones asked for within ``ageing * c`` seconds after it.
    """

    def __init__(self, ageing: float) -> None:
        self._ageing = ageing
        self._runs: list[Run] = []

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def add(self, run: Run) -> None:
        insort(self._runs, run, key=self._rank)

    def take(self) -> Run:
        return self._runs.pop(0)

    def remove(self, run: Run) -> None:
        self._runs.remove(run)

    def position(self, run: Run) -> int:
        """1 for the next one; 0 for a run that does not wait here."""
        return self._runs.index(run) + 1 if run in self._runs else 0

    def starts_in(self, run: Run, free_in: Iterable[float], pace: float) -> float:
        """Seconds until the run starts, if workers become free in ``free_in`` seconds each."""
        workers = list(free_in)
        heapq.heapify(workers)
        for ahead in self._runs:
            if ahead is run:
                break
            heapq.heapreplace(workers, workers[0] + ahead.job.cost * pace)
        return workers[0]

    def _rank(self, run: Run) -> tuple[float, int]:
        return run.asked + self._ageing * run.job.cost, run.number
