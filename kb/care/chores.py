"""What the machine does with gaps while nobody waits: notice misses, join them, tell other systems.

Never on the path of a keystroke: questions are embedded a few at a time, so that a search waits for the
encoder no longer than for another search, and nothing is embedded twice, also not after a restart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from indexer.engine import Engine
from indexer.vectors import VectorCache
from kb import text
from kb.db import Connection, Database
from kb.finding.search import Encoder, Tokens, Vector
from kb.gaps import cost, misses
from kb.gaps.clusters import Space, joining, regrouping
from kb.people.users import OPERATOR
from kb.seen.log import log
from kb.systems import outbox, webhooks
from kb.systems.post import over_http
from kb.systems.webhooks import Post

AT_ONCE = 8  # questions embedded without letting a search in between
OWN = 512  # of the base's questions, from which its space is measured
AGAIN = timedelta(hours=2)  # a surge is told again after twice this at the most
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


def deliver(
    database: Database, urls: Sequence[str], secrets: Sequence[str], at: datetime, through: Post = over_http
) -> int:
    """Tell the named systems what happened since the last time; how many messages were taken. Raises StoreError.

    An address that cannot be reached is left alone until its next turn. Nothing is sent where nobody is named.
    """
    with database.write() as connection:
        if urls:
            _tell_surges(connection, at)
        webhooks.queue(connection, OPERATOR, urls, at)
    taken, away = 0, set[str]()
    while True:
        with database.read() as connection:
            waiting = webhooks.due(connection, at, but=away)
        if not waiting:
            return taken
        for hook in waiting:
            if hook.url not in away:
                sent = webhooks.send(hook, secrets, at, through)
                if sent.problem:
                    log.warning("webhook_not_taken", kind=hook.kind)
                with database.write() as connection:
                    webhooks.note(connection, OPERATOR, hook, sent, at)
                away |= {hook.url} if sent.away else set()
                taken += not sent.problem


def _tell_surges(connection: Connection, at: datetime) -> None:
    """Each gap of real calls that surges now, once a surge: told in the `AGAIN` this falls into, or in the one before
    it, it is the same one."""
    slot = int(at.timestamp() // AGAIN.total_seconds())
    for surge in cost.surges(connection, OPERATOR, at):
        now, before = (f"surge {surge.gap.id} {n}" for n in (slot, slot - 1))
        if any(webhooks.known(connection, outbox.id_of(one)) for one in (now, before)):
            continue
        counts = {
            "calls": surge.calls,
            "minutes": int(cost.WINDOW / timedelta(minutes=1)),
            "usual": round(surge.usual, 2),
        }
        facts = {"gap": surge.gap.id, "since": surge.since.isoformat()}
        outbox.put(connection, "gap.surge", f"gap:{surge.gap.id}", at, once=now, **facts, **counts)
