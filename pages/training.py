"""Training: the same network with BN and without, trained live, and looked at moment by moment."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import streamlit as st

from bn_core.activations import ACTIVATIONS
from bn_core.network import BN_PLACES
from bn_core.snapshots import UNITS_WATCHED
from bn_core.training_config import TrainingConfig
from bn_core.training_data import DATA_SETS
from bn_ui import (
    controls,
    figure_one,
    learning_map,
    present,
    presets_training,
    share,
    training_pair,
    training_words,
    url,
    whole_page,
)
from bn_ui import take_along as programs
from bn_ui.export import csv_button, csv_bytes
from bn_ui.figures import training as figures
from bn_ui.lesson_link import written
from bn_ui.live_chart import Knob, Picture, live_chart
from bn_ui.live_chart.message import nearest
from bn_ui.predict import predict, verdict
from bn_ui.presets_training import PRESETS
from bn_ui.quiz import QUIZ_SEED, quiz
from bn_ui.runs import words as run_words
from bn_ui.runs.shared import viewer
from bn_ui.runs.state import DONE, RUNNING, Refused
from bn_ui.text import group, prose, questions, t
from bn_ui.training_pair import Pair

CHAPTER = "training"
CHART, KEPT_CHART = "train_chart", "train_kept_chart"
GUESS = "train_guess"
# Seconds between two looks at runs that are going on, and at ones that wait: a class that has
# pressed the button together asks less often while there is nothing new to see.
EVERY, EVERY_WAITING = 0.15, 1.0
MOST_STEPS = 5000
MOST_COST = 8.0  # of one run; a core takes up to four times as many seconds for it
LONGEST_NAME = 40

OPENING = PRESETS["opening"]
WIDTHS = {str(width): str(width) for width in (8, 16, 32, 64, 100, 128)}
LIMITS = {
    "depth": (1, 40),
    "rate": (1e-4, 100.0),
    "scale": (0.0, 20.0),
    "m": (2, 256),
    "steps": (20, MOST_STEPS),
    "seed": (0, 9999),
}

DATA = url.choice("train_data", OPENING.data, tuple(DATA_SETS))
DEPTH = url.integer("train_depth", OPENING.depth, *LIMITS["depth"])
WIDTH = url.choice("train_width", str(OPENING.width), tuple(WIDTHS))
ACTIVATION = url.choice("train_activation", OPENING.activation, tuple(ACTIVATIONS))
RATE = url.number("train_rate", OPENING.learning_rate, *LIMITS["rate"])
SCALE = url.number("train_scale", OPENING.weight_scale, *LIMITS["scale"])
SIZE = url.integer("train_m", OPENING.batch_size, *LIMITS["m"])
STEPS = url.integer("train_steps", OPENING.steps, *LIMITS["steps"])
SEED = url.integer("train_seed", OPENING.seed, *LIMITS["seed"])
PLACE = url.choice("train_place", OPENING.batch_norm, tuple(BN_PLACES))
SKIPS = url.switch("train_skips", OPENING.skips)
VIEW = url.choice("train_view", "curves", figures.VIEWS)
MOMENT = url.integer("train_moment", MOST_STEPS, 0, MOST_STEPS)  # by default the last one there is
LAYER = url.integer("train_layer", LIMITS["depth"][1], *LIMITS["depth"])  # ... and the last layer
UNIT = url.integer("train_unit", 1, 1, UNITS_WATCHED)
SETTINGS = (DATA, DEPTH, WIDTH, ACTIVATION, RATE, SCALE, SIZE, STEPS, SEED, PLACE, SKIPS)
EXPERIMENTS = (*learning_map.FIELDS, *figure_one.FIELDS)
FIELDS = (*SETTINGS, VIEW, MOMENT, LAYER, UNIT, *EXPERIMENTS, QUIZ_SEED)

# In the session state, beside the fields.
SHOWN, REFUSED, KEPT = "train_shown", "train_refused", "train_kept"
UNCOVERED = "train_uncovered"
PRESET, NAME = "train_preset", "train_name"
OWN = "own"


class Kept(NamedTuple):
    """A pair of runs that somebody wants to compare with others."""

    name: str
    pair: Pair


@st.fragment
def lab() -> None:
    url.load(FIELDS)
    question = questions(CHAPTER)["opening"]
    if predict(question, GUESS):
        uncover()
        experiment()
    url.save(FIELDS)


def uncover() -> None:
    """The experiments further down, which are no part of this fragment, may be shown now."""
    if not st.session_state.get(UNCOVERED):
        st.session_state[UNCOVERED] = True
        st.rerun()


def experiment() -> None:
    """What the guess uncovers: settings, the two runs, and what became of them."""
    whole_page.draw_if_asked()
    pair = shown()
    if pair is not None and pair.over():
        answer(pair)
    picture_column, control_column = present.columns()
    with control_column:
        choose()
        share.footer(CHAPTER, FIELDS, reset)
    with picture_column:
        buttons(pair)
        if pair is None:
            st.info(t("training.invite"), icon=":material/play_arrow:")
        elif pair.over():
            look(pair)
        else:
            st.caption(training_words.title(pair.config))
            every = pace(pair)
            st.fragment(follow, run_every=every)(pair, every)
    config = pair.config if pair else settings()
    programs.take_along(CHAPTER, partial(programs.training, config))


# ---- settings ----------------------------------------------------------------------------------


def settings() -> TrainingConfig:
    """What is set, within what a server can be asked for."""
    config = presets_training.settings(
        url.value(DATA),
        depth=url.value(DEPTH),
        width=int(url.value(WIDTH)),
        activation=url.value(ACTIVATION),
        batch_norm=url.value(PLACE),
        skips=url.value(SKIPS),
        learning_rate=url.value(RATE),
        weight_scale=url.value(SCALE),
        batch_size=url.value(SIZE),
        steps=url.value(STEPS),
        seed=url.value(SEED),
    )
    return replace(config, steps=min(config.steps, most_steps(config)))


def most_steps(config: TrainingConfig) -> int:
    """So many that a run takes about half a minute."""
    every = range(LIMITS["steps"][0], MOST_STEPS + 1)
    dearer = bisect_right(every, MOST_COST, key=lambda steps: replace(config, steps=steps).cost)
    return every[max(dearer - 1, 0)]


def assign(config: TrainingConfig) -> None:
    url.assign_all(values_of(config))


def values_of(config: TrainingConfig) -> dict[url.Field, Any]:
    return {
        DATA: config.data,
        DEPTH: config.depth,
        WIDTH: str(config.width),
        ACTIVATION: config.activation,
        RATE: config.learning_rate,
        SCALE: config.weight_scale,
        SIZE: config.batch_size,
        STEPS: config.steps,
        SEED: config.seed,
        PLACE: config.batch_norm,
        SKIPS: config.skips,
    }


def preset_of(config: TrainingConfig) -> str:
    """The preset that these settings are, whatever the seed."""
    alike = (name for name, other in PRESETS.items() if replace(other, seed=config.seed) == config)
    return next(alike, OWN)


def choose() -> None:
    names = group("training_presets")
    st.session_state[PRESET] = preset_of(settings())
    st.selectbox(
        t("training.preset"),
        [*PRESETS, OWN],
        format_func=names.__getitem__,
        key=PRESET,
        on_change=take_preset,
    )
    name = preset_of(settings())
    if name != OWN:
        st.caption(t("training.look_for", look=t(f"training_look.{name}")))
    controls.select(DATA, t("training.data"), group("training_data"))
    with st.container(horizontal=True):
        controls.number(DEPTH, t("training.depth"), *LIMITS["depth"], width=130)
        controls.select(WIDTH, t("training.width"), WIDTHS, width=130)
    controls.pick(ACTIVATION, t("training.activation"), group("activations"))
    with st.container(horizontal=True):
        low, high = LIMITS["rate"]
        label = t("training.rate")
        controls.number(RATE, label, low, high, step=0.1, format="%g", width=130)
        controls.number(SEED, t("training.seed"), *LIMITS["seed"], width=130)
    with st.expander(t("training.more"), icon=":material/tune:"):
        choose_more()


def choose_more() -> None:
    """What is rarely touched."""
    low, high = LIMITS["scale"]
    controls.number(SCALE, t("training.scale"), low, high, step=0.5, format="%g")
    controls.number(SIZE, t("training.m"), *LIMITS["m"])
    most = most_steps(settings())
    controls.number(STEPS, t("training.steps", most=most), LIMITS["steps"][0], most, step=20)
    controls.pick(PLACE, t("training.place"), group("training_places"))
    controls.switch(SKIPS, t("training.skips"))


def take_preset() -> None:
    name = st.session_state[PRESET]
    if name in PRESETS:
        assign(PRESETS[name])
        url.assign(MOMENT, MOMENT.default)


def reset() -> None:
    url.reset(FIELDS)


# ---- running -----------------------------------------------------------------------------------


def shown() -> Pair | None:
    """The runs on the screen: those with these settings, or else the last ones."""
    config, last = settings(), st.session_state.get(SHOWN)
    if last is not None and (last.config == config or not last.over()):
        return last
    found = training_pair.find(config)
    if found is not None:
        st.session_state[SHOWN] = found
    return found or last


def buttons(pair: Pair | None) -> None:
    going_on = pair is not None and not pair.over()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            t("training.train"),
            key="train_start",
            icon=":material/play_arrow:",
            disabled=going_on,
            on_click=begin,
        )
        st.button(
            t("training.stop"),
            key="train_stop",
            icon=":material/stop:",
            disabled=not going_on,
            on_click=end,
        )
        if pair is not None and not going_on:
            names, label = group("training_views"), t("training.view")
            controls.pick(VIEW, label, names, label_visibility="collapsed")
    if pair is not None and pair.config != settings():
        st.info(t("training.changed"), icon=":material/play_arrow:")
    if refused := st.session_state.pop(REFUSED, None):
        st.warning(run_words.refusal(refused), icon=":material/hourglass_disabled:")


def begin() -> None:
    try:
        st.session_state[SHOWN] = training_pair.start(settings())
        url.assign(MOMENT, MOMENT.default)
    except Refused as refused:
        st.session_state[REFUSED] = refused


def end() -> None:
    pair = st.session_state.get(SHOWN)
    if pair is not None:
        pair.stop()
        whole_page.ask()


def pace(pair: Pair) -> float:
    """Seconds until the next look. Those who wait do not all look at the same moment, although a
    class presses the button at the same moment."""
    if any(now.state == RUNNING for now in pair.states().values()):
        return EVERY
    return EVERY_WAITING * (1 + int(viewer(), 16) % 64 / 64)


def follow(pair: Pair, every: float) -> None:
    """The curves as far as they have come. Runs by itself, again and again."""
    states = pair.states()
    if pair.over() or pace(pair) != every:
        st.rerun()
    for name, now in states.items():
        sentence = run_words.sentence(now)
        said = t("training.of", network=t(f"training_figure.{name}"), sentence=sentence)
        st.progress(now.progress, text=said)
    draw_curves(pair)


def draw_curves(pair: Pair) -> None:
    config = pair.config
    drawing = figures.curves(
        group("training_figure"),
        pair.records(),
        config.steps,
        classes=pair.classes,
        going_on=True,
    )
    picture = Picture(
        figure=drawing.figure,
        base=drawing.still,
        alt=t("training_alt.going_on"),
        filename=f"batch-normalization-{CHAPTER}",
    )
    live_chart(picture, key=CHART)


# ---- what became of them -----------------------------------------------------------------------


def answer(pair: Pair) -> None:
    """What the guess was about, if that is what was run, and if it came out so."""
    found = pair.compared()
    opening = found is not None and preset_of(pair.config) == "opening"
    if opening and found.outcome == "with" and not found.learned_without:
        verdict(questions(CHAPTER)["opening"], GUESS)


def look(pair: Pair) -> None:
    """Both runs are over: what they say, and the pictures of any moment."""
    st.caption(training_words.title(pair.config))
    tell_of_ends(pair)
    records, found = pair.records(), pair.compared()
    if found is None:
        return
    st.markdown("  \n".join(training_words.verdict(found, records, pair.classes)))
    show(url.value(VIEW), pair)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        keep_button(pair)
        csv_button(t("frame.download_csv"), f"{CHAPTER}-curves", partial(curves, pair), "train_csv")
        seconds = [run_words.duration(now.seconds) for now in pair.states().values()]
        st.caption(t("training.took", without=seconds[0], bn=seconds[1]), width="content")


def tell_of_ends(pair: Pair) -> None:
    """Runs that did not get to their end, and why; once if it is the same for both."""
    ends = {name: now for name, now in pair.states().items() if now.state != DONE}
    if len(ends) == len(figures.NETWORKS) and len({now.reason for now in ends.values()}) == 1:
        longest = max(ends.values(), key=lambda now: now.seconds)
        st.warning(run_words.sentence(longest), icon=":material/info:")
        return
    for name, now in ends.items():
        network, sentence = t(f"training_figure.{name}"), run_words.sentence(now)
        said = t("training.of", network=network, sentence=sentence)
        st.warning(said, icon=":material/info:")


def show(view: str, pair: Pair) -> None:
    """One large picture, and the knob that moves through the training."""
    words, records = group("training_figure"), pair.records()
    more: dict[str, Any] = {"classes": pair.classes} if view == "curves" else {}
    if view == "percentiles":
        depth = pair.config.depth
        with st.container(horizontal=True):
            label = t("training.layer", depth=depth)
            layer = controls.number(LAYER, label, 1, depth, width=180)
            most = min(UNITS_WATCHED, pair.config.width)
            unit = controls.number(UNIT, t("training.unit", most=most), 1, most, width=180)
        more = {"layer": min(layer, depth), "unit": min(unit, most)}
    if view == "affine" and not records["with"].snapshots:
        return
    drawing = figures.draw(view, words, records, pair.config.steps, **more)
    moment = moment_knob(drawing)
    at = moment.header([])["at"]
    named = {name: f"{{{place}}}" for name, place in drawing.places.items()}
    numbered = named | more | {"depth": pair.config.depth, "of": training_words.title(pair.config)}
    caption = t(f"training_caption.{view}", **numbered)
    if drawing.clipped:
        caption += t("training.clipped")
    if view == "curves" and any(record.diverged_at is not None for record in records.values()):
        caption += t("training.crosses")
    picture = Picture(
        figure=drawing.figure,
        base=drawing.base(at),
        alt=t(f"training_alt.{view}", **numbered),
        filename=f"batch-normalization-{CHAPTER}-{view}",
        caption=caption,
        formats=drawing.formats,
        table=drawing.table,
    )
    live_chart(picture, [moment], key=CHART, fields=[MOMENT])


def moment_knob(drawing: figures.Drawing) -> Knob:
    """Through the steps at which the networks were looked at; it opens at the last."""
    moments = drawing.moments
    texts = [t("training.step", step=int(step)) for step in moments]
    at = nearest(moments, url.value(MOMENT))
    name = t("knobs.train_moment")
    return Knob(
        key=MOMENT.key,
        label=name,
        reset=t("knobs.reset", name=name, value=texts[-1]),
        values=moments,
        texts=texts,
        value=float(moments[at]),
        text=texts[at],
        default=float(moments[-1]),
        changes=drawing.moving,
    )


def curves(pair: Pair) -> bytes:
    """Every snapshot of both runs, in full precision."""
    header = list(group("training_csv").values())
    rows = (
        (name, s.step, s.loss, s.held_out.loss, s.held_out.accuracy)
        for name, record in pair.records().items()
        for s in record.snapshots
    )
    return csv_bytes(header, rows)


# ---- several of them ---------------------------------------------------------------------------


def kept_runs() -> list[Kept]:
    return st.session_state.setdefault(KEPT, [])


def keep_button(pair: Pair) -> None:
    here = [kept.pair.config for kept in kept_runs()]
    full, already = len(here) >= figures.MOST_KEPT, pair.config in here
    if full or already:
        st.caption(t("training.full", most=figures.MOST_KEPT) if full else t("training.already"))
        return
    st.text_input(
        t("training.name"),
        key=NAME,
        max_chars=LONGEST_NAME,
        placeholder=default_name(pair),
        width=220,
    )
    st.button(
        t("training.keep"),
        key="train_keep",
        icon=":material/bookmark_add:",
        on_click=keep,
        args=(pair,),
    )


def default_name(pair: Pair) -> str:
    preset = preset_of(pair.config)
    if preset != OWN:
        return t(f"training_presets.{preset}")
    return t("training.run", n=len(kept_runs()) + 1)


def keep(pair: Pair) -> None:
    typed = str(st.session_state.get(NAME) or "").strip()[:LONGEST_NAME]
    if len(kept_runs()) < figures.MOST_KEPT:
        kept_runs().append(Kept(typed or default_name(pair), pair))
        st.session_state[NAME] = ""
        whole_page.ask()


@st.fragment
def comparison() -> None:
    """Up to four pairs of runs on one pair of axes, with what set them apart."""
    whole_page.draw_if_asked()
    runs = kept_runs()
    if not runs:
        return
    st.header(t("training.kept_title"), anchor=False)
    words = group("training_figure")
    longest = max(kept.pair.config.steps for kept in runs)
    drawing = figures.kept(words, [(kept.name, kept.pair.records()) for kept in runs], longest)
    ends = t("training.semicolon").join(map(kept_words, runs))
    picture = Picture(
        figure=drawing.figure,
        base=drawing.still,
        alt=t("training_alt.kept", runs=ends),
        filename=f"batch-normalization-{CHAPTER}-kept",
    )
    live_chart(picture, key=KEPT_CHART)
    for n, kept in enumerate(runs):
        st.markdown(kept_line(kept))
        with st.container(horizontal=True):
            kept_button("show", n, kept, ":material/visibility:", partial(show_again, kept))
            kept_button("remove", n, kept, ":material/delete:", partial(remove, kept))


def kept_button(what: str, n: int, kept: Kept, icon: str, act: Callable[[], None]) -> None:
    label = t(f"training.kept_{what}")
    key = f"train_kept_{what}_{n}"
    st.button(label, key=key, icon=icon, on_click=act, help=f"{label}: {plain(kept.name)}")


def kept_line(kept: Kept) -> str:
    return t(
        "training.kept_line",
        name=plain(kept.name),
        ends=kept_words(kept, named=False),
        title=training_words.title(kept.pair.config),
    )


def kept_words(kept: Kept, *, named: bool = True) -> str:
    found = kept.pair.compared()
    a, b = (
        (
            training_words.percent(found.accuracy_with),
            training_words.percent(found.accuracy_without),
        )
        if found
        else ("–", "–")
    )
    ends = t("training.kept_ends", a=a, b=b)
    return t("training.of", network=kept.name, sentence=ends) if named else ends


def plain(name: str) -> str:
    """A name that somebody typed, not to be read as Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>~$:&" else c for c in name)


def remove(kept: Kept) -> None:
    kept_runs().remove(kept)
    whole_page.ask()


def show_again(kept: Kept) -> None:
    """Settings and runs of a kept pair, back on the screen."""
    assign(kept.pair.config)
    st.session_state[SHOWN] = kept.pair
    whole_page.ask()


def link_to_run(config: TrainingConfig) -> dict[str, str]:
    """What a link to this page has to say for a run with these settings."""
    return written(values_of(config))


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
lab()
with present.part("more"):
    comparison()
if st.session_state.get(UNCOVERED):
    with present.part("more", "learning_map"):
        learning_map.learning_map(FIELDS, link_to_run)
    with present.part("more", "figure_one"):
        figure_one.figure_one(FIELDS)
with present.part("reading"):
    st.markdown(prose(CHAPTER, "reading"))
with present.part("quiz"):
    quiz(CHAPTER, FIELDS)
