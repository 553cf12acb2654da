"""What Python sends to the live chart: one ``bytes`` of header and arrays.

Arrays travel as the smallest unsigned integers that hold them, not as JSON: counts of a batch of
256 are one byte each, and Streamlit passes bytes through without serialising them twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bn_ui.figures.changes import Change

ALIGNMENT = 8


@dataclass(frozen=True)
class Knob:
    """A knob: its positions, where it stands, and what changes in the figure at each position."""

    key: str
    label: str
    reset: str
    values: np.ndarray
    texts: list[str]
    value: float
    text: str
    default: float
    changes: Sequence[Change] = ()

    def header(self, changes: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "key": self.key,
            "label": self.label,
            "reset": self.reset,
            "values": self.values.tolist(),
            "texts": self.texts,
            "value": self.value,
            "text": self.text,
            "at": nearest(self.values, self.value),
            "reset_at": nearest(self.values, self.default),
            "changes": changes,
        }


def nearest(values: np.ndarray, value: float) -> int:
    """Position of the value closest to ``value`` (which may have been typed between two)."""
    return int(np.abs(values - value).argmin())


def encode(header: dict[str, Any], base: Sequence[Change], knobs: Sequence[Knob]) -> bytes:
    """Header and arrays as one message; the layout is described beside ``decode`` in the script."""
    arrays = bytearray()

    def place(change: Change) -> dict[str, Any]:
        rows = _compact(np.atleast_2d(change.rows))
        start = len(arrays)
        arrays.extend(rows.tobytes())
        arrays.extend(bytes(-len(arrays) % ALIGNMENT))
        return {
            "kind": change.kind,
            "trace": change.trace,
            "attribute": change.attribute,
            "path": change.path,
            "unit": change.unit,
            "offset": change.offset,
            "array": {"dtype": rows.dtype.str[1:], "start": start, "shape": rows.shape},
        }

    document = header | {
        "base": [place(change) for change in base],
        "knobs": [knob.header([place(change) for change in knob.changes]) for knob in knobs],
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 4) % ALIGNMENT)
    return len(text).to_bytes(4, "little") + text + bytes(arrays)


def _compact(rows: np.ndarray) -> np.ndarray:
    if rows.dtype.kind == "f":
        return np.ascontiguousarray(rows)
    return rows.astype(np.min_scalar_type(int(rows.max(initial=0))))
