"""Numbers for the eye: rounded, with zeros that are zeros, as text and as LaTeX."""

from __future__ import annotations

import numpy as np

from bn_ui.text import number_text

DIGITS = 4
MOST_DIGITS = 17  # what float64 has
ZERO = 1e-12  # share of its terms below which a sum is rounding error


def shown(value: float, size: float = 0.0, digits: int = DIGITS) -> str:
    """A number for the eye; rounding error of terms of ``size`` is shown as the zero that it is."""
    return number_text(0.0 if abs(value) <= ZERO * size or value == 0 else value, digits)


def number_tex(text: str) -> str:
    """What `shown` says, in LaTeX."""
    mantissa, times, exponent = text.replace("−", "-").partition("×10")
    if not times and mantissa.startswith("10") and mantissa[2:3] in set(_RAISED):
        mantissa, exponent = "", mantissa[2:]
    power = exponent.translate(_LOWERED)
    if not power:
        return mantissa
    return rf"{mantissa} \times 10^{{{power}}}" if mantissa else rf"10^{{{power}}}"


_RAISED = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_LOWERED = str.maketrans(_RAISED, "-0123456789")


def rounded(a: np.ndarray, digits: int) -> np.ndarray:
    """Every entry as it is printed with so many significant digits."""
    flat = [float(f"{value:.{digits}g}") for value in np.ravel(a).tolist()]
    return np.array(flat).reshape(np.shape(a))
