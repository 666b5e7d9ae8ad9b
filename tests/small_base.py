"""A small knowledge base in a folder of its own, written and built the way the product does it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from indexer import build, generation
from indexer.build.rows import build as build_rows
from indexer.generation.rows.store import Rows
from indexer.vectors import VectorCache
from kb.content.articles import Article, parse
from kb.finding.search import Encoder
from kb.people.scope import EVERY_PRODUCT, EVERYONE, GOVERNANCE, STATES, Scope
from tests.fake_encoder import HashEncoder

TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

# All states and languages, the articles of no team, valid on the day of the tests.
ALL = Scope(
    teams=frozenset({EVERYONE}),
    langs=frozenset({"zh-CN", "en"}),
    states=frozenset(STATES),
    governance=frozenset(GOVERNANCE),
    products=frozenset({EVERY_PRODUCT}),
    on=TODAY,
)


def scope(**changes: Any) -> Scope:
    """`ALL` with some of its sets changed; a set may be given as any iterable of texts."""
    sets = {name: value if isinstance(value, bool | date) else frozenset(value) for name, value in changes.items()}
    return replace(ALL, **sets)


def markdown(
    id: str,
    title: str,
    *,
    say: str = "",
    body: str = "",
    questions: Iterable[str] = (),
    lang: str = "",
    state: str = "validated",
    **front: object,
) -> str:
    """An article's file. `lang` is told from the title where it is not given; `front` are more keys."""
    keys = {"id": id, "title": title, "lang": lang or ("en" if title.isascii() else "zh-CN")}
    keys |= {"questions": list(questions), "state": state, **front}
    lines = [f"{key}: {_yaml(value)}" for key, value in keys.items() if value]
    spoken = f"::: say\n{say}\n:::\n\n" if say else ""
    return "\n".join(["---", *lines, "---", "", f"{spoken}{body}", ""])


def _yaml(value: object) -> str:
    given = [str(one) for one in value] if isinstance(value, list | tuple) else str(value)
    return json.dumps(given, ensure_ascii=False)


@dataclass
class SmallBase:
    """An `articles` folder, an index and a vector cache under `home`."""

    home: Path
    encoder: Encoder = field(default_factory=HashEncoder)
    rows: Rows | None = None  # where generations are rows; None = files under `home`

    @property
    def folder(self) -> Path:
        return self.home / "articles"

    @property
    def index(self) -> Path:
        return self.home / "index"

    def write(self, id: str, title: str, *, place: str = "troubleshooting", **keys: Any) -> Article:
        """Save one article's file; the article it says. Other keys are `markdown`'s."""
        path = self.folder / place / f"{id}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(markdown(id, title, **keys), "utf-8")
        return parse(path.read_text("utf-8"), path.relative_to(self.folder).as_posix())

    def build(self, at: datetime = NOON, **options: Any) -> build.Report:
        """`indexer.build.build` of the folder; `options` are its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        cache = VectorCache(self.home / "vectors.sqlite")
        try:
            if self.rows:
                return build_rows(self.folder, self.rows, self.encoder, cache, at=at, **options)
            return build.build(self.folder, self.index, self.encoder, cache, at=at, **options)
        finally:
            cache.close()

    def open(self) -> generation.Opened:
        return self.rows.open_current() if self.rows else generation.open_current(self.index)

    @property
    def current(self) -> str:
        """The name of the current generation, '' for none."""
        found = self.rows.current() if self.rows else generation.current(self.index)
        return found[0] if found else ""
