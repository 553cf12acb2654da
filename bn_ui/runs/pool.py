"""The pool: who waits, who runs, who watches. Knows neither pages nor what is trained.

Pages' threads only change the records, under one lock that is held for microseconds. One thread of
the pool, the manager, deals with the processes: it starts workers, hands out runs, and stops what
nobody watches. It ends with the last worker, so that a server at rest has neither.
"""

from __future__ import annotations

import atexit
import logging
import os
import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

from bn_ui.runs import state
from bn_ui.runs.frames import size, unpacked
from bn_ui.runs.jobs import Event, Job
from bn_ui.runs.process import Message, Process
from bn_ui.runs.state import Limits, Refused, Run, Snapshot
from bn_ui.runs.store import Store, Stored
from bn_ui.runs.waiting import Queue

# How much of what earlier runs say about this machine's speed is left after another one.
FADING = 0.7
ATTEMPTS = 2
_ENDS = (state.DONE, state.STOPPED, state.FAILED)
Order = Callable[[], None]
_log = logging.getLogger(__name__)


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(eq=False)
class Worker:
    """A place for a process, and what it does.

    run : what it was given and has not ended yet; None if it is free
    told : when it was told to stop that run
    since : since when it is free
    """

    run: Run | None = None
    process: Process | None = None
    told: float | None = None
    since: float = 0.0


class Pool:
    """Runs jobs in worker processes, the same job once for everybody.

    A run goes on for as long as somebody watches it. Viewers are told apart by any string, one for
    each browser tab.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        store: Store | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store, self.limits = store, limits or Limits()
        self._capacity = workers or cores()
        self._clock = clock
        self._lock = threading.RLock()
        self._due = threading.Condition(self._lock)  # something to do for the manager
        self._changed = threading.Condition(self._lock)  # something to see
        self._runs: OrderedDict[str, Run] = OrderedDict()  # those used last at the end
        self._queue = Queue(self.limits.ageing)
        self._workers: list[Worker] = []
        self._numbers = count()
        self._seconds, self._cost = 1.0, 1.0  # of runs that were done lately, faded
        self._manager: threading.Thread | None = None
        self._closed = False
        atexit.register(self.close)

    # ---- for pages -----------------------------------------------------------------------------

    def submit(self, job: Job, viewer: str) -> View:
        """The job's run: the one there is, waiting, running or done; otherwise a new one.

        A run that was stopped or has failed is begun anew. Raises Refused if too many are waiting.
        """
        return self.submit_all([job], viewer)[0]

    def submit_all(self, jobs: Sequence[Job], viewer: str) -> list[View]:
        """The run of each job, as `submit`. Raises Refused, and begins none, if any has no room."""
        found = [self._found(job) for job in jobs]
        settings = [pickle.dumps(job.settings) for job in jobs]
        with self._lock:
            found = [
                self._runs.get(job.identity, run) for job, run in zip(jobs, found, strict=True)
            ]
            new = {
                job.identity: (job, pickled)
                for job, pickled, run in zip(jobs, settings, found, strict=True)
                if run is None or run.state in (state.STOPPED, state.FAILED)
            }
            self._make_room(len(new), viewer)
            for job, pickled in new.values():
                self._enqueue(job, pickled, viewer)
            runs = [self._runs.get(job.identity, run) for job, run in zip(jobs, found, strict=True)]
            return [self._view(run, viewer) for run in runs]

    def find(self, job: Job, viewer: str) -> View | None:
        """The job's run if there is one, however it ended; starts nothing.

        One that is not in memory is looked for on disk, which takes milliseconds.
        """
        run = self._found(job)
        if run is None:
            return None
        with self._lock:
            return self._view(run, viewer)

    def _found(self, job: Job) -> Run | None:
        """In memory, or on disk."""
        with self._lock:
            run = self._runs.get(job.identity)
        if run is not None:
            if self.store:
                self.store.touch(job)
            return run
        stored = self.store.load(job) if self.store else None
        if stored is None:
            return None
        with self._lock:
            return self._runs.get(job.identity) or self._remember(job, stored)

    def close(self) -> None:
        """End all processes and threads, and wait for them; no run can be had any more."""
        with self._lock:
            self._closed = True
            for run in [*self._runs.values()]:
                self._end(run, state.STOPPED, state.CLOSED)
            self._due.notify()
            manager = self._manager
        if manager:
            manager.join()
        with self._lock:
            processes = [worker.process for worker in self._workers if worker.process]
        for process in processes:
            process.dismiss()
        for process in processes:
            if not process.join(self.limits.grace):
                process.kill()
                process.join(self.limits.grace)
        atexit.unregister(self.close)

    # ---- records; the lock is held -------------------------------------------------------------

    def _view(self, run: Run, viewer: str) -> View:
        if not run.forgotten:
            self._runs.move_to_end(run.job.identity)
        self._watch(run, viewer)
        return View(self, run, viewer)

    def _watch(self, run: Run, viewer: str) -> None:
        if not run.over:
            run.viewers[viewer] = self._clock()

    def _make_room(self, new: int, viewer: str) -> None:
        if not new:
            return
        if self._closed:
            raise RuntimeError("the pool is closed")
        if len(self._queue) + new > self.limits.waiting:
            raise Refused("all", self.limits.waiting)
        if sum(viewer in run.viewers for run in self._queue) + new > self.limits.waiting_each:
            raise Refused("yours", self.limits.waiting_each)

    def _enqueue(self, job: Job, settings: bytes, viewer: str) -> None:
        run = Run(job, next(self._numbers), self._clock(), settings)
        self._runs[job.identity] = run
        self._queue.add(run)
        if self._manager is None or not self._manager.is_alive():
            self._manager = threading.Thread(target=self._manage, name="bn-runs", daemon=True)
            self._manager.start()
        self._due.notify()

    def _remember(self, job: Job, stored: Stored) -> Run:
        """A run out of the store, done."""
        run = Run(job, next(self._numbers), self._clock(), state=state.DONE, progress=1.0)
        run.events, run.seconds, run.size = [*stored.events], stored.seconds, run.size + stored.size
        self._runs[job.identity] = run
        self._forget()
        return run

    def _end(self, run: Run, how: str, reason: str = "") -> None:
        """The end of a run, unless it has ended before: what was said first holds."""
        if run.over:
            return
        run.seconds = run.trained(self._clock())
        if self._queue.position(run):
            self._queue.remove(run)
        run.state, run.reason, run.settings = how, reason, b""
        run.viewers.clear()
        self._runs.move_to_end(run.job.identity)
        self._forget()
        self._due.notify()
        self._changed.notify_all()

    def _forget(self) -> None:
        """Of the runs that are over, the ones not used for longest, until the rest fits.

        Their events go, whoever holds a view: what tabs have on their screens is not bounded.
        """
        over = [run for run in self._runs.values() if run.over]
        total = sum(run.size for run in over)
        for run in over[:-1]:
            if total <= self.limits.memory:
                return
            del self._runs[run.job.identity]
            run.events, run.forgotten = [], True
            total -= run.size

    def _recall(self, run: Run) -> Run:
        """A run, or the record that stands for it since it was forgotten.

        One that is on no disk either, as it was stopped before its end, has lost its events.
        """
        if not run.forgotten:
            return run
        found = self._found(run.job)
        if found is not None and found.state == state.DONE:
            return found
        return replace(run, state=state.STOPPED, reason=state.FORGOTTEN, forgotten=False)

    def _let_go(self, run: Run, viewer: str, reason: str) -> None:
        run.viewers.pop(viewer, None)
        if not run.viewers:
            self._end(run, state.STOPPED, reason)

    def _snapshot(self, run: Run) -> Snapshot:
        now, pace = self._clock(), self._seconds / self._cost
        left, position = run.left(now, pace), self._queue.position(run)
        if position:
            busy = [w.run.left(now, pace) if w.run else 0.0 for w in self._workers]
            free = [0.0] * (self._capacity - len(busy))
            left += self._queue.starts_in(run, busy + free, pace)
        return Snapshot(
            state=run.state,
            reason=run.reason,
            position=position,
            queued=len(self._queue),
            progress=run.progress,
            seconds=run.trained(now),
            seconds_left=left,
            events=len(run.events),
            viewers=len(run.viewers),
        )

    # ---- the manager's thread ------------------------------------------------------------------

    def _manage(self) -> None:
        while True:
            with self._lock:
                self._sweep()
                orders = [*self._assign(), *self._tell(), *self._dismiss()]
                if self._closed or not (self._workers or self._queue or orders):
                    self._manager = None
                    return
                if not orders:
                    self._due.wait(self.limits.tick)
            for order in orders:  # to pipes and processes, without the lock
                order()

    def _sweep(self) -> None:
        """Stop what nobody watches and what takes too long."""
        now = self._clock()
        for run in [run for run in self._runs.values() if not run.over]:
            for viewer, looked in [*run.viewers.items()]:
                if now - looked > self.limits.unwatched:
                    self._let_go(run, viewer, state.UNWATCHED)
            if run.trained(now) > self.limits.longest:
                self._end(run, state.FAILED, state.TOO_LONG)

    def _assign(self) -> Iterator[Order]:
        """Runs to free workers, and to new ones as long as there may be more."""
        while self._queue:
            worker = next((worker for worker in self._workers if worker.run is None), None)
            if worker is None:
                if len(self._workers) >= self._capacity:
                    return
                worker = Worker()
                self._workers.append(worker)
            run = worker.run = self._queue.take()
            run.state, run.attempts, worker.told = state.RUNNING, run.attempts + 1, None
            self._changed.notify_all()
            yield partial(self._start, worker, run)

    def _tell(self) -> Iterator[Order]:
        """Workers whose run is over: to stop; and if they do not, by force."""
        now = self._clock()
        for worker in self._workers:
            if worker.run is None or not worker.run.over or worker.process is None:
                continue
            if worker.told is None:
                worker.told = now
                yield partial(worker.process.stop, worker.run.number)
            elif now - worker.told > self.limits.grace:
                yield worker.process.kill
                worker.told = now

    def _dismiss(self) -> Iterator[Order]:
        """Workers that have had nothing to do for long: home."""
        now = self._clock()
        for worker in [*self._workers]:
            if worker.run is None and now - worker.since > self.limits.idle:
                self._workers.remove(worker)
                yield worker.process.dismiss

    def _start(self, worker: Worker, run: Run) -> None:
        try:
            if worker.process is None:
                heard, gone = partial(self._heard, worker), partial(self._gone, worker)
                worker.process = Process(heard, gone)
        except Exception:  # no process, no thread: whatever it is, this thread goes on
            _log.exception("No worker process could be started")
            self._gone(worker)
        else:
            worker.process.run(run.number, run.job.work.path, run.settings)

    # ---- the threads that listen to the workers ------------------------------------------------

    def _heard(self, worker: Worker, messages: list[Message]) -> None:
        run = worker.run
        events = [content for kind, content in messages if kind == "event" and not run.over]
        try:
            self._add(run, [unpacked(event) for event in events], sum(map(size, events)))
        except Exception:
            _log.exception("An event could not be read")
            with self._lock:
                self._end(run, state.FAILED, state.ERROR)
        for kind, content in messages:
            if kind in _ENDS:
                self._ended(worker, run, kind, content)

    def _add(self, run: Run, events: list[Event], taken: int) -> None:
        job = run.job
        progress = job.work.progress(events[-1], job.settings) if events else None
        with self._lock:
            if run.over:
                return
            if run.begun is None:
                run.begun = self._clock()
            if progress is not None:
                run.progress = min(max(progress, 0.0), 1.0)
            run.events += events
            run.size += taken
            self._changed.notify_all()

    def _ended(self, worker: Worker, run: Run, how: str, seconds: float | None) -> None:
        with self._lock:
            worker.run, worker.since = None, self._clock()
            self._due.notify()
            self._end(run, how, state.ERROR if how == state.FAILED else "")
            if run.state != state.DONE:
                return
            run.seconds, run.progress = seconds, 1.0
            self._seconds = FADING * self._seconds + seconds
            self._cost = FADING * self._cost + run.job.cost
            stored = Stored(run.events, run.seconds, run.size)  # before it can be forgotten
        if self.store:
            self.store.save(run.job, stored)

    def _gone(self, worker: Worker) -> None:
        """Its process has ended. A run that it had not begun is given to another one."""
        with self._lock:
            if worker in self._workers:
                self._workers.remove(worker)
            run = worker.run
            if run and not run.over and run.begun is None and run.attempts < ATTEMPTS:
                run.state = state.WAITING
                self._queue.add(run)
            elif run:
                self._end(run, state.FAILED, state.WORKER_DIED)
            self._due.notify()


class View:
    """A run as one viewer follows it. Asking never waits for the training.

    To look at it is to watch it: a page that shows a run calls ``snapshot`` at every redraw.
    """

    def __init__(self, pool: Pool, run: Run, viewer: str) -> None:
        self._pool, self._run, self._viewer = pool, run, viewer
        self._last: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        return self._asked(self._now)

    def since(self, n: int) -> list[Event]:
        """The events after the first ``n``. All viewers see the same objects."""
        return self._asked(lambda run: run.events[n : self._last.events if self._last else None])

    def _asked(self, question: Callable[[Run], Any]) -> Any:
        """The answer of the run, forgotten or not."""
        while True:
            self._run = run = self._pool._recall(self._run)
            with self._pool._lock:
                if not run.forgotten:
                    return question(run)

    def _now(self, run: Run) -> Snapshot:
        if self._last and run.reason != state.FORGOTTEN:
            return self._last
        self._pool._watch(run, self._viewer)
        return self._pool._snapshot(run)

    def stop(self) -> None:
        """Stop following: to this viewer the run is stopped and stays as it is now.

        The training itself ends if nobody else follows it; otherwise it goes on for them.
        """
        with self._pool._lock:
            if self._last or self._run.over:
                return
            self._pool._let_go(self._run, self._viewer, state.BY_VIEWER)
            now = self._pool._snapshot(self._run)
            self._last = replace(
                now, state=state.STOPPED, reason=state.BY_VIEWER, position=0, seconds_left=0.0
            )

    def wait(self, n: int | None = None, timeout: float | None = None) -> Snapshot:
        """Wait until there are more than ``n`` events (None: all), or it is over. Not for pages."""
        self._run = self._pool._recall(self._run)  # which may read the disk
        with self._pool._lock:
            self._pool._changed.wait_for(lambda: self._reached(n), timeout)
            return self.snapshot()

    def _reached(self, n: int | None) -> bool:
        snapshot = self.snapshot()
        return snapshot.over or (n is not None and snapshot.events > n)


def unbroken(view: View | None) -> View | None:
    """A view, unless its run was stopped or has failed: what may be shown to somebody who has not
    asked for it."""
    broken = view is not None and view.snapshot().state in (state.STOPPED, state.FAILED)
    return None if broken else view
