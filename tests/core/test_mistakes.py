"""Slips are recognised by what they give; bugs are what a gradient check sees, or is blind to."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_core import backward_train, check_gradient, forward_train
from bn_core.derivation import BACKWARD, FORWARD, derive
from bn_core.mistakes import BUGS, SLIPS, is_right, recognise
from bn_core.upstream import equal_gradient, random_gradient, x_hat_gradient

seeds = st.integers(0, 2**32 - 1)
truths = st.builds(
    lambda mantissa, exponent, sign: sign * mantissa * 10.0**exponent,
    st.floats(1, 9.999),
    st.integers(-4, 4),
    st.sampled_from([-1, 1]),
)


def derived(seed, m=5, d=3, eps=0.3):
    rng = np.random.default_rng(seed)
    x, dy = rng.normal(1, 2, (m, d)), rng.normal(size=(m, d))
    gamma = rng.uniform(1.5, 3.0, d) * rng.choice([-1, 1], d)
    return derive(x, gamma, rng.normal(size=d), eps=eps, dy=dy)


def typed(value, digits):
    """A number as somebody writes it, and one unit of its last digit."""
    text = f"{value:.{digits - 1}e}"
    return float(text), float(f"1e{int(text.partition('e')[2]) - digits + 1}")


def at(a, values, i, k):
    return float(np.broadcast_to(a, values["x"].shape)[i, k])


def entries(values):
    return np.ndindex(values["x"].shape)


# ---- Right ---------------------------------------------------------------------------------------


@given(truths, st.integers(1, 6))
def test_a_correctly_rounded_answer_is_right_unless_too_coarse(truth, digits):
    answer, last_digit = typed(truth, digits)
    assert is_right(answer, truth, last_digit) == (abs(answer - truth) <= 0.025 * abs(truth))


@given(truths, st.integers(1, 6), st.sampled_from([-1, 1]))
def test_a_wrong_last_digit_is_forgiven_below_half_a_percent_only(truth, digits, by):
    rounded, last_digit = typed(truth, digits)
    answer = rounded + by * last_digit
    error = abs(answer - truth)
    if error > 0.501 * last_digit:
        assert is_right(answer, truth, last_digit) == (error <= 0.005 * abs(truth))


@given(truths, st.integers(1, 6))
def test_another_number_is_wrong_however_coarsely_it_is_written(truth, digits):
    for wrong in (2 * truth, -truth, truth / 2, 0.9 * truth, 1.1 * truth):
        answer, last_digit = typed(wrong, digits)
        if abs(answer - truth) > 0.03 * abs(truth):
            assert not is_right(answer, truth, last_digit)


@pytest.mark.parametrize(
    ("answer", "truth", "last_digit", "right"),
    [
        (0.3, 0.2963, 0.1, True),
        (0.0, 0.3, 1.0, False),
        (0.3, 0.32, 0.1, False),
        (0.63, 0.625, 0.01, True),  # half a unit exactly, but for binary fractions
        (0.62, 0.625, 0.01, True),
        (0.2963, 0.2963, 0.0, True),
        (0.0, 0.0, 1.0, True),
        (0.1, 0.0, 0.1, False),
        (math.nan, 0.3, 0.1, False),
        (math.inf, 0.3, 0.1, False),
    ],
)
def test_by_hand(answer, truth, last_digit, right):
    assert is_right(answer, truth, last_digit) == right


def test_zero_is_judged_by_what_it_was_computed_from():
    assert is_right(0.0, 1e-17, 1.0, scale=1.0)
    assert is_right(3e-6, 0.0, scale=4.0)
    assert not is_right(5e-6, 0.0, scale=4.0)


# ---- Slips ---------------------------------------------------------------------------------------


def test_every_formula_has_slips():
    assert list(SLIPS) == [formula.name for formula in FORWARD + BACKWARD]


@pytest.mark.parametrize(("quantity", "name"), [(q, name) for q in SLIPS for name in SLIPS[q]])
def test_every_slip_is_recognised(quantity, name):
    named = total = 0
    for seed in range(4):
        values = derived(seed)
        slip = SLIPS[quantity][name](values)
        for i, k in entries(values):
            wrong, truth = (at(a, values, i, k) for a in (slip, values[quantity]))
            if is_right(wrong, truth):
                continue
            for answer, last_digit in ((wrong, 0.0), typed(wrong, 4)):
                found = recognise(quantity, values, i, k, answer, last_digit)
                # Two slips may give one number; whichever is named must give this one.
                assert found is not None
                given_by_it = at(SLIPS[quantity][found](values), values, i, k)
                assert abs(answer - given_by_it) <= abs(answer - wrong)
                named += found == name
                total += 1
    assert named > 0.9 * total > 0


@given(seeds, st.integers(2, 6))
def test_a_right_answer_is_no_slip(seed, digits):
    values = derived(seed)
    for quantity in SLIPS:
        for i, k in entries(values):
            truth = at(values[quantity], values, i, k)
            assert recognise(quantity, values, i, k, truth) is None
            answer, last_digit = typed(truth, digits)
            if is_right(answer, truth, last_digit):
                assert recognise(quantity, values, i, k, answer, last_digit) is None


@given(seeds, st.floats(1e5, 1e9), st.sampled_from([-1, 1]))
def test_a_number_out_of_nowhere_is_no_slip(seed, number, sign):
    values = derived(seed)
    for quantity in SLIPS:
        for i, k in entries(values):
            assert recognise(quantity, values, i, k, sign * number, last_digit=1.0) is None


def test_a_slip_is_looked_for_in_its_own_sample_and_feature():
    values = derived(0)
    wrong = SLIPS["dx"]["detached"](values)
    for i, k in entries(values):
        assert recognise("dx", values, i, k, wrong[i, k]) == "detached"
        other = wrong[(i + 1) % 5, (k + 1) % 3]
        if not is_right(other, wrong[i, k]):
            assert recognise("dx", values, i, k, other) != "detached"


def test_the_nearest_of_two_slips_is_named():
    x = [[0.0], [1.0], [2.0], [5.0]]
    var = np.var(x)
    values = derive(x, eps=1.003 * (np.var(x, ddof=1) - var))
    unbiased, with_eps = (
        at(SLIPS["var"][n](values), values, 0, 0) for n in ("unbiased", "with_eps")
    )
    assert is_right(unbiased, with_eps)
    assert recognise("var", values, 0, 0, unbiased) == "unbiased"
    assert recognise("var", values, 0, 0, with_eps) == "with_eps"


def test_a_slip_that_changes_nothing_is_not_reported():
    values = derived(0, eps=1e-9)
    for name in ("without_eps", "eps_outside"):
        slip = SLIPS["x_hat"][name](values)
        for i, k in entries(values):
            truth = values["x_hat"][i, k]
            assert slip[i, k] != truth
            assert is_right(slip[i, k], truth)
            assert recognise("x_hat", values, i, k, slip[i, k]) is None


def test_a_slip_whose_result_would_be_right_is_no_reason_for_a_wrong_answer():
    x = np.array([[-1.3], [-0.2], [1.5]])
    values = derive(x / x.std(), eps=0.008)
    slip, truth = SLIPS["x_hat"]["without_eps"](values), values["x_hat"]
    for i, k in entries(values):
        answer = 1.006 * truth[i, k]
        assert is_right(answer, slip[i, k])
        assert is_right(slip[i, k], truth[i, k])
        assert not is_right(answer, truth[i, k])
        assert recognise("x_hat", values, i, k, answer) is None


HOSTILE = {
    "one sample": {"x": [[3.0, -1.0]]},
    "one number": {"x": [[3.0]]},
    "constant": {"x": [[0.1, 5.0]] * 3},
    "zeros": {"x": np.zeros((3, 2)), "dy": np.zeros((3, 2))},
    "no scale": {"x": [[1.0, 2.0], [4.0, 3.0], [2.0, 2.0]], "gamma": [0.0, 1.0]},
    "two samples without epsilon": {"x": [[1.0, 2.0], [4.0, 3.0]], "eps": 0.0},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_slips_that_divide_by_zero_are_left_out_quietly(case):
    given = {"dy": np.random.default_rng(0).normal(size=np.shape(HOSTILE[case]["x"]))}
    values = derive(**(given | HOSTILE[case]))
    for quantity in SLIPS:
        for i, k in entries(values):
            assert recognise(quantity, values, i, k, at(values[quantity], values, i, k)) is None
            # A slip that gives infinity is near to every number.
            for answer in (1234.5, math.nan, math.inf, -math.inf):
                assert recognise(quantity, values, i, k, answer) is None


# ---- Bugs ----------------------------------------------------------------------------------------


def unit_batch(seed):
    """Mean 3 and variance 1, so that 1 + 10⁻⁵ is what ε makes of it."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(rng.integers(4, 9), 2))
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    return forward_train(z + 3, rng.uniform(0.5, 2.0, 2) * [1, -1], rng.normal(size=2), eps=1e-5)


def checked(bug, dy, fwd):
    def loss(x):
        return np.sum(dy * forward_train(x, fwd.gamma, fwd.beta, eps=fwd.eps).y)

    return check_gradient(loss, fwd.x, bug(dy, fwd))


def right(dy, fwd):
    return backward_train(dy, fwd).dx


def blind(dy, fwd):
    """Bugs that this upstream gradient does not show."""
    return {name for name, bug in BUGS.items() if checked(bug, dy, fwd).max_abs_error < 1e-8}


@pytest.mark.parametrize("seed", range(10))
def test_a_random_gradient_sees_every_bug(seed):
    fwd = unit_batch(seed)
    dy = random_gradient(fwd, seed)
    assert checked(right, dy, fwd).relative_error < 1e-9
    for name, bug in BUGS.items():
        error = checked(bug, dy, fwd).relative_error
        if name == "eps_outside":
            assert 1e-7 < error < 1e-4
        else:
            assert error > 1e-3, name


@pytest.mark.parametrize("seed", range(10))
def test_an_equal_gradient_is_blind_to_the_path_through_the_variance(seed):
    fwd = unit_batch(seed)
    dy = equal_gradient(fwd)
    assert checked(right, dy, fwd).max_abs_error < 1e-9
    assert blind(dy, fwd) == {"var_wrong_sign", "unbiased_mixed", "eps_outside"}


@pytest.mark.parametrize("seed", range(10))
def test_an_x_hat_gradient_is_blind_to_the_path_through_the_mean(seed):
    fwd = unit_batch(seed)
    dy = x_hat_gradient(fwd)
    assert checked(right, dy, fwd).max_abs_error < 1e-9
    assert blind(dy, fwd) == {"without_mean_path"}


@pytest.mark.parametrize("name", BUGS)
def test_bugs_are_told_apart(name):
    fwd = unit_batch(0)
    dy = random_gradient(fwd)
    for other in BUGS.keys() - {name}:
        assert np.abs(BUGS[name](dy, fwd) - BUGS[other](dy, fwd)).max() > 1e-6


def test_the_bug_that_is_a_slip_is_the_same_one():
    fwd = unit_batch(0)
    dy = random_gradient(fwd)
    values = derive(fwd.x, fwd.gamma, fwd.beta, eps=fwd.eps, dy=dy)
    for name in BUGS.keys() & SLIPS["dx"].keys():
        np.testing.assert_allclose(BUGS[name](dy, fwd), SLIPS["dx"][name](values), rtol=1e-12)


@pytest.mark.parametrize("name", BUGS)
@pytest.mark.parametrize("x", [[[3.0, -1.0]], [[0.1, 5.0]] * 3])
def test_bugs_of_a_batch_without_spread_are_finite(name, x):
    fwd = forward_train(x)
    assert np.isfinite(BUGS[name](random_gradient(fwd), fwd)).all()


def test_bugs_are_in_copies_of_the_gradient():
    fwd = unit_batch(0)
    dy = random_gradient(fwd)
    for a in (dy, fwd.x, fwd.centred, fwd.inv_std, fwd.gamma):
        a.setflags(write=False)
    for bug in BUGS.values():
        bug(dy, fwd)[0, 0] = 1
