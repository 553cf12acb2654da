"""Pictures of the Scale and shift chapter, handed to Plotly and read back."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from bn_core.activations import ACTIVATIONS
from bn_core.identity import carried_over, identity_pair
from bn_core.linearity import pieces, straightness_grid
from bn_core.residual import LastBlock
from bn_ui.figures import scale_shift as figures
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

RNG = np.random.default_rng(2)
X = RNG.normal(3, 0.7, (64, 1))
BATCHES = RNG.normal(-2, 3, (12, 16))
SETTINGS = {"opening": (1.0, 0.0), "flat": (0.0, 2.0), "far": (12.0, -6.0)}


def sigmoid(lang: str, name: str, setting: str) -> tuple[dict[str, Any], list[Change]]:
    f, (gamma, beta) = ACTIVATIONS[name], SETTINGS[setting]
    pair = identity_pair(X)
    before = pieces(X, pair.gamma, pair.beta, f, figures.EDGES)
    now = pieces(X, gamma, beta, f, figures.EDGES)
    curves = straightness_grid(X, figures.SWEEP_GAMMAS, [beta], f)
    text = words(lang, "scale_figure")
    return figures.sigmoid_figure(text, f), figures.sigmoid_base(before, now, f, gamma, *curves)


def pictures(lang: str = "en") -> dict[str, tuple[dict[str, Any], list[Change]]]:
    found = {f"{name}, {s}": sigmoid(lang, name, s) for name in ACTIVATIONS for s in SETTINGS}
    text = words(lang, "match_figure")
    found["match"] = figures.match_figure(text, X), figures.match_changes(X, 1.0, 0.0, 1e-5)
    y, apart = carried_over(BATCHES)
    found["next"] = (
        figures.next_figure(text, BATCHES, apart.rms),
        figures.next_changes(BATCHES, y, apart.rms, [5]),
    )
    found["features"] = figures.features_figure(text, BATCHES.T, 0.5 * BATCHES.T), []
    sd = np.array([[1.0, 1.2, 1.9]])
    changes = figures.stream_changes([0.8], sd, LastBlock(np.ones(1), np.zeros(1)))
    found["stream"] = figures.stream_figure(words(lang, "stream_figure"), sd), changes
    return found


PICTURES = pictures()


def drawn(name: str, layout: str = "layout", theme: str = "light") -> dict[str, Any]:
    return as_drawn(*PICTURES[name], layout, theme)[0]


@pytest.mark.parametrize("layout", ["layout", "narrow"])
@pytest.mark.parametrize("name", PICTURES)
class TestFigures:
    @pytest.mark.parametrize("theme", THEMES)
    def test_plotly_takes_it(self, name: str, layout: str, theme: str):
        figure = go.Figure(drawn(name, layout, theme))
        for trace in figure.data:
            assert trace.name
            assert len(trace.x) == len(trace.y) > 0, trace.name

    def test_axes_are_named(self, name: str, layout: str):
        for axis in axes(drawn(name, layout)["layout"]).values():
            assert axis["title"]["text"] or axis["showticklabels"] is False
            assert axis["range"][0] < axis["range"][1]

    def test_what_is_drawn_lies_on_its_axis(self, name: str, layout: str):
        """... along x; a line may leave f's range, and a number may be missing."""
        figure = drawn(name, layout)
        there = axes(figure["layout"])
        for trace in figure["data"]:
            low, high = there[trace.get("xaxis", "x").replace("x", "xaxis")]["range"]
            assert low <= np.min(trace["x"]), trace["name"]
            assert np.max(trace["x"]) <= high, trace["name"]

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


def test_axes_stand_still_while_a_knob_moves():
    """... but for the share of values, which goes up by rungs."""
    f = ACTIVATIONS["sigmoid"]
    before = pieces(X, 1.0, 3.0, f, figures.EDGES)
    swept = pieces(X, figures.GAMMAS, 0.0, f, figures.EDGES)
    moving = figures.sigmoid_changes(before, swept, f, figures.GAMMAS)
    moving += figures.match_changes(X, figures.MATCH_GAMMAS, 0.0, 1e-5)
    assert {change.path for change in moving if change.kind == "layout"} == {("yaxis2", "range")}
    y, apart = carried_over(BATCHES)
    assert not [c for c in figures.next_changes(BATCHES, y, apart.rms, [1, 2]) if c.path]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_line_lies_on_the_axis(setting: str):
    line = drawn(f"sigmoid, {setting}")["data"][4]
    assert figures.AXIS[0] <= line["x"][0] <= line["x"][1] <= figures.AXIS[1]


def test_a_mark_for_every_feature():
    """Mean and spread of each, x above y."""
    before, after = drawn("features")["data"]
    np.testing.assert_allclose(before["x"], BATCHES.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(before["error_x"]["array"], BATCHES.std(axis=1), atol=1e-6)
    assert np.all(np.array(before["y"]) > np.array(after["y"]))


def test_defaults_are_positions_of_their_knobs():
    assert {1.0, 2.0, 5.0, 10.0} <= set(figures.GAMMAS)
    assert 0.0 in figures.BETAS
    assert {1.0, 0.2, 0.0} <= set(figures.STREAM_GAMMAS)
    assert 1.0 in figures.MATCH_GAMMAS
    assert 0.0 in figures.MATCH_BETAS
