"""Beside the text being written: what to mend in it, and what agents will find once it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import streamlit as st

from kb.calls import call
from kb.content import glossary
from kb.content.articles import Article, parse
from kb.doors import foresight
from kb.doors.foresight import SHOWN, Against, Foreseen
from kb.doors.studio import Checked
from kb.doors.ui import workbench
from kb.doors.ui.frame import hl, literal, me, t, taken, told
from kb.doors.ui.workbench import Work
from kb.doors.wiring import Desk, Served, desk
from kb.gaps import gap
from kb.i18n import explain
from kb.text import csv_of

SPAN_DAYS = 30  # looked back for the calls that were told an article
THERE_MOST = 120  # characters shown of the sentence that says otherwise


def to_mend(here: Desk, checked: Checked, against: Sequence[Against], *, looking: bool) -> None:
    """What to mend, each with its line, one press away; and the articles that ask the same already, which only who is
    looking waits for."""
    if checked.error is not None:
        _finding("error", int(str(checked.error.facts.get("line", 1))), literal(explain(hl(), checked.error)))
    elif not checked.findings and not against:
        st.success(t("edit.nothing_to_mend"), icon=":material/check:")
    for at, other in enumerate(against):
        _finding(f"against-{at}", other.told.line, f":material/compare_arrows: {contradiction(other)}")
    for at, one in enumerate(checked.findings):
        words = (str(one.facts["word"]), str(one.facts["plain"])) if one.rule == "jargon" else None
        _finding(str(at), one.line, literal(t(f"lint.{one.rule}", **one.facts)), words)
    if looking and checked.article is not None:
        for sentence in covered_by(here, checked.article):
            st.warning(sentence, icon=":material/content_copy:")


def _finding(at: str, line: int, sentence: str, words: tuple[str, str] | None = None) -> None:
    """One finding, its sentence as Markdown; `words` is the jargon it is about and the plain word that mends it."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button(t("edit.line", line=line), key=f"line-{at}", type="tertiary", on_click=workbench.go, args=(line,))
        st.markdown(sentence, width="stretch")
        if words:
            st.button(t("edit.plainly", plain=words[1]), key=f"plain-{at}", on_click=_plainly, args=words)


def _plainly(word: str, plain: str) -> None:
    """The plain word into the text, wherever it says the other one; customers' own words stay theirs."""
    work = workbench.current()
    if work is not None:
        start = parse(work.source, work.path).body_start
        workbench.set_source(desk(), work.source[:start] + glossary.plainly(work.source[start:], word, plain))


def covered_by(here: Desk, article: Article) -> list[str]:
    """A sentence for each article that asks what this one asks."""
    return [
        t(
            "edit.covered",
            title=literal(here.title(one.article, me())),
            id=one.article,
            asked=literal(one.asked),
            known=literal(one.known),
        )
        for one in foresight.already(here, me(), article, datetime.now(UTC))
    ]


def contradicted(here: Desk, article: Article | None) -> tuple[Against, ...]:
    """What the base says otherwise than this text."""
    return foresight.contradicted(here, me(), article, datetime.now(UTC)) if article is not None else ()


def contradiction(one: Against) -> str:
    """One contradiction as a sentence with a link to the other article."""
    told = one.told
    there = told.there if len(told.there) <= THERE_MOST else f"{told.there[:THERE_MOST]}…"
    return t(
        "edit.contradicts_twin" if one.twin else "edit.contradicts",
        line=told.line,
        mine=literal(told.mine),
        title=literal(one.title),
        id=told.article,
        their_line=told.their_line,
        theirs=literal(told.theirs),
        there=literal(there),
    )


# --- who is found --------------------------------------------------------------------------------


def finders(here: Desk, work: Work, article: Article | None) -> None:
    """The questions asked of the base as it is and with this text in it: on demand, so that nobody types slower."""
    asked = _gap_questions(here, work)
    if article is None or not (article.questions or asked):
        st.caption(t("edit.no_questions"))
        return
    if st.button(t("edit.foresee"), key="foresee", icon=":material/conversion_path:"):
        with told(), st.spinner(t("edit.foreseeing")):
            found = foresight.foresee(here, me(), article, asked, datetime.now(UTC))
            st.session_state["foreseen"] = (work.id, work.source, found)
    id, source, found = st.session_state.get("foreseen") or ("", "", None)
    if id != work.id:
        st.caption(t("edit.foresee_help"))
        return
    if found is None:
        st.info(t("edit.foresee_warming"))
        return
    if source != work.source:
        st.caption(t("edit.foreseen_before"))
    own = [one for one in found if one.article == article.id]
    lost = [one for one in found if one.article != article.id]
    for one in own:
        _own(one, article)
    if lost:
        st.warning(t("edit.pushed_down"), icon=":material/south:")
    for one in lost:
        st.markdown(
            f":orange-badge[{_place(one.before)} → {_place(one.after)}] {literal(one.title)}: {literal(one.question)}"
        )


def _own(one: Foreseen, article: Article) -> None:
    look = ":green-badge" if one.after and one.after <= SHOWN else ":orange-badge"
    first = f" · {literal(one.first)}" if one.first != article.title and one.after != 1 else ""
    st.markdown(f"{look}[{_place(one.before)} → {_place(one.after)}] {literal(one.question)}{first}")


def _place(rank: int | None) -> str:
    return t("edit.rank", rank=rank) if rank else "–"


def _gap_questions(here: Desk, work: Work) -> list[str]:
    if not work.gap:
        return []
    with here.database.read() as connection:
        found = gap.find(connection, work.gap)
    return [found.question] if found and found.question else []


# --- who was told it -----------------------------------------------------------------------------


def told_between(here: Desk, served: Served, article: str, at: datetime) -> None:
    """The calls that were told an article, whichever version, on some days."""
    today = served.site.today(at)
    span = (today - timedelta(days=SPAN_DAYS), today)
    label = t("edit.recall_days")
    days = st.date_input(label, span, max_value=today, format="YYYY-MM-DD", key=f"recall-{article}", width=280)
    if not isinstance(days, tuple) or len(days) != 2:
        return  # its first day is chosen, its last not yet
    since, until = (datetime.combine(day, time(), served.site.zone) for day in (days[0], days[1] + timedelta(days=1)))
    told_it(here, served, article, "", at, since, until)


def told_it(
    here: Desk,
    served: Served,
    article: str,
    version: str,
    at: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """The calls that were told one version of an article, '' = any, as a list to look at and to take away; only in
    [since, until) where these are given."""
    with here.database.read() as connection:
        found = call.recall(connection, me(), article, version, since, until)
    if not found:
        st.caption(t("edit.recall_none"))
        return
    zone = served.site.zone
    header = [
        *(t("edit.recall_call"), t("edit.recall_agent"), t("edit.recall_at")),
        *(t("edit.recall_said"), t("edit.recall_solved")),
    ]
    rows = [
        [one.id, said.agent, said.at.astimezone(zone).isoformat(" ", "minutes"), said.said, "✓" if said.solved else ""]
        for one, said in found
    ]
    st.dataframe(
        [dict(zip(header, row, strict=True)) for row in rows], hide_index=True, key=f"recall-rows-{version}-{hl()}"
    )
    st.download_button(
        t("edit.recall_csv"),
        taken(f"recall {article}", lambda: csv_of(header, rows)),
        "-".join(filter(None, (article, version[:8], f"{at.astimezone(zone):%Y-%m-%d}.csv"))),
        "text/csv",
        key=f"recall-csv-{version}",
    )
