"""What part of the journal is looked at: a period, a team, a product, a language; real calls or the sample's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kb import tables


@dataclass(frozen=True)
class View:
    """From `since` until before `until`; '' = any. `tag` '' = real calls, `demo` = the sample's, never both."""

    since: datetime
    until: datetime
    team: str = ""
    product: str = ""
    lang: str = ""
    tag: str = ""

    @property
    def where(self) -> sa.ColumnElement[bool]:
        """The rows of `asked` that are looked at."""
        one = tables.asked.c
        wanted = [one.tag == self.tag, one.at >= self.since, one.at < self.until]
        wanted += [of_team(one.teams, self.team)] if self.team else []
        wanted += [one.product == self.product] if self.product else []
        wanted += [one.lang == self.lang] if self.lang else []
        return sa.and_(*wanted)


def of_team(teams: sa.ColumnElement[object], team: str) -> sa.ColumnElement[bool]:
    """Whether a JSON list of teams has this one: its text holds the name as JSON writes it, quotes and all."""
    return sa.cast(teams, sa.String).contains(json.dumps(team), autoescape=True)
