"""Test batches that are moved and mixed, and who is right on them."""

import numpy as np
import pytest

from bn_core.inference import evaluated
from bn_core.shifted_input import accuracies, mixed_batches
from bn_core.training import trained
from bn_core.training_config import TrainingConfig
from bn_core.training_data import training_data

DATA = training_data("spirals")
X, LABELS = DATA.held_out_x, DATA.held_out_labels


def batches(ones, **more):
    return mixed_batches(X, LABELS, ones, **({"size": 64, "count": 4, "seed": 0} | more))


@pytest.fixture(scope="module")
def end():
    config = TrainingConfig(
        data="spirals", train_size=640, batch_size=64, depth=3, width=16, activation="relu",
        momentum=0.9, steps=300, moments=2, dtype="float64",
    )  # fmt: skip
    return trained(config).finished


@pytest.mark.parametrize("ones", [0, 1, 32, 64])
def test_the_mix_is_as_asked_for(ones):
    found = batches(ones)
    assert found.x.shape == (4, 64, 2)
    assert (found.labels.sum(axis=1) == ones).all()
    for x in found.x:
        assert len(np.unique(x, axis=0)) == 64
    assert not np.array_equal(found.x[0], found.x[1])


def test_only_the_first_feature_moves():
    found = batches(32)
    moved = found.shifted(0.7)
    np.testing.assert_allclose(moved[..., 0], found.x[..., 0] + 0.7)
    np.testing.assert_array_equal(moved[..., 1], found.x[..., 1])


@pytest.mark.parametrize("ones", [10, 32])
def test_accuracies_are_those_of_an_evaluation(end, ones):
    found = batches(ones)
    x, labels = found.shifted(0.3).reshape(-1, 2), found.labels.ravel()
    running = evaluated(end.network, x, labels, end.running).accuracy
    batch = evaluated(end.network, x, labels, batch_size=64).accuracy
    rows = accuracies(end.network, end.running, [found], [0.0, 0.3])
    assert rows.shape == (2, 2)
    assert rows[1].tolist() == [running, batch]


def test_batch_statistics_take_a_shift_away_and_are_misled_by_one_class(end):
    rows = accuracies(end.network, end.running, [batches(32), batches(64)], [0.0, 0.6])
    usual, moved, one, _ = rows.tolist()
    assert usual[1] == moved[1] > 0.9
    assert moved[0] < 0.8 < usual[0]
    assert one[1] < 0.7 < 0.9 < one[0]


@pytest.mark.parametrize(
    ("ones", "more"), [(-1, {}), (65, {}), (32, {"count": 0}), (32, {"size": 3000})]
)
def test_what_is_refused(ones, more):
    with pytest.raises(ValueError, match="must"):
        batches(ones, **more)
