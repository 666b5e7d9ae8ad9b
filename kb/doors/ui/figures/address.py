"""What of the journal a page looks at, chosen on it and kept in its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

import streamlit as st

from kb.doors.ui.frame import hl, t
from kb.doors.wiring import Served
from kb.gaps.analytics.view import View

PERIODS = (7, 30, 90, 365)  # days
USUALLY = 30
OWN = "own"  # a period from one day to another: these, in the address
DAYS = ("from", "to")
ANY = ""


def filters(served: Served, teams: Sequence[str], tag: str, now: datetime, *, language: bool = True) -> View:
    """Period, team, product and language, all in the address. The period begins and ends with a day, or ends now."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        since, until = _period(served, now)
        team = choice("team", t("figures.team"), {ANY: t("figures.all_teams")} | {one: one for one in teams})
        products = {code: product.name(hl()) for code, product in served.catalogue.items()}
        product = choice("product", t("figures.product"), {ANY: t("figures.all_products")} | products)
        langs = {ANY: t("figures.all_languages"), "zh": "中文", "en": "English"}
        lang = choice("lang", t("figures.lang"), langs) if language else ANY
    return View(since, until, team, product, lang, tag)


def _period(served: Served, now: datetime) -> tuple[datetime, datetime]:
    """The days looked at, in site time: so many till now, or from one to another."""
    periods = {str(days): t("figures.days", days=days) for days in PERIODS} | {OWN: t("figures.own_period")}
    chosen, today = choice("days", t("figures.period"), periods, str(USUALLY), width=170), served.site.today(now)
    if chosen != OWN:
        for name in DAYS:
            st.query_params.pop(name, None)
        return _begins(served, today - timedelta(days=int(chosen) - 1)), now
    first, last = _days(today)
    return _begins(served, first), min(_begins(served, last + timedelta(days=1)), now)


def _days(today: date) -> tuple[date, date]:
    """The first and the last day of one's own period, in the address; without one, the usual period."""
    key = f"days-{hl()}-own"
    began = st.session_state.setdefault(f"{key}-began", _asked_days(today))  # a widget stays one while its default does
    chosen = st.date_input(t("figures.from_to"), began, max_value=today, format="YYYY-MM-DD", key=key, width=240)
    first, last = chosen if len(chosen) == 2 else _asked_days(today)  # after one click there is only a beginning
    for name, day in zip(DAYS, (first, last), strict=True):
        st.query_params[name] = day.isoformat()
    return first, last


def _asked_days(today: date) -> tuple[date, date]:
    """What the address says, the earlier day first and none after today; the usual period where it says no days."""
    try:
        days = [min(date.fromisoformat(st.query_params.get(name, "")), today) for name in DAYS]
    except ValueError:
        days = [today - timedelta(days=USUALLY - 1), today]
    return min(days), max(days)


def _begins(served: Served, day: date) -> datetime:
    """The first moment of a day at the site."""
    return datetime.combine(day, time(0), served.site.zone).astimezone(UTC)


def choice(key: str, label: str, names: Mapping[str, str], default: str = ANY, *, width: int = 210) -> str:
    """One of the named from a list, in the address under its key whatever the page's language."""
    here = _in_address(key, names, default)
    return st.selectbox(
        label,
        list(names),
        format_func=lambda one: names.get(one, one),
        key=here,
        on_change=_into_address,
        args=(key, here, default),
        width=width,
    )


def tabs(key: str, label: str, names: Mapping[str, str], default: str) -> str:
    """One of the named side by side, in the address as `choice` is."""
    here = _in_address(key, names, default)
    chosen: str | None = st.segmented_control(
        label,
        list(names),
        format_func=lambda one: names.get(one, one),
        required=True,
        label_visibility="collapsed",
        key=here,
        on_change=_into_address,
        args=(key, here, default),
    )
    return chosen or default


def _in_address(key: str, names: Mapping[str, str], default: str) -> str:
    """The widget's key: one a language, as Streamlit keeps the words chosen. It begins with what the address says."""
    here = f"{key}-{hl()}"
    if here not in st.session_state:
        asked = st.query_params.get(key, default)
        st.session_state[here] = asked if asked in names else default
    return here


def _into_address(key: str, here: str, default: str) -> None:
    chosen = st.session_state[here]
    if chosen == default:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = chosen
