"""The child process: runs one job after the other, ``python -m bn_ui.runs.worker``.

Three threads: the main one trains; one listens to the server, so that a stop is heard and a server
that is gone ends the process at once; one sends, so that many small events leave as few messages.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from queue import Empty, Queue
from typing import Any, BinaryIO

from bn_ui.runs.frames import receive, send

NICENESS = 10
# Twenty-five messages a second are more than an eye needs, and each wakes the server up.
PAUSE = 0.04
# If events come faster than they are sent, the training waits: memory stays bounded.
BACKLOG = 1000


class Channel:
    """The worker's end of the pipes."""

    def __init__(self, commands: BinaryIO, events: BinaryIO) -> None:
        self._commands, self._events = commands, events
        self._outgoing: Queue[tuple[str, Any]] = Queue(BACKLOG)
        self._jobs: Queue[tuple[int, str, bytes]] = Queue()
        self._stopped = -1
        for loop in (self._listen, self._speak):
            threading.Thread(target=loop, daemon=True).start()

    def jobs(self) -> Iterator[tuple[int, str, bytes]]:
        """(number of the run, path of its function, pickled settings), one after the other."""
        while True:
            yield self._jobs.get()

    def stopped(self, number: int) -> bool:
        return self._stopped == number

    def put(self, kind: str, content: Any = None) -> None:
        self._outgoing.put((kind, content))

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                match receive(self._commands):
                    case ("run", number, path, settings):
                        self._jobs.put((number, path, settings))
                    case ("stop", number):
                        self._stopped = number
        # In the middle of a training, too: nobody wants its result.
        os._exit(0)

    def _speak(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                batch = [self._outgoing.get()]
                with contextlib.suppress(Empty):
                    while len(batch) < BACKLOG:
                        batch.append(self._outgoing.get_nowait())
                send(self._events, batch)
                time.sleep(PAUSE)
        os._exit(0)


def run(channel: Channel, number: int, path: str, settings: bytes) -> None:
    """Train, and say how it ended: "done" and in how many seconds, "stopped" or "failed"."""
    channel.put("begun")
    try:
        events = _function(path)(pickle.loads(settings))
        start = time.perf_counter()
        for event in events:
            # Pickled here: the training may go on writing into the same arrays.
            channel.put("event", pickle.dumps(event, protocol=pickle.HIGHEST_PROTOCOL))
            if channel.stopped(number):
                events.close()
                channel.put("stopped")
                return
    except Exception:
        traceback.print_exc()
        channel.put("failed")
    else:
        channel.put("done", time.perf_counter() - start)


def _function(path: str) -> Callable[[Any], Any]:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output, taken away from whatever the training may print or ask."""
    commands, events = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return commands, events


def main() -> None:
    # Ctrl+C in a terminal reaches the whole group; the server decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    channel = Channel(*_own_pipes())
    for job in channel.jobs():
        run(channel, *job)


if __name__ == "__main__":
    main()
