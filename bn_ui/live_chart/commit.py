"""What happens in Python when a knob is released."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from bn_ui import url
from bn_ui.url import Field

_NEWEST_TOKEN = 2**53 - 1  # the largest whole number that JavaScript counts exactly


def take(fields: Sequence[Field], chart: str) -> Callable[[], None]:
    """A callback that puts the knob values a chart proposes, made valid, into the session state.

    It runs before the page, so that boxes, link and figure all see the new values. The token that
    came with the proposal is kept for the answer (see ``token``). Whatever a hand-made message
    holds instead of values and a token is ignored.
    """

    def take_proposal() -> None:
        proposal = st.session_state[chart].commit
        if not isinstance(proposal, dict):
            return
        values = proposal.get("values")
        for field in fields:
            if isinstance(values, dict) and field.key in values and not url.being_reset():
                url.assign(field, field.valid(values[field.key], url.value(field)))
        number = proposal.get("token")
        if isinstance(number, int):
            st.session_state[_key(chart)] = min(max(number, 0), _NEWEST_TOKEN)

    return take_proposal


def token(chart: str) -> int:
    """The newest proposal that the picture to be drawn has taken in."""
    return st.session_state.get(_key(chart), 0)


def _key(chart: str) -> str:
    return f"{chart}_token"
