"""Overview: what BN is and where it stands, the argument for it in three experiments, the way."""

from functools import partial

import streamlit as st

from bn_core.activations import ACTIVATIONS
from bn_core.one_layer import ORDERS, moved_by_bias, next_input, one_layer, summary
from bn_core.one_step import BATCH_SIZE, DEPTH, LAYERS, WIDTH, OneStep, Twins
from bn_core.shallow import Paths, condition_number, descend, two_features
from bn_core.summaries import Floats
from bn_ui import controls, present, progress, share, url
from bn_ui import take_along as programs
from bn_ui.batches import FIRST_SOURCES, FIRST_UNITS, FirstLayer, first_layer
from bn_ui.chapters import CHAPTERS
from bn_ui.export import csv_button, csv_bytes
from bn_ui.figures import overview as figures
from bn_ui.figures.changes import Change
from bn_ui.live_chart import Picture, knob, live_chart
from bn_ui.menu import link
from bn_ui.numbers import number_text
from bn_ui.predict import predict, verdict
from bn_ui.progress import Standing
from bn_ui.quiz import QUIZ_SEED, ask_all
from bn_ui.text import group, prose, questions, t

CHAPTER = "overview"
CHART = "over_chart"
GUESS = "over_guess"

# One layer.
SCALE = url.number("over_s", 8.0, *figures.SCALE_RANGE)
BIAS = url.number("over_b", 0.0, *figures.BIAS_RANGE)
PLACES = ("before", "after")
ORDER = url.choice("over_order", "before", PLACES)
ACTIVATION = url.choice("over_f", "sigmoid", tuple(ACTIVATIONS))
SOURCE = url.choice("over_source", "digits", FIRST_SOURCES)
SEED = url.integer("over_seed", 2, 0, 9999)  # its first three digits are a 4, a 3 and a 7
LAYER = (SCALE, BIAS, ORDER, ACTIVATION, SOURCE, SEED)
# A shallow model.
RATE = url.number("over_eta", 1.0, *figures.RATE_RANGE)
UNIT = url.number("over_unit", 8.0, *figures.UNIT_RANGE)
SHALLOW = (RATE, UNIT)
# One step in a deep network.
STEP_RATE = url.number("over_rate", 0.05, *figures.STEP_RATE_RANGE)
WEIGHTS = url.number("over_weights", 2.0, *figures.WEIGHT_RANGE)
DEEP_ACTIVATION = url.choice("over_deep_f", "relu", tuple(ACTIVATIONS))
DEEP_SEED = url.integer("over_deep_seed", 0, 0, 9999)
DEEP = (STEP_RATE, WEIGHTS, DEEP_ACTIVATION, DEEP_SEED)
FIELDS = (*LAYER, *SHALLOW, *DEEP, QUIZ_SEED)

FAR_BIASES = (-100.0, 100.0)
PRESETS = {
    "usual": {SCALE: 1.0},
    "bias": {BIAS: 6.0},
    "relu": {ACTIVATION: "relu"},
    "relu_after": {ACTIVATION: "relu", ORDER: "after"},
    "normal_after": {ACTIVATION: "relu", ORDER: "after", SOURCE: "normal"},
}
STEPS = 600
MANY_TIMES = 1e6
PHONE_PATH = {"overview": 5, "distributions": 8, "forward": 7}  # minutes


# ---- one layer -----------------------------------------------------------------------------------


@st.fragment
def layer() -> None:
    url.load(LAYER)
    picture_column, control_column = present.columns()
    with control_column:
        choose_layer()
        share.footer(CHAPTER, FIELDS, partial(url.reset, FIELDS))
    with picture_column:
        show_layer()
        with st.container(horizontal=True, vertical_alignment="center"):
            presets()
            download()
    compare_orders()
    url.save(FIELDS)


def choose_layer() -> None:
    orders = {place: t(f"overview.order_{place}") for place in PLACES}
    controls.pick(ORDER, t("overview.order"), orders, wrap=True)
    controls.pick(ACTIVATION, t("overview.activation"), group("activations"), wrap=True)
    sources = {source: t(f"overview.source_{source}") for source in FIRST_SOURCES}
    controls.pick(SOURCE, t("overview.source"), sources, wrap=True)
    with st.container(horizontal=True):
        scale_range, bias_range = figures.SCALE_RANGE, figures.BIAS_RANGE
        controls.number(SCALE, "s", *scale_range, step=0.5, format="%g", width=108)
        controls.number(BIAS, "b", *bias_range, step=0.5, format="%g", width=108)
        controls.number(SEED, t("overview.seed"), 0, 9999, width=108)


def the_batch() -> FirstLayer:
    return first_layer(url.value(SOURCE), url.value(SEED))


def frames(field: url.Field) -> list[Change]:
    """What the diagram shows at every position of one knob, the other where it stands."""
    chosen = {f.key: url.value(f) for f in LAYER if f is not field}
    return _frames(field.key, **chosen)


@st.cache_data(max_entries=64, show_spinner=False)
def _frames(knob_key: str, **chosen: object) -> list[Change]:
    x = first_layer(chosen["over_source"], chosen["over_seed"]).x
    f, order = ACTIVATIONS[chosen["over_f"]], chosen["over_order"]
    if knob_key == SCALE.key:
        scaled = figures.SCALES[:, None, None] * x
        return figures.layer_changes(scaled, figures.SCALES * 0 + chosen["over_b"], f, order)
    return figures.layer_changes(chosen["over_s"] * x[None], figures.BIASES, f, order)


def show_layer() -> None:
    batch, order, f = the_batch(), url.value(ORDER), ACTIVATIONS[url.value(ACTIVATION)]
    name = t(f"activations.{f.name}")
    block = {key: text.replace("{f}", name) for key, text in group("overview_block").items()}
    words = {key: text.replace("{f}", name) for key, text in group("layer_figure").items()}
    here = {"f": name, "m": len(batch.images), "d": FIRST_UNITS, **figures.layer_places(order)}
    before = order == "before"
    picture = Picture(
        figure=figures.layer_figure(words, f, order, batch.images, FIRST_UNITS, block),
        base=figures.layer_changes(url.value(SCALE) * batch.x[None], url.value(BIAS), f, order),
        alt=t("overview.alt_before", **here) if before else t("overview.alt_after", **here),
        filename=f"batch-normalization-{CHAPTER}",
        caption=t("overview.caption_before", **here)
        if before
        else t("overview.caption_after", **here),
        formats=figures.LAYER_FORMATS,
        table=figures.layer_table(words, order),
    )
    knobs = [
        knob(SCALE, figures.SCALES, frames(SCALE)),
        knob(BIAS, figures.BIASES, frames(BIAS)),
    ]
    live_chart(picture, knobs, key=CHART, fields=(SCALE, BIAS))
    st.caption(t("overview.weights", inputs=batch.images.shape[1], seed=url.value(SEED)))


def presets() -> None:
    st.markdown(t("presets.label"), width="content")
    for name, values in PRESETS.items():
        st.button(
            t(f"overview.preset_{name}"),
            key=f"over_preset_{name}",
            on_click=start_from,
            args=(LAYER, values),
        )


def start_from(fields: tuple[url.Field, ...], values: dict[url.Field, object]) -> None:
    """A scene: these values, and the defaults of the experiment's other fields."""
    url.reset(fields)
    url.assign_all(values)


def download() -> None:
    """Every value of every block, in full precision."""
    header = [t("csv.sample"), t("overview.unit"), *stages()]
    csv_button(
        t("frame.download_csv"),
        f"batch-normalization-{CHAPTER}",
        lambda: csv_bytes(header, figures.layer_rows(stages())),
        "over_csv",
    )


def stages() -> dict[str, Floats]:
    return one_layer(pre_activation(), ACTIVATIONS[url.value(ACTIVATION)], url.value(ORDER))


def pre_activation() -> Floats:
    return url.value(SCALE) * the_batch().x + url.value(BIAS)


def compare_orders() -> None:
    """What the next layer gets, with BN before f, behind it, and without."""
    x, f = pre_activation(), ACTIVATIONS[url.value(ACTIVATION)]
    found = {order: summary(next_input(x, f, order)) for order in ORDERS}
    far = {order: moved_by_bias(x, f, order, FAR_BIASES).max() for order in ORDERS}
    name = t(f"activations.{f.name}")
    st.markdown(t("overview.orders_title", f=name))
    columns = {
        t("overview.order_row"): [t(f"overview.row_{order}", f=name) for order in ORDERS],
        t("layer_figure.mean"): [number_text(s.mean[0]) for s in found.values()],
        t("layer_figure.sd"): [number_text(s.sd[0]) for s in found.values()],
        t("layer_figure.minimum"): [number_text(s.minimum[0]) for s in found.values()],
        t("layer_figure.skew"): [number_text(s.skew[0]) for s in found.values()],
        t("layer_figure.zeros"): [f"{s.zeros[0]:.1%}" for s in found.values()],
        t("overview.moved_row"): [number_text(far[order], 2) for order in ORDERS],
    }
    st.table(columns, hide_index=True, width="content", alt=t("overview.orders_alt"))


# ---- (1) a shallow model -------------------------------------------------------------------------


@st.fragment
def shallow() -> None:
    url.load(SHALLOW)
    st.header(t("overview.shallow_title"), anchor=False)
    st.markdown(prose(CHAPTER, "shallow"))
    picture_column, control_column = present.columns(2)
    with control_column, st.container(horizontal=True):
        rates, units = figures.RATE_RANGE, figures.UNIT_RANGE
        controls.number(RATE, "η", *rates, step=0.1, format="%g", width=108)
        controls.number(UNIT, "u", *units, step=1.0, format="%g", width=108)
    with picture_column:
        show_descent()
    url.save(FIELDS)


@st.cache_resource(max_entries=64, show_spinner=False)
def paths(unit: float) -> Paths:
    """At every learning rate of the knob."""
    return descend(two_features(), figures.RATES, unit, STEPS)


@st.cache_resource(max_entries=64, show_spinner=False)
def paths_by_unit(rate: float) -> Paths:
    """At every unit of the knob."""
    return descend(two_features(), rate, figures.UNITS, STEPS)


def show_descent() -> None:
    data, words = two_features(), group("inputs_figure")
    rate, unit = url.value(RATE), url.value(UNIT)
    here = {"all": STEPS, "drawn": figures.DRAWN, "m": len(data.z)}
    standard, raw = (descend(data, rate, u, STEPS) for u in (1.0, unit))
    conditions = condition_number(data, (1.0, unit))
    at_rates = figures.rate_changes(paths(1.0), paths(unit), conditions, unit)
    at_units = figures.unit_changes(
        data,
        standard,
        paths_by_unit(rate),
        condition_number(data, (1.0, *figures.UNITS)),
        figures.UNITS,
    )
    picture = Picture(
        figure=figures.descent_figure(words, data),
        base=figures.one_rate_changes(data, standard, raw, conditions, unit),
        alt=t("overview.descent_alt", **here, **figures.descent_places()),
        filename=f"batch-normalization-{CHAPTER}-inputs",
        caption=t("overview.descent_caption", **here, **figures.descent_places()),
        formats=figures.DESCENT_FORMATS,
        table=figures.descent_table(words),
    )
    knobs = [knob(RATE, figures.RATES, at_rates), knob(UNIT, figures.UNITS, at_units)]
    live_chart(picture, knobs, key="over_descent_chart", fields=SHALLOW)
    st.markdown(best_rates(paths(1.0), paths(unit)))


def best_rates(standard: Paths, raw: Paths) -> str:
    """Each with the learning rate of the knob that suits it best."""
    numbers = {}
    for name, found in (("standard", standard), ("raw", raw)):
        at = found.quickest(figures.TARGET)
        if at is None:
            return t("overview.no_best", all=STEPS, u=number_text(url.value(UNIT)))
        numbers[f"{name}_rate"] = number_text(figures.RATES[at])
        numbers[f"{name}_steps"] = int(found.steps_to(figures.TARGET)[at])
    return t("overview.best", **numbers)


# ---- (2) and (3) one step in a deep network ------------------------------------------------------


@st.fragment
def deep() -> None:
    url.load(DEEP)
    st.header(t("overview.deep_title"), anchor=False)
    st.markdown(prose(CHAPTER, "deep", depth=DEPTH, width=WIDTH, m=BATCH_SIZE))
    question = questions(CHAPTER)["most"]
    with present.part("predict"):
        uncovered = predict(question, GUESS)
        if uncovered:
            verdict(question, GUESS)
    if uncovered:
        picture_column, control_column = present.columns(3)
        with control_column:
            choose_networks()
        with picture_column:
            show_step()
        st.markdown(prose(CHAPTER, "there"))
    url.save(FIELDS)


def choose_networks() -> None:
    controls.pick(DEEP_ACTIVATION, t("overview.activation"), group("activations"), wrap=True)
    with st.container(horizontal=True):
        rates, scales = figures.STEP_RATE_RANGE, figures.WEIGHT_RANGE
        controls.number(STEP_RATE, "η", *rates, step=0.01, format="%.3g", width=108)
        controls.number(WEIGHTS, "s", *scales, step=0.1, format="%g", width=108)
        controls.number(DEEP_SEED, t("overview.seed"), 0, 9999, width=108)
    for name, scale in (("small", 1.0), ("he", 1.414), ("large", 2.0)):
        st.button(
            t(f"overview.weights_{name}"),
            key=f"over_weights_{name}",
            on_click=url.assign,
            args=(WEIGHTS, scale),
        )


@st.cache_resource(max_entries=64, show_spinner=False)
def at_rates(twins: Twins, scale: float) -> tuple[OneStep, OneStep]:
    return twins.at_rates(scale, figures.STEP_RATES.tolist())


@st.cache_resource(max_entries=64, show_spinner=False)
def at_scales(twins: Twins, rate: float) -> tuple[OneStep, OneStep]:
    return twins.at_scales(figures.WEIGHTS.tolist(), rate)


def show_step() -> None:
    twins = Twins(url.value(DEEP_ACTIVATION), url.value(DEEP_SEED))
    rate, scale = url.value(STEP_RATE), url.value(WEIGHTS)
    words = group("step_figure")
    plain, bn = twins.at_rates(scale, [rate])
    by_scale = at_scales(twins, rate)
    picture = Picture(
        figure=figures.step_figure(words, LAYERS),
        base=figures.step_changes(plain, bn),
        alt=t("overview.step_alt", layers=LAYERS, **figures.step_places()),
        filename=f"batch-normalization-{CHAPTER}-one-step",
        caption=t("overview.step_caption", **figures.step_places()),
        formats=figures.STEP_FORMATS,
        table=figures.step_table(words),
    )
    knobs = [
        knob(WEIGHTS, figures.WEIGHTS, figures.step_changes(*by_scale)),
        knob(STEP_RATE, figures.STEP_RATES, figures.step_changes(*at_rates(twins, scale))),
    ]
    live_chart(picture, knobs, key="over_step_chart", fields=(STEP_RATE, WEIGHTS))
    st.markdown(steadiness(plain, bn))
    st.markdown(swing(by_scale))


def steadiness(plain: OneStep, bn: OneStep) -> str:
    """Which of the two moved less here, and whether the step did any good."""
    less = "bn" if bn.moved[0, -1] < plain.moved[0, -1] else "plain"
    numbers = {
        f"{name}_{when}": number_text(float(getattr(step, when)[0]), 3)
        for name, step in (("plain", plain), ("bn", bn))
        for when in ("before", "after")
    }
    far = t("overview.farthest", plain=plain.farthest(), bn=bn.farthest(), all=LAYERS)
    return f"{t(f'overview.less_{less}')} {far} {t('overview.losses', **numbers)}"


def swing(by_scale: tuple[OneStep, OneStep]) -> str:
    """How much the movement of the last layer depends on the weight scale."""
    plain, bn = (step.spread() for step in by_scale)
    low, high = figures.WEIGHT_RANGE
    said = {"plain": times(plain), "bn": times(bn), "low": low, "high": high}
    return t(f"overview.swing_{'bn' if bn < plain else 'plain'}", **said)


def times(factor: float) -> str:
    """A factor as it is said: beyond a million nobody reads digits."""
    return t("overview.swing_more") if factor > MANY_TIMES else number_text(factor, 2)


def code() -> programs.TakeAlong:
    """Programs of the layer and of the shallow model as they are on the screen."""
    return programs.overview(
        the_batch().x,
        scale=url.value(SCALE),
        bias=url.value(BIAS),
        activation=url.value(ACTIVATION),
        data=two_features(),
        rate=url.value(RATE),
        unit=url.value(UNIT),
        steps=STEPS,
    )


# ---- the way through the chapters ----------------------------------------------------------------


@st.fragment
def way_and_quiz() -> None:
    """In one fragment, so that an answer in the quiz is on the map at once."""
    with present.part("more"):
        st.header(t("overview.way_title"), anchor=False)
        place = st.container()
    with present.part("quiz"):
        ask_all(CHAPTER, FIELDS)
    with place:  # what the browser remembers is known by now
        way()


def way() -> None:
    """A card for every chapter: what one can do afterwards, and how far one is."""
    standings = progress.standings()
    st.markdown(where_you_are(standings))
    with st.container(horizontal=True, gap="small"):
        for chapter in CHAPTERS:
            with st.container(border=True, width=350, gap="xsmall"):
                link(chapter, t(f"chapters.{chapter.name}"))
                st.markdown(t(f"way.{chapter.name}"))
                if chapter.name in standings:
                    st.caption(marks(standings[chapter.name]))
    st.markdown(t("overview.phone_title"))
    with st.container(horizontal=True, gap="small"):
        for chapter in CHAPTERS:
            if chapter.name in PHONE_PATH:
                name, minutes = t(f"chapters.{chapter.name}"), PHONE_PATH[chapter.name]
                link(chapter, t("overview.phone_step", name=name, minutes=minutes))


def where_you_are(standings: dict[str, Standing]) -> str:
    """How far the learner is in the whole book, and which chapter would be next."""
    now = progress.whole(standings.values())
    if now.right == 0:
        return t("overview.nothing_yet", all=now.all)
    if now.right == now.all:
        return t("overview.all_done", all=now.all)
    following = next(name for name, here in standings.items() if here.right < here.all)
    return t("overview.so_far", right=now.right, all=now.all, next=t(f"chapters.{following}"))


def marks(here: Standing) -> str:
    """Progress as dots and as numbers."""
    dots = "●" * here.right + "○" * (here.all - here.right)
    return t("overview.marks", dots=dots, right=here.right, all=here.all)


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
layer()
with present.part("reading"):
    st.markdown(prose(CHAPTER, "what"))
with present.part("more", 2):
    shallow()
deep()
programs.take_along(CHAPTER, code)
way_and_quiz()
with present.part("reading", "references"):
    st.markdown(prose("references", "list"))
