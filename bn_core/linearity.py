"""How straight an activation is over the values that reach it.

A sigmoid bends, but a batch uses only a piece of it. What the batch sees is measured by the best
straight line over its own values: slope, intercept, and R², the share of f's variance that the
line accounts for. NumPy only; knows no screen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bn_core.activations import Activation
from bn_core.batchnorm import forward_train
from bn_core.summaries import Counts, Floats, count_below, moments


@dataclass(frozen=True)
class Straightness:
    """The activation over n samples; every array is (n,).

    slope, intercept : of the least-squares line f(z) ≈ slope·z + intercept
    r2 : share of the variance of f(z) that the line accounts for; NaN where f(z) does not vary,
        as nothing is there to be accounted for
    mean_slope : mean of f′(z): what a gradient is multiplied by on its way back, on average
    saturated : share of values where |f′| < 0.2·max|f′|
    """

    slope: Floats
    intercept: Floats
    r2: Floats
    mean_slope: Floats
    saturated: Floats


def straightness(rows: ArrayLike, f: Activation) -> Straightness:
    r"""The best straight line through (z, f(z)), for each row of values.

    .. math:: \text{slope} = \frac{\mathrm{cov}(z, f)}{\mathrm{var}(z)}, \qquad
              R^2 = \frac{\mathrm{cov}(z, f)^2}{\mathrm{var}(z)\,\mathrm{var}(f)}

    Ordinary least squares with an intercept (any textbook of statistics), where R² is the squared
    correlation. Variances are divided by the number of values.

    Parameters
    ----------
    rows : (n, K) array-like
        n samples of K ≥ 1 values each; float32 stays, all else is computed in float64.
    f : Activation

    Returns
    -------
    Straightness
        Where a row does not vary the slope is 0 and R² is NaN.

    Raises
    ------
    ValueError
        If ``rows`` has another number of axes or no values.
    """
    z = np.asarray(rows)
    if z.ndim != 2 or z.shape[1] == 0:
        raise ValueError(f"rows must have shape (n, K) with K ≥ 1, got {z.shape}")
    a = f(z)
    mean_z, mean_a = z.mean(axis=1), a.mean(axis=1)
    dz, da = z - mean_z[:, None], a - mean_a[:, None]
    var_z, var_a, cov = (dz * dz).mean(axis=1), (da * da).mean(axis=1), (dz * da).mean(axis=1)
    moves = _varies(var_z, z)
    slope = np.zeros_like(cov)
    np.divide(cov, var_z, out=slope, where=moves)
    r2 = np.full_like(cov, np.nan)
    np.divide(slope * cov, var_a, out=r2, where=moves & _varies(var_a, a))
    return Straightness(
        slope=slope,
        intercept=mean_a - slope * mean_z,
        r2=r2,
        mean_slope=f.derivative(z).mean(axis=1),
        saturated=f.saturated(z).mean(axis=1),
    )


@dataclass(frozen=True)
class Pieces:
    """What BN hands to an activation at n settings: every array is (n,), ``counts`` (n, bins).

    counts : values in each bin [a, b); those beyond the axis are in none
    low, high, mean, sd : of y
    straight : the activation over y
    size : values in each y
    """

    counts: Counts
    low: Floats
    high: Floats
    mean: Floats
    sd: Floats
    straight: Straightness
    size: int


def pieces(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    f: Activation,
    edges: Floats,
    eps: float = 1e-5,
) -> Pieces:
    """The piece of f that y = γx̂ + β uses, at n settings at once.

    Parameters
    ----------
    x : (m, 1) array-like
        One feature of a batch.
    gamma, beta : (n,) or a number
    f : Activation
    edges : (bins + 1,)
        Bin edges of the histogram of y.
    eps : float
        BN's ε.

    Raises
    ------
    ValueError
        As `forward_train`.
    """
    x_hat = forward_train(x, eps=eps).x_hat[:, 0]
    scale, shift = np.broadcast_arrays(
        np.atleast_1d(np.asarray(gamma, np.float64)), np.atleast_1d(np.asarray(beta, np.float64))
    )
    y = scale[:, None] * x_hat + shift[:, None]
    below = count_below(np.sort(x_hat)[None], edges, scale=scale, shift=shift)
    found = moments(x_hat[None]).affine(scale, shift)
    return Pieces(
        counts=np.diff(below, axis=1),
        low=y.min(axis=1),
        high=y.max(axis=1),
        mean=found.mean,
        sd=found.sd,
        straight=straightness(y, f),
        size=len(x_hat),
    )


def straightness_grid(
    x: ArrayLike, gammas: ArrayLike, betas: ArrayLike, f: Activation, eps: float = 1e-5
) -> tuple[Floats, Floats]:
    """R² and mean f′ at every pair of a γ (n,) and a β (k,): two arrays (k, n); ``x`` is (m, 1)."""
    x_hat = forward_train(x, eps=eps).x_hat[:, 0]
    scaled = np.multiply.outer(np.asarray(gammas, np.float64), x_hat)
    # One β at a time: all at once would be tens of megabytes, and more than twice as slow.
    found = [straightness(scaled + beta, f) for beta in np.asarray(betas, np.float64)]
    return np.stack([each.r2 for each in found]), np.stack([each.mean_slope for each in found])


def _varies(variance: Floats, values: Floats) -> np.ndarray:
    """Below this a row "varies" by rounding only."""
    largest = np.abs(values).max(axis=1)
    return variance > (4 * np.finfo(values.dtype).eps * largest) ** 2
