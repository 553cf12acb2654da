"""Which learning rates and weight scales a network learns with, with BN and without.

The same small network is trained once for every cell of a grid and every seed. How far it has come
after a fixed number of steps is all that is kept:

>>> config = LearningMapConfig(
...     TrainingConfig(depth=1, width=8, steps=5), (0.1, 1.0), (1.0,), seeds=1
... )
>>> results = collected(config, learning_map(config))
>>> results.shape, results.dtype.name
((2, 2, 1, 1), 'float64')
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bn_core._checks import checked_int
from bn_core.comparison import LEAD, beats_guessing
from bn_core.snapshots import Snapshot
from bn_core.training import Finished, train
from bn_core.training_config import LIMITS, NO_BN, TrainingConfig

FloatArray = NDArray[np.floating[Any]]

NETWORKS = ("without", "with")
DIVERGED = -math.inf
"""Stands for the accuracy of a network that diverged: less than any."""

TARGET = 0.8
"""A cell with at least this held-out accuracy counts as learned."""

MOST_VALUES, MOST_SEEDS = 9, 5
MOST_COST = 60.0
_MOMENTS = 2  # only the end is looked at
_EXTRA_COST = 0.02  # seconds that a training takes before its first step and after its last
_ROUNDING = 1e-12


@dataclass(frozen=True)
class LearningMapConfig:
    """What is trained for a map.

    Parameters
    ----------
    base
        The network with BN, its data and its number of steps. Learning rate, weight scale and seed
        of a training come from the map. A ``weight_sd`` would leave the scale without effect.
    learning_rates, weight_scales
        Rows and columns: different values in rising order, at most :data:`MOST_VALUES` each.
    seeds
        Seeds 0 … seeds − 1, at most :data:`MOST_SEEDS`.

    Raises
    ------
    ValueError
        If one of them is outside its limits, or all of it costs more than :data:`MOST_COST`.
    """

    base: TrainingConfig
    learning_rates: tuple[float, ...]
    weight_scales: tuple[float, ...]
    seeds: int = 3

    def __post_init__(self) -> None:
        for name, limits in (("learning_rates", "learning_rate"), ("weight_scales",) * 2):
            values = tuple(float(value) for value in getattr(self, name))
            object.__setattr__(self, name, values)
            low, high = LIMITS[limits.rstrip("s")]
            if not 1 <= len(values) <= MOST_VALUES:
                raise ValueError(f"{name} must be 1 to {MOST_VALUES} values, got {len(values)}")
            if not all(low <= value <= high for value in values):
                raise ValueError(f"{name} must be from {low} to {high}, got {values}")
            if sorted(set(values)) != list(values):
                raise ValueError(f"{name} must rise, got {values}")
        seeds = checked_int("seeds", self.seeds, minimum=1, maximum=MOST_SEEDS)
        object.__setattr__(self, "seeds", seeds)
        if self.base.batch_norm == NO_BN or self.base.weight_sd is not None:
            raise ValueError("base must have batch_norm and no weight_sd: the map sets them")
        if self.cost > MOST_COST:
            raise ValueError(f"cost must be at most {MOST_COST} s, got {self.cost:.0f}")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of networks, learning rates, weight scales and seeds."""
        return (len(NETWORKS), len(self.learning_rates), len(self.weight_scales), self.seeds)

    @property
    def cost(self) -> float:
        """Roughly the seconds that all of it takes on one core."""
        each = replace(self.base, moments=_MOMENTS).cost + _EXTRA_COST
        return math.prod(self.shape) * each

    def training(self, network: str, row: int, column: int, seed: int) -> TrainingConfig:
        """The settings of one training."""
        return replace(
            self.base,
            batch_norm=self.base.batch_norm if network == "with" else NO_BN,
            learning_rate=self.learning_rates[row],
            weight_scale=self.weight_scales[column],
            seed=seed,
            moments=_MOMENTS,
        )

    def key(self) -> str:
        """A name that equal settings share, today and in another process: 16 hexadecimal digits."""
        first = self.training("with", 0, 0, 0).to_dict()
        text = json.dumps([first, self.learning_rates, self.weight_scales, self.seeds])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Trained:
    """One training of the map: which, the ``number``-th of all from 1, and its held-out accuracy
    (:data:`DIVERGED` if it diverged)."""

    number: int
    network: str
    row: int
    column: int
    seed: int
    accuracy: float


def learning_map(config: LearningMapConfig) -> Iterator[Trained]:
    """Train everything, one network after the other: to stop, ask for no more.

    Cells come from the middle of the grid outwards, both networks and all seeds of a cell together,
    so that what is there at any time can be compared.
    """
    number = 0
    for row, column in outwards(len(config.learning_rates), len(config.weight_scales)):
        for network in NETWORKS:
            for seed in range(config.seeds):
                number += 1
                accuracy = _accuracy(config.training(network, row, column, seed))
                yield Trained(number, network, row, column, seed, accuracy)


def outwards(rows: int, columns: int) -> list[tuple[int, int]]:
    """Every (row, column) of a grid, those nearest its middle first."""
    middle = np.array([rows - 1, columns - 1]) / 2
    cells = [(row, column) for row in range(rows) for column in range(columns)]
    return sorted(cells, key=lambda cell: float(np.hypot(*(cell - middle))))


def collected(config: LearningMapConfig, events: Iterable[Trained]) -> FloatArray:
    """Held-out accuracies in the config's ``shape``; NaN where nothing has been trained yet."""
    results = np.full(config.shape, np.nan)
    for event in events:
        at = (NETWORKS.index(event.network), event.row, event.column, event.seed)
        results[at] = event.accuracy
    return results


def medians(results: FloatArray) -> FloatArray:
    """Of every cell over its seeds: NaN until all of them are there, :data:`DIVERGED` if at least
    half of them diverged."""
    ordered = np.sort(results, axis=-1)  # NaN last
    n = ordered.shape[-1]
    low, high = ordered[..., (n - 1) // 2], ordered[..., n // 2]
    return np.where(np.isnan(results).any(axis=-1), np.nan, (low + high) / 2)


@dataclass(frozen=True)
class Reach:
    """Where one network learns.

    Parameters
    ----------
    learned, diverged, cells
        Cells with at least :data:`TARGET`, cells that diverged, and all cells that are there.
    best_scale
        The column with most learned cells; of several, the one with the highest accuracies in
        them. None if nothing was learned.
    rates
        The longest run of neighbouring learned cells in that column: its first and last row.
    """

    learned: int
    diverged: int
    cells: int
    best_scale: int | None
    rates: tuple[int, int] | None
    alone: bool


def reach(middle: FloatArray) -> Reach:
    """Where one network learns, from its medians (learning rates, weight scales)."""
    learned = middle >= TARGET
    counted = {"diverged": int(np.isneginf(middle).sum()), "cells": int((~np.isnan(middle)).sum())}
    if not learned.any():
        return Reach(0, **counted, best_scale=None, rates=None, alone=False)
    rank = learned.sum(axis=0) + np.where(learned, middle, 0.0).sum(axis=0) / (len(middle) + 1)
    best = int(rank.argmax())
    return Reach(
        int(learned.sum()),
        **counted,
        best_scale=best,
        rates=_longest(learned[:, best]),
        alone=int(learned[:, best].sum()) == 1,
    )


def ahead(middle: FloatArray, classes: int) -> dict[str, NDArray[np.bool_]]:
    """In which cells each network is ahead of the other, from both networks' medians: by more than
    :data:`~bn_core.comparison.LEAD`, and better than guessing."""
    comparable = ~np.isnan(middle).any(axis=0)
    found = {}
    for mine, other in (NETWORKS, NETWORKS[::-1]):
        a, b = middle[NETWORKS.index(mine)], middle[NETWORKS.index(other)]
        more = a > np.where(np.isneginf(b), DIVERGED, b + LEAD + _ROUNDING)
        found[mine] = comparable & more & beats_guessing(a, classes)
    return found


def _longest(flags: NDArray[np.bool_]) -> tuple[int, int]:
    """First and last place of the longest run of True; of equally long ones the first."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    starts, ends = edges[::2], edges[1::2]
    longest = int((ends - starts).argmax())
    return int(starts[longest]), int(ends[longest]) - 1


def _accuracy(config: TrainingConfig) -> float:
    accuracy = DIVERGED
    for event in train(config):
        if isinstance(event, Snapshot):
            accuracy = event.held_out.accuracy
        elif isinstance(event, Finished) and event.diverged_at is not None:
            return DIVERGED
    return accuracy
