"""Pictures of the Inference chapter. Arrays in, plain dictionaries out.

``running_figure`` is moved by a knob (α); the others stand as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bn_core.in_use import Company, FoldedUnit, FoldingErrors, Lag, Moved, Switches
from bn_core.inference import Evaluation
from bn_core.running import (
    TRUE_MEAN,
    TRUE_VAR,
    Stream,
    cumulative_curve,
    initial_weight,
    measured_noise,
    noise_ratio,
    running_curves,
)
from bn_ui.figures import parts
from bn_ui.figures.changes import Change, Table, cells, trace
from bn_ui.figures.parts import Figure, Words

# ---- running statistics ------------------------------------------------------------------------

ALPHA_RANGE = (0.001, 1.0)
# 40 to a decade, and the two that a wrong port ends at; rounded so that what is shown is computed.
ALPHAS = np.array(
    sorted({float(f"{10 ** (-k / 40):.4g}") for k in range(121)} | {0.9, 0.99}), dtype=np.float64
)
INITIAL = {"mean": 0.0, "var": 1.0}
TRUTH = {"mean": TRUE_MEAN, "var": TRUE_VAR}
STATISTICS = ("mean", "var")
NOISE_STREAMS, NOISE_SEED = 1000, 0
_COLOURS = {"mean": "mu", "var": "var"}
_LEVELS = 2**16 - 1  # heights travel as whole numbers
_BATCH, _TRUE, _CUMULATIVE, _RUNNING = range(4)  # traces of either panel
_TRACES = 4


def batch_values(stream: Stream, unbiased: bool) -> dict[str, np.ndarray]:
    """What every batch brings to the running mean and variance."""
    return {"mean": stream.mean, "var": stream.stored_var(unbiased)}


def running_figure(words: Words, values: Mapping[str, np.ndarray]) -> Figure:
    """Two panels, mean and variance against the number of batches, without what α moves."""
    data = []
    for number, name in enumerate(STATISTICS):
        data += _panel(words, name, values[name], "" if number == 0 else "2")
    wide = {"x": ((0, 0.46), (0.54, 1)), "y": ((0, 1), (0, 1))}
    narrow = {"x": ((0, 1), (0, 1)), "y": ((0.58, 1), (0, 0.42))}
    return {
        "data": data,
        "layout": _running_layout(words, values, wide, 390),
        "narrow": _running_layout(words, values, narrow, 560),
    }


def running_changes(values: Mapping[str, np.ndarray], alphas: ArrayLike) -> list[Change]:
    """The running curves and the numbers, a row for each α."""
    alphas = np.asarray(alphas, dtype=np.float64)
    found = [cells(running_numbers(values, alphas))]
    for number, name in enumerate(STATISTICS):
        low, high = _span(values[name], TRUTH[name], INITIAL[name])
        unit = (high - low) / _LEVELS
        curves = running_curves(values[name], INITIAL[name], alphas)
        whole = np.rint((curves - low) / unit).astype(np.int64)
        found.append(trace(number * _TRACES + _RUNNING, "y", whole, unit, low))
    return found


def running_numbers(values: Mapping[str, np.ndarray], alphas: np.ndarray) -> np.ndarray:
    """A row for each α: the numbers that `running_places` names."""
    steps = len(values["mean"])
    noise = measured_noise(alphas, steps, NOISE_STREAMS, NOISE_SEED)
    columns: list[Any] = [
        alphas,
        1 - alphas,
        initial_weight(alphas, steps),
        noise_ratio(alphas),
        noise,
    ]
    for name in STATISTICS:
        columns += [
            running_curves(values[name], INITIAL[name], alphas)[:, -1],
            cumulative_curve(values[name], INITIAL[name])[-1],
            values[name][-1],
            TRUTH[name],
        ]
    return np.stack(np.broadcast_arrays(*columns), axis=1).astype(np.float64)


def running_places() -> dict[str, int]:
    """Where caption and table find each number."""
    ends = [
        f"{kind}_{s}" for s in STATISTICS for kind in ("running", "cumulative", "batch", "true")
    ]
    names = ["torch", "keras", "initial", "noise", "measured", *ends]
    return {name: i for i, name in enumerate(names)}


def running_table(words: Words) -> Table:
    """After the last batch: what each average says, and what is true."""
    at = running_places()
    kinds = ("running", "cumulative", "batch", "true")
    rows = [
        {
            "label": words[f"row_{name}"],
            "colour": _COLOURS[name],
            "cells": [at[f"{kind}_{name}"] for kind in kinds],
        }
        for name in STATISTICS
    ]
    return Table([words["quantity"], *(words[f"column_{kind}"] for kind in kinds)], rows)


def running_rows(values: Mapping[str, np.ndarray], alpha: float) -> Iterator[tuple[object, ...]]:
    """Rows of a file: after every batch, its own values, the running and the plain averages."""
    columns = [
        column
        for name in STATISTICS
        for column in (
            np.concatenate([[np.nan], values[name]]),
            running_curves(values[name], INITIAL[name], [alpha])[0],
            cumulative_curve(values[name], INITIAL[name]),
        )
    ]
    for step, row in enumerate(zip(*columns, strict=True)):
        yield (step, *("" if np.isnan(value) else float(value) for value in row))


def ways_rows(
    words: Words, evaluations: Mapping[str, Evaluation], behind: Sequence[Lag]
) -> Iterator[tuple[object, ...]]:
    """Rows of a file: how good each way is, and how far the running statistics of each layer are
    from the recomputed ones."""
    for way, found in evaluations.items():
        yield words["accuracy"], words[way], "", found.accuracy
        yield words["loss"], words[way], "", found.loss
    for layer, lag in enumerate(behind, 1):
        yield words["mean_lag"], words["running"], layer, lag.mean
        yield words["var_ratio"], words["running"], layer, lag.var


def mates_rows(company: Company) -> Iterator[tuple[object, ...]]:
    """Rows of a file: one sample's prediction in every batch."""
    for draw, (batch, running) in enumerate(zip(company.batch, company.running, strict=True), 1):
        yield draw, float(batch), float(running)


def fold_rows(
    words: Words, unit: FoldedUnit, errors: FoldingErrors
) -> Iterator[tuple[object, ...]]:
    """Rows of a file: a unit's numbers before and after folding, then every layer's error."""
    numbers = {"b": unit.bias, "γ": unit.gamma, "β": unit.beta, "μ_run": unit.mean}
    numbers |= {"σ²_run": unit.var, "b′": unit.folded_bias}
    for name, weights in (("w", unit.weight), ("w′", unit.folded_weight)):
        numbers |= {f"{name}_{n}": float(weight) for n, weight in enumerate(weights, 1)}
    yield from numbers.items()
    for layer, error in enumerate(errors.running, 1):
        yield words["error"].format(layer=layer), float(error)
    yield words["apart"], errors.batch


def frozen_rows(words: Words, moved: Mapping[Switches, Moved]) -> Iterator[tuple[object, ...]]:
    """Rows of a file: the switches, and what one step moves."""
    for switches, by in moved.items():
        yield (
            words["learned"] if switches.train_affine else words["fixed"],
            words["batch"] if switches.use_batch else words["running"],
            words["moving"] if switches.update_running else words["still"],
            by.affine,
            by.running,
            by.weight,
        )


def _panel(words: Words, name: str, values: np.ndarray, axis: str) -> list[Figure]:
    steps = list(range(len(values) + 1))
    colour = _COLOURS[name]
    place = {"xaxis": f"x{axis}", "yaxis": f"y{axis}"}
    first = axis == ""  # one legend for both panels

    def line(kind: str, y: Any, **look: Any) -> Figure:
        label = f"{words[kind]}, {words[f'row_{name}']}"
        return {
            "type": "scatter",
            "mode": "lines",
            "name": words[kind],
            "x": steps,
            "y": y,
            "showlegend": first,
            "hovertemplate": f"{label}<br>t = %{{x}}: %{{y:.4g}}<extra></extra>",
            **place,
            **look,
        }

    dots = {
        "mode": "markers",
        "x": steps[1:],
        "marker": {"color": f"@{colour}", "size": 4, "opacity": 0.45},
    }
    average = cumulative_curve(values, INITIAL[name]).round(6).tolist()
    grey = {"color": "@eps", "width": 2, "dash": "4px,3px"}
    level = [TRUTH[name]] * len(steps)
    return [
        line("batch", values.round(6).tolist(), **dots),
        line("true", level, line={"color": "@text", "width": 1}),
        line("cumulative", average, line=grey),
        line("running", level, line={"color": f"@{colour}", "width": 3}),
    ]


def _span(values: np.ndarray, *more: float) -> tuple[float, float]:
    low, high = float(min(values.min(), *more)), float(max(values.max(), *more))
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def _running_layout(
    words: Words, values: Mapping[str, np.ndarray], domains: Mapping[str, Any], height: int
) -> Figure:
    axes: Figure = {}
    for number, name in enumerate(STATISTICS):
        suffix = "" if number == 0 else "2"
        span = _span(values[name], TRUTH[name], INITIAL[name])
        steps = len(values[name])
        x = parts.axis(domains["x"][number], words["axis_steps"], range=[0, steps])
        x["tickvals"] = [0, steps // 2, steps]
        y = parts.axis(
            domains["y"][number], words[f"axis_{name}"], f"@{_COLOURS[name]}", range=list(span)
        )
        axes[f"xaxis{suffix}"] = x | {"anchor": f"y{suffix}"}
        axes[f"yaxis{suffix}"] = y | {"anchor": f"x{suffix}"}
    layout = parts.canvas(height) | axes | parts.legend()
    layout["legend"] |= {"itemclick": False, "itemdoubleclick": False}
    wide = domains["y"][0] == domains["y"][1]
    if not wide:
        layout["legend"] |= {"entrywidthmode": "fraction", "entrywidth": 0.48}
    layout["margin"] = {"l": 52, "r": 16, "t": 34 if wide else 56, "b": 42}
    return layout


# ---- one network, three kinds of statistics ------------------------------------------------------

WAYS = ("running", "batch", "recomputed")
GRID = np.linspace(-1.1, 1.1, 45).round(4)
POINTS = 120  # of the held-out samples that are drawn
_HALF_WIDTH = 0.32  # of a bar; bars are 1 apart
_MAPS = ((0.0, 0.3), (0.35, 0.65), (0.7, 1.0))


def ways_figure(
    words: Words,
    regions: Mapping[str, np.ndarray],
    evaluations: Mapping[str, Evaluation],
    x: np.ndarray,
    labels: np.ndarray,
) -> Figure:
    """Above: what each kind of statistics makes of the plane. Below: how often it is right."""
    axis = GRID.tolist()
    data: list[Figure] = []
    for number, way in enumerate(WAYS):
        place = {"xaxis": f"x{number + 1}".replace("x1", "x"), "yaxis": _y(number)}
        data.append(
            {
                "type": "heatmap",
                "name": words[way],
                "x": axis,
                "y": axis,
                "z": regions[way].round(3).tolist(),
                "zmin": 0,
                "zmax": 1,
                "zsmooth": "best",
                "showscale": False,
                "colorscale": [[0, "@x_fill"], [0.5, "@background"], [1, "@x_hat_fill"]],
                "hovertemplate": f"{words['share']}: %{{z:.2f}}<extra>{words[way]}</extra>",
                **place,
            }
        )
        data += [
            _class(words, label, x, labels, place) | {"showlegend": number == 0} for label in (0, 1)
        ]
    shares = [100 * evaluations[way].accuracy for way in WAYS]
    data += [_bar(words, number, share) for number, share in enumerate(shares, 1)]
    data.append(
        {
            "type": "scatter",
            "mode": "text",
            "name": words["accuracy"],
            "x": [1, 2, 3],
            "y": shares,
            "text": [f"{share:.1f}%" for share in shares],
            "textposition": "top center",
            "textfont": {"color": "@text", "size": 15},
            "cliponaxis": False,
            "showlegend": False,
            "hoverinfo": "skip",
            "xaxis": "x4",
            "yaxis": "y4",
        }
    )
    return {
        "data": data,
        "layout": _ways_layout(words, 500, 0.46),
        "narrow": _ways_layout(words, 400, 0.56, short=True),
    }


def _y(number: int) -> str:
    return "y" if number == 0 else f"y{number + 1}"


def _class(
    words: Words, label: int, x: np.ndarray, labels: np.ndarray, place: Mapping[str, str]
) -> Figure:
    points = x[:POINTS][labels[:POINTS] == label]
    colour, symbol = (("@x", "circle"), ("@x_hat", "diamond"))[label]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": words[f"class_{label}"],
        "x": points[:, 0].round(4).tolist(),
        "y": points[:, 1].round(4).tolist(),
        "marker": {"color": colour, "symbol": symbol, "size": 4},
        "hoverinfo": "skip",
        **place,
    }


def _bar(words: Words, place: int, share: float) -> Figure:
    ends = np.array([-1, -1, 1, 1]) * _HALF_WIDTH
    return {
        "type": "scatter",
        "mode": "lines",
        "name": words[WAYS[place - 1]],
        "x": (place + ends).round(3).tolist(),
        "y": [0, share, share, 0],
        "line": {"color": "@gamma", "width": 2},
        "fill": "toself",
        "fillcolor": "@gamma_fill",
        "showlegend": False,
        "hoverinfo": "skip",
        "xaxis": "x4",
        "yaxis": "y4",
    }


def _ways_layout(words: Words, height: int, bottom: float, *, short: bool = False) -> Figure:
    axes: Figure = {}
    reach = [float(GRID[0]), float(GRID[-1])]
    still = {"showticklabels": False, "showgrid": False, "ticks": ""}
    for number, domain in enumerate(_MAPS):
        suffix = "" if number == 0 else str(number + 1)
        left = number == 0
        axes[f"xaxis{suffix}"] = parts.axis(domain, words["axis_first"], range=reach) | still
        axes[f"xaxis{suffix}"] |= {"anchor": f"y{suffix}"}
        axes[f"yaxis{suffix}"] = (
            parts.axis((bottom, 1), words["axis_second"] if left else "", range=reach)
            | still
            | {"anchor": f"x{suffix}"}
        )
    names = [words[f"{way}_short" if short else way] for way in WAYS]
    axes["xaxis4"] = parts.axis((0, 1), words["axis_ways"], range=[0.5, 3.5]) | {
        "anchor": "y4",
        "tickvals": [1, 2, 3],
        "ticktext": names,
        "showgrid": False,
    }
    axes["yaxis4"] = parts.axis((0, bottom - 0.14), words["accuracy"], range=[0, 115]) | {
        "anchor": "x4",
        "tickvals": [0, 50, 100],
    }
    layout = parts.canvas(height) | axes | parts.legend()
    layout["legend"] |= {"y": 1.06, "itemclick": False, "itemdoubleclick": False}
    layout["margin"] = {"l": 52, "r": 8, "t": 56, "b": 42}
    layout["annotations"] = [
        parts.title("x" if n == 0 else f"x{n + 1}", names[n], "@text") for n in range(len(WAYS))
    ]
    if short:
        for annotation in layout["annotations"]:
            annotation["font"]["size"] = 12
    return layout


# ---- batch-mates ---------------------------------------------------------------------------------


def mates_figure(words: Words, company: Company) -> Figure:
    """One sample's prediction in batch after batch."""
    draws = list(range(1, len(company.batch) + 1))
    ends = [0.5, len(draws) + 0.5]

    def points(kind: str, y: np.ndarray, colour: str, symbol: str, mode: str) -> Figure:
        return {
            "type": "scatter",
            "mode": mode,
            "name": words[f"by_{kind}"],
            "x": draws,
            "y": y.round(6).tolist(),
            "line": {"color": colour, "width": 2},
            "marker": {"color": colour, "symbol": symbol, "size": 9},
            "hovertemplate": f"{words[f'by_{kind}']}<br>%{{y:.4f}}<extra></extra>",
        }

    half = {
        "type": "scatter",
        "mode": "lines",
        "name": words["undecided"],
        "x": ends,
        "y": [0.5, 0.5],
        "line": {"color": "@text", "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
    }
    axes = {
        "xaxis": parts.axis((0, 1), words["axis_draw"], range=ends) | {"showgrid": False},
        "yaxis": parts.axis((0, 1), words["share"], range=[-0.05, 1.05]),
    }

    def layout(height: int, top: int) -> Figure:
        made = parts.canvas(height) | axes | parts.legend()
        made["legend"] |= {"itemclick": False, "itemdoubleclick": False}
        made["margin"] = {"l": 52, "r": 8, "t": top, "b": 42}
        return made

    data = [
        points("running", company.running, "@x", "circle", "lines+markers"),
        points("batch", company.batch, "@x_hat", "diamond", "markers"),
        half,
    ]
    return {"data": data, "layout": layout(300, 34), "narrow": layout(320, 78)}
