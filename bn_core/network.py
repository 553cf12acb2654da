"""A small fully connected network, forward and backward, with optional Batch Normalization.

Every layer computes, for a mini-batch of m samples (rows),

    z = a_prev · W + b            Linear: (m, fan_in) → (m, fan_out)
    y = BN(z; γ, β)               only with Batch Normalization, on the batch's own statistics
    a = f(y), or f(z) without BN  the activation

with BN between the linear part and the activation, as in Ioffe & Szegedy (2015), section 3.2.
Parameters are a frozen tree of arrays: training makes a new tree and leaves the old one alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bn_core._checks import checked_int, checked_key, checked_scale
from bn_core.activations import ACTIVATIONS, Activation
from bn_core.batchnorm import ForwardTrain, backward_train, forward_train

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Layer:
    """The parameters of one layer, or the gradients with respect to them.

    Parameters
    ----------
    weight
        W, shape (fan_in, fan_out).
    bias
        b, shape (fan_out,). With Batch Normalization it has no effect, and gradient 0: the mean
        that BN subtracts contains it.
    gamma, beta
        BN's scale and shift, shape (fan_out,); None in a layer without BN.
    """

    weight: FloatArray
    bias: FloatArray
    gamma: FloatArray | None = None
    beta: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Network:
    """A stack of layers with one activation.

    Parameters
    ----------
    layers
        First to last; ``layers[0]`` is layer 1 wherever a layer is named by number.
    activation
        A key of :data:`bn_core.activations.ACTIVATIONS`.
    linear_output
        Whether the last layer ends with z, as a classifier's does, and has no activation.
    """

    layers: tuple[Layer, ...]
    activation: str
    linear_output: bool = False


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """What one layer computed for one batch: all that pictures and :func:`backward` need.

    Parameters
    ----------
    input
        Output of the layer before, or the network's input, shape (m, fan_in).
    pre_activation
        z, the output of the linear part, before any BN, shape (m, fan_out).
    batch_norm
        What BN made of z, or None without BN.
    output
        a, shape (m, fan_out).
    """

    input: FloatArray
    pre_activation: FloatArray
    batch_norm: ForwardTrain | None
    output: FloatArray

    @property
    def activation_input(self) -> FloatArray:
        """What the activation sees: y with BN, z without."""
        return self.pre_activation if self.batch_norm is None else self.batch_norm.y


def initial_network(
    sizes: Sequence[int],
    *,
    activation: str,
    weight_scale: float = 1.0,
    batch_norm: bool = False,
    linear_output: bool = False,
    seed: int = 0,
    dtype: DTypeLike = np.float64,
) -> Network:
    """A network as it is before training: W ~ N(0, weight_scale² / fan_in), b = 0, γ = 1, β = 0.

    The standard normals behind layer l depend on the seed, on l and on that layer's shape, and on
    nothing else. So ``weight_scale`` moves one network continuously, deepening it leaves the first
    layers as they were, and with BN or without, the weights are the same.

    Parameters
    ----------
    sizes
        Number of inputs, then the width of each layer; at least one layer.
    activation
        A key of :data:`bn_core.activations.ACTIVATIONS`.
    weight_scale
        At least 0. 1 keeps the variance of z at the mean square of the layer's input; √2 is
        He et al.'s (2015) choice for ReLU.
    batch_norm
        Whether layers have BN between the linear part and the activation.
    linear_output
        Whether the last layer has neither BN nor activation, as a classifier's logits need.
    seed
        At least 0.
    dtype
        float32 or float64. The draw is made in float64 and rounded.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If an argument is outside these limits.
    """
    checked_key("activation", activation, ACTIVATIONS)
    widths = [checked_int("every entry of sizes", size, minimum=1) for size in sizes]
    if len(widths) < 2:
        raise ValueError(f"sizes must name the inputs and at least one layer, got {widths}")
    scale = checked_scale("weight_scale", weight_scale)
    seed = checked_int("seed", seed, minimum=0)
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {dtype}")

    layers = []
    for number, (fan_in, fan_out) in enumerate(pairwise(widths), start=1):
        draw = np.random.default_rng([seed, number]).standard_normal((fan_in, fan_out))
        layer = Layer(
            weight=(scale / math.sqrt(fan_in) * draw).astype(dtype),
            bias=np.zeros(fan_out, dtype),
        )
        if batch_norm and not (linear_output and number == len(widths) - 1):
            layer = replace(layer, gamma=np.ones(fan_out, dtype), beta=np.zeros(fan_out, dtype))
        layers.append(layer)
    return Network(tuple(layers), activation, linear_output)


def forward(network: Network, x: ArrayLike) -> tuple[LayerRecord, ...]:
    """Every layer's values for one mini-batch; BN uses the statistics of that batch.

    Parameters
    ----------
    network
        The parameters.
    x
        Mini-batch, shape (m, fan_in of layer 1) with m ≥ 1, cast to the network's dtype.

    Returns
    -------
    One :class:`LayerRecord` a layer, first to last; ``records[-1].output`` is the network's.

    Raises
    ------
    ValueError
        If ``x`` has another shape.
    """
    a = _checked_input(network, x)
    records = []
    for layer, activation in zip(network.layers, _activations(network), strict=True):
        records.append(_layer_forward(layer, activation, a))
        a = records[-1].output
    return tuple(records)


def pre_activations(network: Network, x: ArrayLike, layer: int) -> FloatArray:
    """z of one layer, computing nothing after it.

    Parameters
    ----------
    network
        The parameters.
    x
        Mini-batch, shape (m, fan_in of layer 1) with m ≥ 1, cast to the network's dtype.
    layer
        Which layer, counted from 1.

    Returns
    -------
    What the linear part of that layer puts out, before any BN there, shape (m, fan_out).

    Raises
    ------
    ValueError
        If ``x`` has another shape or there is no such layer.
    """
    number = checked_int("layer", layer, minimum=1)
    if number > len(network.layers):
        raise ValueError(f"layer must be at most the network's {len(network.layers)}, got {number}")
    a = _checked_input(network, x)
    activations = _activations(network)
    for before in range(number - 1):
        a = _layer_forward(network.layers[before], activations[before], a).output
    return _linear(network.layers[number - 1], a)


def backward(network: Network, records: Sequence[LayerRecord], d_output: ArrayLike) -> Network:
    """Gradients of the loss with respect to every parameter, by the chain rule from last to first.

    For each layer, with ``da`` the gradient that arrives at its output:

        dy = da ∘ f'(y)               and dz, dγ, dβ from dy by BN's own backward pass
        dz = da ∘ f'(z)               without BN
        dW = inputᵀ · dz,  db = Σ dz,  da_prev = dz · Wᵀ

    Parameters
    ----------
    network
        The parameters that ``records`` were computed with.
    records
        What :func:`forward` returned.
    d_output
        ∂loss/∂output of the last layer, of its shape.

    Returns
    -------
    A :class:`Network` of the same tree shape that holds gradients where parameters were.

    Raises
    ------
    ValueError
        If the number of records or the shape of ``d_output`` does not fit.
    """
    steps = list(_backward(network, records, d_output))
    return replace(network, layers=tuple(gradients for gradients, _ in reversed(steps)))


def upstream_gradients(
    network: Network, records: Sequence[LayerRecord], d_output: ArrayLike
) -> tuple[FloatArray, ...]:
    """What arrives at each layer's activation input: dy where there is BN, dz where there is none.

    Parameters and errors are those of :func:`backward`.

    Returns
    -------
    One array a layer, first to last, of the shape of its ``activation_input``.
    """
    steps = list(_backward(network, records, d_output))
    return tuple(upstream for _, upstream in reversed(steps))


def _backward(
    network: Network, records: Sequence[LayerRecord], d_output: ArrayLike
) -> Iterator[tuple[Layer, FloatArray]]:
    """Last layer to first: gradients of its parameters, and the one at its activation's input."""
    if len(records) != len(network.layers):
        raise ValueError(f"records must be {len(network.layers)}, one a layer, got {len(records)}")
    da = np.asarray(d_output, dtype=network.layers[0].weight.dtype)
    if da.shape != records[-1].output.shape:
        raise ValueError(f"d_output must have shape {records[-1].output.shape}, got {da.shape}")
    steps = zip(network.layers, _activations(network), records, strict=True)
    for layer, activation, record in reversed(list(steps)):
        upstream = da if activation is None else da * activation.derivative(record.activation_input)
        dz, dgamma, dbeta = upstream, None, None
        if record.batch_norm is not None:
            bn = backward_train(upstream, record.batch_norm)
            dz, dgamma, dbeta = bn.dx, bn.dgamma, bn.dbeta
        yield Layer(record.input.T @ dz, dz.sum(axis=0), dgamma, dbeta), upstream
        da = dz @ layer.weight.T


def _layer_forward(layer: Layer, activation: Activation | None, a: FloatArray) -> LayerRecord:
    z = _linear(layer, a)
    bn = None if layer.gamma is None else forward_train(z, layer.gamma, layer.beta)
    y = z if bn is None else bn.y
    return LayerRecord(a, z, bn, y if activation is None else activation(y))


def _linear(layer: Layer, a: FloatArray) -> FloatArray:
    return a @ layer.weight + layer.bias


def _activations(network: Network) -> tuple[Activation | None, ...]:
    """Each layer's activation; None for a last layer that is linear."""
    every: list[Activation | None] = [ACTIVATIONS[network.activation]] * len(network.layers)
    if network.linear_output:
        every[-1] = None
    return tuple(every)


def _checked_input(network: Network, x: ArrayLike) -> FloatArray:
    weight = network.layers[0].weight
    a = np.asarray(x, dtype=weight.dtype)
    if a.ndim != 2 or a.shape[1] != weight.shape[0] or a.shape[0] == 0:
        raise ValueError(f"x must have shape (m ≥ 1, {weight.shape[0]}), got {a.shape}")
    return a
