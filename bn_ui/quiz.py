"""Questions at the end of a chapter: ungraded, with a word to every answer.

The numbers come from a seed. Each browser draws its own, so that neighbours get different ones; a
seed that is typed stands in the link, and whoever opens that gets the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from bn_core.exercises import MOST_SEED, Lines, Order
from bn_ui import progress, url
from bn_ui.questions import Asked, Feedback, judge, quiz_names, quiz_questions
from bn_ui.step_player.practice import LONGEST
from bn_ui.text import language, t
from bn_ui.url import Field

_SEED_BOX = "quiz_seed_box"
_PLACES = "◯①②③④⑤⑥⑦⑧⑨"  # all as wide as the first: nothing moves under the finger
_OWN = -1  # stands for the seed that this browser drew, which no link holds
QUIZ_SEED = url.integer("quiz_seed", _OWN, _OWN, MOST_SEED)


@st.fragment
def quiz(chapter: str, fields: Sequence[Field]) -> None:
    """A chapter's questions. ``fields`` is all that the page's link keeps."""
    ask_all(chapter, fields)


def ask_all(chapter: str, fields: Sequence[Field]) -> None:
    """The same as part of a fragment that shows more of the progress than one chapter's."""
    url.load([QUIZ_SEED])
    st.header(t("frame.quiz"), anchor=False)
    head = st.container()
    seed = _seed()
    for n, asked in enumerate(quiz_questions(chapter, seed, language()), 1):
        _ask(chapter, n, asked, seed)
    solved, all_ = len(progress.right(chapter)), len(quiz_names(chapter))
    head.markdown(t("quiz.progress", right=solved, all=all_))
    _controls(chapter, seed)
    progress.keep(f"{chapter}_quiz_kept")
    url.save(fields)


def _ask(chapter: str, n: int, asked: Asked, seed: int) -> None:
    """One question, its answer so far, and what is said to it."""
    heading = st.container()
    found = judge(asked, ANSWERS[asked.kind](asked, _key(chapter, asked, seed)))
    if found is not None:
        _say(found)
        if found.kind == "right":
            progress.record(chapter, asked.name)
    solved = asked.name in progress.right(chapter)
    mark = f" :green[**✓** {t('quiz.solved')}]" if solved else ""
    heading.markdown(f"**{n}.** {asked.words.question}{mark}")


def _key(chapter: str, asked: Asked, seed: int) -> str:
    """Other numbers, or everything cleared, and the question stands there unanswered."""
    number = f"_{seed}" if asked.task else ""
    cleared = f"_round{progress.round_number()}" if progress.round_number() else ""
    return f"{chapter}_quiz_{asked.name}{number}{cleared}"


def _say(found: Feedback) -> None:
    if found.kind == "right":
        st.success(f"{t('frame.quiz_right')} {found.text}", icon=":material/check:")
    else:
        st.info(found.text, icon=":material/undo:")


# ---- answering -----------------------------------------------------------------------------------


def _choose(asked: Asked, key: str) -> str | None:
    return _pills(asked.words.question, asked.words.options, key)


def _choose_line(asked: Asked, key: str) -> str | None:
    assert isinstance(asked.task, Lines)
    lines = asked.task.lines
    # Not st.code: its highlighter costs a phone 1.6 MB, and breaks numbered lines badly.
    st.markdown("\n".join(f"{n}. `{line}`" for n, line in enumerate(lines.values(), 1)))
    names = {name: t("quiz.line", n=n) for n, name in enumerate(lines, 1)}
    return _pills(t("quiz.which_line"), names, key)


def _pills(label: str, names: Mapping[str, str], key: str) -> str | None:
    """Not st.radio: it remembers the label, which changes with the language."""
    return st.pills(
        label,
        list(names),
        format_func=names.__getitem__,
        key=key,
        label_visibility="collapsed",
        persist_state="session",
        width="stretch",
    )


def _type_number(asked: Asked, key: str) -> str:
    return st.text_input(
        asked.words.question,
        key=key,
        max_chars=LONGEST,
        placeholder=t("quiz.placeholder"),
        label_visibility="collapsed",
        persist_state="session",
        width=240,
    )


def _put_in_order(asked: Asked, key: str) -> list[str]:
    """A button for each step, which puts it next, or takes it out again.

    Buttons, because they stay where they are and keep the focus while their labels change.
    """
    assert isinstance(asked.task, Order)
    chosen: list[str] = st.session_state.setdefault(key, [])
    with st.container(horizontal=True, gap="small"):
        for step in asked.task.offered:
            place = chosen.index(step) + 1 if step in chosen else 0
            label = f"{_PLACES[place]} {asked.words.options[step]}"
            st.button(label, key=f"{key}_{step}", on_click=_toggle, args=(key, step))
        st.button(
            t("quiz.start_over"),
            key=f"{key}_over",
            icon=":material/restart_alt:",
            type="tertiary",
            disabled=not chosen,
            on_click=chosen.clear,
        )
    return chosen


def _toggle(key: str, step: str) -> None:
    chosen: list[str] = st.session_state.setdefault(key, [])
    if step in chosen:
        chosen.remove(step)
    else:
        chosen.append(step)


ANSWERS: Mapping[str, Callable[[Asked, str], object]] = {
    "choice": _choose,
    "line": _choose_line,
    "number": _type_number,
    "order": _put_in_order,
}


# ---- seed, clearing ------------------------------------------------------------------------------


def _seed() -> int:
    """The seed of the link, or else this browser's own."""
    linked = url.value(QUIZ_SEED)
    return progress.seed() if linked == _OWN else linked


def _controls(chapter: str, seed: int) -> None:
    told = f"{_SEED_BOX}_page"
    if st.session_state.get(told) != url.this_page() or st.session_state.get(_SEED_BOX) != seed:
        st.session_state[_SEED_BOX] = seed
    st.session_state[told] = url.this_page()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input(
            t("quiz.seed"),
            0,
            MOST_SEED,
            key=_SEED_BOX,
            help=t("quiz.seed_help"),
            on_change=_take_seed,
            width=200,
        )
        st.button(
            t("quiz.new_numbers"),
            key=f"{chapter}_quiz_new",
            icon=":material/casino:",
            on_click=_draw,
        )
        st.button(
            t("quiz.clear"),
            key=f"{chapter}_quiz_clear",
            icon=":material/delete:",
            on_click=progress.clear,
        )
    st.caption(t("quiz.kept"))


def _take_seed() -> None:
    url.assign(QUIZ_SEED, st.session_state.get(_SEED_BOX))


def _draw() -> None:
    """The browser's own numbers, and not those it had."""
    progress.draw_seed()
    url.assign(QUIZ_SEED, _OWN)
