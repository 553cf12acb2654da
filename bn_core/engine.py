"""A network that learns in place: the mathematics of ``network.py`` without its copies.

A training loop makes the same few hundred small arrays at every step. Here they are made once and
overwritten, and one array holds all parameters, so that the optimiser is a handful of operations
however many layers there are. That is for speed, and nothing in here is pure. What leaves it are
copies, frozen as everywhere else, and tests hold it to ``network.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bn_core.batchnorm import RunningStats
from bn_core.inplace import (
    INPLACE_ACTIVATIONS,
    BatchNormStatistics,
    Block,
    GroupNorm,
    Linear,
    Part,
    RmsNorm,
    SoftmaxCrossEntropy,
)
from bn_core.network import Layer, Network, Statistics
from bn_core.training_config import NO_BN, TrainingConfig

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Look:
    """What a network makes of one mini-batch, in training.

    Parameters
    ----------
    loss
        Mean cross-entropy.
    activation_inputs
        What each hidden layer's activation sees, (m, width) each.
    gradients
        ∂loss/∂ every parameter.
    mean, var
        The batch's statistics in each BN layer, (depth, width); zeros without BN.
    """

    loss: float
    activation_inputs: tuple[FloatArray, ...]
    gradients: Network
    mean: FloatArray
    var: FloatArray


class Engine:
    """One network in training.

    Parameters
    ----------
    config
        How it is trained.
    network
        Where it starts, made with the same settings; copied.
    running
        Its running statistics; by default those before any batch.
    """

    def __init__(
        self, config: TrainingConfig, network: Network, running: Statistics | None = None
    ) -> None:
        dtype = network.layers[0].weight.dtype
        self._start = network
        self._parameters = _flat(network)
        self._gradients = np.zeros_like(self._parameters)
        self._statistics = BatchNormStatistics(config, running, dtype)
        self._blocks = self._wired(config)
        self._loss = SoftmaxCrossEntropy(config.batch_size, config.sizes[-1], dtype)
        self._optimiser = _GradientDescent(config, network, self._parameters, self._gradients)
        self._learning_rate = config.learning_rate
        has_statistics = config.batch_norm != NO_BN and config.norm == "batch"
        self._updates_running = config.update_running and has_statistics

    def step(self, x: FloatArray, one_hot: FloatArray) -> float:
        """Learn from one mini-batch and return its loss from before that."""
        loss = self._loss.forward(self._forward(x), one_hot)
        self._backward(one_hot, scale=self._learning_rate)
        self._optimiser.step()
        if self._updates_running:
            self._statistics.update()
        return loss

    def look(self, x: FloatArray, one_hot: FloatArray) -> Look:
        """What a step on this mini-batch would see, without taking it."""
        loss = self._loss.forward(self._forward(x), one_hot)
        activation_inputs = tuple(block.activation_input.copy() for block in self._blocks[:-1])
        self._backward(one_hot, scale=1.0)
        gradients = _unflat(self._start, self._gradients.copy())
        return Look(loss, activation_inputs, gradients, *self._statistics.of_batch.copy())

    @property
    def finite(self) -> bool:
        """Whether all parameters are."""
        return bool(np.isfinite(self._parameters).all())

    def network(self) -> Network:
        """The network as it is now."""
        return _unflat(self._start, self._parameters.copy())

    def running(self) -> tuple[RunningStats | None, ...]:
        """Its running statistics, one entry a layer, None where there is no BN."""
        return self._statistics.frozen(self._start)

    def _forward(self, x: FloatArray) -> FloatArray:
        for block in self._blocks:
            x = block.forward(x)
        return x

    def _backward(self, one_hot: FloatArray, scale: float) -> None:
        d = self._loss.backward(one_hot, scale)
        for block in reversed(self._blocks):
            d = block.backward(d)

    def _wired(self, config: TrainingConfig) -> list[Block]:
        parameters = _unflat(self._start, self._parameters).layers
        gradients = _unflat(self._start, self._gradients).layers
        blocks: list[Block] = []
        for number, (layer, gradient) in enumerate(zip(parameters, gradients, strict=True)):
            linear = Linear(layer, gradient, config.batch_size, is_first=number == 0)
            parts: list[Part] = [linear]
            if number < config.depth:
                activation = INPLACE_ACTIVATIONS[config.activation](linear.z)
                parts.append(activation)
                if layer.gamma is not None:
                    norm = self._norm(config, number, layer, gradient, linear.z)
                    parts.insert(1 if config.batch_norm == "before" else 2, norm)
            skip = config.skips and 0 < number < config.depth
            blocks.append(Block(parts, skip, linear.z))
        return blocks

    def _norm(
        self, config: TrainingConfig, number: int, layer: Layer, gradient: Layer, z: FloatArray
    ) -> Part:
        if config.norm == "batch":
            return self._statistics.layer(number, layer, gradient, z)
        if config.norm == "rms":
            return RmsNorm(layer, gradient, 1, z)
        return GroupNorm(layer, gradient, config.groups if config.norm == "group" else 1, z)


# ---- one array for all parameters ----------------------------------------------------------------


def _flat(network: Network) -> FloatArray:
    """All parameters in one array: every weight, then every bias, then every γ and β."""
    return np.concatenate([array.ravel() for array in _arrays(network)])


def _unflat(like: Network, flat: FloatArray) -> Network:
    """A network of the same shape whose arrays are parts of ``flat``."""
    cuts = np.cumsum([array.size for array in _arrays(like)])[:-1]
    parts = iter(np.split(flat, cuts))
    columns = []
    for name in _NAMES:
        arrays = [getattr(layer, name) for layer in like.layers]
        columns.append([None if a is None else next(parts).reshape(a.shape) for a in arrays])
    layers = tuple(Layer(*row) for row in zip(*columns, strict=True))
    return replace(like, layers=layers)


_NAMES = [field.name for field in fields(Layer)]


def _arrays(network: Network) -> list[FloatArray]:
    every = [getattr(layer, name) for name in _NAMES for layer in network.layers]
    return [array for array in every if array is not None]


class _GradientDescent:
    """SGD with momentum and weight decay, on gradients that hold the learning rate already.

    v ← ρv + ηg and w ← w − v, which is w ← w − η(ρv + g) while η stays the same. Only the weights
    decay. Where γ and β are not to be learned they are left out, at the end of the array.
    """

    def __init__(
        self,
        config: TrainingConfig,
        network: Network,
        parameters: FloatArray,
        gradients: FloatArray,
    ) -> None:
        affine = ("gamma", "beta")
        left_out = () if config.train_affine else affine
        end = sum(_size(network, name) for name in _NAMES if name not in left_out)
        weights = _size(network, "weight")
        self._parameters, self._gradients = parameters[:end], gradients[:end]
        self._weights, self._weight_gradients = parameters[:weights], gradients[:weights]
        self._decay = config.learning_rate * config.weight_decay
        self._decayed = np.empty_like(self._weights)
        self._momentum = config.momentum
        self._velocity = np.zeros_like(self._gradients)

    def step(self) -> None:
        if self._decay:
            np.multiply(self._weights, self._decay, out=self._decayed)
            self._weight_gradients += self._decayed
        if self._momentum:
            self._velocity *= self._momentum
            self._velocity += self._gradients
            self._parameters -= self._velocity
        else:
            self._parameters -= self._gradients


def _size(network: Network, name: str) -> int:
    arrays = [getattr(layer, name) for layer in network.layers]
    return sum(0 if array is None else array.size for array in arrays)
