"""The chapter registry: one row a chapter, in the order of the book."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chapter:
    """``name`` is the file in ``pages/``, the address, and the key of its words."""

    name: str
    section: str
    icon: str


CHAPTERS = (
    Chapter("overview", section="see", icon=":material/home:"),
    Chapter("distributions", section="see", icon=":material/equalizer:"),
    Chapter("scale_shift", section="see", icon=":material/tune:"),
    Chapter("whitening", section="see", icon=":material/blur_circular:"),
    Chapter("forward", section="work", icon=":material/arrow_forward:"),
    Chapter("backward", section="work", icon=":material/arrow_back:"),
    Chapter("gradient_check", section="work", icon=":material/rule:"),
    Chapter("training", section="train", icon=":material/model_training:"),
    Chapter("inference", section="train", icon=":material/published_with_changes:"),
    Chapter("other_norms", section="beyond", icon=":material/view_module:"),
    Chapter("why", section="beyond", icon=":material/biotech:"),
    Chapter("teach", section="teach", icon=":material/school:"),
    Chapter("glossary", section="look_up", icon=":material/dictionary:"),
)
BESIDE = ("teach", "look_up")  # sections that hold no lessons: nothing is asked there
LESSONS = tuple(chapter for chapter in CHAPTERS if chapter.section not in BESIDE)
HOME = "overview"  # what "/" shows
