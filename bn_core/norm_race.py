"""Every norm at several batch sizes: the same network, trained over and over.

For each norm, batch size and seed a network is trained from the same weights on the same order of
samples, and evaluated on held-out data: as it would be in use, with the statistics of mini-batches
of the size it was trained with, and with statistics of all its training data. Only to BN that makes
a difference.

>>> base = TrainingConfig(data="spirals", depth=1, width=8, batch_size=8, steps=5)
>>> config = NormRaceConfig(base, norms=("none", "batch"), batch_sizes=(2, 8), seeds=2)
>>> collected(config, norm_race(config)).shape
(3, 2, 2, 2)
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

from bn_core._checks import checked_int, checked_key
from bn_core.comparison import LEAD, beats_guessing
from bn_core.inference import evaluated, evaluated_by_statistics
from bn_core.network import NORMS
from bn_core.training import Finished, train
from bn_core.training_config import NO_BN, TrainingConfig
from bn_core.training_data import training_data

FloatArray = NDArray[np.floating[Any]]

RACERS = (NO_BN, *NORMS)
"""No norm at all, and every norm of a fully connected network."""

EQUAL = ("steps", "examples")
"""What trainings of different batch sizes have in common."""

EVALUATIONS = ("in_use", "by_batch", "recomputed")
"""With the running statistics; with those of mini-batches; with those of all training data."""

DIVERGED = -math.inf
"""Stands for the accuracy of a network that diverged: less than any."""

MOST_SEEDS, MOST_COST = 5, 120.0
_EXTRA_COST = 0.05  # seconds that a training takes before its first step and after its last
_ROUNDING = 1e-12


@dataclass(frozen=True)
class NormRaceConfig:
    """What is trained.

    Parameters
    ----------
    base
        The network with its data. Norm, batch size, steps and seed of a training come from the
        race; the steps here are those of the largest batch size.
    norms, batch_sizes
        Of :data:`RACERS`, and in rising order.
    seeds
        Seeds 0 … seeds − 1, at most :data:`MOST_SEEDS`.
    equal
        ``"steps"``: as many for every batch size, so that small batches see fewer examples; or
        ``"examples"``: small batches take more steps.

    Raises
    ------
    ValueError
        If one of them is outside its limits, or all of it costs more than :data:`MOST_COST`.
    """

    base: TrainingConfig
    norms: tuple[str, ...] = RACERS
    batch_sizes: tuple[int, ...] = (2, 4, 8, 32)
    seeds: int = 3
    equal: str = "steps"

    def __post_init__(self) -> None:
        for norm in self.norms:
            checked_key("norm", norm, dict.fromkeys(RACERS))
        checked_key("equal", self.equal, dict.fromkeys(EQUAL))
        checked_int("seeds", self.seeds, minimum=1, maximum=MOST_SEEDS)
        if not self.batch_sizes or sorted(set(self.batch_sizes)) != list(self.batch_sizes):
            raise ValueError(f"batch_sizes must rise, got {self.batch_sizes}")
        if self.cost > MOST_COST:
            raise ValueError(f"cost must be at most {MOST_COST} s, got {self.cost:.0f}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of norms, batch sizes and seeds."""
        return (len(self.norms), len(self.batch_sizes), self.seeds)

    def steps(self, batch_size: int) -> int:
        """How many steps a training with this batch size takes."""
        if self.equal == "steps":
            return self.base.steps
        return self.base.steps * self.batch_sizes[-1] // batch_size

    def examples(self, batch_size: int) -> int:
        """How many examples it sees, those that it sees again counted again."""
        return self.steps(batch_size) * batch_size

    def training(self, norm: str, batch_size: int, seed: int) -> TrainingConfig:
        """The settings of one training."""
        return replace(
            self.base,
            batch_norm=NO_BN if norm == NO_BN else self.base.batch_norm,
            norm="batch" if norm == NO_BN else norm,
            batch_size=batch_size,
            steps=self.steps(batch_size),
            seed=seed,
            moments=2,
        )

    @property
    def cost(self) -> float:
        """Roughly the seconds that all of it takes on one core."""
        each = sum(
            self.training(norm, size, 0).cost + _EXTRA_COST
            for norm in self.norms
            for size in self.batch_sizes
        )
        return self.seeds * each

    def key(self) -> str:
        """A name that equal settings share, today and in another process: 16 hexadecimal digits."""
        parts = [self.base.to_dict(), self.norms, self.batch_sizes, self.seeds, self.equal]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Raced:
    """One training: which, the ``number``-th of all from 1, and its held-out accuracies
    (:data:`DIVERGED` if it diverged)."""

    number: int
    norm: str
    batch_size: int
    seed: int
    in_use: float
    by_batch: float
    recomputed: float


@dataclass(frozen=True)
class Underway:
    """A training goes on, after ``number`` that are done: nothing to keep, but a place to stop."""

    number: int


def norm_race(config: NormRaceConfig) -> Iterator[Raced | Underway]:
    """Train everything, one network after the other: to stop, ask for no more.

    All norms of a seed and batch size come together, so that what is there can be compared.
    """
    number = 0
    for seed in range(config.seeds):
        for size in config.batch_sizes[::-1]:
            for norm in config.norms:
                settings = config.training(norm, size, seed)
                for event in train(settings):
                    if isinstance(event, Finished):
                        number += 1
                        yield Raced(number, norm, size, seed, *_accuracies(settings, event))
                    else:
                        yield Underway(number)


def collected(config: NormRaceConfig, events: Iterable[Raced | Underway]) -> FloatArray:
    """Held-out accuracies (evaluations, norms, batch sizes, seeds); NaN where there is none yet."""
    results = np.full((len(EVALUATIONS), *config.shape), np.nan)
    for event in events:
        if isinstance(event, Raced):
            row, column = config.norms.index(event.norm), config.batch_sizes.index(event.batch_size)
            found = event.in_use, event.by_batch, event.recomputed
            results[:, row, column, event.seed] = found
    return results


def ahead(a: FloatArray, b: FloatArray, classes: int) -> bool:
    """Whether every seed of one norm is ahead of every seed of another: by more than
    :data:`~bn_core.comparison.LEAD`, and better than guessing. False while a seed is missing."""
    if np.isnan(a).any() or np.isnan(b).any():
        return False
    worst, best = float(a.min()), float(b.max())
    return worst > best + LEAD + _ROUNDING and bool(beats_guessing(worst, classes))


def ahead_of(results: FloatArray, classes: int) -> NDArray[np.bool_]:
    """Who is ahead of whom, (norms, norms), from one batch size's accuracies (norms, seeds)."""
    return np.array([[ahead(a, b, classes) for b in results] for a in results])


def _accuracies(config: TrainingConfig, end: Finished) -> tuple[float, ...]:
    """In the order of :data:`EVALUATIONS`."""
    if end.diverged_at is not None:
        return (DIVERGED,) * len(EVALUATIONS)
    data = training_data(config.data, config.binarised).first(config.train_size)
    if not any(end.running):
        found = evaluated(end.network, data.held_out_x, data.held_out_labels)
        return (found.accuracy,) * len(EVALUATIONS)
    every = evaluated_by_statistics(end.network, end.running, data, config.batch_size)
    return every["running"].accuracy, every["batch"].accuracy, every["recomputed"].accuracy
