"""What the chapter on why BN works trains, as jobs of the pool.

``jobs()`` lists what the page opens with, so that it can be computed before a class asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from bn_core.along_gradient import LENGTHS, Along
from bn_core.noisy import RaceConfig, Stretch
from bn_core.training import snapshot_steps
from bn_core.training_config import NO_BN, TrainingConfig
from bn_core.training_data import DATA_SETS
from bn_ui.runs import networks
from bn_ui.runs.jobs import Job, Work

RACE_SEEDS = (0, 1, 2)
DECAYS = (0.0, 0.001, 0.01)
# A look is a forward and a backward pass for every length; beside that, training costs little.
_SECONDS_A_PASS = 1.5e-3

LINE = TrainingConfig(
    depth=5,
    width=32,
    activation="relu",
    weight_scale=2**0.5,  # He et al.'s (2015) choice for ReLU
    learning_rate=0.1,
    batch_size=64,
    steps=300,
    moments=24,
    dtype="float64",
)
LINE_MOMENTS = len(snapshot_steps(LINE.steps, LINE.moments))
DECAY = TrainingConfig(
    train_size=DATA_SETS["digits"].size,
    depth=3,
    width=64,
    activation="relu",
    learning_rate=0.3,
    batch_size=60,
    steps=3000,
    moments=60,
)
SHIFTED = TrainingConfig(
    data="spirals",
    train_size=1000,
    depth=5,
    width=32,
    activation="relu",
    learning_rate=0.1,
    momentum=0.9,
    batch_size=64,
    steps=600,
    moments=2,
    dtype="float64",
)


def race_jobs(data: str, activation: str, learning_rate: float) -> Mapping[int, Job]:
    """The three networks side by side, once for each seed."""
    configs = (RaceConfig(data, activation, learning_rate, seed=seed) for seed in RACE_SEEDS)
    return {config.seed: Job(_race_work(), config.key(), config.cost, config) for config in configs}


def line_jobs(activation: str, seed: int) -> Mapping[str, Job]:
    """Without BN and with it."""
    base = replace(LINE, activation=activation, seed=seed)
    configs = {"without": replace(base, batch_norm=NO_BN), "with": base}
    cost = LINE.cost + LINE_MOMENTS * len(LENGTHS) * _SECONDS_A_PASS
    return {name: Job(_line_work(), config.key(), cost, config) for name, config in configs.items()}


def decay_jobs(learning_rate: float, seed: int) -> Mapping[float, Job]:
    """One network for each weight decay."""
    base = replace(DECAY, learning_rate=learning_rate, seed=seed)
    return {decay: networks.job(replace(base, weight_decay=decay)) for decay in DECAYS}


def shifted_jobs(seed: int) -> Mapping[str, Job]:
    """The one network that meets other data."""
    return {"network": networks.job(replace(SHIFTED, seed=seed))}


def jobs() -> list[Job]:
    """What every experiment opens with."""
    opening = (
        decay_jobs(DECAY.learning_rate, 0),
        race_jobs(RaceConfig.data, RaceConfig.activation, RaceConfig.learning_rate),
        line_jobs(LINE.activation, 0),
        shifted_jobs(0),
    )
    return [job for each in opening for job in each.values()]


@cache
def _race_work() -> Work:
    return networks.work(
        "bn_core.noisy:race",
        lambda event, config: event.step / config.steps,
        Stretch,
    )


@cache
def _line_work() -> Work:
    return networks.work(
        "bn_core.along_gradient:look_along",
        lambda event, config: event.step / config.steps,
        Along,
    )
