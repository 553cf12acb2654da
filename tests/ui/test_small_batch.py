"""The batch that the step by step chapters share: what is read, set, refused, undone and linked."""

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bn_core import check_gradient, forward_train
from bn_core.activations import ACTIVATIONS
from bn_core.datasets import load_digits
from bn_core.network import forward, initial_network
from bn_core.upstream import UPSTREAM, random_gradient, softmax_cross_entropy
from bn_ui import own_numbers, small_batch, text, url
from bn_ui.batches import network_layer
from bn_ui.small_batch import BACKWARD_BATCH, BETA, DY, EPS, GAMMA, LIMITS, PRESETS, TARGET, X
from bn_ui.text import LANGUAGES, labels
from tests.ui.test_distributions import ROUTER, checked, kept, pick, shared_link

X0 = own_numbers.parse(X.default, LIMITS).x
BOXES = {"batch_x": X, "batch_gamma": GAMMA, "batch_beta": BETA}


def arrived(chapter: str, **query: Any) -> AppTest:
    """A chapter, opened with a link."""
    app = AppTest.from_file(ROUTER, default_timeout=60)
    app.context = {"locale": "en-US"}
    app.query_params = {key: str(value) for key, value in query.items()}
    app.switch_page(f"../pages/{chapter}.py")
    return checked(app.run())


def opened(**query: Any) -> AppTest:
    return arrived("backward", **query)


def press(app: AppTest, name: str) -> AppTest:
    return checked(app.button(key=name).click().run())


def box(app: AppTest, key: str) -> Any:
    """The box of a field, whether of one line or of many."""
    (found,) = (e for e in [*app.text_area, *app.text_input] if e.key == f"{key}_box")
    return found


def write(app: AppTest, key: str, typed: str) -> AppTest:
    return checked(box(app, key).set_value(typed).run())


def fields(app: AppTest) -> dict[str, Any]:
    return {field.key: kept(app, field.key) for field in BACKWARD_BATCH}


def array(linked: str) -> np.ndarray:
    return np.array([[float(n) for n in row.split("~")] for row in linked.split("_")])


# ---- what is read --------------------------------------------------------------------------------


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A session without Streamlit."""
    found: dict[str, Any] = {"lang": "en"}
    fake = SimpleNamespace(session_state=found, context=SimpleNamespace(locale="en"))
    for module in (url, small_batch, text):
        monkeypatch.setattr(module, "st", fake)
    return found


@pytest.mark.usefixtures("state")
class TestRead:
    def test_what_a_chapter_opens_with(self):
        batch = small_batch.read()
        np.testing.assert_array_equal(batch.x, X0)
        np.testing.assert_array_equal(batch.gamma, [1.5, 0.8])
        np.testing.assert_array_equal(batch.beta, [0.5, -1])
        assert batch.eps == 1e-5
        np.testing.assert_array_equal(
            batch.dy, batch.fwd.y - np.array([[1, 0], [0, -1], [1, 0], [-1, 1]])
        )

    @pytest.mark.parametrize("name", small_batch.UPSTREAMS)
    def test_the_loss_has_the_upstream_gradient(self, name: str):
        url.assign(small_batch.DY_FROM, name)
        batch = small_batch.read()
        check = check_gradient(batch.loss, batch.fwd.y, batch.dy)
        assert check.relative_error < 1e-8
        np.testing.assert_array_equal(batch.dy, batch.upstream(batch.fwd))
        assert np.abs(batch.dy).max() > 0

    @pytest.mark.parametrize("name", UPSTREAM)
    def test_upstream_gradients_are_the_cores(self, name: str):
        url.assign(small_batch.DY_FROM, name)
        batch = small_batch.read()
        fwd = forward_train(batch.x, batch.gamma, batch.beta)
        np.testing.assert_array_equal(batch.dy, UPSTREAM[name](fwd))

    def test_typed_and_seeded_gradients(self):
        url.assign(small_batch.DY_FROM, "own")
        np.testing.assert_array_equal(small_batch.read().dy, [[1, 0], [-1, 2], [0, -1], [0.5, 1]])
        url.assign(small_batch.DY_FROM, "random")
        url.assign(small_batch.SEED, 7)
        batch = small_batch.read()
        np.testing.assert_array_equal(batch.dy, random_gradient(batch.fwd, 7))

    def test_what_is_missing_is_filled_and_what_is_too_much_is_left(self):
        url.assign(X, "1,2,3\n4,5,9")
        batch = small_batch.read()
        np.testing.assert_array_equal(batch.gamma, [1.5, 0.8, 1])
        np.testing.assert_array_equal(batch.beta, [0.5, -1, 0])
        target = batch.fwd.y - batch.dy
        np.testing.assert_allclose(target, [[1, 0, 0], [0, -1, 0]], atol=1e-15)
        url.assign(X, "1\n4\n2\n8\n3")
        batch = small_batch.read()
        assert batch.gamma.tolist() == [1.5]
        np.testing.assert_allclose(batch.fwd.y - batch.dy, [[1], [0], [1], [-1], [0]], atol=1e-15)

    @pytest.mark.parametrize(("x", "eps"), [("3,1\n3,2", 1e-5), ("2", 1e-5), ("3,1\n4,2", 0.0)])
    def test_epsilon_zero_needs_columns_that_vary(self, x: str, eps: float):
        url.assign(X, x)
        url.assign(EPS, 0)
        assert small_batch.read().eps == eps
        assert np.isfinite(small_batch.read().fwd.y).all()

    def test_the_key_says_what_decides(self):
        seen = {small_batch.read().key}
        for field, value in (
            (X, "1.2, 40\n0.4, 55\n2.9, 38\n-0.5, 62"),
            (X, "1.2\n0.4"),
            (GAMMA, "1"),
            (BETA, "7"),
            (EPS, 1.0),
            (TARGET, "5"),
            (small_batch.DY_FROM, "random"),
            (small_batch.SEED, 1),
            (small_batch.DY_FROM, "own"),
            (DY, "9"),
        ):
            url.assign(field, value)
            seen.add(small_batch.read().key)
        assert len(seen) == 11
        url.assign(small_batch.SEED, 2)  # nothing asks for it now
        assert small_batch.read().key in seen

    def test_the_same_numbers_in_another_shape_are_another_batch(self):
        url.assign(GAMMA, "1,1")
        url.assign(X, "1,2\n3,4")
        one = small_batch.read().key
        url.assign(X, "1\n2\n3\n4")
        assert small_batch.read().key != one


def test_a_layer_of_a_real_network():
    """∂ℓ/∂y against central differences from the activation's input to the loss."""
    m, d = 8, 4
    x, dy = network_layer(m, d)
    assert x.shape == dy.shape == (m, d)
    assert not x.flags.writeable
    assert not dy.flags.writeable
    digits = load_digits()
    network = initial_network(
        [64, 16, 16, 10], activation="tanh", batch_norm=True, linear_output=True
    )
    record = forward(network, digits.images[:m].astype(np.float64))[1]
    head = network.layers[2]

    def loss(y: np.ndarray) -> float:
        logits = ACTIVATIONS["tanh"](y) @ head.weight + head.bias
        return softmax_cross_entropy(logits, digits.labels[:m])[0]

    numeric = check_gradient(loss, record.batch_norm.y, np.zeros((m, 16))).numeric
    weights = np.abs(numeric).sum(axis=0)
    units = np.flatnonzero(weights >= np.sort(weights)[-d])
    np.testing.assert_array_equal(x, record.pre_activation[:, units])
    np.testing.assert_allclose(dy, numeric[:, units], atol=1e-8)
    assert np.abs(dy).max() > 1e-3


# ---- boxes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "typed", "linked"),
    [
        ("batch_x", "1 2\n3 4", "1~2_3~4"),
        ("batch_x", "1;2\n3;−4.5", "1~2_3~-4.5"),
        ("batch_x", "7", "7"),
        ("batch_gamma", "2, -3", "2~-3"),
        ("batch_beta", "0", "0"),
        ("batch_target", "1,1", "1~1"),
    ],
)
def test_what_can_be_read_is_taken(key: str, typed: str, linked: str):
    app = write(opened(), key, typed)
    assert not app.error
    assert app.query_params == {key: linked}
    assert box(app, key).value == typed


BAD = [
    ("1,2\n3,x", "text", {"line": 2, "column": 2, "cell": "`x`"}),
    ("1,2\n3", "ragged", {"line": 2, "cells": 1, "width": 2}),
    ("1,inf", "not_finite", {"line": 1, "column": 2, "cell": "`inf`"}),
    ("1,1e7", "too_big", {"line": 1, "column": 2, "cell": "`1e7`", "power": 6}),
    ("1\n" * 9, "too_many_rows", {"rows": 9, "most": 8}),
    ("1,2,3,4,5", "too_many_columns", {"columns": 5, "most": 4}),
    ("", "empty", {}),
]


REFUSED = [("batch_x", *bad) for bad in BAD]
REFUSED += [(key, *BAD[n]) for key in ("batch_gamma", "batch_beta", "batch_target") for n in (0, 3)]


@pytest.mark.parametrize(("key", "typed", "reason", "values"), REFUSED)
def test_what_cannot_be_read_is_explained_and_stays(
    key: str, typed: str, reason: str, values: dict[str, Any]
):
    app = write(opened(), key, "1.5, 2.5")
    before, link = fields(app), dict(app.query_params)
    write(app, key, typed)
    row = key in ("batch_gamma", "batch_beta")
    if row and "\n" in typed:
        reason, values = "too_many_rows", {"rows": len(typed.split()), "most": 1}
    for lang in LANGUAGES:
        pick(app, "lang", lang)
        words = labels(lang)
        name = "batch.empty" if reason == "empty" else f"own.error_{reason}"
        (error,) = app.error
        assert error.value == f"{words[name].format(**values)} {words['batch.still_shown']}"
        assert box(app, key).value == typed
        assert fields(app) == before
        assert {k: v for k, v in app.query_params.items() if k != "lang"} == link
    write(app, key, "3, 4")
    assert not app.error
    assert app.query_params[key] == "3~4"


def test_two_boxes_may_be_refused_at_once():
    app = write(write(opened(), "batch_x", "x,y"), "batch_gamma", "?")
    assert len(app.error) == 2
    write(app, "batch_x", "1,2")
    assert len(app.error) == 1
    assert box(app, "batch_gamma").value == "?"


def test_what_the_text_says_is_shown_and_not_obeyed():
    (error,) = write(opened(), "batch_x", "1,![a](//b.c/d)").error
    assert "`![a](//b.c/d)`" in error.value


def test_a_long_text_is_cut_before_it_is_read():
    app = write(opened(), "batch_x", "1," * 10**5)
    assert len(app.error) == 1
    assert fields(app)["batch_x"] == X.default
    assert len(box(app, "batch_x").value) <= small_batch.MOST_CHARACTERS


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sizes_that_do_not_fit_are_said(lang: str):
    app = opened(lang=lang)
    said = labels(lang)["batch.fitted"]
    assert not app.caption or not any("×" in c.value for c in app.caption)
    write(app, "batch_gamma", "1, 2, 3")
    write(app, "batch_beta", "1")
    write(app, "batch_target", "1, 2")
    captions = [caption.value for caption in app.caption]
    assert said.format(name="γ", given="3", wanted="2", fill=1) in captions
    assert said.format(name="β", given="1", wanted="2", fill=0) in captions
    assert said.format(name="t", given="1 × 2", wanted="4 × 2", fill=0) in captions
    write(app, "batch_x", "1,2,3")
    captions = [caption.value for caption in app.caption]
    assert not any("γ" in c and said[-10:] in c for c in captions)
    checked(app.selectbox(key="batch_dy_from").set_value("own").run())
    captions = [caption.value for caption in app.caption]
    assert said.format(name="∂ℓ/∂y", given="4 × 2", wanted="1 × 3", fill=0) in captions


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("chapter", ["forward", "backward"])
def test_epsilon_zero_with_a_constant_column_is_a_warning(chapter: str, lang: str):
    app = arrived(chapter, lang=lang, batch_x="3~1_3~2", batch_eps=0)
    (warning,) = app.warning
    assert warning.value == labels(lang)["batch.eps_needed"]
    assert kept(app, "batch_eps") == 0
    write(app, "batch_x", "3,1\n4,2")
    assert not app.warning


# ---- presets, undo, reset ------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_what_it_names_and_the_boxes_show_it(preset: str):
    app = write(opened(batch_eps=0.5), "batch_x", "x")
    press(app, f"batch_{preset}")
    assert not app.error
    assert not app.warning
    for field, value in PRESETS[preset].items():
        assert kept(app, field.key) == value
    for key, field in BOXES.items():
        assert box(app, key).value == PRESETS[preset][field]
    if preset in ("round", "constant", "two"):
        assert not [c for c in app.caption if labels("en")["batch.fitted"][-20:] in c.value]


def test_round_answers_are_round():
    app = press(opened(), "batch_round")
    x, dy, gamma = (array(app.query_params[f"batch_{key}"]) for key in ("x", "dy", "gamma"))
    fwd = forward_train(x, gamma[0], eps=0)
    for a in (fwd.mu, fwd.var, 10 * fwd.x_hat, 10 * fwd.y):
        np.testing.assert_allclose(a, np.round(a), atol=1e-12)
    assert np.ptp(dy) > 0


def test_the_network_preset_is_the_networks():
    app = press(opened(), "batch_network")
    assert not app.error
    x, dy = network_layer(8, 4)
    np.testing.assert_allclose(own_numbers.parse(kept(app, "batch_x")).x, x, rtol=1e-4)
    np.testing.assert_allclose(own_numbers.parse(kept(app, "batch_dy")).x, dy, rtol=1e-4)
    assert kept(app, "batch_dy_from") == "own"
    again = opened(**app.query_params)
    assert {k: array(v).tolist() for k, v in again.query_params.items() if "~" in v} == {
        k: array(v).tolist() for k, v in app.query_params.items() if "~" in v
    }


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("chapter", ["forward", "backward"])
def test_every_preset_in_every_language_and_chapter(chapter: str, lang: str):
    app = arrived(chapter, lang=lang)
    for preset in (*PRESETS, "network"):
        press(app, f"batch_{preset}")
        assert not app.error
        assert app.button(key=f"batch_{preset}").label == labels(lang)[f"batch_presets.{preset}"]


def test_undo_goes_back_step_by_step():
    app = opened()
    assert app.button(key="batch_undo").disabled
    states = [fields(app)]
    for change in (
        lambda: write(app, "batch_x", "1,2\n3,5"),
        lambda: write(app, "batch_gamma", "7"),
        lambda: press(app, "batch_outlier"),
        lambda: checked(app.number_input(key="batch_eps").set_value(2.0).run()),
        lambda: checked(app.selectbox(key="batch_dy_from").set_value("equal").run()),
        lambda: press(app, "backward_reset"),
    ):
        change()
        assert fields(app) != states[-1]
        states.append(fields(app))
    while len(states) > 1:
        states.pop()
        assert not app.button(key="batch_undo").disabled
        press(app, "batch_undo")
        assert fields(app) == states[-1]
        assert box(app, "batch_x").value == states[-1]["batch_x"]
        assert app.number_input(key="batch_eps").value == states[-1]["batch_eps"]
    assert app.button(key="batch_undo").disabled
    assert app.query_params == {}


def test_undo_after_undo_and_another_change():
    app = write(write(opened(), "batch_x", "1,2"), "batch_x", "3,4")
    press(app, "batch_undo")
    write(app, "batch_x", "5,6")
    for wanted in ("1,2", X.default):
        press(app, "batch_undo")
        assert fields(app)["batch_x"] == wanted


def test_undo_and_reset_forget_a_refused_text():
    for button in ("batch_undo", "backward_reset", "batch_two"):
        app = write(write(opened(), "batch_x", "1,2"), "batch_x", "nonsense,1")
        assert app.error
        press(app, button)
        assert not app.error
        assert box(app, "batch_x").value == fields(app)["batch_x"]


def test_undo_does_not_remember_without_end():
    app = opened()
    app.session_state["batch_history"] = [fields(app)] * small_batch.UNDO_STEPS
    write(app, "batch_x", "1,2")
    assert len(app.session_state["batch_history"]) == small_batch.UNDO_STEPS


@pytest.mark.parametrize("chapter", ["forward", "backward"])
def test_reset_takes_everything_back(chapter: str):
    app = press(arrived(chapter), "batch_network")
    assert len(app.query_params["batch_x"]) > 100
    press(app, f"{chapter}_reset")
    assert app.query_params == {}
    assert box(app, "batch_x").value == X.default


# ---- links ---------------------------------------------------------------------------------------


OTHERS = {
    "batch_x": "1~2_3~5",
    "batch_gamma": "2~-1",
    "batch_beta": "0.25~7",
    "batch_eps": "0.01",
    "batch_dy_from": "own",
    "batch_dy": "1~-1_0.5~2",
    "batch_target": "3~3_1~1",
    "batch_seed": "42",
}


@pytest.mark.parametrize("key", OTHERS)
def test_the_link_is_honoured_field_by_field(key: str):
    assert opened(**{key: OTHERS[key]}).query_params == {key: OTHERS[key]}


def test_the_link_is_honoured_as_a_whole_and_can_be_shared():
    app = opened(**OTHERS)
    assert app.query_params == OTHERS
    link = shared_link(app)
    assert urlsplit(link).path == "/backward"
    query = dict(parse_qsl(urlsplit(link).query))
    assert query.pop("lang") == "en"
    assert fields(opened(**query)) == fields(app)


HOSTILE = {
    "batch_x": [
        "1~" * 5000,
        "_".join("1" * 9),
        "1~2~3~4~5",
        "1e7",
        "nan",
        "1~2_3",
        "-",
        "",
        "_~_",
        "<script>",
        "1e999",
        "\x00",
    ],
    "batch_gamma": ["1~2~3~4~5", "1_2", "nan", "", "x"],
    "batch_beta": ["1_2", "1e999", "--1"],
    "batch_dy": ["_".join("1" * 9), "inf"],
    "batch_target": ["1~2_3", "1e7"],
    "batch_dy_from": ["√", "random_gradient", "", "__class__"],
    "batch_eps": ["nan", "", "ε"],
    "batch_seed": ["nan", "x", ""],
}


@pytest.mark.parametrize("chapter", ["forward", "backward"])
@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_links_mean_the_default(key: str, chapter: str):
    default = next(field.default for field in BACKWARD_BATCH if field.key == key)
    for linked in HOSTILE[key][:: 1 if chapter == "backward" else 4]:
        app = arrived(chapter, **{key: linked})
        assert not app.error
        assert app.query_params == {}
        if chapter == "backward":
            assert kept(app, key) == default, linked


@pytest.mark.parametrize(
    ("key", "linked", "value"),
    [
        ("batch_eps", "-1", 0.0),
        ("batch_eps", "1e999", 100.0),
        ("batch_seed", "-5", 0),
        ("batch_seed", "1e99", 9999),
    ],
)
def test_numbers_out_of_range_are_moved_to_the_end(key: str, linked: str, value: float):
    assert kept(opened(**{key: linked}), key) == value


@pytest.mark.parametrize("chapter", ["forward", "backward"])
@pytest.mark.parametrize(
    "query",
    [
        {"batch_x": "2~-7"},
        {"batch_x": "0_5e-324"},
        {"batch_x": "0_1e-200", "batch_eps": 0},
        {"batch_x": "0_1e-60", "batch_eps": 0},
        {"batch_x": "0_1e-40", "batch_eps": 0, "batch_gamma": 1e6},
        {"batch_x": "0.1~5_0.1~5_0.1~6", "batch_eps": 1e-12},
        {"batch_x": "1e6~-1e6_-1e6~1e6", "batch_gamma": "1e6~-1e6", "batch_beta": "-1e6~1e6"},
        {"batch_x": "1e6_1e6_999999.999999", "batch_eps": 0},
        {"batch_x": "_".join(["1~2~3~4", "4~3~1~2"] * 4), "batch_gamma": "0~0~0~0"},
        {"batch_dy_from": "own", "batch_dy": "0~0_0~0_0~0_0~0"},
        {"batch_dy_from": "own", "batch_dy": "1e6~-1e6_1e-300~1_1~1_1~1"},
    ],
    ids=str,
)
def test_ends_of_what_can_be_set(chapter: str, query: dict[str, Any]):
    app = arrived(chapter, **query)
    assert not app.error
    press(app, f"{chapter}_reset")


# ---- shared --------------------------------------------------------------------------------------


def test_numbers_go_along_from_chapter_to_chapter():
    app = write(write(arrived("forward"), "batch_x", "1,2\n3,5\n4,9"), "batch_gamma", "3, 4")
    checked(app.number_input(key="batch_eps").set_value(0.5).run())
    linked = dict(app.query_params)
    assert set(linked) == {"batch_x", "batch_gamma", "batch_eps"}
    for chapter in ("backward", "gradient_check", "forward"):
        app.switch_page(f"../pages/{chapter}.py")
        app.query_params = {}
        checked(app.run())
        assert not app.error
        assert app.query_params == linked
        if chapter == "gradient_check":  # covered, there, until there is a guess
            press(app, "gc_guess_show")
        assert box(app, "batch_x").value == "1,2\n3,5\n4,9"
        assert box(app, "batch_gamma").value == "3, 4"
        assert app.number_input(key="batch_eps").value == 0.5
    press(app, "batch_undo")
    assert app.number_input(key="batch_eps").value == EPS.default
