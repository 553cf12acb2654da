"""The race with noise behind BN, against ordinary training and central differences."""

from dataclasses import replace

import numpy as np
import pytest

from bn_core import forward_train, numerical_gradient
from bn_core.network import backward, forward, initial_network
from bn_core.noisy import (
    NETWORKS,
    RaceConfig,
    Stretch,
    disturbed,
    draw_noise,
    initial,
    race,
    races,
    undisturbed,
    verdict,
)
from bn_core.training import trained
from bn_core.training_config import TrainingConfig

SMALL = RaceConfig(steps=20, depth=2, width=6, batch_size=16, train_size=200)


@pytest.mark.parametrize(("name", "batch_norm"), [("plain", "none"), ("bn", "before")])
def test_without_noise_it_is_ordinary_training(name, batch_norm):
    config = TrainingConfig(
        train_size=200, batch_size=16, depth=2, width=6, batch_norm=batch_norm, steps=20,
        moments=3, dtype="float64",
    )  # fmt: skip
    snapshots = trained(config).snapshots
    found = [stretch.losses[NETWORKS.index(name)] for stretch in race(SMALL)]
    assert found == pytest.approx([snapshot.loss for snapshot in snapshots[1:]], rel=1e-9)


def test_gradients_through_the_noise():
    """γ and β of a network with noise behind its BN, by central differences of s·y + t itself."""
    network = initial_network(
        (3, 4, 2), activation="tanh", batch_norm=True, linear_output=True, seed=2
    )
    rng = np.random.default_rng(3)
    x, d = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    noise = draw_noise(network, rng)
    (scale, shift), last = noise
    assert last is None
    hidden, output = network.layers

    def loss(gamma, beta, weight):
        y = scale * forward_train(x @ weight + hidden.bias, gamma, beta).y + shift
        return (d * (np.tanh(y) @ output.weight + output.bias)).sum()

    used = disturbed(network, noise)
    found = undisturbed(backward(used, forward(used, x), d), noise).layers[0]
    at = (hidden.gamma, hidden.beta, hidden.weight)
    for place, gradient in enumerate((found.gamma, found.beta, found.weight)):
        numeric = numerical_gradient(
            lambda moved, place=place: loss(*(moved if i == place else at[i] for i in range(3))),
            at[place],
            1e-5,
        )
        np.testing.assert_allclose(gradient, numeric, atol=1e-8)


def test_the_noise_is_new_in_every_step_and_as_stated():
    network = initial(replace(SMALL, width=200), "noisy")
    rng = np.random.default_rng(0)
    first, second = (draw_noise(network, rng)[0] for _ in range(2))
    assert not np.isin(first[0], second[0]).any()
    assert 0.5 <= first[0].min() < 0.55
    assert 1.45 < first[0].max() <= 1.5
    assert first[1].std() == pytest.approx(0.5, abs=0.08)
    assert initial(SMALL, "plain").layers[0].gamma is None


def test_the_noise_moves_what_the_layers_see():
    (found,) = [races([list(race(SMALL))])]
    plain, bn, noisy = found.moved
    assert noisy > 10 * max(plain, bn)
    assert noisy == pytest.approx(np.sqrt(2) * 0.5, rel=0.3)  # the difference of two shifts


def test_the_same_settings_give_the_same():
    assert repr(list(race(SMALL))) == repr(list(race(replace(SMALL))))
    assert SMALL.key() == replace(SMALL).key() != replace(SMALL, seed=1).key()


def stretch(step, losses):
    nothing = np.zeros((3, 10))
    return Stretch(step, np.array(losses), nothing, nothing, nothing)


def test_seeds_are_compared_as_far_as_all_have_come():
    runs = [[stretch(10, [3, 2, 1]), stretch(20, [6, 5, 4])], [stretch(10, [1, 4, 3])]]
    found = races(runs)
    assert found.steps.tolist() == [10]
    assert found.losses.shape == (2, 1, 3)
    assert found.medians.tolist() == [2, 3, 2]
    assert not found.diverged.any()
    assert races([[stretch(10, [np.nan, 2, np.inf])]]).diverged.tolist() == [True, False, True]
    assert races([*runs, []]) is None
    assert races([]) is None


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([[2, 0, 1], [3, 0, 2]], "ahead"),
        ([[1, 0, 2], [2, 0, 3]], "behind"),
        ([[1, 0, 2], [3, 0, 2]], "mixed"),
        ([[np.nan, 0, 2], [np.inf, 0, 2]], "ahead"),
        ([[1, 0, np.nan], [1, 0, np.inf]], "behind"),
        ([[np.nan, 0, np.nan], [2, 0, 1]], "mixed"),
    ],
)
def test_verdicts(losses, expected):
    assert verdict(losses) == expected


@pytest.mark.parametrize(
    "wrong", [{"data": "x"}, {"activation": "x"}, {"steps": 0}, {"depth": 99}, {"seed": -1}]
)
def test_what_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(SMALL, **wrong)
