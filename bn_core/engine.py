"""A network that learns in place: the mathematics of ``network.py`` without its copies.

A training loop makes the same few hundred small arrays at every step. Here they are made once and
overwritten, which is most of the speed; the rest is one array that holds all parameters, so that
the optimiser is a handful of operations however many layers there are. Nothing in here is pure.
What leaves it are copies, frozen as everywhere else, and tests hold it to ``network.py``.

Each part of a layer has ``forward(x)`` and ``backward(dy)``. Both return an array that belongs to
the part, valid until it is called again; ``backward`` may use up the array it is given, and leaves
the gradients of the part's parameters where the optimiser finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bn_core.batchnorm import RunningStats
from bn_core.network import BN_EPS, Layer, Network, Statistics
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
        self._statistics = _Statistics(config, running, dtype)
        self._blocks = self._wired(config)
        self._loss = _SoftmaxCrossEntropy(config.batch_size, config.sizes[-1], dtype)
        self._optimiser = _GradientDescent(config, network, self._parameters, self._gradients)
        self._learning_rate = config.learning_rate
        self._updates_running = config.update_running and config.batch_norm != NO_BN

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

    def _wired(self, config: TrainingConfig) -> list[_Block]:
        parameters = _unflat(self._start, self._parameters).layers
        gradients = _unflat(self._start, self._gradients).layers
        blocks: list[_Block] = []
        for number, (layer, gradient) in enumerate(zip(parameters, gradients, strict=True)):
            linear = _Linear(layer, gradient, config.batch_size, is_first=number == 0)
            parts: list[_Part] = [linear]
            if number < config.depth:
                activation = _ACTIVATIONS[config.activation](linear.z)
                parts.append(activation)
                if layer.gamma is not None:
                    bn = self._statistics.layer(number, layer, gradient, linear.z)
                    parts.insert(1 if config.batch_norm == "before" else 2, bn)
            skip = config.skips and 0 < number < config.depth
            blocks.append(_Block(parts, skip, linear.z))
        return blocks


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
    return Network(layers, like.activation, like.linear_output, like.bn_place, like.skips)


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


# ---- layers and their parts ----------------------------------------------------------------------


class _Part(Protocol):
    def forward(self, x: FloatArray) -> FloatArray: ...

    def backward(self, dy: FloatArray) -> FloatArray: ...


class _Block:
    """The parts of one layer in their order, and a skip connection around them if it has one."""

    def __init__(self, parts: Sequence[_Part], skip: bool, like: FloatArray) -> None:
        self._parts = parts
        self._skip = skip
        self._sum, self._arrived = np.empty_like(like), np.empty_like(like)
        self.activation_input = like

    def forward(self, x: FloatArray) -> FloatArray:
        y = x
        for part in self._parts:
            if isinstance(part, _Activation):
                self.activation_input = y
            y = part.forward(y)
        return np.add(y, x, out=self._sum) if self._skip else y

    def backward(self, dy: FloatArray) -> FloatArray:
        if self._skip:
            self._arrived[...] = dy
        for part in reversed(self._parts):
            dy = part.backward(dy)
        if self._skip:
            dy += self._arrived
        return dy


class _Linear:
    """z = x·W + b."""

    def __init__(self, layer: Layer, gradients: Layer, m: int, is_first: bool) -> None:
        fan_in, fan_out = layer.weight.shape
        dtype = layer.weight.dtype
        self._layer, self._gradients = layer, gradients
        self._ones = np.ones(m, dtype)
        # Nobody asks what the loss would gain from other data.
        self._dx = None if is_first else np.empty((m, fan_in), dtype)
        self.z = np.empty((m, fan_out), dtype)

    def forward(self, x: FloatArray) -> FloatArray:
        self._x = x
        np.dot(x, self._layer.weight, out=self.z)
        if self._layer.bias is not None:
            self.z += self._layer.bias
        return self.z

    def backward(self, dy: FloatArray) -> FloatArray:
        np.dot(self._x.T, dy, out=self._gradients.weight)
        if self._gradients.bias is not None:
            np.dot(self._ones, dy, out=self._gradients.bias)
        return dy if self._dx is None else np.dot(dy, self._layer.weight.T, out=self._dx)


class _Statistics:
    """Batch and running statistics of all BN layers, side by side: one update serves them all."""

    def __init__(
        self, config: TrainingConfig, running: Statistics | None, dtype: np.dtype[Any]
    ) -> None:
        m, alpha, shape = config.batch_size, config.bn_momentum, (config.depth, config.width)
        self.of_batch = np.zeros((2, *shape), dtype)
        self.running = np.stack([np.zeros(shape), np.ones(shape)])
        self._count = 0
        for number, given in enumerate(running or ()):
            if given is not None:
                self.running[:, number] = given.mean, given.var
                self._count = given.count
        self._uses_running = config.bn_statistics == "running"
        self._keep = 1 - alpha
        # A batch of one has no unbiased variance. Its 0 is stored, and inference shows what of it.
        self._take = np.array([alpha, alpha * m / max(m - 1, 1)]).reshape(2, 1, 1)
        self._taken = np.empty_like(self.running)

    def layer(self, number: int, layer: Layer, gradients: Layer, like: FloatArray) -> _BatchNorm:
        kind = _BatchNormByRunning if self._uses_running else _BatchNorm
        return kind(layer, gradients, self.of_batch[:, number], self.running[:, number], like)

    def update(self) -> None:
        """(1 − α)·old + α·batch, the variance unbiased, as :class:`RunningStats` has it."""
        np.multiply(self.of_batch, self._take, out=self._taken)
        self.running *= self._keep
        self.running += self._taken
        self._count += 1

    def frozen(self, network: Network) -> tuple[RunningStats | None, ...]:
        every: list[RunningStats | None] = [None] * len(network.layers)
        for number, layer in enumerate(network.layers):
            if layer.gamma is not None:
                mean, var = self.running[:, number]
                every[number] = RunningStats(mean, var, self._count)
        return tuple(every)


class _BatchNorm:
    """y = γ(x − μ)/√(σ²+ε) + β and its gradients, as in ``batchnorm.py``."""

    def __init__(
        self,
        layer: Layer,
        gradients: Layer,
        of_batch: FloatArray,
        running: FloatArray,
        like: FloatArray,
    ) -> None:
        m, d = like.shape
        self._gamma, self._beta = _affine(layer)
        self._dgamma, self._dbeta = _affine(gradients)
        self._mean, self._var = of_batch
        self._running = running
        self._ones = np.ones(m, like.dtype)
        self._averaging = np.full(m, 1 / m, like.dtype)
        self._inv_std, self._scale, self._factor = np.empty((3, d), like.dtype)
        self._centred, self._y = np.empty((2, m, d), like.dtype)

    def forward(self, x: FloatArray) -> FloatArray:
        self._measure(x)
        return self._affine(self._var)

    def backward(self, dy: FloatArray) -> FloatArray:
        # dx = (dy − (x−μ)·inv_std·dgamma/m − dbeta/m)·scale, in the array of x − μ
        self._affine_gradients(dy)
        dx, minus_one_mth = self._centred, -self._averaging[0]
        np.multiply(self._inv_std, self._dgamma, out=self._factor)
        self._factor *= minus_one_mth
        dx *= self._factor
        dx += dy
        dx += np.multiply(self._dbeta, minus_one_mth, out=self._factor)
        dx *= self._scale
        return dx

    def _measure(self, x: FloatArray) -> None:
        """Mean and variance of the batch, and x − μ."""
        np.dot(self._averaging, x, out=self._mean)
        np.subtract(x, self._mean, out=self._centred)
        # The mean is rounded, and far from zero that shows: what is left of it is taken away too.
        np.dot(self._averaging, self._centred, out=self._factor)
        self._centred -= self._factor
        self._mean += self._factor
        np.multiply(self._centred, self._centred, out=self._y)
        np.dot(self._averaging, self._y, out=self._var)

    def _affine(self, var: FloatArray) -> FloatArray:
        """y from x − μ and some variance."""
        np.add(var, BN_EPS, out=self._inv_std, casting="same_kind")
        np.sqrt(self._inv_std, out=self._inv_std)
        np.reciprocal(self._inv_std, out=self._inv_std)
        np.multiply(self._gamma, self._inv_std, out=self._scale)
        np.multiply(self._centred, self._scale, out=self._y)
        self._y += self._beta
        return self._y

    def _affine_gradients(self, dy: FloatArray) -> None:
        """∂γ and ∂β; uses up the array of y."""
        np.dot(self._ones, dy, out=self._dbeta)
        np.multiply(dy, self._centred, out=self._y)
        np.dot(self._ones, self._y, out=self._dgamma)
        self._dgamma *= self._inv_std


def _affine(layer: Layer) -> tuple[FloatArray, FloatArray]:
    if layer.gamma is None or layer.beta is None:
        raise ValueError("layer must have gamma and beta, got one without BN")
    return layer.gamma, layer.beta


class _BatchNormByRunning(_BatchNorm):
    """BN with the running statistics, which are constants to its gradient."""

    def forward(self, x: FloatArray) -> FloatArray:
        self._measure(x)  # they may still be wanted, to move the running ones
        mean, var = self._running
        np.subtract(x, mean, out=self._centred, casting="same_kind")
        return self._affine(var)

    def backward(self, dy: FloatArray) -> FloatArray:
        self._affine_gradients(dy)
        return np.multiply(dy, self._scale, out=self._centred)


class _Activation:
    """a = f(y). The slope comes from the output, which for these functions is enough."""

    def __init__(self, like: FloatArray) -> None:
        self._a, self._slope = np.empty_like(like), np.empty_like(like)

    def forward(self, x: FloatArray) -> FloatArray:
        raise NotImplementedError

    def backward(self, dy: FloatArray) -> FloatArray:
        raise NotImplementedError


class _Sigmoid(_Activation):
    def forward(self, x: FloatArray) -> FloatArray:
        a = np.negative(x, out=self._a)
        np.exp(a, out=a)  # far out this becomes Inf, and a becomes the 0 that it should
        a += 1
        return np.reciprocal(a, out=a)

    def backward(self, dy: FloatArray) -> FloatArray:
        np.subtract(1, self._a, out=self._slope)
        self._slope *= self._a
        dy *= self._slope
        return dy


class _Tanh(_Activation):
    def forward(self, x: FloatArray) -> FloatArray:
        return np.tanh(x, out=self._a)

    def backward(self, dy: FloatArray) -> FloatArray:
        np.multiply(self._a, self._a, out=self._slope)
        np.subtract(1, self._slope, out=self._slope)
        dy *= self._slope
        return dy


class _Relu(_Activation):
    def forward(self, x: FloatArray) -> FloatArray:
        return np.maximum(x, 0, out=self._a)

    def backward(self, dy: FloatArray) -> FloatArray:
        dy *= np.sign(self._a, out=self._slope)
        return dy


_ACTIVATIONS: dict[str, type[_Activation]] = {
    "sigmoid": _Sigmoid,
    "tanh": _Tanh,
    "relu": _Relu,
}


class _SoftmaxCrossEntropy:
    """The mean of −log softmax(z)[label] over a batch, and its gradient times a scale."""

    def __init__(self, m: int, classes: int, dtype: np.dtype[Any]) -> None:
        self._m = m
        self._row_sum = np.ones(classes, dtype)
        self._peak = np.empty((m, 1), dtype)
        self._total = np.empty(m, dtype)
        self._p = np.empty((m, classes), dtype)

    def forward(self, logits: FloatArray, one_hot: FloatArray) -> float:
        logits.max(axis=1, keepdims=True, out=self._peak)
        logits -= self._peak  # so that exp cannot overflow
        right = np.vdot(one_hot, logits)
        np.exp(logits, out=self._p)
        np.dot(self._p, self._row_sum, out=self._total)
        return float(np.log(self._total).sum() - right) / self._m

    def backward(self, one_hot: FloatArray, scale: float) -> FloatArray:
        self._p /= self._total[:, np.newaxis]
        self._p -= one_hot
        self._p *= scale / self._m
        return self._p
