"""Questions with their numbers: a chapter's words, and what ``bn_core`` computed for a seed.

The quiz asks them and judges what comes back; a teacher gets the answer key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bn_core.exercises import Exercise, Given, Lines, Number, Order, exercise
from bn_core.mistakes import is_right, nearest_slip
from bn_ui.numbers import number_text
from bn_ui.step_player.practice import read
from bn_ui.text import Question, labels, questions

EXACT_DIGITS = 12  # of numbers that the question states
KINDS: Mapping[type, str] = {Number: "number", Order: "order", Lines: "line", type(None): "choice"}


@dataclass(frozen=True)
class Asked:
    """A question as one learner sees it: words with their numbers, in one language."""

    words: Question
    task: Exercise | None
    lang: str

    @property
    def name(self) -> str:
        return self.words.name

    @property
    def kind(self) -> str:
        """choice, number, order or line."""
        return KINDS[type(self.task)]


@dataclass(frozen=True)
class Feedback:
    """What is said to an answer. ``kind``: right, wrong or unreadable."""

    kind: str
    text: str


@dataclass(frozen=True)
class Answer:
    """One entry of the answer key."""

    name: str
    kind: str
    question: str
    answer: str
    why: str
    misconception: str


def quiz_names(chapter: str) -> tuple[str, ...]:
    """The questions of a chapter's quiz; those asked before a picture are left out."""
    asked = questions(chapter, "en").values()
    return tuple(question.name for question in asked if not question.prediction)


def quiz_questions(chapter: str, seed: int, lang: str) -> tuple[Asked, ...]:
    """A chapter's quiz with the numbers of a seed."""
    words = questions(chapter, lang)
    return tuple(_asked(words[name], seed, lang) for name in quiz_names(chapter))


def _asked(words: Question, seed: int, lang: str) -> Asked:
    task = exercise(words.exercise, seed) if words.exercise else None
    match task:
        case Number():
            numbers = {**_stated(task.given), **_rounded(task.worked)}
            words = _filled(words, numbers | {"answer": number_text(task.answer)})
        case Lines(right=right):
            words = _filled(words, {"right": right})
    return Asked(words, task, lang)


def _filled(words: Question, numbers: Mapping[str, str]) -> Question:
    hints = {name: hint.format(**numbers) for name, hint in words.hints.items()}
    question, why = (text.format(**numbers) for text in (words.question, words.why))
    return replace(words, question=question, why=why, hints=hints)


def _stated(given: Mapping[str, Given]) -> dict[str, str]:
    return {name: _text(value, EXACT_DIGITS) for name, value in given.items()}


def _rounded(worked: Mapping[str, Given]) -> dict[str, str]:
    return {name: _text(value, 4) for name, value in worked.items()}


def _text(value: Given, digits: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return f"({', '.join(_text(one, digits) for one in value)})"
    return number_text(value, digits)


# ---- judging -------------------------------------------------------------------------------------


def judge(asked: Asked, answer: object) -> Feedback | None:
    """What is said to an answer; None as long as there is none.

    answer : the name of an option or line, the text of a number, or names of steps in order
    """
    match asked.task:
        case Number() as task:
            return _judge_number(asked, task, str(answer or ""))
        case Order() as task:
            return _judge_order(asked, task, answer)
        case Lines() as task:
            return _judge_line(asked, task, answer)
    return _judge_choice(asked, answer)


def _judge_choice(asked: Asked, answer: object) -> Feedback | None:
    if answer not in asked.words.options:
        return None
    if answer == asked.words.answer:
        return Feedback("right", asked.words.why)
    return Feedback("wrong", asked.words.hints[str(answer)])


def _judge_number(asked: Asked, task: Number, typed: str) -> Feedback | None:
    if not typed.strip():
        return None
    words = labels(asked.lang)
    number = read(typed)
    if number is None:
        return Feedback("unreadable", words["player.answer_unreadable"])
    answer, last_digit = number
    if is_right(answer, task.answer, last_digit):
        return Feedback("right", asked.words.why)
    slip = nearest_slip(answer, task.answer, task.slips, last_digit)
    if slip is None:
        return Feedback("wrong", words["quiz.wrong_number"])
    return Feedback("wrong", _hint_for_slip(asked.words, slip, asked.lang))


def _hint_for_slip(words: Question, slip: str, lang: str) -> str:
    """The question's own hint, or what the step player says to the same slip."""
    return words.hints.get(slip) or labels(lang)[f"slips.{slip}"]


def _judge_order(asked: Asked, task: Order, answer: object) -> Feedback | None:
    if not isinstance(answer, Sequence) or sorted(answer) != sorted(task.needs):
        return None
    step = task.too_early(answer)
    if step is None:
        return Feedback("right", asked.words.why)
    return Feedback("wrong", asked.words.hints[step])


def _judge_line(asked: Asked, task: Lines, answer: object) -> Feedback | None:
    if answer not in task.lines:
        return None
    if answer == task.answer:
        return Feedback("right", f"{asked.words.slips[task.slip]} {asked.words.why}")
    return Feedback("wrong", asked.words.hints[str(answer)])


# ---- answer key ----------------------------------------------------------------------------------


def answer_key(chapter: str, seed: int, lang: str) -> tuple[Answer, ...]:
    """The right answers to a chapter's quiz with the numbers of a seed, in a language."""
    return tuple(_answer(asked) for asked in quiz_questions(chapter, seed, lang))


def _answer(asked: Asked) -> Answer:
    words, misconception = labels(asked.lang), asked.words.misconception
    match asked.task:
        case Number(answer=answer):
            text, given = number_text(answer), number_text(answer, EXACT_DIGITS)
        case Order(answer=given):
            text = words["quiz.arrow"].join(asked.words.options[step] for step in given)
        case Lines(lines=lines, answer=given):
            n = list(lines).index(given) + 1
            text = words["quiz.line_answer"].format(n=n, line=lines[given])
        case _:
            given = asked.words.answer
            text = asked.words.options[given]
    return Answer(
        name=asked.name,
        kind=asked.kind,
        question=asked.words.question,
        answer=text,
        why=right.text if (right := judge(asked, given)) else "",
        misconception=words[f"misconceptions.{misconception}"] if misconception else "",
    )
