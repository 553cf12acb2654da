"""Finished runs on disk: bounded, and never trusted more than a file deserves.

One ``.npz`` a run, named by the run's identity. Files are read without pickle, so that a file that
somebody else has put there can be wrong but cannot act. What cannot be read is removed, and what
cannot be written is not kept: a run never fails because of the disk.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bn_ui.runs.jobs import Event, Job

MEGABYTE = 2**20
_SUFFIX, _UNFINISHED = ".npz", ".part"
_SECONDS = "seconds_of_training"  # an array among those of the work
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stored:
    """A finished run.

    seconds : how long the training took when it was computed
    size : bytes that the events take, about
    """

    events: Sequence[Event]
    seconds: float
    size: int


class Store:
    """A folder of finished runs; those not used for longest make room. Safe between threads and
    between servers that share the folder: files are only ever replaced as a whole.

    problem : why nothing can be kept at the moment, one sentence for whoever runs the site; or ""
    """

    def __init__(self, folder: Path, *, limit: int = 200 * MEGABYTE) -> None:
        self.folder, self.limit = folder, limit
        self.problem = ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            self._complain(error)

    def load(self, job: Job) -> Stored | None:
        """The run, if it is there and readable. Reads one file: milliseconds."""
        path = self._path(job)
        try:
            # Opened here: NumPy does not close a damaged file that it has opened itself.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = dict(archive)
            seconds = float(arrays.pop(_SECONDS))
            size = sum(array.nbytes for array in arrays.values())
            found = Stored(list(job.work.decode(arrays)), seconds, size)
        except FileNotFoundError:
            return None
        # Whatever a damaged file makes zipfile, NumPy or the work say of it.
        except Exception as error:
            _log.warning("Removed a stored run that cannot be read: %s (%r)", path.name, error)
            _remove(path)
            return None
        self.touch(job)
        return found

    def touch(self, job: Job) -> None:
        """Used just now, be it from memory: the last to make room."""
        with contextlib.suppress(OSError):
            os.utime(self._path(job))

    def save(self, job: Job, run: Stored) -> None:
        """Keep the run, and make room if need be."""
        try:
            arrays = dict(job.work.encode(run.events)) | {_SECONDS: np.float64(run.seconds)}
            self._write(self._path(job), arrays)
            self._make_room()
        except OSError as error:
            self._complain(error)
        except Exception:
            _log.exception("The work's encode() made something that cannot be stored")
        else:
            self.problem = ""

    def _path(self, job: Job) -> Path:
        return self.folder / (job.identity + _SUFFIX)

    def _write(self, path: Path, arrays: dict[str, np.ndarray]) -> None:
        """Under another name first: a file with the right name is complete."""
        descriptor, name = tempfile.mkstemp(dir=self.folder, suffix=_UNFINISHED)
        try:
            with os.fdopen(descriptor, "wb") as file:
                # Not compressed: noise of training shrinks by a tenth and takes ten times as long.
                np.savez(file, allow_pickle=False, **arrays)
            os.replace(name, path)
        except BaseException:
            _remove(Path(name))
            raise

    def _make_room(self) -> None:
        """Also of what an interrupted write left: it grows old like the rest."""
        files = []
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another server made room, too
                if path.suffix in (_SUFFIX, _UNFINISHED):
                    files.append((path.stat().st_mtime_ns, path.stat().st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self.limit:
                return
            _remove(path)
            total -= size

    def _complain(self, error: OSError) -> None:
        """Once, and not at every run that follows."""
        if not self.problem:
            reason = error.strerror or error
            self.problem = f"Finished runs are not kept on disk: {self.folder}: {reason}."
            _log.warning("%s They are computed again after a restart.", self.problem)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
