"""What leaves the page as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import streamlit as st


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """CSV in UTF-8 with a byte-order mark, without which a spreadsheet garbles Chinese headers.

    Floats are written in full (``repr``), so that reading them back gives the same bits.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8-sig")


def file_button(
    label: str,
    make: Callable[[], bytes],
    filename: str,
    kind: str,
    key: str,
    icon: str = ":material/download:",
) -> None:
    """A button that makes its file when it is pressed, not at every run.

    Pressing it starts no run either: a run takes the files of the other buttons away, just when
    somebody may be pressing the next one.
    """
    st.download_button(label, make, filename, kind, key=key, icon=icon, on_click="ignore")


def csv_button(label: str, filename: str, make: Callable[[], bytes], key: str) -> None:
    """A button for a file of `csv_bytes`."""
    file_button(label, make, f"{filename}.csv", "text/csv", key)


def batch_rows(names: Sequence[str], *columns: np.ndarray) -> Iterable[tuple[object, ...]]:
    """One row a value: sample, feature, then the value of each array (m, d)."""
    m, d = columns[0].shape
    for i in range(m):
        for k in range(d):
            yield (i + 1, names[k], *(float(column[i, k]) for column in columns))
