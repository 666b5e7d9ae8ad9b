"""One article being written: the text on the left; what agents will see of it, and what to mend, on the right."""

from __future__ import annotations

from datetime import UTC, date, datetime

import streamlit as st

from kb.content.articles import AUDIENCES, MAX_FRONT_MATTER, Article
from kb.doors import studio
from kb.doors.studio import Checked
from kb.doors.ui import field, margin, twins, workbench
from kb.doors.ui.article import draw
from kb.doors.ui.frame import LINE_MOST, hl, literal, me, moment, t, told
from kb.doors.ui.keys import bindings
from kb.doors.ui.workbench import Work
from kb.doors.wiring import Desk, Served, desk
from kb.errors import KBError, NotFoundError
from kb.i18n import explain
from kb.people.scope import GOVERNANCE
from kb.studio import life, revisions
from kb.studio.header import Value, with_keys


def page() -> None:
    """The whole page."""
    here, id = desk(), str(st.query_params.get("id", ""))
    with told():
        _ = here.served or here.open()
        if id:
            workbench.opened(here, id)
        if workbench.current() is None:
            raise NotFoundError("article_not_found")
        _work(here)


@st.fragment
def _work(here: Desk) -> None:
    work = workbench.current()
    if work is None:
        return
    served = here.served or here.open()
    checked = studio.check(served, work.source, work.path, datetime.now(UTC))
    if twins.both(here, checked.article):
        twins.side_by_side(here, served, work, checked.article)
        return
    with st.container(key="edit-notes"):  # always there: the field below would be made anew with each note that comes
        field.notes(here, work)
        if checked.article is not None:
            twins.hint(here, checked.article)
    left, right = st.columns(2, gap="medium")
    with left:
        field.draw(work, checked.article)
        _details(here, served, work, checked.article)
    with right:
        _beside(here, served, work, checked)


# --- the front matter as a form ------------------------------------------------------------------


def _details(here: Desk, served: Served, work: Work, article: Article | None) -> None:
    with st.expander(t("edit.details"), icon=":material/tune:", key=f"details-{work.id}"):
        if article is None:
            st.caption(t("edit.details_broken"))
            return
        with st.form(f"details-{work.id}-{work.token}-{hash(work.source)}", border=False):
            given = _form(served, article)
            sent = st.form_submit_button(t("edit.apply"))
        if sent:
            with told():
                workbench.set_source(here, with_keys(article, given))
                st.rerun(scope="fragment")


def _form(served: Served, article: Article) -> dict[str, Value]:
    """The keys of the front matter, each as a field of its kind."""
    title = st.text_input(t("edit.title_field"), article.title, max_chars=LINE_MOST)
    questions = st.text_area(
        t("edit.questions"),
        "\n".join(article.questions),
        max_chars=MAX_FRONT_MATTER,
        height=140,
        help=t("edit.questions_help"),
    )
    given: dict[str, Value] = {
        "title": title,
        "questions": tuple(one.strip() for one in questions.splitlines() if one.strip()),
    }
    left, right = st.columns(2)
    with left:
        given |= _life(article)
    with right:
        return given | _reach(served, article)


def _life(article: Article) -> dict[str, Value]:
    """How far it is, for whom it is written, whose it is, and until when."""
    return {
        "state": st.selectbox(
            t("edit.state"),
            [article.state, *life.moves_of(me(), article)],
            format_func=lambda one: t(f"state.{one}"),
        ),
        "audience": st.selectbox(
            t("edit.audience"),
            AUDIENCES,
            AUDIENCES.index(article.audience),
            format_func=lambda one: t(f"edit.audience_{one}"),
        ),
        "owner": st.text_input(t("edit.owner"), article.owner, max_chars=LINE_MOST),
        "review_by": _day(st.date_input(t("edit.review_by"), article.review_by)),
        "valid_from": _day(st.date_input(t("edit.valid_from"), article.valid_from)),
    }


def _reach(served: Served, article: Article) -> dict[str, Value]:
    """What it is about, who may see it, and its twin."""
    names = {code: product.name(hl()) for code, product in served.catalogue.items()}
    products = st.multiselect(
        t("edit.products"),
        list(dict.fromkeys([*names, *article.products])),
        list(article.products),
        format_func=lambda code: names.get(code, code),
        placeholder=t("edit.products_any"),
    )
    governance = st.selectbox(
        t("edit.governance"),
        GOVERNANCE,
        GOVERNANCE.index(article.governance),
        format_func=lambda one: t(f"edit.governance_{one}"),
    )
    twin = st.text_input(t("edit.twin"), article.twin, max_chars=LINE_MOST)
    valid_until = st.date_input(t("edit.valid_until"), article.valid_until)
    teams = st.multiselect(
        t("edit.teams"),
        sorted({*article.teams, *me().teams}),
        list(article.teams),
        placeholder=t("edit.teams_all"),
        accept_new_options=True,
    )
    return {
        "products": tuple(products),
        "governance": governance,
        "twin": twin,
        "valid_until": _day(valid_until),
        "teams": tuple(teams),
    }


def _day(given: object) -> date | None:
    return given if isinstance(given, date) else None


# --- beside the text -----------------------------------------------------------------------------


def _beside(here: Desk, served: Served, work: Work, checked: Checked) -> None:
    against = margin.contradicted(here, checked.article)
    count = len(checked.findings) + len(against) + (checked.error is not None)
    with st.container(key="mend-count"):  # not in the tab's name: tabs of another name would go back to the first
        st.markdown(f":orange-badge[{t('edit.to_mend', count=count)}]" if count else "")
    preview, mend, finders, past = st.tabs([t("edit.preview"), t("edit.mend"), t("edit.finders"), t("edit.history")])
    with preview:
        if checked.article is None:
            st.caption(t("edit.no_preview"))
        else:
            with st.container(border=True, key="article-pane"):
                draw(here, served, checked.article, bindings({}))
    with mend:
        margin.to_mend(here, checked, against, looking=bool(mend.open))
    with finders:
        margin.finders(here, work, checked.article)
    with past:
        _history(here, served, work)


def _history(here: Desk, served: Served, work: Work) -> None:
    """Every version, who made it and what it changed; any of them can be had back."""
    with here.database.read() as connection:
        found = revisions.history(connection, me(), work.id)
    if not found:
        st.caption(t("edit.no_history"))
    now = datetime.now(UTC)
    if found and st.toggle(t("edit.recall_span"), key=f"recall-span-{work.id}"):
        margin.told_between(here, served, work.id, now)
    for at, one in enumerate(found[:30]):
        told = " · ".join([moment(one.at, served.site.zone, now), one.by, t(f"edit.cause_{one.cause}")])
        with st.expander(literal(told), key=f"revision-{one.id}"):
            with here.database.read() as connection:
                after = revisions.of(connection, one).source if one.sha256 else ""
                before = revisions.source(connection, one.parent)
            st.code("\n".join(revisions.diff(before, after)) or "–", language="diff", wrap_lines=True)
            if one.sha256 and st.toggle(t("edit.recall"), key=f"recall-{one.id}"):
                margin.told_it(here, served, work.id, one.sha256, now)
            if at and one.sha256 and one.sha256 != found[0].sha256:
                st.button(t("edit.restore"), key=f"restore-{one.id}", on_click=_restore, args=(one.id,))


def _restore(revision: int) -> None:
    here, work = desk(), workbench.current()
    if work is None:
        return
    try:
        studio.restore(here, me(), work.id, revision, datetime.now(UTC))
        workbench.reload(here)
    except KBError as error:
        workbench.tell(("trouble", explain(hl(), error)))
        return
    workbench.tell(("done", t("edit.restored_version")))


page()
