"""The days an article's own deadlines fall on: "delivered on … → returnable until …"."""

from __future__ import annotations

from datetime import UTC, date, datetime

import streamlit as st

from kb.content.articles import Article
from kb.content.deadlines import Deadline, countable, due
from kb.doors.ui.frame import hl, literal, t
from kb.doors.wiring import Served
from kb.i18n import day_name


def dates(served: Served, article: Article) -> None:
    """A day to count from, and for each deadline of the article the day it ends on; nothing where there is none."""
    found = countable(article)
    if not found:
        return
    with st.expander(t("dates.title"), icon=":material/event:", key=f"dates-{article.id}"):
        today = served.site.today(datetime.now(UTC))
        events = list(dict.fromkeys(one.event for one in found))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            event = events[0]
            if len(events) > 1:
                event = st.selectbox(
                    t("dates.event"), events, format_func=lambda one: t(f"dates.from_{one or 'day'}"), key="dates-event"
                )
            label = t(f"dates.from_{event or 'day'}")
            day = st.date_input(label, value=st.session_state.get("dates-day", today), key=f"dates-{article.id}-day")
        st.session_state["dates-day"] = day
        for one in found:
            if one.event == event:
                st.markdown(_line(served, one, day))
        if any(one.unit == "working_days" for one in found) and not served.site.has_calendar(day.year):
            st.caption(t("dates.no_calendar", year=day.year))


def _line(served: Served, one: Deadline, day: date) -> str:
    """One deadline as the article says it, and its day or days."""
    first, last = (day_name(hl(), each) for each in due(one, day, served.site))
    end = t("dates.until", day=last) if first == last else t("dates.between", first=first, last=last)
    what = f"{literal(one.label)}: " if one.label else ""
    return f"{what}{literal(one.text)} → **{literal(end)}**"
