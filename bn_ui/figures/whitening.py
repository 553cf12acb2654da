"""Pictures of the Whitening chapter. Arrays in, plain dictionaries out.

Four clouds (as they come, standardised, PCA- and ZCA-whitened), one whitened cloud that is turned,
one sample in batch after batch, what it costs, and what too few samples know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bn_core.summaries import rung
from bn_core.whitening import (
    STAGES,
    Directions,
    Stage,
    Succession,
    mean_squared_distance,
    outline,
    rotation,
    spectrum,
)
from bn_core.whitening_cost import Cost
from bn_ui.figures import parts
from bn_ui.figures.changes import Change, Table, cells, layout, trace
from bn_ui.figures.parts import Figure, Words
from bn_ui.numbers import ZERO

COLOURS = {"x": "x", "x_hat": "x_hat", "pca": "activation", "zca": "y"}
LETTERS = ["A", "B", "C"]
_LEVELS = 250  # dots travel as one byte: a 250th of a panel is about a pixel
_FINE_LEVELS = 50_000  # outlines as two

RHO_RANGE = (-0.98, 0.98)
RHOS = np.linspace(*RHO_RANGE, 99).round(2)
RATIO_RANGE = (0.25, 4.0)
WIDEST = RATIO_RANGE[1] ** 0.5  # the largest standard deviation that a ratio gives
RATIOS = np.array([float(f"{ratio:.4g}") for ratio in np.geomspace(*RATIO_RANGE, 49)])


# ---- four clouds ---------------------------------------------------------------------------------

CLOUD_NUMBERS = ("var_1", "cov", "var_2", "correlation", "condition")
_ROOM = 1.15  # around the dots, for the letters beside them
_DOTS, _ELLIPSE, _MARKED = range(3)  # traces of a panel
_TRACES = 3


def clouds_figure(
    words: Words, names: Sequence[str], centre: ArrayLike, reach: Mapping[str, float]
) -> Figure:
    """Four square panels. ``centre`` (2,) is the middle of the first, ``reach`` of every panel half
    its side; ``names`` are those of the two features."""
    data = [
        made
        for number, name in enumerate(STAGES)
        for made in _cloud(words, name, number, "" if number == 0 else str(number + 1))
    ]
    middle = {"x": np.asarray(centre, dtype=np.float64)}
    ends = {
        name: [[float(c - reach[name]), float(c + reach[name])] for c in middle.get(name, (0, 0))]
        for name in STAGES
    }
    return {
        "data": data,
        "layout": _clouds_layout(words, names, ends, 580),
        "narrow": _clouds_layout(words, names, ends, 430),
    }


def cloud_changes(
    found: Sequence[Mapping[str, Stage]],
    marked: Sequence[int],
    centre: ArrayLike,
    reach: Mapping[str, float],
    moving: Sequence[str] = STAGES,
) -> list[Change]:
    """Dots, ellipses and numbers, a row for each of ``found``; ``moving``: the panels to change."""
    changes = [cells(cloud_numbers(found))]
    for number, name in enumerate(STAGES):
        if name not in moving:
            continue
        values = np.stack([stages[name].values for stages in found])
        middle = np.asarray(centre) if name == "x" else np.zeros(2)
        ellipses = np.stack([_ellipse(stages[name]) for stages in found])
        for kind, points, levels in (
            (_DOTS, values, _LEVELS),
            (_ELLIPSE, ellipses, _FINE_LEVELS),
            (_MARKED, values[:, list(marked)], _FINE_LEVELS),
        ):
            changes += _moved(number * _TRACES + kind, points, middle, reach[name], levels)
    return changes


def cloud_numbers(found: Iterable[Mapping[str, Stage]]) -> np.ndarray:
    """(rows, 20): the numbers that `cloud_places` names."""
    return np.array([[n for name in STAGES for n in _numbers(s[name])] for s in found])


def cloud_places() -> dict[str, int]:
    """Where caption, alt and table find a number: x_var_1 … zca_condition."""
    names = [f"{stage}_{number}" for stage in STAGES for number in CLOUD_NUMBERS]
    return {name: i for i, name in enumerate(names)}


def clouds_table(words: Words) -> Table:
    """A row for each cloud: its covariance matrix (it is symmetric) and condition number."""
    width = len(CLOUD_NUMBERS)
    rows = [
        {
            "label": words[f"row_{name}"],
            "colour": COLOURS[name],
            "cells": list(range(i * width, (i + 1) * width)),
        }
        for i, name in enumerate(STAGES)
    ]
    return Table([words["quantity"], *(words[name] for name in CLOUD_NUMBERS)], rows)


def reaches(found: Mapping[str, Stage], widest: float | None = None) -> dict[str, float]:
    """Half the side of every panel: nothing lies outside, and all but the first are alike.

    ``widest``: the largest standard deviation that the first may have under the finger, if it can
    be moved there. No correlation then takes a dot out of a panel.
    """
    farthest = {
        name: max(
            float(np.abs(outline(stage.spectrum.cov)).max()),
            float(np.abs(stage.spectrum.centred).max()),
        )
        for name, stage in found.items()
    }
    radius = float(np.hypot(*found["zca"].values.T).max())
    rest = _ROOM * max(radius, *(farthest[name] for name in STAGES[1:]))
    first = _ROOM * (farthest["x"] if widest is None else widest * radius)
    return {"x": first or 1.0} | dict.fromkeys(STAGES[1:], rest or 1.0)


def _numbers(stage: Stage) -> list[float]:
    cov = stage.spectrum.cov
    size = float(np.diagonal(cov).max())
    covariance = float(cov[0, 1])
    correlation = stage.correlation
    return [
        float(cov[0, 0]),
        0.0 if abs(covariance) <= ZERO * size else covariance,
        float(cov[1, 1]),
        0.0 if abs(correlation) <= ZERO else correlation,
        stage.spectrum.condition,
    ]


def _ellipse(stage: Stage) -> np.ndarray:
    return outline(stage.spectrum.cov) + stage.spectrum.mu


def _moved(
    index: int, points: np.ndarray, middle: np.ndarray, reach: float, levels: int
) -> list[Change]:
    """x and y of a trace, points (rows, n, 2), as whole numbers from one end of the panel on."""
    unit = 2 * reach / levels
    low = middle - reach
    whole = np.clip(np.rint((points - low) / unit), 0, levels).astype(np.int64)
    return [
        trace(index, letter, whole[:, :, k], unit, float(low[k])) for k, letter in enumerate("xy")
    ]


def _cloud(words: Words, name: str, number: int, axis: str) -> list[Figure]:
    colour = COLOURS[name]
    place = {"xaxis": f"x{axis}", "yaxis": f"y{axis}", "x": [], "y": []}
    hover = f"{words[name]}<br>(%{{x:.3g}}, %{{y:.3g}})<extra></extra>"
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": words[name],
            "marker": {"color": f"@{colour}", "size": 4, "opacity": 0.55},
            "hovertemplate": hover,
            **place,
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": words["ellipse"],
            "line": {"color": f"@{colour}", "width": 2},
            "hoverinfo": "skip",
            **place,
        },
        _marked(words, place),
    ]


def _marked(words: Words, place: Mapping[str, Any]) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": words["marked"],
        "text": LETTERS,
        "textposition": "top right",
        "textfont": {"color": "@text", "size": 13},
        "marker": {"color": "@text", "symbol": ["circle", "square", "diamond"], "size": 7},
        "cliponaxis": False,
        "hovertemplate": "%{text} (%{x:.3g}, %{y:.3g})<extra></extra>",
        **place,
    }


_COLUMNS, _ROWS = ((0.0, 0.45), (0.55, 1.0)), ((0.58, 1.0), (0.0, 0.42))


def _clouds_layout(
    words: Words, names: Sequence[str], ends: Mapping[str, Any], height: int
) -> Figure:
    axes: Figure = {}
    titles = []
    for number, name in enumerate(STAGES):
        row, column = divmod(number, 2)
        suffix = "" if number == 0 else str(number + 1)
        if name == "pca":
            pair = [words["component_1"], words["component_2"]]
        else:
            pair = [words[f"after_{name}"].format(name=feature) for feature in names]
        axes |= _square(suffix, _COLUMNS[column], _ROWS[row], pair, ends[name])
        titles.append(parts.title(f"x{suffix}", words[name], f"@{COLOURS[name]}"))
    made = parts.canvas(height) | axes | {"annotations": titles}
    made["margin"] = {"l": 44, "r": 12, "t": 24, "b": 40}
    return made


def _square(
    suffix: str,
    across: Sequence[float],
    up: Sequence[float],
    titles: Sequence[str],
    ends: Sequence[Sequence[float]],
) -> Figure:
    """Axes whose units are equally long, so that a circle is a circle."""
    x = parts.axis(across, titles[0], range=list(ends[0]), nticks=4)
    y = parts.axis(up, titles[1], range=list(ends[1]), nticks=4)
    return {
        f"xaxis{suffix}": x | {"anchor": f"y{suffix}", "constrain": "domain"},
        f"yaxis{suffix}": y
        | {"anchor": f"x{suffix}", "constrain": "domain", "scaleanchor": f"x{suffix}"},
    }


# ---- one whitened cloud, turned ------------------------------------------------------------------

ANGLE_RANGE = (-180.0, 180.0)
ANGLES = np.arange(-180.0, 181.0, 3.0)
TURN_NUMBERS = ("var_1", "cov", "var_2", "distance", "least")
_BEFORE, _BEFORE_ELLIPSE, _TURNED, _TURNED_ELLIPSE, _LINKS, _LETTERED, _CURVE, _LEAST, _HERE = (
    range(9)
)


def turned_figure(
    words: Words, x_hat: np.ndarray, start: np.ndarray, least: float, reach: float
) -> Figure:
    """The standardised cloud and a whitened one, ``start`` (m, 2), and how far they are apart by
    the angle by which the latter is turned."""
    distances = turned_distances(x_hat, start, ANGLES)
    place: Figure = {"xaxis": "x", "yaxis": "y"}
    beside: Figure = {"xaxis": "x2", "yaxis": "y2"}
    circle, ellipse = outline(np.eye(2)), outline(spectrum(x_hat).cov)

    def dots(name: str, colour: str, at: np.ndarray, symbol: str) -> Figure:
        return {
            "type": "scatter",
            "mode": "markers",
            "name": words[name],
            **_points(at),
            "marker": {"color": f"@{colour}", "size": 4, "opacity": 0.5, "symbol": symbol},
            "hoverinfo": "skip",
            **place,
        }

    def line(name: str, at: np.ndarray, where: Figure, **look: Any) -> Figure:
        return {
            "type": "scatter",
            "mode": "lines",
            "name": words[name],
            **_points(at),
            "line": look,
            "showlegend": False,
            "hoverinfo": "skip",
            **where,
        }

    ends = np.array([ANGLE_RANGE, (least, least)]).T
    data = [
        dots("x_hat", "x_hat", x_hat, "circle-open"),
        line("ellipse", ellipse, place, color="@x_hat", width=1.5, dash="4px,3px"),
        dots("turned", "y", start, "circle"),
        line("ellipse", circle, place, color="@y", width=2),
        line("links", np.zeros((2, 2)), place, color="@text", width=1.5, dash="dot"),
        _marked(words, place) | {"showlegend": False, **_points(np.zeros((3, 2)))},
        line("distance", np.stack([ANGLES, distances], axis=1), beside, color="@gamma", width=2.5)
        | {"hoverinfo": "x+y"},
        line("least", ends, beside, color="@eps", width=1.5, dash="4px,3px") | {"showlegend": True},
        {
            "type": "scatter",
            "mode": "markers",
            "name": words["here"],
            **_points(np.array([[0.0, distances[0]]])),
            "marker": {"color": "@gamma", "size": 13, "symbol": "diamond"},
            "hovertemplate": "%{x}°: %{y:.4g}<extra></extra>",
            **beside,
        },
    ]
    top = 1.08 * float(distances.max())
    wide = {"cloud": ((0, 0.5), (0, 1)), "curve": ((0.62, 1), (0, 1))}
    narrow = {"cloud": ((0, 1), (0.44, 1)), "curve": ((0, 1), (0, 0.29))}
    return {
        "data": data,
        "layout": _turned_layout(words, reach, top, wide, 430, 34),
        "narrow": _turned_layout(words, reach, top, narrow, 620, 78),
    }


def turned_changes(
    x_hat: np.ndarray, start: np.ndarray, marked: Sequence[int], least: float, angles: ArrayLike
) -> list[Change]:
    """The turned cloud at every angle, its numbers, and the mark on the curve."""
    angles = np.atleast_1d(np.asarray(angles, dtype=np.float64))
    z = np.stack([start @ rotation(angle).T for angle in angles])
    distances = turned_distances(x_hat, start, angles)
    named = z[:, list(marked)]
    gap = np.full((len(angles), len(marked)), np.nan)
    apart = np.stack([np.broadcast_to(x_hat[list(marked)], named.shape), named], axis=2)
    found = [cells(_turned_numbers(z, distances, least))]
    for k, letter in enumerate("xy"):
        segments = np.concatenate([apart[..., k], gap[:, :, None]], axis=2)
        found += [
            trace(_TURNED, letter, z[:, :, k].astype(np.float32)),
            trace(_LINKS, letter, segments.reshape(len(angles), -1).astype(np.float32)),
            trace(_LETTERED, letter, named[:, :, k].astype(np.float32)),
        ]
    found += [trace(_HERE, "x", angles[:, None]), trace(_HERE, "y", distances[:, None])]
    return found


def turned_distances(x_hat: np.ndarray, start: np.ndarray, angles: ArrayLike) -> np.ndarray:
    """Mean squared distance of the standardised cloud from the whitened one at every angle."""
    return np.array(
        [mean_squared_distance(start @ rotation(a).T, x_hat) for a in np.atleast_1d(angles)]
    )


def turned_places() -> dict[str, int]:
    return {name: i for i, name in enumerate(TURN_NUMBERS)}


def turned_table(words: Words) -> Table:
    row = {"label": words["row_turned"], "colour": "y", "cells": list(range(len(TURN_NUMBERS)))}
    return Table([words["quantity"], *(words[name] for name in TURN_NUMBERS)], [row])


def _turned_numbers(z: np.ndarray, distances: np.ndarray, least: float) -> np.ndarray:
    cov = np.stack([spectrum(one).cov for one in z])
    cov[np.abs(cov) <= ZERO] = 0
    columns = [cov[:, 0, 0], cov[:, 0, 1], cov[:, 1, 1], distances, np.full(len(z), least)]
    return np.stack(columns, axis=1)


def _points(at: np.ndarray) -> Figure:
    return {letter: at[:, k].round(4).tolist() for k, letter in enumerate("xy")}


def _turned_layout(
    words: Words, reach: float, top: float, place: Mapping[str, Any], height: int, above: int
) -> Figure:
    ends = [[-reach, reach]] * 2
    axes = _square("", *place["cloud"], [words["axis_first"], words["axis_second"]], ends)
    axes["xaxis2"] = parts.axis(place["curve"][0], words["axis_angle"], range=list(ANGLE_RANGE)) | {
        "anchor": "y2",
        "tickvals": [-180, -90, 0, 90, 180],
    }
    axes["yaxis2"] = parts.axis(
        place["curve"][1], words["axis_distance"], "@gamma", range=[0, top]
    ) | {"anchor": "x2"}
    made = parts.canvas(height) | axes | parts.legend()
    made["legend"] |= {"itemclick": False, "itemdoubleclick": False}
    made["margin"] = {"l": 48, "r": 12, "t": above, "b": 42}
    return made


# ---- one sample in batch after batch -------------------------------------------------------------

SUCCESSION_KINDS = ("pca", "zca", "x_hat")
_SYMBOLS = {"pca": "diamond", "zca": "circle", "x_hat": "square-open"}


def succession_figure(words: Words, found: Succession) -> Figure:
    """The first coordinate of one sample's output, batch by batch, three ways."""
    draws = list(range(1, len(found.outputs["pca"]) + 1))
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": words[f"by_{kind}"],
            "x": draws,
            "y": found.outputs[kind][:, 0].round(6).tolist(),
            "line": {"color": f"@{COLOURS[kind]}", "width": 1.5},
            "marker": {"color": f"@{COLOURS[kind]}", "symbol": _SYMBOLS[kind], "size": 9},
            "hovertemplate": f"{words[f'by_{kind}']}<br>%{{y:.4g}}<extra></extra>",
        }
        for kind in SUCCESSION_KINDS
    ]
    reach = 1.1 * max(float(np.abs(found.outputs[kind][:, 0]).max()) for kind in SUCCESSION_KINDS)
    axes = {
        "xaxis": parts.axis((0, 1), words["axis_batch"], range=[0.5, len(draws) + 0.5])
        | {"showgrid": False},
        "yaxis": parts.axis((0, 1), words["axis_output"], range=[-reach, reach])
        | {"zeroline": True, "zerolinecolor": "@border"},
    }

    def made(height: int, top: int) -> Figure:
        layout = parts.canvas(height) | axes | parts.legend()
        layout["legend"] |= {"itemclick": False, "itemdoubleclick": False}
        layout["margin"] = {"l": 52, "r": 8, "t": top, "b": 42}
        return layout

    return {"data": data, "layout": made(320, 34), "narrow": made(360, 78)}


# ---- what it costs -------------------------------------------------------------------------------


def cost_figure(words: Words, costs: Sequence[Cost]) -> Figure:
    """Milliseconds against d on two log axes."""
    sizes = [cost.d for cost in costs]
    times = {
        "standardise": [1e3 * cost.standardise for cost in costs],
        "whiten": [1e3 * cost.whiten for cost in costs],
    }
    looks = {"standardise": ("x_hat", "square", "4px,3px"), "whiten": ("y", "circle", "solid")}
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": words[name],
            "x": sizes,
            "y": [float(f"{time:.4g}") for time in times[name]],
            "line": {"color": f"@{colour}", "width": 2, "dash": dash},
            "marker": {"color": f"@{colour}", "symbol": symbol, "size": 9},
            "hovertemplate": f"{words[name]}<br>d = %{{x}}: %{{y:.3g}} ms<extra></extra>",
        }
        for name, (colour, symbol, dash) in looks.items()
    ]
    ends = np.log10([sizes[0] / 1.2, sizes[-1] * 1.2])
    heights = np.log10([min(map(min, times.values())) / 1.5, max(map(max, times.values())) * 1.5])
    axes = {
        "xaxis": parts.axis((0, 1), words["axis_d"], range=ends.tolist())
        | {"type": "log", "tickvals": sizes},
        "yaxis": parts.axis((0, 1), words["axis_ms"], range=heights.tolist())
        | {"type": "log", "tickvals": [0.01, 0.1, 1, 10, 100, 1000, 10_000]},
    }
    made = parts.canvas(320) | axes | parts.legend()
    made["legend"] |= {"itemclick": False, "itemdoubleclick": False}
    made["margin"] = {"l": 60, "r": 8, "t": 34, "b": 42}
    return {"data": data, "layout": made, "narrow": made}


# ---- fewer samples than features -----------------------------------------------------------------

M_RANGE, D_RANGE, EPS_RANGE = (2, 96), (2, 64), (1e-5, 10.0)
BATCH_SIZES = np.arange(M_RANGE[0], M_RANGE[1] + 1)
FEATURES = np.arange(D_RANGE[0], D_RANGE[1] + 1)
EPSILONS = np.array([float(f"{eps:.3g}") for eps in np.geomspace(*EPS_RANGE, 61)])
RANK_NUMBERS = (
    "m",
    "d",
    "eps",
    "rank",
    "empty",
    "condition",
    "condition_eps",
    "gain",
    "worst",
    "own_least",
)
_COUNTS = ("m", "d", "rank", "empty")
RANK_FORMATS = ["whole" if name in _COUNTS else "number" for name in RANK_NUMBERS]
_LIVING, _EMPTY, _FRESH_LIVING, _FRESH_EMPTY, _IDEAL = range(5)
_LADDER = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def rank_figure(words: Words) -> Figure:
    """Eigenvalues of a batch's covariance, and what fresh samples become along their directions."""
    there: Figure = {"xaxis": "x", "yaxis": "y"}
    after: Figure = {"xaxis": "x2", "yaxis": "y2"}
    looks = {"living": ("@y", "circle", 6), "empty": ("@var", "x", 8)}

    def dots(kind: str, place: Figure, *, legend: bool) -> Figure:
        colour, symbol, size = looks[kind]
        return {
            "type": "scatter",
            "mode": "markers",
            "name": words[kind],
            "x": list(range(1, D_RANGE[1] + 1)),
            "y": [],
            "marker": {"color": colour, "symbol": symbol, "size": size},
            "showlegend": legend,
            "hovertemplate": "%{x}: %{y:.4g}<extra></extra>",
            **place,
        }

    ideal = {
        "type": "scatter",
        "mode": "lines",
        "name": words["ideal"],
        "x": [0, D_RANGE[1] + 1],
        "y": [1, 1],
        "line": {"color": "@text", "width": 1, "dash": "4px,3px"},
        "hoverinfo": "skip",
        **after,
    }
    data = [
        dots("living", there, legend=True),
        dots("empty", there, legend=True),
        dots("living", after, legend=False),
        dots("empty", after, legend=False),
        ideal,
    ]
    wide = {"x": ((0, 0.45), (0.56, 1)), "y": ((0, 0.92), (0, 0.92))}
    narrow = {"x": ((0, 1), (0, 1)), "y": ((0.58, 0.95), (0, 0.37))}
    return {
        "data": data,
        "layout": _rank_layout(words, wide, 360, 34),
        "narrow": _rank_layout(words, narrow, 600, 78),
    }


def rank_changes(found: Sequence[Directions], eps: ArrayLike) -> list[Change]:
    """A row for each of ``found``, whitened with the ``eps`` beside it (or one for all)."""
    epsilons = np.broadcast_to(np.asarray(eps, dtype=np.float64), (len(found),)).tolist()
    pairs = list(zip(found, epsilons, strict=True))
    values = _by_kind(found, [one.spectrum.values for one in found])
    fresh = _by_kind(found, [one.fresh_variance(e) for one, e in pairs])
    top = rung(1.05 * np.array([one.spectrum.values[0] for one in found]), _LADDER)
    changes = [cells(np.array([_rank_numbers(one, e) for one, e in pairs]))]
    for places, rows in (((_LIVING, _EMPTY), values), ((_FRESH_LIVING, _FRESH_EMPTY), fresh)):
        changes += [trace(index, "y", kind) for index, kind in zip(places, rows, strict=True)]
    bottom = -0.05 * top
    return [*changes, layout("yaxis", "range", np.stack([bottom, top], axis=1))]


def rank_places() -> dict[str, int]:
    return {name: i for i, name in enumerate(RANK_NUMBERS)}


def rank_table(words: Words) -> Table:
    at = rank_places()
    columns = ("rank", "condition", "condition_eps", "own_least", "worst")
    row = {"label": words["row_rank"], "colour": "", "cells": [at[name] for name in columns]}
    return Table([words["quantity"], *(words[name] for name in columns)], [row])


def _by_kind(found: Sequence[Directions], rows: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Heights of the directions that the batch has, and of those it has not: NaN elsewhere."""
    padded = np.full((2, len(found), D_RANGE[1]), np.nan, np.float32)
    for row, (one, heights) in enumerate(zip(found, rows, strict=True)):
        rank = one.spectrum.rank
        padded[0, row, :rank] = heights[:rank]
        padded[1, row, rank : len(heights)] = heights[rank:]
    return padded[0], padded[1]


def _rank_numbers(one: Directions, eps: float) -> list[float]:
    m, d = one.spectrum.centred.shape
    rank = one.spectrum.rank
    return [
        m,
        d,
        eps,
        rank,
        d - rank,
        one.spectrum.condition,
        one.condition(eps),
        float(eps**-0.5),
        float(one.fresh_variance(eps).max()),
        float(one.own_variance(eps).min()),
    ]


def _rank_layout(words: Words, domains: Mapping[str, Any], height: int, above: int) -> Figure:
    axes: Figure = {}
    for number, name in enumerate(("values", "fresh")):
        suffix = "" if number == 0 else "2"
        across = parts.axis(domains["x"][number], words["axis_k"], range=[0, D_RANGE[1] + 1])
        axes[f"xaxis{suffix}"] = across | {"anchor": f"y{suffix}", "tickvals": [1, 16, 32, 48, 64]}
        up = parts.axis(domains["y"][number], words[f"axis_{name}"])
        axes[f"yaxis{suffix}"] = up | {"anchor": f"x{suffix}"}
    axes["yaxis2"] |= {
        "type": "log",
        "range": [-2.2, 6.2],
        "tickvals": [0.01, 1, 100, 10_000, 1_000_000],
        "ticktext": ["0.01", "1", "100", "10⁴", "10⁶"],
    }
    made = parts.canvas(height) | axes | parts.legend()
    made["legend"] |= {"itemclick": False, "itemdoubleclick": False}
    made["margin"] = {"l": 52, "r": 8, "t": above, "b": 42}
    made["annotations"] = [
        parts.title("x", words["title_values"], "@text"),
        parts.title("x2", words["title_fresh"], "@text"),
    ]
    return made
