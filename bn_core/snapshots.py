"""What is kept of a network at one moment of its training: small, immutable, ready to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bn_core.activations import ACTIVATIONS
from bn_core.engine import Look
from bn_core.inference import Evaluation
from bn_core.network import Network, Statistics
from bn_core.summaries import count_below, moments

FloatArray = NDArray[np.floating[Any]]

OUTLINE_AXIS = (-8.0, 8.0)  # one for all layers, steps and networks, so that movement is visible
OUTLINE_EDGES = np.linspace(*OUTLINE_AXIS, 65)
PERCENTILES = (15, 50, 85)  # those of figure 1(b, c) in Ioffe & Szegedy (2015)
UNITS_WATCHED = 4
UNITS_KEPT = 100

OUTLINE_EDGES.setflags(write=False)


@dataclass(frozen=True, eq=False)
class ActivationInputs:
    """What the activations of each hidden layer see, over the samples of the probe.

    Parameters
    ----------
    mean, sd, skew, saturated
        Of all units of a layer together, each (depth,); ``saturated`` is the share of values where
        the activation's slope is below a fifth of its largest.
    counts
        Histogram of all units together over the bins of :data:`OUTLINE_EDGES`, (depth, 64).
    outside
        How many values lie below the first edge and from the last one on, (depth, 2).
    percentiles
        15th, 50th and 85th of all units together, (depth, 3).
    unit_percentiles
        The same of each of a layer's first units, (depth, at most UNITS_WATCHED, 3).
    """

    mean: FloatArray
    sd: FloatArray
    skew: FloatArray
    saturated: FloatArray
    counts: NDArray[np.int32]
    outside: NDArray[np.int32]
    percentiles: FloatArray
    unit_percentiles: FloatArray


@dataclass(frozen=True, eq=False)
class BatchNormState:
    """Parameters and statistics of each hidden layer's BN, of its first UNITS_KEPT units at most.

    Parameters
    ----------
    gamma, beta
        Scale and shift, (depth, units) each.
    running_mean, running_var
        What inference would normalise with.
    batch_mean, batch_var
        Mean of the statistics of the probe's mini-batches, the variance unbiased: what the running
        ones are after.
    """

    gamma: FloatArray
    beta: FloatArray
    running_mean: FloatArray
    running_var: FloatArray
    batch_mean: FloatArray
    batch_var: FloatArray


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A network after ``step`` steps.

    Parameters
    ----------
    step
        How many mini-batches it has learned from.
    loss
        Mean loss of those since the snapshot before, each taken before the network learned from
        it. At step 0, of the probe.
    held_out
        Loss and accuracy on the held-out data, with the running statistics.
    inputs
        What the activations see.
    gradient_norms, weight_norms
        ‖∂loss/∂W‖, mean over the probe's mini-batches, and ‖W‖, of each layer, the output layer
        included: (depth + 1,).
    batch_norm
        None in a network without.
    """

    step: int
    loss: float
    held_out: Evaluation
    inputs: ActivationInputs
    gradient_norms: FloatArray
    weight_norms: FloatArray
    batch_norm: BatchNormState | None


def snapshot(
    step: int,
    loss: float,
    held_out: Evaluation,
    network: Network,
    running: Statistics,
    looks: Sequence[Look],
) -> Snapshot:
    """Summarise what a network is and what it made of each mini-batch of a probe."""
    norms = [_weight_norms(look.gradients) for look in looks]
    return Snapshot(
        step=step,
        loss=loss,
        held_out=held_out,
        inputs=_activation_inputs(network.activation, looks),
        gradient_norms=_kept(np.mean(norms, axis=0)),
        weight_norms=_kept(_weight_norms(network)),
        batch_norm=_batch_norm_state(network, running, looks),
    )


def _activation_inputs(activation: str, looks: Sequence[Look]) -> ActivationInputs:
    every_batch = zip(*(look.activation_inputs for look in looks), strict=True)
    layers = [_layer_inputs(activation, np.concatenate(parts)) for parts in every_batch]
    return ActivationInputs(*(_kept(np.array(column)) for column in zip(*layers, strict=True)))


def _layer_inputs(activation: str, values: FloatArray) -> tuple[Any, ...]:
    """One layer's part of each field of :class:`ActivationInputs`, from (samples, width)."""
    row = np.sort(values, axis=None)[np.newaxis]
    of_row = moments(row)
    below = count_below(row, OUTLINE_EDGES, scale=np.ones(1), shift=np.zeros(1))[0]
    return (
        of_row.mean[0],
        of_row.sd[0],
        of_row.skew[0],
        np.float32(ACTIVATIONS[activation].saturated(row).mean()),
        np.diff(below).astype(np.int32),
        np.array([below[0], row.size - below[-1]], np.int32),
        np.percentile(row[0], PERCENTILES),
        np.percentile(values[:, :UNITS_WATCHED], PERCENTILES, axis=0).T,
    )


def _batch_norm_state(
    network: Network, running: Statistics, looks: Sequence[Look]
) -> BatchNormState | None:
    pairs = zip(network.layers, running, strict=True)
    rows = [
        (layer.gamma, layer.beta, stats.mean, stats.var)
        for layer, stats in pairs
        if stats is not None
    ]
    if not rows:
        return None
    m = len(looks[0].activation_inputs[0])
    batch_mean = np.mean([look.mean for look in looks], axis=0)
    batch_var = np.mean([look.var for look in looks], axis=0) * (m / max(m - 1, 1))
    columns = (*(np.array(column) for column in zip(*rows, strict=True)), batch_mean, batch_var)
    return BatchNormState(*(_kept(column[:, :UNITS_KEPT]) for column in columns))


def _weight_norms(network: Network) -> FloatArray:
    return np.array([np.linalg.norm(layer.weight) for layer in network.layers])


def _kept(array: NDArray[Any]) -> NDArray[Any]:
    """A copy that nobody can write to, and no finer than a picture needs."""
    copy = array.astype(np.float32 if array.dtype == np.float64 else array.dtype)
    copy.setflags(write=False)
    return copy
