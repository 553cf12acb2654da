"""One worker process, seen from the server."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bn_ui.runs.frames import receive, send

ROOT = Path(__file__).resolve().parents[2]
# Two workers on two cores must not start four threads. It is read when NumPy is imported, so it has
# to be there before.
ONE_THREAD = {
    f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB")
}
Message = tuple[str, Any]  # what happened in the run it was given last, and more about it


class Process:
    """A child and the thread that listens to it.

    heard(messages) : called by that thread for what arrives
    gone() : called by that thread once, when the child has ended, for whatever reason
    """

    def __init__(self, heard: Callable[[list[Message]], None], gone: Callable[[], None]) -> None:
        self._heard, self._gone = heard, gone
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bn_ui.runs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,  # where -m looks for it
            env=os.environ | ONE_THREAD,
        )
        self._listener = threading.Thread(target=self._listen, name="bn-run", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    def run(self, number: int, path: str, settings: bytes) -> None:
        self._send(("run", number, path, settings))

    def stop(self, number: int) -> None:
        """End this run as soon as it yields."""
        self._send(("stop", number))

    def dismiss(self) -> None:
        """Let it end by itself: it does when there is nothing more to come."""
        with contextlib.suppress(OSError):
            self._child.stdin.close()

    def kill(self) -> None:
        self._child.kill()

    def join(self, timeout: float) -> bool:
        """Wait until it has ended and all of it is gone; False if it has not."""
        self._listener.join(timeout)
        return not self._listener.is_alive()

    def _send(self, message: Any) -> None:
        # A child that is gone is reported by the thread that listens.
        with contextlib.suppress(OSError, ValueError):
            send(self._child.stdin, message)

    def _listen(self) -> None:
        try:
            while True:
                self._heard(receive(self._child.stdout))
        except EOFError:
            pass
        except Exception:
            logging.getLogger(__name__).exception("A message of a worker could not be understood")
            self.kill()
        self._child.wait()
        self._child.stdout.close()
        self.dismiss()
        self._gone()
