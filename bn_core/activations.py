"""The three activation functions the book uses: sigmoid, tanh and ReLU.

Each is an :class:`Activation`: the function, its derivative, its inverse, and where it saturates.
All accept any array-like, keep float32 and float64 (anything else is computed in float64), never
change their argument, and stay free of overflow over the whole range of floating-point numbers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.floating[Any]]
ElementwiseFunction = Callable[[ArrayLike], FloatArray]

SATURATION_THRESHOLD = 0.2
"""A unit is called saturated where its slope is below this share of the steepest slope."""


@dataclass(frozen=True)
class Activation:
    """An elementwise function f between a layer's pre-activation z and its output a = f(z).

    Parameters
    ----------
    name
        The key of this object in :data:`ACTIVATIONS`.
    function
        f(z). Calling the object itself does the same.
    derivative
        f'(z). ReLU's at exactly 0 is 0 by convention.
    inverse
        The z with f(z) = a, for carrying histogram edges from output to input: −inf at or below
        the lower end of the range, +inf at or above its upper end, NaN only for NaN.
    output_range
        (lowest, highest) value of f, approached or reached.
    max_slope
        The largest value of f'.
    saturation_bounds
        (low, high): f is saturated for z < low and for z > high, and not between them.
    """

    name: str
    function: ElementwiseFunction
    derivative: ElementwiseFunction
    inverse: ElementwiseFunction
    output_range: tuple[float, float]
    max_slope: float
    saturation_bounds: tuple[float, float]

    def __call__(self, z: ArrayLike) -> FloatArray:
        """f(z)."""
        return self.function(z)

    def saturated(self, z: ArrayLike) -> NDArray[np.bool_]:
        """Where the unit hardly learns: ``|f'(z)| < 0.2 · max|f'|``.

        The gradient that reaches z is the one that reaches a, times f'(z); below a fifth of the
        best case it is called lost. The threshold is this project's own definition, not a law.
        For ReLU it means z ≤ 0. NaN is not saturated.

        Parameters
        ----------
        z
            Pre-activations, any shape.

        Returns
        -------
        Booleans of the shape of ``z``.
        """
        return np.abs(self.derivative(z)) < SATURATION_THRESHOLD * self.max_slope


def _sigmoid(z: ArrayLike) -> FloatArray:
    """1 / (1 + e^−z), written with e^−|z| only, which cannot overflow."""
    z = _as_float(z)
    decay = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, decay) / (1 + decay)


def _sigmoid_derivative(z: ArrayLike) -> FloatArray:
    """σ(z)·(1 − σ(z)) = e^−|z| / (1 + e^−|z|)², exact far out where 1 − σ(z) would round to 0."""
    decay = np.exp(-np.abs(_as_float(z)))
    return np.minimum(decay / (1 + decay) ** 2, 0.25)  # near 0 it may round to a little more


def _logit(a: ArrayLike) -> FloatArray:
    """log(a / (1 − a)), the inverse of the sigmoid."""
    a = np.clip(_as_float(a), 0, 1)
    with np.errstate(divide="ignore"):  # log 0 = −inf is the answer wanted at the ends
        return np.log(a) - np.log1p(-a)


def _tanh(z: ArrayLike) -> FloatArray:
    return np.tanh(_as_float(z))


def _tanh_derivative(z: ArrayLike) -> FloatArray:
    """1 − tanh²z = 4·e^−2|z| / (1 + e^−2|z|)², exact far out where 1 − tanh²z would round to 0."""
    decay = np.exp(-np.abs(_as_float(z))) ** 2
    return np.minimum(4 * decay / (1 + decay) ** 2, 1)  # near 0 it may round to a little more


def _arctanh(a: ArrayLike) -> FloatArray:
    with np.errstate(divide="ignore"):  # arctanh ±1 = ±inf is the answer wanted at the ends
        return np.arctanh(np.clip(_as_float(a), -1, 1))


def _relu(z: ArrayLike) -> FloatArray:
    return np.maximum(_as_float(z), 0)


def _relu_derivative(z: ArrayLike) -> FloatArray:
    return np.heaviside(_as_float(z), 0)


def _relu_inverse(a: ArrayLike) -> FloatArray:
    """``a`` where it is positive; every z ≤ 0 has a = 0, so 0 goes to −inf."""
    a = _as_float(a)
    return np.where(a <= 0, -np.inf, a)


def _as_float(values: ArrayLike) -> FloatArray:
    array = np.asarray(values)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


# 1 − tanh²z = t exactly where |z| = artanh √(1 − t); and σ(z) = (1 + tanh(z/2)) / 2 has the same
# relative slope at twice that z.
_TANH_BOUND = math.atanh(math.sqrt(1 - SATURATION_THRESHOLD))

ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation(
            name="sigmoid",
            function=_sigmoid,
            derivative=_sigmoid_derivative,
            inverse=_logit,
            output_range=(0.0, 1.0),
            max_slope=0.25,
            saturation_bounds=(-2 * _TANH_BOUND, 2 * _TANH_BOUND),
        ),
        Activation(
            name="tanh",
            function=_tanh,
            derivative=_tanh_derivative,
            inverse=_arctanh,
            output_range=(-1.0, 1.0),
            max_slope=1.0,
            saturation_bounds=(-_TANH_BOUND, _TANH_BOUND),
        ),
        Activation(
            name="relu",
            function=_relu,
            derivative=_relu_derivative,
            inverse=_relu_inverse,
            output_range=(0.0, math.inf),
            max_slope=1.0,
            saturation_bounds=(0.0, math.inf),
        ),
    )
}
"""The activations by name: ``"sigmoid"``, ``"tanh"``, ``"relu"``."""
