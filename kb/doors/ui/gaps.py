"""Gaps: what callers asked and nobody could answer, by what it costs; and one gap with all that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from kb.doors.ui import figures
from kb.doors.ui.figures import address, charts, count, seconds
from kb.doors.ui.frame import hl, literal, me, t, taken, told
from kb.doors.ui.one_gap import one_gap
from kb.doors.ui.one_gap.facts import department_name, show, state_badge
from kb.doors.ui.one_gap.surging import alert
from kb.doors.wiring import Desk, Served, desk
from kb.gaps import cost, gap, moves
from kb.gaps.analytics import coaching
from kb.gaps.analytics.view import View
from kb.gaps.cost import Price
from kb.gaps.gap import OPEN, STATES, Gap
from kb.people import users
from kb.people.users import Action, User, require
from kb.text import csv_of

SHOWN = 20  # gaps on the page
CHARTED = 25
PARTS = ("open", "mine", "overdue", "referred", "closed")
CLOSED = tuple(state for state in STATES if state not in OPEN and state != "duplicate")


@dataclass(frozen=True)
class Board:
    """What the page shows: every open gap, and what those met in the period cost, the dearest first."""

    gaps: tuple[Gap, ...]
    prices: tuple[Price, ...]
    names: dict[str, str]


def page() -> None:
    """The whole page."""
    st.header(t("gaps.title"), anchor=False)
    figures.look()
    with told():
        here, by = desk(), me()
        require(by, Action.READ_GAPS)
        served, now = here.served or here.open(), datetime.now(UTC)
        tag = figures.sample(here, by)
        with here.database.read() as connection:
            teams = coaching.teams(connection, by, tag)
        view = address.filters(served, teams, tag, now, language=False)
        board = _read(here, by, view)
        chosen = st.query_params.get("gap", "")
        with here.database.read() as connection:
            one = gap.find(connection, chosen) if chosen else None
            surges = () if one else cost.surges(connection, by, now, tag)
        if one:
            one_gap(here, served, by, one, board.prices, now)
            return
        for surge in surges:
            alert(served, by, surge, now)
        _board(here, served, by, board, view, now)


def _read(here: Desk, by: User, view: View) -> Board:
    with here.database.read() as connection:
        gaps, narrowed = gap.every(connection, by, OPEN, view.tag), {"team": view.team, "product": view.product}
        found = cost.prices(connection, by, view.since, view.until, **narrowed, tag=view.tag, gaps=gaps)
        names = {person.id: person.name for person in users.everyone(connection)}
    return Board(tuple(one for one in gaps if view.product in ("", one.product)), found, names)


def _board(here: Desk, served: Served, by: User, board: Board, view: View, now: datetime) -> None:
    late = sorted((one for one in board.gaps if moves.is_overdue(one, now)), key=lambda one: one.due_at or now)
    listed = {
        "mine": [one for one in board.gaps if one.owner == by.id],
        "overdue": late,
        "referred": [one for one in board.gaps if one.state == "referred"],
    }
    counts = {"open": len(board.gaps)} | {part: len(found) for part, found in listed.items()}
    names = {one: t(f"gaps.part_{one}") + (f" ({counts[one]:,})" if one in counts else "") for one in PARTS}
    part = address.tabs("show", t("gaps.part"), names, PARTS[0])
    prices = {one.gap.id: one for one in board.prices}
    if part == "open":
        _dearest(board)
        unmet = [one for one in board.gaps if one.id not in prices] if not view.team else []
        _rows(served, [*(one.gap for one in board.prices), *unmet], prices, board, now, line=_vital(board.prices))
        return
    if part == "closed":
        with here.database.read() as connection:
            closed = gap.every(connection, by, CLOSED, view.tag)
        shown = [one for one in closed if view.product in ("", one.product)]
        shown.sort(key=lambda one: one.closed_at or one.at, reverse=True)
    else:
        shown = listed[part]
    if not shown:
        st.info(t(f"gaps.none_{part}"), icon=":material/check_circle:")
        return
    _rows(served, shown, prices, board, now)


def _vital(prices: Sequence[Price]) -> int:
    return cost.vital([one.seconds for one in prices])


def _dearest(board: Board) -> None:
    """What the dearest few would give back, as a sentence and as a chart."""
    lost = [one.seconds for one in board.prices]
    if not sum(lost):
        st.info(t("gaps.none_open"), icon=":material/check_circle:")
        return
    vital = _vital(board.prices)
    st.markdown(t("gaps.vital", vital=vital, gaps=len(lost), lost=seconds(sum(lost))))
    shares = cost.pareto(lost)
    bars = [(one.gap.question, one.seconds / 60, share) for one, share in zip(board.prices, shares, strict=True)]
    charts.pareto(bars[:CHARTED])


def _rows(
    served: Served, gaps: Sequence[Gap], prices: dict[str, Price], board: Board, now: datetime, line: int = 0
) -> None:
    """Gaps one below the other, a page at a time; all of them as CSV. line: after how many the 80 % line stands."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="right", gap="small"):
        start = figures.first_of_page("gaps-page", len(gaps), SHOWN)
        st.download_button(
            t("figures.csv"),
            taken("gaps", lambda: _csv(served, gaps, prices, board)),
            file_name="firstcall-gaps.csv",
            mime="text/csv",
            icon=":material/download:",
            key="csv-gaps",
            on_click="ignore",
        )
    for place, one in enumerate(gaps[start : start + SHOWN], start + 1):
        _row(served, one, prices.get(one.id), board, now)
        if place == line:
            st.caption(t("gaps.line", vital=line))


def _row(served: Served, one: Gap, price: Price | None, board: Board, now: datetime) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small", key=f"gap-{one.id}"):
        with st.container(width="stretch", gap="xxsmall"):
            st.button(
                literal(one.question) or t("gaps.in_silence"),
                type="tertiary",
                key=f"open-{one.id}",
                on_click=show,
                args=(one.id,),
            )
            st.caption(" · ".join(_said(served, one, price, board, now)))
        state_badge(one.state)
        if price:
            st.markdown(f"**{seconds(price.seconds)}**", width="content")


def _said(served: Served, one: Gap, price: Price | None, board: Board, now: datetime) -> list[str]:
    """What a row says in small: calls, agents, trend, product, owner, date."""
    calls, agents = (price.calls, price.agents) if price else (one.calls, one.agents)
    product = served.catalogue.get(one.product)
    said = [t("gaps.met_by", calls=count(calls), agents=count(agents))]
    said += [t("gaps.rising", trend=f"{price.trend:+d}")] if price and price.trend else []
    said += [product.name(hl()) if product else one.product] if one.product else []
    said += [department_name(served, one.department)] if one.department and one.state == "referred" else []
    said += [t("gaps.owner", owner=literal(board.names.get(one.owner, one.owner)))] if one.owner else []
    if one.due_at and one.is_open:
        day = f"{one.due_at.astimezone(served.site.zone):%Y-%m-%d}"
        said.append(t("gaps.was_due", day=day) if moves.is_overdue(one, now) else t("gaps.due", day=day))
    return said


def _csv(served: Served, gaps: Sequence[Gap], prices: dict[str, Price], board: Board) -> bytes:
    header = ["gap", "question", "lang", "product", "state", "calls", "agents", "lost_seconds", "trend", "owner", "due"]
    rows = []
    for one in gaps:
        price = prices.get(one.id)
        due = f"{one.due_at.astimezone(served.site.zone):%Y-%m-%d}" if one.due_at else ""
        known = (
            (price.calls, price.agents, round(price.seconds), price.trend) if price else (one.calls, one.agents, 0, 0)
        )
        owner = board.names.get(one.owner, one.owner)
        rows.append((one.id, one.question, one.lang, one.product, one.state, *known, owner, due))
    return csv_of(header, rows)


page()
