"""The Inference page, run as Streamlit runs it but without a browser and without workers."""

import csv
import io
import re
import warnings
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bn_core import RunningStats, forward_train, in_use
from bn_core.in_use import COMBINATIONS, one_step_each
from bn_core.inference import evaluated, evaluated_by_statistics, folded, recalibrated
from bn_core.network import BN_EPS, forward
from bn_core.running import TRUE_MEAN, TRUE_VAR, stream
from bn_core.training import Finished, trained
from bn_core.training_data import training_data
from bn_ui.figures import inference as figures
from bn_ui.numbers import number_text
from bn_ui.runs.networks import job
from bn_ui.runs.state import DONE, ERROR, FAILED, RUNNING, Limits
from bn_ui.text import LANGUAGES, labels, questions
from tests.decoded import Decoded, apply, decode
from tests.page_definitions import definitions
from tests.ui.pool_in_process import PoolInProcess
from tests.ui.test_distributions import checked, kept, pick
from tests.ui.test_small_batch import arrived as by_link

arrived = partial(by_link, "inference")  # the page as a link opens it: covered
PAGE = definitions("inference")
DATA = training_data("spirals").first(1000)
CHARTS = ("inf_chart", "inf_ways_chart", "inf_mates_chart")

pytestmark = pytest.mark.usefixtures("pool")


@pytest.fixture(scope="module")
def end() -> Finished:
    """What the page trains when it opens."""
    return trained(PAGE.config()).finished


def opened(**query: Any) -> AppTest:
    """The page, uncovered."""
    return checked(arrived(**query).button(key="inf_guess_show").click().run())


def table(lang: str, name: str) -> dict[str, str]:
    """The labels of one table."""
    found = labels(lang).items()
    return {k.partition(".")[2]: text for k, text in found if k.startswith(f"{name}.")}


def charts(app: AppTest) -> list[str]:
    return [e.key for e in app.get("bidi_component") if e.key in CHARTS]


def chart(app: AppTest, key: str = PAGE.CHART) -> Decoded:
    (found,) = (element for element in app.get("bidi_component") if element.key == key)
    return decode(found.proto.bytes)


def numbers(message: Decoded, position: int | None = None) -> dict[str, float]:
    """The numbers of table and caption by name, with the knob at a position."""
    figure = deepcopy({name: message.header["figure"][name] for name in ("data", "layout")})
    found = apply(figure, message.base, 0)
    if position is not None:
        found = apply(figure, message.knobs["inf_alpha"]["changes"], position)
    places = figures.running_places()
    return {name: found[at] for name, at in places.items()} | {"figure": figure}


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


def press(app: AppTest, key: str) -> AppTest:
    return checked(app.button(key=key).click().run())


# ---- predict -------------------------------------------------------------------------------------


def test_everything_is_covered_until_there_is_a_guess(pool: PoolInProcess):
    app = arrived(inf_alpha=0.5)
    assert charts(app) == []
    assert not pool.asked, "nothing is trained for somebody who has not guessed"
    assert app.query_params["inf_alpha"] == "0.5"
    assert "ONNX" not in texts(app)
    pick(app, "inf_guess", "same")
    assert len(app.info) == 1
    assert charts(app) == list(CHARTS)
    pick(app, "inf_guess", "jump")
    assert len(app.success) == 1
    assert "ONNX" in texts(app)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_answer_is_what_the_picture_shows(lang: str):
    """Ported with its number, momentum follows the last batch; Keras's does not."""
    app = opened(lang=lang)
    press(app, "inf_preset_port")
    ported = numbers(chart(app))
    press(app, "inf_preset_keras")
    keras = numbers(chart(app))
    near = abs(ported["running_mean"] - ported["batch_mean"])
    assert near < 0.02 < abs(keras["running_mean"] - keras["batch_mean"])
    assert (keras["torch"], keras["keras"]) == (0.01, 0.99)
    assert questions("inference", lang)["port"].answer == "jump"
    label = labels(lang)["inference.preset_port"]
    assert label in questions("inference", lang)["port"].why


# ---- running statistics --------------------------------------------------------------------------


@pytest.mark.parametrize("stored", ["unbiased", "biased"])
def test_every_position_is_what_the_layer_would_store(stored: str):
    message = chart(opened(inf_stored=stored, inf_m=5, inf_steps=25, inf_seed=7))
    alphas = message.knobs["inf_alpha"]["values"]
    x = np.random.default_rng(7).normal(TRUE_MEAN, np.sqrt(TRUE_VAR), (25, 5, 1))
    for at in range(0, len(alphas), 20):
        running, curve = RunningStats.initial(1), [(0.0, 1.0)]
        for batch in x:
            running = running.updated(forward_train(batch), alphas[at], stored == "unbiased")
            curve.append((running.mean[0], running.var[0]))
        found = numbers(message, at)
        assert found["running_mean"] == pytest.approx(running.mean[0])
        assert found["running_var"] == pytest.approx(running.var[0])
        assert found["torch"] == alphas[at] == pytest.approx(1 - found["keras"])
        assert found["initial"] == pytest.approx((1 - alphas[at]) ** 25)
        for trace, column in ((3, 0), (7, 1)):
            drawn = found["figure"]["data"][trace]["y"]
            # Heights travel as one of 65,536 levels of the axis.
            np.testing.assert_allclose(drawn, [pair[column] for pair in curve], atol=2e-4)


def test_the_cumulative_average_and_the_truth_stand_still():
    message = chart(opened())
    first, last = numbers(message, 0), numbers(message, 120)
    for name in ("cumulative_mean", "cumulative_var", "batch_mean", "true_mean", "true_var"):
        assert first[name] == last[name]
    assert first["true_mean"] == TRUE_MEAN
    found = stream(16, 100, 0)
    assert first["cumulative_mean"] == pytest.approx(found.mean.mean())
    moved = {c["trace"] for c in message.knobs["inf_alpha"]["changes"]} - {None}
    assert moved == {3, 7}


def test_noise_is_measured_and_computed():
    message = chart(opened())
    positions = message.knobs["inf_alpha"]["values"]
    for alpha, ratio in ((0.1, 0.229), (0.9, 0.905)):
        found = numbers(message, positions.index(alpha))
        assert found["noise"] == pytest.approx(ratio, abs=1e-3)
        assert found["measured"] == pytest.approx(ratio, rel=0.08)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_stored_is_said(lang: str):
    words = labels(lang)
    biased = words["inference.is_biased"].format(m=8, less=7, stored="3.5", true="4")
    assert biased in texts(opened(lang=lang, inf_stored="biased", inf_m=8))
    unbiased = words["inference.is_unbiased"].format(m=8, true="4")
    assert unbiased in texts(opened(lang=lang, inf_m=8))


@pytest.mark.parametrize("name", PAGE.PRESETS)
def test_presets(name: str):
    app = press(opened(), f"inf_preset_{name}")
    for field, value in PAGE.PRESETS[name].items():
        assert kept(app, field.key) == value


def test_rows_of_the_file():
    values = figures.batch_values(stream(4, 3, 0), True)
    rows = list(figures.running_rows(values, 0.1))
    assert rows[0] == (0, "", 0.0, 0.0, "", 1.0, 1.0)
    assert rows[1][1] == values["mean"][0]
    assert rows[1][2] == pytest.approx(0.1 * values["mean"][0])
    assert rows[3][3] == pytest.approx(values["mean"].mean())
    text = PAGE.csv_bytes(["t"] * 7, rows).decode("utf-8-sig")
    assert float(list(csv.reader(io.StringIO(text)))[2][1]) == values["mean"][0]


def test_files_of_the_other_experiments(end: Finished):
    """In full precision, and what the pictures and tables beside them show."""
    recomputed = recalibrated(end.network, DATA.x)
    behind = in_use.lags(end.running, recomputed)
    evaluations = evaluated_by_statistics(end.network, end.running, DATA, 64)
    words = {lang: table(lang, "ways_figure") | table(lang, "ways_rows") for lang in LANGUAGES}
    for lang in LANGUAGES:
        rows = list(figures.ways_rows(words[lang], evaluations, behind))
        assert {len(row) for row in rows} == {len(table(lang, "ways_csv"))}
        assert [row[3] for row in rows[:6:2]] == [e.accuracy for e in evaluations.values()]
        assert [row[3] for row in rows[6::2]] == [lag.mean for lag in behind]
    company = in_use.in_company(
        end.network, end.running, DATA.held_out_x, 21, size=4, draws=3, seed=0
    )
    rows = list(figures.mates_rows(company))
    assert [row[0] for row in rows] == [1, 2, 3]
    assert np.array_equal([row[1:] for row in rows], np.c_[company.batch, company.running])
    unit = in_use.folded_unit(end.network, end.running, 1, 4)
    errors = in_use.folding_errors(
        end.network, end.running, DATA.held_out_x[:64], DATA.held_out_x[64:128]
    )
    values = dict(figures.fold_rows(table("en", "fold_rows"), unit, errors))
    scale = values["γ"] / np.sqrt(values["σ²_run"] + BN_EPS)
    for n in range(1, PAGE.WIDTH + 1):
        assert values[f"w′_{n}"] == pytest.approx(scale * values[f"w_{n}"], rel=1e-14)
    folded = scale * (values["b"] - values["μ_run"]) + values["β"]
    assert values["b′"] == pytest.approx(folded, rel=1e-13)
    assert list(values.values())[-7:] == [*errors.running, errors.batch]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_file_of_frozen_bn_is_the_table(lang: str):
    moved = dict(one_step_each())
    rows = list(figures.frozen_rows(table(lang, "frozen_rows"), moved))
    assert len({row[:3] for row in rows}) == len(COMBINATIONS)
    assert [row[3:] for row in rows] == [(m.affine, m.running, m.weight) for m in moved.values()]
    keys = [b.key for b in opened(lang=lang).get("download_button")]
    for experiment in ("ways", "mates", "fold", "frozen"):
        assert any(f"inf_{experiment}_csv" in str(key) for key in keys), experiment


# ---- the trained network -------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_three_accuracies_are_those_of_the_trained_network(lang: str, end: Finished):
    x, wanted = DATA.held_out_x, DATA.held_out_labels
    right = {
        "running": evaluated(end.network, x, wanted, end.running),
        "batch": evaluated(end.network, x, wanted, batch_size=64),
        "recomputed": evaluated(end.network, x, wanted, recalibrated(end.network, DATA.x)),
    }
    message = chart(opened(lang=lang), "inf_ways_chart")
    for found in right.values():
        assert f"{found.accuracy:.1%}" in message.header["caption"]
        assert f"{found.accuracy:.1%}" in message.header["alt"]
    assert "36.6%" in message.header["caption"]  # (1 − 0.01)^100
    bars = [t["text"] for t in message.header["figure"]["data"] if "text" in t]
    assert bars == [[f"{100 * found.accuracy:.1f}%" for found in right.values()]]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_gap_is_called_one_only_where_there_is_one(lang: str):
    names = ("gap", "no_gap", "reverse")
    gap, none, reverse = (labels(lang)[f"inference.{name}"].split("{")[0] for name in names)
    assert gap in texts(opened(lang=lang))
    caught_up = texts(opened(lang=lang, inf_train_alpha=0.1, inf_train_steps=400))
    assert none in caught_up
    assert gap not in caught_up
    worse = texts(opened(lang=lang, inf_train_alpha=0.1, inf_train_seed=1))
    assert reverse in worse
    assert none not in worse


def test_the_same_settings_are_trained_once(pool: PoolInProcess):
    app = opened()
    pick(app, "inf_train_alpha", "0.1")
    pick(app, "inf_train_alpha", "0.01")
    assert len(pool.asked) == 2
    assert [config.bn_momentum for config in pool.asked] == [0.01, 0.1]
    assert max(job(config).cost for config in pool.asked) < 2


def test_the_lag_of_every_layer(end: Finished):
    table = opened().table[0].value
    recomputed = recalibrated(end.network, DATA.x)
    assert len(table) == 5
    for row, (run, true) in enumerate(zip(end.running[:5], recomputed[:5], strict=True)):
        off = np.sqrt((((run.mean - true.mean) / np.sqrt(true.var + 1e-5)) ** 2).mean())
        assert table.iloc[row, 1] == number_text(off, 3)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_while_it_trains_and_when_it_fails(pool: PoolInProcess, lang: str):
    words = labels(lang)
    pool.stand(RUNNING, 0.5)
    app = opened(lang=lang)
    assert charts(app) == ["inf_chart"]
    (bar,) = app.get("progress")
    assert bar.value == 50
    assert "50" in bar.proto.text
    pool.stand(FAILED, reason=ERROR)
    checked(app.run())
    assert words["runs.error"] in [w.value for w in app.warning]
    assert len(pool.asked) == 1, "what fails is not tried again by itself"
    pool.limits = Limits(waiting=0)
    press(app, "inf_again")
    assert words["runs.error"] in [w.value for w in app.warning]
    pool.limits = Limits()
    pool.stand(DONE)
    press(app, "inf_again")
    assert charts(app) == list(CHARTS)


def test_when_the_queue_is_full(pool: PoolInProcess):
    pool.limits = Limits(waiting=0)
    app = opened()
    assert charts(app) == ["inf_chart"]
    assert labels("en")["runs.refused_all"].format(limit=0) in [w.value for w in app.warning]
    pool.limits = Limits()
    press(app, "inf_again")
    assert charts(app) == list(CHARTS)


def test_a_network_that_diverged_is_not_drawn(pool: PoolInProcess, end: Finished):
    pool.compute = lambda _: [replace(end, diverged_at=17)]
    app = opened()
    assert charts(app) == ["inf_chart"]
    assert "17" in app.warning[0].value


# ---- batch-mates, folding ------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_mates_matter_to_batch_statistics_only(lang: str, end: Finished):
    app = opened(lang=lang)
    before = chart(app, "inf_mates_chart").header
    press(app, "inf_draw_again")
    after = chart(app, "inf_mates_chart").header
    assert app.query_params["inf_draw"] == "1"
    (running, batch, _), (running_, batch_, _) = (
        header["figure"]["data"] for header in (before, after)
    )
    assert len(set(running["y"] + running_["y"])) == 1
    at = PAGE.SAMPLE.default - 1
    logits = forward(end.network, DATA.held_out_x[[at]], end.running)[-1].output[0]
    share = np.exp(logits[1]) / np.exp(logits).sum()
    assert running["y"][0] == pytest.approx(share, abs=1e-6)
    assert batch["y"] != batch_["y"]
    assert number_text(share, 3) in before["caption"]
    assert before["caption"] != after["caption"]


@pytest.mark.parametrize(("layer", "unit"), [(1, 1), (3, 20), (5, 32)])
def test_the_folded_unit_is_that_of_the_folded_network(end: Finished, layer: int, unit: int):
    app = opened(inf_layer=layer, inf_unit=unit)
    (said,) = (
        m.value
        for m in app.markdown
        if "\\begin{aligned}" in m.value and "w'" in m.value and "W" not in m.value
    )
    plain = folded(end.network, end.running).layers[layer - 1]
    for value in (plain.weight[0, unit - 1], plain.bias[unit - 1]):
        assert number_text(abs(float(value))).split("×")[0] in said


@pytest.mark.parametrize("lang", LANGUAGES)
def test_errors_of_folding_are_rounding(lang: str):
    app = opened(lang=lang)
    table = app.table[1].value
    assert len(table) == 6
    assert all("⁻¹" in text for text in table.iloc[:, 1])
    (said,) = (m.value for m in app.markdown if "float64" in m.value)
    apart = float(re.findall(r"\*\*([\d.]+)\*\*", said)[-1])
    assert apart > 0.1


# ---- frozen --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_table_of_switches(lang: str):
    table = opened(lang=lang).table[2].value
    moved = one_step_each()
    assert len(table) == 8
    for row, switches in enumerate(COMBINATIONS):
        expected = [moved[switches].affine, moved[switches].running, moved[switches].weight]
        assert list(table.iloc[row, 3:]) == [number_text(value, 2) for value in expected]
    assert [text.startswith("▶") for text in table.iloc[:, 0]] == [True] + [False] * 7


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("number", range(4))
def test_what_the_frameworks_do(lang: str, number: int):
    """Each button sets the switches that its own row names."""
    name, values = list(PAGE.FREEZES.items())[number]
    app = press(opened(lang=lang), f"inf_freeze_{number}")
    for field, value in values.items():
        assert kept(app, field.key) == value
    words = labels(lang)["inference.frozen_chosen"].split("{")[0]
    (said,) = (m.value for m in app.markdown if m.value.startswith(words))
    assert re.search(re.escape(name).replace(r"bn\.train", "train"), said)


# ---- links ---------------------------------------------------------------------------------------

QUERY = {
    "inf_alpha": "0.5",
    "inf_m": "8",
    "inf_steps": "50",
    "inf_stored": "biased",
    "inf_seed": "3",
    "inf_train_alpha": "0.03",
    "inf_train_steps": "50",
    "inf_train_seed": "2",
    "inf_sample": "9",
    "inf_mates": "4",
    "inf_draw": "6",
    "inf_layer": "2",
    "inf_unit": "5",
    "inf_affine": "0",
    "inf_uses": "running",
    "inf_updates": "0",
}


def test_a_link_brings_everything_and_reset_takes_it_back():
    assert set(QUERY) == {field.key for field in PAGE.FIELDS} - {"quiz_seed"}
    app = opened(**QUERY)
    assert app.query_params == QUERY
    press(app, "inference_reset")
    assert app.query_params == {}
    fresh = opened()
    for key in CHARTS:
        assert chart(app, key).header["caption"] == chart(fresh, key).header["caption"]


def test_changing_the_language_keeps_the_numbers():
    app = opened(**QUERY)
    before = chart(app).cells()
    for lang in LANGUAGES:
        pick(app, "lang", lang)
        np.testing.assert_array_equal(chart(app).cells(), before)
        assert all(app.query_params[key] == value for key, value in QUERY.items())


HOSTILE = {
    "inf_alpha": ("nan", 0.1),
    "inf_m": ("1e99", 256),
    "inf_steps": ("1000000", "100"),
    "inf_stored": ("<script>", "unbiased"),
    "inf_seed": ("-3", 0),
    "inf_train_alpha": ("1e9", "0.01"),
    "inf_train_steps": ("50000", "100"),
    "inf_train_seed": ("1e99", 99),
    "inf_sample": ("99999", 2000),
    "inf_mates": ("1", "16"),
    "inf_draw": ("__import__", 0),
    "inf_layer": ("77", 5),
    "inf_unit": ("-1", 1),
    "inf_affine": ("yes", True),
    "inf_uses": ("", "batch"),
    "inf_updates": ("2", True),
}


def test_a_hostile_link_is_made_valid():
    assert set(HOSTILE) == set(QUERY)
    app = opened(**{key: text for key, (text, _) in HOSTILE.items()})
    for key, (_, expected) in HOSTILE.items():
        assert kept(app, key) == expected, key


@pytest.mark.parametrize(
    "query",
    [
        {"inf_alpha": 0.001, "inf_m": 2, "inf_steps": 25},
        {"inf_alpha": 1, "inf_m": 256, "inf_steps": 200},
        {"inf_alpha": 0.123456, "inf_seed": 9999},
        {"inf_train_alpha": 0.003, "inf_train_steps": 50, "inf_train_seed": 99},
        {"inf_mates": 2, "inf_sample": 2000, "inf_draw": 9999},
        {"inf_layer": 5, "inf_unit": 32},
    ],
    ids=str,
)
def test_ends_of_what_can_be_set(query: dict[str, Any]):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app = opened(**query)
    assert charts(app) == list(CHARTS)
    press(app, "inf_draw_again")
