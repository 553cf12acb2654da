"""Weights on any scale: what holds for every batch, and PyTorch's gradient."""

import numpy as np
import pytest

from bn_core.scale_invariance import (
    departure,
    effective_rate,
    one_layer,
    rescaled,
    with_and_without,
)
from bn_core.training import trained
from bn_core.training_config import TrainingConfig

FACTORS = [0.05, 0.5, 2.0, 20.0, 1.0]


@pytest.mark.parametrize("seed", range(20))
def test_with_bn_only_the_length_of_the_gradient_notices(seed):
    found = rescaled(one_layer(seed), FACTORS, eps=0.0)
    assert found.moved.max() < 1e-11
    assert np.ptp(found.loss) < 1e-12
    np.testing.assert_allclose(found.gradient * FACTORS, found.gradient[-1], rtol=1e-9)
    assert departure(found, FACTORS[:-1]) < 1e-9
    assert np.abs(found.along).max() < 1e-12
    assert np.abs(found.numeric).max() < 1e-9


@pytest.mark.parametrize("eps", [0.0, 1e-5, 0.3])
def test_formula_and_central_difference_agree(eps):
    for layer in (one_layer(3), one_layer(3).without()):
        found = rescaled(layer, FACTORS, eps=eps)
        np.testing.assert_allclose(found.along, found.numeric, atol=1e-6)


def test_without_bn_the_scale_matters():
    found = rescaled(one_layer(0).without(), FACTORS, eps=0.0)
    assert found.moved[3] > 1
    assert abs(found.along[-1]) > 1e-3
    assert departure(found, FACTORS[:-1]) > 0.5


def test_epsilon_is_noticed_where_variances_are_small():
    found = rescaled(one_layer(0), FACTORS, eps=1e-5)
    assert departure(found, FACTORS[:-1]) > 1e-3
    assert found.moved[0] > 100 * found.moved[2]


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_gradient_by_automatic_differentiation(batch_norm):
    torch = pytest.importorskip("torch")
    layer = one_layer(5) if batch_norm else one_layer(5).without()
    weight = torch.tensor(3.0 * layer.weight, requires_grad=True)
    z = torch.tensor(layer.x) @ weight
    y = torch.nn.functional.batch_norm(z, None, None, training=True) if batch_norm else z
    logits = torch.relu(y) @ torch.tensor(layer.readout)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(layer.labels))
    loss.backward()
    found = rescaled(layer, [3.0], eps=1e-5)
    assert found.loss[0] == pytest.approx(loss.item())
    assert found.gradient[0] == pytest.approx(weight.grad.norm().item())


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_factor_that_is_none(factor):
    with pytest.raises(ValueError, match="factors must be above 0"):
        rescaled(one_layer(0), [1.0, factor], eps=0.0)


def test_the_effective_rate_is_how_far_a_step_turns():
    """tan of the angle by which a step of η turns aW: as one of η/‖aW‖² turns W/‖W‖."""
    layer, eta = one_layer(1), 0.3
    norm = np.linalg.norm(layer.weight)
    found = rescaled(layer, [0.5, 1 / norm], eps=0.0)
    turned = eta * found.gradient[0] / (0.5 * norm)
    assert turned == pytest.approx(effective_rate(eta, 0.5 * norm) * found.gradient[1])


def test_norms_grow_without_decay_and_shrink_with_it():
    settings = {"activation": "relu", "learning_rate": 0.3, "steps": 200, "dtype": "float64"}
    norms = {}
    for decay in (0.0, 0.01):
        run = trained(TrainingConfig(depth=2, width=16, weight_decay=decay, **settings))
        norms[decay] = np.array([snapshot.weight_norms for snapshot in run.snapshots])[:, :2]
    assert (np.diff(norms[0.0], axis=0) > -1e-6).all()
    assert (norms[0.01][-1] < 0.9 * norms[0.01][0]).all()


def test_both_layers_and_the_reference():
    found = with_and_without(one_layer(2), [3.0], eps=1e-5)
    for name, layer in (("bn", one_layer(2)), ("plain", one_layer(2).without())):
        right = rescaled(layer, [3.0, 1.0], eps=1e-5)
        np.testing.assert_array_equal(found[name].loss, right.loss)
