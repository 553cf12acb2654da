"""γ and β that give a batch back, and those that nearly do."""

import numpy as np
import pytest

from bn_core import forward_train
from bn_core.identity import (
    Pair,
    carried_over,
    distance,
    distances,
    identity_pair,
    recoveries,
    shared_pair,
    slip_share,
    slipped_pair,
    typical_error,
)

EPS = [1e-5, 1e-3, 0.3]


@pytest.fixture
def x():
    return np.random.default_rng(4).normal([3, -7, 0.1], [2, 0.3, 0.004], (64, 3))


@pytest.mark.parametrize("eps", EPS)
def test_the_identity(x, eps):
    pair = identity_pair(x, eps)
    np.testing.assert_allclose(forward_train(x, pair.gamma, pair.beta, eps=eps).y, x, rtol=1e-14)
    np.testing.assert_allclose(pair.gamma, np.sqrt(x.var(axis=0) + eps), rtol=1e-12)
    assert (distance(x, pair, eps).largest <= 4e-15).all()


@pytest.mark.parametrize("eps", EPS)
def test_the_slip_falls_short_by_its_share(x, eps):
    """y − μ is (1 − share) of x − μ, whatever the sample."""
    pair = slipped_pair(x, eps)
    y = forward_train(x, pair.gamma, pair.beta, eps=eps).y
    mu, sd = x.mean(axis=0), x.std(axis=0)
    np.testing.assert_allclose((y - mu) / (x - mu), np.tile(sd / np.sqrt(sd**2 + eps), (64, 1)))
    np.testing.assert_allclose(slip_share(sd**2, eps), 1 - sd / np.sqrt(sd**2 + eps), rtol=1e-4)
    np.testing.assert_allclose(distance(x, pair, eps).rms, sd * slip_share(sd**2, eps), rtol=1e-6)


def test_the_notes_figures():
    """Feature-wise standard normal data: 4e−16 or so with the whole root, 7e−6 or so without ε."""
    x = np.random.default_rng(0).standard_normal((32, 1))
    assert distance(x, identity_pair(x)).largest[0] < 1e-15
    assert 5e-6 < distance(x, slipped_pair(x)).largest[0] < 2e-5
    assert slip_share(1e-5, 1e-5) == pytest.approx(1 - np.sqrt(0.5))
    assert slip_share(0.0, 1e-5) == 1
    assert slip_share(1.0, 1e-12) == pytest.approx(5e-13, rel=1e-6)


def test_no_shared_pair_is_nearer(x):
    best = shared_pair(x)
    assert np.ptp(best.gamma) == np.ptp(best.beta) == 0

    def square(gamma, beta):
        d = x.shape[1]
        return (distance(x, Pair(np.full(d, gamma), np.full(d, beta))).rms ** 2).sum()

    here = square(best.gamma[0], best.beta[0])
    for step in (1e-3, -1e-3):
        assert square(best.gamma[0] + step, best.beta[0]) > here
        assert square(best.gamma[0], best.beta[0] + step) > here
    assert here < square(1.0, 0.0)


def test_shared_by_one_feature_is_the_identity(x):
    one = x[:, [1]]
    assert distance(one, shared_pair(one)).largest[0] < 1e-14
    np.testing.assert_array_equal(shared_pair(np.ones((5, 2))).gamma, [0, 0])


def test_many_pairs_at_once(x):
    one, gammas = x[:, [0]], np.array([0.0, 1.0, 2.5])
    found = distances(one, gammas, 3.0)
    for i, gamma in enumerate(gammas):
        alone = distance(one, Pair(np.array([gamma]), np.array([3.0])))
        assert found.rms[i] == pytest.approx(alone.rms[0])
        assert found.share[i] == pytest.approx(alone.rms[0] / one.std())
        assert alone.share[0] == pytest.approx(found.share[i])
        assert found.largest[i] == pytest.approx(alone.largest[0])
    with pytest.raises(ValueError, match=r"x must have shape \(m, 1\)"):
        distances(x, gammas, 0.0)


def test_another_batch_is_not_given_back(x):
    pair, other = identity_pair(x), x + np.random.default_rng(9).normal(0, 0.5, x.shape)
    y = forward_train(other, pair.gamma, pair.beta).y
    np.testing.assert_allclose(y.mean(axis=0), x.mean(axis=0))  # it has the first one's mean
    assert (distance(other, pair).largest > 0.01).all()


def test_the_same_batch_at_every_spread(x):
    found = recoveries(x[:, [1]], [2.0, 0.1], 1e-5)
    sds = [x[:, 1].std(), 2.0, 0.1, np.sqrt(1e-5)]
    np.testing.assert_allclose(found.sd, sds)
    np.testing.assert_allclose(found.share[-1], 1 - np.sqrt(0.5))
    assert (found.exact < 1e-14).all()
    largest = np.abs(x[:, 1] - x[:, 1].mean()).max() / x[:, 1].std() * np.array(sds)
    np.testing.assert_allclose(found.slip, largest * found.share, rtol=1e-6)
    with pytest.raises(ValueError, match="x must vary"):
        recoveries(np.ones((4, 1)), sds, 1e-5)


def test_the_pair_of_the_first_batch_on_all():
    """Each y has the first batch's mean and spread: so far is it from its own x."""
    batches = np.random.default_rng(5).normal(2, 3, (6, 40))
    y, apart = carried_over(batches, 0.0)
    np.testing.assert_allclose(y.mean(axis=1), batches[0].mean())
    np.testing.assert_allclose(y.std(axis=1), batches[0].std())
    np.testing.assert_allclose(apart.rms, np.sqrt(((y - batches) ** 2).mean(axis=1)), atol=1e-14)
    assert apart.largest[0] < 1e-14
    assert (apart.largest[1:] > 0.05).all()


def test_the_typical_error_is_that_of_every_batch_on_every_other():
    batches = np.random.default_rng(6).gamma(2, 3, (5, 12))
    squares = [
        carried_over(batches[[j, i]], 0.1)[1].rms[1] ** 2
        for j in range(5)
        for i in range(5)
        if i != j
    ]
    assert typical_error(batches, 0.1) == pytest.approx(np.sqrt(np.mean(squares)))
    with pytest.raises(ValueError, match="two or more, got 1"):
        typical_error(batches[:1])


def test_four_times_the_samples_half_the_error():
    draws = np.random.default_rng(1).standard_normal(400 * 256)
    errors = [typical_error(draws.reshape(-1, m)[:400]) for m in (16, 64, 256)]
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2, rtol=0.1)
