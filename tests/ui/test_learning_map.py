"""The learning map: its job, its picture, and the fragment with a pool that answers at once."""

import csv
import io
import math
import re
from copy import deepcopy
from itertools import product
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from bn_core.learning_map import DIVERGED, Trained, learning_map
from bn_core.training_config import TrainingConfig
from bn_ui import experiment_runs
from bn_ui import learning_map as fragment
from bn_ui.experiment_runs import MAP, RATES, SCALES, map_config, map_job, race_jobs
from bn_ui.figures import learning_map as figures
from bn_ui.palette import COLOURS, chart_palette
from bn_ui.runs.jobs import Job
from bn_ui.runs.pool import Pool
from bn_ui.runs.state import DONE, RUNNING, Limits
from bn_ui.runs.store import Store, Stored
from bn_ui.text import LANGUAGES, labels
from tests.decoded import FROM_THE_PAGE, decode, themed
from tests.ui.pool_in_process import PoolInProcess
from tests.ui.test_distributions import checked
from tests.ui.test_small_batch import press

SHAPE = MAP.shape


def accuracy(network: str, row: int, column: int, seed: int) -> float:
    """Made up: with BN good up to η = 3; without in one column, diverged to the right of it, and
    ahead in one cell."""
    if network == "with":
        return 0.9 + seed / 100 if row < 6 else 0.1
    if column > 4:
        return DIVERGED
    if (row, column) == (1, 4):
        return 0.97
    return 0.85 if column == 3 and row < 3 else 0.1


def events(job: Job) -> list[Trained]:
    places = product(range(7), range(7), ("without", "with"), range(3))
    return [
        Trained(n, network, row, column, seed, accuracy(network, row, column, seed))
        for n, (row, column, network, seed) in enumerate(places, 1)
    ]


def script(linked: bool = False) -> None:
    from bn_ui import learning_map as fragment

    def link(config) -> dict[str, str]:
        return {
            "train_rate": f"{config.learning_rate:g}",
            "train_scale": f"{config.weight_scale:g}",
            "train_seed": str(config.seed),
            "train_bn": config.batch_norm,
        }

    fragment.learning_map(fragment.FIELDS, link if linked else None)


@pytest.fixture
def pool(pool: PoolInProcess) -> PoolInProcess:
    pool.compute = events
    return pool


def opened(lang: str = "en", linked: bool = False, **query: str) -> AppTest:
    app = AppTest.from_function(script, default_timeout=60, kwargs={"linked": linked})
    app.session_state["lang"] = lang
    app.query_params = query
    return checked(app.run())


def computed(lang: str = "en", **query: Any) -> AppTest:
    return press(opened(lang, **query), "learning_map_start")


def header(app: AppTest) -> dict[str, Any]:
    (chart,) = (element for element in app.get("bidi_component") if element.key == "map_chart")
    return decode(chart.proto.bytes).header


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


# ---- the job -----------------------------------------------------------------------------------


def test_events_are_kept_on_disk_and_come_back(tmp_path):
    small = experiment_runs.LearningMapConfig(
        TrainingConfig(depth=5, width=8, activation="relu", steps=5), (0.1, 30.0), (0.5, 50.0), 2
    )
    job, found = map_job(small), [*learning_map(small)]
    found[-1] = Trained(**vars(found[-1]) | {"accuracy": DIVERGED})
    store = Store(tmp_path)
    store.save(job, Stored(found, 1.5, 100))
    assert list(store.load(job).events) == found


def test_progress_counts_trainings():
    all_of_them = events(map_job(MAP))
    progress = map_job(MAP).work.progress
    assert progress(all_of_them[-1], MAP) == 1
    assert progress(all_of_them[48], MAP) == 49 / math.prod(SHAPE)


def test_a_worker_can_compute_it(tmp_path):
    small = experiment_runs.LearningMapConfig(
        TrainingConfig(depth=1, width=4, steps=2), (0.1, 1.0), (1.0,), 1
    )
    pool = Pool(workers=1, store=Store(tmp_path))
    try:
        view = pool.submit(map_job(small), "me")
        assert view.wait(timeout=30).state == "done"
        assert view.since(0) == [*learning_map(small)]
    finally:
        pool.close()


def test_every_map_that_can_be_asked_for_is_affordable():
    keys = set()
    for activation in experiment_runs.MAP_ACTIVATIONS:
        for depth in experiment_runs.MAP_DEPTHS:
            job = map_job(map_config(activation, depth))  # raises if it costs too much
            keys.add(job.key)
    assert len(keys) == 12


def test_what_is_computed_ahead():
    jobs = experiment_runs.jobs()
    assert jobs[0].settings == MAP
    assert len(jobs) == len({job.identity for job in jobs}) == 3 + 12 + len(race_jobs())


# ---- the picture -------------------------------------------------------------------------------


def middle() -> np.ndarray:
    grid = np.linspace(0, 1, 49).reshape(7, 7)
    other = grid[::-1].copy()
    other[0, :3], other[1, 1] = DIVERGED, np.nan
    return np.stack([other, grid])


def picture(lang: str = "en") -> dict[str, Any]:
    words = {key.removeprefix("learning_map_figure."): text for key, text in labels(lang).items()
             if key.startswith("learning_map_figure.")}  # fmt: skip
    axes = ([f"{v:g}" for v in RATES], [f"{v:g}" for v in SCALES])
    return figures.figure(words, middle(), *axes, (2, 3))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("layout", ["layout", "narrow"])
def test_plotly_takes_it(layout: str, theme: str):
    source = picture()
    figure = deepcopy({"data": source["data"], "layout": source[layout]})
    figure = themed(figure, chart_palette()[theme] | FROM_THE_PAGE)
    taken = go.Figure(figure)
    assert all(trace.name for trace in taken.data)
    for axis in ("xaxis", "xaxis2", "yaxis", "yaxis2"):
        assert taken.layout[axis].title.text
        assert len(taken.layout[axis].tickvals) == len(taken.layout[axis].ticktext) == 7
    spans = [taken.layout[axis].domain for axis in ("xaxis", "xaxis2")]
    heights = [taken.layout[axis].domain for axis in ("yaxis", "yaxis2")]
    beside, above = spans[0][1] < spans[1][0], heights[0][0] > heights[1][1]
    assert (beside, above) == ((True, False) if layout == "layout" else (False, True))


def test_both_maps_have_one_scale_and_every_cell_its_mark():
    data = picture()["data"]
    maps, numbers, marks = data[::3], data[1::3], data[2::3]
    assert maps[0]["colorscale"] == maps[1]["colorscale"]
    assert [(m["zmin"], m["zmax"]) for m in maps] == [(0, 100)] * 2
    assert maps[0]["z"][1][1] is None
    assert maps[0]["z"][0][:3] == [None] * 3
    assert list(zip(marks[0]["x"], marks[0]["y"], strict=True)) == [(0, 0), (1, 0), (2, 0)]
    assert set(marks[0]["text"]) == {"✕"}
    assert marks[1]["text"] == []
    assert len(numbers[0]["text"]) == 45
    assert len(numbers[1]["text"]) == 49


def test_the_frame_is_around_the_chosen_cell_in_both_maps():
    shapes = picture()["layout"]["shapes"]
    assert {shape["xref"] for shape in shapes} == {"x", "x2"}
    for shape in shapes:
        assert [shape[key] for key in ("x0", "x1", "y0", "y1")] == [2.5, 3.5, 1.5, 2.5]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8, "<b>80</b>"), (0.7999, "79"), (1.0, "<b>100</b>"), (0.29, "29"), (0.0, "0"),
     (DIVERGED, ""), (np.nan, "")],
    ids=str,
)  # fmt: skip
def test_numbers_in_the_cells(value: float, text: str):
    assert figures.cell_text(value) == text


def test_numbers_can_be_read_on_every_cell():
    for value in np.linspace(0, 1, 101):
        cell = figures.luminance(figures.cell_colour(value))
        ink = figures.luminance([int(figures.ink(value)[i : i + 2], 16) for i in (1, 3, 5)])
        dark, light = sorted((cell, ink))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, value
    for end, colour in zip((0, 0.5, 1), figures.RAMP, strict=True):
        assert "#{:02x}{:02x}{:02x}".format(*figures.cell_colour(end)) == colour


def test_lightness_rises_with_accuracy():
    """... so that the map can be read without any colour."""
    light = [figures.luminance(figures.cell_colour(value)) for value in np.linspace(0, 1, 101)]
    assert (np.diff(light) > 0).all()


# ---- the fragment --------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_computed_before_it_is_asked_for(pool: PoolInProcess, lang: str):
    app = opened(lang)
    assert pool.asked == []
    assert "294" in app.info[0].value
    assert not app.table
    assert all(row == [None] * 7 for row in header(app)["figure"]["data"][0]["z"])
    assert press(app, "learning_map_start").button(key="learning_map_start").disabled
    assert pool.asked == [MAP]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sentences_are_computed_from_the_cells(pool: PoolInProcess, lang: str):
    said, words = texts(computed(lang)), labels(lang)
    numbers = {"target": "80\u00a0%", "a": 42, "cells_a": 49, "b": 4, "cells_b": 49}
    assert words["learning_map.reached"].format(**numbers) in said
    over = words["learning_map.over_with"].format(scale="0.1", low="0.01", high="3")
    assert over in said
    over = words["learning_map.over_without"].format(scale="1", low="0.01", high="0.1")
    assert over in said
    assert words["learning_map.diverged"].format(a=0, b=14) in said
    assert words["learning_map.ahead"].format(a=41, b=1, points="2") in said
    place = words["learning_map.place"].format(rate="0.03", scale="2")
    assert words["learning_map.where"].format(cells=place) in said


def test_a_map_that_is_going_on_tells_of_the_cells_it_has(pool: PoolInProcess):
    pool.stand(RUNNING, 0.5)  # 24 cells, and of one more the network without BN
    app = computed()
    assert "24 of 24 cells" in texts(app)
    assert "without BN, 4 of 25." in texts(app)
    assert not app.button(key="learning_map_stop").disabled
    assert "50%" in app.get("progress")[0].proto.text
    app = press(app, "learning_map_stop")
    assert "Stopped after" in app.warning[0].value
    assert "24 of 24 cells" in texts(app), "what there is stays"
    assert not app.get("progress")
    pool.stand(DONE)
    assert "42 of 49 cells" in texts(press(app, "learning_map_start"))


def test_a_full_queue_is_told(pool: PoolInProcess):
    pool.limits = Limits(waiting_each=0)
    app = computed()
    assert "0 runs waiting" in app.warning[0].value
    assert not app.button(key="learning_map_start").disabled


def test_a_map_that_somebody_has_computed_is_there_at_once(pool: PoolInProcess):
    computed()
    app = opened()
    assert "42 of 49 cells" in texts(app)
    assert len(pool.asked) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_framed_cell_seed_by_seed(pool: PoolInProcess, lang: str):
    app = computed(lang, map_rate="0.03", map_scale="10")
    words = labels(lang)
    diverged = f"✕ {words['learning_map_figure.diverged']}"
    shown = app.table[0].value.to_numpy()[:, 1:].tolist()
    percents = [f"{value}\u00a0%" for value in ("90.0", "91.0", "92.0", "91.0")]
    assert shown == [[diverged] * 4, percents]
    assert diverged in header(app)["alt"]
    assert "91.0\u00a0%" in header(app)["alt"]
    app.selectbox(key="map_scale").set_value("2")
    checked(app.run())
    assert app.table[0].value.iloc[0, 4] == "97.0\u00a0%"
    assert app.query_params["map_scale"] == "2"


def test_cells_link_to_their_runs(pool: PoolInProcess):
    app = computed("zh", linked=True, map_rate="3", map_scale="0.5")
    links = re.findall(r"\]\((\S+?)\)", texts(app))
    assert len(links) == 3
    for seed, link in enumerate(links):
        found = {key: values[0] for key, values in parse_qs(urlsplit(link).query).items()}
        assert urlsplit(link).path == "/training"
        assert found == {"train_rate": "3", "train_scale": "0.5", "train_seed": str(seed),
                         "train_bn": "before", "lang": "zh", "v": "1"}  # fmt: skip
    assert not re.findall(r"\]\((\S+?)\)", texts(opened("zh")))


def test_other_networks_are_other_maps(pool: PoolInProcess):
    computed(map_activation="tanh", map_depth="8")
    assert pool.asked == [map_config("tanh", 8)]


@pytest.mark.parametrize(
    "query",
    [{"map_activation": "<b>"}, {"map_depth": "40"}, {"map_rate": "nan"}, {"map_scale": "1e99"}],
    ids=str,
)
def test_a_hostile_link_is_made_valid(pool: PoolInProcess, query: dict[str, str]):
    app = computed(**query)
    assert pool.asked == [MAP]
    assert not app.error


def test_the_link_keeps_what_the_page_says(pool: PoolInProcess):
    app = opened(map_depth="3", map_rate="10")
    assert app.query_params == {"map_depth": "3", "map_rate": "10"}


def test_file(pool: PoolInProcess, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fragment, "group", lambda table: {"a": "network", "b": "rate"})
    results = np.full(SHAPE, np.nan)
    results[1, 6, 0, 2], results[0, 0, 6, 1] = 0.125, DIVERGED
    rows = [*csv.reader(io.StringIO(fragment._csv(MAP, results).decode("utf-8-sig")))]
    assert rows[1:] == [
        ["without", "0.01", "10.0", "1", "", "1"],
        ["with", "10.0", "0.1", "2", "0.125", "0"],
    ]


def test_headings_have_the_colours_of_the_networks():
    for title in picture()["layout"]["annotations"]:
        assert title["font"]["color"].removeprefix("@") in COLOURS["light"]
    assert [a["text"] for a in picture("zh")["layout"]["annotations"]] == ["没有 BN", "有 BN"]


def test_fields_are_all_choices():
    for field in fragment.FIELDS:
        assert field.from_link(field.write(field.default)) == field.default
        with pytest.raises(ValueError, match="must be one of"):
            field.clean("no such thing")
