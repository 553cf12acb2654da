"""Figure 1 of Ioffe & Szegedy (2015), from our own runs.

Four panels against the step: held-out accuracy and training loss, every seed thin and their median
bold; and the 15th, 50th and 85th percentile of one unit's input without BN and with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bn_core.figure_one import NETWORKS, curves, unit_percentiles
from bn_core.snapshots import PERCENTILES, Snapshot
from bn_ui.figures import parts
from bn_ui.figures.changes import Change, trace
from bn_ui.figures.parts import Figure, Words

# network → the snapshots of each seed, as far as they have come
Runs = Mapping[str, Sequence[Sequence[Snapshot]]]
COLOURS = {"without": "x", "with": "y"}
DASHES = {"without": "dash", "with": "solid"}
SCALES = ("log", "linear")
READS = ("accuracy", "loss")
_WIDE_HEIGHT, _NARROW_HEIGHT = 640, 1080
_TICKS = {"log": (1, 10, 100, 1000, 10_000), "linear": (0, 10_000, 20_000, 30_000, 40_000, 50_000)}
_LINES = dict(zip(PERCENTILES, ("dot", "solid", "dot"), strict=True))
_SMALLEST = 1e-6  # losses below are drawn here
_FAR = 1000.0  # inputs beyond are drawn here


def figure(
    words: Words, runs: Runs, steps: int, scale: str, seed: int, unit: int
) -> tuple[Figure, list[Change]]:
    """The picture, and the changes that put its curves in.

    seed : which of the runs the percentiles are of
    unit : which unit, from 0
    """
    data: list[Figure] = []
    changes: list[Change] = []

    def add(line: Figure, x: np.ndarray, y: np.ndarray) -> None:
        shown = x >= (1 if scale == "log" else 0)  # a logarithmic axis has no zero
        for attribute, values in (("x", x[shown]), ("y", y[shown])):
            changes.append(trace(len(data), attribute, values.astype(np.float32)[None]))
        data.append(line)

    data += [_key(words, name) for name in NETWORKS]
    losses = []
    for panel, read in enumerate(READS):
        axis = str(panel + 1) if panel else ""
        found = {
            name: [*(curves([run], read) for run in runs[name]), curves(runs[name], read)]
            for name in NETWORKS
        }
        for name in NETWORKS:
            for n, each in enumerate(found[name]):
                drawn = _clipped(each.median) if read == "loss" else each.median
                bold = n == len(found[name]) - 1
                add(_curve(words, read, name, None if bold else n, axis), each.steps, drawn)
                losses.append(drawn if read == "loss" else drawn[:0])
    spread = []
    for panel, name in enumerate(NETWORKS):
        run = runs[name][seed]
        rows = np.clip(np.nan_to_num(unit_percentiles(run, unit)), -_FAR, _FAR)
        x = np.array([snapshot.step for snapshot in run], dtype=np.int64)
        spread.append(rows.ravel())
        for k, percentile in enumerate(PERCENTILES):
            add(_percentile(words, name, percentile, str(panel + 3)), x, rows[:, k])
    low = _floor(np.concatenate(losses))
    inputs = _around(np.concatenate(spread))
    layouts = (
        _layout(words, steps, scale, low, inputs, stacked=stacked) for stacked in (False, True)
    )
    figure = dict(zip(("layout", "narrow"), layouts, strict=True)) | {"data": data}
    return figure, changes


def _clipped(losses: np.ndarray) -> np.ndarray:
    return np.clip(np.nan_to_num(losses, nan=10.0), _SMALLEST, 10.0)


def _floor(losses: np.ndarray) -> int:
    """Lower end of the loss axis, a power of ten."""
    return min(int(np.floor(np.log10(losses.min(initial=1.0)))), -1)


def _around(values: np.ndarray) -> list[float]:
    """A range that holds all percentiles, the same for both networks."""
    low, high = values.min(initial=-1.0), values.max(initial=1.0)
    margin = 0.05 * (high - low)
    return [float(low - margin), float(high + margin)]


def _curve(words: Words, read: str, name: str, seed: int | None, axis: str) -> Figure:
    """One seed's curve, or the median of all."""
    bold = seed is None
    label = words["median" if bold else "seed"].format(network=words[name], seed=seed)
    value = "%{y:.1%}" if read == "accuracy" else "%{y:.3g}"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label,
        "line": {
            "color": f"@{COLOURS[name]}",
            "width": 3 if bold else 1,
            "dash": DASHES[name] if bold else "solid",
        },
        "opacity": 1 if bold else 0.6,
        "showlegend": False,
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "hovertemplate": f"{label}<br>{words['step'].format(step='%{x}')}: {value}<extra></extra>",
    }


def _key(words: Words, name: str) -> Figure:
    """The legend's entry. A trace without points has none, and medians come late."""
    line = _curve(words, READS[0], name, None, "")
    return line | {"x": [None], "y": [None], "showlegend": True, "hoverinfo": "skip"}


def _percentile(words: Words, name: str, percentile: int, axis: str) -> Figure:
    label = words["percentile"].format(percentile=percentile)
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": f"{words[name]}: {label}",
        "line": {
            "color": f"@{COLOURS[name]}",
            "width": 2.5 if percentile == 50 else 1.5,
            "dash": _LINES[percentile],
        },
        "showlegend": False,
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "hovertemplate": f"{label}<br>{words['step'].format(step='%{x}')}: %{{y:.3g}}"
        "<extra></extra>",
    }
    if percentile != PERCENTILES[0]:
        line |= {"fill": "tonexty", "fillcolor": f"@{COLOURS[name]}_fill"}
    return line


def _layout(
    words: Words,
    steps: int,
    scale: str,
    low: int,
    inputs: list[float],
    *,
    stacked: bool,
) -> Figure:
    left, right = (0.0, 0.455), (0.545, 1.0)
    if stacked:
        spans = [(0.0, 1.0)] * 4
        heights = [(0.82, 1.0), (0.55, 0.73), (0.265, 0.445), (0.0, 0.18)]
    else:
        spans = [left, right, left, right]
        heights = [(0.58, 1.0), (0.58, 1.0), (0.0, 0.4), (0.0, 0.4)]
    ticks = _TICKS[scale]
    x_axis = {
        "type": scale,
        "range": [0, float(np.log10(steps))] if scale == "log" else [0, steps],
        "tickmode": "array",
        "tickvals": list(ticks),
        "ticktext": [f"{tick:,}" for tick in ticks],
    }
    y_axes = [
        {"range": [0, 1], "tickformat": ".0%", "title": words["axis_accuracy"]},
        {
            "type": "log",
            "range": [low, 1],
            "tickmode": "array",
            "tickvals": [10.0**n for n in range(low, 2)],
            "ticktext": [f"{10.0**n:.{max(-n, 0)}f}" for n in range(low, 2)],
            "title": words["axis_loss"],
        },
        {"range": inputs, "title": words["axis_input"]},
        {"range": inputs, "title": words["axis_input"]},
    ]
    layout = parts.canvas(_NARROW_HEIGHT if stacked else _WIDE_HEIGHT) | parts.legend()
    layout["margin"] = {"l": 60, "r": 28, "t": 34, "b": 46}
    if stacked:
        layout["legend"] = layout["legend"] | {"y": 1.005}
    for panel, more in enumerate(y_axes):
        axis = str(panel + 1) if panel else ""
        x = parts.axis(spans[panel], words["axis_step"], anchor=f"y{axis}") | x_axis
        y = parts.axis(heights[panel], more.pop("title"), anchor=f"x{axis}") | more
        layout |= {f"xaxis{axis}": x, f"yaxis{axis}": y}
    layout["annotations"] = [
        parts.title(axis, words["unit_title"].format(network=words[name]), f"@{COLOURS[name]}")
        for axis, name in zip(("x3", "x4"), NETWORKS, strict=True)
    ]
    return layout
