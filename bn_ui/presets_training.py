"""The experiments that the training chapter suggests: data, so that they can be computed ahead.

What the chapter says to look for in each was measured with seeds 0 to 4 before it was written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bn_core.training_config import NO_BN, TrainingConfig
from bn_core.training_data import DATA_SETS
from bn_ui.runs.jobs import Job
from bn_ui.runs.networks import job

MOMENTS = 60


def settings(data: str = "digits", **others: object) -> TrainingConfig:
    """A run with everything that the chapter does not ask for: all samples, BN before f."""
    size = DATA_SETS[data].size
    return TrainingConfig(data=data, train_size=size, moments=MOMENTS, **others)


_DEEP_RELU = {"depth": 40, "width": 32, "activation": "relu", "batch_size": 64, "steps": 200}

PRESETS: Mapping[str, TrainingConfig] = {
    "opening": settings(depth=5, width=32, learning_rate=0.5, batch_size=32, steps=500),
    "tie": settings(
        depth=5, width=32, activation="tanh", learning_rate=0.3, batch_size=64, steps=600
    ),
    "broken": settings(
        depth=5, width=32, activation="tanh", learning_rate=5, batch_size=64, steps=300
    ),
    "shallow": settings(
        depth=1, width=32, activation="relu", learning_rate=0.1, batch_size=64, steps=600
    ),
    "tiny": settings(
        depth=3, width=32, activation="relu", learning_rate=0.1, batch_size=2, steps=1000
    ),
    "large": settings(
        depth=5,
        width=32,
        activation="relu",
        learning_rate=0.1,
        weight_scale=4,
        batch_size=64,
        steps=300,
    ),
    "very_deep": settings(**_DEEP_RELU, learning_rate=0.1),
    "skips": settings(**_DEEP_RELU, learning_rate=0.03, skips=True),
    "clothing": settings(
        "fashion_mnist", depth=3, width=100, learning_rate=0.1, batch_size=60, steps=1000
    ),
    "spirals": settings(
        "spirals", depth=8, width=16, activation="relu", learning_rate=0.1, batch_size=64, steps=800
    ),
}


def pair(config: TrainingConfig) -> tuple[Job, Job]:
    """The two runs that are compared: the network with BN, and the same one without."""
    return job(config), job(replace(config, batch_norm=NO_BN))


def jobs() -> list[Job]:
    """All that the presets need, the one that the chapter opens with first."""
    return [each for config in PRESETS.values() for each in pair(config)]
