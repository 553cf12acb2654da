"""The same numbers as PyTorch, where PyTorch is installed; and where it is less precise."""

import numpy as np
import pytest

from bn_core import RunningStats, backward_eval, backward_train, forward_eval, forward_train

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")

SHAPES = [(2, 1), (64, 7), (5, 2, 4), (3, 4, 5, 6)]
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}


def problem(shape, dtype):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(3.0, 2.0, shape), rng.normal(size=shape)
    gamma, beta = rng.normal(size=(2, shape[1]))
    return [a.astype(dtype) for a in (x, dy, gamma, beta)]


def through_torch(x, dy, gamma, beta, **kwargs):
    """y, dx, dgamma, dbeta by automatic differentiation."""
    x, gamma, beta = (torch.tensor(a, requires_grad=True) for a in (x, gamma, beta))
    y = torch.nn.functional.batch_norm(x, weight=gamma, bias=beta, eps=1e-5, **kwargs)
    y.backward(torch.tensor(dy))
    return [a.detach().numpy() for a in (y, x.grad, gamma.grad, beta.grad)]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES)
def test_training(shape, dtype):
    x, dy, gamma, beta = problem(shape, dtype)
    fwd = forward_train(x, gamma, beta)
    grads = backward_train(dy, fwd)
    expected = through_torch(x, dy, gamma, beta, running_mean=None, running_var=None, training=True)
    for ours, theirs in zip((fwd.y, grads.dx, grads.dgamma, grads.dbeta), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES)
def test_inference(shape, dtype):
    x, dy, gamma, beta = problem(shape, dtype)
    rng = np.random.default_rng(1)
    mean, var = rng.normal(size=shape[1]), rng.uniform(0.5, 2.0, shape[1])
    running = RunningStats(mean, var)
    y = forward_eval(x, running, gamma, beta)
    grads = backward_eval(dy, x, running, gamma, beta)
    expected = through_torch(
        x,
        dy,
        gamma,
        beta,
        running_mean=torch.tensor(mean.astype(dtype)),
        running_var=torch.tensor(var.astype(dtype)),
        training=False,
    )
    for ours, theirs in zip((y, grads.dx, grads.dgamma, grads.dbeta), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("momentum", [0.1, 0.3, None])
def test_running_statistics(momentum):
    rng = np.random.default_rng(0)
    layer = torch.nn.BatchNorm1d(4, momentum=momentum, dtype=torch.float64)
    running = RunningStats.initial(4)
    for m in (8, 5, 2, 8):
        x = rng.normal(2.0, 3.0, (m, 4))
        layer(torch.tensor(x))
        running = running.updated(forward_train(x), momentum=momentum)
    np.testing.assert_allclose(running.mean, layer.running_mean.numpy(), rtol=1e-12)
    np.testing.assert_allclose(running.var, layer.running_var.numpy(), rtol=1e-12)
    assert running.count == int(layer.num_batches_tracked)

    x = rng.normal(size=(3, 4))
    theirs = layer.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(forward_eval(x, running), theirs, rtol=1e-12)


def test_far_from_zero_float32_needs_shifted_data():
    x = np.random.default_rng(0).normal(1e4, 1, (65536, 16)).astype(np.float32)
    exact = forward_train(x.astype(np.float64)).y
    theirs = torch.nn.functional.batch_norm(torch.tensor(x), None, None, training=True).numpy()
    ours = forward_train(x).y
    assert np.abs(ours - exact).max() <= 1e-4
    # How far PyTorch is off depends on how many threads share its sums: 0.05 with two, 7 with one.
    assert np.abs(theirs - exact).max() > 100 * np.abs(ours - exact).max()
