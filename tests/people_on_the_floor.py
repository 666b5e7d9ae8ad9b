"""People for tests: who they are, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kb.people.users import Role, User

NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)  # in Shanghai
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)

MAY = User("may", "May", Role.AGENT, frozenset({"payments"}))
BO = User("bo", "Bo", Role.AGENT, frozenset({"payments", "second-tier"}))
LI = User("li", "李", Role.AGENT, frozenset({"broadband"}))
ANN = User("ann", "Ann", Role.AGENT)  # of no team
SUE = User("sue", "Sue", Role.SUPERVISOR, frozenset({"night"}))

PHONE = "13812345678"
