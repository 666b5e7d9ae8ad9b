"""What stands beside an answer: how often an article solved, open gaps, articles in work, bulletins, whom to ask.

All of it is a snapshot in memory, made anew in the background after something was written: a
keystroke never waits for the database, and a database that fails takes nothing from the search.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from indexer.engine import Engine
from kb.calls import bulletins, experts, journal
from kb.calls.bulletins import Bulletin
from kb.calls.experts import Expert
from kb.content import versions
from kb.db import Database
from kb.errors import KBError
from kb.finding.search import Encoder, Vector
from kb.gaps import gap
from kb.gaps.gap import Gap
from kb.seen.log import log

REFRESH_SECONDS = 15.0  # without a write of this process: another one may have written
REST, LONGEST_REST = 4.0, 3.0  # times what the last look took, seconds: looking leaves most of a processor free
MIDDLE_QUESTIONS = 128  # of the base's own, enough to know where its questions lie
KEPT_AT_ONCE = 100  # versions a transaction: others want to write too


@dataclass(frozen=True)
class Floor:
    """One snapshot. `vectors` are the rows of `gaps`; `changed` has articles with an earlier version."""

    solved: Mapping[str, int] = field(default_factory=dict)
    changed: Mapping[str, datetime] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    vectors: Vector | None = None
    middle: Vector | None = None
    bulletins: tuple[Bulletin, ...] = ()
    experts: tuple[Expert, ...] = ()

    def similar_gaps(self, vector: Vector | None) -> list[Gap]:
        """Open gaps that mean the same as a question."""
        if vector is None or self.vectors is None or self.middle is None:
            return []
        return [self.gaps[row] for row, _ in gap.similar(vector, self.vectors, self.middle)]


class FloorKeeper:
    """Makes the snapshot anew when something was written."""

    def __init__(self) -> None:
        self._dirty = threading.Event()
        self._dirty.set()
        self._vectors: dict[str, Vector] = {}
        self._kept: set[str] | None = None  # versions that the database has
        self._generation = ""  # whose versions are all kept
        self._took = 0.0  # seconds, the last look
        self.written = threading.Event()  # for who learns from it
        self.now = Floor()

    def touched(self) -> None:
        """Something was written: the snapshot is old."""
        self._dirty.set()
        self.written.set()

    def wait(self) -> None:
        """Until something was written, by this process or perhaps by another, and not too soon after the last look."""
        time.sleep(min(REST * self._took, LONGEST_REST))
        self._dirty.wait(REFRESH_SECONDS)
        self._dirty.clear()

    def refresh(
        self, database: Database, engine: Engine | None, encoder: Encoder | None, articles: Path, at: datetime
    ) -> None:
        """Read everything anew. Raises StoreError; the snapshot before then stays."""
        started = time.perf_counter()
        try:
            self._refresh(database, engine, encoder, articles, at)
        finally:
            self._took = time.perf_counter() - started

    def _refresh(
        self, database: Database, engine: Engine | None, encoder: Encoder | None, articles: Path, at: datetime
    ) -> None:
        if engine:
            self._keep_versions(database, engine, at)
        with database.read() as connection:
            floor = replace(
                self.now,
                solved=journal.solved_counts(connection),
                changed=versions.changed(connection),
                gaps=tuple(one for one in gap.open_gaps(connection) if one.question),  # recorded in silence: like none
                vectors=None,
                bulletins=bulletins.in_force(connection, at),
                experts=self._experts(articles),
            )
        if engine and encoder:
            middle = floor.middle if floor.middle is not None else middle_of(engine, encoder)
            floor = replace(floor, middle=middle, vectors=self._rows(floor.gaps, encoder))
        self.now = floor

    def _experts(self, articles: Path) -> tuple[Expert, ...]:
        try:
            return experts.load(articles)
        except KBError as error:
            log.warning("experts_unread", error)
            return self.now.experts

    def _rows(self, gaps: Sequence[Gap], encoder: Encoder) -> Vector:
        asked = {one.question for one in gaps}
        missing = list(asked - set(self._vectors))
        self._vectors = {question: row for question, row in self._vectors.items() if question in asked}
        if missing:
            self._vectors |= dict(zip(missing, encoder.queries(missing), strict=True))
        return (
            np.stack([self._vectors[one.question] for one in gaps]) if gaps else np.zeros((0, encoder.dim), np.float32)
        )

    def _keep_versions(self, database: Database, engine: Engine, at: datetime) -> None:
        """Every version that is served is one that a caller may be told."""
        if engine.generation == self._generation:
            return
        if self._kept is None:
            with database.read() as connection:
                self._kept = versions.known(connection)
        fresh = [article for article in map(engine.article, engine.ids) if article.version not in self._kept]
        for start in range(0, len(fresh), KEPT_AT_ONCE):
            with database.write() as connection:
                self._kept |= {versions.keep(connection, one, at) for one in fresh[start : start + KEPT_AT_ONCE]}
        self._generation = engine.generation


def middle_of(engine: Engine, encoder: Encoder) -> Vector:
    """The mean of the base's own questions as the encoder sees them asked, (dim,)."""
    articles = [engine.article(id) for id in sorted(engine.ids)]
    asked = [question for article in articles for question in (article.questions or (article.title,))]
    if not asked:
        return np.zeros(encoder.dim, np.float32)
    chosen = np.random.default_rng(0).permutation(len(asked))[:MIDDLE_QUESTIONS]
    return np.asarray(encoder.queries([asked[i] for i in chosen]).mean(axis=0), np.float32)
