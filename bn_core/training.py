"""Training a network, step by step, as a sequence of events that can be stopped at any of them.

>>> config = TrainingConfig(depth=1, width=8, steps=20, moments=3)
>>> [event.step for event in train(config, progress_seconds=60)]
[0, 10, 20, 20]
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bn_core._checks import checked_int
from bn_core.batchnorm import RunningStats
from bn_core.engine import Engine
from bn_core.inference import evaluated
from bn_core.network import Network, Statistics, initial_network
from bn_core.snapshots import Snapshot, snapshot
from bn_core.training_config import NO_BN, TrainingConfig
from bn_core.training_data import TrainingData, mini_batches, training_data

FloatArray = NDArray[np.floating[Any]]

PROGRESS_SECONDS = 0.05

# A network that diverges meets Inf and NaN on its way, and says so with its loss.
_silent = np.errstate(all="ignore")


@dataclass(frozen=True)
class Progress:
    """Training has got as far as ``step``; ``loss`` is the mean since the event before this."""

    step: int
    loss: float


@dataclass(frozen=True, eq=False)
class Finished:
    """The last event.

    Parameters
    ----------
    step
        How many steps were taken.
    diverged_at
        The step whose loss was the first that is not finite, or after which a parameter was found
        not to be; None if training went through.
    network, running
        What was trained, and its running statistics, one entry a layer: arguments for
        :mod:`bn_core.inference`, or for :func:`train` to go on from here.
    """

    step: int
    diverged_at: int | None
    network: Network
    running: tuple[RunningStats | None, ...]


Event = Progress | Snapshot | Finished


@dataclass(frozen=True, eq=False)
class Run:
    """A whole training: every :class:`Snapshot`, and how it :class:`Finished`."""

    snapshots: tuple[Snapshot, ...]
    finished: Finished


def train(
    config: TrainingConfig,
    *,
    data: TrainingData | None = None,
    network: Network | None = None,
    running: Statistics | None = None,
    progress_seconds: float = PROGRESS_SECONDS,
) -> Iterator[Event]:
    """Train one network.

    Nothing runs between two events but the caller: to stop, ask for no more of them (or ``close``
    the generator). A step that has begun is finished, and with a snapshot that is the longest
    anybody waits. What is computed depends on the settings alone; when ``Progress`` comes, on the
    clock.

    Parameters
    ----------
    config
        The settings. The same settings give the same numbers; two that differ in ``batch_norm`` or
        ``norm`` only have the same weights to start with and the same mini-batches.
    data
        Other data than those that ``config`` names, with as many features and classes.
    network, running
        Where to start from; by default :func:`initial`, and statistics of before any batch.
    progress_seconds
        At most about so long passes without an event.

    Yields
    ------
    :class:`Snapshot` at step 0 and at each of :func:`snapshot_steps`, :class:`Progress` in between,
    and :class:`Finished` once, at the end. Where training diverges it ends, without a snapshot.

    Raises
    ------
    ValueError
        If ``data``, ``network`` or ``running`` does not fit the settings; at the first event.
    """
    session = _Session(config, data, network, running)
    yield session.snapshot()
    for target in snapshot_steps(config.steps, config.moments)[1:]:
        while session.step < target and session.diverged_at is None:
            loss = session.advance(target, progress_seconds)
            if session.step < target and session.diverged_at is None:
                yield Progress(session.step, loss)
        if session.diverged_at is not None:
            break
        yield session.snapshot()
    yield session.finished()


def trained(config: TrainingConfig, **start: Any) -> Run:
    """All of a training at once; arguments are those of :func:`train`.

    Examples
    --------
    >>> run = trained(TrainingConfig(depth=1, width=8, learning_rate=1, steps=200))
    >>> run.snapshots[-1].held_out.accuracy > 0.8
    True
    """
    snapshots = []
    for event in train(config, **start):
        if isinstance(event, Snapshot):
            snapshots.append(event)
        elif isinstance(event, Finished):
            finished = event
    return Run(tuple(snapshots), finished)


def initial(config: TrainingConfig) -> Network:
    """The network that training with these settings starts from."""
    return initial_network(
        config.sizes,
        activation=config.activation,
        weight_scale=config.weight_scale,
        weight_sd=config.weight_sd,
        batch_norm=config.batch_norm != NO_BN,
        bn_place="after" if config.batch_norm == "after" else "before",
        skips=config.skips,
        bias=config.bias,
        linear_output=True,
        norm=config.norm,
        groups=config.groups,
        seed=config.seed,
        dtype=config.dtype,
    )


def snapshot_steps(steps: int, moments: int) -> tuple[int, ...]:
    """After which steps to look: at most ``moments`` of 0 … ``steps``, both ends among them.

    Half of them are evenly spaced, and half evenly in their logarithm: most happens early.

    Parameters
    ----------
    steps
        At least 0.
    moments
        At least 2.

    Raises
    ------
    ValueError
        If an argument is below its limit.
    """
    steps = checked_int("steps", steps, minimum=0)
    moments = checked_int("moments", moments, minimum=2)
    if steps < moments:
        return tuple(range(steps + 1))
    early = (moments - 2) // 2
    chosen = np.concatenate([np.geomspace(1, steps, early), np.linspace(0, steps, moments - early)])
    return tuple(np.unique(chosen.round().astype(int)).tolist())


class _Session:
    """The engine, its data, and how far it is."""

    def __init__(
        self,
        config: TrainingConfig,
        data: TrainingData | None,
        network: Network | None,
        running: Statistics | None,
    ) -> None:
        data = data or training_data(config.data, config.binarised)
        self._data = _checked_data(config, data.first(config.train_size))
        start = _checked_network(config, network)
        self._engine = Engine(config, start, _checked_running(start, running))
        self._batches = mini_batches(config.train_size, config.batch_size, config.seed)
        self._x = np.asarray(self._data.x, dtype=config.dtype)
        self._one_hot = np.eye(config.sizes[-1], dtype=config.dtype)[self._data.labels]
        self._taken = (
            np.empty((config.batch_size, self._x.shape[1]), config.dtype),
            np.empty((config.batch_size, config.sizes[-1]), config.dtype),
        )
        self._probe = _probe(config)
        self._losses: list[float] = []
        self.step = 0
        self.diverged_at: int | None = None

    @_silent
    def advance(self, target: int, seconds: float) -> float:
        """Learn until a step or for some time, and return the mean loss meanwhile."""
        deadline = time.perf_counter() + seconds
        before = len(self._losses)
        while self.step < target and self.diverged_at is None:
            self._losses.append(self._engine.step(*self._batch(next(self._batches))))
            self.step += 1
            if not math.isfinite(self._losses[-1]):
                self.diverged_at = self.step
            if time.perf_counter() > deadline:
                break
        if self.step == target and not self._engine.finite:
            self.diverged_at = self.step
        return sum(self._losses[before:]) / len(self._losses[before:])

    @_silent
    def snapshot(self) -> Snapshot:
        looks = [self._engine.look(*self._batch(rows)) for rows in self._probe]
        losses = self._losses or [look.loss for look in looks]
        self._losses = []
        network, running = self._engine.network(), self._engine.running()
        held_out = evaluated(network, self._data.held_out_x, self._data.held_out_labels, running)
        return snapshot(self.step, sum(losses) / len(losses), held_out, network, running, looks)

    @_silent
    def finished(self) -> Finished:
        return Finished(self.step, self.diverged_at, self._engine.network(), self._engine.running())

    def _batch(self, rows: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Samples and one-hot classes, valid until the next batch."""
        x, one_hot = self._taken
        # mode="clip" writes to the result directly; rows are within bounds anyway.
        np.take(self._x, rows, axis=0, out=x, mode="clip")
        np.take(self._one_hot, rows, axis=0, out=one_hot, mode="clip")
        return x, one_hot


def _probe(config: TrainingConfig) -> list[NDArray[np.int64]]:
    """Mini-batches of the size in training, as BN depends on it, that every snapshot looks at: the
    first ones of training."""
    batches = mini_batches(config.train_size, config.batch_size, config.seed)
    return list(islice(batches, config.probe_batches))


def _checked_data(config: TrainingConfig, data: TrainingData) -> TrainingData:
    expected = (config.train_size, config.sizes[0])
    if data.x.shape != expected or data.classes > config.sizes[-1]:
        raise ValueError(
            f"data must have at least {expected[0]} training samples of {expected[1]} features in "
            f"{config.sizes[-1]} classes; got {data.x.shape} in {data.classes}"
        )
    return data


def _checked_network(config: TrainingConfig, network: Network | None) -> Network:
    like = initial(config)
    if network is not None and _form(network) != _form(like):
        raise ValueError(
            f"network must have the form that the settings describe, {_form(like)}; "
            f"got {_form(network)}"
        )
    return network or like


def _checked_running(network: Network, running: Statistics | None) -> Statistics | None:
    expected = [
        layer.weight.shape[1] if network.has_statistics(layer) else None for layer in network.layers
    ]
    found = expected if running is None else [stats and stats.mean.size for stats in running]
    if found != expected:
        raise ValueError(
            "running must have statistics of as many features as the network's layers with BN, "
            f"{expected}; got {found}"
        )
    return running


def _form(network: Network) -> tuple[Any, ...]:
    """All about a network but the numbers in it."""
    shapes = [
        None if array is None else (array.shape, array.dtype.name)
        for layer in network.layers
        for array in vars(layer).values()
    ]
    wiring = (network.linear_output, network.bn_place, network.skips, network.norm, network.groups)
    return (*shapes, network.activation, *wiring)
