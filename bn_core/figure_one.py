"""The experiment of figure 1 in Ioffe & Szegedy (2015), and what its runs show.

Three hidden layers of 100 sigmoid units, mini-batches of 60, 50,000 steps, binarised images, small
random Gaussian weights (section 4.1). The paper trains on MNIST, and gives neither the learning
rate nor the size of the weights: .1 and .1 are ours.

>>> config = figure_one("digits", "before", seed=0)
>>> config.depth, config.width, config.batch_size, config.steps
(3, 100, 60, 50000)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core.comparison import beats_guessing
from bn_core.snapshots import PERCENTILES, Snapshot
from bn_core.training_config import NO_BN, TrainingConfig
from bn_core.training_data import DATA_SETS

FloatArray = NDArray[np.floating[Any]]

NETWORKS = ("without", "with")
DATA = ("digits", "fashion_mnist")
SEEDS = (0, 1, 2)
EARLY = 1000
"""The step, beside the last, at which the networks are compared. There is a snapshot of it."""

FALL = 0.02
"""A network that ends so much below its own best accuracy has got worse."""

LAST_LAYER = 2
_MOMENTS = 100  # 49 early ones, and every 1,000 steps
_ROUNDING = 1e-12


def figure_one(data: str, batch_norm: str, seed: int) -> TrainingConfig:
    """One run: ``batch_norm`` is ``"before"`` or ``"none"``."""
    return TrainingConfig(
        data=data,
        binarised=True,
        train_size=DATA_SETS[data].size,
        batch_size=60,
        depth=3,
        width=100,
        activation="sigmoid",
        batch_norm=batch_norm,
        learning_rate=0.1,
        weight_sd=0.1,
        steps=50_000,
        seed=seed,
        moments=_MOMENTS,
    )


def runs(data: str) -> dict[tuple[str, int], TrainingConfig]:
    """All runs of a data set, by network and seed; both networks of a seed together."""
    return {
        (network, seed): figure_one(data, NO_BN if network == "without" else "before", seed)
        for seed in SEEDS
        for network in NETWORKS
    }


@dataclass(frozen=True, eq=False)
class Curves:
    """A quantity of one network through its training, for every seed.

    Parameters
    ----------
    steps
        Those that all seeds have been seen at, (n,).
    values
        (seeds, n).
    """

    steps: NDArray[np.int64]
    values: FloatArray

    @property
    def median(self) -> FloatArray:
        """Over the seeds, (n,)."""
        return np.median(self.values, axis=0)

    def at(self, step: int) -> tuple[float, float, float] | None:
        """Lowest, median and highest at a step; None if they have not all been seen there."""
        found = np.flatnonzero(self.steps == step)
        if not len(found):
            return None
        column = self.values[:, found[0]]
        return float(column.min()), float(np.median(column)), float(column.max())


def curves(runs: Sequence[Sequence[Snapshot]], read: str) -> Curves:
    """``"accuracy"`` (held out) or ``"loss"`` (of the mini-batches) as far as all runs have it.

    Parameters
    ----------
    runs
        The snapshots of each seed, in the order of their steps, from the same settings.
    """
    n = min((len(run) for run in runs), default=0)
    steps = np.array([s.step for s in runs[0][:n]] if runs else [], dtype=np.int64)
    values = [
        [s.held_out.accuracy if read == "accuracy" else s.loss for s in run[:n]] for run in runs
    ]
    return Curves(steps, np.array(values, dtype=np.float64).reshape(len(runs), n))


@dataclass(frozen=True)
class Lead:
    """Who is ahead, from the medians of both networks.

    Parameters
    ----------
    ahead
        At the last step that both have been seen at: ``"with"``, ``"without"`` or ``""``.
    since
        The first step from which on nobody else was ahead.
    before
        Who had been ahead last before that, and ``until`` when; ``""`` and 0 if nobody had.
    """

    ahead: str
    since: int
    before: str
    until: int


def lead(with_bn: Curves, without: Curves, classes: int) -> Lead | None:
    """Who is ahead in held-out accuracy, and since when; None before the first common step.

    A network is ahead where its worst seed is better than the best of the other; nobody is as long
    as neither beats guessing.
    """
    n = min(len(with_bn.steps), len(without.steps))
    if not n:
        return None
    a, b = with_bn.values[:, :n], without.values[:, :n]
    sides = (a.min(axis=0) > b.max(axis=0) + _ROUNDING).astype(int)
    sides -= b.min(axis=0) > a.max(axis=0) + _ROUNDING
    sides[~beats_guessing(np.maximum(with_bn.median[:n], without.median[:n]), classes)] = 0
    steps = with_bn.steps[:n]
    names = {1: "with", -1: "without", 0: ""}
    others = np.flatnonzero(sides != sides[-1])
    since = int(steps[others[-1] + 1]) if len(others) else int(steps[0])
    opposite = np.flatnonzero((sides != 0) & (sides != sides[-1]))
    if not len(opposite):
        return Lead(names[int(sides[-1])], since, "", 0)
    last = opposite[-1]
    return Lead(names[int(sides[-1])], since, names[int(sides[last])], int(steps[last]))


def unit_percentiles(snapshots: Sequence[Snapshot], unit: int) -> FloatArray:
    """15th, 50th and 85th percentile of the input of one unit's sigmoid in the last hidden layer,
    at every snapshot: (n, 3). Units are counted from 0."""
    rows = [s.inputs.unit_percentiles[LAST_LAYER, unit] for s in snapshots]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(PERCENTILES))


@dataclass(frozen=True)
class Drift:
    """How much a unit's input changes in the course of a training.

    Parameters
    ----------
    low, high
        The lowest and the highest that its median has been, over the snapshots.
    narrowest, widest
        The smallest and the largest distance between its 15th and its 85th percentile.
    """

    low: float
    high: float
    narrowest: float
    widest: float


def drift(percentiles: ArrayLike) -> Drift:
    """From :func:`unit_percentiles` of at least one snapshot."""
    rows = np.asarray(percentiles)
    width = rows[:, 2] - rows[:, 0]
    ends = (rows[:, 1].min(), rows[:, 1].max(), width.min(), width.max())
    return Drift(*map(float, ends))


@dataclass(frozen=True)
class Peak:
    """The step at which the median of a network's held-out accuracy was highest, and how high."""

    step: int
    value: float


def overfitted(accuracy: Curves, loss: Curves) -> Peak | None:
    """Where a network was at its best, if it has ended more than :data:`FALL` below that while its
    training loss fell on; otherwise None."""
    at = int(accuracy.median.argmax())  # of equally high ones the first
    best = Peak(int(accuracy.steps[at]), float(accuracy.median[at]))
    fell = best.value - accuracy.median[-1] > FALL + _ROUNDING
    return best if fell and loss.median[-1] < loss.median[at] else None


def guessing(classes: int) -> float:
    """Loss of a network that gives every class the same probability."""
    return math.log(classes)


def both(runs: Mapping[str, Sequence[Sequence[Snapshot]]], read: str) -> dict[str, Curves]:
    """`curves` of both networks."""
    return {network: curves(runs[network], read) for network in NETWORKS}
