"""Projector mode: larger type, one picture, and out of sight what a class does not need.

It is in the link (``present=1``), so a teacher can prepare it; ``hide`` names the parts to leave
out. Parts are hidden, not left undrawn: whoever leaves the mode finds everything as it was.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from bn_ui import url
from bn_ui.text import t

PARTS = ("intro", "controls", "predict", "reading", "quiz", "more")
# What projector mode hides if the link says nothing else.
ALWAYS = ("intro", "reading", "quiz", "more")


PRESENT = url.choice("present", "", ("", "1"))
HIDE = url.several("hide", PARTS, ALWAYS)
url.everywhere(PRESENT, HIDE)


def active() -> bool:
    return url.value(PRESENT) == "1"


def part(name: str, n: int | str = 1) -> Any:
    """A container for such a part of a page, the n-th or the one of an experiment: the link can
    hide it in projector mode."""
    return st.container(key=f"part_{name}_{n}")


def columns(n: int | str = 1) -> tuple[Any, Any]:
    """Columns for the picture and for its controls, the n-th on the page; without those the picture
    has it all."""
    if active() and "controls" in url.value(HIDE):
        picture, side = st.container(), st.container()
    else:
        picture, side = st.columns([3, 1], gap="large")
    with side:
        return picture, part("controls", n)


def style() -> None:
    """What projector mode changes in the page's looks."""
    if not active():
        return
    hidden = [f'[class*="st-key-part_{name}"]' for name in url.value(HIDE)]
    rule = f"{', '.join(hidden)} {{ display: none; }}" if hidden else ""
    st.html(f"<style>{_LOOKS}{rule}</style>")


# Streamlit measures in rem, so that everything grows with the root. The header holds the menu.
_LOOKS = """
html { font-size: 125%; }
header[data-testid="stHeader"], [class*="st-key-lang"] { display: none; }
[data-testid="stMainBlockContainer"] { padding: 0.25rem 2rem; max-width: none; }
[data-testid="stMainBlockContainer"] h1 { font-size: 1.6rem; padding: 0; }
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] { gap: 0.25rem; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] * {
  color: inherit; opacity: 1;
}
.bn-step { font-size: 1.15rem; }
"""


def switch() -> None:
    """The button that enters projector mode, or leaves it."""
    icon = ":material/close_fullscreen:" if active() else ":material/present_to_all:"
    name = "leave" if active() else "enter"
    st.button(t(f"present.{name}"), key="present_switch", icon=icon, on_click=_toggle)


def _toggle() -> None:
    url.assign(PRESENT, "" if active() else "1")
