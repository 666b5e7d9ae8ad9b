"""What was searched and what came of it; how long answers took."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from kb.doors.ui import figures
from kb.doors.ui.figures import MOST, Listing, Number, charts, count, percent, seconds
from kb.doors.ui.frame import t
from kb.doors.ui.insight.looked import Looked, call_link
from kb.gaps.analytics import searches
from kb.gaps.analytics.searches import Kind, Shares


def searched(page: Looked) -> None:
    """What was searched, and what came of it."""
    with page.read() as connection:
        days = searches.shares(connection, page.by, page.view, "day")
        products = searches.shares(connection, page.by, page.view, "product")
        langs = searches.shares(connection, page.by, page.view, "lang")
        links = searches.links(connection, page.by, page.view)
    total = searches.add(days.values())
    if not total.searches:
        st.info(t("insights.no_searches"), icon=":material/search:")
        return
    figures.numbers(
        [
            Number(
                "searches", t("figures.searches"), count(total.searches), t("insights.calls", calls=count(links.calls))
            ),
            *(
                Number(name, t(f"figures.{name}"), percent(total.share(getattr(total, name))), _of(total, name))
                for name in searches.VERDICTS
            ),
            Number("empty", t("insights.empty"), count(total.empty), t("insights.empty_hint")),
            Number("abandoned", t("insights.abandoned"), count(total.abandoned), t("insights.abandoned_hint")),
            Number("linked", t("insights.link_rate"), percent(links.rate), t("insights.link_hint")),
            Number("lost", t("insights.capture_loss"), percent(links.loss), t("insights.loss_hint")),
        ]
    )
    _list_of_searches(page)
    charts.by_day(days)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.subheader(t("insights.by_product"), anchor=False)
        charts.by_part(products, {code: page.product(code) for code in products}, t("figures.product"))
    with right:
        st.subheader(t("insights.by_language"), anchor=False)
        charts.by_part(langs, {"zh": "中文", "en": "English"}, t("figures.lang"))


def _of(total: Shares, name: str) -> str:
    return t("insights.of", count=count(getattr(total, name)), judged=count(total.judged))


def _list_of_searches(page: Looked) -> None:
    name = figures.opened_list()
    if name not in get_args(Kind):
        return
    with page.read() as connection:
        rows = searches.rows(connection, page.by, page.view, name, MOST)  # type: ignore[arg-type]
    header = [
        t("insights.at"),
        t("insights.question"),
        t("figures.verdict"),
        t("insights.hits"),
        t("insights.outcome"),
        t("insights.article"),
        t("figures.product"),
        t("insights.call"),
    ]
    cells = [
        (
            one.at,
            one.question,
            t(f"figures.{one.verdict}") if one.verdict else "–",
            one.hits,
            t(f"insights.outcome_{one.outcome}"),
            page.title(one.article or one.opened) if one.article or one.opened else "",
            page.product(one.product) if one.product else "",
            one.call,
        )
        for one in rows
    ]
    figures.listing(name, Listing(t(f"insights.list_{name}"), header, cells, {7: call_link}), page.served)


# --- speed ---------------------------------------------------------------------------------------


def speed(page: Looked) -> None:
    """How long answers took, and where in the list they stood."""
    with page.read() as connection:
        whole, days = searches.speeds(connection, page.by, page.view)
        places = searches.places(connection, page.by, page.view)
    if not whole.solved and not places:
        st.info(t("insights.no_speed"), icon=":material/timer:")
        return
    opened = sum(places.values())
    figures.numbers(
        [
            Number(
                "solved",
                t("insights.median"),
                seconds(whole.seconds),
                t("insights.median_hint", solved=count(whole.solved)),
            ),
            Number("slowest", t("insights.slowest"), seconds(whole.seconds_90), t("insights.slowest_hint")),
            Number(
                "pressed", t("insights.keys"), count(whole.keys), t("insights.keys_hint", most=count(whole.keys_90))
            ),
            Number(
                "first",
                t("insights.first"),
                percent(places.get(1, 0) / opened if opened else None),
                t("insights.first_hint"),
            ),
        ]
    )
    name = figures.opened_list()
    if name in ("solved", "slowest", "pressed"):
        _list_of_answers(page, name)
    elif name == "first":
        rows = [(place, n) for place, n in places.items()]
        listed = Listing(t("figures.place"), [t("figures.place"), t("figures.opened")], rows, {})
        figures.listing(name, listed, page.served)
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader(t("insights.speed_by_day"), anchor=False)
        charts.speed(days)
    with right:
        st.subheader(t("insights.places"), anchor=False)
        charts.places(places)


def _list_of_answers(page: Looked, name: str) -> None:
    """What was solved: the latest first, or the slowest, or the most typed for."""
    with page.read() as connection:
        rows = searches.rows(connection, page.by, page.view, "solved", MOST)
    by = {"slowest": lambda one: -(one.seconds or 0), "pressed": lambda one: -(one.pressed or 0)}.get(name)
    header = [
        t("insights.at"),
        t("insights.question"),
        t("insights.article"),
        t("insights.took"),
        t("insights.keys"),
        t("insights.call"),
    ]
    cells = [
        (
            one.at,
            one.question,
            page.title(one.article),
            round(one.seconds, 1) if one.seconds is not None else None,
            one.pressed,
            one.call,
        )
        for one in (sorted(rows, key=by) if by else rows)
    ]
    figures.listing(name, Listing(t(f"insights.list_{name}"), header, cells, {5: call_link}), page.served)
