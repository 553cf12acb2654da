"""The quiz at the end of a chapter, as Streamlit runs it but without a browser."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from bn_core.exercises import MOST_SEED, Lines, Number, Order
from bn_ui import progress
from bn_ui.chapters import LESSONS
from bn_ui.numbers import number_text
from bn_ui.questions import Asked, judge, quiz_names, quiz_questions
from bn_ui.text import LANGUAGES, labels
from tests.ui.test_distributions import checked, kept, pick
from tests.ui.test_small_batch import (
    arrived,
    press,
)

SEED = 42
NAMES = [chapter.name for chapter in LESSONS]
FORWARD = {asked.name: asked for asked in quiz_questions("forward", SEED, "en")}


def opened(chapter: str = "forward", **query: Any) -> AppTest:
    return arrived(chapter, quiz_seed=SEED, **query)


def key(chapter: str, asked: Asked, seed: int = SEED, cleared: int = 0) -> str:
    number = f"_{seed}" if asked.task else ""
    return f"{chapter}_quiz_{asked.name}{number}{f'_round{cleared}' if cleared else ''}"


def answer(app: AppTest, chapter: str, asked: Asked, given: Any, **where: int) -> AppTest:
    widget = key(chapter, asked, **where)
    if asked.kind == "number":
        return checked(app.text_input(key=widget).set_value(given).run())
    if asked.kind == "order":
        for step in given:
            press(app, f"{widget}_{step}")
        return app
    return pick(app, widget, given)


def right_answer(asked: Asked) -> Any:
    match asked.task:
        case Number(answer=number):
            return number_text(number)
        case Order(answer=given) | Lines(answer=given):
            return given
    return asked.words.answer


def said(app: AppTest) -> list[str]:
    return [box.value for box in [*app.success, *app.info]]


def count(right: int, chapter: str, lang: str = "en") -> str:
    return labels(lang)["quiz.progress"].format(right=right, all=len(quiz_names(chapter)))


def has(app: AppTest, text: str) -> bool:
    return any(element.value == text for element in app.markdown)


def sent(app: AppTest, chapter: str = "forward") -> dict[str, Any]:
    """What the browser is told to keep."""
    (found,) = (e for e in app.get("bidi_component") if e.key == f"{chapter}_quiz_kept")
    return json.loads(found.proto.json)


# ---- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("chapter", NAMES)
def test_all_answered_right(chapter: str, lang: str):
    app = opened(chapter, lang=lang)
    asked = quiz_questions(chapter, SEED, lang)
    assert has(app, count(0, chapter, lang))
    before = len(app.success)
    for question in asked:
        answer(app, chapter, question, right_answer(question))
    assert len(app.success) == before + len(asked)
    for question in asked:
        found = judge(question, right_answer(question)).text
        assert f"{labels(lang)['frame.quiz_right']} {found}" in said(app)
    assert has(app, count(len(asked), chapter, lang))
    assert sent(app, chapter)["right"] == {chapter: list(quiz_names(chapter))}


@pytest.mark.parametrize("chapter", NAMES)
def test_a_word_to_each_wrong_option_and_line(chapter: str):
    app = opened(chapter)
    for question in quiz_questions(chapter, SEED, "en"):
        if question.kind not in ("choice", "line"):
            continue
        options = question.task.lines if question.kind == "line" else question.words.options
        for option in options:
            answer(app, chapter, question, option)
            assert (len(app.success) == 1) == (option == right_answer(question))
            if option != right_answer(question):
                assert [box.value for box in app.info] == [question.words.hints[option]]
        checked(app.button_group(key=key(chapter, question)).set_value(None).run())
        assert not said(app)


@pytest.mark.parametrize("chapter", NAMES)
def test_a_word_to_each_slip(chapter: str):
    app = opened(chapter)
    for question in quiz_questions(chapter, SEED, "en"):
        if question.kind != "number":
            continue
        for wrong in question.task.slips.values():
            typed = number_text(wrong, 6)
            answer(app, chapter, question, typed)
            assert [box.value for box in app.info] == [judge(question, typed).text]
            assert not app.success
        answer(app, chapter, question, "what?")
        assert [box.value for box in app.info] == [labels("en")["player.answer_unreadable"]]
        answer(app, chapter, question, "")
        assert not said(app)


def test_steps_are_put_in_order_taken_out_and_started_over():
    app, order = opened(), FORWARD["order"]
    widget = key("forward", order)
    answer(app, "forward", order, ["y", "mu"])
    label = {step: app.button(key=f"{widget}_{step}").label for step in order.task.needs}
    assert label["y"].startswith("① ")
    assert label["mu"].startswith("② ")
    assert label["var"] == f"◯ {order.words.options['var']}"
    assert not said(app)
    press(app, f"{widget}_y")
    assert app.button(key=f"{widget}_mu").label.startswith("① ")
    answer(app, "forward", order, ["var", "centred", "std", "x_hat", "y"])
    assert said(app) == [order.words.hints["var"]]
    press(app, f"{widget}_over")
    assert not said(app)
    answer(app, "forward", order, right_answer(order))
    assert len(app.success) == 1


def test_what_was_right_stays_counted_when_another_answer_is_tried():
    app, question = opened(), FORWARD["why_m"]
    answer(app, "forward", question, "this")
    answer(app, "forward", question, "large")
    assert len(app.info) == 1
    assert has(app, count(1, "forward"))
    assert any(labels("en")["quiz.solved"] in m.value for m in app.markdown)


def test_the_language_changes_the_words_only():
    app = opened()
    given = {"order": ["mu", "var"], "why_m": "large", "variance": "3.3333", "wrong_line": "y"}
    for name, value in given.items():
        answer(app, "forward", FORWARD[name], value)
    for lang in ("zh", "en"):
        pick(app, "lang", lang)
        asked = {question.name: question for question in quiz_questions("forward", SEED, lang)}
        assert said(app) == [
            judge(asked[name], given[name]).text
            for name in asked
            if name in given and name != "order"
        ]
        mu = app.button(key=f"{key('forward', asked['order'])}_mu").label
        assert mu == f"① {asked['order'].words.options['mu']}"


def test_answers_are_there_after_a_visit_to_another_chapter():
    app = opened()
    answer(app, "forward", FORWARD["why_m"], "large")
    answer(app, "forward", FORWARD["variance"], "3.3333")
    answer(app, "forward", FORWARD["order"], ["mu"])
    before = said(app)
    app.switch_page("../pages/backward.py")
    checked(app.run())
    assert has(app, count(0, "backward"))
    app.switch_page("../pages/forward.py")
    checked(app.run())
    assert said(app) == before
    assert app.button(key=f"{key('forward', FORWARD['order'])}_mu").label.startswith("① ")


# ---- seed ----------------------------------------------------------------------------------------


def seed_of(app: AppTest) -> int:
    return app.number_input(key="quiz_seed_box").value


def test_the_seed_is_drawn_once_and_is_not_in_the_link():
    app = arrived("forward")
    seed = seed_of(app)
    assert app.query_params == {}
    for _ in range(2):
        assert seed_of(checked(app.run())) == seed
    app.switch_page("../pages/backward.py")
    assert seed_of(checked(app.run())) == seed
    assert "quiz_seed" not in app.query_params


def test_neighbours_draw_different_seeds():
    assert len({seed_of(arrived("forward")) for _ in range(4)}) >= 3


def test_a_seed_that_is_typed_is_in_the_link_and_the_link_reproduces_the_numbers():
    app = arrived("forward")
    checked(app.number_input(key="quiz_seed_box").set_value(7).run())
    assert app.query_params == {"quiz_seed": "7"}
    for chapter in ("forward", "backward"):
        there = arrived(chapter, **app.query_params)
        assert seed_of(there) == 7
        for question in quiz_questions(chapter, 7, "en"):
            assert any(question.words.question in m.value for m in there.markdown)


def test_other_numbers_are_asked_afresh_and_questions_without_numbers_are_not():
    app = opened()
    answer(app, "forward", FORWARD["variance"], "2.5")
    answer(app, "forward", FORWARD["why_m"], "this")
    assert len(app.success) == 2
    press(app, "forward_quiz_new")
    assert seed_of(app) != SEED
    assert "quiz_seed" not in app.query_params
    assert len(app.success) == 1
    assert has(app, count(2, "forward"))


@pytest.mark.parametrize(
    ("linked", "seed"), [("1e9", MOST_SEED), ("3.9", 3), ("-0", 0), ("9999", MOST_SEED)]
)
def test_a_seed_is_made_valid(linked: str, seed: int):
    app = arrived("forward", quiz_seed=linked)
    assert seed_of(app) == seed
    assert app.query_params == {"quiz_seed": str(seed)}


@pytest.mark.parametrize(
    "linked", ["-1", "-1e300", "nan", "", "<script>", "十二", "9" * 4000 + "x"]
)
def test_a_hostile_seed_is_the_browsers_own(linked: str):
    app = arrived("forward", quiz_seed=linked)
    assert 0 <= seed_of(app) <= MOST_SEED
    assert app.query_params == {}
    assert kept(app, "quiz_seed") == -1


# ---- progress ------------------------------------------------------------------------------------


def test_clearing_is_one_click():
    app = opened()
    for name in ("order", "why_m", "variance"):
        answer(app, "forward", FORWARD[name], right_answer(FORWARD[name]))
    assert has(app, count(3, "forward"))
    before = sent(app)
    press(app, "forward_quiz_clear")
    assert has(app, count(0, "forward"))
    assert not said(app)
    assert sent(app)["right"] == {}
    assert sent(app)["cleared"] == before["cleared"] + 1
    assert seed_of(app) == SEED
    answer(app, "forward", FORWARD["why_m"], "this", cleared=1)
    assert has(app, count(1, "forward"))


def test_the_browser_is_told_nothing_but_names_and_the_seed():
    app = opened()
    answer(app, "forward", FORWARD["variance"], "3.3333")
    assert set(sent(app)) == {"session", "heard", "cleared", "seed", "right"}
    assert sent(app)["right"] == {}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A session without Streamlit."""
    state: dict[str, Any] = {}
    monkeypatch.setattr(progress, "st", SimpleNamespace(session_state=state))
    return state


def told(session: dict[str, Any], stored: Any) -> None:
    session["kept"] = SimpleNamespace(stored=stored)
    progress._take("kept")


def test_what_the_browser_has_kept_is_added(session: dict[str, Any]):
    progress.record("forward", "axis")
    told(session, {"seed": 77, "right": {"forward": ["why_m", "axis"], "backward": ["two"]}})
    assert set(progress.right("forward")) == {"axis", "why_m"}
    assert progress.right("backward") == ("two",)
    assert progress.seed() == 77


def test_the_browser_is_heard_once_a_session(session: dict[str, Any]):
    told(session, {"right": {"forward": ["why_m"]}})
    progress.clear()
    told(session, {"seed": 5, "right": {"forward": ["why_m"]}})
    assert progress.right("forward") == ()
    assert progress.round_number() == 1


@pytest.mark.parametrize(
    "stored",
    [
        None,
        3,
        "right",
        [],
        {},
        {"right": None},
        {"right": ["forward"]},
        {"right": {"forward": None}},
        {"right": {"forward": "why_m"}},
        {"right": {"forward": {"why_m": 1}}},
        {"right": {"forward": [None, 3, [], {}, "nobody", "<script>", "same_shift"]}},
        {"right": {"nothing": ["why_m"], "../../etc/passwd": ["x"], "labels": ["x"]}},
        {"right": {}, "seed": -1},
        {"right": {}, "seed": 10**30},
        {"right": {}, "seed": True},
        {"right": {}, "seed": 2.5},
        {"right": {}, "seed": "7"},
    ],
)
def test_what_the_browser_has_kept_may_be_anything(session: dict[str, Any], stored: Any):
    before = progress.seed()
    told(session, stored)
    assert progress.seed() == before
    assert session["quiz_progress"]["right"] == {}


def test_new_numbers_are_new(session: dict[str, Any]):
    for _ in range(50):
        before = progress.seed()
        progress.draw_seed()
        assert progress.seed() != before
        assert 0 <= progress.seed() <= MOST_SEED
