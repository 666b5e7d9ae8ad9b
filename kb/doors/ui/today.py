"""The start of a shift: what is new for me. Notices, promises due, gaps answered, articles that changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import streamlit as st

from kb.calls import bulletins, flags, promises, shift
from kb.calls.bulletins import Bulletin
from kb.calls.flags import Answer, Flag
from kb.calls.promises import Promise
from kb.calls.shift import Changed
from kb.content.articles import Span
from kb.content.versions import short_diff
from kb.db import Connection
from kb.doors.ui import figures
from kb.doors.ui.frame import me, moment, open_article, safe_markdown, t, taken, told
from kb.doors.ui.notices import notice
from kb.doors.ui.trust import trust
from kb.doors.wiring import Desk, Served, desk
from kb.doors.wiring.offline import NAME, copy_for
from kb.gaps import gap
from kb.gaps.gap import Gap, Report
from kb.offline import notes
from kb.people.users import Action, User, may

Do = Callable[[Connection, User, str, datetime], None]  # room functions: what, by whom, to which, when
Undo = Callable[[Connection, User, str], None]
CHANGED_MOST = 10  # articles shown; who was away for long reads the most used first


def page() -> None:
    """The whole page."""
    st.header(t("today.title"), anchor=False)
    with told():
        here, by = desk(), me()
        served = here.served or here.open()
        now = datetime.now(UTC)
        st.caption(served.site.today(now).isoformat())
        figures.offer(here, by)
        current = {id: listed.sha256 for id, listed in served.opened.manifest.articles.items()}
        with here.database.read() as connection:
            unseen = bulletins.unseen(connection, by, now)
            due = promises.due(connection, by, shift.end_of_day(served.site, now))
            answered = [(one, report, "") for one, report in gap.answered(connection, by)]
            answered += gap.turned_down(connection, by)
            heard = flags.answers_for(connection, by)
            changed = shift.changed(connection, by, current, now)
        _done()
        left, right = st.columns(2, gap="medium")
        with left:
            _unseen(served, unseen, now)
            _due(served, due, now)
        with right:
            _answered(here, answered)
            _heard(here, heard)
            _changed(here, served, changed, now)
            _offline(here, by, now)
            if may(by, Action.SEE_INSIGHTS):
                trust(served.opened.manifest.calibration)


def _done() -> None:
    """What was taken off a list last, and the way back."""
    if "today-done" in st.session_state:
        what, _, _ = st.session_state["today-done"]
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(t("today.done", what=safe_markdown(what)))
            st.button(t("today.undo"), icon=":material/undo:", type="tertiary", key="today-undo", on_click=_undo)


def _undo() -> None:
    _, undo, id = st.session_state["today-done"]
    with told(), desk().database.write() as connection:
        undo(connection, me(), id)
        del st.session_state["today-done"]


def _off(what: str, do: Do, undo: Undo, id: str) -> None:
    """Take a line off its list."""
    with told(), desk().database.write() as connection:
        do(connection, me(), id, datetime.now(UTC))
        st.session_state["today-done"] = what, undo, id


@contextmanager
def _section(title: str, count: int, nothing: str) -> Iterator[None]:
    """One part of the page: its title with how many, and what will stand here while there is none."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(title, anchor=False, width="content")
            if count:
                st.badge(str(count), color="gray")
        if not count:
            st.caption(nothing)
        yield


def _unseen(served: Served, new: Sequence[Bulletin], now: datetime) -> None:
    with _section(t("today.notices"), len(new), t("today.no_notices")):
        for i, one in enumerate(new):
            if i:
                st.divider()
            notice(one, served, now)
            st.button(
                t("notice.seen"),
                icon=":material/check:",
                type="primary" if i == 0 else "secondary",
                key=f"seen-{one.id}",
                on_click=_off,
                args=(one.title, bulletins.mark_seen, bulletins.mark_unseen, one.id),
            )


def _due(served: Served, due: Sequence[Promise], now: datetime) -> None:
    with _section(t("today.promises"), len(due), t("today.no_promises")):
        for one in due:
            late = one.due_at <= now
            with st.container(horizontal=True, gap="small"):
                st.badge(moment(one.due_at, served.site.zone, now), color="red" if late else "blue")
                if late:
                    st.badge(t("today.overdue"), color="red")
                with st.container(width="stretch", gap="xxsmall"):
                    st.markdown(safe_markdown(one.what))
                    st.caption(t("today.call", call=safe_markdown(one.call)))
                off = one.what, promises.keep, promises.reopen, one.id
                look = ":material/check:"
                st.button(t("today.kept"), icon=look, key=f"kept-{one.id}", on_click=_off, args=off)


def _answered(here: Desk, answered: Sequence[tuple[Gap, Report, str]]) -> None:
    with _section(t("today.answered"), len(answered), t("today.no_answered")):
        for one, report, why in answered:
            article, asked = here.read(one.article, me()), report.question or one.question
            with st.container(horizontal=True, gap="small"):
                with st.container(width="stretch", gap="xxsmall"):
                    st.markdown(safe_markdown(asked))
                    if article:
                        _open(article.title, article.id, f"answer-{report.id}")
                    if why:
                        st.markdown(t("today.turned_down", why=safe_markdown(why)))
                    st.caption(t("today.call_back", call=safe_markdown(report.call)))
                off = asked, gap.told, gap.untold, report.id
                look = ":material/check:"
                st.button(t("today.kept"), icon=look, key=f"told-{report.id}", on_click=_off, args=off)


def _heard(here: Desk, heard: Sequence[tuple[Flag, Answer]]) -> None:
    """What became of the sentences this person said are not right; nothing where they said none."""
    if not heard:
        return
    with _section(t("today.heard"), len(heard), ""):
        for flag, one in heard:
            article = here.read(flag.article, me())
            with st.container(horizontal=True, gap="small"):
                with st.container(width="stretch", gap="xxsmall"):
                    st.markdown(safe_markdown(flag.sentence or here.title(flag.article, me())))
                    outcome = t("today.mended") if one.done else t("today.right")
                    st.caption(" · ".join(safe_markdown(part) for part in (outcome, one.text, one.by) if part))
                    if article:
                        _open(article.title, article.id, f"flagged-{flag.id}")
                off = flag.sentence or flag.article, flags.told, flags.untold, flag.id
                look = ":material/check:"
                st.button(t("notice.seen"), icon=look, key=f"heard-{flag.id}", on_click=_off, args=off)


def _open(title: str, id: str, key: str) -> None:
    if st.button(safe_markdown(title), icon=":material/arrow_forward:", type="tertiary", key=key):
        open_article(id)


def _changed(here: Desk, served: Served, changed: Sequence[Changed], now: datetime) -> None:
    with _section(t("today.changed"), len(changed), t("today.no_changed")):
        for one in changed[:CHANGED_MOST]:
            article = here.read(one.article, me())
            if article is None:
                st.markdown(t("today.gone", article=safe_markdown(one.article)))
                continue
            with st.container(gap="xxsmall"):
                _open(article.title, article.id, f"changed-{article.id}")
                st.caption(t("today.last_used", when=moment(one.last_used, served.site.zone, now), uses=one.uses))
                if one.before:
                    _diff(one.before, article.source)
        if len(changed) > CHANGED_MOST:
            st.caption(t("today.more", count=len(changed) - CHANGED_MOST))


def _diff(before: str, after: str) -> None:
    """What it said when it was last used, and what it says now, with the words that differ: two places at most."""
    for change in short_diff(before, after, limit=2):
        if change.before:
            st.caption(t("today.was", text=_marked(change.before, change.before_mark, "gray")))
        if change.after:
            st.markdown(t("today.now", text=_marked(change.after, change.after_mark, "green")))


def _offline(here: Desk, by: User, now: datetime) -> None:
    """The base as a file for when the server is gone, and what was noted in one while it was."""
    if not may(by, Action.TAKE_COPY, owner=by.id):
        return
    with st.expander(t("offline.here_title"), icon=":material/cloud_off:"):
        st.caption(t("offline.here_hint"))
        st.download_button(
            t("offline.download"),
            taken("offline copy", lambda: copy_for(here, by, by, datetime.now(UTC))),
            f"{NAME}-{here.site.today(now)}.html",
            "text/html",
            key="offline-copy",
            on_click="ignore",
            icon=":material/download:",
        )
        given = st.file_uploader(t("offline.upload"), type="json", key="offline-notes")
        if given:
            with told():
                held = notes.read(given.getvalue())
                with here.database.write() as connection:
                    count = notes.take_in(connection, by, held.notes, now)
                st.success(t("offline.took_in", count=count))


_MARKS = re.compile(r"([!-/:-@\[-`{-~])")


def _marked(text: str, mark: Span, color: str) -> str:
    """Plain text as Markdown that shows exactly it, with a piece of it marked."""
    pieces = (text[: mark.start], text[mark.start : mark.end], text[mark.end :])
    start, middle, end = (_MARKS.sub(r"\\\1", piece) for piece in pieces)
    return f"{start}:{color}-background[{middle}]{end}" if middle.strip() else start + middle + end


page()
