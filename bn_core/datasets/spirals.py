"""Two spirals wound into each other: two features, and no straight line that helps."""

import math

import numpy as np
from numpy.typing import NDArray

from bn_core._checks import checked_int

TURNS = 1.5
NOISE = 0.02


def two_spirals(n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """n points, every other one on either arm of a double spiral.

    A point at the angle φ = 2π · 1.5 · √u, u uniform on [0, 1], lies at the radius √u, so that the
    points are about as dense everywhere; the second arm is the first turned by half a circle.
    Normal noise of standard deviation 0.02 is added to both coordinates.

    Parameters
    ----------
    n
        Number of points, at least 1.
    seed
        At least 0.

    Returns
    -------
    points : float64, shape (n, 2)
    labels : int64, shape (n,)
        Which arm: 0, 1, 0, 1, …

    Raises
    ------
    ValueError
        If an argument is not an integer or below its limit.
    """
    n = checked_int("n", n, minimum=1)
    rng = np.random.default_rng(checked_int("seed", seed, minimum=0))
    labels = np.arange(n) % 2
    radius = np.sqrt(rng.uniform(size=n))
    angle = 2 * math.pi * TURNS * radius + math.pi * labels
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + NOISE * rng.standard_normal((n, 2)), labels
