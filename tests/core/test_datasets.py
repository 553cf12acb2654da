import hashlib
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from bn_core.datasets import (
    SYNTHETIC_KINDS,
    ImageSet,
    load_digits,
    load_fashion_mnist,
    sample_batch,
    sample_rows,
    synthetic_batch,
)

LARGE = 40_000
EXPECTED_DRAW = [[1.4532746776792838, 2.23333351710249], [1.1542646742696692, 2.0056600817960666]]
EXPECTED_ROWS = "64a66217f3d3fbec"


@pytest.mark.parametrize(
    ("load", "count", "shape", "dtype"),
    [
        (load_digits, 1797, (8, 8), np.float64),
        (load_fashion_mnist, 6000, (28, 28), np.float32),
        (lambda: load_fashion_mnist("test"), 1000, (28, 28), np.float32),
    ],
    ids=["digits", "fashion train", "fashion test"],
)
class TestImages:
    def test_shapes_and_types(self, load, count, shape, dtype):
        data = load()
        assert data.images.shape == (count, shape[0] * shape[1])
        assert data.images.dtype == dtype
        assert data.labels.shape == (count,)
        assert data.labels.dtype == np.int64
        assert data.image_shape == shape

    def test_brightness_and_classes_fill_their_ranges(self, load, count, shape, dtype):
        data = load()
        assert data.images.min() == 0
        assert data.images.max() == 1
        assert set(data.labels.tolist()) == set(range(10))

    def test_loaded_once_and_read_only(self, load, count, shape, dtype):
        data = load()
        assert load() is data
        for array in data.images, data.labels:
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
        with pytest.raises(FrozenInstanceError):
            data.images = None


def test_explicit_and_default_split_share_their_memory():
    assert load_fashion_mnist() is load_fashion_mnist(split="train")


def test_images_look_like_their_classes():
    digits = load_digits()
    row = digits.images[digits.labels == 1].mean(axis=0).reshape(digits.image_shape)[4]
    assert row[3:5].min() > 3 * row[[0, 1, 6, 7]].max()  # a one is dark in the middle of a row


def test_unknown_split_is_an_error():
    with pytest.raises(ValueError, match="split must be one of train, test; got 'valid'"):
        load_fashion_mnist("valid")


def test_image_sets_can_be_made_of_other_images():
    data = ImageSet(np.zeros((2, 6)), np.zeros(2, np.int64), (2, 3))
    assert data.image_shape == (2, 3)


class TestSampling:
    def test_rows_come_once_each(self):
        rows = sample_rows(100, 100, seed=3)
        assert sorted(rows.tolist()) == list(range(100))

    def test_smaller_batch_begins_the_larger_one(self):
        images = load_digits().images
        large = sample_batch(images, 1797, seed=5)
        for m in 1, 2, 64, 1000:
            np.testing.assert_array_equal(sample_batch(images, m, seed=5), large[:m])

    def test_batch_is_the_rows_it_says(self):
        data = load_digits()
        rows = sample_rows(len(data.images), 16, seed=2)
        np.testing.assert_array_equal(sample_batch(data.images, 16, seed=2), data.images[rows])

    def test_same_seed_same_batch_and_another_seed_another(self):
        assert sample_rows(500, 20, 1).tolist() == sample_rows(500, 20, 1).tolist()
        assert sample_rows(500, 20, 1).tolist() != sample_rows(500, 20, 2).tolist()

    def test_batch_is_a_writable_copy_of_the_same_type(self):
        images = load_fashion_mnist("test").images
        batch = sample_batch(images, 4, seed=0)
        assert batch.dtype == np.float32
        assert not np.shares_memory(batch, images)
        batch[0] = 0.5

    def test_numpy_integers_will_do(self):
        assert sample_rows(np.int64(9), np.int32(3), np.uint8(1)).shape == (3,)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((10, 0, 0), "m must be at least 1, got 0"),
            ((10, 11, 0), "m must be at most the number of rows, 10, got 11"),
            ((10, 2.0, 0), "m must be an integer, got 2.0"),
            ((0, 1, 0), "n must be at least 1, got 0"),
            ((10, 2, -1), "seed must be at least 0, got -1"),
            ((10, 2, None), "seed must be an integer, got None"),
        ],
    )
    def test_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=f"^{message}$"):
            sample_rows(*arguments)

    def test_a_single_value_is_not_a_set_of_images(self):
        with pytest.raises(ValueError, match="images must have samples on axis 0"):
            sample_batch(np.float64(1), 1, 0)


@pytest.mark.parametrize("kind", SYNTHETIC_KINDS)
class TestEverySyntheticKind:
    def test_shape_type_and_finiteness(self, kind):
        x = synthetic_batch(kind, 5, 3, seed=0)
        assert x.shape == (5, 3)
        assert x.dtype == np.float64
        assert np.isfinite(x).all()

    def test_smaller_batch_begins_the_larger_one(self, kind):
        large = synthetic_batch(kind, 300, 4, seed=7)
        for m, d in (1, 4), (2, 1), (137, 4), (300, 3):
            np.testing.assert_array_equal(synthetic_batch(kind, m, d, seed=7), large[:m, :d])

    def test_seed_decides(self, kind):
        first = synthetic_batch(kind, 8, 2, seed=0)
        np.testing.assert_array_equal(first, synthetic_batch(kind, 8, 2, seed=0))
        assert (first != synthetic_batch(kind, 8, 2, seed=1)).all()

    def test_features_are_not_copies_of_each_other(self, kind):
        x = synthetic_batch(kind, 500, 3, seed=2)[1:, 1:]  # without the outlier and the constant
        assert abs(np.corrcoef(x.T)[0, 1]) < 0.15

    def test_locations_and_scales_do_not_depend_on_the_kind(self, kind):
        location, scale = _location_and_scale(kind, feature=1, seed=4)
        expected_location, expected_scale = _location_and_scale("normal", feature=1, seed=4)
        assert location == pytest.approx(expected_location, abs=0.05 * expected_scale)
        assert scale == pytest.approx(expected_scale, rel=0.15)


def _location_and_scale(kind: str, feature: int, seed: int) -> tuple[float, float]:
    column = synthetic_batch(kind, LARGE, feature + 1, seed)[1:, feature]
    return column.mean(), column.std()


def _standard(kind: str, m: int = LARGE) -> np.ndarray:
    """Feature 1 with its own mean and standard deviation taken out."""
    column = synthetic_batch(kind, m, 2, seed=11)[:, 1]
    return (column - column.mean()) / column.std()


def test_features_differ_visibly_before_standardising():
    means, stds = [], []
    for seed in range(200):
        x = synthetic_batch("normal", 200, 2, seed)
        means.append(x.mean(axis=0))
        stds.append(x.std(axis=0))
    assert 0.3 * 0.8 < np.min(stds) < 0.4
    assert 2.5 < np.max(stds) < 3 * 1.2
    assert np.min(means) < -3
    assert np.max(means) > 3
    assert np.median(np.abs(np.diff(means, axis=1))) > 1


def test_normal_has_the_moments_of_a_normal():
    x = _standard("normal")
    assert (x**3).mean() == pytest.approx(0, abs=0.06)
    assert (x**4).mean() == pytest.approx(3, abs=0.12)


def test_skewed_has_skewness_two():
    assert (_standard("skewed") ** 3).mean() == pytest.approx(2, abs=0.2)


def test_two_humps_have_a_valley_between_them():
    near = [np.mean(np.abs(_standard("two_humps") - at) < 0.1) for at in (-0.9, 0, 0.9)]
    assert near[1] < 0.4 * min(near[0], near[2])
    assert near[0] == pytest.approx(near[2], rel=0.1)


def test_heavy_tails_reach_far_out():
    assert np.abs(_standard("heavy_tailed")).max() > 10
    assert np.abs(_standard("normal")).max() < 6


def test_uniform_stays_within_root_three():
    assert np.abs(_standard("uniform")).max() == pytest.approx(3**0.5, rel=0.02)


def test_outlier_is_the_first_sample_and_only_that():
    x = synthetic_batch("outlier", 64, 5, seed=3)
    rest = x[1:]
    distance = np.abs(x - rest.mean(axis=0)) / rest.std(axis=0)
    assert (distance[0] > 9).all()
    assert (distance[1:] < 4.5).all()


def test_constant_is_the_first_feature_and_only_that():
    x = synthetic_batch("constant", 64, 4, seed=3)
    assert (x[:, 0] == x[0, 0]).all()
    assert (x[:, 1:].std(axis=0) > 0.2).all()
    np.testing.assert_array_equal(x[:, 1:], synthetic_batch("normal", 64, 4, seed=3)[:, 1:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("round", 4, 2, 0), "kind must be one of normal, .*, constant; got 'round'"),
        (("normal", 0, 2, 0), "m must be at least 1, got 0"),
        (("normal", 4, 0, 0), "d must be at least 1, got 0"),
        (("normal", 4, 2, -3), "seed must be at least 0, got -3"),
        (("normal", 4.5, 2, 0), "m must be an integer, got 4.5"),
    ],
)
def test_bad_arguments_of_synthetic_batches(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        synthetic_batch(*arguments)


def test_draws_are_the_same_on_every_machine():
    """Links carry a seed; a changed draw would silently change what everyone's link shows."""
    x = synthetic_batch("normal", 2, 2, seed=0)
    np.testing.assert_allclose(x, EXPECTED_DRAW, rtol=1e-12)
    digest = hashlib.sha256(sample_rows(1797, 100, 0).astype("<i8").tobytes()).hexdigest()
    assert digest[:16] == EXPECTED_ROWS
