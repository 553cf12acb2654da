"""The learner's own batch: from pasted or uploaded text to an array, or to a reason why not.

Rows are samples, columns are features. Commas, semicolons, tabs and blanks separate; one header
line of names is allowed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

MAX_ROWS = 2000
MAX_COLUMNS = 64
MAX_BYTES = 1_000_000
BOX_CHARACTERS = 20_000  # more is kept aside: the browser sends the box along with every change
SEPARATORS = ("[;；]", "\t", "[,，、]")  # the first that a line has; blanks if it has none
LINK_CHARACTERS = 1500  # a link that every browser, messenger and QR code takes


class OwnNumbersError(ValueError):
    """Why a text is not a batch: ``reason`` names a label, ``values`` fill its placeholders."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.values = values


@dataclass(frozen=True)
class Limits:
    """How many numbers a page takes, and how large: the last is ``magnitude`` = 10ⁿ."""

    rows: int = MAX_ROWS
    columns: int = MAX_COLUMNS
    least_rows: int = 2
    magnitude: float = 1e12  # squares and cubes of it are still far from overflow


DISTRIBUTION = Limits()


@dataclass(frozen=True)
class OwnBatch:
    """``x`` (m, d) float64, and the names of the columns ("" where there was no header)."""

    x: np.ndarray
    names: tuple[str, ...]


def decode(data: bytes) -> str:
    """Text of an uploaded file; spreadsheets save UTF-8, or UTF-16 with a mark at the start."""
    if len(data) > MAX_BYTES:
        raise OwnNumbersError("too_many_bytes", kilobytes=MAX_BYTES // 1000)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise OwnNumbersError("encoding") from error


def parse(text: str, limits: Limits = DISTRIBUTION) -> OwnBatch:
    """The batch that ``text`` spells, or an OwnNumbersError that says where it goes wrong."""
    if len(text) > MAX_BYTES:
        raise OwnNumbersError("too_many_bytes", kilobytes=MAX_BYTES // 1000)
    lines = [
        (i, _cells(line)) for i, line in enumerate(text.splitlines(), 1) if line.strip(" ,;\t")
    ]
    names: list[str] = []
    if lines and all(_is_name(cell) for cell in lines[0][1]):
        names = lines[0][1]
        lines = lines[1:]
    if not lines:
        raise OwnNumbersError("empty")
    if len(lines) < limits.least_rows:
        raise OwnNumbersError("one_row")
    if len(lines) > limits.rows:
        raise OwnNumbersError("too_many_rows", rows=len(lines), most=limits.rows)
    width = len(lines[0][1])
    if width > limits.columns:
        raise OwnNumbersError("too_many_columns", columns=width, most=limits.columns)
    rows = [_row(line, cells, width, limits.magnitude) for line, cells in lines]
    return OwnBatch(np.array(rows), tuple(names) if len(names) == width else ("",) * width)


def _cells(line: str) -> list[str]:
    """Cells of a line: at semicolons, else at tabs, else at commas, else at blanks.

    Where decimals are written 1,5 spreadsheets separate by semicolons or tabs, or quote: "1,5".
    Such a comma is no separator: the cell is explained as not a number, and not read as two.
    """
    line = line.strip().replace("−", "-")  # the minus sign that this site itself prints
    for separator in SEPARATORS:
        if re.search(separator, line):
            return [_unquoted(cell.strip()) for cell in re.split(separator, line)]
    return [_unquoted(cell) for cell in line.split()]


def _unquoted(cell: str) -> str:
    return cell[1:-1] if re.fullmatch('".*"', cell) else cell


def _row(line: int, cells: list[str], width: int, magnitude: float) -> list[float]:
    if len(cells) != width:
        raise OwnNumbersError("ragged", line=line, cells=len(cells), width=width)
    return [_value(line, column, cell, magnitude) for column, cell in enumerate(cells, 1)]


def _value(line: int, column: int, cell: str, magnitude: float) -> float:
    if not _is_number(cell):
        raise OwnNumbersError("text", line=line, column=column, cell=cell[:20])
    value = float(cell)
    if not np.isfinite(value):
        raise OwnNumbersError("not_finite", line=line, column=column, cell=cell[:20])
    if abs(value) > magnitude:
        limit = round(math.log10(magnitude))
        raise OwnNumbersError("too_big", line=line, column=column, cell=cell[:20], power=limit)
    return value


def _is_name(cell: str) -> bool:
    """1,5 and the halves of a quoted "1,5" are no names: they are meant as numbers."""
    return not _is_number(cell.strip('"').replace(",", "."))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python reads 1_000 as a number; a spreadsheet does not


OMITTED = "-"  # what a link says in place of numbers that are too many for it


def to_link(text: str, limits: Limits = DISTRIBUTION) -> str:
    """The batch as short text for the link; ``OMITTED`` if there is none or it is too large."""
    try:
        batch = parse(text, limits)
    except OwnNumbersError:
        return OMITTED
    link = "_".join("~".join(f"{v:.12g}" for v in row) for row in batch.x)
    return link if len(link) <= LINK_CHARACTERS else OMITTED


def from_link(link: str) -> str:
    """The text a link's numbers stand for, as the box shows it; "" if they were omitted."""
    if len(link) > LINK_CHARACTERS:
        raise ValueError("longer than any link this app writes")
    return "" if link == OMITTED else link.replace("_", "\n").replace("~", ", ")
