"""Where the programs are shown and fetched: closed until somebody asks, at the end of the lab."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

from bn_ui.export import file_button
from bn_ui.take_along.program import Cell, TakeAlong, notebook, script
from bn_ui.text import t

LIBRARIES = {"numpy": "NumPy", "torch": "PyTorch"}


@st.fragment
def take_along(chapter: str, make: Callable[[], TakeAlong], *, practising: bool = False) -> None:
    """The programs of a screen. They would give away what somebody ``practising`` is to find."""
    box = _box(f"{chapter}_code")
    if not box.open:
        return
    with box:
        if practising:
            st.info(t("code.practising"), icon=":material/visibility_off:")
        else:
            _show(make())


def _box(key: str) -> ExpanderContainer:
    """Open or closed, as it was left: with a new label, in another language, it would close."""
    left = f"{key}_open"

    def leave() -> None:
        st.session_state[left] = st.session_state[key]

    st.session_state[key] = bool(st.session_state.get(left))
    return st.expander(t("code.title"), key=key, icon=":material/code:", on_change=leave)


def _show(programs: TakeAlong) -> None:
    chapter = programs.chapter
    library = st.segmented_control(
        t("code.library"),
        list(LIBRARIES),
        default="numpy",
        format_func=LIBRARIES.__getitem__,
        key=f"{chapter}_code_library",
        required=True,
        persist_state="session",
    )
    if programs.remark:
        st.caption(programs.remark)
    cells = {"numpy": programs.numpy, "torch": programs.torch}
    with st.container(horizontal=True):
        _script_button(t("code.numpy_script"), chapter, "numpy", cells["numpy"])
        _script_button(t("code.torch_script"), f"{chapter}_torch", "torch", cells["torch"])
        file_button(
            t("code.notebook"),
            lambda: notebook(chapter, programs.title, programs.numpy).encode(),
            f"{chapter}.ipynb",
            "application/x-ipynb+json",
            f"{chapter}_code_notebook",
        )
    st.caption(t("code.how"))
    # Streamlit's colours for Python are too pale on its own background for many eyes.
    st.html("<style>[data-testid=stCode] .token { color: inherit !important; }</style>")
    st.code(script(cells[library]), language="python", wrap_lines=True)


def _script_button(label: str, filename: str, library: str, cells: Sequence[Cell]) -> None:
    key = f"{filename}_code_{library}"
    file_button(label, lambda: script(cells).encode(), f"{filename}.py", "text/x-python", key)
