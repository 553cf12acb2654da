"""Pictures of the chapter on small batches and other norms. Arrays in, plain dictionaries out.

``few_figure`` (a batch of one to eight samples), ``block_figure`` (which cells share a mean) and
``offset_figure`` (layer normalization beside RMSNorm) are moved by knobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bn_core.few_samples import FewSamples, follow
from bn_core.learning_map import medians
from bn_core.norm_facts import Offsets, offsets
from bn_core.norms import shared_cells
from bn_ui.figures import parts
from bn_ui.figures.changes import Change, Table, cells, trace
from bn_ui.figures.parts import Figure, Words

# ---- a batch of few samples ----------------------------------------------------------------------

SHIFT_RANGE, STRETCH_RANGE = (-10.0, 10.0), (1e-4, 2.0)
SHIFTS = np.linspace(*SHIFT_RANGE, 101).round(1)
STRETCHES = np.array([float(f"{10 ** (-k / 20):.3g}") for k in range(80, -7, -1)])
NORMS = ("batch", "layer", "rms")
EPS = 1e-5
FLOOR = 2 * EPS**0.5  # the gap of two samples at which ε is as large as their variance
_COLOURS = {"batch": "x_hat", "layer": "y", "rms": "activation"}
_X_SPAN, _X_HAT_SPAN = (-18.5, 24.5), (-3.1, 3.1)
_ROWS = {"batch": 3, "layer": 2, "rms": 1}
_X, _JACOBIAN = 0, 7  # traces; the norms' points and where they were lie between
_BAR = 0.32  # half the width of a bar; cells are 1 apart
_TALLEST = 0.46  # of a bar whose entry is 1


def few_figure(words: Words, m: int) -> Figure:
    """The feature above, what three norms make of it below, and beside it BN's Jacobian."""
    data = [_samples(words, "x", m, 1, "", "")]
    data += [_samples(words, norm, m, _ROWS[norm], "2", "2") for norm in NORMS]
    data += [_before(words, norm, m) for norm in NORMS]
    data.append(_jacobian_bars(words, m))
    wide = {"rows": (0, 0.6), "matrix": ((0.7, 1), (0.02, 0.9))}
    narrow = {"rows": (0, 1), "matrix": ((0.16, 0.84), (0, 0.31))}
    return {
        "data": data,
        "layout": _few_layout(words, m, wide, (0, 0.62), (0.82, 0.95), 380),
        "narrow": _few_layout(words, m, narrow, (0.47, 0.79), (0.9, 0.97), 560),
    }


def few_changes(x: np.ndarray, stretches: ArrayLike, shifts: ArrayLike) -> list[Change]:
    """Points, bars and numbers of a batch (m, d), a row for each setting."""
    stretches, shifts = np.broadcast_arrays(np.atleast_1d(stretches), np.atleast_1d(shifts))
    now = follow(x, stretches, shifts, eps=EPS)
    before = follow(x, stretches, np.zeros(len(shifts)), eps=EPS)
    found = [
        cells(few_numbers(now, before, stretches, shifts)),
        trace(_X, "x", now.x.astype(np.float32)),
    ]
    for at, norm in enumerate(NORMS, 1):
        found.append(trace(at, "x", now.x_hat[norm].astype(np.float32)))
        found.append(trace(at + len(NORMS), "x", before.x_hat[norm].astype(np.float32)))
    found.append(trace(_JACOBIAN, "y", _bar_ends(now.jacobian)))
    return found


def few_numbers(
    now: FewSamples, before: FewSamples, stretches: np.ndarray, shifts: np.ndarray
) -> np.ndarray:
    """A row for each setting: the numbers that `few_places` names."""
    columns = [
        shifts,
        stretches,
        np.ptp(now.x, axis=1),
        now.x[:, -1],
        now.std,
        np.abs(now.dx).max(axis=1),
        now.open_directions,
        now.x_hat["batch"][:, -1],
    ]
    for norm in NORMS:
        first = before.x_hat[norm][:, 0], now.x_hat[norm][:, 0]
        columns += [*first, first[1] - first[0]]
    return np.stack(columns, axis=1).astype(np.float64)


def few_places() -> dict[str, int]:
    """Where caption and table find each number."""
    ends = [f"{kind}_{norm}" for norm in NORMS for kind in ("before", "now", "change")]
    names = ["shift", "stretch", "gap", "x", "std", "dx", "open", "last", *ends]
    return {name: i for i, name in enumerate(names)}


def few_formats() -> list[str]:
    """How each of them is written."""
    return ["whole" if name == "open" else "number" for name in few_places()]


def few_table(words: Words) -> Table:
    """What each norm makes of sample 1: before the last one was moved, and now."""
    at, kinds = few_places(), ("before", "now", "change")
    rows = [
        {
            "label": words[norm],
            "colour": _COLOURS[norm],
            "cells": [at[f"{kind}_{norm}"] for kind in kinds],
        }
        for norm in NORMS
    ]
    return Table([words["of_first"], *(words[kind] for kind in kinds)], rows)


def few_rows(x: np.ndarray, stretch: float, shift: float) -> Iterator[tuple[object, ...]]:
    """Rows of a file: a sample, its feature, what the norms make of it, its gradient through BN."""
    seen = follow(x, [stretch], [shift], eps=EPS)
    columns = [seen.x[0], *(seen.x_hat[norm][0] for norm in NORMS), seen.dx[0]]
    for number, row in enumerate(zip(*columns, strict=True), 1):
        yield (number, *(float(value) for value in row))


def _samples(words: Words, name: str, m: int, row: int, x: str, y: str) -> Figure:
    """Numbered points; the last sample, which is moved, is a filled diamond."""
    colour = f"@{_COLOURS.get(name, 'x')}"
    last = np.arange(m) == m - 1
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": words[name],
        "x": [0] * m,
        "y": [row] * m,
        "text": [str(number) for number in range(1, m + 1)],
        "textposition": ["middle right" if moving else "top center" for moving in last],
        "textfont": {"color": "@text", "size": 13},
        "cliponaxis": False,
        "marker": {
            "color": colour,
            "size": 13,
            "symbol": ["diamond" if moving else "circle-open" for moving in last],
            "line": {"color": colour, "width": 2},
        },
        "hovertemplate": f"{words[name]}, {words['sample']} %{{text}}: %{{x:.4g}}<extra></extra>",
        "xaxis": f"x{x}",
        "yaxis": f"y{y}",
    }


def _before(words: Words, norm: str, m: int) -> Figure:
    """Where the points would be had the last sample not been moved."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": words["unmoved"],
        "x": [0] * m,
        "y": [_ROWS[norm] - 0.22] * m,
        "marker": {"color": "@eps", "size": 7, "symbol": "triangle-up"},
        "hovertemplate": f"{words['unmoved']}: %{{x:.4g}}<extra>{words[norm]}</extra>",
        "xaxis": "x2",
        "yaxis": "y2",
    }


def _jacobian_bars(words: Words, m: int) -> Figure:
    """A bar in every cell, from its middle up or down; what a knob moves is how far."""
    middles = np.arange(1, m + 1)
    outline = np.array([-1, -1, 1, 1, np.nan]) * _BAR
    across = np.tile((middles[:, np.newaxis] + outline).ravel(), m)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": words["jacobian"],
        "x": _with_gaps(across),
        "y": [1] * len(across),
        "fill": "toself",
        "fillcolor": "@x_hat_fill",
        "line": {"color": "@x_hat", "width": 2},
        "hoverinfo": "skip",
        "xaxis": "x3",
        "yaxis": "y3",
    }


def _bar_ends(jacobian: np.ndarray) -> np.ndarray:
    """Heights of the bars of n matrices (n, m, m): row i stands at i, and up is towards 1."""
    n, m, _ = jacobian.shape
    base = np.arange(1.0, m + 1).reshape(1, m, 1, 1)
    shape = np.array([0, -1, -1, 0, np.nan])
    ends = base + _TALLEST * jacobian[..., np.newaxis] * shape
    return ends.reshape(n, -1).astype(np.float32)


def _few_layout(
    words: Words,
    m: int,
    domains: Mapping[str, Any],
    norms: tuple[float, float],
    feature: tuple[float, float],
    height: int,
) -> Figure:
    bare = {"showgrid": False, "showticklabels": False, "ticks": ""}
    layout = parts.canvas(height)
    layout["xaxis"] = parts.axis(domains["rows"], words["axis_x"], "@x", range=list(_X_SPAN))
    layout["yaxis"] = parts.axis(feature, "", range=[0.4, 1.9]) | bare
    layout["xaxis2"] = parts.axis(domains["rows"], words["axis_x_hat"], range=list(_X_HAT_SPAN))
    layout["yaxis2"] = parts.axis(norms, "", range=[0.6, 3.75]) | {
        "tickvals": list(_ROWS.values()),
        "ticktext": [words[f"{norm}_short"] for norm in _ROWS],
        "showgrid": False,
    }
    ticks = {"tickvals": list(range(1, m + 1)), "showgrid": False}
    reach = [0.5, m + 0.5]
    across, up = domains["matrix"]
    layout["xaxis3"] = parts.axis(across, words["axis_j"], "@x_hat", range=reach) | ticks
    layout["yaxis3"] = parts.axis(up, words["axis_i"], "@x_hat", range=reach[::-1]) | ticks
    for number in ("2", "3"):
        layout[f"xaxis{number}"]["anchor"] = f"y{number}"
        layout[f"yaxis{number}"]["anchor"] = f"x{number}"
    layout["shapes"] = [_level(i, m) for i in range(1, m + 1)]
    layout["annotations"] = [parts.title("x3", words["jacobian"], "@x_hat")]
    layout["margin"] = {"l": 66, "r": 12, "t": 12, "b": 42}
    return layout


def _level(row: int, m: int) -> Figure:
    """Where the bars of a row of the matrix stand."""
    line = {"color": "@border", "width": 1}
    ends = {"x0": 0.5, "x1": m + 0.5, "y0": row, "y1": row}
    return {"type": "line", "xref": "x3", "yref": "y3", "layer": "below", "line": line} | ends


# ---- a block of images ---------------------------------------------------------------------------

AXES = "NCHW"
_GAP = 0.18  # between two tiles, as a share of a tile
_FILL, _SHARED, _SEPARATORS, _CELL = range(4)


def block_figure(words: Words, shape: Sequence[int]) -> Figure:
    """Every cell of a block (N, C, H, W): a tile a sample and channel, without what is shared."""
    data = [
        _outline(words["block"], *_rectangles(shape, np.ones(shape, bool)), "@saturated"),
        _outline(words["shared"], [], [], "@x_hat"),
        _separators(words["between"], shape),
        _outline(words["cell"], [], [], "@mark", {"color": "@text", "width": 2}),
    ]
    return {
        "data": data,
        "layout": _block_layout(words, shape, 380),
        "narrow": _block_layout(words, shape, 340),
    }


def block_changes(
    norm: str, shape: Sequence[int], groups: int, chosen: Sequence[Sequence[int]]
) -> list[Change]:
    """What shares a mean with each of the ``chosen`` cells, a row for each; and their numbers."""
    shared = [_rectangles(shape, shared_cells(norm, shape, cell, groups)) for cell in chosen]
    alone = [_rectangles(shape, _only(shape, cell)) for cell in chosen]
    found = [cells(np.array(chosen, dtype=np.float64) + 1)]
    for at, outlines in ((_SHARED, shared), (_CELL, alone)):
        for number, letter in enumerate("xy"):
            rows = np.array([outline[number] for outline in outlines], dtype=np.float32)
            found.append(trace(at, letter, rows))
    return found


def neighbours(shape: Sequence[int], cell: Sequence[int], axis: int) -> list[tuple[int, ...]]:
    """The cells that one comes to along an axis."""
    return [(*cell[:axis], at, *cell[axis + 1 :]) for at in range(shape[axis])]


def places_along(shape: Sequence[int], axis: int) -> np.ndarray:
    """Positions of a knob along an axis, as people count."""
    return np.arange(1, shape[axis] + 1)


def _only(shape: Sequence[int], cell: Sequence[int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(cell)] = True
    return mask


def _rectangles(shape: Sequence[int], mask: np.ndarray) -> tuple[list[Any], list[Any]]:
    """Outlines of the cells of a mask: neighbours of one row of one tile are one rectangle."""
    height, width = shape[2:]
    steps = np.diff(np.pad(mask.astype(np.int8), [(0, 0)] * 3 + [(1, 1)]), axis=3)
    starts, ends = np.argwhere(steps == 1), np.argwhere(steps == -1)
    x, y = [], []
    for (n, c, h, first), (*_, end) in zip(starts.tolist(), ends.tolist(), strict=True):
        left, right = (_tile(c) + (1 - _GAP) * w / width for w in (first, end))
        top, bottom = (_tile(n) + (1 - _GAP) * row / height for row in (h, h + 1))
        x += [left, left, right, right, left, np.nan]
        y += [top, bottom, bottom, top, top, np.nan]
    return x, y


def _tile(number: int) -> float:
    """Where a tile begins: tile 1 of the ticks is around 1."""
    return number + 0.5 + _GAP / 2


def _outline(
    name: str, x: Sequence[float], y: Sequence[float], fill: str, line: Figure | None = None
) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": _with_gaps(x),
        "y": _with_gaps(y),
        "fill": "toself",
        "fillcolor": fill,
        "line": line or {"color": fill, "width": 0},
        "hoverinfo": "skip",
    }


def _separators(name: str, shape: Sequence[int]) -> Figure:
    """Lines in the colour of the background, which part the cells of a tile from each other."""
    samples, channels, height, width = shape
    x: list[float] = []
    y: list[float] = []
    for c in range(channels):
        for w in range(1, width):
            x += [_tile(c) + (1 - _GAP) * w / width] * 2 + [np.nan]
            y += [0.5, samples + 0.5, np.nan]
    for n in range(samples):
        for h in range(1, height):
            x += [0.5, channels + 0.5, np.nan]
            y += [_tile(n) + (1 - _GAP) * h / height] * 2 + [np.nan]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": _with_gaps(x),
        "y": _with_gaps(y),
        "line": {"color": "@background", "width": 1},
        "hoverinfo": "skip",
    }


def _block_layout(words: Words, shape: Sequence[int], height: int) -> Figure:
    layout = parts.canvas(height)
    samples, channels, *_ = shape
    still = {"showgrid": False, "tick0": 1, "dtick": 1 if channels <= 8 else 3}
    layout["xaxis"] = parts.axis((0, 1), words["axis_c"], range=[0.5, channels + 0.5]) | still
    layout["yaxis"] = parts.axis((0, 1), words["axis_n"], range=[samples + 0.5, 0.5]) | still
    layout["yaxis"]["dtick"] = 1
    return layout


def _with_gaps(values: Sequence[float] | np.ndarray) -> list[float | None]:
    """Numbers for JSON, which has no NaN."""
    return [None if value != value else round(float(value), 4) for value in values]


# ---- layer normalization beside RMSNorm ----------------------------------------------------------

OFFSET_RANGE, FACTOR_RANGE = (-5.0, 5.0), (0.2, 5.0)
OFFSETS = np.linspace(*OFFSET_RANGE, 101).round(1)
FACTORS = np.array([float(f"{5 ** (k / 40):.3g}") for k in range(-40, 41)])
PANELS = ("x", "layer", "rms")
_ROUNDING = 12  # digits after which there is rounding error
_REACH = {"x": 17.0, "layer": 3.0, "rms": 3.0}


def offset_figure(words: Words, sample: np.ndarray) -> Figure:
    """A sample, and what the two norms make of it: as it is, and as the knobs have it."""
    plain = offsets(sample, [1.0], [0.0])
    features = list(range(1, len(sample) + 1))
    data = []
    for number, name in enumerate(PANELS):
        values = _values(plain, name)[0].round(4).tolist()
        suffix = "" if number == 0 else str(number + 1)
        place = {"x": features, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "type": "scatter"}
        colour = f"@{_COLOURS.get(name, 'x')}"
        hover = f"{words[name]}, {words['feature']} %{{x}}: %{{y:.4g}}<extra></extra>"
        data += [
            place
            | {
                "mode": "lines+markers",
                "name": words[name],
                "y": values,
                "line": {"color": colour, "width": 2},
                "marker": {"color": colour, "size": 9},
                "hovertemplate": hover,
                "showlegend": False,
            },
            place
            | {
                "mode": "markers",
                "name": words["plain"],
                "y": values,
                "marker": {"color": "@eps", "size": 9, "symbol": "triangle-up-open"},
                "hovertemplate": f"{words['plain']}: %{{y:.4g}}<extra></extra>",
                "showlegend": number == 0,
            },
        ]
    wide = [((0, 0.28), (0, 1)), ((0.37, 0.64), (0, 1)), ((0.73, 1), (0, 1))]
    narrow = [((0, 1), (0.72, 1)), ((0, 1), (0.36, 0.62)), ((0, 1), (0, 0.26))]
    return {
        "data": data,
        "layout": _offset_layout(words, len(sample), wide, 320),
        "narrow": _offset_layout(words, len(sample), narrow, 560),
    }


def offset_changes(sample: np.ndarray, factors: ArrayLike, shifts: ArrayLike) -> list[Change]:
    """Points and numbers, a row for each setting."""
    factors, shifts = np.broadcast_arrays(np.atleast_1d(factors), np.atleast_1d(shifts))
    found = offsets(sample, factors, shifts)
    numbers = [factors, shifts]
    for name in ("layer", "rms"):
        numbers += [found.change[name].round(_ROUNDING), found.mean[name].round(_ROUNDING)]
    changes = [cells(np.stack(numbers, axis=1).astype(np.float64))]
    for number, name in enumerate(PANELS):
        changes.append(trace(2 * number, "y", _values(found, name).astype(np.float32)))
    return changes


def offset_places() -> dict[str, int]:
    """Where the caption finds each number."""
    names = ("factor", "offset", "change_layer", "mean_layer", "change_rms", "mean_rms")
    return {name: i for i, name in enumerate(names)}


def _values(found: Offsets, name: str) -> np.ndarray:
    return found.x if name == "x" else found.x_hat[name]


def _offset_layout(words: Words, d: int, domains: Sequence[Any], height: int) -> Figure:
    layout = parts.canvas(height) | parts.legend()
    layout["legend"] |= {"itemclick": False, "itemdoubleclick": False, "y": 1.1}
    titles = []
    for number, (name, (across, up)) in enumerate(zip(PANELS, domains, strict=True)):
        suffix = "" if number == 0 else str(number + 1)
        x = parts.axis(across, words["feature"], range=[0.5, d + 0.5]) | {"anchor": f"y{suffix}"}
        y = parts.axis(up, words[f"axis_{name}"], range=[-_REACH[name], _REACH[name]])
        layout[f"xaxis{suffix}"] = x | {"tickvals": list(range(1, d + 1)), "showgrid": False}
        layout[f"yaxis{suffix}"] = y | {"anchor": f"x{suffix}", "zeroline": True}
        layout[f"yaxis{suffix}"] |= {"zerolinecolor": "@border"}
        colour = f"@{_COLOURS.get(name, 'x')}"
        titles.append(parts.title(f"x{suffix}", words[f"title_{name}"], colour))
    layout["annotations"] = titles
    layout["margin"] = {"l": 50, "r": 10, "t": 54, "b": 42}
    return layout


# ---- training at small batch sizes ---------------------------------------------------------------

_LOOKS = {  # colour, symbol and line of each norm, and of BN with the statistics of its batches
    "none": ("eps", "cross", "dot"),
    "batch": ("x_hat", "circle", "solid"),
    "by_batch": ("x_hat", "circle-open", "dash"),
    "layer": ("y", "diamond", "solid"),
    "group": ("gamma", "square", "solid"),
    "rms": ("activation", "triangle-up", "solid"),
}
_STEP = 0.11  # between two norms at one batch size; batch sizes are 1 apart
_FALLEN = -6.0  # where a network that diverged is drawn, in per cent


def race_figure(
    words: Words, results: np.ndarray, norms: Sequence[str], batch_sizes: Sequence[int]
) -> Figure:
    """Held-out accuracy by batch size: every seed a point, and a line through the medians.

    results : held-out accuracies (evaluations, norms, batch sizes, seeds) of
        `bn_core.norm_race.collected`
    """
    series = [(norm, results[0, at]) for at, norm in enumerate(norms)]
    if "batch" in norms:
        series.insert(norms.index("batch") + 1, ("by_batch", results[1, norms.index("batch")]))
    fallen = bool(np.isneginf(results[:2]).any())
    data = []
    for number, (name, accuracies) in enumerate(series):
        places = np.arange(1, len(batch_sizes) + 1) + _STEP * (number - (len(series) - 1) / 2)
        data += _race_traces(words, name, places, accuracies)
    return {
        "data": data,
        "layout": _race_layout(words, batch_sizes, fallen, 420, 62),
        "narrow": _race_layout(words, batch_sizes, fallen, 460, 112),
    }


def _race_traces(
    words: Words, name: str, places: np.ndarray, accuracies: np.ndarray
) -> list[Figure]:
    """One norm's points, (batch sizes, seeds), and its medians as far as all seeds are there."""
    colour, symbol, dash = _LOOKS[name]
    shares = np.where(np.isneginf(accuracies), _FALLEN, 100 * accuracies)
    middle = medians(accuracies)
    seeds = shares.shape[1]
    look = {"type": "scatter", "name": words[name], "legendgroup": name}
    points = look | {
        "mode": "markers",
        "x": np.repeat(places, seeds).round(3).tolist(),
        "y": _with_gaps(shares.ravel()),
        "text": [str(seed) for seed in range(seeds)] * len(places),
        "marker": {"color": f"@{colour}", "symbol": symbol, "size": 8},
        "hovertemplate": f"{words[name]}, {words['seed']} %{{text}}: %{{y:.1f}}%<extra></extra>",
        "showlegend": False,
    }
    line = look | {
        "mode": "lines+markers",
        "x": places.round(3).tolist(),
        "y": _with_gaps(np.where(np.isneginf(middle), _FALLEN, 100 * middle)),
        "line": {"color": f"@{colour}", "width": 2, "dash": dash},
        "marker": {"color": f"@{colour}", "symbol": symbol, "size": 4},
        "hoverinfo": "skip",
    }
    return [points, line]


def _race_layout(
    words: Words, batch_sizes: Sequence[int], fallen: bool, height: int, top: int
) -> Figure:
    layout = parts.canvas(height) | parts.legend()
    count = len(batch_sizes)
    layout["xaxis"] = parts.axis((0, 1), words["axis_m"], range=[0.5, count + 0.5]) | {
        "tickvals": list(range(1, count + 1)),
        "ticktext": [str(size) for size in batch_sizes],
        "showgrid": False,
    }
    layout["yaxis"] = parts.axis(
        (0, 1), words["axis_accuracy"], range=[-10 if fallen else 0, 104]
    ) | {
        "tickvals": [0, 25, 50, 75, 100],
    }
    if fallen:
        layout["yaxis"]["tickvals"].insert(0, _FALLEN)
        layout["yaxis"]["ticktext"] = [words["diverged"], "0", "25", "50", "75", "100"]
    layout["legend"] |= {"itemclick": False, "itemdoubleclick": False}
    layout["margin"] = {"l": 62, "r": 10, "t": top, "b": 42}
    return layout
