"""What is said of a pair of runs: every sentence follows from what `bn_core.comparison` found."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bn_core.comparison import LEAD, Comparison
from bn_core.training_config import TrainingConfig
from bn_ui.figures.training import Pair
from bn_ui.numbers import number_text
from bn_ui.text import t


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def points(one: float, other: float = 0.0) -> str:
    """The difference of two shares as they are printed: 71.9 and 22.8 are 49.1 apart."""
    return f"{abs(round(100 * one, 1) - round(100 * other, 1)):.1f}"


def title(config: TrainingConfig) -> str:
    """What was trained, in one line."""
    return t(
        "training.title",
        data=t(f"training_data.{config.data}"),
        depth=config.depth,
        width=config.width,
        activation=t(f"activations.{config.activation}"),
        rate=number_text(config.learning_rate),
        scale=number_text(config.weight_scale),
        m=config.batch_size,
        steps=config.steps,
        seed=config.seed,
        place=t(f"training_title_place.{config.batch_norm}"),
        skips=t("training.title_skips") if config.skips else "",
    )


def verdict(found: Comparison, pair: Pair, classes: int) -> Iterator[str]:
    """Who is ahead and by how much, and what else there is to say of it."""
    yield t(
        f"training_verdict.{found.outcome}",
        step=found.step,
        a=percent(found.accuracy_with),
        b=percent(found.accuracy_without),
        gap=points(found.accuracy_with, found.accuracy_without),
        tolerance=points(LEAD),
        chance=percent(1 / classes),
        at_with=pair["with"].diverged_at,
        at_without=pair["without"].diverged_at,
    )
    loss_a, loss_b = number_text(found.loss_with, 3), number_text(found.loss_without, 3)
    guess = number_text(math.log(classes), 3)
    if found.outcome == "neither":
        yield t("training.losses", a=loss_a, b=loss_b, guess=guess)
        return
    if not found.learned_with and pair["with"].diverged_at is None:
        yield t("training.unlearned_with", chance=percent(1 / classes), loss=loss_a, guess=guess)
    if not found.learned_without and pair["without"].diverged_at is None:
        yield t("training.unlearned_without", chance=percent(1 / classes), loss=loss_b, guess=guess)
    if found.reached_at is not None:
        other = min(found.accuracy_with, found.accuracy_without)
        yield t(f"training_reached.{found.outcome}", accuracy=percent(other), step=found.reached_at)
    if found.led:
        yield t(f"training_led.{found.led}", step=found.led_until)
    if found.outcome == "without" and found.loss_with < found.loss_without:
        yield t("training.overfits", a=loss_a, b=loss_b)
