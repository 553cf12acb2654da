"""The backward chapter's pictures: Plotly takes them, and their heights are the core's numbers."""

import re
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from bn_core import backward_train, forward_train
from bn_core.coupling import eigenvalues, identities, jacobian, matrix_eigenvalues, nudge
from bn_core.descent import descend
from bn_core.upstream import half_squared_error
from bn_ui.figures import backward as figures
from bn_ui.figures.changes import Change
from bn_ui.text import LANGUAGES
from tests.decoded import as_drawn
from tests.ui.test_figures import THEMES, assert_in_palette, axes, shape, words

OFFSETS = np.array([-40.0, -3.0, -0.1, 0.0, 0.1, 3.0, 40.0])
RATES = np.linspace(0, 1, 11)
SIZES = (1, 2, 5, 8)


def forward(m: int, seed: int = 0, eps: float = 0.1):
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 2, (m, 2))
    return forward_train(x, [1.5, -0.8], [0.5, -1.0], eps=eps)


def upstream(fwd):
    target = np.resize([1.0, -1.0, 0.5], fwd.y.shape)
    return half_squared_error(fwd.y, target)[1]


def nudged(m: int, seed: int = 0, eps: float = 0.1):
    return nudge(forward(m, seed, eps), upstream, 0, 0, OFFSETS)


def stepped(m: int, rates: np.ndarray = RATES):
    fwd = forward(m)
    grads = backward_train(upstream(fwd), fwd)
    target = np.resize([1.0, -1.0, 0.5], fwd.y.shape)
    return descend(fwd, grads, rates, lambda y: half_squared_error(y, target)[0])


def pictures(lang: str = "en") -> dict[str, tuple[dict[str, Any], list[Change]]]:
    """Every figure, with the changes that put its numbers in (one row for each setting)."""
    found: dict[str, tuple[dict[str, Any], list[Change]]] = {}
    for m in SIZES:
        changes = figures.paths_changes(nudged(m), OFFSETS)
        for detached in (False, True):
            figure = figures.paths_figure(words(lang, "paths_figure"), m, detached=detached)
            found[f"paths, {m}, {detached}"] = figure, changes
        matrix = jacobian(forward(m), 0)
        texts = [["1"] * m] * m
        jacobian_words = words(lang, "jacobian_figure")
        found[f"jacobian, {m}"] = figures.jacobian_figure(jacobian_words, matrix, texts), []
        descent = stepped(m)
        found[f"descent, {m}"] = (
            figures.descent_figure(words(lang, "descent_figure"), RATES, descent),
            figures.descent_changes(RATES, descent, 1),
        )
    return found


PICTURES = pictures()


def drawn(name: str, layout: str = "layout", theme: str = "light", row: int = 0) -> dict[str, Any]:
    """The picture as the browser hands it to Plotly: colours and numbers filled in."""
    return as_drawn(*PICTURES[name], layout, theme, row)[0]


@pytest.mark.parametrize("layout", ["layout", "narrow"])
@pytest.mark.parametrize("name", PICTURES)
class TestFigures:
    @pytest.mark.parametrize("theme", THEMES)
    def test_plotly_takes_it(self, name: str, layout: str, theme: str):
        figure = go.Figure(drawn(name, layout, theme))
        assert all(trace.name or trace.type == "heatmap" for trace in figure.data)
        for trace in figure.data:
            if trace.type == "scatter":
                assert len(trace.x) == len(trace.y) > 0

    def test_axes_have_titles_and_hold_everything(self, name: str, layout: str):
        rows = len(PICTURES[name][1][0].rows) if PICTURES[name][1] else 1
        for row in range(rows):
            figure = drawn(name, layout, row=row)
            for key, axis in axes(figure["layout"]).items():
                assert re.search(r"\w", axis["title"]["text"])
                low, high = sorted(axis["range"])
                for trace in figure["data"]:
                    values = np.array(trace[key[0]], dtype=float)
                    # Where the pen is lifted there is nothing.
                    inside = values[~np.isnan(values)]
                    if trace.get("name") == words("en", "descent_figure")["predicted"]:
                        inside = inside[
                            :1
                        ]  # the line leaves the picture where it promises too much
                    assert ((low <= inside) & (inside <= high)).all(), (row, trace["name"])


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_is_in_the_palette(name: str, theme: str):
    assert_in_palette(PICTURES[name][0], theme)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_languages_differ_in_words_only(lang: str):
    for name, (figure, _) in pictures(lang).items():
        assert shape(figure) == shape(PICTURES[name][0])


# ---- three paths ---------------------------------------------------------------------------------


def bars(name: str, row: int, m: int) -> np.ndarray:
    """(parts, m, 2): lower and upper end of each bar, from the outline that is drawn."""
    found = []
    for trace in drawn(name, row=row)["data"][: len(figures.PARTS)]:
        outlines = np.array(trace["y"], dtype=float).reshape(m, 6)
        places = np.array(trace["x"]).reshape(m, 6)
        assert np.isnan(outlines[:, 5]).all()
        np.testing.assert_array_equal(outlines[:, 0], outlines[:, 4])
        for i, place in enumerate(places[:, :5], 1):
            assert sorted(set(place.tolist())) == pytest.approx([i - 0.3, i + 0.3])
            assert place[0] == place[1] == place[4] != place[2] == place[3]
        found.append(np.sort(outlines[:, 1:4:2], axis=1))
    return np.array(found)


@pytest.mark.parametrize("row", range(len(OFFSETS)))
@pytest.mark.parametrize("m", SIZES)
def test_bars_are_stacked_upwards_and_downwards(m: int, row: int):
    nudges = nudged(m)
    parts = np.array([getattr(nudges, part)[row] for part in figures.PARTS])
    found = bars(f"paths, {m}, False", row, m)
    np.testing.assert_allclose(found[:, :, 1] - found[:, :, 0], np.abs(parts), atol=1e-12)
    for i in range(m):
        top, bottom = found[:, i].max(), found[:, i].min()
        assert top == pytest.approx(parts[:, i].clip(min=0).sum(), abs=1e-12)
        assert bottom == pytest.approx(parts[:, i].clip(max=0).sum(), abs=1e-12)
        # Nothing lies on top of anything else.
        covered = sorted(map(tuple, found[:, i].tolist()))
        for (_, upper), (lower, _) in pairwise(covered):
            assert upper <= lower + 1e-12


@pytest.mark.parametrize("m", SIZES)
def test_marks_are_the_gradients(m: int):
    fwd = forward(m)
    for row, offset in enumerate(OFFSETS):
        x = fwd.x.copy()
        x[0, 0] += offset
        moved = forward_train(x, fwd.gamma, fwd.beta, eps=fwd.eps)
        grads = backward_train(upstream(moved), moved)
        data = drawn(f"paths, {m}, True", row=row)["data"]
        np.testing.assert_allclose(data[3]["y"], grads.dx[:, 0], atol=1e-12)
        detached = grads.dx_hat[:, 0] * moved.inv_std[0]
        np.testing.assert_allclose(data[4]["y"], detached, atol=1e-12)
        assert data[3]["x"] == data[4]["x"] == list(range(1, m + 1))


def test_the_detached_gradient_is_drawn_if_asked_for():
    assert [drawn(f"paths, 5, {on}")["data"][4]["visible"] for on in (False, True)] == [False, True]


@pytest.mark.parametrize("m", SIZES)
def test_the_table_says_what_the_identities_say(m: int):
    nudges, fwd = nudged(m), forward(m)
    numbers = figures.paths_numbers(nudges, OFFSETS)
    assert numbers.shape == (len(OFFSETS), len(figures.PATHS_FORMATS))
    for row, offset in enumerate(OFFSETS):
        x = fwd.x.copy()
        x[0, 0] += offset
        moved = forward_train(x, fwd.gamma, fwd.beta, eps=fwd.eps)
        facts = identities(moved, backward_train(upstream(moved), moved))
        found = numbers[row]
        assert found[1] == pytest.approx(facts.dx_dot_x_hat[0], abs=1e-12)
        assert found[2] == pytest.approx(facts.dx_dot_x_hat_exact[0], abs=1e-12)
        assert found[5] == pytest.approx(nudges.cosine[row], nan_ok=True)
        assert found[6] == pytest.approx(100 * nudges.relative_error[row], nan_ok=True)
        assert found[figures.NUDGE_CELL] == offset
        # What is zero in theory is exactly that in the table.
        assert [found[0], found[3], found[4], found[8]] == [0, 0, 0, 0]
    rows = figures.paths_table(words("en", "paths_figure")).rows
    assert [row["cells"] for row in rows] == [[0, 8], [1, 2], [3, 8], [4, 8], [5, None], [6, None]]


def test_a_broken_identity_would_be_seen():
    nudges = nudged(5)
    nudges.sum_dx[:] += 1e-6
    nudges.dvar_dmu[:] += 1e-6
    nudges.dx_compact[:, 2] += 1e-6
    numbers = figures.paths_numbers(nudges, OFFSETS)
    np.testing.assert_allclose(numbers[:, [0, 3, 4]], 1e-6, rtol=1e-6)


def test_the_axis_is_symmetric_and_stands_on_a_ladder():
    for row in range(len(OFFSETS)):
        low, high = drawn("paths, 5, False", row=row)["layout"]["yaxis"]["range"]
        assert low == -high
        assert high in figures.LADDER


def test_knobs_have_their_defaults_among_their_positions():
    assert 0.0 in figures.NUDGES
    assert 0.1 in figures.RATES
    assert (figures.NUDGES[0], figures.NUDGES[-1]) == figures.NUDGE_RANGE
    assert (figures.RATES[0], figures.RATES[-1]) == figures.RATE_RANGE


# ---- Jacobian ------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", SIZES)
def test_the_heat_map_is_the_matrix(m: int):
    matrix = jacobian(forward(m), 0)
    (data,) = drawn(f"jacobian, {m}")["data"]
    np.testing.assert_array_equal(data["z"], matrix)
    assert data["zmin"] == -data["zmax"] < 0
    assert data["zmax"] == (np.abs(matrix).max() or 1)
    top, bottom = drawn(f"jacobian, {m}")["layout"]["yaxis"]["range"]
    assert top > bottom  # row 1 is above


@pytest.mark.parametrize("feature", [0, 1])
@pytest.mark.parametrize("eps", [0.0, 0.1, 50.0])
@pytest.mark.parametrize("m", SIZES)
def test_eigenvalues_are_paired_by_value(m: int, eps: float, feature: int):
    """γ is negative in feature 1, where the order of size is the other way round."""
    fwd = forward(m, eps=eps if m > 1 else max(eps, 0.1))
    computed, exact = matrix_eigenvalues(jacobian(fwd, feature)), eigenvalues(fwd, feature)
    (numbers,) = figures.eigenvalue_numbers(computed, exact).rows
    pairs = numbers.reshape(-1, 2)
    assert len(pairs) == min(m, 3)
    np.testing.assert_allclose(pairs[:, 1], exact[:3], atol=1e-12 * np.abs(exact).max())
    np.testing.assert_allclose(pairs[:, 0], pairs[:, 1], atol=1e-12 * (1 + np.abs(exact).max()))
    rows = figures.eigenvalue_table(words("en", "jacobian_figure"), m).rows
    assert [row["cells"] for row in rows] == [[2 * n, 2 * n + 1] for n in range(len(pairs))]


def test_a_wrong_eigenvalue_would_be_seen():
    fwd = forward(5)
    computed = matrix_eigenvalues(jacobian(fwd, 0)) + 0.01
    (numbers,) = figures.eigenvalue_numbers(computed, eigenvalues(fwd, 0)).rows
    np.testing.assert_allclose(numbers[0::2] - numbers[1::2], 0.01)


# ---- descent -------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", SIZES)
def test_the_marker_runs_on_the_curve(m: int):
    for row, rate in enumerate(RATES):
        curve, line, marker = drawn(f"descent, {m}", row=row)["data"]
        assert (marker["x"], marker["y"]) == ([rate], [curve["y"][row]])
        assert line["y"][0] == curve["y"][0]


def test_one_rate_says_the_same_as_the_sweep():
    descent = stepped(5)
    sweep = figures.descent_changes(RATES, descent, 1)
    for n, rate in enumerate(RATES):
        now = figures.descent_now(stepped(5, np.array([0.0, rate])), rate, 1)
        for one, all_ in zip(now, sweep, strict=True):
            np.testing.assert_array_equal(one.rows, all_.rows[n : n + 1])


def test_the_table_of_a_step():
    descent = stepped(5)
    cells = figures.descent_changes(RATES, descent, 1)[-1].rows
    fwd = forward(5)
    grads = backward_train(upstream(fwd), fwd)
    assert cells.shape == (len(RATES), len(figures.DESCENT_FORMATS))
    for eta, row in zip(RATES, cells, strict=True):
        gamma, beta = fwd.gamma[1], fwd.beta[1]
        after = [gamma - eta * grads.dgamma[1], beta - eta * grads.dbeta[1]]
        assert row[:4].tolist() == pytest.approx([gamma, after[0], beta, after[1]])
    np.testing.assert_array_equal(cells[:, 4], descent.loss[0])
    np.testing.assert_array_equal(cells[:, 5], descent.loss)
    np.testing.assert_array_equal(cells[:, 6], descent.predicted)
    rows = figures.descent_table(words("en", "descent_figure")).rows
    assert [row["cells"] for row in rows] == [[0, 1], [2, 3], [4, 5], [4, 6]]
