"""What calls taught becomes searchable: the journal's votes, the editors' decisions, then a generation with what holds.

All in the background. A call that changed is read again and no other; a question is embedded once and
compared with the others once; what stands is judged anew where a vote is new, and nothing is published where nothing
holds that did not hold before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

from indexer import learnt
from indexer.build.places import place_of
from indexer.engine import Engine, Lesson
from indexer.vectors import VectorCache
from kb.calls import lessons
from kb.config import Settings
from kb.db import Database
from kb.doors.floor import middle_of
from kb.finding.learning import Learnt, Neighbours, Vote, decisions, standing
from kb.finding.search import Encoder, Vector
from kb.tables import EPOCH

OVERLAP = timedelta(hours=1)  # what happened before, and was told since: from the spool, or by another's clock
ANEW = timedelta(hours=1)  # without news: votes fade


class Questions:
    """An encoder's questions for a cache that knows passages."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.dim = f"{encoder.name}?", encoder.dim

    def passages(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, rows of length 1: the texts as questions."""
        return self._encoder.queries(texts)


class Teacher:
    """Knows what was learnt and publishes it."""

    def __init__(self, vectors: Path) -> None:
        """`vectors` is the file of the vector cache."""
        self._vectors = vectors
        self._votes: dict[str, tuple[Vote, ...]] = {}
        self._states: dict[str, lessons.State] = {}  # of the calls that were read again last
        self._by: tuple[object, ...] = ()  # what `now` follows from, besides the votes
        self._seen = self._judged = EPOCH
        self._known: Neighbours | None = None
        self._model = ""
        self.now: tuple[Learnt, ...] = ()
        self.looked = False

    def look(self, database: Database, engine: Engine, encoder: Encoder, agents: int, at: datetime) -> None:
        """Read what happened since the last look; `now` is then every question ever solved, as it stands.

        Raises StoreError; what was known before stays.
        """
        with database.read() as connection:
            lately = lessons.lately(connection, max(EPOCH, self._seen - OVERLAP), at)
            changed = [call for call, state in lately.items() if self._states.get(call) != state]
            votes = lessons.of_calls(connection, changed, at)
            decided = decisions(connection)
        news = {call: some for call, some in votes.items() if some != self._votes.get(call, ())}
        self._votes = {call: some for call, some in (self._votes | news).items() if some}
        if self._known is None or self._model != encoder.name:
            self._known, self._model = Neighbours(self._rows(encoder), middle_of(engine, encoder)), encoder.name
        by = decided, self._known, agents
        if news or by != self._by or abs(at - self._judged) >= ANEW:
            self.now = standing(tuple(chain.from_iterable(self._votes.values())), decided, self._known, at, agents)
            self._by, self._judged = by, at
        self._states, self._seen, self.looked = lately, at, True

    def _rows(self, encoder: Encoder) -> Callable[[Sequence[str]], Vector]:
        """Questions to rows through the cache, which is opened where it is used: in a thread of the background."""

        def rows(texts: Sequence[str]) -> Vector:
            cache = VectorCache(self._vectors)
            try:
                return cache.passages(texts, Questions(encoder))  # type: ignore[arg-type]
            finally:
                cache.close()

        return rows

    def publish(self, settings: Settings, engine: Engine, encoder: Encoder, at: datetime) -> bool:
        """Publish what holds; whether there was anything new. Raises PublishError while another publishes."""
        held = [Lesson(one.article, one.question) for one in self.now if one.state == "holds"]
        here = {one.key for one in held if one.article in engine.ids}
        if here == {one.key for one in engine.lessons}:
            return False
        return place_of(settings).teach(encoder, held, at, keep=settings.keep)

    def measure(self, settings: Settings, engine: Engine, encoder: Encoder, at: datetime) -> bool:
        """Measure anew how much lessons count, where so many came that it may be something else; whether it is."""
        return learnt.stale(engine) and place_of(settings).measure(encoder, at, keep=settings.keep)
