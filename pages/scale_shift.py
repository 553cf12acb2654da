"""Scale and shift: the linear regime of a sigmoid, the way back to the identity, zero γ."""

from functools import partial

import streamlit as st

from bn_core import forward_train
from bn_core.activations import ACTIVATIONS, Activation
from bn_core.identity import (
    Pair,
    carried_over,
    distance,
    distances,
    identity_pair,
    recoveries,
    shared_pair,
    slipped_pair,
    typical_error,
)
from bn_core.linearity import Pieces, pieces, straightness_grid
from bn_core.residual import BLOCKS, LastBlock, last_block, stream_sd
from bn_core.summaries import Floats
from bn_ui import controls, present, share, url
from bn_ui import take_along as programs
from bn_ui.batches import (
    IMAGES,
    Hidden,
    all_digits,
    hidden_batch,
    stream_input,
    synthetic,
    unit_batches,
)
from bn_ui.export import csv_button, csv_bytes
from bn_ui.figures import scale_shift as figures
from bn_ui.figures.changes import Change
from bn_ui.live_chart import Picture, knob, live_chart
from bn_ui.numbers import number_text
from bn_ui.predict import predict, verdict
from bn_ui.quiz import QUIZ_SEED, quiz
from bn_ui.text import group, prose, questions, t

CHAPTER = "scale_shift"
EPS = 1e-5  # of the first picture, and of the residual blocks
LAYER, WIDTH, WEIGHT_SCALE = 5, 32, 8.0  # where `distributions` opens too
SHAPES = ("normal", "skewed", "two_humps", "heavy_tailed", "uniform", "outlier")

# The activation over its input.
GAMMA = url.number("scale_gamma", 1.0, *figures.GAMMA_RANGE)
BETA = url.number("scale_beta", 0.0, *figures.BETA_RANGE)
SOURCE = url.choice("scale_source", "digits", (*IMAGES, *SHAPES))
UNIT = url.integer("scale_unit", 2, 1, WIDTH)
ACTIVATION = url.choice("scale_activation", "sigmoid", tuple(ACTIVATIONS))
SIZE = url.integer("scale_m", 256, 2, 1024)
SEED = url.integer("scale_seed", 0, 0, 9999)
REGIME = (GAMMA, BETA, SOURCE, UNIT, ACTIVATION, SIZE, SEED)
FOUR_SCALES = (1.0, 2.0, 5.0, 10.0)
STRAIGHT, BENT = 0.95, 0.85  # R² above which the picture is called nearly a line, or bent
SAME = 0.01  # R² that differs by less is called the same
# Match the target.
MATCH_GAMMA = url.number("scale_match_gamma", 1.0, *figures.MATCH_GAMMA_RANGE)
MATCH_BETA = url.number("scale_match_beta", 0.0, *figures.MATCH_BETA_RANGE)
MATCH_UNIT = url.integer("scale_match_unit", 1, 1, WIDTH)
SIZES = {size: size for size in ("8", "32", "128")}
MATCH_SIZE = url.choice("scale_match_m", "32", tuple(SIZES))
EPSILONS = {"1e-05": "10⁻⁵", "0.001": "10⁻³"}
MATCH_EPS = url.choice("scale_match_eps", "1e-05", tuple(EPSILONS))
SOLVED = url.switch("scale_solved")
GAME = (MATCH_GAMMA, MATCH_BETA, MATCH_UNIT, MATCH_SIZE, MATCH_EPS, SOLVED)
MET = 0.05  # of σ: so near, the target counts as met by hand
SPREADS = (0.1, 0.01)  # standard deviations at which the slip is shown; √ε is added
# The next batch.
MOST_BATCHES = len(figures.BATCHES)
BATCH = url.integer("scale_batch", 1, 1, MOST_BATCHES)
# A pair for every feature.
PAIRS = url.choice("scale_pairs", "shared", ("shared", "each"))
FEATURES = 8
# Residual blocks.
STREAM_GAMMA = url.number("scale_res_gamma", 1.0, *figures.STREAM_GAMMA_RANGE)
KIND = url.choice("scale_res_block", "one", tuple(BLOCKS))
STREAM_SEED = url.integer("scale_res_seed", 0, 0, 9999)
STREAM = (STREAM_GAMMA, KIND, STREAM_SEED)
DEPTH, STREAM_SIZE, STREAM_WIDTH = 50, 128, 32
STREAM_STARTS = (1.0, 0.2, 0.0)
FIELDS = (*REGIME, *GAME, BATCH, PAIRS, *STREAM, QUIZ_SEED)


# ---- an activation over its input ----------------------------------------------------------------


@st.fragment
def lab() -> None:
    url.load(REGIME)
    question = questions(CHAPTER)["regime"]
    if predict(question, "scale_guess"):
        verdict(question, "scale_guess")
        regime()
    url.save(FIELDS)


def regime() -> None:
    picture_column, control_column = present.columns()
    with control_column:
        with st.container(horizontal=True):
            controls.number(GAMMA, "γ", *figures.GAMMA_RANGE, step=0.1, format="%g", width=108)
            controls.number(BETA, "β", *figures.BETA_RANGE, step=0.1, format="%g", width=108)
        x = choose_input()
        share.footer(CHAPTER, FIELDS, partial(url.reset, FIELDS))
    with picture_column:
        st.markdown(f"**{title()}**")
        now = show_regime(x)
        say_regime(now)
        with st.container(horizontal=True, vertical_alignment="center"):
            scenes(x)
            download(x)
        four_scales(x)
    programs.take_along(CHAPTER, lambda: code(x))


def choose_input() -> Floats:
    """One feature of a batch, (m, 1)."""
    names = {name: group("sources")[name] for name in IMAGES}
    names |= {name: group("shapes")[name] for name in SHAPES}
    source = controls.select(SOURCE, t("distributions.source"), names)
    if source in IMAGES:
        controls.number(UNIT, t("scale_shift.unit", d=WIDTH), 1, WIDTH)
    controls.pick(ACTIVATION, t("distributions.activation"), group("activations"))
    with st.container(horizontal=True):
        m = controls.number(SIZE, t("distributions.size"), 2, 1024, width=108)
        seed = controls.number(SEED, t("distributions.seed"), 0, 9999, width=108)
    if source in IMAGES:
        hidden = Hidden(source, m, LAYER, WIDTH, "sigmoid", seed)
        unit = url.value(UNIT)
        return hidden_batch(hidden, WEIGHT_SCALE)[:, unit - 1 : unit]
    return synthetic(source, m, 1, seed)


def title() -> str:
    source, m = url.value(SOURCE), url.value(SIZE)
    if source in IMAGES:
        images = t(f"images.{source}")
        return t("scale_shift.title_network", unit=url.value(UNIT), layer=LAYER, m=m, images=images)
    return t("distributions.title_synthetic", m=m, kind=t(f"shapes.{source}"))


def chosen() -> Activation:
    return ACTIVATIONS[url.value(ACTIVATION)]


def without_bn(x: Floats) -> Pieces:
    """The input as it is: what the pair of the identity gives back."""
    pair = identity_pair(x, EPS)
    return pieces(x, pair.gamma, pair.beta, chosen(), figures.EDGES)


def show_regime(x: Floats) -> Pieces:
    f, gamma, beta = chosen(), url.value(GAMMA), url.value(BETA)
    before = without_bn(x)
    now = pieces(x, gamma, beta, f, figures.EDGES)
    words, places = group("scale_figure"), figures.sigmoid_places()
    knobs = [
        knob(GAMMA, figures.GAMMAS, gamma_changes(x, before, beta)),
        knob(BETA, figures.BETAS, beta_changes(x, before, gamma)),
    ]
    here = {"f": t(f"activations.{f.name}"), "title": title(), **places}
    picture = Picture(
        figure=figures.sigmoid_figure(words, f),
        base=figures.sigmoid_base(
            before, now, f, gamma, *straightness_grid(x, figures.SWEEP_GAMMAS, [beta], f)
        ),
        alt=t("scale_shift.regime_alt", **here),
        filename=f"batch-normalization-{CHAPTER}",
        caption=t("scale_shift.regime_caption", **here),
        formats=figures.SIGMOID_FORMATS,
        table=figures.sigmoid_table(words),
    )
    live_chart(picture, knobs, key="scale_chart", fields=[GAMMA, BETA])
    return now


def gamma_changes(x: Floats, before: Pieces, beta: float) -> list[Change]:
    swept = pieces(x, figures.GAMMAS, beta, chosen(), figures.EDGES)
    return figures.sigmoid_changes(before, swept, chosen(), figures.GAMMAS)


def beta_changes(x: Floats, before: Pieces, gamma: float) -> list[Change]:
    swept = pieces(x, gamma, figures.BETAS, chosen(), figures.EDGES)
    r2, slope = grid(x, chosen().name)
    return [
        *figures.sigmoid_changes(before, swept, chosen(), gamma),
        *figures.sweep_changes(r2, slope, chosen()),
    ]


@st.cache_resource(max_entries=64, show_spinner=False)
def grid(x: Floats, activation: str) -> tuple[Floats, Floats]:
    """R² and mean f′ for every β of the knob and every γ of the curves."""
    return straightness_grid(x, figures.SWEEP_GAMMAS, figures.BETAS, ACTIVATIONS[activation])


def say_regime(now: Pieces) -> None:
    """What these γ and β have come to, and whether the scale makes a difference."""
    r2 = float(now.straight.r2[0])
    here = {"r2": number_text(r2, 3), "limit": number_text(STRAIGHT)}
    if r2 >= STRAIGHT:
        st.markdown(t("scale_shift.straight", **here))
    elif r2 >= BENT:
        st.markdown(t("scale_shift.bent", **here))
    elif r2 >= 0:
        st.markdown(t("scale_shift.step", **here))
    else:
        st.markdown(t("scale_shift.flat"))


def four_scales(x: Floats) -> None:
    """The same batch at four scales of its input."""
    beta = url.value(BETA)
    found = pieces(x, FOUR_SCALES, beta, chosen(), figures.EDGES).straight
    first, last = float(found.r2[0]), float(found.r2[-1])
    st.table(
        {
            t("scale_shift.column_gamma"): [number_text(gamma) for gamma in FOUR_SCALES],
            t("scale_figure.column_slope"): [number_text(v, 3) for v in found.mean_slope],
            t("scale_figure.column_r2"): [number_text(v, 3) for v in found.r2],
            t("scale_figure.column_saturated"): [f"{v:.1%}" for v in found.saturated],
        },
        hide_index=True,
        width="content",
        alt=t("scale_shift.scales_alt", beta=number_text(beta)),
    )
    ends = {"first": number_text(first, 3), "last": number_text(last, 3)}
    ends |= {"low": number_text(FOUR_SCALES[0]), "high": number_text(FOUR_SCALES[-1])}
    if abs(first - last) < SAME:
        st.caption(t("scale_shift.scale_does_nothing", **ends))
    elif first > last:
        st.caption(t("scale_shift.scale_bends", **ends))
    else:
        st.caption(t("scale_shift.scale_straightens", **ends))


def scenes(x: Floats) -> None:
    """Settings worth a look."""
    pair = identity_pair(x, EPS)
    gamma, beta = float(pair.gamma[0]), float(pair.beta[0])
    within = gamma <= figures.GAMMA_RANGE[1] and abs(beta) <= figures.BETA_RANGE[1]
    st.markdown(t("presets.label"), width="content")
    scene("raw", {GAMMA: gamma, BETA: beta}, possible=within)
    scene("standard", {GAMMA: 1.0, BETA: 0.0})
    scene("wide", {GAMMA: 5.0, BETA: 0.0})
    scene("side", {GAMMA: 1.0, BETA: 4.0})
    scene("normal", {SOURCE: "normal", SIZE: 1024, ACTIVATION: "sigmoid", GAMMA: 1.0, BETA: 0.0})
    scene("relu", {ACTIVATION: "relu", GAMMA: 1.0, BETA: 0.0})


def scene(name: str, values: dict[url.Field, object], *, possible: bool = True) -> None:
    st.button(
        t(f"scale_presets.{name}"),
        key=f"scale_preset_{name}",
        on_click=url.assign_all,
        args=(values,),
        disabled=not possible,
    )


def download(x: Floats) -> None:
    """Every sample: x, x̂, y, f(y) and the best line, in full precision."""
    header = list(group("scale_csv").values())
    gamma, beta, f = url.value(GAMMA), url.value(BETA), chosen()

    def make() -> bytes:
        return csv_bytes(header, figures.regime_rows(x, gamma, beta, f, EPS))

    csv_button(t("frame.download_csv"), f"batch-normalization-{CHAPTER}", make, "scale_csv")


def code(x: Floats) -> programs.TakeAlong:
    """Programs for the batch, the pair and the activation of the first picture."""
    return programs.scale_shift(x, url.value(GAMMA), url.value(BETA), EPS, chosen())


# ---- match the target ----------------------------------------------------------------------------


@st.fragment
def game() -> None:
    """γ and β are dragged until y = x; then what does it exactly, and what nearly."""
    url.load((*GAME, BATCH))
    st.header(t("scale_shift.match_title"), anchor=False)
    st.markdown(prose(CHAPTER, "match"))
    picture_column, control_column = present.columns("match")
    with control_column:
        eps = choose_match()
    batches = unit_batches(url.value(MATCH_UNIT), int(url.value(MATCH_SIZE)), MOST_BATCHES)
    x = batches[0][:, None]
    with picture_column:
        show_match(x, eps)
        met = judge(x, eps)
        match_buttons(x, eps)
    if met:
        errors(x, eps)
        next_batch(batches, eps)
    url.save(FIELDS)


def choose_match() -> float:
    low, high = figures.MATCH_GAMMA_RANGE
    with st.container(horizontal=True):
        controls.number(MATCH_GAMMA, "γ", low, high, step=0.01, format="%.6g", width=128)
        low, high = figures.MATCH_BETA_RANGE
        controls.number(MATCH_BETA, "β", low, high, step=0.01, format="%.6g", width=128)
    label = t("scale_shift.unit", d=WIDTH)
    controls.number(MATCH_UNIT, label, 1, WIDTH, on_change=start_over)
    controls.pick(MATCH_SIZE, t("distributions.size"), SIZES)
    controls.pick(MATCH_EPS, "ε", EPSILONS)
    return float(url.value(MATCH_EPS))


def show_match(x: Floats, eps: float) -> None:
    gamma, beta = url.value(MATCH_GAMMA), url.value(MATCH_BETA)
    gammas, betas = figures.MATCH_GAMMAS, figures.MATCH_BETAS
    knobs = [
        knob(MATCH_GAMMA, gammas, figures.match_changes(x, gammas, beta, eps)),
        knob(MATCH_BETA, betas, figures.match_changes(x, gamma, betas, eps)),
    ]
    picture = Picture(
        figure=figures.match_figure(group("match_figure"), x),
        base=figures.match_changes(x, gamma, beta, eps),
        alt=t("scale_shift.match_alt", unit=url.value(MATCH_UNIT)),
        filename=f"batch-normalization-{CHAPTER}-match",
        caption=t("scale_shift.match_caption"),
        formats=figures.MATCH_FORMATS,
    )
    live_chart(picture, knobs, key="scale_match_chart", fields=[MATCH_GAMMA, MATCH_BETA])


def judge(x: Floats, eps: float) -> bool:
    """Say how near it is; return whether the target has been met, by hand or by the button."""
    apart = distances(x, url.value(MATCH_GAMMA), url.value(MATCH_BETA), eps)
    if apart.share[0] <= MET:
        url.assign(SOLVED, True)
        rms = number_text(float(apart.rms[0]), 2)
        st.success(t("scale_shift.met", rms=rms), icon=":material/check:")
    elif not url.value(SOLVED):
        st.markdown(t("scale_shift.not_met", limit=f"{MET:.0%}"))
    return bool(url.value(SOLVED))


def match_buttons(x: Floats, eps: float) -> None:
    exact, slip = identity_pair(x, eps), slipped_pair(x, eps)
    with st.container(horizontal=True):
        if url.value(SOLVED):
            pair_button("exact", exact)
            pair_button("slip", slip)
        else:
            pair_button("show", exact)
        st.button(t("scale_shift.start_over"), key="scale_start_over", on_click=start_over)
        st.button(t("scale_shift.other_unit"), key="scale_other_unit", on_click=other_unit)


def pair_button(name: str, pair: Pair) -> None:
    values = {MATCH_GAMMA: float(pair.gamma[0]), MATCH_BETA: float(pair.beta[0]), SOLVED: True}
    label = t(f"scale_shift.pair_{name}")
    st.button(label, key=f"scale_pair_{name}", on_click=url.assign_all, args=(values,))


def start_over() -> None:
    url.reset((MATCH_GAMMA, MATCH_BETA, SOLVED, BATCH))


def other_unit() -> None:
    start_over()
    url.assign(MATCH_UNIT, url.value(MATCH_UNIT) % WIDTH + 1)


def errors(x: Floats, eps: float) -> None:
    """Yours, the exact pair and the slip; and the slip where the spread is smaller."""
    exact, slip = identity_pair(x, eps), slipped_pair(x, eps)
    yours = url.value(MATCH_GAMMA), url.value(MATCH_BETA)
    rows = {
        "yours": yours,
        "exact": (float(exact.gamma[0]), float(exact.beta[0])),
        "slip": (float(slip.gamma[0]), float(slip.beta[0])),
    }
    apart = [distances(x, gamma, beta, eps) for gamma, beta in rows.values()]
    st.table(
        {
            t("scale_shift.column_pair"): [t(f"scale_shift.row_{name}") for name in rows],
            "γ": [number_text(gamma, 8) for gamma, _ in rows.values()],
            "β": [number_text(beta, 8) for _, beta in rows.values()],
            t("scale_shift.column_largest"): [number_text(float(a.largest[0]), 2) for a in apart],
        },
        hide_index=True,
        width="content",
        alt=t("scale_shift.errors_alt"),
    )
    found = recoveries(x, SPREADS, eps)
    st.markdown(
        t(
            "scale_shift.slip_matters",
            here=number_text(float(found.share[0]), 2),
            floor=number_text(float(found.share[-1]), 2),
        )
    )
    st.table(
        {
            t("scale_shift.column_sd"): [number_text(sd, 3) for sd in found.sd],
            t("scale_shift.row_exact"): [number_text(v, 2) for v in found.exact],
            t("scale_shift.row_slip"): [number_text(v, 2) for v in found.slip],
            t("scale_shift.column_share"): [number_text(v, 2) for v in found.share],
        },
        hide_index=True,
        width="content",
        alt=t("scale_shift.spreads_alt"),
    )


# ---- the next batch ------------------------------------------------------------------------------


@st.fragment
def next_batch(batches: Floats, eps: float) -> None:
    """The pair that was the identity for the first batch, on the batches that follow."""
    url.load([BATCH])
    st.subheader(t("scale_shift.next_title"), anchor=False)
    question = questions(CHAPTER)["next"]
    if predict(question, "scale_next_guess"):
        verdict(question, "scale_next_guess")
        show_next(batches, eps)
    url.save(FIELDS)


def show_next(batches: Floats, eps: float) -> None:
    y, apart = carried_over(batches, eps)
    errors = apart.rms
    moved = figures.next_changes(batches, y, errors, figures.BATCHES)
    others = [float(error) for error in errors[1:]]
    here = {
        "first": number_text(float(errors[0]), 2),
        "least": number_text(min(others), 2),
        "most": number_text(max(others), 2),
        "m": batches.shape[1],
        "others": len(others),
    }
    picture = Picture(
        figure=figures.next_figure(group("match_figure"), batches, errors),
        base=figures.next_changes(batches, y, errors, [url.value(BATCH)]),
        alt=t("scale_shift.next_alt", **here),
        filename=f"batch-normalization-{CHAPTER}-next",
        caption=t("scale_shift.next_caption", **here),
        formats=figures.NEXT_FORMATS,
    )
    live_chart(
        picture, [knob(BATCH, figures.BATCHES, moved)], key="scale_next_chart", fields=[BATCH]
    )
    last = url.value(BATCH) == MOST_BATCHES
    label = t("scale_shift.first_batch") if last else t("scale_shift.next_batch")
    st.button(label, key="scale_next", on_click=forward_one, icon=":material/skip_next:")
    st.markdown(t("scale_shift.next_why", **here))
    by_size(eps)


def by_size(eps: float) -> None:
    """Do larger batches have statistics more alike? The same unit's, cut up otherwise."""
    unit = url.value(MATCH_UNIT)
    found = [typical_error(unit_batches(unit, int(size), MOST_BATCHES), eps) for size in SIZES]
    st.table(
        {
            t("scale_shift.column_m"): list(SIZES),
            t("scale_shift.column_typical"): [number_text(error, 2) for error in found],
        },
        hide_index=True,
        width="content",
        alt=t("scale_shift.sizes_alt"),
    )


def forward_one() -> None:
    url.assign(BATCH, url.value(BATCH) % MOST_BATCHES + 1)


# ---- a pair for every feature --------------------------------------------------------------------


@st.fragment
def features() -> None:
    url.load([PAIRS])
    st.header(t("scale_shift.features_title"), anchor=False)
    st.markdown(prose(CHAPTER, "features"))
    names = {name: t(f"scale_shift.pairs_{name}") for name in ("shared", "each")}
    controls.pick(PAIRS, t("scale_shift.pairs"), names)
    x = all_digits()[: int(MATCH_SIZE.default), :FEATURES]
    pairs = {"shared": shared_pair(x), "each": identity_pair(x)}
    pair = pairs[url.value(PAIRS)]
    apart = {name: distance(x, each).rms for name, each in pairs.items()}
    worst = {name: number_text(float(errors.max()), 2) for name, errors in apart.items()}
    y = forward_train(x, pair.gamma, pair.beta).y
    here = {"d": FEATURES, "numbers": len(pair.gamma) + len(pair.beta), **worst}
    picture = Picture(
        figure=figures.features_figure(group("match_figure"), x, y),
        base=[],
        alt=t("scale_shift.features_alt", now=names[url.value(PAIRS)], **here),
        filename=f"batch-normalization-{CHAPTER}-features",
        caption=t("scale_shift.features_caption", **here),
    )
    live_chart(picture, key="scale_features_chart")
    st.table(
        {
            t("scale_shift.column_unit"): [str(k) for k in range(1, FEATURES + 1)],
            "γ": [number_text(v, 3) for v in pair.gamma],
            "β": [number_text(v, 3) for v in pair.beta],
            t("scale_shift.column_shared"): [number_text(v, 2) for v in apart["shared"]],
            t("scale_shift.column_each"): [number_text(v, 2) for v in apart["each"]],
        },
        hide_index=True,
        width="content",
        alt=t("scale_shift.features_table_alt"),
    )
    url.save(FIELDS)


# ---- residual blocks -----------------------------------------------------------------------------


@st.fragment
def stream() -> None:
    url.load(STREAM)
    st.header(t("scale_shift.stream_title"), anchor=False)
    st.markdown(prose(CHAPTER, "stream", blocks=DEPTH))
    question = questions(CHAPTER)["stream"]
    if predict(question, "scale_stream_guess"):
        verdict(question, "scale_stream_guess")
        show_stream()
    url.save(FIELDS)


def show_stream() -> None:
    low, high = figures.STREAM_GAMMA_RANGE
    with st.container(horizontal=True, vertical_alignment="bottom"):
        controls.number(STREAM_GAMMA, "γ", low, high, step=0.05, format="%g", width=108)
        kinds = {kind: t(f"scale_shift.block_{kind}") for kind in ("one", "two")}
        controls.pick(KIND, t("scale_shift.block"), kinds, width="content")
        controls.number(STREAM_SEED, t("distributions.seed"), 0, 9999, width=108)
    kind, seed = url.value(KIND), url.value(STREAM_SEED)
    gammas, here = figures.STREAM_GAMMAS, (url.value(STREAM_GAMMA),)
    sd, last = streams(tuple(gammas.tolist()), kind, seed)
    moved = figures.stream_changes(gammas, sd, last)
    places = {"blocks": DEPTH, **figures.stream_places()}
    picture = Picture(
        figure=figures.stream_figure(group("stream_figure"), sd),
        base=figures.stream_changes(here, *streams(here, kind, seed)),
        alt=t("scale_shift.stream_alt", **places),
        filename=f"batch-normalization-{CHAPTER}-residual",
        caption=t("scale_shift.stream_caption", **places),
        formats=figures.STREAM_FORMATS,
    )
    live_chart(
        picture,
        [knob(STREAM_GAMMA, gammas, moved)],
        key="scale_stream_chart",
        fields=[STREAM_GAMMA],
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(t("presets.label"), width="content")
        for number, start in enumerate(STREAM_STARTS):
            st.button(
                f"γ = {number_text(start)}",
                key=f"scale_start_{number}",
                on_click=url.assign_all,
                args=({STREAM_GAMMA: start},),
            )
    ends, first = streams(STREAM_STARTS, kind, seed)
    one, fifth, zero = (number_text(float(sd[-1]), 3) for sd in ends)
    st.markdown(t("scale_shift.stream_result", one=one, fifth=fifth, zero=zero, blocks=DEPTH))
    of_gamma, of_weight = (
        [number_text(float(rms), 3) for rms in each] for each in (first.dgamma, first.dweight)
    )
    gradients = {"gamma": of_gamma[-1], "none": of_weight[-1], "later": of_weight[1]}
    st.markdown(t("scale_shift.stream_learns", **gradients))
    st.caption(t("scale_shift.stream_setup", m=STREAM_SIZE, d=STREAM_WIDTH, seed=seed))


@st.cache_data(max_entries=128, show_spinner=False)
def streams(gammas: tuple[float, ...], kind: str, seed: int) -> tuple[Floats, LastBlock]:
    """The stream by depth, and the last block's gradients, at every γ."""
    x = stream_input(STREAM_SIZE, STREAM_WIDTH, seed)
    blocks = {"blocks": DEPTH, "kind": kind, "seed": seed}
    return stream_sd(x, gammas, **blocks), last_block(x, gammas, **blocks)


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
lab()
with present.part("more"):
    game()
with present.part("more", 2):
    features()
with present.part("more", 3):
    stream()
with present.part("reading"):
    st.markdown(prose(CHAPTER, "reading"))
with present.part("quiz"):
    quiz(CHAPTER, FIELDS)
