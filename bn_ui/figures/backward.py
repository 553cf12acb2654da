"""Pictures of the backward chapter: where ∂ℓ/∂x comes from, and how samples are coupled.

Arrays in, plain dictionaries out, like the other figures. Bars are drawn as outlines, because the
live chart redraws lines under the finger and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bn_core.coupling import Nudges
from bn_core.descent import Descent
from bn_core.summaries import rung
from bn_ui.figures import parts
from bn_ui.figures.changes import Change, Table, cells, layout, trace
from bn_ui.figures.parts import Figure, Words
from bn_ui.numbers import ZERO

PARTS = ("via_x_hat", "via_var", "via_mu")
_PART_COLOURS = {"via_x_hat": "x_hat", "via_var": "var", "via_mu": "mu"}
_PATTERNS = {"via_x_hat": "solid", "via_var": "dot", "via_mu": "dash"}
_HALF_WIDTH = 0.3  # of a bar; samples are 1 apart
_TOTAL, _DETACHED = range(len(PARTS), len(PARTS) + 2)
# Ends of the vertical axis: 1, 2 or 5 times a power of ten, so that it seldom has to move.
LADDER = tuple(digit * 10.0**power for power in range(-12, 16) for digit in (1, 2, 5))

NUDGE_RANGE = (-3.0, 3.0)
NUDGES = np.round(np.linspace(*NUDGE_RANGE, 121), 6)
RATE_RANGE = (0.0, 1.0)
RATES = np.round(np.linspace(*RATE_RANGE, 101), 6)


# ---- three paths ---------------------------------------------------------------------------------


def paths_figure(words: Words, m: int, *, detached: bool) -> Figure:
    """Stacked bars of the three parts of ∂ℓ/∂x for each sample, and their sum as a diamond."""
    data = [_bars(words, part, m) for part in PARTS]
    data.append(_marks(words["dx"], m, "text", "diamond", "markers"))
    data.append(_marks(words["detached"], m, "x_hat", "x-thin", "markers", shown=detached))
    axes = {
        "xaxis": parts.axis((0, 1), words["axis_sample"], range=[0.4, m + 0.6])
        | {"tickvals": list(range(1, m + 1)), "showgrid": False},
        "yaxis": parts.axis((0, 1), words["axis_dx"], range=[-1, 1])
        | {"zeroline": True, "zerolinecolor": "@text", "zerolinewidth": 1},
    } | parts.legend()
    wide = parts.canvas(360) | axes
    wide["margin"] = {"l": 56, "r": 8, "t": 64, "b": 42}
    narrow = parts.canvas(400) | axes
    narrow["margin"] = {"l": 48, "r": 4, "t": 128, "b": 42}
    return {"data": data, "layout": wide, "narrow": narrow}


def paths_changes(nudges: Nudges, offsets: np.ndarray) -> list[Change]:
    """What the bars and the table show at every setting; ``offsets`` is how far x was moved."""
    bases, tops = _stack(nudges)
    found = [trace(n, "y", _outline(bases[n], tops[n])) for n in range(len(PARTS))]
    found += [
        trace(_TOTAL, "y", nudges.dx),
        trace(_DETACHED, "y", nudges.via_x_hat),
    ]
    highest = np.maximum(tops.max(axis=(0, 2)), np.abs(nudges.dx).max(axis=1))
    lowest = np.minimum(tops.min(axis=(0, 2)), -np.abs(nudges.dx).max(axis=1))
    top = rung(1.1 * np.maximum(highest, -lowest), LADDER)
    found.append(layout("yaxis", "range", np.stack([-top, top], axis=1)))
    size = sum(np.abs(getattr(nudges, part)) for part in PARTS)
    sums = _snapped(nudges.dx, size)
    found.append(cells(np.concatenate([paths_numbers(nudges, offsets), sums], axis=1)))
    return found


def paths_numbers(nudges: Nudges, offsets: np.ndarray) -> np.ndarray:
    """(n, 9): the cells of `paths_table`, then by how much x was moved, and a zero.

    In the picture ∂ℓ/∂x of every sample follows: see `sum_cells`.
    """
    size = sum(np.abs(getattr(nudges, part)) for part in PARTS)
    total = size.sum(axis=1)
    apart = np.abs(nudges.dx - nudges.dx_compact).max(axis=1)
    columns = [
        _snapped(nudges.sum_dx, total),
        _snapped(nudges.dx_dot_x_hat, total),
        _snapped(nudges.dx_dot_x_hat_exact, total),
        _snapped(nudges.dvar_dmu, nudges.largest_x),
        _snapped(apart, total),
        nudges.cosine,
        100 * nudges.relative_error,
        np.broadcast_to(offsets, total.shape),
        np.zeros_like(total),
    ]
    return np.stack(columns, axis=1).astype(np.float64)


PATHS_FORMATS = ["number"] * 6 + ["percent", "number", "number"]
NUDGE_CELL, _ZERO_CELL = 7, 8


def sum_cells(m: int) -> range:
    """Where a sentence finds the sums that the diamonds show, one a sample."""
    return range(len(PATHS_FORMATS), len(PATHS_FORMATS) + m)


def paths_table(words: Words) -> Table:
    """Identities, each with its number here and the number it must be."""
    rows: list[dict[str, Any]] = [
        {"label": words["sum_dx"], "colour": "x", "cells": [0, _ZERO_CELL]},
        {"label": words["dx_dot_x_hat"], "colour": "x", "cells": [1, 2]},
        {"label": words["dvar_dmu"], "colour": "var", "cells": [3, _ZERO_CELL]},
        {"label": words["long_compact"], "colour": "x", "cells": [4, _ZERO_CELL]},
        {"label": words["cosine"], "colour": "x_hat", "cells": [5, None]},
        {"label": words["relative_error"], "colour": "x_hat", "cells": [6, None]},
    ]
    return Table([words["fact"], words["here"], words["exact"]], rows)


def _snapped(a: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Rounding error of terms of ``size`` shown as the zero that it is."""
    return np.where(np.abs(a) <= ZERO * np.maximum(size, 1e-300), 0.0, a)


def _stack(nudges: Nudges) -> tuple[np.ndarray, np.ndarray]:
    """Where each part's bar starts and ends, (parts, n, m): positive ones upwards, others down."""
    up = down = np.zeros_like(nudges.dx)
    bases, tops = [], []
    for name in PARTS:
        part = getattr(nudges, name)
        base = np.where(part >= 0, up, down)
        bases.append(base)
        tops.append(base + part)
        up, down = up + np.maximum(part, 0), down + np.minimum(part, 0)
    return np.array(bases), np.array(tops)


def _outline(base: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Heights along the outlines of m bars, (n, m) → (n, 6m); NaN lifts the pen."""
    gap = np.full_like(base, np.nan)
    return np.stack([base, top, top, base, base, gap], axis=2).reshape(len(base), -1)


def _bars(words: Words, part: str, m: int) -> Figure:
    centres = np.arange(1, m + 1)[:, np.newaxis]
    ends = np.array([-1, -1, 1, 1, -1, 1]) * _HALF_WIDTH
    colour = _PART_COLOURS[part]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": words[part],
        "x": (centres + ends).ravel().round(3).tolist(),
        "line": {"color": f"@{colour}", "width": 1.5, "dash": _PATTERNS[part]},
        "fill": "toself",
        "fillcolor": f"@{colour}_fill",
        "hoveron": "points",
        "hovertemplate": f"{words[part]}: %{{y:.4g}}<extra></extra>",
    }


def _marks(name: str, m: int, colour: str, symbol: str, mode: str, *, shown: bool = True) -> Figure:
    return {
        "type": "scatter",
        "mode": mode,
        "name": name,
        "x": list(range(1, m + 1)),
        "marker": {
            "color": f"@{colour}",
            "size": 11,
            "symbol": symbol,
            "line": {"color": f"@{colour}", "width": 3},
        },
        "visible": shown,
        "hovertemplate": f"{name}: %{{y:.4g}}<extra></extra>",
    }


# ---- Jacobian ------------------------------------------------------------------------------------


def jacobian_figure(words: Words, jacobian: np.ndarray, texts: Sequence[Sequence[str]]) -> Figure:
    """∂y/∂x of one feature as a heat map, with its numbers in the cells."""
    m = len(jacobian)
    largest = float(np.abs(jacobian).max()) or 1.0
    names = list(range(1, m + 1))
    data = [
        {
            "type": "heatmap",
            "z": jacobian.tolist(),
            "x": names,
            "y": names,
            "text": [list(row) for row in texts],
            "texttemplate": "%{text}",
            "textfont": {"color": "@text", "size": 12},
            "zmin": -largest,
            "zmax": largest,
            "colorscale": [[0, "@x_hat_fill"], [0.5, "@background"], [1, "@x_fill"]],
            "xgap": 2,
            "ygap": 2,
            "colorbar": {"thickness": 12, "outlinewidth": 0, "nticks": 5},
            "hovertemplate": "∂y<sub>%{y}</sub>/∂x<sub>%{x}</sub> = %{z:.6g}<extra></extra>",
        }
    ]
    axes = {
        "xaxis": parts.axis((0, 1), words["axis_j"], range=[0.5, m + 0.5])
        | {"tickvals": names, "showgrid": False},
        "yaxis": parts.axis((0, 1), words["axis_i"], range=[m + 0.5, 0.5])
        | {"tickvals": names, "showgrid": False},
    }
    return {"data": data, "layout": parts.canvas(360) | axes, "narrow": parts.canvas(340) | axes}


def off_diagonal(jacobian: np.ndarray, texts: Sequence[Sequence[str]]) -> tuple[str, str]:
    """Lowest and highest number beside the diagonal; dashes if nothing is there."""
    rows, columns = np.nonzero(~np.eye(len(jacobian), dtype=bool))
    if len(rows) == 0:
        return "–", "–"
    numbers = jacobian[rows, columns]
    ends = (int(numbers.argmin()), int(numbers.argmax()))
    low, high = (texts[rows[n]][columns[n]] for n in ends)
    return low, high


def eigenvalue_table(words: Words, m: int) -> Table:
    """Directions, the eigenvalue computed from the matrix, and the one by the formula."""
    labels = [words["shift_all"], words["stretch_all"], words["others"].format(n=m - 2)]
    rows = [
        {"label": label, "colour": "", "cells": [2 * n, 2 * n + 1]}
        for n, label in enumerate(labels[: min(m, 3)])
    ]
    return Table([words["direction"], words["computed"], words["by_formula"]], rows)


def eigenvalue_numbers(computed: np.ndarray, exact: np.ndarray) -> Change:
    """Both, for each kind of direction. ``exact`` comes in the order of the table."""
    size = np.abs(exact).max()
    # Pair by value: the matrix gives its eigenvalues sorted, the formulas in the order of meaning.
    paired = np.empty_like(exact)
    paired[np.argsort(exact, kind="stable")] = np.sort(computed)
    kinds = min(len(exact), 3)
    numbers = np.stack([paired[:kinds], exact[:kinds]], axis=1).reshape(1, -1)
    return cells(_snapped(numbers, np.asarray(size)))


# ---- one step of gradient descent ----------------------------------------------------------------


def descent_figure(words: Words, rates: np.ndarray, descent: Descent) -> Figure:
    """ℓ after one step against the learning rate, and what the gradient alone promises."""
    data = [
        _curve(words["loss"], rates, descent.loss, "y", "solid"),
        _curve(words["predicted"], rates, descent.predicted, "gamma", "dash"),
        {
            "type": "scatter",
            "mode": "markers",
            "name": words["now"],
            "marker": {"color": "@text", "size": 12, "symbol": "diamond"},
            "hovertemplate": "η = %{x:.3g}: ℓ = %{y:.5g}<extra></extra>",
        },
    ]
    low, high = float(descent.loss.min()), float(descent.loss.max())
    start = float(descent.predicted[0])
    margin = 0.08 * ((max(high, start) - low) or abs(high) or 1.0)
    axes = {
        "xaxis": parts.axis((0, 1), words["axis_eta"], range=[rates[0] - 0.02, rates[-1] + 0.02]),
        "yaxis": parts.axis((0, 1), words["axis_loss"])
        | {"range": [low - 2 * margin, max(high, start) + margin]},
    } | parts.legend()
    wide, narrow = parts.canvas(320) | axes, parts.canvas(340) | axes
    wide["margin"] = {"l": 56, "r": 8, "t": 40, "b": 42}
    narrow["margin"] = {"l": 48, "r": 4, "t": 84, "b": 42}
    return {"data": data, "layout": wide, "narrow": narrow}


def descent_changes(rates: np.ndarray, descent: Descent, feature: int) -> list[Change]:
    """The marker, and one feature's γ and β, at every rate; the first rate is 0.

    The last cell is the rate itself.
    """
    gamma, beta = descent.gamma[:, feature], descent.beta[:, feature]
    pairs = ((gamma[:1], gamma), (beta[:1], beta), (descent.loss[:1], descent.loss))
    columns = [np.broadcast_to(a, rates.shape) for pair in pairs for a in pair]
    return [
        trace(2, "x", np.asarray(rates, float)[:, np.newaxis]),
        trace(2, "y", descent.loss[:, np.newaxis]),
        cells(np.stack([*columns, descent.predicted, np.asarray(rates, float)], axis=1)),
    ]


def descent_now(descent: Descent, rate: float, feature: int) -> list[Change]:
    """The same for one rate, from a descent at 0 and at that rate."""
    both = descent_changes(np.array([0.0, rate]), descent, feature)
    return [replace(change, rows=change.rows[1:]) for change in both]


DESCENT_FORMATS = ["number"] * 8


def descent_table(words: Words) -> Table:
    rows: list[dict[str, Any]] = [
        {"label": words["row_gamma"], "colour": "gamma", "cells": [0, 1]},
        {"label": words["row_beta"], "colour": "beta", "cells": [2, 3]},
        {"label": words["row_loss"], "colour": "y", "cells": [4, 5]},
        {"label": words["row_predicted"], "colour": "gamma", "cells": [4, 6]},
    ]
    return Table([words["quantity"], words["before"], words["after"]], rows)


def _curve(name: str, x: np.ndarray, y: np.ndarray, colour: str, dash: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x.tolist(),
        "y": y.tolist(),
        "line": {"color": f"@{colour}", "width": 2.5, "dash": dash},
        "hovertemplate": f"{name}: %{{y:.5g}}<extra></extra>",
    }
