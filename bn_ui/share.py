"""The link that reproduces the screen, and the button that sets it back."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import urlencode, urlsplit

import segno
import streamlit as st

from bn_ui import url
from bn_ui.copy_link import copy_link
from bn_ui.text import t
from bn_ui.url import Field

# Addresses that lead others nowhere. The last is what a server listens on, not where one finds it.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


def link(chapter: str, fields: Sequence[Field]) -> str:
    """The whole address of this screen, its language included."""
    return address(chapter, chapter, url.link_parameters(fields, to_share=True))


def address(page: str, chapter: str, parameters: Mapping[str, str]) -> str:
    """A link to a chapter, to be kept or handed on, as seen from ``page``, which is open."""
    here = urlsplit(st.context.url or "")
    host = f"{here.scheme}://{here.netloc}" if here.netloc else ""
    above = here.path.removesuffix("/").removesuffix(f"/{page}").rstrip("/")
    versioned = {**parameters, url.VERSION.key: url.VERSION.default}
    return f"{host}{above}/{chapter}?{urlencode(versioned)}"


def is_local() -> bool:
    """Whether this page was opened at an address that only this computer has."""
    return urlsplit(st.context.url or "").hostname in LOCAL_HOSTS


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
            panel(link(chapter, fields), chapter)


def panel(target: str, key: str) -> None:
    """A link as text, a button that copies it, and its QR code on request."""
    copy_link(target, f"{key}_copy_link")
    if st.toggle(t("frame.show_qr"), key=f"{key}_qr"):
        st.image(qr_code(target), alt=t("frame.qr_alt", link=target), width=280)
    if urlsplit(target).hostname in LOCAL_HOSTS:
        st.caption(t("frame.link_local"))


@lru_cache(maxsize=256)
def qr_code(target: str) -> str:
    """The QR code of a link as SVG: black on white in both themes, as scanners want it."""
    code = segno.make(target, error="m", micro=False)
    buffer = io.BytesIO()
    code.save(buffer, kind="svg", scale=8, border=4, light="#fff", xmldecl=False)
    return buffer.getvalue().decode()
