"""What ``forward`` and ``backward`` have in common: the player beside the controls of its batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import streamlit as st

from bn_core.derivation import Values
from bn_ui import controls, present, share, url
from bn_ui.export import csv_button, csv_bytes
from bn_ui.small_batch import SmallBatch, batch_controls, reset_with
from bn_ui.step_player import Place, step_player, values_of
from bn_ui.step_player.lesson import LEVELS, hidden
from bn_ui.take_along import TakeAlong, take_along
from bn_ui.text import group, t
from bn_ui.url import Field


def step_lab(
    here: Place,
    batch_fields: tuple[Field, ...],
    fields: tuple[Field, ...],
    programs: Callable[[SmallBatch], TakeAlong],
    preface: Callable[[SmallBatch], str] | None = None,
) -> tuple[SmallBatch, tuple[str, ...]]:
    """Controls, player and download of one chapter.

    ``fields`` is all that its link keeps, ``preface`` a sentence about the batch, above the player.
    Returns the batch and the formulas that are still the learner's to find.
    """
    url.load((*batch_fields, *here.fields))
    player_column, control_column = present.columns()
    with control_column:
        batch = batch_controls(batch_fields)
        levels = {level: t(f"player.levels_{level}") for level in LEVELS}
        controls.pick(here.level, t("player.practice"), levels)
        share.footer(here.passage, fields, reset_with(fields))
    with player_column:
        if preface:
            st.markdown(preface(batch))
        blank = step_player(here, batch)
        download(here, batch, blank)
    take_along(here.passage, lambda: programs(batch), practising=bool(blank))
    url.save(fields)
    return batch, blank


def download(here: Place, batch: SmallBatch, blank: Iterable[str]) -> None:
    """All numbers but those that the learner is to find, in full precision."""

    def make() -> bytes:
        unknown = hidden(here.passage, frozenset(blank))
        header = list(group("csv_steps").values())
        return csv_bytes(header, csv_rows(values_of(here.passage, batch), unknown))

    filename = f"batch-normalization-{here.passage}"
    csv_button(t("frame.download_csv"), filename, make, f"{here.passage}_csv")


def csv_rows(values: Values, unknown: frozenset[str]) -> Iterator[tuple[object, ...]]:
    """Quantity, sample, feature, value; a statistic has no sample, ε and m have neither."""
    for name, value in values.items():
        if name in unknown:
            continue
        for index, entry in np.ndenumerate(value):
            sample, feature = ("", "", *(n + 1 for n in index))[-2:]
            yield name, sample, feature, float(entry)
