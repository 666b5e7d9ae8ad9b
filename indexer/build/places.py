"""Where the generations of a base are kept: files of this machine, or rows of the database server it shares."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from indexer import build as files
from indexer import generation, learnt
from indexer.build import Report
from indexer.build import rows as as_rows
from indexer.engine import Engine, Lesson
from indexer.generation import Manifest, Opened
from indexer.generation.rows.store import Rows
from indexer.learnt import rows as learnt_rows
from indexer.vectors import Progress, VectorCache
from kb.config import Settings
from kb.content.articles import Article
from kb.finding.search import Encoder


class Place(Protocol):
    """What programs do with generations. Raises GenerationError, and AwayError where a server does not answer."""

    def current(self) -> tuple[str, str] | None:
        """What the pointer says, None where nothing was ever published; it changes with each publish."""
        ...

    def open_current(self) -> Opened:
        """The current generation, verified or, where it is damaged, the newest one before it that is sound."""
        ...

    def reread(self) -> None:
        """Check the current generation anew, also what verified before."""
        ...

    def wait(self, seconds: float) -> None:
        """Until something may have been published, at most so long."""
        ...

    def roll_back(self) -> str:
        """Point at the newest sound generation before the current one; its name."""
        ...

    def collect(self, keep: int) -> list[str]:
        """Delete all but the newest `keep` generations; their names."""
        ...

    def build(
        self,
        folder: Path,
        encoder: Encoder,
        cache: VectorCache,
        *,
        at: datetime,
        keep: int = 3,
        full: bool = False,
        progress: Progress | None = None,
    ) -> Report:
        """Publish a generation of the articles in `folder`: `indexer.build.build`."""
        ...

    def teach(self, encoder: Encoder, lessons: Sequence[Lesson], at: datetime, *, keep: int = 3) -> bool:
        """Publish the current generation with these lessons: `indexer.learnt.teach`."""
        ...

    def measure(self, encoder: Encoder, at: datetime, *, keep: int = 3) -> bool:
        """Work out anew how much its lessons count: `indexer.learnt.measure`."""
        ...

    def preview(
        self, manifest: Manifest, article: Article, encoder: Encoder, cache: VectorCache
    ) -> AbstractContextManager[Engine]:
        """A served generation as if this article were in it: `indexer.build.preview`."""
        ...


@dataclass(frozen=True)
class Files:
    """Generations as folders under `index`."""

    index: Path

    def current(self) -> tuple[str, str] | None:
        """As `Place` says."""
        return generation.current(self.index)

    def open_current(self) -> Opened:
        """As `Place` says."""
        return generation.open_current(self.index)

    def reread(self) -> None:
        """As `Place` says."""
        generation.reread(self.index)

    def wait(self, seconds: float) -> None:
        """As `Place` says: files tell nobody, so whoever waits looks again."""
        time.sleep(seconds)

    def roll_back(self) -> str:
        """As `Place` says."""
        with generation.publisher(self.index):
            return generation.roll_back(self.index)

    def collect(self, keep: int) -> list[str]:
        """As `Place` says."""
        with generation.publisher(self.index):
            return generation.collect(self.index, keep)

    def build(
        self,
        folder: Path,
        encoder: Encoder,
        cache: VectorCache,
        *,
        at: datetime,
        keep: int = 3,
        full: bool = False,
        progress: Progress | None = None,
    ) -> Report:
        """As `Place` says."""
        return files.build(folder, self.index, encoder, cache, at=at, keep=keep, full=full, progress=progress)

    def teach(self, encoder: Encoder, lessons: Sequence[Lesson], at: datetime, *, keep: int = 3) -> bool:
        """As `Place` says."""
        return learnt.teach(self.index, encoder, lessons, at, keep=keep)

    def measure(self, encoder: Encoder, at: datetime, *, keep: int = 3) -> bool:
        """As `Place` says."""
        return learnt.measure(self.index, encoder, at, keep=keep)

    def preview(
        self, manifest: Manifest, article: Article, encoder: Encoder, cache: VectorCache
    ) -> AbstractContextManager[Engine]:
        """As `Place` says."""
        return files.preview(self.index, manifest, article, encoder, cache)


@dataclass(frozen=True)
class Server:
    """Generations as rows."""

    rows: Rows

    def current(self) -> tuple[str, str] | None:
        """As `Place` says."""
        return self.rows.current()

    def open_current(self) -> Opened:
        """As `Place` says."""
        return self.rows.open_current()

    def reread(self) -> None:
        """As `Place` says."""
        self.rows.reread()

    def wait(self, seconds: float) -> None:
        """As `Place` says."""
        self.rows.wait(seconds)

    def roll_back(self) -> str:
        """As `Place` says."""
        with self.rows.publisher() as connection:
            return self.rows.roll_back(connection)

    def collect(self, keep: int) -> list[str]:
        """As `Place` says."""
        with self.rows.publisher() as connection:
            return self.rows.collect(connection, keep)

    def build(
        self,
        folder: Path,
        encoder: Encoder,
        cache: VectorCache,
        *,
        at: datetime,
        keep: int = 3,
        full: bool = False,
        progress: Progress | None = None,
    ) -> Report:
        """As `Place` says."""
        return as_rows.build(folder, self.rows, encoder, cache, at=at, keep=keep, full=full, progress=progress)

    def teach(self, encoder: Encoder, lessons: Sequence[Lesson], at: datetime, *, keep: int = 3) -> bool:
        """As `Place` says."""
        return learnt_rows.teach(self.rows, encoder, lessons, at, keep=keep)

    def measure(self, encoder: Encoder, at: datetime, *, keep: int = 3) -> bool:
        """As `Place` says."""
        return learnt_rows.measure(self.rows, encoder, at, keep=keep)

    def preview(
        self, manifest: Manifest, article: Article, encoder: Encoder, cache: VectorCache
    ) -> AbstractContextManager[Engine]:
        """As `Place` says."""
        return as_rows.preview(self.rows, manifest, article, encoder, cache)


def place_of(settings: Settings) -> Place:
    """Where the settings say that generations are: in the database where that is a server's, else in files."""
    if settings.index_in == "auto" and settings.database_url.startswith("postgresql"):
        return _server(settings.database_url)
    return Files(settings.index)


@functools.cache
def _server(url: str) -> Server:
    """One for each address and process: it keeps connections and what they brought."""
    return Server(Rows(url))
