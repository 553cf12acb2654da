"""What is asked for: a function that trains, and its settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

Event = Any  # whatever the work yields; it must be picklable
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Work:
    """A way of training, and how its events are read.

    path : "package.module:function". The function takes the settings and yields events; its
        ``finally`` runs when a run is stopped. It is stopped between two events only, so it should
        yield at least five times a second.
    version : other results, other version: what an older one left on disk is not used
    progress : what share of a run is done, from 0 to 1, when this event of these settings arrives
    encode, decode : all events of a run as arrays and back, for the disk; no object arrays. What
        only mattered while it was running (``progress``) need not be kept.
    """

    path: str
    version: str
    progress: Callable[[Event, Any], float]
    encode: Callable[[Sequence[Event]], Arrays]
    decode: Callable[[Arrays], Sequence[Event]]


@dataclass(frozen=True)
class Job:
    """One training run to be had. Equal keys of the same work and version are the same run.

    key : the settings in a canonical form
    cost : about how many seconds it takes alone; what matters is which job costs more
    settings : what the function is called with; picklable, and small (it waits in a pipe)
    """

    work: Work
    key: str
    cost: float
    settings: Any

    def __post_init__(self) -> None:
        if not (math.isfinite(self.cost) and self.cost > 0):
            raise ValueError(f"cost must be positive and finite, got {self.cost}")

    @property
    def identity(self) -> str:
        """The same for equal settings, another for any others; a file name."""
        return sha256("\n".join((self.work.path, self.work.version, self.key)).encode()).hexdigest()


def version_of(*files: Path) -> str:
    """A version for results that depend on these files: code and data."""
    digest = sha256(np.__version__.encode())
    for file in sorted(files):
        digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()
