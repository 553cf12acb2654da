"""Batches a chapter can look at, kept for the next student who asks for the same one.

Arrays are shared between sessions, so they are read-only. Everything here is decided by its
arguments: the same link gives the same numbers on every screen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import streamlit as st

from bn_core import forward_train
from bn_core.datasets import (
    SYNTHETIC_KINDS,
    load_digits,
    load_fashion_mnist,
    sample_batch,
    synthetic_batch,
)
from bn_core.network import forward, initial_network, pre_activations, upstream_gradients
from bn_core.summaries import BatchNoise, batch_noise
from bn_core.upstream import softmax_cross_entropy

IMAGES = {"digits": load_digits, "fashion": load_fashion_mnist}


class Hidden(NamedTuple):
    """Which pre-activations: of ``layer`` of a random network fed ``m`` images of ``source``."""

    source: str
    m: int
    layer: int
    width: int
    activation: str
    seed: int


@st.cache_resource(max_entries=64, show_spinner=False)
def hidden_batch(hidden: Hidden, scale: float) -> np.ndarray:
    """Pre-activations at one weight scale, (m, width) float64, read-only."""
    images = sample_batch(IMAGES[hidden.source]().images, hidden.m, hidden.seed)
    sizes = [images.shape[1]] + [hidden.width] * hidden.layer
    network = initial_network(
        sizes, activation=hidden.activation, weight_scale=scale, seed=hidden.seed
    )
    return _read_only(pre_activations(network, images.astype(np.float64), hidden.layer))


def hidden_stack(hidden: Hidden, scales: np.ndarray, columns: slice) -> np.ndarray:
    """Some units' pre-activations at many weight scales, (scales, m, units), read-only.

    The same images and the same standard normal draws at every scale: only the scale differs.
    """
    # A whole layer at 41 scales takes far more memory than one unit at 121: two shelves.
    keep = _few_units if columns.stop - columns.start == 1 else _many_units
    return keep(hidden, len(scales), columns.start, columns.stop, scales)


def _stack(
    hidden: Hidden, positions: int, start: int, stop: int, _scales: np.ndarray
) -> np.ndarray:
    """The shelf's key is without the scales, as hashing them took longer than all the rest: their
    number says which grid they are."""
    make = hidden_batch.__wrapped__  # at these scales one batch will hardly be asked for again
    return _read_only(np.stack([make(hidden, scale)[:, start:stop] for scale in _scales.tolist()]))


_few_units = st.cache_resource(max_entries=64, show_spinner=False)(_stack)
_many_units = st.cache_resource(max_entries=8, show_spinner=False)(_stack)


class FirstLayer(NamedTuple):
    """A batch (m, pixels) and what the first layer makes of it at weight scale 1, (m, units)."""

    images: np.ndarray
    x: np.ndarray


FIRST_SIZE, FIRST_UNITS = 64, 16
FIRST_SOURCES = ("digits", "normal")


@st.cache_resource(max_entries=64, show_spinner=False)
def first_layer(source: str, seed: int) -> FirstLayer:
    """A fully connected layer without bias, fed digits, or as many standard normal numbers."""
    images = sample_batch(load_digits().images, FIRST_SIZE, seed)
    if source == "normal":
        images = np.random.default_rng([seed, FIRST_SIZE]).standard_normal(images.shape)
    sizes = [images.shape[1], FIRST_UNITS]
    network = initial_network(sizes, activation="sigmoid", bias=False, seed=seed)
    return FirstLayer(_read_only(images), _read_only(pre_activations(network, images, 1)))


@st.cache_resource(max_entries=64, show_spinner=False)
def synthetic(kind: str, m: int, d: int, seed: int) -> np.ndarray:
    """A synthetic batch, (m, d) float64, read-only."""
    return _read_only(synthetic_batch(kind, m, d, seed))


@st.cache_resource(show_spinner=False)
def shape_gallery(m: int) -> tuple[tuple[str, ...], np.ndarray]:
    """A feature of each synthetic shape that varies, each elsewhere: names and (m, kinds)."""
    kinds = tuple(kind for kind in SYNTHETIC_KINDS if kind != "constant")
    columns = [synthetic(kind, m, len(kinds), 0)[:, k] for k, kind in enumerate(kinds)]
    return kinds, _read_only(np.stack(columns, axis=1))


@st.cache_resource(show_spinner=False)
def network_layer(m: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """The last BN layer of a real network on ``m`` digits: what goes into it, and what comes back.

    Two hidden layers of 16 tanh units with BN, random weights, softmax cross-entropy; of the last
    hidden layer the ``d`` units that the loss depends on most. Both arrays are (m, d).
    """
    digits = load_digits()
    chosen = np.arange(m)
    images = digits.images[chosen].astype(np.float64)
    network = initial_network(
        [images.shape[1], 16, 16, 10], activation="tanh", batch_norm=True, linear_output=True
    )
    records = forward(network, images)
    _, d_logits = softmax_cross_entropy(records[-1].output, digits.labels[chosen])
    dy = upstream_gradients(network, records, d_logits)[-2]
    units = np.sort(np.argsort(-np.abs(dy).sum(axis=0))[:d])
    return _read_only(records[-2].pre_activation[:, units]), _read_only(dy[:, units])


@st.cache_resource(show_spinner=False)
def all_digits() -> np.ndarray:
    """Layer 5 of the network that `Hidden` chapters open with, fed all digits, shuffled.

    (1797, 32) float64, read-only.
    """
    return hidden_batch(Hidden("digits", len(load_digits().images), 5, 32, "sigmoid", 0), 8.0)


def unit_batches(unit: int, m: int, most: int) -> np.ndarray:
    """Up to ``most`` mini-batches of one unit (from 1), no image twice, (n, m)."""
    values = all_digits()[:, unit - 1]
    n = min(most, len(values) // m)
    return values[: n * m].reshape(n, m)


@st.cache_resource(max_entries=64, show_spinner=False)
def stream_input(m: int, d: int, seed: int) -> np.ndarray:
    """What enters residual blocks: digits through random units, standardised, (m, d)."""
    first = hidden_batch(Hidden("digits", m, 1, d, "relu", seed), 1.0)
    return _read_only(forward_train(first).x_hat)


NOISE_SIZES = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
NOISE_BATCHES = 1000


@st.cache_resource(show_spinner=False)
def population_noise(source: str) -> BatchNoise:
    """Scatter of μ and σ² of mini-batches drawn from a large population.

    ``digits`` is a unit of the network that the chapter opens with, fed all 1,797 digits; the
    others are synthetic shapes.
    """
    digits = source == "digits"
    population = all_digits()[:, 6] if digits else synthetic(source, 20_000, 1, 0)[:, 0]
    return batch_noise(population, NOISE_SIZES, NOISE_BATCHES, seed=0)


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
