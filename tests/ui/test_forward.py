"""The Forward page, run as Streamlit runs it but without a browser."""

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bn_core import forward_train
from bn_core.derivation import FORWARD, QUANTITIES
from bn_ui import small_batch
from bn_ui.export import csv_bytes
from bn_ui.palette import chart_palette
from bn_ui.step_lab import csv_rows
from bn_ui.step_player.lesson import LEVELS, blanks, closed_ids, hidden, open_ids
from bn_ui.text import LANGUAGES, labels
from tests.page_definitions import definitions
from tests.ui.test_distributions import checked, kept, pick
from tests.ui.test_small_batch import (
    BETA,
    GAMMA,
    X0,
    arrived,
    press,
    write,
)

PAGE = definitions("forward")
IDS = (*closed_ids("forward"), *open_ids("forward"))


def opened(**query: Any) -> AppTest:
    return arrived("forward", **query)


def message(app: AppTest, key: str = "forward_player") -> dict[str, Any]:
    """What the browser was sent for the player."""
    (found,) = (element for element in app.get("bidi_component") if element.key == key)
    return json.loads(found.proto.bytes)


def numbers(app: AppTest, name: str) -> np.ndarray:
    """A quantity in full, as the browser has it."""
    cells = message(app)["lesson"]["values"][name]
    return np.array([[float(full) for _, full in row] for row in cells])


def practise(app: AppTest, level: str) -> AppTest:
    return pick(app, "fwd_practice", level)


# ---- it runs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_the_browser_is_sent(lang: str):
    app = opened(lang=lang)
    assert not app.error
    assert app.title[0].value == labels(lang)["chapters.forward"]
    found = message(app)
    words = labels(lang)
    assert found["words"] == {
        key.removeprefix("player."): text
        for key, text in words.items()
        if key.startswith("player.")
    }
    assert found["palette"] == chart_palette()
    assert found["katex"].endswith(".js")
    assert found["feedback"] is None
    assert found["lesson"]["steps"]["mu"]["why"] == words["why.mu"]
    assert found["lesson"]["steps"]["var.squared"]["why"] == words["why.var_of_squared"]
    assert found["lesson"]["names"]["mu"]["what"] == words["quantities.mu"]
    assert found["place"] == {
        "token": 0,
        "keys": {"step": "fwd_step", "i": "fwd_i", "k": "fwd_k", "q": "fwd_q"},
        "step": "mu",
        "i": 1,
        "k": 1,
        "q": "",
    }


@pytest.mark.parametrize(
    "query",
    [
        {},
        {
            "batch_x": "1~2~3_4~5~9",
            "batch_gamma": "2~3~4",
            "batch_beta": "0~1~-1",
            "batch_eps": 0.5,
        },
        {"batch_x": "_".join(["1~2~3~4", "4~3~1~7"] * 4)},
        {"batch_x": "5"},
    ],
    ids=str,
)
def test_the_numbers_are_the_fast_paths(query: dict[str, Any]):
    app = opened(**query)
    x = numbers(app, "x")
    gamma, beta = numbers(app, "gamma")[0], numbers(app, "beta")[0]
    if not query:
        np.testing.assert_array_equal(x, X0)
        assert (gamma.tolist(), beta.tolist()) == ([1.5, 0.8], [0.5, -1.0])
    fwd = forward_train(x, gamma, beta, eps=float(query.get("batch_eps", 1e-5)))
    for name in ("mu", "var", "inv_std", "x_hat", "y"):
        wanted = np.atleast_2d(getattr(fwd, name))
        np.testing.assert_allclose(numbers(app, name), wanted, rtol=1e-11, atol=1e-13)


def test_changing_the_language_changes_words_only():
    app = opened(batch_x="1~2_3~5", fwd_step="x_hat.std", fwd_i=2)
    before = message(app)
    pick(app, "lang", "zh")
    after = message(app)
    assert after["place"] == before["place"]
    assert after["lesson"]["values"] == before["lesson"]["values"]
    assert after["words"] != before["words"]


def test_another_batch_is_another_lesson():
    app = opened()
    before = numbers(app, "y")
    write(app, "batch_beta", "1.5, -1")
    np.testing.assert_allclose(numbers(app, "y") - before, [[1, 0]] * 4, atol=1e-14)


def test_the_last_numbers_that_could_be_read_stay():
    app = opened()
    before = message(app)
    write(app, "batch_x", "1,x")
    assert app.error
    assert message(app) == before


# ---- where the learner stands --------------------------------------------------------------------


OTHERS = {
    "fwd_step": "var.centred",
    "fwd_i": "3",
    "fwd_k": "2",
    "fwd_q": "mu",
    "fwd_practice": "two",
}


@pytest.mark.parametrize("key", OTHERS)
def test_the_link_says_where(key: str):
    assert opened(**{key: OTHERS[key]}).query_params == {key: OTHERS[key]}


def test_the_link_as_a_whole():
    app = opened(**OTHERS, batch_x="1~2_3~5_8~13")
    assert app.query_params == OTHERS | {"batch_x": "1~2_3~5_8~13"}
    place = message(app)["place"]
    assert [place[key] for key in ("step", "i", "k", "q")] == ["var.centred", 3, 2, "mu"]
    assert message(app)["lesson"]["blank"] == ["x_hat", "y"]
    press(app, "forward_reset")
    assert app.query_params == {}
    place = message(app)["place"]
    assert [place[key] for key in ("step", "i", "k", "q")] == ["mu", 1, 1, ""]
    assert message(app)["lesson"]["blank"] == []


@pytest.mark.parametrize("step", IDS)
def test_every_step_has_an_address(step: str):
    field = PAGE.PLACE.step
    assert field.from_link(field.write(step)) == step


HOSTILE = {
    "fwd_step": ["dx", "dx.dx_via_mu", "var.nonsense", "", "y.mu", "<b>", "dgamma"],
    "fwd_i": ["nan", "", "x"],
    "fwd_k": ["nan", "[]"],
    "fwd_q": ["nonsense", "__class__"],
    "fwd_practice": ["none", "ALL"],
}


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_links_mean_the_default(key: str):
    default = next(field.default for field in PAGE.FIELDS if field.key == key)
    for linked in HOSTILE[key]:
        app = opened(**{key: linked})
        assert not app.error
        assert kept(app, key) == default
        assert app.query_params == {}


def test_a_place_beyond_the_batch_is_its_last():
    place = message(opened(fwd_i="1e9", fwd_k="99"))["place"]
    assert (place["i"], place["k"]) == (4, 2)
    place = message(opened(fwd_i="-1e9", fwd_k="0", batch_x="7"))["place"]
    assert (place["i"], place["k"]) == (1, 1)


def test_a_proposal_of_the_browser_is_answered():
    app = opened()
    app.session_state["forward_player_token"] = 7
    assert message(checked(app.run()))["place"]["token"] == 7


# ---- practice ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_levels_hide_what_they_name(lang: str):
    app = opened(lang=lang)
    for level in LEVELS:
        practise(app, level)
        lesson = message(app)["lesson"]
        blank = blanks("forward", level)
        assert lesson["blank"] == sorted(blank)
        assert not hidden("forward", frozenset(blank)) & set(lesson["values"])
        assert not app.error


def test_what_was_said_about_an_answer_is_shown_in_the_language_of_the_page():
    app = practise(opened(), "last")
    work = app.session_state["forward_work"]
    from bn_ui.step_player.practice import Feedback

    last = ("y", 2, 1, "0.7", Feedback("slip", "without_beta"))
    app.session_state["forward_work"] = work | {"last": last}
    for lang in LANGUAGES:
        pick(app, "lang", lang)
        said = f"0.7: {labels(lang)['slips.y_without_beta']}"
        wanted = {"step": "y", "i": 2, "k": 1, "kind": "slip", "text": said}
        assert message(app)["feedback"] == wanted
    write(app, "batch_x", "1\n3")
    assert message(app)["feedback"] is None


# ---- files ---------------------------------------------------------------------------------------


def test_all_numbers_as_a_file():
    app = opened()
    values = {name: numbers(app, name) for name in message(app)["lesson"]["values"]}
    shapes = {"batch": (4, 2), "feature": (2,), "scalar": ()}
    arrays = {name: a.reshape(shapes[QUANTITIES[name].shape]) for name, a in values.items()}
    text = csv_bytes(["quantity", "sample", "feature", "value"], csv_rows(arrays, frozenset()))
    rows = list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))[1:]
    assert len(rows) == sum(a.size for a in arrays.values())
    by_place = {tuple(row[:3]): float(row[3]) for row in rows}
    assert len(by_place) == len(rows)
    assert by_place["x", "2", "1"] == 0.4
    assert by_place["mu", "", "2"] == 48.5
    assert by_place["m", "", ""] == 4
    fwd = forward_train(X0, [1.5, 0.8], [0.5, -1.0])
    assert by_place["y", "4", "2"] == pytest.approx(fwd.y[3, 1], rel=1e-13)


def test_a_file_does_not_tell_what_is_to_be_found():
    values = {"x": np.ones((2, 1)), "mu": np.ones(1), "y": np.ones((2, 1))}
    assert [row[0] for row in csv_rows(values, frozenset({"y"}))] == ["x", "x", "mu"]


# ---- predict -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_prediction_is_answered(lang: str):
    app = opened(lang=lang)
    assert not app.success
    pick(app, "fwd_guess", "mean")
    assert len(app.success) == 1
    pick(app, "fwd_guess", "all")
    assert len(app.info) == 1
    assert len(app.success) == 0


def test_beside_a_guess_stands_what_happens():
    """... to the batch that is on the screen."""
    app = opened(batch_x="1~5_4~6_10~9", batch_gamma="2", batch_beta="1", batch_eps="0")
    assert not app.table
    pick(app, "fwd_guess", "all")
    _, before, after = app.table[0].value.to_numpy().T
    assert before.tolist() == ["5", "14", "−1.069", "−1.138"]
    assert after.tolist() == ["105", *before[1:]]
    write(app, "batch_x", "1, 5\n4, 6\n4, 9")
    assert app.table[0].value.to_numpy()[0, 1:].tolist() == ["3", "103"]
    pick(app, "fwd_practice", "last")
    assert not app.table, "it would tell what is to be found"


def test_the_prediction_holds():
    """The answer that the page gives: only μ moves."""
    app = opened()
    before = {name: numbers(app, name) for name in ("mu", "var", "x_hat", "y")}
    write(app, "batch_x", "\n".join(f"{a + 100:g}, {b:g}" for a, b in X0.tolist()))
    moved = {name: np.abs(numbers(app, name) - a).max() for name, a in before.items()}
    assert moved.pop("mu") == pytest.approx(100)
    assert max(moved.values()) < 1e-11


def test_defaults_fit_together():
    assert small_batch.X.default.count("\n") == small_batch.TARGET.default.count("\n") == 3
    for field in (GAMMA, BETA):
        assert field.default.count(",") == 1
    assert [formula.name for formula in FORWARD] == list(closed_ids("forward"))
