"""The training chapter's pictures: Plotly takes them, and they draw what the snapshots hold."""

import re
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from bn_core.comparison import Record, gradient_ratio, record
from bn_core.snapshots import OUTLINE_EDGES
from bn_core.training import Progress, train
from bn_core.training_config import NO_BN, TrainingConfig
from bn_ui.figures import training as figures
from bn_ui.live_chart.message import encode
from bn_ui.palette import chart_palette
from bn_ui.text import LANGUAGES
from tests.decoded import FROM_THE_PAGE, apply, as_drawn, decode, themed
from tests.ui.test_figures import THEMES, axes, shape, tokens, words

BASE = TrainingConfig(
    depth=3, width=8, steps=40, moments=12, batch_size=20, train_size=400, learning_rate=0.5
)
RUNS = {
    "plain": BASE,
    "one layer": replace(BASE, depth=1),
    "deep": replace(BASE, depth=20, width=6),
    "diverges": replace(BASE, depth=5, width=32, activation="relu", weight_scale=4.0),
    "spirals": replace(BASE, data="spirals", activation="tanh"),
    "no steps": replace(BASE, steps=0),
    "large values": replace(BASE, activation="relu", weight_scale=20.0, learning_rate=1e-4),
}


@cache
def pair(name: str) -> dict[str, Record]:
    config = RUNS[name]
    bare = replace(config, batch_norm=NO_BN)
    return {"with": record(train(config)), "without": record(train(bare))}


def options(view: str, name: str) -> dict[str, Any]:
    if view == "curves":
        return {"classes": 2 if name == "spirals" else 10}
    return {"layer": RUNS[name].depth, "unit": 2} if view == "percentiles" else {}


@cache
def drawing(view: str, name: str, lang: str = "en") -> figures.Drawing:
    text = words(lang, "training_figure")
    return figures.draw(view, text, pair(name), RUNS[name].steps, **options(view, name))


def drawn(
    made: figures.Drawing, at: int, layout: str = "layout", theme: str = "light"
) -> tuple[dict[str, Any], list[float]]:
    """The picture at a moment as the browser hands it to Plotly, and its numbers."""
    return as_drawn(made.figure, made.base(at), layout, theme)


every_run = pytest.mark.parametrize("name", RUNS)
every_view = pytest.mark.parametrize("view", figures.VIEWS)


@every_run
@every_view
class TestEveryPicture:
    @pytest.mark.parametrize("layout", ["layout", "narrow"])
    def test_plotly_takes_it_and_all_is_inside_the_axes(self, view: str, name: str, layout: str):
        made = drawing(view, name)
        for at in range(len(made.moments)):
            figure, numbers = drawn(made, at, layout)
            go.Figure(figure)
            assert len(numbers) == len(made.formats)
            there = axes(figure["layout"])
            for trace in figure["data"]:
                assert trace["name"]
                assert len(trace["x"]) == len(trace["y"])
                for letter in "xy":
                    axis = there[trace[f"{letter}axis"].replace(letter, f"{letter}axis")]
                    low, high = axis["range"]
                    values = np.array(trace[letter], dtype=float)
                    values = values[np.isfinite(values)]
                    if axis.get("type") == "log":
                        values = np.log10(values)
                    slack = 1e-5 * (high - low)
                    inside = (values >= low - slack) & (values <= high + slack)
                    assert inside.all(), (at, trace["name"], letter)

    def test_axes_have_titles_or_words(self, view: str, name: str):
        for layout in ("layout", "narrow"):
            for key, axis in axes(drawing(view, name).figure[layout]).items():
                said = axis["title"]["text"] + "".join(axis.get("ticktext", []))
                assert re.search(r"\w", said), key

    def test_axes_stand_still(self, view: str, name: str):
        made = drawing(view, name)
        assert {change.kind for change in made.moving} <= {"cells", "trace"}
        assert all(len(change.rows) == len(made.moments) for change in made.moving)

    def test_places_and_cells_are_numbers_that_there_are(self, view: str, name: str):
        made = drawing(view, name)
        assert all(place < len(made.formats) for place in made.places.values())
        for row in made.table.rows:
            assert len(row["cells"]) == len(made.table.columns) - 1
            assert all(cell < len(made.formats) for cell in row["cells"])


@every_view
@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_is_in_the_palette(view: str, theme: str):
    known = set(chart_palette()[theme]) | set(FROM_THE_PAGE)
    asked = set(tokens(drawing(view, "plain").figure))
    assert asked
    assert asked <= known


@every_view
@pytest.mark.parametrize("lang", LANGUAGES)
def test_languages_differ_in_words_only(view: str, lang: str):
    here, there = drawing(view, "plain", lang), drawing(view, "plain", "en")
    assert shape(here.figure) == shape(there.figure)


# ---- the numbers ---------------------------------------------------------------------------------


def at_moment(name: str, network: str, step: float) -> Any:
    """The snapshot that is shown then, by plain search; None once its training has ended."""
    seen = pair(name)[network].snapshots
    before = [snapshot for snapshot in seen if snapshot.step <= step]
    return before[-1] if step <= seen[-1].step else None


@every_run
def test_moments_are_those_of_both(name: str):
    steps = {s.step for record in pair(name).values() for s in record.snapshots}
    assert figures.moments(pair(name)).tolist() == sorted(steps)


def test_a_training_that_has_ended_shows_nothing_any_more():
    made = drawing("curves", "diverges")
    end = pair("diverges")["without"].snapshots[-1].step
    assert end < made.moments[-1]
    for at, step in enumerate(made.moments):
        _, numbers = drawn(made, at)
        assert np.isnan(numbers[0]) == (step > end)
        assert not np.isnan(numbers[4])


@every_run
@pytest.mark.parametrize("network", figures.NETWORKS)
def test_outlines_are_the_histograms(name: str, network: str):
    made, depth = drawing("layers", name), RUNS[name].depth
    shown = figures.rows_shown(depth)
    for at in (0, len(made.moments) - 1):
        snapshot = at_moment(name, network, made.moments[at])
        figure, _ = drawn(made, at)
        for row, layer in enumerate(shown):
            trace = figure["data"][row + (len(shown) if network == "with" else 0)]
            floor = len(shown) - 1 - row
            heights = np.array(trace["y"]) - floor
            assert heights[0] == heights[-1] == pytest.approx(0)
            if snapshot is None:
                assert not heights.any()
                continue
            counts = snapshot.inputs.counts[layer - 1]
            expected = counts / max(counts.max(), 1) * 0.85
            np.testing.assert_allclose(heights[1:-1:2], expected, atol=0.85 / 200)
            np.testing.assert_allclose(np.array(trace["x"])[1:-1:2], OUTLINE_EDGES[:-1])


@every_run
def test_gradients_and_their_ratio(name: str):
    made = drawing("gradients", name)
    for at, step in enumerate(made.moments):
        figure, numbers = drawn(made, at)
        for i, network in enumerate(figures.NETWORKS):
            snapshot = at_moment(name, network, step)
            got = numbers[3 * i + 2]
            if snapshot is None or not np.isfinite(snapshot.gradient_norms).all():
                continue
            norms = snapshot.gradient_norms.astype(float)
            assert got == pytest.approx(gradient_ratio(norms), rel=1e-5, nan_ok=True)
            drawn_norms = np.array(figure["data"][i]["y"])
            big = norms > 1e-9
            np.testing.assert_allclose(drawn_norms[big], norms[big], rtol=1e-5)


@every_run
def test_gamma_and_beta_start_at_one_and_zero(name: str):
    made = drawing("affine", name)
    _, numbers = drawn(made, 0)
    assert numbers == [1.0, 0.0] * len(figures.rows_shown(RUNS[name].depth))
    last = pair(name)["with"].snapshots[-1].batch_norm
    _, numbers = drawn(made, len(made.moments) - 1)
    assert numbers[0] == pytest.approx(np.median(last.gamma[0]), rel=1e-5)
    assert numbers[1] == pytest.approx(np.median(last.beta[0]), rel=1e-5, abs=1e-7)


def test_percentiles_of_one_unit():
    made = drawing("percentiles", "plain")
    figure, numbers = drawn(made, 3)
    snapshot = at_moment("plain", "with", made.moments[3])
    np.testing.assert_allclose(numbers[3:], snapshot.inputs.unit_percentiles[2, 1], rtol=1e-6)
    assert figure["data"][3]["y"][3] == pytest.approx(numbers[3])
    uprights = [trace for trace in figure["data"] if len(trace["x"]) == 2]
    assert {x for trace in uprights for x in trace["x"]} == {made.moments[3]}


def test_while_it_goes_on_the_curve_ends_where_training_is():
    text = words("en", "training_figure")
    config = RUNS["plain"]
    events = [*train(config, progress_seconds=0)]
    last = max(i for i, event in enumerate(events) if isinstance(event, Progress))
    so_far = record(events[: last + 1])
    assert so_far.latest
    made = figures.curves(
        text, {"with": so_far, "without": Record()}, config.steps, classes=10, going_on=True
    )
    figure = deepcopy({"data": made.figure["data"], "layout": made.figure["layout"]})
    apply(figure, decode(encode({}, made.still, [])).base, 0)
    go.Figure(themed(figure, chart_palette()["light"] | FROM_THE_PAGE))
    assert figure["data"][1]["x"][-1] == so_far.latest[-1].step
    assert figure["data"][0]["x"] == []
    size = len(encode({}, made.still, []))
    assert size < 8000, "a message of curves is small"


def test_losses_beyond_the_axis_are_drawn_at_its_edge_and_said_to_be():
    made = drawing("curves", "diverges")
    assert made.clipped
    assert not drawing("curves", "plain").clipped
    figure, _ = drawn(made, 0)
    top = round(1.5 * np.log(10), 1)
    assert max(figure["data"][0]["y"]) == pytest.approx(top)


def test_kept_runs_have_a_colour_each_and_no_markup():
    runs = [(f"<i>{n}</i>", pair("plain")) for n in range(figures.MOST_KEPT)]
    made = figures.kept(words("en", "training_figure"), runs, 40)
    lines = made.figure["data"]
    assert len({trace["line"]["color"] for trace in lines}) == figures.MOST_KEPT
    assert len({trace["line"]["dash"] for trace in lines}) == 2
    assert not any("<" in trace["name"] for trace in lines)
    for layout in ("layout", "narrow"):
        figure = deepcopy({"data": lines, "layout": made.figure[layout]})
        figure = themed(figure, chart_palette()["dark"] | FROM_THE_PAGE)
        apply(figure, decode(encode({}, made.still, [])).base, 0)
        go.Figure(figure)


@pytest.mark.parametrize("depth", range(1, 41))
def test_rows_shown(depth: int):
    shown = figures.rows_shown(depth)
    assert shown[0] == 1
    assert shown[-1] == depth
    assert len(shown) == min(depth, figures.MOST_ROWS)
