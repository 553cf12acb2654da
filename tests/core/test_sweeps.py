"""Every number of a sweep equals ``forward_train``, the activation and ``np.histogram``.

The bins of a sweep are half open, [a, b), so that what lies on the last edge lies outside; the
last bin of ``np.histogram`` is closed. They differ by the values that stand exactly there.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_core.activations import ACTIVATIONS, Activation
from bn_core.batchnorm import forward_train
from bn_core.sweeps import (
    BINS,
    FIXED_AXIS,
    FIXED_BINS,
    Passage,
    follow,
    output_edges,
    own_axis,
    passage,
)

Setting = tuple[np.ndarray, float, float, float]  # batch (m, d), gamma, beta, eps

N = 10
STAGES = ("x", "x_hat", "y")


def random(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Skewed features, each at its own place and width."""
    rng = np.random.default_rng(seed)
    d = shape[1]
    return rng.gamma(2, size=shape) * np.geomspace(0.05, 3, d) + np.linspace(-4, 4, d)


def with_a_constant() -> np.ndarray:
    batch = random((40, 3), seed=3)
    batch[:, 1] = 1.7
    return batch


BATCHES = {
    "one feature": random((57, 1)),
    "pooled": random((64, 5), seed=1),
    "a constant among others": with_a_constant(),
    "constant": np.full((30, 1), -2.3),
    "m = 1": random((1, 1), seed=4),
    "m = 1, pooled": random((1, 4), seed=5),
    "m = 2": random((2, 1), seed=6),
}
NEGATIVE_ZERO_POSITIVE = np.concatenate([[0.0], np.random.default_rng(7).uniform(-2, 4, N - 1)])
KNOBS = {
    "gamma": NEGATIVE_ZERO_POSITIVE,
    "beta": np.concatenate([[0.0, 0.25], np.random.default_rng(8).uniform(-6, 6, N - 2)]),
    "eps": 10 ** np.random.default_rng(9).uniform(-8, 2, N),
    "scale": 2 ** np.random.default_rng(10).uniform(-2, 6, N),
}


def swept(knob: str, batch: np.ndarray, f: Activation) -> tuple[Passage, list[Setting]]:
    """A sweep of one knob with the others off their defaults, and its settings one by one."""
    here = {"gamma": -1.3, "beta": 0.4, "eps": 1e-3}
    values = KNOBS[knob]
    if knob == "scale":
        stack = np.stack([value * batch for value in values])
        settings = [(x, *here.values()) for x in stack]
        return passage(stack, **here, activation=f), settings
    settings = [(batch, *(here | {knob: float(value)}).values()) for value in values]
    return passage(batch, **here | {knob: values}, activation=f), settings


def direct(setting: Setting, f: Activation) -> dict[str, np.ndarray]:
    """The four quantities at one setting, pooled, by the fast path itself."""
    x, gamma, beta, eps = setting
    d = x.shape[1]
    fwd = forward_train(x, np.full(d, gamma), np.full(d, beta), eps=eps)
    found = {"x": x, "x_hat": fwd.x_hat, "y": fwd.y, "activation": f(fwd.y)}
    return {name: values.ravel() for name, values in found.items()}


def half_open(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counts = np.histogram(values, edges)[0]
    counts[-1] -= np.sum(values == edges[-1])
    return counts


def at(rows: np.ndarray, i: int) -> np.ndarray:
    """Row i of an array with a row for each setting, or with one for all of them."""
    return rows[i] if len(rows) > 1 else rows[0]


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("knob", KNOBS)
class TestPassageEqualsTheFastPath:
    def test_histograms(self, knob: str, batch: str, name: str):
        f = ACTIVATIONS[name]
        found, settings = swept(knob, BATCHES[batch], f)
        for i, setting in enumerate(settings):
            values = direct(setting, f)
            for stage in (*STAGES, "activation"):
                got = getattr(found, stage)
                edges = np.atleast_2d(got.edges)
                expected = half_open(values[stage], at(edges, i))
                if stage == "activation" and np.isfinite(f.output_range[1]):
                    # What rounds to f's upper end belongs to f's range, and to the last bin.
                    expected = np.histogram(values[stage], at(edges, i))[0]
                np.testing.assert_array_equal(at(got.counts, i), expected, err_msg=stage)
                outside = at(got.outside, i)
                assert outside == found.size - expected.sum(), stage

    def test_moments(self, knob: str, batch: str, name: str):
        f = ACTIVATIONS[name]
        found, settings = swept(knob, BATCHES[batch], f)
        for i, setting in enumerate(settings):
            for stage, values in direct(setting, f).items():
                if stage == "activation":
                    continue
                moments = getattr(found, stage).moments
                mean, sd = np.mean(values), np.std(values)
                scale = np.abs(values).max()
                assert at(moments.mean, i) == pytest.approx(mean, rel=1e-9, abs=1e-12 * scale)
                assert at(moments.sd, i) == pytest.approx(sd, rel=1e-9, abs=1e-12 * scale)
                skew = at(moments.skew, i)
                if sd > 1e-9 * scale:
                    expected = np.mean((values - mean) ** 3) / sd**3
                    assert skew == pytest.approx(expected, rel=1e-6, abs=1e-9), stage
                else:
                    assert np.isnan(skew), stage

    def test_share_saturated_and_outside(self, knob: str, batch: str, name: str):
        f = ACTIVATIONS[name]
        found, settings = swept(knob, BATCHES[batch], f)
        assert found.size == BATCHES[batch].size
        low, high = FIXED_AXIS
        for i, setting in enumerate(settings):
            values = direct(setting, f)
            for stage in STAGES:
                share = at(getattr(found, stage).saturated, i)
                assert share == np.mean(f.saturated(values[stage])), stage
            for stage in ("x_hat", "y"):
                off = np.sum((values[stage] < low) | (values[stage] >= high))
                assert at(getattr(found, stage).outside, i) == off, stage


class TestPassage:
    sigmoid = ACTIVATIONS["sigmoid"]

    def test_without_a_sweep_there_is_one_row_of_everything(self):
        found = passage(BATCHES["pooled"], activation=self.sigmoid)
        assert found.x.counts.shape == found.activation.counts.shape == (1, BINS)
        assert found.x_hat.counts.shape == found.y.counts.shape == (1, FIXED_BINS)

    @pytest.mark.parametrize("gamma", [-2.0, -0.3, 0.7, 4.0])
    @pytest.mark.parametrize("batch", ["one feature", "m = 2"])
    def test_standardising_and_shifting_keep_the_skewness(self, batch: str, gamma: float):
        found = passage(BATCHES[batch], gamma=gamma, beta=1.1, activation=self.sigmoid)
        x, x_hat, y = (getattr(found, stage).moments.skew for stage in STAGES)
        np.testing.assert_allclose(x_hat, x, atol=1e-12)
        np.testing.assert_allclose(y, np.sign(gamma) * x, atol=1e-12)

    def test_two_humps_in_two_humps_out(self):
        rng = np.random.default_rng(2)
        x = np.concatenate([rng.normal(-5, 0.3, 200), rng.normal(5, 0.3, 200)])[:, None]
        gammas = np.array([-3.0, 0.8, 2.0, 4.0])
        found = passage(x, gamma=gammas, activation=self.sigmoid)
        for counts in (*found.x.counts, *found.x_hat.counts, *found.y.counts):
            (filled,) = np.nonzero(counts)
            gap = np.diff(filled)
            assert np.sum(gap > 2) == 1, "one gap between two humps"
            assert counts[: filled[gap.argmax()] + 1].sum() == 200

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
    def test_no_standardised_value_is_beyond_the_root_of_m_minus_1(self, values: list[float]):
        x = np.array(values)[:, None]
        bound = np.sqrt(len(x) - 1)
        x_hat, _, _ = follow(x, gamma=1.0, beta=0.0, eps=1e-5, activation=self.sigmoid)
        assert np.abs(x_hat).max() <= bound * (1 + 1e-9)
        found = passage(x, activation=self.sigmoid)
        beyond = np.abs(found.x_hat.edges) > bound
        ends = np.minimum(beyond[:-1], beyond[1:]) & (
            found.x_hat.edges[:-1] * found.x_hat.edges[1:] > 0
        )
        assert found.x_hat.counts[0, ends].sum() == 0

    @pytest.mark.parametrize("name", ACTIVATIONS)
    def test_the_output_far_out_is_counted(self, name: str):
        """f(y) rounds to the end of its range there; of ReLU's no end, what is beyond the axis."""
        f = ACTIVATIONS[name]
        x = np.array([[-1.0], [1.0]])
        found = passage(x, gamma=1000.0, activation=f).activation
        assert found.counts[0, 0] == 1
        expected = (1, 0) if np.isfinite(f.output_range[1]) else (0, 1)
        assert (found.counts[0, -1], found.outside[0]) == expected

    def test_a_given_axis_for_x_is_used(self):
        x = BATCHES["one feature"]
        edges = np.linspace(-50, 50, BINS + 1)[None]
        found = passage(x, activation=self.sigmoid, x_edges=edges)
        np.testing.assert_array_equal(found.x.counts[0], np.histogram(x, edges[0])[0])

    def test_the_input_stays_as_it_was(self):
        x = random((20, 2))
        before = x.copy()
        x.setflags(write=False)
        passage(x, gamma=KNOBS["gamma"], activation=self.sigmoid)
        np.testing.assert_array_equal(x, before)


class TestAxes:
    @given(st.lists(st.integers(-20, 20), min_size=1, max_size=30))
    def test_no_value_of_x_is_off_its_own_axis(self, values: list[int]):
        x = np.array(values, float)[:, None]
        found = passage(x, activation=ACTIVATIONS["tanh"])
        assert found.x.outside.tolist() == [0]
        assert found.x.counts.sum() == len(x)

    def test_each_batch_of_a_stack_has_its_own(self):
        stack = np.stack([random((9, 2)), 30 * random((9, 2))])
        edges = own_axis(stack)
        assert edges.shape == (2, BINS + 1)
        assert edges[1, -1] > 5 * edges[0, -1]

    @pytest.mark.parametrize("name", ACTIVATIONS)
    def test_output_edges_cover_the_range(self, name: str):
        edges = output_edges(ACTIVATIONS[name])
        low, high = ACTIVATIONS[name].output_range
        assert edges[0] == low
        assert edges[-1] == min(high, FIXED_AXIS[1])
        assert len(edges) == BINS + 1


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_follow_is_the_fast_path(name: str):
    f = ACTIVATIONS[name]
    x = BATCHES["pooled"]
    x_hat, y, output = follow(x, gamma=-0.5, beta=2.0, eps=0.1, activation=f)
    expected = direct((x, -0.5, 2.0, 0.1), f)
    np.testing.assert_array_equal(x_hat.ravel(), expected["x_hat"])
    np.testing.assert_array_equal(y.ravel(), expected["y"])
    np.testing.assert_array_equal(output.ravel(), expected["activation"])
