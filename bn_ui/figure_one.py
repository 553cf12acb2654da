"""Figure 1 of the paper, run at full length: what our runs show, beside what the paper reports.

``figure_one(fields)`` is a fragment for a page, which keeps these ``FIELDS`` among
its own and has loaded them all before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from bn_core.figure_one import (
    DATA,
    EARLY,
    NETWORKS,
    SEEDS,
    Curves,
    both,
    drift,
    guessing,
    lead,
    overfitted,
    runs,
    unit_percentiles,
)
from bn_core.snapshots import UNITS_WATCHED, Snapshot
from bn_core.training_data import DATA_SETS
from bn_ui import controls, experiment_views, present, url, whole_page
from bn_ui.experiment_runs import figure_one_jobs
from bn_ui.experiment_views import Views
from bn_ui.export import csv_button, csv_bytes
from bn_ui.figures import figure_one as figures
from bn_ui.live_chart import Picture, live_chart
from bn_ui.numbers import number_text
from bn_ui.text import group, prose, t
from bn_ui.url import Field

NAME = "figure_one"
STEPS = next(iter(runs(DATA[0]).values())).steps

DATA_SET = url.choice("fig1_data", DATA[0], DATA)
SEED = url.choice("fig1_seed", str(SEEDS[0]), [str(seed) for seed in SEEDS])
UNIT = url.choice("fig1_unit", "1", [str(unit + 1) for unit in range(UNITS_WATCHED)])
SCALE = url.choice("fig1_scale", "log", figures.SCALES)
FIELDS = (DATA_SET, SEED, UNIT, SCALE)


@st.fragment
def figure_one(fields: Sequence[Field] = FIELDS) -> None:
    """The experiment. ``fields``: all that the page's link keeps, these ``FIELDS`` among them."""
    whole_page.draw_if_asked()
    url.load(FIELDS)
    st.header(t("figure_one.title"), anchor=False)
    with present.part("intro", NAME):
        st.markdown(prose("training", "figure_one"))
    picture_column, control_column = present.columns(NAME)
    with control_column:
        _choose()
    jobs = figure_one_jobs(url.value(DATA_SET))
    views = experiment_views.shown(NAME, jobs)
    with picture_column:
        experiment_views.buttons(NAME, jobs, views)
        if not views:
            st.info(t("figure_one.invite", count=len(jobs)), icon=":material/play_arrow:")
        experiment_views.drawn(views, jobs, partial(_show, views))
    with present.part("reading", NAME):
        st.markdown(prose("training", "figure_one_paper"))
    url.save(fields)


def _choose() -> None:
    controls.pick(DATA_SET, t("figure_one.data"), group("figure_one_data"))
    controls.pick(UNIT, t("figure_one.unit"), {name: name for name in _names(UNITS_WATCHED, 1)})
    controls.pick(SEED, t("figure_one.seed"), {str(seed): str(seed) for seed in SEEDS})
    controls.pick(SCALE, t("figure_one.scale"), group("figure_one_scale"))


def _names(count: int, first: int) -> list[str]:
    return [str(number) for number in range(first, first + count)]


def _snapshots(views: Views) -> figures.Runs:
    """Of each network and seed, as far as they have come."""
    return {
        name: [
            [event for event in view.since(0) if isinstance(event, Snapshot)] if view else []
            for view in (views.get((name, seed)) for seed in SEEDS)
        ]
        for name in NETWORKS
    }


def _show(views: Views) -> None:
    if not views:
        return
    found = _snapshots(views)
    seed, unit = SEEDS.index(int(url.value(SEED))), int(url.value(UNIT)) - 1
    figure, changes = figures.figure(
        group("figure_one_figure"), found, STEPS, url.value(SCALE), seed, unit
    )
    accuracy, loss = both(found, "accuracy"), both(found, "loss")
    said = [*_sentences(accuracy, loss), *_unit_sentences(found, seed, unit)]
    picture = Picture(
        figure=figure,
        base=changes,
        alt=t(
            "figure_one.alt",
            data=t(f"figure_one_data.{url.value(DATA_SET)}"),
            found=experiment_views.joined(said),
        ),
        filename=f"batch-normalization-figure-1-{url.value(DATA_SET)}",
    )
    live_chart(picture, key="fig1_chart")
    _table(accuracy, loss)
    st.markdown("\n".join(f"- {sentence}" for sentence in said))
    csv_button(t("frame.download_csv"), "figure-1", partial(_csv, found), "fig1_csv")


# ---- what the runs show ------------------------------------------------------------------------


def _table(accuracy: dict[str, Curves], loss: dict[str, Curves]) -> None:
    """Median over the seeds, and from the lowest to the highest of them."""
    columns = {t("figure_one.network"): [t(f"figure_one_figure.{name}") for name in NETWORKS]}
    for step in (EARLY, STEPS):
        heading = t("figure_one.accuracy_at", step=_number(step))
        columns[heading] = [_range(accuracy[name].at(step), _percent) for name in NETWORKS]
    heading = t("figure_one.loss_at", step=_number(STEPS))
    columns[heading] = [_range(loss[name].at(STEPS), _two_digits) for name in NETWORKS]
    st.table(columns, hide_index=True, width="content", alt=t("figure_one.table_alt"))
    st.caption(t("figure_one.table_help", seeds=len(SEEDS)))


def _range(found: tuple[float, float, float] | None, write: Callable[[float], str]) -> str:
    if found is None:
        return "–"
    low, middle, high = map(write, found)
    return t("figure_one.range", low=low, middle=middle, high=high)


def _sentences(accuracy: dict[str, Curves], loss: dict[str, Curves]) -> list[str]:
    """Who is ahead and since when, what has been fitted, and what got worse."""
    classes = DATA_SETS[url.value(DATA_SET)].classes
    found = lead(accuracy["with"], accuracy["without"], classes)
    if found is None:
        return []
    step = int(min(each.steps[-1] for each in accuracy.values()))
    ends = {name: _percent(accuracy[name].at(step)[1]) for name in NETWORKS}
    numbers = {"step": _number(step), "a": ends["with"], "b": ends["without"]}
    said = [t(f"figure_one.ahead_{found.ahead or 'none'}", **numbers)]
    if found.ahead:
        said.append(t("figure_one.since", step=_number(found.since)))
    if found.before:
        until = _number(found.until)
        said.append(t(f"figure_one.before_{found.before}", step=until))
    if step < STEPS:
        return said
    size = DATA_SETS[url.value(DATA_SET)].size
    losses = {name: number_text(loss[name].at(STEPS)[1], 2) for name in NETWORKS}
    guess = number_text(guessing(classes), 2)
    said.append(
        t(
            "figure_one.fitted",
            size=_number(size),
            a=losses["with"],
            b=losses["without"],
            guess=guess,
        )
    )
    for name in ("with", "without"):
        best, end = overfitted(accuracy[name], loss[name]), accuracy[name].at(STEPS)[1]
        if best is not None:
            numbers = {"best": _percent(best.value), "step": _number(best.step)}
            said.append(t(f"figure_one.fell_{name}", end=_percent(end), **numbers))
    return said


def _unit_sentences(found: figures.Runs, seed: int, unit: int) -> list[str]:
    """How the chosen unit's input moved, in numbers."""
    said = []
    for name in ("with", "without"):
        run = found[name][seed]
        if run:
            moved = drift(unit_percentiles(run, unit))
            low, high, narrow, wide = (number_text(value, 2) for value in vars(moved).values())
            step = _number(run[-1].step)
            numbers = {"low": low, "high": high, "narrow": narrow, "wide": wide}
            said.append(t(f"figure_one.unit_{name}", unit=unit + 1, step=step, **numbers))
    return said


def _two_digits(value: float) -> str:
    return number_text(value, 2)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


def _number(whole: int) -> str:
    return f"{whole:,}"


def _csv(found: figures.Runs) -> bytes:
    """Every snapshot of all runs, with the percentiles of the watched units of the last layer."""
    header = list(group("figure_one_csv").values())
    names = [f"unit{unit + 1}_p{p}" for unit in range(UNITS_WATCHED) for p in (15, 50, 85)]
    rows = (
        (
            name,
            seed,
            snapshot.step,
            snapshot.loss,
            snapshot.held_out.loss,
            snapshot.held_out.accuracy,
            *(float(v) for v in snapshot.inputs.unit_percentiles[-1].ravel()),
        )
        for name in NETWORKS
        for seed, run in zip(SEEDS, found[name], strict=True)
        for snapshot in run
    )
    return csv_bytes([*header, *names], rows)
