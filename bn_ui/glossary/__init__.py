"""The glossary as a list: both languages side by side, and the chapters where a term is at work.

It is HTML, because only there a word can say which language it is in, for those who listen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from pathlib import Path

import streamlit as st

from bn_ui.chapters import LESSONS
from bn_ui.text import (
    GLOSSARY,
    LANGUAGES,
    MARK,
    TAGS,
    Term,
    glossary,
    inside,
    language,
    marked_term,
    sections,
    t,
)

CSS = Path(__file__).with_name("glossary.css")


def found(asked: str) -> list[Term]:
    """The terms in which a text occurs, in any language; those that are called so come first."""
    wanted = " ".join(asked.split()).casefold()

    def where(term: Term) -> int | None:
        called = [term.symbol, *(word for words in term.words.values() for word in words)]
        for place, texts in enumerate((called, term.says.values())):
            if any(wanted in text.casefold() for text in texts):
                return place
        return None

    places = [(place, term) for term in glossary().values() if (place := where(term)) is not None]
    return [term for _, term in sorted(places, key=lambda each: each[0])]


@cache
def at_work() -> dict[str, tuple[str, ...]]:
    """The chapters of every term, in the order of the book."""
    marked = {
        chapter.name: {
            marked_term(mark, lang).name
            for lang in LANGUAGES
            for text in sections(lang, chapter.name).values()
            for mark in MARK.finditer(text)
        }
        for chapter in LESSONS
    }
    return {
        name: tuple(c for c in marked if name in marked[c] or c in term.chapters)
        for name, term in glossary().items()
    }


def style() -> None:
    """How the lists look; once a page."""
    st.html(CSS)


def show(terms: Iterable[Term], *, chosen: bool = False) -> None:
    """A list of terms; a chosen one stands out."""
    entries = "".join(_entry(term) for term in terms)
    kind = "bn-terms bn-chosen" if chosen else "bn-terms"
    st.html(f'<dl class="{kind}">{entries}</dl>')


def _entry(term: Term) -> str:
    here = language()
    spoken = [here, *(lang for lang in LANGUAGES if lang != here)]
    words = "".join(_in(lang, term, linked=lang == here) for lang in spoken)
    links = t("glossary.comma").join(_to_chapters(term))
    where = f'<dd class="bn-where">{escape(t("glossary.at_work"))}{links}</dd>' if links else ""
    return f'<div class="bn-term">{words}{where}</div>'


def _in(lang: str, term: Term, *, linked: bool) -> str:
    """A term in one language: its name, which is the link to it, its symbol, and what it is."""
    name = escape(term.words[lang][0])
    if linked:
        name = f'<a href="{escape(inside(GLOSSARY, term=term.name))}">{name}</a>'
    named = term.symbol in ("", term.words[lang][0])  # ε is called ε
    symbol = "" if named else f' <span class="bn-symbol">{escape(term.symbol)}</span>'
    says = escape(term.says[lang])
    tag = TAGS[lang]
    return f'<dt lang="{tag}">{name}{symbol}</dt><dd lang="{tag}">{says}</dd>'


def _to_chapters(term: Term) -> Iterator[str]:
    for chapter in at_work()[term.name]:
        title = escape(t(f"chapters.{chapter}"))
        yield f'<a href="{escape(inside(chapter))}" target="_blank">{title}</a>'
