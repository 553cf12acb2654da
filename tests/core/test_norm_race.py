"""Every norm at several batch sizes: what is trained, what is kept, who is ahead."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from bn_core.inference import evaluated, recalibrated
from bn_core.norm_race import (
    DIVERGED,
    EVALUATIONS,
    RACERS,
    NormRaceConfig,
    Raced,
    Underway,
    ahead,
    ahead_of,
    collected,
    norm_race,
)
from bn_core.training import trained
from bn_core.training_config import TrainingConfig
from bn_core.training_data import training_data

BASE = TrainingConfig(
    data="spirals", train_size=200, depth=2, width=8, activation="relu", batch_size=8, steps=40
)
RACE = NormRaceConfig(BASE, batch_sizes=(2, 8), seeds=2)


def raced(config):
    return [event for event in norm_race(config) if isinstance(event, Raced)]


@pytest.fixture(scope="module")
def events():
    return raced(RACE)


def test_every_training_is_there_once(events):
    assert [event.number for event in events] == list(range(1, 21))
    assert len({(e.norm, e.batch_size, e.seed) for e in events}) == np.prod(RACE.shape) == 20
    results = collected(RACE, events)
    assert results.shape == (3, 5, 2, 2)
    assert not np.isnan(results).any()
    assert np.isnan(collected(RACE, events[:7])).sum() == 3 * 13


def test_it_can_be_stopped_within_a_training():
    long = replace(BASE, steps=20_000)
    events = norm_race(NormRaceConfig(long, norms=("batch",), batch_sizes=(8,), seeds=1))
    first = [next(events) for _ in range(4)]
    assert first == [Underway(0)] * 4
    assert np.isnan(collected(RACE, first)).all()
    events.close()


def test_a_training_is_that_of_its_settings(events):
    results = collected(RACE, events)
    config = replace(BASE, norm="batch", batch_size=2, seed=1, moments=2)
    assert RACE.training("batch", 2, 1) == config
    end = trained(config).finished
    data = training_data("spirals").first(200)
    x, labels = data.held_out_x, data.held_out_labels
    expected = [
        evaluated(end.network, x, labels, end.running),
        evaluated(end.network, x, labels, batch_size=2),
        evaluated(end.network, x, labels, recalibrated(end.network, data.x)),
    ]
    found = results[:, RACERS.index("batch"), 0, 1]
    np.testing.assert_array_equal(found, [each.accuracy for each in expected])
    assert len(set(found)) == 3


def test_statistics_make_a_difference_for_batch_norm_only(events):
    results = collected(RACE, events)
    for norm, accuracies in zip(RACERS, results.swapaxes(0, 1), strict=True):
        assert (accuracies == accuracies[0]).all() == (norm != "batch")


def test_only_the_norm_differs_within_a_seed_and_a_batch_size():
    settings = [RACE.training(norm, 2, 1).to_dict() for norm in RACERS]
    differing = {key for key in settings[0] if len({str(each[key]) for each in settings}) > 1}
    assert differing == {"batch_norm", "norm"}


def test_equal_steps_or_equal_examples():
    assert [RACE.steps(m) for m in (2, 8)] == [40, 40]
    assert [RACE.examples(m) for m in (2, 8)] == [80, 320]
    examples = replace(RACE, equal="examples")
    assert [examples.steps(m) for m in (2, 8)] == [160, 40]
    assert [examples.examples(m) for m in (2, 8)] == [320, 320]
    assert examples.key() != RACE.key()
    assert examples.cost > RACE.cost


def test_what_diverges_is_less_than_anything():
    wild = replace(BASE, depth=12, width=16, learning_rate=5.0, weight_scale=4.0, steps=60)
    config = NormRaceConfig(wild, norms=("none",), batch_sizes=(8,), seeds=1)
    (event,) = raced(config)
    assert {getattr(event, name) for name in EVALUATIONS} == {DIVERGED}


class TestAhead:
    def test_every_seed_of_every_other(self):
        assert ahead(np.array([0.9, 0.8]), np.array([0.7, 0.77]), classes=2)
        assert not ahead(np.array([0.9, 0.8]), np.array([0.7, 0.79]), classes=2), "within the lead"
        assert not ahead(np.array([0.9, 0.6]), np.array([0.7, 0.7]), classes=2)

    def test_and_better_than_guessing(self):
        assert not ahead(np.array([0.54, 0.54]), np.array([0.2, 0.3]), classes=2)
        assert ahead(np.array([0.54, 0.54]), np.array([0.2, DIVERGED]), classes=10)

    def test_not_before_all_are_there(self):
        assert not ahead(np.array([0.9, np.nan]), np.array([0.1, 0.1]), classes=2)
        assert not ahead(np.array([0.9, 0.9]), np.array([0.1, np.nan]), classes=2)

    def test_table(self):
        found = ahead_of(np.array([[0.9, 0.95], [0.5, 0.91], [0.1, 0.2]]), classes=10)
        assert found.tolist() == [[False, False, True], [False, False, True], [False] * 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norms": ("batch", "instance")}, "norm must be one of"),
        ({"equal": "epochs"}, "equal must be one of steps, examples"),
        ({"batch_sizes": (8, 2)}, "batch_sizes must rise"),
        ({"seeds": 9}, "seeds must be at most 5"),
        ({"base": replace(BASE, steps=50_000, width=256, depth=40)}, "cost must be at most"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        replace(RACE, **options)


def test_it_travels():
    assert pickle.loads(pickle.dumps(RACE)) == RACE
