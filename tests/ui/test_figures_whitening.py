"""Pictures of the Whitening chapter, handed to Plotly and read back."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from bn_core import forward_train
from bn_core.whitening import (
    correlated,
    directions,
    landmarks,
    mean_squared_distance,
    stages,
    succession,
    white_cloud,
    whiten,
)
from bn_core.whitening_cost import Cost
from bn_ui.figures import whitening as figures
from bn_ui.figures.changes import Change
from bn_ui.text import LANGUAGES
from tests.decoded import as_drawn
from tests.ui.test_figures import (
    THEMES,
    assert_in_palette,
    assert_panels_apart,
    axes,
    shape,
    words,
)

WHITE = white_cloud(40, 0)
ROWS = np.random.default_rng(0).normal(size=(200, 64))
CLOUDS = {
    "opening": (correlated(WHITE, 0.9, 2.0), 0.0),
    "far away": (1000 + correlated(WHITE, -0.5, 0.3), 0.0),
    "flat": (np.stack([np.arange(9.0), np.zeros(9)], axis=1), 1e-5),
    "nothing": (np.full((5, 2), 3.0), 1e-5),
}
COSTS = (Cost(8, 1e-4, 2e-4), Cost(16, 2e-4, 8e-4), Cost(512, 4e-4, 6.4e-1))


def pictures(lang: str = "en") -> dict[str, tuple[dict[str, Any], list[Change]]]:
    found = {}
    for name, (x, eps) in CLOUDS.items():
        made = stages(x, eps=eps)
        centre, reach = made["x"].spectrum.mu, figures.reaches(made)
        marked = landmarks(made["zca"].values)
        figure = figures.clouds_figure(
            words(lang, "whitening_figure"), ("one", "two"), centre, reach
        )
        found[f"clouds, {name}"] = figure, figures.cloud_changes([made], marked, centre, reach)
    x_hat = forward_train(CLOUDS["opening"][0], eps=0.0).x_hat
    zca = whiten(x_hat).z
    least = mean_squared_distance(zca, x_hat)
    found["turned"] = (
        figures.turned_figure(words(lang, "turned_figure"), x_hat, zca, least, 4.0),
        figures.turned_changes(x_hat, zca, landmarks(zca), least, 30.0),
    )
    made = succession(ROWS[:, :5], 0, m=8, batches=6, seed=0)
    found["succession"] = figures.succession_figure(words(lang, "succession_figure"), made), []
    found["cost"] = figures.cost_figure(words(lang, "cost_figure"), COSTS), []
    for m, d in ((16, 50), (2, 2), (96, 64)):
        made = [directions(ROWS[:m, :d], ROWS[100:, :d])]
        figure = figures.rank_figure(words(lang, "rank_figure"))
        found[f"rank, {m}"] = figure, figures.rank_changes(made, 1e-5)
    return found


PICTURES = pictures()


def drawn(name: str, layout: str, theme: str = "light") -> dict[str, Any]:
    return as_drawn(*PICTURES[name], layout, theme)[0]


@pytest.mark.parametrize("layout", ["layout", "narrow"])
@pytest.mark.parametrize("name", PICTURES)
class TestFigures:
    @pytest.mark.parametrize("theme", THEMES)
    def test_plotly_takes_it(self, name: str, layout: str, theme: str):
        figure = go.Figure(drawn(name, layout, theme))
        for trace in figure.data:
            assert trace.name
            assert len(trace.x) == len(trace.y) > 0

    def test_axes_have_titles_and_hold_what_is_drawn(self, name: str, layout: str):
        figure = drawn(name, layout)
        there = axes(figure["layout"])
        for axis in there.values():
            assert axis["title"]["text"]
        for trace in figure["data"]:
            for letter in "xy":
                axis = there[trace.get(f"{letter}axis", letter).replace(letter, f"{letter}axis")]
                low, high = axis["range"]
                values = np.array(trace[letter], float)
                values = values[np.isfinite(values)]
                if axis.get("type") == "log":
                    values = np.log10(values)
                slack = 1e-6 * (high - low)
                if values.size:
                    assert low - slack <= values.min(), trace["name"]
                    assert values.max() <= high + slack, trace["name"]

    def test_panels_do_not_overlap(self, name: str, layout: str):
        assert_panels_apart(drawn(name, layout)["layout"])


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_is_in_the_palette(name: str, theme: str):
    assert_in_palette(PICTURES[name][0], theme)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_languages_differ_in_words_only(lang: str):
    for name, (figure, _) in pictures(lang).items():
        assert shape(figure) == shape(PICTURES[name][0])


@pytest.mark.parametrize("layout", ["layout", "narrow"])
@pytest.mark.parametrize("name", [*(f"clouds, {name}" for name in CLOUDS), "turned"])
def test_a_circle_is_a_circle(name: str, layout: str):
    """Panels of a cloud have units of equal length, and as many to the right as up."""
    there = axes(drawn(name, layout)["layout"])
    for suffix in ("",) if name == "turned" else ("", "2", "3", "4"):
        x, y = there[f"xaxis{suffix}"], there[f"yaxis{suffix}"]
        assert y["scaleanchor"] == f"x{suffix}"
        assert x["constrain"] == y["constrain"] == "domain"
        assert np.ptp(x["range"]) == pytest.approx(np.ptp(y["range"]))


def test_dots_are_where_the_samples_are():
    x, _ = CLOUDS["far away"]
    first = drawn("clouds, far away", "layout")["data"][0]
    step = 2 * figures.reaches(stages(x, eps=0.0))["x"] / 250
    np.testing.assert_allclose(np.stack([first["x"], first["y"]], axis=1), x, atol=0.51 * step)


def test_a_direction_is_drawn_as_what_it_is():
    data = drawn("rank, 16", "layout")["data"]
    living, empty, fresh, fresh_empty, _ = (np.array(trace["y"], float) for trace in data)
    has = np.arange(1, 65)[np.isfinite(living)]
    has_not = np.arange(1, 65)[np.isfinite(empty)]
    assert has.tolist() == list(range(1, 16))
    assert has_not.tolist() == list(range(16, 51))
    np.testing.assert_array_equal(np.isfinite(fresh), np.isfinite(living))
    assert np.nanmin(fresh_empty) > 1e3 > np.nanmax(fresh)
    assert data[0]["marker"]["symbol"] != data[1]["marker"]["symbol"], "not by colour alone"


def test_the_knobs_have_the_positions_people_look_for():
    assert {-0.98, 0.0, 0.5, 0.9, 0.98} <= set(figures.RHOS)
    assert {0.25, 0.5, 1.0, 2.0, 4.0} <= set(figures.RATIOS)
    assert {-180.0, -90.0, 0.0, 45.0, 60.0, 180.0} <= set(figures.ANGLES)
    assert {1e-5, 0.1, 1.0, 10.0} <= set(figures.EPSILONS)
    for values, ends in (
        (figures.RHOS, figures.RHO_RANGE),
        (figures.RATIOS, figures.RATIO_RANGE),
        (figures.ANGLES, figures.ANGLE_RANGE),
        (figures.EPSILONS, figures.EPS_RANGE),
    ):
        assert (np.diff(values) > 0).all()
        assert (values[0], values[-1]) == ends
