"""How the samples of a batch depend on each other through BN: the Jacobian ∂y/∂x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bn_core.batchnorm import BackwardTrain, ForwardTrain

Array = NDArray[np.floating[Any]]


def jacobian(fwd: ForwardTrain, feature: int) -> Array:
    r"""∂yᵢ/∂xⱼ for one feature of a batch (m, d).

    .. math::
        \frac{\partial y_i}{\partial x_j} = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}
            \Bigl(\delta_{ij} - \frac1m - \frac{\hat x_i \hat x_j}{m}\Bigr)

    From the chain rule; symmetric, so that its rows are also what ∂ℓ/∂x is for a one-hot ∂ℓ/∂y.

    Parameters
    ----------
    fwd : ForwardTrain
        A forward pass over a batch of shape (m, d).
    feature : int
        Which feature, counted from 0.

    Returns
    -------
    ndarray of shape (m, m)
    """
    m = len(fwd.x)
    x_hat = fwd.x_hat[:, feature]
    scale = fwd.gamma[feature] * fwd.inv_std[feature]
    result: Array = scale * (np.eye(m) - 1 / m - np.outer(x_hat, x_hat) / m)
    return result


def eigenvalues(fwd: ForwardTrain, feature: int) -> Array:
    r"""What the Jacobian's eigenvalues must be, in the order of their meaning.

    0 for shifting all samples, (γ/s)·ε/(σ²+ε) for stretching all of them about their mean, and γ/s
    for each of the other m − 2 directions, with s = √(σ²+ε). For m = 1 there is only the first.

    Returns
    -------
    ndarray of shape (m,)
    """
    m = len(fwd.x)
    scale = float(fwd.gamma[feature] * fwd.inv_std[feature])
    stretched = scale * fwd.eps / float(fwd.var[feature] + fwd.eps)
    return np.array([0.0, stretched, *[scale] * (m - 2)][:m])


@dataclass(frozen=True, eq=False)
class Identities:
    """Facts about ∂ℓ/∂x, each with the number it must be. Arrays of shape (d,).

    Attributes
    ----------
    sum_dx
        Σᵢ ∂xᵢ: zero, as shifting all samples changes nothing.
    dx_dot_x_hat, dx_dot_x_hat_exact
        Σᵢ ∂xᵢ·x̂ᵢ, and what it is: (γ/s)·(Σ ∂yᵢ·x̂ᵢ)·ε/(σ²+ε). Zero only for ε = 0.
    dvar_dmu
        ∂σ²/∂μ = −2/m Σ(xᵢ−μ): zero, as deviations from the mean sum to zero.
    """

    sum_dx: Array
    dx_dot_x_hat: Array
    dx_dot_x_hat_exact: Array
    dvar_dmu: Array


def identities(fwd: ForwardTrain, grads: BackwardTrain) -> Identities:
    """The identities for one batch (m, d) and one upstream gradient."""
    return Identities(
        sum_dx=grads.dx.sum(axis=0),
        dx_dot_x_hat=(grads.dx * fwd.x_hat).sum(axis=0),
        dx_dot_x_hat_exact=(fwd.gamma * fwd.inv_std * grads.dgamma * fwd.eps / (fwd.var + fwd.eps)),
        dvar_dmu=-2 / len(fwd.x) * fwd.centred.sum(axis=0),
    )


def cosine(a: Array, b: Array) -> float:
    """Cosine of the angle between two gradients; NaN if one of them is zero."""
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.vdot(a, b)) / norms if norms > 0 else float("nan")


def relative_difference(a: Array, b: Array) -> float:
    """‖a − b‖ / ‖b‖; NaN if b is zero."""
    norm = float(np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / norm if norm > 0 else float("nan")
