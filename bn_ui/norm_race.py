"""Every norm at batch sizes 2 to 32, over several seeds: accuracy in use, and who is ahead.

``norm_race(fields)`` is a fragment for a page, which keeps these ``FIELDS`` among its own and has
loaded them all before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import streamlit as st

from bn_core.comparison import LEAD
from bn_core.learning_map import medians
from bn_core.norm_race import DIVERGED, EVALUATIONS, NormRaceConfig, ahead_of, collected
from bn_core.training_data import DATA_SETS
from bn_ui import controls, experiment_views, url, whole_page
from bn_ui.experiment_runs import RACE_RATES, race_config, race_job
from bn_ui.experiment_views import Views
from bn_ui.export import csv_button, csv_bytes
from bn_ui.figures import other_norms as figures
from bn_ui.live_chart import Picture, live_chart
from bn_ui.numbers import number_text
from bn_ui.text import group, prose, t
from bn_ui.url import Field

NAME = "norm_race"
DATA = url.choice("norms_data", "digits", tuple(RACE_RATES))
ACTIVATION = url.choice("norms_activation", "relu", ("relu", "sigmoid"))
BIAS = url.switch("norms_bias", True)
EQUAL = url.choice("norms_equal", "steps", ("steps", "examples"))
FIELDS = (DATA, ACTIVATION, BIAS, EQUAL)
PRESETS = {
    "digits": {DATA: "digits", ACTIVATION: "relu", BIAS: True, EQUAL: "steps"},
    "examples": {DATA: "digits", ACTIVATION: "relu", BIAS: True, EQUAL: "examples"},
    "radius": {DATA: "spirals", ACTIVATION: "relu", BIAS: False, EQUAL: "steps"},
    "bias": {DATA: "spirals", ACTIVATION: "relu", BIAS: True, EQUAL: "steps"},
    "sigmoid": {DATA: "spirals", ACTIVATION: "sigmoid", BIAS: True, EQUAL: "steps"},
}


@st.fragment
def norm_race(fields: Sequence[Field] = FIELDS) -> None:
    """The experiment. ``fields``: all that the page's link keeps."""
    whole_page.draw_if_asked()
    url.load(FIELDS)
    st.header(t("norm_race.title"), anchor=False)
    st.markdown(prose("other_norms", "race"))
    config = _choose()
    jobs = {"race": race_job(config)}
    views = experiment_views.shown(NAME, jobs)
    experiment_views.buttons(NAME, jobs, views)
    if not views:
        count = int(np.prod(config.shape))
        st.info(t("norm_race.invite", trainings=count), icon=":material/play_arrow:")
    experiment_views.drawn(views, jobs, partial(_show, config, views))
    url.save(fields)


def _choose() -> NormRaceConfig:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        data = {name: t(f"norm_race.data_{name}") for name in RACE_RATES}
        controls.pick(DATA, t("norm_race.data"), data, width="content")
        activations = {name: t(f"activations.{name}") for name in ("relu", "sigmoid")}
        controls.pick(ACTIVATION, t("norm_race.activation"), activations, width="content")
        equal = {name: t(f"norm_race.equal_{name}") for name in ("steps", "examples")}
        controls.pick(EQUAL, t("norm_race.equal"), equal, width="content")
        controls.switch(BIAS, t("norm_race.bias"), width="content")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(t("presets.label"), width="content")
        for name, values in PRESETS.items():
            st.button(
                t(f"norm_race.preset_{name}"),
                key=f"norms_race_{name}",
                on_click=partial(url.assign_all, values),
            )
    return race_config(url.value(DATA), url.value(ACTIVATION), url.value(BIAS), url.value(EQUAL))


def _show(config: NormRaceConfig, views: Views) -> None:
    """The picture, what it says, and its numbers."""
    results = collected(config, views["race"].since(0) if views else [])
    nothing = t("norm_race.nothing")
    sentences = [*_sentences(config, results)] if views else []
    said = experiment_views.joined(sentences)
    words = group("race_figure") | {n: t(f"norm_names.{n}_short") for n in config.norms}
    picture = Picture(
        figure=figures.race_figure(words, results, config.norms, config.batch_sizes),
        base=[],
        alt=t("norm_race.alt", sizes=_joined(config.batch_sizes), found=said or nothing),
        filename="batch-normalization-norms-by-batch-size",
    )
    live_chart(picture, key="norms_race_chart")
    st.caption(_legend(config))
    if not views:
        return
    st.markdown("\n".join(f"- {sentence}" for sentence in sentences))
    _table(config, results)
    make = partial(_csv, config, results)
    csv_button(t("frame.download_csv"), "norms-by-batch-size", make, "norms_race_csv")


def _legend(config: NormRaceConfig) -> str:
    base = config.base
    network = t(
        "norm_race.network",
        data=t(f"norm_race.on_{base.data}", size=base.train_size),
        depth=base.depth,
        width=base.width,
        activation=t(f"activations.{base.activation}"),
        bias=t("norm_race.with_bias") if base.bias else t("norm_race.without_bias"),
        rate=number_text(base.learning_rate),
        groups=base.groups,
        seeds=config.seeds,
        points=f"{100 * LEAD:g}",
    )
    return f"{_budget(config)} {network}"


def _budget(config: NormRaceConfig) -> str:
    """What is equal, and how many examples each training saw."""
    small, large = config.batch_sizes[0], config.batch_sizes[-1]
    return t(
        f"norm_race.budget_{config.equal}",
        small=small,
        large=large,
        few=f"{config.examples(small):,}",
        many=f"{config.examples(large):,}",
        most=f"{config.steps(small):,}",
        steps=f"{config.steps(large):,}",
    )


# ---- sentences -----------------------------------------------------------------------------------


def _sentences(config: NormRaceConfig, results: np.ndarray) -> Iterator[str]:
    """What the trainings that are there show."""
    in_use = results[0]
    there = [at for at in range(len(config.batch_sizes)) if not np.isnan(in_use[:, at]).any()]
    if not there:
        yield t("norm_race.nothing")
        return
    classes = DATA_SETS[config.base.data].classes
    ahead = {config.batch_sizes[at]: ahead_of(in_use[:, at], classes) for at in there}
    yield from _leaders(config, ahead)
    yield from _of_batch_norm(config, ahead)
    smallest = there[0]
    middle = medians(results[:, config.norms.index("batch"), smallest])
    yield t(
        "norm_race.statistics",
        m=config.batch_sizes[smallest],
        **{name: _text(value) for name, value in zip(EVALUATIONS, middle, strict=True)},
    )
    if fallen := int(np.isneginf(in_use).sum()):
        yield t("norm_race.fallen", count=fallen)


def _leaders(config: NormRaceConfig, ahead: dict[int, np.ndarray]) -> Iterator[str]:
    """At which batch sizes one norm is ahead of all others, and at which none is."""
    others = len(config.norms) - 1
    undecided = []
    for size, table in ahead.items():
        leader = [n for n, row in zip(config.norms, table, strict=True) if row.sum() == others]
        if leader:
            yield t("norm_race.leader", m=size, norm=_names(leader))
        else:
            undecided.append(size)
    if undecided:
        yield t("norm_race.no_leader", sizes=_joined(undecided))


def _of_batch_norm(config: NormRaceConfig, ahead: dict[int, np.ndarray]) -> Iterator[str]:
    """Who is ahead of BN in every seed, and who behind, unless that is said already: everybody."""
    bn = config.norms.index("batch")
    for size, table in ahead.items():
        for kind, flags in (("behind", table[:, bn]), ("ahead", table[bn])):
            named = [norm for norm, flag in zip(config.norms, flags, strict=True) if flag]
            if named and not (kind == "ahead" and len(named) == len(config.norms) - 1):
                yield t(f"norm_race.{kind}", m=size, norms=_names(named))


def _names(norms: Sequence[str]) -> str:
    return _joined([t(f"norm_race.named_{norm}") for norm in norms])


def _joined(values: Sequence[object]) -> str:
    return t("norm_race.comma").join(map(str, values))


# ---- numbers -------------------------------------------------------------------------------------


def _table(config: NormRaceConfig, results: np.ndarray) -> None:
    """Medians over the seeds; of BN with each kind of statistics."""
    rows = [(t(f"norm_names.{norm}_short"), results[0, n]) for n, norm in enumerate(config.norms)]
    bn = config.norms.index("batch")
    for number, name in enumerate(EVALUATIONS[1:], 1):
        rows.insert(bn + number, (t(f"norm_race.row_{name}"), results[number, bn]))
    columns = {t("norm_race.column_norm"): [name for name, _ in rows]}
    for at, size in enumerate(config.batch_sizes):
        column = t("norm_race.column_m", m=size)
        columns[column] = [_text(float(medians(values[at]))) for _, values in rows]
    st.table(columns, hide_index=True, width="content", alt=t("norm_race.table_alt"))


def _text(accuracy: float) -> str:
    if accuracy == DIVERGED:
        return t("race_figure.diverged")
    return "–" if np.isnan(accuracy) else f"{100 * accuracy:.1f}\u00a0%"


def _csv(config: NormRaceConfig, results: np.ndarray) -> bytes:
    """Every training in full precision; a network that diverged has no accuracy."""
    header = list(group("race_csv").values())
    rows = (
        (
            norm,
            size,
            config.steps(size),
            config.examples(size),
            seed,
            *("" if value == DIVERGED else value for value in results[:, n, at, seed].tolist()),
        )
        for n, norm in enumerate(config.norms)
        for at, size in enumerate(config.batch_sizes)
        for seed in range(config.seeds)
        if not np.isnan(results[0, n, at, seed])
    )
    return csv_bytes(header, rows)
