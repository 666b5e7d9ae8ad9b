"""One change over many articles in the studio: chosen, looked at line by line, made, and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from kb.content.articles import Article
from kb.doors import bulk_edit, studio
from kb.doors.ui.frame import LINE_MOST, hl, literal, me, moment, t, told
from kb.doors.wiring import Desk, Served
from kb.i18n import explain
from kb.people.scope import STATES
from kb.studio import bulk
from kb.studio.bulk import KINDS, Change, Edit, Row

LINES_MOST = 200  # shown and changed at once
EDITS_MOST = 5


def bulk_edits(here: Desk, served: Served, shelf: Sequence[Article]) -> None:
    """The whole view."""
    st.caption(t("bulk.about"))
    done = st.session_state.pop("bulk-done", None)
    if done:
        st.success(done, icon=":material/check:")
    names = {one: t(f"bulk.kind_{one}") for one in KINDS}
    kind = st.segmented_control(
        t("bulk.kind"), KINDS, default=KINDS[0], format_func=names.__getitem__, required=True, key=f"bulk-kind-{hl()}"
    )
    change = _change(served, str(kind))
    chosen = _selection(shelf)
    with told():
        if st.button(t("bulk.look", count=len(chosen)), key="bulk-look", disabled=not chosen):
            rows = bulk_edit.plan(here, me(), [one.id for one in chosen], change, datetime.now(UTC))
            st.session_state["bulk-rows"] = change, rows
        known = st.session_state.get("bulk-rows")
        if known and known[0] == change:
            _rows(here, change, known[1])
    _edits(here, served)


def _change(served: Served, kind: str) -> Change:
    """What is to be done, as it stands in the fields."""
    with st.container(horizontal=True):
        if kind == "replace":
            old = st.text_input(t("bulk.old"), max_chars=LINE_MOST, key="bulk-old", help=t("bulk.old_help"))
            return Change(kind, st.text_input(t("bulk.new"), max_chars=LINE_MOST, key="bulk-new"), old)
        if kind == "owner":
            return Change(kind, st.text_input(t("edit.owner"), max_chars=LINE_MOST, key="bulk-owner").strip())
        if kind == "review":
            return Change(kind, st.date_input(t("edit.review_by"), key="bulk-review").isoformat())
        if kind == "state":
            names = {one: t(f"state.{one}") for one in STATES}
            return Change(kind, st.selectbox(t("edit.state"), STATES, format_func=names.__getitem__, key="bulk-state"))
        titles = {code: f"{code} {one.name(hl())}" for code, one in served.catalogue.items()}
        code = st.selectbox(t("bulk.product"), list(titles), format_func=titles.__getitem__, key="bulk-product")
        return Change(kind, code or "")


def _selection(shelf: Sequence[Article]) -> list[Article]:
    """The articles that the fields leave."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(t("studio.words"), max_chars=LINE_MOST, key="bulk-words").strip().lower().split()
        names = {"": t("studio.any_state")} | {one: t(f"state.{one}") for one in STATES}
        state = st.selectbox(t("edit.state"), list(names), format_func=names.__getitem__, key="bulk-of-state")
        langs = {"": t("studio.any_lang")} | {one: t(f"studio.lang_{one}") for one in studio.LANGS}
        lang = st.selectbox(t("studio.lang"), list(langs), format_func=langs.__getitem__, key="bulk-of-lang")
    return [
        one
        for one in shelf
        if (not state or one.state == state)
        and (not lang or one.lang.split("-")[0] == lang)
        and all(word in f"{one.title} {one.id} {one.owner} {' '.join(one.products)}".lower() for word in words)
    ]


def _rows(here: Desk, change: Change, rows: Sequence[Row]) -> None:
    """What would change, each line or article with its own box."""
    for row in rows:
        if row.refused is not None:
            st.warning(f"{literal(row.article.title)}: {explain(hl(), row.refused)}", icon=":material/block:")
    open_rows = [row for row in rows if row.refused is None]
    if not open_rows:
        st.info(t("bulk.nothing"))
        return
    chosen, shown = [], 0
    for row in open_rows:
        if shown >= LINES_MOST:
            st.caption(t("bulk.more", most=LINES_MOST))
            break
        shown += len(row.lines)
        source = _lines(change, row)
        if source != row.article.source:
            chosen.append((row, source))
    label = t("bulk.go", count=len(chosen))
    st.button(
        label, type="primary", key="bulk-go", disabled=not chosen, on_click=_carry_out, args=(here, chosen, change)
    )


def _lines(change: Change, row: Row) -> str:
    """One article with its lines; the text that what is ticked makes of it."""
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"**{literal(row.article.title)}** · {literal(row.article.id)}")
        if change.kind != "replace":
            ticked = st.checkbox(t("bulk.this"), value=True, key=f"bulk-{row.article.id}")
            for line in row.lines:
                st.markdown(_shown(line.before, line.after))
            return row.source if ticked else row.article.source
        numbers = set()
        for line in row.lines:
            key = f"bulk-{row.article.id}-{line.number}"
            if st.checkbox(t("edit.line", line=line.number), value=True, key=key):
                numbers.add(line.number)
            st.markdown(_shown(line.before, line.after))
        return bulk.only(row, numbers)


def _shown(before: str, after: str) -> str:
    return f":red[{literal(before) or '–'}] → :green[{literal(after) or '–'}]"


def _carry_out(here: Desk, chosen: Sequence[tuple[Row, str]], change: Change) -> None:
    with told():
        done = bulk_edit.carry_out(here, me(), chosen, change, datetime.now(UTC))
        said = [t("bulk.done", count=len(done.written))]
        said += [f"{id}: {explain(hl(), error)}" for id, error in done.failed]
        st.session_state["bulk-done"] = " ".join(said)
        st.session_state.pop("bulk-rows", None)


# --- taking back ---------------------------------------------------------------------------------


def _edits(here: Desk, served: Served) -> None:
    """What was changed lately, each to be taken back."""
    now = datetime.now(UTC)
    with here.database.read() as connection:
        found = bulk.edits(connection, me(), now)[:EDITS_MOST]
    if found:
        st.subheader(t("bulk.lately"), anchor=False)
    for at, one in enumerate(found):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            standing = bulk_edit.standing(here, one)
            facts = {"count": len(one.revisions), "standing": standing, "by": literal(one.by)}
            st.markdown(t("bulk.edit", at=moment(one.at, served.site.zone, now), **facts), width="stretch")
            st.button(t("bulk.undo"), key=f"bulk-undo-{at}", disabled=not standing, on_click=_undo, args=(here, one))


def _undo(here: Desk, edit: Edit) -> None:
    with told():
        done = bulk_edit.undo(here, me(), edit, datetime.now(UTC))
        said = [t("bulk.undone", count=len(done.restored))]
        said += [t("bulk.left", ids=", ".join(done.left))] if done.left else []
        st.session_state["bulk-done"] = " ".join(said)
        st.session_state.pop("bulk-rows", None)  # it was looked at before this
