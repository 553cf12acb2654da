"""What the step player shows of one batch: every step with its formula, numbers and picture.

Made once for a batch and sent to the browser, which then goes from step to step without asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bn_core.derivation import (
    BACKWARD,
    FORWARD,
    QUANTITIES,
    Formula,
    Step,
    Values,
    magnitudes,
    operations,
    part_of,
)
from bn_ui.figures import steps as pictures
from bn_ui.numbers import shown
from bn_ui.step_player.formulas import filled, general

PASSES: Mapping[str, tuple[Formula, ...]] = {"forward": FORWARD, "backward": BACKWARD}
# Which formulas are left to the learner first: the end of the longest chain (Atkinson et al. 2003).
FADING = {"forward": ("y", "x_hat"), "backward": ("dx", "dmu")}
LEVELS = ("worked", "last", "two", "all")
GIVEN = ("m", "eps", "x", "gamma", "beta", "dy")


def closed_ids(passage: str) -> tuple[str, ...]:
    """The formulas of a pass, in order: "var"."""
    return tuple(formula.name for formula in PASSES[passage])


def open_ids(passage: str) -> tuple[str, ...]:
    """Their single operations: "var.squared"."""
    return tuple(f"{f.name}.{operation.name}" for f, operation in operations(PASSES[passage]))


def blanks(passage: str, level: str) -> tuple[str, ...]:
    """The formulas that are the learner's to work out at a level of practice."""
    match level:
        case "last":
            return FADING[passage][:1]
        case "two":
            return FADING[passage]
        case "all":
            return closed_ids(passage)
    return ()


def hidden(passage: str, blank: frozenset[str]) -> frozenset[str]:
    """All quantities that would give a blank formula's result away."""
    return frozenset(name for name, formula in part_of(PASSES[passage]).items() if formula in blank)


def lesson(
    passage: str, values: Values, blank: frozenset[str], words: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Everything the browser needs, but for where the learner stands.

    ``words`` holds the tables "quantities" (what each one is) and "why" (why each step follows).
    """
    size = magnitudes(values)
    unknown = hidden(passage, blank)
    names = [name for name in QUANTITIES if name in values]
    steps = {}
    for formula in PASSES[passage]:
        listed = [(formula.name, formula.whole)]
        listed += [(f"{formula.name}.{o.name}", o) for o in formula.operations]
        for id_, step in listed:
            why = words["why"][id_.replace(".", "_of_")]
            steps[id_] = _step(formula.name, step, values, size, unknown) | {"why": why}
    return {
        "passage": passage,
        "m": values["x"].shape[0],
        "d": values["x"].shape[1],
        "names": {name: _quantity(name, values, words["quantities"]) for name in names},
        "values": {name: _numbers(values[name], size[name]) for name in set(names) - unknown},
        "steps": steps,
        "closed": closed_ids(passage),
        "open": open_ids(passage),
        "blank": sorted(blank),
        "graph": pictures.graph(),
        "gradient_at": pictures.GRADIENT_AT if passage == "backward" else {},
    }


def _step(
    formula: str,
    step: Step,
    values: Values,
    size: Mapping[str, np.ndarray],
    unknown: frozenset[str],
) -> dict[str, Any]:
    main = pictures.main_input(step)
    return {
        "name": step.name,
        "formula": formula,
        "tex": general(step),
        "filled": filled(step, values, size, unknown),
        "inputs": step.inputs,
        "paths": step.paths,
        "code": step.code,
        "main": main,
        "lines": None if {main, step.name} & unknown else _lines(step.name, main, values),
    }


def _lines(name: str, main: str, values: Values) -> list[dict[str, Any]]:
    """Number lines for each feature."""
    old, new = (np.atleast_2d(values[quantity]) for quantity in (main, name))
    d = values["x"].shape[1]
    old, new = (np.broadcast_to(a, (a.shape[0], d)) for a in (old, new))
    return [pictures.number_lines(old[:, k], new[:, k]) for k in range(d)]


def _quantity(name: str, values: Values, words: Mapping[str, str]) -> dict[str, Any]:
    shape = values[name].shape
    size = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
    return {
        "tex": QUANTITIES[name].tex,
        "what": words[name],
        "colour": pictures.COLOUR_OF[name],
        "per": QUANTITIES[name].shape,
        "shape": size if shape else "",
        "given": name in GIVEN,
    }


def _numbers(a: np.ndarray, size: np.ndarray) -> list[list[list[str]]]:
    """Rows of [for the eye, in full]."""
    size = np.broadcast_to(size, np.shape(a))
    rows, sizes = np.atleast_2d(a).tolist(), np.atleast_2d(size).tolist()
    return [
        [[shown(value, scale), repr(value)] for value, scale in zip(row, scales, strict=True)]
        for row, scales in zip(rows, sizes, strict=True)
    ]
