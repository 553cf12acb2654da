"""One step on γ and β, against the same step done by hand, and the loss's own slope."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_core import backward_train, forward_train, numerical_gradient
from bn_core.descent import descend, stepped
from bn_core.network import backward, forward, initial_network
from bn_core.upstream import half_squared_error, linear_loss, random_gradient

RATES = (0.0, 0.1, 0.7)

seeds = st.integers(0, 2**32 - 1)


def problem(m=5, d=3, seed=0, eps=0.1):
    rng = np.random.default_rng(seed)
    x, target = rng.normal(3, 2, (2, m, d))
    fwd = forward_train(x, rng.normal(size=d), rng.normal(size=d), eps=eps)
    grads = backward_train(half_squared_error(fwd.y, target)[1], fwd)
    return fwd, grads, lambda y: half_squared_error(y, target)[0]


@given(st.integers(1, 8), st.integers(1, 4), seeds, st.sampled_from([1e-5, 1.0]))
def test_the_step_at_every_rate(m, d, seed, eps):
    fwd, grads, loss = problem(m, d, seed, eps)
    descent = descend(fwd, grads, RATES, loss)
    assert descent.gamma.shape == descent.beta.shape == (len(RATES), d)
    assert descent.loss.shape == descent.predicted.shape == (len(RATES),)
    x_hat = (fwd.x - fwd.x.mean(axis=0)) / np.sqrt(fwd.x.var(axis=0) + eps)
    for n, eta in enumerate(RATES):
        gamma, beta = fwd.gamma - eta * grads.dgamma, fwd.beta - eta * grads.dbeta
        np.testing.assert_array_equal(descent.gamma[n], gamma)
        np.testing.assert_array_equal(descent.beta[n], beta)
        assert descent.loss[n] == pytest.approx(loss(gamma * x_hat + beta), rel=1e-9)


@given(st.integers(1, 8), st.integers(1, 4), seeds)
def test_the_prediction_touches_the_curve_at_no_step_at_all(m, d, seed):
    fwd, grads, loss = problem(m, d, seed)
    start = descend(fwd, grads, [0.0], loss)
    assert start.loss[0] == start.predicted[0] == loss(fwd.y)
    slope = numerical_gradient(lambda eta: descend(fwd, grads, eta, loss).loss[0], np.zeros(1))[0]
    promised = descend(fwd, grads, [1.0], loss).predicted[0] - loss(fwd.y)
    assert promised == pytest.approx(slope, rel=1e-6)
    assert promised < 0


def test_half_squared_error_is_a_parabola_along_the_step():
    """So what the prediction leaves out is exactly quadratic in η."""
    fwd, grads, loss = problem()
    descent = descend(fwd, grads, [0.1, 0.2, 0.4], loss)
    left = descent.loss - descent.predicted
    np.testing.assert_allclose(left / left[0], [1, 4, 16], rtol=1e-9)
    assert left[0] > 1e-3


def test_a_linear_loss_falls_as_predicted_at_any_rate():
    fwd, _, _ = problem()
    dy = random_gradient(fwd)
    rates = np.linspace(0, 1, 7)
    descent = descend(fwd, backward_train(dy, fwd), rates, lambda y: linear_loss(y, dy))
    np.testing.assert_allclose(descent.loss, descent.predicted, rtol=1e-12)
    assert descent.loss[-1] < descent.loss[0] - 1


def test_nothing_that_came_in_is_modified():
    fwd, grads, loss = problem()
    before = [a.copy() for a in (fwd.gamma, fwd.beta, fwd.y, grads.dgamma)]
    descend(fwd, grads, [1.0], loss).gamma[0, 0] = 99
    for old, now in zip(before, (fwd.gamma, fwd.beta, fwd.y, grads.dgamma), strict=True):
        np.testing.assert_array_equal(old, now)


def test_a_step_of_a_whole_network():
    """Every parameter moves by the rate times its gradient; what is not there stays away."""
    network = initial_network(
        (3, 4, 2), activation="tanh", batch_norm=True, linear_output=True, seed=1
    )
    rng = np.random.default_rng(0)
    records = forward(network, rng.normal(size=(6, 3)))
    gradients = backward(network, records, rng.normal(size=(6, 2)))
    before = network.layers[0].weight.copy()
    after = stepped(network, gradients, 0.3)
    np.testing.assert_array_equal(network.layers[0].weight, before)
    for now, then, slope in zip(after.layers, network.layers, gradients.layers, strict=True):
        for name in ("weight", "bias", "gamma", "beta"):
            found, start = getattr(now, name), getattr(then, name)
            assert (found is None) == (start is None)
            if start is not None:
                np.testing.assert_array_equal(found, start - 0.3 * getattr(slope, name))
