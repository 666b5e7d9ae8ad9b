"""Who works while the power fails: the product's own writers, and how to tell what they kept.

A subject says `kept …` of what it has acknowledged and `begun …` of what it is about to do; afterwards what is left
must have all that was kept, and otherwise only what was begun.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import sqlalchemy as sa

from indexer.vectors import VectorCache
from kb import tables
from kb.calls import call
from kb.calls.journal import Event
from kb.care import backup
from kb.config import Settings
from kb.content import articles
from kb.db import Connection, Database, digest
from kb.doors import studio
from kb.doors.recorder import Asked, Recorder
from kb.doors.wiring import Desk
from kb.errors import GenerationError
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people import accounts, audit, sessions, users
from kb.people.users import OPERATOR, Role, User
from kb.studio import revisions, writing
from kb.tables import MIGRATIONS
from tests.faults import publishing, storing
from tests.people_on_the_floor import MAY, NOON
from tests.small_base import SmallBase, markdown
from tests.studio.transfer.packs import EDITOR

TURN = 10  # records, of which the first half is made while the database is locked
Say = Callable[[str], object]
Told = tuple[list[str], list[str]]  # what is lost, what is torn


class Subject(Protocol):
    """Someone who keeps things in a folder."""

    def prepare(self, home: Path) -> None:
        """What is there, and safe, before the work begins."""

    def work(self, home: Path, rounds: int, say: Say) -> None:
        """Do it so often, and say so step by step."""

    def look(self, home: Path, said: Sequence[str]) -> Told:
        """Open what a power cut left, when it had said so much."""


def url(home: Path) -> str:
    """The address of a base's database."""
    return f"sqlite:///{home}/data/firstcall.sqlite"


def file(home: Path) -> Path:
    """Its file."""
    return home / "data" / "firstcall.sqlite"


def kept(said: Sequence[str], what: str) -> list[str]:
    """What was acknowledged of a kind, in order."""
    return [line.removeprefix(f"kept {what} ") for line in said if line.startswith(f"kept {what} ")]


# --- rows ----------------------------------------------------------------------------------------


class Rows:
    """Gaps with their events and audit entries, accounts, sessions that begin and end."""

    def prepare(self, home: Path) -> None:
        """Nothing: the database is made in the work, too."""

    def work(self, home: Path, rounds: int, say: Say) -> None:
        """A gap each round, somebody new now and then, signed in and out."""
        database = Database(url(home))
        for number in range(rounds):
            storing.store(database, number)
            say(f"kept gap {storing.name(number)}")
            at = NOON + timedelta(minutes=number)
            if number % 6 == 0:
                person = User(f"p{number}", "P", Role.AGENT)
                with database.write() as connection:
                    accounts.add(connection, OPERATOR, person, accounts.new_password(), at)
                say(f"kept person {person.id}")
            with database.write() as connection:
                token = sessions.sign_in(connection, "p0", at)
            say(f"kept session {sessions.key_of(token)}")
            if number % 3 == 0:
                say(f"begun out {sessions.key_of(token)}")
                with database.write() as connection:
                    sessions.sign_out(connection, sessions.key_of(token))
                say(f"kept out {sessions.key_of(token)}")

    def look(self, home: Path, said: Sequence[str]) -> Told:
        """Every row, whole commits, SQLite's own check and the seals of the audit log."""
        database = Database(url(home))
        with database.read() as connection:
            ids = {
                table.name: set(connection.scalars(sa.select(sa.func.substr(column, length)).where(where)))
                for table, column, length, where in (
                    (tables.gap, tables.gap.c.id, 3, sa.true()),
                    (tables.gap_report, tables.gap_report.c.id, 3, sa.true()),
                    (tables.event, tables.event.c.id, 3, sa.true()),
                    (tables.call, tables.call.c.id, 6, sa.true()),
                    (tables.audit, tables.audit.c.about, 3, tables.audit.c.act == "edit"),
                )
            }
            open_now = set(connection.scalars(sa.select(tables.session.c.key)))
            people = {one.id for one in users.everyone(connection)}
            trouble = audit.verify(connection, OPERATOR).trouble
        database.close()
        ended, begun = kept(said, "out"), kept(said, "session")
        lost = [f"gap {one}" for one in kept(said, "gap") if one not in ids["gap"]]
        lost += [f"person {one}" for one in kept(said, "person") if one not in people]
        lost += [f"session {one}" for one in begun if one not in open_now and f"begun out {one}" not in said]
        lost += [f"signing out {one}" for one in ended if one in open_now]
        torn = [f"{name} apart" for name, found in ids.items() if found != ids["gap"]]
        return lost, torn + ([trouble] if trouble else []) + storing.sound(file(home))


class Upgrade:
    """A stored base of the oldest schema comes up to date."""

    def prepare(self, home: Path) -> None:
        """The base, and a copy to compare with."""
        file(home).parent.mkdir()
        storing.stored(1, file(home))

    def work(self, home: Path, rounds: int, say: Say) -> None:
        """Open it."""
        Database(url(home)).close()
        say("kept upgrade 1")

    def look(self, home: Path, said: Sequence[str]) -> Told:
        """The old base or the new one, with every row."""
        with closing(sqlite3.connect(":memory:")) as raw:
            raw.executescript((storing.STORED / "schema-01.sql").read_text("utf-8"))
            with closing(sqlite3.connect(home / "before.sqlite")) as other:
                raw.backup(other)
        storing.rows(file(home))  # SQLite rolls back first
        number = storing.version(file(home))
        wanted = (len(MIGRATIONS),) if kept(said, "upgrade") else (1, len(MIGRATIONS))
        lost = [] if number in wanted else [f"version {number}"]
        Database(url(home)).close()
        torn = storing.sound(file(home))
        same = storing.rows(file(home), home / "before.sqlite") == storing.rows(home / "before.sqlite")
        return lost, torn if same else [*torn, "rows differ"]


# --- what waits for the database -----------------------------------------------------------------


def _take(connection: Connection, one: Asked) -> None:
    """A gap of a call, as the door writes it."""
    id = one.given["id"]
    call.record(
        connection, one.by, one.call, [Event(f"r-{id}", one.call, one.at, one.by.id, "gap", "门锁泡水")], one.at
    )
    gap.record(connection, one.by, Report(f"r-{id}", f"g-{id}", one.call, one.by.id, one.at, "门锁泡水"))


def _recorder(home: Path) -> tuple[Desk, Recorder]:
    desk = Desk(Settings(articles=home / "articles", home=home / "data", database_url=url(home)))
    return desk, Recorder(desk, {"gap": _take})


class Spooled:
    """Records while the database is locked, afterwards, and locked again."""

    def prepare(self, home: Path) -> None:
        """A database; no folder for what waits."""
        Database(url(home)).close()

    def work(self, home: Path, rounds: int, say: Say) -> None:
        """Locked for half a turn, and free again."""
        _, recorder = _recorder(home)
        for number in range(rounds):
            with closing(sqlite3.connect(file(home), isolation_level=None)) as other:
                if number % TURN < TURN // 2:
                    other.execute("BEGIN EXCLUSIVE")
                id, at = storing.name(number), NOON + timedelta(seconds=number)
                with mock.patch("kb.doors.recorder.PATIENCE", 0.01):
                    recorder.record("gap", Asked(MAY, at, {"id": id}, f"call-{id}"))
                say(f"kept gap {id}")
            with mock.patch("kb.doors.wiring.AGAIN", 0):
                recorder.replay()

    def look(self, home: Path, said: Sequence[str]) -> Told:
        """What waits comes in, all of it once, nothing set aside."""
        with mock.patch.object(Recorder, "_empty"):
            desk, recorder = _recorder(home)
            waiting = recorder.replay()
        with desk.database.read() as connection:
            there = list(connection.scalars(sa.select(sa.func.substr(tables.event.c.id, 3))))
            gaps = set(connection.scalars(sa.select(sa.func.substr(tables.gap.c.id, 3))))
        desk.database.close()
        aside = len(list((home / "data" / "spool" / "aside").glob("*")))
        torn = [f"{waiting} wait, {aside} aside"] if waiting or aside else []
        torn += ["twice"] if len(set(there)) != len(there) or set(there) != gaps else []
        return [one for one in kept(said, "gap") if one not in gaps], torn + storing.sound(file(home))


# --- articles ------------------------------------------------------------------------------------


class Edits:
    """Saves in the studio: changed, new in new folders, moved."""

    def prepare(self, home: Path) -> None:
        """Three articles and a database."""
        base = SmallBase(home)
        for number in range(3):
            base.write(f"old-{number}-en", f"Old {number}", body="A shelf.")
        Database(url(home)).close()

    def work(self, home: Path, rounds: int, say: Say) -> None:
        """Say what each article is to read before and after it is saved."""
        desk = Desk(Settings(articles=home / "articles", home=home / "data", database_url=url(home)))
        for number in range(rounds):
            at = NOON + timedelta(minutes=number)
            old = f"old-{number % 3}-en"
            before = next(one for one in articles.files(home / "articles") if one.stem == old)
            path = before.relative_to(home / "articles").as_posix()
            self._save(desk, say, path, old, number, articles.fingerprint(before.read_bytes()), at)
            self._save(
                desk, say, f"troubleshooting/shelf-{number}/new-{number}-en.md", f"new-{number}-en", number, "", at
            )
            if number % 3 == 2:
                target = f"products/room-{number}/{old}.md"
                say(f"begun move {old} {target}")
                writing.rename(home / "articles", path, target, EDITOR)
                say(f"kept move {old} {target}")

    def _save(self, desk: Desk, say: Say, path: str, id: str, number: int, base: str, at: Any) -> None:
        source = markdown(id, f"Edition {number}", body=f"It is on shelf {number}. " * 100)
        sha256 = articles.fingerprint(source.encode())
        say(f"begun save {id} {sha256} {path}")
        studio.save(desk, EDITOR, path, source, base, at)
        say(f"kept save {id} {sha256} {path}")

    def look(self, home: Path, said: Sequence[str]) -> Told:
        """Each file is one of those that were begun since the last that was kept; the database knows what was kept."""
        read, errors = articles.read_all(home / "articles")
        torn = [str(error) for error in errors]
        place: dict[str, list[str]] = {}
        for one in read:
            place.setdefault(one.id, []).append(one.path)
        texts = {one.id: one.version for one in read}
        database = Database(url(home))
        lost = []
        with database.read() as connection:
            for id in {line.split()[2] for line in said if line.split()[1] == "save"}:
                mine = [line.split() for line in said if line.split()[1:3] == ["save", id]]
                done = max((n for n, one in enumerate(mine) if one[0] == "kept"), default=-1)
                may = {one[3] for one in mine[max(done, 0) :]}
                if done >= 0 and texts.get(id) not in may:
                    lost.append(f"{id} on disk")
                last = revisions.latest(connection, id)
                if done >= 0 and (last is None or last.sha256 not in may):
                    lost.append(f"{id} in the database")
            for id in [line.split()[2] for line in said if line.split()[1] == "move"]:
                moved = kept(said, f"move {id}")
                if moved and place.get(id) != moved[-1:] and f"begun move {id}" not in said[-1]:
                    lost.append(f"{id} is at {place.get(id)}")
            lost += [one for one in ("old-0-en", "old-1-en", "old-2-en") if one not in texts]
            trouble = audit.verify(connection, OPERATOR).trouble
        database.close()
        return lost, torn + ([trouble] if trouble else []) + storing.sound(file(home))


# --- generations ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """Rounds of a publisher. `naive`: one that renames two files and syncs neither."""

    naive: bool = False

    def _of(self, home: Path) -> publishing.Subject:
        return publishing.TwoRenames(home) if self.naive else publishing.Product(SmallBase(home))

    def prepare(self, home: Path) -> None:
        """Nothing: the first generation is one, too."""

    def work(self, home: Path, rounds: int, say: Say) -> None:
        """Publish."""
        for number in range(1, rounds + 1):
            say(f"begun round {number}")
            self._of(home).publish(number)
            say(f"kept round {number}")

    def look(self, home: Path, said: Sequence[str]) -> Told:
        """The round that was published last serves, or the one begun after it; and the next can be published."""
        done, begun = (int((kept(said, "round") or ["0"])[-1]), sum(line.startswith("begun") for line in said))
        subject = self._of(home)
        try:
            serves = subject.read(afresh=True)
        except (GenerationError, FileNotFoundError) as error:
            missing = isinstance(error, FileNotFoundError) or error.code == "index_missing"
            return ([f"round {done}"] if done else []), ([] if missing and not done else [repr(error)])
        lost = [] if serves in (done, begun) else [f"{serves} serves, {done} was published"]
        if self.naive:
            return lost, []
        torn = self._cache(home)
        if begun % 2:
            subject.publish(begun + 1)
            torn += [] if subject.read(afresh=True) == begun + 1 else ["nothing more can be published"]
        return lost, torn

    @staticmethod
    def _cache(home: Path) -> list[str]:
        """Vectors that are not those of their text would be published, and nobody would know."""
        base = SmallBase(home)
        read, _ = articles.read_all(base.folder)
        texts = [text for one in read for text in (one.title, *one.questions)]
        with closing(VectorCache(home / "vectors.sqlite")) as cache:
            rows = cache.passages(texts, base.encoder)
        return [] if (rows == base.encoder.passages(texts)).all() else ["a vector is another text's"]


# --- backups -------------------------------------------------------------------------------------


class BackedUp:
    """Backups, and restores of one."""

    def prepare(self, home: Path) -> None:
        """A base with some rows."""
        base = SmallBase(home)
        for number in range(4):
            base.write(f"parcel-{number}-en", f"Parcel {number}", body="A shelf. " * 200)
        database = Database(url(home))
        storing.store(database, 1)
        database.close()

    def work(self, home: Path, rounds: int, say: Say) -> None:
        """To folders that are not there yet."""
        database = Database(url(home))
        here = Settings(articles=home / "articles", home=home / "data", database_url=url(home))
        for number in range(rounds):
            target = home / "kept" / f"week-{number}" / "firstcall.backup"
            backup.write(database, here, target, OPERATOR, NOON)
            say(f"kept backup {target.relative_to(home)}")
            backup.restore(target, home / "restored" / f"{number}" / "firstcall", OPERATOR)
            say(f"kept restored restored/{number}/firstcall")

    def look(self, home: Path, said: Sequence[str]) -> Told:
        """Those that are there are whole."""
        files, folders = kept(said, "backup"), kept(said, "restored")
        lost = [one for one in (*files, *folders) if not (home / one).exists()]
        torn = []
        for path in home.glob("kept/*/firstcall.backup"):
            backup.check(path)  # raises for half a one
        for path in home.glob("restored/*/firstcall"):
            made = backup.check(home / "kept" / f"week-{path.parent.name}" / "firstcall.backup")
            whole = len(articles.files(path / "articles")) == 4 and (path / "settings.json").stat().st_size
            if not whole or digest(path / "data" / backup.STORE) != made.tables:
                torn.append(str(path.relative_to(home)))
        return lost, torn


# --- all of them ---------------------------------------------------------------------------------


class All:
    """One after another, each in a folder of its own; the one that works, and those before it, are looked at."""

    def __init__(self, parts: Mapping[str, Subject]) -> None:
        self._parts = parts

    def prepare(self, home: Path) -> None:
        """What each needs."""
        for name, part in self._parts.items():
            (home / name).mkdir()
            part.prepare(home / name)

    def work(self, home: Path, rounds: int, say: Say) -> None:
        """Each with its own rounds, of which all have so many."""
        for name, part in self._parts.items():
            say(f"now {name}")
            part.work(home / name, rounds, say)

    def look(self, home: Path, said: Sequence[str]) -> Told:
        """As each does."""
        lost, torn, names = [], [], [line for line in said if line.startswith("now ")][-2:]
        for line in names:
            begin = said.index(line) + 1
            until = next((n for n in range(begin, len(said)) if said[n].startswith("now ")), len(said))
            name = line.removeprefix("now ")
            told = self._parts[name].look(home / name, said[begin:until])
            lost += [f"{name}: {one}" for one in told[0]]
            torn += [f"{name}: {one}" for one in told[1]]
        return lost, torn


PARTS: Mapping[str, Subject] = {
    "rows": Rows(),
    "upgrade": Upgrade(),
    "spool": Spooled(),
    "edits": Edits(),
    "publish": Published(),
    "backup": BackedUp(),
}
SUBJECTS: Mapping[str, Subject] = {
    **PARTS,
    "all": All(PARTS),
    "publish, naive": Published(naive=True),
}
ROUNDS = {"rows": 24, "spool": 30, "edits": 9, "publish": 6, "publish, naive": 6, "backup": 3}
