"""The Scale and shift page, run as Streamlit runs it but without a browser."""

import csv
import io
import re
import warnings
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bn_core import forward_train
from bn_core.activations import ACTIVATIONS
from bn_core.identity import typical_error
from bn_core.linearity import straightness
from bn_core.residual import last_block, stream_sd
from bn_ui.batches import stream_input
from bn_ui.figures import scale_shift as figures
from bn_ui.numbers import number_text
from bn_ui.text import LANGUAGES, labels, questions
from tests import direct
from tests.decoded import Decoded, apply, decode
from tests.page_definitions import definitions
from tests.ui.test_distributions import checked, kept, pick
from tests.ui.test_small_batch import arrived as by_link

arrived = partial(by_link, "scale_shift")  # the page as a link opens it: covered
PAGE = definitions("scale_shift")
CHARTS = (
    "scale_chart",
    "scale_match_chart",
    "scale_next_chart",
    "scale_features_chart",
    "scale_stream_chart",
)
ALL = direct.hidden(m=1797)  # of every digit, shuffled
MU_SD = ALL[:32, 0].mean().round(2), ALL[:32, 0].std().round(2)


def opened(**query: Any) -> AppTest:
    """The page, uncovered; the game is still to be played."""
    return arrived(revealed=1, **query)


def charts(app: AppTest) -> list[str]:
    return [e.key for e in app.get("bidi_component") if e.key in CHARTS]


def chart(app: AppTest, key: str = "scale_chart") -> Decoded:
    (found,) = (element for element in app.get("bidi_component") if element.key == key)
    return decode(found.proto.bytes)


def shown(
    message: Decoded, knob: str = "", position: int = 0
) -> tuple[dict[str, Any], list[float]]:
    """The figure and its numbers as committed, or with a knob at a position."""
    figure = deepcopy({name: message.header["figure"][name] for name in ("data", "layout")})
    numbers = apply(figure, message.base, 0)
    if knob:
        numbers = apply(figure, message.knobs[knob]["changes"], position)
    return figure, numbers


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption, *app.success])


def press(app: AppTest, key: str) -> AppTest:
    return checked(app.button(key=key).click().run())


def said(app: AppTest, lang: str, key: str) -> bool:
    """Whether the page says this label, up to its first number."""
    return labels(lang)[f"scale_shift.{key}"].split("{")[0] in texts(app)


# ---- predict -------------------------------------------------------------------------------------


def test_each_picture_is_covered_until_there_is_a_guess():
    app = arrived(scale_solved=1)
    assert charts(app) == ["scale_match_chart", "scale_features_chart"]
    pick(app, "scale_guess", "ends")
    assert len(app.info) == 1
    assert "scale_chart" in charts(app)
    pick(app, "scale_next_guess", "no")
    assert "scale_next_chart" in charts(app)
    pick(app, "scale_stream_guess", "ten")
    assert charts(app) == list(CHARTS)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_answers_are_what_the_pictures_show(lang: str):
    asked = questions("scale_shift", lang)
    app = opened(lang=lang, scale_solved=1)
    _, numbers = shown(chart(app))
    at = figures.sigmoid_places()
    assert asked["regime"].answer == "straight"
    assert numbers[at["y_r2"]] > 0.95
    assert numbers[at["y_saturated"]] < 5
    assert said(app, lang, "straight")
    assert asked["next"].answer == "no"
    _, numbers = shown(chart(app, "scale_next_chart"), "scale_batch", 3)
    assert numbers[0] > 0.1
    assert asked["stream"].answer == "ten"
    ends = {"one": 1, "ten": 10, "fifty": 50}
    for kind in ("one", "two"):
        message = chart(opened(scale_res_block=kind), "scale_stream_chart")
        end = shown(message)[1][figures.stream_places()["end"]]
        assert min(ends, key=lambda name: abs(ends[name] - end)) == "ten"


# ---- an activation over its input ----------------------------------------------------------------


def expected(x: np.ndarray, gamma: float, beta: float, activation: str) -> list[float]:
    f = ACTIVATIONS[activation]
    row = []
    for z in (x, gamma * (x - x.mean()) / np.sqrt(x.var() + 1e-5) + beta):
        moved = np.ptp(f(z)) > 1e-9 and np.ptp(z) > 1e-9
        r2 = np.corrcoef(z, f(z))[0, 1] ** 2 if moved else np.nan
        inside = np.mean((z >= -12) & (z < 12))
        slope, saturated = f.derivative(z).mean(), 100 * f.saturated(z).mean()
        row += [z.mean(), z.std(), slope, r2, saturated, 100 - 100 * inside]
    return row


@pytest.mark.parametrize(
    ("query", "x"),
    [
        ({}, direct.hidden()[:, 1]),
        ({"scale_activation": "relu", "scale_unit": 7}, direct.hidden()[:, 6]),
        ({"scale_source": "fashion", "scale_m": 50, "scale_seed": 3, "scale_beta": 2.5,
          "scale_activation": "tanh"}, direct.hidden("fashion", m=50, seed=3)[:, 1]),
    ],
    ids=["opening", "relu", "fashion"],
)  # fmt: skip
def test_every_position_is_what_the_activation_gets(query: dict[str, Any], x: np.ndarray):
    message = chart(opened(**query))
    f = query.get("scale_activation", "sigmoid")
    beta = query.get("scale_beta", 0.0)
    for at in (0, 1, 20, 100, 240):
        figure, numbers = shown(message, "scale_gamma", at)
        gamma = figures.GAMMAS[at]
        np.testing.assert_allclose(numbers, expected(x, gamma, beta, f), rtol=1e-6, atol=1e-9)
        y = gamma * (x - x.mean()) / np.sqrt(x.var() + 1e-5) + beta
        bars = np.histogram(y[y < 12], figures.EDGES)[0] * 100 / len(y)
        np.testing.assert_allclose(figure["data"][1]["y"][:-1], bars)
        line = figure["data"][4]
        if gamma:
            slope, intercept = np.polyfit(y, ACTIVATIONS[f](y), 1)
            np.testing.assert_allclose(
                line["y"], slope * np.array(line["x"]) + intercept, atol=2e-5
            )
    for at in (0, 33, 120):
        figure, numbers = shown(message, "scale_beta", at)
        np.testing.assert_allclose(
            numbers, expected(x, 1.0, figures.BETAS[at], f), rtol=1e-6, atol=1e-9
        )
        r2 = straightness((x[None] - x.mean()) / np.sqrt(x.var() + 1e-5) * 5.0 + figures.BETAS[at],
                          ACTIVATIONS[f]).r2[0]  # fmt: skip
        assert figure["data"][5]["y"][10] == pytest.approx(r2, rel=1e-5)  # γ = 5 on the curve


def test_the_curriculums_figures():
    """mean σ′ .207/.151/.075/.039 and R² .984 at scale 1, of normal data."""
    app = press(opened(), "scale_preset_normal")
    table = next(t.value for t in app.table)
    np.testing.assert_allclose(
        [float(v) for v in table.iloc[:, 1]], [0.207, 0.151, 0.075, 0.039], atol=0.004
    )
    assert float(table.iloc[0, 2]) == pytest.approx(0.984, abs=0.005)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_captions_are_of_the_run(lang: str):
    """Nearly straight, bent, far from it, flat; and what the scale does to each function."""
    assert said(opened(lang=lang), lang, "straight")
    assert said(opened(lang=lang, scale_gamma=3), lang, "bent")
    assert said(press(opened(lang=lang), "scale_preset_wide"), lang, "step")
    assert said(opened(lang=lang, scale_gamma=0), lang, "flat")
    ending = {key: labels(lang)[f"scale_shift.{key}"].split("}")[-1] for key in
              ("scale_bends", "scale_does_nothing", "scale_straightens")}  # fmt: skip
    assert ending["scale_bends"] in texts(opened(lang=lang))
    relu = texts(press(opened(lang=lang), "scale_preset_relu"))
    assert ending["scale_does_nothing"] in relu
    far = texts(opened(lang=lang, scale_activation="relu", scale_beta=-1.5))
    assert ending["scale_straightens"] in far


@pytest.mark.parametrize("name", ["raw", "standard", "wide", "side", "normal", "relu"])
def test_presets(name: str):
    app = press(opened(scale_gamma=2.5), f"scale_preset_{name}")
    figure, numbers = shown(chart(app))
    assert kept(app, "scale_gamma") != 2.5
    if name == "raw":
        at = figures.sigmoid_places()
        for key in figures.STATISTICS:
            assert numbers[at[f"x_{key}"]] == pytest.approx(numbers[at[f"y_{key}"]])
        np.testing.assert_allclose(figure["data"][0]["y"], figure["data"][1]["y"])


def test_a_unit_too_far_out_has_no_button_without_bn():
    assert opened(scale_unit=7).button(key="scale_preset_raw").disabled
    assert not opened().button(key="scale_preset_raw").disabled


def test_rows_of_the_file():
    x = ALL[:20, [0]]
    rows = list(figures.regime_rows(x, 2.0, 0.5, ACTIVATIONS["tanh"], 1e-5))
    _, first_x, first_hat, y, out, line = rows[0]
    assert first_x == x[0, 0]
    assert y == 2 * first_hat + 0.5
    assert out == np.tanh(y)
    every = np.array([row[3:] for row in rows])
    fit = np.polyfit(every[:, 0], every[:, 1], 1)
    assert line == pytest.approx(np.polyval(fit, y))
    text = PAGE.csv_bytes(["i"] * 6, rows).decode("utf-8-sig")
    assert float(list(csv.reader(io.StringIO(text)))[1][1]) == x[0, 0]


# ---- match the target ----------------------------------------------------------------------------


@pytest.mark.parametrize("knob", ["scale_match_gamma", "scale_match_beta"])
def test_the_distance_is_computed_at_every_position(knob: str):
    app = opened(scale_match_gamma=1.2, scale_match_beta=2, scale_match_m=8, scale_match_unit=3)
    message = chart(app, "scale_match_chart")
    x = ALL[:8, 2]
    x_hat = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    values = message.knobs[knob]["values"]
    for at in (0, 77, len(values) - 1):
        pair = {"scale_match_gamma": 1.2, "scale_match_beta": 2.0, knob: values[at]}
        y = pair["scale_match_gamma"] * x_hat + pair["scale_match_beta"]
        figure, (rms, largest, share) = shown(message, knob, at)
        assert rms == pytest.approx(np.sqrt(np.mean((y - x) ** 2)))
        assert largest == pytest.approx(np.abs(y - x).max())
        assert share == pytest.approx(100 * rms / x.std())
        line = figure["data"][3]
        np.testing.assert_allclose(sorted(line["y"]), sorted(y), atol=1e-5)
        np.testing.assert_allclose(sorted(line["x"]), sorted(x), atol=1e-5)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_game(lang: str):
    app = opened(lang=lang)
    assert said(app, lang, "not_met")
    assert "scale_next_chart" not in charts(app)
    assert not [b for b in app.button if b.key == "scale_pair_slip"], "that would give it away"
    press(app, "scale_pair_show")
    assert said(app, lang, "met")
    wanted = np.sqrt(ALL[:32, 0].var() + 1e-5)
    assert kept(app, "scale_match_gamma") == pytest.approx(wanted, rel=1e-14)
    assert kept(app, "scale_match_beta") == pytest.approx(ALL[:32, 0].mean(), rel=1e-14)
    _, (rms, largest, _) = shown(chart(app, "scale_match_chart"))
    assert rms < 1e-15
    assert largest < 2e-15
    press(app, "scale_pair_slip")
    _, (_, largest, _) = shown(chart(app, "scale_match_chart"))
    assert 1e-6 < largest < 1e-4
    press(app, "scale_start_over")
    assert said(app, lang, "not_met")
    assert "scale_next_chart" not in charts(app)


def test_met_by_hand():
    app = opened(scale_match_gamma=MU_SD[1], scale_match_beta=MU_SD[0])
    assert said(app, "en", "met")
    assert kept(app, "scale_solved") is True
    assert app.query_params["scale_solved"] == "1"
    checked(app.number_input(key="scale_match_gamma").set_value(-1.0).run())
    assert "scale_next_chart" in charts(app), "what has been found stays"


def test_another_unit_starts_another_game():
    app = press(opened(scale_match_unit=32, scale_solved=1), "scale_other_unit")
    assert kept(app, "scale_match_unit") == 1
    assert kept(app, "scale_solved") is False
    checked(app.number_input(key="scale_match_unit").set_value(5).run())
    assert kept(app, "scale_match_unit") == 5


@pytest.mark.parametrize("eps", [1e-5, 1e-3])
def test_errors_of_the_pairs(eps: float):
    app = opened(scale_solved=1, scale_match_eps=str(eps))
    errors, spreads = (t.value for t in app.table[1:3])
    x = ALL[:32, 0]
    x_hat = (x - x.mean()) / np.sqrt(x.var() + eps)
    slip = np.abs(x.std() * x_hat + x.mean() - x).max()
    assert errors.iloc[2, 3] == number_text(slip, 2)
    assert "⁻¹⁶" in errors.iloc[1, 3] or errors.iloc[1, 3] == "0"
    assert errors.iloc[0, 1:3].tolist() == ["1", "0"]
    assert spreads.iloc[-1, 0] == number_text(np.sqrt(eps), 3)
    assert spreads.iloc[-1, 3] == "0.29"
    assert spreads.iloc[0, 2] == errors.iloc[2, 3]


# ---- the next batch ------------------------------------------------------------------------------


def test_the_pair_of_the_first_batch_on_the_others():
    message = chart(opened(scale_solved=1, scale_match_m=8), "scale_next_chart")
    first = ALL[:8, 0]
    for at in range(12):
        x = ALL[8 * at : 8 * at + 8, 0]
        x_hat = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
        y = np.sqrt(first.var() + 1e-5) * x_hat + first.mean()
        figure, (error, mean, sd) = shown(message, "scale_batch", at)
        assert error == pytest.approx(np.sqrt(np.mean((y - x) ** 2)), abs=1e-14)
        assert (mean, sd) == (pytest.approx(x.mean()), pytest.approx(x.std()))
        np.testing.assert_allclose(figure["data"][1]["y"], y, atol=1e-5)
        heights = np.array(figure["data"][2]["y"]).reshape(12, 4)[:, 1]
        assert heights[at] == pytest.approx(error, abs=1e-9)


def test_next_batch_and_round_again():
    app = press(opened(scale_solved=1), "scale_next")
    assert kept(app, "scale_batch") == 2
    app = press(opened(scale_solved=1, scale_batch=12), "scale_next")
    assert kept(app, "scale_batch") == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_larger_batches_are_more_alike(lang: str):
    table = opened(lang=lang, scale_solved=1).table[3].value
    errors = [float(v) for v in table.iloc[:, 1]]
    assert errors == sorted(errors, reverse=True)
    batches = ALL[: 12 * 32, 0].reshape(12, 32)
    assert table.iloc[1, 1] == number_text(typical_error(batches), 2)


# ---- a pair for every feature --------------------------------------------------------------------


def test_shared_or_each():
    x = ALL[:32, :8]
    for pairs in ("shared", "each"):
        app = opened(scale_pairs=pairs)
        ys = chart(app, "scale_features_chart").header["figure"]["data"][1]
        table = app.table[1].value
        x_hat = forward_train(x).x_hat
        gamma, beta = (
            np.array([float(v.replace("−", "-")) for v in table.iloc[:, k]]) for k in (1, 2)
        )
        np.testing.assert_allclose(ys["x"], (gamma * x_hat + beta).mean(axis=0), rtol=6e-3)
        np.testing.assert_allclose(ys["error_x"]["array"], (gamma * x_hat).std(axis=0), rtol=6e-3)
        fit = np.linalg.lstsq(
            np.stack([x_hat.ravel(), np.ones(x.size)], axis=1), x.ravel(), rcond=None
        )[0]
        worst = np.sqrt(((fit[0] * x_hat + fit[1] - x) ** 2).mean(axis=0)).max()
        caption = chart(app, "scale_features_chart").header["caption"]
        assert number_text(worst, 2) in caption
        assert "⁻¹⁶" in caption
        if pairs == "shared":
            np.testing.assert_allclose(gamma, fit[0], rtol=5e-3)
        else:
            np.testing.assert_allclose(beta, x.mean(axis=0), rtol=5e-3)


# ---- residual blocks -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["one", "two"])
def test_the_stream_at_every_position(kind: str):
    message = chart(opened(scale_res_block=kind, scale_res_seed=4), "scale_stream_chart")
    gammas = message.knobs["scale_res_gamma"]["values"]
    x, places = stream_input(128, 32, 4), figures.stream_places()
    for at in (0, 4, 30):
        figure, numbers = shown(message, "scale_res_gamma", at)
        alone = [gammas[at]]
        sd = stream_sd(x, alone, blocks=50, kind=kind, seed=4)[0]
        np.testing.assert_allclose(figure["data"][1]["y"], sd, rtol=1e-5)
        assert numbers[places["end"]] == pytest.approx(sd[-1])
        assert numbers[places["expected"]] == pytest.approx(
            np.sqrt(sd[0] ** 2 + 50 * alone[0] ** 2)
        )
        last = last_block(x, alone, blocks=50, kind=kind, seed=4)
        assert numbers[places["dweight"]] == pytest.approx(last.dweight[0])
    at_zero = shown(message, "scale_res_gamma", 0)[1]
    assert at_zero[places["dweight"]] == 0
    assert at_zero[places["dgamma"]] > 0.1


def test_three_starts():
    app = opened()
    (said_,) = (m.value for m in app.markdown if m.value.startswith("**After 50 blocks"))
    one, fifth, zero = map(float, re.findall(r"([\d.]+) with", said_))
    np.testing.assert_allclose([one, fifth, zero], [10.8, 1.9, 1.0], rtol=0.15)
    for number, gamma in enumerate((1.0, 0.2, 0.0)):
        assert kept(press(app, f"scale_start_{number}"), "scale_res_gamma") == gamma


# ---- links ---------------------------------------------------------------------------------------

QUERY = {
    "scale_gamma": "2.5",
    "scale_beta": "-1",
    "scale_source": "two_humps",
    "scale_unit": "9",
    "scale_activation": "tanh",
    "scale_m": "40",
    "scale_seed": "3",
    "scale_match_gamma": "0.5",
    "scale_match_beta": "4",
    "scale_match_unit": "2",
    "scale_match_m": "8",
    "scale_match_eps": "0.001",
    "scale_solved": "1",
    "scale_batch": "5",
    "scale_pairs": "each",
    "scale_res_gamma": "0.2",
    "scale_res_block": "two",
    "scale_res_seed": "7",
}


def guessed(**query: Any) -> AppTest:
    """The page with every guess made: what a learner's own link is like."""
    app = arrived(**query)
    pick(app, "scale_guess", "whole")
    pick(app, "scale_next_guess", "yes")
    return pick(app, "scale_stream_guess", "one")


def test_a_link_brings_everything_and_reset_takes_it_back():
    assert set(QUERY) == {field.key for field in PAGE.FIELDS} - {"quiz_seed"}
    app = guessed(**QUERY)
    assert app.query_params == QUERY
    press(app, "scale_shift_reset")
    assert app.query_params == {}
    fresh = opened()
    for key in ("scale_chart", "scale_match_chart", "scale_stream_chart"):
        np.testing.assert_array_equal(chart(app, key).cells(), chart(fresh, key).cells())


def test_changing_the_language_keeps_the_numbers():
    app = guessed(**QUERY)
    before = chart(app).cells()
    for lang in LANGUAGES:
        pick(app, "lang", lang)
        np.testing.assert_array_equal(chart(app).cells(), before)
        assert all(app.query_params[key] == value for key, value in QUERY.items())


HOSTILE = {
    "scale_gamma": ("nan", 1.0),
    "scale_beta": ("-1e999", -6.0),
    "scale_source": ("own", "digits"),
    "scale_unit": ("1e99", 32),
    "scale_activation": ("exp", "sigmoid"),
    "scale_m": ("1e9", 1024),
    "scale_seed": ("-3", 0),
    "scale_match_gamma": ("1e308", 3.0),
    "scale_match_beta": ("<script>", 0.0),
    "scale_match_unit": ("0", 1),
    "scale_match_m": ("1000000", "32"),
    "scale_match_eps": ("0", "1e-05"),
    "scale_solved": ("yes", False),
    "scale_batch": ("99", 12),
    "scale_pairs": ("", "shared"),
    "scale_res_gamma": ("inf", 1.5),
    "scale_res_block": ("fifty", "one"),
    "scale_res_seed": ("1e99", 9999),
}


def test_a_hostile_link_is_made_valid():
    assert set(HOSTILE) == set(QUERY)
    app = opened(**{key: text for key, (text, _) in HOSTILE.items()})
    for key, (_, wanted) in HOSTILE.items():
        assert kept(app, key) == wanted, key


@pytest.mark.parametrize(
    "query",
    [
        {"scale_gamma": 0, "scale_beta": 6, "scale_m": 2},
        {"scale_gamma": 12, "scale_beta": -6, "scale_activation": "relu", "scale_m": 1024},
        {"scale_source": "outlier", "scale_m": 3, "scale_seed": 9999},
        {"scale_match_gamma": -1, "scale_match_beta": 15, "scale_match_unit": 32},
        {"scale_match_m": 128, "scale_batch": 12, "scale_solved": 1},
        {"scale_res_gamma": 0, "scale_res_seed": 9999},
    ],
    ids=str,
)
def test_ends_of_what_can_be_set(query: dict[str, Any]):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app = opened(**query)
    assert "scale_chart" in charts(app)
    assert "scale_stream_chart" in charts(app)
