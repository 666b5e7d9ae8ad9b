"""A writer of the database, a migration and an import killed again and again; what was acknowledged must be there.

The writer says the number of each gap on a pipe once its transaction has ended; after each kill all that it ever
said is looked for, whole: the gap, its event on the call and the audit entry belong to one commit.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from kb import failpoints, tables
from kb.calls import call
from kb.calls.journal import Event
from kb.care import backup
from kb.care.move import move
from kb.config import ROOT, Settings
from kb.content import articles
from kb.db import Database, digest
from kb.doors import transfer
from kb.doors.wiring import Desk
from kb.errors import StoreError
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people import audit
from kb.people.users import OPERATOR
from kb.studio import revisions
from kb.tables import MIGRATIONS
from tests.faults.children import child, end, hears, told
from tests.people_on_the_floor import MAY, NOON
from tests.small_base import SmallBase, markdown
from tests.studio.test_media import picture
from tests.studio.transfer.packs import EDITOR, pack

WRITES = ("write.begun", "write.done", "write.committed")
STEPS = ("migrate.step", "migrate.numbered", "write.done", "write.committed")
IMPORTS = ("import.picture", "import.article", "save.aside", "save.moved", "write.done", "write.committed")
BACKUPS = ("backup.copied", "backup.sealed", "restore.written", "restore.moved")
MOVES = ("move.page", "write.done", "write.committed")
LATEST = 0.12  # seconds after the first word at which a child is killed from outside
LETTERS = str.maketrans("0123456789", "abcdefghij")
WRITERS = 8
PLACES = 4  # times that a point may come by before it strikes
STORED = ROOT / "tests" / "upgrades"


@dataclass
class Found:
    """What a trial saw: kills by where they came, what was acknowledged, and what was wrong."""

    kills: int = 0
    at: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)

    def killed(self, point: str) -> None:
        """One more."""
        self.kills += 1
        self.at[point or "outside"] = self.at.get(point or "outside", 0) + 1


def kill(work: Callable[[int, int], None], point: str, chance: random.Random, most: int = PLACES) -> list[str]:
    """What a child said until it was killed: at a point that comes by `most` times, or soon after its first word."""

    def armed(heed: int, say: int) -> None:
        failpoints.arm(f"{point}:{chance.randint(1, most)}" if point else "")
        work(heed, say)

    with child(armed) as (process, hear, _):
        if point:
            return told(hear).splitlines()
        heard = hears(hear).decode()
        heard += told(hear, time.monotonic() + chance.uniform(0, LATEST))
        end(process)
        return (heard + told(hear)).splitlines()


def sound(path: Path) -> list[str]:
    """What SQLite itself finds wrong."""
    with closing(sqlite3.connect(path)) as raw:
        told = [row[0] for row in raw.execute("PRAGMA integrity_check")]
        return [one for one in told if one != "ok"] + [str(row) for row in raw.execute("PRAGMA foreign_key_check")]


# --- the database --------------------------------------------------------------------------------


def name(number: int) -> str:
    """A number in letters: digits alone might be somebody's telephone."""
    return f"{number:07}".translate(LETTERS)


def store(database: Database, number: int) -> None:
    """One gap as an agent records it: on the call's trail, on the list, in the audit log, in one commit."""
    id, at = name(number), NOON + timedelta(seconds=number)
    with database.write() as connection:
        call.record(connection, MAY, f"call-{id}", [Event(f"r-{id}", "", at, MAY.id, "gap", "门锁泡水")], at)
        gap.record(connection, MAY, Report(f"r-{id}", f"g-{id}", f"call-{id}", MAY.id, at, "门锁泡水"))
        audit.append(connection, MAY.id, "edit", at, f"g-{id}")


class Hasty:
    """A store as one would write it first: it says "kept" when a row is on its way, and commits now and then."""

    def __init__(self, url: str) -> None:
        self.raw = sqlite3.connect(url.removeprefix("sqlite:///"))
        self.waiting = 0

    def store(self, number: int) -> None:
        """Insert a row."""
        self.raw.execute("INSERT INTO gap VALUES (?)", (f"g-{name(number)}",))
        self.waiting += 1
        if self.waiting == PLACES:
            failpoints.reached("write.done")
            self.raw.commit()
            self.waiting = 0


def _product(url: str) -> Callable[[int], None]:
    database = Database(url)
    return lambda number: store(database, number)


def _naive(url: str) -> Callable[[int], None]:
    return Hasty(url).store


STORES = {"product": _product, "naive": _naive}


def writes(home: Path, kills: int, seed: int, what: str = "product") -> Found:
    """Kill a writer so often; the next one goes on in the same database."""
    path, chance, found = home / "firstcall.sqlite", random.Random(seed), Found()
    if what == "product":
        Database(f"sqlite:///{path}").close()
    else:
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("CREATE TABLE gap (id)")
    said: set[str] = set()
    points = WRITES if what == "product" else ("write.done",)
    for one in range(1, kills + 1):
        point = points[one // 2 % len(points)] if one % 2 else ""

        def work(_: int, say: int, first: int = one * 1_000_000) -> None:
            put = STORES[what](f"sqlite:///{path}")
            for number in range(first, first + 1_000_000):
                put(number)
                os.write(say, f"{name(number)}\n".encode())

        lines = kill(work, point, chance)
        found.killed(point)
        found.torn += [f"kill {one}: {line}" for line in lines if line.startswith("error ")]
        said |= {line for line in lines if line.isalpha()}
        found.torn += [f"kill {one} at {point}: {told}" for told in sound(path)]
        found.lost += [f"kill {one} at {point}: {lost}" for lost in _lost(path, said)]
        if what == "product":
            found.torn += [f"kill {one} at {point}: {told}" for told in _apart(path)]
    found.acknowledged = len(said)
    return found


def _lost(path: Path, said: set[str]) -> list[str]:
    with closing(sqlite3.connect(path)) as raw:
        there = {row[0].removeprefix("g-") for row in raw.execute("SELECT id FROM gap")}
    return sorted(said - there)


def _apart(path: Path) -> list[str]:
    """Rows of which only some of those that belong together were kept; an audit log that does not verify."""
    database = Database(f"sqlite:///{path}")
    with database.read() as connection:
        ids = {
            table.name: set(connection.scalars(sa.select(sa.func.substr(column, length))))
            for table, column, length in (
                (tables.gap, tables.gap.c.id, 3),
                (tables.gap_report, tables.gap_report.c.id, 3),
                (tables.event, tables.event.c.id, 3),
                (tables.call, tables.call.c.id, 6),
                (tables.audit, tables.audit.c.about, 3),
            )
        }
        trouble = audit.verify(connection, OPERATOR).trouble
    database.close()
    whole = ids["gap"]
    return [f"{name}: {sorted(found ^ whole)[:3]}" for name, found in ids.items() if found != whole] + (
        [trouble] if trouble else []
    )


def writers(home: Path, rows: int, seed: int) -> Found:
    """Eight programs write so many gaps each at once; nobody is told that the database is busy."""
    path, found = home / "firstcall.sqlite", Found()
    Database(f"sqlite:///{path}").close()

    def work(first: int) -> Callable[[int, int], None]:
        def written(_: int, say: int) -> None:
            put = _product(f"sqlite:///{path}")
            for number in range(first, first + rows):
                put(number)
                os.write(say, f"{name(number)}\n".encode())

        return written

    with ExitStack() as children:
        pipes = [children.enter_context(child(work(one * 100_000 + seed % 1_000)))[1] for one in range(WRITERS)]
        lines = [line for pipe in pipes for line in told(pipe).splitlines()]
    said = {line for line in lines if line.isalpha()}
    found.kills, found.acknowledged = WRITERS, len(said)
    found.torn = [line for line in lines if line.startswith("error ")] + sound(path) + _apart(path)
    found.lost = [str(one) for one in _lost(path, said)] + ["a row"] * (WRITERS * rows - len(said))
    return found


# --- migrations ----------------------------------------------------------------------------------


def stored(schema: int, path: Path) -> None:
    """A base of an earlier schema, as it was stored, in a file."""
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript((STORED / f"schema-{schema:02}.sql").read_text("utf-8"))


def rows(path: Path, like: Path | None = None) -> dict[str, str]:
    """Table → sha256 of its rows, in the columns that it has in `like`; the number of the schema apart."""
    with closing(sqlite3.connect(path)) as raw, closing(sqlite3.connect(like or path)) as other:
        names = [row[0] for row in other.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for name in sorted(set(names) - {"schema"}):
            columns = ", ".join(f'"{row[1]}"' for row in other.execute(f'PRAGMA table_info("{name}")'))
            kept = sorted(map(repr, raw.execute(f'SELECT {columns} FROM "{name}"')))
            found[name] = hashlib.sha256("\n".join(kept).encode()).hexdigest()
        return found


def version(path: Path) -> int:
    """The number of a base's schema."""
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("SELECT version FROM schema").fetchone()[0])


def migrations(home: Path, kills: int, seed: int, schemas: Sequence[int] = range(1, len(MIGRATIONS))) -> Found:
    """Kill an upgrade of each stored base in turn; what is left is the old base or the new one, and opens."""
    chance, found = random.Random(seed), Found()
    for one in range(1, kills + 1):
        schema = schemas[one % len(schemas)]
        point = STEPS[one // 2 % len(STEPS)] if one % 2 else ""
        before, path = home / f"schema-{schema}.sqlite", home / "firstcall.sqlite"
        if not before.exists():
            stored(schema, before)
        shutil.copy(before, path)

        def work(_: int, say: int, url: str = f"sqlite:///{path}") -> None:
            os.write(say, b"begun\n")
            while True:
                Database(url).close()

        lines = kill(work, point, chance, len(MIGRATIONS) - schema if point == "migrate.step" else 1)
        found.killed(point)
        where = f"kill {one} at {point}, schema {schema}"
        found.torn += [f"{where}: {line}" for line in lines if line.startswith("error ")]
        if version(path) not in (schema, len(MIGRATIONS)):
            found.torn.append(f"{where}: version {version(path)}")
        Database(f"sqlite:///{path}").close()
        found.torn += [f"{where}: {told}" for told in sound(path)]
        if rows(path, before) != rows(before) or version(path) != len(MIGRATIONS):
            found.lost.append(where)
        path.unlink()
    return found


# --- imports -------------------------------------------------------------------------------------

FILES: dict[str, str | bytes] = {
    "_media/shelf.png": picture(),
    **{
        f"returns/parcel-{n}-en.md": markdown(f"parcel-{n}-en", f"Parcel {n}", body="![shelf](../_media/shelf.png)")
        for n in range(PLACES + 1)
    },
}


def imports(home: Path, kills: int, seed: int) -> Found:
    """Kill an import; every file is whole or absent, what the database knows is on disk, and the next one ends it."""
    chance, found = random.Random(seed), Found()
    SmallBase(home / "base").write("late-en", "Late delivery", say="Five yuan.")
    Database(f"sqlite:///{home}/base/firstcall.sqlite").close()
    for one in range(1, kills + 1):
        point = IMPORTS[one // 2 % len(IMPORTS)] if one % 2 else ""
        there = home / f"{one}"
        shutil.copytree(home / "base", there)

        def work(_: int, say: int, there: Path = there) -> None:
            os.write(say, b"begun\n")
            _carry_out(there)
            os.write(say, b"done\n")
            time.sleep(60)

        lines = kill(work, point, chance)
        found.killed(point)
        where = f"kill {one} at {point}"
        found.torn += [f"{where}: {line}" for line in lines if line.startswith("error ")]
        found.torn += [f"{where}: {told}" for told in _halves(there)]
        with child(lambda _, say, there=there: _carry_out(there) or os.write(say, b"done\n")) as (_, hear, _tell):  # type: ignore[misc]
            if told(hear) != "done\n":
                found.torn.append(f"{where}: cannot be imported again")
        if _halves(there) or len(articles.files(there / "articles")) != PLACES + 2:
            found.lost.append(where)
        shutil.rmtree(there)
    return found


def _carry_out(home: Path) -> None:
    url = f"sqlite:///{home}/firstcall.sqlite"
    desk = Desk(Settings(articles=home / "articles", home=home, database_url=url))
    failed = transfer.carry_out(desk, EDITOR, transfer.plan(desk, EDITOR, pack(FILES), NOON), NOON).failed
    if failed:
        raise RuntimeError(str(failed))


def _halves(home: Path) -> list[str]:
    """Files that are not whole, and revisions whose text is not on disk."""
    read, errors = articles.read_all(home / "articles")
    wanted = {articles.fingerprint(str(text).encode()) for name, text in FILES.items() if name.endswith(".md")}
    halves = [str(error) for error in errors]
    halves += [one.id for one in read if one.id != "late-en" and one.version not in wanted]
    halves += [one.name for one in (home / "articles/_media").glob("[!.]*") if one.read_bytes() != picture()]
    database = Database(f"sqlite:///{home}/firstcall.sqlite")
    with database.read() as connection:
        known = [revisions.latest(connection, f"parcel-{n}-en") for n in range(PLACES + 1)]
    database.close()
    there = {one.id: one.version for one in read}
    return halves + [one.article for one in known if one and there.get(one.article) != one.sha256]


# --- backups -------------------------------------------------------------------------------------


def backups(home: Path, kills: int, seed: int) -> Found:
    """Kill a backup and its restore; each leaves all of it or nothing."""
    chance, found = random.Random(seed), Found()
    url, base = f"sqlite:///{home}/data/firstcall.sqlite", SmallBase(home)
    for number in range(PLACES):
        base.write(f"parcel-{number}-en", f"Parcel {number}", body="A shelf. " * 200)
    here = Settings(articles=base.folder, home=home, database_url=url)
    database = Database(url)
    store(database, 1)
    backup.write(database, here, home / "whole.backup", OPERATOR, NOON)
    database.close()
    for one in range(1, kills + 1):
        point = BACKUPS[one // 2 % len(BACKUPS)] if one % 2 else ""
        file, there = home / f"{one}.backup", home / f"restored-{one}"

        def work(_: int, say: int, file: Path = file, there: Path = there) -> None:
            database = Database(url)
            os.write(say, b"begun\n")
            backup.write(database, here, file, OPERATOR, NOON)
            backup.restore(home / "whole.backup", there, OPERATOR)
            os.write(say, b"done\n")
            time.sleep(60)

        lines = kill(work, point, chance, 1)
        found.killed(point)
        where = f"kill {one} at {point}"
        found.torn += [f"{where}: {line}" for line in lines if line.startswith("error ")]
        if file.exists():
            backup.check(file)  # raises for half a one
        if there.exists():
            whole = backup.check(home / "whole.backup")
            if (
                len(articles.files(there / "articles")) != PLACES
                or digest(there / "data" / backup.STORE) != whole.tables
            ):
                found.torn.append(where)
        found.acknowledged += "done" in lines
        if "done" in lines and not (file.exists() and there.exists()):
            found.lost.append(where)
    return found


# --- moves ---------------------------------------------------------------------------------------


def moves(home: Path, kills: int, seed: int) -> Found:
    """Kill a move; what is half there is opened by nobody, and the same move again ends it."""
    chance, found, old = random.Random(seed), Found(), home / "old.sqlite"
    put = _product(f"sqlite:///{old}")
    for number in range(20):
        put(number)
    wanted = _moved_rows(old)
    for one in range(1, kills + 1):
        point, new = MOVES[one // 2 % len(MOVES)] if one % 2 else "", home / f"{one}.sqlite"

        def work(_: int, say: int, new: Path = new) -> None:
            os.write(say, b"begun\n")
            _move(old, new)
            os.write(say, b"done\n")
            time.sleep(60)

        lines = kill(work, point, chance)
        found.killed(point)
        where = f"kill {one} at {point}"
        found.torn += [f"{where}: {line}" for line in lines if line.startswith("error ")]
        if _opens(new) and _moved_rows(new) not in (wanted, {}):
            found.torn.append(f"{where}: half of it opens")
        with child(partial(_ended, old, new)) as (_, hear, _tell):
            told(hear)
        if _moved_rows(new) != wanted or sound(new):
            found.lost.append(where)
    return found


def _move(old: Path, new: Path) -> None:
    source, target = Database(f"sqlite:///{old}"), Database(f"sqlite:///{new}", moving=True)
    move(source, target, OPERATOR, NOON)


def _ended(old: Path, new: Path, _: int, say: int) -> None:
    if not _opens(new):
        _move(old, new)
    os.write(say, b"done\n")


def _opens(path: Path) -> bool:
    """Whether a program would go on with it: it is there, and not half a base."""
    try:
        Database(f"sqlite:///{path}").close()
    except StoreError:
        return False
    return bool(_moved_rows(path))


def _moved_rows(path: Path) -> dict[str, tuple[int, str]]:
    """Every table that has rows, but for what a move writes down itself."""
    own = ("schema", "audit", "audit_head")
    return {name: of for name, of in digest(path).items() if of[0] and name not in own}


TRIALS: dict[str, Callable[..., Found]] = {
    "moves": moves,
    "writes": writes,
    "migrations": migrations,
    "imports": imports,
    "backups": backups,
    "writers": writers,
}


def main(what: str, home: str, kills: str, seed: str, *more: str) -> dict[str, Any]:
    """Run a trial in this process, which must have done nothing before."""
    Path(home).mkdir(parents=True, exist_ok=True)
    return asdict(TRIALS[what](Path(home), int(kills), int(seed), *more))


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
