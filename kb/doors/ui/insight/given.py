"""What agents gave back, and what came of it: reports and gaps."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from kb.doors.ui import figures
from kb.doors.ui.figures import Listing, Number, charts, count, span
from kb.doors.ui.frame import t
from kb.doors.ui.insight.looked import Looked, call_link
from kb.gaps.analytics import feedback


def given(page: Looked) -> None:
    """What agents gave back, and what came of it."""
    with page.read() as connection:
        flags = feedback.flags(connection, page.by, page.view)
        moved = feedback.gaps(connection, page.by, page.view)
    if not flags and not moved:
        st.info(t("insights.no_feedback"), icon=":material/flag:")
        return
    happened = feedback.counts(moved)
    waiting = [one for one in flags if one.answered_at is None]
    figures.numbers(
        [
            Number("flags", t("insights.flags"), count(len(flags)), t("insights.flags_hint")),
            Number("waiting", t("insights.waiting"), count(len(waiting)), t("insights.waiting_hint")),
            Number(
                "turnaround",
                t("insights.turnaround"),
                span(feedback.median_turnaround(flags)),
                t("insights.turnaround_hint"),
            ),
            *(Number(f"gaps_{kind}", t(f"figures.gaps_{kind}"), count(happened[kind])) for kind in feedback.KINDS),
        ]
    )
    name = figures.opened_list()
    if name in ("flags", "waiting", "turnaround"):
        shown = waiting if name == "waiting" else [one for one in flags if name == "flags" or one.answered_at]
        header = [
            t("insights.at"),
            t("insights.article"),
            t("insights.reason"),
            t("insights.note"),
            t("insights.answered"),
            t("insights.call"),
        ]
        cells = [
            (one.at, page.title(one.article), t(f"call.reason_{one.reason}"), one.note, span(one.turnaround), one.call)
            for one in shown
        ]
        figures.listing(name, Listing(t(f"insights.{name}"), header, cells, {5: call_link}), page.served)
    elif name.removeprefix("gaps_") in feedback.KINDS:
        kind = name.removeprefix("gaps_")
        header = [t("insights.at"), t("figures.gap"), t("insights.first_met")]
        gaps = [(one.at, one.question, one.begun) for one in moved if one.kind == kind]
        figures.listing(name, Listing(t(f"figures.{name}"), header, gaps, {}), page.served)
    if moved:
        st.subheader(t("insights.gaps_by_week"), anchor=False)
        charts.moved(_weeks(page, moved))


def _weeks(page: Looked, moved: tuple[feedback.Moved, ...]) -> list[tuple[str, str, int]]:
    """What became of gaps, by the Monday of its week."""
    found: dict[tuple[str, str], int] = {}
    for one in moved:
        day = one.at.astimezone(page.served.site.zone).date()
        key = (day - timedelta(days=day.weekday())).isoformat(), one.kind
        found[key] = found.get(key, 0) + 1
    return [(week, kind, number) for (week, kind), number in sorted(found.items())]
