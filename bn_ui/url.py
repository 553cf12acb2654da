"""What is on the screen and what is in the link are the same list of fields.

Each chapter declares its ``Field``s once: widgets, live-chart knobs and the learner's own numbers
alike. This module is the only one that reads or writes the URL.

Streamlit's own ``bind="query-params"`` is not used: for a choice it writes the *label* that is on
the screen into the link, so that a link made in Chinese means nothing in English.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from bn_ui.text import LANGUAGES, browser_language

_KEPT = "url_kept"
_RESET = "url_reset"
_MISREAD = "url_misread"
_SMALLEST = 1e-12  # below it a value is 0, and −0 is 0 too
_LOADED = "url_loaded"  # per field taken from the link in this session: the page it last stood on


@dataclass(frozen=True)
class Field:
    """One value that the link keeps.

    key : name in the link and in the session state (where a widget of that key finds it)
    default : what a link without it means
    clean : any value, of whatever type and from wherever → a valid one; ValueError if hopeless
    read, write : between the value and its text in the link
    """

    key: str
    default: Any
    clean: Callable[[Any], Any]
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = str

    def valid(self, raw: Any, otherwise: Any = None) -> Any:
        """``raw`` made valid; ``otherwise`` (or the default) if nothing can be made of it."""
        try:
            return self.clean(raw)
        except (ValueError, TypeError, OverflowError):
            return self.default if otherwise is None else otherwise

    def from_link(self, text: str | None) -> Any:
        """The value that a link means: the default if it says nothing, or nothing sensible."""
        if text is None:
            return self.default
        try:
            return self.clean(self.read(text))
        except (ValueError, TypeError, OverflowError):
            return self.default

    def means(self, text: str, now: Any) -> bool:
        """Whether ``now`` is what the link asked for, and not what was made of it."""
        try:
            asked = self.read(text)
            return bool(asked == now or float(asked) == now)
        except (ValueError, TypeError, OverflowError):
            return False


def number(key: str, default: float, low: float, high: float) -> Field:
    """A real number in [low, high]; what lies outside is moved to the nearer end."""

    def clean(raw: Any) -> float:
        value = float(raw)
        if value != value:
            raise ValueError("not a number")
        if abs(value) < _SMALLEST:
            value = 0.0
        return min(max(value, low), high)

    return Field(key, default, clean, write=lambda value: f"{value:.12g}")


def integer(key: str, default: int, low: int, high: int) -> Field:
    """A whole number in [low, high]; what lies outside is moved to the nearer end."""

    def clean(raw: Any) -> int:
        return int(min(max(float(raw), low), high))

    return Field(key, default, clean)


def choice(key: str, default: str, options: Sequence[str]) -> Field:
    """One of ``options``, by its name in the code: the same in every language."""

    def clean(raw: Any) -> str:
        if raw not in options:
            raise ValueError(f"{key} must be one of {options}, got {raw!r}")
        return str(raw)

    return Field(key, default, clean)


def switch(key: str, default: bool = False) -> Field:
    """On or off: 1 or 0 in the link."""
    meanings = {"0": False, "1": True}

    def clean(raw: Any) -> bool:
        if not isinstance(raw, bool):
            raise ValueError(f"{key} must be True or False, got {raw!r}")
        return raw

    def read(text: str) -> bool:
        if text not in meanings:
            raise ValueError(f"{key} must be 0 or 1, got {text!r}")
        return meanings[text]

    return Field(key, default, clean, read, write=lambda value: str(int(value)))


def several(key: str, options: Sequence[str], default: Sequence[str] = ()) -> Field:
    """Any number of ``options``, in their order: a comma between them, or "-" for none."""

    def clean(raw: Any) -> list[str]:
        if not isinstance(raw, list | tuple):
            raise ValueError(f"{key} must be a list of {options}, got {raw!r}")
        known = [option for option in options if option in raw]
        if raw and not known:
            raise ValueError(f"{key} must be some of {options}, got {raw!r}")
        return known  # what a widget returns: a list

    def read(text: str) -> list[str]:
        named = [] if text == "-" else text.split(",")
        return [o for o in options if o in named] if set(named) <= set(options) else named

    def write(value: Sequence[str]) -> str:
        return "" if tuple(value) == tuple(default) else ",".join(value) or "-"

    return Field(key, tuple(default), clean, read, write)


def text(
    key: str,
    default: str,
    most: int,
    *,
    read: Callable[[str], str] = str,
    write: Callable[[str], str] = str,
) -> Field:
    """Free text of at most ``most`` characters."""

    def clean(raw: Any) -> str:
        return str(raw)[:most]

    return Field(key, default, clean, read, write)


_everywhere: list[Field] = []
_here: list[Field] = []


def everywhere(*fields: Field) -> None:
    """Have these in the link of every page, as the language is. For import time."""
    _everywhere.extend(field for field in fields if field not in _everywhere)


# What the links of this book mean; one that is newer is read as far as this book understands it.
VERSION = choice("v", "1", ("1",))


def here(*fields: Field) -> None:
    """Have these in the address of the page, and in no link that is copied. For import time."""
    _here.extend(field for field in fields if field not in _here)


def language_field() -> Field:
    return choice("lang", browser_language(), tuple(LANGUAGES))


def load(fields: Sequence[Field]) -> None:
    """Settle every field's value before any widget of theirs is drawn.

    A page calls it with all its fields; a fragment, which also runs alone, with those it draws.

    On the first run of a session and on the browser's Back and Forward the link decides. On any
    other run the widget does; and where there is none, or where it says something that is no
    value (a menu still holds a label of the language before), the last value that was valid.
    """
    context = get_script_run_ctx()
    back_or_forward = context is not None and context.is_history_navigation
    page = this_page()
    loaded = st.session_state.setdefault(_LOADED, {})
    st.session_state[_RESET] = False
    for field in fields:
        linked = back_or_forward or field.key not in loaded
        text = st.query_params.get(field.key)
        now = field.from_link(text) if linked else value(field)
        if linked and text is not None and not field.means(text, now):
            st.session_state[_MISREAD] = True
        # What a widget shows is forgotten where it is not the value, and on another page, where a
        # widget of the same key starts anew: ``controls.settle`` then tells it when it is drawn.
        if loaded.get(field.key) != page or st.session_state.get(field.key, now) != now:
            st.session_state.pop(field.key, None)
        loaded[field.key] = page
        _kept()[field.key] = now


def this_page() -> str:
    """Which page is being drawn: on another one a widget of the same key starts anew."""
    context = get_script_run_ctx()
    return context.page_script_hash if context is not None else ""


def value(field: Field) -> Any:
    """The field's value now, valid whatever the browser sent."""
    last = _kept().get(field.key, field.default)
    return field.valid(st.session_state.get(field.key, last), last)


def assign(field: Field, new: Any) -> None:
    """Give a field a value, in a callback or before its widget is drawn.

    Only a widget that is on the screen is told. One that is not will be when it is drawn: told
    before, it would come up showing something else (``controls.settle``).
    """
    last = _kept().get(field.key, field.default)
    _kept()[field.key] = field.valid(new, last)
    if field.key in st.session_state and st.session_state[field.key] != _kept()[field.key]:
        st.session_state[field.key] = _kept()[field.key]


def assign_all(values: Mapping[Field, object]) -> None:
    """Give several fields their values, as a preset does."""
    for field, value in values.items():
        assign(field, value)


def _kept() -> dict[str, Any]:
    """The last valid value of every field: Streamlit forgets widgets that are not drawn."""
    return st.session_state.setdefault(_KEPT, {})


def save(fields: Sequence[Field]) -> None:
    """Write the link: the fields that differ from their defaults, and nothing else."""
    _kept().update({field.key: value(field) for field in fields})
    wanted = link_parameters(fields)
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def link_parameters(fields: Sequence[Field], *, to_share: bool = False) -> dict[str, str]:
    """The link's parameters: of this page's address, or of a link that somebody else will open.

    The language is named if it is not what this browser would get; to others, always.
    """
    lang = language_field()
    beside = _everywhere if to_share else [*_everywhere, *_here]
    values = [(field, value(field)) for field in (lang, *beside, *fields)]
    texts = {
        field.key: field.write(now)
        for field, now in values
        if now != field.default or (to_share and field is lang)
    }
    return {key: text for key, text in texts.items() if text}


def reset(fields: Sequence[Field]) -> None:
    """Back to the defaults: a callback, so it runs before the widgets are drawn."""
    for field in fields:
        assign(field, field.default)
    st.session_state[_RESET] = True


def misread() -> bool:
    """Whether the link said something that could not be taken as it stands; told once."""
    return bool(st.session_state.pop(_MISREAD, False))


def being_reset() -> bool:
    """Whether Reset was pressed on the way to this run.

    A knob let go just before may arrive together with it, in either order: Reset wins.
    """
    return bool(st.session_state.get(_RESET))
