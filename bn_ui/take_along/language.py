"""The words of the programs, in this run's language."""

from __future__ import annotations

from bn_core.derivation import Step
from bn_ui.step_player.formulas import plain
from bn_ui.take_along.program import Cell, fill, quoted
from bn_ui.text import group, language, sections

SECTIONS = "take_along"


def cell(template: str, text: str = "", **places: str) -> Cell:
    """A cell of a template; ``text`` is a section of take_along.md. Words fill themselves in."""
    markdown = sections(language(), SECTIONS)[text] if text else ""
    return Cell(_filled(template, **places), markdown)


def step_cell(step: Step, code: str, template: str) -> Cell:
    """One formula: what it computes and why in the notebook, ``$code`` in the template."""
    what, why = group("quantities")[step.name], group("why")[step.name]
    text = f"## {what}\n\n{why}\n\n$$\n{plain(step)}\n$$"
    places = {"code": code, "label": quoted(f"{step.name}: {what}")}
    return Cell(_filled(template, **places), text)


def _filled(template: str, **places: str) -> str:
    words = {f"word_{name}": quoted(word) for name, word in group("code_words").items()}
    names = {f"what_{name}": quoted(word) for name, word in group("quantities").items()}
    return fill(template, group("code_comments"), **(words | names | places))
