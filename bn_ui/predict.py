"""Predict first: the picture that would give the answer stays covered until a guess is made.

Who predicts before looking learns more from what they see, right or wrong (Crouch et al. 2004).
"""

from __future__ import annotations

import streamlit as st

from bn_ui import url
from bn_ui.text import Question, t

# A teacher's link may open a chapter with its pictures uncovered; links that students copy from
# there, and the other chapters, never do.
REVEALED = url.choice("revealed", "", ("", "1"))
url.here(REVEALED)
_REVEALED_ON = "revealed_on"


def settle_revealed() -> None:
    """Cover the pictures again on every page but the one that the link opened."""
    if url.value(REVEALED) != REVEALED.default:
        page = url.this_page()
        if st.session_state.setdefault(_REVEALED_ON, page) != page:
            url.assign(REVEALED, REVEALED.default)


def predict(question: Question, key: str) -> bool:
    """Ask; return whether the picture may be shown.

    The guess stays on the screen beside the picture, and can be changed.
    """
    st.markdown(question.question)
    shown = f"{key}_shown"
    guess = st.pills(
        t("frame.your_guess"),
        list(question.options),
        format_func=question.options.__getitem__,
        key=key,
        label_visibility="collapsed",
        persist_state="session",
        width="stretch",
        wrap=True,  # left to Streamlit, options in a column are a strip that is cut off on a phone
    )
    if url.value(REVEALED) == "1":
        return True
    if guess is None and not st.session_state.get(shown):
        st.button(
            t("frame.just_show"),
            key=f"{key}_show",
            type="tertiary",
            on_click=_show,
            args=(shown,),
        )
    return guess is not None or bool(st.session_state.get(shown))


def verdict(question: Question, key: str) -> None:
    """Beside the guess: what was guessed, what is so, and why in one sentence."""
    guess = st.session_state.get(key)
    right = question.options[question.answer]
    if guess is None:
        st.markdown(t("frame.answer", right=right, why=question.why))
    elif guess == question.answer:
        st.success(
            t("frame.guess_right", right=right) + " " + question.why, icon=":material/check:"
        )
    else:
        wrong = question.options.get(guess, "")
        st.info(
            t("frame.guess_wrong", guess=wrong, right=right) + " " + question.why,
            icon=":material/lightbulb:",
        )


def _show(key: str) -> None:
    st.session_state[key] = True
