"""How the house stands, as an administrator sees it at a glance; `examine` looks closer and takes its time."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from kb.care.doctor import Finding, examine, is_late, places, runs
from kb.care.doctor.runs import Runs
from kb.care.spool import Spool
from kb.config import Settings
from kb.db import Connection, file_of
from kb.people import audit
from kb.people.users import Action, User, require
from kb.tables import MIGRATIONS, schema


@dataclass(frozen=True)
class Late:
    """What should have been done by now. kind: `backup` or `drill`; last: when it was, None for never; days: at most"""

    kind: str
    last: datetime | None
    days: int


@dataclass(frozen=True)
class Status:
    """free: folder → bytes; size: bytes of the database's file, None for a server's or none; version: of its schema,
    None where it cannot be read, and `known` is this program's; runs: kind → how they ended"""

    free: Mapping[Path, int]
    size: int | None
    version: int | None
    known: int
    waiting: int
    aside: int
    runs: Mapping[str, Runs]


def look(connection: Connection | None, here: Settings, by: User) -> Status:
    """Everything that is known without reading much. connection: None while the database cannot be read."""
    require(by, Action.SEE_STATUS)
    spool, file = Spool(here.spool), file_of(here.database_url)
    return Status(
        free={place: shutil.disk_usage(place).free for place in places(here)},
        size=file.stat().st_size if file and file.exists() else None,
        version=connection.scalar(sa.select(schema.c.version)) if connection is not None else None,
        known=len(MIGRATIONS),
        waiting=spool.waiting(),
        aside=spool.aside(),
        runs={kind: runs.read(here.runs, kind) for kind in runs.KINDS},
    )


def examined(here: Settings, by: User, at: datetime) -> list[Finding]:
    """Everything `examine` finds."""
    require(by, Action.SEE_STATUS)
    return examine(here, at)


def late(connection: Connection, here: Settings, by: User, at: datetime) -> list[Late]:
    """What should have been done by now. One that never was is late once the base itself is as old.

    Nothing for a server's database, which is left to its own tools.
    """
    require(by, Action.SEE_BACKUPS)
    if file_of(here.database_url) is None:
        return []
    found = []
    for kind, days in (("backup", here.backup_days), ("drill", here.drill_days)):
        last = runs.last_good(connection, here.runs, kind)
        since = last or audit.first_at(connection)
        if since is not None and is_late(since, at, days):
            found.append(Late(kind, last, days))
    return found
