"""One layer in three orders of its blocks."""

import numpy as np
import pytest

from bn_core import forward_train
from bn_core.activations import ACTIVATIONS
from bn_core.network import backward, forward, initial_network
from bn_core.one_layer import ORDERS, moved_by_bias, next_input, one_layer, summary

RNG = np.random.default_rng(3)
STACK = RNG.standard_normal((3, 40, 5)) * 2 + RNG.standard_normal((3, 1, 5))
NORMAL = RNG.standard_normal((20_000, 4))


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_it_is_the_layer_of_the_network(name: str, place: str):
    """The network's own forward pass, one batch at a time."""
    network = initial_network([7, 5], activation=name, batch_norm=True, bn_place=place, seed=1)
    batches = RNG.standard_normal((3, 40, 7))
    records = [forward(network, batch)[0] for batch in batches]
    x = np.stack([record.pre_activation for record in records])
    found = one_layer(x, ACTIVATIONS[name], place)
    assert tuple(found) == ORDERS[place]
    for n, record in enumerate(records):
        np.testing.assert_allclose(found[ORDERS[place][-1]][n], record.output, atol=1e-12)
        np.testing.assert_allclose(found["y"][n], record.batch_norm.y, atol=1e-12)


def test_without_bn_there_is_only_the_activation():
    f = ACTIVATIONS["tanh"]
    found = one_layer(STACK, f, "none")
    assert list(found) == ["x", "activation"]
    np.testing.assert_array_equal(found["activation"], f(STACK))


def test_one_batch_is_a_stack_of_one():
    one, many = (next_input(x, ACTIVATIONS["relu"], "after") for x in (STACK[1], STACK))
    np.testing.assert_array_equal(one, many[1:2])


def test_summary_is_numpys():
    values = next_input(STACK, ACTIVATIONS["relu"], "none")
    found = summary(values)
    for n, batch in enumerate(values):
        centred = batch - batch.mean()
        assert found.mean[n] == pytest.approx(batch.mean())
        assert found.sd[n] == pytest.approx(batch.std())
        assert found.skew[n] == pytest.approx((centred**3).mean() / batch.std() ** 3)
        assert found.minimum[n] == batch.min()
        assert found.zeros[n] == np.count_nonzero(batch == 0) / batch.size


def test_relu_before_and_behind_on_normal_numbers():
    """By integration: ReLU of N(0, 1) has mean 1/√(2π) and mean square 1/2."""
    f = ACTIVATIONS["relu"]
    before, after = (summary(next_input(NORMAL, f, order)) for order in ("before", "after"))
    mean = 1 / np.sqrt(2 * np.pi)
    sd = np.sqrt(0.5 - mean**2)
    assert before.mean[0] == pytest.approx(mean, abs=0.005)
    assert before.sd[0] == pytest.approx(sd, abs=0.005)
    assert before.zeros[0] == pytest.approx(0.5, abs=0.005)
    assert after.minimum[0] == pytest.approx(-mean / sd, abs=0.02)
    assert after.zeros[0] == 0
    third = np.sqrt(2 / np.pi)  # E[ReLU(z)³]
    assert after.skew[0] == pytest.approx((third - 1.5 * mean + 2 * mean**3) / sd**3, abs=0.05)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_bias_moves_nothing_that_bn_follows(name: str):
    biases = [-100.0, -3.0, 0.0, 100.0]
    moved = moved_by_bias(STACK[0], ACTIVATIONS[name], "before", biases)
    assert moved[2] == 0
    assert moved.max() < 1e-12
    for order in ("after", "none"):
        assert moved_by_bias(STACK[0], ACTIVATIONS[name], order, [-3.0])[0] > 0.1


def test_the_same_is_said_by_the_gradient():
    """What cannot move the output has no gradient, whatever comes from above."""
    network = initial_network([7, 5], activation="tanh", batch_norm=True, seed=1)
    records = forward(network, RNG.standard_normal((40, 7)))
    gradients = backward(network, records, RNG.standard_normal((40, 5)))
    assert np.abs(gradients.layers[0].bias).max() < 1e-12


def test_a_batch_for_each_bias():
    f = ACTIVATIONS["sigmoid"]
    each = [moved_by_bias(x, f, "after", [b])[0] for x, b in zip(STACK, [1, 2, 3], strict=True)]
    np.testing.assert_allclose(moved_by_bias(STACK, f, "after", [1, 2, 3]), each)


def test_what_is_refused():
    with pytest.raises(ValueError, match="order must be one of before, after, none; got 'behind'"):
        one_layer(STACK, ACTIVATIONS["relu"], "behind")
    with pytest.raises(ValueError, match=r"got \(4,\)"):
        one_layer(np.ones(4), ACTIVATIONS["relu"], "none")


def test_eps_is_that_of_the_networks_layers():
    tiny = 1e-3 * STACK[0]
    np.testing.assert_array_equal(
        one_layer(tiny, ACTIVATIONS["relu"], "before")["y"][0], forward_train(tiny, eps=1e-5).y
    )
