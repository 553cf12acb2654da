"""Straightness against NumPy's own fit, exact integrals, and cases known by heart."""

import numpy as np
import pytest

from bn_core import forward_train
from bn_core.activations import ACTIVATIONS
from bn_core.linearity import pieces, straightness, straightness_grid

SIGMOID, TANH, RELU = (ACTIVATIONS[name] for name in ("sigmoid", "tanh", "relu"))


@pytest.mark.parametrize("f", ACTIVATIONS.values(), ids=lambda f: f.name)
def test_the_line_is_the_one_of_polyfit(f):
    rows = np.random.default_rng(1).normal(0.7, [[0.5], [2.0], [9.0]], (3, 200))
    found = straightness(rows, f)
    for i, z in enumerate(rows):
        slope, intercept = np.polyfit(z, f(z), 1)
        assert found.slope[i] == pytest.approx(slope)
        assert found.intercept[i] == pytest.approx(intercept)
        assert found.r2[i] == pytest.approx(np.corrcoef(z, f(z))[0, 1] ** 2)
        assert found.mean_slope[i] == pytest.approx(np.mean(f.derivative(z)))
        assert found.saturated[i] == np.mean(f.saturated(z))


@pytest.mark.parametrize(
    ("scale", "slope", "r2"),
    [(1, 0.207, 0.984), (2, 0.151, 0.929), (5, 0.075, 0.806), (10, 0.039, 0.730)],
)
def test_the_curriculums_figures(scale, slope, r2):
    """A standard normal input at four scales: mean σ′, by the trapezoidal rule."""
    z = np.linspace(-9, 9, 20_001)
    density = np.exp(-z * z / 2) / np.exp(-z * z / 2).sum()
    exact = (density * SIGMOID.derivative(scale * z)).sum()
    assert exact == pytest.approx(slope, abs=6e-4)
    many = scale * np.random.default_rng(0).standard_normal((1, 400_000))
    found = straightness(many, SIGMOID)
    assert found.mean_slope[0] == pytest.approx(exact, rel=1e-2)
    assert found.r2[0] == pytest.approx(r2, abs=2e-3)


def test_relu_of_centred_normal_values_is_as_bent_at_every_scale():
    """corr² of z and max(z, 0): (1/2)² / (1/2 − 1/2π) = π / (2π − 2)."""
    z = np.random.default_rng(3).standard_normal(400_000)
    found = straightness(np.outer([0.1, 1.0, 10.0], z), RELU)
    np.testing.assert_allclose(found.r2, np.pi / (2 * np.pi - 2), atol=2e-3)
    assert np.ptp(found.r2) < 1e-12


def test_a_small_input_sees_a_straight_line():
    found = straightness(1e-3 * np.random.default_rng(2).standard_normal((1, 50)), TANH)
    assert found.slope[0] == pytest.approx(1, rel=1e-5)
    assert found.r2[0] == pytest.approx(1)
    assert found.saturated[0] == 0


def test_where_nothing_varies_there_is_no_r2():
    rows = np.array([[2.0, 2.0, 2.0], [-1.0, -2.0, -3.0]])
    found = straightness(rows, RELU)  # the second row is where ReLU is 0
    assert np.isnan(found.r2).all()
    np.testing.assert_array_equal(found.slope, [0, 0])
    np.testing.assert_array_equal(found.intercept, [2, 0])


@pytest.mark.parametrize("gamma", [np.array([0.0, 0.5, -2.0]), 1.5], ids=["gammas", "betas"])
def test_every_piece_is_what_bn_hands_on(gamma):
    x = np.random.default_rng(6).gamma(2, size=(50, 1))
    beta = -0.3 if np.ndim(gamma) else np.array([0.0, 1.0, -4.0])
    edges = np.linspace(-3, 3, 7)
    found = pieces(x, gamma, beta, SIGMOID, edges)
    for i, (g, b) in enumerate(np.broadcast(gamma, beta)):
        y = forward_train(x, [g], [b]).y[:, 0]
        assert (found.low[i], found.high[i]) == (y.min(), y.max())
        assert found.mean[i] == pytest.approx(y.mean(), abs=1e-15)
        assert found.sd[i] == pytest.approx(y.std())
        np.testing.assert_array_equal(found.counts[i], np.histogram(y[y < 3], edges)[0])
        alone = straightness(y[None], SIGMOID)
        assert found.straight.r2[i] == pytest.approx(alone.r2[0], nan_ok=True)


def test_the_grid_is_every_pair():
    x, edges = np.random.default_rng(7).normal(4, 2, (30, 1)), np.array([0.0, 1.0])
    gammas, betas = [0.0, 0.5, 3.0], [-2.0, 1.0]
    r2, slope = straightness_grid(x, gammas, betas, RELU)
    for k, beta in enumerate(betas):
        alone = pieces(x, gammas, beta, RELU, edges).straight
        np.testing.assert_allclose(r2[k], alone.r2)
        np.testing.assert_allclose(slope[k], alone.mean_slope)


def test_float32_stays():
    rows = np.linspace(-1, 1, 8, dtype=np.float32)[None]
    assert straightness(rows, SIGMOID).r2.dtype == np.float32


@pytest.mark.parametrize("rows", [np.zeros(3), np.zeros((2, 0)), np.zeros((1, 2, 3))])
def test_what_is_refused(rows):
    with pytest.raises(ValueError, match=r"rows must have shape \(n, K\)"):
        straightness(rows, SIGMOID)
