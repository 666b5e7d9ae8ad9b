"""An article and its twin: whether both languages say the same, and both side by side, chapter by chapter."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from kb.comparing import facts
from kb.content.articles import Article, parse
from kb.content.body import Chapter, abreast, chapters
from kb.doors import studio
from kb.doors.foresight import Against
from kb.doors.ui import field, margin, workbench
from kb.doors.ui.frame import hl, literal, me, t, told
from kb.doors.ui.workbench import MINE, TWIN, Work
from kb.doors.wiring import Desk, Served
from kb.errors import ArticleError, KBError, NotFoundError
from kb.i18n import explain
from kb.studio import revisions
from kb.studio.revisions import Standing

BESIDE = "beside"  # in the address: both are shown


def both(here: Desk, article: Article | None) -> bool:
    """Whether both are to be shown; also while the text is no article, as it may be between two letters."""
    if BESIDE not in st.query_params:
        return False
    return workbench.current(TWIN) is not None if article is None else _is_there(here, article.twin)


def hint(here: Desk, article: Article) -> None:
    """Say that one was changed and the other was not, and lead to both."""
    if not _is_there(here, article.twin):
        return
    standing = studio.standings(here, [article]).get(article.id)
    with st.container(horizontal=True, vertical_alignment="center", key="twin-hint"):
        if standing is not None and standing.behind:
            st.warning(behind(article, standing), icon=":material/translate:", width="stretch")
        st.button(t("twin.beside"), icon=":material/splitscreen_right:", key="beside", on_click=_show, args=(True,))


def _is_there(here: Desk, id: str) -> bool:
    try:
        return bool(id and studio.article_of(here, me(), id))
    except NotFoundError:
        return False


def behind(article: Article, standing: Standing) -> str:
    """ "English changed, Chinese did not: 6 days"."""
    late = article.lang if standing.behind == article.id else _other(article)
    early = _other(article) if standing.behind == article.id else article.lang
    days = (datetime.now(UTC) - standing.since).days if standing.since else 0
    said = "twin.behind" if days else "twin.behind_today"
    return t(said, early=_language(early), late=_language(late), days=days)


def _other(article: Article) -> str:
    return "en" if article.lang.startswith("zh") else "zh"


def _language(lang: str) -> str:
    return t(f"studio.lang_{lang.split('-')[0]}") if lang.split("-")[0] in studio.LANGS else lang


def _show(both: bool) -> None:
    if both:
        st.query_params[BESIDE] = "1"
    else:
        st.query_params.pop(BESIDE, None)


# --- both ----------------------------------------------------------------------------------------


def side_by_side(here: Desk, served: Served, work: Work, article: Article | None) -> None:
    """Two fields, each saved for itself; above them the chapters, which of them changed, and what differs."""
    with told():
        if article is not None:
            workbench.opened(here, article.twin, TWIN)
        its = workbench.current(TWIN)
        if its is None:
            raise NotFoundError("article_not_found")
        twin = studio.check(served, its.source, its.path, datetime.now(UTC)).article
        with st.container(key="twin-top"):  # always there, so that the fields below stay the ones they are
            if article is not None and twin is not None:
                standing = studio.standings(here, [article]).get(article.id)
                _top(here, work, its, article, standing)
                _chapters(here, (work, its), (article, twin), standing)
                _apart(served, article, twin)
        left, right = st.columns(2, gap="medium")
        for column, one, whose, slot in ((left, work, article, MINE), (right, its, twin, TWIN)):
            with column:
                with st.container(key=f"notes-{slot}"):
                    field.notes(here, one, slot)
                field.draw(one, whose, slot)


def _apart(served: Served, article: Article, twin: Article) -> None:
    """What the two texts as they are written have otherwise."""
    for one in facts.apart(facts.read(article, served.catalogue), facts.read(twin, served.catalogue)):
        st.warning(margin.contradiction(Against(one, twin.title, True)), icon=":material/compare_arrows:")


def _top(here: Desk, work: Work, its: Work, article: Article, standing: Standing | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(t("twin.alone"), icon=":material/arrow_back:", key="alone", on_click=_show, args=(False,))
        if standing is None or not standing.behind:
            st.markdown(f":material/check: {t('twin.in_step')}", width="stretch")
            return
        st.warning(behind(article, standing), icon=":material/translate:", width="stretch")
        unsaved = work.changed or its.changed
        st.button(
            t("twin.say_the_same"),
            icon=":material/done_all:",
            key="in-step",
            help=t("twin.save_first") if unsaved else t("twin.say_the_same_help"),
            disabled=unsaved,
            on_click=_same,
            args=(here, standing.behind),
        )


def _same(here: Desk, id: str) -> None:
    try:
        studio.say_the_same(here, me(), id, datetime.now(UTC))
    except KBError as error:
        workbench.tell(("trouble", explain(hl(), error)))


# --- chapter by chapter --------------------------------------------------------------------------


def _chapters(here: Desk, works: tuple[Work, Work], both: tuple[Article, Article], standing: Standing | None) -> None:
    """The chapters of both, with what changed in each since both said the same; a press puts both in sight."""
    before = [_before(here, one, standing) for one in works]
    changed = [revisions.changed_lines(old, one.source) for old, one in zip(before, works, strict=True)]
    pairs = abreast(*both)
    names = [_name(pair, both, changed) for pair in pairs]
    key = f"chapters-{works[0].id}"
    lines = [[_line(one, whole) for one, whole in zip(pair, both, strict=True)] for pair in pairs]
    numbers = range(len(pairs))
    chosen = st.pills(
        t("twin.chapters"), numbers, format_func=names.__getitem__, key=key, on_change=_go, args=(key, lines)
    )
    if chosen is None:
        return
    found = [_difference(*one) for one in zip(before, both, pairs[chosen], strict=True)]
    if any(found):
        for column, one in zip(st.columns(2, gap="medium"), found, strict=True):
            column.code(one or "–", language="diff", wrap_lines=True)


def _before(here: Desk, work: Work, standing: Standing | None) -> str:
    """The text that said the same as its twin; where nobody knows of one, the saved one."""
    with here.database.read() as connection:
        return revisions.source(connection, standing.step.get(work.id, "") if standing else "") or work.before


def _name(
    pair: tuple[Chapter | None, Chapter | None], whole: tuple[Article, Article], lines: list[frozenset[int]]
) -> str:
    headings = [one.heading or t("twin.opening") for one in pair if one]
    marks = [
        f":orange[{t('twin.changed', language=_language(article.lang))}]"
        for one, article, changed in zip(pair, whole, lines, strict=True)
        if one and not changed.isdisjoint(_lines(one, article))
    ]
    return " · ".join([" ↔ ".join(literal(one) for one in headings), *marks])


def _lines(one: Chapter, article: Article) -> range:
    return range(article.line_of(one.span.start), article.line_of(max(one.span.end - 1, one.span.start)) + 1)


def _line(one: Chapter | None, article: Article) -> int:
    return article.line_of(one.span.start) if one else 0


def _go(key: str, lines: list[list[int]]) -> None:
    chosen = st.session_state.get(key)
    if chosen is not None:
        for line, slot in zip(lines[chosen], (MINE, TWIN), strict=True):
            if line:
                workbench.go(line, slot)


def _difference(before: str, article: Article, chapter: Chapter | None) -> str:
    """What changed in a chapter since, as the lines of a diff."""
    if chapter is None:
        return ""
    try:
        old = parse(before, article.path)
    except ArticleError:
        return ""
    was = next((one for one in chapters(old) if one.heading == chapter.heading), None)
    text = old.source[was.span.start : was.span.end] if was else ""
    return "\n".join(revisions.diff(text, article.source[chapter.span.start : chapter.span.end]))
