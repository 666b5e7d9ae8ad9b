"""The frame of every page: who looks at it, language, logo, navigation."""

from pathlib import Path

import streamlit as st

from kb.doors.ui.frame import corner, language, session, t, whole_again
from kb.people.users import Action, may
from kb.seen.log import log, request

HERE = Path(__file__).parent

st.set_page_config(page_title="Firstcall", page_icon=str(HERE / "media/icon.png"), layout="wide")
st.logo(str(HERE / "media/logo.svg"), size="medium")

hl = language()
visit = session()
insights = t("insights.title") if may(visit.user, Action.SEE_INSIGHTS) else t("insights.mine")
PAGES = (  # file, title, icon ('' = reached from another page), what one must be allowed; the rooms ask again
    ("search", t("shell.search"), ":material/search:", Action.SEARCH),
    ("today", t("today.title"), ":material/wb_sunny:", Action.READ_BULLETINS),
    ("bulletins", t("bulletins.title"), ":material/campaign:", Action.READ_BULLETINS),
    ("practice", t("practice.title"), ":material/school:", Action.PRACTISE),
    ("calls", t("calls.title"), ":material/manage_search:", Action.READ_CALL),
    ("gaps", t("gaps.title"), ":material/playlist_add_check:", Action.READ_GAPS),
    ("roundtable", t("roundtable.title"), ":material/groups:", Action.READ_GAPS),
    ("insights", insights, ":material/monitoring:", Action.COACH),
    ("studio", t("studio.title"), ":material/edit_note:", Action.WRITE_ARTICLE),
    ("edit", t("edit.title"), "", Action.WRITE_ARTICLE),
    ("learnt", t("learnt.title"), ":material/lightbulb:", Action.TEACH),
    ("people", t("manage.title"), ":material/manage_accounts:", Action.MANAGE_USERS),
    ("status", t("status.title"), ":material/monitor_heart:", Action.SEE_STATUS),
)
page = st.navigation(
    [
        st.Page(
            HERE / f"{name}.py",
            title=title,
            icon=icon or None,
            url_path=name,
            default=name == "search",
            visibility="visible" if icon else "hidden",
        )
        for name, title, icon, action in PAGES
        if may(visit.user, action)
    ],
    position="top",
)
corner(visit, hl)
whole_again()
try:
    with request():
        page.run()
except Exception:  # Streamlit would offer to look the error up on the web
    log.failed("page_failed", page=page.url_path or "search")
    st.error(t("shell.failed"), icon=":material/error:")
