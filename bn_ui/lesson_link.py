"""Links that a teacher hands out: a chapter, prepared.

A lesson is written as the link's own parameters, which every chapter reads and clamps anyway. A
test opens each of them and compares it with what the chapter's own buttons set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bn_core import forward_train
from bn_ui import url
from bn_ui.batches import Hidden, hidden_batch
from bn_ui.present import ALWAYS, HIDE, PARTS
from bn_ui.small_batch import BACKWARD_BATCH, BATCH, PRESETS
from bn_ui.step_player import Place, place
from bn_ui.url import Field

# The chapters that work on the small batch: what each takes of it.
SMALL_BATCH: Mapping[str, tuple[Field, ...]] = {
    "forward": BATCH,
    "backward": BACKWARD_BATCH,
    "gradient_check": BACKWARD_BATCH,
}
PLACES: Mapping[str, Place] = {
    "forward": place("forward", "fwd"),
    "backward": place("backward", "bwd"),
}
# What is asked before a picture is uncovered: names in the chapters' questions.
PREDICTIONS: Mapping[str, str] = {
    "overview": "most",
    "distributions": "shapes",
    "scale_shift": "regime",
    "forward": "same_shift",
    "backward": "misprint",
    "gradient_check": "smaller",
    "training": "opening",
    "inference": "port",
    "whitening": "tilted",
    "other_norms": "two",
    "why": "doubled",
}
_SYNTHETIC = {"dist_source": "synthetic", "dist_feature": "1"}
_SCENES: Mapping[str, Mapping[str, str]] = {
    "open": {},
    "deep": {"dist_layer": "10", "dist_view": "pooled"},
    "humps": _SYNTHETIC,
    "outlier": _SYNTHETIC | {"dist_shape": "outlier"},
    "single": {"dist_m": "1"},
}
SCENES = (*_SCENES, "floor")
# An experiment of ``training`` that BN does not win.
_TIE = {
    "train_activation": "tanh",
    "train_rate": "0.3",
    "train_m": "64",
    "train_steps": "600",
}


@dataclass(frozen=True)
class Lesson:
    """What a link opens.

    parameters : the chapter's own
    lang : a language, or "" for that of each learner's browser
    quiz_seed : numbers of the quiz, the same for everyone; None: each learner gets their own
    present : projector mode
    hide : parts that are left out in projector mode, of ``present.PARTS``
    revealed : predictions start uncovered
    """

    chapter: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    lang: str = ""
    quiz_seed: int | None = None
    present: bool = False
    hide: Sequence[str] = ALWAYS
    revealed: bool = False

    def query(self) -> dict[str, str]:
        """The link's parameters: what differs from opening the chapter plainly."""
        hide = HIDE.write([part for part in PARTS if part in self.hide])
        wanted = {
            "lang": self.lang,
            **self.parameters,
            "quiz_seed": "" if self.quiz_seed is None else str(self.quiz_seed),
            "present": "1" if self.present else "",
            "hide": hide if self.present else "",
            "revealed": "1" if self.revealed else "",
        }
        return {key: text for key, text in wanted.items() if text}


def written(values: Mapping[Field, object]) -> dict[str, str]:
    """Values as a link holds them; defaults are left out."""
    valid = {field: field.valid(value) for field, value in values.items()}
    return {f.key: f.write(now) for f, now in valid.items() if now != f.default}


def current_batch(chapter: str) -> dict[str, str]:
    """The small batch as it is set, as far as the chapter shows it."""
    return written({field: url.value(field) for field in SMALL_BATCH[chapter]})


def preset_batch(chapter: str, name: str) -> dict[str, str]:
    """One of the small batch's presets."""
    fields = SMALL_BATCH[chapter]
    return written({field: now for field, now in PRESETS[name].items() if field in fields})


def scene(name: str, seed: int = 0) -> dict[str, str]:
    """One of the presets of ``distributions``, with images and network of a seed."""
    seeded = {"dist_seed": str(seed)} if seed else {}
    if name != "floor":
        return {**_SCENES[name], **seeded}
    x = hidden_batch(Hidden("digits", 256, 5, 32, "sigmoid", seed), 8.0)
    variance = float(forward_train(x).var[6])  # of the unit that the chapter opens with
    return {"dist_eps": f"{variance:.12g}", **seeded}


def at(chapter: str, step: str, level: str) -> dict[str, str]:
    """Where the step player opens, and what it leaves blank."""
    here = PLACES[chapter]
    return written({here.step: step, here.level: level})


def plan_lessons() -> dict[str, Lesson]:
    """The links in the prepared lessons, by the name that the prose has for them."""
    round_forward = preset_batch("forward", "round")
    round_backward = preset_batch("backward", "round")
    return {
        "front": Lesson("overview"),
        "look": Lesson("distributions"),
        "deep": Lesson("distributions", scene("deep")),
        "steps": Lesson("forward", round_forward),
        "practise": Lesson("forward", round_forward | at("forward", "x_hat", "two")),
        "two": Lesson("forward", preset_batch("forward", "two")),
        "quiz": Lesson("forward"),
        "back": Lesson("backward", round_backward),
        "dx": Lesson("backward", round_backward | at("backward", "dx", "worked")),
        "misprint": Lesson("backward"),
        "check": Lesson("gradient_check"),
        # Both chapters cover what they open with; a second link of theirs goes on from there.
        "train": Lesson("training"),
        "tie": Lesson("training", _TIE, revealed=True),
        "use": Lesson("inference"),
        "late": Lesson("inference", {"inf_train_steps": "800"}, revealed=True),
    }
