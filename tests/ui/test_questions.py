"""The questions of every chapter: complete in both languages, one right answer, a word to each."""

from collections import Counter
from itertools import permutations

import pytest

from bn_core.exercises import Lines, Number, Order, exercise
from bn_ui.chapters import LESSONS
from bn_ui.numbers import number_text
from bn_ui.questions import Asked, answer_key, judge, quiz_names, quiz_questions
from bn_ui.text import LANGUAGES, labels, questions

NAMES = [chapter.name for chapter in LESSONS]
SEEDS = (0, 1, 42, 9999)
both = pytest.mark.parametrize("lang", LANGUAGES)
each = pytest.mark.parametrize("chapter", NAMES)


def answers(asked: Asked) -> dict[str, object]:
    """Every answer that can be given, by a name; numbers: the right one and each slip's."""
    match asked.task:
        case Number() as task:
            slips = {name: number_text(value, 9) for name, value in task.slips.items()}
            return slips | {"right": number_text(task.answer, 9)}
        case Order() as task:
            return {" ".join(order): order for order in permutations(task.needs)}
        case Lines() as task:
            return {name: name for name in task.lines}
    return {name: name for name in asked.words.options}


# ---- the data ------------------------------------------------------------------------------------


@each
def test_what_every_quiz_has(chapter: str):
    asked = quiz_questions(chapter, 0, "en")
    kinds = Counter(question.kind for question in asked)
    assert len(asked) >= 4
    assert len(kinds) >= 2
    assert kinds["number"] >= 1
    assert any(question.words.misconception for question in asked)


def test_every_kind_is_asked_somewhere():
    kinds = {asked.kind for chapter in NAMES for asked in quiz_questions(chapter, 0, "en")}
    assert kinds == {"choice", "number", "order", "line"}


@both
@each
def test_predictions_are_choices_and_are_not_asked_again(chapter: str, lang: str):
    words = questions(chapter, lang)
    predictions = [question for question in words.values() if question.prediction]
    assert predictions
    for question in predictions:
        assert question.name not in quiz_names(chapter)
        assert question.answer in question.options
        assert not question.exercise


@both
@each
def test_misconceptions_have_names(chapter: str, lang: str):
    for question in questions(chapter, lang).values():
        if question.misconception:
            assert labels(lang)[f"misconceptions.{question.misconception}"]


def test_no_misconception_is_named_for_nothing():
    aimed = {q.misconception for chapter in NAMES for q in questions(chapter, "en").values()}
    named = {key for key in labels("en") if key.startswith("misconceptions.")}
    assert {f"misconceptions.{name}" for name in aimed if name} == named


# ---- judging -------------------------------------------------------------------------------------


@both
@each
@pytest.mark.parametrize("seed", SEEDS)
def test_one_answer_is_right_and_every_other_gets_a_word_of_its_own(
    chapter: str, lang: str, seed: int
):
    for asked in quiz_questions(chapter, seed, lang):
        said = {name: judge(asked, answer) for name, answer in answers(asked).items()}
        assert None not in said.values()
        right = [name for name, found in said.items() if found.kind == "right"]
        assert len(right) == 1, asked.name
        assert asked.words.why in said[right[0]].text
        wrong = [found.text for name, found in said.items() if name not in right]
        assert all(text.strip() and "{" not in text for text in wrong), asked.name
        if asked.kind != "order":  # there a word belongs to a step, not to one of 720 orders
            assert len(set(wrong)) == len(wrong), asked.name
        assert labels(lang)["quiz.wrong_number"] not in wrong, asked.name


@both
@each
def test_hints_are_for_what_can_be_answered(chapter: str, lang: str):
    for asked in quiz_questions(chapter, 0, lang):
        words, hints = asked.words, set(asked.words.hints)
        match asked.task:
            case Number() as task:
                assert hints <= set(task.slips), asked.name
                assert not words.options
            case Order() as task:
                assert hints == {step for step, needs in task.needs.items() if needs}, asked.name
                assert set(words.options) == set(task.needs)
            case Lines() as task:
                assert hints == set(task.lines), asked.name
                shown = {exercise(words.exercise, seed).slip for seed in range(60)}
                assert set(words.slips) == shown, asked.name
            case _:
                assert words.answer in words.options
                assert hints == set(words.options) - {words.answer}, asked.name


@both
@each
def test_every_place_for_a_number_is_filled(chapter: str, lang: str):
    for asked in quiz_questions(chapter, 3, lang):
        words = asked.words
        for text in (words.question, words.why, *words.hints.values(), *words.slips.values()):
            assert "{" not in text, asked.name


def number_question() -> tuple[Asked, Number]:
    (asked,) = (q for q in quiz_questions("forward", 42, "en") if q.name == "variance")
    assert isinstance(asked.task, Number)
    return asked, asked.task


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("2.5", "right"),
        (" 2.50 ", "right"),
        ("5/2", "right"),
        ("10 / 4", "right"),
        ("2,5", "right"),
        ("２．５", "right"),
        ("5／2", "right"),
        ("25e-1", "right"),
        ("−2.5", "wrong"),
        ("－2.5", "wrong"),
        ("3", "wrong"),
        ("1e999", "unreadable"),
        ("5/0", "unreadable"),
        ("nan", "unreadable"),
        ("about 2", "unreadable"),
        ("<script>", "unreadable"),
        ("9" * 5000, "wrong"),
    ],
)
def test_how_a_number_may_be_written(typed: str, kind: str):
    asked, task = number_question()
    assert task.answer == 2.5
    assert judge(asked, typed).kind == kind


def test_negative_answers():
    (asked,) = (q for q in quiz_questions("backward", 42, "en") if q.name == "dx")
    for typed in ("−3.75", "-3.75", "－3.75", "-15/4", "−3.8"):
        assert judge(asked, typed).kind == "right", typed
    assert judge(asked, "3.75").text == labels("en")["slips.dx_wrong_sign"]


def test_a_slip_of_the_step_player_is_told_in_its_words():
    asked, task = number_question()
    found = judge(asked, number_text(task.slips["var_unbiased"]))
    assert found.text == labels("en")["slips.var_unbiased"]
    assert judge(asked, "77.7").text == labels("en")["quiz.wrong_number"]
    assert judge(asked, "x").text == labels("en")["player.answer_unreadable"]


@pytest.mark.parametrize("answer", [None, "", "no such option", [], ["mu"], ["mu", "mu"], "mu.mu"])
def test_what_is_no_answer_yet_is_not_judged(answer: object):
    for chapter in NAMES:
        for asked in quiz_questions(chapter, 0, "en"):
            if isinstance(answer, list) == (asked.kind == "order") and asked.kind != "number":
                assert judge(asked, answer) is None


# ---- seeds and the answer key --------------------------------------------------------------------


@each
def test_neighbours_are_asked_different_things(chapter: str):
    def numbers(seed: int) -> str:
        return repr([asked.task for asked in quiz_questions(chapter, seed, "en")])

    assert len({numbers(seed) for seed in range(30)}) == 30


@both
@each
def test_the_answer_key(chapter: str, lang: str):
    for seed in SEEDS:
        key = answer_key(chapter, seed, lang)
        asked = quiz_questions(chapter, seed, lang)
        assert [entry.name for entry in key] == list(quiz_names(chapter))
        for entry, question in zip(key, asked, strict=True):
            assert entry.question == question.words.question
            assert entry.answer
            assert entry.why
            assert bool(entry.misconception) == bool(question.words.misconception)
            if question.kind == "number":
                assert judge(question, entry.answer).kind == "right"


def test_the_answer_key_says_which_line_and_which_order():
    key = {entry.name: entry for entry in answer_key("forward", 42, "en")}
    assert key["order"].answer.startswith("mean μ → deviations x − μ → variance σ²")
    assert key["wrong_line"].answer == "Line 1: `mu = x.mean(axis=1, keepdims=True)`"
    assert "`mu = x.mean(axis=0)`" in key["wrong_line"].why
    assert key["variance"].answer == "2.5"
    assert key["why_m"].answer == questions("forward", "en")["why_m"].options["this"]
