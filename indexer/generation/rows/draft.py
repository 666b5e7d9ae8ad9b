"""A generation while it is written: rows in a transaction that nobody else sees, verified, then the pointer moves."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

import sqlalchemy as sa

from indexer.engine.learnt import Taught
from indexer.engine.postgres.asking import Inside
from indexer.engine.postgres.directory import Directory, directory, in_generation
from indexer.engine.postgres.engine import PostgresEngine
from indexer.engine.postgres.nearest import may_stay
from indexer.engine.postgres.parts import AHEAD
from indexer.engine.postgres.tables import OPEN, Shelf, among, index_bytes, shelf
from indexer.engine.postgres.writing import write_segment
from indexer.engine.segments import Entry, entry_of
from indexer.generation.manifest import Manifest
from indexer.generation.rows.store import Held, Rows
from indexer.generation.rows.taught import digest, write_taught
from kb.errors import GenerationError
from kb.failpoints import reached

ANALYZE_FROM = 500  # new articles, from which on the planner is told
LEAST_INDEX_MEMORY = 64  # MB
MOST_INDEX_MEMORY = 4 * 2**30  # bytes; a graph that outgrows what it is given is finished on disk, for hours


@dataclass
class Draft:
    """Generation `number` while it is written, on a base that is there (`before`) or a new one."""

    rows: Rows
    connection: sa.Connection
    number: int
    shelf: Shelf
    before: Held | None
    wordless: bool = False  # after a rollback: the words of all its articles are to be written anew
    near: bool = False  # its fields have an index

    def __post_init__(self) -> None:
        self.near = bool(self.before and self.before.opened.manifest.files["near"][1])

    @property
    def asker(self) -> Inside:
        """Sees what is written here."""
        return Inside(self.connection)

    def end(self, ids: Collection[str]) -> None:
        """Leave out the articles of before with these ids. To be done before any is written."""
        a = self.shelf.article.c
        if ids:
            ended = sa.update(self.shelf.article).where(a.id == sa.any_(sa.cast(list(ids), sa.ARRAY(sa.Text))))
            self.connection.execute(ended.where(a.until == OPEN).values(until=self.number))

    def entries(self, since: int = 0) -> Iterator[Entry]:
        """The articles this generation has by now of those that came after `since`, in the order of their numbers, read
        a few at a time."""
        a = self.shelf.article.c
        here = sa.and_(in_generation(self.shelf.article, self.number), a.since > since)
        numbers = [row.number for row in self.asker.rows(sa.select(a.number).where(here).order_by(a.number))]
        for start in range(0, len(numbers), AHEAD):
            some = among(a.number, numbers[start : start + AHEAD])
            for row in self.asker.rows(sa.select(a.number, a.record).where(some).order_by(a.number)):
                yield replace(entry_of(json.loads(row.record)), number=row.number)

    def words(self, entries: Iterable[Entry], instead_of: Sequence[int] = ()) -> None:
        """A segment of the words of these articles, in place of some segments."""
        s = self.shelf.segment.c
        if instead_of:
            ended = sa.update(self.shelf.segment).where(s.number.in_(instead_of), s.until == OPEN)
            self.connection.execute(ended.values(until=self.number))
        write_segment(self.connection, self.shelf, self.number, entries)

    def engine(self, name: str, taught: Taught, like: Held | None = None) -> PostgresEngine:
        """What is written by now, to be asked, not verified; judged `like` another."""
        library, curve = self.rows.library(self.shelf), like.opened.manifest.calibration if like else None
        return PostgresEngine(name, self.lines(), library, self.asker, curve, taught, self.near)

    def lines(self) -> Directory:
        """The lines of what is written by now."""
        return directory(self.shelf, self.number, self.asker, self.before.lines if self.before else None)

    def settle(self, fresh: int) -> None:
        """Give the fields an index where their chunks are too many by now to be kept in memory, and tell the planner of
        `fresh` new articles.

        To be done when all are written and before any question is asked: without it one is compared with each chunk.
        """
        most = 0 if self.near else max(self.sizes(self.lines()).values())
        if not may_stay(most, self.shelf.dim):
            memory = min(most * index_bytes(self.shelf.dim), MOST_INDEX_MEMORY) // 2**20 + LEAST_INDEX_MEMORY
            self.connection.exec_driver_sql(f"SET LOCAL maintenance_work_mem = '{memory}MB'")
            for name in self.shelf.fields:
                self.shelf.near_index(name).create(self.connection)
            self.near = True
        if fresh >= ANALYZE_FROM:
            for table in self.shelf.tables:
                self.connection.exec_driver_sql(f'ANALYZE "{table.schema}"."{table.name}"')

    def sizes(self, lines: Directory) -> dict[str, int]:
        """The chunks of each field."""
        return {name: sum(getattr(line, name) for line in lines.lines.values()) for name in self.shelf.fields}

    def publish(self, manifest: Manifest, now: Taught) -> None:
        """Make it the current one when the transaction ends: list, verify, move the pointer.

        Raises GenerationError when what was written does not verify.
        """
        write_taught(self.connection, self.shelf, self.number, now)
        reached("rows.learnt")
        lines = self.lines()
        meant = {id: (listed.sha256, listed.path) for id, listed in manifest.articles.items()}
        if {id: (line.sha256, line.path) for id, line in lines.lines.items()} != meant:
            raise GenerationError("generation_damaged", generation=manifest.generation, file=self.shelf.article.name)
        files = {name: ("", size) for name, size in self.sizes(lines).items()}
        files |= {"articles": (f"{lines.digest:032x}", len(lines.lines)), "lessons": digest(now)}
        whole = replace(
            manifest,
            articles={},
            segments=tuple(map(str, lines.segments)),
            files=files | {"near": ("", int(self.near))},
        )
        row = {"number": self.number, "name": manifest.generation, "base": self.shelf.base}
        row |= {"manifest": json.dumps(asdict(whole), ensure_ascii=False), "weights": json.dumps(asdict(now.weights))}
        self.connection.execute(sa.insert(self.rows.generations), row)
        reached("rows.listed")
        self.rows.look(self.asker, self.number, self.before, serving=self.asker)
        reached("rows.verified")
        self.rows.point_at(self.connection, self.number)


@contextmanager
def drafted(rows: Rows, connection: sa.Connection, before: Held | None, dim: int) -> Iterator[Draft]:
    """A new generation, in one transaction: kept at the end, undone by any exception. It goes on from `before`; without
    one it is a new base, for vectors of `dim` numbers."""
    with connection.begin():
        number = rows.next_number(connection)
        if before is None:
            base = rows.next_number(connection)
            tables = shelf(base, dim, rows.schema)
            tables.article.metadata.create_all(connection)
            yield Draft(rows, connection, number, tables, None)
        else:
            draft = Draft(rows, connection, number, before.lines.shelf, before)
            _rejoin(draft, before)
            yield draft
    reached("rows.committed")


def _rejoin(draft: Draft, before: Held) -> None:
    """After a rollback: what came since `before` ends here, and what ended since comes again as it was."""
    g, a, s = draft.rows.generations.c, draft.shelf.article.c, draft.shelf.segment.c
    connection, number = draft.connection, before.lines.number
    if connection.scalar(sa.select(sa.func.max(g.number))) == number:
        return
    for table in (draft.shelf.article, draft.shelf.segment, draft.shelf.lesson, draft.shelf.regression):
        came = sa.update(table).where(table.c.since > number, table.c.until == OPEN)
        connection.execute(came.values(until=draft.number))
    ended = sa.select(a.number).where(in_generation(draft.shelf.article, number), a.until < OPEN)
    lost = [row.number for row in draft.asker.rows(ended)]
    for old, new in zip(lost, draft.rows.next_numbers(connection, len(lost)), strict=True):
        _copy(connection, draft.shelf.article, "number", old, number=new, since=draft.number, until=OPEN)
        for table in (*draft.shelf.fields.values(), draft.shelf.tokens):
            _copy(connection, table, "article", old, article=new)
    cut = sa.select(s.number).where(in_generation(draft.shelf.segment, number), s.until < OPEN)
    draft.wordless = bool(lost or draft.asker.rows(cut))


def _copy(connection: sa.Connection, table: sa.Table, column: str, value: int, **changed: int) -> None:
    """The rows with a value in a column once more, some columns changed."""
    columns = [sa.literal(changed[c.name]).label(c.name) if c.name in changed else c for c in table.c]
    rows = sa.select(*columns).where(table.c[column] == value)
    connection.execute(sa.insert(table).from_select([c.name for c in table.c], rows))
