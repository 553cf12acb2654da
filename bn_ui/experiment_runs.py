"""The experiments of many runs as jobs of the pool: the learning map, and figure 1 of the paper.

``jobs()`` lists them all, so that they can be computed before a class asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bn_core import figure_one
from bn_core.learning_map import NETWORKS, LearningMapConfig, Trained
from bn_core.training_config import TrainingConfig
from bn_core.training_data import DATA_SETS
from bn_ui import training_runs
from bn_ui.runs.jobs import Arrays, Job, Work, version_of

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
    return Job(MAP_WORK, config.key(), max(config.cost, 1e-3), config)


def figure_one_jobs(data: str) -> dict[tuple[str, int], Job]:
    """One job for each network and seed."""
    return {key: training_runs.job(config) for key, config in figure_one.runs(data).items()}


def jobs() -> list[Job]:
    """What the page opens with first; then the other data set, and the other activations."""
    maps = [map_config(activation, MAP.base.depth) for activation in MAP_ACTIVATIONS]
    maps.sort(key=lambda config: config != MAP)
    ones = [job for data in figure_one.DATA for job in figure_one_jobs(data).values()]
    return [map_job(maps[0]), *ones, *map(map_job, maps[1:])]


def _progress(event: Trained, config: LearningMapConfig) -> float:
    return event.number / float(np.prod(config.shape))


def _encode(events: Sequence[Trained]) -> Arrays:
    places = [(e.number, NETWORKS.index(e.network), e.row, e.column, e.seed) for e in events]
    return {
        "places": np.array(places, dtype=np.int32).reshape(-1, 5),
        "accuracies": np.array([event.accuracy for event in events]),
    }


def _decode(arrays: Arrays) -> list[Trained]:
    rows = zip(arrays["places"].tolist(), arrays["accuracies"].tolist(), strict=True)
    return [
        Trained(number, NETWORKS[network], row, column, seed, accuracy)
        for (number, network, row, column, seed), accuracy in rows
    ]


MAP_WORK = Work(
    "bn_core.learning_map:learning_map",
    version_of(*training_runs.SOURCES, training_runs.CORE / "learning_map.py"),
    _progress,
    _encode,
    _decode,
)
