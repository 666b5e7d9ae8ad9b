"""The studio's first page: what to look at next, everything there is, what agents flagged, what I was writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import streamlit as st

from kb.calls import flags, journal
from kb.calls.flags import Answer, Flag
from kb.content.articles import CATEGORIES, Article
from kb.db import Connection
from kb.doors import studio
from kb.doors.ui import twins, workbench
from kb.doors.ui.bulk import bulk_edits
from kb.doors.ui.frame import LINE_MOST, hl, literal, me, moment, t, told
from kb.doors.ui.importing import importing
from kb.doors.ui.words import search_words
from kb.doors.wiring import Desk, Served, desk
from kb.gaps import gap
from kb.people.scope import STATES
from kb.people.users import Action, may
from kb.studio import drafts, life, review, revisions
from kb.studio.drafts import Draft
from kb.studio.review import REASONS, Due, Use
from kb.studio.revisions import Standing

EDIT_PAGE = Path(__file__).parent / "edit.py"
RECENT = timedelta(days=90)
SHOWN_MOST = 50


def page() -> None:
    """The whole page."""
    st.header(t("studio.title"), anchor=False)
    with told():
        here = desk()
        served = here.served or here.open()
        shelf = studio.shelf(here, me())
        standings = studio.standings(here, shelf)
        with here.database.read() as connection:
            waiting = [one for one in flags.waiting(connection) if _known(shelf, one.article)]
            mine = drafts.mine(connection, me())
            uses = _uses(connection, waiting, standings, served.site.zone)
            stamps = revisions.stamps(connection)
            watched = journal.begun(connection)
        now = datetime.now(UTC)
        due = review.queue(shelf, uses, served.site.today(now), served.site.today(watched or now))
        _top()
        views = {
            "queue": t("studio.queue", count=len(due)),
            "all": t("studio.all", count=len(shelf)),
            "flags": t("studio.flags", count=len(waiting)),
            "drafts": t("studio.drafts", count=len(mine)),
            "import": t("transfer.title"),
        }
        if may(me(), Action.EDIT_ARTICLE):
            views["bulk"] = t("bulk.title")
        if may(me(), Action.TUNE_SEARCH):
            views["words"] = t("words.title")
        view = _chosen("view", list(views), views)
        if view == "queue":
            _queue(due, standings)
        elif view == "all":
            _all(served, shelf, stamps)
        elif view == "flags":
            _flags(here, served, shelf, waiting)
        elif view == "import":
            importing(here)
        elif view == "bulk":
            bulk_edits(here, served, shelf)
        elif view == "words":
            search_words(here)
        else:
            _drafts(served, mine)


def _known(shelf: Sequence[Article], id: str) -> Article | None:
    return next((one for one in shelf if one.id == id), None)


def _uses(
    connection: Connection, waiting: Sequence[Flag], standings: Mapping[str, Standing], zone: ZoneInfo
) -> dict[str, Use]:
    """What the floor did with each article lately, and since when its twin says something else."""
    found = journal.uses(connection, datetime.now(UTC) - RECENT)
    open_gaps = [one.article for one in gap.open_gaps(connection) if one.article]
    flagged = [one.article for one in waiting]
    uses = {id: Use(views, solved, last=last.date()) for id, (views, solved, last) in found.items()}
    behind = {id: one.since.astimezone(zone).date() for id, one in standings.items() if one.since and one.behind == id}
    for id in {*flagged, *open_gaps, *behind}:
        use = uses.get(id, Use())
        uses[id] = replace(use, flags=flagged.count(id), gaps=open_gaps.count(id), behind=behind.get(id))
    return uses


def _chosen(name: str, options: Sequence[str], labels: dict[str, str]) -> str:
    """A choice that stands in the address too: a link to it can be sent, a refresh keeps it."""
    now = st.query_params.get(name, options[0])
    chosen = st.segmented_control(
        t(f"studio.by_{name}"),
        options,
        default=now if now in options else options[0],
        format_func=labels.__getitem__,
        required=True,
        label_visibility="collapsed",
        key=f"studio-{name}-{hl()}",
    )
    st.query_params[name] = str(chosen)
    return str(chosen)


# --- a new article -------------------------------------------------------------------------------


def _top() -> None:
    with st.popover(t("studio.new"), icon=":material/add:"), st.form("new-article", border=False):
        title = st.text_input(t("edit.title_field"), max_chars=LINE_MOST)
        id = st.text_input(t("studio.id"), help=t("studio.id_help"), max_chars=LINE_MOST)
        kinds = {one: t(f"category.{one}") for one in CATEGORIES}
        category = st.selectbox(t("studio.category"), CATEGORIES, format_func=kinds.__getitem__)
        langs = {one: t(f"studio.lang_{one}") for one in studio.LANGS}
        lang = st.segmented_control(
            t("studio.lang"),
            list(studio.LANGS),
            default=hl(),
            format_func=langs.__getitem__,
            required=True,
        )
        if st.form_submit_button(t("studio.begin"), type="primary"):
            with told():
                _begin(title, id.strip(), str(category), str(lang))


def _begin(title: str, id: str, category: str, lang: str, questions: Sequence[str] = (), gap: str = "") -> None:
    """Open the editor on a new file, from the template of its language."""
    _, source = studio.begun(me(), id, title, category, lang, questions)
    workbench.put(workbench.keep(desk(), workbench.new_work(id, category, source, gap)))
    st.switch_page(EDIT_PAGE)


def _open(id: str, **query: str) -> None:
    workbench.put(None)
    workbench.tell(None)
    st.switch_page(EDIT_PAGE, query_params={"id": id, **query})


# --- the lists -----------------------------------------------------------------------------------


def _queue(due: Sequence[Due], standings: Mapping[str, Standing]) -> None:
    """What to look at next: why, how late, how much it is used."""
    held = {reason for one in due for reason in one.reasons}
    labels = {"": t("studio.any_reason")} | {one: t(f"studio.reason_{one}") for one in REASONS if one in held}
    reason = _chosen("reason", list(labels), labels)
    shown = [one for one in due if not reason or reason in one.reasons]
    if not shown:
        st.success(t("studio.nothing_due"), icon=":material/check:")
    for one in shown[:SHOWN_MOST]:
        facts = [
            twins.behind(one.article, standings[one.article.id]) if reason == "behind" else t(f"studio.reason_{reason}")
            for reason in one.reasons
        ]
        facts += [t("studio.views", count=one.use.views)] if one.use.views else []
        facts += [t("studio.flag_count", count=one.use.flags)] if one.use.flags else []
        with st.container(border=True, horizontal=True, gap="small", vertical_alignment="center"):
            with st.container(gap="xxsmall"):
                _line(one.article)
                st.caption(" · ".join(facts))
            if st.button(t("studio.edit"), key=f"edit-{one.article.id}"):
                _open(one.article.id, **({twins.BESIDE: "1"} if "behind" in one.reasons else {}))
            if life.may_change(me(), one.article):
                st.button(
                    t("studio.still_true"),
                    icon=":material/check:",
                    key=f"true-{one.article.id}",
                    on_click=_still_true,
                    args=(one.article.id,),
                )
    if len(shown) > SHOWN_MOST:
        st.caption(t("studio.more", count=len(shown) - SHOWN_MOST))


def _still_true(id: str) -> None:
    with told():
        saved = studio.still_true(desk(), me(), id, datetime.now(UTC))
        studio.until_found(desk(), saved.article)
        day = saved.article.review_by
        st.toast(t("studio.next_review", day=day.isoformat() if day else ""), icon=":material/check:")


def _line(article: Article) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.badge(t(f"state.{article.state}"), color="green" if article.state == "validated" else "orange")
        st.markdown(f"**{literal(article.title)}**", width="stretch")
        st.caption(literal(f"{article.id} · {article.owner or '–'}"))


def _all(served: Served, shelf: Sequence[Article], stamps: dict[str, tuple[datetime, str]]) -> None:
    """Everything there is, by state, kind, language and words."""
    states = {"": t("studio.any_state")} | {one: t(f"state.{one}") for one in STATES}
    kinds = {"": t("studio.any_category")} | {one: t(f"category.{one}") for one in CATEGORIES}
    langs = {"": t("studio.any_lang")} | {one: t(f"studio.lang_{one}") for one in studio.LANGS}
    with st.container(horizontal=True, gap="medium"):
        state = _chosen("state", list(states), states)
        kind = _chosen("category", list(kinds), kinds)
        lang = _chosen("lang", list(langs), langs)
    typed = st.query_params.get("q", "")
    words = st.text_input(t("studio.words"), typed, max_chars=LINE_MOST, key="studio-q").strip()
    st.query_params["q"] = words
    shown = [
        one
        for one in shelf
        if (not state or one.state == state)
        and (not kind or one.category == kind)
        and (not lang or one.lang.split("-")[0] == lang)
        and all(word in f"{one.title} {one.id} {one.owner}".lower() for word in words.lower().split())
    ]
    st.caption(t("studio.count", count=len(shown)))
    now, zone = datetime.now(UTC), served.site.zone
    rows = [
        {
            t("edit.title_field"): one.title,
            t("studio.id"): one.id,
            t("edit.state"): t(f"state.{one.state}"),
            t("edit.owner"): one.owner,
            t("edit.review_by"): one.review_by.isoformat() if one.review_by else "–",
            t("studio.changed"): " · ".join([moment(stamps[one.id][0], zone, now), stamps[one.id][1]])
            if one.id in stamps
            else "–",
        }
        for one in shown
    ]
    picked = st.dataframe(rows, hide_index=True, on_select="rerun", selection_mode="single-row", key="studio-rows")
    chosen = picked["selection"]["rows"] if rows else []
    if chosen:
        _open(shown[chosen[0]].id)


def _flags(here: Desk, served: Served, shelf: Sequence[Article], waiting: Sequence[Flag]) -> None:
    """What agents said is not right, oldest first; each is answered, and the answer reaches whoever said it."""
    if not waiting:
        st.success(t("studio.no_flags"), icon=":material/check:")
    now = datetime.now(UTC)
    for one in waiting[:SHOWN_MOST]:
        article = _known(shelf, one.article)
        if article is None:
            continue
        with st.container(border=True):
            _line(article)
            st.markdown(f"**{t(f'call.reason_{one.reason}')}** {literal(one.sentence)}")
            if one.note:
                st.markdown(literal(one.note))
            st.caption(f"{literal(one.agent)} · {moment(one.at, served.site.zone, now)}")
            if st.button(t("studio.edit"), key=f"flag-edit-{one.id}"):
                _open(article.id)
            if may(me(), Action.ANSWER_FLAG):
                with st.form(f"answer-{one.id}", border=False):
                    text = st.text_input(t("studio.answer"), max_chars=LINE_MOST, key=f"answer-text-{one.id}")
                    with st.container(horizontal=True, gap="small"):
                        done = st.form_submit_button(t("studio.mended"), type="primary")
                        right = st.form_submit_button(t("studio.right_as_is"))
                if done or right:
                    with told():
                        with here.database.write() as connection:
                            flags.answer(connection, me(), Answer(one.id, me().id, now, done, text))
                        st.rerun()


def _drafts(served: Served, mine: Sequence[Draft]) -> None:
    if not mine:
        st.caption(t("studio.no_drafts"))
    now = datetime.now(UTC)
    for one in mine:
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if st.button(literal(one.article), key=f"draft-{one.article}", type="tertiary"):
                _open(one.article)
            st.caption(moment(one.at, served.site.zone, now))


page()
