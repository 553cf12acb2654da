"""The same picture the ordinary way: ``st.slider`` above ``st.plotly_chart``."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from bn_core import forward_train
from bn_core.sweeps import FIXED_AXIS, FIXED_BINS

x = np.random.default_rng(0).gamma(2, size=(256, 1))
gamma = st.slider("γ", -2.0, 4.0, 1.0, 0.025, key="gamma")
y = forward_train(x, np.array([gamma]), np.zeros(1)).y
edges = np.linspace(*FIXED_AXIS, FIXED_BINS + 1)
figure = go.Figure(go.Scatter(x=edges, y=np.histogram(y, edges)[0], line_shape="hv"))
figure.update_layout(height=440)
figure.update_xaxes(range=list(FIXED_AXIS))
figure.update_yaxes(range=[0, 256])
st.plotly_chart(figure, key="picture")
