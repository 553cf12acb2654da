"""Where the teacher's page finds the quiz's answer key, if this site has one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_HOMES = ("bn_ui.questions", "bn_ui.quiz")


def answer_key(chapter: str, seed: int, lang: str) -> Sequence[Any]:
    """Entries with ``question``, ``answer`` and ``why``; none where quizzes have no seed."""
    for home in _HOMES:
        if find_spec(home) and (make := getattr(import_module(home), "answer_key", None)):
            return make(chapter, seed, lang)
    return ()
