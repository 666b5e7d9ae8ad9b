"""Articles: which are used and how much, by which of the customers' words they were reached, which need care."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Protocol

import sqlalchemy as sa

from kb import tables
from kb.gaps.analytics.view import View
from kb.people.users import Action, User, require

MOST = 0.8  # of the reuse: how few articles carry it
EXPIRING = timedelta(days=30)
Ill = Literal["never_used", "stale", "no_owner", "flagged", "expiring", "expired"]
ILLS: Sequence[Ill] = ("flagged", "expired", "expiring", "stale", "no_owner", "never_used")  # the most urgent first


class Kept(Protocol):
    """What care looks at in an article."""

    @property
    def id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def review_by(self) -> date | None: ...
    @property
    def valid_until(self) -> date | None: ...
    @property
    def version(self) -> str: ...


@dataclass(frozen=True)
class Use:
    """How often an article was opened from a search, and how many calls it solved or helped."""

    article: str
    opened: int
    calls: int


@dataclass(frozen=True)
class Reached:
    """One wording that led to an article, as it was typed: how often, and how often it then solved or helped."""

    question: str
    times: int
    helped: int


def carriers(uses: Iterable[Use]) -> tuple[int, int]:
    """How many articles carry `MOST` of the reuse, of how many reused at all."""
    counts = sorted((use.calls for use in uses if use.calls), reverse=True)
    wanted, so_far = MOST * sum(counts), 0
    for n, calls in enumerate(counts, 1):
        so_far += calls
        if so_far >= wanted:
            return n, len(counts)
    return 0, 0


def cumulative(uses: Iterable[Use]) -> list[tuple[float, float]]:
    """The reuse distribution: (share of the reused articles, share of the reuse they carry), the most used first."""
    counts = sorted((use.calls for use in uses if use.calls), reverse=True)
    total, so_far, points = sum(counts), 0, [(0.0, 0.0)]
    for n, calls in enumerate(counts, 1):
        so_far += calls
        points.append((n / len(counts), so_far / total))
    return points if counts else []


def health(
    articles: Iterable[Kept], used: frozenset[str], flagged: Mapping[str, int], today: date
) -> dict[Ill, list[str]]:
    """Article ids by what is the matter with them, of those that are not archived; one may have several.

    used: ids opened in the period; flagged: article id → flags that stand on the text as it is
    """
    found: dict[Ill, list[str]] = {ill: [] for ill in ILLS}
    for one in articles:
        if one.state == "archived":
            continue
        holds = {
            "flagged": flagged.get(one.id, 0) > 0,
            "expired": one.valid_until is not None and one.valid_until < today,
            "expiring": one.valid_until is not None and today <= one.valid_until <= today + EXPIRING,
            "stale": one.review_by is not None and one.review_by < today,
            "no_owner": not one.owner,
            "never_used": one.id not in used,
        }
        for ill in ILLS:
            if holds[ill]:
                found[ill].append(one.id)
    return found


# --- reads ---------------------------------------------------------------------------------------


def uses(connection: sa.Connection, by: User, view: View) -> tuple[Use, ...]:
    """Every article that was opened or used, the one that helped most calls first."""
    require(by, Action.SEE_INSIGHTS)
    one = tables.asked.c
    opened = sa.select(one.opened, sa.func.count()).where(view.where, one.opened != "").group_by(one.opened)
    helped = (
        sa.select(one.article, sa.func.count(sa.distinct(one.call)))
        .where(view.where, one.article != "")
        .group_by(one.article)
    )
    first = {row[0]: row[1] for row in connection.execute(opened)}
    second = {row[0]: row[1] for row in connection.execute(helped)}
    found = (Use(id, first.get(id, 0), second.get(id, 0)) for id in {*first, *second})
    return tuple(sorted(found, key=lambda use: (-use.calls, -use.opened, use.article)))


def questions(connection: sa.Connection, by: User, view: View, article: str, most: int) -> tuple[Reached, ...]:
    """The real questions that reached an article, as they were typed, the most frequent first."""
    require(by, Action.SEE_INSIGHTS)
    one = tables.asked.c
    helped = sa.func.count().filter(one.article == article)
    asked = (
        sa.select(one.question, sa.func.count().label("times"), helped.label("helped"))
        .where(view.where, (one.opened == article) | (one.article == article))
        .group_by(one.question)
        .order_by(sa.func.count().desc(), one.question)
        .limit(most)
    )
    return tuple(Reached(**row._mapping) for row in connection.execute(asked))


def standing_flags(connection: sa.Connection, by: User, tag: str, versions: Mapping[str, str]) -> dict[str, int]:
    """Article id → flags on the text as it is now that nobody took back or answered. versions: article id → sha256."""
    require(by, Action.SEE_INSIGHTS)
    flag, call = tables.flag.c, tables.call.c
    of_call = sa.select(call.id).where(call.tag == tag)
    known = flag.call.in_(of_call) | (flag.call == "") if not tag else flag.call.in_(of_call)
    answered = tables.flag_answer.c.flag
    asked = sa.select(flag.article, flag.version, sa.func.count()).where(
        flag.undone_at.is_(None), known, answered.is_(None)
    )
    asked = asked.outerjoin(tables.flag_answer, answered == flag.id)
    rows = connection.execute(asked.group_by(flag.article, flag.version))
    return {article: count for article, version, count in rows if versions.get(article) == version}
