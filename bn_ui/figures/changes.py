"""What changes in a figure when a knob moves, and the table of numbers below it.

The figures speak this language; the live chart sends it to the browser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Change:
    """Where one array of the figure goes, and its rows: one for each position of the knob.

    kind : "trace" (``trace`` and ``attribute``), "layout" (``path``: axis, property) or "cells"
    unit, offset : for whole numbers: where they lie on the axis, ``unit * number + offset``
        (the numbers themselves then show on hover)
    """

    kind: str
    rows: np.ndarray
    trace: int | None = None
    attribute: str | None = None
    path: tuple[str, str] | None = None
    unit: float | None = None
    offset: float = 0.0


def trace(
    index: int, attribute: str, rows: np.ndarray, unit: float | None = None, offset: float = 0.0
) -> Change:
    return Change("trace", rows, trace=index, attribute=attribute, unit=unit, offset=offset)


def layout(axis: str, name: str, rows: np.ndarray) -> Change:
    return Change("layout", rows, path=(axis, name))


def cells(rows: np.ndarray) -> Change:
    return Change("cells", rows)


@dataclass(frozen=True)
class Table:
    """The numbers under the figure. A cell is an index into the ``cells`` changes, or None."""

    columns: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
