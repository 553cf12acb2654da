"""One SGD step in a deep network, and how far each layer's output moved."""

from dataclasses import replace

import numpy as np
import pytest

from bn_core.network import backward, forward, initial_network
from bn_core.one_step import BATCH_SIZE, LAYERS, OneStep, Twins, one_step, stepped
from bn_core.training_data import training_data
from bn_core.upstream import softmax_cross_entropy

DATA = training_data("digits")
X, LABELS = DATA.x[:20].astype(np.float64), DATA.labels[:20]


def small(batch_norm: bool):
    return initial_network(
        [64, 8, 8, 10], activation="tanh", batch_norm=batch_norm, linear_output=True, seed=4
    )


@pytest.mark.parametrize("batch_norm", [False, True])
def test_against_pytorch(batch_norm: bool):
    """The same step by another library's layers, gradients and optimiser."""
    torch = pytest.importorskip("torch")
    network = small(batch_norm)
    layers, linears = [], []
    for n, layer in enumerate(network.layers):
        fan_in, fan_out = layer.weight.shape
        linears.append(torch.nn.Linear(fan_in, fan_out, dtype=torch.float64))
        with torch.no_grad():
            linears[-1].weight.copy_(torch.tensor(layer.weight.T))
            linears[-1].bias.copy_(torch.tensor(layer.bias))
        parts = [linears[-1]]
        if n < 2:
            bn = [torch.nn.BatchNorm1d(fan_out, dtype=torch.float64)] if batch_norm else []
            parts += [*bn, torch.nn.Tanh()]
        layers.append(torch.nn.Sequential(*parts))
    model = torch.nn.Sequential(*layers)

    def outputs():
        a, found = torch.tensor(X), []
        for layer in layers:
            a = layer(a)
            found.append(a)
        return found

    before = outputs()
    loss = torch.nn.functional.cross_entropy(before[-1], torch.tensor(LABELS))
    loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.3).step()
    after = outputs()
    found = one_step(network, X, LABELS, [0.3])
    moved = [((b - a).norm() / a.norm()).item() for a, b in zip(before, after, strict=True)]
    np.testing.assert_allclose(found.moved[0], moved, rtol=1e-9)
    assert found.before[0] == pytest.approx(loss.item())
    after_loss = torch.nn.functional.cross_entropy(after[-1], torch.tensor(LABELS))
    assert found.after[0] == pytest.approx(after_loss.item())


def test_a_small_step_goes_downhill_as_the_gradient_promises():
    network, rate = small(True), 1e-5
    records = forward(network, X)
    _, upstream = softmax_cross_entropy(records[-1].output, LABELS)
    gradients = backward(network, records, upstream)
    arrays = [a for layer in gradients.layers for a in vars(layer).values() if a is not None]
    promised = rate * sum(float((a**2).sum()) for a in arrays)
    found = one_step(network, X, LABELS, [rate])
    assert found.before[0] - found.after[0] == pytest.approx(promised, rel=1e-2)


def test_no_step_moves_nothing():
    found = one_step(small(True), X, LABELS, [0.0])
    assert not found.moved.any()
    assert found.after[0] == found.before[0]


def test_the_step_leaves_the_network_as_it_was():
    network = small(True)
    kept = [layer.weight.copy() for layer in network.layers]
    stepped(network, network, 0.5)
    for before, layer in zip(kept, network.layers, strict=True):
        np.testing.assert_array_equal(layer.weight, before)


def test_an_output_of_zeros_has_no_relative_movement():
    network = small(False)
    dead = replace(network.layers[0], weight=np.zeros((64, 8)))
    network = replace(network, activation="relu", layers=(dead, *network.layers[1:]))
    assert np.isnan(one_step(network, X, LABELS, [0.1]).moved[0, 0])


def test_the_twins_have_the_same_weights():
    twins = Twins("relu", 5)
    plain, bn = (twins.network(b, 1.5) for b in (False, True))
    assert len(plain.layers) == LAYERS
    for a, b in zip(plain.layers, bn.layers, strict=True):
        np.testing.assert_array_equal(a.weight, b.weight)
        assert a.gamma is None


def test_rates_and_scales_meet():
    twins = Twins("tanh", 1)
    for by_rate, by_scale in zip(
        twins.at_rates(1.5, [0.01, 0.1]), twins.at_scales([1.0, 1.5], 0.1), strict=True
    ):
        np.testing.assert_array_equal(by_rate.moved[1], by_scale.moved[1])
        assert by_rate.after[1] == by_scale.after[1]
        assert by_rate.before[1] == by_scale.before[1]


def test_what_the_chapter_shows_of_weight_scales():
    """The movement of the last layer depends on the weights' scale far less with BN: every seed."""
    assert BATCH_SIZE == 64
    for seed in range(3):
        plain, bn = Twins("relu", seed).at_scales([0.5, 1.0, 1.414, 2.0, 3.0], 0.05)
        assert bn.spread() < 5
        assert plain.spread() > 1e4
        assert plain.farthest() >= 1


def test_outputs_that_are_all_zeros_or_do_not_move():
    moved = np.array([[np.nan, 0.2, 0.1], [0.1, 0.4, 0.0], [0.1, 0.4, np.nan]])
    step = OneStep(moved, np.zeros(3), np.zeros(3))
    assert step.farthest() == 2
    assert step.spread() == np.inf
    dead = OneStep(np.full((2, 3), np.nan), np.zeros(2), np.zeros(2))
    assert np.isnan(dead.spread())
    assert dead.farthest() == 1
