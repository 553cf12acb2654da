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

WITH, WITHOUT, TIE, NEITHER = "with", "without", "tie", "neither"
_ROUNDING = 1e-12


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
    def loss_curve(self) -> tuple[FloatArray, FloatArray]:
        """Steps and training losses, to be drawn: each still the mean since the point before.

        Snapshots are unevenly spaced, and the mean of a single mini-batch is noisier than that of
        twenty. One that is less than half as far from the one before as that from its own is taken
        together with it, so that noise of the spacing does not look like something that happened.
        No point covers more than twice what it started with.
        """
        points: list[tuple[int, float, int]] = []  # step, mean loss, over how many steps
        usual = 0  # over how many steps the last point was, before anything was added to it
        for step, loss in zip(self.steps.tolist(), self.losses.tolist(), strict=True):
            window = step - points[-1][0] if points else 0
            if points and 2 * window < usual and points[-1][2] + window <= 2 * usual:
                _, before, count = points.pop()
                loss = (before * count + loss * window) / (count + window)
                window += count
            else:
                usual = window
            points.append((step, loss, window))
        return (
            np.array([step for step, _, _ in points], dtype=np.float64),
            np.array([loss for _, loss, _ in points], dtype=np.float64),
        )

    @property
    def accuracies(self) -> FloatArray:
        """Held-out accuracy at each snapshot."""
        return np.array(
            [snapshot.held_out.accuracy for snapshot in self.snapshots], dtype=np.float64
        )


@dataclass(frozen=True)
class Comparison:
    """How two networks compare at the last step that both have been seen at; if one of them has
    diverged, at the last step that either has been seen at.

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
        it was seen to be; ``""`` and 0 if nobody was. A lead counts once the leader has more than
        :data:`LEARNED` above 1/classes: before, it is luck.
    reached_at
        Where one is ahead and both have learned: the step at which the leader was first seen with
        the accuracy that the other has at ``step``; otherwise None.
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
    ended = (with_bn.diverged_at is not None, without.diverged_at is not None)
    if any(ended):
        return _diverged(with_bn, without, ended, classes)
    a, b = with_bn.accuracies[rows], without.accuracies[others]
    leads = np.where(np.abs(a - b) <= tolerance + _ROUNDING, 0, np.sign(a - b)).astype(int)
    leads[~beats_guessing(np.maximum(a, b), classes)] = 0
    found = _seen(with_bn, rows[-1], without, others[-1], classes)
    if not (found.learned_with or found.learned_without):
        return replace(found, outcome=NEITHER)
    before = np.flatnonzero((leads != 0) & (leads != leads[-1]))
    if len(before):
        led = WITH if leads[before[-1]] > 0 else WITHOUT
        found = replace(found, led=led, led_until=int(steps[before[-1]]))
    if leads[-1] == 0:
        return replace(found, outcome=TIE)
    leader, other = (a, b) if leads[-1] > 0 else (b, a)
    reached = int(steps[np.flatnonzero(leader >= other[-1])[0]])
    both = found.learned_with and found.learned_without
    return replace(
        found, outcome=WITH if leads[-1] > 0 else WITHOUT, reached_at=reached if both else None
    )


def _seen(a: Record, at: int, b: Record, other: int, classes: int) -> Comparison:
    """The numbers of both at a snapshot each, not yet judged."""
    accuracies = float(a.accuracies[at]), float(b.accuracies[other])
    losses = float(a.losses[at]), float(b.losses[other])
    return Comparison(
        outcome="",
        step=int(max(a.steps[at], b.steps[other])),
        accuracy_with=accuracies[0],
        accuracy_without=accuracies[1],
        loss_with=losses[0],
        loss_without=losses[1],
        learned_with=bool(beats_guessing(accuracies[0], classes)),
        learned_without=bool(beats_guessing(accuracies[1], classes)),
    )


def _diverged(a: Record, b: Record, ended: tuple[bool, bool], classes: int) -> Comparison:
    """At least one of them has: the other counts as it was when last seen."""
    found = replace(
        _seen(a, -1, b, -1, classes),
        outcome={(True, True): "both_diverged", (True, False): "with_diverged"}.get(
            ended, "without_diverged"
        ),
    )
    return replace(
        found,
        learned_with=found.learned_with and not ended[0],
        learned_without=found.learned_without and not ended[1],
    )


def beats_guessing(accuracy: ArrayLike, classes: int) -> NDArray[np.bool_]:
    """Where a held-out accuracy is more than guessing and :data:`LEARNED` would give.

    By its answers alone: large weights make a network that answers well lose much where it is
    wrong, so that its loss says nothing here.
    """
    return np.asarray(accuracy) > 1 / classes + LEARNED


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
