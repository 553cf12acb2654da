"""The stream of residual blocks against PyTorch, and what is known without computing."""

import numpy as np
import pytest

from bn_core import forward_train
from bn_core.residual import BLOCKS, last_block, stream_sd, uncorrelated_sd

torch = pytest.importorskip("torch")
F = torch.nn.functional

GAMMAS = [0.0, 0.2, 1.0]


@pytest.fixture
def x():
    return forward_train(np.random.default_rng(7).standard_normal((40, 8))).x_hat


def weights(d, number, layers, seed):
    draw = np.random.default_rng([seed, number]).standard_normal((layers, d, d))
    return [torch.tensor(np.sqrt(2 / d) * w, requires_grad=True) for w in draw]


def by_torch(x, gamma, blocks, kind, seed):
    """The stream after every block; γ and the last weights of the last block, to differentiate."""
    h = torch.tensor(x)
    stream = [h]
    for number in range(1, blocks + 1):
        ws = weights(x.shape[1], number, BLOCKS[kind], seed)
        scale = torch.full((x.shape[1],), float(gamma), dtype=torch.float64, requires_grad=True)
        z = h
        if kind == "two":
            z = torch.relu(F.batch_norm(z @ ws[0], None, None, training=True)) @ ws[1]
        else:
            z = torch.relu(z @ ws[0])
        h = h + F.batch_norm(z, None, None, weight=scale, training=True)
        stream.append(h)
    return stream, scale, ws[-1]


@pytest.mark.parametrize("kind", BLOCKS)
def test_the_stream_is_that_of_torch(x, kind):
    found = stream_sd(x, GAMMAS, blocks=6, kind=kind, seed=3)
    assert found.shape == (3, 7)
    for row, gamma in zip(found, GAMMAS, strict=True):
        stream, _, _ = by_torch(x, gamma, 6, kind, 3)
        np.testing.assert_allclose(row, [h.std(correction=0).item() for h in stream], rtol=1e-9)


@pytest.mark.parametrize("kind", BLOCKS)
def test_the_gradients_are_those_of_torch(x, kind):
    found = last_block(x, GAMMAS, blocks=4, kind=kind, seed=3)
    dy = torch.tensor(np.random.default_rng([3, 5]).standard_normal(x.shape) / np.sqrt(len(x)))
    for i, gamma in enumerate(GAMMAS):
        stream, scale, last = by_torch(x, gamma, 4, kind, 3)
        (stream[-1] * dy).sum().backward()
        rms = [grad.square().mean().sqrt().item() for grad in (scale.grad, last.grad)]
        np.testing.assert_allclose([found.dgamma[i], found.dweight[i]], rms, rtol=1e-9)


@pytest.mark.parametrize("kind", BLOCKS)
def test_with_gamma_0_every_block_is_the_identity(x, kind):
    sd = stream_sd(x, [0.0], blocks=50, kind=kind)[0]
    assert (sd == sd[0]).all()
    found = last_block(x, [0.0], blocks=2, kind=kind)
    assert found.dgamma[0] > 0.1
    assert found.dweight[0] == 0


def test_independent_blocks_add_their_variances():
    sd = uncorrelated_sd(2.0, [0.0, 0.5], 8)
    np.testing.assert_allclose(sd[:, -1], [2, np.sqrt(4 + 8 * 0.25)])
    assert sd.shape == (2, 9)
    # Weights of mean 0 come last in a block of two: what it adds has no side to lean to.
    x = np.random.default_rng(0).standard_normal((256, 64))
    measured = stream_sd(x, [1.0], blocks=20)[0]
    np.testing.assert_allclose(measured, uncorrelated_sd(measured[0], [1.0], 20)[0], rtol=0.06)


def test_the_curriculums_figures():
    """10.8, 1.9 and 1.0: one weight layer a block."""
    x = forward_train(np.random.default_rng(0).standard_normal((128, 32))).x_hat
    last = stream_sd(x, [1.0, 0.2, 0.0], blocks=50, kind="one")[:, -1]
    np.testing.assert_allclose(last, [10.8, 1.9, 1.0], rtol=0.15)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"x": np.zeros(3)}, "x must have shape"),
        ({"gammas": 1.0}, r"gammas \(n,\)"),
        ({"blocks": 0}, "blocks must be at least 1"),
        ({"kind": "three"}, "kind must be one of two, one"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_what_is_refused(wrong, says):
    right = {"x": np.eye(4), "gammas": [1.0], "blocks": 2, "kind": "one", "seed": 0}
    x, gammas, *_ = (right | wrong).values()
    with pytest.raises(ValueError, match=says):
        stream_sd(x, gammas, **{k: v for k, v in (right | wrong).items() if k not in "x gammas"})
