"""What arrives from above: losses against central differences and PyTorch, and what others hide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_core import backward_train, check_gradient, forward_train
from bn_core.coupling import jacobian
from bn_core.upstream import (
    UPSTREAM,
    equal_gradient,
    half_squared_error,
    linear_loss,
    one_hot_gradient,
    random_gradient,
    softmax_cross_entropy,
    x_hat_gradient,
)

seeds = st.integers(0, 2**32 - 1)


def forward(m, d, seed, eps=1e-5):
    rng = np.random.default_rng(seed)
    gamma = rng.uniform(0.5, 2.0, d) * rng.choice([-1, 1], d)
    return forward_train(rng.normal(3, 2, (m, d)), gamma, rng.normal(size=d), eps=eps)


def classification(m, classes, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 3, (m, classes)), rng.integers(classes, size=m)


# ---- Losses --------------------------------------------------------------------------------------


@given(st.integers(1, 6), st.integers(1, 4), seeds)
def test_half_squared_error(m, d, seed):
    y, target = np.random.default_rng(seed).normal(size=(2, m, d))
    loss, dy = half_squared_error(y, target)
    assert loss == pytest.approx(np.linalg.norm(y - target) ** 2 / 2)
    check = check_gradient(lambda y: half_squared_error(y, target)[0], y, dy)
    assert check.relative_error < 1e-8, check


@given(st.integers(1, 6), st.integers(1, 4), seeds)
def test_linear_loss_has_the_upstream_gradient_it_is_given(m, d, seed):
    y, dy = np.random.default_rng(seed).normal(size=(2, m, d))
    assert linear_loss(y, dy) == pytest.approx(np.vdot(y, dy), abs=1e-12)
    check = check_gradient(lambda y: linear_loss(y, dy), y, dy)
    assert check.relative_error < 1e-8, check
    assert type(linear_loss([[1]], [[2]])) is float


@given(st.integers(1, 6), st.integers(1, 5), seeds)
def test_softmax_cross_entropy(m, classes, seed):
    logits, labels = classification(m, classes, seed)
    loss, dlogits = softmax_cross_entropy(logits, labels)
    chosen = np.exp(logits)[np.arange(m), labels] / np.exp(logits).sum(axis=1)
    assert loss == pytest.approx(-np.log(chosen).mean(), abs=1e-12)
    check = check_gradient(lambda z: softmax_cross_entropy(z, labels)[0], logits, dlogits)
    assert check.relative_error < 1e-8, check


def test_softmax_cross_entropy_of_equal_logits_is_the_log_of_their_number():
    loss, dlogits = softmax_cross_entropy(np.zeros((2, 4)), [0, 3])
    assert loss == pytest.approx(np.log(4))
    np.testing.assert_allclose(8 * dlogits, [[-3, 1, 1, 1], [1, 1, 1, -3]])


@pytest.mark.parametrize("size", [1e4, 1e300])
def test_huge_logits(size):
    loss, dlogits = softmax_cross_entropy([[size, 0, -size]] * 3, [0, 1, 2])
    assert loss == pytest.approx(size)
    np.testing.assert_allclose(3 * dlogits, [[0, 0, 0], [1, -1, 0], [1, 0, -1]])


@given(st.integers(1, 6), st.integers(2, 5), seeds, st.floats(-1e6, 1e6))
def test_softmax_does_not_see_a_shift(m, classes, seed, shift):
    logits, labels = classification(m, classes, seed)
    loss, dlogits = softmax_cross_entropy(logits, labels)
    shifted_loss, shifted_dlogits = softmax_cross_entropy(logits + shift, labels)
    assert shifted_loss == pytest.approx(loss, abs=1e-8)
    np.testing.assert_allclose(shifted_dlogits, dlogits, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_softmax_cross_entropy_against_torch(seed):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    logits, labels = classification(7, 5, seed)
    loss, dlogits = softmax_cross_entropy(logits, labels)
    theirs = torch.tensor(logits, requires_grad=True)
    their_loss = torch.nn.functional.cross_entropy(theirs, torch.tensor(labels))
    their_loss.backward()
    assert loss == pytest.approx(their_loss.item(), rel=1e-12)
    np.testing.assert_allclose(dlogits, theirs.grad.numpy(), atol=1e-14)


def test_losses_leave_their_arguments_alone():
    logits, labels = classification(4, 3, seed=0)
    for a in (logits, labels):
        a.setflags(write=False)
    softmax_cross_entropy(logits, labels)
    half_squared_error(logits, logits)[1][0, 0] = 1  # a new array


def test_error_shape_of_the_target():
    message = r"^target must have the shape of y, \(2, 3\); got shape \(3,\)$"
    with pytest.raises(ValueError, match=message):
        half_squared_error(np.zeros((2, 3)), np.zeros(3))


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (np.zeros((2, 3)), [0]),
        (np.zeros((2, 3)), [[0, 1]]),
        (np.zeros((2, 3)), 0),
        (np.zeros(3), [0, 1, 2]),
        (np.zeros((2, 3, 4)), [0, 1]),
    ],
)
def test_error_shape_of_the_labels(logits, labels):
    with pytest.raises(ValueError, match=r"^labels must be m integers for logits of shape"):
        softmax_cross_entropy(logits, labels)


@pytest.mark.parametrize("label", [-1, 3])
def test_error_label_of_no_class(label):
    with pytest.raises(ValueError, match=r"^labels must lie from 0 to 2, got"):
        softmax_cross_entropy(np.zeros((2, 3)), [0, label])


# ---- Made to show something ----------------------------------------------------------------------


@pytest.mark.parametrize("name", UPSTREAM)
def test_every_upstream_gradient_has_the_shape_of_y_and_is_a_new_array(name):
    fwd = forward(5, 3, seed=0)
    y, x_hat = fwd.y.copy(), fwd.x_hat.copy()
    dy = UPSTREAM[name](fwd)
    assert dy.shape == fwd.y.shape
    dy += 1
    np.testing.assert_array_equal(fwd.y, y)
    np.testing.assert_array_equal(fwd.x_hat, x_hat)


def test_a_random_gradient_is_decided_by_its_seed():
    fwd = forward(50, 40, seed=0)
    dy = random_gradient(fwd, seed=3)
    np.testing.assert_array_equal(dy, random_gradient(fwd, seed=3))
    assert abs(np.corrcoef(dy.ravel(), random_gradient(fwd, seed=4).ravel())[0, 1]) < 0.1
    assert abs(dy.mean()) < 0.1
    assert dy.std() == pytest.approx(1, abs=0.1)


@given(st.integers(2, 8), st.integers(1, 4), seeds, st.sampled_from([1e-5, 1e-2, 1.0]))
def test_an_equal_gradient_gives_no_dx(m, d, seed, eps):
    fwd = forward(m, d, seed, eps)
    dx = backward_train(equal_gradient(fwd), fwd).dx
    assert np.all(np.abs(dx) <= 1e-13 * np.abs(fwd.gamma * fwd.inv_std))
    assert np.ptp(equal_gradient(fwd)) == 0 != equal_gradient(fwd)[0, 0]


@given(st.integers(2, 8), st.integers(1, 4), seeds, st.sampled_from([0.0, 1e-5, 1e-2, 1.0]))
def test_an_x_hat_gradient_leaves_the_share_of_epsilon(m, d, seed, eps):
    fwd = forward(m, d, seed, eps)
    dx = backward_train(x_hat_gradient(fwd), fwd).dx
    largest = np.abs(fwd.gamma * fwd.inv_std) * np.abs(fwd.x_hat).max(axis=0)
    left = fwd.gamma * fwd.inv_std * fwd.x_hat * eps / (fwd.var + eps)
    assert np.all(np.abs(dx - left) <= 1e-13 * largest)


@given(st.integers(1, 6), st.integers(1, 4), seeds, st.data())
def test_a_one_hot_gradient_reads_a_row_of_the_jacobian(m, d, seed, data):
    fwd = forward(m, d, seed, eps=0.1)
    i, k = data.draw(st.integers(0, m - 1)), data.draw(st.integers(0, d - 1))
    dx = backward_train(one_hot_gradient(fwd, i, k), fwd).dx
    np.testing.assert_allclose(dx[:, k], jacobian(fwd, k)[i], atol=1e-14)
    assert not np.delete(dx, k, axis=1).any()
