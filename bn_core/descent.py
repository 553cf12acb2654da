r"""One step of gradient descent: on γ and β, learned like any weight, and on all of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bn_core.batchnorm import BackwardTrain, ForwardTrain, forward_train
from bn_core.network import Layer, Network

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Descent:
    """The step at each of n learning rates.

    Attributes
    ----------
    gamma, beta : ndarray of shape (n, d)
        γ − η ∂ℓ/∂γ and β − η ∂ℓ/∂β.
    loss : ndarray of shape (n,)
        ℓ after the step.
    predicted : ndarray of shape (n,)
        ℓ − η (‖∂ℓ/∂γ‖² + ‖∂ℓ/∂β‖²): what the gradient promises, right for a small η.
    """

    gamma: Array
    beta: Array
    loss: Array
    predicted: Array


def descend(
    fwd: ForwardTrain,
    grads: BackwardTrain,
    rates: Sequence[float] | Array,
    loss: Callable[[Array], float],
) -> Descent:
    r"""One step of stochastic gradient descent on γ and β, at each of many learning rates.

    .. math::
        \gamma \leftarrow \gamma - \eta \frac{\partial\ell}{\partial\gamma} \qquad
        \beta \leftarrow \beta - \eta \frac{\partial\ell}{\partial\beta}

    Parameters
    ----------
    fwd, grads : ForwardTrain, BackwardTrain
        Both passes over the batch.
    rates : sequence of n floats
        Learning rates η.
    loss : callable
        ℓ of an output y.

    Returns
    -------
    Descent
    """
    eta = np.asarray(rates, dtype=np.float64)[:, np.newaxis]
    gamma, beta = fwd.gamma - eta * grads.dgamma, fwd.beta - eta * grads.dbeta
    steps = zip(gamma, beta, strict=True)
    after = [loss(forward_train(fwd.x, g, b, eps=fwd.eps).y) for g, b in steps]
    slope = float((grads.dgamma**2).sum() + (grads.dbeta**2).sum())
    return Descent(gamma, beta, np.array(after), loss(fwd.y) - eta[:, 0] * slope)


def stepped(network: Network, gradients: Network, rate: float) -> Network:
    r"""A new network after one step, :math:`\theta - \eta\,\partial\ell/\partial\theta`.

    Parameters
    ----------
    network, gradients : Network
        Of one form; the second holds gradients where the first holds parameters.
    rate : float
        The learning rate η.
    """
    layers = [
        Layer(
            weight=now.weight - rate * slope.weight,
            bias=_stepped(now.bias, slope.bias, rate),
            gamma=_stepped(now.gamma, slope.gamma, rate),
            beta=_stepped(now.beta, slope.beta, rate),
        )
        for now, slope in zip(network.layers, gradients.layers, strict=True)
    ]
    return replace(network, layers=tuple(layers))


def _stepped(value: Array | None, slope: Array | None, rate: float) -> Array | None:
    return None if value is None or slope is None else value - rate * slope
