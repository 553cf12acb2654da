"""Pictures of the Distributions chapter: a batch before and after BN and the activation.

Arrays in, plain dictionaries out (Plotly's own format; building ``go.Figure`` objects would cost
more than everything else on the way). Colours are names of the palette: "@x".

The picture of one feature, or of all pooled, is

    x        │  f over its input    │ f(y)
    own axis │  x̂ and y, one axis   │

so that the histogram of y stands under the curve that it goes through, with the saturated zones
as bands across both, and f(y) beside the curve's own axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bn_core.activations import Activation
from bn_core.summaries import BatchNoise, rung
from bn_core.sweeps import FIXED_AXIS, FIXED_BINS, Passage, Stage, output_edges
from bn_ui.figures import parts
from bn_ui.figures.changes import Change, Table, cells, layout, trace
from bn_ui.figures.parts import Figure, Words

STAGES = ("x", "x_hat", "y")
STATISTICS = ("mean", "sd", "skew", "saturated", "outside")
FORMATS = ["number", "number", "number", "percent", "percent"] * len(STAGES)

_X, _Y, _X_HAT, _CURVE, _OUTPUT = range(5)  # traces: the dashed x̂ lies above the filled y
_WIDE_HEIGHT, _NARROW_HEIGHT = 440, 480


# ---- one feature, or all pooled ------------------------------------------------------------


def figure(words: Words, f: Activation, now: Passage) -> Figure:
    """The picture without its numbers, which come from ``changes``."""
    size = now.size
    data = [
        _histogram("x", "x", "y", words, size, fill=True),
        _histogram("y", "x2", "y2", words, size, fill=True),
        _histogram("x_hat", "x2", "y2", words, size, fill=False),
        _curve(f, words),
        _sideways(f, words, size),
    ]
    shapes = _saturated_bands(f, now.x.edges[0, [0, -1]])
    return {
        "data": data,
        "layout": _layout(words, f, _WIDE, _WIDE_HEIGHT) | {"shapes": shapes},
        "narrow": _layout(words, f, _NARROW, _NARROW_HEIGHT) | {"shapes": shapes},
    }


def changes(passage: Passage, moving: Sequence[str]) -> list[Change]:
    """What the picture shows at every setting of ``passage``, for the quantities that move."""
    unit = 100 / passage.size
    found = [cells(statistics(passage))]
    if "x" in moving:
        found += [
            trace(_X, "x", passage.x.edges),
            trace(_X, "y", _steps(passage.x), unit),
            layout("xaxis", "range", passage.x.edges[:, [0, -1]]),
            layout("yaxis", "range", _from_zero(_peak(passage.x, unit))),
        ]
    if "x_hat" in moving:
        found.append(trace(_X_HAT, "y", _steps(passage.x_hat), unit))
    found += [
        trace(_Y, "y", _steps(passage.y), unit),
        trace(_OUTPUT, "x", _steps(passage.activation), unit),
        layout(
            "yaxis2",
            "range",
            _from_zero(np.maximum(_peak(passage.x_hat, unit), _peak(passage.y, unit))),
        ),
        layout("xaxis4", "range", _from_zero(_peak(passage.activation, unit))),
    ]
    return found


def statistics(passage: Passage) -> np.ndarray:
    """(n, 15): mean, sd, skew, share saturated and share off the axis (%), of x, x̂ and y."""
    columns = [
        column
        for stage in (passage.x, passage.x_hat, passage.y)
        for column in (
            stage.moments.mean,
            stage.moments.sd,
            stage.moments.skew,
            100 * stage.saturated,
            100 * stage.outside / passage.size,
        )
    ]
    return np.stack(np.broadcast_arrays(*columns), axis=1).astype(np.float32)


def places() -> dict[str, int]:
    """Where a sentence finds these numbers: x_mean … y_outside."""
    names = [f"{stage}_{statistic}" for stage in STAGES for statistic in STATISTICS]
    return {name: i for i, name in enumerate(names)}


def table(words: Words) -> Table:
    """The numbers below the picture: a row for each of x, x̂ and y."""
    rows = []
    for i, stage in enumerate(STAGES):
        numbers: list[int | None] = [i * len(STATISTICS) + j for j in range(len(STATISTICS))]
        if stage == "x":
            numbers[-1] = None  # x has an axis of its own: nothing is ever outside it
        rows.append({"label": words[f"row_{stage}"], "colour": stage, "cells": numbers})
    return Table([words["quantity"], *(words[name] for name in STATISTICS)], rows)


def _steps(stage: Stage) -> np.ndarray:
    """Heights for an outline of steps: one more than bins, the last drawn twice."""
    return np.concatenate([stage.counts, stage.counts[:, -1:]], axis=1)


def _peak(stage: Stage, unit: float) -> np.ndarray:
    return rung(1.05 * stage.counts.max(axis=1) * unit)


def _from_zero(top: np.ndarray) -> np.ndarray:
    return np.stack([np.zeros_like(top), top], axis=1)


def _histogram(name: str, xaxis: str, yaxis: str, words: Words, size: int, *, fill: bool) -> Figure:
    line = {"shape": "hv", "color": f"@{name}", "width": 1.5 if fill else 2}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": words[name],
        "x": np.linspace(*FIXED_AXIS, FIXED_BINS + 1).round(10).tolist(),
        "line": line if fill else line | {"dash": "4px,2px"},
        "fill": "tozeroy" if fill else "none",
        "fillcolor": f"@{name}_fill",
        "xaxis": xaxis,
        "yaxis": yaxis,
        "hovertemplate": words["hover"].format(at="%{x:.4g}", share="%{y:.2f}", size=size),
    }


def _sideways(f: Activation, words: Words, size: int) -> Figure:
    """f(y) beside the curve's own axis: bars grow to the right."""
    outline = _histogram("activation", "x4", "y4", words, size, fill=True)
    outline["y"] = output_edges(f).tolist()
    del outline["x"]
    outline["line"]["shape"] = "vh"
    outline["fill"] = "tozerox"
    outline["hovertemplate"] = words["hover"].format(at="%{y:.4g}", share="%{x:.2f}", size=size)
    return outline


def _curve(f: Activation, words: Words) -> Figure:
    z = np.linspace(*FIXED_AXIS, 161)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": words["curve"],
        "x": z.tolist(),
        "y": f(z).tolist(),
        "line": {"color": "@activation", "width": 2.5},
        "xaxis": "x3",
        "yaxis": "y3",
        "hovertemplate": "f(%{x:.3f}) = %{y:.4f}<extra></extra>",
    }


# Domains of the four panels, as (x from, to), (y from, to).
_WIDE = {
    "x": ((0, 0.30), (0, 0.92)),
    "both": ((0.37, 0.80), (0, 0.44)),
    "curve": ((0.37, 0.80), (0.52, 0.92)),
    "output": ((0.84, 1), (0.52, 0.92)),
}
# On a phone the panels that answer to γ and β come first: the hand is right above them.
_NARROW = {
    "curve": ((0, 0.70), (0.71, 0.95)),
    "output": ((0.78, 1), (0.71, 0.95)),
    "both": ((0, 0.70), (0.375, 0.635)),
    "x": ((0, 1), (0, 0.19)),
}


def _layout(words: Words, f: Activation, place: Mapping[str, Any], height: int) -> Figure:
    low, high = output_edges(f)[[0, -1]].tolist()
    margin = 0.04 * (high - low)
    output_range = [low - margin, high + margin]
    return parts.canvas(height) | {
        "xaxis": parts.axis(place["x"][0], words["axis_x"], "@x", nticks=4),
        "yaxis": parts.axis(place["x"][1], words["axis_share"], nticks=4),
        "xaxis2": parts.axis(place["both"][0], words["axis_y"], "@y", range=list(FIXED_AXIS))
        | {"anchor": "y2", "nticks": 9},
        "yaxis2": parts.axis(place["both"][1], words["axis_share"], nticks=3) | {"anchor": "x2"},
        "xaxis3": parts.axis(place["curve"][0], "", range=list(FIXED_AXIS))
        | {"anchor": "y3", "showticklabels": False, "nticks": 9},
        "yaxis3": parts.axis(place["curve"][1], "f", "@activation", range=output_range)
        | {"anchor": "x3", "nticks": 4},
        "xaxis4": parts.axis(place["output"][0], words["axis_share"], nticks=3) | {"anchor": "y4"},
        "yaxis4": parts.axis(place["output"][1], "", range=output_range)
        | {"anchor": "x4", "showticklabels": False, "nticks": 4},
        "annotations": [
            parts.title("x", words["title_x"], "@x"),
            parts.title("x2", words["title_both"], "@text"),
            parts.title("x3", words["title_curve"], "@activation"),
            parts.title("x4", words["title_output"], "@activation"),
            _note(place, words["note_saturated"]),
        ],
    }


def _note(place: Mapping[str, Any], text: str) -> Figure:
    """What the grey bands mean, in the corner that the panels leave free."""
    return {
        "xref": "paper",
        "yref": "y2 domain",
        "x": place["output"][0][0],
        "y": 0.62,
        "xanchor": "left",
        "yanchor": "top",
        "align": "left",
        "text": text,
        "showarrow": False,
        "font": {"size": 12},
    }


def _saturated_bands(f: Activation, x_range: np.ndarray) -> list[Figure]:
    """Grey where f is saturated: behind x, behind x̂ and y, behind the curve."""
    # x's axis grows 256-fold while the weight scale is dragged from end to end, with bands on it.
    far = 600 * float(x_range[1] - x_range[0])
    x_ends = (float(x_range[0]) - far, float(x_range[1]) + far)
    ends = {"": x_ends, "2": FIXED_AXIS, "3": FIXED_AXIS}
    return [
        parts.saturated(f"x{panel}", start, end)
        for panel, (left, right) in ends.items()
        for start, end in (
            (left, max(f.saturation_bounds[0], left)),
            (min(f.saturation_bounds[1], right), right),
        )
        if end > start
    ]


# ---- small multiples: one row for each feature ----------------------------------------------

_LEVELS = 200  # heights travel as whole numbers 0…200 of a row's own maximum
_ROW_HEIGHT = 0.88


def each_figure(words: Words, names: Sequence[str], after: str = "y") -> Figure:
    """Two columns of ridges: x on one common axis, and y (or x̂) on the fixed axis."""
    columns = (("x", ""), (after, "2"))
    layout = _each_layout(words, names, after, 120 + 34 * len(names))
    return {
        "data": [_ridge(stage, axis, name) for stage, axis in columns for name in names],
        "layout": layout,
        "narrow": layout,
    }


def each_changes(
    passages: Sequence[Passage], moving: Sequence[str], x_range: np.ndarray | None = None
) -> list[Change]:
    """What the ridges show at every setting, for one passage a feature.

    ``x_range`` (n, 2) is x's axis, by default the one that the first passage was binned on.
    """
    rows = len(passages)
    found = []
    for i, passage in enumerate(passages):
        offset = float(rows - 1 - i)
        if "x" in moving:
            found.append(trace(i, "x", _ridge_ends(passage.x.edges)))
            found.append(_ridge_heights(i, passage.x, offset))
        found.append(_ridge_heights(rows + i, passage.y, offset))
    if "x" in moving:
        x_range = passages[0].x.edges[:, [0, -1]] if x_range is None else x_range
        found.append(layout("xaxis", "range", x_range))
    return found


def each_numbers(passages: Sequence[Passage]) -> Change:
    """For ears: lowest and highest mean and standard deviation of x, then of y, (n, 8)."""
    ends = []
    for stage in ("x", "y"):
        moments = [getattr(passage, stage).moments for passage in passages]
        for numbers in ([m.mean for m in moments], [m.sd for m in moments]):
            ends += [np.min(numbers, axis=0), np.max(numbers, axis=0)]
    return cells(np.stack(np.broadcast_arrays(*ends), axis=1).astype(np.float32))


EACH_FORMATS = ["number"] * 8


def _ridge_ends(edges: np.ndarray) -> np.ndarray:
    """Edges with both ends doubled: an outline that starts and ends on its base line."""
    return np.concatenate([edges[:, :1], edges, edges[:, -1:]], axis=1)


def _ridge_heights(index: int, stage: Stage, offset: float) -> Change:
    counts = stage.counts
    levels = np.rint(_LEVELS * counts / np.maximum(counts.max(axis=1, keepdims=True), 1))
    zero = np.zeros((len(counts), 1))
    outline = np.concatenate([zero, levels, levels[:, -1:], zero], axis=1).astype(np.uint8)
    return trace(index, "y", outline, _ROW_HEIGHT / _LEVELS, offset)


def _ridge(stage: str, axis: str, name: str) -> Figure:
    edges = np.linspace(*FIXED_AXIS, FIXED_BINS + 1)[None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": _ridge_ends(edges)[0].tolist(),
        "line": {"shape": "hv", "color": f"@{stage}", "width": 1.5},
        "fill": "toself",
        "fillcolor": f"@{stage}_fill",
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "hoveron": "points",
        "hovertemplate": f"{name}: %{{x:.3g}}<extra></extra>",
    }


def _each_layout(words: Words, names: Sequence[str], after: str, height: int) -> Figure:
    rows = len(names)
    ticks = {
        "range": [-0.1, rows + 0.1],
        "tickvals": [rows - 1 - i + 0.25 for i in range(rows)],
    }
    return parts.canvas(height) | {
        "margin": {"l": 8, "r": 8, "t": 30, "b": 42},
        "xaxis": parts.axis((0, 0.48), words["x"], "@x"),
        "xaxis2": parts.axis((0.54, 1), words[after], f"@{after}", range=list(FIXED_AXIS))
        | {"anchor": "y2"},
        # Names may be long, and wider in Chinese: Plotly makes room for them.
        "yaxis": parts.axis(
            (0, 1),
            words["shape" if after == "x_hat" else "axis_rows"],
            **ticks,
            ticktext=list(names),
        )
        | {"showgrid": False, "automargin": True},
        "yaxis2": parts.axis((0, 1), "", **ticks)
        | {"anchor": "x2", "showgrid": False, "showticklabels": False},
        "annotations": [
            parts.title("x", words["title_each_x"], "@x"),
            parts.title("x2", words[f"title_each_{after}"], f"@{after}"),
        ],
    }


def shapes_statistics(passages: Sequence[Passage], x_hat: np.ndarray) -> Change:
    """Skewness of x and of x̂, and the largest |x̂|, for each row of ridges; x_hat is (m, rows)."""
    largest = np.abs(x_hat).max(axis=0)
    numbers = [
        (passage.x.moments.skew[0], passage.x_hat.moments.skew[0], largest[k])
        for k, passage in enumerate(passages)
    ]
    return cells(np.array(numbers, np.float32).reshape(1, -1))


def shapes_table(words: Words, names: Sequence[str]) -> Table:
    columns = [words[name] for name in ("shape", "skew_x", "skew_x_hat", "largest")]
    rows = [
        {"label": name, "colour": "", "cells": list(range(3 * i, 3 * i + 3))}
        for i, name in enumerate(names)
    ]
    return Table(columns, rows)


# ---- noise of a mini-batch's statistics -----------------------------------------------------


def noise_figure(words: Words, noise: BatchNoise) -> Figure:
    """Scatter of μ and of σ² against the batch size, measured and by theory, on two log axes."""
    data = [
        _noise_line(words["measured"], noise.sizes, noise.mean_sd, "x", "", True),
        _noise_line(words["theory_mean"], noise.sizes, noise.mean_theory, "x", "", False),
        _noise_line(words["measured"], noise.sizes, noise.var_sd, "x_hat", "2", True),
        _noise_line(words["theory_var"], noise.sizes, noise.var_theory, "x_hat", "2", False),
    ]
    wide = (((0, 0.45), (0, 0.9)), ((0.56, 1), (0, 0.9)))
    narrow = (((0, 1), (0.6, 0.95)), ((0, 1), (0, 0.35)))
    return {
        "data": data,
        "layout": _noise_layout(words, noise, wide, 300),
        "narrow": _noise_layout(words, noise, narrow, 460),
    }


def noise_numbers(noise: BatchNoise) -> Change:
    """For the caption: scatter of μ at m = 8 and at 32, their ratio; of σ² at 8, and theory's."""
    eight, four_times = (int(np.flatnonzero(noise.sizes == m)[0]) for m in (8, 32))
    mean, variance = noise.mean_sd, noise.mean_theory[eight] ** 2 * 8
    numbers = (
        mean[eight],
        mean[four_times],
        mean[eight] / mean[four_times],
        noise.var_sd[eight] / variance,
        noise.var_theory[eight] / variance,
    )
    return cells(np.array([numbers], np.float32))


def _noise_line(
    name: str, sizes: np.ndarray, sd: np.ndarray, colour: str, axis: str, measured: bool
) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers" if measured else "lines",
        "name": name,
        "x": sizes.tolist(),
        "y": sd.tolist(),
        "marker": {"color": f"@{colour}", "size": 9},
        "line": {"color": f"@{colour}", "width": 1.5, "dash": "dot"},
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "hovertemplate": "m = %{x}: %{y:.4g}",
    }


def _noise_layout(words: Words, noise: BatchNoise, places: Any, height: int) -> Figure:
    layout = parts.canvas(height) | {"annotations": []}
    sizes = noise.sizes.tolist()
    for axis, (place, name, colour) in zip(
        ("", "2"),
        zip(places, ("mean", "var"), ("@x", "@x_hat"), strict=True),
        strict=True,
    ):
        across = {
            "type": "log",
            "tickvals": sizes[::2],
            "autorange": True,
            "anchor": f"y{axis}",
        }
        layout[f"xaxis{axis}"] = parts.axis(place[0], words["axis_m"]) | across
        layout[f"yaxis{axis}"] = parts.axis(place[1], words[f"axis_{name}"], colour) | {
            "type": "log",
            "autorange": True,
            "anchor": f"x{axis}",
            "dtick": 1,
        }
        layout["annotations"].append(parts.title(f"x{axis}", words[f"title_{name}"], colour))
    return layout


# ---- knob positions ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Positions:
    """The values a knob can be dragged to. Every default lies on its grid."""

    gamma: np.ndarray
    beta: np.ndarray
    eps: np.ndarray
    scale: np.ndarray


GAMMA_RANGE, BETA_RANGE = (-2.0, 4.0), (-6.0, 6.0)
EPS_RANGE, SCALE_RANGE = (1e-8, 1e2), (0.25, 64.0)


def positions(view: str) -> Positions:
    """241 values for a knob whose frames cost little, fewer where each frame is a new batch.

    Pooling all features makes frames of ε and the weight scale costly; many small pictures make
    every frame large.
    """
    gamma, eps, scale = {
        "feature": (240, 240, 120),
        "pooled": (240, 60, 40),
        "each": (120, 60, 40),
    }[view]
    return Positions(
        gamma=_grid(np.linspace(*GAMMA_RANGE, gamma + 1)),
        beta=_grid(np.linspace(*BETA_RANGE, gamma + 1)),
        eps=_grid(np.geomspace(*EPS_RANGE, eps + 1)),
        scale=_grid(np.geomspace(*SCALE_RANGE, scale + 1)),
    )


def _grid(values: np.ndarray) -> np.ndarray:
    """Six significant digits: what is shown is what is computed with."""
    return np.array([float(f"{value:.6g}") for value in values])
