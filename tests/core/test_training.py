import json
import pickle
import warnings
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from itertools import count, islice, pairwise

import numpy as np
import pytest

from bn_core import RunningStats, training
from bn_core.activations import ACTIVATIONS
from bn_core.engine import Engine
from bn_core.inference import evaluated
from bn_core.network import backward, forward
from bn_core.snapshots import OUTLINE_EDGES, PERCENTILES, UNITS_KEPT, UNITS_WATCHED, Snapshot
from bn_core.training import Finished, Progress, initial, snapshot_steps, train, trained
from bn_core.training_config import LIMITS, TrainingConfig
from bn_core.training_data import TrainingData, mini_batches, training_data
from bn_core.upstream import softmax_cross_entropy
from tests.core.plain_training import PARAMETERS, plain_training

SMALL = TrainingConfig(depth=3, width=12, batch_size=20, learning_rate=0.3, steps=30)
PLACES = ("none", "before", "after")


def assert_same_network(ours, expected, **tolerance):
    for number, (a, b) in enumerate(zip(ours.layers, expected.layers, strict=True), start=1):
        for name in PARAMETERS:
            found, wanted = getattr(a, name), getattr(b, name)
            assert (found is None) == (wanted is None)
            if wanted is not None:
                np.testing.assert_allclose(
                    found, wanted, err_msg=f"layer {number}: {name}", **tolerance
                )


def assert_same_statistics(ours, expected, **tolerance):
    for a, b in zip(ours, expected, strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            np.testing.assert_allclose(a.mean, b.mean, **tolerance)
            np.testing.assert_allclose(a.var, b.var, **tolerance)
            assert a.count == b.count


def arrays_in(value):
    """Every array anywhere in a dataclass."""
    if isinstance(value, np.ndarray):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from arrays_in(getattr(value, field.name))


class TestTheEngineIsThePlainMathematics:
    def check(self, config: TrainingConfig, **tolerance):
        *_, last = steps = list(plain_training(config))
        run = trained(config)
        assert run.finished.step == config.steps == len(steps)
        assert_same_network(run.finished.network, last.network, **tolerance)
        assert_same_statistics(run.finished.running, last.running, **tolerance)
        for before, after in pairwise(run.snapshots):
            expected = np.mean([step.loss for step in steps[before.step : after.step]])
            assert after.loss == pytest.approx(expected, rel=tolerance["rtol"])

    @pytest.mark.parametrize("skips", [False, True])
    @pytest.mark.parametrize("batch_norm", PLACES)
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_every_network(self, activation, batch_norm, skips):
        config = replace(
            SMALL,
            activation=activation,
            batch_norm=batch_norm,
            skips=skips,
            learning_rate=0.1,  # small: a ReLU that is nearly always off magnifies all rounding
            dtype="float64",
        )
        self.check(config, rtol=1e-7, atol=1e-9)

    @pytest.mark.parametrize("batch_norm", PLACES)
    @pytest.mark.parametrize(
        "options",
        [
            {"momentum": 0.9, "learning_rate": 0.05},
            {"weight_decay": 0.01},
            {"weight_decay": 0.01, "momentum": 0.5},
            {"bias": False},
            {"weight_sd": 0.1},
            {"bn_momentum": 0.3},
            {"train_affine": False},
            {"update_running": False},
            {"bn_statistics": "running"},
            {"bn_statistics": "running", "update_running": False, "train_affine": False},
            {"batch_size": 2},
            {"depth": 1},
            {"data": "spirals"},
        ],
        ids=str,
    )
    def test_every_way_to_train(self, batch_norm, options):
        config = replace(SMALL, batch_norm=batch_norm, dtype="float64", activation="tanh")
        self.check(replace(config, **options), rtol=1e-7, atol=1e-10)

    @pytest.mark.parametrize("batch_norm", ["before", "after"])
    @pytest.mark.parametrize("batch_size", [1, 20])
    @pytest.mark.parametrize("norm", ["layer", "group", "rms"])
    def test_every_norm(self, norm, batch_size, batch_norm):
        config = replace(SMALL, norm=norm, groups=3, batch_norm=batch_norm, batch_size=batch_size)
        config = replace(config, dtype="float64", activation="tanh", skips=True, learning_rate=0.05)
        self.check(config, rtol=1e-7, atol=1e-10)
        self.check(replace(config, dtype="float32"), rtol=2e-3, atol=5e-5)
        assert set(trained(config).finished.running) == {None}

    @pytest.mark.parametrize("batch_norm", PLACES)
    def test_in_float32(self, batch_norm):
        config = replace(SMALL, batch_norm=batch_norm)
        run = trained(config)
        assert {a.dtype for layer in run.finished.network.layers for a in arrays_in(layer)} == {
            np.dtype(np.float32)
        }
        self.check(config, rtol=1e-3, atol=2e-5)

    def test_far_from_zero_float32_is_still_right(self):
        start = initial(replace(SMALL, depth=1))
        first = replace(start.layers[0], bias=np.full(SMALL.width, 1e6, np.float32))
        start = replace(start, layers=(first, *start.layers[1:]))
        data = training_data("digits")
        rows = next(mini_batches(SMALL.train_size, SMALL.batch_size, SMALL.seed))
        one_hot = np.eye(10, dtype=np.float32)[data.labels[rows]]
        found = Engine(replace(SMALL, depth=1), start).look(data.x[rows], one_hot)
        z = (data.x[rows] @ first.weight + first.bias).astype(np.float64)
        np.testing.assert_allclose(found.var[0], z.var(axis=0), rtol=1e-5)
        np.testing.assert_allclose(found.mean[0], z.mean(axis=0), rtol=1e-7)


class TestDeterminism:
    def test_the_same_settings_give_the_same_numbers(self):
        one, other = (
            trained(SMALL, progress_seconds=seconds, data=training_data("digits"))
            for seconds in (0, 60)
        )
        for a, b in zip(one.snapshots, other.snapshots, strict=True):
            for x, y in zip(arrays_in(a), arrays_in(b), strict=True):
                np.testing.assert_array_equal(x, y)
            assert (a.step, a.loss, a.held_out) == (b.step, b.loss, b.held_out)

    def test_another_seed_gives_others(self):
        one, other = (trained(replace(SMALL, seed=seed)).finished.network for seed in (0, 1))
        assert (one.layers[0].weight != other.layers[0].weight).all()

    def test_batch_norm_changes_neither_weights_nor_batches(self, monkeypatch):
        seen = {}

        def spying(n, m, seed):
            for rows in mini_batches(n, m, seed):
                seen[place].append(rows.tolist())
                yield rows

        monkeypatch.setattr("bn_core.training.mini_batches", spying)
        for place in PLACES:
            seen[place] = []
            trained(replace(SMALL, batch_norm=place))
        assert seen["none"] == seen["before"] == seen["after"]
        assert len(seen["none"]) >= SMALL.steps
        start = [initial(replace(SMALL, batch_norm=place)) for place in PLACES]
        for layers in zip(*(network.layers for network in start), strict=True):
            for layer in layers:
                np.testing.assert_array_equal(layer.weight, layers[0].weight)

    def test_more_snapshots_do_not_change_what_is_learned(self):
        few, many = (trained(replace(SMALL, moments=moments)).finished for moments in (2, 30))
        assert_same_network(few.network, many.network, rtol=0)
        assert_same_statistics(few.running, many.running, rtol=0)


class TestSnapshotSteps:
    @pytest.mark.parametrize("moments", [2, 3, 4, 5, 60, 200])
    @pytest.mark.parametrize("steps", [0, 1, 2, 59, 60, 61, 1000, 50_000])
    def test_bounded_ordered_and_with_both_ends(self, steps, moments):
        chosen = snapshot_steps(steps, moments)
        assert len(chosen) <= moments
        assert chosen[0] == 0
        assert chosen[-1] == steps
        assert all(a < b for a, b in pairwise(chosen))
        assert len(chosen) > moments / 2 or len(chosen) == steps + 1

    def test_denser_at_first(self):
        gaps = np.diff(snapshot_steps(10_000, 60))
        assert gaps[0] == 1
        assert gaps[-1] > 100

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [((-1, 2), "steps must be at least 0, got -1"), ((9, 1), "moments must be at least 2")],
    )
    def test_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=f"^{message}"):
            snapshot_steps(*arguments)


class TestEvents:
    def test_snapshots_at_their_steps_and_one_end(self):
        *events, last = train(SMALL, progress_seconds=60)
        assert [event.step for event in events] == list(snapshot_steps(30, SMALL.moments))
        assert all(isinstance(event, Snapshot) for event in events)
        assert isinstance(last, Finished)
        assert last.diverged_at is None

    def test_progress_in_between(self):
        config = replace(SMALL, steps=12, moments=2, dtype="float64")
        first, *between, end, _ = train(config, progress_seconds=0)
        assert all(isinstance(event, Progress) for event in between)
        assert [event.step for event in between] == list(range(1, 12))
        losses = [step.loss for step in plain_training(config)]
        np.testing.assert_allclose([event.loss for event in between], losses[:-1], rtol=1e-9)
        assert end.loss == pytest.approx(np.mean(losses))  # of all steps since the last snapshot
        assert first.loss == pytest.approx(losses[0], rel=0.2)

    def test_an_event_is_never_far(self, monkeypatch: pytest.MonkeyPatch):
        """On a clock that is a second further at every look."""
        monkeypatch.setattr(training.time, "perf_counter", count().__next__)
        config = replace(SMALL, steps=50_000, moments=2)
        steps = [event.step for event in islice(train(config, progress_seconds=5), 1, 6)]
        assert steps == [6, 12, 18, 24, 30]

    def test_it_stops_where_it_is_left(self):
        events = train(replace(SMALL, steps=50_000))
        assert next(events).step == 0
        events.close()
        assert list(events) == []

    def test_no_steps_at_all(self):
        snapshot, end = train(replace(SMALL, steps=0))
        assert (snapshot.step, end.step) == (0, 0)
        assert_same_network(end.network, initial(SMALL), rtol=0)

    def test_it_can_go_on_from_where_it_was(self):
        config = replace(SMALL, train_size=20, dtype="float64")  # one batch: no order to remember
        half = trained(replace(config, steps=15)).finished
        again = trained(
            replace(config, steps=15), network=half.network, running=half.running
        ).finished
        whole = trained(config).finished
        assert_same_network(again.network, whole.network, rtol=1e-6, atol=1e-9)
        assert_same_statistics(again.running, whole.running, rtol=1e-9)

    def test_what_it_starts_from_is_not_changed(self):
        start = initial(SMALL)
        trained(SMALL, network=start, running=[*[RunningStats.initial(12)] * 3, None])
        assert_same_network(start, initial(SMALL), rtol=0)

    @pytest.mark.parametrize(
        "changes",
        [{"width": 11}, {"depth": 2}, {"batch_norm": "none"}, {"batch_norm": "after"},
         {"skips": True}, {"bias": False}, {"dtype": "float64"}, {"activation": "relu"}],
        ids=str,
    )  # fmt: skip
    def test_a_network_of_another_form(self, changes):
        other = initial(replace(SMALL, **changes))
        with pytest.raises(ValueError, match=r"^network must have the form that the settings "):
            next(train(SMALL, network=other))

    @pytest.mark.parametrize("running", [[], [None] * 4, [RunningStats.initial(11)] * 3 + [None]])
    def test_statistics_that_do_not_fit(self, running):
        with pytest.raises(ValueError, match=r"^running must have .*, \[12, 12, 12, None\]; got "):
            next(train(SMALL, running=running))

    def test_other_data(self):
        digits = training_data("digits")
        shifted = replace(digits, x=digits.x + 1)
        config = replace(SMALL, learning_rate=0, steps=200, moments=2)
        still = trained(config).finished
        moved = trained(config, data=shifted).finished
        assert_same_network(moved.network, still.network, rtol=0)  # learning rate 0
        assert np.abs(moved.running[0].mean - still.running[0].mean).max() > 0.5

    @pytest.mark.parametrize("x", [np.zeros((50, 64)), np.zeros((1000, 63))])
    def test_data_that_do_not_fit(self, x):
        labels = np.zeros(len(x), np.int64)
        with pytest.raises(ValueError, match=r"^data must have at least 1000 training samples of "):
            next(train(SMALL, data=TrainingData(x, labels, x, labels)))


class TestFrozenBatchNorm:
    """Three switches: which statistics, whether they move, and whether γ and β learn."""

    def test_each_switch_does_one_thing(self):
        start = trained(SMALL).finished
        config = replace(SMALL, bn_statistics="running", update_running=False, train_affine=False)

        def moved(config):
            end = trained(config, network=start.network, running=start.running).finished
            pairs = [*zip(end.network.layers, start.network.layers, strict=True)][:-1]
            statistics = zip(end.running[:-1], start.running[:-1], strict=True)
            return (
                any((a.weight != b.weight).any() for a, b in pairs),
                any((a.gamma != b.gamma).any() for a, b in pairs),
                any((a.mean != b.mean).any() for a, b in statistics),
            )

        assert moved(config) == (True, False, False)
        assert moved(replace(config, train_affine=True)) == (True, True, False)
        assert moved(replace(config, update_running=True)) == (True, False, True)
        # The statistics move even where nothing is learned: what surprises people most.
        nothing_learned = replace(config, update_running=True, learning_rate=0)
        assert moved(nothing_learned) == (False, False, True)


class TestDivergence:
    CONFIG = TrainingConfig(
        depth=5, activation="relu", batch_norm="none", learning_rate=500, steps=300, moments=2
    )

    def test_is_recorded_with_its_step(self):
        *snapshots, end = train(self.CONFIG)
        assert 1 <= end.diverged_at == end.step < 300
        assert all(isinstance(event, (Snapshot, Progress)) for event in snapshots)
        assert snapshots[-1].step < end.step
        with np.errstate(all="ignore"):
            losses = [step.loss for step in plain_training(replace(self.CONFIG, steps=end.step))]
        assert np.isfinite(losses[:-1]).all()
        assert not np.isfinite(losses[-1])

    def test_a_parameter_that_overflows_in_the_last_step_counts(self):
        config = replace(self.CONFIG, steps=1, learning_rate=1000)
        start = initial(config)
        out = replace(start.layers[-1], weight=1e37 * start.layers[-1].weight)
        run = trained(config, network=replace(start, layers=(*start.layers[:-1], out)))
        assert [shot.step for shot in run.snapshots] == [0]
        assert np.isfinite(run.snapshots[0].loss)
        assert run.finished.diverged_at == 1

    @pytest.mark.parametrize("batch_norm", PLACES)
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize(
        "options", [{}, {"skips": True}, {"bn_statistics": "running"}], ids=str
    )
    def test_no_warning_and_no_exception_gets_out(self, activation, batch_norm, options):
        config = replace(
            self.CONFIG, activation=activation, batch_norm=batch_norm, learning_rate=1000, steps=40
        )
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            events = []
            for event in train(replace(config, **options)):
                events.append(event)
                assert np.geterr()["over"] == "raise"  # the caller's own settings stay
        assert isinstance(events[-1], Finished)


class TestSnapshot:
    CONFIG = replace(SMALL, dtype="float64", activation="tanh", weight_decay=1e-3, moments=3)

    def probe(self, config):
        count = min(8, -(-256 // config.batch_size), config.train_size // config.batch_size)
        batches = mini_batches(config.train_size, config.batch_size, config.seed)
        return list(islice(batches, count))

    @pytest.mark.parametrize("batch_norm", PLACES)
    def test_is_what_the_plain_network_shows(self, batch_norm):
        config = replace(self.CONFIG, batch_norm=batch_norm)
        run = trained(config)
        shot, end = run.snapshots[-1], run.finished
        data = training_data("digits")
        probe = self.probe(config)
        assert len(probe) == 8
        records = [forward(end.network, data.x[rows]) for rows in probe]
        for number in range(config.depth):
            values = np.concatenate([record[number].activation_input for record in records])
            inputs = shot.inputs
            assert inputs.mean[number] == pytest.approx(values.mean(), rel=1e-5, abs=1e-6)
            assert inputs.sd[number] == pytest.approx(values.std(), rel=1e-5)
            counts, _ = np.histogram(values, OUTLINE_EDGES)
            np.testing.assert_array_equal(inputs.counts[number], counts)
            assert inputs.counts[number].sum() + inputs.outside[number].sum() == values.size
            saturated = ACTIVATIONS["tanh"].saturated(values).mean()
            assert inputs.saturated[number] == pytest.approx(saturated)
            np.testing.assert_allclose(
                inputs.percentiles[number], np.percentile(values, PERCENTILES), rtol=1e-5
            )
            np.testing.assert_allclose(
                inputs.unit_percentiles[number],
                np.percentile(values[:, :UNITS_WATCHED], PERCENTILES, axis=0).T,
                rtol=1e-4,
            )
        gradients = [
            backward(end.network, record, softmax_cross_entropy(record[-1].output, labels)[1])
            for record, labels in zip(records, (data.labels[rows] for rows in probe), strict=True)
        ]
        norms = [[np.linalg.norm(layer.weight) for layer in g.layers] for g in gradients]
        np.testing.assert_allclose(shot.gradient_norms, np.mean(norms, axis=0), rtol=1e-5)
        weights = [np.linalg.norm(layer.weight) for layer in end.network.layers]
        np.testing.assert_allclose(shot.weight_norms, weights, rtol=1e-6)

    def test_batch_norm_state(self):
        run = trained(self.CONFIG)
        state, end = run.snapshots[-1].batch_norm, run.finished
        for number, (layer, stats) in enumerate(zip(end.network.layers, end.running, strict=True)):
            if stats is not None:
                np.testing.assert_allclose(state.gamma[number], layer.gamma, rtol=1e-6)
                np.testing.assert_allclose(state.beta[number], layer.beta, rtol=1e-6)
                np.testing.assert_allclose(state.running_mean[number], stats.mean, rtol=1e-6)
                np.testing.assert_allclose(state.running_var[number], stats.var, rtol=1e-6)
        data = training_data("digits")
        z = [
            forward(end.network, data.x[rows])[1].pre_activation for rows in self.probe(self.CONFIG)
        ]
        mean = np.mean([part.mean(axis=0) for part in z], axis=0)
        var = np.mean([part.var(axis=0, ddof=1) for part in z], axis=0)
        np.testing.assert_allclose(state.batch_mean[1], mean, rtol=1e-5)
        np.testing.assert_allclose(state.batch_var[1], var, rtol=1e-5)

    def test_without_batch_norm_there_is_no_state(self):
        assert trained(replace(SMALL, batch_norm="none")).snapshots[-1].batch_norm is None

    def test_held_out_is_judged_by_running_statistics(self):
        run = trained(self.CONFIG)
        data, end = training_data("digits"), run.finished
        expected = evaluated(end.network, data.held_out_x, data.held_out_labels, end.running)
        assert run.snapshots[-1].held_out == expected
        batch = evaluated(end.network, data.held_out_x, data.held_out_labels)
        assert expected.loss != pytest.approx(batch.loss, rel=1e-3)

    def test_nothing_in_it_can_be_changed(self):
        shot = trained(SMALL).snapshots[-1]
        arrays = list(arrays_in(shot))
        assert len(arrays) == 16
        assert not any(array.flags.writeable for array in arrays)
        with pytest.raises(FrozenInstanceError):
            shot.step = 3

    def test_its_size_does_not_grow_with_the_run(self):
        sizes = [
            len(pickle.dumps(trained(replace(SMALL, steps=steps)).snapshots[-1]))
            for steps in (1, 400)
        ]
        assert sizes[0] == pytest.approx(sizes[1], rel=0.01)

    def test_the_largest_network_has_a_small_one(self):
        config = TrainingConfig(
            **{name: int(LIMITS[name].maximum) for name in ("depth", "width")}, steps=0
        )
        (shot,) = trained(config).snapshots
        assert shot.batch_norm.gamma.shape == (40, UNITS_KEPT)
        assert len(pickle.dumps(shot)) < 128 * 1024

    def test_batch_of_one_is_a_lesson_and_no_error(self):
        """m = 1: BN's output is β whatever comes in, so only what follows can learn."""
        run = trained(replace(SMALL, batch_size=1))
        assert run.finished.diverged_at is None
        assert (run.snapshots[-1].gradient_norms[:-1] == 0).all()
        np.testing.assert_allclose(
            run.snapshots[-1].inputs.sd[0], run.finished.network.layers[0].beta.std(), rtol=1e-5
        )


class TestItLearns:
    @pytest.mark.parametrize("batch_norm", PLACES)
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_the_digits(self, activation, batch_norm):
        config = TrainingConfig(
            activation=activation, batch_norm=batch_norm, depth=2, width=40, steps=800,
            learning_rate=1.0 if activation == "sigmoid" else 0.2, moments=2,
        )  # fmt: skip
        first, last = trained(config).snapshots
        assert first.held_out.accuracy < 0.4
        assert last.held_out.accuracy > 0.9

    def test_deep_relu_without_skips_starts_with_an_explosion_and_with_skips_without(self):
        """Yang et al. (2019): BN makes gradients grow exponentially with depth."""

        def ratio(**options):
            config = TrainingConfig(
                depth=20, activation="relu", weight_scale=2**0.5, steps=0, **options
            )
            norms = trained(config).snapshots[0].gradient_norms
            return norms[1] / norms[-2]

        assert ratio() > 10
        assert ratio(batch_norm="none") < 10
        assert ratio(skips=True) < 10


def test_a_config_survives_json_on_the_way_to_another_process():
    config = replace(SMALL, weight_sd=0.1, steps=5)
    there = TrainingConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert_same_network(trained(there).finished.network, trained(config).finished.network, rtol=0)
