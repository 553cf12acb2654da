"""Is the number that a learner typed right, and if not, which slip does it come from?"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

from bn_core.derivation import Values, magnitudes
from bn_core.mistakes import is_right, recognise

LONGEST = 40  # characters of an answer


@dataclass(frozen=True)
class Feedback:
    """What came of an answer. ``kind``: "right", "slip", "wrong" or "unreadable"."""

    kind: str
    slip: str = ""


def check(text: str, quantity: str, values: Values, i: int, k: int) -> Feedback:
    """Check an answer for sample ``i`` and feature ``k`` (counted from 0) of a formula's result."""
    number = read(text)
    if number is None:
        return Feedback("unreadable")
    answer, last_digit = number
    value, size = values[quantity], magnitudes(values)[quantity]
    truth, scale = (float(a[i, k] if a.ndim == 2 else a[k]) for a in (value, size))
    if is_right(answer, truth, last_digit, scale):
        return Feedback("right")
    slip = recognise(quantity, values, i, k, answer, last_digit)
    return Feedback("slip", slip) if slip else Feedback("wrong")


def read(text: str) -> tuple[float, float] | None:
    """A typed number and one unit of its last digit: "0.33", "−1/3", "2.5e-3"; None if it is none.

    A fraction is exact, so its last digit is 0. Full-width characters, as a Chinese keyboard
    writes them, are read like the others.
    """
    plain = unicodedata.normalize("NFKC", text.strip()[:LONGEST])
    plain = plain.translate(str.maketrans("−–⁄,", "--/."))
    if match := re.fullmatch(r"([+-]?\d+(?:\.\d*)?)\s*/\s*(\d+(?:\.\d*)?)", plain):
        numerator, denominator = map(float, match.groups())
        return (numerator / denominator, 0.0) if denominator else None
    if not (match := re.fullmatch(r"[+-]?(?:\d+\.?(\d*)|\.(\d+))(?:[eE]([+-]?\d{1,3}))?", plain)):
        return None
    number = float(plain)
    digits = len(match[1] or match[2] or "")
    last_digit = float(f"1e{int(match[3] or 0) - digits}")  # without overflow
    return (number, last_digit) if math.isfinite(number) else None
