"""Placeholder until written."""

import streamlit as st

st.write("…")
