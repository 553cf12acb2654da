"""A Plotly figure that is redrawn while a knob is dragged: the one custom component.

Streamlit's slider speaks only on release. Here Python computes the picture for every position of
every knob beforehand, the browser shows them under the finger, and the release is *proposed* to
Python, which clamps it, remembers it, and computes all pictures afresh around the new point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bn_ui import url
from bn_ui.component import component
from bn_ui.figures.changes import Change, Table
from bn_ui.live_chart import commit
from bn_ui.live_chart.message import Knob, encode
from bn_ui.numbers import number_text
from bn_ui.palette import chart_palette
from bn_ui.server import plotly_url
from bn_ui.text import t
from bn_ui.url import Field

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Picture:
    """A figure and what is said about it.

    figure : ``data``, ``layout``, and ``narrow``, the layout for a phone
    base : the changes that put the committed numbers in (one row each)
    alt : what the picture shows, for a screen reader, with the values that matter
    caption : a sentence, spoken when its numbers have changed
    formats : "number", "whole" or "percent" for each number of the ``cells`` change; {0}, {1} … in
        alt and caption are such numbers
    filename : of the PNG and SVG
    """

    figure: dict[str, Any]
    base: Sequence[Change]
    alt: str
    filename: str
    caption: str = ""
    formats: Sequence[str] = ()
    table: Table = field(default_factory=Table)


def knob(field: Field, values: np.ndarray, changes: Sequence[Change]) -> Knob:
    """A knob for ``field`` with a position for each of ``values``, of which its default is one."""
    name = t(f"knobs.{field.key}")
    value = url.value(field)
    return Knob(
        key=field.key,
        label=name,
        reset=t("knobs.reset", name=name, value=number_text(field.default)),
        values=values,
        texts=[number_text(position) for position in values],
        value=value,
        text=number_text(value),
        default=field.default,
        changes=changes,
    )


def live_chart(
    picture: Picture, knobs: Sequence[Knob] = (), *, key: str, fields: Sequence[Field] = ()
) -> None:
    """Draw the picture with its knobs; what is released is taken into ``fields``."""
    data = message(picture, knobs, commit.token(key))
    chart = component(_HERE, ["live_chart"])
    chart(key=key, data=data, on_commit_change=commit.take(fields, key))


def message(picture: Picture, knobs: Sequence[Knob], token: int) -> bytes:
    """Everything the browser needs until the next commit."""
    header = {
        "token": token,
        "plotly": plotly_url(),
        "palette": chart_palette(),
        "figure": picture.figure,
        "alt": picture.alt,
        "caption": picture.caption,
        "formats": list(picture.formats),
        "table": asdict(picture.table),
        "filename": picture.filename,
        "failed": t("frame.chart_failed"),
        "downloads": [
            {"format": "png", "label": t("frame.download_png")},
            {"format": "svg", "label": t("frame.download_svg")},
        ],
    }
    return encode(header, picture.base, knobs)
