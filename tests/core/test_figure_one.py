"""Figure 1 of the paper: its settings, and what is said of its curves."""

from dataclasses import replace

import numpy as np
import pytest

from bn_core.figure_one import (
    DATA,
    EARLY,
    SEEDS,
    Curves,
    Drift,
    Lead,
    Peak,
    curves,
    drift,
    figure_one,
    guessing,
    lead,
    overfitted,
    runs,
    unit_percentiles,
)
from bn_core.training import snapshot_steps, trained
from bn_core.training_data import training_data

STEPS = np.array([0, 10, 20, 30])


def of(*rows: list[float]) -> Curves:
    return Curves(STEPS[: len(rows[0])], np.array(rows))


def test_settings_are_those_of_section_4_1():
    for data, size in zip(DATA, (1437, 6000), strict=True):
        found = runs(data)
        assert len(found) == 2 * len(SEEDS) >= 6
        assert len(training_data(data).labels) == size
        for (network, seed), config in found.items():
            assert (config.depth, config.width, config.activation) == (3, 100, "sigmoid")
            assert (config.batch_size, config.steps, config.binarised) == (60, 50_000, True)
            assert (config.learning_rate, config.weight_sd) == (0.1, 0.1)
            assert (config.data, config.train_size, config.seed) == (data, size, seed)
            assert config.batch_norm == {"with": "before", "without": "none"}[network]


def test_there_is_a_snapshot_of_the_early_step():
    config = figure_one("digits", "before", 0)
    steps = snapshot_steps(config.steps, config.moments)
    assert {0, EARLY, config.steps} <= set(steps)


def test_curves_end_with_the_run_that_is_least_far():
    config = replace(figure_one("digits", "before", 0), steps=8, moments=9)
    one, other = (trained(replace(config, seed=seed)).snapshots for seed in (0, 1))
    found = curves([one, other[:5]], "accuracy")
    assert found.steps.tolist() == [0, 1, 2, 3, 4]
    expected = [[s.held_out.accuracy for s in run[:5]] for run in (one, other)]
    np.testing.assert_array_equal(found.values, expected)
    losses = curves([one], "loss")
    np.testing.assert_array_equal(losses.values, [[s.loss for s in one]])
    assert curves([one, ()], "loss").values.shape == (2, 0)
    assert curves([], "loss").steps.shape == (0,)
    rows = unit_percentiles(one, 2)
    assert rows.shape == (9, 3)
    np.testing.assert_array_equal(rows[4], one[4].inputs.unit_percentiles[2, 2])
    assert (np.diff(rows) >= 0).all()


def test_lowest_median_highest():
    found = of([0.1, 0.4], [0.2, 0.9], [0.3, 0.5])
    assert found.at(10) == (0.4, 0.5, 0.9)
    assert found.at(7) is None
    assert of([0.1, 0.4]).at(20) is None


@pytest.mark.parametrize(
    ("with_bn", "without", "expected"),
    [
        ([0.1, 0.5, 0.8, 0.9], [0.1, 0.1, 0.2, 0.7], Lead("with", 10, "", 0)),
        ([0.1, 0.5, 0.8, 0.7], [0.1, 0.1, 0.2, 0.8], Lead("without", 30, "with", 20)),
        ([0.1, 0.5, 0.8, 0.8], [0.1, 0.7, 0.8, 0.7], Lead("with", 30, "without", 10)),
        ([0.1, 0.5, 0.8, 0.8], [0.1, 0.7, 0.8, 0.8], Lead("", 20, "without", 10)),
        # What both have by luck is no lead.
        ([0.1, 0.1, 0.8], [0.14, 0.12, 0.1], Lead("with", 20, "", 0)),
        # As far as both have come.
        ([0.1, 0.9], [0.1, 0.2, 0.99, 0.99], Lead("with", 10, "", 0)),
    ],
    ids=str,
)
def test_who_leads(with_bn: list[float], without: list[float], expected: Lead):
    assert lead(of(with_bn), of(without), classes=10) == expected


@pytest.mark.parametrize(
    ("with_bn", "without", "ahead"),
    [
        ((0.9, 0.5, 0.6), (0.1, 0.7, 0.8), ""),
        ((0.9, 0.82, 0.85), (0.1, 0.7, 0.8), "with"),
        ((0.5, 0.6, 0.7), (0.71, 0.9, 0.8), "without"),
        ((0.5, 0.6, 0.7), (0.7, 0.9, 0.8), ""),
    ],
)
def test_who_leads_does_so_with_every_seed(with_bn, without, ahead):
    of_both = [of(*([accuracy] for accuracy in each)) for each in (with_bn, without)]
    assert lead(*of_both, classes=10).ahead == ahead


def test_nobody_leads_before_there_is_a_step():
    assert lead(Curves(STEPS[:0], np.zeros((3, 0))), of([0.5]), classes=10) is None


@pytest.mark.parametrize(
    ("accuracy", "loss", "expected"),
    [
        ([0.1, 0.8, 0.7, 0.75], [2.0, 0.5, 0.1, 0.01], Peak(10, 0.8)),
        ([0.1, 0.8, 0.7, 0.78], [2.0, 0.5, 0.1, 0.01], None),  # no more than .02
        ([0.1, 0.8, 0.7, 0.75], [2.0, 0.5, 0.1, 0.6], None),  # the training loss rose as well
        ([0.1, 0.2, 0.7, 0.75], [2.0, 0.5, 0.1, 0.01], None),
    ],
    ids=str,
)
def test_overfitting(accuracy: list[float], loss: list[float], expected: Peak | None):
    assert overfitted(of(accuracy), of(loss)) == expected


def test_drift():
    rows = [[-1.0, 0.0, 1.0], [-3.0, -0.5, 2.0], [0.0, 0.25, 0.5]]
    assert drift(rows) == Drift(low=-0.5, high=0.25, narrowest=0.5, widest=5.0)


def test_guessing():
    assert guessing(10) == pytest.approx(-np.log(1 / 10))
