"""Two heat maps: held-out accuracy by learning rate and weight scale, without BN and with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bn_core.learning_map import NETWORKS, TARGET
from bn_ui.figures import parts
from bn_ui.figures.parts import Figure, Words

DIVERGED_MARK = "✕"
COLOURS = {"without": "x", "with": "y"}  # of the headings; the cells share one scale
_WIDE_HEIGHT, _NARROW_HEIGHT = 400, 690


def figure(
    words: Words,
    medians: np.ndarray,
    rates: Sequence[str],
    scales: Sequence[str],
    chosen: tuple[int, int],
) -> Figure:
    """The picture.

    medians : (networks, learning rates, weight scales); NaN not trained yet, −Inf diverged
    rates, scales : the values as they are written at the axes
    chosen : row and column of the cell that has a frame
    """
    data = []
    for panel, name in enumerate(NETWORKS):
        axis = str(panel + 1) if panel else ""
        data.append(_cells(words, name, medians[panel], rates, scales, axis))
        data.append(_diverged(words["diverged"], medians[panel], axis))
    shapes = [_frame(chosen, axis) for axis in ("", "2")]
    return {
        "data": data,
        "layout": _layout(words, rates, scales, shapes, stacked=False),
        "narrow": _layout(words, rates, scales, shapes, stacked=True),
    }


def cell_text(accuracy: float) -> str:
    """What stands in a cell: per cent, in bold from the target on."""
    if not np.isfinite(accuracy):
        return ""
    text = f"{100 * accuracy:.0f}"
    return f"<b>{text}</b>" if accuracy >= TARGET else text


def _cells(
    words: Words,
    name: str,
    middle: np.ndarray,
    rates: Sequence[str],
    scales: Sequence[str],
    axis: str,
) -> Figure:
    rows, columns = middle.shape
    return {
        "type": "heatmap",
        "name": words[name],
        "x": list(range(columns)),
        "y": list(range(rows)),
        # JSON has neither NaN nor −Inf: what has no accuracy has no colour either.
        "z": [[round(100 * v, 2) if np.isfinite(v) else None for v in row] for row in middle],
        "text": [[cell_text(value) for value in row] for row in middle.tolist()],
        "customdata": [[f"η = {rate}, s = {scale}" for scale in scales] for rate in rates],
        "texttemplate": "%{text}",
        "textfont": {"size": 13},
        "zmin": 0,
        "zmax": 100,
        "colorscale": [[0, "@grid"], [1, "@y"]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "hovertemplate": f"{words[name]}<br>%{{customdata}}: %{{z:.1f}} %<extra></extra>",
    }


def _diverged(name: str, middle: np.ndarray, axis: str) -> Figure:
    rows, columns = np.nonzero(np.isneginf(middle))
    return {
        "type": "scatter",
        "mode": "text",
        "name": name,
        "x": columns.tolist(),
        "y": rows.tolist(),
        "text": [DIVERGED_MARK] * len(rows),
        "textfont": {"color": "@text", "size": 15},
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "hovertemplate": f"{name}<extra></extra>",
    }


def _frame(chosen: tuple[int, int], axis: str) -> Figure:
    row, column = chosen
    return {
        "type": "rect",
        "xref": f"x{axis}",
        "yref": f"y{axis}",
        "x0": column - 0.5,
        "x1": column + 0.5,
        "y0": row - 0.5,
        "y1": row + 0.5,
        "line": {"color": "@x_hat", "width": 3},
    }


def _layout(
    words: Words,
    rates: Sequence[str],
    scales: Sequence[str],
    shapes: list[Figure],
    *,
    stacked: bool,
) -> Figure:
    still: dict[str, Any] = {"tickmode": "array", "showgrid": False, "ticks": ""}
    x_ticks = still | {"tickvals": list(range(len(scales))), "ticktext": list(scales)}
    y_ticks = still | {"tickvals": list(range(len(rates))), "ticktext": list(rates)}
    x_range, y_range = [-0.5, len(scales) - 0.5], [-0.5, len(rates) - 0.5]
    spans = [(0, 1), (0, 1)] if stacked else [(0, 0.465), (0.535, 1)]
    heights = [(0.57, 1), (0, 0.43)] if stacked else [(0, 1), (0, 1)]
    layout = parts.canvas(_NARROW_HEIGHT if stacked else _WIDE_HEIGHT)
    layout["margin"] = {"l": 56, "r": 8, "t": 30, "b": 46}
    for panel, axis in enumerate(("", "2")):
        x = parts.axis(spans[panel], words["axis_scale"], range=x_range, anchor=f"y{axis}")
        y = parts.axis(heights[panel], words["axis_rate"], range=y_range, anchor=f"x{axis}")
        layout |= {f"xaxis{axis}": x | x_ticks, f"yaxis{axis}": y | y_ticks}
    layout["annotations"] = [
        parts.title(axis, words[name], f"@{COLOURS[name]}")
        for axis, name in zip(("x", "x2"), NETWORKS, strict=True)
    ]
    layout["shapes"] = shapes
    return layout
