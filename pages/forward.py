"""Forward, step by step: μ, σ², x̂ and y of the learner's own small batch."""

from collections.abc import Callable

import streamlit as st

from bn_core import ForwardTrain
from bn_core.coupling import shifted
from bn_ui import present, take_along, url
from bn_ui.numbers import number_text
from bn_ui.predict import predict, verdict
from bn_ui.quiz import QUIZ_SEED, quiz
from bn_ui.small_batch import BATCH, SmallBatch
from bn_ui.step_lab import step_lab
from bn_ui.step_player import place
from bn_ui.text import prose, questions, t

CHAPTER = "forward"
PLACE = place("forward", "fwd")
FIELDS = (*BATCH, *PLACE.fields, QUIZ_SEED)
PREDICTION = "same_shift"
SHIFT = 100
# Of feature 1. As text: a box with a formula scrolls, and then has to be reached by keyboard.
SHIFTED: tuple[tuple[str, Callable[[ForwardTrain], float]], ...] = (
    ("μ", lambda fwd: fwd.mu[0]),
    ("σ²", lambda fwd: fwd.var[0]),
    ("x̂, i = 1", lambda fwd: fwd.x_hat[0, 0]),
    ("y, i = 1", lambda fwd: fwd.y[0, 0]),
)


@st.fragment
def lab() -> None:
    batch, blank = step_lab(PLACE, BATCH, FIELDS, take_along.forward)
    with present.part("predict"):
        prediction(batch, blank)


def prediction(batch: SmallBatch, blank: tuple[str, ...]) -> None:
    question = questions(CHAPTER)[PREDICTION]
    if predict(question, "fwd_guess"):
        verdict(question, "fwd_guess")
        if not blank:
            show_shift(batch)


def show_shift(batch: SmallBatch) -> None:
    """Feature 1 of the batch on the screen before and after: what the guess was about."""
    before = batch.fwd
    after = shifted(before, 0, by=SHIFT)
    columns = {
        t("forward.shift_of"): [symbol for symbol, _ in SHIFTED],
        t("forward.shift_before"): [number_text(read(before)) for _, read in SHIFTED],
        t("forward.shift_after", by=SHIFT): [number_text(read(after)) for _, read in SHIFTED],
    }
    st.table(columns, hide_index=True, width="content", alt=t("forward.shift_alt"))


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
lab()
with present.part("reading"):
    st.markdown(prose(CHAPTER, "reading"))
with present.part("quiz"):
    quiz(CHAPTER, FIELDS)
