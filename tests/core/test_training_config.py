import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from bn_core.training_config import LIMITS, TrainingConfig
from bn_core.training_data import DATA_SETS

# One value of each setting that is not its default.
OTHER = {
    "data": "fashion_mnist",
    "binarised": True,
    "train_size": 900,
    "batch_size": 32,
    "depth": 5,
    "width": 64,
    "activation": "tanh",
    "batch_norm": "after",
    "skips": True,
    "bias": False,
    "learning_rate": 0.5,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "weight_scale": 2.0,
    "weight_sd": 0.1,
    "steps": 500,
    "seed": 7,
    "moments": 20,
    "dtype": "float64",
    "bn_momentum": 0.01,
    "bn_statistics": "running",
    "update_running": False,
    "train_affine": False,
    "norm": "layer",
    "groups": 8,
}
NUMBERS = [name for name in OTHER if name in LIMITS]


def test_the_list_above_has_every_setting():
    assert list(OTHER) == [field.name for field in fields(TrainingConfig)]


class TestRoundTrip:
    @pytest.mark.parametrize("config", [TrainingConfig(), TrainingConfig(**OTHER)], ids=["0", "1"])
    def test_through_json(self, config):
        text = json.dumps(config.to_dict(), allow_nan=False)
        assert TrainingConfig.from_dict(json.loads(text)) == config

    def test_what_is_missing_has_its_default(self):
        assert TrainingConfig.from_dict({}) == TrainingConfig()
        assert TrainingConfig.from_dict({"depth": 7}) == TrainingConfig(depth=7)

    def test_what_is_unknown_is_refused(self):
        message = r"^settings must be fields of TrainingConfig, got \['deepness', 'lr'\]$"
        with pytest.raises(ValueError, match=message):
            TrainingConfig.from_dict({"lr": 1, "deepness": 2, "depth": 3})


class TestKey:
    @pytest.mark.parametrize("name", OTHER)
    def test_every_setting_matters(self, name):
        assert TrainingConfig(**{name: OTHER[name]}).key() != TrainingConfig().key()

    def test_equal_settings_share_it_whatever_they_were_given_as(self):
        one = TrainingConfig(learning_rate=1, depth=np.int64(5), weight_decay=-0.0)
        other = TrainingConfig(learning_rate=np.float64(1), depth=5, weight_decay=0)
        assert one == other
        assert hash(one) == hash(other)
        assert one.key() == other.key()

    def test_another_process_finds_the_same(self):
        code = "from bn_core.training_config import *; print(TrainingConfig(depth=5).key())"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert found.stdout.strip() == TrainingConfig(depth=5).key()


class TestLimits:
    def test_cover_every_number(self):
        kinds = {field.name: field.type for field in fields(TrainingConfig)}
        assert {name for name, kind in kinds.items() if kind not in (str, bool)} == set(LIMITS)

    @pytest.mark.parametrize("name", NUMBERS)
    def test_ends_are_allowed_and_what_is_beyond_is_not(self, name):
        low, high = LIMITS[name]
        room = TrainingConfig(data="fashion_mnist", train_size=6000, batch_size=1)
        for value in (low, high):
            assert getattr(replace(room, **{name: value}), name) == value
        beyond = high + 1 if isinstance(high, int) else np.nextafter(high, np.inf)
        with pytest.raises(ValueError, match=rf"^{name} must be at most {high}, got "):
            replace(room, **{name: beyond})
        with pytest.raises(ValueError, match=rf"^{name} must be .*at least {low}, got "):
            replace(room, **{name: low - 1})

    @pytest.mark.parametrize("data", DATA_SETS)
    def test_no_more_samples_than_there_are(self, data):
        size = DATA_SETS[data].size
        assert TrainingConfig(data=data, train_size=size).train_size == size
        with pytest.raises(
            ValueError, match=rf"^train_size must be at most {size}, got {size + 1}$"
        ):
            TrainingConfig(data=data, train_size=size + 1)

    def test_no_batch_larger_than_the_training_data(self):
        with pytest.raises(ValueError, match=r"^batch_size must be at most 50, got 60$"):
            TrainingConfig(train_size=50)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"data": "mnist"}, "data must be one of digits, fashion_mnist, spirals; got 'mnist'"),
        ({"activation": "gelu"}, "activation must be one of sigmoid, tanh, relu; got 'gelu'"),
        ({"batch_norm": True}, "batch_norm must be one of none, before, after; got 'True'"),
        ({"bn_statistics": []}, r"bn_statistics must be one of batch, running; got '\[\]'"),
        ({"norm": "instance"}, "norm must be one of batch, layer, group, rms; got 'instance'"),
        ({"norm": "group", "groups": 3}, "groups must divide the width 100, got 3"),
        ({"dtype": "float16"}, "dtype must be one of float32, float64; got 'float16'"),
        ({"skips": 1}, "skips must be True or False, got 1"),
        ({"depth": 2.5}, "depth must be an integer, got 2.5"),
        ({"depth": None}, "depth must be an integer, got None"),
        ({"learning_rate": None}, "learning_rate must be a finite number of at least 0, got None"),
        ({"learning_rate": "x"}, "learning_rate must be a finite number of at least 0, got 'x'"),
        ({"learning_rate": np.nan}, "learning_rate must be a finite number of at least 0, got nan"),
        ({"momentum": np.inf}, "momentum must be a finite number of at least 0, got inf"),
        ({"seed": 10**400}, "seed must be at most 4294967295, got 10*"),
        ({"weight_sd": 10**400}, "weight_sd must be a finite number of at least 0, got 10*"),
    ],
)
def test_bad_settings(setting, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        TrainingConfig(**setting)
    with pytest.raises(ValueError, match=f"^{message}$"):
        TrainingConfig.from_dict(setting)


def test_it_is_frozen():
    with pytest.raises(FrozenInstanceError):
        TrainingConfig().depth = 3


def test_sizes():
    assert TrainingConfig(data="spirals", depth=2, width=9).sizes == (2, 9, 9, 2)


@pytest.mark.parametrize(
    "more",
    [
        {"steps": 2000},
        {"depth": 10},
        {"width": 200},
        {"batch_size": 200},
        {"data": "fashion_mnist"},
        {"moments": 200},
    ],
    ids=str,
)
def test_what_takes_longer_costs_more(more):
    assert TrainingConfig(**more).cost > 1.2 * TrainingConfig().cost
