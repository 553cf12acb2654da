"""The same walk the ordinary way: a button of Streamlit's own, a formula, numbers, a table."""

import numpy as np
import streamlit as st

from bn_core.derivation import FORWARD, derive, operations
from bn_ui.step_player.formulas import plain

STEPS = [operation for _, operation in operations(FORWARD)]


def go_on() -> None:
    st.session_state.step = (st.session_state.get("step", 0) + 1) % len(STEPS)


step = STEPS[st.session_state.get("step", 0)]
values = derive([[1.2, 40], [0.4, 55], [2.9, 38], [-0.5, 61]])
st.button("Next", key="next", on_click=go_on)
st.subheader(step.name, anchor=False)
st.latex(plain(step))
st.code(step.code)
st.table(np.atleast_2d(values[step.name]))
