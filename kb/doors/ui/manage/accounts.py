"""Accounts: everybody, somebody new, and one person with all that can be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from kb.care import leaving
from kb.db import Connection
from kb.doors import wiring
from kb.doors.ui.figures import first_of_page
from kb.doors.ui.figures.address import choice
from kb.doors.ui.frame import LINE_MOST, literal, me, t, told
from kb.doors.ui.manage.done import done
from kb.doors.wiring import Desk
from kb.i18n import LANGUAGES
from kb.people import accounts
from kb.people.accounts import Account
from kb.people.users import Role, User

SHOWN = 20  # people on the page
WIDE, FORM = 900, 440  # pixels: longer lines are hard to read


def everybody(here: Desk, by: User) -> None:
    """The list, or the one person of the address."""
    with here.database.read() as connection:
        found = accounts.all_accounts(connection, by)
    chosen = st.query_params.get("who", "")
    one = next((one for one in found if one.user.id == chosen), None)
    with st.container(width=WIDE):
        if st.query_params.get("new") == "person":
            _new(_teams(found))
        elif one:
            _person(here, by, one, found)
        else:
            _list(found)


def role_name(role: Role) -> str:
    """A role as people call it."""
    return t(f"manage.role_{role.value}")


# --- everybody -----------------------------------------------------------------------------------


def _list(found: Sequence[Account]) -> None:
    st.button(t("manage.add"), icon=":material/person_add:", key="manage-add", on_click=_begin)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        words = st.text_input(t("manage.words"), max_chars=LINE_MOST, key="manage-words", width=260).lower().split()
        roles = {"": t("manage.any_role")} | {role.value: role_name(role) for role in Role}
        role = choice("role", t("manage.role"), roles)
        states = {"": t("manage.any_state"), "in": t("manage.may_sign_in"), "out": t("people.is_disabled")}
        state = choice("state", t("manage.state"), states)
    shown = [
        one
        for one in found
        if role in ("", one.user.role.value)
        and state in ("", "out" if one.disabled_at else "in")
        and all(word in f"{one.user.id} {one.user.name} {' '.join(one.user.teams)}".lower() for word in words)
    ]
    st.caption(t("manage.count", shown=len(shown), count=len(found)))
    start = first_of_page("manage-page", len(shown), SHOWN)
    for one in shown[start : start + SHOWN]:
        _row(one)


def _row(one: Account) -> None:
    person = one.user
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap="xxsmall"):
            st.button(literal(person.name), type="tertiary", key=f"who-{person.id}", on_click=_look, args=(person.id,))
            st.caption(literal(" · ".join([person.id, role_name(person.role), *sorted(person.teams)])))
        _badges(one)


def _badges(one: Account) -> None:
    if one.disabled_at:
        st.badge(t("people.is_disabled"), color="gray")
    if one.must_change:
        st.badge(t("people.must_change"), color="orange")


def _look(id: str) -> None:
    st.query_params["who"] = id


def _begin() -> None:
    st.query_params["new"] = "person"


def _back() -> None:
    for name in ("who", "new"):
        st.query_params.pop(name, None)


def _way_back() -> None:
    st.button(t("manage.back"), icon=":material/arrow_back:", type="tertiary", key="manage-back", on_click=_back)


def _teams(found: Sequence[Account]) -> list[str]:
    return sorted({team for one in found for team in one.user.teams})


# --- somebody new --------------------------------------------------------------------------------


def _new(teams: Sequence[str]) -> None:
    _way_back()
    with st.form("manage-new", width=FORM):
        id = st.text_input(t("sign_in.name"), help=t("manage.id_help"), max_chars=64, key="new-id")
        person = _facts(User(accounts.id_of(id), "", Role.AGENT), teams, "new")
        if st.form_submit_button(t("manage.add"), type="primary"):
            with told():
                _add(replace(person, name=person.name or person.id))


def _add(person: User) -> None:
    password = accounts.new_password()
    with wiring.desk().database.write() as connection:
        accounts.add(connection, me(), person, password, datetime.now(UTC), must_change=True)
    done(t("people.added", id=person.id), password)
    _back()
    _look(person.id)
    st.rerun()


def _facts(person: User, teams: Sequence[str], key: str, *, own: bool = False) -> User:
    """The fields of a person, filled in with what they are now. own: it is whoever is looking."""
    name = st.text_input(t("manage.name"), person.name, max_chars=accounts.NAME_LONGEST, key=f"{key}-name").strip()
    role = st.selectbox(
        t("manage.role"),
        list(Role),
        list(Role).index(person.role),
        format_func={role: role_name(role) for role in Role}.__getitem__,
        disabled=own,
        key=f"{key}-role",
    )
    known = sorted({*teams, *person.teams})
    chosen = st.multiselect(
        t("manage.teams"),
        known,
        sorted(person.teams),
        accept_new_options=True,
        placeholder=t("manage.no_team"),
        key=f"{key}-teams",
    )
    langs = st.multiselect(
        t("manage.langs"),
        list(LANGUAGES),
        sorted(person.langs),
        format_func={"zh": "中文", "en": "English"}.__getitem__,
        placeholder="",
        key=f"{key}-langs",
    )
    trimmed = frozenset(team.strip() for team in chosen if team.strip())
    return replace(person, name=name, role=Role(str(role)), teams=trimmed, langs=frozenset(langs))


# --- one person ----------------------------------------------------------------------------------


def _person(here: Desk, by: User, one: Account, found: Sequence[Account]) -> None:
    person, own = one.user, one.user.id == by.id
    _way_back()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(literal(person.name), anchor=False, width="content")
        _badges(one)
    zone = here.site.zone
    st.caption(literal(t("manage.since", id=person.id, day=f"{one.created_at.astimezone(zone):%Y-%m-%d}")))
    left, right = st.columns(2, gap="large")
    with left, st.form(f"manage-{person.id}"):
        changed = _facts(person, _teams(found), person.id, own=own)
        if st.form_submit_button(t("manage.save"), type="primary"):
            with told():
                _change(changed)
    with right:
        if own:
            st.info(t("manage.own"), icon=":material/person:")
        else:
            _presses(one)
            _leaving(one, found)


def _change(person: User) -> None:
    with wiring.desk().database.write() as connection:
        accounts.change(connection, me(), person, datetime.now(UTC))
    teams = ", ".join(sorted(person.teams)) or "–"
    done(t("manage.changed", id=person.id, role=role_name(person.role), teams=teams))
    st.rerun()


def _presses(one: Account) -> None:
    """Password, tries, in or out: each with what it does."""
    id = one.user.id
    st.button(t("manage.reset"), icon=":material/key:", key=f"reset-{id}", on_click=_reset, args=(id,))
    st.caption(t("manage.reset_about"))
    _press(accounts.unlock, id, "unlocked", t("manage.unlock"), ":material/lock_open:")
    st.caption(t("manage.unlock_about"))
    if one.disabled_at:
        _press(accounts.enable, id, "enabled", t("manage.enable"), ":material/login:")
    else:
        _press(accounts.disable, id, "disabled", t("manage.disable"), ":material/block:")
        st.caption(t("manage.disable_about"))


Act = Callable[[Connection, User, str, datetime], None]


def _press(act: Act, id: str, past: str, label: str, icon: str) -> None:
    st.button(label, icon=icon, key=f"{past}-{id}", on_click=_do, args=(act, id, past))


def _do(act: Act, id: str, past: str) -> None:
    with told():
        with wiring.desk().database.write() as connection:
            act(connection, me(), id, datetime.now(UTC))
        done(t(f"people.{past}", id=id))


def _reset(id: str) -> None:
    with told():
        password = accounts.new_password()
        with wiring.desk().database.write() as connection:
            accounts.set_password(connection, me(), id, password, datetime.now(UTC), must_change=True)
        done(t("people.changed", id=id), password)


def _leaving(one: Account, found: Sequence[Account]) -> None:
    """Close the account and hand on what waits for its person."""
    names = {other.user.id: other.user.name for other in found if not other.disabled_at and other.user != one.user}
    with st.expander(t("manage.leaves"), icon=":material/move_up:"):
        st.caption(t("manage.leaves_about"))
        heir = st.selectbox(
            t("manage.heir"),
            list(names),
            index=None,
            format_func={id: f"{name} ({id})" for id, name in names.items()}.__getitem__,
            placeholder=t("manage.nobody"),
            key=f"heir-{one.user.id}",
        )
        st.button(
            t("manage.hand_over"),
            type="primary",
            disabled=heir is None,
            key=f"leave-{one.user.id}",
            on_click=_leave,
            args=(one.user.id, heir),
        )


def _leave(id: str, heir: str) -> None:
    with told():
        here = wiring.desk()
        with here.database.write() as connection:
            handed = leaving.leave(connection, me(), id, heir, here.settings.articles, datetime.now(UTC))
        counts = {"promises": handed.promises, "gaps": handed.gaps, "articles": len(handed.articles)}
        here.floor.touched()
        done(t("people.left", id=id, to=heir, **counts))
