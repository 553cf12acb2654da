"""The network of the inference chapter: trained once, then looked at in several ways."""

from __future__ import annotations

from bn_core.training_config import TrainingConfig
from bn_ui.runs.jobs import Job
from bn_ui.runs.networks import job

DEPTH, WIDTH, BATCH_SIZE = 5, 32, 64
TRAIN_SIZE = 1000
ALPHA = "0.01"  # what the chapter opens with
STEPS = ("100", "50", "200", "400", "800")  # ... the first of these


def settings(alpha: float, steps: int, seed: int = 0) -> TrainingConfig:
    """Trained on spirals for so many steps, its BN with this weight of the new batch."""
    return TrainingConfig(
        data="spirals",
        train_size=TRAIN_SIZE,
        batch_size=BATCH_SIZE,
        depth=DEPTH,
        width=WIDTH,
        activation="relu",
        learning_rate=0.1,
        momentum=0.9,
        steps=steps,
        moments=2,
        seed=seed,
        dtype="float64",
        bn_momentum=alpha,
    )


def jobs() -> list[Job]:
    """What the chapter opens with, then the same for fewer and for more steps."""
    return [job(settings(float(ALPHA), int(steps))) for steps in STEPS]
