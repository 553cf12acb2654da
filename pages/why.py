"""Why it works: evidence, a card each: claim, experiment, result here, what it does not show."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from bn_core.along_gradient import LENGTHS, Along, Ranges, ranges, smoother
from bn_core.at_initialisation import BATCH_SIZE, DEPTHS, KINDS, WIDTH, gradient_norms, ratio_span
from bn_core.figure_one import guessing
from bn_core.learning_map import NETWORKS as LINE_NETWORKS
from bn_core.noisy import NETWORKS, RaceConfig, Races, Stretch, races
from bn_core.noisy import verdict as race_verdict
from bn_core.scale_invariance import (
    Rescaled,
    departure,
    effective_rate,
    one_layer,
    with_and_without,
)
from bn_core.shifted_input import FloatArray, TestBatches, accuracies, mixed_batches
from bn_core.snapshots import Snapshot
from bn_core.training import Finished
from bn_core.training_data import DATA_SETS, training_data
from bn_ui import controls, evidence_runs, experiment_views, present, share, url, whole_page
from bn_ui import take_along as programs
from bn_ui.evidence_runs import DECAYS, LINE, LINE_MOMENTS, RACE_SEEDS, SHIFTED
from bn_ui.experiment_views import Jobs, Views
from bn_ui.export import csv_button, csv_bytes
from bn_ui.figures import why as figures
from bn_ui.live_chart import Picture, knob, live_chart
from bn_ui.live_chart.message import nearest
from bn_ui.numbers import number_text
from bn_ui.predict import predict, verdict
from bn_ui.quiz import QUIZ_SEED, quiz
from bn_ui.runs.state import DONE
from bn_ui.text import group, prose, questions, t

CHAPTER = "why"
CHART = "why_chart"
GUESS = "why_guess"

# Weights on any scale.
FACTOR = url.number("why_a", 2.0, *figures.FACTOR_RANGE)
EPSILONS = {"1e-05": "10⁻⁵", "1e-12": "10⁻¹²", "0": "0"}
EPS = url.choice("why_eps", "1e-05", tuple(EPSILONS))
SEED = url.integer("why_seed", 1, 0, 9999)
SCALE = (FACTOR, EPS, SEED)
# Weight decay.
RATES = ("0.1", "0.3", "1")
LAYERS = ("1", "2", "3")
DECAY_RATE = url.choice("why_decay_rate", "0.3", RATES)
DECAY_LAYER = url.choice("why_layer", "2", LAYERS)
DECAY_SEED = url.integer("why_decay_seed", 0, 0, 99)
DECAY = (DECAY_RATE, DECAY_LAYER, DECAY_SEED)
# Noise behind BN.
ACTIVATIONS = ("sigmoid", "tanh", "relu")
RACE_DATA = url.choice("why_data", "digits", ("digits", "spirals"))
RACE_ACTIVATION = url.choice("why_f", "sigmoid", ACTIVATIONS)
RACE_RATE = url.choice("why_rate", "0.1", ("0.1", "1"))
RACE_SEED = url.choice("why_race_seed", "0", [str(seed) for seed in RACE_SEEDS])
RACE = (RACE_DATA, RACE_ACTIVATION, RACE_RATE, RACE_SEED)
# Along the gradient.
LENGTH = url.number("why_eta", 1.0, *figures.LENGTH_RANGE)
LINE_ACTIVATION = url.choice("why_line_f", "relu", ACTIVATIONS)
LINE_SEED = url.integer("why_line_seed", 0, 0, 99)
ALONG = (LENGTH, LINE_ACTIVATION, LINE_SEED)
# Other data at test time.
SIZE, BATCHES = int(figures.MIXES[-1]), 8
SHIFT = url.number("why_shift", 0.6, *figures.SHIFT_RANGE)
ONES = url.integer("why_ones", SIZE // 2, 0, SIZE)
SHIFT_SEED = url.integer("why_shift_seed", 0, 0, 99)
SHIFTED_TEST = (SHIFT, ONES, SHIFT_SEED)
# Depth.
SEEDS = 5
DEPTH = url.choice("why_depth", "20", [str(depth) for depth in DEPTHS])
DEPTH_DATA = url.choice("why_depth_data", "digits", ("digits", "spirals"))
DEEP = (DEPTH, DEPTH_DATA)
FIELDS = (*SCALE, *DECAY, *RACE, *ALONG, *SHIFTED_TEST, *DEEP, QUIZ_SEED)

SCALE_PRESETS = {
    "tenth": {FACTOR: 0.1, EPS: "1e-05"},
    "ten": {FACTOR: 10.0, EPS: "1e-05"},
    "exact": {FACTOR: 0.1, EPS: "0"},
}
SHIFT_PRESETS = {
    "usual": {SHIFT: 0.0, ONES: SIZE // 2},
    "shifted": {SHIFT: 0.6, ONES: SIZE // 2},
    "one_class": {SHIFT: 0.0, ONES: SIZE},
    "both": {SHIFT: 0.6, ONES: SIZE},
}


# ---- what every card has -------------------------------------------------------------------------


def claim(title: str, words: str) -> None:
    """The heading, what is claimed, and what is done to see."""
    st.header(title, anchor=False)
    st.markdown(words)


def result(*sentences: str) -> None:
    """What came out here, from the numbers on the screen."""
    st.markdown(t("evidence.result", said=experiment_views.joined(sentences)))


def trained(name: str, jobs: Jobs, invite: str) -> Views:
    """Start, stop, and how to begin where nothing is there yet."""
    views = experiment_views.shown(name, jobs)
    experiment_views.buttons(name, jobs, views)
    if not views:
        st.info(invite, icon=":material/play_arrow:")
    return views


def events(views: Views, key: object) -> list:
    """Everything that a run has said so far."""
    return list(views[key].since(0)) if key in views else []


def presets(name: str, scenes: Mapping[str, Mapping[url.Field, object]]) -> None:
    st.markdown(t("presets.label"), width="content")
    for scene, values in scenes.items():
        label, key = t(f"evidence.preset_{scene}"), f"why_{name}_{scene}"
        st.button(label, key=key, on_click=url.assign_all, args=(values,))


# ---- weights on any scale ------------------------------------------------------------------------


@st.fragment
def lab() -> None:
    url.load(SCALE)
    question = questions(CHAPTER)["doubled"]
    if predict(question, GUESS):
        verdict(question, GUESS)
        uncovered()
    url.save(FIELDS)


def uncovered() -> None:
    """What the guess uncovers."""
    scale()
    with present.part("more"):
        decay()
    with present.part("more", 2):
        race()
    with present.part("more", 3):
        along()
    with present.part("more", 4):
        shifted()
    with present.part("more", 5):
        deep()
    programs.take_along(CHAPTER, code)
    with present.part("reading"):
        st.markdown(prose(CHAPTER, "verdict"))
        st.markdown(prose("references", "list"))


def scale() -> None:
    claim(t("evidence.scale_title"), prose(CHAPTER, "scale_claim"))
    picture_column, control_column = present.columns()
    with control_column:
        controls.number(
            FACTOR, t("evidence.factor"), *figures.FACTOR_RANGE, step=0.1, format="%.3g"
        )
        controls.pick(EPS, "ε", EPSILONS)
        controls.number(SEED, t("evidence.seed"), 0, 9999)
        share.footer(CHAPTER, FIELDS, partial(url.reset, FIELDS))
    with picture_column:
        show_scale()
        with st.container(horizontal=True, vertical_alignment="center"):
            presets("scale", SCALE_PRESETS)
            download_scale()
    st.markdown(prose(CHAPTER, "scale_limits"))


@st.cache_data(max_entries=64, show_spinner=False)
def scale_sweep(seed: int, eps: float) -> dict[str, Rescaled]:
    """At every position of the knob."""
    return with_and_without(one_layer(seed), figures.FACTORS, eps=eps)


def show_scale() -> None:
    seed, eps = url.value(SEED), float(url.value(EPS))
    swept = scale_sweep(seed, eps)
    here = [url.value(FACTOR)]
    now = with_and_without(one_layer(seed), here, eps=eps)
    words, places = group("why_scale_figure"), figures.scale_places()
    picture = Picture(
        figure=figures.scale_figure(words, swept),
        base=figures.scale_changes(now, here),
        alt=t("evidence.scale_alt", **places),
        filename=f"batch-normalization-{CHAPTER}-scale",
        caption=t("evidence.scale_caption", **places),
        formats=["number"] * len(places),
        table=figures.scale_table(words),
    )
    moving = figures.scale_changes(swept, figures.FACTORS)
    live_chart(picture, [knob(FACTOR, figures.FACTORS, moving)], key=CHART, fields=[FACTOR])
    off = number_text(departure(now["bn"], here), 2)
    result(
        t("evidence.scale_result", a=number_text(url.value(FACTOR)), off=off),
        t(f"evidence.scale_eps_{'zero' if eps == 0 else 'some'}"),
    )


def download_scale() -> None:
    header = list(group("why_scale_csv").values())
    seed, eps = url.value(SEED), float(url.value(EPS))

    def make() -> bytes:
        return csv_bytes(header, figures.scale_rows(scale_sweep(seed, eps)))

    csv_button(t("frame.download_csv"), f"batch-normalization-{CHAPTER}", make, "why_csv")


# ---- weight decay --------------------------------------------------------------------------------


@st.fragment
def decay() -> None:
    whole_page.draw_if_asked()
    url.load(DECAY)
    claim(t("evidence.decay_title"), prose(CHAPTER, "decay_claim"))
    with st.container(horizontal=True):
        rates = {rate: rate for rate in RATES}
        controls.pick(DECAY_RATE, t("evidence.rate"), rates, width="content")
        layers = {layer: layer for layer in LAYERS}
        controls.pick(DECAY_LAYER, t("evidence.layer"), layers, width="content")
        controls.number(DECAY_SEED, t("evidence.seed"), 0, 99, width=108)
    jobs = evidence_runs.decay_jobs(float(url.value(DECAY_RATE)), url.value(DECAY_SEED))
    steps = evidence_runs.DECAY.steps
    views = trained("why_decay", jobs, t("evidence.decay_invite", count=len(jobs), steps=steps))
    experiment_views.drawn(views, jobs, partial(show_decay, views))
    st.markdown(prose(CHAPTER, "decay_limits"))
    url.save(FIELDS)


def show_decay(views: Views) -> None:
    runs = {
        decay: [event for event in events(views, decay) if isinstance(event, Snapshot)]
        for decay in DECAYS
    }
    if not all(runs.values()):
        return
    rate, layer = float(url.value(DECAY_RATE)), int(url.value(DECAY_LAYER)) - 1
    steps = evidence_runs.DECAY.steps
    lines = [decay_line(decay, run, layer, rate) for decay, run in runs.items()]
    here = {"layer": layer + 1, "rate": url.value(DECAY_RATE)}
    picture = Picture(
        figure=figures.decay_figure(group("why_decay_figure"), runs, layer, rate, steps),
        base=[],
        alt=t("evidence.decay_alt", **here, lines=experiment_views.joined(lines)),
        filename=f"batch-normalization-{CHAPTER}-decay",
    )
    live_chart(picture, key="why_decay_chart")
    ends = {decay: figures.weight_norms(run, layer) for decay, run in runs.items()}
    strongest, none = ends[DECAYS[-1]], ends[DECAYS[0]]
    shrank = strongest[-1] < strongest[0] and strongest[-1] < none[-1]
    decay_table(runs, layer, rate)
    result(lines[0], lines[-1], t(f"evidence.decay_{'shrank' if shrank else 'did_not'}"))


def decay_table(runs: Mapping[float, Sequence[Snapshot]], layer: int, rate: float) -> None:
    norms = [figures.weight_norms(run, layer) for run in runs.values()]
    factors = [effective_rate(rate, each[-1]) / effective_rate(rate, each[0]) for each in norms]
    st.table(
        {
            t("evidence.decay_column"): [f"{decay:g}" for decay in runs],
            t("evidence.norm_first"): [number_text(each[0], 3) for each in norms],
            t("evidence.norm_last"): [number_text(each[-1], 3) for each in norms],
            t("evidence.rate_factor"): [number_text(float(factor), 3) for factor in factors],
            t("evidence.accuracy"): [f"{run[-1].held_out.accuracy:.1%}" for run in runs.values()],
        },
        hide_index=True,
        width="content",
        alt=t("evidence.decay_table_alt"),
    )


def decay_line(decay: float, run: Sequence[Snapshot], layer: int, rate: float) -> str:
    """From where to where the norm and the effective learning rate of one run went."""
    norms = figures.weight_norms(run, layer)
    rates = effective_rate(rate, norms)
    return t(
        "evidence.decay_line",
        decay=f"{decay:g}",
        step=run[-1].step,
        first=number_text(norms[0], 3),
        last=number_text(norms[-1], 3),
        factor=number_text(rates[-1] / rates[0], 3),
    )


# ---- noise behind BN -----------------------------------------------------------------------------


@st.fragment
def race() -> None:
    whole_page.draw_if_asked()
    url.load(RACE)
    claim(t("evidence.race_title"), prose(CHAPTER, "race_claim"))
    with st.container(horizontal=True):
        data = {name: t(f"why_data.{name}") for name in ("digits", "spirals")}
        controls.pick(RACE_DATA, t("evidence.data"), data, width="content")
        names = group("activations")
        controls.pick(RACE_ACTIVATION, t("evidence.activation"), names, width="content")
        controls.pick(RACE_RATE, t("evidence.rate"), {"0.1": "0.1", "1": "1"}, width="content")
        seeds = {str(seed): str(seed) for seed in RACE_SEEDS}
        controls.pick(RACE_SEED, t("evidence.race_seed"), seeds, width="content")
    data_set, activation = url.value(RACE_DATA), url.value(RACE_ACTIVATION)
    jobs = evidence_runs.race_jobs(data_set, activation, float(url.value(RACE_RATE)))
    invite = t(
        "evidence.race_invite", networks=len(NETWORKS), seeds=len(jobs), steps=RaceConfig.steps
    )
    views = trained("why_race", jobs, invite)
    experiment_views.drawn(views, jobs, partial(show_race, views))
    st.markdown(prose(CHAPTER, "race_limits"))
    url.save(FIELDS)


def show_race(views: Views) -> None:
    runs = {seed: events(views, seed) for seed in RACE_SEEDS}
    found = races(runs.values())
    if found is None:
        return
    classes = DATA_SETS[url.value(RACE_DATA)].classes
    here = race_numbers(found, classes)
    picture = Picture(
        figure=figures.race_figure(
            group("why_race_figure"),
            found,
            runs[int(url.value(RACE_SEED))],
            RaceConfig.steps,
            guessing(classes),
        ),
        base=[],
        alt=t("evidence.race_alt", **here),
        filename=f"batch-normalization-{CHAPTER}-noise",
    )
    live_chart(picture, key="why_race_chart")
    result(
        t("evidence.race_losses", **here),
        t("evidence.race_moved", **here),
        t(f"evidence.race_{race_verdict(found.losses[:, -1])}"),
    )
    download_race(runs)


def race_numbers(found: Races, classes: int) -> dict[str, object]:
    """Losses at the end and movement in a step, as words."""
    numbers = {
        f"loss_{name}": t("evidence.diverged") if diverged else number_text(loss, 3)
        for name, loss, diverged in zip(
            NETWORKS, found.medians.tolist(), found.diverged.tolist(), strict=True
        )
    }
    numbers |= {
        f"moved_{name}": number_text(moved, 2)
        for name, moved in zip(NETWORKS, found.moved.tolist(), strict=True)
    }
    return numbers | {
        "step": int(found.steps[-1]),
        "seeds": len(found.losses),
        "layer": RaceConfig().watched + 1,
        "guessing": number_text(guessing(classes), 3),
    }


def download_race(runs: Mapping[int, Sequence[Stretch]]) -> None:
    header = list(group("why_race_csv").values())

    def make() -> bytes:
        rows = (
            (name, seed, stretch.step, float(stretch.losses[k]))
            for seed, run in runs.items()
            for stretch in run
            for k, name in enumerate(NETWORKS)
        )
        return csv_bytes(header, rows)

    csv_button(
        t("frame.download_csv"), f"batch-normalization-{CHAPTER}-noise", make, "why_race_csv"
    )


# ---- along the gradient --------------------------------------------------------------------------


@st.fragment
def along() -> None:
    whole_page.draw_if_asked()
    url.load(ALONG)
    claim(t("evidence.line_title"), prose(CHAPTER, "line_claim", moments=LINE_MOMENTS))
    with st.container(horizontal=True):
        controls.number(
            LENGTH, t("evidence.length"), *figures.LENGTH_RANGE, format="%.3g", width=128
        )
        names = group("activations")
        controls.pick(LINE_ACTIVATION, t("evidence.activation"), names, width="content")
        controls.number(LINE_SEED, t("evidence.seed"), 0, 99, width=108)
    jobs = evidence_runs.line_jobs(url.value(LINE_ACTIVATION), url.value(LINE_SEED))
    views = trained("why_line", jobs, t("evidence.line_invite", moments=LINE_MOMENTS))
    experiment_views.drawn(views, jobs, partial(show_along, views))
    st.markdown(prose(CHAPTER, "line_limits"))
    url.save(FIELDS)


def show_along(views: Views) -> None:
    found = {
        name: ranges([event for event in events(views, name) if isinstance(event, Along)])
        for name in LINE_NETWORKS
    }
    if not all(len(each.steps) for each in found.values()):
        return
    at = nearest(LENGTHS, url.value(LENGTH))
    words, places = group("why_line_figure"), figures.line_places()
    picture = Picture(
        figure=figures.line_figure(words, found, LINE.steps),
        base=figures.line_changes(found, slice(at, at + 1)),
        alt=t("evidence.line_alt", **places),
        filename=f"batch-normalization-{CHAPTER}-gradient",
        caption=t("evidence.line_caption", **places),
        formats=["number"] * len(places),
        table=figures.line_table(words),
    )
    knobs = [knob(LENGTH, LENGTHS, figures.line_changes(found))]
    live_chart(picture, knobs, key="why_line_chart", fields=[LENGTH])
    result(*line_sentences(found, at))


def line_sentences(found: Mapping[str, Ranges], at: int) -> list[str]:
    """At how many moments BN is the smoother one, up to this length and up to the others."""
    counts = smoother(found["with"], found["without"])
    all_ = int(counts["moments"][at])
    loss, gradient = int(counts["loss"][at]), int(counts["gradient"][at])
    here = {"length": number_text(LENGTHS[at]), "all": all_, "loss": loss, "gradient": gradient}
    said = [t("evidence.line_result", **here)]
    kind = "not"
    if min(loss, gradient) == all_:
        kind = "everywhere"
    elif 2 * min(loss, gradient) > all_:
        kind = "mostly"
    return [*said, t(f"evidence.line_{kind}")]


# ---- other data at test time ---------------------------------------------------------------------


@st.fragment
def shifted() -> None:
    whole_page.draw_if_asked()
    url.load(SHIFTED_TEST)
    claim(t("evidence.shift_title"), prose(CHAPTER, "shift_claim"))
    with st.container(horizontal=True):
        controls.number(SHIFT, t("evidence.shift"), *figures.SHIFT_RANGE, step=0.05, width=128)
        controls.number(ONES, t("evidence.ones", m=SIZE), 0, SIZE, width=168)
        controls.number(SHIFT_SEED, t("evidence.seed"), 0, 99, width=108)
    jobs = evidence_runs.shifted_jobs(url.value(SHIFT_SEED))
    views = trained("why_shift", jobs, t("evidence.shift_invite"))
    experiment_views.drawn(views, jobs, partial(show_shifted, views))
    st.markdown(prose(CHAPTER, "shift_limits"))
    url.save(FIELDS)


def show_shifted(views: Views) -> None:
    if not views or views["network"].snapshot().state != DONE:
        return
    end = next(event for event in events(views, "network") if isinstance(event, Finished))
    if end.diverged_at is not None:
        st.warning(t("inference.diverged", step=end.diverged_at), icon=":material/warning:")
        return
    seed, shift, ones = url.value(SHIFT_SEED), url.value(SHIFT), url.value(ONES)
    by_shift = shares(seed, end, tuple(figures.SHIFTS.tolist()), (ones,))
    by_mix = shares(seed, end, (shift,), tuple(figures.MIXES.tolist()))
    now = shares(seed, end, (shift,), (ones,))
    words, places = group("why_shift_figure"), figures.shift_places()
    picture = Picture(
        figure=figures.shift_figure(words),
        base=changes_of(now, (shift,), (ones,)),
        alt=t("evidence.shift_alt", **places),
        filename=f"batch-normalization-{CHAPTER}-shift",
        caption=t("evidence.shift_caption", **places),
        formats=figures.SHIFT_FORMATS,
    )
    knobs = [
        knob(SHIFT, figures.SHIFTS, changes_of(by_shift, figures.SHIFTS.tolist(), (ones,))),
        knob(ONES, figures.MIXES, changes_of(by_mix, (shift,), figures.MIXES.tolist())),
    ]
    live_chart(picture, knobs, key="why_shift_chart", fields=[SHIFT, ONES])
    with st.container(horizontal=True, vertical_alignment="center"):
        presets("shift", SHIFT_PRESETS)
    cases = [
        shares(seed, end, (values[SHIFT],), (values[ONES],))[0] for values in SHIFT_PRESETS.values()
    ]
    shift_table(cases)
    result(*shift_sentences(cases))


@st.cache_data(max_entries=256, show_spinner=False)
def shares(
    seed: int, _end: Finished, shifts: tuple[float, ...], mixes: tuple[int, ...]
) -> FloatArray:
    """Accuracies with running and with batch statistics: of every mix, every shift, (rows, 2)."""
    batches = [batches_of(ones) for ones in mixes]
    return accuracies(_end.network, _end.running, batches, shifts)


@st.cache_data(max_entries=SIZE + 1, show_spinner=False)
def batches_of(ones: int) -> TestBatches:
    data = training_data(SHIFTED.data)
    x, labels = data.held_out_x, data.held_out_labels
    return mixed_batches(x, labels, ones, size=SIZE, count=BATCHES, seed=0)


def changes_of(found: FloatArray, shifts: Sequence[float], mixes: Sequence[int]) -> list:
    pairs = [(ones, shift) for ones in mixes for shift in shifts]
    return figures.shift_changes(
        [batches_of(ones) for ones, _ in pairs],
        [shift for _, shift in pairs],
        found,
        [ones for ones, _ in pairs],
    )


def shift_table(cases: Sequence[FloatArray]) -> None:
    """All four prepared cases, whatever the knobs say."""
    st.table(
        {
            t("evidence.case"): [t(f"evidence.preset_{name}") for name in SHIFT_PRESETS],
            t("why_shift_figure.running"): [f"{share:.1%}" for share, _ in cases],
            t("why_shift_figure.batch"): [f"{share:.1%}" for _, share in cases],
        },
        hide_index=True,
        width="content",
        alt=t("evidence.case_alt"),
    )


def shift_sentences(cases: Sequence[FloatArray]) -> list[str]:
    """Whether the batch's statistics help against the shift, and harm with one class."""
    by_name = dict(zip(SHIFT_PRESETS, cases, strict=True))
    said = []
    for name in ("shifted", "one_class"):
        running, batch = by_name[name]
        better = "batch" if batch > running else "running"
        numbers = {"running": f"{running:.1%}", "batch": f"{batch:.1%}"}
        said.append(t(f"evidence.{name}_{better}", **numbers))
    return said


# ---- depth ---------------------------------------------------------------------------------------


@st.fragment
def deep() -> None:
    url.load(DEEP)
    claim(t("evidence.depth_title"), prose(CHAPTER, "depth_claim"))
    with st.container(horizontal=True):
        depths = {str(depth): str(depth) for depth in DEPTHS}
        controls.pick(DEPTH, t("evidence.depth"), depths, width="content")
        data = {name: t(f"why_data.{name}") for name in ("digits", "spirals")}
        controls.pick(DEPTH_DATA, t("evidence.data"), data, width="content")
    depth, data_set = int(url.value(DEPTH)), url.value(DEPTH_DATA)
    norms = norms_of(data_set, depth)
    words = group("why_depth_figure")
    here = {kind: number_text(ratio_span(norms[kind])[1], 3) for kind in KINDS} | {
        "depth": depth,
        "seeds": SEEDS,
    }
    picture = Picture(
        figure=figures.depth_figure(words, norms),
        base=[],
        alt=t("evidence.depth_alt", **here),
        filename=f"batch-normalization-{CHAPTER}-depth",
    )
    live_chart(picture, key="why_depth_chart")
    depth_table(data_set)
    result(t("evidence.depth_result", **here))
    st.caption(t("evidence.depth_network", width=WIDTH, m=BATCH_SIZE, seeds=SEEDS))
    st.markdown(prose(CHAPTER, "depth_limits"))
    url.save(FIELDS)


@st.cache_data(max_entries=2 * len(DEPTHS), show_spinner=False)
def norms_of(data: str, depth: int) -> dict[str, FloatArray]:
    return {kind: gradient_norms(data, kind, depth, SEEDS) for kind in KINDS}


def depth_table(data: str) -> None:
    """First layer's gradient over the last one's: smallest to largest of the seeds."""

    def span(kind: str, depth: int) -> str:
        found = ratio_span(norms_of(data, depth)[kind])
        low, _, high = (number_text(end, 2 if end < 100 else 4) for end in found)
        return t("evidence.span", low=low, high=high)

    st.table(
        {t("evidence.depth"): [str(depth) for depth in DEPTHS]}
        | {
            t(f"why_depth_figure.{kind}"): [span(kind, depth) for depth in DEPTHS] for kind in KINDS
        },
        hide_index=True,
        width="content",
        alt=t("evidence.depth_table_alt"),
    )


# ---- code ----------------------------------------------------------------------------------------


def code() -> programs.TakeAlong:
    """Programs of the layer whose weights are scaled."""
    return programs.why(one_layer(url.value(SEED)), url.value(FACTOR), float(url.value(EPS)))


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
lab()
with present.part("quiz"):
    quiz(CHAPTER, FIELDS)
