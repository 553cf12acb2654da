"""Numbers for the eye: rounded, with zeros that are zeros, as text and as LaTeX."""

from __future__ import annotations

import re

import numpy as np

DIGITS = 4
MOST_DIGITS = 17  # what float64 has
ZERO = 1e-12  # share of its terms below which a sum is rounding error


def number_text(value: float, digits: int = DIGITS) -> str:
    """A number for the eye: significant digits, a true minus sign, 10⁻⁵ for 1e-05, ∞."""
    if value == float("inf"):
        return "∞"
    mantissa, _, exponent = f"{value:.{digits}g}".replace("-", "−").partition("e")
    if not exponent:
        return mantissa
    raised = f"{int(exponent.replace('−', '-'))}".translate(_SUPERSCRIPTS)
    return f"{mantissa[:-1]}10{raised}" if mantissa in ("1", "−1") else f"{mantissa}×10{raised}"


def shown(value: float, size: float = 0.0, digits: int = DIGITS) -> str:
    """A number for the eye; rounding error of terms of ``size`` is shown as the zero that it is."""
    return number_text(0.0 if abs(value) <= ZERO * size or value == 0 else value, digits)


def number_tex(text: str) -> str:
    """What `shown` says, in LaTeX."""
    plain = text.replace("−", "-").replace("×", r" \times ")
    return re.sub(f"[{_RAISED}]+", lambda power: f"^{{{power[0].translate(_LOWERED)}}}", plain)


_RAISED = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_SUPERSCRIPTS = str.maketrans("-0123456789", _RAISED)
_LOWERED = str.maketrans(_RAISED, "-0123456789")


def rounded(a: np.ndarray, digits: int) -> np.ndarray:
    """Every entry as it is printed with so many significant digits."""
    flat = [float(f"{value:.{digits}g}") for value in np.ravel(a).tolist()]
    return np.array(flat).reshape(np.shape(a))


def difference(a: float, b: float) -> tuple[str, str, str]:
    """``a``, ``b`` and a − b as they are printed; a negative ``b`` is bracketed.

    Both have as many digits as it takes for the printed difference to be right.
    """
    result, digits = shown(a - b), DIGITS
    parts = (a, b)
    while digits < MOST_DIGITS:
        parts = tuple(float(rounded(np.array(part), digits)) for part in (a, b))
        if shown(parts[0] - parts[1]) == result:
            break
        digits += 1
    first, second = (number_text(part, digits) for part in parts)
    return first, f"({second})" if b < 0 else second, result
