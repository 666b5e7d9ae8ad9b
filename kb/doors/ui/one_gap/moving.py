"""What this person may do with a gap: every move the table allows them, merging and splitting among them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import streamlit as st

from kb.doors import wiring
from kb.doors.ui.frame import me, t, told
from kb.doors.ui.one_gap.facts import Met, department_name, show
from kb.doors.wiring import Desk, Served
from kb.errors import KBError, NotFoundError
from kb.gaps import moves
from kb.gaps.cost import Price
from kb.gaps.gap import Gap
from kb.gaps.moves import MOVES
from kb.people.users import Action, User, may

NEAREST = 8  # articles offered as its answer
OFFERED = 300  # gaps offered to merge with, the dearest first
BY_MACHINE = ("verified",)  # its own questions say it, never a hand


def next_moves(here: Desk, served: Served, by: User, one: Gap, priced: Sequence[Price], people: Sequence[User]) -> None:
    """A button for every move that the table and the person's role allow, with a form for what it must say."""
    open_to = [after for after in moves.allowed(one.state) if after not in BY_MACHINE and _may(by, one, after)]
    if not open_to:
        return
    with st.container(horizontal=True, gap="small"):
        for after in open_to:
            rule = MOVES[one.state, after]
            if rule.needs:
                with st.popover(t(f"gaps.do_{after}")):
                    _form(here, served, by, one, after, rule.needs, priced, people)
            else:
                st.button(t(f"gaps.do_{after}"), key=f"do-{after}", on_click=_move, args=(one.id, after))


def _may(by: User, one: Gap, after: str) -> bool:
    action = MOVES[one.state, after].action
    return may(by, action, owner=by.id if action is Action.ASSIGN_GAP else one.owner)


def _form(
    here: Desk,
    served: Served,
    by: User,
    one: Gap,
    after: str,
    needs: tuple[str, ...],
    priced: Sequence[Price],
    people: Sequence[User],
) -> None:
    with st.form(f"form-{after}", border=False):
        given: dict[str, Any] = {}
        if "owner" in needs:
            able = [person.id for person in people if _can_own(by, person)]
            known = {person.id: person.name for person in people}
            given["owner"] = st.selectbox(
                t("gaps.owner_field"), able, format_func=known.__getitem__, key=f"{after}-owner"
            )
            day = st.date_input(
                t("gaps.due_field"), served.site.today(datetime.now(UTC)) + timedelta(days=7), key=f"{after}-due"
            )
            given["due_at"] = _end(served, day) if isinstance(day, date) else None
        if "article" in needs:
            given["article"] = _article(here, by, one, after)
        if "department" in needs:
            keys = list(served.site.departments or {})
            given["department"] = st.selectbox(
                t("gaps.department_field"),
                keys,
                format_func={key: department_name(served, key) for key in keys}.__getitem__,
                key=f"{after}-dept",
            )
        if "into" in needs:
            others = {found.gap.id: found.gap.question for found in priced[:OFFERED] if found.gap.id != one.id}
            given["into"] = st.selectbox(
                t("gaps.into_field"), list(others), format_func=others.__getitem__, key=f"{after}-into"
            )
        if "why" in needs:
            given["why"] = st.text_area(t("gaps.why_field"), max_chars=moves.MAX_WHY, height=80, key=f"{after}-why")
        sent = st.form_submit_button(t(f"gaps.do_{after}"), type="primary")
    if sent and _moved(one.id, after, {name: value for name, value in given.items() if value}):
        st.rerun()


def _can_own(by: User, person: User) -> bool:
    """Whether `by` may give a gap to this person, who can work on it."""
    return may(by, Action.ASSIGN_GAP, owner=person.id) and may(person, Action.WORK_ON_GAP, owner=person.id)


def _article(here: Desk, by: User, one: Gap, after: str) -> str:
    """What answers it: the nearest to its question are offered, any other by its id."""
    try:
        near = {hit.article.id: hit.article.title for hit in here.ask(one.question, by, limit=NEAREST).hits}
    except KBError:
        near = {}
    options = list(dict.fromkeys([*([one.article] if one.article else []), *near]))
    chosen = st.selectbox(
        t("gaps.article_field"),
        options,
        format_func=lambda id: near.get(id, id),
        accept_new_options=True,
        key=f"{after}-article",
        help=t("gaps.article_help"),
    )
    return chosen or ""


def _end(served: Served, day: date) -> datetime:
    """The end of a day at the site."""
    return datetime.combine(day + timedelta(days=1), time(0), served.site.zone).astimezone(UTC)


def _move(id: str, after: str) -> None:
    _moved(id, after, {})


def _moved(id: str, after: str, given: dict[str, Any]) -> bool:
    """Make the move; False where it was refused, and said so."""
    here = wiring.desk()
    with told():
        if given.get("article") and here.read(given["article"], me()) is None:
            raise NotFoundError("article_not_found")
        with here.database.write() as connection:
            moves.move(connection, me(), id, after, datetime.now(UTC), **given)
        here.floor.touched()
        st.toast(t(f"gaps.state_{after}"), icon=":material/check:")
        return True
    return False


def split(by: User, one: Gap, met: Met) -> None:
    """Some wordings mean something else: out of this gap, and never joined to it again."""
    wordings = met.wordings()
    if len(wordings) < 2 or not may(by, Action.SORT_GAPS):
        return
    with st.expander(t("gaps.split"), icon=":material/call_split:"):
        st.caption(t("gaps.split_about"))
        chosen = st.multiselect(t("gaps.split_field"), list(wordings), key="split-wordings")
        members = [id for wording in chosen for id in wordings[wording]]
        st.button(t("gaps.split_do"), disabled=not members, key="split-do", on_click=_do_split, args=(one.id, members))


def _do_split(id: str, members: list[str]) -> None:
    with told():
        with wiring.desk().database.write() as connection:
            new = moves.split(connection, me(), id, members, datetime.now(UTC))
        show(new)
