"""The Gradient check page, run as Streamlit runs it but without a browser."""

import csv
import io
import re
import warnings
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from bn_core import backward_train, check_gradient, forward_train
from bn_core.mistakes import BUGS
from bn_core.step_sizes import DTYPES, GRADIENTS, RIGHT, STEPS, check_batch
from bn_core.upstream import UPSTREAM, half_squared_error
from bn_ui import small_batch
from bn_ui.figures import gradient_check as figures
from bn_ui.numbers import number_text
from bn_ui.palette import chart_palette
from bn_ui.text import LANGUAGES, labels
from bn_ui.url import Field
from tests.decoded import Decoded, apply, decode, themed
from tests.page_definitions import definitions
from tests.ui.test_distributions import checked, kept, pick
from tests.ui.test_small_batch import arrived as by_link

arrived = partial(by_link, "gradient_check")  # the page as a link opens it: covered
PAGE = definitions("gradient_check")


def given(field: Field) -> np.ndarray:
    """The numbers that the page opens with."""
    return np.array([line.split(",") for line in field.default.split("\n")], dtype=np.float64)


X, TARGET = given(small_batch.X), given(small_batch.TARGET)
GAMMA, BETA = given(small_batch.GAMMA)[0], given(small_batch.BETA)[0]
FWD = forward_train(X, GAMMA, BETA)
DY = half_squared_error(FWD.y, TARGET)[1]


def opened(**query: Any) -> AppTest:
    """The page, uncovered."""
    return checked(arrived(**query).button(key="gc_guess_show").click().run())


def chart(app: AppTest) -> Decoded:
    (found,) = (element for element in app.get("bidi_component") if element.key == PAGE.CHART)
    return decode(found.proto.bytes)


def frame(message: Decoded, position: int | None) -> tuple[dict[str, Any], list[float]]:
    """The wide figure with the knob at a position, and its numbers (None: as committed)."""
    figure = deepcopy({name: message.header["figure"][name] for name in ("data", "layout")})
    numbers = apply(figure, message.base, 0)
    if position is not None:
        numbers = apply(figure, message.knobs["gc_h"]["changes"], position) or numbers
    return figure, numbers


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


# ---- predict -----------------------------------------------------------------------------------


class TestPrediction:
    def test_the_picture_is_covered_until_there_is_a_guess(self):
        app = arrived(gc_h=1e-3)
        assert [e.key for e in app.get("bidi_component")] == [
            "gradient_check_copy_link",
            "gradient_check_quiz_kept",
            "page_aids",
        ]
        assert app.query_params["gc_h"] == "0.001"
        pick(app, "gc_guess", "better")
        assert len(app.info) == 1
        assert chart(app).knobs["gc_h"]["value"] == 1e-3
        pick(app, "gc_guess", "valley")
        assert len(app.success) == 1

    def test_what_would_tell_the_answer_is_covered_too(self):
        app = arrived()
        assert "Taylor" not in texts(app)
        assert "Taylor" in texts(opened())


# ---- picture, table, caption -------------------------------------------------------------------


def one_at_a_time(name: str, dtype: str, h: float, dx: np.ndarray | None = None):
    """`check_gradient` on the batch that the page opens with."""
    point = {"x": X, "gamma": GAMMA, "beta": BETA}
    point = {key: value.astype(dtype) for key, value in point.items()}
    dy = DY.astype(dtype)
    analytic = getattr(backward_train(dy, forward_train(**point)), f"d{name}")

    def loss(value: np.ndarray) -> float:
        return (dy * forward_train(**point | {name: value}).y).sum()

    wrong = analytic if dx is None else dx
    return check_gradient(loss, point[name], wrong, h, dtype=dtype)


def error_of(name: str, dtype: str, h: float) -> float:
    try:
        return one_at_a_time(name, dtype, h).relative_error
    except ValueError:
        return np.nan


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", GRADIENTS)
def test_every_number_is_that_of_check_gradient(name: str, dtype: str):
    message = chart(opened(gc_gradient=name, gc_dtype=dtype))
    assert message.knobs["gc_h"]["values"] == list(STEPS)
    for at in range(0, 49, 4):
        h = STEPS[at]
        _, numbers = frame(message, at)
        wanted = [error_of(*curve, h) for curve in figures.ORDER]
        np.testing.assert_array_equal(numbers[:6], wanted)
        if np.isnan(wanted[figures.ORDER.index((name, dtype))]):
            continue
        check = one_at_a_time(name, dtype, h)
        columns = (check.analytic, check.numeric, check.abs_error)
        entries = np.stack([column.ravel() for column in columns], axis=1)
        np.testing.assert_array_equal(np.reshape(numbers[6:], (-1, 3)), entries)


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_stands_beside_the_right_gradient(bug: str):
    message = chart(opened(gc_bug=bug))
    dx = BUGS[bug](DY, FWD)
    for at in (20, 32, 44):
        figure, numbers = frame(message, at)
        expected = one_at_a_time("x", "float64", STEPS[at], dx)
        rows = np.reshape(numbers[6:], (-1, 4))
        np.testing.assert_array_equal(rows[:, 0], backward_train(DY, FWD).dx.ravel())
        np.testing.assert_array_equal(rows[:, 1], dx.ravel())
        np.testing.assert_array_equal(rows[:, 2], expected.numeric.ravel())
        assert figure["data"][0]["y"][at] == expected.relative_error == numbers[0]
        right = figure["data"][-1]
        assert right["y"][at] == one_at_a_time("x", "float64", STEPS[at]).relative_error


def test_axes_and_curves_stand_still():
    message = chart(opened())
    kinds = {change["kind"] for change in message.knobs["gc_h"]["changes"]}
    assert kinds == {"trace", "cells"}
    moved = {change["trace"] for change in message.knobs["gc_h"]["changes"]} - {None}
    for first, last in zip(
        frame(message, 0)[0]["data"], frame(message, 48)[0]["data"], strict=True
    ):
        if first["name"].startswith("∂"):
            np.testing.assert_array_equal(first["y"], last["y"])
    assert min(moved) >= 6


def test_the_upright_line_and_the_rings_stand_at_h():
    message = chart(opened(gc_h=1e-3))
    for position, h in ((None, 1e-3), (0, 1e-13), (48, 0.1)):
        figure, numbers = frame(message, position)
        upright, rings = figure["data"][7], figure["data"][8]
        assert set(upright["x"]) == set(rings["x"]) == {h}
        drawn = np.maximum(numbers[:6], 1e-16)
        np.testing.assert_array_equal(rings["y"], drawn)


@pytest.mark.parametrize("query", [{}, {"gc_bug": "printed"}, {"batch_x": "2~-7"}], ids=str)
@pytest.mark.parametrize("layout", ["layout", "narrow"])
def test_plotly_takes_it_and_all_is_inside_the_axes(layout: str, query: dict[str, str]):
    message = chart(opened(**query))
    figure = deepcopy({"data": message.header["figure"]["data"]})
    figure["layout"] = deepcopy(message.header["figure"][layout])
    apply(figure, message.base, 0)
    colours = chart_palette()["light"] | {"text": "#000", "background": "#fff", "border": "#999"}
    go.Figure(themed(figure, colours | {"font": "serif"}))
    low, high = figure["layout"]["yaxis"]["range"]
    for trace in figure["data"]:
        assert len(trace["x"]) == len(trace["y"]) > 0
        assert trace["name"]
        values = np.log10(np.array(trace["y"], float))
        inside = values[~np.isnan(values)]
        assert ((inside >= low - 1e-9) & (inside <= high + 1e-9)).all(), trace["name"]
    for axis in ("xaxis", "yaxis"):
        assert figure["layout"][axis]["title"]["text"]


# ---- sentences -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lowest_errors_are_computed(lang: str):
    app = opened(lang=lang)
    shown = {dtype: check_batch(X, GAMMA, BETA, DY, dtype=dtype) for dtype in DTYPES}
    lowest_table = app.table[0].value
    for row, name in enumerate(GRADIENTS):
        for column, dtype in enumerate(DTYPES, 1):
            errors = [check.relative_error for check in shown[dtype][name]]
            assert number_text(np.nanmin(errors), 3) in lowest_table.iloc[row, column]


def test_gaps_are_counted():
    lost = sum(np.isnan(c.relative_error) for c in check_batch(X, GAMMA, BETA, DY, dtype="f4")["x"])
    assert 0 < lost < len(STEPS)
    assert f"∂ℓ/∂x in float32 at {lost} of {len(STEPS)} steps" in texts(opened())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_bug_is_named_with_its_lowest_error(lang: str):
    app = opened(lang=lang, gc_bug="detached")
    errors = [c.relative_error for c in check_batch(X, GAMMA, BETA, DY, bug="detached")["x"]]
    (said,) = (m.value for m in app.markdown if "✗" in m.value)
    assert labels(lang)["bugs.detached"] in said
    assert number_text(min(errors), 3) in said


# ---- the matrix ----------------------------------------------------------------------------------


def cells(app: AppTest) -> dict[str, dict[str, str]]:
    """By bug and upstream gradient: what the table says."""
    table = app.table[1].value
    upstreams = ["target", *UPSTREAM][-(table.shape[1] - 1) :]
    return {
        bug: dict(zip(upstreams, table.iloc[row, 1:], strict=True))
        for row, bug in enumerate((RIGHT, *BUGS))
    }


@pytest.mark.parametrize("threshold", PAGE.THRESHOLDS)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_matrix_says_what_the_core_computes(lang: str, threshold: str):
    app = opened(lang=lang, gc_threshold=threshold)
    found, words = cells(app), labels(lang)
    upstreams = {"target": DY} | {name: make(FWD) for name, make in UPSTREAM.items()}
    for upstream, dy in upstreams.items():
        right = backward_train(dy, FWD).dx

        def loss(x: np.ndarray, dy: np.ndarray = dy) -> float:
            return (dy * forward_train(x, GAMMA, BETA).y).sum()

        missed = []
        for bug in (RIGHT, *BUGS):
            dx = right if bug == RIGHT else BUGS[bug](dy, FWD)
            check = check_gradient(loss, X, dx)
            zero = upstream in ("equal", "x_hat")
            error = check.max_abs_error if zero else check.relative_error
            caught = error > float(threshold)
            if bug == RIGHT:
                label = "alarm" if caught else "passes"
            else:
                label = "caught" if caught else "missed"
                missed += [] if caught else [words[f"bugs.{bug}"]]
            text = words[f"gradient_check.cell_{label}"].format(error=number_text(error, 3))
            assert found[bug][upstream] == text
        (line,) = re.findall(
            rf"^- ∂ℓ/∂y .?.?“{re.escape(words[f'upstream.{upstream}'])}”.*$", texts(app), re.M
        )
        assert all(name in line for name in missed)
        assert (words["gradient_check.comma"].join(missed) in line) if missed else "6" in line


def test_false_alarms_are_said_to_be_such():
    assert "False alarm" not in texts(opened())
    assert "False alarm" in texts(opened(gc_h=0.1))


def test_the_threshold_decides_about_epsilon():
    assert "all 6" in texts(opened(gc_threshold="1e-7"))
    app = opened(gc_threshold="1e-3")
    assert "all 6" not in texts(app)
    assert cells(app)["eps_outside"]["random"].startswith("not seen")


def test_an_upstream_gradient_of_the_list_is_not_listed_twice():
    app = opened(batch_dy_from="random", batch_seed=3)
    assert app.table[1].value.shape == (7, 5)


# ---- presets, hostile links, reset ---------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_preset_bug_and_choice(lang: str):
    app = opened(lang=lang)
    for preset in (*small_batch.PRESETS, "network"):
        checked(app.button(key=f"batch_{preset}").click().run())
        assert not app.error
        for bug in (RIGHT, "printed"):
            checked(app.selectbox(key="gc_bug").set_value(bug).run())
            message = chart(app)
            m, d = small_batch_shape(app)
            width = 3 if bug == RIGHT else 4
            assert message.cells().size == 6 + m * d * width
    for name in GRADIENTS:
        pick(app, "gc_gradient", name)
        pick(app, "gc_dtype", "float32")
        assert kept(app, "gc_gradient") == name


def small_batch_shape(app: AppTest) -> tuple[int, int]:
    rows = kept(app, "batch_x").strip().split("\n")
    return len(rows), len(rows[0].split(","))


def test_h_by_its_menu():
    app = opened()
    checked(app.selectbox(key="gc_h").set_value(1e-3).run())
    assert app.query_params["gc_h"] == "0.001"
    assert chart(app).knobs["gc_h"]["at"] == STEPS.index(1e-3)


@pytest.mark.parametrize(
    "query",
    [
        {"batch_x": "2~-7"},
        {"batch_x": "0_0.1", "batch_eps": 0},
        {"batch_x": "1_1.000000001", "batch_eps": 0},
        {"batch_x": "3~1_3~2", "batch_eps": 0},
        {"batch_x": "1e6~-1e6_-1e6~1e6", "batch_gamma": "1e6~1e6", "batch_beta": "-1e6~1e6"},
        {"batch_x": "5~5~5~5", "batch_eps": 1e-12, "batch_gamma": "1e6~1e6~1e6~1e6"},
        {"batch_x": "_".join(["1~2~3~4", "4~3~1~2"] * 4), "gc_h": 1e-13, "gc_dtype": "float32"},
        {"batch_dy_from": "own", "batch_dy": "0~0_0~0_0~0_0~0"},
    ],
    ids=str,
)
def test_ends_of_what_can_be_set(query: dict[str, Any]):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for bug in ("none", "printed", "eps_outside"):
            app = opened(**query, gc_bug=bug)
            assert not app.error
            for name in ("layout", "narrow"):
                for axis in ("xaxis", "yaxis"):
                    low, high = chart(app).header["figure"][name][axis]["range"]
                    assert np.isfinite([low, high]).all()
                    assert low < high


HOSTILE = {
    "gc_h": ("nan", 1e-5),
    "gc_gradient": ("<script>", "x"),
    "gc_dtype": ("float16", "float64"),
    "gc_bug": ("__import__", RIGHT),
    "gc_threshold": ("1e-300", "1e-7"),
    "batch_x": ("1~" * 5000, small_batch.X.default),
    "batch_eps": ("-1", 0.0),
    "batch_seed": ("1e99", 9999),
}


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_link_is_made_valid(key: str):
    text, expected = HOSTILE[key]
    assert kept(opened(**{key: text}), key) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("1e999", 0.1), ("-5", 1e-13), ("3e-6", 3.162e-6), ("", 1e-5)]
)
def test_any_h_becomes_a_position_of_the_knob(text: str, expected: float):
    app = opened(gc_h=text)
    assert kept(app, "gc_h") == expected
    assert chart(app).knobs["gc_h"]["value"] == expected


def test_a_link_brings_everything_and_reset_takes_it_back():
    query = {
        "gc_h": "0.001",
        "gc_gradient": "gamma",
        "gc_dtype": "float32",
        "gc_bug": "detached",
        "gc_threshold": "1e-5",
        "batch_dy_from": "random",
        "batch_seed": "4",
    }
    app = opened(**query)
    assert app.query_params == query
    checked(app.button(key="gradient_check_reset").click().run())
    assert app.query_params == {}
    np.testing.assert_array_equal(chart(app).cells(), chart(opened()).cells())


def test_changing_the_language_keeps_the_numbers():
    app = opened(gc_bug="detached", gc_h=1e-4)
    before = chart(app).cells()
    for lang in LANGUAGES:
        pick(app, "lang", lang)
        np.testing.assert_array_equal(chart(app).cells(), before)
        assert chart(app).knobs["gc_h"]["label"] == labels(lang)["knobs.gc_h"]


# ---- files -------------------------------------------------------------------------------------


def test_entries_in_full_precision():
    shown = {dtype: check_batch(X, GAMMA, BETA, DY, dtype=dtype) for dtype in DTYPES}
    at = STEPS.index(1e-5)
    rows = list(figures.entries(shown, at))
    assert len(rows) == 2 * (8 + 2 + 2)
    check = shown["float64"]["x"][at]
    assert rows[3] == (
        "float64",
        1e-5,
        "x",
        2,
        2,
        check.analytic[1, 1],
        check.numeric[1, 1],
        check.abs_error[1, 1],
    )
    assert [row[3:5] for row in rows[8:12]] == [("", 1), ("", 2), ("", 1), ("", 2)]
    text = PAGE.csv_bytes(["a"] * 8, rows).decode("utf-8-sig")
    assert float(list(csv.reader(io.StringIO(text)))[4][6]) == check.numeric[1, 1]
