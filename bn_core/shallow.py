r"""A shallow model and the scale of its inputs: logistic regression on two features.

.. math::
    p_i = \sigma(w \cdot x_i) \qquad
    \ell = \frac1m \sum_i -\log p_i^{t_i} (1-p_i)^{1-t_i} \qquad
    \frac{\partial\ell}{\partial w} = \frac1m \sum_i (p_i - t_i)\,x_i

Both features have mean 0, so that the plane of their two weights is all there is. Standardised
features z also have spread 1; measured in a unit u times finer, the second one is u·z₂. That is the
same model with another weight, w₂/u, but gradient descent on w₂ then takes steps that are u² times
as long, seen in the plane of the standardised weights: whoever changes a unit changes a learning
rate. So everything here is computed in that plane, with one learning rate for each weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from bn_core._checks import checked_int
from bn_core.batchnorm import forward_train
from bn_core.datasets import load_digits, sample_rows
from bn_core.summaries import Floats

SAMPLES = 128
DIGITS = (0, 5)
NEWTON_STEPS = 12
FARTHEST = 60.0  # a level set is looked for up to here


@dataclass(frozen=True, eq=False)
class TwoFeatures:
    """Standardised features z of shape (m, 2) and targets t of shape (m,), 0 or 1; read-only."""

    z: Floats
    target: Floats


@dataclass(frozen=True, eq=False)
class Paths:
    """Gradient descent from w = 0, at n settings.

    Parameters
    ----------
    weights
        In the plane of the standardised weights, before every step and after the last: shape
        (n, steps + 1, 2).
    excess
        Loss above the lowest there is, as a share of what it is at the start: (n, steps + 1).
    """

    weights: Floats
    excess: Floats

    def steps_to(self, share: float) -> Floats:
        """After how many steps the excess is at most ``share`` and stays so, (n,); NaN if never.

        A path that jumps about may come near the lowest loss by chance, and leave it again.
        """
        above = self.excess > share
        steps = above.shape[1]
        settled = steps - above[:, ::-1].argmax(axis=1)  # one after the last step above it
        return np.where(~above.any(axis=1), 0.0, np.where(settled == steps, np.nan, settled))

    def quickest(self, share: float) -> int | None:
        """Which setting needs the fewest steps to ``share``; None if none gets there."""
        steps = self.steps_to(share)
        return None if np.isnan(steps).all() else int(np.nanargmin(steps))


@cache
def two_features() -> TwoFeatures:
    """How wide and how high a handwritten 0 or 5 is, standardised; t = 1 for a 5.

    Width is the standard deviation of where the ink stands along a row, height that along a column,
    of 128 digits drawn from the file. Both together tell a 0 from a 5 better than either alone, and
    no line separates them, so that the loss has a lowest point.
    """
    digits = load_digits()
    known = np.flatnonzero(np.isin(digits.labels, DIGITS))
    rows = known[sample_rows(len(known), SAMPLES, seed=0)]
    images = digits.images[rows].reshape(SAMPLES, *digits.image_shape)
    spreads = [_spread(images.sum(axis=axis)) for axis in (1, 2)]
    z = forward_train(np.stack(spreads, axis=1), eps=0).x_hat
    target = (digits.labels[rows] == DIGITS[1]).astype(np.float64)
    for array in (z, target):
        array.setflags(write=False)
    return TwoFeatures(z, target)


def _spread(ink: Floats) -> Floats:
    """Standard deviation of the place of the ink, from its amount at every place: (m, n) → (m,)."""
    place = np.arange(ink.shape[1])
    share = ink / ink.sum(axis=1, keepdims=True)
    centre = share @ place
    return np.sqrt((share * (place - centre[:, np.newaxis]) ** 2).sum(axis=1))


def loss_and_gradient(data: TwoFeatures, weights: ArrayLike) -> tuple[Floats, Floats]:
    """ℓ and ∂ℓ/∂w at each of n weights (n, 2): shapes (n,) and (n, 2)."""
    # With z's sign turned where t = 1, s = w·z is the logit of being wrong: ℓ = mean log(1 + e^s).
    turned = (1 - 2 * data.target)[:, np.newaxis] * data.z
    s = np.asarray(weights, dtype=np.float64) @ turned.T
    decay = np.exp(-np.abs(s))  # cannot overflow
    wrong = np.where(s > 0, 1, decay) / (1 + decay)
    losses = (np.maximum(s, 0) + np.log(1 + decay)).mean(axis=1)
    return losses, wrong @ turned / len(turned)


def loss(data: TwoFeatures, weights: ArrayLike) -> Floats:
    """ℓ at each of n weights (n, 2)."""
    return loss_and_gradient(data, weights)[0]


def hessian(data: TwoFeatures, weights: ArrayLike) -> Floats:
    """∂²ℓ/∂w² = Σ p(1−p) z zᵀ / m at one w (2,): (2, 2)."""
    p = 1 / (1 + np.exp(-np.abs(data.z @ np.asarray(weights, dtype=np.float64))))
    return (data.z * (p * (1 - p))[:, np.newaxis]).T @ data.z / len(data.z)


def lowest(data: TwoFeatures) -> Floats:
    """The w of the lowest loss, (2,), by Newton's method."""
    w = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        _, slope = loss_and_gradient(data, w[np.newaxis])
        w -= np.linalg.solve(hessian(data, w), slope[0])
    return w


def condition_number(data: TwoFeatures, units: ArrayLike) -> Floats:
    """Largest over smallest curvature at the lowest loss, with the second feature times u: (n,)."""
    at_lowest = hessian(data, lowest(data))
    scale = _per_weight(units)
    return np.linalg.cond(at_lowest * scale[:, :, np.newaxis] * scale[:, np.newaxis, :])


def descend(data: TwoFeatures, rates: ArrayLike, units: ArrayLike, steps: int) -> Paths:
    """Gradient descent on all samples, from w = 0, at n learning rates η and n units u.

    With the second feature measured as u·z₂, a step w₂ ← w₂ − η ∂ℓ/∂w₂ moves u·w₂, which is the
    standardised weight, by −η u² times its own gradient.

    Parameters
    ----------
    data
        The samples.
    rates, units
        η and u: numbers or shape (n,).
    steps
        At least 1.

    Returns
    -------
    Paths
    """
    steps = checked_int("steps", steps, minimum=1)
    rates, units = np.broadcast_arrays(*np.atleast_1d(rates, units))
    eta = rates[:, np.newaxis] * _per_weight(units) ** 2
    path = np.zeros((steps + 1, len(eta), 2))
    losses = np.empty(path.shape[:2])
    for step in range(steps + 1):
        losses[step], slope = loss_and_gradient(data, path[step])
        if step < steps:
            path[step + 1] = path[step] - eta * slope
    above = losses - loss(data, lowest(data)[np.newaxis])
    return Paths(path.transpose(1, 0, 2), (above / above[0]).T)


def level_sets(data: TwoFeatures, shares: ArrayLike, points: int) -> Floats:
    """Where the loss is above the lowest by given shares of what it is at w = 0.

    ℓ is convex: on every ray from its lowest point it grows, and each level is met once. It is
    found by halving an interval, on all rays at once.

    Parameters
    ----------
    data
        The samples.
    shares
        Shape (k,), each above 0.
    points
        How many points a curve has; the last is the first again.

    Returns
    -------
    Shape (k, points, 2).
    """
    centre = lowest(data)
    floor, start = loss(data, np.stack([centre, np.zeros(2)]))
    wanted = floor + np.asarray(shares)[:, np.newaxis] * (start - floor)
    angle = np.linspace(0, 2 * np.pi, points)
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    low = np.zeros((len(wanted), points))
    high = np.full_like(low, FARTHEST)
    for _ in range(50):
        middle = (low + high) / 2
        there = centre + middle[:, :, np.newaxis] * ray
        above = loss(data, there.reshape(-1, 2)).reshape(middle.shape) > wanted
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return centre + low[:, :, np.newaxis] * ray


def _per_weight(units: ArrayLike) -> Floats:
    """(n, 2): the first feature stays as it is, the second is multiplied by u."""
    u = np.atleast_1d(np.asarray(units, dtype=np.float64))
    return np.stack([np.ones_like(u), u], axis=1)
