"""The parts of a network that learns in place: each makes its arrays once and overwrites them.

A part has ``forward(x)`` and ``backward(dy)``. Both return an array that belongs to the part, valid
until it is called again; ``backward`` may use up the array it is given, and leaves the gradients of
the part's parameters where the optimiser finds them. For :mod:`bn_core.engine` only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bn_core.batchnorm import RunningStats
from bn_core.network import BN_EPS, Layer, Network, Statistics
from bn_core.training_config import TrainingConfig

FloatArray = NDArray[np.floating[Any]]


class Part(Protocol):
    def forward(self, x: FloatArray) -> FloatArray: ...

    def backward(self, dy: FloatArray) -> FloatArray: ...


class Block:
    """The parts of one layer in their order, and a skip connection around them if it has one."""

    def __init__(self, parts: Sequence[Part], skip: bool, like: FloatArray) -> None:
        self._parts = parts
        self._skip = skip
        self._sum, self._arrived = np.empty_like(like), np.empty_like(like)
        self.activation_input = like

    def forward(self, x: FloatArray) -> FloatArray:
        y = x
        for part in self._parts:
            if isinstance(part, Activation):
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


class Linear:
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


class BatchNormStatistics:
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

    def layer(self, number: int, layer: Layer, gradients: Layer, like: FloatArray) -> BatchNorm:
        kind = BatchNormByRunning if self._uses_running else BatchNorm
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
            if network.has_statistics(layer):
                mean, var = self.running[:, number]
                every[number] = RunningStats(mean, var, self._count)
        return tuple(every)


class BatchNorm:
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


class BatchNormByRunning(BatchNorm):
    """BN with the running statistics, which are constants to its gradient."""

    def forward(self, x: FloatArray) -> FloatArray:
        self._measure(x)  # they may still be wanted, to move the running ones
        mean, var = self._running
        np.subtract(x, mean, out=self._centred, casting="same_kind")
        return self._affine(var)

    def backward(self, dy: FloatArray) -> FloatArray:
        self._affine_gradients(dy)
        return np.multiply(dy, self._scale, out=self._centred)


class RmsNorm:
    """y = γx̂ + β with x̂ = x/√(mean of x² + ε) over each sample's groups, as in ``norms.py``."""

    def __init__(self, layer: Layer, gradients: Layer, groups: int, like: FloatArray) -> None:
        m, d = like.shape
        self._gamma, self._beta = _affine(layer)
        self._dgamma, self._dbeta = _affine(gradients)
        self._ones = np.ones(m, like.dtype)
        self._rows = m * groups, d // groups
        self._averaging = np.full(d // groups, groups / d, like.dtype)
        self._inv_std, self._mean = np.empty((2, m * groups), like.dtype)
        self._x_hat, self._y = np.empty((2, m, d), like.dtype)

    def forward(self, x: FloatArray) -> FloatArray:
        # Each sample's group is a row: everything is an average over rows or goes along them.
        rows, x_hat = x.reshape(self._rows), self._x_hat.reshape(self._rows)
        square = self._y.reshape(self._rows)
        self._centre(rows, x_hat)
        np.multiply(x_hat, x_hat, out=square)
        np.dot(square, self._averaging, out=self._inv_std)
        self._inv_std += BN_EPS
        np.sqrt(self._inv_std, out=self._inv_std)
        np.reciprocal(self._inv_std, out=self._inv_std)
        x_hat *= self._inv_std[:, np.newaxis]
        np.multiply(self._x_hat, self._gamma, out=self._y)
        self._y += self._beta
        return self._y

    def backward(self, dy: FloatArray) -> FloatArray:
        # dx = (g − x̂·mean(g·x̂) − mean(g))·inv_std with g = dy·γ, the last mean for a centred x̂
        product = self._y.reshape(self._rows)
        np.dot(self._ones, dy, out=self._dbeta)
        np.multiply(dy, self._x_hat, out=self._y)
        np.dot(self._ones, self._y, out=self._dgamma)
        dy *= self._gamma
        self._y *= self._gamma
        np.dot(product, self._averaging, out=self._mean)
        dx, x_hat = dy.reshape(self._rows), self._x_hat.reshape(self._rows)
        x_hat *= self._mean[:, np.newaxis]
        self._centre(dx, dx)
        dx -= x_hat
        dx *= self._inv_std[:, np.newaxis]
        return dy

    def _centre(self, rows: FloatArray, out: FloatArray) -> None:
        """RMSNorm subtracts nothing."""
        if out is not rows:
            out[...] = rows


class GroupNorm(RmsNorm):
    """y = γx̂ + β with x̂ = (x − μ)/√(σ²+ε) over each sample's groups; one group is LN."""

    def _centre(self, rows: FloatArray, out: FloatArray) -> None:
        np.dot(rows, self._averaging, out=self._mean)
        np.subtract(rows, self._mean[:, np.newaxis], out=out)
        # As in BN: what rounding left of the mean.
        np.dot(out, self._averaging, out=self._mean)
        out -= self._mean[:, np.newaxis]


class Activation(ABC):
    """a = f(y). The slope comes from the output, which for these functions is enough."""

    def __init__(self, like: FloatArray) -> None:
        self._a, self._slope = np.empty_like(like), np.empty_like(like)

    @abstractmethod
    def forward(self, x: FloatArray) -> FloatArray: ...

    @abstractmethod
    def backward(self, dy: FloatArray) -> FloatArray: ...


class Sigmoid(Activation):
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


class Tanh(Activation):
    def forward(self, x: FloatArray) -> FloatArray:
        return np.tanh(x, out=self._a)

    def backward(self, dy: FloatArray) -> FloatArray:
        np.multiply(self._a, self._a, out=self._slope)
        np.subtract(1, self._slope, out=self._slope)
        dy *= self._slope
        return dy


class Relu(Activation):
    def forward(self, x: FloatArray) -> FloatArray:
        return np.maximum(x, 0, out=self._a)

    def backward(self, dy: FloatArray) -> FloatArray:
        dy *= np.sign(self._a, out=self._slope)
        return dy


INPLACE_ACTIVATIONS: dict[str, type[Activation]] = {
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": Relu,
}


class SoftmaxCrossEntropy:
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
