"""The Training page, run as Streamlit runs it but without a browser and without processes."""

import csv
import io
import json
import math
import re
from copy import deepcopy
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from bn_core.comparison import compare, record
from bn_core.training import train
from bn_core.training_config import NO_BN
from bn_ui import training_words
from bn_ui.figures import training as figures
from bn_ui.palette import chart_palette
from bn_ui.presets_training import PRESETS, jobs, pair
from bn_ui.runs.state import DONE, FAILED, RUNNING, STOPPED, WAITING, Limits
from bn_ui.text import LANGUAGES, labels
from tests.decoded import Decoded, apply, decode, themed
from tests.page_definitions import definitions
from tests.ui.pool_in_process import PoolInProcess, computed, small
from tests.ui.test_distributions import checked, kept, pick
from tests.ui.test_small_batch import arrived as by_link

arrived = partial(by_link, "training")  # the page as a link opens it: covered
PAGE = definitions("training")
TINY = {"train_steps": 20, "train_depth": 2, "train_width": 8, "train_m": 16}


@pytest.fixture
def pool(pool: PoolInProcess) -> PoolInProcess:
    pool.compute = partial(computed, shrink=small)
    return pool


def opened(**query: Any) -> AppTest:
    """The page, uncovered."""
    return checked(arrived(**query).button(key="train_guess_show").click().run())


def trained(**query: Any) -> AppTest:
    """... and both networks trained."""
    return press(opened(**query), "train_start")


def press(app: AppTest, key: str) -> AppTest:
    return checked(app.button(key=key).click().run())


def chart(app: AppTest, key: str = PAGE.CHART) -> Decoded:
    (found,) = (element for element in app.get("bidi_component") if element.key == key)
    return decode(found.proto.bytes)


def charts(app: AppTest) -> list[str]:
    return [e.key for e in app.get("bidi_component")]


def texts(app: AppTest) -> str:
    boxes = [*app.markdown, *app.caption, *app.info, *app.warning]
    return "\n".join(element.value for element in boxes)


def frame(message: Decoded, position: int | None) -> tuple[dict[str, Any], list[float]]:
    figure = deepcopy({name: message.header["figure"][name] for name in ("data", "layout")})
    numbers = apply(figure, message.base, 0)
    if position is not None:
        numbers = apply(figure, message.knobs["train_moment"]["changes"], position) or numbers
    return figure, numbers


def records(config: Any) -> dict[str, Any]:
    """What the pool computes for a pair."""
    with_bn, without = (record(train(small(job.settings))) for job in pair(config))
    return {"with": with_bn, "without": without}


def settings(**query: Any) -> Any:
    values = {"depth": 2, "width": 8, "batch_size": 16, "steps": 20, "learning_rate": 0.5}
    return replace(PRESETS["opening"], **(values | query))


# ---- predict, run, see -------------------------------------------------------------------------


class TestPrediction:
    def test_all_is_covered_until_there_is_a_guess(self, pool: PoolInProcess):
        app = arrived(train_depth=3)
        assert charts(app) == ["training_quiz_kept", "page_aids"]
        assert app.query_params["train_depth"] == "3"
        pick(app, "train_guess", "same")
        assert [b for b in app.button if b.key == "train_start"]

    def test_the_answer_comes_with_the_run_that_it_is_about(self, pool: PoolInProcess):
        pool.compute = computed
        app = pick(arrived(), "train_guess", "nothing")
        assert not app.success
        press(app, "train_start")
        assert len(app.success) == 1
        pick(app, "train_guess", "same")
        assert not app.success
        assert any(labels("en")["frame.guess_wrong"][:8] in box.value for box in app.info)

    def test_not_with_another_run(self, pool: PoolInProcess):
        app = press(pick(arrived(**TINY), "train_guess", "nothing"), "train_start")
        assert not app.success


@pytest.mark.parametrize("lang", LANGUAGES)
class TestRun:
    def test_before(self, pool: PoolInProcess, lang: str):
        app = opened(lang=lang)
        assert labels(lang)["training.invite"] in texts(app)
        assert not pool.asked
        assert app.button(key="train_stop").disabled

    def test_both_networks_are_trained_and_differ_in_bn_only(self, pool: PoolInProcess, lang: str):
        trained(lang=lang, **TINY)
        with_bn, without = pool.asked
        assert replace(with_bn, batch_norm=NO_BN) == without
        assert with_bn.batch_norm == "before"
        assert with_bn == settings()

    def test_while_it_runs(self, pool: PoolInProcess, lang: str):
        pool.stand(RUNNING)
        app = trained(lang=lang, **TINY)
        progress = app.get("progress")
        assert len(progress) == 2
        for box, name in zip(progress, ("without", "with"), strict=True):
            assert labels(lang)[f"training_figure.{name}"] in box.proto.text
        assert not chart(app).knobs
        assert app.button(key="train_start").disabled
        assert not app.button(key="train_stop").disabled
        pool.stand(DONE)
        checked(app.run())
        assert not app.get("progress")
        assert "train_moment" in chart(app).knobs

    def test_in_the_queue(self, pool: PoolInProcess, lang: str):
        pool.stand(WAITING)
        app = trained(lang=lang, **TINY)
        said = labels(lang)["runs.waiting"].format(
            position=2, queued=3, left=labels(lang)["runs.seconds"].format(n="2.0")
        )
        assert all(said in box.proto.text for box in app.get("progress"))

    def test_stopped(self, pool: PoolInProcess, lang: str):
        pool.stand(RUNNING)
        app = press(trained(lang=lang, **TINY), "train_stop")
        assert {run.state for run in pool.runs.values()} == {STOPPED}
        said = [box.value for box in app.warning]
        assert len(said) == 1  # the same for both: said once
        assert said[0].startswith(labels(lang)["runs.by_viewer"].partition("{")[0])
        assert "train_moment" in chart(app).knobs
        assert not app.button(key="train_start").disabled

    def test_a_worker_that_dies(self, pool: PoolInProcess, lang: str):
        pool.stand(FAILED)
        app = trained(lang=lang, **TINY)
        assert labels(lang)["runs.worker_died"] in [box.value for box in app.warning]
        assert kept(app, "train_depth") == 2
        pool.stand(DONE)
        press(app, "train_start")
        assert not app.warning

    def test_refused(self, pool: PoolInProcess, lang: str):
        pool.limits = Limits(waiting_each=1)
        app = trained(lang=lang, **TINY)
        said = labels(lang)["runs.refused_yours"].format(limit=1)
        assert [box.value for box in app.warning] == [said]
        assert not pool.runs
        assert kept(app, "train_depth") == 2
        assert not app.exception
        checked(app.run())
        assert not app.warning  # told once

    def test_a_page_that_is_reopened_finds_its_run(self, pool: PoolInProcess, lang: str):
        pool.stand(RUNNING)
        trained(lang=lang, **TINY)
        app = opened(lang=lang, **TINY)
        assert len(app.get("progress")) == 2
        assert len(pool.asked) == 2  # nothing was begun anew
        pool.stand(DONE)
        assert "train_moment" in chart(opened(lang=lang, **TINY)).knobs

    def test_from_the_queue_to_the_end(self, pool: PoolInProcess, lang: str):
        pool.stand(WAITING)
        app = trained(lang=lang, **TINY)
        assert chart(app).header["figure"]["data"]
        pool.stand(RUNNING, 0.1)
        checked(app.run())
        assert len(app.get("progress")) == 2
        pool.stand(DONE)
        checked(app.run())
        assert not app.get("progress")

    def test_changed_settings_keep_the_picture(self, pool: PoolInProcess, lang: str):
        app = trained(lang=lang, **TINY)
        checked(app.number_input(key="train_depth").set_value(3).run())
        assert labels(lang)["training.changed"] in texts(app)
        assert "train_moment" in chart(app).knobs
        press(app, "train_start")
        assert labels(lang)["training.changed"] not in texts(app)
        assert pool.asked[-1].depth == 3


@pytest.mark.parametrize(
    ("states", "waits"),
    [
        (("waiting", "waiting"), True),
        (("running", "waiting"), False),
        (("done", "running"), False),
        (("done", "waiting"), True),
    ],
)
def test_who_waits_asks_less_often_and_not_all_at_once(
    states: tuple[str, str], waits: bool, monkeypatch: pytest.MonkeyPatch
):
    seen = dict(enumerate(SimpleNamespace(state=state) for state in states))
    pair = SimpleNamespace(states=lambda: seen)
    paces = set()
    for number in range(30):
        monkeypatch.setitem(PAGE.pace.__globals__, "viewer", lambda number=number: f"{number:032x}")
        paces.add(PAGE.pace(pair))
    if waits:
        assert len(paces) == 30
        assert PAGE.EVERY_WAITING <= min(paces) <= max(paces) < 2 * PAGE.EVERY_WAITING
    else:
        assert paces == {PAGE.EVERY}


# ---- what is said --------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("rate", [0.01, 0.5, 2])
def test_the_verdict_is_computed(pool: PoolInProcess, lang: str, rate: float):
    app = trained(lang=lang, train_rate=rate, **TINY)
    seen = records(settings(learning_rate=rate))
    found = compare(seen["with"], seen["without"], classes=10)
    start = labels(lang)[f"training_verdict.{found.outcome}"].partition("{")[0]
    (said,) = (m.value for m in app.markdown if m.value.startswith(start))
    numbers = [float(number) for number in re.findall(r"(\d+\.\d)%", said)]
    assert round(100 * found.accuracy_with, 1) in numbers
    assert round(100 * found.accuracy_without, 1) in numbers


def test_a_difference_is_that_of_the_printed_shares():
    assert training_words.percent(0.7194) == "71.9%"
    assert training_words.percent(0.2278) == "22.8%"
    assert training_words.points(0.2278, 0.7194) == "49.1"
    assert training_words.points(0.02) == "2.0"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_divergence_is_a_result_told_with_its_step(pool: PoolInProcess, lang: str):
    query = {"train_activation": "relu", "train_scale": 4, "train_depth": 5, "train_rate": 0.1}
    app = trained(lang=lang, **query)
    config = replace(PRESETS["large"], batch_size=32, steps=500)
    at = records(config)["without"].diverged_at
    assert at is not None
    said = labels(lang)["training_verdict.without_diverged"].partition("{")[0]
    assert f"{said}{at}" in texts(app)
    crosses = next(
        trace
        for trace in frame(chart(app), None)[0]["data"]
        if trace["name"] == labels(lang)["training_figure.diverged"]
    )
    assert crosses["x"] == [at]
    assert labels(lang)["training.crosses"] in chart(app).header["caption"]
    for view in figures.VIEWS:
        pick(app, "train_view", view)
        assert chart(app).knobs


# ---- pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("view", figures.VIEWS)
@pytest.mark.parametrize("layout", ["layout", "narrow"])
def test_plotly_takes_every_picture(pool: PoolInProcess, lang: str, view: str, layout: str):
    message = chart(trained(lang=lang, train_view=view, **TINY))
    moments = message.knobs["train_moment"]["values"]
    colours = chart_palette()["light"] | {"text": "#000", "background": "#fff", "border": "#999"}
    for position in (None, 0, len(moments) - 1):
        figure = deepcopy({"data": message.header["figure"]["data"]})
        figure["layout"] = deepcopy(message.header["figure"][layout])
        numbers = apply(figure, message.base, 0)
        if position is not None:
            changes = message.knobs["train_moment"]["changes"]
            numbers = apply(figure, changes, position) or numbers
        go.Figure(themed(figure, colours | {"font": "serif"}))
        assert len(numbers) == len(message.header["formats"])
        for trace in figure["data"]:
            assert trace["name"]
            assert len(trace["x"]) == len(trace["y"])
    for key in ("alt", "caption"):
        places = [int(n) for n in re.findall(r"\{(\d+)\}", message.header[key])]
        assert "{" not in re.sub(r"\{\d+\}", "", message.header[key])
        assert all(place < len(message.header["formats"]) for place in places)
    assert re.findall(r"\{\d+\}", message.header["alt"]), "an alt text names values"


def test_the_knob_goes_through_every_moment_and_opens_at_the_last(pool: PoolInProcess):
    message = chart(trained(**TINY))
    knob = message.knobs["train_moment"]
    steps = figures.moments(records(settings())).tolist()
    assert knob["values"] == steps
    assert knob["at"] == knob["reset_at"] == len(steps) - 1
    assert knob["texts"][0] == "step 0"


def test_a_moment_is_part_of_the_link(pool: PoolInProcess):
    app = trained(**TINY, train_moment=3)
    press_again = opened(**TINY, train_moment=3)
    knob = chart(press_again).knobs["train_moment"]
    assert abs(knob["values"][knob["at"]] - 3) == min(abs(v - 3) for v in knob["values"])
    assert "train_moment" not in app.query_params  # a new training opens at its end


def test_the_numbers_of_the_curves_are_those_of_the_snapshots(pool: PoolInProcess):
    message = chart(trained(**TINY))
    seen = records(settings())
    for position, step in enumerate(message.knobs["train_moment"]["values"]):
        _, numbers = frame(message, position)
        for place, name in ((0, "without"), (3, "with")):
            (snapshot,) = (s for s in seen[name].snapshots if s.step == step)
            wanted = [snapshot.loss, 100 * snapshot.held_out.accuracy, snapshot.held_out.loss]
            np.testing.assert_allclose(numbers[place : place + 3], wanted, rtol=1e-6)


@pytest.mark.parametrize("view", figures.VIEWS)
def test_axes_stand_still(pool: PoolInProcess, view: str):
    message = chart(trained(train_view=view, **TINY))
    kinds = {change["kind"] for change in message.knobs["train_moment"]["changes"]}
    assert kinds == {"cells", "trace"}


def test_layer_and_unit_are_held_to_what_there_is(pool: PoolInProcess):
    app = trained(**TINY, train_view="percentiles", train_layer=40, train_unit=9)
    assert app.number_input(key="train_layer").value == 2
    assert app.number_input(key="train_unit").value == 4
    assert "unit 4 in layer 2" in chart(app).header["caption"]


def test_the_picture_of_a_very_deep_network_is_small(pool: PoolInProcess):
    pool.compute = partial(computed, shrink=lambda config: replace(config, steps=50, width=8))
    app = trained(train_depth=40, train_view="layers", train_steps=50)
    assert chart(app).size < 200_000


def test_the_file_has_every_snapshot(pool: PoolInProcess):
    found = PAGE.curves(SimpleNamespace(records=lambda: records(settings())))
    rows = list(csv.reader(io.StringIO(found.decode("utf-8-sig"))))
    seen = records(settings())
    assert len(rows) == 1 + sum(len(r.snapshots) for r in seen.values())
    first = next(row for row in rows[1:] if row[0] == "with")
    assert float(first[2]) == seen["with"].snapshots[0].loss


# ---- keep and compare ----------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_up_to_four_are_kept_named_shown_and_removed(pool: PoolInProcess, lang: str):
    app = trained(lang=lang, **TINY)
    assert PAGE.KEPT_CHART not in charts(app)
    for n in range(4):
        checked(app.number_input(key="train_seed").set_value(n).run())
        press(app, "train_start")
        checked(app.text_input(key="train_name").set_value(f"<b>{n}</b> *x*").run())
        press(app, "train_keep")
        assert not [b for b in app.button if b.key == "train_keep"]  # kept already
    message = chart(app, PAGE.KEPT_CHART)
    names = [trace["name"] for trace in message.header["figure"]["data"]]
    assert len(names) == 8
    assert "&lt;b&gt;0&lt;/b&gt;" in names[0]
    assert "<b>" not in "".join(names)
    checked(app.number_input(key="train_seed").set_value(5).run())
    press(app, "train_start")
    assert labels(lang)["training.full"].format(most=4) in texts(app)
    press(app, "train_kept_show_1")
    assert kept(app, "train_seed") == 1
    assert app.query_params["train_seed"] == "1"
    for n in (3, 2, 1, 0):
        press(app, f"train_kept_remove_{n}")
    assert PAGE.KEPT_CHART not in charts(app)


# ---- presets, limits, links ----------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset(pool: PoolInProcess, lang: str, name: str):
    app = opened(lang=lang)
    checked(app.selectbox(key="train_preset").set_value(name).run())
    assert labels(lang)[f"training_look.{name}"] in texts(app)
    press(app, "train_start")
    assert pool.asked[0] == PRESETS[name]
    for view in figures.VIEWS:
        pick(app, "train_view", view)
    assert not app.error


def test_another_seed_is_the_same_experiment(pool: PoolInProcess):
    app = opened(train_seed=7)
    assert app.selectbox(key="train_preset").value == "opening"
    checked(app.number_input(key="train_depth").set_value(6).run())
    assert app.selectbox(key="train_preset").value == "own"


def test_presets_hold_within_what_the_page_can_set(pool: PoolInProcess):
    for name, config in PRESETS.items():
        query = {f.key: f.write(v) for f, v in PAGE.values_of(config).items()}
        app = opened(**query)
        assert app.selectbox(key="train_preset").value == name
        assert config.steps <= PAGE.most_steps(config)


def test_what_is_computed_beforehand_is_what_the_presets_ask_for():
    found = [job.settings for job in jobs()]
    assert found[0] == PRESETS["opening"]
    assert found[1] == replace(PRESETS["opening"], batch_norm=NO_BN)
    assert len(found) == 2 * len(PRESETS)


def test_the_largest_settings_are_held_to_half_a_minute(pool: PoolInProcess):
    app = opened(
        train_data="fashion_mnist", train_depth=40, train_width=128, train_m=256, train_steps=5000
    )
    shrink = partial(replace, steps=1, depth=2, width=8, moments=2)
    pool.compute = partial(computed, shrink=shrink)
    press(app, "train_start")
    assert pool.asked[0].cost <= PAGE.MOST_COST
    assert pool.asked[0].steps >= 20


HOSTILE = {
    "train_depth": ("1e9", 40),
    "train_width": ("100000", "32"),
    "train_rate": ("inf", 100.0),
    "train_scale": ("-1", 0.0),
    "train_m": ("0", 2),
    "train_steps": ("1e300", 5000),
    "train_seed": ("-7", 0),
    "train_data": ("../../etc/passwd", "digits"),
    "train_activation": ("__import__", "sigmoid"),
    "train_place": ("none", "before"),
    "train_skips": ("yes", False),
    "train_view": ("<script>", "curves"),
    "train_moment": ("nan", 5000),
}


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_link_is_made_valid(pool: PoolInProcess, key: str):
    text, expected = HOSTILE[key]
    app = opened(**{key: text})
    assert kept(app, key) == expected
    assert not pool.asked, "a link alone begins nothing"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_reset(pool: PoolInProcess, lang: str):
    app = opened(lang=lang, train_depth=9, train_rate=3, train_view="layers", train_skips=1)
    press(app, "training_reset")
    for field in PAGE.FIELDS:
        assert kept(app, field.key) == field.default
    assert set(app.query_params) <= {"lang"}


def test_the_link_brings_the_screen_back(pool: PoolInProcess):
    query = {**TINY, "train_rate": 0.25, "train_place": "after", "train_view": "gradients"}
    app = trained(**query, train_skips=1, train_activation="tanh")
    (copy,) = (e for e in app.get("bidi_component") if e.key == "training_copy_link")
    link = json.loads(copy.proto.bytes)["link"]
    for key, value in query.items():
        assert f"{key}={value}" in link
    assert math.isclose(kept(app, "train_rate"), 0.25)
