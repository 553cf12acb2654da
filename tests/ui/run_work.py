"""Toy trainings for the tests of ``bn_ui.runs``, and the plain way in which they are kept.

Each is given a dictionary and yields dictionaries. ``folder`` in it is where a test and a training
meet: files that one makes and the other waits for.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bn_ui.runs.jobs import Arrays, Event, Job, Work

POLL = 0.005


def curve(settings: dict[str, Any]) -> Iterator[Event]:
    """``steps`` events; every one is announced by an array that the next one overwrites."""
    draws = np.random.default_rng(settings.get("seed", 0))
    weights = np.zeros(4)
    for step in range(settings["steps"]):
        weights += draws.normal(size=4)
        yield {"step": step, "of": settings["steps"], "weights": weights}
        time.sleep(settings.get("pause", 0.0))


def gated(settings: dict[str, Any]) -> Iterator[Event]:
    """One event, then none until the file ``open`` is there."""
    folder, name = Path(settings["folder"]), settings["name"]
    (folder / f"{name}.{time.time_ns()}.begun").touch()
    yield {"step": 0, "of": 2, "weights": np.zeros(4)}
    while not (folder / "open").exists():
        time.sleep(POLL)
    yield {"step": 1, "of": 2, "weights": np.ones(4)}


def endless(settings: dict[str, Any]) -> Iterator[Event]:
    """An event every few milliseconds; tells in ``closed`` that it was stopped properly.

    As long as its process lives, in whatever way it ends, it holds a lock on ``alive``.
    """
    alive = (Path(settings["folder"]) / "alive").open("w")
    fcntl.flock(alive, fcntl.LOCK_EX)
    try:
        for step in itertools.count():
            yield {"step": step, "of": 1e9, "weights": np.zeros(4), "pid": os.getpid()}
            time.sleep(POLL)
    finally:
        (Path(settings["folder"]) / "closed").touch()
        alive.close()


def silent(settings: dict[str, Any]) -> Iterator[Event]:
    """Hears no stop: after its first event it never yields again."""
    yield {"step": 0, "of": 2, "weights": np.zeros(4), "pid": os.getpid()}
    while True:
        time.sleep(POLL)


def broken(settings: dict[str, Any]) -> Iterator[Event]:
    yield {"step": 0, "of": 2, "weights": np.zeros(4)}
    raise ValueError("diverged")


def talkative(settings: dict[str, Any]) -> Iterator[Event]:
    """Prints and asks, which must not end up among the messages."""
    os.write(1, b"a line from a library\n")
    print("a line from Python", flush=True)
    try:
        input()
    except EOFError:
        yield {"step": 0, "of": 1, "weights": np.zeros(4)}


def dies_at_once(settings: dict[str, Any]) -> Iterator[Event]:
    os._exit(3)
    yield


def surroundings(settings: dict[str, Any]) -> Iterator[Event]:
    """What the process has been given."""
    yield {
        "step": 0,
        "of": 1,
        "niceness": os.nice(0),
        "blas": os.environ["OPENBLAS_NUM_THREADS"],
        "pid": os.getpid(),
        "modules": sorted(__import__("sys").modules),
    }


def progress(event: Event, settings: dict[str, Any]) -> float:
    return (event["step"] + 1) / event["of"]


def encode(events: Sequence[Event]) -> Arrays:
    return {name: np.array([event[name] for event in events]) for name in ("step", "of", "weights")}


def decode(arrays: Arrays) -> list[Event]:
    rows = zip(arrays["step"].tolist(), arrays["of"].tolist(), arrays["weights"], strict=True)
    return [{"step": step, "of": of, "weights": weights} for step, of, weights in rows]


def job(function: str = "curve", key: str = "", cost: float = 1.0, **settings: Any) -> Job:
    work = Work(f"{__name__}:{function}", "1", progress, encode, decode)
    return Job(work, key or repr(sorted(settings.items())), cost, settings)
