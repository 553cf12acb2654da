"""Small batches and other norms: one or two samples, which cells share a mean, RMSNorm, training
at small batch sizes."""

from functools import partial

import streamlit as st

from bn_core.few_samples import EXAMPLE, UPSTREAM, Array, moved
from bn_core.norm_facts import SAMPLE, flattening_error, lost_radius
from bn_core.norms import SHARES, sharing
from bn_ui import controls, present, share, url
from bn_ui import take_along as programs
from bn_ui.export import csv_button, csv_bytes
from bn_ui.figures import other_norms as figures
from bn_ui.figures.changes import Change
from bn_ui.live_chart import Picture, knob, live_chart
from bn_ui.norm_race import FIELDS as RACE
from bn_ui.norm_race import norm_race
from bn_ui.numbers import number_text
from bn_ui.predict import predict, verdict
from bn_ui.quiz import QUIZ_SEED, quiz
from bn_ui.text import group, prose, questions, t

CHAPTER = "other_norms"
GUESS = "norms_guess"

# A batch of few samples.
SIZES = {size: size for size in ("1", "2", "3", "4", "8")}
SIZE = url.choice("norms_m", "2", tuple(SIZES))
SHIFT = url.number("norms_shift", 0.0, *figures.SHIFT_RANGE)
STRETCH = url.number("norms_stretch", 1.0, *figures.STRETCH_RANGE)
FEW = (SIZE, SHIFT, STRETCH)
# A block of images.
SHAPES = {
    "8x16x4x4": (8, 16, 4, 4),
    "4x6x3x3": (4, 6, 3, 3),
    "4x3x5x6": (4, 3, 5, 6),
    "2x8x4x4": (2, 8, 4, 4),
    "6x12x1x1": (6, 12, 1, 1),
}
NORM = url.choice("norms_norm", "batch", tuple(SHARES))
SHAPE = url.choice("norms_shape", "8x16x4x4", tuple(SHAPES))
GROUPS = url.integer("norms_groups", 4, 1, 16)
CELL = tuple(url.integer(f"norms_{axis}", 1, 1, 16) for axis in "nchw")
BLOCK = (NORM, SHAPE, GROUPS, *CELL)
# Layer normalization beside RMSNorm.
OFFSET = url.number("norms_offset", 0.0, *figures.OFFSET_RANGE)
FACTOR = url.number("norms_factor", 1.0, *figures.FACTOR_RANGE)
BESIDE = (OFFSET, FACTOR)
FIELDS = (*FEW, *BLOCK, *BESIDE, *RACE, QUIZ_SEED)

PRESETS = {
    "one": {SIZE: "1", SHIFT: 5.0, STRETCH: 1.0},
    "two": {SIZE: "2", SHIFT: 0.0, STRETCH: 1.0},
    "close": {SIZE: "2", SHIFT: 0.0, STRETCH: 0.001},
    "leak": {SIZE: "4", SHIFT: 5.0, STRETCH: 1.0},
}
WIDTH = 32  # of the layer that loses a radius, as in training below


@st.fragment
def lab() -> None:
    url.load(FEW)
    question = questions(CHAPTER)["two"]
    if predict(question, GUESS):
        verdict(question, GUESS)
        uncovered()
    url.save(FIELDS)


def uncovered() -> None:
    """What the guess uncovers."""
    few()
    with present.part("more"):
        block()
    with present.part("more", 2):
        beside()
    with present.part("more", 3):
        norm_race(FIELDS)
    programs.take_along(CHAPTER, code)
    with present.part("reading"):
        st.markdown(prose(CHAPTER, "reading"))


# ---- a batch of few samples ----------------------------------------------------------------------


def few() -> None:
    picture_column, control_column = present.columns()
    with control_column:
        controls.pick(SIZE, t("other_norms.size"), SIZES)
        alone = url.value(SIZE) == "1"
        with st.container(horizontal=True):
            controls.number(
                SHIFT, t("other_norms.shift"), *figures.SHIFT_RANGE, step=0.5, width=140
            )
            if not alone:
                controls.number(
                    STRETCH,
                    t("other_norms.stretch"),
                    *figures.STRETCH_RANGE,
                    step=0.1,
                    format="%.4g",
                    width=140,
                )
        share.footer(CHAPTER, FIELDS, partial(url.reset, FIELDS))
    with picture_column:
        show_few()
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(t("presets.label"), width="content")
            for name, values in PRESETS.items():
                st.button(
                    t(f"other_norms.preset_{name}"),
                    key=f"norms_preset_{name}",
                    on_click=url.assign_all,
                    args=(values,),
                )
            header = list(group("few_csv").values())
            csv_button(
                t("frame.download_csv"),
                f"batch-normalization-{CHAPTER}",
                partial(few_csv, header, batch(), url.value(STRETCH), url.value(SHIFT)),
                "norms_csv",
            )


def batch() -> Array:
    """The samples before the knobs move them."""
    return EXAMPLE[: int(url.value(SIZE))]


def few_csv(header: list[str], x: Array, stretch: float, shift: float) -> bytes:
    return csv_bytes(header, figures.few_rows(x, stretch, shift))


@st.cache_data(max_entries=64, show_spinner=False)
def shifted(m: int, stretch: float) -> list[Change]:
    return figures.few_changes(EXAMPLE[:m], stretch, figures.SHIFTS)


@st.cache_data(max_entries=64, show_spinner=False)
def stretched(m: int, shift: float) -> list[Change]:
    return figures.few_changes(EXAMPLE[:m], figures.STRETCHES, shift)


def show_few() -> None:
    m, stretch, shift = len(batch()), url.value(STRETCH), url.value(SHIFT)
    words = group("few_figure")
    knobs = [knob(SHIFT, figures.SHIFTS, shifted(m, stretch))]
    if m > 1:
        knobs.append(knob(STRETCH, figures.STRETCHES, stretched(m, shift)))
    case = {1: "one", 2: "two"}.get(m, "more")
    dy = ", ".join(number_text(value) for value in UPSTREAM[:m])
    here = {
        "m": m,
        "rest": m - 2,
        "dy": dy,
        "floor": number_text(figures.FLOOR),
        **figures.few_places(),
    }
    picture = Picture(
        figure=figures.few_figure(words, m),
        base=figures.few_changes(batch(), stretch, shift),
        alt=t("other_norms.few_alt", **here),
        filename=f"batch-normalization-{CHAPTER}",
        caption=t(f"other_norms.few_{case}", **here),
        formats=figures.few_formats(),
        table=figures.few_table(words),
    )
    live_chart(picture, knobs, key="norms_few_chart", fields=(SHIFT, STRETCH))
    st.caption(t("other_norms.few_legend", dy=dy))


# ---- a block of images ---------------------------------------------------------------------------


@st.fragment
def block() -> None:
    url.load(BLOCK)
    st.header(t("other_norms.block_title"), anchor=False)
    st.markdown(prose(CHAPTER, "block"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = {norm: t(f"norm_names.{norm}_short") for norm in SHARES}
        norm = controls.pick(NORM, t("other_norms.norm"), names, width="content")
        shapes = {name: f"({', '.join(map(str, shape))})" for name, shape in SHAPES.items()}
        shape = SHAPES[controls.select(SHAPE, t("other_norms.shape"), shapes, width=170)]
        groups = choose_groups(shape[1])
    show_block(norm, shape, groups)
    counts(norm, shape, groups)
    url.save(FIELDS)


def choose_groups(channels: int) -> int:
    """As many groups as chosen, or the next smaller number that divides the channels."""
    possible = [n for n in range(1, channels + 1) if channels % n == 0]
    chosen = max(n for n in possible if n <= url.value(GROUPS))
    url.assign(GROUPS, chosen)
    controls.settle(GROUPS, chosen)
    st.selectbox(t("other_norms.groups"), possible, key=GROUPS.key, width=110)
    return chosen


def the_cell(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The chosen cell, counted from 0, within the block."""
    for field, extent in zip(CELL, shape, strict=True):
        url.assign(field, min(url.value(field), extent))
    return tuple(url.value(field) - 1 for field in CELL)


def show_block(norm: str, shape: tuple[int, ...], groups: int) -> None:
    cell = the_cell(shape)
    words = group("block_figure")
    knobs = [
        knob(
            field,
            figures.places_along(shape, axis),
            figures.block_changes(norm, shape, groups, figures.neighbours(shape, cell, axis)),
        )
        for axis, field in enumerate(CELL)
        if shape[axis] > 1
    ]
    found = sharing(norm, shape, groups)
    here = {
        "norm": t(f"norm_names.{norm}"),
        "shape": ", ".join(map(str, shape)),
        "others": found.values - 1,
        "values": found.values,
        "means": found.means,
        "axes": axes(norm, shape, groups),
    }
    picture = Picture(
        figure=figures.block_figure(words, shape),
        base=figures.block_changes(norm, shape, groups, [cell]),
        alt=t("other_norms.block_alt", **here),
        filename=f"batch-normalization-{CHAPTER}-block",
        caption=t("other_norms.block_caption", **here),
        formats=["whole"] * len(CELL),
    )
    live_chart(picture, knobs, key="norms_block_chart", fields=CELL)


def axes(norm: str, shape: tuple[int, ...], groups: int) -> str:
    """The axes that are averaged over; of some, only a part is."""
    found = sharing(norm, shape, groups)
    part = {
        axis: t("other_norms.part", axis=figures.AXES[axis], groups=groups) for axis in found.part
    }
    whole = {axis: figures.AXES[axis] for axis in found.whole}
    return ", ".join(name for _, name in sorted((part | whole).items()))


def counts(norm: str, shape: tuple[int, ...], groups: int) -> None:
    """The same block in all norms: axes, values in a mean, means, parameters."""
    found = {name: sharing(name, shape, groups) for name in SHARES}
    names = {name: t(f"norm_names.{name}") for name in SHARES}
    names[norm] = t("other_norms.marked", text=names[norm])
    st.table(
        {
            t("other_norms.column_norm"): list(names.values()),
            t("other_norms.column_axes"): [axes(name, shape, groups) for name in SHARES],
            t("other_norms.column_values"): [str(each.values) for each in found.values()],
            t("other_norms.column_means"): [str(each.means) for each in found.values()],
        },
        hide_index=True,
        width="content",
        alt=t("other_norms.counts_alt"),
    )
    samples, channels, height, width = shape
    st.markdown(
        t(
            "other_norms.flattened",
            rows=samples * height * width,
            channels=channels,
            error=number_text(flattening_error(shape), 2),
            parameters=2 * channels,
            torch_parameters=2 * channels * height * width,
        )
    )


# ---- layer normalization beside RMSNorm ----------------------------------------------------------


@st.cache_data(max_entries=64, show_spinner=False)
def offset_rows(factor: float) -> list[Change]:
    return figures.offset_changes(SAMPLE, factor, figures.OFFSETS)


@st.cache_data(max_entries=64, show_spinner=False)
def factor_rows(offset: float) -> list[Change]:
    return figures.offset_changes(SAMPLE, figures.FACTORS, offset)


@st.fragment
def beside() -> None:
    url.load(BESIDE)
    st.header(t("other_norms.beside_title"), anchor=False)
    st.markdown(prose(CHAPTER, "beside"))
    offset, factor = url.value(OFFSET), url.value(FACTOR)
    places = figures.offset_places()
    picture = Picture(
        figure=figures.offset_figure(group("offset_figure"), SAMPLE),
        base=figures.offset_changes(SAMPLE, factor, offset),
        alt=t("other_norms.beside_alt", **places),
        filename=f"batch-normalization-{CHAPTER}-rms",
        caption=t("other_norms.beside_caption", **places),
        formats=["number"] * len(places),
    )
    knobs = [
        knob(OFFSET, figures.OFFSETS, offset_rows(factor)),
        knob(FACTOR, figures.FACTORS, factor_rows(offset)),
    ]
    live_chart(picture, knobs, key="norms_beside_chart", fields=BESIDE)
    st.markdown(
        t(
            "other_norms.radius",
            width=WIDTH,
            without=number_text(lost_radius(WIDTH), 2),
            with_bias=number_text(lost_radius(WIDTH, 1.0), 2),
        )
    )
    url.save(FIELDS)


# ---- code ----------------------------------------------------------------------------------------


def code() -> programs.TakeAlong:
    """Programs of the small batch on the screen, and of the block's means."""
    x = moved(batch(), url.value(STRETCH), url.value(SHIFT))
    return programs.other_norms(x, SHAPES[url.value(SHAPE)], url.value(GROUPS))


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
lab()
with present.part("quiz"):
    quiz(CHAPTER, FIELDS)
