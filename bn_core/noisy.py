r"""BN with noise behind it: does it help because it keeps distributions still?

After Santurkar et al. (2018, https://arxiv.org/abs/1805.11604, section 2.2): BN, and right behind
it, in every step and for every feature anew, a random scale and a random shift,

.. math::
    \tilde y = s\,y + t \qquad s \sim U(0.5, 1.5) \qquad t \sim N(0, 0.5^2)

so that no layer's input stands still. (Their noise is of another form: a distribution drawn anew in
every step, for every single activation.) As s(γx̂ + β) + t = (sγ)x̂ + (sβ + t), a network with
noise is one with other γ and β, and `bn_core.network` computes it:

>>> config = RaceConfig(steps=20)
>>> [event.step for event in race(config)]
[10, 20]
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core._checks import checked_int, checked_key, checked_scale
from bn_core.activations import ACTIVATIONS
from bn_core.descent import stepped
from bn_core.network import Network, backward, forward, initial_network
from bn_core.training_data import DATA_SETS, mini_batches, training_data
from bn_core.upstream import softmax_cross_entropy

FloatArray = NDArray[np.floating[Any]]

NETWORKS = ("plain", "bn", "noisy")
"""Without BN, with BN, and with BN and noise behind it."""

SCALE_RANGE, SHIFT_SD = (0.5, 1.5), 0.5
STRETCH = 10
"""So many steps make one event."""

_NOISE_STREAM = 9  # beside those that weights (l ≥ 1) and the order of samples (0, epoch) come from


@dataclass(frozen=True)
class RaceConfig:
    """What is raced: equal networks but for BN, on the same mini-batches from the same weights.

    Parameters
    ----------
    data
        A key of :data:`bn_core.training_data.DATA_SETS`.
    activation
        A key of :data:`bn_core.activations.ACTIVATIONS`.
    learning_rate, steps, seed
        Of plain gradient descent; of weights, mini-batches and noise.
    depth, width, batch_size, train_size
        Hidden layers and units in each; m; how many samples there are to train on.
    """

    data: str = "digits"
    activation: str = "sigmoid"
    learning_rate: float = 0.1
    steps: int = 600
    seed: int = 0
    depth: int = 5
    width: int = 32
    batch_size: int = 64
    train_size: int = 1000

    def __post_init__(self) -> None:
        checked_key("data", self.data, DATA_SETS)
        checked_key("activation", self.activation, ACTIVATIONS)
        checked_scale("learning_rate", self.learning_rate, maximum=1000)
        for name, least, most in (("steps", 1, 5000), ("seed", 0, 2**32 - 1), ("depth", 1, 20)):
            checked_int(name, getattr(self, name), minimum=least, maximum=most)

    @property
    def watched(self) -> int:
        """The layer whose activation's input is watched, counted from 0: the middle one."""
        return self.depth // 2

    @property
    def cost(self) -> float:
        """Roughly the seconds that it takes on one core."""
        return len(NETWORKS) * self.steps * (self.depth + 1) * 1.2e-4

    def key(self) -> str:
        """A name that equal settings share, in any process: 16 hexadecimal digits."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Stretch:
    """Some steps of all three networks, in the order of :data:`NETWORKS`.

    Parameters
    ----------
    step
        How many steps have been taken when it ends.
    losses
        Mean loss over the mini-batches of these steps, (3,).
    mean, sd
        Of what the first unit of the watched layer's activation sees, at every step: (3, steps).
    moved
        How far the means of that layer's units are from where they were a step before, root mean
        square over the units, (3, steps); NaN at the first step of all.
    """

    step: int
    losses: FloatArray
    mean: FloatArray
    sd: FloatArray
    moved: FloatArray


def race(config: RaceConfig) -> Iterator[Stretch]:
    """Train the three networks side by side; to stop, ask for no more.

    A network that diverges goes on with NaN.
    """
    runners = [_runner(config, name) for name in NETWORKS]
    step = 0
    while step < config.steps:
        count = min(STRETCH, config.steps - step)
        step += count
        rows = np.array([list(islice(runner, count)) for runner in runners])  # (3, count, 4)
        yield Stretch(step, rows[..., 0].mean(axis=1), *rows[..., 1:].transpose(2, 0, 1))


@np.errstate(all="ignore")  # a network that diverges says so with its loss
def _runner(config: RaceConfig, name: str) -> Iterator[tuple[float, float, float, float]]:
    """Loss, mean, sd and movement, step after step, without end."""
    data = training_data(config.data).first(config.train_size)
    network = initial(config, name)
    noise = np.random.default_rng([config.seed, 0, 0, _NOISE_STREAM])
    before = np.full(config.width, np.nan)
    for rows in mini_batches(config.train_size, config.batch_size, config.seed):
        drawn = draw_noise(network, noise) if name == "noisy" else None
        used = network if drawn is None else disturbed(network, drawn)
        records = forward(used, data.x[rows])
        loss, d = softmax_cross_entropy(records[-1].output, data.labels[rows])
        gradients = backward(used, records, d)
        if drawn is not None:
            gradients = undisturbed(gradients, drawn)
        network = stepped(network, gradients, config.learning_rate)
        seen = records[config.watched].activation_input
        means = seen.mean(axis=0)
        moved = np.sqrt(((means - before) ** 2).mean())
        yield loss, float(means[0]), float(seen[:, 0].std()), float(moved)
        before = means


def initial(config: RaceConfig, name: str) -> Network:
    """Where one of the networks starts: the same weights for all."""
    data = DATA_SETS[config.data]
    return initial_network(
        (data.features, *[config.width] * config.depth, data.classes),
        activation=config.activation,
        batch_norm=name != "plain",
        linear_output=True,
        seed=config.seed,
    )


# ---- the noise -----------------------------------------------------------------------------------

Noise = tuple[tuple[FloatArray, FloatArray] | None, ...]
"""s and t of every layer, (width,) each; None for a layer without BN."""


def draw_noise(network: Network, rng: np.random.Generator) -> Noise:
    """s ~ U(0.5, 1.5) and t ~ N(0, 0.5²) for every feature of every BN layer."""
    return tuple(
        None
        if layer.gamma is None
        else (
            rng.uniform(*SCALE_RANGE, layer.gamma.size),
            rng.normal(0, SHIFT_SD, layer.gamma.size),
        )
        for layer in network.layers
    )


def disturbed(network: Network, noise: Noise) -> Network:
    """The network whose BN has sγ for γ and sβ + t for β: noise behind BN is nothing else."""
    return _scaled(network, noise, 1.0)


def undisturbed(gradients: Network, noise: Noise) -> Network:
    """Gradients with respect to γ and β from those with respect to sγ and sβ + t: s times them."""
    return _scaled(gradients, noise, 0.0)


def _scaled(network: Network, noise: Noise, shift: float) -> Network:
    """sγ and sβ + shift·t in place of every γ and β."""
    layers = [
        layer
        if drawn is None or layer.gamma is None or layer.beta is None
        else replace(
            layer,
            gamma=drawn[0] * layer.gamma,
            beta=drawn[0] * layer.beta + shift * drawn[1],
        )
        for layer, drawn in zip(network.layers, noise, strict=True)
    ]
    return replace(network, layers=tuple(layers))


# ---- what the races show -------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Races:
    """All races that there are, one a seed, as far as they all have come.

    Parameters
    ----------
    steps
        At the end of each stretch, (n,).
    losses
        (seeds, n, 3).
    moved
        Root mean square over all steps and seeds of how far the units' means move in a step, (3,).
    """

    steps: NDArray[np.int64]
    losses: FloatArray
    moved: FloatArray

    @property
    def medians(self) -> FloatArray:
        """Of the loss over the seeds at the end, (3,)."""
        return np.median(self.losses[:, -1], axis=0)

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """Whether that median is no finite number, (3,)."""
        return ~np.isfinite(self.medians)


def races(runs: Iterable[Iterable[Stretch]]) -> Races | None:
    """Several seeds put together; None before the first stretch of every one."""
    found = [list(run) for run in runs]
    n = min((len(run) for run in found), default=0)
    if not n:
        return None
    moved = np.concatenate([stretch.moved for run in found for stretch in run[:n]], axis=1)
    return Races(
        np.array([stretch.step for stretch in found[0][:n]]),
        np.array([[stretch.losses for stretch in run[:n]] for run in found]),
        np.sqrt(np.nanmean(moved**2, axis=1)),
    )


def verdict(losses: ArrayLike) -> str:
    """How noisy BN stands to no BN at the end, from the losses of every seed, (seeds, 3).

    ``"ahead"`` or ``"behind"`` where that is so for every seed, otherwise ``"mixed"``. A loss that
    is not finite is more than any other.
    """
    plain, _, noisy = np.nan_to_num(np.asarray(losses, dtype=np.float64), nan=np.inf).T
    if (noisy < plain).all():
        return "ahead"
    return "behind" if (noisy > plain).all() else "mixed"
