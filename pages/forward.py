"""Forward, step by step: μ, σ², x̂ and y of the learner's own small batch."""

import streamlit as st

from bn_ui import controls, share, url
from bn_ui.export import csv_button, csv_bytes
from bn_ui.predict import predict, verdict
from bn_ui.quiz import quiz
from bn_ui.small_batch import BATCH, batch_controls, reset_with
from bn_ui.step_player import LEVELS, blanks, csv_rows, place, step_player, values_of
from bn_ui.text import group, prose, questions, t

CHAPTER = "forward"
PLACE = place("forward", "fwd")
FIELDS = (*BATCH, *PLACE.fields)
PREDICTION = "same_shift"


@st.fragment
def lab() -> None:
    url.load(FIELDS)
    player_column, control_column = st.columns([3, 1], gap="large")
    with control_column:
        batch = batch_controls(BATCH)
        levels = {level: t(f"player.levels_{level}") for level in LEVELS}
        level = controls.select(PLACE.level, t("player.practice"), levels)
        share.footer(CHAPTER, FIELDS, reset_with(FIELDS))
    with player_column:
        step_player(PLACE, batch)
        header = list(group("csv_steps").values())

        def make() -> bytes:
            return csv_bytes(header, csv_rows("forward", values_of(batch), blanks(CHAPTER, level)))

        csv_button(t("frame.download_csv"), "batch-normalization-forward", make, "fwd_csv")
    url.save(FIELDS)


@st.fragment
def prediction() -> None:
    question = questions(CHAPTER)[PREDICTION]
    if predict(question, "fwd_guess"):
        verdict(question, "fwd_guess")


url.load(FIELDS)
st.markdown(prose(CHAPTER, "intro"))
lab()
prediction()
st.markdown(prose(CHAPTER, "reading"))
quiz(CHAPTER, [q for q in questions(CHAPTER).values() if q.name != PREDICTION])
