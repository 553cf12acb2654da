"""Seeded synthetic batches whose features have a known shape, each at its own place and width."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bn_core._checks import checked_int, checked_key

FloatArray = NDArray[np.float64]

_OUTLIER_DISTANCE = 12.0
_HUMP_DISTANCE = 0.9


def synthetic_batch(kind: str, m: int, d: int, seed: int) -> FloatArray:
    """A batch of m samples of d independent features of one shape.

    Feature j is ``location_j + scale_j · standard draws``. Its location is uniform on [−4, 4], its
    scale log-uniform on [0.3, 3], so that features differ visibly until they are standardised.
    The standard draws have mean 0 and variance 1 in the long run:

    ============== ================================================================================
    kind           standard draws
    ============== ================================================================================
    normal         N(0, 1)
    skewed         Exponential(1) − 1: skewness 2
    two_humps      ±0.9 with equal odds, plus N(0, 1 − 0.9²)
    heavy_tailed   Student's t with 3 degrees of freedom, divided by √3: its kurtosis is infinite
    uniform        U(−√3, √3)
    outlier        N(0, 1), except the first sample, which is +12 in every feature
    constant       N(0, 1), except the first feature, which is 0 throughout: a constant feature
    ============== ================================================================================

    Every feature draws from its own stream, seeded by ``(seed, j)``. Hence a smaller batch is the
    beginning of a larger one with the same seed (in m and in d), and changing ``kind`` leaves
    locations and scales where they were.

    Parameters
    ----------
    kind
        One of :data:`SYNTHETIC_KINDS`.
    m
        Batch size, at least 1.
    d
        Number of features, at least 1.
    seed
        At least 0.

    Returns
    -------
    float64, shape (m, d).

    Raises
    ------
    ValueError
        If ``kind`` is unknown, or a number is not an integer or below its limit.
    """
    shape = checked_key("kind", kind, _SHAPES)
    m = checked_int("m", m, minimum=1)
    d = checked_int("d", d, minimum=1)
    seed = checked_int("seed", seed, minimum=0)
    x = np.empty((m, d))
    for feature in range(d):
        rng = np.random.default_rng([seed, feature])
        location = rng.uniform(-4, 4)
        scale = math.exp(rng.uniform(math.log(0.3), math.log(3)))
        x[:, feature] = location + scale * shape(rng, m, feature)
    return x


def _normal(rng: np.random.Generator, m: int, feature: int) -> FloatArray:
    return rng.standard_normal(m)


def _skewed(rng: np.random.Generator, m: int, feature: int) -> FloatArray:
    return rng.standard_exponential(m) - 1


def _two_humps(rng: np.random.Generator, m: int, feature: int) -> FloatArray:
    side, noise = rng.standard_normal((m, 2)).T
    return np.copysign(_HUMP_DISTANCE, side) + math.sqrt(1 - _HUMP_DISTANCE**2) * noise


def _heavy_tailed(rng: np.random.Generator, m: int, feature: int) -> FloatArray:
    return rng.standard_t(3, m) / math.sqrt(3)


def _uniform(rng: np.random.Generator, m: int, feature: int) -> FloatArray:
    return rng.uniform(-math.sqrt(3), math.sqrt(3), m)


def _outlier(rng: np.random.Generator, m: int, feature: int) -> FloatArray:
    draws = rng.standard_normal(m)
    draws[0] = _OUTLIER_DISTANCE
    return draws


def _constant(rng: np.random.Generator, m: int, feature: int) -> FloatArray:
    return np.zeros(m) if feature == 0 else rng.standard_normal(m)


_SHAPES: dict[str, Callable[[np.random.Generator, int, int], FloatArray]] = {
    "normal": _normal,
    "skewed": _skewed,
    "two_humps": _two_humps,
    "heavy_tailed": _heavy_tailed,
    "uniform": _uniform,
    "outlier": _outlier,
    "constant": _constant,
}

SYNTHETIC_KINDS: tuple[str, ...] = tuple(_SHAPES)
"""The kinds :func:`synthetic_batch` knows, in the order in which to offer them."""
