"""Running curves against the layer's own running statistics, and their noise against theory."""

import numpy as np
import pytest

from bn_core import RunningStats, forward_train
from bn_core.running import (
    TRUE_MEAN,
    TRUE_VAR,
    cumulative_curve,
    initial_weight,
    measured_noise,
    noise_ratio,
    running_curves,
    stream,
)

ALPHAS = np.array([0.0, 0.01, 0.1, 0.5, 0.9, 1.0])


def batches(size: int, steps: int, seed: int) -> np.ndarray:
    """The samples that `stream` describes."""
    return np.random.default_rng(seed).normal(TRUE_MEAN, np.sqrt(TRUE_VAR), (steps, size, 1))


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("alpha", [*ALPHAS, None])
def test_every_step_is_that_of_the_layer(alpha: float | None, unbiased: bool):
    found = stream(5, 12, seed=3)
    values = {"mean": found.mean, "var": found.stored_var(unbiased)}
    if alpha is None:
        curves = {name: cumulative_curve(values[name], start) for name, start in START.items()}
    else:
        curves = {n: running_curves(values[n], start, [alpha])[0] for n, start in START.items()}
    running = RunningStats.initial(1)
    for step, x in enumerate([None, *batches(5, 12, seed=3)]):
        if x is not None:
            running = running.updated(forward_train(x), momentum=alpha, unbiased=unbiased)
        assert curves["mean"][step] == pytest.approx(running.mean[0], rel=1e-12)
        assert curves["var"][step] == pytest.approx(running.var[0], rel=1e-12)


START = {"mean": 0.0, "var": 1.0}


def test_more_steps_are_further_ones():
    short, long = stream(8, 10, seed=1), stream(8, 30, seed=1)
    np.testing.assert_array_equal(short.mean, long.mean[:10])
    assert not np.array_equal(stream(8, 10, seed=2).mean, short.mean)


def test_which_stored_variance_is_right_on_average():
    found = stream(4, 100_000, seed=0)
    assert found.stored_var(True).mean() == pytest.approx(TRUE_VAR, rel=0.01)
    assert found.stored_var(False).mean() == pytest.approx(TRUE_VAR * 3 / 4, rel=0.01)
    for unbiased in (True, False):
        assert found.expected_var(unbiased) == pytest.approx(
            found.stored_var(unbiased).mean(), rel=0.01
        )
    assert found.mean.mean() == pytest.approx(TRUE_MEAN, rel=0.01)


def test_weight_of_the_initial_value():
    assert initial_weight(0.01, 100) == pytest.approx(0.366, abs=5e-4)
    assert initial_weight(0.1, 22) == pytest.approx(0.0985, abs=5e-4)
    for alpha in ALPHAS:
        # Batches of 0, from 1: what is left is the weight of the 1.
        left = running_curves(np.zeros(7), 1.0, [alpha])[0, -1]
        assert initial_weight(alpha, 7) == pytest.approx(left, abs=1e-15)


def test_noise_by_the_known_figures():
    assert noise_ratio(0.1) == pytest.approx(0.229, abs=5e-4)
    assert noise_ratio(0.9) == pytest.approx(0.905, abs=5e-4)
    assert noise_ratio(1.0) == 1
    np.testing.assert_allclose(noise_ratio(ALPHAS, steps=1), ALPHAS)


@pytest.mark.parametrize("steps", [1, 5, 100])
def test_noise_is_what_many_streams_show(steps: int):
    """The same streams, one step at a time."""
    means = np.random.default_rng(4).standard_normal((steps, 4000))
    ends = np.array([running_curves(column, 0.0, ALPHAS)[:, -1] for column in means.T])
    np.testing.assert_allclose(ends.std(axis=0), noise_ratio(ALPHAS, steps), rtol=0.06)
    measured = measured_noise(ALPHAS, steps, streams=4000, seed=4)
    np.testing.assert_allclose(measured, ends.std(axis=0) / means.std(), rtol=1e-9)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, np.nan])
def test_what_is_no_weight_is_refused(alpha: float):
    for refuses in (
        lambda: running_curves([1.0], 0.0, [alpha]),
        lambda: initial_weight(alpha, 3),
        lambda: noise_ratio(alpha),
        lambda: measured_noise([alpha], 3, 10, 0),
    ):
        with pytest.raises(ValueError, match="alpha must be from 0 to 1"):
            refuses()


def test_one_sample_has_no_unbiased_variance():
    with pytest.raises(ValueError, match="size"):
        stream(1, 10, seed=0)
