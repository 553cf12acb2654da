"""Pictures of the Scale and shift chapter. Arrays in, plain dictionaries out.

All but ``features_figure`` are moved by knobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bn_core import forward_train
from bn_core.activations import Activation
from bn_core.identity import distances, outputs
from bn_core.linearity import Pieces, straightness
from bn_core.residual import LastBlock, uncorrelated_sd
from bn_core.summaries import Floats, count_below, nice_bounds, rung
from bn_ui.figures import parts
from bn_ui.figures.changes import Change, Table, cells, layout, trace
from bn_ui.figures.parts import Figure, Words

# ---- an activation over its input ----------------------------------------------------------------

GAMMA_RANGE, BETA_RANGE = (0.0, 12.0), (-6.0, 6.0)
GAMMAS = np.linspace(*GAMMA_RANGE, 241).round(10)
BETAS = np.linspace(*BETA_RANGE, 121).round(10)
SWEEP_GAMMAS = np.linspace(*GAMMA_RANGE, 25)  # where the curves of R² and f′ are drawn
AXIS = (-12.0, 12.0)  # of the input, whatever the knobs do
EDGES = np.linspace(*AXIS, 97)
STATISTICS = ("mean", "sd", "slope", "r2", "saturated", "outside")
SIGMOID_FORMATS = (["number"] * 4 + ["percent"] * 2) * 2
_PIECE_POINTS = 41
_X, _Y, _CURVE, _PIECE, _LINE, _R2, _SLOPE, _R2_HERE, _SLOPE_HERE = range(9)  # traces


def sigmoid_figure(words: Words, f: Activation) -> Figure:
    """The activation, its best line, the input's distribution below; R² and slope against γ."""
    z = np.linspace(*AXIS, 193)
    straight = {"color": "@text", "width": 2, "dash": "6px,3px"}
    data = [
        _outline(words, "x", EDGES, "2"),
        _outline(words, "y", EDGES, "2", fill=True),
        _line(words["curve"], z, f(z), {"color": "@activation", "width": 1.5}),
        _line(words["piece"], [], [], {"color": "@activation", "width": 5}),
        _line(words["line"], [], [], straight),
        _line(words["r2"], SWEEP_GAMMAS, [], straight, "3"),
        _line(words["slope_share"], SWEEP_GAMMAS, [], {"color": "@activation", "width": 2}, "3"),
        _here(words["r2"], "circle", "@text", "3"),
        _here(words["slope_share"], "diamond", "@activation", "3"),
    ]
    wide = {"curve": ((0, 0.6), (0.5, 0.92)), "input": ((0, 0.6), (0, 0.4))}
    narrow = {"curve": ((0, 1), (0.69, 0.96)), "input": ((0, 1), (0.38, 0.6))}
    bands = {"shapes": _saturated_bands(f)}
    return {
        "data": data,
        "layout": _sigmoid_layout(words, f, wide | {"sweep": ((0.7, 1), (0, 0.92))}, 440) | bands,
        "narrow": _sigmoid_layout(words, f, narrow | {"sweep": ((0, 1), (0, 0.21))}, 640) | bands,
    }


def sigmoid_base(
    before: Pieces, now: Pieces, f: Activation, gamma: float, r2: Floats, slope: Floats
) -> list[Change]:
    """The committed numbers: what no knob moves too. ``r2`` and ``slope`` are over the sweep."""
    return [
        trace(_X, "y", _steps(before.counts), 100 / before.size),
        *sigmoid_changes(before, now, f, gamma),
        *sweep_changes(r2, slope, f),
    ]


def sigmoid_changes(
    before: Pieces, now: Pieces, f: Activation, gammas: Floats | float
) -> list[Change]:
    """What the picture shows at every setting of ``now``; ``gammas`` is where these stand.

    ``before`` is the input as it is without BN.
    """
    unit = 100 / now.size
    low, high = (np.clip(end, *AXIS) for end in (now.low, now.high))
    z = np.linspace(low, high, _PIECE_POINTS, axis=1)
    straight = now.straight
    line = straight.slope[:, None] * z[:, [0, -1]] + straight.intercept[:, None]
    peak = np.maximum(before.counts.max(axis=1), now.counts.max(axis=1))
    top = rung(1.05 * unit * peak)
    found = [
        cells(sigmoid_numbers(before, now)),
        trace(_Y, "y", _steps(now.counts), unit),
        layout("yaxis2", "range", np.stack([np.zeros_like(top), top], axis=1)),
        trace(_PIECE, "x", z.astype(np.float32)),
        trace(_PIECE, "y", f(z).astype(np.float32)),
        trace(_LINE, "x", z[:, [0, -1]].astype(np.float32)),
        trace(_LINE, "y", line.astype(np.float32)),
    ]
    here = np.broadcast_to(gammas, len(now.low)).astype(np.float32)[:, None]
    shares = straight.mean_slope / f.max_slope
    for index, values in ((_R2_HERE, straight.r2), (_SLOPE_HERE, shares)):
        found += [trace(index, "x", here), trace(index, "y", values.astype(np.float32)[:, None])]
    return found


def sweep_changes(r2: Floats, slope: Floats, f: Activation) -> list[Change]:
    """The curves against γ, a row for each β."""
    return [
        trace(_R2, "y", r2.astype(np.float32)),
        trace(_SLOPE, "y", (slope / f.max_slope).astype(np.float32)),
    ]


def sigmoid_numbers(before: Pieces, now: Pieces) -> np.ndarray:
    """(n, 12): the numbers that `sigmoid_places` names."""
    columns = [
        column
        for piece in (before, now)
        for column in (
            piece.mean,
            piece.sd,
            piece.straight.mean_slope,
            piece.straight.r2,
            100 * piece.straight.saturated,
            100 * (1 - piece.counts.sum(axis=1) / piece.size),
        )
    ]
    return np.stack(np.broadcast_arrays(*columns), axis=1).astype(np.float64)


def sigmoid_places() -> dict[str, int]:
    """Where caption and table find each number: x_mean … y_outside."""
    names = [f"{row}_{statistic}" for row in ("x", "y") for statistic in STATISTICS]
    return {name: i for i, name in enumerate(names)}


def sigmoid_table(words: Words) -> Table:
    """A row without BN, and one with these γ and β."""
    at = sigmoid_places()
    rows = [
        {
            "label": words[f"row_{name}"],
            "colour": name,
            "cells": [at[f"{name}_{statistic}"] for statistic in STATISTICS],
        }
        for name in ("x", "y")
    ]
    return Table([words["input"], *(words[f"column_{name}"] for name in STATISTICS)], rows)


def regime_rows(
    x: Floats, gamma: float, beta: float, f: Activation, eps: float
) -> Iterator[tuple[object, ...]]:
    """Rows of a file: every sample's x, x̂, y, f(y), and where the best line has it."""
    x_hat = forward_train(x, eps=eps).x_hat[:, 0]
    y = outputs(x, gamma, beta, eps)
    best = straightness(y, f)
    columns = (x[:, 0], x_hat, y[0], f(y[0]), best.slope * y[0] + best.intercept)
    for i, row in enumerate(zip(*columns, strict=True), 1):
        yield (i, *map(float, row))


def _outline(words: Words, name: str, edges: Floats, axis: str, *, fill: bool = False) -> Figure:
    """A histogram as an outline of steps: filled for y, dashed for x, which it is compared with."""
    look: Figure = {"shape": "hv", "color": f"@{name}", "width": 1.5 if fill else 2}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": words[f"row_{name}"],
        "x": edges.round(10).tolist(),
        "line": look if fill else look | {"dash": "4px,2px"},
        "fill": "tozeroy" if fill else "none",
        "fillcolor": f"@{name}_fill",
        "hovertemplate": "%{x:.4g}: %{y:.2f} %",
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


def _line(name: str, x: Any, y: Any, look: Figure, axis: str = "") -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": np.round(x, 6).tolist(),
        "y": np.round(y, 6).tolist(),
        "line": look,
        "hovertemplate": "%{x:.3g}: %{y:.4g}",
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


def _here(name: str, symbol: str, colour: str, axis: str) -> Figure:
    """Where the knob stands on a curve."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [],
        "y": [],
        "marker": {"symbol": symbol, "color": colour, "size": 11},
        "hovertemplate": "γ = %{x:.3g}: %{y:.4f}",
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


def _steps(counts: np.ndarray) -> np.ndarray:
    """Heights for an outline of steps: one more than bins, the last drawn twice."""
    return np.concatenate([counts, counts[:, -1:]], axis=1)


def _sigmoid_layout(words: Words, f: Activation, place: Mapping[str, Any], height: int) -> Figure:
    low, high = f.output_range
    high = high if np.isfinite(high) else AXIS[1]
    margin = 0.12 * (high - low)
    return parts.canvas(height) | {
        "xaxis": parts.axis(place["curve"][0], "", range=list(AXIS))
        | {"anchor": "y", "showticklabels": False, "nticks": 9},
        "yaxis": parts.axis(
            place["curve"][1], "f", "@activation", range=[low - margin, high + margin], nticks=4
        ),
        "xaxis2": parts.axis(place["input"][0], words["axis_input"], range=list(AXIS))
        | {"anchor": "y2", "nticks": 9},
        "yaxis2": parts.axis(place["input"][1], words["axis_share"], nticks=3) | {"anchor": "x2"},
        "xaxis3": parts.axis(place["sweep"][0], words["axis_gamma"], range=[0, 12.3], nticks=7)
        | {"anchor": "y3"},
        "yaxis3": parts.axis(place["sweep"][1], words["axis_sweep"], range=[0, 1.04])
        | {"anchor": "x3"},
        "annotations": [
            parts.title("x", words["title_curve"], "@activation"),
            parts.title("x2", words["title_input"], "@text"),
            parts.title("x3", words["title_sweep"], "@text"),
        ],
    }


def _saturated_bands(f: Activation) -> list[Figure]:
    """Grey where f is saturated, behind the curve and behind its input."""
    low, high = f.saturation_bounds
    return [
        parts.saturated(f"x{axis}", start, end)
        for axis in ("", "2")
        for start, end in ((AXIS[0], low), (high, AXIS[1]))
        if np.isfinite(start) and np.isfinite(end)
    ]


# ---- match the target: y = x ---------------------------------------------------------------------

MATCH_GAMMA_RANGE, MATCH_BETA_RANGE = (-1.0, 3.0), (-15.0, 15.0)
MATCH_GAMMAS = np.linspace(*MATCH_GAMMA_RANGE, 321).round(10)
MATCH_BETAS = np.linspace(*MATCH_BETA_RANGE, 601).round(10)
MATCH_FORMATS = ["number", "number", "percent"]
_BINS = 80
_POINTS = 16  # samples that are drawn on the line
_TARGET_SHAPE, _ANSWER_SHAPE, _DIAGONAL, _ANSWER = range(4)  # traces


def match_axis(x: Floats) -> tuple[float, float]:
    """One axis for x and y, on which the game also begins: x̂ seldom leaves ±4."""
    return nice_bounds(min(float(x.min()), -4.0), max(float(x.max()), 4.0))


def match_figure(words: Words, x: Floats) -> Figure:
    """y against x (m, 1) with the diagonal to be met; beside it both distributions."""
    span = match_axis(x)
    edges = np.linspace(*span, _BINS + 1)
    target = _outline(words, "x", edges, "2")
    target["y"] = (_steps(_counts(x.T, edges))[0] * 100 / len(x)).tolist()
    data = [
        target,
        _outline(words, "y", edges, "2", fill=True),
        _diagonal(words, span),
        _dots(words["answer"], x[_drawn(x), 0], [], "lines+markers"),
    ]
    wide = {"line": ((0, 0.44), (0, 0.92)), "shape": ((0.54, 1), (0, 0.92))}
    narrow = {"line": ((0, 1), (0.5, 0.95)), "shape": ((0, 1), (0, 0.34))}
    return {
        "data": data,
        "layout": _match_layout(words, span, wide, 380),
        "narrow": _match_layout(words, span, narrow, 560),
    }


def match_changes(x: Floats, gamma: Any, beta: Any, eps: float) -> list[Change]:
    """What the game shows at every pair; ``x`` is (m, 1)."""
    y = outputs(x, gamma, beta, eps)
    edges = np.linspace(*match_axis(x), _BINS + 1)
    counts, target = _counts(y, edges), _counts(x.T, edges)
    unit = 100 / len(x)
    top = rung(1.05 * unit * np.maximum(counts.max(axis=1), target.max()))
    apart = distances(x, gamma, beta, eps)
    numbers = np.stack([apart.rms, apart.largest, 100 * apart.share], axis=1)
    return [
        cells(numbers),
        trace(_ANSWER_SHAPE, "y", _steps(counts), unit),
        layout("yaxis2", "range", np.stack([np.zeros_like(top), top], axis=1)),
        trace(_ANSWER, "y", y[:, _drawn(x)].astype(np.float32)),
    ]


def _counts(rows: Floats, edges: Floats) -> np.ndarray:
    """Histogram of every row, (n, bins)."""
    n = len(rows)
    below = count_below(np.sort(rows, axis=1), edges, scale=np.ones(n), shift=np.zeros(n))
    return np.diff(below, axis=1)


def _drawn(x: Floats) -> np.ndarray:
    """Which samples are drawn on the line: from the smallest to the largest, evenly by rank."""
    order = np.argsort(x[:, 0])
    return order[np.linspace(0, len(x) - 1, min(_POINTS, len(x))).round().astype(int)]


def _diagonal(words: Words, span: Sequence[float]) -> Figure:
    look = {"color": "@x", "width": 2, "dash": "6px,3px"}
    return _line(words["target"], list(span), list(span), look) | {"hoverinfo": "skip"}


def _dots(name: str, x: Any, y: Any, mode: str) -> Figure:
    return _line(name, x, y, {"color": "@y", "width": 3}) | {
        "mode": mode,
        "marker": {"color": "@y", "size": 6},
    }


def _match_layout(
    words: Words, span: Sequence[float], place: Mapping[str, Any], height: int
) -> Figure:
    return parts.canvas(height) | {
        "xaxis": parts.axis(place["line"][0], words["axis_x"], "@x", range=list(span)),
        "yaxis": parts.axis(place["line"][1], words["axis_y"], "@y", range=list(span)),
        "xaxis2": parts.axis(place["shape"][0], words["axis_both"], range=list(span))
        | {"anchor": "y2"},
        "yaxis2": parts.axis(place["shape"][1], words["axis_share"], nticks=4) | {"anchor": "x2"},
        "annotations": [
            parts.title("x", words["title_line"], "@text"),
            parts.title("x2", words["title_shape"], "@text"),
        ],
    }


# ---- the next batch ------------------------------------------------------------------------------

BATCHES = np.arange(1, 13)
NEXT_FORMATS = ["number"] * 3
_MARKED = 0.32  # half the width of a bar; bars are 1 apart


def next_figure(words: Words, batches: Floats, errors: Floats) -> Figure:
    """y against x of one batch, and how far each batch is from y = x. ``batches`` is (n, m)."""
    span = nice_bounds(float(batches.min()), float(batches.max()))
    count = len(batches)
    top = 1.15 * float(errors.max())
    bars = _line(words["error"], [], [], {"color": "@y", "width": 2}, "2") | {
        "fill": "tozeroy",
        "fillcolor": "@y_fill",
        "hoverinfo": "skip",
    }
    bars |= {"x": _bars_x(count), "y": _bars_y(errors)}
    here = _here(words["this_batch"], "triangle-down", "@text", "2")
    here["hovertemplate"] = "%{x}: %{y:.4g}"
    data = [
        _diagonal(words, span),
        _dots(words["answer"], [], [], "markers"),
        bars,
        here,
    ]
    wide = {"line": ((0, 0.44), (0, 0.92)), "bars": ((0.56, 1), (0, 0.92))}
    narrow = {"line": ((0, 1), (0.5, 0.95)), "bars": ((0, 1), (0, 0.34))}
    return {
        "data": data,
        "layout": _next_layout(words, span, top, count, wide, 360),
        "narrow": _next_layout(words, span, top, count, narrow, 560),
    }


def next_changes(batches: Floats, y: Floats, errors: Floats, chosen: Sequence[int]) -> list[Change]:
    """The picture with each of the ``chosen`` batches, counted from 1."""
    at = np.asarray(chosen) - 1
    x = batches[at]
    numbers = np.stack([errors[at], x.mean(axis=1), x.std(axis=1)], axis=1)
    above = errors[at] + 0.05 * errors.max()
    return [
        cells(numbers),
        trace(1, "x", x.astype(np.float32)),
        trace(1, "y", y[at].astype(np.float32)),
        trace(3, "x", (at + 1)[:, None].astype(np.float32)),
        trace(3, "y", above[:, None].astype(np.float32)),
    ]


def _bars_x(count: int) -> list[float]:
    ends = np.array([-1, -1, 1, 1]) * _MARKED
    return (np.arange(1, count + 1)[:, None] + ends).round(3).ravel().tolist()


def _bars_y(heights: Floats) -> list[float]:
    zero = np.zeros_like(heights)
    return np.stack([zero, heights, heights, zero], axis=1).round(12).ravel().tolist()


def _next_layout(
    words: Words,
    span: Sequence[float],
    top: float,
    count: int,
    place: Mapping[str, Any],
    height: int,
) -> Figure:
    return parts.canvas(height) | {
        "xaxis": parts.axis(place["line"][0], words["axis_x"], "@x", range=list(span)),
        "yaxis": parts.axis(place["line"][1], words["axis_y"], "@y", range=list(span)),
        "xaxis2": parts.axis(place["bars"][0], words["axis_batch"], range=[0.4, count + 0.6])
        | {"anchor": "y2", "tickvals": list(range(1, count + 1)), "showgrid": False},
        "yaxis2": parts.axis(place["bars"][1], words["axis_error"], range=[0, top], nticks=4)
        | {"anchor": "x2"},
        "annotations": [
            parts.title("x", words["title_line"], "@text"),
            parts.title("x2", words["title_errors"], "@text"),
        ],
    }


# ---- a pair for every feature --------------------------------------------------------------------


def features_figure(words: Words, x: Floats, y: Floats) -> Figure:
    """Each feature's mean and spread before (x) and after (y), one row a feature."""
    rows = np.arange(x.shape[1], 0, -1)
    data = [
        _intervals(words["row_x"], x, rows + 0.16, "x", "circle"),
        _intervals(words["row_y"], y, rows - 0.16, "y", "diamond"),
    ]
    both = np.concatenate([x, y])
    span = nice_bounds(float(both.min()), float(both.max()))
    layout = (
        parts.canvas(110 + 38 * len(rows))
        | parts.legend()
        | {
            "xaxis": parts.axis((0, 1), words["axis_interval"], range=list(span)),
            "yaxis": parts.axis((0, 1), words["axis_unit"], range=[0.4, len(rows) + 0.6])
            | {
                "tickvals": rows.tolist(),
                "ticktext": [str(k) for k in range(1, len(rows) + 1)],
                "showgrid": False,
            },
        }
    )
    layout["legend"] |= {"itemclick": False, "itemdoubleclick": False}
    layout["margin"] = {"l": 52, "r": 8, "t": 34, "b": 42}
    return {"data": data, "layout": layout, "narrow": layout}


def _intervals(name: str, values: Floats, rows: np.ndarray, colour: str, symbol: str) -> Figure:
    """μ as a mark and μ ± σ as a bar, feature by feature."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": values.mean(axis=0).round(6).tolist(),
        "y": rows.round(3).tolist(),
        "marker": {"color": f"@{colour}", "symbol": symbol, "size": 9},
        "error_x": {
            "type": "data",
            "array": values.std(axis=0).round(6).tolist(),
            "color": f"@{colour}",
            "thickness": 3,
            "width": 5,
        },
        "hovertemplate": "%{x:.4g} ± %{error_x.array:.3g}",
    }


# ---- residual blocks -----------------------------------------------------------------------------

STREAM_GAMMA_RANGE = (0.0, 1.5)
STREAM_GAMMAS = np.linspace(*STREAM_GAMMA_RANGE, 31).round(10)
STREAM_FORMATS = ["number"] * 6


def stream_figure(words: Words, sd: Floats) -> Figure:
    """The stream's standard deviation after every block. ``sd`` (n, blocks + 1) sets the axis."""
    depth = list(range(sd.shape[1]))
    expected = {"color": "@text", "width": 2, "dash": "6px,3px"}
    data = [
        _line(words["uncorrelated"], depth, [], expected),
        _line(words["measured"], depth, [], {"color": "@y", "width": 4}),
    ]
    for line in data:
        line["hovertemplate"] = "%{x}: %{y:.4g}"
    top = nice_bounds(0.0, float(sd.max()))[1]

    def layout(height: int, above: int) -> Figure:
        made = (
            parts.canvas(height)
            | parts.legend()
            | {
                "xaxis": parts.axis((0, 1), words["axis_block"], range=[0, depth[-1]], nticks=6),
                "yaxis": parts.axis((0, 1), words["axis_stream"], range=[0, top], nticks=6),
            }
        )
        made["legend"] |= {"itemclick": False, "itemdoubleclick": False}
        made["margin"] = {"l": 52, "r": 12, "t": above, "b": 42}
        return made

    return {"data": data, "layout": layout(360, 34), "narrow": layout(340, 56)}


def stream_changes(gammas: ArrayLike, sd: Floats, last: LastBlock) -> list[Change]:
    """The curves and numbers at every γ."""
    expected = uncorrelated_sd(float(sd[0, 0]), gammas, sd.shape[1] - 1)
    numbers = np.stack(
        [np.asarray(gammas), sd[:, 0], sd[:, -1], expected[:, -1], last.dgamma, last.dweight],
        axis=1,
    )
    return [
        cells(numbers),
        trace(0, "y", expected.astype(np.float32)),
        trace(1, "y", sd.astype(np.float32)),
    ]


def stream_places() -> dict[str, int]:
    """Where the caption finds each number."""
    names = ("gamma", "start", "end", "expected", "dgamma", "dweight")
    return {name: i for i, name in enumerate(names)}
