"""Somebody leaves: their account is closed, and what waits for them passes to somebody else, all of it or nothing.

Promises to customers and gaps in the database; articles in their files, through the studio, like any other save.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from kb import tables
from kb.content import articles
from kb.content.articles import Article
from kb.errors import RequestError
from kb.gaps.gap import OPEN
from kb.people import accounts, users
from kb.people.users import Action, User, require
from kb.studio import writing

_OWNER = re.compile(r"^(owner[ \t]*:[ \t]*)[^\r\n]*", re.MULTILINE)
_FRONT = re.compile(r"\A(?:\ufeff)?---[ \t]*\r?\n.*?^---[ \t]*\r?$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class HandedOn:
    """What passed to somebody else: how many promises and gaps, and the articles (paths) they answered for."""

    promises: int
    gaps: int
    articles: tuple[str, ...]


def leave(connection: sa.Connection, by: User, id: str, to: str, folder: Path, at: datetime) -> HandedOn:
    """Close an account and hand on its open promises, gaps and articles to another one that may sign in.

    Raises NotFoundError, RequestError for somebody who cannot take over. A file that changes meanwhile stays as it
    is and is told by not being among the articles handed on.
    """
    require(by, Action.MANAGE_USERS)
    if to == id or to not in {one.id for one in users.everyone(connection)}:
        raise RequestError("leaving_to_nobody", id=to[:64])
    accounts.disable(connection, by, id, at)
    promise, gap = tables.promise.c, tables.gap.c
    waiting = (promise.agent == id) & promise.kept_at.is_(None) & promise.undone_at.is_(None)
    promises = connection.execute(sa.update(tables.promise).where(waiting).values(agent=to)).rowcount
    theirs = (gap.owner == id) & gap.state.in_(OPEN)
    gaps = connection.execute(sa.update(tables.gap).where(theirs).values(owner=to)).rowcount
    return HandedOn(promises, gaps, tuple(_articles(by, id, to, folder)))


def owned(folder: Path, id: str) -> tuple[Article, ...]:
    """The articles that somebody answers for."""
    everything, _ = articles.read_all(folder)
    return tuple(one for one in everything if one.owner == id)


def _articles(by: User, id: str, to: str, folder: Path) -> Iterator[str]:
    for one in owned(folder, id):
        source = with_owner(one.source, to)
        try:
            writing.save(folder, one.path, source, one.version, by)
        except RequestError:  # somebody saved it this very moment
            continue
        yield one.path


def with_owner(source: str, owner: str) -> str:
    """The text of an article with another owner in its front matter, and not a character else changed."""
    front = _FRONT.match(source)
    head = front[0] if front else ""
    mended = _OWNER.sub(lambda found: f"{found[1]}{owner}", head, count=1)
    return mended + source[len(head) :]
