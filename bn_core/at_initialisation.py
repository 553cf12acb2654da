"""Gradients of a network that has not been trained yet, layer by layer.

After Yang et al. (2019, https://arxiv.org/abs/1902.08129): in networks with BN and without skip
connections, gradients explode with depth at initialisation, whatever the scale of the weights.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bn_core._checks import checked_int, checked_key
from bn_core.comparison import gradient_ratio
from bn_core.network import backward, forward, initial_network
from bn_core.training_data import DATA_SETS, mini_batches, training_data
from bn_core.upstream import softmax_cross_entropy

FloatArray = NDArray[np.floating[Any]]

KINDS: dict[str, dict[str, Any]] = {
    "plain": {"batch_norm": False, "weight_scale": math.sqrt(2)},  # He et al. (2015)
    "bn": {"batch_norm": True},
    "bn_skips": {"batch_norm": True, "skips": True},
}
"""What stands between the layers of a ReLU network: nothing, BN, or BN and skip connections."""

DEPTHS = (5, 10, 20, 40)
WIDTH, BATCH_SIZE = 32, 64


def gradient_norms(data: str, kind: str, depth: int, seeds: int) -> FloatArray:
    """‖∂ℓ/∂W‖ of every layer, the output layer last: (seeds, depth + 1).

    Parameters
    ----------
    data
        A key of :data:`bn_core.training_data.DATA_SETS`; the mini-batch is the first of training.
    kind
        A key of :data:`KINDS`.
    depth
        Number of hidden layers, at least 1.
    seeds
        Weights and mini-batches of seeds 0 … seeds − 1.
    """
    checked_key("data", data, DATA_SETS)
    checked_key("kind", kind, KINDS)
    depth = checked_int("depth", depth, minimum=1)
    seeds = checked_int("seeds", seeds, minimum=1)
    return np.array([_norms(data, kind, depth, seed) for seed in range(seeds)])


def ratio_span(norms: FloatArray) -> tuple[float, float, float]:
    """First hidden layer's over last hidden layer's: smallest, median and largest of the seeds.

    ``norms`` is what :func:`gradient_norms` returned.
    """
    found = np.array([gradient_ratio(row) for row in norms])
    return float(found.min()), float(np.median(found)), float(found.max())


def _norms(name: str, kind: str, depth: int, seed: int) -> list[float]:
    data = training_data(name)
    rows = next(mini_batches(len(data.x), BATCH_SIZE, seed))
    network = initial_network(
        (data.x.shape[1], *[WIDTH] * depth, data.classes),
        activation="relu",
        linear_output=True,
        seed=seed,
        **KINDS[kind],
    )
    records = forward(network, data.x[rows])
    _, d = softmax_cross_entropy(records[-1].output, data.labels[rows])
    gradients = backward(network, records, d)
    return [float(np.linalg.norm(layer.weight)) for layer in gradients.layers]
