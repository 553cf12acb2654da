r"""A gradient check with many steps h at once: why a smaller h is not always better.

The error of a central difference is the sum of two: cutting off the Taylor series leaves h²f‴/6,
which falls with h, and rounding f leaves about u|f|/h, which grows as h falls (u is the rounding
unit: 10⁻¹⁶ in float64, 6·10⁻⁸ in float32). Drawn against h on two logarithmic axes, that is a V.

What `bn_core.gradcheck` does one perturbed batch at a time is done here for thousands at once: BN
treats its features one by one, so perturbed batches can stand side by side as features of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bn_core.batchnorm import backward_train, forward_train
from bn_core.gradcheck import GradientCheck
from bn_core.mistakes import BUGS

Array = NDArray[np.floating[Any]]

GRADIENTS = ("x", "gamma", "beta")
DTYPES = ("float64", "float32")
# 10⁻¹³ … 10⁻¹, four to a decade, rounded so that what is shown is what is computed with.
STEPS = tuple(float(f"{10 ** (k / 4):.4g}") for k in range(-52, -3))


def nearest_step(h: float) -> float:
    """The one of `STEPS` whose logarithm is closest to that of ``h``.

    Raises
    ------
    ValueError
        If ``h`` is not a number.
    """
    h = float(h)
    if math.isnan(h):
        raise ValueError("h must be a number, got nan")
    h = min(max(h, STEPS[0]), STEPS[-1])
    return min(STEPS, key=lambda step: abs(math.log(step / h)))


# ---- many central differences ------------------------------------------------------------------


def check_steps(
    f: Callable[[Array], Array],
    x: ArrayLike,
    analytic: ArrayLike,
    steps: Sequence[float] = STEPS,
    *,
    dtype: DTypeLike = np.float64,
) -> tuple[GradientCheck, ...]:
    """`check_gradient` at each of many steps, with few calls of f.

    Parameters
    ----------
    f : callable
        Takes a stack of n arrays shaped as ``x``, shape (n, ...), and returns n numbers.
    x, analytic, dtype
        As for `check_gradient`.
    steps : sequence of float
        Values of h.

    Returns
    -------
    tuple of GradientCheck
        One for each step. Where ``check_gradient`` would raise, as h is lost when added to an entry
        of x, the numeric gradient of that entry is NaN: no difference can be seen.

    Examples
    --------
    >>> checks = check_steps(lambda x: (x**3).sum(axis=1), [1.0, 2.0], [3.0, 12.0], [0.1, 0.01])
    >>> [round(check.max_abs_error, 6) for check in checks]
    [0.01, 0.0001]
    """
    point = np.array(x, dtype=dtype)
    claimed = np.array(analytic, dtype=dtype)
    n, size = len(steps), point.size
    h = np.array(steps, dtype=dtype)[:, np.newaxis]
    entry = np.arange(size)
    above, below = (np.tile(point.ravel(), (n, size, 1)) for _ in range(2))
    above[:, entry, entry] += h
    below[:, entry, entry] -= h
    made = above[:, entry, entry] - below[:, entry, entry]
    stack = (2 * n * size, *point.shape)
    values = f(np.stack([above, below]).reshape(stack)).reshape(2, n, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        numeric = np.where(made != 0, (values[0] - values[1]) / made, np.nan).astype(dtype)
    return tuple(
        GradientCheck(claimed, gradient.reshape(point.shape), float(step))
        for gradient, step in zip(numeric, steps, strict=True)
    )


# ---- of Batch Normalization ---------------------------------------------------------------------


def losses(x: Array, gamma: Array, beta: Array, dy: Array, eps: float) -> Array:
    r"""ℓ = Σ ∂y · y for each of n batches, where ∂y is held fixed.

    Of all losses with the upstream gradient ∂y it is the simplest, and its gradients are those
    that `backward_train` computes from ∂y.

    Parameters
    ----------
    x : ndarray of shape (n, m, d)
        Batches.
    gamma, beta : ndarray of shape (n, d)
        Scale and shift of each.
    dy : ndarray of shape (m, d)
        ∂ℓ/∂y, the same for all.
    eps : float
        As for `forward_train`.

    Returns
    -------
    ndarray of shape (n,)
        NaN where a feature has no x̂ (all its values equal, and ``eps`` 0).
    """
    n, m, d = x.shape
    side_by_side = with_x_hat(x.transpose(1, 0, 2).reshape(m, n * d), eps)
    y = forward_train(side_by_side, gamma.reshape(-1), beta.reshape(-1), eps=eps).y
    total: Array = (dy * y.reshape(m, n, d).transpose(1, 0, 2)).reshape(n, -1).sum(axis=1)
    return total


def with_x_hat(x: Array, eps: float) -> Array:
    """``x`` (m, d), with NaN in features that `forward_train` would refuse: no variance, no ε."""
    if eps > 0:
        return x
    return np.where(forward_train(x, eps=1.0).var > 0, x, np.nan).astype(x.dtype)


def check_batch(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    dy: ArrayLike,
    eps: float = 1e-5,
    *,
    bug: str | None = None,
    steps: Sequence[float] = STEPS,
    dtype: DTypeLike = np.float64,
) -> dict[str, tuple[GradientCheck, ...]]:
    """∂ℓ/∂x, ∂ℓ/∂γ and ∂ℓ/∂β of `backward_train`, each checked at each of many steps.

    Parameters
    ----------
    x, dy : array_like of shape (m, d)
        The batch and ∂ℓ/∂y.
    gamma, beta : array_like of shape (d,)
        Scale and shift.
    eps : float, default 1e-5
        As for `forward_train`.
    bug : str, optional
        A key of `bn_core.mistakes.BUGS`: the ∂ℓ/∂x to be checked is then that wrong one.
    steps : sequence of float
        Values of h.
    dtype : dtype, default float64
        What everything is computed in, both passes included.

    Returns
    -------
    dict of str to tuple of GradientCheck
        For "x", "gamma" and "beta" one check for each step; NaN as in `check_steps` and `losses`.

    Raises
    ------
    ValueError, TypeError
        As `forward_train` and `backward_train`.
    """
    point = {
        name: np.array(value, dtype=dtype)
        for name, value in (("x", x), ("gamma", gamma), ("beta", beta))
    }
    upstream = np.array(dy, dtype=dtype)
    fwd = forward_train(with_x_hat(point["x"], eps), point["gamma"], point["beta"], eps=eps)
    grads = backward_train(upstream, fwd)
    dx = grads.dx if bug is None else BUGS[bug](upstream, fwd)

    def loss_of(name: str) -> Callable[[Array], Array]:
        def loss(stack: Array) -> Array:
            whole = {
                other: np.broadcast_to(value, (len(stack), *value.shape))
                for other, value in point.items()
            } | {name: stack}
            return losses(**whole, dy=upstream, eps=eps)

        return loss

    return {
        name: check_steps(loss_of(name), point[name], analytic, steps, dtype=dtype)
        for name, analytic in (("x", dx), ("gamma", grads.dgamma), ("beta", grads.dbeta))
    }


def lowest(checks: Sequence[GradientCheck]) -> GradientCheck | None:
    """The check with the smallest relative error, of equals the one with the largest step.

    None if no step shows a difference.
    """
    seen = [check for check in checks if not math.isnan(check.relative_error)]
    return min(seen, key=lambda check: (check.relative_error, -check.h), default=None)


def unseen_steps(checks: Sequence[GradientCheck]) -> tuple[float, ...]:
    """The steps at which an entry has no numeric gradient, smallest first."""
    return tuple(sorted(check.h for check in checks if math.isnan(check.relative_error)))


# ---- which upstream gradients see which bugs ---------------------------------------------------

RIGHT = "none"  # the row of the gradient without a bug
# ∂ℓ/∂x counts as zero where its terms cancel to less than this share of their size.
CANCELLED = 1e-3


@dataclass(frozen=True, eq=False)
class Sighting:
    """One ∂ℓ/∂x, right or with a bug, checked with one upstream gradient.

    Attributes
    ----------
    check : GradientCheck
        Of this ∂ℓ/∂x.
    true_is_zero : bool
        Whether the terms of the right ∂ℓ/∂x cancel with this upstream gradient. Its relative error
        then says little, and the absolute one is to be stated.
    """

    check: GradientCheck
    true_is_zero: bool

    @property
    def stated(self) -> float:
        """The error to be stated."""
        return self.check.max_abs_error if self.true_is_zero else self.check.relative_error

    @property
    def known(self) -> bool:
        """Whether every entry has a numeric gradient."""
        return not math.isnan(self.stated)

    def caught(self, threshold: float) -> bool:
        """Whether the error lies above the threshold; never where it is not known."""
        return self.stated > threshold


def sightings(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    upstreams: Mapping[str, ArrayLike],
    eps: float = 1e-5,
    h: float = 1e-5,
) -> dict[str, dict[str, Sighting]]:
    """Every bug of `bn_core.mistakes.BUGS` under every upstream gradient, in float64.

    Parameters
    ----------
    x, gamma, beta, eps
        As for `check_batch`.
    upstreams : mapping of str to array_like of shape (m, d)
        Values of ∂ℓ/∂y, by name.
    h : float, default 1e-5
        The step.

    Returns
    -------
    dict of str to dict of str to Sighting
        By bug, `RIGHT` ("none") first, then by upstream gradient.

    Raises
    ------
    ValueError, TypeError
        As `check_batch`.
    """
    fwd = forward_train(with_x_hat(np.asarray(x, np.float64), eps), gamma, beta, eps=eps)
    found: dict[str, dict[str, Sighting]] = {name: {} for name in (RIGHT, *BUGS)}
    for upstream, given in upstreams.items():
        dy = np.asarray(given, np.float64)
        (right,) = check_batch(x, gamma, beta, dy, eps, steps=(h,))["x"]
        terms = np.abs(dy * fwd.gamma * fwd.inv_std).max()
        is_zero = bool(np.abs(right.analytic).max() <= CANCELLED * terms)
        found[RIGHT][upstream] = Sighting(right, is_zero)
        for name, bug in BUGS.items():
            wrong = GradientCheck(bug(dy, fwd), right.numeric, h)
            found[name][upstream] = Sighting(wrong, is_zero)
    return found


def nearest_bug(matrix: Mapping[str, Mapping[str, Sighting]], upstream: str) -> tuple[str, bool]:
    """The bug that is hardest to see with an upstream gradient, and whether it can be seen at all.

    It can if its error is at least twice that of the right gradient, which is the error of the
    central differences themselves. ``matrix`` is what `sightings` returned.
    """
    bug = min(BUGS, key=lambda name: matrix[name][upstream].stated)
    return bug, matrix[bug][upstream].stated > 2 * matrix[RIGHT][upstream].stated
