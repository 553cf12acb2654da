r"""BN makes a layer deaf to the scale of its weights.

With y = BN(xW), and ε = 0, any factor a > 0 leaves the output as it is; the gradient is divided by
it, and has no part along W:

.. math::
    \mathrm{BN}(x\,aW) = \mathrm{BN}(xW) \qquad
    \nabla\ell(aW) = \tfrac1a\,\nabla\ell(W) \qquad
    \langle W, \nabla\ell(W)\rangle = \frac{d\,\ell(aW)}{da}\Big|_{a=1} = 0

Section 3.3 of Ioffe & Szegedy (2015); what weight decay then does: van Laarhoven (2017,
https://arxiv.org/abs/1706.05350). A step of length η changes the direction of W as much as one of
length η/‖W‖² changes that of a W of length 1: that is the effective learning rate.

>>> found = rescaled(one_layer(seed=0), [1.0, 2.0], eps=0.0)
>>> float(found.gradient[0] / found.gradient[1])
2.0
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core.activations import ACTIVATIONS
from bn_core.batchnorm import backward_train, forward_train
from bn_core.training_data import training_data
from bn_core.upstream import softmax_cross_entropy

FloatArray = NDArray[np.floating[Any]]

SAMPLES, UNITS = 32, 8
H = 1e-4
"""Step of the central difference in ln a."""


@dataclass(frozen=True, eq=False)
class OneLayer:
    """A layer with BN, or without, and a linear one behind it that tells classes apart.

    Parameters
    ----------
    x, labels
        A mini-batch, (m, d), and its classes.
    weight
        W, (d, units): what is scaled.
    readout
        V, (units, classes); the logits are ReLU(BN(xW)) · V.
    batch_norm
        Whether there is BN (γ = 1, β = 0).
    """

    x: FloatArray
    labels: NDArray[np.int64]
    weight: FloatArray
    readout: FloatArray
    batch_norm: bool = True

    def without(self) -> OneLayer:
        """The same without BN."""
        return replace(self, batch_norm=False)


def one_layer(seed: int) -> OneLayer:
    """Points of the two spirals and random weights, N(0, 1/fan_in)."""
    data = training_data("spirals")
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(data.x), SAMPLES, replace=False)
    x = data.x[rows].astype(np.float64).round(3)
    weight = (rng.standard_normal((x.shape[1], UNITS)) / np.sqrt(x.shape[1])).round(3)
    readout = (rng.standard_normal((UNITS, data.classes)) / np.sqrt(UNITS)).round(3)
    return OneLayer(x, data.labels[rows], weight, readout)


@dataclass(frozen=True, eq=False)
class Rescaled:
    """What becomes of a layer whose weights are aW, for n factors a: (n,) each.

    Parameters
    ----------
    loss
        ℓ.
    moved
        The largest change of a logit from a = 1.
    gradient
        ‖∂ℓ/∂W‖ at aW.
    along
        ⟨aW, ∂ℓ/∂W⟩, by formula.
    numeric
        The same by a central difference: dℓ/d ln a.
    """

    loss: FloatArray
    moved: FloatArray
    gradient: FloatArray
    along: FloatArray
    numeric: FloatArray


def rescaled(layer: OneLayer, factors: ArrayLike, *, eps: float) -> Rescaled:
    """Scale the weights by each of ``factors``, all above 0.

    Parameters
    ----------
    layer
        What is looked at.
    factors
        a, (n,).
    eps
        BN's ε. With ε > 0 everything holds nearly, as long as the variances are far above it.

    Raises
    ------
    ValueError
        If a factor is not above 0.
    """
    factors = np.asarray(factors, dtype=np.float64)
    if not (factors > 0).all():
        raise ValueError(f"factors must be above 0, got {factors.min()}")
    reference, _, _ = _pass(layer, 1.0, eps)
    rows = []
    for a in factors:
        logits, loss, gradient = _pass(layer, a, eps)
        above, below = (_pass(layer, a * np.exp(h), eps)[1] for h in (H, -H))
        rows.append(
            (
                loss,
                np.abs(logits - reference).max(),
                np.linalg.norm(gradient),
                (a * layer.weight * gradient).sum(),
                (above - below) / (2 * H),
            )
        )
    return Rescaled(*np.array(rows).reshape(len(factors), 5).T)


def _pass(layer: OneLayer, a: float, eps: float) -> tuple[FloatArray, float, FloatArray]:
    """Logits, loss and ∂ℓ/∂W where the weights are aW."""
    relu = ACTIVATIONS["relu"]
    z = layer.x @ (a * layer.weight)
    bn = forward_train(z, eps=eps) if layer.batch_norm else None
    y = z if bn is None else bn.y
    logits = relu(y) @ layer.readout
    loss, dlogits = softmax_cross_entropy(logits, layer.labels)
    dy = dlogits @ layer.readout.T * relu.derivative(y)
    dz = dy if bn is None else backward_train(dy, bn).dx
    return logits, loss, layer.x.T @ dz


def with_and_without(layer: OneLayer, factors: ArrayLike, *, eps: float) -> dict[str, Rescaled]:
    """:func:`rescaled` with BN (``"bn"``) and without (``"plain"``), at these factors and, last, at
    a = 1."""
    and_one = np.append(np.asarray(factors, dtype=np.float64), 1.0)
    return {
        "bn": rescaled(layer, and_one, eps=eps),
        "plain": rescaled(layer.without(), and_one, eps=eps),
    }


def departure(found: Rescaled, factors: ArrayLike) -> float:
    """The largest share by which a·‖∂ℓ/∂W‖ at aW differs from ‖∂ℓ/∂W‖ at W.

    ``found`` is of :func:`with_and_without` with these factors.
    """
    lengths = found.gradient[:-1] * np.asarray(factors, dtype=np.float64)
    return float(np.abs(lengths / found.gradient[-1] - 1).max())


def effective_rate(learning_rate: float, norm: ArrayLike) -> FloatArray:
    """η/‖W‖²."""
    return learning_rate / np.asarray(norm, dtype=np.float64) ** 2
