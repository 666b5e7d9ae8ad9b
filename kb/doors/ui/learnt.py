"""What calls taught: every learnt question with its effect, for editors to nod to or revoke; one article by `?of=`."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from kb.doors.ui.frame import literal, me, moment, open_article, t, told
from kb.doors.wiring import Desk, Served, desk
from kb.finding import learning
from kb.finding.learning import NEITHER, NOD, REVOKE, STATES, Learnt
from kb.people.users import Action, User, may

SHOWN = 20  # at once: each is asked twice of the search
WIDE = 900  # pixels: longer lines are hard to read
ICONS = {
    "holds": ":material/check_circle:",
    "waits": ":material/hourglass_empty:",
    "fades": ":material/trending_down:",
    "disputed": ":material/call_split:",
    "full": ":material/inventory_2:",
    "revoked": ":material/block:",
}


def page() -> None:
    """The whole page."""
    st.header(t("learnt.title"), anchor=False)
    with told():
        here, by = desk(), me()
        served = here.served or here.open()
        if not may(by, Action.TEACH):
            st.caption(t("learnt.for_editors"))
            return
        st.caption(t("learnt.how", agents=here.settings.learn_agents))
        found = _filtered(here, by, here.teacher.now)
        if not found:
            st.caption(t("learnt.none"))
        for one in found[:SHOWN]:
            with st.container(border=True, width=WIDE):
                _lesson(here, served, by, one)
        if len(found) > SHOWN:
            st.caption(t("learnt.more", shown=SHOWN, count=len(found)))


def _filtered(here: Desk, by: User, known: tuple[Learnt, ...]) -> list[Learnt]:
    """Those of the article in the address and of the state chosen."""
    articles = sorted({one.article for one in known})
    of = st.query_params.get("of", "")
    left, right = st.columns([3, 4], vertical_alignment="bottom")
    with left:
        chosen = st.selectbox(
            t("learnt.article"),
            articles,
            index=articles.index(of) if of in articles else None,
            format_func=lambda id: here.title(id, by),
            placeholder=t("learnt.all_articles"),
        )
    with right:
        state = st.segmented_control(t("learnt.state"), STATES, format_func=lambda one: t(f"learnt.state_{one}"))
    if chosen:
        st.query_params["of"] = chosen
    elif of:
        del st.query_params["of"]
    return [one for one in known if one.article == (chosen or one.article) and one.state == (state or one.state)]


def _lesson(here: Desk, served: Served, by: User, one: Learnt) -> None:
    """One question: what it is, how it stands, what it does, what can be done with it."""
    now, zone = datetime.now(UTC), served.site.zone
    st.markdown(f"**{literal(one.question)}**")
    title = literal(here.title(one.article, by))
    st.button(title, key=f"open-{one.key}", type="tertiary", on_click=_open, args=(one.article,))
    facts = [t(f"learnt.state_{one.state}"), t("learnt.agents", count=one.agents)]
    if one.loss:
        facts.append(t("learnt.against", gain=f"{one.gain:.1f}", loss=f"{one.loss:.1f}"))
    facts.append(t("learnt.last", when=moment(one.last_at, zone, now)))
    st.markdown(f"{ICONS[one.state]} {literal(' · '.join(facts))}")
    if one.decision and one.decision.kind:
        key = "learnt.nodded" if one.decision.kind == NOD else "learnt.was_revoked"
        st.caption(literal(t(key, by=one.decision.by, when=moment(one.decision.at, zone, now))))
    if one.state == "holds":
        with_it, without = here.effect(one, by)
        none = t("learnt.not_among")
        st.caption(literal(t("learnt.effect", with_it=with_it or none, without=without or none)))
    with st.container(horizontal=True):
        if one.state == "revoked":
            _decision(one, NEITHER, t("learnt.restore"), ":material/undo:")
        else:
            _decision(one, REVOKE, t("learnt.revoke"), ":material/block:")
            if one.state != "holds":
                _decision(one, NOD, t("learnt.nod"), ":material/check:")


def _decision(one: Learnt, kind: str, label: str, icon: str) -> None:
    st.button(label, icon=icon, key=f"{kind}-{one.key}", on_click=_decide, args=(one.article, one.question, kind))


def _decide(article: str, question: str, kind: str) -> None:
    with told():
        here, by, now = desk(), me(), datetime.now(UTC)
        with here.database.write() as connection:
            learning.decide(connection, by, article, question, kind, now)
        here.floor.touched()
        here.learn(now)  # so that this page shows it; the background would, in a moment


def _open(article: str) -> None:
    st.session_state["learnt-open"] = article


page()
if st.session_state.get("learnt-open"):
    open_article(st.session_state.pop("learnt-open"))
