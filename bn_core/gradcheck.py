r"""Is a gradient right? Central differences against whatever was derived by hand.

The check knows nothing of Batch Normalization: it takes any function of one array that returns one
number. That is why it can be trusted as a referee.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array = NDArray[np.floating[Any]]
Scalar = float | np.floating[Any]


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """An analytic gradient beside the numeric one.

    Attributes
    ----------
    analytic, numeric : ndarray, shaped as the argument of f
        The gradient to be checked, and the central differences.
    h : float
        The step of the central differences.
    """

    analytic: Array
    numeric: Array
    h: float

    @property
    def abs_error(self) -> Array:
        """|a − n|, entry by entry."""
        error: Array = np.abs(self.analytic - self.numeric)
        return error

    @property
    def max_abs_error(self) -> float:
        """max |a − n|; NaN if an entry is NaN."""
        return float(self.abs_error.max())

    @property
    def relative_error(self) -> float:
        """max |a − n| / (1 + max |n|); NaN if an entry is NaN.

        One measure for the whole gradient: an entry of 10⁻¹² beside others of 1 is not judged by
        its own size, which no difference of f could resolve. The 1 keeps a gradient of zeros from
        dividing by zero.
        """
        return self.max_abs_error / (1 + float(np.abs(self.numeric).max()))


def check_gradient(
    f: Callable[[Array], Scalar],
    x: ArrayLike,
    analytic: ArrayLike,
    h: float = 1e-5,
    *,
    dtype: DTypeLike = np.float64,
) -> GradientCheck:
    """Compare a gradient of ``f`` at ``x`` with central differences.

    Parameters
    ----------
    f, x, h, dtype
        As for `numerical_gradient`.
    analytic : array_like, shaped as x
        The gradient to be checked.

    Returns
    -------
    GradientCheck
        Both gradients and how far apart they are.

    Raises
    ------
    ValueError
        If ``analytic`` does not have the shape of ``x``, and as `numerical_gradient`.

    Examples
    --------
    >>> check = check_gradient(lambda x: (x**2).sum(), [1.0, 2.0], analytic=[2.0, 5.0])
    >>> check.numeric.round(6), check.abs_error.round(6)
    (array([2., 4.]), array([0., 1.]))
    >>> round(check.relative_error, 6)
    0.2
    """
    analytic = np.array(analytic, dtype=dtype)
    if analytic.shape != np.shape(x):
        raise ValueError(
            f"analytic must have the shape of x, {np.shape(x)}; got shape {analytic.shape}"
        )
    return GradientCheck(analytic, numerical_gradient(f, x, h, dtype=dtype), h)


def numerical_gradient(
    f: Callable[[Array], Scalar],
    x: ArrayLike,
    h: float = 1e-5,
    *,
    dtype: DTypeLike = np.float64,
) -> Array:
    r"""Gradient of ``f`` at ``x`` by central differences, one entry at a time.

    .. math::
        \frac{\partial f}{\partial x_i} \approx \frac{f(x + h e_i) - f(x - h e_i)}{2h}

    Notes
    -----
    The formula is off by f'''h²/6, rounding adds about u·|f|/h with u the rounding unit. In float64
    the default h balances the two; in float32 a step near 5e-3 does.

    Parameters
    ----------
    f : callable
        Takes an array shaped as ``x``, which it must not change, and returns one number.
    x : array_like
        Where to differentiate. Not modified.
    h : float, default 1e-5
        The step.
    dtype : dtype, default float64
        What ``x`` and the gradient are held in, so that ``f`` is evaluated in it.

    Returns
    -------
    ndarray, shaped as x
        The gradient.

    Raises
    ------
    ValueError
        If ``h`` is not a finite number above 0, if it is lost when added to an entry of ``x``, if
        ``x`` is empty or not finite, or if ``f`` returns something else than one number.

    Examples
    --------
    >>> numerical_gradient(lambda x: x[0] * x[1], [3.0, 5.0]).round(6)
    array([5., 3.])
    """
    if not (math.isfinite(h) and h > 0):
        raise ValueError(f"h must be a finite number above 0, got {h!r}")
    point = np.array(x, dtype=dtype)
    if point.size == 0 or not np.isfinite(point).all():
        raise ValueError(f"x must hold at least one number and only finite ones, got {point}")
    gradient = np.empty_like(point)
    for index in np.ndindex(point.shape):
        gradient[index] = _central_difference(f, point, index, h)
    return gradient


def _central_difference(
    f: Callable[[Array], Scalar], point: Array, index: tuple[int, ...], h: float
) -> Scalar:
    above, below = point.copy(), point.copy()
    above[index] += h
    below[index] -= h
    # x ± h is rounded, so the step that was made differs from the one that was asked for.
    step = above[index] - below[index]
    if step == 0:
        raise ValueError(
            f"h must be large enough to change x{list(index)} = {point[index]}, got {h}"
        )
    difference: Scalar = (_one_number(f(above)) - _one_number(f(below))) / step
    return difference


def _one_number(value: Scalar) -> Scalar:
    if np.ndim(value) != 0:
        raise ValueError(f"f must return one number, got an array of shape {np.shape(value)}")
    return value
