"""Pictures of the chapter on small batches and other norms, handed to Plotly and read back."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from bn_core.few_samples import EXAMPLE
from bn_core.norm_facts import SAMPLE
from bn_core.norm_race import DIVERGED, RACERS
from bn_ui.figures import other_norms as figures
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

BATCH_SIZES = (2, 4, 8, 32)
RESULTS = np.random.default_rng(0).uniform(0.4, 1, (3, 5, 4, 3))
FALLEN = RESULTS.copy()
FALLEN[:, 0, 1, :2] = DIVERGED
FALLEN[:, 3, 0, 2] = DIVERGED
FALLEN[:, :, 2:, 1:] = np.nan
BLOCKS = {"large": (8, 16, 4, 4), "table": (6, 12, 1, 1)}


def pictures(lang: str = "en") -> dict[str, tuple[dict[str, Any], list[Change]]]:
    found = {}
    for m in (1, 2, 8):
        figure = figures.few_figure(words(lang, "few_figure"), m)
        for end in figures.SHIFT_RANGE:
            found[f"few {m}, {end:g}"] = figure, figures.few_changes(EXAMPLE[:m], 2.0, end)
    for name, block in BLOCKS.items():
        figure = figures.block_figure(words(lang, "block_figure"), block)
        found[name] = figure, figures.block_changes("group", block, 4, [(5, 9, 0, 0)])
    figure = figures.offset_figure(words(lang, "offset_figure"), SAMPLE)
    found["offset"] = figure, figures.offset_changes(SAMPLE, 5.0, 5.0)
    text = words(lang, "norm_names")
    named = words(lang, "race_figure") | {norm: text[f"{norm}_short"] for norm in RACERS}
    for name, results in (("race", RESULTS), ("race, fallen", FALLEN)):
        found[name] = figures.race_figure(named, results, RACERS, BATCH_SIZES), []
    return found


PICTURES = pictures()


def drawn(name: str, layout: str, theme: str = "light") -> dict[str, Any]:
    return as_drawn(*PICTURES[name], layout, theme)[0]


@pytest.mark.parametrize("layout", ["layout", "narrow"])
@pytest.mark.parametrize("name", PICTURES)
class TestFigures:
    @pytest.mark.parametrize("theme", THEMES)
    def test_plotly_takes_it(self, name: str, layout: str, theme: str):
        for trace in go.Figure(drawn(name, layout, theme)).data:
            assert trace.name
            assert len(trace.x) == len(trace.y) > 0 or trace.name == "between the cells"

    def test_axes_have_titles_and_hold_what_is_drawn(self, name: str, layout: str):
        figure = drawn(name, layout)
        there = axes(figure["layout"])
        for key, axis in there.items():
            named = axis["title"]["text"] or axis.get("ticktext")
            assert named or axis["showticklabels"] is False, key
        for trace in figure["data"]:
            for letter in "xy":
                axis = there[trace.get(f"{letter}axis", letter).replace(letter, f"{letter}axis")]
                low, high = sorted(axis["range"])
                values = np.array(trace[letter], float)
                assert not np.isnan(values).all() or not values.size
                if values.size:
                    assert low - 1e-6 <= np.nanmin(values), trace["name"]
                    assert np.nanmax(values) <= high + 1e-6, trace["name"]

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


def test_every_training_is_a_point_and_lines_go_through_medians():
    data = PICTURES["race"][0]["data"]
    assert len(data) == 2 * 6
    for points, line, accuracies in zip(
        data[::2],
        data[1::2],
        [*RESULTS[0, :2], RESULTS[1, 1], *RESULTS[0, 2:]],
        strict=True,
    ):
        np.testing.assert_allclose(points["y"], 100 * accuracies.ravel(), atol=1e-3)
        np.testing.assert_allclose(line["y"], 100 * np.median(accuracies, axis=1), atol=1e-3)
        assert np.ptp(np.reshape(points["x"], accuracies.shape), axis=1).max() == 0
    assert len({str(points["marker"]) for points in data[::2]}) == 6, "never colour alone"
    assert len({points["marker"]["symbol"] for points in data[::2]}) == 6


def test_what_diverged_is_drawn_below_everything_and_what_is_missing_is_not_drawn():
    figure = PICTURES["race, fallen"][0]
    points, line = figure["data"][:2]
    assert points["y"][3:5] == [figures._FALLEN] * 2
    assert line["y"][1:] == [figures._FALLEN, None, None]
    assert figure["data"][8]["y"][2] == figures._FALLEN, "one of group normalization's"
    assert figure["layout"]["yaxis"]["ticktext"][0] == "diverged"
    assert "ticktext" not in PICTURES["race"][0]["layout"]["yaxis"]


def test_knobs_have_the_positions_people_look_for():
    assert {0.0, 5.0, 10.0} <= set(figures.SHIFTS)
    assert {1.0, 0.001} <= set(figures.STRETCHES)
    assert {0.0, 3.0} <= set(figures.OFFSETS)
    assert {0.2, 1.0, 5.0} <= set(figures.FACTORS)
    for values, span in (
        (figures.SHIFTS, figures.SHIFT_RANGE),
        (figures.STRETCHES, figures.STRETCH_RANGE),
        (figures.OFFSETS, figures.OFFSET_RANGE),
        (figures.FACTORS, figures.FACTOR_RANGE),
    ):
        assert (np.diff(values) > 0).all()
        assert (values[0], values[-1]) == span
