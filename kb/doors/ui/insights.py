"""Insights: what the journal says of the floor and of the base. Each number opens its list, each list leaves as CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import streamlit as st

from kb.doors.ui import figures
from kb.doors.ui.figures import address
from kb.doors.ui.frame import me, t, told
from kb.doors.ui.insight import asked, given, kept, people
from kb.doors.ui.insight.looked import Looked
from kb.doors.ui.overdue import overdue
from kb.doors.wiring import desk
from kb.gaps.analytics import coaching
from kb.people.users import Action, may

DRAWN: Mapping[str, Callable[[Looked], None]] = {
    "searches": asked.searched,
    "speed": asked.speed,
    "articles": kept.kept,
    "feedback": given.given,
    "coaching": people.people,
}


def page() -> None:
    """The whole page."""
    by = me()
    whole = may(by, Action.SEE_INSIGHTS)
    st.header(t("insights.title") if whole else t("insights.mine"), anchor=False)
    figures.look()
    with told():
        here = desk()
        served, now = here.served or here.open(), datetime.now(UTC)
        tag = figures.sample(here, by) if whole else ""
        if whole:
            figures.caught_up(here, served, by, now)
        with here.database.read() as connection:
            overdue(connection, here, by, now)
            teams = coaching.teams(connection, by, tag)
        looked = Looked(here, served, by, address.filters(served, teams, tag, now), now)
        parts = [one for one in DRAWN if whole or one == "coaching"]
        part = parts[0]
        if whole:
            names = {one: t(f"insights.part_{one}") for one in parts}
            part = address.tabs("part", t("insights.part"), names, parts[0])
        DRAWN[part](looked)


page()
