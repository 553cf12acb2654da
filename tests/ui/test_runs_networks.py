"""Real trainings in the pool: the same numbers as in this process, also after a way over disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from bn_core.training import Progress, trained
from bn_core.training_config import TrainingConfig
from bn_ui.runs.networks import job
from bn_ui.runs.pool import Pool
from bn_ui.runs.store import Store
from tests.ui.test_runs_flat import alike

CONFIGS = {
    "with BN": TrainingConfig(depth=2, width=8, steps=30, moments=4),
    "without BN": TrainingConfig(depth=1, width=8, steps=30, moments=4, batch_norm="none"),
    "no step": TrainingConfig(depth=1, width=4, steps=0),
    "diverges": TrainingConfig(
        depth=5,
        width=30,
        steps=60,
        batch_norm="none",
        activation="relu",
        learning_rate=3,
        momentum=0.9,
    ),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_same_numbers_as_here(config: TrainingConfig, tmp_path: Path):
    expected = trained(config)
    for _ in range(2):  # computed, then read from disk
        pool = Pool(workers=1, store=Store(tmp_path))
        view = pool.submit(job(config), "me")
        now = view.wait(timeout=60.0)
        assert (now.state, now.progress) == ("done", 1.0)
        events = [event for event in view.since(0) if not isinstance(event, Progress)]
        alike(events, [*expected.snapshots, expected.finished])
        pool.close()


def test_one_of_them_does_diverge():
    assert trained(CONFIGS["diverges"]).finished.diverged_at is not None


def test_progress_follows_the_steps():
    config = TrainingConfig(steps=200)
    wanted = job(config)
    assert wanted.work.progress(Progress(50, 1.0), config) == 0.25
    assert job(TrainingConfig(steps=400)).cost > wanted.cost > 0
    assert job(TrainingConfig(steps=400)).identity != wanted.identity
    assert job(TrainingConfig(steps=200)).identity == wanted.identity
