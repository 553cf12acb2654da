"""Training networks of ``bn_core.training`` in the pool."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import bn_core
from bn_core.batchnorm import RunningStats
from bn_core.inference import Evaluation
from bn_core.network import Layer, Network
from bn_core.snapshots import ActivationInputs, BatchNormState, Snapshot
from bn_core.training import Finished, Progress
from bn_core.training_config import TrainingConfig
from bn_ui.runs.flat import Flat
from bn_ui.runs.jobs import Event, Job, Work, version_of

# Seconds that a run takes at least, however few its steps: its data are loaded.
LEAST = 0.01


def job(config: TrainingConfig) -> Job:
    """The run with these settings."""
    return Job(_work(), config.key(), max(config.cost, LEAST), config)


@cache
def core_version() -> str:
    """Of everything that a training's results may depend on."""
    core = Path(bn_core.__file__).parent
    return version_of(*core.rglob("*.py"), *core.rglob("*.npz"))


def work(
    path: str,
    share: Callable[[Event, Any], float],
    *kinds: type,
    passing: tuple[type, ...] = (),
) -> Work:
    """A function of the core that trains, by its path.

    Parameters
    ----------
    share
        What share of a run is done when this event of these settings arrives.
    kinds
        The classes of its events, and of what is in them.
    passing
        Events that only matter while it runs; they are not kept on disk.
    """
    flat = Flat(*kinds)
    return Work(
        path,
        core_version(),
        share,
        lambda events: flat.encode([e for e in events if not isinstance(e, passing)]),
        flat.decode,
    )


@cache
def _work() -> Work:
    return work(
        "bn_core.training:train",
        lambda event, config: event.step / max(config.steps, 1),
        *(ActivationInputs, BatchNormState, Evaluation, Finished),
        *(Layer, Network, RunningStats, Snapshot),
        passing=(Progress,),
    )
