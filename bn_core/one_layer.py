r"""One hidden layer as three blocks: fully connected, BN, activation, in either order.

A batch of pre-activations x goes on in one of three ways (`ORDERS`):

    before    x → y = BN(x) → f(y)      BN between the linear part and f, as Ioffe & Szegedy
                                        (2015), section 3.2, put it
    after     x → f(x) → y = BN(f(x))   BN behind the activation
    none      x → f(x)                  no BN

Everything works on stacks (n, m, d): the same batch at n settings of a knob.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bn_core._checks import checked_key
from bn_core.activations import Activation
from bn_core.batchnorm import forward_train
from bn_core.network import BN_EPS
from bn_core.summaries import Floats, moments

ORDERS: Mapping[str, tuple[str, ...]] = {
    "before": ("x", "y", "activation"),
    "after": ("x", "activation", "y"),
    "none": ("x", "activation"),
}
"""What each order computes, first to last: x, BN's output y, the activation function's output."""


@dataclass(frozen=True, eq=False)
class Summary:
    """Numbers that describe all values of a batch, each of shape (n,).

    Parameters
    ----------
    mean, sd, skew
        As in :class:`bn_core.summaries.Moments`.
    minimum
        The smallest value.
    zeros
        Share of values that are exactly 0, as ReLU leaves them.
    """

    mean: Floats
    sd: Floats
    skew: Floats
    minimum: Floats
    zeros: Floats


def one_layer(
    x: ArrayLike, activation: Activation, order: str, *, eps: float = BN_EPS
) -> dict[str, Floats]:
    """What the blocks after the fully connected one make of its output.

    Parameters
    ----------
    x
        Pre-activations, shape (m, d), or (n, m, d) for n batches at once.
    activation
        f.
    order
        A key of :data:`ORDERS`.
    eps
        BN's ε; γ is 1 and β is 0, as in a new layer.

    Returns
    -------
    The quantities that ``ORDERS[order]`` names, in that order, each of shape (n, m, d); the last is
    what the next layer gets.

    Raises
    ------
    ValueError
        If there is no such order, or ``x`` has another number of axes.
    """
    names = checked_key("order", order, ORDERS)
    stack = np.asarray(x, dtype=np.float64)
    if stack.ndim not in (2, 3):
        raise ValueError(f"x must have shape (m, d) or (n, m, d), got {stack.shape}")
    values: Floats = stack if stack.ndim == 3 else stack[np.newaxis]
    found: dict[str, Floats] = {"x": values}
    for name in names[1:]:
        values = activation(values) if name == "activation" else _normalised(values, eps)
        found[name] = values
    return found


def next_input(x: ArrayLike, activation: Activation, order: str) -> Floats:
    """What the next layer gets, (n, m, d): the last quantity of :func:`one_layer`."""
    return one_layer(x, activation, order)[ORDERS[order][-1]]


def summary(values: Floats) -> Summary:
    """Describe all values of each batch of a stack (n, m, d)."""
    rows = values.reshape(len(values), -1)
    m = moments(rows)
    return Summary(m.mean, m.sd, m.skew, rows.min(axis=1), (rows == 0).mean(axis=1))


def moved_by_bias(x: ArrayLike, activation: Activation, order: str, biases: ArrayLike) -> Floats:
    r"""How far a bias b moves what the next layer gets: :math:`\max |a(x + b) - a(x)|`.

    With BN right after the linear part it is rounding error: subtracting the mean subtracts b.

    Parameters
    ----------
    x
        One batch, shape (m, d), or one for each bias, (n, m, d).
    activation, order
        As in :func:`one_layer`.
    biases
        Shape (n,).

    Returns
    -------
    Shape (n,).
    """
    x = np.asarray(x, dtype=np.float64)
    b = np.asarray(biases, dtype=np.float64)[:, np.newaxis, np.newaxis]
    apart = next_input(x + b, activation, order) - next_input(x, activation, order)
    return np.abs(apart).max(axis=(1, 2))


def _normalised(stack: Floats, eps: float) -> Floats:
    """BN of each batch of a stack: every (setting, feature) pair is one feature of the core's."""
    n, m, d = stack.shape
    y = forward_train(stack.transpose(1, 0, 2).reshape(m, n * d), eps=eps).y
    return y.reshape(m, n, d).transpose(1, 0, 2)
