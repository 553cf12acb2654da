"""Picture of the Gradient check chapter: the error of a gradient against the step h.

Six curves on two logarithmic axes: ∂ℓ/∂x, ∂ℓ/∂γ and ∂ℓ/∂β, each in float64 and float32. The knob
moves an upright line with a ring on every curve; axes and curves stand still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bn_core.gradcheck import GradientCheck
from bn_core.step_sizes import DTYPES, GRADIENTS, STEPS
from bn_ui.figures import parts
from bn_ui.figures.changes import Change, Table, cells, trace
from bn_ui.figures.parts import Figure, Words

Checks = Sequence[GradientCheck]
# dtype → gradient → its checks, one for each step
Curves = Mapping[str, Mapping[str, Checks]]

# A logarithmic axis has no zero: exact zeros, and whatever lies below, are drawn here.
FLOOR_EXPONENT = -17
_FLOOR = 10.0**FLOOR_EXPONENT
_MARGIN = 0.4  # of a decade, above and below what is drawn
_ORDER = [(gradient, dtype) for gradient in GRADIENTS for dtype in DTYPES]
_SYMBOLS = {"x": "circle", "gamma": "square", "beta": "triangle-up"}
_DASHES = {"float64": "solid", "float32": "dash"}
_WIDE_HEIGHT, _NARROW_HEIGHT = 430, 460


def figure(
    words: Words, curves: Curves, chosen: tuple[str, str], threshold: float, right: Checks | None
) -> Figure:
    """The picture without its numbers, which come from ``changes``.

    chosen : gradient and dtype whose entries the table lists: its curve is the thick one
    threshold : errors above it count as mistakes: a level line
    right : checks of ∂ℓ/∂x without the bug, if the curves of ∂ℓ/∂x have one
    """
    top = _top(curves, right)
    data = [_curve(words, gradient, dtype, chosen, right) for gradient, dtype in _ORDER]
    data += [
        _level(words["threshold"], threshold),
        _upright(words["this_h"]),
        _rings(words["this_h"]),
    ]
    if right is not None:
        data.append(_right_curve(words["without_bug"]))
    return {
        "data": data,
        "layout": _layout(words, top, threshold, _WIDE_HEIGHT, 6),
        "narrow": _layout(words, top, threshold, _NARROW_HEIGHT, 2),
    }


def base(curves: Curves, right: Checks | None, now: int, numbers: np.ndarray) -> list[Change]:
    """The curves, and what the knob moves, at step ``now``."""
    errors = _errors(curves)
    found = [trace(i, "y", _drawn(row)[None]) for i, row in enumerate(errors)]
    if right is not None:
        found.append(trace(len(_ORDER) + 3, "y", _drawn(_curve_errors(right))[None]))
    top = 10.0 ** (_top(curves, right) + _MARGIN)
    ends = np.array([[_FLOOR * 10.0**-_MARGIN, top]])
    found.append(trace(len(_ORDER) + 1, "y", ends))
    return found + moving(curves, numbers, slice(now, now + 1))


def moving(curves: Curves, numbers: np.ndarray, at: slice = slice(None)) -> list[Change]:
    """What changes with h: the upright line, the rings and the numbers, a row for each step."""
    steps = np.array(STEPS)[at, np.newaxis]
    rings = _drawn(_errors(curves)).T[at]
    return [
        cells(numbers[at]),
        trace(len(_ORDER) + 1, "x", np.repeat(steps, 2, axis=1)),
        trace(len(_ORDER) + 2, "x", np.repeat(steps, len(_ORDER), axis=1)),
        trace(len(_ORDER) + 2, "y", rings),
    ]


# ---- numbers ------------------------------------------------------------------------------------


def numbers(curves: Curves, checks: Checks, right: np.ndarray | None) -> np.ndarray:
    """A row for each step: the six errors of the caption, then the entries of the table.

    checks : of the gradient that the table lists
    right : the same gradient without the bug, if it has one
    """
    rows = [
        np.stack(
            [
                *([] if right is None else [right.ravel()]),
                check.analytic.ravel(),
                check.numeric.ravel(),
                check.abs_error.ravel(),
            ],
            axis=1,
        ).ravel()
        for check in checks
    ]
    return np.concatenate([_errors(curves).T, np.array(rows, dtype=np.float64)], axis=1)


def table(words: Words, gradient: str, shape: tuple[int, ...], has_bug: bool) -> Table:
    """The entries of one gradient: analytic, numeric, and how far apart."""
    columns = ["right", "with_bug"] if has_bug else ["analytic"]
    columns = ["entry", *columns, "numeric", "difference"]
    width = len(columns) - 1
    rows = []
    for i, index in enumerate(np.ndindex(shape)):
        first = len(_ORDER) + i * width
        rows.append(
            {
                "label": words[gradient] + "".join(_subscript(j + 1) for j in index),
                "colour": gradient,
                "cells": list(range(first, first + width)),
            }
        )
    return Table([words[name] for name in columns], rows)


def places() -> dict[str, int]:
    """Where the caption finds the six errors: x_float64 … beta_float32."""
    return {f"{gradient}_{dtype}": i for i, (gradient, dtype) in enumerate(_ORDER)}


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _errors(curves: Curves) -> np.ndarray:
    """(6, steps): relative errors of all curves."""
    return np.array([_curve_errors(curves[dtype][gradient]) for gradient, dtype in _ORDER])


def _curve_errors(checks: Checks) -> np.ndarray:
    return np.array([check.relative_error for check in checks])


def _drawn(errors: np.ndarray) -> np.ndarray:
    """On the axis, where zero would not be; NaN stays: a gap in the curve."""
    return np.maximum(errors, _FLOOR)


def _top(curves: Curves, right: Checks | None) -> int:
    """Upper end of the error axis, as a power of ten: at least 10, at most what is drawn."""
    errors = (
        _errors(curves) if right is None else np.vstack([_errors(curves), _curve_errors(right)])
    )
    largest = float(errors.max(where=np.isfinite(errors), initial=1.0))
    return max(1, int(np.ceil(np.log10(largest))))


# ---- parts --------------------------------------------------------------------------------------


def _curve(
    words: Words, gradient: str, dtype: str, chosen: tuple[str, str], right: Checks | None
) -> Figure:
    bug = words["bug"] if gradient == "x" and right is not None else ""
    name = f"{words[gradient]}, {dtype}{bug}"
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": list(STEPS),
        "line": {
            "color": f"@{gradient}",
            "width": 3 if (gradient, dtype) == chosen else 1.5,
            "dash": _DASHES[dtype],
        },
        "marker": {"color": f"@{gradient}", "symbol": _SYMBOLS[gradient], "size": 5},
        "xaxis": "x",
        "yaxis": "y",
        "hovertemplate": f"{name}<br>h = %{{x:.3g}}: %{{y:.3g}}<extra></extra>",
    }


def _right_curve(name: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(STEPS),
        "line": {"color": "@x", "width": 1.5, "dash": "dot"},
        "xaxis": "x",
        "yaxis": "y",
        "hovertemplate": f"{name}<br>h = %{{x:.3g}}: %{{y:.3g}}<extra></extra>",
    }


def _level(name: str, threshold: float) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [STEPS[0], STEPS[-1]],
        "y": [threshold, threshold],
        "line": {"color": "@text", "width": 1, "dash": "longdashdot"},
        "xaxis": "x",
        "yaxis": "y",
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _upright(name: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [STEPS[0], STEPS[0]],
        "line": {"color": "@text", "width": 1},
        "xaxis": "x",
        "yaxis": "y",
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _rings(name: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "marker": {
            "color": [f"@{gradient}" for gradient, _ in _ORDER],
            "symbol": [f"{_SYMBOLS[gradient]}-open" for gradient, _ in _ORDER],
            "size": 12,
            "line": {"width": 2},
        },
        "xaxis": "x",
        "yaxis": "y",
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _layout(words: Words, top: int, threshold: float, height: int, legend_columns: int) -> Figure:
    log: dict[str, Any] = {"type": "log", "exponentformat": "power", "nticks": 0}
    h_range = [np.log10(STEPS[0]) - _MARGIN / 2, np.log10(STEPS[-1]) + _MARGIN / 2]
    legend_rows = -(-len(_ORDER) // legend_columns) + 1
    narrow = legend_columns == 2
    return parts.canvas(height) | {
        "margin": {"l": 56, "r": 8, "t": 8 + 22 * legend_rows, "b": 46},
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "xanchor": "left",
            "yanchor": "bottom",
            "itemclick": False,
            "itemdoubleclick": False,
            "entrywidthmode": "fraction",
            "entrywidth": 0.98 / legend_columns,
            "font": {"size": 12},
        },
        "xaxis": parts.axis((0, 1), words["axis_h"])
        | log
        | {"range": h_range, "dtick": 4 if narrow else 2},
        "yaxis": parts.axis((0, 1), words["axis_error"])
        | log
        | {"range": [FLOOR_EXPONENT - _MARGIN, top + _MARGIN], "dtick": 4 if narrow else 2},
        "annotations": [
            _note(words["rounding"], 0.01, "left"),
            _note(words["truncation"], 0.99, "right"),
            {
                "xref": "paper",
                "yref": "y",
                "x": 0,
                "y": float(np.log10(threshold)),
                "xanchor": "left",
                "yanchor": "bottom",
                "text": words["threshold"],
                "showarrow": False,
                "font": {"size": 12},
            },
        ],
    }


def _note(text: str, x: float, anchor: str) -> Figure:
    """What rules at either end of the axis of h."""
    return {
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": 0.01,
        "xanchor": anchor,
        "yanchor": "bottom",
        "align": anchor,
        "text": text,
        "showarrow": False,
        "font": {"size": 12},
    }
