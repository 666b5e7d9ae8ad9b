"""Bulletins: everybody reads theirs; a supervisor posts, changes and withdraws them and sees who has seen them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from kb.calls import bulletins
from kb.calls.bulletins import BODY_MOST, KINDS, SAY_MOST, TITLE_MOST, Bulletin, Notice, state
from kb.doors.ui.frame import me, moment, safe_markdown, t, told
from kb.doors.ui.notices import notice
from kb.doors.wiring import Desk, Served, desk
from kb.people import users
from kb.people.users import Action, User, may

USUALLY = timedelta(days=1)  # how long a notice runs if nobody says otherwise
OPEN = ("planned", "live")
WIDE = 820  # pixels: longer lines are hard to read


def page() -> None:
    """The whole page."""
    st.header(t("bulletins.title"), anchor=False)
    with told():
        here, by = desk(), me()
        served = here.served or here.open()
        if not may(by, Action.POST_BULLETIN):
            _mine(here, served, by)
            return
        read, manage = st.tabs([t("bulletins.mine"), t("bulletins.manage")])
        with read:
            _mine(here, served, by)
        with manage:
            _manage(here, served, by)


def _mine(here: Desk, served: Served, by: User) -> None:
    """What is in force for me, what I have not seen first."""
    now = datetime.now(UTC)
    with here.database.read() as connection:
        live = bulletins.live(connection, by, now)
        new = {one.id for one in bulletins.unseen(connection, by, now)}
    if not live:
        st.caption(t("bulletins.none"))
    for one in sorted(live, key=lambda one: one.id not in new):
        with st.container(border=True, width=WIDE):
            notice(one, served, now, new=one.id in new)
            if one.id in new:
                st.button(
                    t("notice.seen"), icon=":material/check:", key=f"seen-{one.id}", on_click=_see, args=(one.id,)
                )


def _see(id: str) -> None:
    with told(), desk().database.write() as connection:
        bulletins.mark_seen(connection, me(), id, datetime.now(UTC))


# --- posting -------------------------------------------------------------------------------------


def _manage(here: Desk, served: Served, by: User) -> None:
    """The form and, beside it, everything posted."""
    now = datetime.now(UTC)
    with here.database.read() as connection:
        everyone = users.everyone(connection) or list(users.SAMPLES.values())  # without accounts it is the demo
        posted = bulletins.posted(connection, by, now)
        audiences = {one.id: bulletins.who_saw(connection, by, one.id, everyone) for one in posted}
    left, right = st.columns([5, 6], gap="medium")
    with left:
        _form(here, served, by, sorted({team for person in everyone for team in person.teams}))
    with right:
        if not posted:
            st.caption(t("bulletins.none_posted"))
        names = {person.id: person.name for person in everyone}
        for one in posted:
            with st.container(border=True):
                notice(one, served, now, state=state(one, now))
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    _who_saw(audiences[one.id], names, served, now)
                    _change(one, now)


def _who_saw(audience: bulletins.Audience, names: dict[str, str], served: Served, now: datetime) -> None:
    count, of = len(audience.seen), len(audience.seen) + len(audience.unseen)
    with st.popover(t("bulletins.seen_by", count=count, of=of), icon=":material/visibility:"):
        if audience.unseen:
            st.markdown(f"**{t('bulletins.not_seen', count=len(audience.unseen))}**")
            st.text("\n".join(person.name for person in audience.unseen))
        if audience.seen:
            st.markdown(f"**{t('bulletins.have_seen', count=count)}**")
            lines = (f"{names.get(id, id)} · {moment(at, served.site.zone, now)}" for id, at in audience.seen)
            st.text("\n".join(lines))
        if not of:
            st.caption(t("bulletins.nobody_yet"))


def _change(one: Bulletin, now: datetime) -> None:
    """What can still be done with one: change and withdraw it, or use an ended one again."""
    still = state(one, now) in OPEN
    label = t("bulletins.change") if still else t("bulletins.again")
    st.button(label, icon=":material/edit:", key=f"change-{one.id}", on_click=_fill, args=(one,))
    if still:
        with st.popover(t("bulletins.withdraw"), icon=":material/block:"):
            st.text(t("bulletins.withdraw_sure"))
            st.button(t("bulletins.withdraw_now"), key=f"withdraw-{one.id}", on_click=_withdraw, args=(one.id,))


def _withdraw(id: str) -> None:
    with told(), desk().database.write() as connection:
        bulletins.withdraw(connection, me(), id, datetime.now(UTC))


def _fill(one: Bulletin | None) -> None:
    """Begin the form anew, empty or with this one's text."""
    st.session_state["bulletin-form"] += 1
    st.session_state["bulletin-old"] = one
    st.session_state["bulletin-ends"] = None


def _form(here: Desk, served: Served, by: User, teams: Sequence[str]) -> None:
    """A new notice, or one to put in the place of another. Nothing typed is lost when it is refused."""
    number = int(st.session_state.setdefault("bulletin-form", 0))
    old: Bulletin | None = st.session_state.setdefault("bulletin-old", None)
    replaces = old if old and state(old, datetime.now(UTC)) in OPEN else None
    with st.form(f"bulletin-{number}"):
        st.subheader(t("bulletins.change_title") if replaces else t("bulletins.post_title"), anchor=False)
        if replaces:
            st.caption(t("bulletins.replaces", title=safe_markdown(replaces.title)))
        given = _fields(served, old, replaces is not None, teams, f"notice-{number}-")
        sent = st.form_submit_button(t("bulletins.replace") if replaces else t("bulletins.post"), type="primary")
    if old:
        st.button(t("bulletins.leave"), key="bulletin-leave", type="tertiary", on_click=_fill, args=(None,))
    if sent:
        with told():
            now = datetime.now(UTC)
            with here.database.write() as connection:
                if replaces:
                    bulletins.change(connection, by, replaces.id, given, now, served.catalogue)
                else:
                    bulletins.post(connection, by, given, now, served.catalogue)
            _fill(None)
            st.toast(t("bulletins.posted"), icon=":material/campaign:")
            st.rerun()


def _fields(served: Served, old: Bulletin | None, replaces: bool, teams: Sequence[str], key: str) -> Notice:
    """The fields, filled with the old one's text, and the notice they make. Times are typed in site time."""
    zone, names = served.site.zone, _product_names(served)
    kinds = {kind: t(f"notice.kind_{kind}") for kind in KINDS}
    kind = st.segmented_control(
        t("bulletins.kind"),
        KINDS,
        default=old.kind if old else "outage",
        format_func=kinds.__getitem__,
        required=True,
        key=f"{key}kind",
    )
    title = st.text_input(t("bulletins.headline"), old.title if old else "", max_chars=TITLE_MOST, key=f"{key}title")
    say = st.text_area(t("bulletins.say"), old.say if old else "", max_chars=SAY_MOST, height=80, key=f"{key}say")
    body = st.text_area(t("bulletins.body"), old.body if old else "", max_chars=BODY_MOST, height=100, key=f"{key}body")
    products = st.multiselect(
        t("bulletins.products"),
        list(names),
        [code for code in old.products if code in names] if old else [],
        format_func=names.__getitem__,
        placeholder=t("bulletins.products_any"),
        key=f"{key}products",
    )
    words = _list(t("bulletins.words"), t("bulletins.words_none"), (), old.words if old else (), f"{key}words")
    audience = _list(t("bulletins.teams"), t("bulletins.teams_all"), teams, old.teams if old else (), f"{key}teams")
    begins, ends = _times(served, old, replaces, key)
    return Notice(
        kind=kind,
        title=title,
        say=say,
        body=body,
        products=tuple(products),
        words=tuple(words),
        teams=tuple(audience),
        valid_from=begins.replace(tzinfo=zone) if begins else None,
        expires_at=ends.replace(tzinfo=zone) if ends else datetime.now(UTC),
    )


def _product_names(served: Served) -> dict[str, str]:
    hl = str(st.session_state.get("hl", "en"))
    return {code: product.name(hl) for code, product in served.catalogue.items()}


def _list(label: str, none: str, known: Sequence[str], chosen: Sequence[str], key: str) -> list[str]:
    """Words of one's own, or known ones."""
    options = list(dict.fromkeys([*known, *chosen]))
    return st.multiselect(label, options, list(chosen), placeholder=none, accept_new_options=True, key=key)


def _times(served: Served, old: Bulletin | None, replaces: bool, key: str) -> tuple[datetime | None, datetime | None]:
    """From (None = now) and until, as the clock on the wall of the site shows them."""
    zone, now = served.site.zone, datetime.now(UTC)
    if not st.session_state.get("bulletin-ends"):  # kept: another default a minute later would be another field
        ends = old.expires_at if old and replaces else now + USUALLY
        st.session_state["bulletin-ends"] = ends.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
    planned = old.valid_from.astimezone(zone).replace(tzinfo=None) if old and old.valid_from > now else None
    left, right = st.columns(2)
    with left:
        begins = st.datetime_input(t("bulletins.begins"), planned, key=f"{key}begins")
    with right:
        ends = st.datetime_input(t("bulletins.ends"), st.session_state["bulletin-ends"], key=f"{key}ends")
    return begins, ends


page()
