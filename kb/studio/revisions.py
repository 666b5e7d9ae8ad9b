"""Who changed an article, when and how: one row a save, also one that was made on disk.

The text of a version is kept once (`kb.content.versions`); a revision says who made it of which one before.
"""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from kb import tables
from kb.content import versions
from kb.content.articles import Article, parse
from kb.errors import ArticleError, NotFoundError
from kb.people.scope import ANSWERING_STATES
from kb.people.users import User
from kb.studio.life import check_change, may_read
from kb.systems import outbox

TWIN = "twin"  # no change: somebody saw that both languages say the same
CAUSES = ("studio", "disk", "restore", "import", "bulk", "move", "api", TWIN)
EXACT_MOST = 1_000  # lines that are compared each with each
GIT_SECONDS = 30
COMMIT = "\x01"  # before each commit in what git prints
DISK = "disk"  # who made a change that git tells nothing about


@dataclass(frozen=True)
class Revision:
    """One change of an article.

    sha256, parent: the version it made and the one before, '' where there was none (parent) or it was removed (sha256)
    by:             a user's id, a git author, or `DISK`
    """

    id: int
    article: str
    path: str
    sha256: str
    parent: str
    at: datetime
    by: str
    cause: str
    state: str


def record(
    connection: sa.Connection, new: Article, at: datetime, by: str, cause: str, *, news: bool = True
) -> Revision | None:
    """Keep that an article reads as `new` from now on; None where its latest revision says so already.

    news: False where it read so before, and only nobody had kept it: nobody is told that it was published
    """
    last = latest(connection, new.id)
    if last is not None and (last.sha256, last.path) == (new.version, new.path):
        return None
    versions.keep(connection, new, at)
    before = last.sha256 if last else ""
    there = {"article": new.id, "path": new.path, "sha256": new.version, "state": new.state}
    if news and new.state in ANSWERING_STATES:
        told = {"article": new.id, "version": new.version, "state": new.state, "lang": new.lang, "cause": cause}
        outbox.put(connection, "article.published", f"article:{new.id}", at, **told)
    return _add(connection, **there, parent=before, at=at, by=by[:200], cause=cause)


def record_removed(connection: sa.Connection, article: str, at: datetime, by: str) -> None:
    """Keep that an article's file is gone."""
    last = latest(connection, article)
    if last is not None and last.sha256:
        gone = {"article": article, "path": last.path, "sha256": "", "state": ""}
        _add(connection, **gone, parent=last.sha256, at=at, by=by[:200], cause="disk")


def _add(connection: sa.Connection, **facts: Any) -> Revision:
    key = connection.execute(sa.insert(tables.revision).values(**facts)).inserted_primary_key
    return Revision(id=key[0] if key else 0, **facts)


def any_yet(connection: sa.Connection) -> bool:
    """Whether any change of any article was ever kept."""
    return connection.scalar(sa.select(sa.literal(1)).select_from(tables.revision).limit(1)) is not None


def latest(connection: sa.Connection, article: str) -> Revision | None:
    """The last change of an article."""
    found = _newest_first(article).limit(1)
    row = connection.execute(found).one_or_none()
    return None if row is None else Revision(**row._mapping)


def history(connection: sa.Connection, by: User, article: str) -> tuple[Revision, ...]:
    """Every change of an article, newest first. Raises NotFoundError where this person may not see it."""
    found = tuple(Revision(**row._mapping) for row in connection.execute(_newest_first(article)))
    for one in found:
        if one.sha256 and not may_read(by, of(connection, one)):
            raise NotFoundError("article_not_found")
    return found


def of(connection: sa.Connection, revision: Revision) -> Article:
    """The article as a revision has it. Raises NotFoundError for one that removed it."""
    source = versions.source_of(connection, revision.sha256)
    if source is None:
        raise NotFoundError("version_not_found")
    return parse(source, revision.path)


def source(connection: sa.Connection, sha256: str) -> str:
    """The text of a version, '' where there is none."""
    return versions.source_of(connection, sha256) or ""


def behind(connection: sa.Connection, there: Mapping[str, tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Of the articles that are there (id → version, path): those with another latest revision, and those gone."""
    known = {row.article: (row.sha256, row.path) for row in connection.execute(_latest_of_each())}
    changed = [id for id, one in there.items() if known.get(id) != one]
    return changed, [id for id, (sha256, _) in known.items() if sha256 and id not in there]


def git_authors(folder: Path) -> dict[str, str]:
    """Path under `folder` → who committed that file last, for the files that are as they were committed.

    Empty where git, or a repository, is not there.
    """
    try:
        changed = set(_git(folder, "diff", "--name-only", "-z", "--relative", "HEAD").split("\0"))
        commits = _git(folder, "log", "--relative", "--no-renames", "--name-only", "-z", f"--format={COMMIT}%an")
    except (OSError, subprocess.SubprocessError):
        return {}
    authors: dict[str, str] = {}
    for commit in commits.split(COMMIT)[1:]:  # the newest first
        author, *paths = commit.split("\0")
        for path in paths:
            authors.setdefault(path.lstrip("\n"), author)
    return {path: author for path, author in authors.items() if path and path not in changed}


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, timeout=GIT_SECONDS, check=True, text=True).stdout


def stamps(connection: sa.Connection) -> dict[str, tuple[datetime, str]]:
    """Article id → when it was last changed, and by whom."""
    return {row.article: (row.at, row.by) for row in connection.execute(_latest_of_each())}


def _latest_of_each() -> sa.Select[Any]:
    revision = tables.revision
    return sa.select(revision).where(
        revision.c.id.in_(sa.select(sa.func.max(revision.c.id)).group_by(revision.c.article))
    )


def _newest_first(article: str) -> sa.Select[Any]:
    revision = tables.revision
    return sa.select(revision).where(revision.c.article == article).order_by(revision.c.id.desc())


def diff(old: str, new: str, around: int = 2) -> Sequence[str]:
    """What differs between two files, as the lines of a unified diff without its header."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=around)
    return [line for line in lines if not line.startswith(("---", "+++"))]


def opcodes(old: Sequence[str], new: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    """How lines become others, as difflib tells it. In a text of more than `EXACT_MOST` lines, one that stands
    everywhere in it matches nothing by itself: else a table of a few different rows takes minutes."""
    long = max(len(old), len(new)) > EXACT_MOST
    return difflib.SequenceMatcher(None, old, new, autojunk=long).get_opcodes()


def changed_lines(old: str, new: str) -> frozenset[int]:
    """The lines (from 1) of a text that were not in the one before; where some were taken out, the one after them."""
    return frozenset(
        line
        for kind, _, _, start, end in opcodes(old.splitlines(), new.splitlines())
        if kind != "equal"
        for line in range(start + 1, max(end, start + 1) + 1)
    )


# --- twins ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """How an article and its twin in another language stand to each other.

    behind: id of the one that was not changed after the other was, '' where they are in step
    since:  when the other one was changed first, None in step
    step:   article id → the version in which they last were in step
    """

    behind: str
    since: datetime | None
    step: Mapping[str, str]


def standings(connection: sa.Connection, pairs: Collection[tuple[str, str]]) -> dict[str, Standing]:
    """Article id → how it and its twin stand, for both of each pair.

    A change of what an article says puts its twin behind; the twin's next change, or `in_step`, brings both in step.
    What only its front matter says besides the title is no such change.
    """
    twins = dict(pairs) | {twin: id for id, twin in pairs}
    found = sa.select(tables.revision).order_by(tables.revision.c.id)
    if len(twins) <= FEW:
        found = found.where(tables.revision.c.article.in_(twins))
    told: dict[frozenset[str], list[Revision]] = {}
    for row in connection.execute(found):
        if row.article in twins:
            told.setdefault(frozenset((row.article, twins[row.article])), []).append(Revision(**row._mapping))
    standing = {pair: _standing(some, twins, lambda one: _says_else(connection, one)) for pair, some in told.items()}
    return {id: one for pair, one in standing.items() for id in pair}


def _standing(told: Sequence[Revision], twins: Mapping[str, str], says_else: Callable[[Revision], bool]) -> Standing:
    now: dict[str, str] = {}
    step: dict[str, str] = {}
    behind, since = "", None
    for one in told:
        twin = twins[one.article]
        if one.cause == TWIN or (behind == one.article and says_else(one)):
            behind, since = "", None
        elif not behind and now.get(twin) and says_else(one):
            behind, since = twin, one.at
        now[one.article] = one.sha256
        if not behind:
            step = dict(now)
    return Standing(behind, since, step)


_else: dict[tuple[str, str], bool] = {}  # of two versions, which never change: whether they say different things
ELSE_MOST = 50_000
FEW = 100  # articles that a database is better asked for by name


def _says_else(connection: sa.Connection, one: Revision) -> bool:
    """Whether a change is one of the title or the body."""
    if not one.parent or not one.sha256 or one.parent == one.sha256:
        return False
    key = (one.parent, one.sha256)
    if key not in _else:
        if len(_else) >= ELSE_MOST:
            _else.clear()
        _else[key] = _said(source(connection, one.parent), one) != _said(source(connection, one.sha256), one)
    return _else[key]


def _said(text: str, one: Revision) -> tuple[str, str]:
    try:
        article = parse(text, one.path)
    except ArticleError:
        return "", text
    return article.title, article.body.strip()


def in_step(connection: sa.Connection, by: User, article: Article, at: datetime) -> None:
    """Keep that somebody saw that an article says what its twin says. Raises NotAllowedError as a save would."""
    check_change(by, article, article)
    there = {"article": article.id, "path": article.path, "sha256": article.version, "state": article.state}
    _add(connection, **there, parent=article.version, at=at, by=by.id, cause=TWIN)
