"""The same in code: what the programs print is what the screen shows, and nothing else gets in."""

import ast
import contextlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bn_core.activations import ACTIVATIONS
from bn_core.derivation import BACKWARD, FORWARD, derive, magnitudes
from bn_core.few_samples import EXAMPLE, follow, moved
from bn_core.gradcheck import GradientCheck
from bn_core.identity import carried_over, distances
from bn_core.in_use import folded_unit
from bn_core.linearity import straightness
from bn_core.misprint import ZERO, check_misprint, disagreement
from bn_core.mistakes import BUGS
from bn_core.norms import SHARES, sharing
from bn_core.one_layer import ORDERS, moved_by_bias, next_input, summary
from bn_core.running import initial_weight, noise_ratio, running_curves, stream
from bn_core.scale_invariance import one_layer, rescaled
from bn_core.shallow import descend, two_features
from bn_core.step_sizes import RIGHT, STEPS, check_batch
from bn_core.training import trained
from bn_core.training_config import TrainingConfig
from bn_core.upstream import linear_loss
from bn_core.whitening import correlated, rotation, spectrum, stages, white_cloud, whiten
from bn_ui import own_numbers, take_along, text
from bn_ui.figures.inference import batch_values
from bn_ui.presets_training import settings as training_settings
from bn_ui.small_batch import BETA, DY, EPS, GAMMA, LIMITS, PRESETS, ROW, SmallBatch, X
from bn_ui.take_along import TakeAlong, notebook, program, script
from bn_ui.take_along.gradient_check import BUGS as CODE_OF_BUGS
from bn_ui.text import LANGUAGES, labels, sections
from tests import direct
from tests.ui.pool_in_process import PoolInProcess
from tests.ui.test_distributions import checked, pick
from tests.ui.test_distributions import opened as distributions_opened
from tests.ui.test_gradient_check import opened as gradient_check_opened
from tests.ui.test_inference import opened as inference_opened
from tests.ui.test_other_norms import opened as other_norms_opened
from tests.ui.test_scale_shift import opened as scale_shift_opened
from tests.ui.test_small_batch import (
    arrived,
)
from tests.ui.test_whitening import opened as whitening_opened
from tests.ui.test_why import opened as why_opened

NOTEBOOK_KEYS = {"cells", "metadata", "nbformat", "nbformat_minor"}
FLOAT = re.compile(r"[-+]?(\d+\.?\d*(e[-+]?\d+)?|nan|inf)%?$")


@pytest.fixture(params=LANGUAGES)
def lang(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run without Streamlit, in each language."""
    speak(monkeypatch, request.param)
    return request.param


def speak(monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    context = SimpleNamespace(locale="en")
    fake = SimpleNamespace(context=context, session_state={"lang": lang})
    monkeypatch.setattr(text, "st", fake)


# ---- batches ------------------------------------------------------------------------------------


def small(x: Any, gamma: Any, beta: Any, eps: float, dy: Any) -> SmallBatch:
    x, gamma, beta, dy = (np.array(a, dtype=np.float64) for a in (x, gamma, beta, dy))
    return SmallBatch(
        x, gamma, beta, eps, lambda fwd: dy, lambda y: linear_loss(y, dy), source=("own",)
    )


def preset(name: str) -> SmallBatch:
    values = {X: X.default, DY: None} | dict(PRESETS[name])
    x = own_numbers.parse(values[X], LIMITS).x
    gamma, beta = (
        np.resize(own_numbers.parse(values[field], ROW).x[0], x.shape[1]) for field in (GAMMA, BETA)
    )
    rng = np.random.default_rng(0)
    dy = own_numbers.parse(values[DY], LIMITS).x if values[DY] else rng.standard_normal(x.shape)
    return small(x, gamma, beta, values[EPS], dy)


def random(seed: int) -> SmallBatch:
    rng = np.random.default_rng(seed)
    m, d = rng.integers(1, [9, 5])
    x, dy = (
        rng.normal(rng.uniform(-9, 9), 10.0 ** rng.uniform(-2, 3), (m, d)),
        rng.normal(size=(m, d)),
    )
    return small(x, *rng.normal(size=(2, d)), 10.0 ** rng.uniform(-6, 0), dy)


BATCHES = {
    "first": small(
        [[1.2, 40], [0.4, 55], [2.9, 38], [-0.5, 61]], [1.5, 0.8], [0.5, -1], 1e-5,
        [[1, 0], [-1, 2], [0, -1], [0.5, 1]],
    ),
    **{name: preset(name) for name in PRESETS},
    **{f"random {seed}": random(seed) for seed in range(6)},
}  # fmt: skip


# ---- running a program, and reading what it prints ----------------------------------------------


def run(code: str) -> str:
    """The program's output, in a Python that knows nothing of this project or its settings."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-"],
        input=code.encode(),
        capture_output=True,
        env={"SYSTEMROOT": "", "LC_ALL": "C.UTF-8"},
        cwd=Path(sys.executable).anchor,
        timeout=60,
    )
    assert not done.returncode, done.stderr.decode()
    assert not done.stderr
    return done.stdout.decode()


def run_here(code: str) -> str:
    """The same in this process, for a library that takes long to import."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "program", "exec"), {"__name__": "__main__"})
    return out.getvalue()


def printed(output: str) -> dict[str, np.ndarray]:
    """Numbers below each label "name: words"."""
    found: dict[str, list[list[float]]] = {}
    name = ""
    for line in output.splitlines():
        words = line.split()
        if all(FLOAT.match(word) for word in words):
            found[name].append([float(word) for word in words])
        else:
            name = line.partition(":")[0]
            assert name not in found, f"{name} is printed twice"
            found[name] = []
    return {name: np.array(rows) for name, rows in found.items()}


def described(output: str) -> dict[str, list[float]]:
    """Lines "name  mean  sd  skewness  share%" of ``distributions``."""
    heading, *lines = output.splitlines()
    assert heading
    found = {}
    for line in lines:
        *name, mean, sd, skew, share = line.split()
        found[" ".join(name)] = [float(mean), float(sd), float(skew), float(share.rstrip("%"))]
    return found


def assert_printed(got: Any, wanted: Any, size: Any = 0.0) -> None:
    """Equal to the four digits that are printed, but for rounding errors of terms of ``size``."""
    got, wanted, size = np.broadcast_arrays(got, np.atleast_2d(wanted), size)
    slack = 5.001e-4 * np.abs(wanted) + 1e-12 * np.abs(size)
    wrong = ~(np.abs(got - wanted) <= slack) & ~(np.isnan(got) & np.isnan(wanted))
    assert not wrong.any(), (got, wanted)


def assert_passes(output: str, batch: SmallBatch, chapter: str) -> None:
    found = printed(output)
    dy = batch.dy if chapter == "backward" else None
    values = derive(batch.x, batch.gamma, batch.beta, eps=batch.eps, dy=dy)
    size = magnitudes(values)
    names = [formula.name for formula in (BACKWARD if dy is not None else FORWARD)]
    assert set(names) <= set(found)
    for name in names:
        assert found[name].shape == np.atleast_2d(values[name]).shape
        assert_printed(found[name], values[name], size[name])


def assert_misprint(output: str, batch: SmallBatch) -> None:
    found = printed(output)
    checks = check_misprint(batch.x, batch.gamma, batch.beta, batch.dy, batch.eps)
    wanted, got = disagreement(checks["printed"]), found["dx_printed_error"].item()
    noise = disagreement(checks["both"]) + referee_noise(batch, checks["both"])
    assert abs(got - wanted) <= 5.001e-4 * wanted + noise * (1 + wanted)
    assert found["dx_error"].item() <= noise


def referee_noise(batch: SmallBatch, check: GradientCheck) -> float:
    """How far rounding of the loss lets two central differences disagree."""
    size = magnitudes(derive(batch.x, batch.gamma, batch.beta, eps=batch.eps))["y"]
    each = 2e-15 * (np.abs(batch.dy) * size).sum() / check.h
    norm = np.linalg.norm(check.numeric)
    return each * np.sqrt(check.numeric.size) / (norm if norm >= ZERO else 1) + 1e-12


def assert_check(output: str, batch: SmallBatch, h: float, bug: str) -> None:
    found = printed(output)
    wrong = None if bug == RIGHT else bug
    args = (batch.x, batch.gamma, batch.beta, batch.dy, batch.eps)
    fwd_size = magnitudes(derive(batch.x, batch.gamma, batch.beta, eps=batch.eps, dy=batch.dy))
    for name, (check,) in check_batch(*args, bug=wrong, steps=(h,)).items():
        size = fwd_size[f"d{name}"]
        assert_printed(found[f"d{name}"], check.analytic, size)
        # Numerical gradients agree as far as rounding of the loss lets them.
        terms = np.abs(batch.dy) * fwd_size["y"]
        noise = 2e-15 * terms.sum() / h + 1e-12 * np.abs(size).max()
        assert_printed(found[f"d{name}_numeric"], check.numeric, noise * 1e12)
        largest = noise + 5.001e-4 * check.max_abs_error
        gap = np.abs(found[f"d{name}_difference"] - check.abs_error).max()
        assert gap <= largest, name
        error = found[f"d{name}_error"].item()
        assert abs(error - check.relative_error) <= largest, name


# ---- forward, backward, gradient check ----------------------------------------------------------


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("chapter", ["forward", "backward"])
class TestPasses:
    def test_numpy(self, lang: str, chapter: str, batch: SmallBatch):
        output = run(script(getattr(take_along, chapter)(batch).numpy))
        assert_passes(output, batch, chapter)
        if chapter == "backward":
            assert_misprint(output, batch)

    def test_torch(self, lang: str, chapter: str, batch: SmallBatch):
        pytest.importorskip("torch")
        output = run_here(script(getattr(take_along, chapter)(batch).torch))
        assert_passes(output, batch, chapter)
        if chapter == "backward":
            found = printed(output)
            size = magnitudes(derive(batch.x, batch.gamma, batch.beta, eps=batch.eps, dy=batch.dy))[
                "dx"
            ]
            if len(batch.x) > 1 and batch.eps > 0:  # PyTorch's layer refuses others
                assert_printed(found["dx_layer"], found["dx"], size * 10)
            assert_misprint(output, batch)


SETTINGS = [
    *((name, 1e-5, RIGHT) for name in BATCHES),
    *(("first", 1e-3, bug) for bug in BUGS),
    *((name, 1e-5, "eps_outside") for name in ("one", "two", "constant", "random 1")),
    *(("random 0", STEPS[i], RIGHT) for i in (12, 24, 36, 48)),
]


@pytest.mark.parametrize(("name", "h", "bug"), SETTINGS)
class TestGradientCheck:
    def test_numpy(self, lang: str, name: str, h: float, bug: str):
        batch = BATCHES[name]
        output = run(script(take_along.gradient_check(batch, h, bug).numpy))
        assert_check(output, batch, h, bug)

    def test_torch(self, lang: str, name: str, h: float, bug: str):
        pytest.importorskip("torch")
        batch = BATCHES[name]
        output = run_here(script(take_along.gradient_check(batch, h, bug).torch))
        assert_check(output, batch, h, bug)


def test_every_bug_is_known():
    assert list(CODE_OF_BUGS) == list(BUGS)


def test_a_step_that_is_lost_has_no_difference(lang: str):
    batch = small([[1e6], [1e6 + 1]], [1], [0], 1e-5, [[1], [0]])
    found = printed(run(script(take_along.gradient_check(batch, 1e-13, RIGHT).numpy)))
    assert np.isnan(found["dx_numeric"]).all()
    assert np.isfinite(found["dgamma_numeric"]).all()


# ---- distributions ------------------------------------------------------------------------------


def spread(m: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 3.0, (m, d)) - 4


FEATURES: dict[str, dict[str, Any]] = {
    "unit": {"x": direct.hidden()[:, [6]], "first": 7},
    "pooled": {"x": spread(40, 32), "first": 1},
    "each": {"x": spread(30, 12), "first": 5, "each": True},
    "tanh": {"x": spread(300, 1), "activation": "tanh", "gamma": -1.7, "beta": 0.4},
    "relu": {"x": spread(64, 2), "activation": "relu", "gamma": 2.5, "eps": 10.0},
    "constant": {"x": np.full((7, 1), 3.1)},
    "one": {"x": spread(1, 1), "beta": 2.0},
    "flat": {"x": spread(9, 1), "gamma": 0.0, "beta": 0.3},
    "far": {"x": 1e6 + spread(50, 1)},
    "largest": {"x": spread(2000, 1)},
}


def settings_of(name: str) -> dict[str, Any]:
    return {
        "gamma": 1.0,
        "beta": 0.0,
        "eps": 1e-5,
        "first": 1,
        "each": False,
        "activation": "sigmoid",
    } | FEATURES[name]


def distributions(name: str) -> TakeAlong:
    here = settings_of(name)
    return take_along.distributions(**here | {"activation": ACTIVATIONS[here["activation"]]})


def assert_described(output: str, name: str) -> None:
    here = settings_of(name)
    found = described(output)
    keys = ("gamma", "beta", "eps", "activation")
    how = {key: here[key] for key in keys}
    if here["each"]:
        expected = {f" {here['first'] + k}": here["x"][:, [k]] for k in range(here["x"].shape[1])}
    else:
        expected = {"": here["x"]}
    assert set(found) == {f"{q}{k}" for k in expected for q in ("x", "x_hat", "y")}
    for key, x in expected.items():
        values = direct.quantities(x, **how)
        wanted = direct.table(values, here["activation"]).reshape(3, 5)
        for quantity, row in zip(("x", "x_hat", "y"), wanted, strict=True):
            got = found[f"{quantity}{key}"]
            assert_printed(got[:3], row[:3], np.abs(values[quantity]).max())
            assert abs(got[3] - row[3]) <= 0.0501


@pytest.mark.parametrize("name", FEATURES)
class TestDistributions:
    def test_numpy(self, lang: str, name: str):
        assert_described(run(script(distributions(name).numpy)), name)

    def test_torch(self, lang: str, name: str):
        pytest.importorskip("torch")
        assert_described(run_here(script(distributions(name).torch)), name)


def test_more_numbers_than_can_be_read_are_left_out_and_it_says_so(lang: str):
    x = spread(1000, 12)
    made = take_along.distributions(
        x, gamma=1, beta=0, eps=1e-5, activation=ACTIVATIONS["tanh"], first=3, each=True
    )
    code = script(made.numpy)
    assert made.remark == labels(lang)["code.cut"].format(kept=2, all=12)
    head = code.partition("x = ")[0]
    assert all(number in head for number in ("1000", "12", "2", "3", "4"))
    assert list(described(run(code)))[::3] == ["x 3", "x 4"]
    assert not distributions("largest").remark


# ---- training -----------------------------------------------------------------------------------

NETWORKS = {
    "tanh": {"activation": "tanh", "learning_rate": 0.1},
    "sigmoid, BN after": {"activation": "sigmoid", "learning_rate": 0.5, "batch_norm": "after"},
    "relu, skips": {"activation": "relu", "learning_rate": 0.03, "skips": True, "depth": 4},
    "one layer": {"activation": "relu", "learning_rate": 0.2, "depth": 1, "seed": 3},
    "batches of two": {"activation": "tanh", "learning_rate": 0.05, "batch_size": 2},
    "other weights": {"activation": "tanh", "learning_rate": 0.1, "weight_scale": 2.5},
}


def training_config(name: str, data: str = "spirals") -> TrainingConfig:
    usual = {"depth": 3, "width": 8, "batch_size": 16, "steps": 60}
    return training_settings(data, **(usual | NETWORKS[name]))


def assert_trained(output: str, name: str) -> None:
    """The screen's numbers, computed as the program does it: in float64."""
    found, config = printed(output), replace(training_config(name), dtype="float64")
    for network, place in (("with", config.batch_norm), ("without", "none")):
        end = trained(replace(config, batch_norm=place)).snapshots[-1]
        assert found[f"loss_{network}"].item() == pytest.approx(end.loss, rel=5.01e-4)
        accuracy = found[f"accuracy_{network}"].item()
        assert accuracy == pytest.approx(end.held_out.accuracy, rel=5.01e-4)


@pytest.mark.parametrize("name", NETWORKS)
class TestTraining:
    def test_numpy(self, lang: str, name: str):
        assert_trained(run(script(take_along.training(training_config(name)).numpy)), name)

    def test_torch(self, lang: str, name: str):
        pytest.importorskip("torch")
        assert_trained(run_here(script(take_along.training(training_config(name)).torch)), name)


def test_a_short_run_prints_what_the_screen_shows_in_float32():
    config = replace(training_config("tanh"), steps=20)
    found = printed(run(script(take_along.training(config).numpy)))
    end = trained(config).snapshots[-1]
    assert found["loss_with"].item() == pytest.approx(end.loss, rel=1e-3)
    assert found["accuracy_with"].item() == pytest.approx(end.held_out.accuracy, abs=1.01e-3)


def test_images_are_left_out_and_it_says_so(lang: str):
    spirals = take_along.training(training_config("tanh"))
    digits = take_along.training(training_config("tanh", "digits"))
    assert digits.remark == labels(lang)["code.spirals"]
    assert spirals.remark == labels(lang)["code.float64"]
    assert script(digits.numpy) == script(spirals.numpy)


def test_a_training_that_diverges_ends_with_its_step(lang: str):
    pytest.importorskip("torch")
    config = training_settings(
        "spirals",
        depth=12,
        width=16,
        activation="relu",
        learning_rate=5.0,
        weight_scale=4.0,
        batch_size=16,
        steps=60,
    )
    found = printed(run_here(script(take_along.training(config).torch)))
    end = trained(replace(config, batch_norm="none", dtype="float64")).finished
    assert end.diverged_at is not None
    assert abs(found["diverged_without"].item() - end.diverged_at) <= 1


# ---- inference ----------------------------------------------------------------------------------

AVERAGES = [
    (stream(16, 100, 0), True, 0.1),
    (stream(2, 25, 3), True, 0.99),
    (stream(8, 50, 1), False, 0.01),
    (stream(3, 4, 2), False, 1.0),
]
TINY = TrainingConfig(
    data="spirals", train_size=64, batch_size=16, depth=2, width=3, activation="relu",
    steps=10, moments=2, dtype="float64",
)  # fmt: skip


def inference(number: int, *, fold: bool = False) -> TakeAlong:
    found, unbiased, alpha = AVERAGES[number]
    unit = None
    if fold:
        end = trained(TINY).finished
        unit = folded_unit(end.network, end.running, 1, 2)
    return take_along.inference(batch_values(found, unbiased), alpha, unit)


def assert_averages(output: str, number: int) -> None:
    batches, unbiased, alpha = AVERAGES[number]
    found = printed(output)
    for name, values in batch_values(batches, unbiased).items():
        start = {"mean": 0.0, "var": 1.0}[name]
        ends = running_curves(values, start, [alpha])[0, -1]
        assert_printed(found[f"running_{name}"], ends)
        assert_printed(found[f"cumulative_{name}"], values.mean())
    assert_printed(found["initial"], initial_weight(alpha, len(batches.mean)))
    assert_printed(found["noise"], noise_ratio(alpha))
    assert_printed(found["torch_momentum"], alpha)
    assert_printed(found["keras_momentum"], 1 - alpha)


def assert_folded(output: str) -> None:
    found = printed(output)
    end = trained(TINY).finished
    unit = folded_unit(end.network, end.running, 1, 2)
    assert_printed(found["folded_weight"], unit.folded_weight)
    assert_printed(found["folded_bias"], unit.folded_bias)
    assert found["fold_error"].item() < 1e-14


@pytest.mark.parametrize("number", range(len(AVERAGES)))
class TestInference:
    def test_numpy(self, lang: str, number: int):
        assert_averages(run(script(inference(number).numpy)), number)

    def test_torch(self, lang: str, number: int):
        """PyTorch's own layer stores what the page says."""
        pytest.importorskip("torch")
        assert_averages(run_here(script(inference(number).torch)), number)


def test_the_folded_unit(lang: str):
    assert_folded(run(script(inference(0, fold=True).numpy)))
    pytest.importorskip("torch")
    assert_folded(run_here(script(inference(0, fold=True).torch)))


# ---- whitening ----------------------------------------------------------------------------------

CLOUDS = {
    "opening": (correlated(white_cloud(128, 0), 0.9, 2.0), 0.0),
    "negative, far away": (100 + correlated(white_cloud(9, 1), -0.4, 0.3), 0.0),
    "real": (np.random.default_rng(2).normal(size=(30, 2)) @ [[0.2, 0.1], [0.0, 0.05]], 1e-5),
    "the same twice": (np.repeat(np.random.default_rng(3).normal(size=(8, 1)), 2, axis=1), 1e-5),
    "one constant": (np.stack([np.arange(6.0), np.full(6, 0.25)], axis=1), 1e-5),
}


def assert_whitened(output: str, name: str) -> None:
    x, eps = CLOUDS[name]
    found = printed(output)
    for stage, at in stages(x, eps=eps).items():
        assert_printed(found[f"cov_{stage}"], at.spectrum.cov, np.abs(at.spectrum.cov).max())
        condition = found[f"condition_{stage}"].item()
        assert condition == pytest.approx(at.spectrum.condition, rel=5.001e-4)
    zca = whiten(x, eps=eps)
    turned = zca.z @ rotation(60).T
    assert_printed(found["cov_turned"], spectrum(turned).cov, 1)
    for key, z in (("moved_zca", zca.z), ("moved_turned", turned)):
        assert_printed(found[key], ((z - zca.spectrum.centred) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize("name", CLOUDS)
class TestWhitening:
    def test_numpy(self, lang: str, name: str):
        assert_whitened(run(script(take_along.whitening(*CLOUDS[name]).numpy)), name)

    def test_torch(self, lang: str, name: str):
        pytest.importorskip("torch")
        assert_whitened(run_here(script(take_along.whitening(*CLOUDS[name]).torch)), name)


# ---- other norms ---------------------------------------------------------------------------------

SMALL = {
    "one": (moved(EXAMPLE[:1], 1.0, 5.0), (6, 12, 1, 1), 3),
    "two": (moved(EXAMPLE[:2], 0.001, 0.0), (8, 16, 4, 4), 4),
    "eight": (moved(EXAMPLE, 1.0, -3.3), (4, 3, 5, 6), 1),
}


def other_norms(name: str) -> TakeAlong:
    return take_along.other_norms(*SMALL[name])


def assert_norms(output: str, name: str) -> None:
    found = printed(output)
    x, shape, groups = SMALL[name]
    seen = follow(x, [1.0], [0.0])
    for norm, y in seen.x_hat.items():
        assert_printed(found[f"few_{norm}"], y[0])
    shared = [sharing(norm, shape, groups) for norm in SHARES]
    assert_printed(found["means"], np.array([each.means for each in shared]))
    assert_printed(found["values"], np.array([each.values for each in shared]))


@pytest.mark.parametrize("name", SMALL)
class TestOtherNorms:
    def test_numpy(self, lang: str, name: str):
        assert_norms(run(script(other_norms(name).numpy)), name)

    def test_torch(self, lang: str, name: str):
        """PyTorch's own functions; its BN refuses a batch of one."""
        pytest.importorskip("torch")
        assert_norms(run_here(script(other_norms(name).torch)), name)


# ---- scale and shift ----------------------------------------------------------------------------

PAIRS = {
    "sigmoid": (1.0, 0.0, "sigmoid"),
    "wide": (5.0, -1.5, "tanh"),
    "bent": (0.3, 0.1, "relu"),
    "flat": (0.0, 2.0, "sigmoid"),
    "dead": (0.2, -5.0, "relu"),
}
UNIT = np.random.default_rng(8).normal(3, 0.7, (30, 1))


def scale_shift(name: str) -> TakeAlong:
    gamma, beta, activation = PAIRS[name]
    return take_along.scale_shift(UNIT, gamma, beta, 1e-5, ACTIVATIONS[activation])


def assert_scaled(output: str, name: str) -> None:
    found = printed(output)
    gamma, beta, activation = PAIRS[name]
    sd = np.sqrt(UNIT.var() + 1e-5)
    y = gamma * (UNIT.T - UNIT.mean()) / sd + beta
    here = straightness(y, ACTIVATIONS[activation])
    assert_printed(found["mean_slope"], here.mean_slope)
    assert_printed(found["line_slope"], here.slope)
    assert_printed(found["line_intercept"], here.intercept)
    assert_printed(found["r2"], here.r2)
    assert found["identity_error"].item() < 2e-15
    slip = distances(UNIT, UNIT.std(), UNIT.mean()).largest
    assert_printed(found["slip_error"], slip)
    assert_printed(found["next_error"], carried_over(UNIT.reshape(2, -1))[1].largest[1])


@pytest.mark.parametrize("name", PAIRS)
class TestScaleShift:
    def test_numpy(self, lang: str, name: str):
        assert_scaled(run(script(scale_shift(name).numpy)), name)

    def test_torch(self, lang: str, name: str):
        pytest.importorskip("torch")
        assert_scaled(run_here(script(scale_shift(name).torch)), name)


# ---- why it works -------------------------------------------------------------------------------

SCALED = [(one_layer(1), 2.0, 1e-5), (one_layer(7), 0.05, 0.0), (one_layer(3), 20.0, 1e-12)]


def assert_invariant(output: str, number: int) -> None:
    layer, factor, eps = SCALED[number]
    found = printed(output)
    for name, each in (("bn", layer), ("plain", layer.without())):
        right = rescaled(each, [factor, 1.0], eps=eps)
        assert_printed(found[f"loss_{name}"], right.loss[0])
        assert_printed(found[f"gradient_{name}"], right.gradient[0])
        assert_printed(found[f"ratio_{name}"], right.gradient[0] / right.gradient[1])
        for quantity, value in (("moved", right.moved[0]), ("along", right.along[0])):
            if abs(value) > 1e-9:
                assert_printed(found[f"{quantity}_{name}"], value)
            else:  # a zero that is rounded differently
                assert abs(found[f"{quantity}_{name}"].item()) < 1e-9


@pytest.mark.parametrize("number", range(len(SCALED)))
class TestWhy:
    def test_numpy(self, lang: str, number: int):
        assert_invariant(run(script(take_along.why(*SCALED[number]).numpy)), number)

    def test_torch(self, lang: str, number: int):
        """Automatic differentiation finds the gradient that the page has."""
        pytest.importorskip("torch")
        assert_invariant(run_here(script(take_along.why(*SCALED[number]).torch)), number)


# ---- overview -----------------------------------------------------------------------------------

LAYERS = {"opening": ("sigmoid", 4.0, 0.0, 1.0, 8.0), "relu": ("relu", 1.0, 2.5, 0.4163, 8.0)}
LAYER_BATCH = spread(24, 3) / 4


def overview(name: str) -> TakeAlong:
    activation, scale, bias, rate, unit = LAYERS[name]
    return take_along.overview(
        LAYER_BATCH,
        scale=scale,
        bias=bias,
        activation=activation,
        data=two_features(),
        rate=rate,
        unit=unit,
        steps=200,
    )


def assert_overview(output: str, name: str) -> None:
    activation, scale, bias, rate, unit = LAYERS[name]
    f, x, found = ACTIVATIONS[activation], scale * LAYER_BATCH + bias, printed(output)
    for order in ORDERS:
        s = summary(next_input(x, f, order))
        row = np.array([s.mean[0], s.sd[0], s.minimum[0], s.skew[0], s.zeros[0]])
        np.testing.assert_allclose(found[order].ravel(), row, rtol=1e-3, atol=1e-12)
        moved = moved_by_bias(x, f, order, [-100.0, 100.0])
        np.testing.assert_allclose(found[f"moved_{order}"].ravel(), moved, rtol=1e-3, atol=1e-11)
    for kind, u in (("standard", 1.0), ("raw", unit)):
        steps = descend(two_features(), rate, u, 200).steps_to(0.01)[0]
        np.testing.assert_equal(found[f"steps_{kind}"].item(), steps)


@pytest.mark.parametrize("name", LAYERS)
class TestOverview:
    def test_numpy(self, lang: str, name: str):
        assert_overview(run(script(overview(name).numpy)), name)

    def test_torch(self, lang: str, name: str):
        pytest.importorskip("torch")
        assert_overview(run_here(script(overview(name).torch)), name)


def test_the_layer_in_pytorch_stands_alone(lang: str):
    """Rounding errors are printed and differ from run to run there: numbers are compared."""
    pytest.importorskip("torch")
    assert_overview(run(script(overview("opening").torch)), "opening")


# ---- PyTorch by itself --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chapter",
    [
        "forward",
        "backward",
        "gradient_check",
        "distributions",
        "training",
        "inference",
        "whitening",
        "other_norms",
        "scale_shift",
        "why",
    ],
)
def test_torch_script_stands_alone(monkeypatch: pytest.MonkeyPatch, chapter: str):
    pytest.importorskip("torch")
    speak(monkeypatch, "zh")
    batch = BATCHES["first"]
    made = {
        "forward": lambda: take_along.forward(batch),
        "backward": lambda: take_along.backward(batch),
        "gradient_check": lambda: take_along.gradient_check(batch, 1e-5, "detached"),
        "distributions": lambda: distributions("unit"),
        "scale_shift": lambda: scale_shift("sigmoid"),
        "training": lambda: take_along.training(training_config("tanh")),
        "inference": lambda: inference(0, fold=True),
        "whitening": lambda: take_along.whitening(*CLOUDS["opening"]),
        "other_norms": lambda: other_norms("two"),
        "why": lambda: take_along.why(*SCALED[0]),
    }[chapter]()
    assert run(script(made.torch)) == run_here(script(made.torch))


# ---- notebooks ----------------------------------------------------------------------------------

PROGRAMS: dict[str, Callable[[], TakeAlong]] = {
    "overview": lambda: overview("relu"),
    "forward": lambda: take_along.forward(BATCHES["first"]),
    "backward": lambda: take_along.backward(BATCHES["random 2"]),
    "gradient_check": lambda: take_along.gradient_check(BATCHES["first"], 1e-5, RIGHT),
    "gradient_check, bug": lambda: take_along.gradient_check(BATCHES["one"], 1e-4, "detached"),
    "distributions": lambda: distributions("each"),
    "scale_shift": lambda: scale_shift("wide"),
    "training": lambda: take_along.training(training_config("relu, skips")),
    "inference": lambda: inference(1),
    "inference, folded": lambda: inference(3, fold=True),
    "whitening": lambda: take_along.whitening(*CLOUDS["opening"]),
    "other_norms": lambda: other_norms("eight"),
    "why": lambda: take_along.why(*SCALED[1]),
}


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
class TestNotebook:
    def test_format(self, lang: str, make: Callable[[], TakeAlong]):
        made = make()
        found = json.loads(notebook(made.chapter, made.title, made.numpy))
        assert set(found) == NOTEBOOK_KEYS
        assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
        ids = [cell["id"] for cell in found["cells"]]
        assert len(set(ids)) == len(ids)
        for cell in found["cells"]:
            assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell["id"])
            common = {"id", "cell_type", "metadata", "source"}
            code = {"outputs", "execution_count"} if cell["cell_type"] == "code" else set()
            assert set(cell) == common | code
            assert "".join(cell["source"]).strip()
        assert found["cells"][0]["source"][0] == f"# {made.title}\n"
        assert made.title == labels(lang)[f"chapters.{made.chapter}"]

    def test_official_schema(self, lang: str, make: Callable[[], TakeAlong]):
        nbformat = pytest.importorskip("nbformat")
        made = make()
        whole = notebook(made.chapter, made.title, made.numpy)
        nbformat.validate(nbformat.reads(whole, as_version=4))

    def test_run_cell_by_cell_it_prints_what_the_script_prints(
        self, lang: str, make: Callable[[], TakeAlong]
    ):
        made = make()
        found = json.loads(notebook(made.chapter, made.title, made.numpy))
        names: dict[str, Any] = {"__name__": "__main__"}
        with contextlib.redirect_stdout(io.StringIO()) as out:
            for cell in found["cells"]:
                if cell["cell_type"] == "code":
                    exec("".join(cell["source"]), names)
        assert out.getvalue() == run(script(made.numpy))


# ---- what gets in, and what does not ------------------------------------------------------------


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_nothing_of_this_book_is_imported(lang: str, library: str, make: Callable[[], TakeAlong]):
    tree = ast.parse(script(getattr(make(), library)))
    modules = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    torch = {"torch", "torch.nn.functional", "itertools"}
    torch |= {"numpy"} if make is PROGRAMS["training"] else set()  # whose draws are the page's
    assert modules <= (torch if library == "torch" else {"numpy"})


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
def test_no_place_is_left_open(lang: str, make: Callable[[], TakeAlong]):
    for cells in (make().numpy, make().torch):
        assert "$" not in script(cells)
        assert "#:" not in script(cells)


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
def test_a_terminal_that_knows_only_its_own_language_can_print_it(
    lang: str, make: Callable[[], TakeAlong]
):
    run(script(make().numpy)).encode({"en": "ascii", "zh": "gbk"}[lang])


HOSTILE = ["1], [2]); import os #", "$x", "__import__('os').system('true')", '1\n"""\nimport os']


@pytest.mark.parametrize("hostile", HOSTILE)
def test_only_floats_get_into_the_code(hostile: str):
    with pytest.raises(own_numbers.OwnNumbersError):
        own_numbers.parse(hostile, LIMITS)
    with pytest.raises(ValueError, match="could not convert"):
        program.literal(np.array([[hostile, "1"], ["2", "3"]], dtype=object))


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("field", ["batch_x", "batch_gamma", "batch_beta", "batch_eps", "batch_dy"])
def test_hostile_links_leave_the_code_as_it_was(field: str, hostile: str):
    plain = unfolded(arrived("backward", batch_dy_from="own"), "backward")
    app = unfolded(arrived("backward", batch_dy_from="own", **{field: hostile}), "backward")
    assert code_on(app) == code_on(plain)


def test_names_of_columns_stay_out():
    """The learner's own numbers may have names; the code has numbers of features only."""
    app = unfolded(distributions_opened(dist_source="own"), "distributions")
    (box,) = (area for area in app.text_area if area.key.startswith("dist_own"))
    checked(box.set_value("height; os.remove($x)\n1; 2\n3; 5\n4; 4").run())
    assert any("os.remove" in element.value for element in app.markdown)
    assert "[2.0],\n    [5.0],\n    [4.0],\n" in code_on(app)
    assert "remove" not in code_on(app)


@pytest.mark.parametrize("word", ['a "b"', "a\\", "a\nb", "{x}", "$x", "x̂"])
def test_a_word_cannot_leave_its_quotation_marks(word: str):
    code = program.fill('s = "$word"', {}, word=program.quoted(word))
    assert ast.literal_eval(code.removeprefix("s = ")) == word.replace("x̂", "x_hat")


@pytest.mark.parametrize(
    "values",
    [spread(3, 2), spread(1, 1), spread(40, 1), spread(5, 40), spread(3, 1)[:, 0] * 1e-300],
    ids=lambda values: str(values.shape),
)
def test_numbers_are_written_in_full(values: np.ndarray):
    numbers = np.array(ast.literal_eval(program.literal(values)))
    np.testing.assert_array_equal(numbers.reshape(values.shape), values)
    assert max(map(len, program.literal(values).splitlines())) <= program.WIDTH


def test_every_comment_and_section_is_used(lang: str):
    """Words that no program says are words to be deleted."""
    source = "".join(p.read_text("utf-8") for p in Path(take_along.__file__).parent.glob("*.py"))
    chapters = (
        "overview",
        "forward",
        "backward",
        "gradient_check",
        "distributions",
        "inference",
        "whitening",
        "other_norms",
        "scale_shift",
        "why",
    )
    for key in text.group("code_comments"):
        name, by_chapter, by_step = f"#: {key}\n", "about_$chapter", "of_$name"
        known = (key.startswith("about_") and key[6:] in chapters and by_chapter in source) or (
            key.startswith("of_") and by_step in source
        )
        assert known or name in source or re.search(rf'"(#: )?{key}"', source), key
    for key in text.group("code_words"):
        assert f"$word_{key}" in source, key
    for key in sections(lang, "take_along"):
        assert f'"{key}"' in source or key in chapters, key


# ---- on the pages -------------------------------------------------------------------------------

PAGES: dict[str, Callable[..., AppTest]] = {
    "overview": lambda **query: arrived("overview", **query),
    "distributions": distributions_opened,
    "forward": lambda **query: arrived("forward", **query),
    "backward": lambda **query: arrived("backward", **query),
    "gradient_check": gradient_check_opened,
    "inference": inference_opened,
    "whitening": whitening_opened,
    "other_norms": other_norms_opened,
    "scale_shift": scale_shift_opened,
    "why": why_opened,
}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, pool: PoolInProcess) -> str:
    return request.param


def unfolded(app: AppTest, chapter: str) -> AppTest:
    app.session_state[f"{chapter}_code_open"] = True
    return checked(app.run())


def code_on(app: AppTest) -> str:
    """The program among the page's code blocks; another is the link."""
    (found,) = (element.value for element in app.code if element.language == "python")
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_every_page(page: str, language: str):
    words = labels(language)
    app = PAGES[page](lang=language)
    assert words["code.title"] in [box.label for box in app.expander]
    assert not [c for c in app.code if c.language == "python"], "closed, it costs nothing"
    unfolded(app, page)
    numpy_code = code_on(app)
    assert words[f"code_comments.about_{page}"] in numpy_code
    assert "import numpy as np" in numpy_code
    pick(app, f"{page}_code_library", "torch")
    assert "import torch" in code_on(app)
    names = {"numpy_script", "torch_script", "notebook"}
    assert {words[f"code.{name}"] for name in names} <= {
        button.label for button in app.get("download_button")
    }


def test_it_survives_a_change_of_language(page: str):
    app = unfolded(PAGES[page](lang="en"), page)
    pick(app, f"{page}_code_library", "torch")
    english = code_on(app)
    pick(app, "lang", "zh")
    chinese = code_on(app)
    assert labels("zh")[f"code_comments.about_{page}"] in chinese
    assert "import torch" in chinese

    def bare(code: str) -> str:
        return re.sub(r'#.*|"[^"]*"', "", code)

    lines = (
        [line for line in bare(code).splitlines() if line.strip()] for code in (english, chinese)
    )
    assert next(lines) == next(lines)


@pytest.mark.parametrize("chapter", ["forward", "backward"])
def test_it_is_the_batch_on_the_screen(chapter: str):
    app = unfolded(arrived(chapter, batch_x="1~2_3~5.5", batch_eps=0.25), chapter)
    assert "[1.0, 2.0],\n    [3.0, 5.5],\n" in code_on(app)
    assert "eps = 0.25" in code_on(app)


@pytest.mark.parametrize(("chapter", "key"), [("forward", "fwd"), ("backward", "bwd")])
def test_no_answers_while_practising(chapter: str, key: str):
    app = unfolded(arrived(chapter, **{f"{key}_practice": "last"}), chapter)
    assert not [c for c in app.code if c.language == "python"]
    assert [n.value for n in app.info].count(labels("en")["code.practising"]) == 1
    assert labels("en")["code.notebook"] not in [b.label for b in app.get("download_button")]
    pick(app, f"{key}_practice", "worked")
    assert code_on(app)
