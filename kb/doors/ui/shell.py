"""The frame of every page: who looks at it, language, logo, navigation."""

import logging
from pathlib import Path

import streamlit as st

from kb.doors.ui.frame import corner, language, session, t
from kb.people.users import Action, may

HERE = Path(__file__).parent
log = logging.getLogger("firstcall")

st.set_page_config(page_title="Firstcall", page_icon=str(HERE / "media/icon.png"), layout="wide")
st.logo(str(HERE / "media/logo.svg"), size="medium")

hl = language()
visit = session()
whole = may(visit.user, Action.SEE_INSIGHTS)
PAGES = (  # what a page may show and do is asked in the rooms
    ("search", t("shell.search"), ":material/search:"),
    ("today", t("today.title"), ":material/wb_sunny:"),
    ("bulletins", t("bulletins.title"), ":material/campaign:"),
    ("practice", t("practice.title"), ":material/school:"),
    ("calls", t("calls.title"), ":material/manage_search:"),
    *([("gaps", t("gaps.title"), ":material/playlist_add_check:")] if may(visit.user, Action.READ_GAPS) else []),
    ("insights", t("insights.title") if whole else t("insights.mine"), ":material/monitoring:"),
    ("studio", t("studio.title"), ":material/edit_note:"),
)
HIDDEN = (("edit", t("edit.title")),)  # reached from another page

page = st.navigation(
    [
        st.Page(HERE / f"{name}.py", title=title, icon=icon, default=name == "search", url_path=name)
        for name, title, icon in PAGES
    ]
    + [st.Page(HERE / f"{name}.py", title=title, url_path=name, visibility="hidden") for name, title in HIDDEN],
    position="top",
)
corner(visit, hl)
try:
    page.run()
except Exception:  # Streamlit would offer to look the error up on the web
    log.exception("the page %s failed", page.url_path)
    st.error(t("shell.failed"), icon=":material/error:")
