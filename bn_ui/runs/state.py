"""A run as the pool knows it, as a page sees it, and what is allowed."""

from __future__ import annotations

from dataclasses import dataclass, field

from bn_ui.runs.jobs import Event, Job

MEGABYTE = 2**20

WAITING, RUNNING, DONE, STOPPED, FAILED = "waiting", "running", "done", "stopped", "failed"
# Why a run was stopped or failed.
BY_VIEWER, UNWATCHED, CLOSED = "by_viewer", "unwatched", "closed"
FORGOTTEN = "forgotten"
WORKER_DIED, ERROR, TOO_LONG = "worker_died", "error", "too_long"
# Bytes of a record without its events, on the high side: it also bounds how many there are.
RECORD = 16 * 1024
# From this share on, the run's own speed says more about the time left than its cost does.
TRUSTED_PROGRESS = 0.05


@dataclass(frozen=True)
class Limits:
    """What one server grants. Times in seconds.

    waiting, waiting_each : runs in the queue, of all viewers and of one
    ageing : a run is overtaken by shorter ones only if they are asked for within this time a second
        of its cost
    unwatched : a run at which nobody has looked for so long is stopped
    longest : no run takes longer
    grace : a stopped run that has not yielded after so long is ended with its process
    idle : a worker that has had nothing to do for so long is sent home
    memory : bytes, about, of runs that are over and kept for the next viewer; more may be on disk
    tick : how often the clock is looked at
    """

    waiting: int = 300
    waiting_each: int = 16
    ageing: float = 4.0
    unwatched: float = 120.0
    longest: float = 600.0
    grace: float = 3.0
    idle: float = 300.0
    memory: int = 64 * MEGABYTE
    tick: float = 1.0


class Refused(Exception):
    """There are too many waiting runs: of this viewer ("yours") or of all ("all")."""

    def __init__(self, whose: str, limit: int) -> None:
        super().__init__(f"{limit} runs are waiting ({whose})")
        self.whose, self.limit = whose, limit


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment.

    state : one of waiting, running, done, stopped, failed
    reason : why it was stopped or failed, a name in the labels' [runs]; otherwise ""
    position, queued : place in the queue (1 is next; 0: not in it), and how many wait in all
    progress : from 0 to 1
    seconds : how long it has been training, or took when it was computed
    seconds_left : until it is done, the wait included; an estimate
    events : how many there are
    viewers : how many look at it
    """

    state: str
    reason: str
    position: int
    queued: int
    progress: float
    seconds: float
    seconds_left: float
    events: int
    viewers: int

    @property
    def over(self) -> bool:
        return self.state not in (WAITING, RUNNING)


@dataclass(eq=False)
class Run:
    """The pool's record of a run; touched under the pool's lock only."""

    job: Job
    number: int
    asked: float
    settings: bytes = b""
    state: str = WAITING
    reason: str = ""
    attempts: int = 0
    begun: float | None = None
    seconds: float = 0.0  # once it is over
    progress: float = 0.0
    size: int = RECORD
    events: list[Event] = field(default_factory=list)
    viewers: dict[str, float] = field(default_factory=dict)  # and when they looked last
    forgotten: bool = False  # for want of memory; its events are on disk, or nowhere

    @property
    def over(self) -> bool:
        return self.state not in (WAITING, RUNNING)

    def trained(self, now: float) -> float:
        """Seconds of training so far."""
        if self.over:
            return self.seconds
        return 0.0 if self.begun is None else now - self.begun

    def left(self, now: float, pace: float) -> float:
        """Seconds of training still to come; ``pace`` is what a second of cost takes."""
        if self.over:
            return 0.0
        trained = self.trained(now)
        if self.progress >= TRUSTED_PROGRESS:
            return trained * (1 - self.progress) / self.progress
        return max(self.job.cost * pace - trained, 0.0)
