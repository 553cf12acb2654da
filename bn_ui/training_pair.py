"""The two runs of one experiment, as one browser tab follows them: with BN, and without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bn_core.comparison import Comparison, Record, compare, record
from bn_core.training_config import TrainingConfig
from bn_core.training_data import DATA_SETS
from bn_ui.figures.training import NETWORKS
from bn_ui.presets_training import pair as jobs_of
from bn_ui.runs import shared
from bn_ui.runs.pool import View, unbroken
from bn_ui.runs.state import DONE, Snapshot


@dataclass(frozen=True, eq=False)
class Pair:
    """config : of the network with BN; views : by the names of ``NETWORKS``"""

    config: TrainingConfig
    views: Mapping[str, View]

    @property
    def classes(self) -> int:
        return DATA_SETS[self.config.data].classes

    def states(self) -> dict[str, Snapshot]:
        """Where each run stands. To ask is to watch: see `bn_ui.runs.pool.View`."""
        return {name: self.views[name].snapshot() for name in NETWORKS}

    def over(self) -> bool:
        return all(now.over for now in self.states().values())

    def done(self) -> bool:
        return all(now.state == DONE for now in self.states().values())

    def records(self) -> dict[str, Record]:
        return {name: record(self.views[name].since(0)) for name in NETWORKS}

    def compared(self) -> Comparison | None:
        records = self.records()
        return compare(records["with"], records["without"], classes=self.classes)

    def stop(self) -> None:
        for view in self.views.values():
            view.stop()


def start(config: TrainingConfig) -> Pair:
    """Both runs, begun or found. Raises Refused, having begun neither, if the queue is full."""
    views = shared.pool().submit_all(jobs_of(config), shared.viewer())
    return Pair(config, dict(zip(("with", "without"), views, strict=True)))


def find(config: TrainingConfig) -> Pair | None:
    """Both runs, if there are any: of this tab before it was reloaded, or of somebody else."""
    pool, viewer = shared.pool(), shared.viewer()
    views = dict(
        zip(
            ("with", "without"),
            (unbroken(pool.find(job, viewer)) for job in jobs_of(config)),
            strict=True,
        )
    )
    return None if None in views.values() else Pair(config, views)
