from dataclasses import replace

import numpy as np
import pytest

from bn_core import RunningStats
from bn_core.inference import (
    Evaluation,
    evaluated,
    evaluated_by_statistics,
    folded,
    recalibrated,
)
from bn_core.network import Layer, Network, forward, initial_network
from bn_core.training import trained
from bn_core.training_config import TrainingConfig
from bn_core.training_data import training_data

CONFIG = TrainingConfig(
    depth=3,
    width=12,
    activation="tanh",
    batch_size=20,
    steps=60,
    learning_rate=0.3,
    dtype="float64",
)
DATA = training_data("digits").first(CONFIG.train_size)


@pytest.fixture(scope="module")
def end():
    return trained(CONFIG).finished


def plain_classifier() -> Network:
    """Its logits are its input."""
    return Network((Layer(np.eye(2), None),), "relu", linear_output=True)


class TestEvaluated:
    def test_by_hand(self):
        found = evaluated(plain_classifier(), [[0.0, 0.0], [3.0, 0.0], [0.0, 1.0]], [0, 0, 0])
        expected = np.mean([np.log(2), np.log(1 + np.exp(-3)), np.log(1 + np.exp(1))])
        assert found.loss == pytest.approx(expected)
        assert found.accuracy == pytest.approx(2 / 3)

    def test_a_diverged_network_has_no_loss_and_no_warning(self):
        assert np.isnan(evaluated(plain_classifier(), [[np.nan, 0.0]], [0]).loss)

    def test_batches_matter_with_batch_statistics_only(self, end):
        x, labels = DATA.held_out_x, DATA.held_out_labels
        whole, parts = (evaluated(end.network, x, labels, batch_size=size) for size in (None, 20))
        assert whole.loss != pytest.approx(parts.loss, rel=1e-3)
        whole, parts = (
            evaluated(end.network, x, labels, end.running, batch_size=size) for size in (None, 20)
        )
        assert whole.loss == pytest.approx(parts.loss, rel=1e-12)

    def test_what_is_left_over_is_shared_out(self, end):
        x, labels = DATA.held_out_x[:25], DATA.held_out_labels[:25]
        halves = [evaluated(end.network, x[part], labels[part]).loss * n
                  for part, n in ((slice(13), 13), (slice(13, 25), 12))]  # fmt: skip
        found = evaluated(end.network, x, labels, batch_size=10)
        assert found.loss == pytest.approx(sum(halves) / 25)
        assert evaluated(end.network, x, labels, batch_size=99) == evaluated(end.network, x, labels)

    def test_bad_batch_size(self, end):
        with pytest.raises(ValueError, match=r"^batch_size must be at least 1, got 0$"):
            evaluated(end.network, DATA.x, DATA.labels, batch_size=0)


class TestRecalibrated:
    def test_are_the_statistics_of_the_whole_training_set(self, end):
        running = recalibrated(end.network, DATA.x)
        assert running[-1] is None
        for record, stats in zip(forward(end.network, DATA.x)[:-1], running[:-1], strict=True):
            np.testing.assert_allclose(stats.mean, record.pre_activation.mean(axis=0), rtol=1e-9)
            np.testing.assert_allclose(stats.var, record.pre_activation.var(axis=0, ddof=1))

    def test_normalising_with_them_gives_the_training_set_mean_0_and_variance_1(self, end):
        plain = replace(
            end.network,
            layers=tuple(
                replace(layer, gamma=np.ones(12), beta=np.zeros(12))
                if layer.gamma is not None
                else layer
                for layer in end.network.layers
            ),
        )
        running = recalibrated(plain, DATA.x)
        for record in forward(plain, DATA.x, running)[:-1]:
            np.testing.assert_allclose(record.activation_input.mean(axis=0), 0, atol=1e-3)
            np.testing.assert_allclose(record.activation_input.var(axis=0), 1, rtol=2e-3)

    def test_over_batches_they_are_the_papers_algorithm_2(self, end):
        running = recalibrated(end.network, DATA.x, batch_size=50)
        z = [forward(end.network, part)[1].pre_activation for part in DATA.x.reshape(20, 50, 64)]
        np.testing.assert_allclose(running[1].mean, np.mean([part.mean(0) for part in z], 0))
        np.testing.assert_allclose(
            running[1].var, np.mean([part.var(0) for part in z], 0) * 50 / 49
        )
        assert running[1].count == 20

    def test_after_the_activation(self):
        network = trained(replace(CONFIG, batch_norm="after")).finished.network
        running = recalibrated(network, DATA.x)
        a = np.tanh(forward(network, DATA.x)[0].pre_activation)
        np.testing.assert_allclose(running[0].mean, a.mean(axis=0), atol=1e-12)

    def test_without_batch_norm_there_is_nothing_to_find(self):
        network = initial_network((64, 5, 10), activation="relu")
        assert recalibrated(network, DATA.x) == (None, None)

    def test_one_sample_has_no_variance(self, end):
        with pytest.raises(ValueError, match="needs at least two values per feature"):
            recalibrated(end.network, DATA.x[:1])


class TestEvaluatedByStatistics:
    def test_running_statistics_that_lag_behind_are_repaired_by_new_ones(self):
        """Identical weights, another function: what surprises people most about BN."""
        config = replace(CONFIG, activation="sigmoid", bn_momentum=0.002, steps=400)
        end = trained(replace(config, learning_rate=1)).finished
        found = evaluated_by_statistics(end.network, end.running, DATA, batch_size=60)
        assert list(found) == ["running", "batch", "recomputed"]
        assert found["running"].accuracy < 0.7
        assert found["batch"].accuracy > 0.9
        assert found["recomputed"].accuracy > 0.9

    def test_each_is_what_its_name_says(self, end):
        x, labels = DATA.held_out_x, DATA.held_out_labels
        assert evaluated_by_statistics(end.network, end.running, DATA, batch_size=30) == {
            "running": evaluated(end.network, x, labels, end.running),
            "batch": evaluated(end.network, x, labels, batch_size=30),
            "recomputed": evaluated(end.network, x, labels, recalibrated(end.network, DATA.x)),
        }


class TestFolded:
    @pytest.mark.parametrize(
        "options", [{}, {"bias": False}, {"skips": True}, {"steps": 0}], ids=str
    )
    def test_is_the_same_function_without_batch_norm(self, options):
        end = trained(replace(CONFIG, **options)).finished
        rng = np.random.default_rng(0)
        running = [
            None if stats is None else RunningStats(rng.normal(size=12), rng.uniform(0.1, 2, 12))
            for stats in end.running
        ]
        plain = folded(end.network, running)
        assert all(layer.gamma is None and layer.beta is None for layer in plain.layers)
        with_bn = forward(end.network, DATA.held_out_x, running)[-1].output
        np.testing.assert_allclose(forward(plain, DATA.held_out_x)[-1].output, with_bn, atol=1e-12)
        assert np.abs(with_bn - forward(end.network, DATA.held_out_x)[-1].output).max() > 0.01

    def test_of_one_unit_by_hand(self):
        one = np.ones(1)
        layer = Layer(weight=3 * np.ones((1, 1)), bias=2 * one, gamma=4 * one, beta=5 * one)
        running = RunningStats(mean=[1.0], var=[0.25 - 1e-5])
        (plain,) = folded(Network((layer,), "relu"), [running]).layers
        assert plain.weight == pytest.approx(4 * 3 / 0.5)
        assert plain.bias == pytest.approx(4 * (2 - 1) / 0.5 + 5)

    def test_dtype_stays(self):
        end = trained(replace(CONFIG, dtype="float32")).finished
        for layer in folded(end.network, end.running).layers:
            assert layer.weight.dtype == layer.bias.dtype == np.float32

    def test_a_network_without_batch_norm_stays_as_it_is(self):
        network = initial_network((6, 5, 3), activation="relu")
        assert folded(network, [None, None]).layers == network.layers

    def test_after_the_activation_there_is_nothing_to_fold_into(self):
        end = trained(replace(CONFIG, batch_norm="after")).finished
        with pytest.raises(ValueError, match=r"^network must have BN right after the linear part"):
            folded(end.network, end.running)

    def test_other_norms_cannot_be_folded(self):
        end = trained(replace(CONFIG, norm="layer")).finished
        with pytest.raises(ValueError, match="must have BN to be folded; got norm 'layer'"):
            folded(end.network, end.running)

    def test_statistics_must_be_where_batch_norm_is(self, end):
        with pytest.raises(ValueError, match=r"^running must be None just where there is no BN$"):
            folded(end.network, [None] * 4)


def test_an_evaluation_compares_by_value():
    assert Evaluation(0.5, 1.0) == Evaluation(0.5, 1.0)
