"""Train what the chapters suggest, so that a class finds it done: ``make warm``."""

from __future__ import annotations

from bn_ui import evidence_runs, experiment_runs, inference_network, presets_training
from bn_ui.runs.jobs import Job
from bn_ui.runs.shared import folder
from bn_ui.runs.store import Store
from bn_ui.runs.warm import warm


def jobs() -> list[Job]:
    """What takes seconds first, then what takes minutes."""
    return [
        *presets_training.jobs(),
        *inference_network.jobs(),
        *evidence_runs.jobs(),
        *experiment_runs.jobs(),
    ]


if __name__ == "__main__":
    for line in warm(jobs(), Store(folder())):
        print(line, flush=True)
