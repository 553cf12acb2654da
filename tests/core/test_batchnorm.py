"""Batch Normalization: what must hold of it, and whether its gradients are the right ones.

The outside referees are central differences (here) and PyTorch (test_against_torch.py).
"""

import dataclasses
import doctest
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bn_core
from bn_core import (
    RunningStats,
    backward_eval,
    backward_train,
    check_gradient,
    forward_eval,
    forward_train,
)

EPS = 1e-5
SHAPES = [(2, 1), (3, 2), (8, 3), (64, 7), (5, 2, 4), (3, 4, 5, 6), (1, 2, 3)]
GRADIENT_TOLERANCE = 1e-7

reproducible = settings(derandomize=True, database=None, deadline=None, max_examples=40)
shapes = st.sampled_from(SHAPES)
seeds = st.integers(0, 2**32 - 1)


def problem(shape, seed=0):
    """A batch, its parameters, running statistics and a *random* upstream gradient.

    With dy of ones, dx is zero whatever the path through the variance does: a blind test.
    """
    rng = np.random.default_rng(seed)
    d = shape[1]
    return SimpleNamespace(
        x=rng.normal(3.0, 2.0, shape),
        dy=rng.normal(size=shape),
        gamma=rng.normal(size=d),
        beta=rng.normal(size=d),
        running=RunningStats(mean=rng.normal(size=d), var=rng.uniform(0.5, 2.0, d)),
    )


def feature_axes(a):
    """Every axis but 1."""
    return (0, *range(2, a.ndim))


def column(v, like):
    """(d,) against (m, d, ...)."""
    return v.reshape(1, -1, *[1] * (like.ndim - 2))


def per_feature(a, reduce=np.sum):
    return reduce(a, axis=feature_axes(a))


def truth(x, eps=EPS):
    """The standardised batch, by the definition, in extended precision."""
    x = x.astype(np.longdouble)
    centred = x - column(per_feature(x, np.mean), x)
    var = per_feature(centred**2, np.mean)
    return centred / column(np.sqrt(var + eps), x)


def largest_error(a, b):
    return float(np.abs(a - b).max())


@pytest.mark.parametrize("module", [bn_core, bn_core.batchnorm, bn_core.gradcheck])
def test_examples_of_the_docstrings(module):
    failed, attempted = doctest.testmod(module)
    assert attempted > 0
    assert failed == 0


# ---- Forward, training ---------------------------------------------------------------------------


def test_by_hand():
    # μ = 2, σ² = (4 + 0 + 4)/3 = 8/3; with eps = 4/3 the standard deviation is 2.
    fwd = forward_train([[0.0], [2.0], [4.0]], gamma=[3.0], beta=[10.0], eps=4 / 3)
    np.testing.assert_allclose(fwd.mu, [2.0])
    np.testing.assert_allclose(fwd.var, [8 / 3])
    np.testing.assert_allclose(fwd.inv_std, [0.5])
    np.testing.assert_allclose(fwd.centred, [[-2.0], [0.0], [2.0]])
    np.testing.assert_allclose(fwd.x_hat, [[-1.0], [0.0], [1.0]], atol=1e-15)
    np.testing.assert_allclose(fwd.y, [[7.0], [10.0], [13.0]])

    # dx̂ = 3·dy; dσ² = Σ dx̂(x−μ)·(−½)/8 = (−6 + 0 + 24)(−1/16); dμ = −Σdx̂/2;
    # dx = dx̂/2 + dσ²·2(x−μ)/3 + dμ/3
    grads = backward_train([[1.0], [2.0], [4.0]], fwd)
    np.testing.assert_allclose(grads.dx_hat, [[3.0], [6.0], [12.0]])
    np.testing.assert_allclose(grads.dvar, [-9 / 8])
    np.testing.assert_allclose(grads.dmu, [-21 / 2])
    np.testing.assert_allclose(grads.dx, [[-0.5], [-0.5], [1.0]])
    np.testing.assert_allclose(grads.dgamma, [3.0])
    np.testing.assert_allclose(grads.dbeta, [7.0])


@reproducible
@given(shapes, seeds)
def test_definition(shape, seed):
    p = problem(shape, seed)
    fwd = forward_train(p.x, p.gamma, p.beta, eps=EPS)
    np.testing.assert_allclose(fwd.mu, per_feature(p.x, np.mean), rtol=1e-12)
    np.testing.assert_allclose(fwd.var, per_feature(p.x, np.var), rtol=1e-12)
    np.testing.assert_allclose(fwd.inv_std, 1 / np.sqrt(fwd.var + EPS), rtol=1e-12)
    np.testing.assert_allclose(fwd.centred, p.x - column(fwd.mu, p.x), atol=1e-12)
    np.testing.assert_allclose(fwd.x_hat, truth(p.x).astype(float), atol=1e-11)
    expected = column(p.gamma, p.x) * fwd.x_hat + column(p.beta, p.x)
    np.testing.assert_allclose(fwd.y, expected, atol=1e-12)


@reproducible
@given(shapes, seeds, st.floats(0.0, 10.0))
def test_x_hat_has_mean_0_and_variance_just_below_1(shape, seed, eps):
    fwd = forward_train(problem(shape, seed).x, eps=eps)
    np.testing.assert_allclose(per_feature(fwd.x_hat, np.mean), 0, atol=1e-12)
    # Not 1: ε keeps it a little below, and a lot where the feature hardly varies.
    expected = fwd.var / (fwd.var + eps)
    np.testing.assert_allclose(per_feature(fwd.x_hat, np.var), expected, rtol=1e-12)


@reproducible
@given(shapes, seeds)
def test_gamma_and_beta_become_the_spread_and_the_mean_of_y(shape, seed):
    p = problem(shape, seed)
    y = forward_train(p.x, p.gamma, p.beta, eps=0).y
    np.testing.assert_allclose(per_feature(y, np.mean), p.beta, atol=1e-12)
    np.testing.assert_allclose(per_feature(y, np.std), np.abs(p.gamma), atol=1e-12)


@reproducible
@given(shapes, seeds, st.floats(-1e3, 1e3))
def test_a_shift_of_x_does_not_reach_y(shape, seed, shift):
    p = problem(shape, seed)
    y = forward_train(p.x, p.gamma, p.beta).y
    np.testing.assert_allclose(forward_train(p.x + shift, p.gamma, p.beta).y, y, atol=1e-8)


@reproducible
@given(shapes, seeds, st.floats(0.1, 100.0), st.booleans())
def test_a_scale_of_x_reaches_y_through_epsilon_and_sign_only(shape, seed, scale, flip):
    p = problem(shape, seed)
    scale = -scale if flip else scale
    scaled = forward_train(scale * p.x, eps=EPS).x_hat
    same = np.sign(scale) * forward_train(p.x, eps=EPS / scale**2).x_hat
    np.testing.assert_allclose(scaled, same, atol=1e-9)


def test_gamma_std_and_beta_mean_give_x_back():
    p = problem((16, 3))
    plain = forward_train(p.x)
    fwd = forward_train(p.x, gamma=1 / plain.inv_std, beta=plain.mu)
    np.testing.assert_allclose(fwd.y, p.x, atol=1e-12)


def test_no_gamma_is_1_and_no_beta_is_0():
    fwd = forward_train(problem((4, 3)).x)
    np.testing.assert_array_equal(fwd.gamma, np.ones(3))
    np.testing.assert_array_equal(fwd.beta, np.zeros(3))
    np.testing.assert_array_equal(fwd.y, fwd.x_hat)


def test_trailing_axes_are_more_samples():
    p = problem((3, 4, 5, 6))
    flat = np.moveaxis(p.x, 1, -1).reshape(-1, 4)
    y = forward_train(p.x, p.gamma, p.beta).y
    expected = forward_train(flat, p.gamma, p.beta).y
    np.testing.assert_allclose(np.moveaxis(y, 1, -1).reshape(-1, 4), expected, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_memory_layout_does_not_matter(shape):
    p = problem(shape)
    fwd = forward_train(p.x, p.gamma, p.beta)
    dx = backward_train(p.dy, fwd).dx
    backwards = p.x[::-1].copy()[::-1]
    for x in (
        np.asfortranarray(p.x),
        np.moveaxis(np.moveaxis(p.x, 1, -1).copy(), -1, 1),
        backwards,
    ):
        other = forward_train(x, p.gamma, p.beta)
        np.testing.assert_allclose(other.y, fwd.y, atol=1e-12)
        np.testing.assert_allclose(backward_train(p.dy, other).dx, dx, atol=1e-12)


def test_one_value_per_feature_is_allowed_and_says_nothing_about_x():
    p = problem((1, 3))
    fwd = forward_train(p.x, p.gamma, p.beta)
    np.testing.assert_array_equal(fwd.var, np.zeros(3))
    np.testing.assert_array_equal(fwd.y, p.beta[np.newaxis])
    grads = backward_train(p.dy, fwd)
    np.testing.assert_array_equal(grads.dx, np.zeros((1, 3)))
    np.testing.assert_array_equal(grads.dgamma, np.zeros(3))
    np.testing.assert_array_equal(grads.dbeta, p.dy[0])


@pytest.mark.parametrize("value", [0.1, 12345.678, -3e7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_feature_gives_exactly_beta(value, dtype):
    x = np.full((1000, 2), value, dtype=dtype)
    fwd = forward_train(x, beta=[5.0, -1.0])
    np.testing.assert_array_equal(fwd.mu, x[0])
    np.testing.assert_array_equal(fwd.var, [0, 0])
    np.testing.assert_array_equal(fwd.y, np.broadcast_to(fwd.beta, x.shape))


# ---- Precision -----------------------------------------------------------------------------------


def plain_two_pass(x):
    """What most code does: the mean, then the mean square of x − mean, both rounded as x is."""
    n = x.dtype.type(len(x))
    mu = np.add.reduce(x, axis=0) / n
    var = np.add.reduce((x - mu) ** 2, axis=0) / n
    return (x - mu) / np.sqrt(var + x.dtype.type(EPS))


def test_float32_far_from_zero():
    x = np.random.default_rng(0).normal(1e4, 1, (65536, 16)).astype(np.float32)
    assert largest_error(forward_train(x).y, truth(x)) <= 1e-4
    assert largest_error(plain_two_pass(x), truth(x)) > 1


def test_float64_far_from_zero():
    x = np.random.default_rng(0).normal(1e8, 1, (65536, 16))
    assert largest_error(forward_train(x).y, truth(x)) <= 1e-8


@pytest.mark.parametrize("offset", [0, 1e2, 1e4, 1e6])
def test_float32_gradient_far_from_zero(offset):
    p = problem((256, 4))
    x = (p.x + offset).astype(np.float32)
    dx32 = backward_train(p.dy, forward_train(x)).dx
    dx64 = backward_train(p.dy, forward_train(x.astype(np.float64))).dx
    assert largest_error(dx32, dx64) <= 1e-5


@pytest.mark.parametrize("row", [0, 2048, 4095])
@pytest.mark.parametrize("outlier", [-1e4, 1e4])
def test_an_outlier_costs_no_more_than_its_own_rounding(row, outlier):
    """A lone outlier may sit where the shift is looked for."""
    x = np.random.default_rng(0).normal(size=(4096, 3)).astype(np.float32)
    x[row] = outlier
    error = np.abs(forward_train(x).x_hat - truth(x)) / (1 + np.abs(truth(x)))
    assert error.max() <= 1e-5


# ---- Backward ------------------------------------------------------------------------------------


def assert_gradient(f, x, analytic):
    check = check_gradient(f, x, analytic)
    assert check.relative_error <= GRADIENT_TOLERANCE, check


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", [0, 1])
def test_gradients_in_training(shape, seed):
    p = problem(shape, seed)
    grads = backward_train(p.dy, forward_train(p.x, p.gamma, p.beta))

    def loss(x=p.x, gamma=p.gamma, beta=p.beta):
        return np.sum(p.dy * forward_train(x, gamma, beta).y)

    assert_gradient(lambda x: loss(x=x), p.x, grads.dx)
    assert_gradient(lambda gamma: loss(gamma=gamma), p.gamma, grads.dgamma)
    assert_gradient(lambda beta: loss(beta=beta), p.beta, grads.dbeta)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_the_intermediate_quantities(shape):
    """Each as an independent variable, with everything after it recomputed from the formulas."""
    p = problem(shape)
    fwd = forward_train(p.x, p.gamma, p.beta)
    grads = backward_train(p.dy, fwd)

    def loss_of_x_hat(x_hat):
        return np.sum(p.dy * (column(p.gamma, p.x) * x_hat + column(p.beta, p.x)))

    def loss_of_var(var, mu=fwd.mu):
        inv_std = 1 / np.sqrt(var + fwd.eps)
        return loss_of_x_hat((p.x - column(mu, p.x)) * column(inv_std, p.x))

    def loss_of_mu(mu):
        # σ² is a function of μ too: a step along which it does not change, to first order.
        return loss_of_var(per_feature((p.x - column(mu, p.x)) ** 2, np.mean), mu)

    assert_gradient(loss_of_x_hat, fwd.x_hat, grads.dx_hat)
    assert_gradient(loss_of_var, fwd.var, grads.dvar)
    assert_gradient(loss_of_mu, fwd.mu, grads.dmu)


def test_the_variance_does_not_change_with_the_mean():
    """Why ∂ℓ/∂μ needs no term for the path through σ²: ∂σ²/∂μ = −2/n · Σ(x−μ) = 0."""
    p = problem((64, 1))
    fwd = forward_train(p.x)
    check = check_gradient(lambda mu: np.mean((p.x - mu) ** 2), fwd.mu, analytic=[0.0])
    assert check.relative_error <= GRADIENT_TOLERANCE, check


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_at_inference(shape):
    p = problem(shape)
    grads = backward_eval(p.dy, p.x, p.running, p.gamma, p.beta)

    def loss(x=p.x, gamma=p.gamma, beta=p.beta):
        return np.sum(p.dy * forward_eval(x, p.running, gamma, beta))

    assert_gradient(lambda x: loss(x=x), p.x, grads.dx)
    assert_gradient(lambda gamma: loss(gamma=gamma), p.gamma, grads.dgamma)
    assert_gradient(lambda beta: loss(beta=beta), p.beta, grads.dbeta)


@pytest.mark.parametrize("eps", [1e-3, 1.0, 10.0])
def test_gradient_where_epsilon_matters(eps):
    p = problem((8, 3))
    p.x *= 0.1
    p.running = RunningStats(p.running.mean, 0.01 * p.running.var)
    dx = backward_train(p.dy, forward_train(p.x, p.gamma, eps=eps)).dx
    assert_gradient(lambda x: np.sum(p.dy * forward_train(x, p.gamma, eps=eps).y), p.x, dx)
    dx = backward_eval(p.dy, p.x, p.running, p.gamma, eps=eps).dx
    assert_gradient(lambda x: np.sum(p.dy * forward_eval(x, p.running, p.gamma, eps=eps)), p.x, dx)


@reproducible
@given(shapes, seeds, st.floats(0.0, 10.0))
def test_dx_is_orthogonal_to_what_y_ignores(shape, seed, eps):
    """y does not change with a shift of x, and with a scale of x only because of ε."""
    p = problem(shape, seed)
    fwd = forward_train(p.x, p.gamma, eps=eps)
    grads = backward_train(p.dy, fwd)
    np.testing.assert_allclose(per_feature(grads.dx), 0, atol=1e-10)
    left_by_eps = fwd.gamma * fwd.inv_std * grads.dgamma * eps / (fwd.var + eps)
    np.testing.assert_allclose(per_feature(grads.dx * fwd.x_hat), left_by_eps, atol=1e-10)


@reproducible
@given(shapes, seeds)
def test_dx_is_the_sum_of_its_three_terms(shape, seed):
    p = problem(shape, seed)
    fwd = forward_train(p.x, p.gamma)
    grads = backward_train(p.dy, fwd)
    n = p.x.size / p.x.shape[1]
    direct = grads.dx_hat * column(fwd.inv_std, p.x)
    through_var = column(grads.dvar, p.x) * 2 * fwd.centred / n
    through_mu = column(grads.dmu, p.x) / n
    np.testing.assert_allclose(grads.dx, direct + through_var + through_mu, atol=1e-12)


def test_gamma_zero_stops_dx_but_not_dgamma():
    p = problem((8, 2))
    grads = backward_train(p.dy, forward_train(p.x, gamma=[0.0, 1.0]))
    np.testing.assert_array_equal(grads.dx[:, 0], np.zeros(8))
    assert abs(grads.dgamma[0]) > 0.1


# ---- Inference -----------------------------------------------------------------------------------


def test_inference_by_hand():
    running = RunningStats(mean=[1.0], var=[3.0])
    y = forward_eval([[1.0], [5.0]], running, gamma=[3.0], beta=[10.0], eps=1.0)
    np.testing.assert_allclose(y, [[10.0], [16.0]])
    grads = backward_eval([[1.0], [2.0]], [[1.0], [5.0]], running, [3.0], [10.0], eps=1.0)
    np.testing.assert_allclose(grads.dx, [[1.5], [3.0]])
    np.testing.assert_allclose(grads.dgamma, [4.0])
    np.testing.assert_allclose(grads.dbeta, [3.0])


def test_inference_with_the_batch_statistics_is_training():
    p = problem((3, 4, 5, 6))
    fwd = forward_train(p.x, p.gamma, p.beta)
    running = RunningStats(fwd.mu, fwd.var)
    np.testing.assert_allclose(forward_eval(p.x, running, p.gamma, p.beta), fwd.y, atol=1e-12)
    # ... but not backwards: there, training has two more paths.
    dx = backward_eval(p.dy, p.x, running, p.gamma, p.beta).dx
    assert largest_error(dx, backward_train(p.dy, fwd).dx) > 1e-3


def test_inference_takes_samples_one_by_one():
    p = problem((6, 3))
    y = forward_eval(p.x, p.running, p.gamma, p.beta)
    one_by_one = [forward_eval(row[np.newaxis], p.running, p.gamma, p.beta) for row in p.x]
    np.testing.assert_array_equal(np.concatenate(one_by_one), y)
    assert largest_error(y, forward_train(p.x, p.gamma, p.beta).y) > 0.1


# ---- Running statistics --------------------------------------------------------------------------


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)
    return [rng.normal(2.0, 3.0, (m, 3)) for m in (4, 8, 8, 5)]


def test_initial_running_statistics_change_nothing():
    running = RunningStats.initial(3)
    np.testing.assert_array_equal(running.mean, np.zeros(3))
    np.testing.assert_array_equal(running.var, np.ones(3))
    assert running.count == 0
    x = problem((4, 3)).x
    np.testing.assert_array_equal(forward_eval(x, running, eps=0), x)


@pytest.mark.parametrize(("unbiased", "ddof"), [(True, 1), (False, 0)])
@pytest.mark.parametrize("momentum", [0.1, 0.75, 0.0, 1.0])
def test_momentum_is_the_weight_of_the_new_batch(batches, momentum, unbiased, ddof):
    running, mean, var = RunningStats.initial(3), np.zeros(3), np.ones(3)
    for x in batches:
        running = running.updated(forward_train(x), momentum=momentum, unbiased=unbiased)
        mean = (1 - momentum) * mean + momentum * x.mean(axis=0)
        var = (1 - momentum) * var + momentum * x.var(axis=0, ddof=ddof)
    np.testing.assert_allclose(running.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(running.var, var, rtol=1e-12)
    assert running.count == len(batches)


def test_defaults_are_pytorch_s(batches):
    fwd = forward_train(batches[0])
    running = RunningStats.initial(3).updated(fwd)
    np.testing.assert_allclose(running.mean, 0.1 * fwd.mu)
    np.testing.assert_allclose(running.var, 0.9 + 0.1 * fwd.var * 4 / 3)


def test_no_momentum_averages_all_batches_equally(batches):
    running = RunningStats.initial(3)
    for x in batches:
        running = running.updated(forward_train(x), momentum=None)
    np.testing.assert_allclose(running.mean, np.mean([x.mean(axis=0) for x in batches], axis=0))
    expected = np.mean([x.var(axis=0, ddof=1) for x in batches], axis=0)
    np.testing.assert_allclose(running.var, expected)


def test_unbiased_counts_every_value_of_a_feature():
    x = problem((2, 3, 4, 5)).x
    running = RunningStats.initial(3).updated(forward_train(x), momentum=1.0)
    np.testing.assert_allclose(running.var, x.var(axis=(0, 2, 3), ddof=1))
    # One sample is enough when it brings several values.
    RunningStats.initial(3).updated(forward_train(x[:1]))


def test_updating_leaves_the_old_statistics_alone(batches):
    old = RunningStats.initial(3)
    old.updated(forward_train(batches[0]))
    np.testing.assert_array_equal(old.mean, np.zeros(3))
    assert old.count == 0


def test_running_statistics_are_float64_copies():
    mean, var = np.zeros(2, np.float32), np.ones(2, np.float32)
    running = RunningStats(mean, var)
    mean += 1
    np.testing.assert_array_equal(running.mean, np.zeros(2))
    assert running.updated(forward_train(np.eye(2, dtype=np.float32))).var.dtype == np.float64


def test_a_biased_update_from_one_value_per_feature_is_allowed():
    running = RunningStats.initial(2).updated(forward_train([[3.0, 4.0]]), unbiased=False)
    np.testing.assert_allclose(running.mean, [0.3, 0.4])
    np.testing.assert_allclose(running.var, [0.9, 0.9])


# ---- Dtypes, purity, NaN -------------------------------------------------------------------------

DTYPES = [
    (np.float64, np.float64),
    (np.float32, np.float32),
    (np.float16, np.float32),
    (np.longdouble, np.longdouble),
    (np.dtype(">f4"), np.float32),
    (np.int64, np.float64),
    (np.int8, np.float64),
    (np.uint8, np.float64),
    (bool, np.float64),
]


def arrays_of(result):
    """Every array of a result, those computed on demand included."""
    names = [field.name for field in dataclasses.fields(result)]
    names += [name for name in ("x_hat", "dx_hat") if hasattr(result, name)]
    values = {name: getattr(result, name) for name in names}
    return {name: v for name, v in values.items() if isinstance(v, np.ndarray)}


@pytest.mark.parametrize(("given", "computed"), DTYPES)
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2)])
def test_dtypes(given, computed, shape):
    """Decided by x alone: gamma, beta, dy and running statistics are float64 here."""
    p = problem(shape)
    x = (10 * p.x).astype(given)
    fwd = forward_train(x, p.gamma, p.beta)
    train = backward_train(p.dy, fwd)
    inference = backward_eval(p.dy, x, p.running, p.gamma, p.beta)
    y = forward_eval(x, p.running, p.gamma, p.beta)
    found = {**arrays_of(fwd), **arrays_of(train), **arrays_of(inference), "y_eval": y}
    assert {name: a.dtype for name, a in found.items()} == dict.fromkeys(found, np.dtype(computed))


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape):
    p = problem(shape)
    fwd = forward_train(p.x, p.gamma, p.beta)
    found = {
        **arrays_of(fwd),
        **arrays_of(backward_train(p.dy, fwd)),
        **arrays_of(backward_eval(p.dy, p.x, p.running)),
    }
    as_x = {"x", "centred", "x_hat", "y", "dy", "dx_hat", "dx"}
    expected = {name: shape if name in as_x else (shape[1],) for name in found}
    assert {name: a.shape for name, a in found.items()} == expected


def test_float16_statistics_do_not_overflow():
    x = np.array([[-60000.0], [60000.0]], dtype=np.float16)
    np.testing.assert_allclose(forward_train(x).x_hat, [[-1], [1]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
def test_no_input_is_modified(dtype):
    p = problem((4, 3))
    inputs = [(10 * a).astype(dtype) for a in (p.x, p.dy, p.gamma, p.beta)]
    inputs += [p.running.mean, p.running.var]
    before = [a.tobytes() for a in inputs]
    for a in inputs:
        a.setflags(write=False)
    x, dy, gamma, beta = inputs[:4]

    fwd = forward_train(x, gamma, beta)
    arrays = arrays_of(fwd).values()
    fwd_before = [a.tobytes() for a in arrays]
    arrays_of(backward_train(dy, fwd))
    forward_eval(x, p.running, gamma, beta)
    backward_eval(dy, x, p.running, gamma, beta)
    p.running.updated(fwd)

    assert [a.tobytes() for a in inputs] == before
    assert [a.tobytes() for a in arrays] == fwd_before


def test_parameters_may_be_updated_in_place_between_the_passes():
    p = problem((4, 3))
    fwd = forward_train(p.x, p.gamma, p.beta)
    expected = backward_train(p.dy, fwd)
    p.gamma += 1
    np.testing.assert_array_equal(backward_train(p.dy, fwd).dx, expected.dx)
    np.testing.assert_array_equal(backward_train(p.dy, fwd).dx_hat, expected.dx_hat)


@pytest.mark.parametrize("field", ["y", "x_hat"])
def test_results_are_frozen(field):
    fwd = forward_train(problem((4, 3)).x)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(fwd, field, None)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 2, 4])  # where the shift is looked for, and where it is not
@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_and_inf_stay_in_their_feature(bad, row, shape, dtype):
    p = problem(shape)
    clean, dirty = p.x.astype(dtype), p.x.astype(dtype)
    dirty[row, 1] = bad

    def everything(x):
        fwd = forward_train(x, p.gamma, p.beta)
        running = RunningStats.initial(3).updated(fwd)
        return (
            list(arrays_of(fwd).values())
            + list(arrays_of(backward_train(p.dy, fwd)).values())
            + list(arrays_of(backward_eval(p.dy, x, p.running, p.gamma)).values())
            + [forward_eval(clean, running), running.mean, running.var]
        )

    def others(a):
        return np.delete(a, 1, axis=min(1, a.ndim - 1))

    for with_bad, without in zip(everything(dirty), everything(clean), strict=True):
        np.testing.assert_array_equal(others(with_bad), others(without))
    assert np.isnan(forward_train(dirty).y[:, 1]).all()
    assert np.isfinite(others(forward_train(dirty).y)).all()


def test_nan_in_dy_stays_in_its_feature():
    p = problem((5, 3))
    fwd = forward_train(p.x)
    clean = backward_train(p.dy, fwd).dx
    p.dy[0, 1] = np.nan
    dx = backward_train(p.dy, fwd).dx
    assert np.isnan(dx[:, 1]).all()
    np.testing.assert_array_equal(dx[:, [0, 2]], clean[:, [0, 2]])


@pytest.mark.parametrize("size", [1e30, 3e38])
def test_what_leaves_the_dtype_leaves_silently_and_alone(size):
    x = np.array([[size, 1.0], [-size, 2.0]], dtype=np.float32)
    fwd = forward_train(x)
    assert not np.isfinite(fwd.var[0])
    assert not np.isfinite(backward_train(x, fwd).dx[:, 0]).any()
    np.testing.assert_allclose(fwd.y[:, 1], [-1, 1], rtol=1e-4)


# ---- Errors --------------------------------------------------------------------------------------

GOOD = problem((4, 3))
FORWARDS = {
    "train": forward_train,
    "eval": lambda x, *args, **kwargs: forward_eval(x, GOOD.running, *args, **kwargs),
    "backward_eval": lambda x, *args, **kwargs: backward_eval(
        GOOD.dy, x, GOOD.running, *args, **kwargs
    ),
}


@pytest.fixture(params=FORWARDS)
def forward(request):
    return FORWARDS[request.param]


@pytest.mark.parametrize("shape", [(), (3,)])
def test_error_too_few_axes(forward, shape):
    with pytest.raises(ValueError, match=r"^x must have shape \(m, d\).*; got shape \(3?,?\)$"):
        forward(np.ones(shape))


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (4, 3, 0)])
def test_error_empty_batch(forward, shape):
    with pytest.raises(ValueError, match=r"^x must hold at least one value per feature; got shape"):
        forward(np.ones(shape))


@pytest.mark.parametrize("name", ["gamma", "beta"])
@pytest.mark.parametrize("value", [2.0, np.ones(4), np.ones((1, 3)), np.ones((3, 1)), []])
def test_error_parameter_shape(forward, name, value):
    message = rf"^{name} must have shape \(3,\), one value per feature of x; got shape \("
    with pytest.raises(ValueError, match=message):
        forward(GOOD.x, **{name: value})


@pytest.mark.parametrize("eps", [-1e-9, np.nan, np.inf, -np.inf])
def test_error_eps(forward, eps):
    with pytest.raises(ValueError, match=r"^eps must be a finite number of at least 0, got"):
        forward(GOOD.x, eps=eps)


@pytest.mark.parametrize("value", [1j, None, "a"])
def test_error_not_real_numbers(forward, value):
    with pytest.raises(TypeError, match=r"^x must hold real numbers; got dtype"):
        forward(np.full((4, 3), value))
    with pytest.raises(TypeError, match=r"^gamma must hold real numbers; got dtype"):
        forward(GOOD.x, gamma=np.full(3, value))


@pytest.mark.parametrize("value", [0.1, 7.0])
def test_error_constant_feature_without_eps(value):
    x = GOOD.x.copy()
    x[:, 1] = value
    message = r"^eps must make var \+ eps positive; got eps 0.0 and variance 0.0 in feature 1$"
    with pytest.raises(ValueError, match=message):
        forward_train(x, eps=0)
    running = RunningStats([0, 0, 0], [1, 0, 1])
    with pytest.raises(ValueError, match=message):
        forward_eval(GOOD.x, running, eps=0)
    with pytest.raises(ValueError, match=message):
        backward_eval(GOOD.dy, GOOD.x, running, eps=0)


def test_error_eps_that_float32_cannot_hold():
    with pytest.raises(ValueError, match=r"^eps must make var \+ eps positive; got eps 1e-60"):
        forward_train(np.ones((4, 3), np.float32), eps=1e-60)


@pytest.mark.parametrize("dy", [np.ones((4, 2)), np.ones(3), 1.0, np.ones((4, 3, 1))])
def test_error_shape_of_dy(dy):
    message = r"^dy must have the shape of x, \(4, 3\); got shape \("
    with pytest.raises(ValueError, match=message):
        backward_train(dy, forward_train(GOOD.x))
    with pytest.raises(ValueError, match=message):
        backward_eval(dy, GOOD.x, GOOD.running)


def test_error_running_statistics_of_another_size():
    running = RunningStats.initial(2)
    message = r"^running.mean must have shape \(3,\), one value per feature of x; got shape \(2,\)$"
    with pytest.raises(ValueError, match=message):
        forward_eval(GOOD.x, running)
    with pytest.raises(ValueError, match=message):
        backward_eval(GOOD.dy, GOOD.x, running)
    with pytest.raises(ValueError, match=r"^fwd must have 2 features, .*; got 3$"):
        running.updated(forward_train(GOOD.x))


def test_error_unbiased_update_from_one_value_per_feature():
    fwd = forward_train([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"^unbiased=True needs at least two values per feature"):
        RunningStats.initial(2).updated(fwd)


@pytest.mark.parametrize("momentum", [-0.1, 1.1, np.nan, np.inf])
def test_error_momentum(momentum):
    with pytest.raises(ValueError, match=r"^momentum must be None or lie in \[0, 1\]; got"):
        RunningStats.initial(3).updated(forward_train(GOOD.x), momentum=momentum)


@pytest.mark.parametrize(("mean", "var"), [([0, 0], [1]), (0, 1), ([], []), ([[0, 0]], [[1, 1]])])
def test_error_running_statistics_shapes(mean, var):
    with pytest.raises(ValueError, match=r"^mean and var must both have shape \(d,\)"):
        RunningStats(mean, var)


def test_error_running_statistics_values():
    with pytest.raises(ValueError, match=r"^var must be at least 0, got -1\.0$"):
        RunningStats([0, 0], [1, -1])
    with pytest.raises(ValueError, match=r"^count must be at least 0, got -1$"):
        RunningStats([0], [1], count=-1)
    with pytest.raises(ValueError, match=r"^d must be at least 1, got 0$"):
        RunningStats.initial(0)
