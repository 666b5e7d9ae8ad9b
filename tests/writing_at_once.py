"""One of several programs that write to one database at once: `python -m tests.writing_at_once URL NAME TIMES`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import sqlalchemy as sa

from kb import tables
from kb.db import Database
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people import audit
from kb.people.users import Role, User

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAY = User("may", "May", Role.AGENT)


def write(connection: sa.Connection, who: str, n: int) -> None:
    """What rooms do: count and write, add to a chain, add to one row or make it, record once what two saw."""
    count = connection.scalar(sa.select(sa.func.count()).select_from(tables.preference))
    connection.execute(sa.insert(tables.preference).values(user=f"{who}-{n:03}", name="keys", value=count))
    audit.append(connection, who, "edit", NOON, str(n))
    past = tables.past
    if not connection.execute(sa.update(past).values(count=past.c.count + 1)).rowcount:
        connection.execute(sa.insert(past).values(month="2026-11", kind="open", article="a", tag="", count=1))
    gap.record(connection, MAY, Report(f"r-{n}", f"g-{n}", f"call-{n}", "may", NOON, "what two screens sent"))


if __name__ == "__main__":
    database = Database(sys.argv[1])
    for n in range(int(sys.argv[3])):
        with database.write() as connection:
            write(connection, sys.argv[2], n)
    database.close()
