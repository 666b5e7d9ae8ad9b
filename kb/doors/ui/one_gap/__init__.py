"""One gap: its questions, its calls and its cost, what was decided, and what this person may do next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from kb.doors.ui import figures
from kb.doors.ui.figures import Listing, count, seconds, span
from kb.doors.ui.frame import hl, literal, moment, t
from kb.doors.ui.one_gap.facts import Met, department_name, show, state_badge
from kb.doors.ui.one_gap.mending import proof, why_and_remedy
from kb.doors.ui.one_gap.moving import next_moves, split
from kb.doors.wiring import Desk, Served
from kb.gaps import gap, misses, moves
from kb.gaps.cost import Price
from kb.gaps.gap import Gap, Report
from kb.gaps.moves import Move
from kb.people import users
from kb.people.users import SAMPLES, User


def one_gap(here: Desk, served: Served, by: User, one: Gap, priced: Sequence[Price], now: datetime) -> None:
    """Draw a gap. priced: the open gaps by price, its own among them where it was met in the period."""
    price = next((found for found in priced if found.gap.id == one.id), None)
    with here.database.read() as connection:
        parts = gap.parts(connection, one.id)
        met = Met(misses.of_gap(connection, by, parts), gap.reports(connection, by, one.id))
        history = moves.history(connection, by, one.id)
        people = users.everyone(connection) or list(SAMPLES.values())
    names = {person.id: person.name for person in people}
    st.button(t("gaps.back"), icon=":material/arrow_back:", type="tertiary", key="gap-back", on_click=show, args=("",))
    st.subheader(literal(one.question) or t("gaps.in_silence"), anchor=False)
    _facts(served, one, names, now)
    _figures(one, price, met, now)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        next_moves(here, served, by, one, priced, people)
        header = [
            t("insights.at"),
            t("insights.question"),
            t("gaps.why_missed"),
            t("insights.took"),
            t("insights.call"),
        ]
        figures.listing("met", Listing(t("gaps.met"), header, met.rows(), {4: _call}), served, closes=False)
        split(by, one, met)
    with right:
        why_and_remedy(here, by, one, now)
        proof(here, served, by, one, now)
        _notes(met.reported, names)
        _history(served, history, names, now)


def _call(id: object) -> str:
    return f"[{literal(str(id))}](/calls?look={id}&hl={hl()})"


def _facts(served: Served, one: Gap, names: dict[str, str], now: datetime) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        state_badge(one.state)
        if moves.is_overdue(one, now):
            st.badge(t("gaps.overdue"), color="red", icon=":material/schedule:")
        product = served.catalogue.get(one.product)
        if one.product:
            st.badge(literal(product.name(hl()) if product else one.product), color="gray")
        if one.owner:
            st.badge(t("gaps.owner", owner=literal(names.get(one.owner, one.owner))), color="gray")
        if one.due_at:
            st.badge(t("gaps.due", day=f"{one.due_at.astimezone(served.site.zone):%Y-%m-%d}"), color="gray")
        if one.department:
            st.badge(department_name(served, one.department), color="violet")
        if one.article:
            st.markdown(f"[{literal(one.article)}](/?article={one.article}&hl={hl()})")


def _figures(one: Gap, price: Price | None, met: Met, now: datetime) -> None:
    lost = price.seconds if price else sum(miss.seconds for miss in met.missed)
    facts = [
        (t("gaps.lost"), seconds(lost)),
        (t("gaps.calls"), count(one.calls)),
        (t("gaps.agents"), count(one.agents)),
        (t("gaps.age"), span(moves.age(one, now))),
        (t("gaps.trend"), f"{price.trend:+d}" if price else "–"),
    ]
    with st.container(horizontal=True, gap="medium"):
        for label, value in facts:
            st.metric(label, value, width="content")


# --- what is known -------------------------------------------------------------------------------


def _notes(reported: Sequence[Report], names: dict[str, str]) -> None:
    """What agents added: the customer's words, what they answered, what they suggest."""
    said = [one for one in reported if one.words or one.answered or one.suggestion or one.kind]
    if not said:
        return
    with st.container(border=True):
        st.markdown(f"**{t('gaps.notes')}**")
        for one in said:
            kind = t(f"call.kind_{one.kind}") if one.kind else ""
            st.caption(" · ".join(part for part in (literal(names.get(one.agent, one.agent)), kind) if part))
            for field, text in (("words", one.words), ("answered", one.answered), ("suggestion", one.suggestion)):
                if text:
                    st.markdown(f"{t(f'call.gap_{field}')}: {literal(text)}")


def _history(served: Served, history: Sequence[Move], names: dict[str, str], now: datetime) -> None:
    with st.container(border=True):
        st.markdown(f"**{t('gaps.history')}**")
        if not history:
            st.caption(t("gaps.no_history"))
        for one in reversed(history):
            who = literal(names.get(one.by, one.by))
            st.markdown(f"**{t(f'gaps.state_{one.after}')}** · {who} · {moment(one.at, served.site.zone, now)}")
            owner = names.get(one.owner, one.owner)
            department = department_name(served, one.department) if one.department else ""
            why = t(f"gap_why.{one.why}") if one.why in moves.REASONS else one.why
            facts = [part for part in (why, one.article, owner, department) if part]
            if facts:
                st.caption(literal(" · ".join(facts)))
