"""A pool for tests of pages: what it is asked for is done at once, and as far as the test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bn_ui.runs.jobs import Event, Job
from bn_ui.runs.state import BY_VIEWER, DONE, RUNNING, STOPPED, Refused, Snapshot


@dataclass(eq=False)
class FakeView:
    """share : how much of the run has come, from 0 to 1"""

    events: Sequence[Event]
    share: float
    stopped: bool = False

    def snapshot(self) -> Snapshot:
        state = DONE if self.share == 1 else STOPPED if self.stopped else RUNNING
        reason = BY_VIEWER if state == STOPPED else ""
        return Snapshot(state, reason, 0, 0, self.share, 12.0, 34.0, len(self.since(0)), 1)

    def since(self, n: int) -> list[Event]:
        return list(self.events[n : round(self.share * len(self.events))])

    def stop(self) -> None:
        self.stopped = self.share < 1


@dataclass
class FakePool:
    """compute : a job's events. most : so many jobs are taken, then no more."""

    compute: Callable[[Job], Sequence[Event]]
    share: float = 1.0
    most: int = 1000
    views: dict[str, FakeView] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)

    def find(self, job: Job, viewer: str) -> FakeView | None:
        return self.views.get(job.identity)

    def submit_all(self, jobs: Sequence[Job], viewer: str) -> list[FakeView]:
        if len(jobs) > self.most:
            raise Refused("yours", self.most)
        return [self.submit(job, viewer) for job in jobs]

    def submit(self, job: Job, viewer: str) -> FakeView:
        self.asked.append(job.settings)
        found = self.views.get(job.identity)
        if found is None or found.stopped:
            self.views[job.identity] = FakeView(self.compute(job), self.share)
        return self.views[job.identity]
