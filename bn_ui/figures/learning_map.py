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
# Dark blue to yellow by way of grey (cividis): for all common kinds of colour blindness, and on
# either background. The same in both themes, so that the numbers on it can be told black or white.
RAMP = ("#00204d", "#7c7b78", "#ffea46")
BLACK, WHITE = "#000000", "#ffffff"
_ROUNDING = 1e-9
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
        data.append(_numbers(words[name], medians[panel], axis))
        data.append(_diverged(words["diverged"], medians[panel], axis))
    shapes = [frame for axis in ("", "2") for frame in _frames(chosen, axis)]
    return {
        "data": data,
        "layout": _layout(words, rates, scales, shapes, stacked=False),
        "narrow": _layout(words, rates, scales, shapes, stacked=True),
    }


def cell_text(accuracy: float) -> str:
    """What stands in a cell: per cent, in bold from the target on. Rounded down, so that what just
    misses the target does not look as if it had reached it."""
    if not np.isfinite(accuracy):
        return ""
    text = f"{int(100 * accuracy + _ROUNDING)}"
    return f"<b>{text}</b>" if accuracy >= TARGET else text


def cell_colour(accuracy: float) -> tuple[int, ...]:
    """Red, green and blue of a cell, as Plotly interpolates the ramp."""
    at = 2 * min(max(accuracy, 0.0), 1.0)
    low, high = (_rgb(RAMP[n]) for n in ((0, 1) if at < 1 else (1, 2)))
    share = at if at < 1 else at - 1
    return tuple(round(a + share * (b - a)) for a, b in zip(low, high, strict=True))


def ink(accuracy: float) -> str:
    """Black or white: whichever can be read better on the cell (contrast as WCAG has it)."""
    light = luminance(cell_colour(accuracy))
    return BLACK if (light + 0.05) / 0.05 > 1.05 / (light + 0.05) else WHITE


def luminance(colour: Sequence[int]) -> float:
    channels = np.array(colour) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


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
        "customdata": [[f"η = {rate}, s = {scale}" for scale in scales] for rate in rates],
        "zmin": 0,
        "zmax": 100,
        "colorscale": [[0, RAMP[0]], [0.5, RAMP[1]], [1, RAMP[2]]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "hovertemplate": f"{words[name]}<br>%{{customdata}}: %{{z:.1f}} %<extra></extra>",
    }


def _numbers(name: str, middle: np.ndarray, axis: str) -> Figure:
    rows, columns = np.nonzero(np.isfinite(middle))
    values = middle[rows, columns].tolist()
    return {
        "type": "scatter",
        "mode": "text",
        "name": name,
        "x": columns.tolist(),
        "y": rows.tolist(),
        "text": [cell_text(value) for value in values],
        "textfont": {"color": [ink(value) for value in values], "size": 13},
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "hoverinfo": "skip",
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


def _frames(chosen: tuple[int, int], axis: str) -> list[Figure]:
    """Around the chosen cell, with an edge that sets it off from cells of any colour."""
    row, column = chosen
    place = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    return [
        place
        | {"type": "rect", "xref": f"x{axis}", "yref": f"y{axis}"}
        | {"line": {"color": colour, "width": width}}
        for colour, width in (("@background", 7), ("@x_hat", 3))
    ]


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
