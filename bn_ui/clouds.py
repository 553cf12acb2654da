"""What the whitening chapter looks at, kept for the next student who asks for the same.

Arrays are shared between sessions. Everything here but the measured times is decided by its
arguments: the same link gives the same numbers on every screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import streamlit as st

from bn_core import forward_train, whitening_cost
from bn_core.datasets import load_digits, sample_batch
from bn_core.whitening import (
    Directions,
    correlated,
    directions,
    landmarks,
    mean_squared_distance,
    pca_with_signs,
    stages,
    white_cloud,
    whiten,
)
from bn_core.whitening_cost import Cost
from bn_ui.batches import Hidden, hidden_batch, synthetic
from bn_ui.figures import whitening as figures
from bn_ui.figures.changes import Change

SIZE = 128  # samples in a cloud
IMAGES = 1797
UNITS, UNIT_LAYER, PIXELS = 8, 2, 64
REAL_EPS = 1e-5  # of real features one may be constant; the others are exact with ε = 0
TURN_RHO = 0.9
FRESH = 1000  # samples that are not in the batch
MEASURED_FOR = 60  # seconds for which everybody gets the same measurement


class Cloud(NamedTuple):
    """Two features: the batch (m, 2), what they are called, and the ε it is looked at with.

    centre, reach : middle of the first panel, and half the sides of all
    marked : the samples with letters
    """

    x: np.ndarray
    names: Sequence[str]
    eps: float
    centre: np.ndarray
    reach: dict[str, float]
    marked: list[int]


# ---- four clouds ---------------------------------------------------------------------------------


def made_cloud(seed: int, rho: float, ratio: float, names: Sequence[str]) -> Cloud:
    """With the correlation and the scales that are asked for; panels do not depend on them."""
    white = _white(seed)
    return Cloud(
        correlated(white, rho, ratio), names, 0.0, np.zeros(2), _reach(white), landmarks(white)
    )


def real_cloud(source: str, pair: Sequence[int], seed: int, names: Sequence[str]) -> Cloud:
    """Two hidden "units" or "pixels" of digits, by their numbers from 1 on."""
    batch = _units(seed) if source == "units" else _pixels(seed)
    x = batch[:, [n - 1 for n in pair]]
    found = stages(x, eps=REAL_EPS)
    marked = landmarks(found["zca"].values)
    return Cloud(x, names, REAL_EPS, found["x"].spectrum.mu, figures.reaches(found), marked)


@st.cache_data(max_entries=64, show_spinner=False)
def cloud_frames(seed: int, rho: float, ratio: float) -> dict[str, list[Change]]:
    """What the two knobs change: the correlation moves all clouds, the scales not the second."""
    white = _white(seed)
    marked, reach = landmarks(white), _reach(white)

    def frames(pairs: Sequence[tuple[float, float]], panels: Sequence[str]) -> list[Change]:
        found = [stages(correlated(white, *pair), eps=0.0) for pair in pairs]
        return figures.cloud_changes(found, marked, np.zeros(2), reach, panels)

    return {
        "rho": frames([(each, ratio) for each in figures.RHOS.tolist()], figures.STAGES),
        "ratio": frames([(rho, each) for each in figures.RATIOS.tolist()], ("x", "pca", "zca")),
    }


def _white(seed: int) -> np.ndarray:
    return white_cloud(SIZE, seed)


def _reach(white: np.ndarray) -> dict[str, float]:
    return figures.reaches(stages(white, eps=0.0), figures.WIDEST)


def _units(seed: int) -> np.ndarray:
    return hidden_batch(Hidden("digits", SIZE, UNIT_LAYER, UNITS, "tanh", seed), 1.0)


@st.cache_resource(max_entries=64, show_spinner=False)
def _pixels(seed: int) -> np.ndarray:
    return sample_batch(load_digits().images, SIZE, seed).astype(np.float64)


# ---- a whitened cloud, turned; one sample in batch after batch -----------------------------------

FLIPS = {"pca": (1, 1), "first": (-1, 1), "second": (1, -1)}


class Turned(NamedTuple):
    """A standardised cloud, a whitened one to be turned, how far ZCA is from the former, and the
    pictures for every angle."""

    x_hat: np.ndarray
    start: np.ndarray
    least: float
    reach: float
    marked: list[int]
    frames: list[Change]


@st.cache_resource(max_entries=8, show_spinner=False)
def turned(start: str) -> Turned:
    """From "zca", or from a key of `FLIPS`: PCA with these signs of the eigenvectors."""
    x_hat = forward_train(correlated(_white(0), TURN_RHO, 1.0), eps=0.0).x_hat
    zca = whiten(x_hat, "zca").z
    z = zca if start == "zca" else pca_with_signs(x_hat, FLIPS[start])
    least, marked = mean_squared_distance(zca, x_hat), landmarks(zca)
    frames = figures.turned_changes(x_hat, z, marked, least, figures.ANGLES)
    reach = figures.reaches(stages(x_hat, eps=0.0))["zca"]
    return Turned(x_hat, z, least, reach, marked, frames)


def first_layer() -> np.ndarray:
    """All digits in the first layer of a small network, (images, units)."""
    return hidden_batch(Hidden("digits", IMAGES, 1, UNITS, "tanh", 0), 1.0)


# ---- what it costs -------------------------------------------------------------------------------


class Measured(NamedTuple):
    when: datetime
    costs: tuple[Cost, ...]


@st.cache_resource(ttl=MEASURED_FOR, show_spinner=False)
def measured_lately() -> Measured:
    """One measurement for all who ask within a minute: those who press meanwhile wait for it."""
    return Measured(datetime.now(UTC), whitening_cost.measure())


# ---- fewer samples than features -----------------------------------------------------------------


def population(source: str) -> np.ndarray:
    """Samples of as many features as the knob offers: first the batch's, then the fresh ones."""
    most, d = figures.M_RANGE[1] + FRESH, figures.D_RANGE[1]
    if source == "normal":
        return synthetic("normal", most, d, 0)
    return hidden_batch(Hidden("digits", most, 1, d, "tanh", 0), 1.0)


def batch_directions(source: str, m: int, d: int) -> Directions:
    rows = population(source)[:, :d]
    return directions(rows[:m], rows[-FRESH:])


@st.cache_data(max_entries=64, show_spinner=False)
def rank_frames(source: str, m: int, d: int, eps: float) -> dict[str, list[Change]]:
    """What the three knobs change."""
    here = batch_directions(source, m, d)
    by_m = [batch_directions(source, each, d) for each in figures.BATCH_SIZES.tolist()]
    by_d = [batch_directions(source, m, each) for each in figures.FEATURES.tolist()]
    return {
        "m": figures.rank_changes(by_m, eps),
        "d": figures.rank_changes(by_d, eps),
        "eps": figures.rank_changes([here] * len(figures.EPSILONS), figures.EPSILONS),
    }
