"""The server's one pool, and who asks: what of this package is Streamlit's business."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import streamlit as st

from bn_ui.runs.pool import Pool
from bn_ui.runs.process import ROOT
from bn_ui.runs.store import Store

_VIEWER = "runs_viewer"


def folder() -> Path:
    """Where finished runs are kept: BN_RUNS_DIR, or beside the code."""
    return Path(os.environ.get("BN_RUNS_DIR") or ROOT / ".cache" / "runs")


def workers() -> int | None:
    """How many processes may train at once: BN_WORKERS, or None, the number of cores.

    A container's share of the machine's cores is not what Python counts.
    """
    named = os.environ.get("BN_WORKERS", "")
    return max(1, int(named)) if named.isdecimal() else None


@st.cache_resource(show_spinner=False, on_release=Pool.close)
def pool() -> Pool:
    """The same for all sessions."""
    return Pool(workers=workers(), store=Store(folder()))


def viewer() -> str:
    """This browser tab, as long as its session lives; unguessable, for it can stop runs."""
    return st.session_state.setdefault(_VIEWER, secrets.token_hex(16))
