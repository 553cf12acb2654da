"""A pool without processes: a run is computed when it is asked for, up to where a test lets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from bn_ui.runs.jobs import Job
from bn_ui.runs.state import (
    BY_VIEWER,
    DONE,
    FAILED,
    RUNNING,
    STOPPED,
    WAITING,
    WORKER_DIED,
    Refused,
    Snapshot,
)


@dataclass
class Run:
    job: Job
    events: list[Any]
    let: int  # how many of the events have come
    state: str
    reason: str = ""

    def now(self) -> Snapshot:
        progress = self.let / len(self.events)
        return Snapshot(
            state=self.state,
            reason=self.reason,
            position=2 if self.state == WAITING else 0,
            queued=3 if self.state == WAITING else 0,
            progress=progress,
            seconds=1.5,
            seconds_left=0.0 if self.state == DONE else 2.0,
            events=self.let,
            viewers=1,
        )


@dataclass
class View:
    run: Run

    def snapshot(self) -> Snapshot:
        return self.run.now()

    def since(self, n: int) -> list[Any]:
        return self.run.events[n : self.run.let]

    def stop(self) -> None:
        if self.run.state in (RUNNING, WAITING):
            self.run.state, self.run.reason = STOPPED, BY_VIEWER


@dataclass
class InlinePool:
    """mode : what becomes of a run: "done", "running" (half of it), "waiting", "refused", "dies"

    Settings are made small, so that a test is quick: ``shrink`` says how.
    """

    mode: str = "done"
    shrink: Callable[[Any], Any] = lambda config: config
    runs: dict[str, Run] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)

    def submit_all(self, jobs: Sequence[Job], viewer: str) -> list[View]:
        if self.mode == "refused":
            raise Refused("yours", 8)
        return [self.submit(job, viewer) for job in jobs]

    def submit(self, job: Job, viewer: str) -> View:
        assert viewer
        self.asked.append(job.settings)
        run = self.runs.get(job.identity)
        if run is None or run.state in (STOPPED, FAILED):
            run = self.runs[job.identity] = self._made(job)
        return View(run)

    def find(self, job: Job, viewer: str) -> View | None:
        run = self.runs.get(job.identity)
        return None if run is None else View(run)

    def finish(self) -> None:
        for run in self.runs.values():
            run.let, run.state, run.reason = len(run.events), DONE, ""

    def _made(self, job: Job) -> Run:
        module, name = job.work.path.split(":")
        events = [*getattr(import_module(module), name)(self.shrink(job.settings))]
        match self.mode:
            case "running":
                return Run(job, events, len(events) // 2, RUNNING)
            case "waiting":
                return Run(job, events, 0, WAITING)
            case "dies":
                return Run(job, events, len(events) // 3, FAILED, WORKER_DIED)
        return Run(job, events, len(events), DONE)


def small(config: Any) -> Any:
    """A training of the same kind that takes milliseconds."""
    return replace(config, steps=min(config.steps, 12), moments=8, train_size=max(
        config.batch_size, 300))  # fmt: skip
