"""Keys for programs: made and shown once, listed, taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from kb.doors import wiring
from kb.doors.ui.frame import literal, me, t, told
from kb.doors.ui.manage.done import done
from kb.doors.wiring import Desk
from kb.people import keys
from kb.people.keys import SCOPES, Key
from kb.people.users import User
from kb.systems import webhooks

WIDE, FORM = 900, 440  # pixels
LONGEST = 3650  # days
MOST_SHOWN = 50  # messages that were given up


def programs(here: Desk, by: User) -> None:
    """The whole part."""
    with here.database.read() as connection:
        found = keys.everything(connection, by)
    with st.container(width=WIDE):
        st.caption(t("manage.keys_about"))
        if st.query_params.get("new") == "key":
            _new()
            return
        st.button(t("manage.key_add"), icon=":material/add:", key="manage-key-add", on_click=_begin)
        if not found:
            st.info(t("key.nothing"), icon=":material/vpn_key:")
        for one in found:
            _row(here, one, datetime.now(UTC))
        _given_up(here, by)


def _given_up(here: Desk, by: User) -> None:
    """What other systems did not take, with a press that sends it again."""
    with here.database.read() as connection:
        dead = webhooks.deliveries(connection, by, "dead")
    if dead:
        st.subheader(t("webhook.dead"), anchor=False)
        st.caption(t("webhook.dead_about"))
    for one in dead[-MOST_SHOWN:]:
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
            said = (
                one.kind,
                one.subject,
                one.origin,
                f"{one.at.astimezone(here.site.zone):%Y-%m-%d %H:%M}",
                one.problem,
            )
            st.caption(literal(" · ".join(said)), width="stretch")
            label, icon = t("webhook.retry"), ":material/replay:"
            st.button(label, icon=icon, key=f"again-{one.id}", on_click=_again, args=(one.id,))


def _again(id: str) -> None:
    with told():
        with wiring.desk().database.write() as connection:
            webhooks.again(connection, me(), id, datetime.now(UTC))
        done(t("webhook.again", id=id[:12]))


def _row(here: Desk, one: Key, now: datetime) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(f"**{literal(one.name)}**")
            st.caption(literal(" · ".join(_said(here, one))))
        if one.revoked_at:
            st.badge(t("key.is_revoked"), color="gray")
        elif one.expires_at and one.expires_at <= now:
            st.badge(t("manage.key_over"), color="gray")
        else:
            label, icon = t("manage.revoke"), ":material/block:"
            st.button(label, icon=icon, key=f"revoke-{one.id}", on_click=_revoke, args=(one.id,))


def _said(here: Desk, one: Key) -> list[str]:
    zone = here.site.zone
    said = [one.id, *(t(f"manage.scope_{scope}") for scope in SCOPES if scope in one.scopes), *sorted(one.teams)]
    said.append(t("manage.key_made", by=one.by, day=f"{one.created_at.astimezone(zone):%Y-%m-%d}"))
    if one.expires_at:
        said.append(t("manage.key_until", day=f"{one.expires_at.astimezone(zone):%Y-%m-%d}"))
    return said


def _begin() -> None:
    st.query_params["new"] = "key"


def _back() -> None:
    st.query_params.pop("new", None)


def _new() -> None:
    st.button(t("manage.keys_back"), icon=":material/arrow_back:", type="tertiary", key="keys-back", on_click=_back)
    with st.form("manage-key", width=FORM):
        name = st.text_input(t("manage.key_name"), max_chars=keys.MAX_NAME, key="key-name")
        scopes = [scope for scope in SCOPES if st.checkbox(t(f"manage.scope_{scope}"), key=f"scope-{scope}")]
        teams = st.multiselect(
            t("manage.key_teams"), [], accept_new_options=True, placeholder=t("manage.no_team"), key="key-teams"
        )
        days = st.number_input(t("manage.key_days"), 0, LONGEST, 365, key="key-days")
        if st.form_submit_button(t("manage.key_add"), type="primary"):
            with told():
                _add(name, scopes, teams, int(days))


def _add(name: str, scopes: list[str], teams: list[str], days: int) -> None:
    now = datetime.now(UTC)
    until = now + timedelta(days=days) if days else None
    with wiring.desk().database.write() as connection:
        made = keys.add(connection, me(), name, scopes, now, teams=teams, expires_at=until)
    done(t("manage.key_done", name=name.strip()), made)
    _back()
    st.rerun()


def _revoke(id: str) -> None:
    with told():
        with wiring.desk().database.write() as connection:
            keys.revoke(connection, me(), id, datetime.now(UTC))
        done(t("key.revoked", id=id))
