"""Forward, step by step: μ, σ², x̂ and y of the learner's own small batch."""

import streamlit as st

from bn_ui import present, take_along, url
from bn_ui.predict import predict, verdict
from bn_ui.quiz import QUIZ_SEED, quiz
from bn_ui.small_batch import BATCH
from bn_ui.step_lab import step_lab
from bn_ui.step_player import place
from bn_ui.text import prose, questions

CHAPTER = "forward"
PLACE = place("forward", "fwd")
FIELDS = (*BATCH, *PLACE.fields, QUIZ_SEED)
PREDICTION = "same_shift"


@st.fragment
def lab() -> None:
    step_lab(PLACE, BATCH, FIELDS, take_along.forward)


@st.fragment
def prediction() -> None:
    question = questions(CHAPTER)[PREDICTION]
    if predict(question, "fwd_guess"):
        verdict(question, "fwd_guess")


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
lab()
with present.part("predict"):
    prediction()
with present.part("reading"):
    st.markdown(prose(CHAPTER, "reading"))
with present.part("quiz"):
    quiz(CHAPTER, FIELDS)
