"""Buttons in a fragment whose press concerns the whole page.

Streamlit draws the button's fragment only, and a callback cannot make it draw more. So the callback
asks for the whole page, and the fragment passes that on, first of all.
"""

from __future__ import annotations

import streamlit as st

_ASKED = "whole_page_asked"


def ask() -> None:
    """In a callback: what it has changed is shown elsewhere too, or a run was stopped. Only when
    the whole page is drawn does the browser forget to ask how far a run is."""
    st.session_state[_ASKED] = True


def draw_if_asked() -> None:
    """In the fragment, before anything that a press may have changed."""
    if st.session_state.pop(_ASKED, False):
        st.rerun()
