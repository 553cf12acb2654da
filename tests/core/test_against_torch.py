"""The same numbers as PyTorch, where PyTorch is installed; and where it is less precise."""

from itertools import islice

import numpy as np
import pytest

from bn_core import RunningStats, backward_eval, backward_train, forward_eval, forward_train
from bn_core.network import Network
from bn_core.training import initial, train
from bn_core.training_config import TrainingConfig
from bn_core.training_data import mini_batches, training_data

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


class TestTraining:
    """The learning curve of a whole network, from the same weights and batches."""

    @pytest.fixture(autouse=True)
    def _one_thread(self):
        """Several would spend their time waiting for each other, on batches as small as these."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)

    def theirs(self, config: TrainingConfig):
        dtype = getattr(torch, config.dtype)
        start = initial(config)
        network = TorchNetwork(config, start).to(dtype)
        weights = {id(p) for p in network.parameters() if p.ndim == 2}
        groups = [
            {
                "params": [p for p in network.parameters() if (id(p) in weights) == decays],
                "weight_decay": config.weight_decay if decays else 0,
            }
            for decays in (True, False)
        ]
        optimiser = torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)
        data = training_data(config.data, config.binarised).first(config.train_size)
        x, labels = torch.tensor(data.x, dtype=dtype), torch.tensor(data.labels)
        losses = []
        batches = mini_batches(config.train_size, config.batch_size, config.seed)
        for rows in islice(batches, config.steps):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(x[rows]), labels[rows])
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        held_out = torch.tensor(data.held_out_x, dtype=dtype)
        with torch.no_grad():
            logits = network.eval()(held_out)
        held_out_loss = torch.nn.functional.cross_entropy(
            logits, torch.tensor(data.held_out_labels)
        ).item()
        return losses, network, held_out_loss

    @pytest.mark.parametrize("skips", [False, True])
    @pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
    @pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
    def test_same_curves(self, activation, batch_norm, skips):
        config = TrainingConfig(
            depth=4,
            width=20,
            activation=activation,
            batch_norm=batch_norm,
            skips=skips,
            batch_size=30,
            learning_rate=0.05,
            momentum=0.9,
            weight_decay=1e-3,
            steps=40,
            moments=41,  # one after every step
            dtype="float64",
        )
        losses, network, held_out_loss = self.theirs(config)
        *events, last = train(config, progress_seconds=60)
        ours = [event.loss for event in events[1:]]
        assert len(ours) == config.steps
        np.testing.assert_allclose(ours, losses, rtol=1e-6)
        assert np.ptp(losses) > 0.1  # the curves are not flat lines
        assert events[-1].held_out.loss == pytest.approx(held_out_loss, rel=1e-5)
        for layer, linear in zip(last.network.layers, network.linears, strict=True):
            theirs = linear.weight.detach().numpy().T
            np.testing.assert_allclose(layer.weight, theirs, rtol=1e-4, atol=1e-7)
        for stats, norm in zip(last.running, network.norms, strict=False):
            np.testing.assert_allclose(stats.mean, norm.running_mean.numpy(), atol=1e-6)
            np.testing.assert_allclose(stats.var, norm.running_var.numpy(), rtol=1e-5)


class TorchNetwork(torch.nn.Module):
    def __init__(self, config: TrainingConfig, start: Network):
        super().__init__()
        self.config = config
        self.linears = torch.nn.ModuleList()
        for layer in start.layers:
            linear = torch.nn.Linear(*layer.weight.shape)
            linear.weight.data = torch.tensor(layer.weight.T.copy())
            linear.bias.data = torch.tensor(layer.bias)
            self.linears.append(linear)
        has_bn = config.batch_norm != "none"
        self.norms = torch.nn.ModuleList(
            torch.nn.BatchNorm1d(config.width) for _ in range(config.depth if has_bn else 0)
        )

    def forward(self, x):
        f = getattr(torch, self.config.activation)
        for number, linear in enumerate(self.linears[:-1]):
            a = linear(x)
            if self.config.batch_norm == "before":
                a = self.norms[number](a)
            a = f(a)
            if self.config.batch_norm == "after":
                a = self.norms[number](a)
            x = a + x if self.config.skips and number > 0 else a
        return self.linears[-1](x)
