"""What asks for the whole page gets it, once."""

from streamlit.testing.v1 import AppTest


def script() -> None:
    import streamlit as st

    from bn_ui import whole_page

    st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1

    @st.fragment
    def part() -> None:
        whole_page.draw_if_asked()
        st.button("stop", key="stop", on_click=whole_page.ask)
        st.button("other", key="other")

    part()


def test_the_whole_page_is_drawn_once_more_if_it_was_asked_for():
    app = AppTest.from_function(script).run()
    drawn = app.session_state["drawn"]
    assert app.button(key="other").click().run().session_state["drawn"] == drawn + 1
    assert app.button(key="stop").click().run().session_state["drawn"] == drawn + 3
    assert app.button(key="other").click().run().session_state["drawn"] == drawn + 4
