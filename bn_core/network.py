"""A small fully connected network, forward and backward, with optional Batch Normalization.

Every layer computes, for a mini-batch of m samples (rows),

    z = a_prev · W + b            Linear: (m, fan_in) → (m, fan_out)
    y = BN(z; γ, β)               only with Batch Normalization
    a = f(y), or f(z) without BN  the activation

with BN between the linear part and the activation, as in Ioffe & Szegedy (2015), section 3.2. Three
variations: BN after the activation, a = BN(f(z); γ, β); skip connections, which add a_prev to a, as
He et al. (2016, https://arxiv.org/abs/1512.03385) do, here over every layer on its own; and another
norm in BN's place, which takes each sample by itself (:mod:`bn_core.norms`).
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
from bn_core.batchnorm import (
    ForwardTrain,
    RunningStats,
    backward_eval,
    backward_train,
    forward_eval,
    forward_train,
)
from bn_core.norms import ForwardNorm, backward_norm, group_norm, layer_norm, rms_norm

FloatArray = NDArray[np.floating[Any]]
Statistics = Sequence[RunningStats | None]
"""Running statistics of a network: one entry a layer, None for a layer without BN."""

BN_EPS = 1e-5
"""The ε of every BN layer."""

BN_PLACES = {"before": False, "after": True}
"""Where a layer's BN stands, seen from the activation; whether that is after it."""


NORMS = ("batch", "layer", "group", "rms")
"""What may stand in BN's place, BN included."""


@dataclass(frozen=True, eq=False)
class Layer:
    """The parameters of one layer, or the gradients with respect to them.

    Parameters
    ----------
    weight
        W, shape (fan_in, fan_out).
    bias
        b, shape (fan_out,), or None in a layer without. With BN right after the linear part it has
        no effect, and gradient 0: the mean that BN subtracts contains it.
    gamma, beta
        BN's scale and shift, shape (fan_out,); None in a layer without BN.
    """

    weight: FloatArray
    bias: FloatArray | None
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
    bn_place
        A key of :data:`BN_PLACES`: where BN stands in the layers that have one.
    skips
        Whether each layer's input is added to its output: in every layer with as many outputs as
        inputs, except the first, whose input is data, and a linear last one.
    norm, groups
        One of :data:`NORMS`, which stands where ``bn_place`` says; for ``"group"`` how many groups
        of neighbouring units. γ and β are the layers'.
    """

    layers: tuple[Layer, ...]
    activation: str
    linear_output: bool = False
    bn_place: str = "before"
    skips: bool = False
    norm: str = "batch"
    groups: int = 1

    def has_statistics(self, layer: Layer) -> bool:
        """Whether a layer needs running statistics in use: BN does, its relatives do not."""
        return layer.gamma is not None and self.norm == "batch"


@dataclass(frozen=True, eq=False)
class ForwardEval:
    """What a BN layer did with statistics that were given to it, and all its gradient needs.

    Parameters
    ----------
    x, y
        The batch and the output, shape (m, d).
    running
        The statistics that took the place of the batch's own.
    gamma
        Scale, shape (d,).
    """

    x: FloatArray
    y: FloatArray
    running: RunningStats
    gamma: FloatArray


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
        What BN or another norm made of z, or of f(z) if it stands after the activation; None
        without.
    activation_input
        What the activation sees: y with BN before it, z otherwise, shape (m, fan_out).
    output
        a, with what a skip connection added, shape (m, fan_out).
    """

    input: FloatArray
    pre_activation: FloatArray
    batch_norm: ForwardTrain | ForwardEval | ForwardNorm | None
    activation_input: FloatArray
    output: FloatArray


@dataclass(frozen=True)
class _Wiring:
    """How the parts of one layer are connected."""

    activation: Activation | None  # None: the layer is linear
    bn_after: bool
    skip: bool
    norm: str
    groups: int


def initial_network(
    sizes: Sequence[int],
    *,
    activation: str,
    weight_scale: float = 1.0,
    weight_sd: float | None = None,
    batch_norm: bool = False,
    bn_place: str = "before",
    skips: bool = False,
    bias: bool = True,
    linear_output: bool = False,
    norm: str = "batch",
    groups: int = 1,
    seed: int = 0,
    dtype: DTypeLike = np.float64,
) -> Network:
    """A network as it is before training: W ~ N(0, weight_scale² / fan_in), b = 0, γ = 1, β = 0.

    The standard normals behind layer l depend on the seed, on l and on that layer's shape, and on
    nothing else. So ``weight_scale`` moves one network continuously, deepening it leaves the first
    layers as they were, and with BN or without, wherever it stands, the weights are the same.

    Parameters
    ----------
    sizes
        Number of inputs, then the width of each layer; at least one layer.
    activation
        A key of :data:`bn_core.activations.ACTIVATIONS`.
    weight_scale
        At least 0. 1 keeps the variance of z at the mean square of the layer's input; √2 is
        He et al.'s (2015) choice for ReLU.
    weight_sd
        At least 0. If given, W ~ N(0, weight_sd²) in every layer, whatever its inputs, and
        ``weight_scale`` has no say.
    batch_norm
        Whether layers have BN.
    bn_place
        A key of :data:`BN_PLACES`: BN before the activation or after it.
    skips
        Whether layers add their input to their output; see :class:`Network` for which.
    bias
        Whether layers have a bias.
    linear_output
        Whether the last layer has neither BN nor activation, as a classifier's logits need.
    norm, groups
        What stands in BN's place, one of :data:`NORMS`; see :class:`Network`.
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
    checked_key("bn_place", bn_place, BN_PLACES)
    checked_key("norm", norm, dict.fromkeys(NORMS))
    scale = checked_scale("weight_scale", weight_scale)
    sd = None if weight_sd is None else checked_scale("weight_sd", weight_sd)
    seed = checked_int("seed", seed, minimum=0)
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {dtype}")

    layers = []
    for number, (fan_in, fan_out) in enumerate(pairwise(widths), start=1):
        draw = np.random.default_rng([seed, number]).standard_normal((fan_in, fan_out))
        spread = scale / math.sqrt(fan_in) if sd is None else sd
        layer = Layer(
            weight=(spread * draw).astype(dtype),
            bias=np.zeros(fan_out, dtype) if bias else None,
        )
        if batch_norm and not (linear_output and number == len(widths) - 1):
            layer = replace(layer, gamma=np.ones(fan_out, dtype), beta=np.zeros(fan_out, dtype))
        layers.append(layer)
    return Network(tuple(layers), activation, linear_output, bn_place, skips, norm, groups)


def forward(
    network: Network, x: ArrayLike, running: Statistics | None = None
) -> tuple[LayerRecord, ...]:
    """Every layer's values for one mini-batch.

    Parameters
    ----------
    network
        The parameters.
    x
        Mini-batch, shape (m, fan_in of layer 1) with m ≥ 1, cast to the network's dtype.
    running
        What BN normalises with, as at inference: one :class:`RunningStats` for every layer that
        has BN, None for the others. By default it is the statistics of the mini-batch.

    Returns
    -------
    One :class:`LayerRecord` a layer, first to last; ``records[-1].output`` is the network's.

    Raises
    ------
    ValueError
        If ``x`` has another shape, or ``running`` is not there for every BN layer.
    """
    a = _checked_input(network, x)
    statistics = _checked_running(network, running)
    records = []
    for layer, wiring, given in zip(network.layers, _wirings(network), statistics, strict=True):
        records.append(_layer_forward(layer, wiring, a, given))
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
    for layer_before, wiring in zip(network.layers[: number - 1], _wirings(network), strict=False):
        a = _layer_forward(layer_before, wiring, a, None).output
    return _linear(network.layers[number - 1], a)


def backward(network: Network, records: Sequence[LayerRecord], d_output: ArrayLike) -> Network:
    """Gradients of the loss with respect to every parameter, by the chain rule from last to first.

    For each layer, with ``da`` the gradient that arrives at its output:

        dy = da ∘ f'(y)               and dz, dγ, dβ from dy by BN's own backward pass
        dz = da ∘ f'(z)               without BN
        dW = inputᵀ · dz,  db = Σ dz,  da_prev = dz · Wᵀ

    With BN after the activation, its backward pass comes first and da is what it hands on. A skip
    connection adds the da that arrived to da_prev.

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
    """What arrives at each layer's activation input: dy with BN before it, dz otherwise.

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
    steps = zip(network.layers, _wirings(network), records, strict=True)
    for layer, wiring, record in reversed(list(steps)):
        gradients, upstream, dz = _layer_backward(layer, wiring, record, da)
        yield gradients, upstream
        da_prev = dz @ layer.weight.T
        da = da_prev + da if wiring.skip else da_prev


def _layer_forward(
    layer: Layer, wiring: _Wiring, a: FloatArray, running: RunningStats | None
) -> LayerRecord:
    z = _linear(layer, a)
    bn = None if wiring.bn_after else _normalised(layer, wiring, z, running)
    activation_input = z if bn is None else bn.y
    output = activation_input if wiring.activation is None else wiring.activation(activation_input)
    if wiring.bn_after:
        bn = _normalised(layer, wiring, output, running)
        output = output if bn is None else bn.y
    return LayerRecord(a, z, bn, activation_input, output + a if wiring.skip else output)


def _layer_backward(
    layer: Layer, wiring: _Wiring, record: LayerRecord, da: FloatArray
) -> tuple[Layer, FloatArray, FloatArray]:
    """Gradients of one layer's parameters, of its activation's input and of its z."""
    dgamma = dbeta = None
    if record.batch_norm is not None and wiring.bn_after:
        da, dgamma, dbeta = _through_bn(da, record.batch_norm)
    f = wiring.activation
    upstream = da if f is None else da * f.derivative(record.activation_input)
    dz = upstream
    if record.batch_norm is not None and not wiring.bn_after:
        dz, dgamma, dbeta = _through_bn(upstream, record.batch_norm)
    dbias = None if layer.bias is None else dz.sum(axis=0)
    return Layer(record.input.T @ dz, dbias, dgamma, dbeta), upstream, dz


def _linear(layer: Layer, a: FloatArray) -> FloatArray:
    z = a @ layer.weight
    return z if layer.bias is None else z + layer.bias


def _normalised(
    layer: Layer, wiring: _Wiring, x: FloatArray, running: RunningStats | None
) -> ForwardTrain | ForwardEval | ForwardNorm | None:
    if layer.gamma is None:
        return None
    if wiring.norm == "layer":
        return layer_norm(x, layer.gamma, layer.beta, eps=BN_EPS)
    if wiring.norm == "group":
        return group_norm(x, wiring.groups, layer.gamma, layer.beta, eps=BN_EPS)
    if wiring.norm == "rms":
        return rms_norm(x, layer.gamma, layer.beta, eps=BN_EPS)
    if running is None:
        return forward_train(x, layer.gamma, layer.beta, eps=BN_EPS)
    y = forward_eval(x, running, layer.gamma, layer.beta, eps=BN_EPS)
    return ForwardEval(x, y, running, layer.gamma)


def _through_bn(
    dy: FloatArray, bn: ForwardTrain | ForwardEval | ForwardNorm
) -> tuple[FloatArray, FloatArray, FloatArray]:
    if isinstance(bn, ForwardNorm):
        own = backward_norm(dy, bn)
        return own.dx, own.dgamma, own.dbeta
    if isinstance(bn, ForwardTrain):
        train = backward_train(dy, bn)
        return train.dx, train.dgamma, train.dbeta
    constant = backward_eval(dy, bn.x, bn.running, bn.gamma, eps=BN_EPS)
    return constant.dx, constant.dgamma, constant.dbeta


def _wirings(network: Network) -> Iterator[_Wiring]:
    """One a layer, each made when its turn comes."""
    for number, layer in enumerate(network.layers, start=1):
        linear = network.linear_output and number == len(network.layers)
        fan_in, fan_out = layer.weight.shape
        yield _Wiring(
            activation=None if linear else ACTIVATIONS[network.activation],
            bn_after=BN_PLACES[network.bn_place],
            skip=network.skips and number > 1 and fan_in == fan_out and not linear,
            norm=network.norm,
            groups=network.groups,
        )


def _checked_running(network: Network, running: Statistics | None) -> Statistics:
    if running is None:
        return [None] * len(network.layers)
    needed = [network.has_statistics(layer) for layer in network.layers]
    if [stats is not None for stats in running] != needed:
        raise ValueError(
            f"running must have one entry a layer, {len(needed)}, and be None just where there is "
            f"no BN; got {running}"
        )
    return running


def _checked_input(network: Network, x: ArrayLike) -> FloatArray:
    weight = network.layers[0].weight
    a = np.asarray(x, dtype=weight.dtype)
    if a.ndim != 2 or a.shape[1] != weight.shape[0] or a.shape[0] == 0:
        raise ValueError(f"x must have shape (m ≥ 1, {weight.shape[0]}), got {a.shape}")
    return a
