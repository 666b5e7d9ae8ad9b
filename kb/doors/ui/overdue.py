"""A backup or a restore drill that should have been done by now, told to those who answer for it."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from kb.care.doctor import status
from kb.db import Connection
from kb.doors.ui.frame import moment, t
from kb.doors.wiring import Desk
from kb.people.users import Action, User, may


def overdue(connection: Connection, here: Desk, by: User, now: datetime) -> None:
    """A line for each; nothing where all is in time, or for whom it is no business."""
    if not may(by, Action.SEE_BACKUPS):
        return
    for one in status.late(connection, here.settings, by, now):
        if one.last is None:
            sentence = t(f"status.{one.kind}_never", days=one.days)
        else:
            sentence = t(f"status.{one.kind}_late", last=moment(one.last, here.site.zone, now), days=one.days)
        st.warning(sentence, icon=":material/warning:")
