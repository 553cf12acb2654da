"""Cells of text and code, and the files that are made of them: a script, a notebook.

A cell's code is a template: code as it will stand, but for two kinds of places. A line ``#: name``
becomes the comment of that name in the reader's language; ``$name`` becomes a literal made of
numbers, or a word inside a string. Nothing that a learner typed gets in except as a float.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import Template
from typing import Any

import numpy as np

WIDTH = 88
MOST_NUMBERS = 2000  # of a batch written out
NAMES = {"x̂": "x_hat", "σ²": "var", "μ": "mu", "γ": "gamma", "β": "beta", "ε": "eps"}
_FUNCTION = re.compile(r"(#.*\n)*(@.*\n)?def ")
_COMMENT = re.compile(r"^( *)#: (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """Lines of code, and the Markdown that a notebook has above them."""

    code: str
    text: str = ""


@dataclass(frozen=True)
class TakeAlong:
    """One chapter's programs, all in one language."""

    chapter: str
    title: str
    numpy: Sequence[Cell]
    torch: Sequence[Cell]
    remark: str = ""  # what is not as on the screen


# ---- code --------------------------------------------------------------------------------------


def fill(template: str, comments: Mapping[str, str], **places: str) -> str:
    """The code that a template stands for."""

    def comment(match: re.Match[str]) -> str:
        indent, text = match[1], Template(comments[match[2]]).substitute(places)
        return "\n".join(f"{indent}# {line}" for line in text.splitlines()).replace("$", "$$")

    return Template(_COMMENT.sub(comment, template.strip("\n"))).substitute(places)


def quoted(word: str) -> str:
    """A word as it may stand inside double quotes, its symbols called as they are in the code.

    So English words are ASCII, and Chinese ones GBK: a terminal may know no more.
    """
    for symbol, name in NAMES.items():
        word = word.replace(symbol, name)
    return json.dumps(word, ensure_ascii=False)[1:-1]


def literal(values: np.ndarray) -> str:
    """Numbers as a list of Python's, in full: reading them back gives the same bits.

    A matrix that would be hard to read row by row is one list, to be reshaped.
    """
    if values.ndim == 1 or _is_flat(values):
        line = "[" + ", ".join(_texts(values)) + "]"
        return line if len(line) < WIDTH - 5 else _wrapped(_texts(values))
    rows = "\n".join(f"    {row}," for row in _rows(values))
    return f"[\n{rows}\n]"


def reshaped(values: np.ndarray) -> str:
    """What the list of `literal` still needs to have the shape of ``values``."""
    if not _is_flat(values):
        return ""
    return f".reshape({', '.join(map(str, values.shape))})"


def _is_flat(values: np.ndarray) -> bool:
    """Whether a matrix is a long column, or has rows longer than a line."""
    if values.ndim == 1:
        return False
    long = len(values) > 8 and values.shape[1] == 1
    return long or max(map(len, _rows(values))) > WIDTH - 5


def _rows(values: np.ndarray) -> list[str]:
    return ["[" + ", ".join(_texts(row)) + "]" for row in values]


def _wrapped(texts: Sequence[str]) -> str:
    lines = textwrap.fill(", ".join(texts) + ",", WIDTH - 8, break_on_hyphens=False)
    return "[\n" + textwrap.indent(lines, "    ") + "\n]"


def _texts(values: np.ndarray) -> list[str]:
    return [repr(float(value)) for value in values.flat]


def columns_that_fit(values: np.ndarray) -> int:
    """How many features of a batch (m, d) are written out: whole ones, and one at least."""
    m, d = values.shape
    return min(d, max(MOST_NUMBERS // m, 1))


# ---- files -------------------------------------------------------------------------------------


def script(cells: Sequence[Cell]) -> str:
    """The code of the cells, one after the other; two blank lines around functions."""
    parts = [cells[0].code]
    for before, cell in pairwise(cells):
        far = _FUNCTION.match(before.code) or _FUNCTION.match(cell.code)
        parts.append(("\n\n\n" if far else "\n\n") + cell.code)
    return "".join(parts) + "\n"


def notebook(chapter: str, title: str, cells: Sequence[Cell]) -> str:
    """A Jupyter notebook of the cells (format 4.5), not yet run."""
    parts = list(_notebook_cells(f"# {title}\n\n", cells))
    for number, part in enumerate(parts, 1):
        part["id"] = f"{chapter}-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {
        "cells": parts,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _notebook_cells(heading: str, cells: Sequence[Cell]) -> Iterator[dict[str, Any]]:
    for cell in cells:
        text = heading + cell.text
        heading = ""
        if text:
            yield {"cell_type": "markdown", "metadata": {}, "source": _lines(text)}
        yield {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": _lines(cell.code),
        }


def _lines(text: str) -> list[str]:
    return text.rstrip("\n").splitlines(keepends=True)
