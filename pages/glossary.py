"""Glossary: every term in both languages, found by a word or opened by a link."""

from functools import partial

import streamlit as st

from bn_ui import controls, present, share, url
from bn_ui import glossary as entries
from bn_ui.text import GLOSSARY, glossary, prose, t

LONGEST = 40  # characters that are looked for

TERM = url.choice("term", "", ("", *glossary()))
FIND = url.text("glossary_find", "", LONGEST)
FIELDS = (TERM, FIND)


def chosen() -> None:
    """The term that a link is about, before all others."""
    term = url.value(TERM)
    if term:
        entries.show([glossary()[term]], chosen=True)


def listed() -> None:
    """All terms by theme, or what is found."""
    asked = controls.line(FIND, t("glossary.find"), LONGEST, width=400)
    if not asked.strip():
        themes = dict.fromkeys(term.theme for term in glossary().values())
        for theme in themes:
            st.header(t(f"glossary_themes.{theme}"), anchor=False)
            entries.show(term for term in glossary().values() if term.theme == theme)
    elif terms := entries.found(asked):
        st.caption(t("glossary.found", count=len(terms), all=len(glossary())))
        entries.show(terms)
    else:
        st.info(t("glossary.nothing"), icon=":material/search_off:")


url.load(FIELDS)
with present.part("intro"):
    st.markdown(prose(GLOSSARY, "intro"))
entries.style()
chosen()
listed()
share.footer(GLOSSARY, FIELDS, partial(url.reset, FIELDS))
url.save(FIELDS)
