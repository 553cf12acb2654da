"""The look along the gradient, against training steps of that length and against the slope."""

from dataclasses import replace

import numpy as np
import pytest

from bn_core.along_gradient import LENGTHS, Along, Ranges, along, look_along, ranges, smoother
from bn_core.network import forward
from bn_core.training import initial, snapshot_steps, train
from bn_core.training_config import TrainingConfig
from bn_core.training_data import mini_batches, training_data
from bn_core.upstream import softmax_cross_entropy

CONFIG = TrainingConfig(
    depth=2, width=8, activation="tanh", batch_size=16, train_size=200, steps=6, moments=4,
    dtype="float64",
)  # fmt: skip
DATA = training_data("digits").first(200)
ROWS = next(mini_batches(200, 16, 0))


@pytest.mark.parametrize("batch_norm", ["none", "before"])
def test_the_walk_is_one_training_step(batch_norm):
    config = replace(CONFIG, batch_norm=batch_norm)
    found = along(initial(config), DATA.x[ROWS], DATA.labels[ROWS], 0)
    for at in (0, 10, 20):
        *_, end = train(replace(config, learning_rate=LENGTHS[at], steps=1))
        logits = forward(end.network, DATA.x[ROWS])[-1].output
        assert found.losses[at] == pytest.approx(
            softmax_cross_entropy(logits, DATA.labels[ROWS])[0]
        )


def test_at_first_the_loss_falls_as_the_gradient_says():
    network = initial(replace(CONFIG, batch_norm="none"))
    found = along(network, DATA.x[ROWS], DATA.labels[ROWS], 0)
    assert (found.loss - found.losses[0]) / LENGTHS[0] == pytest.approx(found.gradient**2, rel=0.02)
    assert found.changes[0] < 0.05 * found.gradient
    assert (np.diff(found.changes[:12]) > 0).all()


def test_looks_are_taken_from_the_training_itself():
    looks = list(look_along(CONFIG))
    assert [look.step for look in looks] == list(snapshot_steps(CONFIG.steps, CONFIG.moments))
    *_, end = train(CONFIG)
    batches = mini_batches(200, 16, 0)
    for _ in range(CONFIG.steps + 1):
        rows = next(batches)
    logits = forward(end.network, DATA.x[rows])[-1].output
    assert looks[-1].loss == pytest.approx(softmax_cross_entropy(logits, DATA.labels[rows])[0])


def test_a_training_that_diverges_ends():
    wild = replace(CONFIG, learning_rate=100.0, weight_decay=1.0, steps=200)  # W ← −99 W
    looks = list(look_along(wild))
    assert looks[-1].step < 200


def look(losses, changes, loss=1.0):
    far = len(LENGTHS) - len(losses)
    return Along(
        0, loss, 1.0, np.array(losses + losses[-1:] * far), np.array(changes * len(LENGTHS))
    )


def test_ranges_grow_with_the_length():
    found = ranges([look([0.8, 3.0, 0.5], [2.0])])
    assert found.low[:3, 0].tolist() == [0.8, 0.8, 0.5]
    assert found.high[:3, 0].tolist() == [1.0, 3.0, 3.0]
    here_and_back = Along(0, 1.0, 1.0, np.ones(len(LENGTHS)), np.linspace(3, 0, len(LENGTHS)))
    assert (ranges([here_and_back]).change == 3).all()
    beyond = ranges([look([0.8, np.nan], [2.0])])
    assert np.isinf(beyond.high[1, 0])
    assert beyond.low[1, 0] == 0.8
    assert ranges([]).high.shape == (len(LENGTHS), 0)


def test_the_smoother_one():
    calm = ranges([look([0.9], [1.0]), look([0.9], [1.0])])
    wild = ranges([look([0.5], [3.0]), look([0.95], [np.inf])])
    found = smoother(calm, wild)
    assert (found["loss"][0], found["gradient"][0], found["moments"][0]) == (1, 2, 2)
    short = Ranges(calm.steps[:1], calm.low[:, :1], calm.high[:, :1], calm.change[:, :1])
    assert smoother(short, wild)["moments"][0] == 1
