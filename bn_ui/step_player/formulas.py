r"""Formulas of the derivation as LaTeX: with their indices, and with a sample's numbers put in.

Every quantity in them is wrapped in ``\htmlData``, so that the page can colour it, and mark it when
the learner points at the same quantity, sample or feature elsewhere.

Printed arithmetic is right at the printed digits: a line of numbers shows as many digits of its
operands as it takes for the printed result to follow from what is printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from bn_core.derivation import QUANTITIES, Step, Values
from bn_ui.numbers import DIGITS, MOST_DIGITS, ZERO, number_tex, rounded, shown

HIDDEN = r"\text{?}"
_TOKEN = re.compile(r"\[(\w+)\]")
_RAISED_AGAIN = re.compile(r"(\\htmlData\{[^}]*\}\{10\^\{-?\d+\}\})\^")


def general(step: Step) -> str:
    """The formula with its indices i and k."""
    return _general(step, marked)


def plain(step: Step) -> str:
    """The same for `st.latex`, which allows no marks."""
    return _general(step, lambda name: QUANTITIES[name].tex)


def _general(step: Step, symbol: Callable[[str], str]) -> str:
    right = _expand(step.tex, lambda term: rf"\sum_{{i=1}}^{{m}} {term}")
    return rf"{symbol(step.name)} = {_fill(right, symbol)}"


def marked(name: str, tex: str = "", sample: int | None = None) -> str:
    """A quantity's symbol (or ``tex`` in its place) that the page can find."""
    where = f", i={sample}" if sample is not None else ""
    return rf"\htmlData{{q={name}{where}}}{{{tex or QUANTITIES[name].tex}}}"


def indexed(name: str, i: int, k: int) -> str:
    """The symbol of one entry, counted from 1: x_{2,1}, μ_1."""
    tex = QUANTITIES[name].tex.replace("{ik}", f"{{{i + 1},{k + 1}}}")
    return tex.replace("_k", f"_{k + 1}")


# ---- how many digits ---------------------------------------------------------------------------


def needed_digits(step: Step, values: Values, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many digits of the operands it takes, and whether "=" may then be said, for every entry.

    The line is calculated again from rounded operands until it gives the printed result, be it
    exactly or when rounded.
    """
    result = np.atleast_1d(values[step.name])
    size = np.broadcast_to(size, result.shape)
    wanted, printed = _texts(result, size), rounded(result, DIGITS)
    printed[np.abs(result) <= ZERO * size] = 0
    # Exact to the eye of somebody who checks, or zero but for rounding error.
    slack = ZERO * np.where(printed == 0, size, np.abs(result))
    needed, equal = np.zeros(result.shape, int), np.abs(result - printed) <= slack
    operands = {name: values[name] for name in step.inputs}
    for digits in range(DIGITS, MOST_DIGITS + 1):
        coarse = {name: rounded(value, digits) for name, value in operands.items()}
        with np.errstate(all="ignore"):
            found = np.broadcast_to(step(coarse), result.shape)
        enough = (needed == 0) & (_texts(found, size) == wanted)
        needed[enough] = digits
        equal[enough] &= np.abs(found - printed)[enough] <= slack[enough]
        if needed.all():
            break
    needed[needed == 0] = MOST_DIGITS
    return needed, equal


def _texts(a: np.ndarray, size: np.ndarray) -> np.ndarray:
    pairs = zip(a.ravel().tolist(), size.ravel().tolist(), strict=True)
    return np.array([shown(value, scale) for value, scale in pairs]).reshape(a.shape)


# ---- a sample's numbers in the formula -----------------------------------------------------------


def filled(
    step: Step,
    values: Values,
    size: Mapping[str, np.ndarray],
    hidden: frozenset[str] = frozenset(),
) -> list[list[str]]:
    """The formula with numbers for every entry of the result, rows as in the result.

    Quantities in ``hidden`` are what the learner is to find out: question marks stand for them.
    """
    result = np.atleast_2d(values[step.name])
    show_all = not hidden & {step.name, *step.inputs}
    found = needed_digits(step, values, size[step.name]) if show_all else (DIGITS, False)
    digits, equal = (np.broadcast_to(np.atleast_2d(a), result.shape).tolist() for a in found)
    return [
        [
            _line(step, values, size, hidden, i, k, digits[i][k], equal[i][k])
            for k in range(result.shape[1])
        ]
        for i in range(result.shape[0])
    ]


def _line(
    step: Step,
    values: Values,
    size: Mapping[str, np.ndarray],
    hidden: frozenset[str],
    i: int,
    k: int,
    digits: int,
    equal: bool,
) -> str:
    samples = range(len(values["x"]))

    def operand(name: str, sample: int) -> str:
        if name in hidden:
            return marked(name, HIDDEN)
        value = _entry(values[name], sample, k)
        text = number_tex(shown(value, _entry(size[name], sample, k), digits))
        per_sample = QUANTITIES[name].shape == "batch"
        bracket = text.startswith("-") or r"\times" in text
        number = marked(name, text, sample if per_sample else None)
        return rf"({number})" if bracket else number

    def at(sample: int) -> Callable[[str], str]:
        return lambda name: operand(name, sample)

    def total(term: str) -> str:
        return r"\bigl(" + " + ".join(_fill(term, at(j)) for j in samples) + r"\bigr)"

    right = _RAISED_AGAIN.sub(r"(\1)^", _fill(_expand(step.tex, total), at(i)))
    left = marked(step.name, indexed(step.name, i, k))
    if step.name in hidden:
        return rf"{left} = {right} = {marked(step.name, HIDDEN)}"
    value, scale = _entry(values[step.name], i, k), _entry(size[step.name], i, k)
    answer = marked(step.name, number_tex(shown(value, scale)))
    equals = "=" if equal else r"\approx"
    return rf"{left} = {right} {equals} {answer}"


def _entry(a: np.ndarray, i: int, k: int) -> float:
    a = np.asarray(a)
    return float(a[i, k] if a.ndim == 2 else a[k] if a.ndim == 1 else a)


def _fill(tex: str, symbol: Callable[[str], str]) -> str:
    return _TOKEN.sub(lambda match: symbol(match[1]), tex)


def _expand(tex: str, total: Callable[[str], str]) -> str:
    """Every ∑{…} replaced by what ``total`` makes of its term."""
    start = tex.find("∑{")
    if start < 0:
        return tex
    depth, end = 1, start + 2
    while depth:
        depth += {"{": 1, "}": -1}.get(tex[end], 0)
        end += 1
    term = tex[start + 2 : end - 1]
    return tex[:start] + total(term) + _expand(tex[end:], total)
