"""How the samples of a batch depend on each other through BN.

The Jacobian ∂y/∂x of one feature and its eigenvalues, identities that ∂ℓ/∂x obeys, and what happens
to every ∂ℓ/∂xⱼ while one xᵢ is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bn_core.batchnorm import BackwardTrain, ForwardTrain, backward_train, forward_train

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


def shifted(fwd: ForwardTrain, feature: int, by: float) -> ForwardTrain:
    """The same pass after every sample of one feature, counted from 0, has moved by a number.

    The mean moves along and nothing else does: deviations from it are what they were. So a bias
    right before BN has no effect.

    Examples
    --------
    >>> fwd = shifted(forward_train([[0.0], [2.0]]), 0, by=100)
    >>> fwd.mu, fwd.x_hat.round(4).T
    (array([101.]), array([[-1.,  1.]]))
    """
    x = fwd.x.copy()
    x[:, feature] += by
    return forward_train(x, fwd.gamma, fwd.beta, eps=fwd.eps)


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


def matrix_eigenvalues(matrix: Array) -> Array:
    """Eigenvalues of a symmetric matrix by LAPACK, smallest first: the outside witness."""
    result: Array = np.linalg.eigvalsh(matrix)
    return result


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


@dataclass(frozen=True, eq=False)
class Nudges:
    """One feature's ∂ℓ/∂x while one of its samples is moved: n settings.

    Attributes
    ----------
    via_x_hat, via_var, via_mu : ndarray of shape (n, m)
        The three parts that ∂ℓ/∂x is the sum of. The first is also what a "detached" backward pass
        gives, which takes μ and σ² for constants.
    dx, dx_compact : ndarray of shape (n, m)
        Their sum, and the fast path's closed form of it.
    sum_dx, dx_dot_x_hat, dx_dot_x_hat_exact, dvar_dmu : ndarray of shape (n,)
        As in `Identities`.
    cosine, relative_error : ndarray of shape (n,)
        Of the detached gradient, against the right one; NaN where that is zero.
    largest_x : ndarray of shape (n,)
        max |x|: what the rounding error of ``dvar_dmu`` is proportional to.
    """

    via_x_hat: Array
    via_var: Array
    via_mu: Array
    dx: Array
    dx_compact: Array
    sum_dx: Array
    dx_dot_x_hat: Array
    dx_dot_x_hat_exact: Array
    dvar_dmu: Array
    cosine: Array
    relative_error: Array
    largest_x: Array


def nudge(
    fwd: ForwardTrain,
    upstream: Callable[[ForwardTrain], Array],
    sample: int,
    feature: int,
    offsets: Sequence[float] | Array,
) -> Nudges:
    """Move one xᵢ by each of ``offsets`` and differentiate there.

    Parameters
    ----------
    fwd : ForwardTrain
        The forward pass over the batch (m, d) as it is.
    upstream : callable
        ∂ℓ/∂y for a forward pass: a loss that depends on y gives another one at every setting.
    sample, feature : int
        Which entry is moved, counted from 0.
    offsets : sequence of n floats
        By how much, in units of x.

    Returns
    -------
    Nudges
    """
    rows = [_nudged(fwd, upstream, sample, feature, float(offset)) for offset in offsets]
    columns = zip(*rows, strict=True)
    return Nudges(*(np.array(column) for column in columns))


def _nudged(
    fwd: ForwardTrain,
    upstream: Callable[[ForwardTrain], Array],
    sample: int,
    k: int,
    offset: float,
) -> tuple[Array | float, ...]:
    x = fwd.x.copy()
    x[sample, k] += offset
    # Where all samples meet and ε is 0 there is no x̂; a trace of ε shows how steep it gets there.
    eps = fwd.eps or 1e-30
    moved = forward_train(x, fwd.gamma, fwd.beta, eps=eps)
    grads = backward_train(upstream(moved), moved)
    m = len(x)
    via_x_hat = grads.dx_hat[:, k] * moved.inv_std[k]
    via_var = grads.dvar[k] * 2 * moved.centred[:, k] / m
    via_mu = np.full(m, grads.dmu[k] / m)
    dx = via_x_hat + via_var + via_mu
    facts = identities(moved, grads)
    return (
        via_x_hat,
        via_var,
        via_mu,
        dx,
        grads.dx[:, k],
        *(float(fact[k]) for fact in vars(facts).values()),
        cosine(via_x_hat, dx),
        relative_difference(via_x_hat, dx),
        float(np.abs(x[:, k]).max()),
    )
