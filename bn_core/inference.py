"""A trained network in use: which statistics BN takes, and how to be rid of it altogether."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core._checks import checked_int
from bn_core.batchnorm import ForwardTrain, RunningStats
from bn_core.network import BN_EPS, Layer, Network, Statistics, forward
from bn_core.training_data import TrainingData
from bn_core.upstream import softmax_cross_entropy

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Evaluation:
    """How good a classifier is on some samples.

    Parameters
    ----------
    loss
        Mean cross-entropy; may be Inf or NaN.
    accuracy
        Share of samples whose largest logit is that of their class.
    """

    loss: float
    accuracy: float


@np.errstate(all="ignore")  # a diverged network has a loss of NaN; that is the answer
def evaluated(
    network: Network,
    x: ArrayLike,
    labels: ArrayLike,
    running: Statistics | None = None,
    *,
    batch_size: int | None = None,
) -> Evaluation:
    """Loss and accuracy of a classifier.

    Parameters
    ----------
    network
        Its output are logits.
    x, labels
        Samples (n, features) and their n classes.
    running
        What BN normalises with; by default the statistics of the batch a sample is in.
    batch_size
        Samples are taken in their order in batches of this size; those left over are shared out
        among the batches. By default all are one batch. Without BN, or with ``running``, it makes
        no difference.

    Raises
    ------
    ValueError
        If an argument has a wrong shape, or ``batch_size`` is below 1.
    """
    logits = np.concatenate(
        [forward(network, part, running)[-1].output for part in _batches(x, batch_size)]
    )
    loss, _ = softmax_cross_entropy(logits, labels)
    return Evaluation(loss, float((logits.argmax(axis=1) == labels).mean()))


@np.errstate(all="ignore")
def recalibrated(
    network: Network, x: ArrayLike, *, batch_size: int | None = None
) -> tuple[RunningStats | None, ...]:
    r"""Statistics for inference, computed anew for the network as it is after training.

    .. math::
        \mathrm{E}[x] = \mathrm{E}_B[\mu_B] \qquad
        \mathrm{Var}[x] = \tfrac{m}{m-1}\,\mathrm{E}_B[\sigma^2_B]

    Line 10 of Algorithm 2 of Ioffe & Szegedy (2015). Running statistics average over networks that
    training has left behind; these do not.

    Parameters
    ----------
    network
        The network.
    x
        The training data, (n, features), at least two samples.
    batch_size
        Means are over batches of this size, made as in :func:`evaluated`. By default all data are
        one batch, and the statistics those of the whole population.

    Returns
    -------
    One entry a layer: the first argument ``running`` that :func:`bn_core.network.forward` takes.

    Raises
    ------
    ValueError
        If ``x`` has another shape, or a batch would hold fewer than two samples.
    """
    running = [
        RunningStats.initial(layer.weight.shape[1]) if network.has_statistics(layer) else None
        for layer in network.layers
    ]
    for part in _batches(x, batch_size):
        for number, record in enumerate(forward(network, part)):
            before, bn = running[number], record.batch_norm
            if before is not None and isinstance(bn, ForwardTrain):
                running[number] = before.updated(bn, momentum=None)
    return tuple(running)


def evaluated_by_statistics(
    network: Network, running: Statistics, data: TrainingData, batch_size: int
) -> dict[str, Evaluation]:
    """One network on the held-out data, with each kind of statistics BN can take.

    Parameters
    ----------
    network, running
        As training left them.
    data
        What it was trained on.
    batch_size
        How many held-out samples are normalised together.

    Returns
    -------
    By name: ``"running"``; ``"batch"``, the samples' own; ``"recomputed"``, of the training data
    by :func:`recalibrated`.
    """
    x, labels = data.held_out_x, data.held_out_labels
    return {
        "running": evaluated(network, x, labels, running),
        "batch": evaluated(network, x, labels, batch_size=batch_size),
        "recomputed": evaluated(network, x, labels, recalibrated(network, data.x)),
    }


def folded(network: Network, running: Statistics) -> Network:
    r"""The same function without BN: each BN layer becomes part of the linear one before it.

    .. math::
        W' = \frac{\gamma\,W}{\sqrt{\sigma^2_{run} + \epsilon}} \qquad
        b' = \frac{\gamma\,(b - \mu_{run})}{\sqrt{\sigma^2_{run} + \epsilon}} + \beta

    From writing BN's y = γ(z − μ_run)/√(σ²_run + ε) + β for z = x·W + b as one linear map. With
    the statistics of a batch there is no such map: they depend on x.

    Parameters
    ----------
    network
        Has BN before the activation, or none.
    running
        One entry a layer, None where there is no BN.

    Returns
    -------
    A network without BN. Every layer that had one has a bias.

    Raises
    ------
    ValueError
        If BN stands after the activation, or ``running`` does not fit the network.
    """
    if network.norm != "batch":
        raise ValueError(f"network must have BN to be folded; got norm {network.norm!r}")
    if network.bn_place != "before" and any(layer.gamma is not None for layer in network.layers):
        raise ValueError(
            "network must have BN right after the linear part, where it can be folded into it; "
            f"got bn_place {network.bn_place!r}"
        )
    pairs = zip(network.layers, running, strict=True)
    return replace(network, layers=tuple(_folded(layer, given) for layer, given in pairs))


def _folded(layer: Layer, running: RunningStats | None) -> Layer:
    if layer.gamma is None and running is None:
        return layer
    if layer.gamma is None or layer.beta is None or running is None:
        raise ValueError("running must be None just where there is no BN")
    dtype = layer.weight.dtype
    scale = layer.gamma / np.sqrt(running.var + BN_EPS)
    bias = 0 if layer.bias is None else layer.bias
    return Layer(
        weight=(layer.weight * scale).astype(dtype),
        bias=((bias - running.mean) * scale + layer.beta).astype(dtype),
    )


def _batches(x: ArrayLike, batch_size: int | None) -> Sequence[FloatArray]:
    rows = np.asarray(x)
    if batch_size is None:
        return [rows]
    size = checked_int("batch_size", batch_size, minimum=1)
    return np.array_split(rows, max(len(rows) // size, 1))
