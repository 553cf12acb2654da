"""Logistic regression on raw and standardised inputs."""

import numpy as np
import pytest

from bn_core.gradcheck import numerical_gradient
from bn_core.shallow import (
    Paths,
    condition_number,
    descend,
    hessian,
    level_sets,
    loss,
    loss_and_gradient,
    lowest,
    two_features,
)

DATA = two_features()
WEIGHTS = np.random.default_rng(0).standard_normal((6, 2)) * 2


def plainly(features, w):
    """The loss, as a textbook writes it."""
    p = 1 / (1 + np.exp(-features @ w))
    return -np.mean(DATA.target * np.log(p) + (1 - DATA.target) * np.log(1 - p))


def test_the_features_are_standardised_and_both_are_needed():
    np.testing.assert_allclose(DATA.z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(DATA.z.std(axis=0), 1)
    right = DATA.target == 1
    both = np.mean((DATA.z @ lowest(DATA) > 0) == right)
    alone = [max(np.mean((s * DATA.z[:, k] > 0) == right) for s in (1, -1)) for k in (0, 1)]
    assert both > max(alone) + 0.05
    assert not DATA.z.flags.writeable


def test_loss_and_gradient():
    losses, gradients = loss_and_gradient(DATA, WEIGHTS)
    for w, value, slope in zip(WEIGHTS, losses, gradients, strict=True):
        assert value == pytest.approx(plainly(DATA.z, w))
        numeric = numerical_gradient(lambda v: plainly(DATA.z, v), w)
        np.testing.assert_allclose(slope, numeric, atol=1e-9)


def test_no_overflow_far_out():
    assert np.isfinite(loss(DATA, [[1e4, -1e4]])).all()


def test_hessian():
    for w in WEIGHTS:
        columns = [
            numerical_gradient(lambda v, k=k: loss_and_gradient(DATA, v[None])[1][0, k], w)
            for k in (0, 1)
        ]
        np.testing.assert_allclose(hessian(DATA, w), columns, atol=1e-9)


def test_the_lowest_point_is_flat_and_lower_than_any_other():
    w = lowest(DATA)
    np.testing.assert_allclose(loss_and_gradient(DATA, w[None])[1], 0, atol=1e-12)
    assert loss(DATA, w[None])[0] < loss(DATA, w + WEIGHTS).min()


@pytest.mark.parametrize("unit", [1.0, 3.0, 8.0])
def test_a_path_is_that_of_descent_on_raw_features(unit: float):
    """Nothing of the shortcut: features in their unit, one learning rate for both weights."""
    raw, w, eta = DATA.z * [1, unit], np.zeros(2), 0.3
    found = descend(DATA, eta, unit, 20)
    for step in range(21):
        np.testing.assert_allclose(found.weights[0, step] / [1, unit], w, atol=1e-9)
        w = w - eta * ((1 / (1 + np.exp(-raw @ w)) - DATA.target) @ raw / len(raw))
    floor = plainly(DATA.z, lowest(DATA))
    left = (plainly(raw, found.weights[0, 20] / [1, unit]) - floor) / (np.log(2) - floor)
    assert found.excess[0, 20] == pytest.approx(left)
    assert found.excess[0, 0] == 1


def test_many_settings_at_once_are_each_by_itself():
    together = descend(DATA, [0.1, 1.0, 3.0], [1.0, 8.0, 2.0], 15)
    for n, (eta, unit) in enumerate([(0.1, 1.0), (1.0, 8.0), (3.0, 2.0)]):
        np.testing.assert_allclose(
            together.weights[n], descend(DATA, eta, unit, 15).weights[0], atol=1e-12
        )


def test_condition_number_is_that_of_the_raw_problem():
    w = lowest(DATA)
    for unit in (1.0, 8.0):
        raw = DATA.z * [1, unit]
        p = 1 / (1 + np.exp(-DATA.z @ w))
        curvature = (raw.T * (p * (1 - p))) @ raw / len(raw)
        low, high = np.linalg.eigvalsh(curvature)
        assert condition_number(DATA, unit)[0] == pytest.approx(high / low)


def test_level_sets_lie_on_their_level():
    shares = [0.02, 0.4, 1.0]
    curves = level_sets(DATA, shares, 33)
    floor, start = loss(DATA, np.stack([lowest(DATA), np.zeros(2)]))
    for share, curve in zip(shares, curves, strict=True):
        np.testing.assert_allclose(loss(DATA, curve), floor + share * (start - floor), rtol=1e-9)
        np.testing.assert_allclose(curve[0], curve[-1], atol=1e-9)


def test_arrived_means_to_stay():
    excess = np.array(
        [[1, 0.5, 0.01, 0.5, 0.01, 0.0], [1, 0.001, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0.2], [0] * 6]
    )
    paths = Paths(np.zeros((4, 6, 2)), excess)
    np.testing.assert_array_equal(paths.steps_to(0.01), [4, 1, np.nan, 0])
    assert paths.quickest(0.01) == 3
    assert Paths(np.zeros((1, 6, 2)), excess[2:3]).quickest(0.01) is None
