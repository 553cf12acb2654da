"""Figure 1 of the paper: jobs, picture and fragment, on runs of fewer steps."""

import csv
import io
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from bn_core.figure_one import DATA, NETWORKS, SEEDS, both, drift, runs, unit_percentiles
from bn_core.snapshots import Snapshot
from bn_core.training import train
from bn_core.training_config import TrainingConfig
from bn_ui import figure_one as fragment
from bn_ui.experiment_runs import figure_one_jobs
from bn_ui.figures import figure_one as figures
from bn_ui.live_chart.message import encode
from bn_ui.numbers import number_text
from bn_ui.palette import chart_palette
from bn_ui.runs.jobs import Event, Job
from bn_ui.runs.state import DONE, RUNNING, STOPPED, Limits
from bn_ui.text import LANGUAGES, labels
from tests.decoded import FROM_THE_PAGE, Decoded, apply, decode, themed
from tests.ui.pool_in_process import PoolInProcess
from tests.ui.test_distributions import checked
from tests.ui.test_small_batch import press

STEPS = 2000  # instead of 50,000; there is a snapshot of step 1,000


@cache
def shorter(config: TrainingConfig) -> Sequence[Event]:
    """The run, but short; clothing is a network that gets worse, made from that of the digits."""
    if config.data == "digits":
        return [*train(replace(config, steps=STEPS, width=16))]
    return [worse(event) for event in shorter(next(c for c in runs("digits").values() if (
        c.batch_norm, c.seed) == (config.batch_norm, config.seed)))]  # fmt: skip


def worse(event: Event) -> Event:
    if isinstance(event, Snapshot) and event.step > 1500:
        return replace(event, held_out=replace(event.held_out, accuracy=0.15))
    return event


def events(job: Job) -> Sequence[Event]:
    return shorter(job.settings)


def script() -> None:
    from bn_ui.figure_one import figure_one

    figure_one()


@pytest.fixture
def pool(pool: PoolInProcess, monkeypatch: pytest.MonkeyPatch) -> PoolInProcess:
    pool.compute = events
    monkeypatch.setattr(fragment, "STEPS", STEPS)
    return pool


def opened(lang: str = "en", **query: str) -> AppTest:
    app = AppTest.from_function(script, default_timeout=60)
    app.session_state["lang"] = lang
    app.query_params = query
    return checked(app.run())


def computed(lang: str = "en", **query: str) -> AppTest:
    return press(opened(lang, **query), "figure_one_start")


def chart(app: AppTest) -> Decoded:
    (found,) = (element for element in app.get("bidi_component") if element.key == "fig1_chart")
    return decode(found.proto.bytes)


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


def snapshots(data: str = "digits") -> figures.Runs:
    found = runs(data)
    return {
        name: [[e for e in shorter(found[name, seed]) if isinstance(e, Snapshot)] for seed in SEEDS]
        for name in NETWORKS
    }


def drawn(message: Decoded, layout: str = "layout") -> dict[str, Any]:
    figure = deepcopy({"data": message.header["figure"]["data"]})
    figure["layout"] = deepcopy(message.header["figure"][layout])
    apply(figure, message.base, 0)
    return figure


# ---- the jobs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", DATA)
def test_one_job_for_each_network_and_seed_at_full_length(data: str):
    jobs = figure_one_jobs(data)
    assert set(jobs) == {(name, seed) for name in NETWORKS for seed in SEEDS}
    assert len({job.identity for job in jobs.values()}) == 6
    assert {job.settings.steps for job in jobs.values()} == {50_000} == {fragment.STEPS}


# ---- the picture -------------------------------------------------------------------------------


def words(lang: str = "en") -> dict[str, str]:
    start = "figure_one_figure."
    found = labels(lang).items()
    return {key.removeprefix(start): text for key, text in found if key.startswith(start)}


def partial(n: int) -> figures.Runs:
    """Runs as they are in the middle: one has not begun, one is at its n-th snapshot."""
    whole = snapshots()
    return {
        "with": [whole["with"][0], whole["with"][1][:n], []],
        "without": [whole["without"][0][:n], [], []],
    }


CASES = {"whole": snapshots, "some": lambda: partial(5), "none": lambda: partial(0)}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("scale", figures.SCALES)
@pytest.mark.parametrize("layout", ["layout", "narrow"])
@pytest.mark.parametrize("case", CASES)
def test_plotly_takes_it_and_all_is_inside_the_axes(case: str, layout: str, scale: str, theme: str):
    source, changes = figures.figure(words(), CASES[case](), STEPS, scale, 0, 1)
    figure = drawn(decode(encode({"figure": source}, changes, [])), layout)
    taken = go.Figure(themed(figure, chart_palette()[theme] | FROM_THE_PAGE))
    assert len(taken.data) == 2 + 2 * 2 * (len(SEEDS) + 1) + 2 * 3
    # The names are there from the start, when no median is.
    named = [trace.name for trace in taken.data if trace.showlegend]
    assert named == ["without BN, median", "with BN, median"]
    assert all(len(trace.x) for trace in taken.data if trace.showlegend)
    boxes = []
    for n in ("", "2", "3", "4"):
        x_axis, y_axis = (figure["layout"][f"{letter}axis{n}"] for letter in "xy")
        assert x_axis["title"]["text"]
        assert y_axis["title"]["text"]
        boxes.append((x_axis["domain"], y_axis["domain"]))
    for i, ((left, right), (bottom, top)) in enumerate(boxes):
        for (left_, right_), (bottom_, top_) in boxes[:i]:
            assert right <= left_ or right_ <= left or top <= bottom_ or top_ <= bottom
    for line in figure["data"]:
        assert line["name"]
        assert len(line["x"]) == len(line["y"])
        for letter in "xy":
            axis = figure["layout"][line[f"{letter}axis"].replace(letter, f"{letter}axis")]
            values = np.array([value for value in line[letter] if value is not None])
            if axis.get("type") == "log":
                assert (values > 0).all(), line["name"]
                values = np.log10(values)
            low, high = axis["range"]
            assert ((values >= low - 1e-6) & (values <= high + 1e-6)).all(), line["name"]


def test_curves_are_those_of_the_runs():
    found = snapshots()
    source, changes = figures.figure(words(), found, STEPS, "linear", 2, 3)
    figure = drawn(decode(encode({"figure": source}, changes, [])))
    by_name: dict[str, list[Any]] = {}
    for line in figure["data"]:
        by_name.setdefault(line["name"], []).append(line)
    one = [s.held_out.accuracy for s in found["with"][1]]
    accuracy, loss = by_name["with BN, seed 1"]
    np.testing.assert_allclose(accuracy["y"], one, rtol=1e-6)
    np.testing.assert_allclose(loss["y"], [s.loss for s in found["with"][1]], rtol=1e-6)
    every = [[s.held_out.accuracy for s in run] for run in found["without"]]
    _, middle, _ = by_name["without BN, median"]
    np.testing.assert_allclose(middle["y"], np.median(every, axis=0), rtol=1e-6)
    assert middle["line"]["width"] > by_name["without BN, seed 0"][0]["line"]["width"]
    # The seed and the unit that were chosen.
    rows = unit_percentiles(found["with"][2], 3)
    for k, percentile in enumerate((15, 50, 85)):
        (line,) = by_name[f"with BN: {percentile}th percentile"]
        np.testing.assert_allclose(line["y"], rows[:, k], rtol=1e-6)


def test_percentiles_of_both_networks_have_one_axis():
    source, _ = figures.figure(words(), snapshots(), STEPS, "log", 0, 0)
    for layout in ("layout", "narrow"):
        assert source[layout]["yaxis3"]["range"] == source[layout]["yaxis4"]["range"]


# ---- the fragment ------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_computed_before_it_is_asked_for(pool: PoolInProcess, lang: str):
    app = opened(lang)
    assert pool.asked == []
    assert len(app.info) == 1
    assert not app.table
    press(app, "figure_one_start")
    assert pool.asked == list(runs("digits").values())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_numbers_are_those_of_the_runs(pool: PoolInProcess, lang: str):
    app, label = computed(lang), labels(lang)
    found = snapshots()
    accuracy, loss = both(found, "accuracy"), both(found, "loss")

    def percents(name: str, step: int) -> str:
        low, middle, high = (f"{100 * value:.1f}\u00a0%" for value in accuracy[name].at(step))
        return label["figure_one.range"].format(low=low, middle=middle, high=high)

    rows = app.table[0].value.to_numpy()[:, 1:3].tolist()
    assert rows == [[percents(name, 1000), percents(name, STEPS)] for name in NETWORKS]
    said = texts(app)
    ends = {name: f"{100 * accuracy[name].at(STEPS)[1]:.1f}\u00a0%" for name in NETWORKS}
    assert accuracy["with"].at(STEPS)[1] > accuracy["without"].at(STEPS)[1]
    ahead = label["figure_one.ahead_with"]
    assert ahead.format(step="2,000", a=ends["with"], b=ends["without"]) in said
    a, b = (number_text(loss[name].at(STEPS)[1], 2) for name in ("with", "without"))
    fitted = label["figure_one.fitted"].format(size="1,437", a=a, b=b, guess="2.3")
    assert fitted in said
    assert fitted in chart(app).header["alt"]


def test_a_network_that_gets_worse_is_said_to(pool: PoolInProcess):
    said = texts(computed(fig1_data="fashion_mnist"))
    assert "fell to 15.0\u00a0% by the end: overfitting" in said
    assert "With BN, held-out accuracy was highest at step" in said
    assert "6,000 training images" in said
    assert "overfitting" not in texts(opened())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_chosen_unit_and_run(pool: PoolInProcess, lang: str):
    app = computed(lang, fig1_unit="3", fig1_seed="1")
    label = labels(lang)
    for name in NETWORKS:
        moved = drift(unit_percentiles(snapshots()[name][1], 2))
        low, high, narrow, wide = (number_text(value, 2) for value in vars(moved).values())
        sentence = label[f"figure_one.unit_{name}"].format(
            unit=3, step="2,000", low=low, high=high, narrow=narrow, wide=wide
        )
        assert sentence in texts(app)
    kept = {key: app.query_params[key] for key in ("fig1_unit", "fig1_seed")}
    assert kept == {"fig1_unit": "3", "fig1_seed": "1"}


def test_runs_that_go_on_and_are_stopped(pool: PoolInProcess):
    pool.stand(RUNNING, 0.5)
    app = computed()
    assert "0 of 6 runs done" in app.get("progress")[0].proto.text
    assert app.table[0].value.iloc[0, 2] == "–", "the end is not there yet"
    assert "guessing has" not in texts(app)
    assert "is ahead" in texts(app)
    app = press(app, "figure_one_stop")
    assert {run.state for run in pool.runs.values()} == {STOPPED}
    assert "Stopped after" in app.warning[0].value
    assert chart(app).base
    pool.stand(DONE)
    assert "guessing has" in texts(press(app, "figure_one_start"))


def test_a_queue_that_takes_some_runs_only(pool: PoolInProcess):
    pool.limits = Limits(waiting_each=3)
    app = computed()
    assert "3 runs waiting" in app.warning[0].value
    assert not app.button(key="figure_one_start").disabled
    pool.limits = Limits()
    assert press(app, "figure_one_start").button(key="figure_one_start").disabled


def test_what_was_computed_is_found_again(pool: PoolInProcess):
    computed()
    app = opened("zh")
    assert len(pool.asked) == 6
    assert app.button(key="figure_one_start").disabled
    assert len(app.table[0].value) == 2


def test_what_the_paper_reports_is_told_as_its_report(pool: PoolInProcess):
    for lang, mark in (("en", "What the paper reports"), ("zh", "论文报告的结果")):
        app = opened(lang)
        assert mark in texts(app)
        assert "MNIST" in texts(app)


@pytest.mark.parametrize(
    "query",
    [{"fig1_data": "spirals"}, {"fig1_seed": "-1"}, {"fig1_unit": "99"}, {"fig1_scale": "<b>"}],
    ids=str,
)
def test_a_hostile_link_is_made_valid(pool: PoolInProcess, query: dict[str, str]):
    app = computed(**query)
    assert not app.error
    assert pool.asked == list(runs("digits").values())


def test_file():
    found = {"with": [snapshots()["with"][0][:2], [], []], "without": [[], [], []]}
    rows = [*csv.reader(io.StringIO(fragment._csv(found).decode("utf-8-sig")))]
    assert rows[0][-12:] == [f"unit{u}_p{p}" for u in range(1, 5) for p in (15, 50, 85)]
    assert len(rows) == 3
    snapshot = found["with"][0][1]
    assert rows[2][:3] == ["with", "0", "1"]
    assert float(rows[2][3]) == snapshot.loss
    assert float(rows[2][-1]) == snapshot.inputs.unit_percentiles[2, 3, 2]


def page() -> None:
    from bn_ui import figure_one, learning_map, present, url

    fields = (*learning_map.FIELDS, *figure_one.FIELDS)
    url.load(fields)
    present.columns()
    learning_map.learning_map(fields)
    figure_one.figure_one(fields)


@pytest.mark.parametrize("present", ["", "1"])
def test_both_experiments_on_the_page_of_a_chapter(pool: PoolInProcess, present: str):
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["lang"], app.session_state["present"] = "en", present
    app.query_params = {"map_depth": "3", "fig1_unit": "2"}
    app = checked(app.run())
    assert {element.key for element in app.get("bidi_component")} == {"map_chart"}
    kept = {key: app.query_params[key] for key in ("map_depth", "fig1_unit")}
    assert kept == {"map_depth": "3", "fig1_unit": "2"}
    press(app, "figure_one_start")
    assert pool.asked == list(runs("digits").values())
