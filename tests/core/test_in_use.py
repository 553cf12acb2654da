"""One trained network from four sides: each number by another way."""

from dataclasses import replace

import numpy as np
import pytest

from bn_core import RunningStats, forward_eval
from bn_core.in_use import (
    COMBINATIONS,
    FROZEN_CONFIG,
    Switches,
    folded_unit,
    folding_errors,
    in_company,
    lags,
    one_step_each,
    probability,
    region,
    statistics_of,
)
from bn_core.inference import evaluated, evaluated_by_statistics, recalibrated
from bn_core.network import BN_EPS, forward
from bn_core.training import trained
from bn_core.training_config import TrainingConfig
from bn_core.training_data import training_data
from bn_core.upstream import softmax_cross_entropy

CONFIG = TrainingConfig(
    data="spirals", train_size=1000, batch_size=64, depth=5, width=32, activation="relu",
    learning_rate=0.1, momentum=0.9, steps=100, moments=2, dtype="float64", bn_momentum=0.01,
)  # fmt: skip
DATA = training_data("spirals").first(CONFIG.train_size)
X, LABELS = DATA.held_out_x, DATA.held_out_labels


@pytest.fixture(scope="module")
def end():
    return trained(CONFIG).finished


def test_what_the_chapter_opens_with(end):
    """The three differ, and recomputing repairs: the lesson of the default settings."""
    found = evaluated_by_statistics(end.network, end.running, DATA, 64)
    running, batch, recomputed = (found[k].accuracy for k in ("running", "batch", "recomputed"))
    assert running < 0.75 < 0.9 < batch < 1
    assert recomputed > 0.95


def test_with_a_large_alpha_there_is_no_gap():
    end = trained(replace(CONFIG, bn_momentum=0.1, steps=400)).finished
    found = evaluated_by_statistics(end.network, end.running, DATA, 64)
    assert abs(found["running"].accuracy - found["recomputed"].accuracy) < 0.02


def test_probability_is_that_of_softmax(end):
    logits = forward(end.network, X[:50], end.running)[-1].output
    for row, share in zip(logits, probability(end.network, X[:50], end.running), strict=True):
        loss, _ = softmax_cross_entropy(row[np.newaxis], np.array([1]))
        assert np.exp(-loss) == pytest.approx(share, rel=1e-9)


def test_a_region_says_of_a_point_what_the_network_says(end):
    axis = np.linspace(-1, 1, 5)
    found = region(end.network, end.running, axis)
    for row, second in enumerate(axis):
        for column, first in enumerate(axis):
            (share,) = probability(end.network, [[first, second]], end.running)
            assert found[row, column] == pytest.approx(share, rel=1e-9)


def test_a_batch_seen_with_its_own_statistics_is_the_batch(end):
    own = statistics_of(end.network, X[:64])
    np.testing.assert_allclose(
        probability(end.network, X[:64], own), probability(end.network, X[:64]), atol=1e-12
    )
    assert own[-1] is None


def test_lags_by_hand():
    running = [RunningStats([1.0, 0.0], [4.0, 1.0]), None]
    true = [RunningStats([0.0, 0.0], [1.0, 1.0]), None]
    (found,) = lags(running, true)
    assert found.mean == pytest.approx(np.sqrt(0.5), rel=1e-4)
    assert found.var == pytest.approx(2, rel=1e-4)
    (same,) = lags(true, true)
    assert (same.mean, same.var) == (0, pytest.approx(1))


def test_recomputed_statistics_do_not_lag(end):
    recomputed = recalibrated(end.network, DATA.x)
    assert all(lag.mean > 0.01 for lag in lags(end.running, recomputed))
    assert all(lag.mean == 0 for lag in lags(recomputed, recomputed))


# ---- batch-mates ---------------------------------------------------------------------------------


def test_only_batch_statistics_know_the_mates(end):
    found = in_company(end.network, end.running, X, 0, size=16, draws=20, seed=0)
    (alone,) = probability(end.network, X[:1], end.running)
    np.testing.assert_allclose(found.running, alone, rtol=1e-12)
    assert found.spread < 1e-12
    low, high = found.range
    assert low == min(found.batch)
    assert high == max(found.batch) > low + 0.1
    assert found.votes == sum(share > 0.5 for share in found.batch) > 0
    again = in_company(end.network, end.running, X, 0, size=16, draws=20, seed=0)
    np.testing.assert_array_equal(found.batch, again.batch)
    other = in_company(end.network, end.running, X, 0, size=16, draws=20, seed=1)
    assert not np.array_equal(found.batch, other.batch)


def test_in_the_whole_there_is_only_one_company(end):
    few = X[:8]
    found = in_company(end.network, end.running, few, 3, size=8, draws=4, seed=0)
    np.testing.assert_allclose(found.batch, probability(end.network, few)[3], rtol=1e-9)


@pytest.mark.parametrize("wrong", [{"sample": -1}, {"sample": 2000}, {"size": 1}, {"draws": 0}])
def test_what_is_no_company_is_refused(end, wrong):
    given = {"sample": 0, "size": 4, "draws": 2} | wrong
    sample = given.pop("sample")
    with pytest.raises(ValueError, match=next(iter(wrong))):
        in_company(end.network, end.running, X, sample, seed=0, **given)


# ---- folding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", range(5))
def test_a_folded_unit_is_the_unit_with_its_bn(end, layer: int):
    z_in = forward(end.network, X[:9], end.running)[layer].input
    u = folded_unit(end.network, end.running, layer, 7)
    z = (z_in @ u.weight + u.bias)[:, np.newaxis]
    with_bn = forward_eval(z, RunningStats([u.mean], [u.var]), [u.gamma], [u.beta], eps=BN_EPS)
    folded = z_in @ u.folded_weight + u.folded_bias
    np.testing.assert_allclose(folded, with_bn[:, 0], rtol=1e-9, atol=1e-12)


def test_the_output_layer_has_nothing_to_fold(end):
    with pytest.raises(ValueError, match="layer 5 without"):
        folded_unit(end.network, end.running, 5, 0)


def test_folding_is_right_for_running_and_wrong_for_batch_statistics(end):
    found = folding_errors(end.network, end.running, X[:64], X[64:128])
    assert found.running.shape == (6,)
    assert found.running.max() < 1e-12
    assert found.running.max() > 0  # something was computed twice
    assert found.batch > 0.1
    assert folding_errors(end.network, end.running, X[:64], X[:64]).batch < 1e-12


# ---- frozen --------------------------------------------------------------------------------------


def test_each_switch_stops_what_it_is_for():
    moved = one_step_each()
    assert list(moved) == list(COMBINATIONS)
    assert len(moved) == 8
    for switches, found in moved.items():
        assert (found.affine > 0) == switches.train_affine
        assert (found.running > 0) == switches.update_running
        assert found.weight > 0
    # Which statistics are taken changes what the weights learn; the other switches do not.
    weights = {s: found.weight for s, found in moved.items()}
    assert len({w for s, w in weights.items() if s.use_batch}) == 1
    assert len({w for s, w in weights.items() if not s.use_batch}) == 1
    assert len(set(weights.values())) == 2


def test_without_a_learning_rate_only_statistics_move():
    """requires_grad=False is not what freezes them."""
    start = trained(FROZEN_CONFIG).finished
    still = replace(FROZEN_CONFIG, steps=1, learning_rate=0.0, seed=1)
    end = trained(still, network=start.network, running=start.running).finished
    before = evaluated(start.network, X, LABELS, start.running)
    assert evaluated(end.network, X, LABELS, start.running) == before
    assert evaluated(end.network, X, LABELS, end.running) != before
    for a, b in zip(start.running, end.running, strict=True):
        assert a is None or not np.array_equal(a.mean, b.mean)


def test_ordinary_training_is_one_of_the_settings():
    start = trained(FROZEN_CONFIG).finished
    config = replace(FROZEN_CONFIG, steps=1, seed=1)
    end = trained(config, network=start.network, running=start.running).finished
    change = max(
        np.abs(a.weight - b.weight).max()
        for a, b in zip(start.network.layers, end.network.layers, strict=True)
    )
    assert one_step_each()[Switches(True, True, True)].weight == pytest.approx(change)
