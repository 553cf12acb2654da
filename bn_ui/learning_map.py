"""Learning rate × weight scale, with BN and without: which settings a network learns with.

``learning_map(fields, link)`` is a fragment for a page, which keeps these ``FIELDS`` among
its own and has loaded them all before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import streamlit as st

from bn_core.comparison import LEAD
from bn_core.learning_map import (
    DIVERGED,
    NETWORKS,
    TARGET,
    LearningMapConfig,
    ahead,
    collected,
    medians,
    reach,
)
from bn_core.training_config import TrainingConfig
from bn_core.training_data import DATA_SETS
from bn_ui import controls, experiment_views, present, share, url, whole_page
from bn_ui.experiment_runs import (
    MAP,
    MAP_ACTIVATIONS,
    MAP_DEPTHS,
    RATES,
    SCALES,
    map_config,
    map_job,
)
from bn_ui.experiment_views import Views
from bn_ui.export import csv_button, csv_bytes
from bn_ui.figures import learning_map as figures
from bn_ui.live_chart import Picture, live_chart
from bn_ui.text import group, prose, t
from bn_ui.url import Field

NAME = "learning_map"
CHAPTER = "training"
Link = Callable[[TrainingConfig], Mapping[str, str]]

_RATES, _SCALES = ({f"{v:g}": f"{v:g}" for v in values} for values in (RATES, SCALES))
ACTIVATION = url.choice("map_activation", MAP.base.activation, MAP_ACTIVATIONS)
DEPTH = url.choice("map_depth", str(MAP.base.depth), [str(depth) for depth in MAP_DEPTHS])
RATE = url.choice("map_rate", "0.1", list(_RATES))
SCALE = url.choice("map_scale", "1", list(_SCALES))
FIELDS = (ACTIVATION, DEPTH, RATE, SCALE)


@st.fragment
def learning_map(fields: Sequence[Field] = FIELDS, link: Link | None = None) -> None:
    """The experiment.

    fields : all that the page's link keeps, these ``FIELDS`` among them
    link : parameters of the training chapter that show a run with these settings (of the network
        with BN); without it no run is linked
    """
    whole_page.draw_if_asked()
    url.load(FIELDS)
    st.header(t("learning_map.title"), anchor=False)
    with present.part("intro", NAME):
        st.markdown(prose("training", "map"))
    picture_column, control_column = present.columns(NAME)
    with control_column:
        config = _choose()
    jobs = {"map": map_job(config)}
    views = experiment_views.shown(NAME, jobs)
    with picture_column:
        experiment_views.buttons(NAME, jobs, views)
        if not views:
            count = int(np.prod(config.shape))
            st.info(t("learning_map.invite", trainings=count), icon=":material/play_arrow:")
        with present.part("controls", f"{NAME}_cell"), st.container(horizontal=True):
            controls.select(RATE, t("learning_map.rate"), _RATES, width=165)
            controls.select(SCALE, t("learning_map.scale"), _SCALES, width=165)
        experiment_views.drawn(views, jobs, partial(_show, config, views, link))
    url.save(fields)


def _choose() -> LearningMapConfig:
    controls.pick(ACTIVATION, t("learning_map.activation"), group("activations"))
    depths = {str(depth): str(depth) for depth in MAP_DEPTHS}
    controls.pick(DEPTH, t("learning_map.depth"), depths)
    return map_config(url.value(ACTIVATION), int(url.value(DEPTH)))


def _show(config: LearningMapConfig, views: Views, link: Link | None) -> None:
    """The maps, what they say, and the chosen cell."""
    results = collected(config, views["map"].since(0) if views else [])
    middle = medians(results)
    row, column = list(_RATES).index(url.value(RATE)), list(_SCALES).index(url.value(SCALE))
    words = group("learning_map_figure")
    caption = experiment_views.joined(_sentences(config, middle)) if views else ""
    here = {name: _text(middle[n, row, column]) for n, name in enumerate(NETWORKS)}
    alt = t("learning_map.alt", rate=url.value(RATE), scale=url.value(SCALE), found=caption, **here)
    picture = Picture(
        figure=figures.figure(words, middle, list(_RATES), list(_SCALES), (row, column)),
        base=[],
        alt=alt,
        filename="batch-normalization-learning-map",
    )
    live_chart(picture, key="map_chart")
    if not views:
        return
    st.caption(t("learning_map.legend", mark=figures.DIVERGED_MARK, target=_percent(TARGET)))
    st.markdown(caption)
    _cell(config, results, (row, column), link)
    make = partial(_csv, config, results)
    csv_button(t("frame.download_csv"), "learning-map", make, "map_csv")


# ---- sentences ---------------------------------------------------------------------------------


def _sentences(config: LearningMapConfig, middle: np.ndarray) -> list[str]:
    """What the cells show that there are, a sentence each."""
    found = {name: reach(middle[n]) for n, name in enumerate(NETWORKS)}
    if not all(each.cells for each in found.values()):
        return [t("learning_map.nothing")]
    said = [
        t(
            "learning_map.reached",
            target=_percent(TARGET),
            a=found["with"].learned,
            cells_a=found["with"].cells,
            b=found["without"].learned,
            cells_b=found["without"].cells,
        )
    ]
    for name in ("with", "without"):
        each = found[name]
        low, high = (f"{RATES[at]:g}" for at in each.rates or (0, 0))
        # Which scale is best, and which rates alone will do, only the whole map can tell.
        if each.rates is not None and each.cells == middle[0].size and (each.alone or low != high):
            kind = "at_one" if each.alone else "over"
            scale = f"{SCALES[each.best_scale]:g}"
            said.append(t(f"learning_map.{kind}_{name}", scale=scale, low=low, high=high))
    if any(each.diverged for each in found.values()):
        counts = {name: each.diverged for name, each in found.items()}
        said.append(t("learning_map.diverged", a=counts["with"], b=counts["without"]))
    sides = ahead(middle, DATA_SETS[config.base.data].classes)
    counts = {name: int(side.sum()) for name, side in sides.items()}
    points = f"{100 * LEAD:g}"
    said.append(t("learning_map.ahead", a=counts["with"], b=counts["without"], points=points))
    if 0 < counts["without"] <= 5:
        cells = [
            t("learning_map.place", rate=f"{RATES[r]:g}", scale=f"{SCALES[c]:g}")
            for r, c in np.argwhere(sides["without"])
        ]
        said.append(t("learning_map.where", cells=t("learning_map.semicolon").join(cells)))
    return said


def _cell(
    config: LearningMapConfig, results: np.ndarray, at: tuple[int, int], link: Link | None
) -> None:
    """The chosen cell, seed by seed, and the way to its runs."""
    row, column = at
    heading = t("learning_map.cell", rate=url.value(RATE), scale=url.value(SCALE))
    st.markdown(f"**{heading}**")
    here = results[:, row, column]
    middle = medians(here)
    columns = {t("learning_map.network"): [t(f"learning_map_figure.{name}") for name in NETWORKS]}
    for seed in range(config.seeds):
        name = t("learning_map.seed", seed=seed)
        columns[name] = [_text(value) for value in here[:, seed]]
    columns[t("learning_map.median")] = [_text(value) for value in middle]
    st.table(columns, hide_index=True, width="content", alt=heading)
    if link is None:
        return
    here_too = url.link_parameters((), to_share=True)
    links = [
        (seed, here_too | dict(link(config.training("with", row, column, seed))))
        for seed in range(config.seeds)
    ]
    said = t("learning_map.semicolon").join(
        f"[{t('learning_map.seed', seed=seed)}]({share.address(CHAPTER, CHAPTER, parameters)})"
        for seed, parameters in links
    )
    st.markdown(t("learning_map.open", links=said))


def _text(accuracy: float) -> str:
    if accuracy == DIVERGED:
        return f"{figures.DIVERGED_MARK} {t('learning_map_figure.diverged')}"
    return "–" if np.isnan(accuracy) else _percent(accuracy, 1)


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f}\u00a0%"


def _csv(config: LearningMapConfig, results: np.ndarray) -> bytes:
    """Every training in full precision; a network that diverged has no accuracy."""
    header = list(group("learning_map_csv").values())
    rows = (
        (
            NETWORKS[n],
            RATES[r],
            SCALES[c],
            seed,
            "" if value == DIVERGED else value,
            int(value == DIVERGED),
        )
        for (n, r, c, seed), value in np.ndenumerate(results)
        if not np.isnan(value)
    )
    return csv_bytes(header, rows)
