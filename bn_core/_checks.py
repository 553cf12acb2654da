"""Argument checks that several modules of ``bn_core`` share."""

import math
import operator
from collections.abc import Mapping
from typing import SupportsIndex, TypeVar

T = TypeVar("T")


def checked_int(
    name: str, value: SupportsIndex, *, minimum: int, maximum: int | None = None
) -> int:
    """``value`` as an ``int`` of ``minimum`` to ``maximum``, or a ``ValueError`` that names it."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, got {value!r}") from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {number}")
    return number


def checked_scale(name: str, value: float, *, maximum: float | None = None) -> float:
    """``value`` as a finite ``float`` from 0 to ``maximum``, or a ``ValueError`` that names it."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {value!r}")
    return number


def checked_flag(name: str, value: bool) -> bool:
    """``value`` if it is True or False, or a ``ValueError`` that names it."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return value


def checked_key(name: str, key: str, table: Mapping[str, T]) -> T:
    """``table[key]``, or a ``ValueError`` that lists the keys there are."""
    if key not in table:
        raise ValueError(f"{name} must be one of {', '.join(table)}; got {key!r}")
    return table[key]
