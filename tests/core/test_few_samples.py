"""Very few samples: against hand calculation, central differences and the norms themselves."""

import numpy as np
import pytest

from bn_core import check_gradient, forward_train
from bn_core.coupling import eigenvalues
from bn_core.few_samples import EXAMPLE, UPSTREAM, follow, moved
from bn_core.norms import layer_norm, rms_norm

sizes = pytest.mark.parametrize("m", [1, 2, 3, 4, 8])


def test_what_is_moved():
    found = moved(EXAMPLE[:3], 0.5, 10)
    np.testing.assert_array_equal(found[:, 0], [1, 4, 9])
    np.testing.assert_array_equal(found[:, 1:], EXAMPLE[:3, 1:])
    assert EXAMPLE[2, 0] == -3, "and never the batch itself"


def test_two_samples_by_hand():
    """x = {1, 7}: x̂ = ±3/√(9 + ε), and ∂x = (1/s)·½(g₁ − g₂)·ε/(9 + ε)."""
    seen = follow(EXAMPLE[:2], [1.0], [0.0])
    np.testing.assert_allclose(seen.x_hat["batch"], [[-0.99999944, 0.99999944]], atol=1e-8)
    expected = (2 - -2) / 2 / 3 * 1e-5 / 9
    np.testing.assert_allclose(seen.dx, [[expected, -expected]], rtol=1e-4)
    assert seen.open_directions.tolist() == [0]


def test_whatever_the_gap_as_long_as_it_is_far_above_twice_the_root_of_eps():
    gaps = np.array([1000.0, 6.0, 0.6, 0.06])
    seen = follow([[0.0, 1.0], [1.0, 3.0]], gaps, np.zeros(4))
    np.testing.assert_allclose(np.abs(seen.x_hat["batch"]), 1, atol=6e-3)
    small = follow([[0.0, 1.0], [1.0, 3.0]], [2 * np.sqrt(1e-5)], [0.0])
    np.testing.assert_allclose(np.abs(small.x_hat["batch"]), np.sqrt(0.5), rtol=1e-9)


def test_one_sample_is_beta_wherever_it_is():
    seen = follow(EXAMPLE[:1], [1.0, 1.0], [0.0, 1e6])
    assert not seen.x_hat["batch"].any()
    assert not seen.dx.any()
    assert not seen.jacobian.any()
    assert seen.open_directions.tolist() == [0, 0]


@sizes
def test_open_directions_are_all_but_two(m):
    seen = follow(EXAMPLE[:m], [1.0], [0.3])
    assert seen.open_directions.tolist() == [max(m - 2, 0)]
    fwd = forward_train(seen.x.T)
    expected = np.sort(eigenvalues(fwd, 0)) / fwd.inv_std[0]
    np.testing.assert_allclose(np.linalg.eigvalsh(seen.jacobian[0]), expected, atol=1e-12)


@sizes
def test_the_gradient_is_a_central_difference(m):
    seen = follow(EXAMPLE[:m], [0.7], [2.5])
    dy = UPSTREAM[:m, np.newaxis]
    check = check_gradient(lambda x: (dy * forward_train(x).y).sum(), seen.x.T, seen.dx.T)
    assert check.relative_error < 1e-8


def test_leakage():
    """Moving the last sample moves y₁ in BN, and never in the norms of a single sample."""
    seen = follow(EXAMPLE[:4], [1.0, 1.0], [0.0, 5.0])
    bn = seen.x_hat["batch"][:, 0]
    np.testing.assert_allclose(bn, [-0.75 / np.sqrt(12.6875), -2 / np.sqrt(18)], rtol=1e-4)
    for norm, function in (("layer", layer_norm), ("rms", rms_norm)):
        y = seen.x_hat[norm]
        assert y[0, 0] == y[1, 0]
        assert y[0, 3] != y[1, 3]
        np.testing.assert_allclose(y[1], function(moved(EXAMPLE[:4], 1, 5)).y[:, 0], rtol=1e-12)
