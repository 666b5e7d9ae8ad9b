"""How the program stands: what serves, what is left out and why, what failed, what is kept safe. For administrators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import streamlit as st

from kb.care.doctor import Finding, status
from kb.care.doctor.runs import Run
from kb.care.doctor.status import Status
from kb.db import Connection, file_of, sqlite_version
from kb.doors.ui.frame import hl, literal, me, moment, t, told
from kb.doors.ui.overdue import overdue
from kb.doors.wiring import Desk, desk
from kb.errors import StoreError
from kb.i18n import explain, say
from kb.people.users import Action, User, require

EDIT_PAGE = Path(__file__).parent / "edit.py"
LITTLE = 2 * 2**30  # bytes free
SHOWN_MOST = 50
ICONS = {"ok": ":material/check:", "warn": ":material/warning:", "bad": ":material/error:"}
KEPT = "status-examined"  # what was found when somebody last looked closer, in this visit


def page() -> None:
    """The whole page."""
    st.header(t("status.title"), anchor=False)
    with told():
        here, by, now = desk(), me(), datetime.now(UTC)
        require(by, Action.SEE_STATUS)
        found, wrong = _looked(here, by, now)
        left, right = st.columns(2, gap="medium")
        with left:
            _serving(here, now)
            _left_out(here)
            _failures(here, now)
        with right:
            _backups(here, found, now)
            _database(found, wrong)
            _disk(found)
        _examined(here, by, now)


def _looked(here: Desk, by: User, now: datetime) -> tuple[Status, StoreError | None]:
    """What is known, also while the database cannot be read; and then why not."""
    try:
        with here.database.read() as connection:
            overdue(connection, here, by, now)
            return _look(connection, here, by), None
    except StoreError as error:
        return _look(None, here, by), error


def _look(connection: Connection | None, here: Desk, by: User) -> Status:
    return status.look(connection, here.settings, by)


def _card(title: str) -> None:
    st.subheader(title, anchor=False)


# --- what serves ---------------------------------------------------------------------------------


def _serving(here: Desk, now: datetime) -> None:
    with st.container(border=True):
        _card(t("status.index"))
        served = here.served
        if served is None:
            st.error(t("status.serves_nothing"), icon=ICONS["bad"])
        else:
            manifest = served.opened.manifest
            made = datetime.fromisoformat(manifest.created)
            facts = {"made": moment(made, served.site.zone, now), "age": _age(now - made)}
            st.markdown(t("status.generation", name=literal(manifest.generation), **facts))
            st.markdown(t("status.indexed", count=len(manifest.articles), left_out=len(manifest.refused)))
            if here.unverified is not None:
                st.warning(explain(hl(), here.unverified), icon=ICONS["warn"])
        st.markdown(t(f"status.encoder_{here.encoder_state}"))
        st.caption(t("status.process", since=moment(here.began, here.site.zone, now), sessions=here.presence.in_use()))


def _left_out(here: Desk) -> None:
    """Each file that is not in the index, why, and the way to mend it."""
    refused = here.served.opened.manifest.refused if here.served else ()
    with st.container(border=True):
        _card(t("status.left_out"))
        if not refused:
            st.markdown(t("status.left_out_none"))
        for number, one in enumerate(refused[:SHOWN_MOST]):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                with st.container(width="stretch"):
                    st.markdown(literal(say(hl(), f"error.{one.code}", **one.facts)))
                id = PurePosixPath(str(one.facts["file"])).stem
                if st.button(t("status.mend"), icon=":material/edit:", key=f"mend-{number}"):
                    st.switch_page(EDIT_PAGE, query_params={"id": id})
        if len(refused) > SHOWN_MOST:
            st.caption(t("studio.more", count=len(refused) - SHOWN_MOST))


def _failures(here: Desk, now: datetime) -> None:
    with st.container(border=True):
        _card(t("status.failures"))
        failures = here.failures.newest_first
        if not failures:
            st.markdown(t("status.failures_none", since=moment(here.began, here.site.zone, now)))
        for one in failures:
            last = moment(one.last, here.site.zone, now)
            st.markdown(f"{literal(explain(hl(), one.error))}\n\n{t('status.failed', last=last, times=one.times)}")


# --- what is kept safe ---------------------------------------------------------------------------


def _backups(here: Desk, found: Status, now: datetime) -> None:
    with st.container(border=True):
        _card(t("status.backups"))
        if file_of(here.settings.database_url) is None:
            st.markdown(t("status.server_backups"))
            return
        for kind, runs in found.runs.items():
            st.markdown(f"**{t(f'status.run_{kind}')}** {_ended(here, runs.last, now)}")
            if runs.good is not None and runs.good != runs.last:
                st.caption(t("status.run_good", at=moment(runs.good.begun, here.site.zone, now)))


def _ended(here: Desk, run: Run | None, now: datetime) -> str:
    if run is None:
        return t("status.run_never")
    facts = {"at": moment(run.begun, here.site.zone, now), "file": literal(run.file)}
    if run.is_good:
        return t("status.run_well", **facts)
    return t("status.run_failed", code=literal(run.code), **facts) if run.ended else t("status.run_open", **facts)


def _database(found: Status, wrong: StoreError | None) -> None:
    with st.container(border=True):
        _card(t("status.database"))
        if wrong is not None:
            st.error(explain(hl(), wrong), icon=ICONS["bad"])
        else:
            st.markdown(t("status.database_well", version=found.version, known=found.known))
        if found.size is not None:
            st.markdown(t("status.database_size", size=f"{found.size / 2**20:.1f}", sqlite=sqlite_version))
        st.markdown(t("status.spool", waiting=found.waiting) if found.waiting else t("doctor.spool"))
        if found.aside:
            st.warning(t("status.aside", count=found.aside), icon=ICONS["warn"])


def _disk(found: Status) -> None:
    with st.container(border=True):
        _card(t("status.disk"))
        for folder, free in found.free.items():
            line = t("status.free", folder=literal(str(folder)), free=f"{free / 2**30:.1f}")
            if free < LITTLE:
                st.warning(line, icon=ICONS["warn"])
            else:
                st.markdown(line)


# --- a closer look -------------------------------------------------------------------------------


def _examined(here: Desk, by: User, now: datetime) -> None:
    """Everything the doctor finds, when somebody asks for it: it reads every byte."""
    with st.container(border=True):
        _card(t("status.doctor"))
        st.caption(t("status.doctor_about"))
        if st.button(t("status.examine"), icon=":material/stethoscope:", key="status-examine"):
            with st.spinner(t("status.examining")):
                st.session_state[KEPT] = now, status.examined(here.settings, by, now)
        if KEPT in st.session_state:
            at, findings = st.session_state[KEPT]
            st.caption(t("status.examined", at=moment(at, here.site.zone, now)))
            _findings(findings)


def _findings(findings: Sequence[Finding]) -> None:
    """What is wrong first, each with what to do about it."""
    for one in sorted(findings, key=lambda one: ("bad", "warn", "ok").index(one.state)):
        facts = {name: literal(str(value)) for name, value in one.facts.items()}
        said = [t(f"doctor.{one.code}", **facts)]
        if one.error is not None:
            said.append(literal(explain(hl(), one.error)))
        if one.state != "ok":
            said.append(f"→ {t(f'doctor.{one.code}_mend', **facts)}")
        st.markdown(f"{ICONS[one.state]} " + "  \n".join(said))


def _age(age: timedelta) -> str:
    """How long ago, in the largest unit that makes one."""
    minutes = int(age.total_seconds()) // 60
    if minutes < 60:
        return t("status.minutes", count=minutes)
    return t("status.hours", count=minutes // 60) if minutes < 48 * 60 else t("status.days", count=minutes // (24 * 60))


page()
