"""Pictures of the Inference chapter, handed to Plotly and read back."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from bn_core.in_use import Company
from bn_core.inference import Evaluation
from bn_core.running import Stream, stream
from bn_ui.figures import inference as figures
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

STREAMS = {
    "opening": stream(16, 100, 0),
    "short": stream(2, 25, 1),
    "constant": Stream(4, np.full(25, 2.0), np.zeros(25)),
}
ACCURACIES = {"running": 0.5, "batch": 1.0, "recomputed": 0.0}
LABELS = np.array([0, 1] * 100)
POINTS = np.random.default_rng(0).uniform(-1, 1, (200, 2))


def pictures(lang: str = "en") -> dict[str, tuple[dict[str, Any], list[Change]]]:
    found = {}
    for name, made in STREAMS.items():
        values = figures.batch_values(made, True)
        figure = figures.running_figure(words(lang, "running_figure"), values)
        found[f"running, {name}"] = figure, figures.running_changes(values, [0.1])
    text = words(lang, "ways_figure")
    side = len(figures.GRID)
    maps = {way: np.random.default_rng(1).uniform(size=(side, side)) for way in figures.WAYS}
    right = {way: Evaluation(0.1, share) for way, share in ACCURACIES.items()}
    found["ways"] = figures.ways_figure(text, maps, right, POINTS, LABELS), []
    company = Company(np.array([0.0, 1.0, 0.4]), np.array([0.2, 0.2, 0.2]))
    found["mates"] = figures.mates_figure(text, company), []
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
            if trace.type == "heatmap":
                assert np.shape(trace.z) == (len(trace.y), len(trace.x))
            else:
                assert len(trace.x) == len(trace.y) > 0

    def test_axes_have_titles_and_hold_what_is_drawn(self, name: str, layout: str):
        figure = drawn(name, layout)
        there = axes(figure["layout"])
        for key, axis in there.items():
            assert axis["title"]["text"] or (key[0] == "y" and axis["showticklabels"] is False)
        for trace in figure["data"]:
            for letter in "xy":
                axis = there[trace.get(f"{letter}axis", letter).replace(letter, f"{letter}axis")]
                low, high = axis["range"]
                slack = 1e-6 * (high - low)
                values = np.array(trace[letter], float)
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


def test_bars_are_as_high_as_the_accuracy():
    data = PICTURES["ways"][0]["data"]
    bars = [trace for trace in data if trace.get("fill") == "toself"]
    assert [bar["y"] for bar in bars] == [[0, 50, 50, 0], [0, 100, 100, 0], [0, 0, 0, 0]]
    assert [np.mean(bar["x"]) for bar in bars] == pytest.approx([1, 2, 3])


def test_points_are_drawn_with_their_class():
    data = PICTURES["ways"][0]["data"]
    for label, symbol in ((0, "circle"), (1, "diamond")):
        (first, *_) = (t for t in data if t.get("marker", {}).get("symbol") == symbol)
        shown = POINTS[: figures.POINTS][LABELS[: figures.POINTS] == label]
        np.testing.assert_allclose(np.stack([first["x"], first["y"]], axis=1), shown, atol=1e-4)


def test_the_knob_has_the_positions_people_look_for():
    assert {0.001, 0.01, 0.1, 0.9, 0.99, 1.0} <= set(figures.ALPHAS)
    assert (np.diff(figures.ALPHAS) > 0).all()
    assert (figures.ALPHAS[0], figures.ALPHAS[-1]) == figures.ALPHA_RANGE


def test_the_table_has_a_cell_for_every_average():
    table = figures.running_table(words("en", "running_figure"))
    places = figures.running_places()
    for row, name in zip(table.rows, ("mean", "var"), strict=True):
        kinds = ("running", "cumulative", "batch", "true")
        assert row["cells"] == [places[f"{kind}_{name}"] for kind in kinds]
    values = figures.batch_values(STREAMS["short"], False)
    assert figures.running_numbers(values, np.array([0.5])).shape == (1, len(places))
