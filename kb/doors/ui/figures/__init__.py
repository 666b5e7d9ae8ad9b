"""What the supervisor's pages share: which part of the journal is looked at, numbers that open their lists, lists
that leave as CSV, and the banner over the sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from kb.care import demo
from kb.care.demo.story import TAG
from kb.doors import wiring
from kb.doors.ui.figures.address import tabs
from kb.doors.ui.frame import literal, me, t, taken, told
from kb.doors.wiring import Desk, Served
from kb.gaps.analytics import asked
from kb.people.users import Action, User, may
from kb.text import csv_of

SHOWN = 25  # rows of a list on the page
MOST = 5_000  # rows of a list as CSV
LOOK = """
[class*="st-key-number-"] button { width: 100%; height: 100%; padding: .6rem .9rem; justify-content: flex-start; }
[class*="st-key-number-"] button :is(div, span, p) { width: 100%; justify-content: flex-start; text-align: left; }
[class*="st-key-number-"] button p { line-height: 1.35; white-space: normal; }
[class*="st-key-number-"] button strong { display: block; font-size: 1.55rem; line-height: 1.25; font-weight: 650; }
[class*="st-key-number-"] button em { display: block; font-style: normal; font-size: .85rem; opacity: .8; }
[class*="st-key-list-"] table { font-size: .9rem; }
[class*="st-key-list-"] td { vertical-align: top; overflow-wrap: anywhere; }
"""


@dataclass(frozen=True)
class Number:
    """One number of a page. `list` is the name of the rows behind it; `hint` stands below it."""

    list: str
    label: str
    value: str
    hint: str = ""


@dataclass(frozen=True)
class Listing:
    """The rows behind a number. `cells` are texts, numbers and moments; `linked` columns hold Markdown of ours."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    linked: Mapping[int, Callable[[object], str]]


# --- the page ------------------------------------------------------------------------------------


def look() -> None:
    """The look of numbers and lists, once a page."""
    st.html(f"<style>{LOOK}</style>")


def caught_up(here: Desk, served: Served, by: User, now: datetime) -> None:
    """Read what happened since somebody last looked."""
    with here.database.read() as connection:
        behind = asked.is_behind(connection)
    if behind:
        with st.spinner(t("figures.reading")):
            count = asked.CALLS_AT_ONCE
            while count == asked.CALLS_AT_ONCE:
                with here.database.write() as connection:
                    count = asked.catch_up(connection, by, now, served.site.zone)


# --- the sample ----------------------------------------------------------------------------------


def sample(here: Desk, by: User) -> str:
    """The tag of what is shown: the sample's while the base has one and nobody asks for their own calls.

    Over the sample stands a banner; an empty base is offered one.
    """
    with here.database.read() as connection:
        there = demo.is_there(connection)
    if not there:
        offer(here, by)
        return ""
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small", key="sample-banner"):
        said = st.container(width="stretch")
        shown = tabs("calls", t("demo.shown"), {TAG: t("demo.sample"), "real": t("demo.real")}, TAG)
        said.markdown(f":material/science: **{t('demo.banner') if shown == TAG else t('demo.hidden')}**")
        if may(by, Action.SHOW_DEMO):
            with st.popover(t("demo.clear"), icon=":material/delete:"):
                st.markdown(t("demo.clear_sure"))
                st.button(t("demo.clear"), key="demo-clear", type="primary", on_click=_clear)
    return TAG if shown == TAG else ""


def offer(here: Desk, by: User) -> None:
    """While nothing has happened in this base: a month of sample calls, for who may show it."""
    if not may(by, Action.SHOW_DEMO):
        return
    with here.database.read() as connection:
        offered = demo.is_offered(connection)
    if offered:
        with st.container(border=True, key="sample-offer"):
            st.markdown(t("demo.offer"))
            st.button(t("demo.fill"), key="demo-fill", type="primary", icon=":material/science:", on_click=_fill)


def _fill() -> None:
    here = wiring.desk()
    with told():
        served = here.served or here.open()
        versions = {id: listed.sha256 for id, listed in served.opened.manifest.articles.items()}
        with here.database.write() as connection:
            calls = demo.fill(connection, me(), versions, datetime.now(UTC), served.site.zone)
        here.floor.touched()
        st.toast(t("demo.done", calls=calls), icon=":material/science:")


def _clear() -> None:
    here = wiring.desk()
    with told(), here.database.write() as connection:
        demo.clear(connection, me())
    here.floor.touched()


# --- numbers and lists ---------------------------------------------------------------------------


def numbers(row: Sequence[Number]) -> None:
    """Numbers side by side; each opens the list behind it, and closes it again."""
    with st.container(horizontal=True, gap="small"):
        for one in row:
            hint = f" *{one.hint}*" if one.hint else ""
            st.button(
                f"{one.label} **{one.value}**{hint}",
                key=f"number-{one.list}",
                width=210,
                on_click=_toggle,
                args=(one.list,),
            )


def _toggle(name: str) -> None:
    st.query_params["list"] = "" if st.query_params.get("list") == name else name
    if not st.query_params["list"]:
        del st.query_params["list"]


def opened_list() -> str:
    """The name of the list that is open, '' for none."""
    return st.query_params.get("list", "")


def listing(name: str, one: Listing, served: Served, *, closes: bool = True) -> None:
    """A list: its rows a page at a time, all of them as CSV. One that no number opened cannot be closed."""
    with st.container(border=True, key=f"list-{name}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(f"{one.title} ({len(one.rows)}{'+' * (len(one.rows) >= MOST)})", anchor=False, width="stretch")
            if one.rows:
                cells = [[_plain(cell, served) for cell in row] for row in one.rows]
                st.download_button(
                    t("figures.csv"),
                    taken(name, lambda: csv_of(one.header, cells)),
                    file_name=f"firstcall-{name}.csv",
                    mime="text/csv",
                    icon=":material/download:",
                    key=f"csv-{name}",
                    on_click="ignore",
                )
            if closes:
                st.button(
                    t("figures.close"), icon=":material/close:", key=f"close-{name}", on_click=_toggle, args=(name,)
                )
        if not one.rows:
            st.caption(t("figures.no_rows"))
            return
        start = first_of_page(f"{name}-page", len(one.rows), SHOWN)
        table(one, one.rows[start : start + SHOWN], served)


def first_of_page(key: str, rows: int, shown: int) -> int:
    """Which row a page of a list begins with; asked for where there is more than one page."""
    pages = max(-(-rows // shown), 1)
    if st.session_state.get(key, 1) > pages:
        st.session_state[key] = pages  # the list has become shorter
    page = st.number_input(t("figures.page", pages=pages), 1, pages, 1, key=key, width=170) if pages > 1 else 1
    return (int(page) - 1) * shown


def table(one: Listing, rows: Sequence[Sequence[object]], served: Served) -> None:
    """Rows as a table that reads on a narrow screen and in the dark."""
    shown: dict[str, list[str]] = {
        title: [one.linked[at](row[at]) if at in one.linked else literal(str(_plain(row[at], served))) for row in rows]
        for at, title in enumerate(one.header)
    }
    st.table(shown, hide_index=True, border="horizontal", hide_header=False)


def _plain(cell: object, served: Served) -> object:
    """A cell as it is read: moments in site time, nothing as nothing."""
    if isinstance(cell, datetime):
        return f"{cell.astimezone(served.site.zone):%Y-%m-%d %H:%M}"
    return "" if cell is None else cell


# --- how numbers are read ------------------------------------------------------------------------


def percent(share: float | None) -> str:
    """A share in [0, 1] as a percentage, a dash where there is none."""
    return "–" if share is None else f"{share:.0%}"


def seconds(value: float | None) -> str:
    """Seconds as people say them: `42 s`, `3 min 20 s`, `1 h 5 min`; a dash where there are none."""
    if value is None:
        return "–"
    whole = round(value)
    if whole < 90:
        return t("figures.seconds", seconds=whole)
    if whole < 5_400:
        return t("figures.minutes", minutes=whole // 60, seconds=whole % 60)
    return t("figures.hours", hours=whole // 3600, minutes=whole % 3600 // 60)


def span(value: timedelta | None) -> str:
    """A longer time: hours below two days, then days; a dash where there is none."""
    if value is None:
        return "–"
    hours = value / timedelta(hours=1)
    return t("figures.in_hours", hours=f"{hours:.1f}") if hours < 48 else t("figures.in_days", days=f"{hours / 24:.1f}")


def count(value: float | None) -> str:
    """A count with its thousands apart, a dash where there is none."""
    return "–" if value is None else f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
