"""How often each app server let somebody ask lately, so that all of them together let nobody ask more often than one
would. Only of those whose bucket is being emptied: mostly there is no row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kb.tables import share as table

KEPT = timedelta(minutes=10)  # a server that told of nothing for so long is gone


@dataclass(frozen=True)
class Share:
    """What one server let through: `count` rises for as long as it tells of this bucket."""

    server: str
    kind: str
    who: str
    count: int


def tell(connection: sa.Connection, server: str, counts: Mapping[tuple[str, str], int], at: datetime) -> None:
    """This server let so many through, (kind, who) → count; nothing else it told before goes for any more."""
    connection.execute(sa.delete(table).where((table.c.server == server) | (table.c.at <= at - KEPT)))
    rows = [
        {"server": server, "kind": kind, "who": who, "count": count, "at": at} for (kind, who), count in counts.items()
    ]
    if rows:
        connection.execute(sa.insert(table), rows)


def of_others(connection: sa.Connection, server: str) -> tuple[Share, ...]:
    """What the other servers told last."""
    asked = sa.select(table.c.server, table.c.kind, table.c.who, table.c.count).where(table.c.server != server)
    return tuple(Share(*row) for row in connection.execute(asked))
