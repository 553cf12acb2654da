"""Pictures of the chapter on why BN works. Arrays in, plain dictionaries out.

Three are moved by knobs: the factor on the weights, the longest step along the gradient, and what
the test batches are like. The others stand as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bn_core.along_gradient import LENGTHS, Ranges
from bn_core.at_initialisation import KINDS
from bn_core.learning_map import NETWORKS as LINE_NETWORKS
from bn_core.noisy import NETWORKS, Races, Stretch
from bn_core.scale_invariance import Rescaled, effective_rate
from bn_core.shifted_input import TestBatches
from bn_core.snapshots import Snapshot
from bn_ui.figures import parts
from bn_ui.figures.changes import Change, Table, cells, trace
from bn_ui.figures.parts import Figure, Words

WIDE_PAIR = {"x": ((0, 0.46), (0.56, 1)), "y": ((0, 1), (0, 1))}
NARROW_PAIR = {"x": ((0, 1), (0, 1)), "y": ((0.57, 1), (0, 0.43))}
_LEAST_SPAN = 5.0  # end over beginning of a logarithmic axis
_STILL = {"itemclick": False, "itemdoubleclick": False}


def _line(name: str, colour: str, dash: str = "solid", axis: str = "", **more: Any) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "line": {"color": f"@{colour}", "width": 2.5, "dash": dash},
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    } | more


def _legend(top: int) -> Figure:
    """Names above the panels, and room for them."""
    made = parts.legend()
    made["legend"] |= _STILL
    return made | {"margin": {"l": 58, "r": 24, "t": top, "b": 42}}


def _log_axis(domain: Sequence[float], title: str, low: float, high: float, **more: Any) -> Figure:
    """A logarithmic axis from ``low`` to ``high``: ticks at powers of ten, closer where those are
    too few."""
    ends = [float(np.log10(low)), float(np.log10(high))]
    first, last = int(np.ceil(ends[0])), int(np.floor(ends[1]))
    stride = max(1, -(-(last - first) // 5))
    ticks = [10.0**power for power in range(first, last + 1, stride)]
    if len(ticks) < 3:
        closer = [m * 10.0**power for power in range(first - 1, last + 1) for m in (1, 2, 5)]
        ticks = [tick for tick in closer if low <= tick <= high]
    return parts.axis(domain, title, type="log", range=ends, tickvals=ticks, **more) | {
        "exponentformat": "power"
    }


def _around(low: float, high: float, margin: float = 0.06) -> tuple[float, float]:
    """Limits of a logarithmic axis around these values, wide enough for two ticks."""
    room = max((high / low) ** margin, (_LEAST_SPAN * low / high) ** 0.5)
    return low / room, high * room


# ---- weights on any scale ------------------------------------------------------------------------

FACTOR_RANGE = (0.05, 20.0)
# 46 to a decade, and round ones that people look for.
FACTORS = np.array(
    sorted({float(f"{0.05 * 400 ** (k / 120):.3g}") for k in range(121)} | {0.1, 0.5, 1, 2, 5, 10})
)
LAYERS = ("bn", "plain")
_LAYER_COLOURS = {"bn": "y", "plain": "x"}
_LAYER_DASHES = {"bn": "solid", "plain": "dash"}
_SYMBOLS = {"bn": "circle", "plain": "diamond"}
_SCALE_READS = ("gradient", "loss")
SCALE_NUMBERS = ("loss", "moved", "gradient", "ratio", "along", "numeric")
_MARKERS = 4  # the first trace of those that the knob moves
_MARKED = [(read, name) for read in _SCALE_READS for name in reversed(LAYERS)]  # BN's on top


def scale_figure(words: Words, swept: Mapping[str, Rescaled]) -> Figure:
    """Length of the gradient, and loss, against the factor on the weights; without the markers'
    places.

    swept : of `bn_core.scale_invariance.with_and_without`, with ``FACTORS``
    """
    data = [
        _line(
            words[name],
            _LAYER_COLOURS[name],
            _LAYER_DASHES[name],
            "" if read == "gradient" else "2",
            x=FACTORS.tolist(),
            y=getattr(swept[name], read)[:-1].tolist(),
            showlegend=read == "gradient",
            hovertemplate=f"{words[name]}<br>a = %{{x:.3g}}: %{{y:.4g}}<extra></extra>",
        )
        for read in _SCALE_READS
        for name in LAYERS
    ]
    data += [_marker(words, name, read) for read, name in _MARKED]
    return {
        "data": data,
        "layout": _scale_layout(words, swept, WIDE_PAIR, 360),
        "narrow": _scale_layout(words, swept, NARROW_PAIR, 520),
    }


def scale_changes(found: Mapping[str, Rescaled], factors: ArrayLike) -> list[Change]:
    """Markers and numbers, a row for each factor.

    found : of `bn_core.scale_invariance.with_and_without`, with these factors
    """
    factors = np.asarray(factors, dtype=np.float64)
    column = factors[:, None]
    changes = [cells(scale_numbers(found, factors))]
    for number, (read, name) in enumerate(_MARKED):
        heights = getattr(found[name], read)[:-1, None]
        changes.append(trace(_MARKERS + number, "x", column))
        changes.append(trace(_MARKERS + number, "y", heights))
    return changes


def scale_numbers(found: Mapping[str, Rescaled], factors: np.ndarray) -> np.ndarray:
    """A row for each factor: the numbers that ``scale_places`` names."""
    columns = [factors, 1 / factors]
    for name in LAYERS:
        each = found[name]
        ratio = each.gradient / each.gradient[-1]
        by_name = vars(each) | {"ratio": ratio}
        columns += [by_name[number][:-1] for number in SCALE_NUMBERS]
    return np.stack(columns, axis=1)


def scale_places() -> dict[str, int]:
    """Where caption and table find each number."""
    names = ["a", "inverse", *(f"{number}_{name}" for name in LAYERS for number in SCALE_NUMBERS)]
    return {name: i for i, name in enumerate(names)}


def scale_table(words: Words) -> Table:
    at = scale_places()
    rows = [
        {
            "label": words[f"row_{number}"],
            "colour": "",
            "cells": [at[f"{number}_{name}"] for name in LAYERS],
        }
        for number in SCALE_NUMBERS
    ]
    return Table([words["quantity"], *(words[name] for name in LAYERS)], rows)


def scale_rows(swept: Mapping[str, Rescaled]) -> Iterator[tuple[object, ...]]:
    """Rows of a file: every factor, with BN and without."""
    for i, factor in enumerate(FACTORS.tolist()):
        for name in LAYERS:
            each = swept[name]
            reads = ("loss", "moved", "gradient", "along", "numeric")
            yield (name, factor, *(float(getattr(each, read)[i]) for read in reads))


def _marker(words: Words, name: str, read: str) -> Figure:
    axis = "" if read == "gradient" else "2"
    return {
        "type": "scatter",
        "mode": "markers",
        "name": words["here"],
        "x": [1.0],
        "y": [1.0],
        "marker": {
            "color": f"@{_LAYER_COLOURS[name]}",
            "symbol": _SYMBOLS[name],
            "size": 13,
            "line": {"color": "@background", "width": 2},
        },
        "showlegend": False,
        "hoverinfo": "skip",
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


def _scale_layout(
    words: Words, swept: Mapping[str, Rescaled], domains: Mapping[str, Any], height: int
) -> Figure:
    lengths, losses = (
        np.concatenate([getattr(swept[name], read) for name in LAYERS]) for read in _SCALE_READS
    )
    axes: Figure = {}
    for number, suffix in enumerate(("", "2")):
        low, high = _around(*FACTOR_RANGE, 0.02)
        axes[f"xaxis{suffix}"] = _log_axis(
            domains["x"][number], words["axis_factor"], low, high, anchor=f"y{suffix}"
        ) | {"tickvals": [0.1, 1, 10], "exponentformat": "none"}
    axes["yaxis"] = _log_axis(
        domains["y"][0],
        words["axis_gradient"],
        *_around(float(lengths.min()), float(lengths.max())),
        anchor="x",
    )
    top = 1.08 * float(losses.max())
    axes["yaxis2"] = parts.axis(domains["y"][1], words["axis_loss"], range=[0, top], anchor="x2")
    return parts.canvas(height) | axes | _legend(34)


# ---- weight decay --------------------------------------------------------------------------------

_DECAY_LOOKS = (("x", "dash"), ("y", "solid"), ("x_hat", "dot"))


def decay_figure(
    words: Words, runs: Mapping[float, Sequence[Snapshot]], layer: int, rate: float, steps: int
) -> Figure:
    """‖W‖ of one hidden layer, and η/‖W‖², against the step, for every weight decay.

    layer : counted from 0
    """
    data = []
    for (decay, run), (colour, dash) in zip(runs.items(), _DECAY_LOOKS, strict=True):
        x = [snapshot.step for snapshot in run]
        norms = weight_norms(run, layer)
        name = words["decay"].format(decay=f"{decay:g}")
        for axis, y in (("", norms), ("2", effective_rate(rate, norms))):
            hover = f"{name}<br>{words['axis_step']} %{{x}}: %{{y:.4g}}<extra></extra>"
            look = {"x": x, "y": y.tolist(), "showlegend": axis == "", "hovertemplate": hover}
            data.append(_line(name, colour, dash, axis, **look))
    norms = np.concatenate([weight_norms(run, layer) for run in runs.values()])
    layouts = (
        _decay_layout(words, norms, rate, steps, domains, height)
        for domains, height in ((WIDE_PAIR, 340), (NARROW_PAIR, 520))
    )
    return {"data": data} | dict(zip(("layout", "narrow"), layouts, strict=True))


def weight_norms(run: Sequence[Snapshot], layer: int) -> np.ndarray:
    """‖W‖ of one layer, counted from 0, at every snapshot."""
    return np.array([snapshot.weight_norms[layer] for snapshot in run], dtype=np.float64)


def _decay_layout(
    words: Words,
    norms: np.ndarray,
    rate: float,
    steps: int,
    domains: Mapping[str, Any],
    height: int,
) -> Figure:
    low, high = (float(norms.min()), float(norms.max())) if norms.size else (1.0, 10.0)
    axes: Figure = {}
    for number, suffix in enumerate(("", "2")):
        axes[f"xaxis{suffix}"] = parts.axis(
            domains["x"][number], words["axis_step"], range=[0, steps], anchor=f"y{suffix}"
        ) | {"tickvals": [0, steps // 2, steps]}
    axes["yaxis"] = parts.axis(
        domains["y"][0], words["axis_norm"], range=[0, 1.08 * high], anchor="x"
    )
    rates = _around(*(float(effective_rate(rate, norm)) for norm in (high, low)))
    axes["yaxis2"] = _log_axis(domains["y"][1], words["axis_rate"], *rates, anchor="x2")
    return parts.canvas(height) | axes | _legend(34 if height < 500 else 56)


# ---- noise behind BN -----------------------------------------------------------------------------

_RACE_COLOURS = dict(zip(NETWORKS, ("x", "y", "x_hat"), strict=True))
_RACE_DASHES = dict(zip(NETWORKS, ("dash", "solid", "solid"), strict=True))
_FAR = 1e3  # losses and statistics beyond are drawn here
_SMALLEST = 1e-4
_RACE_WIDE = (((0, 0.46), (0, 1)), ((0.56, 1), (0.57, 1)), ((0.56, 1), (0, 0.43)))
_RACE_NARROW = (((0, 1), (0.68, 1)), ((0, 1), (0.36, 0.6)), ((0, 1), (0, 0.24)))


def race_figure(
    words: Words, found: Races, run: Sequence[Stretch], steps: int, guessing: float
) -> Figure:
    """The losses of all seeds with their medians; mean and sd of one unit's input in one run."""
    data: list[Figure] = []
    drawn = np.clip(np.nan_to_num(found.losses, nan=_FAR), _SMALLEST, _FAR)
    x = found.steps.tolist()
    for k, name in enumerate(NETWORKS):
        colour, dash = _RACE_COLOURS[name], _RACE_DASHES[name]
        for seed, losses in enumerate(drawn[:, :, k]):
            label = words["seed"].format(network=words[name], seed=seed)
            thin = {"color": f"@{colour}", "width": 1, "dash": "solid"}
            look = {"line": thin, "opacity": 0.5, "showlegend": False}
            hover = f"{label}<br>{words['axis_step']} %{{x}}: %{{y:.3g}}<extra></extra>"
            data.append(_line(label, colour, x=x, y=losses.tolist(), hovertemplate=hover, **look))
        median = np.median(drawn[:, :, k], axis=0).tolist()
        hover = f"{words[name]}<br>{words['axis_step']} %{{x}}: %{{y:.3g}}<extra></extra>"
        data.append(_line(words[name], colour, dash, x=x, y=median, hovertemplate=hover))
    level = {"x": [0, steps], "y": [guessing, guessing], "hoverinfo": "skip"}
    data.append(_line(words["guessing"], "text", "dot", **level) | {"line": _THIN})
    spans = []
    for axis, read in (("2", "mean"), ("3", "sd")):
        rows = _unit_rows(run, read)
        spans.append(rows)
        for k in (2, 0, 1):  # the noisy one first, or it hides the others
            name = NETWORKS[k]
            hover = f"{words[name]}<br>{words['axis_step']} %{{x}}: %{{y:.3g}}<extra></extra>"
            look = {"x": list(range(1, rows.shape[1] + 1)), "y": rows[k].round(5).tolist()}
            look |= {"showlegend": False, "hovertemplate": hover}
            line = _line(words[name], _RACE_COLOURS[name], _RACE_DASHES[name], axis, **look)
            line["line"]["width"] = 1 if name == "noisy" else 2.5
            data.append(line)
    losses = np.append(drawn, guessing)
    layouts = (
        _race_layout(words, losses, spans, steps, domains, height)
        for domains, height in ((_RACE_WIDE, 460), (_RACE_NARROW, 760))
    )
    return {"data": data} | dict(zip(("layout", "narrow"), layouts, strict=True))


_THIN = {"color": "@text", "width": 1, "dash": "dot"}


def _unit_rows(run: Sequence[Stretch], read: str) -> np.ndarray:
    """A statistic of the unit at every step of a race, (3, steps)."""
    rows = np.concatenate([getattr(stretch, read) for stretch in run], axis=1)
    return np.clip(np.nan_to_num(rows), -_FAR, _FAR)


def _race_layout(
    words: Words,
    losses: np.ndarray,
    spans: Sequence[np.ndarray],
    steps: int,
    domains: Sequence[Any],
    height: int,
) -> Figure:
    axes: Figure = {}
    for suffix, (across, up), title in zip(
        ("", "2", "3"), domains, ("axis_loss", "axis_mean", "axis_sd"), strict=True
    ):
        axes[f"xaxis{suffix}"] = parts.axis(
            across, words["axis_step"], range=[0, steps], anchor=f"y{suffix}"
        ) | {"tickvals": [0, steps // 2, steps]}
        if suffix == "":
            ends = _around(float(losses.min()), float(losses.max()))
            axes["yaxis"] = _log_axis(up, words[title], *ends, anchor="x")
            continue
        rows = spans[int(suffix) - 2]
        low, high = min(0.0, float(rows.min())), float(rows.max())
        margin = 0.06 * (high - low or 1)
        axes[f"yaxis{suffix}"] = parts.axis(
            up, words[title], nticks=4, range=[low - margin, high + margin], anchor=f"x{suffix}"
        )
    return parts.canvas(height) | axes | _legend(34 if height < 500 else 78)


# ---- along the gradient --------------------------------------------------------------------------

LENGTH_RANGE = (float(LENGTHS[0]), float(LENGTHS[-1]))
_LINE_COLOURS = {"without": "x", "with": "y"}
_LINE_DASHES = {"without": "dash", "with": "solid"}
_LOSSES, _CHANGES = (1e-3, 1e4), (1e-3, 1e4)  # what is beyond is drawn at the end


def line_figure(words: Words, found: Mapping[str, Ranges], steps: int) -> Figure:
    """Range of the loss, and largest change of the gradient, at every moment; ``line_changes``
    brings the heights."""
    data: list[Figure] = []
    for name in LINE_NETWORKS:
        x = found[name].steps.tolist()
        colour, dash = _LINE_COLOURS[name], _LINE_DASHES[name]
        edge = {"x": x, "y": [1.0] * len(x), "hoverinfo": "skip"}
        low = _line(words["least"].format(network=words[name]), colour, dash, **edge)
        high = _line(words[name], colour, dash, **edge)
        for line in (low, high):
            line["line"] = line["line"] | {"width": 1.5}
        data.append(low | {"showlegend": False})
        data.append(high | {"fill": "tonexty", "fillcolor": f"@{colour}_fill"})
        data.append(_line(words[name], colour, dash, "2", **edge, showlegend=False))
    layouts = (
        _line_layout(words, steps, domains, height)
        for domains, height in ((WIDE_PAIR, 360), (NARROW_PAIR, 540))
    )
    return {"data": data} | dict(zip(("layout", "narrow"), layouts, strict=True))


def line_changes(found: Mapping[str, Ranges], at: slice = slice(None)) -> list[Change]:
    """The bands, the curves and the numbers, a row for each longest step."""
    changes = [cells(line_numbers(found)[at])]
    for number, name in enumerate(LINE_NETWORKS):
        each = found[name]
        heights = (
            np.clip(each.low, *_LOSSES),
            np.clip(each.high, *_LOSSES),
            np.clip(each.change, *_CHANGES),
        )
        changes += [trace(3 * number + k, "y", rows[at]) for k, rows in enumerate(heights)]
    return changes


def line_numbers(found: Mapping[str, Ranges]) -> np.ndarray:
    """A row for each longest step: the numbers that ``line_places`` names."""
    columns = [LENGTHS]
    for name in LINE_NETWORKS:
        each = found[name]
        widths = np.clip(each.high, None, _LOSSES[1]) - each.low
        columns += [np.median(widths, axis=1), np.median(each.change, axis=1)]
    return np.stack(columns, axis=1).astype(np.float64)


def line_places() -> dict[str, int]:
    """Where caption and table find each number."""
    names = ["length"]
    names += [f"{read}_{name}" for name in LINE_NETWORKS for read in ("range", "change")]
    return {name: i for i, name in enumerate(names)}


def line_table(words: Words) -> Table:
    at = line_places()
    rows = [
        {
            "label": words[name],
            "colour": _LINE_COLOURS[name],
            "cells": [at[f"range_{name}"], at[f"change_{name}"]],
        }
        for name in LINE_NETWORKS
    ]
    return Table([words["network"], words["column_range"], words["column_change"]], rows)


def _line_layout(words: Words, steps: int, domains: Mapping[str, Any], height: int) -> Figure:
    axes: Figure = {}
    for number, (suffix, title, ends) in enumerate(
        (("", "axis_range", _LOSSES), ("2", "axis_change", _CHANGES))
    ):
        axes[f"xaxis{suffix}"] = parts.axis(
            domains["x"][number], words["axis_step"], range=[0, steps], anchor=f"y{suffix}"
        ) | {"tickvals": [0, steps // 2, steps]}
        axes[f"yaxis{suffix}"] = _log_axis(
            domains["y"][number], words[title], *_around(*ends, 0.02), anchor=f"x{suffix}"
        )
    return parts.canvas(height) | axes | _legend(34)


# ---- other data at test time ---------------------------------------------------------------------

SHIFT_RANGE = (0.0, 1.2)
SHIFTS = np.array([round(0.05 * k, 2) for k in range(25)])
MIXES = np.arange(65)  # samples of class 1 in a batch of 64
STATISTICS = ("running", "batch")
_STATISTICS_COLOURS = {"running": "x", "batch": "x_hat"}
_POINTS_SPAN = (-1.2, 2.4)
_AWAY = 99.0  # where a point stands that this mix does not have
_HALF_WIDTH = 0.3  # of a bar; bars are 1 apart


def shift_figure(words: Words) -> Figure:
    """Left: the first of the test batches. Right: how often each kind of statistics is right."""
    data: list[Figure] = []
    for label, colour, symbol in ((0, "x", "circle"), (1, "x_hat", "diamond")):
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": words[f"class_{label}"],
                "x": [_AWAY],
                "y": [_AWAY],
                "marker": {"color": f"@{colour}", "symbol": symbol, "size": 7},
                "hoverinfo": "skip",
            }
        )
    for place, name in enumerate(STATISTICS, 1):
        ends = (place + np.array([-1, -1, 1, 1]) * _HALF_WIDTH).round(3).tolist()
        colour = _STATISTICS_COLOURS[name]
        bar = _line(words[name], colour, axis="2", x=ends, y=[0, 50, 50, 0], showlegend=False)
        hover = f"{words[name]}: %{{y:.1f}} %<extra></extra>"
        fill = {"fill": "toself", "fillcolor": f"@{colour}_fill", "hovertemplate": hover}
        data.append(bar | fill)
    level = {"x": [0.5, 2.5], "y": [50, 50], "hoverinfo": "skip", "showlegend": False}
    data.append(_line(words["guessing"], "text", "dot", "2", **level) | {"line": _THIN})
    layouts = (
        _shift_layout(words, domains, height)
        for domains, height in ((WIDE_PAIR, 340), (NARROW_PAIR, 520))
    )
    return {"data": data} | dict(zip(("layout", "narrow"), layouts, strict=True))


def shift_changes(
    batches: Sequence[TestBatches], shifts: Sequence[float], shares: np.ndarray, ones: Sequence[int]
) -> list[Change]:
    """Points, bars and numbers, a row for each pair of test batches and shift.

    shares : accuracies with running and with batch statistics, (rows, 2)
    ones : how many samples of a batch are of class 1, a row each
    """
    changes = [cells(shift_numbers(batches, shifts, shares, ones))]
    for label in (0, 1):
        for attribute, feature in (("x", 0), ("y", 1)):
            rows = [
                np.where(each.labels[0] == label, each.shifted(shift)[0][:, feature], _AWAY)
                for each, shift in zip(batches, shifts, strict=True)
            ]
            changes.append(trace(label, attribute, np.array(rows, dtype=np.float32)))
    for number in range(len(STATISTICS)):
        height = 100 * shares[:, number]
        nothing = np.zeros_like(height)
        rows = np.stack([nothing, height, height, nothing], axis=1)
        changes.append(trace(2 + number, "y", rows))
    return changes


def shift_numbers(
    batches: Sequence[TestBatches], shifts: Sequence[float], shares: np.ndarray, ones: Sequence[int]
) -> np.ndarray:
    """Shift, share of class 1, and the two accuracies in per cent, a row each."""
    size = batches[0].labels.shape[1]
    return np.column_stack([shifts, 100 * np.asarray(ones) / size, 100 * shares])


def shift_places() -> dict[str, int]:
    return {name: i for i, name in enumerate(("shift", "ones", *STATISTICS))}


SHIFT_FORMATS = ("number", "percent", "percent", "percent")


def _shift_layout(words: Words, domains: Mapping[str, Any], height: int) -> Figure:
    across, up = domains["x"], domains["y"]
    names = [words[name] for name in STATISTICS]
    axes = {
        "xaxis": parts.axis(across[0], words["axis_first"], range=list(_POINTS_SPAN), anchor="y"),
        "yaxis": parts.axis(up[0], words["axis_second"], range=[-1.2, 1.2], anchor="x"),
        "xaxis2": parts.axis(across[1], words["axis_statistics"], range=[0.4, 2.6], anchor="y2")
        | {"tickvals": [1, 2], "ticktext": names, "showgrid": False},
        "yaxis2": parts.axis(up[1], words["axis_right"], range=[0, 105], anchor="x2")
        | {"tickvals": [0, 50, 100]},
    }
    return parts.canvas(height) | axes | _legend(34)


# ---- depth, before training ----------------------------------------------------------------------

_KIND_COLOURS = dict(zip(KINDS, ("x", "y", "activation"), strict=True))
_KIND_LOOKS = dict(
    zip(KINDS, (("dash", "diamond"), ("solid", "circle"), ("dot", "square")), strict=True)
)


def depth_figure(words: Words, norms: Mapping[str, np.ndarray]) -> Figure:
    """‖∂ℓ/∂W‖ against the layer: every seed thin, and the median bold.

    norms : by kind of network, (seeds, depth + 1); the output layer is left out
    """
    data: list[Figure] = []
    for kind, rows in norms.items():
        hidden = rows[:, :-1]
        x = list(range(1, hidden.shape[1] + 1))
        colour, (dash, symbol) = _KIND_COLOURS[kind], _KIND_LOOKS[kind]
        for seed, row in enumerate(hidden):
            label = words["seed"].format(network=words[kind], seed=seed)
            look = {"x": x, "y": row.tolist(), "opacity": 0.45, "showlegend": False}
            thin = {"line": {"color": f"@{colour}", "width": 1}, "hoverinfo": "skip"}
            data.append(_line(label, colour, **look) | thin)
        hover = f"{words[kind]}<br>{words['axis_layer']} %{{x}}: %{{y:.3g}}<extra></extra>"
        median = np.median(hidden, axis=0).tolist()
        bold = _line(words[kind], colour, dash, x=x, y=median, hovertemplate=hover)
        marker = {"color": f"@{colour}", "symbol": symbol, "size": 6}
        data.append(bold | {"mode": "lines+markers", "marker": marker})
    hidden = np.concatenate([rows[:, :-1].ravel() for rows in norms.values()])
    depth = next(iter(norms.values())).shape[1] - 1

    def layout(height: int, top: int) -> Figure:
        ends = _around(float(hidden.min()), float(hidden.max()))
        axes = {
            "xaxis": parts.axis((0, 1), words["axis_layer"], range=[0.5, depth + 0.5], anchor="y"),
            "yaxis": _log_axis((0, 1), words["axis_gradient"], *ends, anchor="x"),
        }
        return parts.canvas(height) | axes | _legend(top)

    return {"data": data, "layout": layout(360, 34), "narrow": layout(360, 78)}
