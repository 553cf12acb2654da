"""Who is ahead, from curves made by hand, and from a real pair of runs."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bn_core.comparison import LEAD, LEARNED, Record, compare, gradient_ratio, record
from bn_core.inference import Evaluation
from bn_core.snapshots import Snapshot
from bn_core.training import Finished, Progress, snapshot_steps, train
from bn_core.training_config import TrainingConfig

CLASSES = 10
GUESS = np.log(CLASSES)


def curve(accuracies, loss=0.1, steps=None, diverged_at=None):
    """A record with these held-out accuracies, at steps 0, 10, 20, … and one training loss."""
    steps = [10 * i for i in range(len(accuracies))] if steps is None else steps
    seen = zip(steps, accuracies, strict=True)
    snapshots = [
        Snapshot(step, loss, Evaluation(loss, accuracy), None, None, None, None)
        for step, accuracy in seen
    ]
    return Record(tuple(snapshots), diverged_at=diverged_at)


def found(a, b, **options):
    return compare(curve(a), curve(b), classes=CLASSES, **options)


class TestOutcome:
    @pytest.mark.parametrize(
        ("a", "b", "outcome"),
        [
            ([0.1, 0.9], [0.1, 0.5], "with"),
            ([0.1, 0.5], [0.1, 0.9], "without"),
            ([0.1, 0.9], [0.1, 0.9], "tie"),
            ([0.1, 0.9], [0.1, 0.9 - LEAD], "tie"),
            ([0.1, 0.9], [0.1, 0.9 + LEAD], "tie"),
            ([0.1, 0.9], [0.1, 0.9 - LEAD - 0.001], "with"),
            ([0.1, 0.9], [0.1, 0.9 + LEAD + 0.001], "without"),
            ([0.1, 0.14], [0.1, 0.11], "neither"),
        ],
    )
    def test_by_the_accuracy_at_the_end(self, a, b, outcome):
        assert found(a, b).outcome == outcome

    def test_the_numbers_are_those_of_the_last_step_of_both(self):
        both = compare(
            curve([0.1, 0.3, 0.5], loss=0.2), curve([0.1, 0.6], loss=0.3), classes=CLASSES
        )
        assert (both.step, both.accuracy_with, both.accuracy_without) == (10, 0.3, 0.6)
        assert (both.loss_with, both.loss_without) == (0.2, 0.3)
        assert both.gap == pytest.approx(-0.3)

    def test_the_tolerance_may_be_another(self):
        assert found([0.1, 0.9], [0.1, 0.8], tolerance=0.1).outcome == "tie"
        assert found([0.1, 0.9], [0.1, 0.89], tolerance=0).outcome == "with"

    def test_nothing_to_compare(self):
        assert compare(Record(), curve([0.1]), classes=CLASSES) is None
        assert compare(curve([0.1], steps=[0]), curve([0.1], steps=[5]), classes=10) is None

    @pytest.mark.parametrize(
        ("accuracy", "loss", "learned"),
        [
            (0.5, 0.1, True),
            (0.1 + LEARNED, 0.1, False),
            (0.1 + LEARNED + 0.001, 0.1, True),
            (0.5, 2 * GUESS, True),  # often right, and badly wrong where it is not
            (0.1, 0.1, False),  # its running statistics have not arrived
        ],
    )
    def test_what_counts_as_learned(self, accuracy, loss, learned):
        one, other = curve([0.1, accuracy], loss=loss), curve([0.1, 0.1])
        assert compare(one, other, classes=CLASSES).learned_with is learned
        assert compare(other, one, classes=CLASSES).learned_without is learned


class TestBefore:
    def test_who_was_ahead_and_is_behind(self):
        both = found([0.1, 0.5, 0.6, 0.7], [0.1, 0.2, 0.55, 0.8])
        assert (both.outcome, both.led, both.led_until) == ("without", "with", 20)

    def test_who_was_ahead_before_a_tie(self):
        assert found([0.1, 0.5, 0.7], [0.1, 0.3, 0.7]).led_until == 10
        assert found([0.1, 0.3, 0.7], [0.1, 0.5, 0.7]).led == "without"

    def test_a_lead_below_what_guessing_has_is_luck(self):
        both = found([0.05, 0.9], [0.14, 0.5])
        assert (both.led, both.led_until) == ("", 0)

    def test_nobody(self):
        assert found([0.1, 0.5, 0.9], [0.1, 0.3, 0.5]).led == ""

    def test_when_the_leader_had_what_the_other_has_at_the_end(self):
        assert found([0.1, 0.5, 0.7, 0.9], [0.1, 0.3, 0.5, 0.6]).reached_at == 20
        assert found([0.1, 0.3, 0.5, 0.6], [0.1, 0.6, 0.7, 0.9]).reached_at == 10

    def test_not_for_one_that_has_learned_nothing(self):
        assert found([0.1, 0.5, 0.9], [0.1, 0.1, 0.1]).reached_at is None

    def test_steps_that_only_one_was_seen_at_do_not_count(self):
        a = curve([0.1, 0.9, 0.3], steps=[0, 5, 10])
        b = curve([0.1, 0.1, 0.6], steps=[0, 7, 10])
        both = compare(a, b, classes=CLASSES)
        assert (both.outcome, both.led) == ("without", "")


class TestDivergence:
    def test_the_other_counts_as_it_is_at_its_own_end(self):
        gone, whole = curve([0.1, 0.2], diverged_at=12), curve([0.1, 0.3, 0.8])
        both = compare(whole, gone, classes=CLASSES)
        assert (both.outcome, both.step, both.accuracy_with) == ("without_diverged", 20, 0.8)
        assert both.learned_with
        assert not both.learned_without
        assert compare(gone, whole, classes=CLASSES).outcome == "with_diverged"
        assert compare(gone, gone, classes=CLASSES).outcome == "both_diverged"


class TestRecord:
    config = TrainingConfig(depth=2, width=8, steps=20, moments=4)

    def test_a_training(self):
        events = [*train(self.config, progress_seconds=0)]
        seen = record(events)
        assert seen.steps.tolist() == [s.step for s in seen.snapshots]
        assert seen.steps[-1] == 20
        assert not seen.latest
        assert seen.diverged_at is None
        assert seen.losses[-1] == seen.snapshots[-1].loss
        assert seen.accuracies[0] == seen.snapshots[0].held_out.accuracy

    def test_one_that_is_going_on(self):
        events = [*train(self.config, progress_seconds=0)]
        last = max(i for i, event in enumerate(events) if isinstance(event, Progress))
        seen = record(events[: last + 1])
        assert seen.latest
        assert seen.latest[-1] == events[last]
        assert seen.latest[0].step > seen.steps[-1]

    def test_one_that_diverges(self):
        config = replace(self.config, depth=5, width=32, activation="relu", weight_scale=4)
        config = replace(config, batch_norm="none")
        events = [*train(config)]
        assert isinstance(events[-1], Finished)
        assert record(events).diverged_at == events[-1].diverged_at is not None

    def test_nothing_yet(self):
        assert record([]).steps.size == 0


class TestLossCurve:
    def test_every_point_is_the_mean_since_the_point_before(self):
        """... of the losses of all mini-batches, whatever was taken together."""
        config = TrainingConfig(depth=2, width=8, steps=200, moments=40)
        each = [*train(replace(config, moments=200, steps=199))]  # a snapshot at every step
        losses = [event.loss for event in each if isinstance(event, Snapshot)]
        seen = record(train(config))
        steps, curve = seen.loss_curve
        assert 10 < len(steps) < len(seen.steps)
        assert np.diff(steps).max() <= 2 * np.diff(seen.steps).max()
        assert (steps[0], curve[0]) == (0, seen.losses[0])
        assert steps[-1] == 200
        for (start, end), loss in zip(pairwise(steps[:-1].astype(int)), curve[1:], strict=False):
            assert loss == pytest.approx(np.mean(losses[start + 1 : end + 1]), rel=1e-5)

    @pytest.mark.parametrize("total", [60, 200, 500, 1000, 5000, 50_000])
    def test_it_has_no_holes(self, total):
        steps = snapshot_steps(total, 60)
        drawn, _ = curve([0.1] * len(steps), steps=steps).loss_curve
        assert np.diff(drawn).max() <= 2 * np.diff(steps).max()
        assert len(drawn) > 0.5 * len(steps)

    def test_evenly_spaced_snapshots_stay_as_they_are(self):
        seen = curve([0.1, 0.2, 0.3])
        steps, losses = seen.loss_curve
        assert steps.tolist() == seen.steps.tolist()
        assert losses.tolist() == seen.losses.tolist()

    def test_nothing_yet(self):
        assert [part.tolist() for part in Record().loss_curve] == [[], []]


@pytest.mark.parametrize(
    ("norms", "ratio"),
    [([6, 1, 2, 9], 3), ([5, 9], 1), ([0, 1, 9], 0)],
)
def test_gradient_ratio(norms, ratio):
    assert gradient_ratio(norms) == ratio


@pytest.mark.parametrize("norms", [[1, 0, 9], [np.inf, 1, 9], [np.nan, 1, 9], [1, np.nan, 9]])
def test_a_ratio_that_cannot_be_told(norms):
    assert np.isnan(gradient_ratio(norms))


def test_very_deep_relu_with_bn_explodes_on_the_way_back():
    """Yang et al. 2019: √(π/(π−1)) a layer, for wide layers and large batches."""
    config = TrainingConfig(
        depth=20, width=128, activation="relu", batch_size=256, steps=0, moments=2
    )
    norms = next(train(config)).gradient_norms
    assert gradient_ratio(norms) > 10
    per_layer = (norms[1] / norms[-2]) ** (1 / 18)  # the first layer's inputs are no layer's output
    assert per_layer == pytest.approx(np.sqrt(np.pi / (np.pi - 1)), rel=0.03)
