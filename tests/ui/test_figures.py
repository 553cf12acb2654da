"""Figures are plain dictionaries: here Plotly itself says whether it would take them."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

import bn_ui.component
from bn_core.activations import ACTIVATIONS
from bn_core.summaries import batch_noise
from bn_core.sweeps import Passage, own_axis, passage
from bn_ui.figures import distributions as figures
from bn_ui.figures.changes import Change
from bn_ui.palette import BACKGROUNDS, COLOURS, MARKDOWN_NAMES, chart_palette
from bn_ui.text import LANGUAGES, labels
from tests.decoded import FROM_THE_PAGE, as_drawn

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = bn_ui.component.SHARED.read_text("utf-8")
THEMES = ("light", "dark")

Pictures = dict[str, tuple[dict[str, Any], list[Change]]]


def words(lang: str, table: str) -> dict[str, str]:
    prefix = f"{table}."
    found = labels(lang).items()
    return {key.removeprefix(prefix): text for key, text in found if key.startswith(prefix)}


def passages(x: np.ndarray, **here: Any) -> list[Passage]:
    edges = own_axis(x[None])
    return [passage(x[:, [k]], **here, x_edges=edges) for k in range(x.shape[1])]


def pictures(lang: str = "en") -> Pictures:
    """Every figure of the chapter, with the changes that put its numbers in."""
    rng = np.random.default_rng(0)
    x = rng.gamma(2, size=(64, 3))
    text = words(lang, "distribution_figure")
    found: Pictures = {}
    for name, f in ACTIVATIONS.items():
        for view, columns in (("one", x[:, :1]), ("pooled", x)):
            now = passage(columns, gamma=1.5, beta=-0.5, activation=f)
            changes = figures.changes(now, ("x", "x_hat", "y"))
            found[f"{view}, {name}"] = figures.figure(text, f, now), changes
        each = figures.each_changes(passages(x, activation=f), ("x",))
        found[f"each, {name}"] = figures.each_figure(text, ["1", "2", "three"]), each
    standard = figures.each_figure(text, ["a", "b", "c"], after="x_hat")
    found["shapes"] = standard, each
    noise = batch_noise(rng.standard_normal(500), (2, 8, 32), 50, seed=0)
    found["noise"] = figures.noise_figure(words(lang, "noise_figure"), noise), []
    return found


PICTURES = pictures()
NAMES = list(PICTURES)


def drawn(name: str, layout: str, theme: str = "light") -> dict[str, Any]:
    """The picture as the browser hands it to Plotly: colours and numbers filled in."""
    return as_drawn(*PICTURES[name], layout, theme)[0]


def tokens(node: Any) -> Iterator[str]:
    if isinstance(node, str) and node.startswith("@"):
        yield node[1:]
    elif isinstance(node, dict):
        for value in node.values():
            yield from tokens(value)
    elif isinstance(node, list):
        for item in node:
            yield from tokens(item)


def axes(layout: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {key: value for key, value in layout.items() if re.fullmatch(r"[xy]axis\d*", key)}


def assert_panels_apart(layout: dict[str, Any]) -> None:
    """Every x axis with its y axis is a panel; none lies over another."""
    there = axes(layout)
    boxes = []
    for key, axis in there.items():
        if key[0] == "x":
            anchor = axis.get("anchor", "y")
            boxes.append((axis["domain"], there[f"yaxis{anchor[1:]}"]["domain"]))
    for i, ((left, right), (bottom, top)) in enumerate(boxes):
        assert 0 <= left < right <= 1
        assert 0 <= bottom < top <= 1
        for (left_, right_), (bottom_, top_) in boxes[:i]:
            assert right <= left_ or right_ <= left or top <= bottom_ or top_ <= bottom


def assert_in_palette(figure: dict[str, Any], theme: str) -> None:
    """Every colour that a figure asks for by name is one that the page has."""
    asked = set(tokens(figure))
    assert asked
    assert asked <= set(chart_palette()[theme]) | set(FROM_THE_PAGE)


@pytest.mark.parametrize("layout", ["layout", "narrow"])
@pytest.mark.parametrize("name", NAMES)
class TestFigures:
    @pytest.mark.parametrize("theme", THEMES)
    def test_plotly_takes_it(self, name: str, layout: str, theme: str):
        """``go.Figure`` refuses names, values and colours that Plotly does not know."""
        figure = go.Figure(drawn(name, layout, theme))
        assert all(len(trace.x) == len(trace.y) > 0 for trace in figure.data)

    def test_every_axis_has_a_title_or_shares_one(self, name: str, layout: str):
        """An axis without a title shows no numbers either, and lies along one that has both; or
        its ticks are words."""
        found = axes(drawn(name, layout)["layout"])
        for key, axis in found.items():
            if axis["title"]["text"]:
                continue
            if "ticktext" in axis:
                assert all(re.search(r"\w", text) for text in axis["ticktext"]), key
                continue
            assert axis["showticklabels"] is False, key
            shared = [
                other
                for name, other in found.items()
                if name[0] == key[0] and other is not axis and other["range"] == axis["range"]
            ]
            assert any(o["title"]["text"] or "ticktext" in o for o in shared), key

    def test_traces_stand_on_axes_that_are_there(self, name: str, layout: str):
        figure = drawn(name, layout)
        there = axes(figure["layout"])
        for trace in figure["data"]:
            for letter in "xy":
                assert trace[f"{letter}axis"].replace(letter, f"{letter}axis") in there
        for key, axis in there.items():
            anchor = axis.get("anchor", "y" if key[0] == "x" else "x")
            assert f"{anchor[0]}axis{anchor[1:]}" in there, key

    def test_panels_do_not_overlap(self, name: str, layout: str):
        assert_panels_apart(drawn(name, layout)["layout"])

    def test_what_is_drawn_has_a_name(self, name: str, layout: str):
        assert all(trace["name"] for trace in drawn(name, layout)["data"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_is_in_the_palette(name: str, theme: str):
    """... or is one that the script takes from the page."""
    known = set(chart_palette()[theme]) | set(FROM_THE_PAGE)
    asked = set(tokens(PICTURES[name][0]))
    assert asked
    assert asked <= known


def test_the_script_takes_from_the_page_what_figures_rely_on():
    (body,) = re.findall(r"function pagePalette\(.*?\) \{(.*?)\n\}", SCRIPT, flags=re.DOTALL)
    for name in FROM_THE_PAGE:
        assert re.search(rf"\b{name}: read\(", body), name


@pytest.mark.parametrize("lang", LANGUAGES)
def test_languages_differ_in_words_only(lang: str):
    for name, (figure, _) in pictures(lang).items():
        assert shape(figure) == shape(PICTURES[name][0])


def shape(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: shape(value) for key, value in node.items()}
    if isinstance(node, list):
        return [shape(item) for item in node]
    return str if isinstance(node, str) and not node.startswith("@") else node


class TestNumbers:
    """Histograms and table of one feature against NumPy, in the figure as it is drawn."""

    rng = np.random.default_rng(0)
    x = rng.gamma(2, size=(64, 3))[:, :1]

    @pytest.mark.parametrize("layout", ["layout", "narrow"])
    def test_axes_hold_what_is_drawn(self, layout: str):
        for name in NAMES:
            figure = drawn(name, layout)
            for trace in figure["data"]:
                for letter in "xy":
                    key = trace[f"{letter}axis"].replace(letter, f"{letter}axis")
                    axis = figure["layout"][key]
                    if axis["autorange"]:
                        continue
                    low, high = axis["range"]
                    values = np.array(trace[letter])
                    slack = 1e-6 * (high - low)
                    assert values.min() >= low - slack, (name, trace["name"])
                    assert values.max() <= high + slack, (name, trace["name"])

    def test_heights_are_percentages_of_all_values(self):
        figure = drawn("one, tanh", "layout")
        for trace in (figure["data"][0], figure["data"][1], figure["data"][2]):
            # Steps have one height more than bins, the last drawn twice.
            assert sum(trace["y"][:-1]) == pytest.approx(100)
            assert sum(trace["customdata"][:-1]) == 64


# ---- colours ---------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2.2)."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_by_hand():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]


@pytest.mark.parametrize("theme", THEMES)
class TestPalette:
    @pytest.mark.parametrize("quantity", MARKDOWN_NAMES)
    def test_contrast_of_text(self, theme: str, quantity: str, config: dict[str, Any]):
        colour = COLOURS[theme][quantity]
        for surface in ("backgroundColor", "secondaryBackgroundColor", "codeBackgroundColor"):
            assert contrast(colour, config[theme][surface]) >= 4.5, surface

    @pytest.mark.parametrize("quantity", MARKDOWN_NAMES)
    def test_markdown_has_the_same_colour(self, theme: str, quantity: str, config: dict[str, Any]):
        """``:blue[x]`` is the blue of x: the colour of text, and the plain one behind badges."""
        name = MARKDOWN_NAMES[quantity]
        assert config[theme][f"{name}TextColor"] == COLOURS[theme][quantity]
        assert config[theme][f"{name}Color"] == COLOURS[theme][quantity]

    def test_categories_of_other_charts_come_in_the_same_order(
        self, theme: str, config: dict[str, Any]
    ):
        assert config[theme]["chartCategoricalColors"] == list(COLOURS[theme].values())

    def test_background(self, theme: str, config: dict[str, Any]):
        assert config[theme]["backgroundColor"] == BACKGROUNDS[theme]

    def test_words_of_the_theme(self, theme: str, config: dict[str, Any]):
        for name in ("textColor", "linkColor", "codeTextColor"):
            for surface in ("backgroundColor", "secondaryBackgroundColor"):
                assert contrast(config[theme][name], config[theme][surface]) >= 4.5, name

    def test_every_quantity_has_a_colour_of_its_own(self, theme: str):
        assert len(set(COLOURS[theme].values())) == len(MARKDOWN_NAMES)
        assert COLOURS[theme].keys() == MARKDOWN_NAMES.keys()
