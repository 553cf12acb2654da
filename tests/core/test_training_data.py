from itertools import islice

import numpy as np
import pytest

from bn_core.datasets import load_digits, load_fashion_mnist, two_spirals
from bn_core.training_data import DATA_SETS, mini_batches, training_data

NAMES = list(DATA_SETS)


def rows_of(x):
    return {row.tobytes() for row in np.ascontiguousarray(x)}


class TestTrainingData:
    @pytest.mark.parametrize("name", NAMES)
    def test_is_what_was_announced(self, name):
        data, said = training_data(name), DATA_SETS[name]
        assert data.x.shape == (said.size, said.features)
        assert data.labels.shape == (said.size,)
        assert data.held_out_x.shape[1] == said.features
        assert data.held_out_labels.shape == data.held_out_x.shape[:1]
        assert data.classes == said.classes
        assert set(np.unique(data.labels)) == set(range(said.classes))

    @pytest.mark.parametrize("name", NAMES)
    def test_held_out_samples_are_not_trained_on(self, name):
        data = training_data(name)
        shared = rows_of(data.x) & rows_of(data.held_out_x)
        assert len(shared) <= 1  # two pictures may happen to be equal

    @pytest.mark.parametrize("name", NAMES)
    def test_every_class_is_about_as_frequent_in_both_parts(self, name):
        data = training_data(name)
        shares = [
            np.bincount(labels) / len(labels) for labels in (data.labels, data.held_out_labels)
        ]
        np.testing.assert_allclose(shares[0], shares[1], atol=0.035)

    def test_digits_are_all_there(self):
        data = training_data("digits")
        every = np.concatenate([data.x, data.held_out_x])
        wanted = load_digits().images.astype(np.float32)
        assert sorted(map(bytes, every)) == sorted(map(bytes, wanted))

    def test_digits_keep_their_labels(self):
        digits, data = load_digits(), training_data("digits")
        label_of = dict(
            zip(map(bytes, digits.images.astype(np.float32)), digits.labels, strict=True)
        )
        assert [label_of[bytes(x)] for x in data.x] == data.labels.tolist()
        assert [label_of[bytes(x)] for x in data.held_out_x] == data.held_out_labels.tolist()

    def test_fashion_mnist_is_divided_as_its_file(self):
        data = training_data("fashion_mnist")
        np.testing.assert_array_equal(data.x, load_fashion_mnist("train").images)
        np.testing.assert_array_equal(data.held_out_labels, load_fashion_mnist("test").labels)

    @pytest.mark.parametrize("name", ["digits", "fashion_mnist"])
    def test_binarised(self, name):
        grey, black = training_data(name), training_data(name, True)
        np.testing.assert_array_equal(black.x, grey.x > 0.5)
        np.testing.assert_array_equal(black.held_out_x, grey.held_out_x > 0.5)
        assert black.x.dtype == np.float32

    @pytest.mark.parametrize("name", NAMES)
    def test_is_shared_and_read_only(self, name):
        data = training_data(name)
        assert training_data(name) is data
        assert not any(array.flags.writeable for array in vars(data).values())
        assert not data.first(10).x.flags.writeable

    def test_the_first_few(self):
        data = training_data("digits")
        few = data.first(10)
        np.testing.assert_array_equal(few.x, data.x[:10])
        np.testing.assert_array_equal(few.labels, data.labels[:10])
        assert few.held_out_x is data.held_out_x

    def test_unknown_name(self):
        with pytest.raises(
            ValueError, match=r"^name must be one of digits, fashion_mnist, spirals;"
        ):
            training_data("mnist")


class TestMiniBatches:
    def test_an_epoch_has_every_row_once(self):
        rows = np.concatenate(list(islice(mini_batches(40, 8, 0), 5)))
        assert sorted(rows) == list(range(40))

    def test_a_remainder_is_left_out_and_another_one_in_each_epoch(self):
        batches = list(islice(mini_batches(10, 4, 0), 400))
        assert {len(batch) for batch in batches} == {4}
        for first, second in zip(batches[::2], batches[1::2], strict=True):
            assert len({*first, *second}) == 8
        assert {row for batch in batches for row in batch} == set(range(10))

    def test_epochs_differ(self):
        first, second = islice(mini_batches(40, 40, 0), 2)
        assert (first != second).any()

    def test_seed_decides(self):
        first, again, other = (next(mini_batches(40, 8, seed)) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((0, 1, 0), "n must be at least 1, got 0"),
            ((5, 0, 0), "m must be at least 1, got 0"),
            ((5, 6, 0), "m must be at most 5, got 6"),
        ],
    )
    def test_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=f"^{message}$"):
            next(mini_batches(*arguments))


class TestTwoSpirals:
    def test_shape_and_classes(self):
        points, labels = two_spirals(7, seed=0)
        assert points.shape == (7, 2)
        assert labels.tolist() == [0, 1, 0, 1, 0, 1, 0]

    def test_lie_on_their_arms(self):
        """Turned back by what their radius says, all points of an arm look the same way."""
        points, labels = two_spirals(4000, seed=1)
        radius = np.hypot(*points.T)
        far = radius > 0.3  # near the centre the noise turns them
        turned = np.arctan2(points[:, 1], points[:, 0]) - 2 * np.pi * 1.5 * radius
        off = np.angle(np.exp(1j * (turned - np.pi * labels)))[far]
        assert np.abs(off).max() < 1
        assert abs(off.mean()) < 0.02

    def test_no_straight_line_parts_them(self):
        points, labels = two_spirals(2000, seed=0)
        side = np.linalg.lstsq(np.c_[points, np.ones(2000)], 2.0 * labels - 1)[0]
        right = (np.c_[points, np.ones(2000)] @ side > 0) == labels
        assert right.mean() < 0.75

    def test_a_smaller_set_is_not_needed_to_be_part_but_a_seed_decides(self):
        np.testing.assert_array_equal(two_spirals(9, seed=2)[0], two_spirals(9, seed=2)[0])
        assert (two_spirals(9, seed=2)[0] != two_spirals(9, seed=3)[0]).all()

    @pytest.mark.parametrize(("n", "seed"), [(0, 0), (5, -1), (2.5, 0)])
    def test_bad_arguments(self, n, seed):
        with pytest.raises(ValueError, match="must be"):
            two_spirals(n, seed)
