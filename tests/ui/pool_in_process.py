"""The pool as pages know it, without processes: a run is computed at once, and then stands where
the test puts it.

The fixture ``pool`` is one. By default its runs are done; ``pool.stand(RUNNING, 0.5)`` says
otherwise, of those to come and of those that are not over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from bn_core.training_config import TrainingConfig
from bn_ui.runs.jobs import Event, Job
from bn_ui.runs.state import (
    BY_VIEWER,
    DONE,
    FAILED,
    RUNNING,
    STOPPED,
    WAITING,
    WORKER_DIED,
    Limits,
    Refused,
    Snapshot,
)

_SHARES = {WAITING: 0.0, RUNNING: 0.5, DONE: 1.0, STOPPED: 0.5, FAILED: 0.5}
_REASONS = {STOPPED: BY_VIEWER, FAILED: WORKER_DIED}


def computed(job: Job, shrink: Callable[[Any], Any] = lambda settings: settings) -> list[Event]:
    """The job's own events; ``shrink`` makes its settings ones that take less time."""
    module, _, name = job.work.path.partition(":")
    return [*getattr(import_module(module), name)(shrink(job.settings))]


def small(config: TrainingConfig) -> TrainingConfig:
    """A training of the same kind that takes milliseconds."""
    size = max(config.batch_size, 300)
    return replace(config, steps=min(config.steps, 12), moments=8, train_size=size)


@dataclass(eq=False)
class Run:
    """A run, and the view of it, which is the same for all viewers.

    events : all there will be when it is done; ``share`` of them have come
    """

    events: Sequence[Event]
    state: str = DONE
    share: float = 1.0
    reason: str = ""

    def stand(self, state: str, share: float | None = None, reason: str | None = None) -> None:
        self.state = state
        self.share = _SHARES[state] if share is None else share
        self.reason = _REASONS.get(state, "") if reason is None else reason

    def snapshot(self) -> Snapshot:
        over, waiting = self.state not in (WAITING, RUNNING), self.state == WAITING
        return Snapshot(
            state=self.state,
            reason=self.reason,
            position=2 if waiting else 0,
            queued=3 if waiting else 0,
            progress=self.share,
            seconds=1.5,
            seconds_left=0.0 if over else 2.0,
            events=len(self.since(0)),
            viewers=0 if over else 1,
        )

    def since(self, n: int) -> list[Event]:
        return [*self.events[n : round(self.share * len(self.events))]]

    def stop(self) -> None:
        if not self.snapshot().over:
            self.stand(STOPPED, self.share)


@dataclass
class PoolInProcess:
    """What pages ask of a pool.

    compute : all events of a job
    limits : how many runs may wait; ``Limits(waiting_each=0)`` refuses every new one
    asked : the settings that were submitted, in order, granted or not
    runs : by the jobs' identities
    """

    compute: Callable[[Job], Sequence[Event]] = computed
    limits: Limits = field(default_factory=Limits)
    asked: list[Any] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    _standing: tuple[Any, ...] = (DONE,)

    def stand(self, state: str, share: float | None = None, reason: str | None = None) -> None:
        """How the runs stand from now on: those to come, and those that are not over.

        Without ``share``, half of a run that goes on or has broken off; without ``reason``, it was
        stopped by its viewer, or failed with its worker.
        """
        self._standing = (state, share, reason)
        for run in self.runs.values():
            if not run.snapshot().over:
                run.stand(*self._standing)

    def find(self, job: Job, viewer: str) -> Run | None:
        assert viewer
        return self.runs.get(job.identity)

    def submit(self, job: Job, viewer: str) -> Run:
        return self.submit_all([job], viewer)[0]

    def submit_all(self, jobs: Sequence[Job], viewer: str) -> list[Run]:
        assert viewer
        self.asked += [job.settings for job in jobs]
        self._make_room(len({job.identity for job in jobs if self._is_new(job)}))
        for job in jobs:
            if self._is_new(job):
                run = self.runs[job.identity] = Run(self.compute(job))
                run.stand(*self._standing)
        return [self.runs[job.identity] for job in jobs]

    def _is_new(self, job: Job) -> bool:
        run = self.runs.get(job.identity)
        return run is None or run.state in (STOPPED, FAILED)

    def _make_room(self, new: int) -> None:
        """All that wait are taken to be the viewer's own."""
        total = new + sum(run.state == WAITING for run in self.runs.values())
        for whose, most in (("all", self.limits.waiting), ("yours", self.limits.waiting_each)):
            if new and total > most:
                raise Refused(whose, most)
