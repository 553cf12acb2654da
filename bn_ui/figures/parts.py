"""What all figures are made of: a canvas, axes, titles. Colours are names of the palette: "@x"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Figure = dict[str, Any]
Words = Mapping[str, str]


def canvas(height: int) -> Figure:
    """Layout without axes. Dragging pans nothing: on a phone it scrolls the page."""
    return {
        "height": height,
        "margin": {"l": 48, "r": 8, "t": 8, "b": 42},
        "paper_bgcolor": "@background",
        "plot_bgcolor": "@background",
        "font": {"family": "@font", "size": 13, "color": "@text"},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "hoverlabel": {"font": {"family": "@font"}},
    }


def axis(
    domain: Sequence[float], title: str, colour: str = "@text", nticks: int = 5, **more: Any
) -> Figure:
    """An axis with its title on one part of the canvas. Fixed: a live chart sets its range."""
    return {
        "domain": list(domain),
        "title": {"text": title, "font": {"color": colour, "size": 13}, "standoff": 4},
        "fixedrange": True,
        "autorange": False,
        "range": [0, 1],
        "nticks": nticks,
        "gridcolor": "@grid",
        "linecolor": "@border",
        "zeroline": False,
        "exponentformat": "none",
    } | more


def legend() -> Figure:
    """Names of the traces in a row above the panels; the layout's margin makes room for it."""
    place = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}}
    return {"showlegend": True, "legend": place}


def saturated(axis: str, start: float, end: float) -> Figure:
    """Grey behind a panel, from one place of its x axis ("x", "x2", …) to another."""
    return {
        "type": "rect",
        "xref": axis,
        "yref": f"{axis.replace('x', 'y')} domain",
        "x0": start,
        "x1": end,
        "y0": 0,
        "y1": 1,
        "fillcolor": "@saturated",
        "line": {"width": 0},
        "layer": "below",
    }


def title(axis: str, text: str, colour: str) -> Figure:
    """A heading above the panel of an x axis ("x", "x2", …), in the colour of what it shows."""
    return {
        "xref": f"{axis} domain",
        "yref": f"{axis.replace('x', 'y')} domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "text": text,
        "showarrow": False,
        "font": {"color": colour, "size": 14},
    }
