"""The chapter registry: one row a chapter, in the order of the book."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chapter:
    """``name`` is the file in ``pages/``, the address, and the key of its words."""

    name: str
    section: str
    icon: str


CHAPTERS = (Chapter("distributions", section="see", icon=":material/equalizer:"),)
HOME = "distributions"  # what "/" shows
