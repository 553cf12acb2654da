"""The chapters as Streamlit's pages: in the menu, and as links on a page."""

from __future__ import annotations

import streamlit as st

from bn_ui import url
from bn_ui.chapters import CHAPTERS, HOME, Chapter
from bn_ui.text import t


def menu() -> dict[str, list[st.Page]]:
    """Chapters by section. "/" shows one of them, which also has its own address like the rest."""
    home = next(chapter for chapter in CHAPTERS if chapter.name == HOME)
    sections: dict[str, list[st.Page]] = {}
    for chapter in CHAPTERS:
        sections.setdefault(t(f"sections.{chapter.section}"), []).append(_page(chapter))
    sections[t(f"sections.{home.section}")].append(
        _page(home, url_path="start", default=True, visibility="hidden")
    )
    return sections


def link(chapter: Chapter, label: str) -> None:
    """A link to a chapter, which keeps the session, and the language also in a new tab."""
    st.page_link(_page(chapter), label=label, query_params=url.link_parameters(()))


def _page(chapter: Chapter, **options: object) -> st.Page:
    return st.Page(
        f"../pages/{chapter.name}.py",
        **{
            "title": t(f"chapters.{chapter.name}"),
            "icon": chapter.icon,
            "help": t(f"chapters.{chapter.name}_help"),
            "url_path": chapter.name,
            **options,
        },
    )
