"""Pictures of the Overview chapter. Arrays in, plain dictionaries out.

``layer_figure`` is one hidden layer as a diagram, each block with its shape, its distribution and
its first numbers; ``descent_figure`` two planes of weights with a path in each; ``step_figure`` how
far one step moved every layer. All three are moved by knobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bn_core.activations import Activation
from bn_core.one_layer import ORDERS, moved_by_bias, one_layer, summary
from bn_core.one_step import OneStep
from bn_core.shallow import Paths, TwoFeatures, level_sets, lowest
from bn_core.summaries import histograms, rung
from bn_core.sweeps import output_edges
from bn_ui.figures import parts
from bn_ui.figures.changes import Change, Table, cells, layout, trace
from bn_ui.figures.parts import Figure, Words


def _grid(values: np.ndarray, *kept: float) -> np.ndarray:
    """Four significant digits: what is shown is what is computed with; ``kept`` are among them."""
    return np.array(sorted({float(f"{value:.4g}") for value in values} | set(kept)))


# ---- one layer as a diagram ----------------------------------------------------------------------

SCALE_RANGE, BIAS_RANGE = (0.25, 16.0), (-8.0, 8.0)
SCALES = _grid(np.geomspace(*SCALE_RANGE, 61))
BIASES = _grid(np.linspace(*BIAS_RANGE, 65))
FIRST = 3  # samples whose numbers are written out
AXIS = (-8.0, 8.0)  # of x and of BN's output: they stay where they are, so that movement is visible
STATISTICS = ("mean", "sd", "minimum", "skew", "zeros")
LAYER_FORMATS = ["number", "number", "number", "number", "percent"] * 3 + [
    "percent",
    "percent",
    "number",
]
_BINS = 32
_EDGES = np.linspace(*AXIS, _BINS + 1)
_COLUMNS = ("input", "first", "second", "third")
_RUNGS = (20.0, 30.0, 50.0, 70.0, 100.0)


def layer_figure(
    words: Words, f: Activation, order: str, images: np.ndarray, units: int, block: Words
) -> Figure:
    """The diagram without the numbers that ``layer_changes`` puts in.

    images : the batch (m, pixels) that goes in; ``block`` : what stands in each box
    """
    names = ORDERS[order]
    data = [_input_histogram(words, images), _first_images(images)]
    data += [_histogram(words, f, name, n) for n, name in enumerate(names, 1)]
    data += [_first_numbers(words, name, n) for n, name in enumerate(names, 1)]
    bands = [
        band
        for n, name in enumerate(names, 1)
        if name == "x" or (name == "y" and order == "before")
        for band in _bands(f, n)
    ]
    shapes = [f"{len(images)} × {images.shape[1]}", *[f"{len(images)} × {units}"] * len(names)]

    def layout_for(narrow: bool) -> Figure:
        made = _layer_layout(words, f, names, narrow=narrow) | {"shapes": bands}
        made["annotations"] = _boxes(words, names, shapes, block, narrow=narrow)
        return made

    return {"data": data, "layout": layout_for(False), "narrow": layout_for(True)}


def layer_changes(x: np.ndarray, biases: ArrayLike, f: Activation, order: str) -> list[Change]:
    """What the diagram shows at n settings: x (1 or n, m, d) without bias, and n biases."""
    biases = np.atleast_1d(np.asarray(biases, dtype=np.float64))
    stages = one_layer(x + biases[:, None, None], f, order)
    found = [cells(layer_numbers(stages, x, biases, f, order))]
    peaks = np.zeros(len(biases))
    for n, (name, values) in enumerate(stages.items()):
        rows = values.reshape(len(values), -1)
        counts = histograms(rows, _edges(name, f))
        unit = 100 / rows.shape[1]
        found.append(trace(2 + n, "y", np.concatenate([counts, counts[:, -1:]], axis=1), unit))
        first = values[:, :FIRST, 0].astype(np.float32)
        found.append(trace(2 + len(stages) + n, "customdata", first))
        peaks = np.maximum(peaks, counts.max(axis=1) * unit)
    top = rung(1.05 * peaks, _RUNGS)
    heights = np.stack([np.zeros_like(top), top], axis=1).astype(np.float32)
    return found + [layout(f"yaxis{n}", "range", heights) for n in range(2, 2 + len(stages))]


def layer_numbers(
    stages: Mapping[str, np.ndarray], x: np.ndarray, biases: np.ndarray, f: Activation, order: str
) -> np.ndarray:
    """A row for each setting: the numbers that ``layer_places`` names."""
    columns = []
    for values in stages.values():
        s = summary(values)
        columns += [s.mean, s.sd, s.minimum, s.skew, 100 * s.zeros]
    into_f = stages["y"] if order == "before" else stages["x"]
    columns += [100 * f.saturated(v).mean(axis=(1, 2)) for v in (stages["x"], into_f)]
    columns.append(moved_by_bias(x, f, order, biases))
    return np.stack(columns, axis=1).astype(np.float32)


def layer_places(order: str) -> dict[str, int]:
    """Where a sentence finds these numbers: x_mean … activation_zeros, saturated_x, moved."""
    names = [f"{name}_{statistic}" for name in ORDERS[order] for statistic in STATISTICS]
    return {name: i for i, name in enumerate([*names, "saturated_x", "saturated_in", "moved"])}


def layer_table(words: Words, order: str) -> Table:
    """Under the diagram: a row for each quantity, in the order in which they are computed."""
    at = layer_places(order)
    rows = [
        {
            "label": words[f"row_{name}_{order}"],
            "colour": name,
            "cells": [at[f"{name}_{statistic}"] for statistic in STATISTICS],
        }
        for name in ORDERS[order]
    ]
    return Table([words["quantity"], *(words[name] for name in STATISTICS)], rows)


def layer_rows(stages: Mapping[str, np.ndarray]) -> Iterator[tuple[object, ...]]:
    """Rows of a file: sample, unit, then each quantity."""
    m, d = stages["x"].shape[1:]
    for i in range(m):
        for k in range(d):
            yield (i + 1, k + 1, *(float(values[0, i, k]) for values in stages.values()))


def _edges(name: str, f: Activation) -> np.ndarray:
    if name != "activation":
        return _EDGES
    own = output_edges(f)
    return np.linspace(own[0], own[-1], _BINS + 1)


def _histogram(words: Words, f: Activation, name: str, n: int) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": words[f"name_{name}"],
        "x": _edges(name, f).round(6).tolist(),
        "line": {"shape": "hv", "color": f"@{name}", "width": 1.5},
        "fill": "tozeroy",
        "fillcolor": f"@{name}_fill",
        "xaxis": f"x{n + 1}",
        "yaxis": f"y{n + 1}",
        "hovertemplate": words["hover"],
    }


def _input_histogram(words: Words, images: np.ndarray) -> Figure:
    low, high = float(min(images.min(), 0)), float(max(images.max(), 1))
    edges = np.linspace(low, high, _BINS // 2 + 1)
    share = 100 * histograms(images.reshape(1, -1), edges)[0] / images.size
    return {
        "type": "scatter",
        "mode": "lines",
        "name": words["name_input"],
        "x": edges.round(4).tolist(),
        "y": [*share.round(3).tolist(), round(float(share[-1]), 3)],
        "line": {"shape": "hv", "color": "@text", "width": 1.5},
        "fill": "tozeroy",
        "fillcolor": "@saturated",
        "hovertemplate": words["hover"],
    }


def _first_images(images: np.ndarray) -> Figure:
    """The first samples as pictures, one below the other, each in the row of its numbers."""
    side = int(np.sqrt(images.shape[1]))
    low, high = float(images.min()), float(images.max())
    pixels = images[:FIRST].reshape(FIRST, side, side)
    framed = np.pad(pixels, ((0, 0), (1, 1), (1, 1)), constant_values=low)
    size = side + 2
    return {
        "type": "heatmap",
        "z": (255 * (framed.reshape(-1, size) - low) / (high - low)).round().astype(int).tolist(),
        "y": ((np.arange(FIRST * size) + 0.5) / size - 0.5).round(4).tolist(),
        "x": list(range(size)),
        "colorscale": [[0, "@background"], [1, "@text"]],
        "showscale": False,
        "hoverinfo": "skip",
        "xaxis": "x5",
        "yaxis": "y5",
    }


def _first_numbers(words: Words, name: str, n: int) -> Figure:
    return {
        "type": "scatter",
        "mode": "text",
        "name": words[f"name_{name}"],
        "x": [0] * FIRST,
        "y": list(range(FIRST)),
        "customdata": [0] * FIRST,
        "texttemplate": "%{customdata:.3f}",
        "textfont": {"color": f"@{name}", "size": 14},
        "hoverinfo": "skip",
        "xaxis": f"x{n + 5}",
        "yaxis": f"y{n + 5}",
    }


def _bands(f: Activation, n: int) -> Iterator[Figure]:
    low, high = AXIS
    for start, end in (
        (low, max(f.saturation_bounds[0], low)),
        (min(f.saturation_bounds[1], high), high),
    ):
        if end > start:
            yield parts.saturated(f"x{n + 1}", start, end)


_WIDE_COLUMNS = ((0.0, 0.14), (0.22, 0.44), (0.51, 0.73), (0.80, 1.0))
_NARROW_COLUMNS = ((0.0, 0.16), (0.24, 0.46), (0.52, 0.74), (0.80, 1.0))
_HISTOGRAM, _NUMBERS = (0.45, 0.76), (0.0, 0.32)


def _layer_layout(words: Words, f: Activation, names: Sequence[str], *, narrow: bool) -> Figure:
    columns = _NARROW_COLUMNS if narrow else _WIDE_COLUMNS
    made = parts.canvas(400 if narrow else 420)
    made["margin"] = {"l": 40 if narrow else 48, "r": 8, "t": 8, "b": 8}
    ranges = [None, *(_range(name, f) for name in names)]
    colours = ["@text", *(f"@{name}" for name in names)]
    titles = [words["axis_input"], *(words[f"axis_{name}"] for name in names)]
    for n, column in enumerate(columns):
        suffix = "" if n == 0 else str(n + 1)
        x = parts.axis(column, titles[n], colours[n], nticks=4) | {"anchor": f"y{suffix}"}
        if n == 0:
            x |= {"autorange": True}
        else:
            x |= {"range": ranges[n]}
        y = parts.axis(_HISTOGRAM, words["axis_share"] if n == 0 else "", nticks=3)
        y |= {"anchor": f"x{suffix}", "showticklabels": n < 2, "range": [0, 50]}
        made |= {f"xaxis{suffix}": x, f"yaxis{suffix}": y}
        made |= _number_axes(words, n, column)
    return made


def _number_axes(words: Words, n: int, column: tuple[float, float]) -> Figure:
    """Rows for the first samples, the first on top: pictures on the left, numbers beside them."""
    plain = {"showgrid": False, "showticklabels": False, "ticks": "", "showline": False}
    suffix = str(n + 5)
    title = words["axis_first"] if n == 0 else ""
    x = parts.axis(column, "") | plain | {"range": [-0.5, 9.5] if n == 0 else [-1, 1]}
    y = parts.axis(_NUMBERS, title) | plain | {"range": [FIRST - 0.5, -0.5]}
    if n == 0:
        y |= {"scaleanchor": "x5", "scaleratio": 10, "constrain": "domain"}
        x |= {"constrain": "domain"}
    return {
        f"xaxis{suffix}": x | {"anchor": f"y{suffix}"},
        f"yaxis{suffix}": y | {"anchor": f"x{suffix}"},
    }


def _range(name: str, f: Activation) -> list[float]:
    return _edges(name, f)[[0, -1]].tolist()


def _boxes(
    words: Words, names: Sequence[str], shapes: Sequence[str], block: Words, *, narrow: bool
) -> list[Figure]:
    """Blocks above what they put out, with arrows between them and the shapes below."""
    columns = _NARROW_COLUMNS if narrow else _WIDE_COLUMNS
    made = []
    for n, column in enumerate(columns):
        colour = "@text" if n == 0 else f"@{names[n - 1]}"
        key = "input" if n == 0 else {"x": "linear", "y": "bn"}.get(names[n - 1], "activation")
        text = block[f"{key}_short" if narrow else key]
        middle = (column[0] + column[1]) / 2
        box = _note(middle, 0.985, text, colour) | {"yanchor": "top"}
        if n > 0:
            box |= {"bordercolor": colour, "borderwidth": 1.5, "borderpad": 4}
        size = _note(middle, 0.77, shapes[n], colour) | {"yanchor": "bottom"}
        made += [box, size]
        if n > 0:
            gap = (columns[n - 1][1] + column[0]) / 2
            made.append(_note(gap, 0.98, "→", "@text") | {"yanchor": "top", "font": {"size": 20}})
    return made


def _note(x: float, y: float, text: str, colour: str) -> Figure:
    return {
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": y,
        "xanchor": "center",
        "text": text,
        "showarrow": False,
        "font": {"size": 13, "color": colour},
    }


# ---- a shallow model -----------------------------------------------------------------------------

RATE_RANGE, UNIT_RANGE = (0.01, 5.0), (1.0, 20.0)
RATES = _grid(np.geomspace(*RATE_RANGE, 60), 1.0)
UNITS = _grid(np.geomspace(*UNIT_RANGE, 52), 8.0)
DRAWN = 60  # steps of a path that are drawn
TARGET = 0.01  # a path has arrived when its excess loss is this share of what it was
_SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)
_PLANE = ((-8.0, 2.0), (-3.0, 5.0))
_BOX = 32.0  # points farther off than this are drawn there: far outside of the plane
_LEVELS = 2**16 - 1
_CURVE_POINTS = 41
_K = len(_SHARES)
# Traces: contours, lowest point and path, first of the standardised plane, then of the raw one.
_PATH, _RAW = _K + 1, _K + 2


def descent_figure(words: Words, data: TwoFeatures) -> Figure:
    """The planes of standardised and of raw weights, without paths."""
    curves = level_sets(data, _SHARES, _CURVE_POINTS)
    centre = lowest(data)
    return {
        "data": [*_plane(words, curves, centre, "y", ""), *_plane(words, curves, centre, "x", "2")],
        "layout": _descent_layout(words, ((0, 0.47), (0.53, 1)), ((0, 1), (0, 1)), 380),
        "narrow": _descent_layout(words, ((0, 1), (0, 1)), ((0.57, 1), (0, 0.43)), 640),
    }


def rate_changes(standard: Paths, raw: Paths, conditions: np.ndarray, unit: float) -> list[Change]:
    """Both paths at every learning rate."""
    return [
        cells(descent_numbers(standard, raw, conditions)),
        *_path_changes(_PATH, standard, 1.0),
        *_path_changes(_RAW + _PATH, raw, unit),
    ]


def unit_changes(
    data: TwoFeatures, standard: Paths, raw: Paths, conditions: np.ndarray, units: np.ndarray
) -> list[Change]:
    """The raw plane at every unit: its contours, its lowest point, its path."""
    curves, centre = level_sets(data, _SHARES, _CURVE_POINTS), lowest(data)
    found = [cells(descent_numbers(standard, raw, conditions))]
    for k, curve in enumerate(curves):
        found.append(_placed(_RAW + k, "y", curve[:, 1] / units[:, None]))
    found.append(_placed(_RAW + _K, "y", centre[1] / units[:, None]))
    return found + _path_changes(_RAW + _PATH, raw, units)


def descent_numbers(standard: Paths, raw: Paths, conditions: np.ndarray) -> np.ndarray:
    """A row for each setting: the numbers that ``descent_places`` names.

    conditions : condition number of the standardised problem, and of the raw one (1 or n,)
    """
    columns = []
    for path, condition in ((standard, conditions[:1]), (raw, conditions[1:])):
        columns += [condition, path.steps_to(TARGET), 100 * path.excess[:, DRAWN]]
    ratio = columns[3] / columns[0]
    return np.stack(np.broadcast_arrays(*columns, ratio), axis=1).astype(np.float32)


DESCENT_FORMATS = ["number", "whole", "percent"] * 2 + ["number"]


def descent_places() -> dict[str, int]:
    names = [f"{n}_{kind}" for kind in ("standard", "raw") for n in ("condition", "steps", "left")]
    return {name: i for i, name in enumerate([*names, "ratio"])}


def descent_table(words: Words) -> Table:
    at = descent_places()
    rows = [
        {
            "label": words[f"row_{kind}"],
            "colour": colour,
            "cells": [at[f"{name}_{kind}"] for name in ("condition", "steps", "left")],
        }
        for kind, colour in (("standard", "y"), ("raw", "x"))
    ]
    return Table([words["inputs"], *(words[n] for n in ("condition", "steps", "left"))], rows)


def _plane(
    words: Words, curves: np.ndarray, centre: np.ndarray, colour: str, axis: str
) -> list[Figure]:
    place = {"xaxis": f"x{axis}", "yaxis": f"y{axis}", "hoverinfo": "skip"}
    level = {"type": "scatter", "mode": "lines", "line": {"color": "@border", "width": 1.5}}
    lines = [
        level | place | {"x": c[:, 0].round(3).tolist(), "y": c[:, 1].round(3).tolist()}
        for c in curves
    ]
    mark = {"symbol": "x", "size": 11, "color": "@text"}
    star = {"type": "scatter", "mode": "markers", "marker": mark, "name": words["lowest"]}
    path = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": words["path"],
        "line": {"color": f"@{colour}", "width": 1.5},
        "marker": {"color": f"@{colour}", "size": 5},
        "x": [0],
        "y": [0],
    }
    return [
        *lines,
        star | place | {"x": [round(float(centre[0]), 3)], "y": [round(float(centre[1]), 3)]},
        path | place,
    ]


def one_rate_changes(
    data: TwoFeatures, standard: Paths, raw: Paths, conditions: np.ndarray, unit: float
) -> list[Change]:
    """Everything that knobs move, where they stand."""
    raw_plane = unit_changes(data, standard, raw, conditions, np.array([unit]))
    return raw_plane + _path_changes(_PATH, standard, 1.0)


def _path_changes(index: int, paths: Paths, units: ArrayLike) -> list[Change]:
    weights = paths.weights[:, : DRAWN + 1]
    second = weights[:, :, 1] / np.atleast_1d(np.asarray(units, dtype=np.float64))[:, None]
    return [_placed(index, "x", weights[:, :, 0]), _placed(index, "y", second)]


def _placed(index: int, attribute: str, values: np.ndarray) -> Change:
    """Places in the plane as whole numbers, two bytes each."""
    unit = 2 * _BOX / _LEVELS
    whole = np.rint((np.clip(values, -_BOX, _BOX) + _BOX) / unit).astype(np.int64)
    return trace(index, attribute, whole, unit, -_BOX)


def _descent_layout(words: Words, x: Any, y: Any, height: int) -> Figure:
    made = parts.canvas(height)
    for n, (axis, kind, colour) in enumerate((("", "standard", "y"), ("2", "raw", "x"))):
        across = parts.axis(x[n], words["axis_width"], range=list(_PLANE[0]))
        up = parts.axis(y[n], words[f"axis_height_{kind}"], f"@{colour}", range=list(_PLANE[1]))
        made[f"xaxis{axis}"] = across | {"anchor": f"y{axis}"}
        made[f"yaxis{axis}"] = up | {"anchor": f"x{axis}"}
    made["margin"] = {"l": 48, "r": 8, "t": 30, "b": 42}
    made["annotations"] = [
        parts.title("x", words["title_standard"], "@y"),
        parts.title("x2", words["title_raw"], "@x"),
    ]
    return made


# ---- one step in a deep network ------------------------------------------------------------------

STEP_RATE_RANGE, WEIGHT_RANGE = (0.001, 1.0), (0.5, 3.0)
STEP_RATES = _grid(np.geomspace(*STEP_RATE_RANGE, 60), 0.05)
WEIGHTS = _grid(np.geomspace(*WEIGHT_RANGE, 36), 1.0, 1.414, 2.0)
NETWORKS = ("plain", "bn")
STEP_FORMATS = ["number"] * 9
_DECADES = (-4.0, 6.0)
_STEP_COLOURS = {"plain": "x", "bn": "y"}


def step_figure(words: Words, layers: int) -> Figure:
    """Relative movement of every layer's output, on a logarithmic axis; the last is the logits."""
    data = [_moved(words, kind, layers) for kind in NETWORKS]
    return {
        "data": data,
        "layout": _step_layout(words, layers, 360),
        "narrow": _step_layout(words, layers, 340),
    }


def step_changes(plain: OneStep, bn: OneStep) -> list[Change]:
    """Both curves and the numbers at n settings."""
    found = [cells(step_numbers(plain, bn))]
    for n, step in enumerate((plain, bn)):
        seen = np.where(step.moved > 0, step.moved, np.nan)  # 0 has no place on such an axis
        found.append(trace(n, "y", np.clip(seen, None, 1e30).astype(np.float32)))
    return found


def step_numbers(plain: OneStep, bn: OneStep) -> np.ndarray:
    """A row for each setting: the numbers that ``step_places`` names."""
    columns = []
    for step in (plain, bn):
        columns += [step.moved[:, 0], step.moved[:, -1], step.before, step.after]
    ratio = plain.moved[:, -1] / bn.moved[:, -1]
    return np.stack(np.broadcast_arrays(*columns, ratio), axis=1).astype(np.float32)


def step_places() -> dict[str, int]:
    names = [f"{n}_{kind}" for kind in NETWORKS for n in ("first", "last", "before", "after")]
    return {name: i for i, name in enumerate([*names, "ratio"])}


def step_table(words: Words) -> Table:
    at = step_places()
    columns = ("first", "last", "before", "after")
    rows = [
        {
            "label": words[kind],
            "colour": _STEP_COLOURS[kind],
            "cells": [at[f"{name}_{kind}"] for name in columns],
        }
        for kind in NETWORKS
    ]
    return Table([words["network"], *(words[name] for name in columns)], rows)


def _moved(words: Words, kind: str, layers: int) -> Figure:
    colour = f"@{_STEP_COLOURS[kind]}"
    symbol, dash = {"plain": ("circle", "4px,3px"), "bn": ("diamond", "solid")}[kind]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": words[kind],
        "x": list(range(1, layers + 1)),
        "line": {"color": colour, "width": 2.5, "dash": dash},
        "marker": {"color": colour, "symbol": symbol, "size": 9},
        "hovertemplate": words["hover"],
    }


def _step_layout(words: Words, layers: int, height: int) -> Figure:
    low, high = _DECADES
    made = parts.canvas(height) | parts.legend()
    made["legend"] |= {"itemclick": False, "itemdoubleclick": False}
    made["margin"] = {"l": 60, "r": 8, "t": 34, "b": 42}
    ticks = {
        "tickvals": list(range(1, layers + 1)),
        "ticktext": [*map(str, range(1, layers)), words["logits"]],
        "showgrid": False,
    }
    made["xaxis"] = parts.axis((0, 1), words["axis_layer"], range=[0.5, layers + 0.5]) | ticks
    made["yaxis"] = parts.axis((0, 1), words["axis_moved"], range=[low, high]) | {
        "type": "log",
        "tickvals": [1e-4, 1e-2, 1, 1e2, 1e4, 1e6],
        "ticktext": ["10⁻⁴", "1%", "100%", "10²", "10⁴", "10⁶"],
    }
    return made
