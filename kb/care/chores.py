"""What the machine does with gaps while nobody waits: notice misses, join them, tell other systems.

Never on the path of a keystroke: questions are embedded a few at a time, so that a search waits for the
encoder no longer than for another search, and nothing is embedded twice, also not after a restart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np

from indexer.engine import Engine
from indexer.vectors import VectorCache
from kb import text
from kb.care import webhooks
from kb.db import Database
from kb.finding.search import Encoder, Tokens, Vector
from kb.gaps import misses
from kb.gaps.clusters import Space, joining, regrouping
from kb.people.users import OPERATOR
from kb.seen.log import log

AT_ONCE = 8  # questions embedded without letting a search in between
OWN = 512  # of the base's questions, from which its space is measured
LEAST = 2 * AT_ONCE  # of them: fewer say nothing of where questions lie


class Asked:
    """An encoder's questions as a cache of passages knows them."""

    def __init__(self, encoder: Encoder) -> None:
        self.name, self.token_name, self.dim = f"{encoder.name} asked", encoder.token_name, encoder.dim
        self._encoder = encoder

    def passages(self, texts: Sequence[str]) -> Vector:
        """(n, dim) unit rows, embedded a few at a time."""
        parts = [self._encoder.queries(texts[i : i + AT_ONCE]) for i in range(0, len(texts), AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), np.float32)

    queries = passages

    def with_tokens(self, texts: Sequence[str], *, query: bool) -> tuple[Vector, list[Tokens]]:
        """As the encoder's: nobody asks for them here."""
        return self._encoder.with_tokens(texts, query=query)


class GapKeeper:
    """Keeps the gaps up to date. One look at a time."""

    def __init__(self, cache: Path) -> None:
        """cache: the file of vectors that are known already."""
        self._cache = cache
        self._space: tuple[str, Space | None] = "", None  # of which generation
        self._new: Counter[str] = Counter()  # tag → misses that joined since all were looked at together …
        self._known: Counter[str] = Counter()  # … and how many questions those were
        self._settled: dict[str, frozenset[str]] = {}  # … in which gaps

    def look(self, database: Database, engine: Engine | None, encoder: Encoder | None, at: datetime) -> int:
        """Notice what missed since the last look and join it; how many misses joined a gap. Raises StoreError.

        Without an encoder, or an index of its making, misses are noticed and wait.
        """
        seen = misses.CALLS_AT_ONCE
        while seen == misses.CALLS_AT_ONCE:
            with database.write() as connection:
                seen = misses.notice(connection, OPERATOR, at)
        if engine is None or encoder is None:
            return 0
        total = 0
        for tag in misses.COUNTED:
            joined = self._join(database, engine, encoder, at, tag)
            total += joined
            self._new[tag] += joined
            if joined and regrouping.is_due(self._new[tag], self._known[tag]):
                self._regroup(database, engine, encoder, at, tag)
        return total

    def _join(self, database: Database, engine: Engine, encoder: Encoder, at: datetime, tag: str) -> int:
        joined = 0
        while True:
            with database.read() as connection:
                todo = joining.todo(connection, at, tag)
            if not todo.new:
                return joined
            with closing(VectorCache(self._cache)) as cache:
                space = self._measured(engine, encoder, cache)
                if space is None:
                    return joined
                rows = cache.passages(todo.questions, Asked(encoder))
            known = dict(zip(todo.questions, rows, strict=True))
            decided = joining.decide(todo, known, space, self._settled.get(tag, frozenset()))
            with database.write() as connection:
                joining.keep(connection, OPERATOR, decided, at)
            joined += len(decided.gap)

    def _regroup(self, database: Database, engine: Engine, encoder: Encoder, at: datetime, tag: str) -> None:
        """Look at all questions together."""
        with database.read() as connection:
            asked = regrouping.questions(connection, tag)
        with closing(VectorCache(self._cache)) as cache:
            space = self._measured(engine, encoder, cache)
            if space is None:
                return
            said = list(dict.fromkeys(one.question for one in asked))
            rows = cache.passages(said, Asked(encoder))
        found = regrouping.regroup(asked, dict(zip(said, rows, strict=True)), space)
        with database.write() as connection:
            regrouping.keep(connection, OPERATOR, found, at)
        self._new[tag], self._known[tag], self._settled[tag] = 0, len(asked), found.gaps

    def _measured(self, engine: Engine, encoder: Encoder, cache: VectorCache) -> Space | None:
        """The space of the base's own questions, None where it has too few of them."""
        if self._space[0] != engine.generation:
            own = questions_of(engine)
            rows = cache.passages(own, Asked(encoder))
            langs = [text.language(question) for question in own]
            self._space = engine.generation, Space.of(rows, langs) if len(own) >= LEAST else None
        return self._space[1]


def questions_of(engine: Engine) -> list[str]:
    """The base's own questions, or the titles of articles that have none: `OWN` of them, the same every time."""
    articles = [engine.article(id) for id in sorted(engine.ids)]
    asked = [question for article in articles for question in (article.questions or (article.title,))]
    chosen = np.random.default_rng(0).permutation(len(asked))[:OWN]
    return [asked[i] for i in sorted(chosen.tolist())]


def deliver(database: Database, urls: Sequence[str], secret: str, at: datetime) -> int:
    """Tell the named systems what became of gaps, and which surge; how many messages went through. Raises StoreError.

    Nothing is read or sent where nobody is named.
    """
    if not urls:
        return 0
    with database.write() as connection:
        webhooks.queue(connection, OPERATOR, urls, at)
        webhooks.queue_surges(connection, OPERATOR, urls, at)
        waiting = webhooks.due(connection, at)
    through = 0
    for hook in waiting:
        done, problem = webhooks.send(hook, secret, at)
        if problem:
            log.warning("webhook_failed", kind=hook.kind)
        with database.write() as connection:
            webhooks.note(connection, OPERATOR, hook, done, problem, at)
        through += done
    return through
