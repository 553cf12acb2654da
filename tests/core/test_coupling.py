"""The Jacobian of one feature, against central differences and a general eigenvalue solver."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_core import backward_train, forward_train, numerical_gradient
from bn_core.coupling import (
    cosine,
    eigenvalues,
    identities,
    jacobian,
    matrix_eigenvalues,
    nudge,
    relative_difference,
)
from bn_core.upstream import half_squared_error, random_gradient

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 8)


def forward(m, seed, eps=0.1, d=3):
    rng = np.random.default_rng(seed)
    gamma = rng.uniform(0.5, 2.0, d) * np.resize([1, -1], d)
    return forward_train(rng.normal(3, 2, (m, d)), gamma, rng.normal(size=d), eps=eps)


def numerical_jacobian(fwd, k):
    def y(column, i):
        x = fwd.x.copy()
        x[:, k] = column
        return forward_train(x, fwd.gamma, fwd.beta, eps=fwd.eps).y[i, k]

    return np.array(
        [numerical_gradient(lambda c, i=i: y(c, i), fwd.x[:, k]) for i in range(len(fwd.x))]
    )


@pytest.mark.parametrize("m", [1, 2, 5])
@pytest.mark.parametrize("eps", [1e-3, 1.0])
def test_jacobian(m, eps):
    fwd = forward(m, seed=m, eps=eps)
    for k in range(3):
        np.testing.assert_allclose(jacobian(fwd, k), numerical_jacobian(fwd, k), atol=1e-8)


@given(sizes, seeds, st.sampled_from([1e-5, 0.1, 10.0]))
def test_jacobian_is_symmetric_and_blind_to_a_shift(m, seed, eps):
    fwd = forward(m, seed, eps)
    for k in range(3):
        j = jacobian(fwd, k)
        np.testing.assert_array_equal(j, j.T)
        scale = abs(fwd.gamma[k] * fwd.inv_std[k])
        np.testing.assert_allclose(j.sum(axis=0), 0, atol=1e-14 * m * scale)


@given(st.integers(2, 8), seeds)
def test_jacobian_carries_any_gradient_back(m, seed):
    fwd = forward(m, seed)
    dy = np.random.default_rng(seed).normal(size=fwd.x.shape)
    dx = backward_train(dy, fwd).dx
    for k in range(3):
        np.testing.assert_allclose(dy[:, k] @ jacobian(fwd, k), dx[:, k], atol=1e-13)


def assert_eigenvalues(fwd, k):
    truth = np.linalg.eigvalsh(jacobian(fwd, k))
    scale = abs(fwd.gamma[k] * fwd.inv_std[k])
    ours = eigenvalues(fwd, k)
    assert ours.shape == (len(fwd.x),)
    np.testing.assert_allclose(np.sort(ours), truth, atol=1e-13 * scale)


@pytest.mark.parametrize("m", [1, 2, 5, 8])
@pytest.mark.parametrize("eps", [1e-5, 0.1, 10.0])
def test_eigenvalues(m, eps):
    fwd = forward(m, seed=m, eps=eps)
    assert fwd.gamma.min() < 0 < fwd.gamma.max()
    for k in range(3):
        assert_eigenvalues(fwd, k)


@pytest.mark.parametrize("m", [1, 2, 5, 8])
def test_eigenvalues_of_a_constant_feature(m):
    for gamma in (2.0, -2.0):
        assert_eigenvalues(forward_train(np.full((m, 1), 0.1), [gamma], eps=0.1), 0)


@pytest.mark.parametrize("m", [2, 5])
def test_eigenvalues_without_epsilon(m):
    fwd = forward(m, seed=0, eps=0)
    assert_eigenvalues(fwd, 0)
    assert eigenvalues(fwd, 0)[1] == 0


@pytest.mark.parametrize("m", [3, 6])
def test_eigenvalues_come_in_the_order_of_their_meaning(m):
    fwd = forward(m, seed=0, eps=0.5)
    for k in range(3):
        shift, stretch, *others = eigenvalues(fwd, k)
        for direction, value in ((np.ones(m), shift), (fwd.centred[:, k], stretch)):
            np.testing.assert_allclose(jacobian(fwd, k) @ direction, value * direction, atol=1e-13)
        np.testing.assert_allclose(others, fwd.gamma[k] * fwd.inv_std[k])


@pytest.mark.parametrize("m", [1, 3, 6])
def test_eigenvalues_of_a_matrix_are_roots_of_its_characteristic_polynomial(m):
    a = np.random.default_rng(m).normal(size=(m, m))
    matrix = a + a.T
    found = matrix_eigenvalues(matrix)
    assert np.all(np.diff(found) >= 0)
    np.testing.assert_allclose(found, np.sort(np.roots(np.poly(matrix)).real), atol=1e-8)


@given(st.integers(2, 8), seeds, st.sampled_from([0.0, 1e-5, 0.1, 10.0]))
def test_identities(m, seed, eps):
    fwd = forward(m, seed, eps)
    dy = np.random.default_rng(seed).normal(size=fwd.x.shape)
    grads = backward_train(dy, fwd)
    facts = identities(fwd, grads)
    dx_size = m * np.abs(fwd.gamma * fwd.inv_std) * np.abs(dy).max()
    assert np.all(np.abs(facts.sum_dx) <= 1e-13 * dx_size)
    assert np.all(np.abs(facts.dx_dot_x_hat - facts.dx_dot_x_hat_exact) <= 1e-13 * dx_size)
    assert np.all(np.abs(facts.dvar_dmu) <= 1e-13 * np.abs(fwd.centred).max())
    if eps == 0:
        np.testing.assert_array_equal(facts.dx_dot_x_hat_exact, 0)


def test_identities_are_sums_over_the_gradient_they_are_given():
    """On a gradient that breaks them, as the right one makes all of them nearly zero."""
    fwd = forward(5, seed=0)
    grads = backward_train(np.random.default_rng(0).normal(size=(5, 3)), fwd)
    grads.dx[2] += 1
    facts = identities(fwd, grads)
    np.testing.assert_allclose(facts.sum_dx, 1, atol=1e-13)
    np.testing.assert_allclose(facts.dx_dot_x_hat - facts.dx_dot_x_hat_exact, fwd.x_hat[2])
    fwd.centred[2] += 1
    np.testing.assert_allclose(identities(fwd, grads).dvar_dmu, -2 / 5)


def test_epsilon_is_what_keeps_dx_from_being_orthogonal_to_x_hat():
    """Both sides of the identity could be zero: here they are not."""
    fwd = forward(5, seed=0, eps=1.0)
    grads = backward_train(np.random.default_rng(0).normal(size=(5, 3)), fwd)
    assert np.abs(identities(fwd, grads).dx_dot_x_hat).min() > 1e-3


@given(seeds, st.floats(1e-3, 1e3))
def test_cosine_sees_direction_and_relative_difference_also_length(seed, factor):
    a, b = np.random.default_rng(seed).normal(size=(2, 3, 4))
    assert cosine(a, factor * a) == pytest.approx(1)
    assert cosine(a, -factor * a) == pytest.approx(-1)
    assert cosine(factor * a, b) == pytest.approx(cosine(a, b), abs=1e-12)
    assert relative_difference(factor * a, a) == pytest.approx(abs(factor - 1), abs=1e-12)
    # The law of cosines, in units of ‖b‖.
    ratio = np.linalg.norm(a) / np.linalg.norm(b)
    expected = np.sqrt(1 + ratio**2 - 2 * ratio * cosine(a, b))
    assert relative_difference(a, b) == pytest.approx(expected)


def test_a_zero_gradient_has_no_direction():
    a, zero = np.ones((3, 2)), np.zeros((3, 2))
    assert np.isnan([cosine(a, zero), cosine(zero, a), relative_difference(a, zero)]).all()
    assert relative_difference(zero, a) == 1
    assert cosine([[1.0, 0.0]], [[0.0, 1.0]]) == 0


# ---- one sample moved ----------------------------------------------------------------------------

OFFSETS = (-2.5, 0.0, 0.1, 7.0)


def dependent(fwd):
    """The gradient of a loss of y, which differs at every setting."""
    return half_squared_error(fwd.y, np.ones_like(fwd.y))[1]


@given(st.integers(1, 8), seeds, st.sampled_from([1e-5, 0.1]), st.data())
@pytest.mark.parametrize("upstream", [dependent, random_gradient])
def test_a_nudge_is_both_passes_over_the_moved_batch(upstream, m, seed, eps, data):
    fwd = forward(m, seed, eps)
    i, k = data.draw(st.integers(0, m - 1)), data.draw(st.integers(0, 2))
    found = nudge(fwd, upstream, i, k, OFFSETS)
    for n, offset in enumerate(OFFSETS):
        x = fwd.x.copy()
        x[i, k] += offset
        moved = forward_train(x, fwd.gamma, fwd.beta, eps=eps)
        dy = upstream(moved)
        grads, facts = backward_train(dy, moved), identities(moved, backward_train(dy, moved))
        np.testing.assert_array_equal(found.dx_compact[n], grads.dx[:, k])
        size = np.abs(fwd.gamma[k] * moved.inv_std[k]) * np.abs(dy[:, k]).sum()
        np.testing.assert_allclose(found.dx[n], grads.dx[:, k], atol=1e-13 * size)
        for name in ("sum_dx", "dx_dot_x_hat", "dx_dot_x_hat_exact", "dvar_dmu"):
            assert getattr(found, name)[n] == getattr(facts, name)[k], name
        assert found.largest_x[n] == np.abs(x[:, k]).max()


@given(st.integers(2, 8), seeds)
def test_the_three_parts_are_the_three_paths(m, seed):
    """Differences of y with the other statistics held: not the formulas that `nudge` uses."""
    fwd = forward(m, seed)
    dy = random_gradient(fwd)
    found = nudge(fwd, random_gradient, 0, 1, [0.0])
    x, gamma, eps = fwd.x[:, 1], fwd.gamma[1], fwd.eps
    mu, var = x.mean(), x.var()

    def loss(x, mu, var):
        return gamma * (dy[:, 1] * (x - mu) / np.sqrt(var + eps)).sum()

    straight = numerical_gradient(lambda a: loss(a, mu, var), x)
    through_var = numerical_gradient(lambda a: loss(x, mu, np.mean((a - mu) ** 2)), x)
    through_mu = numerical_gradient(lambda a: loss(x, a.mean(), var), x)
    np.testing.assert_allclose(found.via_x_hat[0], straight, atol=1e-7)
    np.testing.assert_allclose(found.via_var[0], through_var, atol=1e-7)
    np.testing.assert_allclose(found.via_mu[0], through_mu, atol=1e-7)
    np.testing.assert_allclose(found.dx, found.via_x_hat + found.via_var + found.via_mu, rtol=1e-15)


@given(st.integers(3, 8), seeds)
def test_what_detaching_costs(m, seed):
    fwd = forward(m, seed)
    found = nudge(fwd, dependent, 1, 0, OFFSETS)
    for n in range(len(OFFSETS)):
        detached, right = found.via_x_hat[n], found.dx[n]
        angle = np.dot(detached, right) / np.sqrt((detached**2).sum() * (right**2).sum())
        assert found.cosine[n] == pytest.approx(angle)
        error = np.sqrt(((detached - right) ** 2).sum() / (right**2).sum())
        assert found.relative_error[n] == pytest.approx(error)


def test_samples_that_meet_without_epsilon():
    """x̂ of a pair depends on nothing but its order, so there is no gradient but where they meet."""
    fwd = forward_train([[0.0], [2.0]], eps=0)
    found = nudge(fwd, random_gradient, 0, 0, [0.0, 2.0, 4.0])
    assert all(np.isfinite(a).all() for a in (found.dx, found.dx_compact, found.via_x_hat))
    assert np.abs(found.dx[1]).max() > 1e9
    np.testing.assert_allclose(found.dx[[0, 2]], 0, atol=1e-14)


def test_nudging_leaves_the_batch_alone():
    fwd = forward(4, seed=0)
    x = fwd.x.copy()
    nudge(fwd, dependent, 2, 1, [3.0])
    np.testing.assert_array_equal(fwd.x, x)
