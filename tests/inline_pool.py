"""A pool that trains at once, in the test's own process, instead of in worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module

from bn_ui.runs import state
from bn_ui.runs.jobs import Event, Job
from bn_ui.runs.state import Refused, Snapshot


@dataclass
class View:
    events: Sequence[Event]
    state: str = state.DONE
    reason: str = ""
    progress: float = 1.0

    def snapshot(self) -> Snapshot:
        return Snapshot(
            state=self.state,
            reason=self.reason,
            position=0,
            queued=0,
            progress=self.progress,
            seconds=0.2,
            seconds_left=0.3,
            events=len(self.events),
            viewers=1,
        )

    def since(self, n: int) -> Sequence[Event]:
        return self.events[n:]


@dataclass
class InlinePool:
    """What pages ask of a pool. ``full``: it refuses; ``otherwise``: every run is in this state."""

    full: bool = False
    otherwise: View | None = None
    views: dict[str, View] = field(default_factory=dict)
    submitted: list[Job] = field(default_factory=list)

    def find(self, job: Job, viewer: str) -> View | None:
        return self.views.get(job.identity)

    def submit_all(self, jobs: Sequence[Job], viewer: str) -> list[View]:
        return [self.submit(job, viewer) for job in jobs]

    def submit(self, job: Job, viewer: str) -> View:
        assert viewer
        if self.full:
            raise Refused("all", 3)
        self.submitted.append(job)
        module, _, name = job.work.path.partition(":")
        run = self.otherwise or View([*getattr(import_module(module), name)(job.settings)])
        return self.views.setdefault(job.identity, run)
