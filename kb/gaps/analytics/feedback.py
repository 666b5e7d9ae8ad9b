"""What agents gave back, and what came of it: flags until the text changed, gaps until they were answered."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kb import tables
from kb.gaps.analytics.view import View, of_team
from kb.gaps.gap import OPEN
from kb.people.users import Action, User, require

KINDS = ("opened", "closed", "verified", "reopened")  # what becomes of a gap


@dataclass(frozen=True)
class Answered:
    """One flag. `answered_at`: when somebody answered it or the article was first shown otherwise, None before then."""

    id: str
    at: datetime
    article: str
    reason: str
    note: str
    call: str
    answered_at: datetime | None

    @property
    def turnaround(self) -> timedelta | None:
        return None if self.answered_at is None else self.answered_at - self.at


@dataclass(frozen=True)
class Moved:
    """One gap that was opened or went on in the period: which, what became of it, when, and from when it is."""

    gap: str
    question: str
    kind: str  # one of `KINDS`
    at: datetime
    begun: datetime


def median_turnaround(flags: Sequence[Answered]) -> timedelta | None:
    """Of those that were answered; None where none was."""
    known = [one.turnaround.total_seconds() for one in flags if one.turnaround is not None]
    return timedelta(seconds=statistics.median(known)) if known else None


def counts(moved: Sequence[Moved]) -> Counter[str]:
    """How many gaps of each of `KINDS`, each gap once."""
    return Counter(kind for _, kind in {(one.gap, one.kind) for one in moved})


# --- reads ---------------------------------------------------------------------------------------


def flags(connection: sa.Connection, by: User, view: View) -> tuple[Answered, ...]:
    """The flags put in the period that nobody took back, the latest first; of the view's tag and team."""
    require(by, Action.SEE_INSIGHTS)
    flag, version, answer = tables.flag.c, tables.version.c, tables.flag_answer.c
    then = (version.article == flag.article) & (version.first_at > flag.at) & (version.sha256 != flag.version)
    changed = sa.select(sa.func.min(version.first_at)).where(then).scalar_subquery().label("changed_at")
    asked = (
        sa.select(
            flag.id, flag.at, flag.article, flag.reason, flag.note, flag.call, changed, answer.at.label("said_at")
        )
        .outerjoin(tables.flag_answer, answer.flag == flag.id)
        .where(flag.at >= view.since, flag.at < view.until, flag.undone_at.is_(None), shown(flag.call, view))
        .order_by(flag.at.desc(), flag.id)
    )
    return tuple(_answered(**row._mapping) for row in connection.execute(asked))


def _answered(changed_at: datetime | None, said_at: datetime | None, **facts: Any) -> Answered:
    """A flag with the first that came of it: its text changed, or somebody answered."""
    return Answered(answered_at=min((at for at in (changed_at, said_at) if at is not None), default=None), **facts)


def shown(call: sa.ColumnElement[str], view: View) -> sa.ColumnElement[bool]:
    """Whether this is a call that the view shows; what was flagged outside a call is of no team, and real."""
    one = tables.call.c
    calls = sa.select(one.id).where(one.tag == view.tag, *([of_team(one.teams, view.team)] if view.team else []))
    return call.in_(calls) | (call == "") if not (view.tag or view.team) else call.in_(calls)


def gaps(connection: sa.Connection, by: User, view: View) -> tuple[Moved, ...]:
    """What became of gaps in the period, the latest first."""
    require(by, Action.SEE_INSIGHTS)
    gap, move = tables.gap.c, tables.gap_move.c
    own = [gap.tag == view.tag, gap.into == "", *([gap.product == view.product] if view.product else [])]
    own += [gap.lang == view.lang] if view.lang else []
    opened = sa.select(gap.id, gap.question, gap.at).where(gap.at >= view.since, gap.at < view.until, *own)
    moves = (
        sa.select(gap.id, gap.question, gap.at.label("begun"), move.at, move.before, move.after)
        .join(tables.gap_move, move.gap == gap.id)
        .where(move.at >= view.since, move.at < view.until, *own)
    )
    found = [Moved(row.id, row.question, "opened", row.at, row.at) for row in connection.execute(opened)]
    for row in connection.execute(moves):
        found += [Moved(row.id, row.question, kind, row.at, row.begun) for kind in _kinds(row.before, row.after)]
    return tuple(sorted(found, key=lambda one: (one.at, one.gap, one.kind), reverse=True))


def _kinds(before: str, after: str) -> list[str]:
    """What a move counts as."""
    kinds = ["closed"] if before in OPEN and after not in OPEN else []
    return kinds + [kind for kind in ("verified", "reopened") if after == kind]
