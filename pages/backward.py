"""Backward, step by step: the six gradients, and what they say about each other."""

import streamlit as st

from bn_core import GradientCheck, backward_train
from bn_core.coupling import (
    eigenvalues,
    jacobian,
    matrix_eigenvalues,
    nudge,
)
from bn_core.derivation import MISPRINT, Step, dx_compact
from bn_core.descent import descend
from bn_core.misprint import check_misprint, disagreement
from bn_ui import controls, present, small_batch, take_along, url
from bn_ui.figures import backward as figures
from bn_ui.live_chart import Picture, knob, live_chart
from bn_ui.numbers import difference, number_text, shown
from bn_ui.predict import predict, verdict
from bn_ui.quiz import QUIZ_SEED, quiz
from bn_ui.small_batch import BACKWARD_BATCH, SmallBatch
from bn_ui.step_lab import step_lab
from bn_ui.step_player import place, unsolved
from bn_ui.step_player.formulas import plain
from bn_ui.text import group, prose, questions, t

CHAPTER = "backward"
PLACE = place("backward", "bwd")
NUDGE = url.number("bwd_nudge", 0.0, *figures.NUDGE_RANGE)
DETACH = url.choice("bwd_detach", "off", ("off", "on"))
RATE = url.number("bwd_eta", 0.1, *figures.RATE_RANGE)
REPAIR = url.choice("bwd_repair", "printed", tuple(MISPRINT))
FIELDS = (*BACKWARD_BATCH, *PLACE.fields, NUDGE, DETACH, RATE, REPAIR, QUIZ_SEED)
MISPRINT_QUESTION = "misprint"
PASSES = 1e-6  # relative error up to which a formula agrees with the numerical gradient


@st.fragment
def lab() -> None:
    follow(*step_lab(PLACE, BACKWARD_BATCH, FIELDS, take_along.backward, where_from))


def where_from(batch: SmallBatch) -> str:
    """Where ∂ℓ/∂y comes from, with the numbers of the pointed entry."""
    source = url.value(small_batch.DY_FROM)
    if batch.target is None:
        return t(f"backward.from_{source}", seed=url.value(small_batch.SEED))
    i, k = pointed(batch)
    y, target, dy = difference(batch.fwd.y[i, k], batch.target[i, k])
    loss = shown(batch.loss(batch.fwd.y))
    return t("backward.from_target", i=i + 1, k=k + 1, loss=loss, y=y, target=target, dy=dy)


def follow(batch: SmallBatch, blank: tuple[str, ...]) -> None:
    """The pictures further down are of this batch, sample and feature too."""
    now = (batch.key, blank, *pointed(batch))
    before = st.session_state.get("bwd_followed", now)
    st.session_state["bwd_followed"] = now
    if now != before:
        st.rerun()


def covered(batch: SmallBatch, *formulas: str) -> bool:
    """Whether the learner is still to find one of these; says so, for a picture would tell."""
    still = set(formulas).intersection(unsolved(PLACE, batch))
    if still:
        st.info(t("backward.covered"), icon=":material/visibility_off:")
    return bool(still)


def pointed(batch: SmallBatch) -> tuple[int, int]:
    """The sample and the feature that the learner points at, counted from 0."""
    m, d = batch.x.shape
    return min(url.value(PLACE.sample), m) - 1, min(url.value(PLACE.feature), d) - 1


# ---- three paths, and one sample moved -------------------------------------------------------


@st.fragment
def paths() -> None:
    url.load([NUDGE, DETACH])
    batch = small_batch.read()
    i, k = pointed(batch)
    st.header(t("backward.paths_title"), anchor=False)
    if covered(batch, "dx"):
        return
    words_column, picture_column = st.columns([1, 2], gap="large")
    with words_column:
        st.markdown(prose(CHAPTER, "paths"))
        label = t("backward.nudge", i=i + 1)
        controls.number(NUDGE, label, *figures.NUDGE_RANGE, step=0.1, format="%g")
        controls.pick(DETACH, t("backward.detach"), group("detach"))
    unit = batch.fwd.inv_std[k]
    offsets = figures.NUDGES / unit
    sweep = nudge(batch.fwd, batch.upstream, i, k, offsets)
    here = url.value(NUDGE) / unit
    now = nudge(batch.fwd, batch.upstream, i, k, [here])
    words = group("paths_figure")
    cells = figures.sum_cells(len(batch.x))
    sums = t("backward.and").join(f"{{{cell}}}" for cell in cells)
    picture = Picture(
        figure=figures.paths_figure(words, len(batch.x), detached=url.value(DETACH) == "on"),
        base=figures.paths_changes(now, [here]),
        alt=t("backward.paths_alt", i=i + 1, k=k + 1, moved=figures.NUDGE_CELL, sums=sums),
        filename="batch-normalization-paths",
        caption=t("backward.paths_caption", i=i + 1, k=k + 1, moved=figures.NUDGE_CELL),
        formats=[*figures.PATHS_FORMATS, *("number" for _ in cells)],
        table=figures.paths_table(words),
    )
    knobs = [knob(NUDGE, figures.NUDGES, figures.paths_changes(sweep, offsets))]
    with picture_column:
        live_chart(picture, knobs, key="bwd_paths_chart", fields=[NUDGE])
    st.caption(t("backward.compact"))
    st.markdown(formula(dx_compact))
    url.save(FIELDS)


# ---- spot the error --------------------------------------------------------------------------


@st.fragment
def misprint() -> None:
    url.load([REPAIR])
    batch = small_batch.read()
    _, k = pointed(batch)
    question = questions(CHAPTER)[MISPRINT_QUESTION]
    st.header(t("backward.misprint_title"), anchor=False)
    if covered(batch, "dx"):
        return
    checks = check_misprint(batch.x, batch.gamma, batch.beta, batch.dy, batch.eps)
    words_column, table_column = st.columns([1, 1], gap="large")
    with words_column:
        st.markdown(prose(CHAPTER, "misprint", h=number_text(checks["printed"].h)))
        st.markdown(formula(MISPRINT["printed"]))
    with table_column:
        st.caption(t("backward.misprint_caption", k=k + 1))
        st.markdown(comparison(checks["printed"], k))
    if not predict(question, "bwd_guess"):
        return
    verdict(question, "bwd_guess")
    names = group("repairs")
    words_column, table_column = st.columns([1, 1], gap="large")
    with words_column:
        chosen = controls.pick(REPAIR, t("backward.repair"), names)
        st.markdown(formula(MISPRINT[chosen]))
        st.markdown(verdicts(checks))
        st.markdown(conclusion(checks))
    with table_column:
        st.markdown(comparison(checks[chosen], k))
    url.save(FIELDS)


def verdicts(checks: dict[str, GradientCheck]) -> str:
    """Every repair with the error that the check finds."""
    names = group("repairs")
    rows = [
        f"| {names[name]} | {number_text(disagreement(check))} |" for name, check in checks.items()
    ]
    head = f"| {t('backward.formula')} | {t('backward.relative_error')} |"
    return "\n".join([head, "|---|---|", *rows])


def conclusion(checks: dict[str, GradientCheck]) -> str:
    """Which repairs pass here."""
    names = group("repairs")
    passing = [names[name] for name, check in checks.items() if disagreement(check) <= PASSES]
    limit = number_text(PASSES)
    if not passing:
        return t("backward.none_passes", limit=limit)
    listed = t("backward.and").join(passing)
    return t("backward.passing", passing=listed, n=len(passing), all=len(checks), limit=limit)


def formula(step: Step) -> str:
    """In a line of text, where a long formula wraps on a phone."""
    return rf"$\displaystyle {plain(step)}$"


def comparison(check: GradientCheck, k: int) -> str:
    """Formula and numerical gradient, sample by sample, for one feature."""
    head = f"| {t('backward.sample')} | {t('backward.by_formula')} | {t('backward.numerical')} |"
    pairs = zip(check.analytic[:, k].tolist(), check.numeric[:, k].tolist(), strict=True)
    size = abs(check.numeric).max()
    rows = [
        f"| {i} | {shown(formula, size)} | {shown(numerical, 10 * size)} |"
        for i, (formula, numerical) in enumerate(pairs, 1)
    ]
    return "\n".join([head, "|---|---|---|", *rows])


# ---- Jacobian --------------------------------------------------------------------------------


@st.fragment
def coupling() -> None:
    batch = small_batch.read()
    _, k = pointed(batch)
    st.header(t("backward.jacobian_title"), anchor=False)
    words_column, picture_column = st.columns([1, 2], gap="large")
    words_column.markdown(prose(CHAPTER, "jacobian"))
    matrix = jacobian(batch.fwd, k)
    words = group("jacobian_figure")
    size = abs(matrix).max()
    texts = [[shown(value, size, 3) for value in row] for row in matrix.tolist()]
    low, high = figures.off_diagonal(matrix, texts)
    picture = Picture(
        figure=figures.jacobian_figure(words, matrix, texts),
        base=[figures.eigenvalue_numbers(matrix_eigenvalues(matrix), eigenvalues(batch.fwd, k))],
        alt=t(
            "backward.jacobian_alt",
            k=k + 1,
            m=len(matrix),
            diagonal=t("backward.and").join(row[i] for i, row in enumerate(texts)),
            low=low,
            high=high,
        ),
        filename="batch-normalization-jacobian",
        caption=t("backward.jacobian_caption", k=k + 1),
        formats=["number"] * 6,
        table=figures.eigenvalue_table(words, len(matrix)),
    )
    with picture_column:
        live_chart(picture, key="bwd_jacobian_chart")


# ---- learning γ and β ------------------------------------------------------------------------


@st.fragment
def descent() -> None:
    url.load([RATE])
    batch = small_batch.read()
    _, k = pointed(batch)
    st.header(t("backward.descent_title"), anchor=False)
    if covered(batch, "dgamma", "dbeta"):
        return
    words_column, picture_column = st.columns([1, 2], gap="large")
    with words_column:
        st.markdown(prose(CHAPTER, "descent"))
        controls.number(RATE, t("backward.rate"), *figures.RATE_RANGE, step=0.01)
    grads = backward_train(batch.dy, batch.fwd)
    sweep = descend(batch.fwd, grads, figures.RATES, batch.loss)
    now = descend(batch.fwd, grads, [0.0, url.value(RATE)], batch.loss)
    words = group("descent_figure")
    picture = Picture(
        figure=figures.descent_figure(words, figures.RATES, sweep),
        base=figures.descent_now(now, url.value(RATE), k),
        alt=t("backward.descent_alt"),
        filename="batch-normalization-descent",
        caption=t("backward.descent_caption", k=k + 1),
        formats=figures.DESCENT_FORMATS,
        table=figures.descent_table(words),
    )
    knobs = [knob(RATE, figures.RATES, figures.descent_changes(figures.RATES, sweep, k))]
    with picture_column:
        live_chart(picture, knobs, key="bwd_descent_chart", fields=[RATE])
    url.save(FIELDS)


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
lab()
with present.part("predict"):
    misprint()
with present.part("more"):
    paths()
    coupling()
    descent()
with present.part("reading"):
    st.markdown(prose(CHAPTER, "reading"))
with present.part("quiz"):
    quiz(CHAPTER, FIELDS)
