"""Which articles are used, by which words they were reached, and which need care."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from kb.content.articles import Article
from kb.doors.ui import figures
from kb.doors.ui.figures import Listing, Number, address, charts, count
from kb.doors.ui.frame import t
from kb.doors.ui.insight.looked import Looked, day_of
from kb.gaps.analytics import reuse

QUESTIONS_MOST = 200


def kept(page: Looked) -> None:
    """Which articles are used, by which words they were reached, and which need care."""
    versions = {id: listed.sha256 for id, listed in page.served.opened.manifest.articles.items()}
    with page.read() as connection:
        uses = reuse.uses(connection, page.by, page.view)
        flagged = reuse.standing_flags(connection, page.by, page.view.tag, versions)
    articles = {one.id: one for one in page.articles()}
    today = page.served.site.today(page.now)
    ill = reuse.health(articles.values(), frozenset(use.article for use in uses), flagged, today)
    few, reused = reuse.carriers(uses)
    figures.numbers(
        [
            Number("used", t("insights.used"), count(len(uses)), t("insights.used_hint")),
            Number("carriers", t("insights.carriers"), count(few), t("insights.carriers_hint", reused=count(reused))),
            *(
                Number(name, t(f"insights.{name}"), count(len(found)), t(f"insights.{name}_hint"))
                for name, found in ill.items()
            ),
        ]
    )
    name = figures.opened_list()
    if name in ("used", "carriers"):
        shown = uses[:few] if name == "carriers" else uses
        header = [t("insights.article"), t("insights.helped_calls"), t("figures.opened")]
        cells = [(page.title(use.article), use.calls, use.opened) for use in shown]
        figures.listing(name, Listing(t(f"insights.{name}"), header, cells, {}), page.served)
    elif name in ill:
        figures.listing(name, _ill(name, [articles[id] for id in ill[name]], flagged), page.served)
    if not uses:
        st.info(t("insights.no_use"), icon=":material/article:")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader(t("insights.reuse"), anchor=False)
        charts.reuse(reuse.cumulative(uses))
        st.caption(t("insights.reuse_says", few=few, reused=reused))
    with right:
        _questions(page, [use.article for use in uses])


def _ill(name: str, found: list[Article], flagged: Mapping[str, int]) -> Listing:
    header = [
        t("insights.article"),
        t("insights.owner"),
        t("insights.review_by"),
        t("insights.valid_until"),
        t("insights.flags"),
    ]
    cells = [
        (one.title, one.owner, day_of(one.review_by), day_of(one.valid_until), flagged.get(one.id, 0)) for one in found
    ]
    return Listing(t(f"insights.{name}"), header, cells, {})


def _questions(page: Looked, used: list[str]) -> None:
    """The real questions that reached one article."""
    st.subheader(t("insights.questions"), anchor=False)
    titles = {id: page.title(id) for id in used}
    chosen = address.choice("article", t("insights.article"), titles, used[0], width=400)
    with page.read() as connection:
        found = reuse.questions(connection, page.by, page.view, chosen, QUESTIONS_MOST)
    header = [t("insights.question"), t("insights.times"), t("insights.helped_times")]
    cells = [(one.question, one.times, one.helped) for one in found]
    figures.listing("questions", Listing(t("insights.typed"), header, cells, {}), page.served, closes=False)
