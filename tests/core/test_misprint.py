"""The misprint under central differences: two wrongs must fail, alone and together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_core import GradientCheck, backward_train, check_gradient, forward_train
from bn_core.derivation import MISPRINT
from bn_core.misprint import STEP, check_misprint, disagreement

seeds = st.integers(0, 2**32 - 1)
WRONG = ("printed", "without_sum", "right_sign")


def problem(m, d, seed):
    """A batch whose features have exactly this spread, so that none is nearly constant."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(m, d))
    x = 3 + 2 * (z - z.mean(axis=0)) / z.std(axis=0) if m > 1 else z
    gamma = rng.uniform(0.5, 2.0, d) * rng.choice([-1, 1], d)
    return x, gamma, rng.normal(size=d), rng.normal(size=(m, d))


def by_hand(x, gamma, dy, eps):
    """The printed formula and its repairs, in the notes' own words."""
    m, s = len(x), np.sqrt(x.var(axis=0) + eps)
    c, dx_hat = x - x.mean(axis=0), dy * gamma
    rest = -(dx_hat * c).sum(axis=0) / s**3 * c / m - dx_hat.sum(axis=0) / s / m
    return {
        "printed": -dx_hat.sum(axis=0) / s + rest,
        "without_sum": -dx_hat / s + rest,
        "right_sign": dx_hat.sum(axis=0) / s + rest,
        "both": dx_hat / s + rest,
    }


@given(st.integers(2, 8), st.integers(1, 4), seeds)
def test_only_both_repairs_pass(m, d, seed):
    checks = check_misprint(*problem(m, d, seed), eps=1e-5)
    assert checks.keys() == MISPRINT.keys() == {*WRONG, "both"}
    assert checks["both"].relative_error < 1e-7
    for name in WRONG:
        assert checks[name].relative_error > 1e-2, name


@given(st.integers(1, 8), st.integers(1, 4), seeds, st.sampled_from([1e-5, 0.1, 10.0]))
def test_every_formula_says_what_it_says_by_hand(m, d, seed, eps):
    x, gamma, beta, dy = problem(m, d, seed)
    checks = check_misprint(x, gamma, beta, dy, eps)
    for name, wanted in by_hand(x, gamma, dy, eps).items():
        np.testing.assert_allclose(
            checks[name].analytic, wanted, rtol=1e-9, atol=1e-9 / np.sqrt(eps), err_msg=name
        )


@pytest.mark.parametrize("eps", [1e-5, 1.0])
def test_all_are_judged_by_one_numerical_gradient(eps):
    x, gamma, beta, dy = problem(4, 3, seed=0)
    checks = check_misprint(x, gamma, beta, dy, eps)

    def loss(x):
        return (dy * forward_train(x, gamma, beta, eps=eps).y).sum()

    referee = check_gradient(loss, x, checks["both"].analytic, STEP)
    for check in checks.values():
        np.testing.assert_allclose(check.numeric, referee.numeric, atol=1e-9)
        assert check.h == STEP
    right = backward_train(dy, forward_train(x, gamma, beta, eps=eps)).dx
    np.testing.assert_allclose(checks["both"].numeric, right, atol=1e-8)


def test_one_sample_does_not_tell_a_sum_from_its_term():
    checks = check_misprint(*problem(1, 2, seed=0))
    np.testing.assert_array_equal(checks["right_sign"].analytic, checks["both"].analytic)
    np.testing.assert_array_equal(checks["printed"].analytic, checks["without_sum"].analytic)


def test_error_shape():
    x, gamma, beta, _ = problem(4, 3, seed=0)
    with pytest.raises(ValueError, match=r"^dy must have the shape of x"):
        check_misprint(x, gamma, beta, np.ones((3, 3)))


def test_disagreement_is_relative_or_absolute_where_there_is_no_gradient():
    check = GradientCheck(np.array([3.0, 0.0]), np.array([0.0, 4.0]), 1e-5)
    assert disagreement(check) == pytest.approx(5 / 4)
    assert disagreement(GradientCheck(np.array([3.0, 4.0]), np.zeros(2), 1e-5)) == 5
