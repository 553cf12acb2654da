"""Two trainings side by side: which network is ahead, by how much, and until when.

Whatever is said about a pair of runs is decided here, from the runs themselves:

>>> from bn_core.training import train
>>> from bn_core.training_config import TrainingConfig
>>> config = TrainingConfig(depth=1, width=8, steps=20, moments=3)
>>> events = {bn: [*train(replace(config, batch_norm=bn))] for bn in ("before", "none")}
>>> compare(record(events["before"]), record(events["none"]), classes=10).step
20
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core.snapshots import Snapshot
from bn_core.training import Event, Finished, Progress

FloatArray = NDArray[np.floating[Any]]

LEAD = 0.02
"""Held-out accuracies that are no further apart than this count as equal."""

LEARNED = 0.05
"""So much more accuracy than guessing has makes a network one that has learned something."""

WITH, WITHOUT, TIE = "with", "without", "tie"


@dataclass(frozen=True, eq=False)
class Record:
    """What is known of a training so far.

    Parameters
    ----------
    snapshots
        In the order of their steps.
    latest
        What has come since the last of them.
    diverged_at
        The step at which it diverged; None if it did not, or has not yet.
    """

    snapshots: tuple[Snapshot, ...] = ()
    latest: tuple[Progress, ...] = ()
    diverged_at: int | None = None

    @property
    def steps(self) -> NDArray[np.int64]:
        """Step of each snapshot."""
        return np.array([snapshot.step for snapshot in self.snapshots], dtype=np.int64)

    @property
    def losses(self) -> FloatArray:
        """Training loss at each snapshot, the mean since the one before."""
        return np.array([snapshot.loss for snapshot in self.snapshots], dtype=np.float64)

    @property
    def accuracies(self) -> FloatArray:
        """Held-out accuracy at each snapshot."""
        return np.array(
            [snapshot.held_out.accuracy for snapshot in self.snapshots], dtype=np.float64
        )


@dataclass(frozen=True)
class Comparison:
    """How two networks compare at the last step that both have been seen at.

    Parameters
    ----------
    outcome
        ``"with"`` or ``"without"`` BN is ahead; ``"tie"``; ``"neither"`` has learned anything;
        ``"with_diverged"``, ``"without_diverged"`` (only that one) or ``"both_diverged"``.
    step
        That last step.
    accuracy_with, accuracy_without, loss_with, loss_without
        Held-out accuracy and training loss there.
    learned_with, learned_without
        Whether it does better than guessing: more than :data:`LEARNED` above 1/classes in
        accuracy, and a training loss below ln(classes).
    led, led_until
        Who was ahead before, if that was not who is ahead at ``step``, and the last step at which
        it was seen to be; ``""`` and 0 if nobody was.
    reached_at
        Where one is ahead: the step at which it was first seen with the accuracy that the other
        has at ``step``; otherwise None.
    """

    outcome: str
    step: int
    accuracy_with: float
    accuracy_without: float
    loss_with: float
    loss_without: float
    learned_with: bool
    learned_without: bool
    led: str = ""
    led_until: int = 0
    reached_at: int | None = None

    @property
    def gap(self) -> float:
        """Accuracy with BN minus accuracy without."""
        return self.accuracy_with - self.accuracy_without


def record(events: Iterable[Event]) -> Record:
    """A training's events, sorted; those of one that is still going on, or was stopped, too."""
    snapshots: list[Snapshot] = []
    latest: list[Progress] = []
    diverged_at = None
    for event in events:
        if isinstance(event, Snapshot):
            snapshots.append(event)
            latest = []
        elif isinstance(event, Progress):
            latest.append(event)
        elif isinstance(event, Finished):
            diverged_at = event.diverged_at
    return Record(tuple(snapshots), tuple(latest), diverged_at)


def compare(
    with_bn: Record, without: Record, *, classes: int, tolerance: float = LEAD
) -> Comparison | None:
    """Compare two trainings of the same network with the same seed and the same mini-batches.

    Parameters
    ----------
    with_bn, without
        The two trainings.
    classes
        How many there are to guess among.
    tolerance
        Accuracies no further apart than this are equal.

    Returns
    -------
    None as long as there is no step that both have been seen at.
    """
    steps, rows, others = np.intersect1d(with_bn.steps, without.steps, return_indices=True)
    if not len(steps):
        return None
    a, b = with_bn.accuracies[rows], without.accuracies[others]
    losses = with_bn.losses[rows[-1]], without.losses[others[-1]]
    learned = _learned(a[-1], losses[0], classes), _learned(b[-1], losses[1], classes)
    leads = np.where(np.abs(a - b) <= tolerance + 1e-12, 0, np.sign(a - b)).astype(int)
    found = Comparison(
        outcome={1: WITH, -1: WITHOUT, 0: TIE}[int(leads[-1])],
        step=int(steps[-1]),
        accuracy_with=float(a[-1]),
        accuracy_without=float(b[-1]),
        loss_with=float(losses[0]),
        loss_without=float(losses[1]),
        learned_with=learned[0],
        learned_without=learned[1],
    )
    if with_bn.diverged_at is not None and without.diverged_at is not None:
        return replace(found, outcome="both_diverged")
    if with_bn.diverged_at is not None:
        return replace(found, outcome="with_diverged")
    if without.diverged_at is not None:
        return replace(found, outcome="without_diverged")
    if not any(learned):
        return replace(found, outcome="neither")
    before = np.flatnonzero((leads != 0) & (leads != leads[-1]))
    if len(before):
        last = before[-1]
        found = replace(
            found, led=WITH if leads[last] > 0 else WITHOUT, led_until=int(steps[last])
        )
    if leads[-1]:
        leader, other = (a, b) if leads[-1] > 0 else (b, a)
        found = replace(found, reached_at=int(steps[np.flatnonzero(leader >= other[-1])[0]]))
    return found


def gradient_ratio(norms: ArrayLike) -> float:
    r"""How much larger the gradient of the first hidden layer's weights is than the last one's.

    .. math:: \frac{\|\partial\ell/\partial W_1\|}{\|\partial\ell/\partial W_L\|}

    Parameters
    ----------
    norms
        One a layer, the output layer included, as in a snapshot.

    Returns
    -------
    The ratio; NaN if it cannot be told.
    """
    first, last = np.asarray(norms, dtype=np.float64)[[0, -2]]
    return float(first / last) if last > 0 and math.isfinite(first) else math.nan


def _learned(accuracy: float, loss: float, classes: int) -> bool:
    return bool(accuracy > 1 / classes + LEARNED and loss < math.log(classes))
