"""People: their accounts, many at once from a file, and the keys of programs. For administrators."""

from __future__ import annotations

import streamlit as st

from kb.doors.ui.figures.address import tabs
from kb.doors.ui.frame import me, t, told
from kb.doors.ui.manage.accounts import everybody
from kb.doors.ui.manage.done import tell
from kb.doors.ui.manage.programs import programs
from kb.doors.ui.manage.roster import from_file
from kb.doors.wiring import desk
from kb.people.users import Action, require

PARTS = {"accounts": everybody, "import": from_file, "keys": programs}


def page() -> None:
    """The whole page."""
    st.header(t("manage.title"), anchor=False)
    with told():
        here, by = desk(), me()
        require(by, Action.MANAGE_USERS)
        tell()
        names = {one: t(f"manage.part_{one}") for one in PARTS}
        PARTS[tabs("part", t("manage.part"), names, "accounts")](here, by)


page()
