"""The Whitening page, run as Streamlit runs it but without a browser."""

import csv
import io
import warnings
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bn_core import whitening, whitening_cost
from bn_core.whitening import Succession, stages
from bn_core.whitening_cost import Cost
from bn_ui import clouds
from bn_ui.figures import whitening as figures
from bn_ui.numbers import number_text
from bn_ui.text import LANGUAGES, labels, questions
from tests.decoded import Decoded, apply, decode
from tests.page_definitions import definitions
from tests.ui.test_distributions import checked, kept, pick
from tests.ui.test_small_batch import arrived as by_link

arrived = partial(by_link, "whitening")  # the page as a link opens it: covered
PAGE = definitions("whitening")
CHARTS = ("white_chart", "white_turn_chart", "white_same_chart", "white_rank_chart")


def opened(**query: Any) -> AppTest:
    """The page, uncovered."""
    return checked(arrived(**query).button(key="white_guess_show").click().run())


def charts(app: AppTest) -> list[str]:
    known = (*CHARTS, "white_cost_chart")
    return [e.key for e in app.get("bidi_component") if e.key in known]


def chart(app: AppTest, key: str = PAGE.CHART) -> Decoded:
    (found,) = (element for element in app.get("bidi_component") if element.key == key)
    return decode(found.proto.bytes)


PLACES = {
    "white_chart": figures.cloud_places(),
    "white_turn_chart": figures.turned_places(),
    "white_rank_chart": figures.rank_places(),
}


def shown(
    app: AppTest, key: str = PAGE.CHART, knob: str = "", position: int = 0
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """The numbers of table and caption by name, and the traces, with a knob at a position."""
    message = chart(app, key)
    figure = deepcopy({name: message.header["figure"][name] for name in ("data", "layout")})
    found = apply(figure, message.base, 0)
    if knob:
        found = apply(figure, message.knobs[knob]["changes"], position)
    return {name: found[at] for name, at in PLACES[key].items()}, figure["data"]


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


def press(app: AppTest, key: str) -> AppTest:
    return checked(app.button(key=key).click().run())


# ---- predict -------------------------------------------------------------------------------------


def test_everything_is_covered_until_there_is_a_guess():
    app = arrived(white_rho=0.5)
    assert charts(app) == []
    assert app.query_params["white_rho"] == "0.5"
    assert "ZCA" not in texts(app)
    pick(app, "white_guess", "circle")
    assert len(app.info) == 1
    assert charts(app) == list(CHARTS)
    pick(app, "white_guess", "tilted")
    assert len(app.success) == 1


def test_the_answer_is_what_the_picture_shows():
    """Tilted, and as wide as it is high."""
    assert questions("whitening", "en")["tilted"].answer == "tilted"
    numbers, traces = shown(opened())
    assert numbers["x_hat_var_1"] == pytest.approx(1)
    assert numbers["x_hat_var_2"] == pytest.approx(1)
    assert numbers["x_hat_correlation"] == pytest.approx(0.9)
    ellipse = np.array([traces[4]["x"], traces[4]["y"]])
    width, height = np.ptp(ellipse, axis=1)
    assert width == pytest.approx(height, rel=1e-3)
    assert np.corrcoef(ellipse[:, 1:])[0, 1] > 0.85


# ---- four clouds ---------------------------------------------------------------------------------


def test_nineteen_after_bn_and_one_after_whitening():
    numbers, _ = shown(opened(white_ratio=4))
    assert numbers["x_hat_condition"] == pytest.approx(19, rel=1e-9)
    assert numbers["pca_condition"] == pytest.approx(1, rel=1e-9)
    assert numbers["zca_condition"] == pytest.approx(1, rel=1e-9)
    assert numbers["x_condition"] > 30
    assert number_text(numbers["x_hat_condition"]) == "19"


def drawn(traces: list[dict[str, Any]], panel: int) -> np.ndarray:
    """The dots of a panel."""
    return np.array([traces[3 * panel]["x"], traces[3 * panel]["y"]]).T


@pytest.mark.parametrize("knob", ["white_rho", "white_ratio"])
def test_every_position_is_what_its_numbers_say(knob: str):
    """The dots that are drawn have the covariance that is printed, in all four panels."""
    app = opened(white_seed=3)
    values = chart(app).knobs[knob]["values"]
    for position in range(0, len(values), 12):
        numbers, traces = shown(app, knob=knob, position=position)
        rho = values[position] if knob == "white_rho" else 0.9
        ratio = values[position] if knob == "white_ratio" else 2.0
        wanted = {
            "x": [[ratio, rho], [rho, 1 / ratio]],
            "x_hat": [[1, rho], [rho, 1]],
            "pca": np.eye(2),
            "zca": np.eye(2),
        }
        for panel, name in enumerate(figures.STAGES):
            cov = np.array(wanted[name])
            found = [numbers[f"{name}_{entry}"] for entry in ("var_1", "cov", "var_2")]
            np.testing.assert_allclose(found, [cov[0, 0], cov[0, 1], cov[1, 1]], atol=1e-9)
            assert numbers[f"{name}_condition"] == pytest.approx(np.linalg.cond(cov), rel=1e-6)
            np.testing.assert_allclose(np.cov(drawn(traces, panel).T, ddof=0), cov, atol=0.02)


def test_the_scales_do_not_move_the_standardised_cloud():
    moved = {c["trace"] for c in chart(opened()).knobs["white_ratio"]["changes"]} - {None}
    assert moved == {0, 1, 2, *range(6, 12)}


def test_panels_stand_still_under_both_knobs():
    layouts = [
        chart(opened(white_rho=rho, white_ratio=ratio)).header["figure"]["layout"]
        for rho, ratio in ((0.9, 2), (-0.98, 0.25), (0, 4))
    ]
    for axis in ("xaxis", "yaxis3", "xaxis4"):
        assert len({tuple(layout[axis]["range"]) for layout in layouts}) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_concluded_is_what_was_computed(lang: str):
    words = {
        name: labels(lang)[f"whitening.{name}"].split("{")[0]
        for name in ("scales_helped", "scales_equal", "uncorrelated", "flat")
    }

    def only(app: AppTest, name: str) -> None:
        said = texts(app)
        assert [key for key, start in words.items() if start in said] == [name]

    app = opened(lang=lang)
    only(app, "scales_helped")
    only(press(app, "white_preset_equal"), "scales_equal")
    only(press(app, "white_preset_none"), "uncorrelated")
    only(opened(lang=lang, white_source="units", white_unit_1=3, white_unit_2=3), "flat")


@pytest.mark.parametrize(("rho", "by_hand"), [(0.9, "19"), (-0.5, "3"), (0, "1")])
def test_the_number_to_check(rho: float, by_hand: str):
    app = opened(white_rho=rho)
    start, end = labels("en")["whitening.by_hand"].split("{size}")[::2]
    (said,) = (c.value for c in app.caption if c.value.startswith(start))
    assert said.endswith(end.format(condition=by_hand))
    assert number_text(shown(app)[0]["x_hat_condition"]) == by_hand


@pytest.mark.parametrize("name", PAGE.PRESETS)
def test_presets(name: str):
    app = press(opened(), f"white_preset_{name}")
    for field, value in PAGE.PRESETS[name].items():
        assert kept(app, field.key) == value


@pytest.mark.parametrize("source", ["units", "pixels"])
def test_real_features_have_the_correlation_that_they_have(source: str):
    app = press(opened(white_seed=5), f"white_preset_{source}")
    message = chart(app)
    assert not message.knobs
    numbers, traces = shown(app)
    x, x_hat = (drawn(traces, panel) for panel in (0, 1))
    correlation = np.corrcoef(x.T)[0, 1]
    assert abs(correlation) > 0.3, "worth looking at"
    assert numbers["x_correlation"] == pytest.approx(correlation, abs=0.02)
    assert numbers["x_hat_correlation"] == pytest.approx(numbers["x_correlation"])
    assert np.corrcoef(x_hat.T)[0, 1] == pytest.approx(correlation, abs=0.02)
    assert numbers["zca_cov"] == pytest.approx(0, abs=1e-3)


def test_a_constant_pixel():
    """The first pixel of every digit is blank: no correlation, no inverse, and no traceback."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app = opened(white_source="pixels", white_pixel_1=1)
    numbers, _ = shown(app)
    assert np.isnan(numbers["x_correlation"])
    assert numbers["x_condition"] == numbers["zca_condition"] == np.inf
    assert "∞" in texts(app)


def test_rows_of_the_file(monkeypatch: pytest.MonkeyPatch):
    made = []
    monkeypatch.setitem(PAGE.download.__globals__, "csv_button", lambda *a: made.append(a[2]()))
    cloud = clouds.made_cloud(0, 0.5, 1.0, ("one", "two"))
    found = stages(cloud.x, eps=0.0)
    PAGE.download(cloud, found)
    header, *rows = csv.reader(io.StringIO(made[0].decode("utf-8-sig")))
    assert len(header) == 9
    assert header[1].endswith("one")
    assert header[8].endswith("two")
    assert [float(row[8]) for row in rows] == found["zca"].values[:, 1].tolist()


# ---- a whitened cloud, turned --------------------------------------------------------------------


@pytest.mark.parametrize("start", PAGE.STARTS)
def test_at_every_angle_it_is_white_and_nowhere_nearer_than_zca(start: str):
    app = opened(white_start=start)
    angles = chart(app, "white_turn_chart").knobs["white_angle"]["values"]
    distances = []
    for position in range(0, len(angles), 5):
        numbers, traces = shown(app, "white_turn_chart", "white_angle", position)
        assert numbers["var_1"] == pytest.approx(1)
        assert numbers["var_2"] == pytest.approx(1)
        assert numbers["cov"] == 0
        z, x_hat = (np.array([traces[i]["x"], traces[i]["y"]]) for i in (2, 0))
        np.testing.assert_allclose(np.cov(z, ddof=0), np.eye(2), atol=1e-3)
        apart = ((z - x_hat) ** 2).sum(axis=0).mean()
        assert numbers["distance"] == pytest.approx(apart, abs=1e-3)
        assert traces[8]["x"] == [angles[position]]
        assert traces[8]["y"] == [numbers["distance"]]
        distances.append(numbers["distance"])
        least = numbers["least"]
    assert min(distances) >= least - 1e-9
    if start == "zca":
        assert angles[5 * int(np.argmin(distances))] == 0
        assert min(distances) == pytest.approx(least)
    elif start in ("first", "second"):
        assert min(distances) > 2 * least, "a reflection is no rotation"


def test_another_start_is_first_seen_unturned():
    app = opened()
    pick(app, "white_start", "first")
    assert kept(app, "white_angle") == 0
    pick(app, "white_start", "zca")
    assert kept(app, "white_angle") == 60


# ---- the same sample in batch after batch --------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_other_mates_move_pca_most(lang: str):
    app = opened(lang=lang)
    before = chart(app, "white_same_chart").header
    assert labels(lang)["whitening.steadier"].split("{")[0] in texts(app)
    press(app, "white_draw_again")
    after = chart(app, "white_same_chart").header
    assert app.query_params["white_draw"] == "4"
    assert before["figure"]["data"][0]["y"] != after["figure"]["data"][0]["y"]
    pca, zca, _ = (np.array(trace["y"]) for trace in before["figure"]["data"])
    assert len(pca) == PAGE.BATCHES
    assert (np.sign(pca[1:]) != np.sign(pca[:-1])).any(), "a sign that turns by itself"
    assert np.abs(np.diff(pca)).mean() > np.abs(np.diff(zca)).mean()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_pca_is_called_less_steady_only_where_it_is(lang: str, monkeypatch: pytest.MonkeyPatch):
    """... and not when, for once, it is ZCA that jumps."""
    steps = np.array([[0.0], [1.0], [-1.0]])
    jumpy = Succession({"pca": 0.1 * steps, "zca": steps, "x_hat": 0 * steps}, 0)
    monkeypatch.setattr(whitening, "succession", lambda *_, **__: jumpy)
    said = texts(opened(lang=lang))
    assert labels(lang)["whitening.not_steadier"].split("{")[0] in said
    assert labels(lang)["whitening.steadier"].split("{")[0] not in said


# ---- what it costs -------------------------------------------------------------------------------

COSTS = (
    Cost(8, 1e-4, 2e-4),
    Cost(16, 2e-4, 8e-4),
    Cost(32, 4e-4, 6.4e-3),
    Cost(64, 7e-4, 4.9e-2),
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts measurements instead of making them."""
    made: list[int] = []

    def measured(*_: Any) -> tuple[Cost, ...]:
        made.append(1)
        return COSTS

    monkeypatch.setattr(whitening_cost, "measure", measured)
    return made


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_measured_before_the_button_is_pressed(clock: list[int], lang: str):
    clouds.measured_lately.clear()
    app = opened(lang=lang)
    assert not clock
    assert "white_cost_chart" not in charts(app)
    press(app, "white_measure")
    assert len(clock) == 1
    header = chart(app, "white_cost_chart").header
    for said in ("0.7", "49", "70", "8 ", "64", " 7 ", "245"):
        assert said in header["caption"]
    assert "UTC" in texts(app)
    ratios = list(app.table[0].value.iloc[:, 3])
    assert ratios == ["2", "4", "16", "70"]
    bn, slow = header["figure"]["data"]
    assert slow["y"] == [0.2, 0.8, 6.4, 49]
    assert bn["y"] == [0.1, 0.2, 0.4, 0.7]
    press(opened(lang=lang), "white_measure")
    assert len(clock) == 1, "another who asks within a minute gets the same"


# ---- fewer samples than features -----------------------------------------------------------------


def test_sixteen_samples_of_fifty_features():
    numbers, traces = shown(opened(), "white_rank_chart")
    assert (numbers["m"], numbers["d"], numbers["rank"], numbers["empty"]) == (16, 50, 15, 35)
    assert numbers["condition"] == np.inf
    assert np.isfinite(numbers["condition_eps"])
    assert numbers["gain"] == pytest.approx(1e5**0.5)
    living, empty = (np.array(traces[i]["y"]) for i in (0, 1))
    assert np.isfinite(living).sum() == 15
    assert np.isfinite(empty).sum() == 35
    assert np.nanmax(np.abs(empty)) < 1e-12
    assert numbers["worst"] > 1e4


@pytest.mark.parametrize("population", ["normal", "units"])
def test_the_rank_at_every_position(population: str):
    app = opened(white_population=population)
    knobs = chart(app, "white_rank_chart").knobs
    rows = clouds.population(population)
    for key, sizes in (
        ("white_rank_m", lambda value: (value, 50)),
        ("white_rank_d", lambda value: (16, value)),
    ):
        values = knobs[key]["values"]
        for position in range(0, len(values), 10):
            m, d = sizes(int(values[position]))
            numbers, _ = shown(app, "white_rank_chart", key, position)
            x = rows[:m, :d]
            assert (numbers["m"], numbers["d"]) == (m, d)
            assert numbers["rank"] == np.linalg.matrix_rank(x - x.mean(axis=0)) <= min(m - 1, d)
            assert (numbers["condition"] == np.inf) == (numbers["rank"] < d)


def test_a_larger_eps_tames_what_the_batch_never_saw():
    app = opened()
    knob = chart(app, "white_rank_chart").knobs["white_eps"]
    found = [
        shown(app, "white_rank_chart", "white_eps", at)[0]["worst"]
        for at in range(0, len(knob["values"]), 10)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > 1e4 > 2 > found[-1]


# ---- links ---------------------------------------------------------------------------------------

QUERY = {
    "white_source": "units",
    "white_rho": "0.5",
    "white_ratio": "0.7",
    "white_unit_1": "3",
    "white_unit_2": "4",
    "white_pixel_1": "20",
    "white_pixel_2": "30",
    "white_seed": "3",
    "white_start": "pca",
    "white_angle": "-12",
    "white_sample": "9",
    "white_m": "16",
    "white_draw": "6",
    "white_population": "units",
    "white_rank_m": "10",
    "white_rank_d": "20",
    "white_eps": "0.1",
}


def test_a_link_brings_everything_and_reset_takes_it_back():
    assert set(QUERY) == {field.key for field in PAGE.FIELDS} - {"quiz_seed"}
    app = opened(**QUERY)
    assert app.query_params == QUERY
    press(app, "whitening_reset")
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
    "white_source": ("<script>", "synthetic"),
    "white_rho": ("1", 0.98),
    "white_ratio": ("0", 0.25),
    "white_unit_1": ("64", 8),
    "white_unit_2": ("-1", 1),
    "white_pixel_1": ("1e99", 64),
    "white_pixel_2": ("nan", 55),
    "white_seed": ("-3", 0),
    "white_start": ("", "zca"),
    "white_angle": ("1e9", 180.0),
    "white_sample": ("0", 1),
    "white_m": ("1000000", "32"),
    "white_draw": ("__import__", 3),
    "white_population": ("own", "normal"),
    "white_rank_m": ("1e99", 96),
    "white_rank_d": ("0", 2),
    "white_eps": ("-1", 1e-5),
}


def test_a_hostile_link_is_made_valid():
    assert set(HOSTILE) == set(QUERY)
    app = opened(**{key: text for key, (text, _) in HOSTILE.items()})
    for key, (_, expected) in HOSTILE.items():
        assert kept(app, key) == expected, key


@pytest.mark.parametrize(
    "query",
    [
        {"white_rho": -0.98, "white_ratio": 0.25, "white_rank_m": 2, "white_rank_d": 2},
        {"white_rho": 0, "white_ratio": 1, "white_rank_m": 96, "white_rank_d": 64},
        {"white_rho": 0.123456, "white_ratio": 3.3333, "white_angle": 1.5, "white_eps": 0.0123},
        {"white_source": "pixels", "white_pixel_1": 1, "white_pixel_2": 1},
        {"white_source": "units", "white_unit_1": 8, "white_unit_2": 8, "white_seed": 9999},
        {"white_sample": 1797, "white_m": 16, "white_draw": 9999, "white_population": "units"},
    ],
    ids=str,
)
def test_ends_of_what_can_be_set(query: dict[str, Any]):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app = opened(**query)
    assert charts(app) == list(CHARTS)
    press(app, "white_draw_again")
