"""Residual blocks whose last operation is BN: what its γ at the start does to the stream.

A block adds something to the stream h and leaves the rest alone:

    two weight layers    h + BN(relu(BN(h·W₁))·W₂; γ)      as in ResNets (He et al. 2016)
    one weight layer     h + BN(relu(h·W); γ)

With γ = 0 in the BN that stands last, every block is the identity when training starts: "zero γ"
(Goyal et al. 2017, https://arxiv.org/abs/1706.02677, section 5.1). NumPy only; knows no screen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bn_core._checks import checked_int, checked_key
from bn_core.activations import ACTIVATIONS
from bn_core.batchnorm import backward_train, forward_train
from bn_core.summaries import Floats

BLOCKS = {"two": 2, "one": 1}
"""Weight layers in a block, by the kind of block."""

_relu = ACTIVATIONS["relu"]


@dataclass(frozen=True)
class LastBlock:
    """Root mean square of the gradients of the last block's parameters, each (n,)."""

    dgamma: Floats
    dweight: Floats


def stream_sd(
    x: ArrayLike, gammas: ArrayLike, *, blocks: int, kind: str = "two", seed: int = 0
) -> Floats:
    """The standard deviation of the stream before the first block and after every one.

    Weights are drawn from N(0, 2/d) (He et al. 2015), the same ones for every γ; β = 0 and no
    biases. The standard deviation is over all samples and features.

    Parameters
    ----------
    x : (m, d) array-like
        What enters the first block.
    gammas : (n,) array-like
        γ of each block's last BN, the same in all blocks; one run for each.
    blocks : int
        How many, at least 1.
    kind : str
        A key of `BLOCKS`.
    seed : int
        At least 0.

    Returns
    -------
    (n, blocks + 1) array

    Raises
    ------
    ValueError
        If an argument is outside these limits, or as `forward_train`.
    """
    streams = _start(x, gammas)
    scale = np.asarray(gammas, np.float64)[:, None, None]
    sd = [streams.std(axis=(1, 2))]
    for weights in _weights(streams.shape[2], blocks, kind, seed):
        streams = streams + scale * _standardised(_branch(streams, weights)[-1])
        sd.append(streams.std(axis=(1, 2)))
    return np.stack(sd, axis=1)


def last_block(
    x: ArrayLike, gammas: ArrayLike, *, blocks: int, kind: str = "two", seed: int = 0
) -> LastBlock:
    r"""What the last block's γ and last weights receive from a random upstream gradient.

    With :math:`g` the gradient at the block's output: :math:`\partial\ell/\partial\gamma =
    \sum_i g_i\hat x_i`, which does not contain γ, and :math:`\partial\ell/\partial W`, which has γ
    as a factor. So at γ = 0 only γ moves in the first step, and the weights from the second on.
    The gradient is drawn from N(0, 1/m). Parameters and errors are those of `stream_sd`.
    """
    streams = _start(x, gammas)
    scale = np.asarray(gammas, np.float64)
    *before, last = _weights(streams.shape[2], blocks, kind, seed)
    for weights in before:
        branch = _standardised(_branch(streams, weights)[-1])
        streams = streams + scale[:, None, None] * branch
    m, d = streams.shape[1:]
    dy = np.random.default_rng([seed, blocks + 1]).standard_normal((m, d)) / math.sqrt(m)
    found = []
    for gamma, a, z, u in zip(scale, *_branch(streams, last), strict=True):
        grads = backward_train(dy, forward_train(u, np.full(d, gamma)))
        dz = grads.dx * _relu.derivative(z) if len(last) == 1 else grads.dx
        found.append((_rms(grads.dgamma), _rms(a.T @ dz)))
    dgamma, dweight = np.array(found).T
    return LastBlock(dgamma, dweight)


def uncorrelated_sd(start: float, gammas: ArrayLike, blocks: int) -> Floats:
    r"""The standard deviation if what the blocks add were uncorrelated,
    :math:`\sqrt{v + l\gamma^2}` after l blocks with v at the start, (n, blocks + 1)."""
    square = np.square(np.asarray(gammas, np.float64))[:, None]
    return np.sqrt(start**2 + square * np.arange(blocks + 1))


def _start(x: ArrayLike, gammas: ArrayLike) -> Floats:
    """The same stream for every γ, (n, m, d)."""
    h = np.asarray(x, np.float64)
    n = np.shape(gammas)
    if h.ndim != 2 or len(n) != 1:
        raise ValueError(f"x must have shape (m, d) and gammas (n,), got {h.shape} and {n}")
    return np.broadcast_to(h, (n[0], *h.shape))


def _weights(d: int, blocks: int, kind: str, seed: int) -> list[Floats]:
    """For every block its weights, (layers, d, d)."""
    layers = checked_key("kind", kind, BLOCKS)
    count = checked_int("blocks", blocks, minimum=1)
    seed = checked_int("seed", seed, minimum=0)
    draws = (
        np.random.default_rng([seed, number]).standard_normal((layers, d, d))
        for number in range(1, count + 1)
    )
    return [math.sqrt(2 / d) * draw for draw in draws]


def _branch(streams: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """What the block's last weights take, what they make of it, and what its last BN takes."""
    if len(weights) == 1:
        z = streams @ weights[0]
        return streams, z, _relu(z)
    a = _relu(_standardised(streams @ weights[0]))
    z = a @ weights[1]
    return a, z, z


def _standardised(streams: Floats) -> Floats:
    """x̂ of every stream (n, m, d): each (stream, feature) is one feature of the core's BN."""
    n, m, d = streams.shape
    columns = streams.transpose(1, 0, 2).reshape(m, n * d)
    return forward_train(columns).x_hat.reshape(m, n, d).transpose(1, 0, 2)


def _rms(a: Floats) -> float:
    return float(np.sqrt(np.mean(a * a)))
