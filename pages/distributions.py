"""Distributions: one batch before and after BN and the activation, under the finger."""

from typing import Any, NamedTuple

import streamlit as st

from bn_core import forward_train
from bn_core.activations import ACTIVATIONS
from bn_core.datasets import SYNTHETIC_KINDS
from bn_core.summaries import largest_possible
from bn_core.sweeps import Floats, Passage, follow, own_axis, passage, standard_edges
from bn_ui import controls, own_numbers, present, share, url
from bn_ui import take_along as programs
from bn_ui.batches import (
    IMAGES,
    NOISE_BATCHES,
    Hidden,
    hidden_batch,
    hidden_stack,
    population_noise,
    shape_gallery,
    synthetic,
)
from bn_ui.export import batch_rows, csv_button, csv_bytes
from bn_ui.figures import distributions as figures
from bn_ui.figures.changes import Change
from bn_ui.live_chart import Picture, knob, live_chart
from bn_ui.numbers import number_text
from bn_ui.own_batch import forget, link_warning, own_batch
from bn_ui.predict import predict, verdict
from bn_ui.quiz import QUIZ_SEED, quiz
from bn_ui.text import group, prose, questions, t

CHAPTER = "distributions"
CHART = "dist_chart"
EXAMPLE = "1.2, 40\n0.4, 55\n2.9, 38\n-0.6, 61\n1.7, 47\n0.9, 90"
SYNTHETIC_FEATURES = 12
MOST_SMALL_PICTURES = 12
SHAPES_SIZE = 256

GAMMA = url.number("dist_gamma", 1.0, *figures.GAMMA_RANGE)
BETA = url.number("dist_beta", 0.0, *figures.BETA_RANGE)
EPS = url.number("dist_eps", 1e-5, *figures.EPS_RANGE)
SCALE = url.number("dist_scale", 8.0, *figures.SCALE_RANGE)
SOURCE = url.choice("dist_source", "digits", ("digits", "fashion", "synthetic", "own"))
SHAPE = url.choice("dist_shape", "two_humps", SYNTHETIC_KINDS)
LAYER = url.integer("dist_layer", 5, 1, 10)
WIDTHS = {width: width for width in ("8", "16", "32", "64")}
WIDTH = url.choice("dist_width", "32", tuple(WIDTHS))
ACTIVATION = url.choice("dist_activation", "sigmoid", tuple(ACTIVATIONS))
SIZE = url.integer("dist_m", 256, 1, 1024)
SEED = url.integer("dist_seed", 0, 0, 9999)
VIEW = url.choice("dist_view", "feature", ("feature", "pooled", "each"))
FEATURE = url.integer("dist_feature", 7, 1, 64)  # with seed 0 this unit is wholly saturated
OWN = url.text(
    "dist_own",
    EXAMPLE,
    own_numbers.MAX_BYTES + 1,  # so that more is refused, and not cut off
    read=own_numbers.from_link,
    write=own_numbers.to_link,
)
POPULATION = url.choice("dist_population", "digits", ("digits", "normal", "heavy_tailed"))
KNOBS = (GAMMA, BETA, EPS, SCALE)
BATCH = (SOURCE, SHAPE, LAYER, WIDTH, ACTIVATION, SIZE, SEED, VIEW, FEATURE, OWN)
LAB = (*KNOBS, *BATCH)
FIELDS = (*LAB, POPULATION, QUIZ_SEED)


class Batch(NamedTuple):
    """A batch (m, d), the network that made it if one did, and what to call it."""

    x: Floats
    hidden: Hidden | None
    title: str
    names: tuple[str, ...]


@st.fragment
def lab() -> None:
    url.load(LAB)
    picture_column, control_column = present.columns()
    with control_column:
        knob_boxes()
        batch = choose_batch()
        choose_view(batch)
    with picture_column:
        st.markdown(f"**{title(batch)}**")
        if url.value(VIEW) == "each":
            show_each(batch)
        else:
            show_one(batch)
        if batch.hidden:
            st.caption(weights(batch.hidden))
        with st.container(horizontal=True, vertical_alignment="center"):
            download(batch)
            presets(batch)
    with control_column:
        warning = link_warning(OWN) if url.value(SOURCE) == "own" else ""
        share.footer(CHAPTER, FIELDS, reset, warning)
    programs.take_along(CHAPTER, lambda: code(batch))
    url.save(FIELDS)


# ---- controls --------------------------------------------------------------------------------


def knob_boxes() -> None:
    """The exact values behind the knobs."""
    with st.container(horizontal=True):
        controls.number(GAMMA, "γ", *figures.GAMMA_RANGE, step=0.1, format="%g", width=108)
        controls.number(BETA, "β", *figures.BETA_RANGE, step=0.1, format="%g", width=108)
        controls.number(EPS, "ε", *figures.EPS_RANGE, step=1e-5, format="%.3g", width=108)
        if url.value(SOURCE) in IMAGES:
            label = t("distributions.scale_short")
            controls.number(SCALE, label, *figures.SCALE_RANGE, step=1.0, format="%g", width=108)


def choose_batch() -> Batch:
    source = controls.select(
        SOURCE, t("distributions.source"), group("sources"), on_change=show_first
    )
    if source == "own":
        own = own_batch(OWN)
        choose_activation()
        names = tuple(name or str(k) for k, name in enumerate(own.names, 1))
        return Batch(own.x, None, t("distributions.title_own", m=len(own.x)), names)
    if source == "synthetic":
        kind = controls.select(SHAPE, t("distributions.shape"), group("shapes"))
        choose_activation()
        m, seed = choose_size()
        names = tuple(str(k) for k in range(1, SYNTHETIC_FEATURES + 1))
        words = t("distributions.title_synthetic", m=m, kind=t(f"shapes.{kind}"))
        return Batch(synthetic(kind, m, SYNTHETIC_FEATURES, seed), None, words, names)
    return choose_network(source)


def choose_network(source: str) -> Batch:
    layer = controls.number(LAYER, t("distributions.layer"), 1, 10)
    choose_activation()
    width = int(controls.pick(WIDTH, t("distributions.width"), WIDTHS))
    m, seed = choose_size()
    hidden = Hidden(source, m, layer, width, url.value(ACTIVATION), seed)
    words = t("distributions.title_network", layer=layer, m=m, images=t(f"images.{source}"))
    names = tuple(str(k) for k in range(1, width + 1))
    return Batch(hidden_batch(hidden, url.value(SCALE)), hidden, words, names)


def show_first() -> None:
    """A new source starts at the feature worth seeing: the chapter's opening unit, or the first."""
    network = url.value(SOURCE) in IMAGES
    url.assign(FEATURE, FEATURE.default if network else 1)


def choose_activation() -> None:
    controls.pick(ACTIVATION, t("distributions.activation"), group("activations"))


def choose_size() -> tuple[int, int]:
    with st.container(horizontal=True):
        m = controls.number(SIZE, t("distributions.size"), 1, 1024, width=108)
        seed = controls.number(SEED, t("distributions.seed"), 0, 9999, width=108)
    return m, seed


def choose_view(batch: Batch) -> None:
    view = controls.pick(VIEW, t("distributions.view"), group("views"))
    d = batch.x.shape[1]
    if view == "feature":
        controls.number(FEATURE, t("distributions.feature", d=d), 1, d)
    elif view == "each" and d > MOST_SMALL_PICTURES:
        controls.number(FEATURE, t("distributions.first_feature", d=d), 1, d)


def shown_columns(batch: Batch) -> slice:
    """The features on the screen."""
    d = batch.x.shape[1]
    first = min(url.value(FEATURE), d) - 1
    match url.value(VIEW):
        case "feature":
            return slice(first, first + 1)
        case "pooled":
            return slice(0, d)
        case _:
            first = min(first, max(d - MOST_SMALL_PICTURES, 0))
            return slice(first, min(first + MOST_SMALL_PICTURES, d))


def title(batch: Batch) -> str:
    """What exactly is drawn: source, which features, how many values."""
    d = batch.x.shape[1]
    columns = shown_columns(batch)
    which = t(
        f"distributions.which_{url.value(VIEW)}",
        first=batch.names[columns.start],
        last=batch.names[columns.stop - 1],
        d=d,
    )
    return t("distributions.title", what=batch.title, which=which)


def presets(batch: Batch) -> None:
    """Screens worth a look. Each starts from the defaults, but for ε = σ² of what is shown."""
    synthetic_shape = {SOURCE: "synthetic", FEATURE: 1}
    st.markdown(t("presets.label"), width="content")
    scene("deep", {LAYER: 10, VIEW: "pooled"})
    scene("humps", synthetic_shape | {SHAPE: "two_humps"})
    scene("outlier", synthetic_shape | {SHAPE: "outlier"})
    scene("single", {SIZE: 1})
    variance = float(forward_train(batch.x).var[shown_columns(batch).start])
    low, high = figures.EPS_RANGE
    one = url.value(VIEW) == "feature"
    scene("floor", {EPS: variance}, possible=one and low <= variance <= high)


def scene(name: str, values: dict[url.Field, object], *, possible: bool = True) -> None:
    def set_up() -> None:
        url.assign_all(values)

    def start_over() -> None:
        reset()
        set_up()

    st.button(
        t(f"presets.{name}"),
        key=f"dist_preset_{name}",
        on_click=set_up if EPS in values else start_over,
        disabled=not possible,
    )


def reset() -> None:
    url.reset(FIELDS)
    forget(OWN)


def weights(hidden: Hidden) -> str:
    """What the network's weights are."""
    activation = t(f"activations.{hidden.activation}")
    scale = number_text(url.value(SCALE))
    named = hidden._asdict() | {"activation": activation, "scale": scale}
    return t("distributions.weights", **named) + " " + whole_layer(hidden)


def whole_layer(hidden: Hidden) -> str:
    """One unit may be an exception: the saturated share of all units, before and after."""
    layer = passage(hidden_batch(hidden, url.value(SCALE)), **settings())
    return t(
        "distributions.whole_layer",
        before=f"{layer.x.saturated[0]:.1%}",
        after=f"{layer.y.saturated[0]:.1%}",
    )


# ---- pictures --------------------------------------------------------------------------------


def settings() -> dict[str, object]:
    """γ, β, ε and the activation as the core takes them."""
    return {
        "gamma": url.value(GAMMA),
        "beta": url.value(BETA),
        "eps": url.value(EPS),
        "activation": ACTIVATIONS[url.value(ACTIVATION)],
    }


def show_one(batch: Batch) -> None:
    """One feature, or all of them pooled."""
    columns = shown_columns(batch)
    here = settings()
    x = batch.x[:, columns]
    now = passage(x, **here)
    grid = figures.positions(url.value(VIEW))
    all_stages = ("x", "x_hat", "y")
    knobs = [
        knob(GAMMA, grid.gamma, figures.changes(passage(x, **here | {"gamma": grid.gamma}), ())),
        knob(BETA, grid.beta, figures.changes(passage(x, **here | {"beta": grid.beta}), ())),
        knob(EPS, grid.eps, figures.changes(passage(x, **here | {"eps": grid.eps}), ("x_hat",))),
    ]
    if batch.hidden:
        stack = hidden_stack(batch.hidden, grid.scale, columns)
        knobs.append(knob(SCALE, grid.scale, figures.changes(passage(stack, **here), all_stages)))
    words = group("distribution_figure")
    picture = Picture(
        figure=figures.figure(words, here["activation"], now),
        base=figures.changes(now, all_stages),
        alt=t("distributions.alt", title=title(batch), **figures.places()),
        filename=f"batch-normalization-{CHAPTER}",
        caption=t("distributions.caption", **figures.places()),
        formats=figures.FORMATS,
        table=figures.table(words),
    )
    live_chart(picture, knobs, key=CHART, fields=KNOBS)


def show_each(batch: Batch) -> None:
    """Small pictures, one row for each feature."""
    columns = shown_columns(batch)
    here = settings()
    grid = figures.positions("each")
    x = batch.x[:, columns]
    knobs = [
        knob(field, values, each_changes(each_passage(x, **here | {name: values}), ()))
        for field, name, values in (
            (GAMMA, "gamma", grid.gamma),
            (BETA, "beta", grid.beta),
            (EPS, "eps", grid.eps),
        )
    ]
    if batch.hidden:
        stack = hidden_stack(batch.hidden, grid.scale, columns)
        knobs.append(knob(SCALE, grid.scale, each_changes(each_passage(stack, **here), ("x",))))
    picture = Picture(
        figure=figures.each_figure(group("distribution_figure"), batch.names[columns]),
        base=each_changes(each_passage(x, **here), ("x",)),
        alt=t("distributions.alt_each", title=title(batch)),
        filename=f"batch-normalization-{CHAPTER}-features",
        caption=t("distributions.caption_each"),
        formats=figures.EACH_FORMATS,
    )
    live_chart(picture, knobs, key=CHART, fields=KNOBS)


def each_changes(passages: list[Passage], moving: tuple[str, ...]) -> list[Change]:
    return [*figures.each_changes(passages, moving), figures.each_numbers(passages)]


def each_passage(x: Floats, **here: object) -> list[Passage]:
    """One passage a feature, all with the same axis for x."""
    stack = x if x.ndim == 3 else x[None]
    edges = own_axis(stack)
    return [passage(stack[:, :, [k]], **here, x_edges=edges) for k in range(stack.shape[2])]


def download(batch: Batch) -> None:
    """The numbers behind the picture, in full precision."""
    columns = shown_columns(batch)
    x, here, names = batch.x[:, columns], settings(), batch.names[columns]
    header = list(group("csv").values())

    def make() -> bytes:
        return csv_bytes(header, batch_rows(names, x, *follow(x, **here)))

    csv_button(t("frame.download_csv"), f"batch-normalization-{CHAPTER}", make, "dist_csv")


def code(batch: Batch) -> programs.TakeAlong:
    """Programs that compute the statistics of the features on the screen."""
    columns = shown_columns(batch)
    each = url.value(VIEW) == "each"
    x = batch.x[:, columns]
    return programs.distributions(x, **settings(), first=columns.start + 1, each=each)


# ---- predict: what happens to the shape ------------------------------------------------------


@st.fragment
def shapes() -> None:
    """Six shapes, before and after: covered until the learner has guessed."""
    question = questions(CHAPTER)["shapes"]
    st.header(t("distributions.shapes_title"), anchor=False)
    if not predict(question, "dist_guess"):
        return
    verdict(question, "dist_guess")
    kinds, x = shape_gallery(SHAPES_SIZE)
    edges = standard_edges(x)
    passages = [
        passage(x[:, [k]], activation=ACTIVATIONS["sigmoid"], x_edges=edges[[k]])
        for k in range(len(kinds))
    ]
    x_range = own_axis(x[None])[:, [0, -1]]
    names = [t(f"shapes.{kind}") for kind in kinds]
    words = group("distribution_figure")
    table = figures.shapes_table(words, names)
    picture = Picture(
        figure=figures.each_figure(words, names, after="x_hat"),
        base=[
            *figures.each_changes(passages, ("x",), x_range),
            figures.shapes_statistics(passages, forward_train(x).x_hat),
        ],
        alt=t("distributions.shapes_alt", rows="".join(map(shape_words, table.rows))),
        filename=f"batch-normalization-{CHAPTER}-shapes",
        caption=t(
            "distributions.shapes_caption",
            m=SHAPES_SIZE,
            bound=number_text(largest_possible(SHAPES_SIZE)),
        ),
        formats=["number"] * (3 * len(kinds)),
        table=table,
    )
    live_chart(picture, key="dist_shapes_chart")


def shape_words(row: dict[str, Any]) -> str:
    before, after, _ = row["cells"]
    return t("distributions.shapes_alt_row", name=row["label"], before=before, after=after)


# ---- how noisy a mini-batch is ---------------------------------------------------------------


@st.fragment
def noise() -> None:
    """What a mini-batch knows of the whole: μ and σ² of many batches of each size."""
    url.load([POPULATION])
    st.header(t("distributions.noise_title"), anchor=False)
    st.markdown(prose(CHAPTER, "noise", batches=NOISE_BATCHES))
    source = controls.pick(POPULATION, t("distributions.population"), group("populations"))
    measured = population_noise(source)
    words = group("noise_figure")
    picture = Picture(
        figure=figures.noise_figure(words, measured),
        base=[figures.noise_numbers(measured)],
        alt=t("distributions.noise_alt"),
        filename=f"batch-normalization-{CHAPTER}-noise",
        caption=t("distributions.noise_caption"),
        formats=["number"] * 5,
    )
    live_chart(picture, key="dist_noise_chart")
    url.save(FIELDS)


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
lab()
with present.part("predict"):
    shapes()
with present.part("reading"):
    st.markdown(prose(CHAPTER, "reading"))
with present.part("more"):
    noise()
with present.part("quiz"):
    quiz(CHAPTER, FIELDS)
