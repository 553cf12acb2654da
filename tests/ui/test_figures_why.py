"""Pictures of the chapter on why BN works, handed to Plotly and read back."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from bn_core.along_gradient import LENGTHS, Along, ranges
from bn_core.at_initialisation import KINDS
from bn_core.noisy import Stretch, races
from bn_core.scale_invariance import one_layer, with_and_without
from bn_core.shifted_input import mixed_batches
from bn_core.training import trained
from bn_core.training_config import TrainingConfig
from bn_core.training_data import training_data
from bn_ui.figures import why as figures
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

RNG = np.random.default_rng(0)
SWEPT = with_and_without(one_layer(1), figures.FACTORS, eps=1e-5)
RUN = trained(TrainingConfig(depth=2, width=8, steps=20, moments=4)).snapshots
DECAYS = {0.0: RUN, 0.001: RUN[:2], 0.01: RUN}


def stretches(last: float) -> list[Stretch]:
    rows = RNG.uniform(0.1, 2, (3, 3, 10))
    losses = [[2.3, 2.0, 2.1], [2.3, 1.0, last]]
    return [Stretch(10 * (n + 1), np.array(each), *rows) for n, each in enumerate(losses)]


def looks(scale: float) -> list[Along]:
    far = scale * np.geomspace(1, 1e6, len(LENGTHS))
    far[-1] = np.inf
    return [Along(step, 2.0, 1.0, far, far) for step in (0, 10, 20)]


def pictures(lang: str = "en") -> dict[str, tuple[dict[str, Any], list[Change]]]:
    now = with_and_without(one_layer(1), [2.0], eps=1e-5)
    scale = figures.scale_figure(words(lang, "why_scale_figure"), SWEPT)
    decay = figures.decay_figure(words(lang, "why_decay_figure"), DECAYS, 0, 0.3, 20)
    found = {"scale": (scale, figures.scale_changes(now, [2.0])), "decay": (decay, [])}
    for name, last in (("race", 1.5), ("race, diverged", np.nan)):
        runs = [stretches(last), stretches(last)]
        text = words(lang, "why_race_figure")
        race = figures.race_figure(text, races(runs), runs[0], 20, 2.3)
        found[name] = race, []
    lines = {"without": ranges(looks(1.0)), "with": ranges(looks(1e-3))}
    line = figures.line_figure(words(lang, "why_line_figure"), lines, 20)
    for at in (0, len(LENGTHS) - 1):
        found[f"line, {at}"] = line, figures.line_changes(lines, slice(at, at + 1))
    data = training_data("spirals")
    batches = [mixed_batches(data.x, data.labels, 40, size=64, count=2, seed=0)]
    changes = figures.shift_changes(batches, [1.2], np.array([[0.5, 1.0]]), [40])
    found["shift"] = figures.shift_figure(words(lang, "why_shift_figure")), changes
    norms = {kind: np.random.default_rng(1).uniform(0.1, 99, (3, 6)) for kind in KINDS}
    found["depth"] = figures.depth_figure(words(lang, "why_depth_figure"), norms), []
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
                values = np.log10(values) if axis.get("type") == "log" else values[values < 90]
                slack = 1e-6 * (high - low)
                assert low - slack <= values.min(), trace["name"]
                assert values.max() <= high + slack, trace["name"]

    def test_logarithmic_axes_have_enough_ticks(self, name: str, layout: str):
        for axis in axes(drawn(name, layout)["layout"]).values():
            if axis.get("type") == "log":
                low, high = axis["range"]
                ticks = np.log10(axis["tickvals"])
                assert 2 <= len(ticks) <= 8
                assert (low <= ticks).all()
                assert (ticks <= high).all()

    def test_panels_do_not_overlap(self, name: str, layout: str):
        assert_panels_apart(drawn(name, layout)["layout"])


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_is_in_the_palette(name: str, theme: str):
    assert_in_palette(PICTURES[name][0], theme)


def test_languages_differ_in_words_only():
    for lang in LANGUAGES:
        for name in ("scale", "decay", "line, 0", "shift", "depth"):
            assert shape(pictures(lang)[name][0]) == shape(PICTURES[name][0])


def test_every_curve_can_be_told_without_its_colour():
    for name in ("scale", "decay", "depth", "line, 0"):
        entries = [t for t in PICTURES[name][0]["data"] if t.get("showlegend", True)]
        assert len({t["line"]["dash"] for t in entries}) == len(entries), name


def test_knobs_have_the_positions_people_look_for():
    assert {0.1, 0.5, 1, 2, 10} <= set(figures.FACTORS)
    assert (np.diff(figures.FACTORS) > 0).all()
    assert (figures.FACTORS[0], figures.FACTORS[-1]) == figures.FACTOR_RANGE
    assert 0.6 in figures.SHIFTS
    assert {0.1, 1.0, 10.0} <= set(LENGTHS)
