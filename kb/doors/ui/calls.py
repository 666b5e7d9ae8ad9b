"""One call looked up by its id: what was this caller told, from which version, by whom."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

import streamlit as st

from kb.calls import call, flags
from kb.calls.call import Told
from kb.calls.journal import Event, seconds_spent
from kb.content import versions
from kb.doors import payload
from kb.doors.ui.frame import hl, literal, me, t
from kb.doors.wiring import Desk, desk
from kb.errors import KBError
from kb.i18n import explain

ICONS = {
    "search": ":material/search:",
    "open": ":material/article:",
    "copy": ":material/content_copy:",
    "solved": ":material/check_circle:",
    "helped": ":material/thumb_up:",
    "unsolved": ":material/thumb_down:",
    "gap": ":material/add_circle:",
    "join": ":material/exposure_plus_1:",
    "flag": ":material/flag:",
    "promise": ":material/phone_callback:",
    "taken": ":material/call_split:",
}


def page() -> None:
    """A box for the id, and the call."""
    here = desk()
    st.header(t("calls.title"), anchor=False)
    id = st.text_input(t("calls.id"), value=st.query_params.get("look", ""), placeholder=t("calls.hint"), max_chars=64)
    if not id.strip():
        st.caption(t("calls.empty"))
        return
    try:
        _found(here, call.checked_pop(id.strip()))
    except KBError as error:
        st.error(explain(hl(), error), icon=":material/error:")


def _found(here: Desk, id: str) -> None:
    zone = here.site.zone
    with here.database.read() as connection:
        one, trail, promised = call.look_up(connection, me(), id)
        flagged = flags.of_call(connection, id)
        sources = {told.version: versions.source_of(connection, told.version) for told in call.told(trail)}
        summary = call.summary(connection, me(), id)
    st.subheader(f"{one.id} · {_at(one.begun_at, zone)}", anchor=False)
    facts = [
        t("calls.agent", agent=one.agent),
        t("calls.going_on") if one.is_open(datetime.now(UTC)) else t("calls.ended"),
    ]
    facts += payload.product_names(here.served.catalogue, (one.product,), hl()) if here.served and one.product else []
    st.caption(" · ".join(facts))
    st.markdown(f"**{t('calls.told')}**")
    for told in call.told(trail):
        _told(here, told, sources[told.version], zone)
    if not call.told(trail):
        st.caption(t("calls.told_nothing"))
    for promise in promised:
        st.markdown(literal(t("summary.promised", what=promise.what, due=_at(promise.due_at, zone))))
    for flag in flagged:
        reason = t(f"call.reason_{flag.reason}")
        st.markdown(f"{ICONS['flag']} {literal(f'{reason}: {flag.sentence or flag.article}')}")
    st.markdown(f"**{t('calls.trail')}**")
    for event, seconds in zip(trail, seconds_spent(trail), strict=True):
        _event(here, event, seconds, zone)
    with st.expander(t("call.do_summary")):
        st.code(
            payload.summary_text(summary, hl(), lambda id: here.title(id, me()), zone), language=None, wrap_lines=True
        )


def _told(here: Desk, told: Told, source: str | None, zone: tzinfo) -> None:
    key = "summary.solved" if told.solved else "summary.told"
    facts = {
        "title": here.title(told.article, me()),
        "article": told.article,
        "version": told.version[:8],
        "agent": told.agent,
    }
    with st.container(border=True):
        st.markdown(literal(f"{_at(told.at, zone)} · {t(key, **facts)}"))
        if told.said:
            st.text(told.said)
        now = here.read(told.article, me())
        if now is None or now.version != told.version:
            st.caption(t("calls.older"))
        if source:
            with st.expander(t("calls.version")):
                st.code(source, language="markdown", wrap_lines=True)


def _event(here: Desk, event: Event, seconds: float, zone: tzinfo) -> None:
    article = here.title(event.article, me()) if event.article else ""
    words = " · ".join(part for part in (event.query, article) if part)
    undone = f" · {t('calls.undone')}" if event.undone_at else ""
    spent = f" · {seconds:.0f} s" if seconds >= 1 else ""
    kind = t(f"calls.kind_{event.kind}")
    moment = event.at.astimezone(zone).strftime("%H:%M:%S")
    told = literal(f"{kind}: {words} · {event.agent}{spent}{undone}")
    st.markdown(f"{moment} {ICONS.get(event.kind, '')} {told}")


def _at(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


page()
