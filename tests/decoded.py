"""The live chart's message read back, as ``decode`` in ``live_chart.js`` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from bn_ui.figures.changes import Change
from bn_ui.live_chart.message import encode
from bn_ui.palette import chart_palette

# What the script takes from the page's own theme.
FROM_THE_PAGE = {"text": "#123456", "background": "#ffffff", "border": "#654321", "font": "serif"}


@dataclass(frozen=True)
class Decoded:
    """``header`` as sent; every change in ``base`` and ``knobs`` also has its ``rows``."""

    header: dict[str, Any]
    header_end: int
    size: int

    @property
    def base(self) -> list[dict[str, Any]]:
        return self.header["base"]

    @property
    def knobs(self) -> dict[str, dict[str, Any]]:
        return {knob["key"]: knob for knob in self.header["knobs"]}

    def all_changes(self) -> list[dict[str, Any]]:
        return [*self.base, *(c for knob in self.header["knobs"] for c in knob["changes"])]

    def cells(self) -> np.ndarray:
        """The committed numbers of table and caption."""
        (change,) = (change for change in self.base if change["kind"] == "cells")
        return change["rows"][0]


def decode(data: bytes) -> Decoded:
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length], parse_constant=_refuse)
    message = Decoded(header, 4 + length, len(data))
    for change in message.all_changes():
        array = change["array"]
        rows, columns = array["shape"]
        dtype = np.dtype("<" + array["dtype"])
        start = message.header_end + array["start"]
        flat = np.frombuffer(data, dtype, rows * columns, start)
        change["rows"] = flat.reshape(rows, columns)
    return message


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON: a browser would refuse the message")


def apply(figure: dict[str, Any], changes: list[dict[str, Any]], row: int) -> list[float] | None:
    """Put one row of each change into ``figure`` ({"data", "layout"}), as the script does.

    Returns the numbers of the table, if one of the changes holds them.
    """
    numbers = None
    for change in changes:
        values = change["rows"][row]
        if change["kind"] == "cells":
            numbers = values.tolist()
        elif change["kind"] == "layout":
            axis, name = change["path"]
            figure["layout"][axis][name] = values.tolist()
        else:
            trace = figure["data"][change["trace"]]
            if change["unit"] is None:
                trace[change["attribute"]] = values.tolist()
            else:
                heights = values * change["unit"] + change["offset"]
                trace[change["attribute"]] = heights.tolist()
                trace["customdata"] = values.tolist()
    return numbers


def themed(node: Any, palette: dict[str, str]) -> Any:
    """``node`` with the colour "@name" replaced by the palette's, as the script does."""
    if isinstance(node, str) and node.startswith("@"):
        return palette[node[1:]]
    if isinstance(node, dict):
        return {key: themed(value, palette) for key, value in node.items()}
    return [themed(item, palette) for item in node] if isinstance(node, list) else node


def as_drawn(
    source: Mapping[str, Any],
    changes: Sequence[Change],
    layout: str = "layout",
    theme: str = "light",
    row: int = 0,
) -> tuple[dict[str, Any], list[float]]:
    """A picture as the browser hands it to Plotly, colours and numbers filled in, and the numbers
    of its table."""
    figure = deepcopy({"data": source["data"], "layout": source[layout]})
    figure = themed(figure, chart_palette()[theme] | FROM_THE_PAGE)
    numbers = apply(figure, decode(encode({}, changes, [])).base, row)
    return figure, numbers or []
