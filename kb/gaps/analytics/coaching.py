"""Figures to talk about with one person or one team, beside the middle of their floor. Nobody is ranked.

One person's figures are for that person and for who supervises them.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from kb import tables
from kb.gaps.analytics.feedback import Answered, median_turnaround, shown
from kb.gaps.analytics.reuse import Kept, Use
from kb.gaps.analytics.searches import LINKED, LOST, by_call
from kb.gaps.analytics.view import View
from kb.people.users import ALLOWED, Action, Reach, User, require

FEWEST = 3  # people behind a middle: of fewer it would tell one of them


@dataclass(frozen=True)
class Figures:
    """How one person or team works with the base. None where nothing is known.

    link_rate, capture_loss: in [0, 1]; seconds, keys: medians from the first key to solved
    flags: given; gaps: recorded or joined
    """

    calls: float = 0
    link_rate: float | None = None
    capture_loss: float | None = None
    seconds: float | None = None
    keys: float | None = None
    flags: float = 0
    gaps: float = 0


@dataclass(frozen=True)
class Authored:
    """What an editor's articles gave: how many they own, how many calls these solved or helped, what was flagged on
    them, how much of that still reads as it did, and how long it was until the text changed."""

    articles: int
    calls: int
    flags: int
    unanswered: int
    turnaround: timedelta | None


def may_coach(by: User, person: str, teams: frozenset[str]) -> bool:
    """One's own figures, or those of one's teams; a supervisor of no team in particular has the whole floor."""
    reach = ALLOWED[by.role].get(Action.COACH, Reach.NONE)
    if reach is Reach.ALL or (person == by.id and reach > Reach.NONE):
        return True
    return reach is Reach.TEAM and (not by.teams or not teams.isdisjoint(by.teams))


def middle(people: Iterable[Figures]) -> Figures | None:
    """The median of each figure over people, None where they are fewer than `FEWEST`."""
    found = list(people)
    if len(found) < FEWEST:
        return None
    columns = {name: [getattr(one, name) for one in found] for name in Figures.__dataclass_fields__}
    known = {name: [value for value in column if value is not None] for name, column in columns.items()}
    middles: dict[str, Any] = {name: statistics.median(column) for name, column in known.items() if column}
    return Figures(**middles)


def authored(owner: str, articles: Iterable[Kept], uses: Iterable[Use], flags: Sequence[Answered]) -> Authored:
    """What the articles of one owner gave. `flags` are those of the period on any article."""
    own = {one.id for one in articles if one.owner == owner and one.state != "archived"}
    about = [flag for flag in flags if flag.article in own]
    return Authored(
        articles=len(own),
        calls=sum(use.calls for use in uses if use.article in own),
        flags=len(about),
        unanswered=sum(flag.answered_at is None for flag in about),
        turnaround=median_turnaround(about),
    )


# --- reads ---------------------------------------------------------------------------------------


def teams(connection: sa.Connection, by: User, tag: str) -> tuple[str, ...]:
    """Every team that asked something on calls of this tag, in order."""
    require(by, Action.COACH, owner=by.id)
    asked = sa.select(sa.cast(tables.asked.c.teams, sa.String)).where(tables.asked.c.tag == tag).distinct()
    return tuple(sorted({team for listed in connection.scalars(asked) for team in json.loads(listed)}))


def people(connection: sa.Connection, by: User, view: View) -> Mapping[str, frozenset[str]]:
    """Who asked something in the period and may be coached by `by`, in the order of their ids, with their teams."""
    require(by, Action.COACH, owner=by.id)
    one = tables.asked.c
    asked = sa.select(one.agent, sa.cast(one.teams, sa.String)).where(view.where).distinct()
    found: dict[str, frozenset[str]] = {}
    for agent, teams in connection.execute(asked):
        found[agent] = found.get(agent, frozenset()) | frozenset(json.loads(teams))
    return {agent: found[agent] for agent in sorted(found) if may_coach(by, agent, found[agent])}


def of_person(connection: sa.Connection, by: User, view: View, person: str) -> tuple[Figures, Figures | None]:
    """One person's figures, and the middle of all people the view shows. Raises NotAllowedError for another's."""
    found = people(connection, by, view)
    if person not in found:
        require(by, Action.COACH, owner=person, teams=frozenset({""}))  # nobody's team: refused but for one's own
    figures = _figures(connection, view)
    return figures.get(person, Figures()), middle(figures.values())


def of_everybody(connection: sa.Connection, by: User, view: View) -> Figures | None:
    """The middle of all people the view shows: of a team, where the view is of one."""
    require(by, Action.SEE_INSIGHTS)
    return middle(_figures(connection, view).values())


def _figures(connection: sa.Connection, view: View) -> dict[str, Figures]:
    """Everybody's figures, by id."""
    one, count = tables.asked.c, sa.func.count
    calls = by_call(view.where, one.agent)
    rates = calls.add_columns(count(), count().filter(LINKED), count().filter(LOST)).group_by(sa.column("agent"))
    links = {agent: numbers for agent, *numbers in connection.execute(rates)}
    answers = sa.select(one.agent, one.seconds, one.pressed).where(view.where, one.outcome == "solved")
    seconds: dict[str, list[float]] = {}
    keys: dict[str, list[int]] = {}
    for agent, spent, pressed in connection.execute(answers):
        if spent is not None:
            seconds.setdefault(agent, []).append(spent)
        if pressed is not None:
            keys.setdefault(agent, []).append(pressed)
    flags, gaps = (_given(connection, view, table) for table in (tables.flag, tables.gap_report))
    return {
        agent: Figures(
            calls=called,
            link_rate=linked / called,
            capture_loss=lost / called,
            seconds=_median(seconds.get(agent)),
            keys=_median(keys.get(agent)),
            flags=flags[agent],
            gaps=gaps[agent],
        )
        for agent, (called, linked, lost) in links.items()
    }


def _given(connection: sa.Connection, view: View, table: sa.Table) -> Counter[str]:
    """How many flags or reports of gaps everybody gave."""
    one = table.c
    given = one.undone_at.is_(None) & (one.at >= view.since) & (one.at < view.until) & shown(one.call, view)
    asked = sa.select(one.agent, sa.func.count()).where(given).group_by(one.agent)
    return Counter({row[0]: row[1] for row in connection.execute(asked)})


def _median(values: Sequence[float] | None) -> float | None:
    return statistics.median(values) if values else None
