import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_core.activations import ACTIVATIONS, SATURATION_THRESHOLD, Activation

EXTREMES = np.array([-np.inf, -1e308, -1e4, -800.0, 0.0, 800.0, 1e4, 1e308, np.inf])

pytestmark = pytest.mark.parametrize("f", ACTIVATIONS.values(), ids=ACTIVATIONS)


def test_table_is_keyed_by_name(f: Activation):
    assert list(ACTIVATIONS) == ["sigmoid", "tanh", "relu"]
    assert ACTIVATIONS[f.name] is f


def test_known_values(f: Activation):
    z = np.array([-1.0, 0.0, 1.0])
    expected = {
        "sigmoid": [1 / (1 + math.e), 0.5, math.e / (1 + math.e)],
        "tanh": [math.tanh(-1), 0.0, math.tanh(1)],
        "relu": [0.0, 0.0, 1.0],
    }[f.name]
    np.testing.assert_allclose(f(z), expected, rtol=1e-15)
    np.testing.assert_array_equal(f(z), f.function(z))


def test_derivative_is_the_slope_of_the_function(f: Activation):
    z = np.linspace(-6, 6, 48)  # 0, ReLU's corner, is not among them
    step = 1e-5
    slope = (f(z + step) - f(z - step)) / (2 * step)
    np.testing.assert_allclose(f.derivative(z), slope, rtol=1e-5, atol=1e-11)


def test_derivative_keeps_its_precision_far_out(f: Activation):
    expected = {"sigmoid": math.exp(-50), "tanh": 4 * math.exp(-100), "relu": 1.0}[f.name]
    np.testing.assert_allclose(f.derivative(50.0), expected, rtol=1e-13)


def test_max_slope_is_reached_and_never_exceeded(f: Activation):
    slope = f.derivative(np.linspace(-8, 8, 1601))
    assert slope.max() == pytest.approx(f.max_slope, abs=1e-15)
    for tiny in np.linspace(0, 1e-6, 20_001), np.linspace(0, 1e-3, 20_001, dtype=np.float32):
        assert f.derivative(tiny).max() <= f.max_slope


@given(z=st.floats(allow_nan=False))
def test_output_stays_in_its_range(f: Activation, z: float):
    low, high = f.output_range
    assert low <= f(z) <= high
    assert 0 <= f.derivative(z) <= f.max_slope


@given(z=st.floats(-15, 15))
def test_inverse_undoes_the_function(f: Activation, z: float):
    if f.name == "relu":
        expected = z if z > 0 else -math.inf
        assert f.inverse(f(z)) == expected
    else:  # near the ends of the range, a's own rounding is what limits the way back
        tolerance = 1e-13 + 4 * np.finfo(float).eps / f.derivative(z)
        assert f.inverse(f(z)) == pytest.approx(z, abs=tolerance)


def test_inverse_is_infinite_at_and_outside_the_ends(f: Activation):
    low, high = f.output_range
    np.testing.assert_array_equal(f.inverse([low, low - 1, -np.inf]), [-np.inf] * 3)
    np.testing.assert_array_equal(f.inverse([high, high + 1, np.inf]), [np.inf] * 3)
    assert np.isnan(f.inverse(np.nan))


def test_inverse_keeps_histogram_edges_in_order(f: Activation):
    low, high = f.output_range
    edges = f.inverse(np.linspace(low, min(high, 10), 41))
    assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["function", "derivative", "inverse"])
def test_floats_keep_their_type_and_shape(f: Activation, method: str, dtype: Any):
    z = np.linspace(-2, 2, 6, dtype=dtype).reshape(1, 2, 3)
    before = z.copy()
    result = getattr(f, method)(z)
    assert result.dtype == dtype
    assert result.shape == z.shape
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize("values", [[1, 2], np.array([0, 1], np.int32), np.float16([0.5]), True])
def test_anything_else_becomes_float64(f: Activation, values: Any):
    assert f(values).dtype == f.derivative(values).dtype == f.inverse(values).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_are_silent(f: Activation, dtype: Any):
    z = np.clip(EXTREMES, np.finfo(dtype).min, np.finfo(dtype).max).astype(dtype)
    z[[0, -1]] = -np.inf, np.inf
    low, high = f.output_range
    assert f(z)[0] == low
    assert f(z)[-1] == high
    assert np.isfinite(f.derivative(z)).all()
    assert not np.isnan(f.inverse(z)).any()


def test_nan_stays_nan_and_counts_as_not_saturated(f: Activation):
    assert np.isnan(f(np.nan))
    assert np.isnan(f.derivative(np.nan))
    assert not f.saturated(np.nan)


def test_saturated_follows_the_slope(f: Activation):
    z = np.linspace(-5, 5, 2001)
    expected = np.abs(f.derivative(z)) < 0.2 * f.derivative(z).max()
    np.testing.assert_array_equal(f.saturated(z), expected)
    assert 0 < expected.mean() < 1


def test_saturation_bounds_are_where_it_changes(f: Activation):
    low, high = f.saturation_bounds
    for bound, outwards in (low, -1), (high, +1):
        if math.isfinite(bound):
            assert f.saturated(bound + outwards * 1e-9)
            assert not f.saturated(bound - outwards * 1e-9)
            if f.name != "relu":
                threshold = SATURATION_THRESHOLD * f.max_slope
                assert f.derivative(bound) == pytest.approx(threshold, rel=1e-14)


def test_saturation_bounds_in_closed_form(f: Activation):
    expected = {
        "sigmoid": (-math.log(9 + 4 * math.sqrt(5)), math.log(9 + 4 * math.sqrt(5))),
        "tanh": (-math.log(9 + 4 * math.sqrt(5)) / 2, math.log(9 + 4 * math.sqrt(5)) / 2),
        "relu": (0.0, math.inf),
    }[f.name]
    assert f.saturation_bounds == pytest.approx(expected, rel=1e-14)


def test_relu_at_zero_is_saturated(f: Activation):
    assert f.saturated(0.0) == (f.name == "relu")
