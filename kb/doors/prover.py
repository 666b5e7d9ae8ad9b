"""Asks a generation what others asked: to tell why they missed, and whether what was written since answers them.

Nothing of it is journalled. In the background it replays, after each publish, every gap that has an answer
(settled.md, 12); vectors of questions are kept, so that most of a replay is looking up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np

from indexer.engine import Engine
from kb import text
from kb.content.products import Catalogue
from kb.db import Connection, Database
from kb.doors.floor import middle_of
from kb.finding.held_out import HeldOut, copies
from kb.finding.search import Encoder, Hits, Index, Tokens, Vector, search
from kb.finding.spelling import heard
from kb.gaps import diagnosis, replay
from kb.gaps.diagnosis import DEEP, Asking, Base, Found, scope_of, widened
from kb.gaps.gap import Gap
from kb.gaps.replay import Proof
from kb.people.scope import Scope
from kb.people.users import OPERATOR, User
from kb.seen import metrics
from kb.seen.log import log
from kb.tuning.pins import Pin
from kb.tuning.synonyms import NONE, Synonyms

LOOK_SECONDS = 15.0  # a gap may have been answered by an article that was there
REST, LONGEST_REST = 4.0, 60.0  # times what the last round took, seconds: calls come first
KEPT_MOST = 20_000  # questions whose vectors are kept


@dataclass
class Asker:
    """One generation, to be asked for others. `today` is the site's day."""

    engine: Engine
    encoder: Encoder
    catalogue: Catalogue
    today: date
    synonyms: Synonyms = NONE
    pins: tuple[Pin, ...] = ()  # none in a replay: what is pinned is over some day, and proves nothing
    vectors: dict[str, Vector] = field(default_factory=dict)  # of questions, by text
    tokens: dict[str, Tokens] = field(default_factory=dict)
    middle: Vector | None = None
    _found: dict[tuple[str, Scope], Found] = field(default_factory=dict)

    def __post_init__(self) -> None:
        articles = [self.engine.article(id) for id in self.engine.ids]
        teams = frozenset(team for one in articles for team in one.teams)
        self.base = Base(frozenset(one.lang for one in articles), teams, self.today)

    @property
    def generation(self) -> str:
        """What was asked: the generation, and with which synonyms where there are any."""
        return self.engine.generation + (f"~{self.synonyms.key}" if self.synonyms.groups else "")

    def tuned(self, synonyms: Synonyms, pins: tuple[Pin, ...]) -> Asker:
        """The same with other synonyms and with pins."""
        return replace(self, synonyms=synonyms, pins=pins, _found={})

    def find(self, question: str, scope: Scope) -> Found:
        """What a search finds, as it would for anybody with this scope."""
        key = question, scope
        if key not in self._found:
            hits = self._search(question, scope, self.engine)
            articles = tuple(hit.article for hit in hits.hits) if hits else ()
            self._found[key] = Found(articles, hits.verdict.probability if hits else None)
        return self._found[key]

    def rank(self, asking: Asking, article: str) -> int:
        """Where those who asked find an article or its twin, 0 = not among the first `DEEP`, by anything but the
        question and its copies."""
        asked = self._heard(asking.question)
        if not asked or article not in self.engine.ids:
            return 0
        everything = widened(asking, self.base)[-1]
        out = copies(asked, self._vector(asked), self.engine, everything, self.rows, self._middle(), of=(article,))
        hits = self._search(asking.question, scope_of(asking, self.base), HeldOut(self.engine, out))
        found = hits.hits if hits else ()
        return next((n for n, hit in enumerate(found, 1) if article in (hit.article.id, hit.twin)), 0)

    def rows(self, texts: Sequence[str]) -> Vector:
        """Texts as questions, (n, dim), rows of length 1."""
        missing = list(dict.fromkeys(one for one in texts if one not in self.vectors))
        if missing:
            self.vectors |= dict(zip(missing, self.encoder.queries(missing), strict=True))
        return np.stack([self.vectors[one] for one in texts])

    def _search(self, question: str, scope: Scope, index: Index) -> Hits | None:
        asked = self._heard(question)
        if not asked or not scope.langs:
            return None
        vector = self._vector(asked)
        return search(
            question,
            scope,
            index=index,
            encoder=self.encoder,
            catalogue=self.catalogue,
            synonyms=self.synonyms,
            pins=self.pins,
            limit=DEEP,
            vector=vector,
            tokens=self.tokens[asked],
        )

    def _heard(self, question: str) -> str:
        typed = text.clean(question)
        return heard(typed, self.engine.lexicon) if typed else ""

    def _vector(self, asked: str) -> Vector:
        if asked not in self.tokens:
            rows, (self.tokens[asked],) = self.encoder.with_tokens([asked], query=True)
            self.vectors[asked] = rows[0]
        return self.vectors[asked]

    def _middle(self) -> Vector:
        if self.middle is None:
            self.middle = middle_of(self.engine, self.encoder)
        return self.middle


class Prover:
    """Makes askers of generations one after the other, and replays what is due."""

    def __init__(self) -> None:
        self._touched = threading.Event()
        self._asker: Asker | None = None
        self._lock = threading.Lock()
        self._took = 0.0  # seconds, the last round

    def touched(self) -> None:
        """Something was published, or a gap answered."""
        self._touched.set()

    def wait(self) -> None:
        """Until there may be something to replay, and not too soon after the last round."""
        time.sleep(min(REST * self._took, LONGEST_REST))
        self._touched.wait(LOOK_SECONDS)
        self._touched.clear()

    def asker(
        self, engine: Engine, encoder: Encoder, catalogue: Catalogue, today: date, synonyms: Synonyms = NONE
    ) -> Asker:
        """An asker of this generation; what it knows of questions is the one's before."""
        with self._lock:
            before = self._asker
            now = (engine, encoder, today, synonyms)
            if before and (before.engine, before.encoder, before.today, before.synonyms) == now:
                return before
            new = Asker(engine, encoder, catalogue, today, synonyms)
            if before and before.encoder is encoder and len(before.vectors) < KEPT_MOST:
                new.vectors, new.tokens, new.middle = before.vectors, before.tokens, before.middle
            self._asker = new
            return new

    def run(self, database: Database, asker: Asker, at: datetime) -> dict[str, str]:
        """Replay the gaps that were not yet on this generation; gap → its new state, for those that have one.

        Raises StoreError.
        """
        began, moved = time.perf_counter(), {}
        with database.read() as connection:
            due = [one for one in replay.due(connection, OPERATOR) if not _is_done(connection, one, asker)]
        for one in due:
            made = prove(database, asker, OPERATOR, one, at)
            metrics.replayed(made.is_green)
            with database.write() as connection:
                after = replay.settle(connection, OPERATOR, made, at)
            if after:
                log.info("gap_moved", state=after)
                moved[one.id] = after
        self._took = time.perf_counter() - began
        return moved


def _is_done(connection: Connection, one: Gap, asker: Asker) -> bool:
    last = replay.last(connection, OPERATOR, one.id)
    return last is not None and (last.generation, last.article) == (asker.generation, one.article)


def prove(database: Database, asker: Asker, by: User, one: Gap, at: datetime) -> Proof:
    """Replay one gap; nothing is written. Raises StoreError, NotAllowedError."""
    with database.read() as connection:
        asked = diagnosis.askings(connection, by, one.id, asker.catalogue)
    there = one.article in asker.engine.ids
    found = asker.engine.article(one.article) if there else None
    return replay.proof(one.id, one.article, found, asked, asker.rank, asker.generation, at)
