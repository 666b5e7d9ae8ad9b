"""Texts being written: kept at each rest of the keys, so that no crash, sign-out or reload loses one, and so that
a second person sees that somebody is at it. Personal data is masked before it is kept, but for what the article
already says to everybody (its own hotline, its return address)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kb import masking, tables
from kb.errors import RequestError
from kb.people.users import Action, User, require

AT_IT = timedelta(seconds=90)  # a draft kept within this time is being written
TEXT_MOST = 256 * 1024


@dataclass(frozen=True)
class Draft:
    """One person's text of one article. `base` is the sha256 of the version it began from, '' for a new one."""

    article: str
    by: str
    path: str
    base: str
    source: str
    gap: str
    at: datetime


def keep(connection: sa.Connection, by: User, draft: Draft, known: str = "") -> Draft:
    """Keep a text as it is now; as it was kept. `known` is a text that was published: what it says may stay.

    Raises NotAllowedError; RequestError for a text that no article could have.
    """
    require(by, Action.WRITE_ARTICLE)
    if len(draft.source) > TEXT_MOST:
        raise RequestError("draft_too_long", limit=TEXT_MOST // 1024)
    kept = Draft(draft.article, by.id, draft.path, draft.base, masked(draft.source, known), draft.gap, draft.at)
    table = tables.draft
    connection.execute(sa.delete(table).where(table.c.article == draft.article, table.c.by == by.id))
    connection.execute(sa.insert(table).values(**vars(kept)))
    return kept


def masked(source: str, known: str = "") -> str:
    """A text without the personal data in it that `known` does not have already."""
    parts, at = [], 0
    for found in masking.find(source):
        parts.append(source[at : found.start])
        own = source[found.start : found.end]
        parts.append(own if own in known else masking.PLACEHOLDERS[found.kind])
        at = found.end
    return "".join([*parts, source[at:]])


def mine(connection: sa.Connection, by: User) -> Sequence[Draft]:
    """What this person was writing, newest first."""
    table = tables.draft
    found = sa.select(table).where(table.c.by == by.id).order_by(table.c.at.desc(), table.c.article)
    return [Draft(**row._mapping) for row in connection.execute(found)]


def of(connection: sa.Connection, by: User, article: str) -> Draft | None:
    """This person's text of an article, None where they have none."""
    return next((one for one in mine(connection, by) if one.article == article), None)


def others(connection: sa.Connection, by: User, article: str, at: datetime) -> tuple[str, ...]:
    """Ids of the others who are writing at an article now."""
    table = tables.draft
    at_it = sa.and_(table.c.article == article, table.c.by != by.id, table.c.at > at - AT_IT)
    return tuple(connection.scalars(sa.select(table.c.by).where(at_it).order_by(table.c.by)))


def drop(connection: sa.Connection, by: User, article: str) -> None:
    """Forget this person's text of an article: it was saved, or is not wanted."""
    table = tables.draft
    connection.execute(sa.delete(table).where(table.c.article == article, table.c.by == by.id))
