"""Whitening: what BN leaves out, why it does, and what it would cost."""

from functools import partial
from itertools import chain

import streamlit as st

from bn_core.whitening import Stage, condition_after_bn, stages, succession
from bn_core.whitening_cost import REPEATS, SAMPLES, growth
from bn_ui import clouds, controls, present, share, url
from bn_ui import take_along as programs
from bn_ui.clouds import IMAGES, PIXELS, SIZE, UNITS, Cloud, Measured
from bn_ui.export import csv_button, csv_bytes
from bn_ui.figures import whitening as figures
from bn_ui.live_chart import Picture, knob, live_chart
from bn_ui.live_chart.message import Knob
from bn_ui.numbers import number_text
from bn_ui.predict import predict, verdict
from bn_ui.quiz import QUIZ_SEED, quiz
from bn_ui.text import group, prose, questions, t

CHAPTER = "whitening"
CHART = "white_chart"
GUESS = "white_guess"
COSTS = "white_costs"  # what this tab has measured last, and when

# Four clouds.
SOURCES = ("synthetic", "units", "pixels")
SOURCE = url.choice("white_source", "synthetic", SOURCES)
RHO = url.number("white_rho", 0.9, *figures.RHO_RANGE)
RATIO = url.number("white_ratio", 2.0, *figures.RATIO_RANGE)
UNIT_PAIR = (
    url.integer("white_unit_1", 1, 1, UNITS),
    url.integer("white_unit_2", 8, 1, UNITS),
)
PIXEL_PAIR = (
    url.integer("white_pixel_1", 47, 1, PIXELS),
    url.integer("white_pixel_2", 55, 1, PIXELS),
)
SEED = url.integer("white_seed", 0, 0, 9999)
CLOUDS = (SOURCE, RHO, RATIO, *UNIT_PAIR, *PIXEL_PAIR, SEED)
# One whitened cloud, turned.
STARTS = ("zca", *clouds.FLIPS)
START = url.choice("white_start", "zca", STARTS)
ANGLE = url.number("white_angle", 60.0, *figures.ANGLE_RANGE)
TURN = (START, ANGLE)
# One sample in batch after batch.
SAMPLE = url.integer("white_sample", 1, 1, IMAGES)
BATCH_SIZES = ("16", "32", "128")
BATCH_SIZE = url.choice("white_m", "32", BATCH_SIZES)
DRAW = url.integer("white_draw", 3, 0, 9999)
SUCCESSION = (SAMPLE, BATCH_SIZE, DRAW)
BATCHES = 20
# Fewer samples than features.
POPULATION = url.choice("white_population", "normal", ("normal", "units"))
RANK_M = url.integer("white_rank_m", 16, *figures.M_RANGE)
RANK_D = url.integer("white_rank_d", 50, *figures.D_RANGE)
EPS = url.number("white_eps", 1e-5, *figures.EPS_RANGE)
RANK = (POPULATION, RANK_M, RANK_D, EPS)
FIELDS = (*CLOUDS, *TURN, *SUCCESSION, *RANK, QUIZ_SEED)

GROWTH_FROM = -4  # the d from which on times are compared, counted from the last
NO_CORRELATION = 0.005
SAME = 1.005  # condition numbers that differ by less are called equal
PRESETS = {
    "equal": {SOURCE: "synthetic", RHO: 0.9, RATIO: 1.0},
    "none": {SOURCE: "synthetic", RHO: 0.0, RATIO: 4.0},
    "nearly": {SOURCE: "synthetic", RHO: -0.98, RATIO: 1.0},
    "units": {SOURCE: "units", **{field: field.default for field in UNIT_PAIR}},
    "pixels": {SOURCE: "pixels", **{field: field.default for field in PIXEL_PAIR}},
}


@st.fragment
def lab() -> None:
    url.load(FIELDS)
    question = questions(CHAPTER)["tilted"]
    if predict(question, GUESS):
        verdict(question, GUESS)
        uncovered()
    url.save(FIELDS)


def uncovered() -> None:
    """What the guess uncovers."""
    four_clouds()
    with present.part("reading"):
        st.markdown(prose(CHAPTER, "reading"))
    for number, experiment in enumerate((turn, same_sample, cost, few_samples), 1):
        with present.part("more", number):
            experiment()
    with present.part("reading", 2):
        st.markdown(prose(CHAPTER, "sources"))


# ---- four clouds ---------------------------------------------------------------------------------


@st.fragment
def four_clouds() -> None:
    url.load(CLOUDS)
    picture_column, control_column = present.columns()
    with control_column:
        cloud = choose_cloud()
        share.footer(CHAPTER, FIELDS, partial(url.reset, FIELDS))
    with picture_column:
        found = stages(cloud.x, eps=cloud.eps)
        show_clouds(cloud, found)
        st.markdown(conclusion(found))
        by_hand(found)
        with st.container(horizontal=True, vertical_alignment="center"):
            presets()
            download(cloud, found)
    programs.take_along(CHAPTER, lambda: programs.whitening(cloud.x, cloud.eps))
    url.save(FIELDS)


def choose_cloud() -> Cloud:
    names = {name: t(f"whitening.source_{name}") for name in SOURCES}
    source = controls.pick(SOURCE, t("whitening.source"), names)
    if source == "synthetic":
        label = t("whitening.rho")
        controls.number(RHO, label, *figures.RHO_RANGE, step=0.02, format="%.4g")
        label = t("whitening.ratio")
        controls.number(RATIO, label, *figures.RATIO_RANGE, step=0.25, format="%.4g")
    else:
        for number, field in enumerate(pair(), 1):
            label = t(f"whitening.choose_{source}", n=number, all=how_many())
            controls.number(field, label, 1, how_many())
    controls.number(SEED, t("whitening.seed"), 0, 9999)
    st.caption(t(f"whitening.about_{source}", m=SIZE, layer=clouds.UNIT_LAYER, units=UNITS))
    return the_cloud()


def pair() -> tuple[url.Field, url.Field]:
    return UNIT_PAIR if url.value(SOURCE) == "units" else PIXEL_PAIR


def how_many() -> int:
    return UNITS if url.value(SOURCE) == "units" else PIXELS


def the_cloud() -> Cloud:
    source, seed = url.value(SOURCE), url.value(SEED)
    if source == "synthetic":
        names = [t("whitening.feature", n=n) for n in (1, 2)]
        return clouds.made_cloud(seed, url.value(RHO), url.value(RATIO), names)
    numbers = [url.value(field) for field in pair()]
    names = [t(f"whitening.{source}_n", n=n) for n in numbers]
    return clouds.real_cloud(source, numbers, seed, names)


def show_clouds(cloud: Cloud, found: dict[str, Stage]) -> None:
    words, places = group("whitening_figure"), figures.cloud_places()
    here = {"m": SIZE, "first": cloud.names[0], "second": cloud.names[1]}
    picture = Picture(
        figure=figures.clouds_figure(words, cloud.names, cloud.centre, cloud.reach),
        base=figures.cloud_changes([found], cloud.marked, cloud.centre, cloud.reach),
        alt=t("whitening.clouds_alt", **here, **places),
        filename=f"batch-normalization-{CHAPTER}",
        caption=t("whitening.clouds_caption", **here, **places),
        formats=["number"] * len(places),
        table=figures.clouds_table(words),
    )
    live_chart(picture, cloud_knobs(), key=CHART, fields=(RHO, RATIO))


def cloud_knobs() -> list[Knob]:
    """Real features have the correlation that they have."""
    if url.value(SOURCE) != "synthetic":
        return []
    frames = clouds.cloud_frames(url.value(SEED), url.value(RHO), url.value(RATIO))
    return [
        knob(RHO, figures.RHOS, frames["rho"]),
        knob(RATIO, figures.RATIOS, frames["ratio"]),
    ]


def conclusion(found: dict[str, Stage]) -> str:
    """What BN did to the condition number here, and what it left."""
    before, after, whitened = (found[name].spectrum for name in ("x", "x_hat", "zca"))
    numbers = {
        "before": number_text(before.condition),
        "after": number_text(after.condition),
        "whitened": number_text(whitened.condition),
    }
    if after.rank < 2:
        return t("whitening.flat", **numbers)
    if abs(found["x"].correlation) < NO_CORRELATION:
        return t("whitening.uncorrelated", **numbers)
    name = "scales_helped" if before.condition > SAME * after.condition else "scales_equal"
    return t(f"whitening.{name}", **numbers)


def by_hand(found: dict[str, Stage]) -> None:
    """The number to check: what ρ alone says of the condition number after BN."""
    rho = found["x"].correlation
    if found["x_hat"].spectrum.rank == 2:
        condition = number_text(condition_after_bn(rho))
        st.caption(t("whitening.by_hand", size=number_text(abs(rho)), condition=condition))


def presets() -> None:
    st.markdown(t("presets.label"), width="content")
    for name, values in PRESETS.items():
        st.button(
            t(f"whitening.preset_{name}"),
            key=f"white_preset_{name}",
            on_click=url.assign_all,
            args=(values,),
        )


def download(cloud: Cloud, found: dict[str, Stage]) -> None:
    """The four clouds, in full precision."""
    words = group("whitening_csv")
    header = [words["sample"]]
    header += [f"{words[name]}, {of}" for name in figures.STAGES for of in cloud.names]

    def make() -> bytes:
        rows = zip(*(found[name].values.tolist() for name in figures.STAGES), strict=True)
        return csv_bytes(header, ((i, *chain(*row)) for i, row in enumerate(rows, 1)))

    csv_button(t("frame.download_csv"), f"batch-normalization-{CHAPTER}", make, "white_csv")


# ---- a whitened cloud, turned --------------------------------------------------------------------


@st.fragment
def turn() -> None:
    url.load(TURN)
    st.header(t("whitening.turn_title"), anchor=False)
    st.markdown(prose(CHAPTER, "turn"))
    names = {name: t(f"whitening.start_{name}") for name in STARTS}
    start = controls.pick(START, t("whitening.start"), names, width="content", on_change=turn_back)
    label = t("whitening.angle")
    controls.number(ANGLE, label, *figures.ANGLE_RANGE, step=3.0, format="%.4g", width=160)
    found = clouds.turned(start)
    words, places = group("turned_figure"), figures.turned_places()
    here = {"start": names[start], "rho": number_text(clouds.TURN_RHO), "m": SIZE}
    now = figures.turned_changes(
        found.x_hat, found.start, found.marked, found.least, url.value(ANGLE)
    )
    picture = Picture(
        figure=figures.turned_figure(words, found.x_hat, found.start, found.least, found.reach),
        base=now,
        alt=t("whitening.turn_alt", **here, **places),
        filename=f"batch-normalization-{CHAPTER}-rotation",
        caption=t("whitening.turn_caption", **here, **places),
        formats=["number"] * len(places),
        table=figures.turned_table(words),
    )
    knobs = [knob(ANGLE, figures.ANGLES, found.frames)]
    live_chart(picture, knobs, key="white_turn_chart", fields=[ANGLE])
    url.save(FIELDS)


def turn_back() -> None:
    """Another whitening is first seen as it is; ZCA as what is to be turned."""
    url.assign(ANGLE, ANGLE.default if url.value(START) == START.default else 0.0)


# ---- the same sample in batch after batch --------------------------------------------------------


@st.fragment
def same_sample() -> None:
    url.load(SUCCESSION)
    st.header(t("whitening.same_title"), anchor=False)
    st.markdown(prose(CHAPTER, "same"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        controls.number(SAMPLE, t("whitening.sample", all=IMAGES), 1, IMAGES, width=160)
        sizes = {size: size for size in BATCH_SIZES}
        controls.pick(BATCH_SIZE, t("whitening.size"), sizes, width="content")
        st.button(t("whitening.draw"), key="white_draw_again", on_click=draw_others)
    size = int(url.value(BATCH_SIZE))
    sample, draw = url.value(SAMPLE), url.value(DRAW)
    found = succession(clouds.first_layer(), sample - 1, m=size, batches=BATCHES, seed=draw)
    here = {"sample": sample, "m": size, "batches": BATCHES, "units": UNITS}
    here |= {"pairs": BATCHES - 1, "flips": found.flips}
    here |= {kind: number_text(found.step(kind), 3) for kind in figures.SUCCESSION_KINDS}
    picture = Picture(
        figure=figures.succession_figure(group("succession_figure"), found),
        base=[],
        alt=t("whitening.same_alt", **here),
        filename=f"batch-normalization-{CHAPTER}-signs",
        caption=t("whitening.same_caption", **here),
    )
    live_chart(picture, key="white_same_chart")
    if found.step("zca") < found.step("pca"):
        st.markdown(t("whitening.steadier", **here))
    else:
        st.markdown(t("whitening.not_steadier", **here))
    url.save(FIELDS)


def draw_others() -> None:
    url.assign(DRAW, (url.value(DRAW) + 1) % 10_000)


# ---- what it costs -------------------------------------------------------------------------------


def measure_now() -> None:
    st.session_state[COSTS] = clouds.measured_lately()


@st.fragment
def cost() -> None:
    st.header(t("whitening.cost_title"), anchor=False)
    st.markdown(prose(CHAPTER, "cost", m=SAMPLES))
    st.button(
        t("whitening.measure"), key="white_measure", icon=":material/timer:", on_click=measure_now
    )
    found = st.session_state.get(COSTS)
    if found is not None:
        show_cost(found)


def show_cost(found: Measured) -> None:
    last, first = found.costs[-1], found.costs[GROWTH_FROM]
    slower, whiten_slower = growth(first, last)
    here = {
        "m": SAMPLES,
        "repeats": REPEATS,
        "when": f"{found.when:%Y-%m-%d %H:%M:%S} UTC",
        "d": last.d,
        "first": first.d,
        "factor": number_text(last.d / first.d),
        "bn": milliseconds(last.standardise),
        "whiten": milliseconds(last.whiten),
        "ratio": number_text(last.ratio, 3),
        "bn_growth": number_text(slower, 3),
        "whiten_growth": number_text(whiten_slower, 3),
    }
    picture = Picture(
        figure=figures.cost_figure(group("cost_figure"), found.costs),
        base=[],
        alt=t("whitening.cost_alt", **here),
        filename=f"batch-normalization-{CHAPTER}-cost",
        caption=t("whitening.cost_caption", **here),
    )
    live_chart(picture, key="white_cost_chart")
    st.table(
        {
            t("whitening.cost_d"): [str(one.d) for one in found.costs],
            t("whitening.cost_bn"): [milliseconds(one.standardise) for one in found.costs],
            t("whitening.cost_whiten"): [milliseconds(one.whiten) for one in found.costs],
            t("whitening.cost_ratio"): [number_text(one.ratio, 3) for one in found.costs],
        },
        hide_index=True,
        width="content",
        alt=t("whitening.cost_table"),
    )
    st.caption(t("whitening.cost_how", seconds=clouds.MEASURED_FOR, **here))


def milliseconds(seconds: float) -> str:
    return number_text(1000 * seconds, 3)


# ---- fewer samples than features -----------------------------------------------------------------


@st.fragment
def few_samples() -> None:
    url.load(RANK)
    st.header(t("whitening.rank_title"), anchor=False)
    st.markdown(prose(CHAPTER, "rank"))
    names = {name: t(f"whitening.population_{name}") for name in ("normal", "units")}
    controls.pick(POPULATION, t("whitening.population"), names, width="content")
    with st.container(horizontal=True):
        m = controls.number(RANK_M, t("whitening.rank_m"), *figures.M_RANGE, width=128)
        d = controls.number(RANK_D, t("whitening.rank_d"), *figures.D_RANGE, width=128)
        controls.number(EPS, "ε", *figures.EPS_RANGE, step=1e-5, format="%.3g", width=128)
    source, eps = url.value(POPULATION), url.value(EPS)
    here = clouds.batch_directions(source, m, d)
    words, places = group("rank_figure"), figures.rank_places()
    more = {"fresh_samples": clouds.FRESH, "source": names[source]}
    picture = Picture(
        figure=figures.rank_figure(words),
        base=figures.rank_changes([here], eps),
        alt=t("whitening.rank_alt", **more, **places),
        filename=f"batch-normalization-{CHAPTER}-rank",
        caption=t("whitening.rank_caption", **more, **places),
        formats=figures.RANK_FORMATS,
        table=figures.rank_table(words),
    )
    frames = clouds.rank_frames(source, m, d, eps)
    knobs = [
        knob(RANK_M, figures.BATCH_SIZES, frames["m"]),
        knob(RANK_D, figures.FEATURES, frames["d"]),
        knob(EPS, figures.EPSILONS, frames["eps"]),
    ]
    live_chart(picture, knobs, key="white_rank_chart", fields=(RANK_M, RANK_D, EPS))
    url.save(FIELDS)


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
lab()
with present.part("quiz"):
    quiz(CHAPTER, FIELDS)
