"""Widgets for fields. Their limits hold in the browser only; what they return is valid anyway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from bn_ui import url
from bn_ui.url import Field


def number(field: Field, label: str, low: float, high: float, **options: Any) -> float:
    """A box for a number. ``low`` and ``high`` may depend on other controls."""
    settle(field, type(field.default)(min(max(url.value(field), low), high)))
    st.number_input(label, low, high, key=field.key, **options)
    return url.value(field)


def pick(field: Field, label: str, names: Mapping[str, str], **options: Any) -> str:
    """Two to five options, all in sight. Clicking the chosen one keeps it chosen."""
    settle(field, url.value(field))
    st.segmented_control(
        label, list(names), format_func=names.__getitem__, key=field.key, required=True, **options
    )
    return url.value(field)


def select(field: Field, label: str, names: Mapping[str, str], **options: Any) -> str:
    """One of many options, in a menu."""
    settle(field, url.value(field))
    st.selectbox(label, list(names), format_func=names.__getitem__, key=field.key, **options)
    return url.value(field)


def switch(field: Field, label: str, **options: Any) -> bool:
    """On or off."""
    settle(field, url.value(field))
    st.toggle(label, key=field.key, **options)
    return url.value(field)


def several(field: Field, label: str, names: Mapping[str, str], **options: Any) -> list[str]:
    """Any number of a few options, all in sight."""
    settle(field, url.value(field))
    st.pills(
        label,
        list(names),
        format_func=names.__getitem__,
        key=field.key,
        selection_mode="multi",
        **options,
    )
    return url.value(field)


def line(field: Field, label: str, most: int, **options: Any) -> str:
    """A line of text."""
    settle(field, url.value(field))
    st.text_input(label, key=field.key, max_chars=most, **options)
    return url.value(field)


def settle(field: Field, value: Any) -> None:
    """Put a valid value where the widget will look, just before it is drawn.

    A widget whose state is assigned in the run that draws it is told by the browser's side too.
    Somebody who is typing would be disturbed by that, so only what differs is assigned.
    """
    if field.key not in st.session_state or st.session_state[field.key] != value:
        st.session_state[field.key] = value
