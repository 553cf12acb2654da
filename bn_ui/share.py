"""The link that reproduces the screen, and the button that sets it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlencode, urlsplit

import streamlit as st

from bn_ui import url
from bn_ui.text import t
from bn_ui.url import Field


def link(chapter: str, fields: Sequence[Field]) -> str:
    """The whole address of this screen, its language included."""
    query = urlencode(url.link_parameters(fields, always_language=True))
    here = urlsplit(st.context.url or "")
    host = f"{here.scheme}://{here.netloc}" if here.netloc else ""
    above = here.path.removesuffix("/").removesuffix(f"/{chapter}").rstrip("/")
    return f"{host}{above}/{chapter}?{query}"


def footer(
    chapter: str, fields: Sequence[Field], reset: Callable[[], None], warning: str = ""
) -> None:
    """Reset and link. ``warning`` says what the link cannot carry."""
    with st.container(horizontal=True):
        st.button(
            t("frame.reset"),
            key=f"{chapter}_reset",
            icon=":material/restart_alt:",
            on_click=reset,
        )
        with st.popover(t("frame.link"), icon=":material/link:"):
            st.caption(t("frame.link_help"))
            if warning:
                st.warning(warning, icon=":material/warning:")
            st.code(link(chapter, fields), language=None, wrap_lines=True)
