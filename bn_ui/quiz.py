"""Questions at the end of a chapter: ungraded, with the reason after every answer."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from bn_ui.text import Question, t


@st.fragment
def quiz(chapter: str, asked: Iterable[Question]) -> None:
    st.subheader(t("frame.quiz"), anchor=False)
    for question in asked:
        # Not st.radio: it remembers the label, which changes with the language.
        choice = st.pills(
            question.question,
            list(question.options),
            width="stretch",
            format_func=question.options.__getitem__,
            key=f"{chapter}_quiz_{question.name}",
            persist_state="session",
        )
        if choice == question.answer:
            st.success(f"{t('frame.quiz_right')} {question.why}", icon=":material/check:")
        elif choice is not None:
            st.info(t("frame.quiz_wrong"), icon=":material/undo:")
