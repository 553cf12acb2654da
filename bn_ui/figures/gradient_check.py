"""Picture of the Gradient check chapter: the error of a gradient against the step h.

Six curves on two logarithmic axes: ∂ℓ/∂x, ∂ℓ/∂γ and ∂ℓ/∂β, each in float64 and float32. The knob
moves an upright line with a ring on every curve; axes and curves stand still.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

# A logarithmic axis has no zero: zero, and whatever is below this, is drawn here, apart from the
# curve. Of ∂ℓ/∂β many differences are right to the last bit by luck: joined, they hide the rest.
FLOOR_EXPONENT = -16
_FLOOR = 10.0**FLOOR_EXPONENT
_MARGIN = 0.4  # of a decade, above and below what is drawn
POSITIONS = np.array(STEPS)  # of the knob
ORDER = [(gradient, dtype) for gradient in GRADIENTS for dtype in DTYPES]
_SYMBOLS = {"x": "circle", "gamma": "square", "beta": "triangle-up"}
_DASHES = {"float64": "solid", "float32": "dash"}
_WIDE_HEIGHT, _NARROW_HEIGHT = 430, 460
_LEVEL, _UPRIGHT, _RINGS, _ON_FLOOR, _RIGHT = range(len(ORDER), len(ORDER) + 5)  # traces


def figure(
    words: Words, curves: Curves, chosen: tuple[str, str], threshold: float, right: Checks | None
) -> Figure:
    """The picture without its numbers, which come from ``changes``.

    chosen : gradient and dtype whose entries the table lists: its curve is the thick one
    threshold : errors above it count as mistakes: a level line
    right : checks of ∂ℓ/∂x without the bug, if the curves of ∂ℓ/∂x have one
    """
    top = _top(curves, right)
    data = [_curve(words, gradient, dtype, chosen, right) for gradient, dtype in ORDER]
    data += [
        _level(words["threshold"], threshold),
        _upright(words["this_h"]),
        _rings(words["this_h"]),
        _on_floor(words["zero"]),
    ]
    if right is not None:
        data.append(_right_curve(words["without_bug"]))
    entries = len(ORDER) + (right is not None)
    return {
        "data": data,
        "layout": _layout(words, top, threshold, _WIDE_HEIGHT, 4 if right else 3, entries),
        "narrow": _layout(words, top, threshold, _NARROW_HEIGHT, 2, entries),
    }


def base(curves: Curves, right: Checks | None, now: int, numbers: np.ndarray) -> list[Change]:
    """The curves, and what the knob moves, at step ``now``."""
    errors = _errors(curves)
    found = [trace(i, "y", _above_floor(row)[None]) for i, row in enumerate(errors)]
    if right is not None:
        found.append(trace(_RIGHT, "y", _above_floor(_curve_errors(right))[None]))
    top = 10.0 ** (_top(curves, right) + _MARGIN)
    found.append(trace(_UPRIGHT, "y", np.array([[_FLOOR * 10.0**-_MARGIN, top]])))
    found.append(trace(_ON_FLOOR, "y", np.where(errors <= _FLOOR, _FLOOR, np.nan).reshape(1, -1)))
    return found + moving(curves, numbers, slice(now, now + 1))


def moving(curves: Curves, numbers: np.ndarray, at: slice = slice(None)) -> list[Change]:
    """What changes with h: the upright line, the rings and the numbers, a row for each step."""
    steps = POSITIONS[at, np.newaxis]
    rings = np.maximum(_errors(curves), _FLOOR).T[at]
    return [
        cells(numbers[at]),
        trace(_UPRIGHT, "x", np.repeat(steps, 2, axis=1)),
        trace(_RINGS, "x", np.repeat(steps, len(ORDER), axis=1)),
        trace(_RINGS, "y", rings),
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
        first = len(ORDER) + i * width
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
    return {f"{gradient}_{dtype}": i for i, (gradient, dtype) in enumerate(ORDER)}


def entries(curves: Curves, at: int) -> Iterator[tuple[object, ...]]:
    """Rows of a file: every entry of every gradient in both dtypes, at the step of this index."""
    for dtype, gradients in curves.items():
        for gradient, checks in gradients.items():
            check = checks[at]
            for index in np.ndindex(check.analytic.shape):
                sample = index[0] + 1 if gradient == "x" else ""
                values = (check.analytic[index], check.numeric[index], check.abs_error[index])
                yield (dtype, check.h, gradient, sample, index[-1] + 1, *map(float, values))


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _errors(curves: Curves) -> np.ndarray:
    """(6, steps): relative errors of all curves."""
    return np.array([_curve_errors(curves[dtype][gradient]) for gradient, dtype in ORDER])


def _curve_errors(checks: Checks) -> np.ndarray:
    return np.array([check.relative_error for check in checks])


def _above_floor(errors: np.ndarray) -> np.ndarray:
    """A curve without its points on the floor: NaN is a gap."""
    return np.where(errors > _FLOOR, errors, np.nan)


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
    has_bug = gradient == "x" and right is not None
    label = words["curve_bug" if has_bug else "curve"]
    name = label.format(gradient=words[gradient], dtype=dtype)
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
    y = [threshold, threshold]
    return _guide(name, [STEPS[0], STEPS[-1]], dash="longdashdot") | {"y": y}


def _upright(name: str) -> Figure:
    return _guide(name, [STEPS[0], STEPS[0]])


def _guide(name: str, x: list[float], **look: str) -> Figure:
    """A thin line to read by, which is no data."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "line": {"color": "@text", "width": 1} | look,
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
            "color": [f"@{gradient}" for gradient, _ in ORDER],
            "symbol": [f"{_SYMBOLS[gradient]}-open" for gradient, _ in ORDER],
            "size": 12,
            "line": {"width": 2},
        },
        "xaxis": "x",
        "yaxis": "y",
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _on_floor(name: str) -> Figure:
    """Points of all curves that have no place on a logarithmic axis."""
    every = [gradient for gradient, _ in ORDER for _ in STEPS]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": list(STEPS) * len(ORDER),
        "marker": {
            "color": [f"@{gradient}" for gradient in every],
            "symbol": [_SYMBOLS[gradient] for gradient in every],
            "size": 5,
        },
        "xaxis": "x",
        "yaxis": "y",
        "hovertemplate": f"{name}<br>h = %{{x:.3g}}<extra></extra>",
        "showlegend": False,
    }


def _layout(
    words: Words, top: int, threshold: float, height: int, legend_columns: int, entries: int
) -> Figure:
    log: dict[str, Any] = {"type": "log", "exponentformat": "power", "nticks": 0}
    narrow = legend_columns == 2
    log["dtick"] = 4 if narrow else 2  # decades
    h_range = [np.log10(STEPS[0]) - _MARGIN / 2, np.log10(STEPS[-1]) + _MARGIN / 2]
    legend_rows = -(-entries // legend_columns)
    return parts.canvas(height) | {
        "margin": {"l": 60, "r": 8, "t": 12 + 20 * legend_rows, "b": 46},
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "x": -0.1 if narrow else 0,  # on a phone there is no room to waste
            "y": 1,
            "xanchor": "left",
            "yanchor": "bottom",
            "itemclick": False,
            "itemdoubleclick": False,
            "entrywidthmode": "fraction",
            "entrywidth": 0.98 / legend_columns,
            "font": {"size": 12},
        },
        "xaxis": parts.axis((0, 1), words["axis_h"]) | log | {"range": h_range},
        "yaxis": parts.axis((0, 1), words["axis_error"])
        | log
        | {"range": [FLOOR_EXPONENT - _MARGIN, top + _MARGIN]},
        "annotations": [
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
