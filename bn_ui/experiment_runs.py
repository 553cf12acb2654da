"""The experiments of many runs as jobs of the pool: the learning map, and figure 1 of the paper.

``jobs()`` lists them all, so that they can be computed before a class asks for them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

from bn_core import figure_one
from bn_core.learning_map import LearningMapConfig, Trained
from bn_core.training_config import TrainingConfig
from bn_core.training_data import DATA_SETS
from bn_ui.runs import networks
from bn_ui.runs.flat import Flat
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


def map_config(activation: str, depth: int) -> LearningMapConfig:
    """The map of another network of the same width."""
    return replace(MAP, base=replace(MAP.base, activation=activation, depth=depth))


def map_job(config: LearningMapConfig) -> Job:
    """A whole map; its events are those of `bn_core.learning_map.learning_map`."""
    return Job(_map_work(), config.key(), max(config.cost, networks.LEAST), config)


def figure_one_jobs(data: str) -> dict[tuple[str, int], Job]:
    """One job for each network and seed."""
    return {key: networks.job(config) for key, config in figure_one.runs(data).items()}


def jobs() -> list[Job]:
    """What the page opens with first; then the other data set, and the other activations."""
    maps = [map_config(activation, MAP.base.depth) for activation in MAP_ACTIVATIONS]
    maps.sort(key=lambda config: config != MAP)
    ones = [job for data in figure_one.DATA for job in figure_one_jobs(data).values()]
    return [map_job(maps[0]), *ones, *map(map_job, maps[1:])]


@cache
def _map_work() -> Work:
    flat = Flat(Trained)
    return Work(
        "bn_core.learning_map:learning_map",
        networks.core_version(),
        lambda event, config: event.number / math.prod(config.shape),
        flat.encode,
        flat.decode,
    )
