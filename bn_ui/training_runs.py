"""Training runs as jobs of the pool, and how their events are kept on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

import bn_core
from bn_core.snapshots import Snapshot
from bn_core.training import Event, Finished, Progress
from bn_core.training_config import TrainingConfig
from bn_ui.runs.jobs import Arrays, Job, Work, version_of

CORE = Path(bn_core.__file__).parent
# Results depend on these; what other modules of the core hold does not change a run.
SOURCES = (
    *(CORE / f"{name}.py" for name in ("engine", "training", "training_config", "training_data")),
    *(CORE / f"{name}.py" for name in ("snapshots", "network", "batchnorm", "activations")),
    *(CORE / f"{name}.py" for name in ("inference", "summaries", "upstream")),
    *sorted((CORE / "datasets").glob("*.*")),
)


def job(config: TrainingConfig) -> Job:
    """One training run to be had from the pool; its events are those of `bn_core.training.train`,
    and Progress is not kept."""
    return Job(WORK, config.key(), max(config.cost, 1e-3), config)


def progress(event: Event, config: TrainingConfig) -> float:
    return event.step / max(config.steps, 1)


def encode(events: Sequence[Event]) -> Arrays:
    """All events but Progress as arrays: equal parts of snapshots are stacked."""
    every: dict[str, np.ndarray] = {}
    kept = [event for event in events if not isinstance(event, Progress)]
    for kind in {type(event): None for event in kept}:
        rows = [dict(_leaves(event)) for event in kept if isinstance(event, kind)]
        every |= {f"{kind.__name__}/{at}": np.stack([row[at] for row in rows]) for at in rows[0]}
    return every


def decode(arrays: Arrays) -> Sequence[Event]:
    """The inverse of `encode`."""
    found: list[Event] = []
    for kind in (Snapshot, Finished):
        start = f"{kind.__name__}/"
        mine = {at.removeprefix(start): a for at, a in arrays.items() if at.startswith(start)}
        count = len(mine["step"]) if mine else 0
        found += [_built(kind, {at: a[n] for at, a in mine.items()}) for n in range(count)]
    return found


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Every array, number and string of an event, by its path; None is left out."""
    if value is None:
        return
    if is_dataclass(value):
        parts = ((field.name, getattr(value, field.name)) for field in fields(value))
    elif isinstance(value, tuple):
        parts = ((str(n), part) for n, part in enumerate(value))
        yield f"{at}#", np.array(len(value))
    else:
        yield at, np.asarray(value)
        return
    for name, part in parts:
        yield from _leaves(part, f"{at}/{name}" if at else name)


def _built(kind: Any, leaves: Mapping[str, np.ndarray], at: str = "") -> Any:
    """A value of a type out of its leaves."""
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    inner = [k for k in kinds if k is not NoneType]
    if len(inner) < len(kinds) and not any(
        key == at or key.startswith((f"{at}/", f"{at}#")) for key in leaves
    ):
        return None
    (kind,) = inner
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        return tuple(_built(item, leaves, f"{at}/{n}") for n in range(int(leaves[f"{at}#"])))
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        path = f"{at}/" if at else ""
        return kind(**{f.name: _built(hints[f.name], leaves, path + f.name) for f in fields(kind)})
    if kind in (int, float, bool, str):
        return kind(leaves[at].item())
    array = leaves[at].copy()
    array.setflags(write=False)
    return array


WORK = Work("bn_core.training:train", version_of(*SOURCES), progress, encode, decode)
