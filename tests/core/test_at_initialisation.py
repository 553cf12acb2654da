"""Gradients before training, against the engine that trains."""

import numpy as np
import pytest

from bn_core.at_initialisation import BATCH_SIZE, DEPTHS, KINDS, WIDTH, gradient_norms, ratio_span
from bn_core.engine import Engine
from bn_core.training import initial
from bn_core.training_config import TrainingConfig
from bn_core.training_data import DATA_SETS, mini_batches, training_data


@pytest.mark.parametrize("data", ["digits", "spirals"])
@pytest.mark.parametrize("kind", KINDS)
def test_they_are_those_of_training(data, kind):
    config = TrainingConfig(
        data=data,
        train_size=DATA_SETS[data].size,
        batch_size=BATCH_SIZE,
        depth=4,
        width=WIDTH,
        activation="relu",
        batch_norm="none" if kind == "plain" else "before",
        skips=kind == "bn_skips",
        weight_scale=KINDS[kind].get("weight_scale", 1.0),
        seed=1,
        dtype="float64",
    )
    samples = training_data(data)
    rows = next(mini_batches(config.train_size, BATCH_SIZE, 1))
    one_hot = np.eye(config.sizes[-1])[samples.labels[rows]]
    look = Engine(config, initial(config)).look(samples.x[rows].astype(np.float64), one_hot)
    expected = [np.linalg.norm(layer.weight) for layer in look.gradients.layers]
    np.testing.assert_allclose(gradient_norms(data, kind, 4, 2)[1], expected, rtol=1e-9)


def test_with_bn_they_explode_with_depth():
    """The figures of the curriculum: about 1, 3 to 4, 30 to 50, more than 1,000."""
    middles = {
        kind: [ratio_span(gradient_norms("spirals", kind, depth, 5))[1] for depth in DEPTHS]
        for kind in KINDS
    }
    for found, (low, high) in zip(
        middles["bn"], ((0.5, 2), (2, 8), (20, 60), (1000, 4000)), strict=True
    ):
        assert low < found < high
    assert max(middles["plain"]) < 5
    assert max(middles["bn_skips"]) < 20


def test_the_span_is_over_seeds():
    norms = np.array([[1.0, 9.0, 2.0, 7.0], [4.0, 9.0, 1.0, 7.0], [3.0, 9.0, 3.0, 7.0]])
    assert ratio_span(norms) == (0.5, 1.0, 4.0)


@pytest.mark.parametrize(
    "wrong", [("x", "bn", 5, 1), ("digits", "x", 5, 1), ("digits", "bn", 0, 1)]
)
def test_what_is_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        gradient_norms(*wrong)
