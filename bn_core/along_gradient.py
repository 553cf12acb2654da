r"""How the loss and its gradient change along one step of gradient descent.

At some moments of a training, go from where the parameters θ are, against the gradient g of the
mini-batch at hand, and look at the loss of that same mini-batch again:

.. math::
    \ell(\theta - \eta g) \qquad \|\nabla\ell(\theta - \eta g) - g\|_2 \qquad g = \nabla\ell(\theta)

for many step lengths η. The less both change, the further a gradient can be trusted. After figure 4
of Santurkar et al. (2018, https://arxiv.org/abs/1805.11604), which shows the range over η.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bn_core.descent import stepped
from bn_core.engine import Engine
from bn_core.network import Network, backward, forward
from bn_core.training import initial, snapshot_steps
from bn_core.training_config import TrainingConfig
from bn_core.training_data import mini_batches, training_data
from bn_core.upstream import softmax_cross_entropy

FloatArray = NDArray[np.floating[Any]]

LENGTHS = np.array([float(f"{0.01 * 10 ** (k / 10):.3g}") for k in range(31)])
"""The step lengths η that are tried: ten to a decade, from 0.01 to 10."""
LENGTHS.setflags(write=False)


@dataclass(frozen=True, eq=False)
class Along:
    """What was seen from one moment of training.

    Parameters
    ----------
    step
        How many mini-batches had been learned from.
    loss, gradient
        ℓ(θ) and ‖g‖.
    losses
        ℓ(θ − ηg) for every η of :data:`LENGTHS`.
    changes
        ‖∇ℓ(θ − ηg) − g‖ for every η.
    """

    step: int
    loss: float
    gradient: float
    losses: FloatArray
    changes: FloatArray


@np.errstate(all="ignore")  # far out the loss may be Inf: that is the answer
def along(network: Network, x: FloatArray, labels: NDArray[np.int64], step: int) -> Along:
    """Look along the gradient of one mini-batch."""
    loss, gradients = _loss_and_gradients(network, x, labels)
    g = _flat(gradients)
    losses, changes = [], []
    for length in LENGTHS:
        there = stepped(network, gradients, float(length))
        loss_there, gradients_there = _loss_and_gradients(there, x, labels)
        losses.append(loss_there)
        changes.append(float(np.linalg.norm(_flat(gradients_there) - g)))
    size = float(np.linalg.norm(g))
    return Along(step, loss, size, np.array(losses), np.array(changes))


def look_along(config: TrainingConfig) -> Iterator[Along]:
    """Train, and look along the gradient at every moment that the settings name.

    Each look is at the mini-batch that training takes next. To stop, ask for no more; where
    training diverges it ends.
    """
    data = training_data(config.data, config.binarised).first(config.train_size)
    x = data.x.astype(config.dtype)
    one_hot = np.eye(config.sizes[-1], dtype=config.dtype)[data.labels]
    engine = Engine(config, initial(config))
    moments = set(snapshot_steps(config.steps, config.moments))
    batches = mini_batches(config.train_size, config.batch_size, config.seed)
    for step, rows in zip(range(config.steps + 1), batches, strict=False):
        if step in moments:
            if not engine.finite:
                return
            yield along(engine.network(), x[rows], data.labels[rows], step)
        with np.errstate(all="ignore"):  # a training that diverges is found out above
            engine.step(x[rows], one_hot[rows])


@dataclass(frozen=True, eq=False)
class Ranges:
    """Over all step lengths up to each one, at every moment.

    Parameters
    ----------
    steps
        The moments, (n,).
    low, high
        The smallest and the largest loss on the way, ℓ(θ) included: (lengths, n).
    change
        The largest change of the gradient on the way, (lengths, n).
    """

    steps: NDArray[np.int64]
    low: FloatArray
    high: FloatArray
    change: FloatArray


def ranges(looks: Sequence[Along]) -> Ranges:
    """What the looks at one training show. What is not finite is larger than anything."""
    if not looks:
        nothing = np.zeros((len(LENGTHS), 0))
        return Ranges(np.zeros(0, dtype=np.int64), nothing, nothing, nothing)
    losses = np.nan_to_num(np.array([look.losses for look in looks]).T, nan=np.inf, posinf=np.inf)
    changes = np.nan_to_num(np.array([look.changes for look in looks]).T, nan=np.inf, posinf=np.inf)
    here = np.array([look.loss for look in looks])
    return Ranges(
        np.array([look.step for look in looks], dtype=np.int64),
        np.minimum(np.minimum.accumulate(losses), here),
        np.maximum(np.maximum.accumulate(losses), here),
        np.maximum.accumulate(changes),
    )


def smoother(with_bn: Ranges, without: Ranges) -> dict[str, NDArray[np.int64]]:
    """At how many common moments BN has the smaller range of losses and the smaller change of the
    gradient: by name, (lengths,) each; ``moments`` is how many there are."""
    n = min(len(with_bn.steps), len(without.steps))
    a, b = with_bn, without
    with np.errstate(invalid="ignore"):  # Inf − Inf is no range
        narrower = (a.high - a.low)[:, :n] < np.nan_to_num((b.high - b.low)[:, :n], nan=np.inf)
    return {
        "loss": narrower.sum(axis=1),
        "gradient": (a.change[:, :n] < b.change[:, :n]).sum(axis=1),
        "moments": np.full(len(LENGTHS), n),
    }


def _loss_and_gradients(
    network: Network, x: FloatArray, labels: NDArray[np.int64]
) -> tuple[float, Network]:
    records = forward(network, x)
    loss, d = softmax_cross_entropy(records[-1].output, labels)
    return loss, backward(network, records, d)


def _flat(gradients: Network) -> FloatArray:
    """Every gradient in one array."""
    parts = [
        array.ravel()
        for layer in gradients.layers
        for array in (layer.weight, layer.bias, layer.gamma, layer.beta)
        if array is not None
    ]
    return np.concatenate(parts)
