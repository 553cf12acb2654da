"""The Overview page, run as Streamlit runs it but without a browser."""

import csv
import io
from copy import deepcopy
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from bn_core import forward_train
from bn_core.activations import ACTIVATIONS
from bn_core.one_step import LAYERS, Twins
from bn_core.shallow import Paths, condition_number, descend, two_features
from bn_ui.batches import first_layer
from bn_ui.chapters import CHAPTERS, HOME, LESSONS
from bn_ui.export import csv_bytes
from bn_ui.figures import overview as figures
from bn_ui.numbers import number_text
from bn_ui.palette import chart_palette
from bn_ui.questions import quiz_names
from bn_ui.text import LANGUAGES, labels, questions
from tests.decoded import FROM_THE_PAGE, Decoded, apply, decode, themed
from tests.page_definitions import definitions
from tests.ui.test_distributions import ROUTER, checked, kept, pick, shared_link
from tests.ui.test_small_batch import arrived as by_link

arrived = partial(by_link, "overview")
revealed = partial(by_link, "overview", revealed=1)
PAGE = definitions("overview")
FIELDS = {field.key: field for field in PAGE.FIELDS}
KEYS = ("over_chart", "over_descent_chart", "over_step_chart")


def charts(app: AppTest) -> list[str]:
    return [e.key for e in app.get("bidi_component") if e.key in KEYS]


def chart(app: AppTest, key: str = PAGE.CHART) -> Decoded:
    (found,) = (element for element in app.get("bidi_component") if element.key == key)
    return decode(found.proto.bytes)


def frame(message: Decoded, key: str = "", position: int = 0) -> tuple[dict, np.ndarray]:
    """Figure and numbers with a knob at a position; without a knob, as committed."""
    figure = deepcopy({name: message.header["figure"][name] for name in ("data", "layout")})
    numbers = apply(figure, message.base, 0)
    if key:
        numbers = apply(figure, message.knobs[key]["changes"], position)
    return figure, np.array(numbers)


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


# ---- the front door ------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_is_what_the_root_shows(lang: str):
    app = AppTest.from_file(ROUTER, default_timeout=60)
    app.query_params = {"lang": lang, "over_s": "2"}
    checked(app.run())
    assert HOME == "overview"
    assert app.title[0].value == labels(lang)["chapters.overview"]
    assert kept(app, "over_s") == 2.0
    assert urlsplit(shared_link(app)).path == "/overview"


def test_the_first_picture_is_not_covered_and_the_third_is():
    app = arrived()
    assert charts(app) == ["over_chart", "over_descent_chart"]
    pick(app, "over_guess", "first")
    assert charts(app) == list(KEYS)
    assert len(app.info) == 1
    pick(app, "over_guess", "last")
    assert len(app.success) == 1


def test_the_message_of_the_first_picture_is_small():
    """Not larger than the one of Distributions, which may come no earlier."""
    other = by_link("distributions")
    (there,) = (e for e in other.get("bidi_component") if e.key == "dist_chart")
    assert chart(arrived()).size < len(there.proto.bytes)


# ---- one layer -----------------------------------------------------------------------------------


def quantities(
    scale: float, bias: float, order: str, f: str, source: str = "digits", seed: int = 2
) -> dict[str, np.ndarray]:
    """By the fast path, without a stack."""
    x = scale * first_layer.__wrapped__(source, seed).x + bias
    activation = ACTIVATIONS[f]
    if order == "before":
        y = forward_train(x).y
        return {"x": x, "y": y, "activation": activation(y)}
    return {"x": x, "activation": activation(x), "y": forward_train(activation(x)).y}


def assert_layer(figure: dict, numbers: np.ndarray, wanted: dict[str, np.ndarray], f: str) -> None:
    axis = np.linspace(-8, 8, 33)
    output = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, 8)}[f]
    for n, (name, values) in enumerate(wanted.items()):
        edges = axis if name != "activation" else np.linspace(*output, 33)
        counts, _ = np.histogram(values, edges)
        drawn = np.array(figure["data"][2 + n]["y"])
        np.testing.assert_allclose(drawn[:-1], 100 * counts / values.size, atol=0.11, err_msg=name)
        first = figure["data"][5 + n]["customdata"]
        np.testing.assert_allclose(first, values[:3, 0], rtol=1e-5, atol=1e-6)
        mean, sd, smallest, _, zeros = numbers[5 * n : 5 * n + 5]
        np.testing.assert_allclose(
            [mean, sd, smallest, zeros],
            [values.mean(), values.std(), values.min(), 100 * np.mean(values == 0)],
            rtol=1e-4,
            atol=1e-5,
        )


@pytest.mark.parametrize("f", ACTIVATIONS)
@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("source", ["digits", "normal"])
def test_the_diagram_is_what_the_core_computes(order: str, f: str, source: str):
    app = arrived(over_order=order, over_f=f, over_source=source, over_s=2, over_b=1)
    message = chart(app)
    wanted = quantities(2.0, 1.0, order, f, source)
    assert_layer(*frame(message), wanted, f)
    position = 50
    scale = message.knobs["over_s"]["values"][position]
    moved = quantities(scale, 1.0, order, f, source)
    assert_layer(*frame(message, "over_s", position), moved, f)
    bias = message.knobs["over_b"]["values"][10]
    assert_layer(*frame(message, "over_b", 10), quantities(2.0, bias, order, f, source), f)


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_plotly_takes_every_figure_wide_and_narrow(lang: str, order: str):
    app = revealed(lang=lang, over_order=order)
    for key in KEYS:
        header = chart(app, key).header
        for layout in ("layout", "narrow"):
            figure = {"data": header["figure"]["data"], "layout": header["figure"][layout]}
            go.Figure(themed(figure, chart_palette()["light"] | FROM_THE_PAGE))


def test_with_bn_first_no_bias_moves_anything_and_behind_relu_it_does():
    at = figures.layer_places("before")["moved"]
    before = chart(arrived(over_f="relu")).knobs["over_b"]["changes"]
    after = chart(arrived(over_f="relu", over_order="after")).knobs["over_b"]["changes"]
    moved = [next(c for c in changes if c["kind"] == "cells")["rows"][:, at] for changes in
             (before, after)]  # fmt: skip
    assert moved[0].max() < 1e-12
    assert moved[1].max() > 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_the_next_layer_gets_in_every_order(lang: str):
    app = arrived(lang=lang, over_f="relu", over_source="normal", over_s=1)
    (table,) = (t.value for t in app.table)
    rows = table.to_numpy()
    assert rows.shape == (3, 7)
    before, after = (
        quantities(1.0, 0.0, order, "relu", "normal")[name]
        for order, name in (("before", "activation"), ("after", "y"))
    )
    assert rows[0][1] == number_text(before.mean())
    assert rows[0][5] == f"{np.mean(before == 0):.1%}"
    assert rows[1][3] == number_text(after.min())
    # Expected of normal numbers: .40, half zeros; smallest −.68, skewness 1.65.
    assert before.mean() == pytest.approx(0.40, abs=0.01)
    assert np.mean(before == 0) == pytest.approx(0.5, abs=0.02)
    assert after.min() == pytest.approx(-0.68, abs=0.25)
    assert float(rows[1][4]) == pytest.approx(1.65, abs=0.2)


@pytest.mark.parametrize("name", PAGE.PRESETS)
def test_presets_are_screens(name: str):
    app = checked(arrived(over_b=3).button(key=f"over_preset_{name}").click().run())
    wanted = {field.key: value for field, value in PAGE.PRESETS[name].items()}
    for field in PAGE.LAYER:
        assert kept(app, field.key) == wanted.get(field.key, field.default)


def test_the_file_holds_every_value():
    x = quantities(4.0, 0.0, "before", "sigmoid")
    data = csv_bytes(["a"], figures.layer_rows({k: v[None] for k, v in x.items()}))
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))[1:]
    assert len(rows) == x["x"].size
    assert [float(v) for v in rows[17][2:]] == [values[1, 1] for values in x.values()]


@pytest.mark.parametrize("key", KEYS)
def test_every_default_is_a_position_of_its_knob(key: str):
    for name, knob in chart(revealed(), key).knobs.items():
        assert FIELDS[name].default in knob["values"], name
        assert knob["values"] == sorted(set(knob["values"]))


# ---- (1) a shallow model -------------------------------------------------------------------------


def test_paths_and_numbers_are_those_of_the_descent():
    message = chart(arrived(over_eta=0.5, over_unit=4), "over_descent_chart")
    at, steps = figures.descent_places(), PAGE.STEPS
    for key, position in (("", 0), ("over_eta", 20), ("over_unit", 30)):
        eta = message.knobs["over_eta"]["values"][position] if key == "over_eta" else 0.5
        unit = message.knobs["over_unit"]["values"][position] if key == "over_unit" else 4.0
        figure, numbers = frame(message, key, position)
        for kind, u, trace in (("standard", 1.0, 6), ("raw", unit, 13)):
            path = descend(two_features(), eta, u, steps)
            drawn = path.weights[0, : figures.DRAWN + 1] / [1, u]
            for k, name in enumerate("xy"):
                np.testing.assert_allclose(
                    figure["data"][trace][name], np.clip(drawn[:, k], -32, 32), atol=6e-4
                )
            np.testing.assert_equal(
                numbers[at[f"steps_{kind}"]], path.steps_to(figures.TARGET)[0].astype(np.float32)
            )
            condition = condition_number(two_features(), u)[0]
            assert numbers[at[f"condition_{kind}"]] == pytest.approx(condition, rel=1e-6)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_best_learning_rates_are_computed(lang: str):
    text = texts(arrived(lang=lang, over_unit=8))
    for unit in (1.0, 8.0):
        steps = descend(two_features(), figures.RATES, unit, PAGE.STEPS).steps_to(figures.TARGET)
        assert f"**{int(np.nanmin(steps))}**" in text
    alike = texts(arrived(lang=lang, over_unit=1))
    best = int(np.nanmin(PAGE.paths.__wrapped__(1.0).steps_to(figures.TARGET)))
    assert alike.count(f"**{best}**") == 2, "in the same unit both need the same"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_where_no_rate_arrives_it_is_said(lang: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Paths, "quickest", lambda *_: None)
    words = labels(lang)["overview.no_best"].format(u="8", all=PAGE.STEPS)
    assert words in texts(arrived(lang=lang))


# ---- (2) one step --------------------------------------------------------------------------------


def test_the_curves_are_the_movement_of_every_layer():
    message = chart(revealed(over_rate=0.02, over_weights=1.0), "over_step_chart")
    at = figures.step_places()
    for key, position in (("", 0), ("over_weights", 20), ("over_rate", 40)):
        rate = message.knobs["over_rate"]["values"][position] if key == "over_rate" else 0.02
        scale = message.knobs["over_weights"]["values"][position] if key == "over_weights" else 1.0
        figure, numbers = frame(message, key, position)
        for n, (kind, step) in enumerate(
            zip(figures.NETWORKS, Twins("relu", 0).at_rates(scale, [rate]), strict=True)
        ):
            drawn = np.array(figure["data"][n]["y"])
            assert len(drawn) == LAYERS
            np.testing.assert_allclose(drawn, step.moved[0], rtol=1e-5)
            assert numbers[at[f"last_{kind}"]] == pytest.approx(step.moved[0, -1], rel=1e-5)
            assert numbers[at[f"after_{kind}"]] == pytest.approx(step.after[0], rel=1e-5)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("scale", "steadier"), [(1.0, "plain"), (2.0, "bn")])
def test_it_says_also_when_the_network_without_bn_is_the_steadier(
    lang: str, scale: float, steadier: str
):
    plain, bn = Twins("relu", 0).at_rates(scale, [0.05])
    assert (bn.moved[0, -1] < plain.moved[0, -1]) == (steadier == "bn")
    text = texts(revealed(lang=lang, over_weights=scale, over_rate=0.05))
    words = labels(lang)
    other = {"bn": "plain", "plain": "bn"}[steadier]
    assert words[f"overview.less_{steadier}"] in text
    assert words[f"overview.less_{other}"] not in text


def test_the_answer_is_what_the_opening_picture_shows():
    plain, _ = Twins(PAGE.DEEP_ACTIVATION.default, 0).at_rates(
        PAGE.WEIGHTS.default, [PAGE.STEP_RATE.default]
    )
    assert plain.farthest() > LAYERS - 3
    assert questions("overview", "en")["most"].answer == "last"


# ---- the way -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_chapter_has_a_card_with_a_link_that_keeps_the_language(lang: str):
    app = arrived(lang=lang)
    found = [e.proto for e in app.get("page_link")]
    for chapter in CHAPTERS:
        assert chapter.name in [link.page for link in found]
        assert labels(lang)[f"way.{chapter.name}"] in texts(app)
    wanted = "lang=zh" if lang == "zh" else ""
    assert {link.query_string for link in found} == {wanted}


def test_nothing_answered_yet():
    app = arrived(lang="en")
    asked = [len(quiz_names(chapter.name)) for chapter in LESSONS]
    assert labels("en")["overview.nothing_yet"].format(all=sum(asked)) in texts(app)
    for n in asked:
        assert f"{'○' * n} 0 of {n}" in texts(app)


def test_an_answer_in_the_quiz_is_on_the_map_at_once():
    app = pick(arrived(lang="en"), "overview_quiz_bias", "nothing")
    n = len(quiz_names("overview"))
    assert f"●{'○' * (n - 1)} 1 of {n}" in texts(app)
    assert f"**{labels('en')['chapters.overview']}**" in texts(app), "the next chapter is this one"


def test_what_the_browser_remembers_is_on_the_map():
    app = arrived(lang="en")
    app.session_state["quiz_progress"]["right"] = {
        chapter.name: list(quiz_names(chapter.name)) for chapter in LESSONS
    }
    text = texts(checked(app.run()))
    every = sum(len(quiz_names(chapter.name)) for chapter in LESSONS)
    assert labels("en")["overview.all_done"].format(all=every) in text
    assert "○" not in text


# ---- links ---------------------------------------------------------------------------------------

HOSTILE: dict[str, tuple[str, Any]] = {
    "over_s": ("1e999", figures.SCALE_RANGE[1]),
    "over_b": ("-1e308", figures.BIAS_RANGE[0]),
    "over_eta": ("nan", 1.0),
    "over_unit": ("0", 1.0),
    "over_rate": ("-5", figures.STEP_RATE_RANGE[0]),
    "over_weights": ("inf", figures.WEIGHT_RANGE[1]),
    "over_order": ("<script>", "before"),
    "over_seed": ("1e308", 9999),
    "over_source": ("../../etc", "digits"),
}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hostile_links_are_clamped(lang: str):
    app = revealed(lang=lang, **{key: text for key, (text, _) in HOSTILE.items()})
    for key, (_, value) in HOSTILE.items():
        assert kept(app, key) == value, key
    assert charts(app) == list(KEYS)


def test_the_link_is_honoured_and_reset_forgets_it():
    wanted = {
        "over_s": 2.5, "over_b": -1.5, "over_order": "after", "over_f": "tanh",
        "over_source": "normal", "over_seed": 5, "over_eta": 0.25, "over_unit": 3.0,
        "over_rate": 0.125, "over_weights": 1.5, "over_deep_f": "tanh", "over_deep_seed": 3,
        "quiz_seed": 7,
    }  # fmt: skip
    assert set(wanted) == set(FIELDS)
    app = revealed(**wanted)
    assert {key: kept(app, key) for key in wanted} == wanted
    checked(app.button(key="overview_reset").click().run())
    assert {key: kept(app, key) for key in wanted} == {k: f.default for k, f in FIELDS.items()}


@pytest.mark.parametrize(("name", "scale"), [("small", 1.0), ("he", 1.414), ("large", 2.0)])
def test_buttons_for_the_weights(name: str, scale: float):
    app = checked(revealed(over_weights=3).button(key=f"over_weights_{name}").click().run())
    assert kept(app, "over_weights") == scale
