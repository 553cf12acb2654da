"""One colour for each quantity, everywhere it is drawn: curve, table, formula, graph node.

Both themes reach a contrast of 4.5:1 against their background for text, and the hues are those
that the common kinds of colour blindness keep apart (blue, orange, green-blue, purple). The same
values stand in ``.streamlit/config.toml`` as blue, orange, green and violet, so that Markdown's
``:blue[x]`` is the blue of x; a test holds the two together.
"""

from __future__ import annotations

COLOURS = {
    "light": {"x": "#0b66a8", "x_hat": "#a05200", "y": "#00704f", "activation": "#93377f"},
    "dark": {"x": "#6cb4ee", "x_hat": "#f0a345", "y": "#3cc9a0", "activation": "#e495d2"},
}
# Quantities that only the step by step chapters draw.
STEP_COLOURS = {
    "light": {
        "mu": "#6a4fc4",
        "var": "#b3262e",
        "gamma": "#00687d",
        "beta": "#75600a",
        "eps": "#5c6570",
    },
    "dark": {
        "mu": "#b3a1ff",
        "var": "#ff8f8a",
        "gamma": "#5fd0e6",
        "beta": "#dbc85a",
        "eps": "#aeb7c3",
    },
}
# Behind what is pointed at; every colour above can be read on it.
MARKS = {"light": "#fff0c2", "dark": "#3d3208"}
MARKDOWN_NAMES = {"x": "blue", "x_hat": "orange", "y": "green", "activation": "violet"}
BACKGROUNDS = {"light": "#ffffff", "dark": "#0e1117"}


def chart_palette() -> dict[str, dict[str, str]]:
    """Colours the live chart picks from by theme; "@x" in a figure is the colour of x."""
    return {
        theme: _with_fills(theme, colours | STEP_COLOURS[theme])
        for theme, colours in COLOURS.items()
    }


def _with_fills(theme: str, colours: dict[str, str]) -> dict[str, str]:
    alpha = {"light": "33", "dark": "40"}[theme]
    fills = {f"{name}_fill": colour + alpha for name, colour in colours.items()}
    grey = {"light": "#5f667026", "dark": "#c5cad32b"}[theme]
    grid = {"light": "#e3e6ea", "dark": "#2b303b"}[theme]
    return colours | fills | {"saturated": grey, "grid": grid, "mark": MARKS[theme]}
