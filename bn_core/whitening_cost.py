"""What whitening costs, measured: BN's statistics against an eigendecomposition, as d grows.

BN reads m·d numbers. A covariance takes m·d² multiplications and its eigenvectors a multiple of d³
more: https://arxiv.org/abs/1502.03167, section 2, calls whitening the inputs of every layer
expensive for this reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np

from bn_core.batchnorm import forward_train
from bn_core.whitening import whiten

SIZES = (8, 16, 32, 64, 128, 256, 512)
SAMPLES = 1024  # more than the largest d, so that every covariance has an inverse
REPEATS = 5


@dataclass(frozen=True)
class Cost:
    """Seconds for one batch of ``d`` features: standardised one by one, and whitened."""

    d: int
    standardise: float
    whiten: float

    @property
    def ratio(self) -> float:
        """How many times as long whitening takes."""
        return self.whiten / self.standardise


def measure(
    sizes: Sequence[int] = SIZES,
    m: int = SAMPLES,
    repeats: int = REPEATS,
    clock: Callable[[], float] = perf_counter,
) -> tuple[Cost, ...]:
    """Time the forward pass of BN and of ZCA whitening on one batch (m, d) for every d.

    The median of ``repeats`` for each, the two taken in turns, so that a machine that is busy for a
    moment slows both. With the defaults well under a second of computing.
    """
    rng = np.random.default_rng(0)
    return tuple(_cost(rng.standard_normal((m, d)), repeats, clock) for d in sizes)


def growth(first: Cost, last: Cost) -> tuple[float, float]:
    """By which factors the times for standardising and for whitening differ."""
    return last.standardise / first.standardise, last.whiten / first.whiten


def _cost(x: np.ndarray, repeats: int, clock: Callable[[], float]) -> Cost:
    def seconds(run: Callable[[], object]) -> float:
        start = clock()
        run()
        return clock() - start

    pairs = [
        (seconds(lambda: forward_train(x)), seconds(lambda: whiten(x, "zca", eps=1e-5)))
        for _ in range(repeats)
    ]
    standardise, whole = (median(column) for column in zip(*pairs, strict=True))
    return Cost(x.shape[1], standardise, whole)
