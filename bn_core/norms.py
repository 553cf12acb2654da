r"""The relatives of Batch Normalization: other cells share one mean, the formula is the same.

For x of shape (m, d, ...), samples first and channels on axis 1, one mean and one variance is
shared by

=================  =============================================================  ==============
norm               the cells                                                      how many means
=================  =============================================================  ==============
batch              of one channel, in all samples and positions                   d
layer              of one sample, in all channels and positions                   m
instance           of one sample and channel, in all positions                    m · d
group              of one sample and one group of channels, in all positions      m · groups
=================  =============================================================  ==============

RMSNorm shares cells as layer normalization does, and divides by the root of their mean square
without subtracting anything. In all of them γ and β belong to a channel. (For images PyTorch's
``LayerNorm`` has a γ and a β for every channel and position; its ``GroupNorm(1, d)`` is the layer
normalization here.)

Layer: J. L. Ba et al. 2016, https://arxiv.org/abs/1607.06450. Instance: D. Ulyanov et al. 2016,
https://arxiv.org/abs/1607.08022. Group: Y. Wu and K. He 2018, https://arxiv.org/abs/1803.08494.
RMSNorm: B. Zhang and R. Sennrich 2019, https://arxiv.org/abs/1910.07467.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core._checks import checked_int, checked_key
from bn_core.batchnorm import ForwardTrain, backward_train, forward_train

Array = NDArray[np.floating[Any]]

SHARES = {
    "batch": "a channel",
    "layer": "a sample",
    "instance": "a sample and channel",
    "group": "a sample and group of channels",
}
"""The norms that subtract a mean, and what shares one."""


@dataclass(frozen=True, eq=False)
class ForwardNorm:
    """What a norm computed, and all that `backward_norm` needs.

    Attributes
    ----------
    x_hat, y : ndarray, as x
        Standardised, and scaled and shifted.
    mu, var : ndarray of shape (m, groups)
        Mean and variance of each set of cells; for RMSNorm 0 and the mean square.
    inv_std : ndarray of shape (m, groups)
        1 / √(var + eps).
    gamma, beta : ndarray of shape (d,)
        As they were used: 1 and 0 where None was given.
    standardised : ForwardTrain or None
        The forward pass of BN on the same cells; None for RMSNorm.
    """

    x_hat: Array
    y: Array
    mu: Array
    var: Array
    inv_std: Array
    gamma: Array
    beta: Array
    standardised: ForwardTrain | None


@dataclass(frozen=True, eq=False)
class BackwardNorm:
    """Gradients of the loss ℓ through a norm: ``dx`` as x, ``dgamma`` and ``dbeta`` (d,)."""

    dx: Array
    dgamma: Array
    dbeta: Array


def group_norm(
    x: ArrayLike,
    groups: int,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
) -> ForwardNorm:
    r"""Normalise each sample's groups of neighbouring channels with their own statistics.

    .. math::
        \hat x = \frac{x - \mu_{ng}}{\sqrt{\sigma^2_{ng} + \epsilon}} \qquad
        y = \gamma_c \hat x + \beta_c

    Parameters
    ----------
    x : array_like of shape (m, d) or (m, d, ...)
        Samples first, channels on axis 1.
    groups : int
        Divides d.
    gamma, beta : array_like of shape (d,), optional
        Scale (None: 1) and shift (None: 0).
    eps : float, default 1e-5
        Added to the variance; at least 0.

    Raises
    ------
    ValueError, TypeError
        As `bn_core.forward_train`, and if ``groups`` does not divide d.

    Examples
    --------
    >>> group_norm([[1.0, 3.0, 10.0, 50.0]], 2, eps=0).x_hat
    array([[-1.,  1., -1.,  1.]])
    """
    x = np.asarray(x)
    m, d = _samples_and_channels(x)
    groups = checked_int("groups", groups, minimum=1)
    if d % groups:
        raise ValueError(f"groups must divide the {d} channels of x, got {groups}")
    # BN takes its statistics over every axis but 1: with a sample's group there, they are these.
    standardised = forward_train(x.reshape(1, m * groups, -1), eps=eps)
    x_hat = standardised.x_hat.reshape(x.shape)
    gamma, beta = (_per_channel(*each, like=x_hat) for each in (("gamma", gamma), ("beta", beta)))
    mu, var, inv_std = (
        a.reshape(m, groups) for a in (standardised.mu, standardised.var, standardised.inv_std)
    )
    y = _along_channels(gamma, x_hat) * x_hat + _along_channels(beta, x_hat)
    return ForwardNorm(x_hat, y, mu, var, inv_std, gamma, beta, standardised)


def layer_norm(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
) -> ForwardNorm:
    """Normalise each sample on its own: `group_norm` with one group.

    Examples
    --------
    >>> layer_norm([[1.0, 3.0], [7.0, 5.0]], eps=0).x_hat
    array([[-1.,  1.],
           [ 1., -1.]])
    """
    return group_norm(x, 1, gamma, beta, eps=eps)


def instance_norm(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
) -> ForwardNorm:
    """Normalise each channel of each sample on its own: `group_norm` with a group a channel.

    Without positions, x of shape (m, d), every cell would be alone and y = β.
    """
    return group_norm(x, _samples_and_channels(np.asarray(x))[1], gamma, beta, eps=eps)


def rms_norm(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
) -> ForwardNorm:
    r"""Scale each sample to a mean square of 1, without centring it.

    .. math::
        \hat x = \frac{x}{\sqrt{\frac1n \sum x^2 + \epsilon}}

    Zhang & Sennrich (2019), equation 4, with the ε that implementations add. They have no β.

    Parameters and errors are those of `layer_norm`.

    Examples
    --------
    >>> rms_norm([[3.0, 3.0]], eps=0).x_hat
    array([[1., 1.]])
    """
    x = np.asarray(x)
    m, _ = _samples_and_channels(x)
    # Checks, dtypes and the errors of BN; what it computes is not needed.
    x = forward_train(x.reshape(1, m, -1), eps=max(eps, 1.0)).x.reshape(x.shape)
    square = np.mean(np.square(x.reshape(m, -1)), axis=1, keepdims=True)
    if not np.all(square + eps > 0):
        raise ValueError(f"eps must make the mean square of every sample positive; got {eps}")
    inv_std = 1 / np.sqrt(square + eps)
    x_hat = (x.reshape(m, -1) * inv_std).reshape(x.shape)
    gamma, beta = (_per_channel(*each, like=x_hat) for each in (("gamma", gamma), ("beta", beta)))
    y = _along_channels(gamma, x_hat) * x_hat + _along_channels(beta, x_hat)
    return ForwardNorm(x_hat, y, np.zeros_like(square), square, inv_std, gamma, beta, None)


def backward_norm(dy: ArrayLike, fwd: ForwardNorm) -> BackwardNorm:
    r"""Gradients through any norm of this module.

    .. math::
        \frac{\partial\ell}{\partial x} = \frac{1}{\sqrt{\sigma^2 + \epsilon}} \Bigl(
        \frac{\partial\ell}{\partial\hat x}
        - \overline{\frac{\partial\ell}{\partial\hat x}}
        - \hat x\,\overline{\frac{\partial\ell}{\partial\hat x}\hat x} \Bigr)

    with means over the cells that share one; for RMSNorm without the first mean.

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not have the shape of ``x``, or does not hold real numbers.
    """
    dy = np.asarray(dy)
    if dy.shape != fwd.y.shape:
        raise ValueError(f"dy must have the shape of x, {fwd.y.shape}; got shape {dy.shape}")
    if dy.dtype.kind not in "fiub":
        raise TypeError(f"dy must hold real numbers; got dtype {dy.dtype}")
    dy = dy.astype(fwd.y.dtype, copy=False)
    dx_hat = dy * _along_channels(fwd.gamma, dy)
    if fwd.standardised is not None:
        dx = backward_train(dx_hat.reshape(fwd.standardised.x.shape), fwd.standardised).dx
    else:
        rows, x_hat = dx_hat.reshape(len(dy), -1), fwd.x_hat.reshape(len(dy), -1)
        dx = (rows - x_hat * np.mean(rows * x_hat, axis=1, keepdims=True)) * fwd.inv_std
    others = tuple(axis for axis in range(dy.ndim) if axis != 1)
    return BackwardNorm(
        dx=dx.reshape(dy.shape),
        dgamma=np.sum(dy * fwd.x_hat, axis=others),
        dbeta=np.sum(dy, axis=others),
    )


def shared_cells(
    norm: str, shape: Sequence[int], cell: Sequence[int], groups: int = 1
) -> NDArray[np.bool_]:
    """Which cells of a block are averaged together with one of them.

    Parameters
    ----------
    norm
        A key of :data:`SHARES`.
    shape
        (m, d, ...).
    cell
        An index into such a block.
    groups
        For ``"group"``: divides d.

    Returns
    -------
    True for each cell that shares its mean, of that shape.

    Raises
    ------
    ValueError
        If there is no such norm or cell, or ``groups`` does not divide d.

    Examples
    --------
    >>> [int(shared_cells(n, (8, 16, 4, 4), (0, 0, 0, 0), 4).sum()) for n in SHARES]
    [128, 256, 16, 64]
    """
    checked_key("norm", norm, SHARES)
    m, d = int(shape[0]), int(shape[1])
    if len(cell) != len(shape) or not all(0 <= i < n for i, n in zip(cell, shape, strict=True)):
        raise ValueError(f"cell must be an index into a block of shape {tuple(shape)}, got {cell}")
    if norm == "group" and (groups < 1 or d % groups):
        raise ValueError(f"groups must divide the {d} channels, got {groups}")
    size = {"layer": d, "instance": 1, "group": d // groups, "batch": 1}[norm]
    channels = np.arange(d) // size == cell[1] // size
    samples = np.ones(m, bool) if norm == "batch" else np.arange(m) == cell[0]
    first = samples[:, np.newaxis] & channels
    return np.broadcast_to(first.reshape(m, d, *[1] * (len(shape) - 2)), tuple(shape)).copy()


@dataclass(frozen=True)
class Sharing:
    """How a norm divides a block of cells among its means.

    Attributes
    ----------
    values : int
        How many cells are averaged together.
    means : int
        How many such averages there are.
    whole, part : tuple of int
        Axes that are averaged over in full, and those of which only a part is.
    """

    values: int
    means: int
    whole: tuple[int, ...]
    part: tuple[int, ...]


def sharing(norm: str, shape: Sequence[int], groups: int = 1) -> Sharing:
    """Counts and axes, counted from the cells of :func:`shared_cells`; errors are those of it.

    Examples
    --------
    >>> sharing("batch", (8, 16, 4, 4))
    Sharing(values=128, means=16, whole=(0, 2, 3), part=())
    >>> sharing("group", (8, 16, 4, 4), groups=4).part
    (1,)
    """
    together = shared_cells(norm, shape, (0,) * len(shape), groups)
    values = int(together.sum())
    reached = [len(np.unique(places)) for places in np.nonzero(together)]
    extents = list(enumerate(zip(reached, shape, strict=True)))
    return Sharing(
        values=values,
        means=together.size // values,
        whole=tuple(axis for axis, (n, extent) in extents if n == extent),
        part=tuple(axis for axis, (n, extent) in extents if 1 < n < extent),
    )


def _samples_and_channels(x: NDArray[Any]) -> tuple[int, int]:
    if x.ndim < 2 or x.size == 0:
        raise ValueError(
            f"x must have shape (m, d) or (m, d, ...), samples first, and not be empty; "
            f"got shape {x.shape}"
        )
    return x.shape[0], x.shape[1]


def _per_channel(name: str, value: ArrayLike | None, *, like: Array) -> Array:
    d = like.shape[1]
    if value is None:
        return np.full(d, 1.0 if name == "gamma" else 0.0, like.dtype)
    a = np.array(value)
    if a.shape != (d,):
        raise ValueError(
            f"{name} must have shape ({d},), one value per channel of x; got shape {a.shape}"
        )
    if a.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers; got dtype {a.dtype}")
    return a.astype(like.dtype)


def _along_channels(v: Array, like: Array) -> Array:
    """(d,) in the shape that broadcasts against (m, d, ...)."""
    return v.reshape(-1, *[1] * (like.ndim - 2))
