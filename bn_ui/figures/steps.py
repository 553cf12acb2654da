"""Pictures of the step player: where the nodes of the graph stand, and two number lines.

Arrays in, plain numbers out: places in per cent. The page draws them and computes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bn_core.derivation import BACKWARD, FORWARD, QUANTITIES, Step, edges, part_of
from bn_ui.numbers import number_text

# Every quantity has the colour of the formula that it belongs to, a gradient that of its quantity.
_OWN = ("x", "gamma", "beta", "eps")
COLOUR_OF = (
    {name: name for name in _OWN}
    | part_of(FORWARD)
    | {name: formula.removeprefix("d") for name, formula in part_of(BACKWARD).items()}
    | {"dy": "y", "m": "text"}
)

# Columns and rows of the graph on a wide screen, and on a phone, where it runs from top to bottom.
WIDE = {
    "x": (0, 0),
    "mu": (1, 1),
    "centred": (2, 0),
    "squared": (3, 1),
    "var": (4, 1),
    "var_eps": (5, 1),
    "eps": (5, 2),
    "std": (6, 1),
    "inv_std": (7, 1),
    "x_hat": (8, 0),
    "scaled": (9, 0),
    "gamma": (9, 1),
    "y": (10, 0),
    "beta": (10, 1),
}
NARROW = {
    "x": (0, 0),
    "mu": (1, 1),
    "centred": (0, 2),
    "squared": (1, 3),
    "var": (2, 3),
    "var_eps": (2, 4),
    "eps": (3, 4),
    "std": (2, 5),
    "inv_std": (1, 6),
    "x_hat": (0, 7),
    "gamma": (2, 8),
    "scaled": (0, 8),
    "beta": (2, 9),
    "y": (0, 9),
}
# The gradient that arrives at a node, once the step of this name is done.
GRADIENT_AT = {
    "y": "dy",
    "scaled": "dy",  # an addition passes it on
    "x_hat": "dx_hat",
    "centred": "dcentred",
    "inv_std": "dinv_std",
    "std": "dstd",
    "var_eps": "dvar_eps",
    "var": "dvar",
    "mu": "dmu",
    "x": "dx",
    "gamma": "dgamma",
    "beta": "dbeta",
}


def graph() -> dict[str, Any]:
    """Nodes with their places in both layouts, and arrows, as (from, to)."""
    return {
        "nodes": [
            {"name": name, "wide": _centre(WIDE, name), "narrow": _centre(NARROW, name)}
            for name in WIDE
        ],
        "edges": [list(edge) for edge in edges()],
    }


def _centre(places: Mapping[str, tuple[int, int]], name: str) -> list[float]:
    columns, rows = (1 + max(place[axis] for place in places.values()) for axis in (0, 1))
    column, row = places[name]
    return [round(100 * (column + 0.5) / columns, 2), round(100 * (row + 0.5) / rows, 2)]


def main_input(step: Step) -> str:
    """The input whose values are seen to move: one number a sample if there is such a one."""
    shapes = {name: QUANTITIES[name].shape for name in step.inputs}
    return next((n for n in shapes if shapes[n] == "batch"), step.inputs[0])


def number_lines(old: np.ndarray, new: np.ndarray) -> dict[str, Any]:
    """Two lines with one scale: a feature's values before a step, and after it.

    ``old``, ``new`` are (m,) or (1,). If there is one new value, all old ones move to it.
    """
    values = np.concatenate([old, new, [0.0]])
    ticks = nice_ticks(float(values.min()), float(values.max()))
    low, high = min(ticks[0], float(values.min())), max(ticks[-1], float(values.max()))
    margin = 0.04 * (high - low)

    def places(a: np.ndarray | Sequence[float]) -> list[float]:
        share = (np.asarray(a, float) - low + margin) / (high - low + 2 * margin)
        return [round(100 * p, 2) for p in share.tolist()]

    return {
        "ticks": list(zip(places(ticks), [number_text(tick) for tick in ticks], strict=True)),
        "old": _stacked(places(old)),
        "new": _stacked(places(new)),
    }


def _stacked(places: list[float], apart: float = 4.5) -> list[list[float]]:
    """(place, level): dots that would cover each other stand on top of each other."""
    levels: dict[int, int] = {}
    for i in sorted(range(len(places)), key=places.__getitem__):
        taken = {levels[j] for j in levels if abs(places[j] - places[i]) < apart}
        levels[i] = next(level for level in range(len(places)) if level not in taken)
    return [[place, levels[i]] for i, place in enumerate(places)]


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from at or below ``low`` to at or above ``high``, 0 among them if inside."""
    span = next(size for size in (high - low, abs(high), 1.0) if size > 1e-300)
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * f for f in (1, 2, 2.5, 5, 10) if span / (power * f) <= about)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, max(last, first + 1) + 1)]
