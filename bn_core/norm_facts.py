r"""Single facts about the norms, each measured where it can be seen.

>>> flattening_error((4, 3, 5, 6)) < 1e-14
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core.batchnorm import forward_train
from bn_core.norms import layer_norm, rms_norm

Array = NDArray[np.floating[Any]]

SAMPLE = np.array([1.2, -0.4, 2.0, 0.3, -1.1, 0.8, -2.2, 1.5])
"""One sample of eight features."""

SAMPLE.setflags(write=False)


def flattening_error(shape: Sequence[int], seed: int = 0) -> float:
    """How far BN of a block (N, C, H, W) is from BN of the same cells as a table (N·H·W, C).

    The largest difference in x̂ for standard normal cells: rounding, as both average the same.
    """
    x = np.random.default_rng(seed).standard_normal(tuple(shape))

    def table(block: Array) -> Array:
        return np.moveaxis(block, 1, -1).reshape(-1, x.shape[1])

    return float(np.abs(table(forward_train(x).x_hat) - forward_train(table(x)).x_hat).max())


@dataclass(frozen=True, eq=False)
class Offsets:
    """One sample after layer normalization and RMSNorm, in n settings.

    Attributes
    ----------
    x : ndarray of shape (n, d)
        a·sample + c.
    x_hat : mapping of str to ndarray of shape (n, d)
        Of ``"layer"`` and ``"rms"``.
    mean : mapping of str to ndarray of shape (n,)
        Mean of the x̂ of each.
    change : mapping of str to ndarray of shape (n,)
        Largest difference from the x̂ of the sample itself, a = 1 and c = 0.
    """

    x: Array
    x_hat: dict[str, Array]
    mean: dict[str, Array]
    change: dict[str, Array]


def offsets(sample: ArrayLike, factors: ArrayLike, shifts: ArrayLike) -> Offsets:
    """A sample (d,) multiplied by each of ``factors`` and then shifted by ``shifts``, both (n,)."""
    plain = np.asarray(sample, dtype=np.float64)[np.newaxis]
    x = plain * np.reshape(factors, (-1, 1)) + np.reshape(shifts, (-1, 1))
    found, change = {}, {}
    for name, norm in (("layer", layer_norm), ("rms", rms_norm)):
        found[name] = norm(x).x_hat
        change[name] = np.abs(found[name] - norm(plain).x_hat).max(axis=1)
    means = {name: x_hat.mean(axis=1) for name, x_hat in found.items()}
    return Offsets(x, found, means, change)


def lost_radius(width: int, bias_sd: float = 0.0, seed: int = 0) -> float:
    """What a layer with layer normalization still tells of how far out a point of the plane lies.

    A point and the one twice as far from the origin go through the same linear layer, W ~ N(0, 1/2)
    and b ~ N(0, bias_sd²), and through LN; the largest difference of the two results. Without a
    bias LN divides by what the point was multiplied with.
    """
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((2, width)) / np.sqrt(2)
    bias = bias_sd * rng.standard_normal(width)
    near, far = layer_norm(np.array([[0.3, 0.4], [0.6, 0.8]]) @ weight + bias).x_hat
    return float(np.abs(far - near).max())
