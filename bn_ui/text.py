"""Every word a person reads, by language. The only reader of ``content/``.

``content/<language>/labels.toml`` holds labels and messages; ``content/<language>/<chapter>.md``
holds a chapter's prose in sections that start with ``# section_name``, in the order of the page,
and ``<chapter>.toml`` its questions. ``content/glossary.toml`` holds the glossary, both languages
side by side.

Prose has two marks of its own, which become links that open beside the page and keep its language:

    [[mini-batches]]                  words that the glossary explains
    [[vanishes|vanishing_gradient]]   ... which it does not list among those of this term
    [the formulas](chapter:forward)   another chapter
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

CONTENT = Path(__file__).resolve().parent.parent / "content"
LANGUAGES = {"zh": "中文", "en": "English"}
TAGS = {"zh": "zh-CN", "en": "en"}  # what browsers call them
DEFAULT_LANGUAGE = "en"
GLOSSARY = "glossary"  # the page, and the file
MARK = re.compile(r"\[\[([^][|]+)(?:\|(\w+))?]]")
TO_CHAPTER = re.compile(r"(?<=]\()chapter:(\w+)(?=\))")


def browser_language() -> str:
    """zh for any Chinese browser, English otherwise."""
    locale = st.context.locale or ""
    return "zh" if locale.lower().startswith("zh") else DEFAULT_LANGUAGE


def language() -> str:
    """The language this run speaks."""
    chosen = st.session_state.get("lang")
    return chosen if chosen in LANGUAGES else browser_language()


def t(key: str, **values: object) -> str:
    """The label ``key`` ("chapter.name") in this run's language, its {placeholders} filled in."""
    return labels(language())[key].format(**values)


def prose(chapter: str, section: str, **values: object) -> str:
    """A section of a chapter's Markdown in this run's language, its marks made links."""
    lang = language()
    return _fill(_linked(sections(lang, chapter)[section], lang, _query()), values)


def _fill(markdown: str, values: Mapping[str, object]) -> str:
    """Fill {{name}}: single braces belong to LaTeX."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: str(values[match[1]]), markdown)


@lru_cache(maxsize=1024)  # sections, languages, with the projector or without
def _linked(markdown: str, lang: str, query: str) -> str:
    """Marks as links. Pointing at a word shows what it means; its link leads to the glossary."""

    def to_term(mark: re.Match[str]) -> str:
        term = marked_term(mark, lang)
        return f'[{mark[1]}]({GLOSSARY}?{query}&term={term.name} "{term.says[lang]}")'

    return TO_CHAPTER.sub(lambda mark: f"{mark[1]}?{query}", MARK.sub(to_term, markdown))


def inside(page: str, **parameters: str) -> str:
    """The address of another page of this book, relative to any of them: in the same language,
    and in projector mode if this page is."""
    query = filter(None, (_query(), urlencode(parameters)))
    return f"{page}?{'&'.join(query)}"


def _query() -> str:
    """What a link to another page takes along."""
    from bn_ui import url  # which is built on this module

    return urlencode(url.link_parameters((), to_share=True))


@cache
def labels(lang: str) -> dict[str, str]:
    """All labels of a language, keyed "table.name"."""
    tables = _tables(lang).items()
    return {f"{table}.{key}": text for table, row in tables for key, text in row.items()}


@cache
def _tables(lang: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((CONTENT / lang / "labels.toml").read_text("utf-8"))


@cache
def sections(lang: str, chapter: str) -> dict[str, str]:
    """Sections of ``<chapter>.md``, keyed by the name after "# "."""
    parts = re.split(
        r"^# (\w+)\n", (CONTENT / lang / f"{chapter}.md").read_text("utf-8"), flags=re.M
    )
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def group(table: str) -> dict[str, str]:
    """All labels of one table, for a figure that takes many."""
    return dict(_tables(language())[table])


@dataclass(frozen=True)
class Question:
    """The words of a question.

    question, why : what is asked, and why the answer is what it is
    options : what may be chosen, by name: options of a choice, or steps to be put in order
    answer : the name of the right option, of a choice
    hints : what is said to a wrong answer, by the name of the option, slip, step or line
    slips : what is wrong with the wrong line, by the name of the slip
    exercise : the name in ``bn_core.exercises`` of what is calculated; none for a choice
    misconception : what it is aimed at, a name in the labels' [misconceptions]
    prediction : asked on the page, before a picture is uncovered, and not in the quiz
    """

    name: str
    question: str
    why: str
    options: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)
    slips: Mapping[str, str] = field(default_factory=dict)
    exercise: str = ""
    misconception: str = ""
    prediction: bool = False


def questions(chapter: str, lang: str | None = None) -> dict[str, Question]:
    """A chapter's questions in a language (this run's), in their order."""
    return _questions(lang or language(), chapter)


@cache
def _questions(lang: str, chapter: str) -> dict[str, Question]:
    tables = tomllib.loads((CONTENT / lang / f"{chapter}.toml").read_text("utf-8"))
    return {name: Question(name, **table) for name, table in tables.items()}


@dataclass(frozen=True)
class Term:
    """A term of the glossary.

    name, theme : its key, and that of its group
    words : by language, its name there, then the other words by which the prose means the same
    says : by language, what it is
    symbol : how formulas write it
    chapters : where it is at work besides the chapters whose prose marks it
    """

    name: str
    theme: str
    words: Mapping[str, tuple[str, ...]]
    says: Mapping[str, str]
    symbol: str
    chapters: tuple[str, ...]


@cache
def glossary() -> dict[str, Term]:
    """All terms, in their order."""
    themes = tomllib.loads((CONTENT / f"{GLOSSARY}.toml").read_text("utf-8"))
    return {
        name: Term(
            name,
            theme,
            {lang: tuple(entry[lang]) for lang in LANGUAGES},
            {lang: entry[f"{lang}_says"] for lang in LANGUAGES},
            entry.get("symbol", ""),
            tuple(entry.get("chapters", ())),
        )
        for theme, entries in themes.items()
        for name, entry in entries.items()
    }


def term_of(words: str, lang: str) -> str:
    """The term that goes by these words, whatever their capitals, bold type or line breaks."""
    return _spoken(lang)[" ".join(words.strip("*").split()).casefold()]


@cache
def _spoken(lang: str) -> dict[str, str]:
    return {
        words.casefold(): term.name for term in glossary().values() for words in term.words[lang]
    }


def marked_term(mark: re.Match[str], lang: str) -> Term:
    """What a mark in the prose stands for; KeyError if nothing."""
    return glossary()[mark[2] or term_of(mark[1], lang)]
