"""One article being written: the text on the left; what agents will see of it, and what to mend, on the right."""

from __future__ import annotations

from datetime import UTC, date, datetime

import streamlit as st

from kb.content.articles import AUDIENCES, Article
from kb.doors import payload, studio
from kb.doors.studio import Checked
from kb.doors.ui import margin, workbench
from kb.doors.ui.article import draw
from kb.doors.ui.editor import text_editor
from kb.doors.ui.frame import hl, literal, me, moment, t, told
from kb.doors.ui.keys import bindings
from kb.doors.ui.workbench import Work
from kb.doors.wiring import Desk, Served, desk
from kb.errors import KBError, NotFoundError
from kb.i18n import explain, sentences
from kb.people.scope import GOVERNANCE
from kb.studio import drafts, life, revisions
from kb.studio.header import Value, with_keys


def page() -> None:
    """The whole page."""
    here, id = desk(), str(st.query_params.get("id", ""))
    with told():
        served = here.served or here.open()
        work = workbench.current()
        if id and (work is None or work.id != id):
            workbench.put(workbench.open_work(here, id))
            st.session_state["edit-note"] = None
        if workbench.current() is None:
            raise NotFoundError("article_not_found")
        _work(here, served)


@st.fragment
def _work(here: Desk, served: Served) -> None:
    work = workbench.current()
    if work is None:
        return
    served = here.served or served
    checked = studio.check(served, work.source, work.path, datetime.now(UTC))
    with st.container(key="edit-notes"):  # always there: the field below would be made anew with each note that comes
        _notes(here, work)
    left, right = st.columns(2, gap="medium")
    with left:
        _field(work, checked)
        _details(here, served, work, checked.article)
    with right:
        _beside(here, served, work, checked)


def _notes(here: Desk, work: Work) -> None:
    """What the person should know before they type on."""
    with here.database.read() as connection:
        others = drafts.others(connection, me(), work.id, datetime.now(UTC))
    if others:
        st.warning(t("edit.others", names=", ".join(map(literal, others))), icon=":material/group:")
    if st.session_state.get("unkept"):
        st.warning(t("edit.unkept"), icon=":material/cloud_off:")
    if work.theirs is not None:
        _conflict(here, work)
    elif work.restored and work.changed:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(t("edit.restored"), icon=":material/draft:", width="stretch")
            if work.base:
                st.button(t("edit.discard"), key="discard", on_click=workbench.reload, args=(here,))
    note = st.session_state.get("edit-note")
    if note:
        kind, sentence = note
        look = {"done": st.success, "trouble": st.error}[kind]
        look(sentence, icon={"done": ":material/check:", "trouble": ":material/error:"}[kind])


def _conflict(here: Desk, work: Work) -> None:
    """Somebody saved first: what they changed, what I changed, and one text of both."""
    theirs = work.theirs or ""
    with st.container(border=True, key="conflict"):
        st.error(t("edit.conflict"), icon=":material/call_merge:")
        mine, other = st.columns(2)
        for column, label, text in ((mine, t("edit.mine"), work.source), (other, t("edit.theirs"), theirs)):
            with column:
                st.markdown(f"**{label}**")
                st.code("\n".join(revisions.diff(work.before, text)) or "–", language="diff", wrap_lines=True)
        st.button(t("edit.merge"), type="primary", key="merge", on_click=_merge, args=(here,))


def _merge(here: Desk) -> None:
    clashes = workbench.take_theirs_in(here)
    st.session_state["edit-note"] = (
        ("trouble", t("edit.clashes", count=clashes)) if clashes else ("done", t("edit.merged"))
    )


# --- the text ------------------------------------------------------------------------------------


def _field(work: Work, checked: Checked) -> None:
    article = checked.article
    labels = payload.labels(sentences(hl()), "editor")
    text_editor(
        data={
            "labels": labels,
            "id": work.id,
            "path": work.path,
            "base": work.base,
            "source": work.source,
            "changed": work.changed,
            "token": work.token,
            "at": work.at,
            "keep": work.keep,
            "go": st.session_state.get("edit-go"),
            "read_only": article is not None and work.base != "" and not _mine_to_change(article),
            "ui": hl(),
        },
        on_text=_typed,
        on_save=_save,
    )


def _mine_to_change(article: Article) -> bool:
    return life.may_change(me(), article)


def _typed() -> None:
    given, work = st.session_state["editor"].get("text"), workbench.current()
    if given and work and given["id"] == work.id and given["base"] == work.base:
        st.session_state["edit-note"] = None
        workbench.typed(desk(), str(given["source"]))


def _save() -> None:
    given, work = st.session_state["editor"].get("save"), workbench.current()
    if not given or work is None or given["id"] != work.id:
        return
    workbench.typed(desk(), str(given["source"]))
    _save_now()


def _save_now() -> None:
    """Save, and say where agents find it now."""
    here, by = desk(), me()
    try:
        saved = workbench.save(here, by)
    except KBError as error:
        st.session_state["edit-note"] = ("trouble", explain(hl(), error))
        return
    if saved is None:
        st.session_state["edit-note"] = None
        return
    if saved.old is None:
        st.query_params["id"] = saved.article.id
    seconds = studio.until_found(here, saved.article)
    against = map(margin.contradiction, margin.contradicted(here, saved.article))
    told = [_where(here, saved.article, seconds), *margin.covered_by(here, saved.article), *against]
    st.session_state["edit-note"] = ("done", "\n\n".join(told))


def _where(here: Desk, article: Article, seconds: float | None) -> str:
    """Where its own first question finds it, as the one who asks would see it."""
    if seconds is None:
        return t("edit.saved_waiting")
    if article.state not in ("validated", "not-validated") or not article.questions:
        return t("edit.saved")
    question = article.questions[0]
    hits = here.ask(question, me(), limit=20).hits
    places = [at for at, hit in enumerate(hits, 1) if article.id in (hit.article.id, hit.twin)]
    if not places:
        return t("edit.saved_unfound", question=literal(question))
    return t("edit.saved_found", seconds=f"{seconds:.1f}", rank=places[0], question=literal(question))


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
    names = {code: product.name(hl()) for code, product in served.catalogue.items()}
    states = [article.state, *life.moves_of(me(), article)]
    title = st.text_input(t("edit.title_field"), article.title)
    questions = st.text_area(
        t("edit.questions"), "\n".join(article.questions), height=140, help=t("edit.questions_help")
    )
    left, right = st.columns(2)
    with left:
        state = st.selectbox(t("edit.state"), states, format_func=lambda one: t(f"state.{one}"))
        audience = st.selectbox(
            t("edit.audience"),
            AUDIENCES,
            AUDIENCES.index(article.audience),
            format_func=lambda one: t(f"edit.audience_{one}"),
        )
        owner = st.text_input(t("edit.owner"), article.owner)
        review_by = st.date_input(t("edit.review_by"), article.review_by)
        valid_from = st.date_input(t("edit.valid_from"), article.valid_from)
    with right:
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
        twin = st.text_input(t("edit.twin"), article.twin)
        valid_until = st.date_input(t("edit.valid_until"), article.valid_until)
        teams = st.multiselect(
            t("edit.teams"),
            sorted({*article.teams, *me().teams}),
            list(article.teams),
            placeholder=t("edit.teams_all"),
            accept_new_options=True,
        )
    return {
        "title": title,
        "questions": tuple(one.strip() for one in questions.splitlines() if one.strip()),
        "state": state,
        "audience": audience,
        "governance": governance,
        "products": tuple(products),
        "teams": tuple(teams),
        "owner": owner,
        "twin": twin,
        "review_by": _day(review_by),
        "valid_from": _day(valid_from),
        "valid_until": _day(valid_until),
    }


def _day(given: object) -> date | None:
    return given if isinstance(given, date) else None


# --- beside the text -----------------------------------------------------------------------------


def _beside(here: Desk, served: Served, work: Work, checked: Checked) -> None:
    against = margin.contradicted(here, checked.article)
    count = len(checked.findings) + len(against) + (checked.error is not None)
    preview, mend, finders, past = st.tabs(
        [t("edit.preview"), t("edit.mend", count=count), t("edit.finders"), t("edit.history")],
        default=t("edit.mend", count=count) if checked.error else None,
    )
    with preview:
        if checked.article is None:
            st.caption(t("edit.no_preview"))
        else:
            with st.container(border=True, key="article-pane"):
                draw(here, served, checked.article, bindings({}))
    with mend:
        margin.to_mend(here, checked, against)
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
        st.session_state["edit-note"] = ("trouble", explain(hl(), error))
        return
    st.session_state["edit-note"] = ("done", t("edit.restored_version"))


page()
