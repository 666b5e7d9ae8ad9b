"""The frame of every page: language, logo, navigation."""

from pathlib import Path

import streamlit as st

from kb.doors.ui.frame import language, language_switch, t

HERE = Path(__file__).parent

st.set_page_config(page_title="Firstcall", page_icon=str(HERE / "media/icon.png"), layout="wide")
st.logo(str(HERE / "media/logo.svg"), size="medium")

hl = language()
page = st.navigation(
    [st.Page(HERE / "search.py", title=t("shell.search"), icon=":material/search:", default=True, url_path="search")],
    position="top",
)
language_switch(hl)
page.run()
