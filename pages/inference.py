"""Training and inference: running statistics, three ways to evaluate, batch-mates, folding,
frozen BN."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import streamlit as st

from bn_core.in_use import (
    FROZEN_CONFIG,
    FoldedUnit,
    Lag,
    Moved,
    Switches,
    folded_unit,
    folding_errors,
    in_company,
    lags,
    one_step_each,
    region,
    statistics_of,
)
from bn_core.inference import evaluated_by_statistics, recalibrated
from bn_core.network import BN_EPS, Statistics
from bn_core.running import TRUE_MEAN, TRUE_VAR, Stream, initial_weight, stream
from bn_core.training import Finished
from bn_core.training_config import TrainingConfig
from bn_core.training_data import TrainingData, training_data
from bn_ui import controls, inference_network, present, share, url
from bn_ui import take_along as programs
from bn_ui.export import csv_button, csv_bytes
from bn_ui.figures import inference as figures
from bn_ui.inference_network import BATCH_SIZE, DEPTH, TRAIN_SIZE, WIDTH, settings
from bn_ui.live_chart import Picture, knob, live_chart
from bn_ui.numbers import number_tex, number_text, shown
from bn_ui.predict import predict, verdict
from bn_ui.quiz import QUIZ_SEED, quiz
from bn_ui.runs import state, words
from bn_ui.runs.jobs import Job
from bn_ui.runs.networks import job as job_of
from bn_ui.runs.pool import View, unbroken
from bn_ui.runs.shared import pool, viewer
from bn_ui.text import group, prose, questions, t

CHAPTER = "inference"
CHART = "inf_chart"
GUESS = "inf_guess"
STARTED = "inf_started"  # what this tab has asked for: its failure is told, somebody else's is not

# Running statistics.
ALPHA = url.number("inf_alpha", 0.1, *figures.ALPHA_RANGE)
SIZE = url.integer("inf_m", 16, 2, 256)
COUNTS = {count: count for count in ("25", "50", "100", "200")}
COUNT = url.choice("inf_steps", "100", tuple(COUNTS))
STORED = url.choice("inf_stored", "unbiased", ("unbiased", "biased"))
SEED = url.integer("inf_seed", 0, 0, 9999)
STREAM = (ALPHA, SIZE, COUNT, STORED, SEED)
# The trained network.
TRAINED_ALPHAS = ("0.1", "0.03", "0.01", "0.003")
TRAINED_ALPHA = url.choice("inf_train_alpha", inference_network.ALPHA, TRAINED_ALPHAS)
TRAINED_STEPS = tuple(sorted(inference_network.STEPS, key=int))
TRAINED_COUNT = url.choice("inf_train_steps", inference_network.STEPS[0], TRAINED_STEPS)
TRAINED_SEED = url.integer("inf_train_seed", 0, 0, 99)
TRAINED = (TRAINED_ALPHA, TRAINED_COUNT, TRAINED_SEED)
# Batch-mates.
SAMPLE = url.integer("inf_sample", 22, 1, 2000)  # near the border of the classes
COMPANY_SIZES = ("2", "4", "16", "64")
COMPANY_SIZE = url.choice("inf_mates", "16", COMPANY_SIZES)
DRAW = url.integer("inf_draw", 0, 0, 9999)
MATES = (SAMPLE, COMPANY_SIZE, DRAW)
# Folding.
LAYER = url.integer("inf_layer", 1, 1, DEPTH)
UNIT = url.integer("inf_unit", 1, 1, WIDTH)
UNITS = (LAYER, UNIT)
# Frozen BN.
AFFINE = url.switch("inf_affine", True)
USES = url.choice("inf_uses", "batch", ("batch", "running"))
UPDATES = url.switch("inf_updates", True)
FROZEN = (AFFINE, USES, UPDATES)
FIELDS = (*STREAM, *TRAINED, *MATES, *UNITS, *FROZEN, QUIZ_SEED)

DRAWS = 20
POLL_SECONDS = 0.4
NOTICEABLE = 0.02  # accuracies closer than this are called the same
PRESETS = {
    "torch": {ALPHA: 0.1, STORED: "unbiased"},
    "keras": {ALPHA: 0.01, STORED: "biased"},
    "port": {ALPHA: 0.99, STORED: "unbiased"},
}
# Buttons that read the same in every language.
FREEZES = {
    "bn.train()": {AFFINE: True, USES: "batch", UPDATES: True},
    "bn.eval()": {AFFINE: True, USES: "running", UPDATES: False},
    "requires_grad_(False)": {AFFINE: False, USES: "batch", UPDATES: True},
    "trainable = False": {AFFINE: False, USES: "running", UPDATES: False},
}


@st.fragment
def lab() -> None:
    url.load(STREAM)
    question = questions(CHAPTER)["port"]
    if predict(question, GUESS):
        verdict(question, GUESS)
        uncovered()
    url.save(FIELDS)


def uncovered() -> None:
    """What the guess uncovers."""
    follow()
    with present.part("more"):
        network()
    with present.part("more", 2):
        frozen()
    programs.take_along(CHAPTER, code)
    with present.part("reading"):
        st.markdown(prose(CHAPTER, "reading"))


# ---- running statistics against the true ones ---------------------------------------------------


def follow() -> None:
    picture_column, control_column = present.columns()
    with control_column:
        choose()
        share.footer(CHAPTER, FIELDS, partial(url.reset, FIELDS))
    with picture_column:
        batches = the_stream()
        show_running(batches)
        with st.container(horizontal=True, vertical_alignment="center"):
            presets()
            download(batches)


def choose() -> None:
    label = t("inference.alpha")
    controls.number(ALPHA, label, *figures.ALPHA_RANGE, step=0.01, format="%.4g")
    names = {name: t(f"inference.stored_{name}") for name in ("unbiased", "biased")}
    controls.pick(STORED, t("inference.stored"), names)
    controls.pick(COUNT, t("inference.count"), COUNTS)
    with st.container(horizontal=True):
        controls.number(SIZE, t("inference.size"), 2, 256, width=108)
        controls.number(SEED, t("inference.seed"), 0, 9999, width=108)


def the_stream() -> Stream:
    return stream(url.value(SIZE), int(url.value(COUNT)), url.value(SEED))


@st.cache_data(max_entries=64, show_spinner=False)
def moving(size: int, count: int, seed: int, unbiased: bool) -> list[figures.Change]:
    """A row for each position of the knob."""
    values = figures.batch_values(stream(size, count, seed), unbiased)
    return figures.running_changes(values, figures.ALPHAS)


def show_running(batches: Stream) -> None:
    unbiased = url.value(STORED) == "unbiased"
    values = figures.batch_values(batches, unbiased)
    words_ = group("running_figure")
    here = {"count": url.value(COUNT), "m": batches.size}
    places = figures.running_places()
    picture = Picture(
        figure=figures.running_figure(words_, values),
        base=figures.running_changes(values, [url.value(ALPHA)]),
        alt=t("inference.running_alt", **here, **places),
        filename=f"batch-normalization-{CHAPTER}",
        caption=t("inference.running_caption", **here, **places),
        formats=["number"] * len(places),
        table=figures.running_table(words_),
    )
    changes = moving(batches.size, int(url.value(COUNT)), url.value(SEED), unbiased)
    live_chart(picture, [knob(ALPHA, figures.ALPHAS, changes)], key=CHART, fields=[ALPHA])
    m = batches.size
    if unbiased:
        st.caption(t("inference.is_unbiased", m=m, true=number_text(TRUE_VAR)))
    else:
        st.caption(
            t(
                "inference.is_biased",
                m=m,
                less=m - 1,
                stored=number_text(batches.expected_var(False)),
                true=number_text(TRUE_VAR),
            )
        )


def presets() -> None:
    st.markdown(t("presets.label"), width="content")
    for name, values in PRESETS.items():
        st.button(
            t(f"inference.preset_{name}"),
            key=f"inf_preset_{name}",
            on_click=url.assign_all,
            args=(values,),
        )


def download(batches: Stream) -> None:
    """Every curve, at this α, in full precision."""
    header = list(group("running_csv").values())
    unbiased, alpha = url.value(STORED) == "unbiased", url.value(ALPHA)

    def make() -> bytes:
        values = figures.batch_values(batches, unbiased)
        return csv_bytes(header, figures.running_rows(values, alpha))

    csv_button(t("frame.download_csv"), f"batch-normalization-{CHAPTER}", make, "inf_csv")


def file_of(
    experiment: str, header: Mapping[str, str], rows: Callable[[], Iterable[Sequence[object]]]
) -> None:
    """A button for the numbers of one of the experiments below, in full precision."""
    filename = f"batch-normalization-{CHAPTER}-{experiment}"

    def make() -> bytes:
        return csv_bytes(list(header.values()), rows())

    csv_button(t("frame.download_csv"), filename, make, f"inf_{experiment}_csv")


# ---- one trained network ------------------------------------------------------------------------


class Result(NamedTuple):
    """A trained network, its statistics, and what it was trained on."""

    key: str
    finished: Finished
    recomputed: Statistics
    data: TrainingData


def config() -> TrainingConfig:
    alpha, steps = float(url.value(TRAINED_ALPHA)), int(url.value(TRAINED_COUNT))
    return settings(alpha, steps, url.value(TRAINED_SEED))


@st.fragment
def network() -> None:
    """Trained once; then looked at in three ways."""
    url.load((*TRAINED, *MATES, *UNITS))
    st.header(t("inference.ways_title"), anchor=False)
    st.markdown(prose(CHAPTER, "ways"))
    with st.container(horizontal=True):
        alphas = {alpha: alpha for alpha in TRAINED_ALPHAS}
        controls.pick(TRAINED_ALPHA, t("inference.train_alpha"), alphas, width="content")
        counts = {count: count for count in TRAINED_STEPS}
        controls.pick(TRAINED_COUNT, t("inference.train_steps"), counts, width="content")
        controls.number(TRAINED_SEED, t("inference.seed"), 0, 99, width=108)
    finished = trained_in_the_pool(config())
    if finished is not None:
        found = result(config().key(), finished)
        show_ways(found)
        mates(found)
        fold(found)
    url.save(FIELDS)


def trained_in_the_pool(settings: TrainingConfig) -> Finished | None:
    """The end of the training, when it is there; until then, how far it is."""
    job = job_of(settings)
    mine = st.session_state.get(STARTED) == job.identity
    found = pool().find(job, viewer())
    view = (found if mine else unbroken(found)) or start(job)
    if view is None:
        return None
    now = view.snapshot()
    finished = end_of(view) if now.state == state.DONE else None
    if finished:
        if finished.diverged_at is None:
            return finished
        st.warning(t("inference.diverged", step=finished.diverged_at), icon=":material/warning:")
        return None
    if now.over:
        st.warning(words.sentence(view.snapshot()), icon=":material/warning:")
        st.button(t("inference.train_again"), key="inf_again", on_click=again, args=(job,))
        return None
    wait(job)
    return None


def end_of(view: View) -> Finished | None:
    """The last event of a run that is done; None if it was forgotten this moment."""
    return next((event for event in view.since(0) if isinstance(event, Finished)), None)


def start(job: Job) -> View | None:
    """Ask for a run; None if the queue is full, which is said."""
    st.session_state[STARTED] = job.identity
    try:
        return pool().submit(job, viewer())
    except state.Refused as refused:
        st.warning(words.refusal(refused), icon=":material/warning:")
        st.button(t("inference.train_again"), key="inf_again")
        return None


def again(job: Job) -> None:
    """A callback: what it would draw stands nowhere, so a full queue leaves things as they are."""
    with suppress(state.Refused):
        pool().submit(job, viewer())


@st.fragment(run_every=POLL_SECONDS)
def wait(job: Job) -> None:
    view = pool().find(job, viewer())
    if view is None or view.snapshot().over:
        st.rerun()
    now = view.snapshot()
    st.progress(now.progress, text=words.sentence(now))


@st.cache_resource(max_entries=32, show_spinner=False)
def result(key: str, _finished: Finished) -> Result:
    data = training_data("spirals").first(TRAIN_SIZE)
    return Result(key, _finished, recalibrated(_finished.network, data.x), data)


@st.cache_resource(max_entries=32, show_spinner=False)
def ways(key: str, _found: Result) -> tuple[dict, dict]:
    """Accuracies and regions by kind of statistics."""
    trained, running = _found.finished.network, _found.finished.running
    evaluations = evaluated_by_statistics(trained, running, _found.data, BATCH_SIZE)
    statistics = {
        "running": running,
        "batch": statistics_of(trained, _found.data.held_out_x[:BATCH_SIZE]),
        "recomputed": _found.recomputed,
    }
    regions = {way: region(trained, kind, figures.GRID) for way, kind in statistics.items()}
    return evaluations, regions


def show_ways(found: Result) -> None:
    evaluations, regions = ways(found.key, found)
    shares = {way: f"{evaluations[way].accuracy:.1%}" for way in figures.WAYS}
    alpha, count = url.value(TRAINED_ALPHA), int(url.value(TRAINED_COUNT))
    left = f"{float(initial_weight(float(alpha), count)):.1%}"
    here = {"alpha": alpha, "steps": count, "left": left, **shares}
    picture = Picture(
        figure=figures.ways_figure(
            group("ways_figure"),
            regions,
            evaluations,
            found.data.held_out_x,
            found.data.held_out_labels,
        ),
        base=[],
        alt=t("inference.ways_alt", **here),
        filename=f"batch-normalization-{CHAPTER}-statistics",
        caption=t("inference.ways_caption", **here),
    )
    live_chart(picture, key="inf_ways_chart")
    behind = lags(found.finished.running, found.recomputed)
    gain = evaluations["recomputed"].accuracy - evaluations["running"].accuracy
    points = f"{100 * abs(gain):.1f}"
    if gain > NOTICEABLE:
        st.markdown(t("inference.gap", points=points))
    elif gain < -NOTICEABLE:
        st.markdown(t("inference.reverse", points=points))
    else:
        st.markdown(t("inference.no_gap", points=points))
    lag_table(behind)
    words_ = group("ways_figure") | group("ways_rows")
    file_of("ways", group("ways_csv"), lambda: figures.ways_rows(words_, evaluations, behind))


def lag_table(table: Sequence[Lag]) -> None:
    """Where the running statistics of each layer are, seen from the recomputed ones."""
    st.table(
        {
            t("inference.lag_layer"): [str(n) for n, _ in enumerate(table, 1)],
            t("inference.lag_mean"): [number_text(lag.mean, 3) for lag in table],
            t("inference.lag_var"): [number_text(lag.var, 3) for lag in table],
        },
        hide_index=True,
        width="content",
        alt=t("inference.lag_alt"),
    )
    st.caption(t("inference.network", depth=DEPTH, width=WIDTH, m=BATCH_SIZE))


# ---- batch-mates ---------------------------------------------------------------------------------


@st.fragment
def mates(found: Result) -> None:
    url.load(MATES)
    st.header(t("inference.mates_title"), anchor=False)
    st.markdown(prose(CHAPTER, "mates"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        controls.number(SAMPLE, t("inference.sample"), 1, len(found.data.held_out_x), width=128)
        sizes = {size: size for size in COMPANY_SIZES}
        controls.pick(COMPANY_SIZE, t("inference.size"), sizes, width="content")
        st.button(t("inference.draw"), key="inf_draw_again", on_click=draw_others)
    sample, size = url.value(SAMPLE), int(url.value(COMPANY_SIZE))
    company = in_company(
        found.finished.network,
        found.finished.running,
        found.data.held_out_x,
        sample - 1,
        size=size,
        draws=DRAWS,
        seed=url.value(DRAW),
    )
    label = int(found.data.held_out_labels[sample - 1])
    here = {
        "sample": sample,
        "draws": DRAWS,
        "m": size,
        "true": t(f"ways_figure.class_{label}"),
        "low": number_text(company.range[0]),
        "high": number_text(company.range[1]),
        "ones": company.votes,
        "running": number_text(float(company.running[0]), 3),
        "spread": shown(company.spread, 1.0),
    }
    picture = Picture(
        figure=figures.mates_figure(group("ways_figure"), company),
        base=[],
        alt=t("inference.mates_alt", **here),
        filename=f"batch-normalization-{CHAPTER}-mates",
        caption=t("inference.mates_caption", **here),
    )
    live_chart(picture, key="inf_mates_chart")
    file_of("mates", group("mates_csv"), lambda: figures.mates_rows(company))
    url.save(FIELDS)


def draw_others() -> None:
    url.assign(DRAW, (url.value(DRAW) + 1) % 10_000)


# ---- folding -------------------------------------------------------------------------------------


@st.fragment
def fold(found: Result) -> None:
    url.load(UNITS)
    trained, running = found.finished.network, found.finished.running
    st.header(t("inference.fold_title"), anchor=False)
    st.markdown(prose(CHAPTER, "fold"))
    with st.container(horizontal=True):
        layer = controls.number(LAYER, t("inference.layer", all=DEPTH), 1, DEPTH, width=128)
        unit = controls.number(UNIT, t("inference.unit", all=WIDTH), 1, WIDTH, width=128)
    number = folded_unit(trained, running, layer - 1, unit - 1)
    show_unit(number, layer, unit)
    first = found.data.held_out_x[:BATCH_SIZE]
    other = found.data.held_out_x[BATCH_SIZE : 2 * BATCH_SIZE]
    errors = folding_errors(trained, running, first, other)
    names = [t("inference.layer_n", n=n) for n in range(1, DEPTH + 1)] + [t("inference.logits")]
    st.table(
        {
            t("inference.lag_layer"): names,
            t("inference.fold_error"): [number_text(error, 2) for error in errors.running],
        },
        hide_index=True,
        width="content",
        alt=t("inference.fold_alt"),
    )
    st.markdown(
        t(
            "inference.fold_result",
            error=number_text(float(errors.running[-1]), 2),
            apart=number_text(errors.batch, 3),
        )
    )
    words_ = group("fold_rows")
    file_of("fold", group("fold_csv"), lambda: figures.fold_rows(words_, number, errors))
    url.save(FIELDS)


def show_unit(u: FoldedUnit, layer: int, unit: int) -> None:
    """One unit with its numbers: the formula, filled in."""
    numbers = {
        "gamma": u.gamma,
        "beta": u.beta,
        "mean": u.mean,
        "var": u.var,
        "weight": float(u.weight[0]),
        "bias": u.bias,
        "folded_weight": float(u.folded_weight[0]),
        "folded_bias": u.folded_bias,
    }
    texts = {name: in_formula(value) for name, value in (numbers | {"eps": BN_EPS}).items()}
    st.markdown(t("inference.fold_unit", layer=layer, unit=unit, **texts))


def in_formula(value: float) -> str:
    """A number as LaTeX; a negative one in brackets."""
    text = number_tex(shown(value, 1.0))
    return f"({text})" if text.startswith("-") else text


# ---- frozen BN -----------------------------------------------------------------------------------


@st.cache_data(show_spinner=False)
def steps_taken() -> dict[Switches, Moved]:
    return dict(one_step_each())


@st.fragment
def frozen() -> None:
    url.load(FROZEN)
    st.header(t("inference.frozen_title"), anchor=False)
    st.markdown(prose(CHAPTER, "frozen"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        controls.switch(AFFINE, t("inference.affine"), width="content")
        controls.switch(UPDATES, t("inference.updates"), width="content")
        uses = {name: t(f"inference.uses_{name}") for name in ("batch", "running")}
        controls.pick(USES, t("inference.uses"), uses, width="content")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(t("presets.label"), width="content")
        for number, (name, values) in enumerate(FREEZES.items()):
            st.button(name, key=f"inf_freeze_{number}", on_click=url.assign_all, args=(values,))
    chosen = Switches(url.value(AFFINE), url.value(USES) == "batch", url.value(UPDATES))
    moved = steps_taken()
    st.markdown(
        t(
            "inference.frozen_chosen",
            weight=number_text(moved[chosen].weight, 3),
            affine=number_text(moved[chosen].affine, 3),
            running=number_text(moved[chosen].running, 3),
            how=t(f"frozen_how.{name_of(chosen)}"),
        )
    )
    frozen_table(moved, chosen)
    words_ = group("frozen_rows")
    file_of("frozen", group("frozen_csv"), lambda: figures.frozen_rows(words_, moved))
    url.save(FIELDS)


def name_of(s: Switches) -> str:
    affine = "learned" if s.train_affine else "fixed"
    uses = "batch" if s.use_batch else "running"
    return f"{affine}_{uses}_{'moving' if s.update_running else 'still'}"


def frozen_table(moved: dict[Switches, Moved], chosen: Switches) -> None:
    """What the file holds, rounded; the row of the switches as they are set is marked."""
    columns = list(zip(*figures.frozen_rows(group("frozen_rows"), moved), strict=True))
    first, *settings_, affine, running, weight = columns
    marked = [
        t("inference.marked", text=text) if switches == chosen else text
        for switches, text in zip(moved, first, strict=True)
    ]
    numbers = [[number_text(value, 2) for value in column] for column in (affine, running, weight)]
    st.table(
        dict(zip(group("frozen_csv").values(), (marked, *settings_, *numbers), strict=True)),
        hide_index=True,
        width="content",
        alt=t("inference.frozen_alt"),
    )
    st.caption(
        t(
            "inference.frozen_network",
            depth=FROZEN_CONFIG.depth,
            width=FROZEN_CONFIG.width,
            steps=FROZEN_CONFIG.steps,
            eta=number_text(FROZEN_CONFIG.learning_rate),
        )
    )


# ---- code ----------------------------------------------------------------------------------------


def code() -> programs.TakeAlong:
    """Programs of the running statistics on the screen, and of the folded unit if it is there."""
    unbiased = url.value(STORED) == "unbiased"
    values = figures.batch_values(the_stream(), unbiased)
    view = pool().find(job_of(config()), viewer())
    unit = None
    if view is not None and view.snapshot().state == state.DONE:
        finished = end_of(view)
        if finished.diverged_at is None:
            layer, number = url.value(LAYER), url.value(UNIT)
            unit = folded_unit(finished.network, finished.running, layer - 1, number - 1)
    return programs.inference(values, url.value(ALPHA), unit)


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro", mean=number_text(TRUE_MEAN), var=number_text(TRUE_VAR)))
lab()
with present.part("quiz"):
    quiz(CHAPTER, FIELDS)
