"""Gradient check: central differences on the learner's batch, the best h, and bugs that hide."""

from collections.abc import Iterator, Mapping
from functools import partial

import streamlit as st

from bn_core.mistakes import BUGS
from bn_core.step_sizes import (
    DTYPES,
    GRADIENTS,
    RIGHT,
    STEPS,
    Sighting,
    check_batch,
    lowest,
    nearest_bug,
    nearest_step,
    sightings,
    unseen_steps,
)
from bn_core.upstream import UPSTREAM
from bn_ui import controls, present, share, small_batch, url
from bn_ui import take_along as programs
from bn_ui.export import csv_button, csv_bytes
from bn_ui.figures import gradient_check as figures
from bn_ui.live_chart import Picture, knob, live_chart
from bn_ui.numbers import number_text
from bn_ui.predict import predict, verdict
from bn_ui.quiz import QUIZ_SEED, quiz
from bn_ui.small_batch import BACKWARD_BATCH, SmallBatch
from bn_ui.text import group, prose, questions, t

CHAPTER = "gradient_check"
CHART = "gc_chart"
GUESS = "gc_guess"

H = url.Field("gc_h", 1e-5, nearest_step, write=lambda h: f"{h:.4g}")
GRADIENT = url.choice("gc_gradient", "x", GRADIENTS)
DTYPE = url.choice("gc_dtype", "float64", DTYPES)
BUG = url.choice("gc_bug", RIGHT, (RIGHT, *BUGS))
THRESHOLDS = ("1e-3", "1e-5", "1e-7", "1e-9")
THRESHOLD = url.choice("gc_threshold", "1e-7", THRESHOLDS)
FIELDS = (H, GRADIENT, DTYPE, BUG, THRESHOLD, *BACKWARD_BATCH, QUIZ_SEED)


@st.fragment
def lab() -> None:
    url.load(FIELDS)
    picture_column, control_column = present.columns()
    with control_column:
        choose()
        batch = small_batch.batch_controls(BACKWARD_BATCH)
        share.footer(CHAPTER, FIELDS, small_batch.reset_with(FIELDS))
    question = questions(CHAPTER)["smaller"]
    with picture_column:
        uncovered = predict(question, GUESS)
        if uncovered:
            verdict(question, GUESS)
            show_errors(batch)
            show_lowest(batch)
            download(batch)
    if uncovered:
        explain(batch)
    url.save(FIELDS)


def explain(batch: SmallBatch) -> None:
    """The same in code, the bugs, and why: all of it tells what was to be guessed."""
    make = partial(programs.gradient_check, batch, url.value(H), url.value(BUG))
    programs.take_along(CHAPTER, make)
    with present.part("more"):
        who_sees_what(batch)
    with present.part("reading"):
        st.markdown(prose(CHAPTER, "reading"))


def choose() -> None:
    controls.select(H, t("gradient_check.h"), {h: number_text(h) for h in STEPS})
    controls.select(BUG, t("gradient_check.bug"), group("bugs"))
    names = {name: t(f"gradient_check_figure.{name}") for name in GRADIENTS}
    controls.pick(GRADIENT, t("gradient_check.gradient"), names)
    controls.pick(DTYPE, t("gradient_check.dtype"), {name: name for name in DTYPES})


# ---- the error against h -----------------------------------------------------------------------


@st.cache_resource(max_entries=64, show_spinner=False)
def curves(key: tuple[object, ...], bug: str, _batch: SmallBatch) -> figures.Curves:
    """Every gradient of the batch with this ``key``, in both dtypes, at every step."""
    b = _batch
    wrong = None if bug == RIGHT else bug
    return {
        dtype: check_batch(b.x, b.gamma, b.beta, b.dy, b.eps, bug=wrong, dtype=dtype)
        for dtype in DTYPES
    }


def show_errors(batch: SmallBatch) -> None:
    bug, gradient, dtype = url.value(BUG), url.value(GRADIENT), url.value(DTYPE)
    shown = curves(batch.key, bug, batch)
    right = None if bug == RIGHT else curves(batch.key, RIGHT, batch)
    checks = shown[dtype][gradient]
    has_bug = right is not None and gradient == "x"
    numbers = figures.numbers(
        shown, checks, right[dtype]["x"][0].analytic if right and has_bug else None
    )
    without_bug = right["float64"]["x"] if right else None
    words = group("gradient_check_figure")
    now = STEPS.index(url.value(H))
    picture = Picture(
        figure=figures.figure(
            words, shown, (gradient, dtype), float(url.value(THRESHOLD)), without_bug
        ),
        base=figures.base(shown, without_bug, now, numbers),
        alt=t("gradient_check.alt", **figures.places()),
        filename=f"batch-normalization-{CHAPTER}",
        caption=t("gradient_check.caption", **figures.places()),
        formats=["number"] * numbers.shape[1],
        table=figures.table(words, gradient, checks[0].analytic.shape, has_bug),
    )
    h = knob(H, figures.POSITIONS, figures.moving(shown, numbers))
    live_chart(picture, [h], key=CHART, fields=[H])


def show_lowest(batch: SmallBatch) -> None:
    """Where each curve is lowest, which steps show nothing, and what the bug does."""
    bug = url.value(BUG)
    shown = curves(batch.key, bug, batch)
    names = {name: t(f"gradient_check_figure.{name}") for name in GRADIENTS}
    st.table(
        {
            t("gradient_check.lowest_gradient"): list(names.values()),
            **{
                t(f"gradient_check.lowest_{dtype}"): [
                    lowest_text(shown[dtype][name]) for name in GRADIENTS
                ]
                for dtype in DTYPES
            },
        },
        hide_index=True,
        width="content",
        alt=t("gradient_check.lowest_alt"),
    )
    if bug != RIGHT:
        right = curves(batch.key, RIGHT, batch)
        st.markdown(
            t(
                "gradient_check.bug_lowest",
                bug=t(f"bugs.{bug}"),
                wrong=lowest_error(shown["float64"]["x"]),
                right=lowest_error(right["float64"]["x"]),
            )
        )
    gaps = [
        t(
            "gradient_check.gap",
            gradient=names[name],
            dtype=dtype,
            count=len(unseen),
            steps=len(STEPS),
            h=number_text(unseen[-1]),
        )
        for dtype in DTYPES
        for name in GRADIENTS
        if (unseen := unseen_steps(shown[dtype][name]))
    ]
    if gaps:
        st.caption(t("gradient_check.gaps", gaps=t("gradient_check.semicolon").join(gaps)))


def lowest_text(checks: figures.Checks) -> str:
    best = lowest(checks)
    if best is None:
        return t("gradient_check.never")
    return t("gradient_check.lowest_at", error=lowest_error(checks), h=number_text(best.h, 2))


def lowest_error(checks: figures.Checks) -> str:
    best = lowest(checks)
    return number_text(best.relative_error, 3) if best else t("gradient_check.never")


def download(batch: SmallBatch) -> None:
    """Every entry of every gradient at this h, and the curves, in full precision."""
    at, bug = STEPS.index(url.value(H)), url.value(BUG)
    header = list(group("gradient_csv").values())

    def make() -> bytes:
        return csv_bytes(header, figures.entries(curves(batch.key, bug, batch), at))

    def make_curves() -> bytes:
        shown = curves(batch.key, bug, batch)
        lines = [(name, dtype) for dtype in DTYPES for name in GRADIENTS]
        rows = (
            (h, *(shown[dtype][name][i].relative_error for name, dtype in lines))
            for i, h in enumerate(STEPS)
        )
        return csv_bytes(["h", *(f"d{name}_{dtype}" for name, dtype in lines)], rows)

    with st.container(horizontal=True):
        csv_button(t("gradient_check.csv"), f"{CHAPTER}-entries", make, "gc_csv")
        csv_button(
            t("gradient_check.csv_curves"), f"{CHAPTER}-curves", make_curves, "gc_csv_curves"
        )


# ---- which upstream gradients see which bugs ---------------------------------------------------


@st.cache_resource(max_entries=64, show_spinner=False)
def seen(
    key: tuple[object, ...], source: str, seed: int, h: float, _batch: SmallBatch
) -> Mapping[str, Mapping[str, Sighting]]:
    """Bugs by upstream gradients, for the batch with this ``key``."""
    b, fwd = _batch, _batch.fwd
    upstreams = {} if source in UPSTREAM else {source: b.dy}
    upstreams |= {
        name: make(fwd, seed) if name == "random" else make(fwd) for name, make in UPSTREAM.items()
    }
    return sightings(b.x, b.gamma, b.beta, upstreams, b.eps, h)


def who_sees_what(batch: SmallBatch) -> None:
    """The matrix, and what it says in words."""
    st.header(t("gradient_check.matrix_title"), anchor=False)
    st.markdown(prose(CHAPTER, "matrix"))
    label = t("gradient_check.threshold")
    threshold = float(controls.pick(THRESHOLD, label, group("gradient_threshold")))
    h = url.value(H)
    source, seed = url.value(small_batch.DY_FROM), url.value(small_batch.SEED)
    matrix = seen(batch.key, source, seed, h, batch)
    shown = {
        t("gradient_check.matrix_bug"): [t(f"bugs.{bug}") for bug in matrix],
        **{
            heading(upstream, sighting): [
                cell(bug, row[upstream], threshold) for bug, row in matrix.items()
            ]
            for upstream, sighting in matrix[RIGHT].items()
        },
    }
    st.table(shown, hide_index=True, alt=t("gradient_check.matrix_alt"))
    st.caption(t("gradient_check.matrix_caption", h=number_text(h)))
    st.markdown("\n".join(f"- {line}" for line in conclusions(matrix, threshold)))
    st.markdown(prose(CHAPTER, "blind"))


def heading(upstream: str, right: Sighting) -> str:
    name = t(f"gradient_upstream.{upstream}")
    return t("gradient_check.column_zero", name=name) if right.true_is_zero else name


def cell(bug: str, sighting: Sighting, threshold: float) -> str:
    error = number_text(sighting.stated, 3)
    if not sighting.known:
        return t("gradient_check.cell_unknown")
    if bug == RIGHT:
        name = "alarm" if sighting.caught(threshold) else "passes"
    else:
        name = "caught" if sighting.caught(threshold) else "missed"
    return t(f"gradient_check.cell_{name}", error=error)


def conclusions(matrix: Mapping[str, Mapping[str, Sighting]], threshold: float) -> Iterator[str]:
    """A sentence a column, one on false alarms, and one on the bug that is nearest to right."""
    comma = t("gradient_check.comma")
    for upstream in matrix[RIGHT]:
        missed = [t(f"bugs.{bug}") for bug in BUGS if not matrix[bug][upstream].caught(threshold)]
        name = t(f"upstream.{upstream}")
        if not matrix[RIGHT][upstream].known:
            yield t("gradient_check.sees_nothing", upstream=name)
        elif not missed:
            yield t("gradient_check.sees_all", upstream=name, count=len(BUGS))
        elif len(missed) == len(BUGS):
            yield t("gradient_check.sees_none", upstream=name, count=len(BUGS))
        else:
            yield t(
                "gradient_check.sees_some",
                upstream=name,
                caught=len(BUGS) - len(missed),
                count=len(BUGS),
                missed=comma.join(missed),
            )
    alarms = [name for name, right in matrix[RIGHT].items() if right.caught(threshold)]
    if alarms:
        names = comma.join(t(f"upstream.{name}") for name in alarms)
        yield t("gradient_check.false_alarms", upstreams=names)
    bug, apart = nearest_bug(matrix, "random")
    if matrix[bug]["random"].known:
        error = number_text(matrix[bug]["random"].stated, 3)
        if apart:
            yield t("gradient_check.nearest", bug=t(f"bugs.{bug}"), error=error)
        else:
            yield t("gradient_check.nearest_same", bug=t(f"bugs.{bug}"), error=error)


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
lab()
with present.part("quiz"):
    quiz(CHAPTER, FIELDS)
