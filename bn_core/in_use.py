r"""One trained network looked at from four sides: what each kind of statistics makes of it.

The functions are those of `bn_core.network` and `bn_core.inference`; here they are put side by
side, for the pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core._checks import checked_int
from bn_core.batchnorm import ForwardTrain, RunningStats
from bn_core.inference import folded
from bn_core.network import BN_EPS, Network, Statistics, forward
from bn_core.training import Finished, train, trained
from bn_core.training_config import TrainingConfig

FloatArray = NDArray[np.floating[Any]]


def probability(network: Network, x: ArrayLike, running: Statistics | None = None) -> FloatArray:
    """The share that softmax gives class 1 of two, shape (n,)."""
    logits = forward(network, x, running)[-1].output
    with np.errstate(over="ignore"):  # exp of much is Inf, and the share the 0 that it should be
        return 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))


# ---- regions -------------------------------------------------------------------------------------


def statistics_of(network: Network, x: ArrayLike) -> tuple[RunningStats | None, ...]:
    """Every BN layer's mean and (biased) variance of one batch, as if they were running ones.

    With them a further sample is seen as it would be in that batch, but for what it adds itself.
    """
    return tuple(
        RunningStats(bn.mu, bn.var) if isinstance(bn := record.batch_norm, ForwardTrain) else None
        for record in forward(network, x)
    )


def region(network: Network, running: Statistics | None, axis: ArrayLike) -> FloatArray:
    """Class 1's share on a square grid: rows are the second feature, columns the first."""
    axis = np.asarray(axis)
    first, second = np.meshgrid(axis, axis)
    points = np.stack([first.ravel(), second.ravel()], axis=1)
    return probability(network, points, running).reshape(first.shape)


@dataclass(frozen=True)
class Lag:
    """How far one layer's running statistics are from those of all training data.

    Parameters
    ----------
    mean
        Root mean square over units of (μ_run − μ)/σ: in standard deviations.
    var
        Geometric mean over units of σ²_run/σ².
    """

    mean: float
    var: float


def lags(running: Statistics, recomputed: Statistics) -> tuple[Lag, ...]:
    """One entry for each layer with BN."""
    return tuple(
        Lag(
            float(np.sqrt((((run.mean - true.mean) ** 2) / (true.var + BN_EPS)).mean())),
            float(np.exp(np.log((run.var + BN_EPS) / (true.var + BN_EPS)).mean())),
        )
        for run, true in zip(running, recomputed, strict=True)
        if run is not None and true is not None
    )


# ---- batch-mates ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Company:
    """One sample's prediction in many batches: class 1's share, shape (draws,) each.

    Parameters
    ----------
    batch, running
        With the statistics of the batch, and with given ones.
    """

    batch: FloatArray
    running: FloatArray

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest share with batch statistics."""
        return float(self.batch.min()), float(self.batch.max())

    @property
    def spread(self) -> float:
        """Largest minus smallest share with given statistics."""
        return float(np.ptp(self.running))

    @property
    def votes(self) -> int:
        """How many batches, with their own statistics, call the sample class 1."""
        return int((self.batch > 0.5).sum())


def in_company(
    network: Network,
    running: Statistics,
    x: ArrayLike,
    sample: int,
    *,
    size: int,
    draws: int,
    seed: int,
) -> Company:
    """The same sample together with others, drawn anew each time.

    Parameters
    ----------
    network, running
        As training left them; two classes.
    x
        Where sample and batch-mates come from, (n, features).
    sample
        The row of the sample: the first of every batch.
    size
        m of the batches, 2 to n.
    draws
        How many batches.
    seed
        Of the drawing.
    """
    rows = np.asarray(x)
    sample = checked_int("sample", sample, minimum=0, maximum=len(rows) - 1)
    size = checked_int("size", size, minimum=2, maximum=len(rows))
    rng = np.random.default_rng(seed)
    others = np.delete(np.arange(len(rows)), sample)
    found = []
    for _ in range(checked_int("draws", draws, minimum=1)):
        batch = rows[[sample, *rng.choice(others, size - 1, replace=False)]]
        found.append([probability(network, batch, run)[0] for run in (None, running)])
    return Company(*np.array(found).T)


# ---- folding -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FoldedUnit:
    """One unit of a layer, before and after folding: numbers by name.

    Parameters
    ----------
    weight, bias
        w (fan_in,) and b of the linear part.
    gamma, beta, mean, var
        Of its BN, with the running statistics.
    folded_weight, folded_bias
        w′ and b′.
    """

    weight: FloatArray
    bias: float
    gamma: float
    beta: float
    mean: float
    var: float
    folded_weight: FloatArray
    folded_bias: float


def folded_unit(network: Network, running: Statistics, layer: int, unit: int) -> FoldedUnit:
    """A unit of a layer with BN; both counted from 0."""
    before, after = network.layers[layer], folded(network, running).layers[layer]
    run = running[layer]
    if before.gamma is None or before.beta is None or after.bias is None or run is None:
        raise ValueError(f"layer must have BN, got layer {layer} without")
    return FoldedUnit(
        weight=before.weight[:, unit],
        bias=0.0 if before.bias is None else float(before.bias[unit]),
        gamma=float(before.gamma[unit]),
        beta=float(before.beta[unit]),
        mean=float(run.mean[unit]),
        var=float(run.var[unit]),
        folded_weight=after.weight[:, unit],
        folded_bias=float(after.bias[unit]),
    )


@dataclass(frozen=True, eq=False)
class FoldingErrors:
    """How far the network without BN is from the one with it.

    Parameters
    ----------
    running
        Largest difference of what each layer hands on (the last one: logits), shape (layers,): BN
        with running statistics, all layers folded.
    batch
        Largest difference of a logit, where the layers were folded with the statistics of one
        batch and the network then meets another batch with that one's own.
    """

    running: FloatArray
    batch: float


def folding_errors(
    network: Network, running: Statistics, x: ArrayLike, other: ArrayLike
) -> FoldingErrors:
    """Fold, and compare on the samples ``x``; with batch statistics: fold on ``x``, meet ``other``.

    Parameters
    ----------
    network
        With BN before the activation.
    running
        As training left them.
    x, other
        Two different batches.
    """
    plain = folded(network, running)
    pairs = zip(forward(network, x, running), forward(plain, x), strict=True)
    each = [float(np.abs(a.output - b.output).max()) for a, b in pairs]
    frozen = folded(network, statistics_of(network, x))
    apart = forward(network, other)[-1].output - forward(frozen, other)[-1].output
    return FoldingErrors(np.array(each), float(np.abs(apart).max()))


# ---- frozen BN -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Switches:
    """The three switches of a BN layer in training.

    Parameters
    ----------
    train_affine
        γ and β are learned.
    use_batch
        It normalises with the statistics of the batch; otherwise with the running ones.
    update_running
        The running statistics move.
    """

    train_affine: bool
    use_batch: bool
    update_running: bool


COMBINATIONS = tuple(Switches(*flags) for flags in product((True, False), repeat=3))


@dataclass(frozen=True)
class Moved:
    """How far one training step moved each part of a network: largest change of any entry.

    Parameters
    ----------
    weight
        Of W and b, all layers.
    affine
        Of γ and β.
    running
        Of running means and variances.
    """

    weight: float
    affine: float
    running: float


FROZEN_CONFIG = TrainingConfig(
    data="spirals", train_size=640, batch_size=64, depth=2, width=16, activation="relu",
    learning_rate=0.1, steps=20, moments=2, dtype="float64",
)  # fmt: skip
"""How the network was trained whose next step is looked at."""


def one_step_each() -> Mapping[Switches, Moved]:
    """The same step from the same network, with every setting of the switches."""
    start = trained(FROZEN_CONFIG).finished
    return {switches: _moved(start, switches) for switches in COMBINATIONS}


def _moved(start: Finished, switches: Switches) -> Moved:
    config = replace(
        FROZEN_CONFIG,
        steps=1,
        seed=FROZEN_CONFIG.seed + 1,  # a batch that the network has not just been trained on
        train_affine=switches.train_affine,
        bn_statistics="batch" if switches.use_batch else "running",
        update_running=switches.update_running,
    )
    *_, end = train(config, network=start.network, running=start.running)
    if not isinstance(end, Finished):
        raise TypeError("training must end with Finished")
    layers = (start.network.layers, end.network.layers)
    return Moved(
        weight=_largest_change(*layers, names=("weight", "bias")),
        affine=_largest_change(*layers, names=("gamma", "beta")),
        running=_largest_change(start.running, end.running, names=("mean", "var")),
    )


def _largest_change(before: Sequence[Any], after: Sequence[Any], names: Sequence[str]) -> float:
    """Of any entry of these arrays, one layer after the other; layers may be without them."""
    return max(
        _apart(getattr(a, name, None), getattr(b, name, None))
        for a, b in zip(before, after, strict=True)
        for name in names
    )


def _apart(before: FloatArray | None, after: FloatArray | None) -> float:
    if before is None or after is None:
        return 0.0
    return float(np.abs(after - before).max())
