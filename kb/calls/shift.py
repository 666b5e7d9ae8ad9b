"""The start of a shift: which of the articles I use have changed, and when the day in which promises are due ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import sqlalchemy as sa

from kb.content.site import Site
from kb.people.users import Action, User, require
from kb.tables import event, version

LOOKS_BACK = timedelta(days=60)  # an article not used for so long is looked up anew anyway


@dataclass(frozen=True)
class Changed:
    """An article that is no longer what I last used.

    now:    sha256 of its file as it is served, '' where it is no longer in the base
    before: the text of the version I last used, '' where it was not kept
    """

    article: str
    now: str
    before: str
    last_used: datetime
    uses: int


def end_of_day(site: Site, at: datetime) -> datetime:
    """The first moment of the site's next day."""
    return datetime.combine(site.today(at) + timedelta(days=1), time(0), site.zone)


# --- reads ---------------------------------------------------------------------------------------


def changed(connection: sa.Connection, by: User, current: Mapping[str, str], at: datetime) -> tuple[Changed, ...]:
    """Articles I used on calls in the last 60 days that have changed since, the most used first.

    current: article id → sha256 of its file, of all that is served
    """
    require(by, Action.READ_CALL, owner=by.id)
    mine = sa.and_(
        event.c.agent == by.id,
        event.c.at > at - LOOKS_BACK,
        event.c.at <= at,
        event.c.article != "",
        event.c.version != "",
        event.c.undone_at.is_(None),
    )
    last = (
        sa.select(event.c.article, sa.func.max(event.c.at).label("at"), sa.func.count().label("uses"))
        .where(mine)
        .group_by(event.c.article)
        .subquery()
    )
    asked = (
        sa.select(last.c.article, last.c.at, last.c.uses, event.c.version, version.c.source)
        .join(event, sa.and_(mine, event.c.article == last.c.article, event.c.at == last.c.at))
        .outerjoin(version, version.c.sha256 == event.c.version)
        .order_by(last.c.uses.desc(), last.c.article)
    )
    found: dict[str, Changed] = {}
    same = set()
    for row in connection.execute(asked):
        now = current.get(row.article, "")
        found[row.article] = Changed(row.article, now, row.source or "", row.at, row.uses)
        if now == row.version:  # of two uses in one moment, one with today's version is enough
            same.add(row.article)
    return tuple(one for one in found.values() if one.article not in same)
