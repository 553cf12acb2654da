"""Training networks of ``bn_core.training`` in the pool."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import bn_core
from bn_core.batchnorm import RunningStats
from bn_core.inference import Evaluation
from bn_core.network import Layer, Network
from bn_core.snapshots import ActivationInputs, BatchNormState, Snapshot
from bn_core.training import Finished, Progress
from bn_core.training_config import TrainingConfig
from bn_ui.runs.flat import Flat
from bn_ui.runs.jobs import Job, Work, version_of

# Seconds that a run takes at least, however few its steps: its data are loaded.
LEAST = 0.01
_FLAT = Flat(
    ActivationInputs, BatchNormState, Evaluation, Finished, Layer, Network, RunningStats, Snapshot
)


def job(config: TrainingConfig) -> Job:
    """The run with these settings."""
    return Job(_work(), config.key(), max(config.cost, LEAST), config)


@cache
def core_version() -> str:
    """Of everything that a training's results may depend on."""
    core = Path(bn_core.__file__).parent
    return version_of(*core.rglob("*.py"), *core.rglob("*.npz"))


@cache
def _work() -> Work:
    return Work(
        "bn_core.training:train",
        core_version(),
        lambda event, config: event.step / max(config.steps, 1),
        lambda events: _FLAT.encode([e for e in events if not isinstance(e, Progress)]),
        _FLAT.decode,
    )
