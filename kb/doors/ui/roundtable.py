"""Round tables: gaps called together, what was decided, what came of it; as Markdown, a page to print and CSV."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from kb.doors import mending, wiring
from kb.doors.ui import figures
from kb.doors.ui.frame import hl, literal, me, moment, t, taken, told
from kb.doors.ui.one_gap.facts import state_badge
from kb.doors.wiring import Desk, Served, desk
from kb.gaps import cost, roundtable
from kb.gaps.roundtable import LOOKS_BACK, Agenda, Outcome, RoundTable, export
from kb.gaps.roundtable.export import Titles
from kb.people.users import Action, User, may, require

OFFERED = 200  # gaps offered, the dearest first
CHOSEN = 6  # of these put forward


def page() -> None:
    """The whole page."""
    st.header(t("roundtable.title"), anchor=False)
    with told():
        here, by = desk(), me()
        require(by, Action.READ_GAPS)
        served, now = here.served or here.open(), datetime.now(UTC)
        tag = figures.sample(here, by)
        if may(by, Action.SORT_GAPS):
            _call_together(here, by, now, tag)
        with here.database.read() as connection:
            every = roundtable.every(connection, by, tag)
        if not every:
            st.info(t("roundtable.none"), icon=":material/groups:")
            return
        names = {one.id: f"{moment(one.at, served.site.zone, now)} · {one.title}" for one in every}
        asked = st.query_params.get("table", every[0].id)
        ids = list(names)
        at = ids.index(asked) if asked in ids else 0
        chosen = st.selectbox(t("roundtable.which"), ids, at, format_func=names.__getitem__, key="which")
        st.query_params["table"] = chosen
        with here.database.read() as connection:
            agenda = roundtable.agenda(connection, by, chosen, tag)
        titles = mending.titles(here, by, (one.item.answer for one in agenda.items))
        _downloads(served, agenda, titles)
        _came(served, agenda, now)
        for outcome in agenda.items:
            _item(by, agenda.table, outcome, titles)


def _call_together(here: Desk, by: User, now: datetime, tag: str) -> None:
    with st.popover(t("roundtable.new"), icon=":material/add:"), st.form("new-table", border=False):
        with here.database.read() as connection:
            priced = cost.prices(connection, by, now - LOOKS_BACK, now, tag=tag)[:OFFERED]
        names = {one.gap.id: one.gap.question or t("gaps.in_silence") for one in priced}
        title = st.text_input(t("roundtable.title_field"), max_chars=roundtable.TITLE_MOST)
        gaps = st.multiselect(
            t("roundtable.gaps_field"),
            list(names),
            list(names)[:CHOSEN],
            format_func=names.__getitem__,
            max_selections=roundtable.MOST,
            key="gaps",
        )
        if st.form_submit_button(t("roundtable.do_call"), type="primary"):
            with told(), st.spinner(t("roundtable.asking")):
                why = mending.reasons(here, by, gaps, now)
                with here.database.write() as connection:
                    made = roundtable.call_together(connection, by, title, gaps, why, now)
                st.query_params["table"] = made.id
                st.session_state.pop("which", None)
                st.rerun()


def _downloads(served: Served, agenda: Agenda, titles: Titles) -> None:
    zone, day = served.site.zone, f"{agenda.table.at.astimezone(served.site.zone):%Y-%m-%d}"
    lang = hl()
    files: dict[str, tuple[Callable[[], str | bytes], str]] = {
        "md": (lambda: export.markdown(agenda, titles, zone, lang), "text/markdown"),
        "html": (lambda: export.page(agenda, titles, zone, lang), "text/html"),
        "csv": (lambda: export.csv(agenda, titles), "text/csv"),
    }
    with st.container(horizontal=True, gap="small"):
        for kind, (make, mime) in files.items():
            label, name = t(f"roundtable.as_{kind}"), f"firstcall-round-table-{day}.{kind}"
            made, icon = taken("round table", make), ":material/download:"
            st.download_button(label, made, name, mime, key=f"as-{kind}", on_click="ignore", icon=icon)


def _came(served: Served, agenda: Agenda, now: datetime) -> None:
    """What came of what was decided the last time."""
    if agenda.last is None or not agenda.came:
        return
    with st.container(border=True, key="came"):
        day = moment(agenda.last.at, served.site.zone, now)
        st.markdown(f"**{t('roundtable.came', title=literal(agenda.last.title), day=day)}**")
        for one in agenda.came:
            _headline(one)
            st.markdown(t("roundtable.decided", decision=literal(one.item.decision)))
            _since(one)


def _headline(one: Outcome) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        title = literal(one.item.question) or t("gaps.in_silence")
        st.markdown(f"**[{title}](/gaps?gap={one.item.gap}&hl={hl()})**", width="stretch")
        state_badge(one.state)


def _since(one: Outcome) -> None:
    """What came of an item since."""
    since = [t("roundtable.missed_since", calls=one.calls)] + ([literal(one.article)] if one.article else [])
    if one.green is not None:
        since.append(t("roundtable.green") if one.green else t("roundtable.red"))
    st.caption(" · ".join(since))


def _item(by: User, table: RoundTable, one: Outcome, titles: Titles) -> None:
    item = one.item
    with st.container(border=True, key=f"item-{item.gap}"):
        _headline(one)
        why = export.why_of(item, titles, hl())
        st.caption(" · ".join(part for part in (export.cost_of(item, hl()), literal(why)) if part))
        _since(one)
        if not may(by, Action.SORT_GAPS):
            st.markdown(literal(item.decision))
            return
        with st.form(f"decide-{item.gap}", border=False):
            said = st.text_area(t("roundtable.decision"), item.decision, max_chars=roundtable.DECISION_MOST, height=80)
            if st.form_submit_button(t("roundtable.do_decide")):
                with told():
                    with wiring.desk().database.write() as connection:
                        roundtable.decide(connection, by, table.id, item.gap, said, datetime.now(UTC))
                    st.toast(t("roundtable.kept"), icon=":material/check:")


page()
