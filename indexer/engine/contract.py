"""What builds, doors and measurements ask of an engine beside what a search does, wherever its generation is kept."""

from __future__ import annotations

from typing import Protocol

from indexer.engine.learnt import Lesson, Taught
from kb.finding.learning.evidence import Weights
from kb.finding.search import Index, Vector


class Engine(Index, Protocol):
    """One generation, open. Any number of threads may ask."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Of all its articles, in order."""
        ...

    @property
    def langs(self) -> frozenset[str]:
        """Of all its articles."""
        ...

    @property
    def teams(self) -> frozenset[str]:
        """That some article is for alone."""
        ...

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """The learnt questions of its articles."""
        ...

    @property
    def learnt_weights(self) -> Weights:
        """How much what was learnt counts."""
        ...

    def __len__(self) -> int: ...
    def titles(self) -> Vector:
        """What each article asks, the mean of its own questions and title, (n, dim), in the order of `ids`."""
        ...

    @property
    def unfitted(self) -> bool:
        """Whether its regression was dropped with a lesson that it knew."""
        ...

    def having(self, taught: Taught) -> Engine:
        """This index as if it had learnt these lessons instead of its own."""
        ...

    def unlearnt(self, key: str = "") -> Engine:
        """This index as if one lesson, or without a key all of them, had never been learnt."""
        ...

    def finds_itself(self) -> bool:
        """Whether a vector of the first article is its own nearest in each field, and its title's words find it."""
        ...
