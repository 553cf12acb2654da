"""Argument checks that several modules of ``bn_core`` share."""

import math
import operator
from collections.abc import Mapping
from typing import SupportsIndex, TypeVar

T = TypeVar("T")


def checked_int(name: str, value: SupportsIndex, *, minimum: int) -> int:
    """``value`` as an ``int`` of at least ``minimum``, or a ``ValueError`` that names it."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, got {value!r}") from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
    return number


def checked_scale(name: str, value: float) -> float:
    """``value`` as a finite ``float`` of at least 0, or a ``ValueError`` that names it."""
    number = float(value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}")
    return number


def checked_key(name: str, key: str, table: Mapping[str, T]) -> T:
    """``table[key]``, or a ``ValueError`` that lists the keys there are."""
    if key not in table:
        raise ValueError(f"{name} must be one of {', '.join(table)}; got {key!r}")
    return table[key]
