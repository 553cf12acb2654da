"""One batch on its way x → x̂ → y → f(y), at one setting or at every value of a knob.

A knob that is dragged needs its picture at each of its positions *before* the finger gets
there. Standardising and the affine map γx̂ + β keep the order of the values, and so does every
activation here: values are sorted once, and all histograms are looked up among the mapped
bin edges (``count_below``). The results equal ``forward_train`` followed by a histogram.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bn_core.activations import Activation
from bn_core.batchnorm import forward_train
from bn_core.summaries import Counts, Floats, Moments, count_below, moments, nice_bounds

BINS = 40  # for x and f(y), which have axes of their own
FIXED_AXIS = (-8.0, 8.0)  # x̂ and y live here whatever the knobs do, so that movement is visible
FIXED_BINS = 64


@dataclass(frozen=True)
class Stage:
    """One quantity at n knob positions.

    ``edges`` (bins+1,) or (n, bins+1); ``counts`` (n, bins), bins half open [a, b) except x's last,
    which holds its upper end; ``outside`` (n,) values beyond the axis; ``saturated`` (n,) share of
    values where |f′| < 0.2·max|f′| if the activation were applied to this quantity. ``moments``
    and ``saturated`` are None for the activation's output.
    """

    edges: Floats
    counts: Counts
    outside: Counts
    moments: Moments | None = None
    saturated: Floats | None = None


@dataclass(frozen=True)
class Passage:
    """The four quantities at n knob positions; ``size`` = values pooled in each histogram."""

    x: Stage
    x_hat: Stage
    y: Stage
    activation: Stage
    size: int


def passage(
    x: Floats,
    *,
    gamma: Floats | float = 1.0,
    beta: Floats | float = 0.0,
    eps: Floats | float = 1e-5,
    activation: Activation,
    x_edges: Floats | None = None,
) -> Passage:
    """Follow a batch through x̂ = (x−μ)/√(σ²+ε), y = γx̂+β and f(y) at n settings at once.

    Parameters
    ----------
    x : (m, d), or (n, m, d) when the batch itself differs from setting to setting.
        The d features are standardised one by one and then pooled.
    gamma, beta, eps : a number, or (n,) values of the knob that is being swept
    x_edges : (1 or n, BINS+1) bin edges for x, by default those of ``own_axis``
    """
    stack = x if x.ndim == 3 else x[None]
    gamma, beta, eps = (np.atleast_1d(np.asarray(v, float)) for v in (gamma, beta, eps))
    n = max(len(stack), len(gamma), len(beta), len(eps))
    one, zero = np.ones(n), np.zeros(n)
    x_rows, x_hat_rows = _pooled(stack), _pooled(_standardised(stack, eps))
    if x_edges is None:
        x_edges = own_axis(stack)
    y_edges = np.linspace(*FIXED_AXIS, FIXED_BINS + 1)
    scale, shift = np.broadcast_to(gamma, n), np.broadcast_to(beta, n)
    x_hat_moments = moments(x_hat_rows)
    return Passage(
        x=_x_stage(x_rows, x_edges, activation),
        x_hat=_stage(x_hat_rows, y_edges, one, zero, x_hat_moments.affine(one, zero), activation),
        y=_stage(x_hat_rows, y_edges, scale, shift, x_hat_moments.affine(scale, shift), activation),
        activation=_activation_stage(x_hat_rows, scale, shift, activation),
        size=x_rows.shape[1],
    )


def standard_edges(x: Floats, eps: float = 1e-5) -> Floats:
    """The fixed axis' bin edges carried back to each feature of x (m, d), (d, FIXED_BINS+1).

    Bins μ + √(σ²+ε)·(edges of x̂) hold the same values of x as the edges hold of x̂.
    """
    fwd = forward_train(x, eps=eps)
    edges = np.linspace(*FIXED_AXIS, FIXED_BINS + 1)
    return fwd.mu[:, None] + edges / fwd.inv_std[:, None]


def own_axis(stack: Floats) -> Floats:
    """Bin edges over the round interval that holds each batch of the stack, (n, BINS+1)."""
    rows = stack.reshape(len(stack), -1)
    bounds = [nice_bounds(low, high) for low, high in zip(rows.min(1), rows.max(1), strict=True)]
    return np.array([np.linspace(low, high, BINS + 1) for low, high in bounds])


def output_edges(f: Activation) -> Floats:
    """Bin edges over f's range, or as far as the fixed axis where it has no end."""
    low, high = f.output_range
    return np.linspace(low, high if np.isfinite(high) else FIXED_AXIS[1], BINS + 1)


def _standardised(stack: Floats, eps: Floats) -> Floats:
    """x̂ for every setting, (n, m, d). Each (setting, feature) pair is one feature of the core's."""
    n, m, d = stack.shape
    columns = stack.transpose(1, 0, 2).reshape(m, n * d)
    if len(eps) == 1:
        x_hat = forward_train(columns, eps=float(eps[0])).x_hat
        return x_hat.reshape(m, n, d).transpose(1, 0, 2)
    # Only ε differs: centre once, then scale by each 1/√(σ²+ε).
    fwd = forward_train(columns, eps=float(eps.max()))
    inv_std = 1 / np.sqrt(fwd.var + eps[:, None])
    return fwd.centred[None] * inv_std[:, None, :]


def _pooled(stack: Floats) -> Floats:
    return np.sort(stack.reshape(len(stack), -1), axis=1)


def _histogram(below: Counts, size: int) -> tuple[Counts, Counts]:
    counts = np.diff(below, axis=1)
    return counts, size - counts.sum(axis=1)


def _stage(
    rows: Floats, edges: Floats, scale: Floats, shift: Floats, mom: Moments, f: Activation
) -> Stage:
    below = count_below(rows, edges, scale=scale, shift=shift)
    counts, outside = _histogram(below, rows.shape[1])
    return Stage(edges, counts, outside, mom, _share_saturated(rows, scale, shift, f))


def _x_stage(rows: Floats, edges: Floats, f: Activation) -> Stage:
    """As ``_stage``, but every row has an axis of its own, which may end at its largest value."""
    n, size = rows.shape
    closed = edges.copy()
    closed[:, -1] = np.nextafter(edges[:, -1], np.inf)
    below = [row.searchsorted(ends) for row, ends in zip(rows, closed, strict=True)]
    counts, outside = _histogram(np.array(below), size)
    one, zero = np.ones(n), np.zeros(n)
    saturated = _share_saturated(rows, one, zero, f)
    return Stage(edges, counts, outside, moments(rows), saturated)


def _activation_stage(rows: Floats, scale: Floats, shift: Floats, f: Activation) -> Stage:
    """Histogram of f(y). f never decreases, so its bin edges are looked up among y's values."""
    edges = output_edges(f)
    thresholds = f.inverse(edges)
    thresholds[0] = -np.inf  # f(y) never lies below its range,
    if np.isfinite(f.output_range[1]):
        thresholds[-1] = np.inf  # and rounds to its upper end far out
    below = count_below(rows, thresholds, scale=scale, shift=shift)
    counts, outside = _histogram(below, rows.shape[1])
    return Stage(edges, counts, outside)


def _share_saturated(rows: Floats, scale: Floats, shift: Floats, f: Activation) -> Floats:
    low, high = (np.array([bound]) for bound in f.saturation_bounds)
    at_or_below = count_below(rows, low, scale=scale, shift=shift, inclusive=True)
    at_or_above = rows.shape[1] - count_below(rows, high, scale=scale, shift=shift)
    return (at_or_below + at_or_above)[:, 0] / rows.shape[1]


def follow(
    x: Floats, *, gamma: float, beta: float, eps: float, activation: Activation
) -> tuple[Floats, Floats, Floats]:
    """x̂, y and f(y) of a batch x (m, d) themselves, with one γ and one β for all features."""
    d = x.shape[1]
    fwd = forward_train(x, np.full(d, gamma), np.full(d, beta), eps=eps)
    return fwd.x_hat, fwd.y, activation(fwd.y)
