"""How this app's custom components are made: plain HTML, CSS and JavaScript, no build step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

SHARED = Path(__file__).with_name("component.js")


def component(folder: Path, scripts: Sequence[str]) -> Callable[..., Any]:
    """The component of a folder: its HTML and CSS are named after it, its scripts are joined.

    Registered at each run, with the same constant texts: a test makes a runtime for each run.
    """
    html, css, js = _source(folder, tuple(scripts))
    # No isolated styles: Plotly does not draw properly inside a shadow root, and the style sheet of
    # formulas is the page's own. Every class of a component starts with "bn-".
    name = f"bn_{folder.name}"
    return st.components.v2.component(name, html=html, css=css, js=js, isolate_styles=False)


@cache
def _source(folder: Path, scripts: tuple[str, ...]) -> tuple[str, str, str]:
    html, css = ((folder / f"{folder.name}.{kind}").read_text("utf-8") for kind in ("html", "css"))
    files = [SHARED, *(folder / f"{name}.js" for name in scripts)]
    return html, css, "\n".join(file.read_text("utf-8") for file in files)
