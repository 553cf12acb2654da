r"""What arrives at a BN layer from above: ∂ℓ/∂y, from a loss or made to show something.

Some upstream gradients are blind. With all of them equal ∂ℓ/∂x is zero, and proportional to x̂ it
is nearly zero, whatever mistakes the backward pass contains in the paths that these cancel: that is
why a gradient is tested with a random one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core.batchnorm import ForwardTrain

Array = NDArray[np.floating[Any]]


def half_squared_error(y: ArrayLike, target: ArrayLike) -> tuple[float, Array]:
    r"""The loss ℓ = ½ Σ (y − t)² and its gradient ∂ℓ/∂y = y − t.

    Parameters
    ----------
    y, target : array_like of one shape
        Output and target.

    Returns
    -------
    loss : float
    dy : ndarray, as y

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    y, target = np.asarray(y, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if y.shape != target.shape:
        raise ValueError(f"target must have the shape of y, {y.shape}; got shape {target.shape}")
    dy = y - target
    return float(0.5 * (dy**2).sum()), dy


def linear_loss(y: ArrayLike, dy: ArrayLike) -> float:
    """ℓ = Σ ∂y · y: the simplest loss with a given upstream gradient ∂y."""
    return float((np.asarray(dy) * np.asarray(y)).sum())


def softmax_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> tuple[float, Array]:
    r"""The mean of −log softmax(z)[label] over the samples, and (softmax − one-hot)/m.

    Parameters
    ----------
    logits : array_like of shape (m, classes)
    labels : array_like of m integers
        The right class of each sample.

    Returns
    -------
    loss : float
    dlogits : ndarray of shape (m, classes)

    Raises
    ------
    ValueError
        If there is not one label from 0 to classes − 1 for each sample.
    """
    z, labels = np.asarray(logits), np.asarray(labels)
    if z.ndim != 2 or z.size == 0 or labels.shape != z.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be m integers for logits of shape (m, classes), m at least 1; "
            f"got {labels.dtype} of shape {labels.shape}, and {z.shape}"
        )
    if not (labels.min() >= 0 and labels.max() < z.shape[1]):
        raise ValueError(f"labels must lie from 0 to {z.shape[1] - 1}, got {labels}")
    shifted = z - z.max(axis=1, keepdims=True)  # so that exp cannot overflow
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    samples = np.arange(len(z))
    dlogits = np.exp(log_softmax)
    dlogits[samples, labels] -= 1
    return float(-log_softmax[samples, labels].mean()), dlogits / len(z)


def random_gradient(fwd: ForwardTrain, seed: int = 0) -> Array:
    """Standard normal: sees every mistake."""
    return np.random.default_rng(seed).standard_normal(fwd.y.shape)


def one_hot_gradient(fwd: ForwardTrain, sample: int = 0, feature: int = 0) -> Array:
    """1 for one value of y and 0 for the rest: ∂x is then a row of the Jacobian."""
    dy = np.zeros_like(fwd.y)
    dy[sample, feature] = 1
    return dy


def equal_gradient(fwd: ForwardTrain) -> Array:
    """1 everywhere: ∂x = 0, as shifting a whole feature changes nothing."""
    return np.ones_like(fwd.y)


def x_hat_gradient(fwd: ForwardTrain) -> Array:
    """x̂ itself: ∂x ≈ 0, as stretching a whole feature changes nothing (but for ε)."""
    return fwd.x_hat.copy()


UPSTREAM: Mapping[str, Callable[[ForwardTrain], Array]] = {
    "random": random_gradient,
    "one_hot": one_hot_gradient,
    "equal": equal_gradient,
    "x_hat": x_hat_gradient,
}
