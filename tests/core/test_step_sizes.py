"""Many steps at once give what `check_gradient` gives one at a time, and the V is a V."""

import numpy as np
import pytest

from bn_core import backward_train, check_gradient, forward_train
from bn_core.mistakes import BUGS
from bn_core.step_sizes import (
    DTYPES,
    GRADIENTS,
    RIGHT,
    STEPS,
    check_batch,
    check_steps,
    losses,
    lowest,
    nearest_bug,
    nearest_step,
    sightings,
    unseen_steps,
    with_x_hat,
)
from bn_core.upstream import UPSTREAM


def batch(m: int, d: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "x": 3 * rng.standard_normal((m, d)) + rng.standard_normal(d) * 10,
        "gamma": rng.standard_normal(d) + 1,
        "beta": rng.standard_normal(d),
        "dy": rng.standard_normal((m, d)),
    }


def one_at_a_time(given: dict[str, np.ndarray], eps: float, name: str, h: float, dtype: str):
    """The same check with `check_gradient`: one perturbed batch after the other."""
    here = {key: value.astype(dtype) for key, value in given.items()}
    point = {key: here[key] for key in ("x", "gamma", "beta")}

    def loss(value: np.ndarray) -> float:
        return (here["dy"] * forward_train(**point | {name: value}, eps=eps).y).sum()

    grads = backward_train(here["dy"], forward_train(**point, eps=eps))
    return check_gradient(loss, point[name], getattr(grads, f"d{name}"), h, dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize(("m", "d"), [(1, 2), (2, 1), (4, 2), (8, 4)])
def test_the_same_bits_as_one_at_a_time(m: int, d: int, name: str, dtype: str):
    given = batch(m, d, seed=m)
    checks = check_batch(**given, dtype=dtype)[name]
    assert [check.h for check in checks] == list(STEPS)
    seen = 0
    for check in checks:
        try:
            expected = one_at_a_time(given, 1e-5, name, check.h, dtype)
        except ValueError:
            assert np.isnan(check.relative_error), check.h
            continue
        seen += 1
        np.testing.assert_array_equal(check.numeric, expected.numeric)
        np.testing.assert_array_equal(check.analytic, expected.analytic)
        assert check.relative_error == expected.relative_error
    assert seen >= 15


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_put_into_x_only(bug: str):
    given = batch(4, 3)
    right, wrong = check_batch(**given), check_batch(**given, bug=bug)
    fwd = forward_train(given["x"], given["gamma"], given["beta"])
    np.testing.assert_array_equal(wrong["x"][0].analytic, BUGS[bug](given["dy"], fwd))
    for one, other in zip(right["x"], wrong["x"], strict=True):
        np.testing.assert_array_equal(one.numeric, other.numeric)
    for name in ("gamma", "beta"):
        np.testing.assert_array_equal(right[name][0].analytic, wrong[name][0].analytic)
    assert lowest(wrong["x"]).relative_error > 1e4 * lowest(right["x"]).relative_error


class TestShape:
    given = batch(6, 3)

    def errors(self, name: str, dtype: str = "float64") -> dict[float, float]:
        return {c.h: c.relative_error for c in check_batch(**self.given, dtype=dtype)[name]}

    def test_the_right_arm_of_x_falls_with_the_square_of_h(self):
        errors = self.errors("x")
        assert errors[0.1] / errors[0.01] == pytest.approx(100, rel=0.05)

    def test_the_left_arm_rises_as_h_falls(self):
        errors = self.errors("x")
        assert 1e2 < errors[1e-12] / errors[1e-8] < 1e6

    def test_gamma_and_beta_have_no_right_arm(self):
        for name in ("gamma", "beta"):
            errors = self.errors(name)
            assert errors[0.1] < 1e-13 < errors[1e-8]

    def test_float32_needs_a_larger_step_and_stays_less_exact(self):
        fine, coarse = (
            lowest(check_batch(**self.given, dtype=dtype)["x"]) for dtype in ("float64", "float32")
        )
        assert coarse.h > 10 * fine.h
        assert coarse.relative_error > 1e3 * fine.relative_error


def test_a_step_that_is_lost_shows_nothing():
    given = batch(4, 2) | {"x": np.array([[1e6, 1.0], [2e6, 3.0], [-1e6, 2.0], [5e5, 7.0]])}
    checks = check_batch(**given)["x"]
    unseen = unseen_steps(checks)
    assert unseen[0] == 1e-13
    assert 1e-12 < unseen[-1] < 1e-9
    assert np.isnan(checks[0].numeric[:, 0]).all()
    assert not np.isnan(checks[0].numeric[:, 1]).any()
    assert lowest(checks).h not in unseen
    assert not unseen_steps(check_batch(**batch(4, 2))["x"])
    assert lowest(checks[:1]) is None


def test_a_feature_that_loses_its_variance_is_nan_and_no_error():
    """ε = 0, and a step that makes both samples equal; in float32 they are equal from the start."""
    given = {"gamma": np.ones(1), "beta": np.zeros(1), "dy": np.array([[1.0], [2.0]])}
    x = np.array([[0.0], [0.1]])
    assert 0.1 in unseen_steps(check_batch(x, **given, eps=0.0)["x"])
    near = np.array([[1.0], [1 + 1e-9]])
    found = check_batch(near, **given, eps=0.0, dtype="float32")
    assert all(lowest(checks) is None for checks in found.values())


def test_with_x_hat_touches_only_what_would_be_refused():
    x = np.array([[1.0, 2.0], [1.0, 5.0]])
    np.testing.assert_array_equal(with_x_hat(x, 0.0), [[np.nan, 2], [np.nan, 5]])
    assert with_x_hat(x, 1e-5) is x
    assert with_x_hat(x.astype("float32"), 0.0).dtype == "float32"


def test_losses_are_sums_of_dy_times_y():
    given = [batch(4, 3, seed) for seed in range(5)]
    dy = given[0]["dy"]
    found = losses(*(np.stack([g[k] for g in given]) for k in ("x", "gamma", "beta")), dy, 1e-3)
    expected = [
        (dy * forward_train(g["x"], g["gamma"], g["beta"], eps=1e-3).y).sum() for g in given
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_check_steps_of_any_function():
    """For x³ the central difference is 3x² + h²."""
    checks = check_steps(lambda x: (x**3).sum(axis=(1, 2)), [[1.0, 2.0]], [[3.0, 12.0]], [0.5, 0.1])
    np.testing.assert_allclose(checks[0].numeric, [[3.25, 12.25]])
    np.testing.assert_allclose(checks[1].numeric, [[3.01, 12.01]])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1e-5, 1e-5),
        (1.1e-5, 1e-5),
        (1.7e-5, 1.778e-5),
        ("3e-6", 3.162e-6),
        (0, 1e-13),
        (-1, 1e-13),
        (5, 0.1),
        (float("inf"), 0.1),
    ],
)
def test_nearest_step(given: object, expected: float):
    assert nearest_step(given) == expected
    assert nearest_step(expected) == expected


def test_no_number_has_no_nearest_step():
    for given in ("nan", "ten"):
        with pytest.raises(ValueError, match=r"number|convert"):
            nearest_step(given)


def test_steps():
    assert len(STEPS) == 49
    assert (STEPS[0], STEPS[-1]) == (1e-13, 0.1)
    np.testing.assert_allclose(np.diff(np.log10(STEPS)), 0.25, atol=1e-3)
    assert 1e-5 in STEPS


# ---- who sees what -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def matrix():
    given = batch(5, 3, seed=7)  # with seed 0 x would be drawn as the random ∂y is, and be like it
    del given["dy"]
    fwd = forward_train(**given)
    return sightings(**given, upstreams={name: make(fwd) for name, make in UPSTREAM.items()})


def blind(matrix, upstream: str, threshold: float = 1e-7) -> set[str]:
    return {bug for bug in BUGS if not matrix[bug][upstream].caught(threshold)}


class TestSightings:
    def test_the_right_gradient_passes(self, matrix):
        assert not any(right.caught(1e-7) for right in matrix[RIGHT].values())

    def test_random_sees_all(self, matrix):
        assert not blind(matrix, "random")

    def test_all_equal_is_blind_to_the_variance_path(self, matrix):
        assert blind(matrix, "equal") == {"var_wrong_sign", "unbiased_mixed", "eps_outside"}

    def test_x_hat_is_blind_to_the_mean_path(self, matrix):
        assert blind(matrix, "x_hat") == {"without_mean_path"}

    def test_a_coarse_threshold_lets_epsilon_pass(self, matrix):
        assert blind(matrix, "random", 1e-3) == {"eps_outside"}
        assert nearest_bug(matrix, "random") == ("eps_outside", True)

    def test_where_the_true_gradient_is_zero_the_absolute_error_is_stated(self, matrix):
        zero = {name for name, right in matrix[RIGHT].items() if right.true_is_zero}
        assert zero == {"equal", "x_hat"}
        sighting = matrix["detached"]["equal"]
        assert sighting.stated == sighting.check.max_abs_error
        sighting = matrix["detached"]["random"]
        assert sighting.stated == sighting.check.relative_error

    def test_the_numbers_are_those_of_check_gradient(self):
        given = batch(4, 2)
        found = sightings(given["x"], given["gamma"], given["beta"], {"it": given["dy"]}, h=1e-4)
        expected = one_at_a_time(given, 1e-5, "x", 1e-4, "float64")
        assert found[RIGHT]["it"].check.relative_error == expected.relative_error

    def test_what_is_not_known_is_not_caught(self):
        x = np.array([[1e6, 1.0], [2e6, 3.0]])
        found = sightings(x, [1, 1], [0, 0], {"it": np.eye(2)}, h=1e-13)
        assert not found["printed"]["it"].known
        assert not found["printed"]["it"].caught(1e-9)

    def test_one_sample_hides_what_makes_no_difference(self):
        given = batch(1, 2)
        found = sightings(given["x"], given["gamma"], given["beta"], {"it": given["dy"]})
        assert nearest_bug(found, "it")[1] is False
