"""Generations as rows of a PostgreSQL database, for many app servers at once.

A build writes its rows beside those that serve, verifies them and moves one pointer, all in one transaction: killed
anywhere in it, nothing has happened. Who serves is told by NOTIFY and looks for himself as well: a notice is a hint.
One program publishes at a time, by an advisory lock that the server takes back when that program's connection ends.

Opening verifies before it serves, as with files: the digest of all articles, the seals of what was not seen sound
before, then one canary question. What does not verify is refused; the generation before it serves.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from indexer.engine.learnt import Taught
from indexer.engine.postgres.asking import Asker, Inside, Pool, answering, connections
from indexer.engine.postgres.directory import Directory, directory, in_generation
from indexer.engine.postgres.engine import PostgresEngine
from indexer.engine.postgres.parts import Library
from indexer.engine.postgres.sound import broken_article, broken_segment
from indexer.engine.postgres.tables import SCHEMA, Shelf, head, shelf
from indexer.generation.manifest import FORMAT, Listed, Manifest, manifest_of
from indexer.generation.opening import Opened
from indexer.generation.rows.following import Ear
from indexer.generation.rows.taught import digest, taught_in, write_taught
from kb.errors import AwayError, GenerationError, PublishError
from kb.failpoints import reached
from kb.finding.learning.evidence import Weights

__all__ = ["Held", "Rows", "write_taught"]

LOCK = 0x46435049  # the publishers' lock; the second half of its key is the schema's
GRACE_SECONDS = 60  # a generation younger than that may still serve somewhere
EXTENSION = "CREATE EXTENSION IF NOT EXISTS vector"


@dataclass(frozen=True)
class Held:
    """A generation of rows that is sound: ready to serve, its articles by line, and what it was taught."""

    opened: Opened
    lines: Directory
    taught: Taught


class Rows:
    """The generations in one schema of one database. Safe to use from any thread; one publisher at a time."""

    def __init__(self, url: str, schema: str = SCHEMA) -> None:
        """Nothing is connected to yet."""
        self.schema = schema
        self.pool = Pool(url)
        self.generations, self.pointer, self.numbers = head(schema)
        self._url = url
        self._there = False  # the schema was seen
        self._libraries: dict[int, Library] = {}
        self._sound: Held | None = None  # the generation last found sound
        self._lock = threading.Lock()
        self._ear = Ear(url, schema)

    def close(self) -> None:
        """Close every connection."""
        self.pool.close()
        self._ear.close()

    # --- what there is -------------------------------------------------------------------------------

    def current(self) -> tuple[str, str] | None:
        """The name and number of the generation that serves, None where nothing was published. Raises AwayError."""
        found = self._pointed(self.pool)
        return (found.name, str(found.number)) if found else None

    def names(self) -> list[str]:
        """Of all generations, oldest first."""
        if not self.is_there(self.pool):
            return []
        g = self.generations.c
        return [row.name for row in self.pool.rows(sa.select(g.name).order_by(g.number))]

    def is_there(self, asker: Asker) -> bool:
        """Whether anything was ever published here."""
        if not self._there:
            named = sa.func.to_regclass(f"{self.schema}.pointer").label("there")
            self._there = asker.rows(sa.select(named))[0].there is not None
        return self._there

    def _pointed(self, asker: Asker) -> sa.Row[Any] | None:
        if not self.is_there(asker):
            return None
        g = self.generations.c
        wanted = sa.select(g.number, g.name).join_from(
            self.generations, self.pointer, g.number == self.pointer.c.generation
        )
        return next(iter(asker.rows(wanted)), None)

    def wait(self, seconds: float) -> None:
        """Until something is published, at most so long."""
        self._ear.wait(seconds)

    # --- opening -------------------------------------------------------------------------------------

    def open_current(self) -> Opened:
        """The current generation or, where it is damaged, the newest one before it that verifies.

        Raises GenerationError `index_missing` when nothing was published, or the damage when nothing verifies;
        AwayError where the server does not answer.
        """
        while True:
            before = self.current()
            if before is None:
                raise GenerationError("index_missing")
            damaged: list[GenerationError] = []
            g = self.generations.c
            older = sa.select(g.number).where(g.number <= int(before[1])).order_by(g.number.desc())
            for row in self.pool.rows(older):
                try:
                    found = self.sound(row.number).opened
                    if not damaged or self.current() == before:
                        return replace(found, damaged=tuple(damaged))
                except GenerationError as error:
                    damaged.append(error)
            if self.current() == before:
                raise damaged[0] if damaged else GenerationError("index_missing")

    def sound(self, number: int) -> Held:
        """One generation, verified. Raises GenerationError when a digest, a seal or the canary is not as it should be;
        what the one last found sound had is not looked at again."""
        known = self._sound
        if known is None or known.lines.number != number:
            with self._patient() as asker:
                try:
                    found = self.look(asker, number, known, serving=self.pool)
                except GenerationError:
                    if known is None:
                        raise
                    found = self.look(asker, number, None, serving=self.pool)  # what came and went since may be swept
            self._sound = known = found
        return known

    def look(self, asker: Asker, number: int, known: Held | None, serving: Asker) -> Held:
        """A generation, verified; what `known` has is taken to be sound. `asker` reads what is looked at now, `serving`
        what is asked later. Raises as `sound` does."""
        row, manifest = self._row(asker, number)
        tables = shelf(row.base, manifest.dim, self.schema)
        if known and (known.lines.shelf.base != row.base or known.lines.number > number):
            known = None
        try:
            lines = directory(tables, number, asker, known.lines if known else None)
            self._check(lines, manifest, asker, known.lines if known else None)
            taught = self._taught(tables, row, manifest, asker, known)
            listed = {id: Listed(line.number, line.sha256, line.path) for id, line in lines.lines.items()}
            library, near = self.library(tables), bool(manifest.files["near"][1])
            engine = PostgresEngine(row.name, lines, library, serving, manifest.calibration, taught, near)
            if serving is not asker:
                engine.settle()
            if not engine.finds_itself():
                raise GenerationError("generation_damaged", generation=row.name, file="canary")
        except AwayError as error:
            if isinstance(error.__cause__, ProgrammingError):  # a table is gone
                raise GenerationError("generation_damaged", generation=row.name, file=f"base {row.base}") from error
            raise
        except (LookupError, ValueError, TypeError) as error:
            raise GenerationError("generation_damaged", generation=row.name, file=f"base {row.base}") from error
        return Held(Opened(engine, replace(manifest, articles=listed)), lines, taught)

    def _row(self, asker: Asker, number: int) -> tuple[sa.Row[Any], Manifest]:
        """The row of a generation, and its manifest without the articles."""
        row = next(iter(asker.rows(sa.select(self.generations).where(self.generations.c.number == number))), None)
        if row is None:
            raise GenerationError("generation_damaged", generation=str(number), file="generation")
        try:
            manifest = manifest_of(json.loads(row.manifest))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise GenerationError("generation_damaged", generation=row.name, file="manifest") from error
        if manifest.format != FORMAT:
            raise GenerationError("generation_of_another_version", generation=row.name)
        return row, manifest

    def _taught(self, tables: Shelf, row: sa.Row[Any], manifest: Manifest, asker: Asker, known: Held | None) -> Taught:
        """What a generation was taught; read again only where it is not what `known` was. Raises GenerationError."""
        wanted, weights = tuple(manifest.files["lessons"]), Weights(**json.loads(row.weights))
        if known and digest(known.taught) == wanted:
            return replace(known.taught, weights=weights)
        found = taught_in(tables, row.number, weights, asker)
        if digest(found) != wanted:
            raise GenerationError("generation_damaged", generation=row.name, file=tables.lesson.name)
        return found

    def _check(self, lines: Directory, manifest: Manifest, asker: Asker, known: Directory | None) -> None:
        """Raises GenerationError where the articles are not those that were published, or a seal is broken."""
        name = manifest.generation
        if (f"{lines.digest:032x}", len(lines.lines)) != tuple(manifest.files["articles"]):
            raise GenerationError("generation_damaged", generation=name, file=lines.shelf.article.name)
        fresh = segments = None
        if known is not None:
            fresh = {line.number for line in lines.lines.values()} - known.by_number.keys()
            segments = set(lines.segments) - set(known.segments)
        if (fresh is None or fresh) and (broken := broken_article(lines.shelf, lines.number, asker, fresh)):
            raise GenerationError("generation_damaged", generation=name, file=f"{lines.shelf.article.name}: {broken}")
        if (segments is None or segments) and broken_segment(lines.shelf, lines.number, asker, segments):
            raise GenerationError("generation_damaged", generation=name, file=lines.shelf.posting.name)

    def library(self, tables: Shelf) -> Library:
        """What this process knows of the articles of a base."""
        with self._lock:
            return self._libraries.setdefault(tables.base, Library(tables))

    def reread(self) -> None:
        """Check the current generation anew, also what verified before. Raises GenerationError, AwayError."""
        pointed = self._pointed(self.pool)
        if pointed is not None:
            self._sound = None
            self.sound(pointed.number)

    # --- one publisher -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def publisher(self) -> Iterator[sa.Connection]:
        """Be the only publisher among all programs on this database, for as long as the connection lasts.

        Raises PublishError with the holder's name when there is one already, and where the server refuses.
        """
        try:
            with answering(), self._alone() as connection:
                yield connection
        except AwayError as error:
            raise PublishError("publish_failed", problem=str(error.facts.get("problem"))) from error

    @contextlib.contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        me = f"firstcall publisher {socket.gethostname()}, process {os.getpid()}"
        engine = connections(self._url, autocommit=False, seconds=0, name=me, alone=True)
        with engine.connect() as connection:
            key = LOCK, zlib.crc32(self.schema.encode()) & 0x7FFFFFFF
            with connection.begin():
                if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(*key))):
                    raise PublishError("publisher_busy", holder=_holder(connection, key))
                self._prepare(connection)
            yield connection
        engine.dispose()

    def _prepare(self, connection: sa.Connection) -> None:
        if not self.is_there(Inside(connection)):
            connection.execute(sa.text(EXTENSION))
            connection.execute(sa.schema.CreateSchema(self.schema, if_not_exists=True))
            self.generations.metadata.create_all(connection)

    def next_number(self, connection: sa.Connection) -> int:
        """A number that nothing here has had or will have."""
        return int(connection.scalar(sa.select(self.numbers.next_value())) or 0)

    def next_numbers(self, connection: sa.Connection, count: int) -> list[int]:
        """So many of them, ascending."""
        one = sa.func.nextval(f"{self.schema}.number")
        return [
            int(row[0]) for row in connection.execute(sa.select(one).select_from(sa.func.generate_series(1, count)))
        ]

    def point_at(self, connection: sa.Connection, number: int) -> None:
        """Move the pointer, and tell those who listen, when the transaction is committed."""
        reached("rows.pointing")
        if not connection.execute(sa.update(self.pointer).values(generation=number)).rowcount:
            connection.execute(sa.insert(self.pointer).values(one=True, generation=number))
        connection.execute(sa.select(sa.func.pg_notify(self._ear.channel, str(number))))
        reached("rows.pointed")

    def roll_back(self, connection: sa.Connection) -> str:
        """Point at the newest generation before the current one that verifies; its name.

        Raises GenerationError `nothing_before` where there is none.
        """
        pointed = self._pointed(Inside(connection))
        connection.rollback()
        if pointed is not None:
            g = self.generations.c
            older = sa.select(g.number, g.name).where(g.number < pointed.number).order_by(g.number.desc())
            for row in self.pool.rows(older):
                with contextlib.suppress(GenerationError):
                    self.sound(row.number)
                    with connection.begin():
                        self.point_at(connection, row.number)
                    return str(row.name)
        raise GenerationError("nothing_before", generation=pointed.name if pointed else "")

    def collect(self, connection: sa.Connection, keep: int) -> list[str]:
        """Delete all but the newest `keep` generations, never the current one, the one before it, or one that served
        within `GRACE_SECONDS`; their names. Rows that no generation has any more go with them."""
        with connection.begin():
            pointed = self._pointed(Inside(connection))
            if pointed is None:
                return []
            g = self.generations.c
            young = g.made > sa.func.now() - sa.func.make_interval(0, 0, 0, 0, 0, 0, GRACE_SECONDS)
            every = connection.execute(
                sa.select(g.number, g.name, g.base, young.label("young")).order_by(g.number)
            ).all()
            older = [row.number for row in every if row.number < pointed.number]
            kept = {pointed.number, *older[-1:], *(row.number for row in every[-max(keep, 2) :])}
            kept |= {row.number for row in every if row.young}
            gone = [row for row in every if row.number not in kept]
            if not gone:
                return []
            connection.execute(sa.delete(self.generations).where(g.number.in_([row.number for row in gone])))
            reached("rows.cleaning")
            bases = {row.base for row in every if row.number in kept}
            for base in {row.base for row in gone} - bases:
                self._drop(connection, base)
            for base in bases:
                self._sweep(connection, base, [row.number for row in every if row.number in kept and row.base == base])
        reached("rows.clean")
        return [row.name for row in gone]

    def _drop(self, connection: sa.Connection, base: int) -> None:
        shelf(base, 1, self.schema).article.metadata.drop_all(connection)
        with self._lock:
            self._libraries.pop(base, None)

    def _sweep(self, connection: sa.Connection, base: int, kept: list[int]) -> None:
        """Take away the rows that no kept generation has: those that ended at or before the first, or between two."""
        tables = shelf(base, 1, self.schema)
        for table, parts in (
            (tables.article, [*((one, "article") for one in tables.fields.values()), (tables.tokens, "article")]),
            (tables.segment, [(tables.posting, "segment")]),
        ):
            t = table.c
            dead = sa.and_(*(sa.not_(in_generation(table, number)) for number in kept))
            numbers = [row.number for row in connection.execute(sa.select(t.number).where(t.until <= max(kept), dead))]
            for part, column in parts:
                connection.execute(sa.delete(part).where(part.c[column].in_(numbers))) if numbers else None
            connection.execute(sa.delete(table).where(t.number.in_(numbers))) if numbers else None
        for table in (tables.lesson, tables.regression):
            dead = sa.and_(*(sa.not_(in_generation(table, number)) for number in kept))
            connection.execute(sa.delete(table).where(table.c.until <= max(kept), dead))

    @contextlib.contextmanager
    def aside(self) -> Iterator[sa.Connection]:
        """A transaction in which anything may be written, for it is undone: it sees one moment. Raises AwayError."""
        engine = connections(self._url, autocommit=False, name="firstcall preview", alone=True)
        with answering(), engine.connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin() as transaction:
                yield connection
                transaction.rollback()
        engine.dispose()

    @contextlib.contextmanager
    def _patient(self) -> Iterator[Asker]:
        """An asker for statements that read everything."""
        engine = connections(self._url, seconds=0, name="firstcall reading the index", alone=True, reads=True)
        with answering(), engine.connect() as connection:
            yield Inside(connection)
        engine.dispose()


def _holder(connection: sa.Connection, key: tuple[int, int]) -> str:
    found = sa.text(
        "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = :one AND l.objid = :two"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    name = connection.scalar(found, {"one": key[0], "two": key[1]})
    return str(name or "?").removeprefix("firstcall publisher ")
