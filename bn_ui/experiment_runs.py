"""The experiments of many runs as jobs of the pool: the learning map, figure 1 of the paper, and
every norm at several batch sizes.

``jobs()`` lists them all, so that they can be computed before a class asks for them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

from bn_core import figure_one
from bn_core.learning_map import LearningMapConfig, Trained
from bn_core.norm_race import NormRaceConfig, Raced, Underway
from bn_core.training_config import TrainingConfig
from bn_core.training_data import DATA_SETS
from bn_ui.runs import networks
from bn_ui.runs.jobs import Job, Work

RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
MAP = LearningMapConfig(
    base=TrainingConfig(
        data="digits",
        train_size=DATA_SETS["digits"].size,
        depth=5,
        width=32,
        activation="relu",
        batch_size=64,
        steps=300,
    ),
    learning_rates=RATES,
    weight_scales=SCALES,
    seeds=3,
)
MAP_ACTIVATIONS = ("sigmoid", "tanh", "relu")
MAP_DEPTHS = (1, 3, 5, 8)


# The spirals need the larger learning rate, and at m = 2 images bear no larger one than this.
RACE_RATES = {"digits": 0.03, "spirals": 0.1}
RACE_STEPS = {"steps": 600, "examples": 300}  # of the largest batches


def map_config(activation: str, depth: int) -> LearningMapConfig:
    """The map of another network of the same width."""
    return replace(MAP, base=replace(MAP.base, activation=activation, depth=depth))


def map_job(config: LearningMapConfig) -> Job:
    """A whole map; its events are those of `bn_core.learning_map.learning_map`."""
    return Job(_map_work(), config.key(), max(config.cost, networks.LEAST), config)


def figure_one_jobs(data: str) -> dict[tuple[str, int], Job]:
    """One job for each network and seed."""
    return {key: networks.job(config) for key, config in figure_one.runs(data).items()}


def race_config(
    data: str = "digits", activation: str = "relu", bias: bool = True, equal: str = "steps"
) -> NormRaceConfig:
    """Every norm in a small network of this kind, at batch sizes 2, 4, 8 and 32."""
    base = TrainingConfig(
        data=data,
        train_size=1000,
        depth=3,
        width=32,
        activation=activation,
        bias=bias,
        batch_size=32,
        learning_rate=RACE_RATES[data],
        steps=RACE_STEPS[equal],
    )
    return NormRaceConfig(base, equal=equal)


def race_job(config: NormRaceConfig) -> Job:
    """A whole race; its events are those of `bn_core.norm_race.norm_race`."""
    return Job(_race_work(), config.key(), max(config.cost, networks.LEAST), config)


def race_jobs() -> list[Job]:
    """What the chapter opens with, and what it invites to look at."""
    configs = (
        race_config(),
        race_config(equal="examples"),
        race_config("spirals"),
        race_config("spirals", bias=False),
        race_config("spirals", "sigmoid"),
    )
    return [race_job(config) for config in configs]


def jobs() -> list[Job]:
    """What the pages open with first; then the other data set, and the other activations."""
    maps = [map_config(activation, MAP.base.depth) for activation in MAP_ACTIVATIONS]
    maps.sort(key=lambda config: config != MAP)
    ones = [job for data in figure_one.DATA for job in figure_one_jobs(data).values()]
    return [map_job(maps[0]), *race_jobs(), *ones, *map(map_job, maps[1:])]


@cache
def _map_work() -> Work:
    return networks.work(
        "bn_core.learning_map:learning_map",
        lambda event, config: event.number / math.prod(config.shape),
        Trained,
    )


@cache
def _race_work() -> Work:
    return networks.work(
        "bn_core.norm_race:norm_race",
        lambda event, config: event.number / math.prod(config.shape),
        Raced,
        passing=(Underway,),
    )
