import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_core.summaries import (
    Moments,
    batch_noise,
    count_below,
    histograms,
    largest_possible,
    moments,
    nice_bounds,
    rung,
)

finite = st.floats(-1e9, 1e9).map(lambda v: round(v, 6))
small = st.floats(-100, 100)
SCALES = np.array([-2.5, -1.0, -1e-3, 0.0, 0.25, 1.0, 4.0])


def sample(shape: tuple[int, int] = (5, 200), seed: int = 0) -> np.ndarray:
    """Rows that are skewed, each by its own amount."""
    rng = np.random.default_rng(seed)
    return rng.gamma(np.linspace(0.5, 4, shape[0])[:, None], size=shape) - 1.5


def plain_moments(values: np.ndarray) -> tuple[float, float, float]:
    centred = values - np.mean(values)
    return np.mean(values), np.std(values), np.mean(centred**3) / np.std(values) ** 3


class TestMoments:
    def test_are_those_of_each_row(self):
        rows = sample()
        found = moments(rows)
        for i, row in enumerate(rows):
            mean, sd, skew = plain_moments(row)
            assert found.mean[i] == pytest.approx(mean, rel=1e-12)
            assert found.sd[i] == pytest.approx(sd, rel=1e-12)
            assert found.skew[i] == pytest.approx(skew, rel=1e-12)

    def test_by_hand(self):
        found = moments(np.array([[0.0, 0.0, 0.0, 4.0]]))  # centred −1 −1 −1 3: m₂ = 3, m₃ = 6
        assert found.mean == 1
        assert found.sd == pytest.approx(np.sqrt(3))
        assert found.skew == pytest.approx(6 / 3**1.5)

    @pytest.mark.parametrize("value", [0.0, 1.0, -7e8, 0.1, 1e-300])
    def test_a_row_that_does_not_vary_has_no_skewness(self, value: float):
        found = moments(np.full((1, 7), value))
        assert found.mean == pytest.approx(value)
        assert found.sd == pytest.approx(0, abs=1e-15 * abs(value))
        assert np.isnan(found.skew)

    def test_affine_gives_the_moments_of_the_mapped_rows(self):
        row = sample((1, 300))
        found = moments(row).affine(SCALES, 3 * SCALES + 1)
        for i, scale in enumerate(SCALES):
            assert found.mean[i] == pytest.approx(np.mean(scale * row + 3 * scale + 1), rel=1e-12)
            assert found.sd[i] == pytest.approx(np.std(scale * row), rel=1e-12)
            if scale == 0:
                assert np.isnan(found.skew[i])
            else:
                assert found.skew[i] == pytest.approx(plain_moments(scale * row[0])[2], rel=1e-9)

    @given(st.lists(small, min_size=3, max_size=20), st.floats(0.01, 100), small)
    def test_standardising_keeps_the_skewness(self, values: list[float], scale: float, shift):
        row = np.array([values])
        before = moments(row)
        if not before.sd[0] > 1e-6:
            return
        assert before.affine(np.array([scale]), np.array([shift])).skew == before.skew
        x_hat = (row - before.mean[0]) / before.sd[0]
        np.testing.assert_allclose(moments(x_hat).skew, before.skew, atol=1e-6)

    def test_affine_keeps_what_is_undefined_undefined(self):
        nothing = Moments(np.zeros(1), np.zeros(1), np.full(1, np.nan))
        assert np.isnan(nothing.affine(np.array([2.0]), np.array([1.0])).skew).all()


class TestCountBelow:
    thresholds = np.array([-np.inf, -3.0, -0.5, 0.0, 0.5, 3.0, np.inf])

    @pytest.mark.parametrize("inclusive", [False, True])
    @pytest.mark.parametrize("rows", [1, len(SCALES)], ids=["one row for all", "a row each"])
    def test_equals_counting(self, rows: int, inclusive: bool):
        values = np.sort(sample((rows, 60), seed=1), axis=1)
        shift = np.linspace(-1, 1, len(SCALES))
        found = count_below(values, self.thresholds, scale=SCALES, shift=shift, inclusive=inclusive)
        for i, (scale, moved) in enumerate(zip(SCALES, shift, strict=True)):
            mapped = scale * values[i % rows] + moved
            for j, t in enumerate(self.thresholds):
                expected = np.sum(mapped <= t) if inclusive else np.sum(mapped < t)
                assert found[i, j] == expected, (scale, moved, t)

    @pytest.mark.parametrize(("inclusive", "expected"), [(False, [1, 1]), (True, [3, 3])])
    def test_ties_with_a_threshold(self, inclusive: bool, expected: list[int]):
        ordered = np.array([[-1.0, 0.0, 0.0, 1.0]])
        found = count_below(
            ordered,
            np.array([0.0]),
            scale=np.array([1.0, -1.0]),
            shift=np.zeros(2),
            inclusive=inclusive,
        )
        assert found[:, 0].tolist() == expected

    @pytest.mark.parametrize(("inclusive", "expected"), [(False, 0), (True, 4)])
    def test_scale_zero_puts_every_value_on_the_shift(self, inclusive: bool, expected: int):
        ordered = np.array([[-1.0, 0.0, 2.0, 5.0]])
        shift = np.array([0.5])
        found = count_below(ordered, shift, scale=np.zeros(1), shift=shift, inclusive=inclusive)
        assert found.tolist() == [[expected]]


class TestNiceBounds:
    @given(finite, finite)
    def test_hold_the_interval_and_end_on_round_steps(self, a: float, b: float):
        low, high = sorted((a, b))
        left, right = nice_bounds(low, high)
        slack = 1e-9 * max(abs(left), abs(right))
        assert left <= low + slack
        assert right >= high - slack
        assert left < right
        width = (high - low) or abs(high) or 1.0
        # Four steps hold the width; the ends may stand up to one step beyond on either side.
        assert right - left <= 6 * 2.5 * width / 4 + slack

    @given(finite, st.floats(1e-3, 1e9))
    def test_end_on_multiples_of_a_round_step(self, low: float, width: float):
        left, right = nice_bounds(low, low + width)
        powers = 10.0 ** np.arange(-6, 12)
        steps = np.outer([1, 2, 5], powers).ravel()
        fitting = steps[(steps >= width / 4 * (1 - 1e-6)) & (steps <= 2.6 * width / 4)]
        assert any(
            np.allclose(np.array([left, right]) / step, np.rint(np.array([left, right]) / step))
            for step in fitting
        )

    @pytest.mark.parametrize(
        ("interval", "bounds"),
        [
            ((0, 1), (0, 1)),
            ((0.1, 3.9), (0, 4)),
            ((-1.9, 1.3), (-2, 2)),
            ((38, 90), (20, 100)),
            ((0, 0), (-0.5, 0.5)),
            ((3, 3), (1, 5)),
            ((-3, -3), (-5, -1)),
        ],
    )
    def test_by_hand(self, interval: tuple[float, float], bounds: tuple[float, float]):
        assert nice_bounds(*interval) == pytest.approx(bounds)


class TestRung:
    @given(st.lists(st.floats(0, 100), min_size=1, max_size=9))
    def test_holds_the_peak_and_no_lower_rung_does(self, peaks: list[float]):
        ladder = np.array([5.0, 10.0, 20.0, 50.0, 100.0])
        for peak, top in zip(peaks, rung(np.array(peaks)), strict=True):
            assert top in ladder
            assert top >= peak
            assert not np.any(ladder[ladder < top] >= peak)

    def test_beyond_the_ladder_is_its_top(self):
        assert rung(np.array([105.0])).tolist() == [100.0]


class TestBatchNoise:
    population = np.random.default_rng(0).standard_normal(20_000) * 3 + 50
    sizes = (2, 8, 32, 128)

    def test_scatter_of_the_mean_is_the_theory_for_any_distribution(self):
        skewed = np.random.default_rng(1).gamma(0.5, size=20_000)
        for values in (self.population, skewed):
            noise = batch_noise(values, self.sizes, 4000, seed=0)
            np.testing.assert_allclose(noise.mean_theory, values.std() / np.sqrt(self.sizes))
            np.testing.assert_allclose(noise.mean_sd, noise.mean_theory, rtol=0.05)

    def test_scatter_of_the_variance_is_the_theory_for_a_normal_distribution_only(self):
        noise = batch_noise(self.population, self.sizes, 4000, seed=0)
        np.testing.assert_allclose(noise.var_sd, noise.var_theory, rtol=0.06)
        heavy = np.random.default_rng(1).standard_t(5, 20_000)
        noise = batch_noise(heavy, self.sizes, 4000, seed=0)
        assert (noise.var_sd > 1.2 * noise.var_theory).all()

    def test_variance_theory_by_hand(self):
        """m σ̂²/σ² has m − 1 degrees of freedom, so its variance is 2(m − 1)."""
        noise = batch_noise(self.population, (2, 9), 1, seed=0)
        sigma2 = self.population.var()
        np.testing.assert_allclose(noise.var_theory, sigma2 * np.array([2**0.5 / 2, 4 / 9]))

    def test_the_seed_decides(self):
        first, again, other = (
            batch_noise(self.population, self.sizes, 10, seed=seed) for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first.mean_sd, again.mean_sd)
        assert (first.mean_sd != other.mean_sd).all()


@pytest.mark.parametrize("m", [1, 2, 10, 256])
def test_largest_possible_is_reached_by_one_value_apart(m: int):
    x = np.zeros(m)
    x[0] = 1.0
    x_hat = (x - x.mean()) / (x.std() or 1.0)
    assert np.abs(x_hat).max() == pytest.approx(largest_possible(m))


# ---- histograms of many rows ---------------------------------------------------------------------


def test_histograms_are_numpys():
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(4, 300)) * [[0.5], [1], [3], [10]]
    edges = np.linspace(-2, 2, 9)
    rows[0, :4] = [-2, 2, 0, 1.5]  # on edges, the last one's upper end included
    rows[1, 0] = np.nan
    found = histograms(rows, edges)
    for row, counts in zip(rows, found, strict=True):
        np.testing.assert_array_equal(counts, np.histogram(row[~np.isnan(row)], edges)[0])
