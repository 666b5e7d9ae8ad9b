"""One person's figures beside the middle of the floor: to talk about, not to rank by."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from kb.db import Connection
from kb.doors.ui.figures import address, count, percent, seconds, span
from kb.doors.ui.frame import t
from kb.doors.ui.insight.looked import Looked
from kb.gaps.analytics import coaching, feedback, reuse
from kb.gaps.analytics.coaching import Figures
from kb.people import users


def people(page: Looked) -> None:
    """One person's figures beside the middle of the floor, and what their articles gave."""
    st.caption(t("insights.coaching_about"))
    with page.read() as connection:
        people = coaching.people(connection, page.by, page.view)
        names = {one.id: one.name for one in users.everyone(connection)}
    owners = sorted(
        {one.owner for one in page.articles() if one.owner and coaching.may_coach(page.by, one.owner, frozenset())}
    )
    choices = [*people, *(one for one in owners if one not in people)]
    if not choices:
        st.info(t("insights.no_coaching"), icon=":material/group:")
        return
    with st.container(width=420):
        shown = {id: names.get(id, id) for id in choices}
        person = address.choice("person", t("insights.person"), shown, choices[0], width=400)
    with page.read() as connection:
        if person in people:
            own, middle = coaching.of_person(connection, page.by, page.view, person)
            _beside(own, middle)
        if person in owners:
            _authored(page, connection, person)


def _beside(own: Figures, middle: Figures | None) -> None:
    """One person's figures beside the middle of the floor: to talk about, not to rank by."""
    lines: list[tuple[str, Callable[[float | None], str], str]] = [
        ("calls", count, t("insights.coach_calls")),
        ("link_rate", percent, t("insights.link_rate")),
        ("capture_loss", percent, t("insights.capture_loss")),
        ("seconds", seconds, t("insights.median")),
        ("keys", count, t("insights.keys")),
        ("flags", count, t("insights.coach_flags")),
        ("gaps", count, t("insights.coach_gaps")),
    ]
    shown = {
        t("insights.figure"): [label for _, _, label in lines],
        t("insights.person_own"): [told_as(getattr(own, name)) for name, told_as, _ in lines],
        t("insights.middle"): [told_as(getattr(middle, name) if middle else None) for name, told_as, _ in lines],
    }
    with st.container(width=620):
        st.table(shown, hide_index=True, border="horizontal", hide_header=False)
        if middle is None:
            st.caption(t("insights.no_middle", fewest=coaching.FEWEST))


def _authored(page: Looked, connection: Connection, person: str) -> None:
    uses = reuse.uses(connection, page.by, page.view)
    given = coaching.authored(person, page.articles(), uses, feedback.flags(connection, page.by, page.view))
    st.subheader(t("insights.authored"), anchor=False)
    st.markdown(t("insights.authored_says", articles=given.articles, calls=count(given.calls)))
    st.markdown(
        t("insights.authored_flags", flags=given.flags, unanswered=given.unanswered, turnaround=span(given.turnaround))
    )
