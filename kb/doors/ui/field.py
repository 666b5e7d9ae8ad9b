"""The field a text is written in: what one should know before typing on, what came of a save, two texts made one.

`slot` is which text of this visit it is about: the one that is written, or its twin beside it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import streamlit as st

from kb.content.articles import Article
from kb.doors import payload, studio
from kb.doors.ui import margin, workbench
from kb.doors.ui.editor import text_editor
from kb.doors.ui.frame import hl, literal, me, t
from kb.doors.ui.heard import heard
from kb.doors.ui.workbench import MINE, Work
from kb.doors.wiring import Desk, desk
from kb.errors import KBError
from kb.i18n import explain, sentences
from kb.studio import drafts, life, revisions


def notes(here: Desk, work: Work, slot: str = MINE) -> None:
    """What the person should know before they type on."""
    with here.database.read() as connection:
        others = drafts.others(connection, me(), work.id, datetime.now(UTC))
    if others:
        st.warning(t("edit.others", names=", ".join(map(literal, others))), icon=":material/group:")
    if st.session_state.get("unkept"):
        st.warning(t("edit.unkept"), icon=":material/cloud_off:")
    if work.theirs is not None:
        _conflict(here, work, slot)
    elif work.restored and work.changed:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(t("edit.restored"), icon=":material/draft:", width="stretch")
            if work.base:
                st.button(t("edit.discard"), key=_key("discard", slot), on_click=workbench.reload, args=(here, slot))
    note = workbench.told(slot)
    if note:
        kind, sentence = note
        look = {"done": st.success, "trouble": st.error}[kind]
        look(sentence, icon={"done": ":material/check:", "trouble": ":material/error:"}[kind])


def _key(name: str, slot: str) -> str:
    return name if slot == MINE else f"{name}-twin"


def _conflict(here: Desk, work: Work, slot: str) -> None:
    """Somebody saved first: what they changed, what I changed, and one text of both."""
    theirs = work.theirs or ""
    with st.container(border=True, key=_key("conflict", slot)):
        st.error(t("edit.conflict"), icon=":material/call_merge:")
        mine, other = st.columns(2)
        for column, label, text in ((mine, t("edit.mine"), work.source), (other, t("edit.theirs"), theirs)):
            with column:
                st.markdown(f"**{label}**")
                st.code("\n".join(revisions.diff(work.before, text)) or "–", language="diff", wrap_lines=True)
        st.button(t("edit.merge"), type="primary", key=_key("merge", slot), on_click=_merge, args=(here, slot))


def _merge(here: Desk, slot: str) -> None:
    clashes = workbench.take_theirs_in(here, slot)
    workbench.tell(("trouble", t("edit.clashes", count=clashes)) if clashes else ("done", t("edit.merged")), slot)


def draw(work: Work, article: Article | None, slot: str = MINE) -> None:
    """The field itself; `article` is what its text makes, None where it makes none."""
    labels = payload.labels(sentences(hl()), "editor")
    text_editor(
        _key("editor", slot),
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
            "visit": st.session_state.setdefault("visit", uuid4().hex),
            "go": st.session_state.get(f"go-{slot}"),
            "read_only": article is not None and work.base != "" and not life.may_change(me(), article),
            "ui": hl(),
        },
        on_text=lambda: _typed(slot),
        on_save=lambda: _save(slot),
    )


def _typed(slot: str) -> None:
    given, work = heard(_key("editor", slot), "text", "id", "base", "source"), workbench.current(slot)
    if given and work and given["id"] == work.id and given["base"] == work.base:
        workbench.tell(None, slot)
        workbench.typed(desk(), given["source"], slot)


def _save(slot: str) -> None:
    given, work = heard(_key("editor", slot), "save", "id", "base", "source"), workbench.current(slot)
    if not given or work is None or given["id"] != work.id:
        return
    workbench.typed(desk(), given["source"], slot)
    _save_now(slot)


def _save_now(slot: str) -> None:
    """Save, and say where agents find it now."""
    here, by = desk(), me()
    try:
        saved = workbench.save(here, by, slot)
    except KBError as error:
        workbench.tell(("trouble", explain(hl(), error)), slot)
        return
    if saved is None:
        workbench.tell(None, slot)
        return
    if saved.old is None and slot == MINE:
        st.query_params["id"] = saved.article.id
    seconds = studio.until_found(here, saved.article)
    against = map(margin.contradiction, margin.contradicted(here, saved.article))
    told = [_where(here, saved.article, seconds), *margin.covered_by(here, saved.article), *against]
    workbench.tell(("done", "\n\n".join(told)), slot)


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
