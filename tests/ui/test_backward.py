"""The Backward page, run as Streamlit runs it but without a browser."""

import json
import re
from copy import deepcopy
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from bn_core import GradientCheck, backward_train, forward_train
from bn_core.coupling import cosine, eigenvalues, identities, jacobian, relative_difference
from bn_core.derivation import MISPRINT, dx_compact
from bn_core.misprint import check_misprint
from bn_core.upstream import UPSTREAM, half_squared_error
from bn_ui import own_numbers
from bn_ui.figures import backward as figures
from bn_ui.numbers import number_text, shown
from bn_ui.palette import chart_palette
from bn_ui.small_batch import DY, LIMITS, TARGET
from bn_ui.step_player.formulas import plain
from bn_ui.step_player.lesson import LEVELS, blanks, hidden
from bn_ui.text import LANGUAGES, labels
from tests.decoded import FROM_THE_PAGE, Decoded, apply, decode, themed
from tests.page_definitions import definitions
from tests.ui.test_distributions import checked, kept, pick
from tests.ui.test_forward import message, numbers
from tests.ui.test_small_batch import (
    X0,
    arrived,
    press,
    write,
)

PAGE = definitions("backward")
PLAYER = "backward_player"
PATHS, JACOBIAN, DESCENT = "bwd_paths_chart", "bwd_jacobian_chart", "bwd_descent_chart"
T0, OWN0 = (own_numbers.parse(field.default, LIMITS).x for field in (TARGET, DY))
GAMMA, BETA = np.array([1.5, 0.8]), np.array([0.5, -1.0])
FWD = forward_train(X0, GAMMA, BETA)
GRADS = backward_train(FWD.y - T0, FWD)


def opened(**query: Any) -> AppTest:
    return arrived("backward", **query)


def chart(app: AppTest, key: str) -> Decoded:
    (found,) = (element for element in app.get("bidi_component") if element.key == key)
    return decode(found.proto.bytes)


def frame(
    found: Decoded, position: int | None = None, layout: str = "layout"
) -> tuple[dict[str, Any], list[float]]:
    """The figure with the knob at a position, and its numbers (None: as committed)."""
    sent = found.header["figure"]
    figure = deepcopy({"data": sent["data"], "layout": sent[layout]})
    cells = apply(figure, found.base, 0)
    if position is not None:
        (knob,) = found.knobs.values()
        cells = apply(figure, knob["changes"], position) or cells
    return figure, cells


def texts(app: AppTest) -> str:
    return "\n".join(e.value for e in [*app.markdown, *app.caption, *app.latex])


# ---- it runs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_opens_with_all_its_pictures(lang: str):
    app = opened(lang=lang)
    assert not app.error
    assert not app.warning
    assert app.title[0].value == labels(lang)["chapters.backward"]
    keys = [e.key for e in app.get("bidi_component") if not e.key.endswith("_copy_link")]
    assert keys == [PLAYER, PATHS, JACOBIAN, DESCENT, "backward_quiz_kept", "page_aids"]
    titles = {header.value for header in app.header}
    for name in ("misprint", "paths", "jacobian", "descent"):
        assert labels(lang)[f"backward.{name}_title"] in titles


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("layout", ["layout", "narrow"])
@pytest.mark.parametrize("key", [PATHS, JACOBIAN, DESCENT])
def test_plotly_takes_it(key: str, layout: str, theme: str):
    found = chart(opened(bwd_detach="on"), key)
    for position in (None, 0, -1) if found.knobs else (None,):
        figure, cells = frame(found, position, layout)
        go.Figure(themed(figure, chart_palette()[theme] | FROM_THE_PAGE))
        for row in found.header["table"]["rows"]:
            assert all(cell is None or 0 <= cell < len(cells) for cell in row["cells"])
        assert len(found.header["formats"]) >= len(cells)


@pytest.mark.parametrize("name", ["target", "own", *UPSTREAM])
def test_every_upstream_gradient_is_the_cores_and_so_are_the_gradients(name: str):
    app = opened()
    checked(app.selectbox(key="batch_dy_from").set_value(name).run())
    ours = {"target": FWD.y - T0, "own": OWN0}
    dy = ours[name] if name in ours else UPSTREAM[name](FWD)
    grads = backward_train(dy, FWD)
    size = np.abs(dy).max() * np.abs(GAMMA * FWD.inv_std).max()
    for quantity in ("dy", "dx_hat", "dvar", "dmu", "dx", "dgamma", "dbeta"):
        found = numbers_of(app, quantity)
        wanted = np.atleast_2d(getattr(grads, quantity))
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12 * (1 + size))
    figure, _ = frame(chart(app, PATHS))
    np.testing.assert_allclose(figure["data"][3]["y"], grads.dx[:, 0], atol=1e-12)
    _, cells = frame(chart(app, DESCENT))
    loss = half_squared_error(FWD.y, T0)[0] if name == "target" else (dy * FWD.y).sum()
    assert cells[4] == pytest.approx(loss)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("x", [X0, [[0.1], [0.2], [0.7]], [[1e6], [-3.0]]], ids=len)
@pytest.mark.parametrize("i", [1, 2])
def test_where_the_gradient_comes_from_is_right_as_printed(lang: str, x: Any, i: int):
    app = opened(lang=lang, bwd_i=str(i))
    write(app, "batch_x", "\n".join(", ".join(map(repr, row)) for row in np.asarray(x).tolist()))
    written = labels(lang)["backward.from_target"].replace("{{", "{").replace("}}", "}")
    found = re.escape(re.sub(r"\{(i|k|loss|y|target|dy)\}", r"<\1>", written))
    pattern = re.sub(r"<(\w+)>", r"(?P<\1>[^ ,;。，；*]+?)", found)
    (said,) = (m for c in app.markdown if (m := re.fullmatch(pattern, c.value)))
    read = {n: float(said[n].replace("−", "-").strip("()")) for n in ("y", "target", "dy", "loss")}
    fwd = forward_train(x, GAMMA[: len(x[0])], BETA[: len(x[0])])
    target = np.zeros_like(fwd.y)
    target[: len(T0)] = T0[: len(fwd.y), : fwd.y.shape[1]]
    y, t = fwd.y[i - 1, 0], target[i - 1, 0]
    assert said["i"] == str(i)
    assert read["y"] == pytest.approx(y, rel=1e-3)
    assert read["target"] == t
    assert float(f"{read['y'] - t:.4g}") == read["dy"] == float(f"{y - t:.4g}")
    assert read["loss"] == float(f"{half_squared_error(fwd.y, target)[0]:.4g}")


def numbers_of(app: AppTest, name: str) -> np.ndarray:
    cells = message(app, PLAYER)["lesson"]["values"][name]
    return np.array([[float(full) for _, full in row] for row in cells])


def test_a_seed_is_another_random_gradient():
    app = opened(batch_dy_from="random")
    before = numbers_of(app, "dy")
    checked(app.number_input(key="batch_seed").set_value(5).run())
    np.testing.assert_array_equal(numbers_of(app, "dy"), UPSTREAM["random"](FWD, 5))
    assert np.abs(numbers_of(app, "dy") - before).min() > 0


# ---- where the learner stands --------------------------------------------------------------------


OTHERS = {
    "bwd_step": "dx.dx_via_mu",
    "bwd_i": "3",
    "bwd_k": "2",
    "bwd_q": "dmu",
    "bwd_practice": "two",
    "bwd_nudge": "-1.5",
    "bwd_detach": "on",
    "bwd_eta": "0.37",
    "bwd_repair": "right_sign",
    "batch_dy_from": "random",
}


@pytest.mark.parametrize("key", OTHERS)
def test_the_link_is_honoured_field_by_field(key: str):
    app = opened(**{key: OTHERS[key]})
    assert str(kept(app, key)) == OTHERS[key]
    assert app.query_params == {key: OTHERS[key]}


def test_the_link_as_a_whole_and_reset():
    app = opened(**OTHERS)
    assert app.query_params == OTHERS
    place = message(app, PLAYER)["place"]
    assert [place[key] for key in ("step", "i", "k", "q")] == ["dx.dx_via_mu", 3, 2, "dmu"]
    assert set(message(app, PLAYER)["lesson"]["blank"]) == set(blanks("backward", "two"))
    press(app, "backward_reset")
    assert app.query_params == {}
    np.testing.assert_array_equal(chart(app, PATHS).cells(), chart(opened(), PATHS).cells())


HOSTILE = {
    "bwd_step": (["mu", "x_hat.std", "", "dx.nonsense", "y"], "dx_hat"),
    "bwd_i": (["nan", "x"], 1),
    "bwd_q": (["<b>"], ""),
    "bwd_practice": (["everything"], "worked"),
    "bwd_nudge": (["nan", "", "x"], 0.0),
    "bwd_detach": (["yes", "1", ""], "off"),
    "bwd_eta": (["nan", "η"], 0.1),
    "bwd_repair": (["detached", "dx", ""], "printed"),
}


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_links_mean_the_default(key: str):
    links, default = HOSTILE[key]
    for linked in links:
        app = opened(**{key: linked})
        assert not app.error
        assert kept(app, key) == default
        assert app.query_params == {}


@pytest.mark.parametrize(
    ("key", "linked", "value"),
    [
        ("bwd_nudge", "1e999", 3.0),
        ("bwd_nudge", "-50", -3.0),
        ("bwd_eta", "-1", 0.0),
        ("bwd_eta", "1e9", 1.0),
        ("bwd_i", "99", 8),
    ],
)
def test_numbers_out_of_range_are_moved_to_the_end(key: str, linked: str, value: float):
    app = opened(**{key: linked})
    assert not app.error
    assert kept(app, key) == value


@pytest.mark.parametrize("level", LEVELS)
def test_levels_hide_what_they_name(level: str):
    app = opened(bwd_practice=level)
    lesson = message(app, PLAYER)["lesson"]
    blank = frozenset(blanks("backward", level))
    assert lesson["blank"] == sorted(blank)
    assert not hidden("backward", blank) & set(lesson["values"])


# ---- three paths ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("i", "k", "nudge"), [(0, 0, 0.0), (2, 1, 1.5), (3, 0, -2.25)])
def test_the_paths_are_the_cores(i: int, k: int, nudge: float):
    app = opened(bwd_i=i + 1, bwd_k=k + 1, bwd_nudge=nudge)
    found = chart(app, PATHS)
    knob = found.knobs["bwd_nudge"]
    assert knob["value"] == nudge
    s = np.sqrt(X0[:, k].var() + 1e-5)
    for position, by in ((None, nudge), (0, -3.0), (60, 0.0), (97, knob["values"][97]), (120, 3.0)):
        x = X0.copy()
        x[i, k] += by * s
        fwd = forward_train(x, GAMMA, BETA)
        grads = backward_train(fwd.y - T0, fwd)
        figure, cells = frame(found, position)
        np.testing.assert_allclose(figure["data"][3]["y"], grads.dx[:, k], atol=1e-12)
        detached = (grads.dx_hat * fwd.inv_std)[:, k]
        np.testing.assert_allclose(figure["data"][4]["y"], detached, atol=1e-12)
        facts = identities(fwd, grads)
        assert cells[:5] == pytest.approx(
            [0, facts.dx_dot_x_hat[k], facts.dx_dot_x_hat_exact[k], 0, 0], abs=1e-12
        )
        assert cells[5] == pytest.approx(cosine(detached, grads.dx[:, k]))
        error = relative_difference(detached, grads.dx[:, k])
        assert cells[6] == pytest.approx(100 * error)
        assert cells[figures.NUDGE_CELL] == pytest.approx(by * s)
    assert plain(dx_compact) in formulas_of(app)


def test_detach_is_a_switch():
    app = opened()
    assert frame(chart(app, PATHS))[0]["data"][4]["visible"] is False
    pick(app, "bwd_detach", "on")
    assert frame(chart(app, PATHS))[0]["data"][4]["visible"] is True


# ---- pictures follow the batch -------------------------------------------------------------------


def test_another_batch_moves_all_pictures():
    app = opened()
    before = {key: chart(app, key) for key in (PATHS, JACOBIAN, DESCENT)}
    write(app, "batch_x", "1,2\n3,5\n8,13\n4,-6")
    x = np.array([[1, 2], [3, 5], [8, 13], [4, -6]], float)
    fwd = forward_train(x, GAMMA, BETA)
    grads = backward_train(fwd.y - T0, fwd)
    for key, old in before.items():
        assert frame(chart(app, key)) != frame(old), key
    figure, _ = frame(chart(app, PATHS))
    np.testing.assert_allclose(figure["data"][3]["y"], grads.dx[:, 0], atol=1e-12)
    (heat,) = frame(chart(app, JACOBIAN))[0]["data"]
    np.testing.assert_allclose(heat["z"], jacobian(fwd, 0), atol=1e-14)
    _, cells = frame(chart(app, DESCENT))
    assert cells[4] == pytest.approx(half_squared_error(fwd.y, T0)[0])


@pytest.mark.parametrize("preset", ["round", "outlier", "constant", "one", "two", "network"])
def test_presets_reach_every_picture(preset: str):
    app = press(opened(), f"batch_{preset}")
    assert not app.error
    dx = numbers_of(app, "dx")
    figure, _ = frame(chart(app, PATHS))
    size = 1 + np.abs(dx).max()
    np.testing.assert_allclose(figure["data"][3]["y"], dx[:, 0], atol=1e-9 * size)
    assert len(frame(chart(app, JACOBIAN))[0]["data"][0]["z"]) == len(dx)


def test_the_pictures_are_of_the_sample_and_feature_pointed_at():
    for lang in LANGUAGES:
        app = opened(lang=lang, bwd_i=3, bwd_k=2)
        said = labels(lang)["backward.nudge"].format(i=3)
        assert app.number_input(key="bwd_nudge").label == said
        assert labels(lang)["backward.jacobian_caption"].format(k=2) in [
            chart(app, JACOBIAN).header["caption"]
        ]
    np.testing.assert_allclose(
        frame(chart(app, JACOBIAN))[0]["data"][0]["z"], jacobian(FWD, 1), atol=1e-14
    )


def test_a_place_beyond_the_batch_is_its_last():
    app = opened(bwd_i=8, bwd_k=4, batch_x="1~2~3_5~6~9")
    assert not app.error
    assert app.number_input(key="bwd_nudge").label.startswith(
        labels("en")["backward.nudge"].format(i=2)
    )


# ---- Jacobian, descent ---------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, 1])
def test_the_jacobian_and_its_eigenvalues(k: int):
    found = chart(opened(bwd_k=k + 1), JACOBIAN)
    figure, cells = frame(found)
    matrix = jacobian(FWD, k)
    (heat,) = figure["data"]
    np.testing.assert_allclose(heat["z"], matrix, atol=1e-15)
    size = np.abs(matrix).max()
    assert heat["text"] == [[shown(v, size, 3) for v in row] for row in matrix.tolist()]
    exact = eigenvalues(FWD, k)
    pairs = np.reshape(cells, (-1, 2))
    np.testing.assert_allclose(pairs[:, 1], exact[:3], rtol=1e-12)
    np.testing.assert_allclose(pairs[:, 0], exact[:3], atol=1e-14)


@pytest.mark.parametrize("eta", [0.0, 0.1, 0.37, 1.0])
def test_one_step_of_descent(eta: float):
    found = chart(opened(bwd_eta=eta, bwd_k=2), DESCENT)
    figure, cells = frame(found)
    gamma, beta = GAMMA - eta * GRADS.dgamma, BETA - eta * GRADS.dbeta
    before = half_squared_error(FWD.y, T0)[0]
    after = half_squared_error(gamma * FWD.x_hat + beta, T0)[0]
    slope = (GRADS.dgamma**2).sum() + (GRADS.dbeta**2).sum()
    wanted = [GAMMA[1], gamma[1], BETA[1], beta[1], before, after, before - eta * slope, eta]
    assert cells == pytest.approx(wanted)
    marker = figure["data"][2]
    assert (marker["x"], marker["y"]) == ([eta], [pytest.approx(after)])
    at = int(np.argmin(np.abs(figures.RATES - eta)))
    assert frame(found, at)[1] == pytest.approx(wanted)
    assert figure["data"][0]["y"][at] == pytest.approx(after)


# ---- spot the error ------------------------------------------------------------------------------


CHECKS = check_misprint(X0, GAMMA, BETA, FWD.y - T0)


def error(check: GradientCheck) -> float:
    return float(np.linalg.norm(check.analytic - check.numeric) / np.linalg.norm(check.numeric))


def formulas_of(app: AppTest) -> list[str]:
    found = [re.fullmatch(r"\$\\displaystyle (.*)\$", m.value, re.S) for m in app.markdown]
    return [match[1] for match in found if match]


def tables(app: AppTest) -> list[list[list[str]]]:
    """Rows of every table that is written in Markdown."""
    found = [m.value for m in app.markdown if m.value.startswith("| ")]
    return [
        [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]
        for table in found
    ]


def comparison(name: str, k: int) -> list[list[str]]:
    check = CHECKS[name]
    return [
        [str(i), number_text(formula), number_text(numeric)]
        for i, (formula, numeric) in enumerate(
            zip(check.analytic[:, k], check.numeric[:, k], strict=True), 1
        )
    ]


class TestMisprint:
    @pytest.mark.parametrize("lang", LANGUAGES)
    def test_the_answer_is_covered_until_there_is_a_guess(self, lang: str):
        app = opened(lang=lang, bwd_repair="both")
        assert tables(app) == [comparison("printed", 0)]
        said = texts(app)
        assert plain(MISPRINT["printed"]) in formulas_of(app)
        for name in ("without_sum", "right_sign", "both"):
            assert plain(MISPRINT[name]) not in formulas_of(app)
            assert labels(lang)[f"repairs.{name}"] not in said
        assert not [b for b in app.button_group if b.key == "bwd_repair"]
        assert app.query_params["bwd_repair"] == "both"

    @pytest.mark.parametrize("how", ["guess", "show"])
    def test_then_every_repair_is_judged(self, how: str):
        app = opened()
        if how == "show":
            press(app, "bwd_guess_show")
            assert not app.success
        else:
            pick(app, "bwd_guess", "both")
            assert len(app.success) == 1
        words = labels("en")
        for name in MISPRINT:
            pick(app, "bwd_repair", name)
            first, second, third = tables(app)
            assert first == comparison("printed", 0)
            assert second == [
                [words[f"repairs.{n}"], number_text(error(check))] for n, check in CHECKS.items()
            ]
            assert third == comparison(name, 0)
            assert plain(MISPRINT[name]) in formulas_of(app)

    def test_only_both_repairs_agree(self):
        _, errors, _ = tables(press(opened(), "bwd_guess_show"))
        found = [re.sub(r"[⁻⁰¹²³⁴-⁹]", "", error) != error for _, error in errors]
        assert found == [False, False, False, True]  # a power of ten: a very small number

    def test_what_is_concluded_is_computed(self):
        words = labels("en")

        def concluded(app: AppTest) -> set[str]:
            said = texts(press(app, "bwd_guess_show"))
            found = {n for n in MISPRINT if f"⁻⁶): {words[f'repairs.{n}']}." in said}
            return found or {"none"} & {n for n in ("none",) if "None of the four" in said}

        assert concluded(opened()) == {"both"}
        one = texts(press(press(opened(), "batch_one"), "bwd_guess_show"))
        # A sum of one is no sum: at m = 1 the sign alone matters.
        repairs = [words[f"repairs.{n}"] for n in ("right_sign", "both")]
        assert "2 of 4 agree" in one
        assert ", ".join(repairs) in one

    def test_a_wrong_guess_is_told_so(self):
        app = opened()
        pick(app, "bwd_guess", "factor")
        assert len(app.info) == 1
        assert len(tables(app)) == 3

    def test_it_is_of_the_feature_pointed_at(self):
        app = opened(bwd_k=2)
        assert tables(app) == [comparison("printed", 1)]

    def test_it_follows_the_batch(self):
        app = press(opened(), "bwd_guess_show")
        before = tables(app)
        write(app, "batch_x", "1,2\n3,5\n8,13\n4,-6")
        assert tables(app)[1] != before[1]
        x = np.array([[1, 2], [3, 5], [8, 13], [4, -6]], float)
        fwd = forward_train(x, GAMMA, BETA)
        checks = check_misprint(x, GAMMA, BETA, fwd.y - T0)
        wanted = [number_text(error(check)) for check in checks.values()]
        assert [row[1] for row in tables(app)[1]] == wanted


@pytest.mark.parametrize(
    ("level", "charts", "shows_tables"),
    [("worked", 3, True), ("last", 2, False), ("two", 2, False), ("all", 1, False)],
)
def test_pictures_that_would_tell_are_covered_while_practising(
    level: str, charts: int, shows_tables: bool
):
    app = opened(bwd_practice=level)
    keys = {element.key for element in app.get("bidi_component")}
    assert len(keys & {PATHS, JACOBIAN, DESCENT}) == charts
    assert bool(tables(app)) == shows_tables
    covers = [info for info in app.info if info.value == labels("en")["backward.covered"]]
    assert len(covers) == 3 - charts + (not shows_tables)


# ---- language ------------------------------------------------------------------------------------


def test_changing_the_language_keeps_the_numbers():
    worked = {key: value for key, value in OTHERS.items() if key != "bwd_practice"}
    app = opened(**worked)
    before = {key: frame(chart(app, key))[1] for key in (PATHS, JACOBIAN, DESCENT)}
    for lang in ("zh", "en"):
        pick(app, "lang", lang)
        assert {k: v for k, v in app.query_params.items() if k != "lang"} == worked
        for key, cells in before.items():
            assert frame(chart(app, key))[1] == cells
        assert chart(app, PATHS).knobs["bwd_nudge"]["label"] == labels(lang)["knobs.bwd_nudge"]


def test_the_numbers_of_the_two_chapters_are_one():
    app = opened()
    there = arrived("forward")
    for name in ("x", "mu", "x_hat", "y"):
        np.testing.assert_array_equal(numbers_of(app, name), numbers(there, name))
    assert json.dumps(message(app, PLAYER)["lesson"]["gradient_at"]) != "{}"
