"""γ and β that undo the standardisation, and how nearly others do.

"By setting γ = √Var[x] and β = E[x] we could recover the original activations, if that were the
optimal thing to do" (Ioffe & Szegedy 2015, section 3, where the ε under the root is left out; with
it γ is √(σ²+ε)). NumPy only; knows no screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bn_core.batchnorm import forward_train
from bn_core.summaries import Floats


@dataclass(frozen=True)
class Pair:
    """Scale and shift of every feature, each (d,)."""

    gamma: Floats
    beta: Floats


@dataclass(frozen=True)
class Distance:
    """How far y is from x, for every feature, each (d,).

    rms : root mean square of y − x
    largest : largest |y − x|
    share : rms as a share of x's standard deviation; inf or NaN for a feature that does not vary
    """

    rms: Floats
    largest: Floats
    share: Floats


def identity_pair(x: ArrayLike, eps: float = 1e-5) -> Pair:
    r"""The pair with which BN gives back this batch: :math:`\gamma = \sqrt{\sigma^2+\epsilon}`,
    :math:`\beta = \mu`.

    Parameters
    ----------
    x : (m, d) array-like
    eps : float
        BN's ε, at least 0.

    Raises
    ------
    ValueError
        As `forward_train`.
    """
    fwd = forward_train(x, eps=eps)
    return Pair(np.sqrt(fwd.var + eps), fwd.mu)


def slipped_pair(x: ArrayLike, eps: float = 1e-5) -> Pair:
    r"""The pair of the common slip: :math:`\gamma = \sigma`, with the ε forgotten.

    It gives :math:`y - x = (x-\mu)\bigl(\sigma/\sqrt{\sigma^2+\epsilon} - 1\bigr)`. Parameters and
    errors are those of `identity_pair`.
    """
    fwd = forward_train(x, eps=eps)
    return Pair(np.sqrt(fwd.var), fwd.mu)


def shared_pair(x: ArrayLike, eps: float = 1e-5) -> Pair:
    r"""The one γ and one β for all features that bring y nearest to x.

    Least squares over all m·d values: the mean of each x̂ is 0, so

    .. math:: \gamma = \frac{\sum_{ik}\hat x_{ik} x_{ik}}{\sum_{ik}\hat x_{ik}^2}, \qquad
              \beta = \frac{1}{md}\sum_{ik} x_{ik}

    and γ = 0 where no feature varies. Parameters and errors are those of `identity_pair`.
    """
    fwd = forward_train(x, eps=eps)
    square = (fwd.x_hat * fwd.x_hat).sum()
    gamma = (fwd.x_hat * fwd.x).sum() / square if square else 0.0
    d = fwd.x.shape[1]
    return Pair(np.full(d, gamma, fwd.x.dtype), np.full(d, fwd.x.mean(), fwd.x.dtype))


def distance(x: ArrayLike, pair: Pair, eps: float = 1e-5) -> Distance:
    """How far BN with this pair is from the identity on the batch ``x`` (m, d).

    Raises
    ------
    ValueError
        As `forward_train`.
    """
    fwd = forward_train(x, pair.gamma, pair.beta, eps=eps)
    return _distance((fwd.y - fwd.x).T, np.sqrt(fwd.var))


def outputs(x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, eps: float = 1e-5) -> Floats:
    """y of a batch of one feature (m, 1) at n pairs, (n, m); γ and β are numbers or (n,).

    Raises
    ------
    ValueError
        If ``x`` has another shape, or as `forward_train`.
    """
    column = np.asarray(x)
    if column.ndim != 2 or column.shape[1] != 1:
        raise ValueError(f"x must have shape (m, 1), got {column.shape}")
    gammas, betas = np.broadcast_arrays(np.atleast_1d(gamma), np.atleast_1d(beta))
    return gammas[:, None] * forward_train(column, eps=eps).x_hat[:, 0] + betas[:, None]


def distances(x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, eps: float = 1e-5) -> Distance:
    """`distance` at n pairs; parameters and errors are those of `outputs`."""
    column = np.asarray(x)
    y = outputs(column, gamma, beta, eps)
    return _distance(y - column[:, 0], column.std())


def _distance(apart: Floats, sd: ArrayLike) -> Distance:
    """Of rows of differences y − x."""
    rms = np.sqrt((apart * apart).mean(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return Distance(rms, np.abs(apart).max(axis=1), rms / sd)


def carried_over(batches: ArrayLike, eps: float = 1e-5) -> tuple[Floats, Distance]:
    """The pair that gives back the first batch, used on every batch with statistics of its own.

    Parameters
    ----------
    batches : (n, m) array-like
        n batches of one feature.
    eps : float

    Returns
    -------
    y : (n, m)
    Distance
        Of every batch from y = x; the first one's is rounding error.

    Raises
    ------
    ValueError
        As `forward_train`.
    """
    x = np.asarray(batches).T
    first = identity_pair(x[:, :1], eps)
    pair = Pair(*(np.repeat(values, x.shape[1]) for values in (first.gamma, first.beta)))
    return forward_train(x, pair.gamma, pair.beta, eps=eps).y.T, distance(x, pair, eps)


def typical_error(batches: ArrayLike, eps: float = 1e-5) -> float:
    r"""Root mean square of y − x when a batch's pair is used on another one, over all such pairs.

    With the pair of batch j on batch i, whose own would be :math:`(\gamma_i, \beta_i)`,

    .. math:: y - x = (\gamma_j-\gamma_i)\,\hat x + (\beta_j-\beta_i)

    Parameters
    ----------
    batches : (n, m) array-like
        n ≥ 2 batches of one feature.
    eps : float

    Raises
    ------
    ValueError
        If there is only one batch, or as `forward_train`.
    """
    x = np.asarray(batches).T
    n = x.shape[1]
    if n < 2:
        raise ValueError(f"batches must be two or more, got {n}")
    pair, fwd = identity_pair(x, eps), forward_train(x, eps=eps)
    square = (fwd.x_hat * fwd.x_hat).mean(axis=0)
    scale = np.subtract.outer(pair.gamma, pair.gamma) ** 2 * square
    shift = np.subtract.outer(pair.beta, pair.beta) ** 2
    return float(np.sqrt((scale + shift).sum() / (n * (n - 1))))


@dataclass(frozen=True)
class Recovery:
    """How nearly a batch of each standard deviation is given back; every array is (n,).

    exact, slip : the largest |y − x| with γ = √(σ²+ε) and with γ = σ
    share : the slip's error as a share of x − μ
    """

    sd: Floats
    exact: Floats
    slip: Floats
    share: Floats


def recoveries(x: ArrayLike, sds: Sequence[float], eps: float) -> Recovery:
    """One feature (m, 1), as it is and stretched to each sd of ``sds`` and to √ε.

    Raises
    ------
    ValueError
        If the feature does not vary, or as `forward_train`.
    """
    batch = np.asarray(x, np.float64)
    mu, sd = batch.mean(), batch.std()
    if not sd > 0:
        raise ValueError("x must vary, got a constant feature")
    wanted = np.array([sd, *sds, np.sqrt(eps)])
    stretched = mu + (batch - mu) / sd * wanted
    return Recovery(
        sd=wanted,
        exact=distance(stretched, identity_pair(stretched, eps), eps).largest,
        slip=distance(stretched, slipped_pair(stretched, eps), eps).largest,
        share=slip_share(wanted * wanted, eps),
    )


def slip_share(var: ArrayLike, eps: float) -> Floats:
    r"""The common slip's error as a share of :math:`x-\mu`,
    :math:`1 - \sigma/\sqrt{\sigma^2+\epsilon}`, without cancellation.

    It is :math:`\epsilon/(s(s+\sigma))` with :math:`s = \sqrt{\sigma^2+\epsilon}`; about
    :math:`\epsilon/2\sigma^2` while ε is small, and 1 − 1/√2 at σ² = ε.

    Parameters
    ----------
    var : array-like
        σ² ≥ 0.
    eps : float
        Greater than 0.
    """
    variance = np.asarray(var, np.float64)
    root = np.sqrt(variance + eps)
    return eps / (root * (root + np.sqrt(variance)))
