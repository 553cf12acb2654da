r"""One step of stochastic gradient descent in a deep network: how far each layer's output moved.

Every parameter moves by −η times its gradient, and all layers move at once. What a layer puts out
then changes for two reasons: its own weights are others, and so is its input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from bn_core.network import FloatArray, Layer, Network, backward, forward, initial_network
from bn_core.summaries import Floats
from bn_core.training_data import training_data
from bn_core.upstream import softmax_cross_entropy

DATA = "digits"
DEPTH, WIDTH, BATCH_SIZE = 10, 32, 64
LAYERS = DEPTH + 1  # the last puts out the logits


@dataclass(frozen=True, eq=False)
class OneStep:
    """The same step at n settings.

    Parameters
    ----------
    moved
        ‖a' − a‖ / ‖a‖ of each layer's output a on the mini-batch that the step was taken with,
        shape (n, layers); NaN where an output was all zeros.
    before, after
        Loss of that mini-batch before and after the step, shape (n,).
    """

    moved: Floats
    before: Floats
    after: Floats

    def farthest(self) -> int:
        """Which layer moved farthest at the first setting, counted from 1."""
        return int(np.argmax(np.nan_to_num(self.moved[0]))) + 1

    def spread(self) -> float:
        """How many times as far the last layer moves at one setting as at another, at most.

        Infinite if it does not move at one of them; NaN if its output is all zeros at every one.
        """
        last = self.moved[:, -1]
        last = last[~np.isnan(last)]
        if not last.size:
            return float("nan")
        return float(last.max() / last.min()) if last.min() > 0 else float("inf")


@dataclass(frozen=True)
class Twins:
    """Two networks for digits, without BN and with it: the same weights, from the same seed.

    Ten hidden layers of 32 units; the mini-batch is the first 64 digits of the training part.
    """

    activation: str
    seed: int

    def network(self, batch_norm: bool, scale: float) -> Network:
        """One of the two, at a weight scale s: W ~ N(0, s²/inputs)."""
        data = training_data(DATA)
        return initial_network(
            [data.x.shape[1], *[WIDTH] * DEPTH, data.classes],
            activation=self.activation,
            weight_scale=scale,
            batch_norm=batch_norm,
            linear_output=True,
            seed=self.seed,
        )

    def at_rates(self, scale: float, rates: Sequence[float]) -> tuple[OneStep, OneStep]:
        """One step without BN and one with it, at each learning rate."""
        x, labels = _batch()
        plain, bn = (one_step(self.network(b, scale), x, labels, rates) for b in (False, True))
        return plain, bn

    def at_scales(self, scales: Sequence[float], rate: float) -> tuple[OneStep, OneStep]:
        """One step without BN and one with it, at each weight scale."""
        x, labels = _batch()
        plain, bn = (
            _stacked([one_step(self.network(b, s), x, labels, [rate]) for s in scales])
            for b in (False, True)
        )
        return plain, bn


def one_step(network: Network, x: ArrayLike, labels: ArrayLike, rates: Sequence[float]) -> OneStep:
    """One SGD step on the softmax cross-entropy of a mini-batch, at each of n learning rates.

    Parameters
    ----------
    network
        A classifier: its outputs are logits.
    x, labels
        Mini-batch, shapes (m, features) and (m,).
    rates
        η, n numbers.

    Returns
    -------
    OneStep
    """
    records = forward(network, x)
    before, d_logits = softmax_cross_entropy(records[-1].output, labels)
    gradients = backward(network, records, d_logits)
    moved, losses = [], []
    for rate in rates:
        after = forward(stepped(network, gradients, rate), x)
        moved.append([_apart(a.output, b.output) for a, b in zip(records, after, strict=True)])
        losses.append(softmax_cross_entropy(after[-1].output, labels)[0])
    return OneStep(np.array(moved), np.full(len(losses), before), np.array(losses))


def stepped(network: Network, gradients: Network, rate: float) -> Network:
    """The network with every parameter p replaced by p − η ∂ℓ/∂p."""
    layers = (
        Layer(
            layer.weight - rate * slope.weight,
            _minus(layer.bias, slope.bias, rate),
            _minus(layer.gamma, slope.gamma, rate),
            _minus(layer.beta, slope.beta, rate),
        )
        for layer, slope in zip(network.layers, gradients.layers, strict=True)
    )
    return replace(network, layers=tuple(layers))


def _minus(value: FloatArray | None, slope: FloatArray | None, rate: float) -> FloatArray | None:
    return None if value is None or slope is None else value - rate * slope


def _apart(before: FloatArray, after: FloatArray) -> float:
    size = float(np.linalg.norm(before))
    return float(np.linalg.norm(after - before)) / size if size else np.nan


def _batch() -> tuple[Floats, ArrayLike]:
    data = training_data(DATA)
    return data.x[:BATCH_SIZE].astype(np.float64), data.labels[:BATCH_SIZE]


def _stacked(steps: Sequence[OneStep]) -> OneStep:
    return OneStep(
        np.concatenate([step.moved for step in steps]),
        np.concatenate([step.before for step in steps]),
        np.concatenate([step.after for step in steps]),
    )
