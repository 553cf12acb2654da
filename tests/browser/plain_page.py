"""The same picture the ordinary way: ``st.slider`` above ``st.plotly_chart``."""

from copy import deepcopy

import numpy as np
import streamlit as st

from bn_core.activations import ACTIVATIONS
from bn_core.sweeps import passage
from bn_ui.batches import Hidden, hidden_batch
from bn_ui.figures import distributions as figures
from bn_ui.live_chart.message import encode
from bn_ui.palette import BACKGROUNDS, chart_palette
from bn_ui.text import group
from tests.decoded import apply, decode, themed

f = ACTIVATIONS["sigmoid"]
x = hidden_batch(Hidden("digits", 256, 5, 32, "sigmoid", 0), 8.0)[:, [6]]
gamma = st.slider("γ", *figures.GAMMA_RANGE, 1.0, 0.025, key="gamma")
now = passage(x, gamma=np.array([gamma]), activation=f)
page = {
    "text": "#12161c",
    "background": BACKGROUNDS["light"],
    "border": "#d3d8de",
    "font": "sans-serif",
}
source = figures.figure(group("distribution_figure"), f, now)
figure = {name: deepcopy(source[name]) for name in ("data", "layout")}
figure = themed(figure, chart_palette()["light"] | page)
apply(figure, decode(encode({}, figures.changes(now, figures.STAGES), [])).base, 0)
st.plotly_chart(figure, key="picture", theme=None)
