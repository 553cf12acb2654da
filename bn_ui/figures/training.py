"""Pictures of the Training chapter: one network with BN and without, through its training.

A picture is drawn for all moments of a training at once: ``Drawing.moving`` has a row for each, and
the axes are those that hold them all. While the training goes on, only its curves are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bn_core.comparison import Record, gradient_ratio
from bn_core.snapshots import OUTLINE_AXIS, OUTLINE_EDGES, PERCENTILES, Snapshot
from bn_ui.figures import parts
from bn_ui.figures.changes import Change, Table, cells, trace
from bn_ui.figures.parts import Figure, Words

Pair = Mapping[str, Record]  # "without" and "with" BN
NETWORKS = ("without", "with")
COLOURS = {"without": "x", "with": "y"}
DASHES = {"without": "dash", "with": "solid"}
VIEWS = ("curves", "layers", "gradients", "affine", "percentiles")
MOST_ROWS = 8  # layers that are drawn as ridges, or have a row in the table
MOST_KEPT = 4
KEPT_COLOURS = ("x", "x_hat", "y", "activation")

_WIDE_HEIGHT, _NARROW_HEIGHT = 400, 560
_LEVELS = 200  # of an outline's height: a byte a number
_LIFT = 0.85  # of the distance between two ridges
_SMALLEST = 1e-12  # gradients below are drawn here
_LARGEST = 50.0  # inputs beyond are drawn here
_LINES = dict(zip(PERCENTILES, ("dot", "solid", "dash"), strict=True))


@dataclass(frozen=True)
class Drawing:
    """A picture of a training.

    moments : the steps that the knob stands at, one row of ``moving`` each
    places : where a sentence finds its numbers
    clipped : whether something is drawn at the edge that lies beyond it
    """

    figure: Figure
    still: Sequence[Change] = ()
    moving: Sequence[Change] = ()
    moments: np.ndarray = field(default_factory=lambda: np.zeros(0))
    formats: Sequence[str] = ()
    table: Table = field(default_factory=Table)
    places: Mapping[str, int] = field(default_factory=dict)
    clipped: bool = False

    def base(self, at: int) -> list[Change]:
        """What is drawn at a moment."""
        return [*self.still, *(replace(c, rows=c.rows[at : at + 1]) for c in self.moving)]


def draw(view: str, words: Words, pair: Pair, steps: int, **more: Any) -> Drawing:
    """The picture of a training that is over, in one of the ``VIEWS``."""
    return _DRAW[view](words, pair, steps, **more)


def moments(pair: Pair) -> np.ndarray:
    """Every step at which either network was looked at."""
    return np.unique(np.concatenate([pair[name].steps for name in NETWORKS]))


def rows_shown(depth: int) -> tuple[int, ...]:
    """Numbers of at most MOST_ROWS hidden layers, the first and the last among them."""
    spread = np.linspace(1, depth, min(depth, MOST_ROWS)).round().astype(int)
    return tuple(np.unique(spread).tolist())


# ---- what is drawn, from the records -------------------------------------------------------------


def _at(record: Record, steps: np.ndarray) -> np.ndarray:
    """Index of the last snapshot up to each step; −1 once the training had ended before it."""
    index = np.searchsorted(record.steps, steps, side="right") - 1
    end = record.steps[-1] if len(record.steps) else -1
    return np.where(steps <= end, index, -1)


def _gathered(
    record: Record, steps: np.ndarray, read: Callable[[Snapshot], Any], shape: tuple[int, ...]
) -> np.ndarray:
    """What ``read`` finds at each step, (steps, *shape); NaN where there is nothing finite."""
    rows = [np.asarray(read(snapshot), dtype=np.float64) for snapshot in record.snapshots]
    blank = np.full(shape, np.nan)
    found = np.array([rows[i] if i >= 0 else blank for i in _at(record, steps)])
    found = found.reshape(len(steps), *shape)
    return np.where(np.isfinite(found), found, np.nan)


def _each(
    pair: Pair, steps: np.ndarray, read: Callable[[Snapshot], Any], *shape: int
) -> dict[str, np.ndarray]:
    return {name: _gathered(pair[name], steps, read, shape) for name in NETWORKS}


def _depth(pair: Pair) -> int:
    return len(_first(pair).inputs.sd)


def _first(pair: Pair) -> Snapshot:
    return next(pair[name].snapshots[0] for name in NETWORKS if pair[name].snapshots)


# ---- curves --------------------------------------------------------------------------------------


def curves(
    words: Words, pair: Pair, steps: int, *, classes: int, going_on: bool = False
) -> Drawing:
    """Training loss and held-out accuracy. ``going_on``: as far as they have come, nothing moves.

    The loss axis ends at one and a half times what guessing has; what lies beyond is drawn there.
    """
    top = round(1.5 * float(np.log(classes)), 1)
    data = [
        _line(words[name], COLOURS[name], axis, dash=DASHES[name], hover=hover)
        for axis, hover in (("", "%{y:.4g}"), ("2", "%{y:.1%}"))
        for name in NETWORKS
    ]
    for i in (2, 3):
        data[i]["showlegend"] = False
    data.append(_crosses(words["diverged"]))
    data += [_upright(words["moment"], ""), _upright(words["moment"], "2")]
    _CROSSES, _UPRIGHTS = 4, (5, 6)
    still = []
    for i, name in enumerate(NETWORKS):
        record = pair[name]
        steps_seen, losses = record.loss_curve
        x = np.concatenate([steps_seen, [p.step for p in record.latest]])
        y = np.concatenate([losses, [p.loss for p in record.latest]])
        still += [*_xy(i, x, _clipped(y, top)), *_xy(i + 2, record.steps, record.accuracies)]
    ends = [pair[name].diverged_at for name in NETWORKS if pair[name].diverged_at is not None]
    still += _xy(_CROSSES, np.array(ends), np.full(len(ends), top))
    layouts = {
        "wide": _two_panels(words["axis_loss"], words["axis_accuracy"], words["axis_step"]),
        "narrow": _two_panels(
            words["axis_loss"], words["axis_accuracy"], words["axis_step"], stacked=True
        ),
    }
    for layout in layouts.values():
        layout["xaxis"]["range"] = layout["xaxis2"]["range"] = [0, max(steps, 1)]
        layout["yaxis"]["range"] = [0, top * 1.03]
        layout["yaxis2"] |= {"range": [0, 1.02], "tickformat": ".0%"}
    figure = {"data": data, "layout": layouts["wide"], "narrow": layouts["narrow"]}
    if going_on:
        return Drawing(figure, still)
    now = moments(pair)
    here = _each(pair, now, lambda s: (s.loss, 100 * s.held_out.accuracy, s.held_out.loss), 3)
    numbers = np.concatenate([here[name] for name in NETWORKS], axis=1)
    x = np.repeat(now[:, None], 2, axis=1)
    still += [
        trace(_UPRIGHTS[0], "y", np.array([[0, top * 1.03]], np.float32)),
        trace(_UPRIGHTS[1], "y", np.array([[0, 1.02]], np.float32)),
    ]
    moving = [cells(numbers), *(trace(i, "x", x.astype(np.float32)) for i in _UPRIGHTS)]
    rows = [
        {"label": words[name], "colour": COLOURS[name], "cells": [3 * i, 3 * i + 2, 3 * i + 1]}
        for i, name in enumerate(NETWORKS)
    ]
    columns = ["network", "loss", "held_out_loss", "accuracy"]
    places = {f"{what}_{name}": 3 * i + j for i, name in enumerate(NETWORKS)
              for j, what in enumerate(("loss", "accuracy"))}  # fmt: skip
    return Drawing(
        figure,
        still,
        moving,
        now,
        ["number", "percent", "number"] * 2,
        Table([words[name] for name in columns], rows),
        places,
        clipped=any((pair[name].losses > top).any() for name in NETWORKS),
    )


def _clipped(values: np.ndarray, top: float) -> np.ndarray:
    return np.minimum(np.where(np.isnan(values), top, values), top)


# ---- the layers' distributions -------------------------------------------------------------------


def layers(words: Words, pair: Pair, steps: int) -> Drawing:
    """What the activations see: an outline for each layer, without BN on the left, with on the
    right. Every outline has the same height, whatever its numbers are: its shape is what counts.
    """
    depth, now = _depth(pair), moments(pair)
    shown = rows_shown(depth)
    x = np.concatenate([OUTLINE_EDGES[:1], np.repeat(OUTLINE_EDGES[1:-1], 2), OUTLINE_EDGES[-1:]])
    x = np.concatenate([OUTLINE_EDGES[:1], x, OUTLINE_EDGES[-1:]])
    unit = _LIFT / _LEVELS
    data: list[Figure] = []
    moving: list[Change] = []
    for panel, name in enumerate(NETWORKS):
        axis = "2" if panel else ""
        heights = _outlines(pair[name], now, depth)
        for row, layer in enumerate(shown):
            index, floor = len(data), float(len(shown) - 1 - row)
            data.append(_ridge(words["ridge"].format(layer=layer, network=words[name]), axis, x,
                               COLOURS[name]))  # fmt: skip
            moving.append(trace(index, "y", heights[:, layer - 1], unit, floor))
    read = {
        "sd": _each(pair, now, lambda s: s.inputs.sd, depth),
        "saturated": _each(pair, now, lambda s: 100 * s.inputs.saturated, depth),
    }
    outside = _each(pair, now, _outside, depth)
    if any(np.nan_to_num(outside[name]).any() for name in NETWORKS):
        read["outside"] = outside  # what an outline does not show has to be said
    numbers = np.stack(
        [read[what][name][:, layer - 1] for layer in shown for what in read for name in NETWORKS],
        axis=1,
    )
    moving.insert(0, cells(numbers))
    width = 2 * len(read)
    rows = [
        {"label": words["layer"].format(layer=layer), "colour": "", "cells": [*range(
            i * width, (i + 1) * width)]}
        for i, layer in enumerate(shown)
    ]  # fmt: skip
    columns = [words["layer_head"]] + [
        words["column"].format(what=words[what], which=words[f"{name}_short"])
        for what in read
        for name in NETWORKS
    ]
    last = (len(shown) - 1) * width
    places = {"sd_without": last, "sd_with": last + 1, "saturated_without": last + 2,
              "saturated_with": last + 3}  # fmt: skip

    def layout(height: int) -> Figure:
        found = _two_panels("", "", words["axis_input"], height=height, gap=0.08)
        names = [words["layer"].format(layer=layer) for layer in shown]
        places = list(range(len(shown) - 1, -1, -1))
        for axis in ("", "2"):
            found[f"xaxis{axis}"]["range"] = list(OUTLINE_AXIS)
            found[f"yaxis{axis}"] |= {
                "range": [-0.15, len(shown) + 0.05],
                "tickmode": "array",
                "tickvals": places,
                "ticktext": names,
                "showticklabels": not axis,
            }
        found["annotations"] = [
            parts.title("x", words["without"], f"@{COLOURS['without']}"),
            parts.title("x2", words["with"], f"@{COLOURS['with']}"),
        ]
        found["margin"] = found["margin"] | {"l": 64, "t": 30}
        found["showlegend"] = False
        return found

    tall = 150 + 46 * len(shown)
    figure = {"data": data, "layout": layout(tall), "narrow": layout(tall)}
    formats = ["number" if what == "sd" else "percent" for what in read for _ in NETWORKS] * len(
        shown
    )
    return Drawing(figure, [], moving, now, formats, Table(columns, rows), places)


def _outlines(record: Record, steps: np.ndarray, depth: int) -> np.ndarray:
    """(steps, depth, points): heights of the steps of each histogram, 0 … _LEVELS."""
    counts = _gathered(record, steps, lambda s: s.inputs.counts, (depth, len(OUTLINE_EDGES) - 1))
    peak = np.maximum(np.nanmax(np.nan_to_num(counts), axis=2, keepdims=True), 1)
    heights = np.nan_to_num(counts / peak * _LEVELS).round().astype(np.uint8)
    steps_up = np.repeat(heights, 2, axis=2)
    return np.pad(steps_up, ((0, 0), (0, 0), (1, 1)))


def _outside(snapshot: Snapshot) -> np.ndarray:
    inputs = snapshot.inputs
    outside = inputs.outside.sum(axis=1)
    return 100 * outside / (inputs.counts.sum(axis=1) + outside)


# ---- gradients -----------------------------------------------------------------------------------


def gradients(words: Words, pair: Pair, steps: int) -> Drawing:
    """Norm of the gradient of each layer's weights, on a logarithmic axis."""
    depth, now = _depth(pair), moments(pair)
    norms = _each(pair, now, lambda s: s.gradient_norms, depth + 1)
    everything = np.concatenate([norms[name].ravel() for name in NETWORKS])
    seen = everything[everything > _SMALLEST]
    low, high = (np.floor(np.log10(seen.min())), np.ceil(np.log10(seen.max()))) if len(seen) else (
        -1.0, 0.0)  # fmt: skip
    high = max(high, low + 1)
    x = np.arange(1, depth + 2)
    data, moving, numbers = [], [], []
    for i, name in enumerate(NETWORKS):
        data.append(
            _line(words[name], COLOURS[name], "", dash=DASHES[name], hover="%{y:.3g}", dots=True)
            | {"x": x.tolist()}
        )
        moving.append(trace(i, "y", np.maximum(norms[name], 10.0**low).astype(np.float32)))
        ratio = [gradient_ratio(row) for row in norms[name]]
        numbers.append(np.stack([norms[name][:, 0], norms[name][:, -2], ratio], axis=1))
    moving.insert(0, cells(np.concatenate(numbers, axis=1)))
    rows = [
        {"label": words[name], "colour": COLOURS[name], "cells": [3 * i, 3 * i + 1, 3 * i + 2]}
        for i, name in enumerate(NETWORKS)
    ]
    columns = [words[name] for name in ("network", "first", "last", "ratio")]
    places = {"ratio_without": 2, "ratio_with": 5}

    def layout(height: int) -> Figure:
        # On a long axis the last layer's number would run into the output's name.
        ticks = [*rows_shown(depth)[: -1 if depth > MOST_ROWS else None], depth + 1]
        return parts.canvas(height) | parts.legend() | {
            "margin": {"l": 64, "r": 8, "t": 36, "b": 46},
            "xaxis": parts.axis((0, 1), words["axis_layer"]) | {
                "range": [0.5, depth + 1.5],
                "tickmode": "array",
                "tickvals": ticks,
                "ticktext": [*map(str, ticks[:-1]), words["output"]],
                "tickangle": 0,
            },
            "yaxis": parts.axis((0, 1), words["axis_gradient"]) | {
                "type": "log",
                "exponentformat": "power",
                "nticks": 0,
                "dtick": max(1, int(np.ceil((high - low) / 6))),
                "range": [low - 0.2, high + 0.2],
            },
        }  # fmt: skip

    figure = {"data": data, "layout": layout(_WIDE_HEIGHT), "narrow": layout(_WIDE_HEIGHT)}
    return Drawing(figure, [], moving, now, ["number"] * 6, Table(columns, rows), places)


# ---- γ and β -------------------------------------------------------------------------------------


def affine(words: Words, pair: Pair, steps: int) -> Drawing:
    """γ and β of each layer: three percentiles over its units, with the values they start at."""
    depth, now = _depth(pair), moments(pair)
    x = np.arange(1, depth + 1)
    data, still, moving, numbers, ranges = [], [], [], [], []
    for name, start, axis in (("gamma", 1.0, ""), ("beta", 0.0, "2")):
        values = _gathered(pair["with"], now, lambda s, name=name: _spread(s, name), (3, depth))
        ranges.append(_around(values, start))
        for row, percentile in enumerate(PERCENTILES):
            label = words["percentile"].format(percentile=percentile)
            data.append(
                _line(label, name, axis, dash=_LINES[percentile], hover="%{y:.4g}", dots=True)
                | {"x": x.tolist(), "showlegend": not axis, "legendgroup": str(percentile)}
            )
            moving.append(trace(len(data) - 1, "y", values[:, row].astype(np.float32)))
        data.append(_guide(words["start"], [0.5, depth + 0.5], axis))
        still.append(trace(len(data) - 1, "y", np.array([[start, start]], np.float32)))
        numbers.append(values)
    shown = rows_shown(depth)
    medians = [values[:, 1, layer - 1] for layer in shown for values in numbers]
    moving.insert(0, cells(np.stack(medians, axis=1)))
    rows = [
        {
            "label": words["layer"].format(layer=layer),
            "colour": "",
            "cells": [2 * i, 2 * i + 1],
        }
        for i, layer in enumerate(shown)
    ]
    median = words["percentile"].format(percentile=PERCENTILES[1])
    columns = [words["layer_head"]] + [
        words["column"].format(what=symbol, which=median) for symbol in ("γ", "β")
    ]
    last = 2 * (len(shown) - 1)
    places = {"gamma": 0, "beta": 1, "gamma_last": last, "beta_last": last + 1}

    def layout(*, stacked: bool) -> Figure:
        found = _two_panels(
            words["axis_gamma"], words["axis_beta"], words["axis_layer"], stacked=stacked
        )
        for axis, span in zip(("", "2"), ranges, strict=True):
            found[f"xaxis{axis}"] |= {
                "range": [0.5, depth + 0.5],
                "tickmode": "array",
                "tickvals": list(shown),
                "tickangle": 0,
            }
            found[f"yaxis{axis}"]["range"] = span
        return found

    figure = {"data": data, "layout": layout(stacked=False), "narrow": layout(stacked=True)}
    return Drawing(
        figure, still, moving, now, ["number"] * (2 * len(shown)), Table(columns, rows), places
    )


def _spread(snapshot: Snapshot, name: str) -> np.ndarray:
    state = snapshot.batch_norm
    return np.percentile(getattr(state, name), PERCENTILES, axis=1)


# ---- one unit through time -----------------------------------------------------------------------


def percentiles(words: Words, pair: Pair, steps: int, *, layer: int, unit: int) -> Drawing:
    """15th, 50th and 85th percentile of what one unit's activation sees, at every moment: figure
    1(b, c) of Ioffe & Szegedy (2015)."""
    now = moments(pair)
    data, still = [], []
    here = _each(pair, now, lambda s: s.inputs.unit_percentiles[layer - 1, unit - 1], 3)
    low, high = _around(np.concatenate([here[name] for name in NETWORKS]), 0.0)
    low, high = max(low, -_LARGEST), min(high, _LARGEST)
    for panel, name in enumerate(NETWORKS):
        axis = "2" if panel else ""
        for row, percentile in enumerate(PERCENTILES):
            label = words["percentile"].format(percentile=percentile)
            data.append(
                _line(label, COLOURS[name], axis, dash=_LINES[percentile], hover="%{y:.4g}")
                | {"legendgroup": str(percentile), "showlegend": not panel}
            )
            values = np.clip(here[name][:, row], low, high)
            still += _xy(len(data) - 1, now, values)
    uprights = []
    for axis in ("", "2"):
        uprights.append(len(data))
        data.append(_upright(words["moment"], axis))
        still.append(trace(len(data) - 1, "y", np.array([[low, high]], np.float32)))
    x = np.repeat(now[:, None], 2, axis=1).astype(np.float32)
    moving = [cells(np.concatenate([here[name] for name in NETWORKS], axis=1))]
    moving += [trace(i, "x", x) for i in uprights]
    rows = [
        {"label": words[name], "colour": COLOURS[name], "cells": [3 * i, 3 * i + 1, 3 * i + 2]}
        for i, name in enumerate(NETWORKS)
    ]
    columns = [words["network"], *(words["percentile"].format(percentile=p) for p in PERCENTILES)]
    places = {"low_without": 0, "high_without": 2, "low_with": 3, "high_with": 5}

    def layout(*, stacked: bool) -> Figure:
        found = _two_panels(
            words["axis_unit"], words["axis_unit"], words["axis_step"], stacked=stacked
        )
        for axis in ("", "2"):
            found[f"xaxis{axis}"]["range"] = [0, max(steps, 1)]
            found[f"yaxis{axis}"]["range"] = [low, high]
        found["annotations"] = [
            parts.title("x", words["without"], f"@{COLOURS['without']}"),
            parts.title("x2", words["with"], f"@{COLOURS['with']}"),
        ]
        found["legend"] = found["legend"] | {"y": 1.07 if not stacked else 1.05}
        found["margin"] = found["margin"] | {"t": 58}
        return found

    figure = {"data": data, "layout": layout(stacked=False), "narrow": layout(stacked=True)}
    return Drawing(figure, still, moving, now, ["number"] * 6, Table(columns, rows), places)


_DRAW: Mapping[str, Callable[..., Drawing]] = {
    "curves": curves,
    "layers": layers,
    "gradients": gradients,
    "affine": affine,
    "percentiles": percentiles,
}


# ---- several trainings ---------------------------------------------------------------------------


def kept(words: Words, runs: Sequence[tuple[str, Pair]], steps: int) -> Drawing:
    """Held-out accuracy of up to MOST_KEPT trainings; each has a colour, with BN and without."""
    data, still = [], []
    for (title, pair), colour in zip(runs, KEPT_COLOURS, strict=False):
        for name in NETWORKS:
            label = words["kept"].format(title=_plain(title), network=words[f"{name}_short"])
            data.append(_line(label, colour, "", dash=DASHES[name], hover="%{y:.1%}"))
            still += _xy(len(data) - 1, pair[name].steps, pair[name].accuracies)
    entries = len(data)

    def layout(columns: int) -> Figure:
        rows = -(-entries // columns)
        return parts.canvas(300 + 20 * rows) | parts.legend() | {
            "margin": {"l": 56, "r": 8, "t": 16 + 20 * rows, "b": 46},
            "legend": parts.legend()["legend"] | {
                "entrywidthmode": "fraction",
                "entrywidth": 0.98 / columns,
                "y": 1.01,
            },
            "xaxis": parts.axis((0, 1), words["axis_step"]) | {"range": [0, max(steps, 1)]},
            "yaxis": parts.axis((0, 1), words["axis_accuracy"]) | {
                "range": [0, 1.02],
                "tickformat": ".0%",
            },
        }  # fmt: skip

    return Drawing({"data": data, "layout": layout(2), "narrow": layout(1)}, still)


def _plain(text: str) -> str:
    """A name that somebody typed, not to be read as markup by Plotly."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# ---- parts ---------------------------------------------------------------------------------------


def _xy(index: int, x: np.ndarray, y: np.ndarray) -> list[Change]:
    return [
        trace(index, name, np.asarray(values, np.float32)[None])
        for name, values in (("x", x), ("y", y))
    ]


def _line(
    name: str, colour: str, axis: str, *, dash: str, hover: str, dots: bool = False
) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines+markers" if dots else "lines",
        "name": name,
        "line": {"color": f"@{colour}", "width": 2, "dash": dash},
        "marker": {"color": f"@{colour}", "size": 5},
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "hovertemplate": f"{name}<br>%{{x}}: {hover}<extra></extra>",
    }


def _ridge(name: str, axis: str, x: np.ndarray, colour: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x.tolist(),
        "fill": "toself",
        "fillcolor": f"@{colour}_fill",
        "line": {"color": f"@{colour}", "width": 1.5},
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _crosses(name: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "marker": {"color": "@text", "symbol": "x", "size": 11},
        "xaxis": "x",
        "yaxis": "y",
        "hovertemplate": f"{name}<br>%{{x}}<extra></extra>",
        "showlegend": False,
        "cliponaxis": False,
    }


def _upright(name: str, axis: str) -> Figure:
    """A thin line at the moment; its x and y come from changes."""
    return _guide(name, [], axis)


def _guide(name: str, x: list[float], axis: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "line": {"color": "@text", "width": 1},
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _around(values: np.ndarray, always: float) -> list[float]:
    """A range that holds all values and ``always``, with a little air."""
    seen = values[np.isfinite(values)]
    low, high = (min(seen.min(), always), max(seen.max(), always)) if len(seen) else (always,) * 2
    air = 0.06 * (high - low) or 0.5
    return [float(low - air), float(high + air)]


def _two_panels(
    left: str, right: str, below: str, *, stacked: bool = False, height: int = 0, gap: float = 0.14
) -> Figure:
    """Two panels side by side, or one above the other on a phone."""
    if stacked:
        domains = {"": ((0, 1), (0.58, 1)), "2": ((0, 1), (0, 0.42))}
    else:
        half = (1 - gap) / 2
        domains = {"": ((0, half), (0, 1)), "2": ((1 - half, 1), (0, 1))}
    found: Figure = parts.canvas(height or (_NARROW_HEIGHT if stacked else _WIDE_HEIGHT))
    found |= parts.legend()
    found["margin"] = {"l": 60, "r": 8, "t": 36, "b": 46}
    for axis, title in (("", left), ("2", right)):
        x, y = domains[axis]
        found[f"xaxis{axis}"] = parts.axis(x, below, anchor=f"y{axis}")
        found[f"yaxis{axis}"] = parts.axis(y, title, anchor=f"x{axis}")
    return found
