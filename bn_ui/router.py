"""The script Streamlit runs: language, navigation, then the chapter that the address names."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from bn_ui import present, url
from bn_ui.controls import pick, settle
from bn_ui.menu import menu
from bn_ui.page_aids import page_aids
from bn_ui.predict import REVEALED, settle_revealed
from bn_ui.text import LANGUAGES, t

FAVICON = Path(__file__).parent / "favicon.svg"


language = url.language_field()
url.load([language, url.VERSION, present.PRESENT, present.HIDE, REVEALED])
settle(language, url.value(language))  # the menu and the title speak before the switch is drawn
# Before the menu, whose icon would otherwise be this tab's, fetched from another host.
st.set_page_config(page_icon=str(FAVICON), layout="wide", initial_sidebar_state="collapsed")
current = st.navigation(menu(), position="hidden" if present.active() else "top")
st.set_page_config(page_title=f"{current.title} · {t('frame.site')}")
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.title(current.title, anchor=False, width="content")
    with st.container(horizontal=True, width="content", vertical_alignment="center"):
        present.switch()
        pick(language, t("frame.language"), LANGUAGES, label_visibility="collapsed")
present.style()
settle_revealed()
current.run()
page_aids()
if url.misread():
    st.toast(t("frame.link_misread"), icon=":material/link_off:")
