"""Everything looked at once, with what to do about what is wrong. Looks only; changes nothing, also no old schema."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from indexer.build.places import place_of
from kb.care import retention
from kb.care.doctor import runs
from kb.care.spool import Spool
from kb.config import Settings
from kb.content import articles
from kb.db import Connection, Database, exists, file_of, problems, server, sqlite_version, version
from kb.errors import GenerationError, KBError, StoreError
from kb.people import audit
from kb.people.users import OPERATOR
from kb.tables import MIGRATIONS

CLOCKS = timedelta(hours=1)  # by which two clocks may differ
LITTLE, TOO_LITTLE = 2 * 2**30, 2**28  # bytes free: soon full, nearly full

State = Literal["ok", "warn", "bad"]
SOUND = ("disk", "store", "audit", "clock", "backup", "drill", "spool", "articles", "index")
SOUND_SERVER = ("disk", "store_server", "audit", "clock", "backup_server", "spool", "articles", "index")
WRONG = (
    "disk_low",
    "store_none",
    "store_damaged",
    "store_old",
    "store_forgets",
    "store_unusable",
    "audit_broken",
    "clock_behind",
    "retention_waits",
    "backup_never",
    "backup_late",
    "drill_never",
    "drill_late",
    "backup_failed",
    "check_failed",
    "drill_failed",
    "spool_waits",
    "spool_aside",
    "articles_broken",
    "articles_none",
    "index_unusable",
    "index_damaged",
    "index_behind",
)


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `locales` have the sentence `doctor.CODE` and, unless it is ok, `doctor.CODE_mend`.

    error: what went wrong, where that has a sentence of its own
    """

    code: str
    state: State
    facts: dict[str, Any] = field(default_factory=dict)
    error: KBError | None = None


def examine(here: Settings, at: datetime) -> list[Finding]:
    """All findings, in the order in which to mend them."""
    looks = (_disk(here), _database(here, at), _spool(here), _articles(here), _index(here))
    return [finding for look in looks for finding in look]


def places(here: Settings) -> list[Path]:
    """A folder of ours on each disk that has any."""
    file = file_of(here.database_url)
    folders = {here.home, here.articles, *([file.parent] if file else [])}
    return list({_there(one).stat().st_dev: _there(one) for one in sorted(folders)}.values())


def _disk(here: Settings) -> Iterator[Finding]:
    for place in places(here):
        free = shutil.disk_usage(place).free
        state: State = "ok" if free >= LITTLE else "warn" if free >= TOO_LITTLE else "bad"
        yield Finding("disk" if state == "ok" else "disk_low", state, {"folder": place, "free": f"{free / 2**30:.1f}"})


def _there(place: Path) -> Path:
    """The nearest folder above that exists."""
    return next(one for one in (place, *place.absolute().parents) if one.exists())


def _database(here: Settings, at: datetime) -> Iterator[Finding]:
    file = file_of(here.database_url)
    if not exists(here.database_url):
        yield Finding("store_none", "warn")
        return
    try:
        yield from _file(file, here, at) if file else _server(here, at)
    except StoreError as error:
        yield Finding("store_unusable", "bad", error=error)


def _file(file: Path, here: Settings, at: datetime) -> Iterator[Finding]:
    if wrong := problems(file):
        yield Finding("store_damaged", "bad", {"problem": wrong[0], "count": len(wrong)})
        return
    if (old := _old(version(file))) is not None:
        yield old
        return
    yield Finding("store", "ok", {"sqlite": sqlite_version})
    database = Database(here.database_url)
    try:
        with database.read() as connection:
            yield from _audit(connection)
            yield from _clock(connection, here, at)
            yield from _backups(connection, here, at)
    finally:
        database.close()


def _server(here: Settings, at: datetime) -> Iterator[Finding]:
    found = server.look(here.database_url)
    if not found.schema:
        yield Finding("store_none", "warn")
        return
    if (old := _old(found.schema)) is not None:
        yield old
        return
    yield Finding("store_server", "ok", {"version": found.version})
    if found.off:
        yield Finding("store_forgets", "warn", {"off": ", ".join(found.off)})
    database = Database(here.database_url)
    try:
        with database.read() as connection:
            yield from _audit(connection)
            yield from _clock(connection, here, at)
        yield Finding("backup_server", "ok", {"command": server.dump_command(database.url)})
    finally:
        database.close()


def _old(found: int) -> Finding | None:
    """Raises StoreError for a base of a newer program."""
    if found > len(MIGRATIONS):
        raise StoreError("store_newer", found=found, known=len(MIGRATIONS))
    old = found < len(MIGRATIONS)
    return Finding("store_old", "warn", {"found": found, "known": len(MIGRATIONS)}) if old else None


def _audit(connection: Connection) -> Iterator[Finding]:
    found = audit.verify(connection, OPERATOR)
    code, state = ("audit_broken", "bad") if found.trouble else ("audit", "ok")
    yield Finding(code, state, {"count": found.count, "number": found.number})  # type: ignore[arg-type]


def _clock(connection: Connection, here: Settings, at: datetime) -> Iterator[Finding]:
    """What was written down should not lie in the future, and nothing wait because the clock is doubted."""
    last = audit.latest_at(connection)
    behind = last is not None and last > at + CLOCKS
    told = {"last": f"{last or at:%Y-%m-%d %H:%M}", "now": f"{at:%Y-%m-%d %H:%M}"}
    yield Finding("clock_behind" if behind else "clock", "warn" if behind else "ok", told)
    before = at - timedelta(here.retention)
    try:
        if here.retention and retention.is_due(connection, before):
            retention.check_clock(connection, before, at)
    except StoreError as error:
        yield Finding("retention_waits", "warn", error=error)


def is_late(last: datetime, at: datetime, days: int) -> bool:
    """Whether what was done last is older than so many days, or of a day to come: nobody knows how old that is."""
    return not -CLOCKS <= at - last <= timedelta(days)


def _backups(connection: Connection, here: Settings, at: datetime) -> Iterator[Finding]:
    for act, days in (("backup", here.backup_days), ("drill", here.drill_days)):
        last = runs.last_good(connection, here.runs, act)
        if last is None:
            yield Finding(f"{act}_never", "warn")
        else:
            late = is_late(last, at, days)
            yield Finding(f"{act}_late" if late else act, "warn" if late else "ok", {"last": f"{last:%Y-%m-%d %H:%M}"})
    for kind in runs.KINDS:
        run = runs.read(here.runs, kind).last
        if run is not None and run.code:
            yield Finding(f"{kind}_failed", "warn", {"last": f"{run.begun:%Y-%m-%d %H:%M}", "code": run.code})


def _spool(here: Settings) -> Iterator[Finding]:
    spool = Spool(here.spool)
    waiting, aside = spool.waiting(), spool.aside()
    if waiting:
        yield Finding("spool_waits", "warn", {"count": waiting})
    if aside:
        yield Finding("spool_aside", "warn", {"count": aside, "folder": here.spool / "aside"})
    if not waiting and not aside:
        yield Finding("spool", "ok")


def _articles(here: Settings) -> Iterator[Finding]:
    read, errors = articles.read_all(here.articles)
    if errors:
        yield Finding("articles_broken", "warn", {"count": len(errors)}, errors[0])
    yield Finding("articles" if read else "articles_none", "ok" if read else "bad", {"count": len(read)})


def _index(here: Settings) -> Iterator[Finding]:
    try:
        opened = place_of(here).open_current()
    except (GenerationError, StoreError) as error:
        yield Finding("index_unusable", "bad", error=error)
        return
    facts = {"generation": opened.manifest.generation}
    if opened.damaged:
        yield Finding("index_damaged", "bad", facts, opened.damaged[0])
    listed = {one.path: one.sha256 for one in opened.manifest.articles.values()}
    on_disk = {
        path.relative_to(here.articles).as_posix(): articles.fingerprint(path.read_bytes())
        for path in articles.files(here.articles)
    }
    behind = sum(listed.get(path) != sha256 for path, sha256 in on_disk.items()) + len(listed.keys() - on_disk.keys())
    behind -= len(opened.manifest.refused)  # told of with the articles
    if behind > 0:
        yield Finding("index_behind", "warn", {**facts, "count": behind})
    elif not opened.damaged:
        yield Finding("index", "ok", {**facts, "count": len(listed)})
