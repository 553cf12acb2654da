"""The referee itself: does it find the right gradient, and does it notice a wrong one?"""

import dataclasses

import numpy as np
import pytest

from bn_core import check_gradient, numerical_gradient


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 3)])
def test_gradient_of_a_known_function(rng, shape):
    x = rng.normal(size=shape)
    check = check_gradient(lambda x: np.sum(np.sin(x) * x), x, np.cos(x) * x + np.sin(x))
    assert check.relative_error <= 1e-9
    assert check.numeric.shape == check.abs_error.shape == shape
    assert check.h == 1e-5


def test_central_differences_are_exact_for_parabolas():
    numeric = numerical_gradient(lambda x: np.sum(x**2), [1.0, -3.0], h=0.5)
    np.testing.assert_allclose(numeric, [2.0, -6.0], rtol=1e-14)


def test_error_falls_with_the_square_of_h():
    errors = [abs(numerical_gradient(np.sum, 1.0, h) - 1) for h in (1e-1, 1e-2)]
    np.testing.assert_allclose(errors, 0, atol=1e-12)
    errors = [abs(numerical_gradient(np.exp, 0.0, h) - 1) for h in (1e-1, 1e-2)]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.01)


def test_every_entry_of_a_wrong_gradient_is_named(rng):
    x = rng.normal(size=(3, 2))
    wrong = 2 * x
    wrong[1, 0] += 0.5
    check = check_gradient(lambda x: np.sum(x**2), x, wrong)
    expected = np.zeros((3, 2))
    expected[1, 0] = 0.5
    np.testing.assert_allclose(check.abs_error, expected, atol=1e-9)
    assert check.max_abs_error == pytest.approx(0.5)
    assert check.relative_error == pytest.approx(0.5 / (1 + np.abs(check.numeric).max()))


def test_a_gradient_of_zeros_can_be_judged():
    check = check_gradient(lambda x: 7.0, [1.0, 2.0], analytic=[0.0, 0.0])
    assert check.relative_error == 0
    assert check_gradient(lambda x: 7.0, [1.0], analytic=[1.0]).relative_error == 1


def test_nan_is_not_taken_for_agreement():
    check = check_gradient(np.sum, [1.0, 2.0], analytic=[1.0, np.nan])
    assert np.isnan(check.max_abs_error)
    assert not check.relative_error <= 1e9


def test_float32_is_evaluated_in_float32():
    seen = set()

    def f(x):
        seen.add(x.dtype)
        return np.sum(x**3)

    coarse = check_gradient(f, [1.0, 2.0], [3.0, 12.0], dtype=np.float32)
    better = check_gradient(f, [1.0, 2.0], [3.0, 12.0], h=5e-3, dtype=np.float32)
    assert seen == {np.dtype(np.float32)}
    assert coarse.numeric.dtype == coarse.analytic.dtype == np.float32
    assert better.relative_error < 1e-4 < coarse.relative_error


def test_integers_are_differentiated_as_floats():
    np.testing.assert_allclose(numerical_gradient(lambda x: x[0] * x[1], [3, 5]), [5, 3])


def test_inputs_are_not_modified_and_the_result_is_frozen():
    x, analytic = np.array([1.0, 2.0]), np.array([2.0, 4.0])
    x.setflags(write=False)
    check = check_gradient(lambda x: np.sum(x**2), x, analytic)
    analytic += 1
    assert check.max_abs_error < 1e-8
    with pytest.raises(dataclasses.FrozenInstanceError):
        check.h = 1.0


@pytest.mark.parametrize("h", [0, -1e-5, np.nan, np.inf])
def test_error_step(h):
    with pytest.raises(ValueError, match=r"^h must be a finite number above 0, got"):
        numerical_gradient(np.sum, [1.0], h)


def test_error_step_lost_in_x():
    message = r"^h must be large enough to change x\[1\] = 1e\+20, got 1e-05$"
    with pytest.raises(ValueError, match=message):
        numerical_gradient(np.sum, [1.0, 1e20])


@pytest.mark.parametrize("x", [[], [1.0, np.nan], [np.inf]])
def test_error_point(x):
    with pytest.raises(ValueError, match=r"^x must hold at least one number and only finite ones"):
        numerical_gradient(np.sum, x)


def test_error_shape_of_the_analytic_gradient():
    message = r"^analytic must have the shape of x, \(2,\); got shape \(3,\)$"
    with pytest.raises(ValueError, match=message):
        check_gradient(np.sum, [1.0, 2.0], [1.0, 1.0, 1.0])


def test_error_more_than_one_number():
    message = r"^f must return one number, got an array of shape \(2,\)$"
    with pytest.raises(ValueError, match=message):
        numerical_gradient(lambda x: x, [1.0, 2.0])
