"""The picture of a show of hands: a bar for every option. Arrays in, plain dictionaries out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bn_core.summaries import rung
from bn_ui.figures import parts
from bn_ui.figures.parts import Figure, Words

_HALF_WIDTH = 0.36  # of a bar; options are 1 apart
LADDER = tuple(digit * 10.0**power for power in range(4) for digit in (1, 2, 5))


def hands_figure(words: Words, letters: Sequence[str], counts: Sequence[int]) -> Figure:
    """Bars from zero with their counts on top; the axis ends at 10, 20, 50, …"""
    n = len(counts)
    top = float(rung(np.array([max(10, 1.15 * max(counts))]), LADDER)[0])
    ends = np.array([-1, -1, 1, 1]) * _HALF_WIDTH
    bars = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": (place + ends).round(3).tolist(),
            "y": [0, count, count, 0],
            "line": {"color": "@x", "width": 2},
            "fill": "toself",
            "fillcolor": "@x_fill",
            "hoverinfo": "skip",
        }
        for place, count in enumerate(counts, 1)
    ]
    numbers = {
        "type": "scatter",
        "mode": "text",
        "x": list(range(1, n + 1)),
        "y": list(counts),
        "text": [str(count) for count in counts],
        "textposition": "top center",
        "textfont": {"color": "@text", "size": 20},
        "cliponaxis": False,
        "hoverinfo": "skip",
    }
    axes = {
        "xaxis": parts.axis((0, 1), words["axis_option"], range=[0.4, n + 0.6])
        | {
            "tickvals": list(range(1, n + 1)),
            "ticktext": list(letters),
            "tickfont": {"size": 20},
            "showgrid": False,
        },
        "yaxis": parts.axis((0, 1), words["axis_hands"], range=[0, top]),
    }
    wide, narrow = parts.canvas(320) | axes, parts.canvas(280) | axes
    for layout in (wide, narrow):
        layout["margin"] = {"l": 56, "r": 8, "t": 28, "b": 60}
    return {"data": [*bars, numbers], "layout": wide, "narrow": narrow}
