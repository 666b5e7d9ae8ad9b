"""Beside the text being written: what to mend in it, and what agents will find once it is saved."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from kb.content.articles import Article
from kb.doors import foresight
from kb.doors.foresight import SHOWN, Foreseen
from kb.doors.studio import Checked
from kb.doors.ui.frame import hl, literal, me, t, told
from kb.doors.ui.workbench import Work
from kb.doors.wiring import Desk
from kb.gaps import gap
from kb.i18n import explain


def to_mend(checked: Checked) -> None:
    """What to mend, each with its line, one press away."""
    rows = [(one.line, t(f"lint.{one.rule}", **one.facts)) for one in checked.findings]
    if checked.error is not None:
        rows = [(int(str(checked.error.facts.get("line", 1))), explain(hl(), checked.error))]
    if not rows:
        st.success(t("edit.nothing_to_mend"), icon=":material/check:")
    for at, (line, sentence) in enumerate(rows):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.button(t("edit.line", line=line), key=f"line-{at}", type="tertiary", on_click=_go, args=(line,))
            st.markdown(literal(sentence), width="stretch")


def _go(line: int) -> None:
    before = st.session_state.get("edit-go") or {"turn": 0}
    st.session_state["edit-go"] = {"line": line, "turn": before["turn"] + 1}


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
