"""What a gap costs: calls, agents, the seconds agents lost searching; which few return most; which one surges now."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kb import tables, text
from kb.calls.bulletins import SAY_MOST, TITLE_MOST, Notice
from kb.gaps.gap import OPEN, Gap, every, goes_by
from kb.i18n import say
from kb.people.users import Action, User, require

SHARE = 0.8  # of the lost time: the line in the Pareto chart
WINDOW = timedelta(minutes=15)  # of a surge
LOOKS_BACK = timedelta(days=28)  # a gap's own history
LEAST = 4  # calls in one window that can be a surge
CHANCE = 1e-4  # of so many calls by the gap's own history, below which it is one
HOLDS = timedelta(hours=2)  # how long a holding sentence is offered for
WORDS = 3  # a search must have to be one of a surge's
TOLD_BY = 0.5  # share of a surge's questions that have a word, for it to be one of its words


@dataclass(frozen=True)
class Price:
    """What one gap cost in a period.

    seconds: agents' time lost searching
    calls, agents: that met it in the period;  before: calls in the period of the same length before it
    first_at, last_at: in the period
    """

    gap: Gap
    calls: int
    agents: int
    seconds: float
    first_at: datetime
    last_at: datetime
    before: int

    @property
    def trend(self) -> int:
        """Calls more (or, negative, fewer) than in the period before."""
        return self.calls - self.before


@dataclass(frozen=True)
class Surge:
    """A gap that grows faster than its own history. `usual` = calls in a `WINDOW` till now; `teams`: who are met."""

    gap: Gap
    since: datetime
    calls: int
    usual: float
    questions: tuple[str, ...]


def pareto(seconds: Sequence[float]) -> tuple[float, ...]:
    """The share of all seconds that the first, the first two, … have, rising to 1; all 0 where nothing is lost."""
    total, shares, so_far = sum(seconds), [], 0.0
    for one in seconds:
        so_far += one
        shares.append(so_far / total if total else 0.0)
    return tuple(shares)


def vital(seconds: Sequence[float], share: float = SHARE) -> int:
    """How many of the dearest return `share` of all that is lost; 0 where nothing is."""
    shares = pareto(sorted(seconds, reverse=True))
    return next((n for n, reached in enumerate(shares, 1) if reached >= share - 1e-9), 0)


def is_surge(now: int, before: int, windows: float) -> bool:
    """Whether `now` calls in one window are more than chance, given `before` calls in `windows` windows till then.

    Calls come as by a Poisson law whose rate is known only from those: the chance of so many is that of the
    negative binomial (Jeffreys' prior, half a call), below `CHANCE`; fewer than `LEAST` calls never are one.
    """
    if now < LEAST:
        return False
    shape, odds = before + 0.5, 1 / (windows + 1)
    below = sum(
        math.exp(math.lgamma(shape + k) - math.lgamma(shape) - math.lgamma(k + 1) + shape * math.log1p(-odds)) * odds**k
        for k in range(now)
    )
    return 1 - below < CHANCE


# --- reads ---------------------------------------------------------------------------------------


def prices(
    connection: sa.Connection,
    by: User,
    since: datetime,
    until: datetime,
    *,
    team: str = "",
    product: str = "",
    states: Sequence[str] = OPEN,
    tag: str = "",
    gaps: Sequence[Gap] | None = None,
) -> tuple[Price, ...]:
    """What each gap in one of these states cost in [since, until), the dearest first.

    team, product: only calls that somebody of this team held, only gaps of this product; '' = all
    gaps: those in these states, where they are known already
    """
    require(by, Action.READ_GAPS)
    spent = _spent(_met(since - (until - since), until, tag, team), since)
    rows = {row.gap: row for row in connection.execute(spent)}
    known = every(connection, by, states, tag) if gaps is None else gaps
    found = (one for one in known if one.id in rows and product in ("", one.product))
    priced = (Price(one, *rows[one.id][1:]) for one in found)
    return tuple(sorted(priced, key=lambda one: (-one.seconds, -one.calls, one.gap.at, one.gap.id)))


def surges(connection: sa.Connection, by: User, at: datetime, tag: str = "") -> tuple[Surge, ...]:
    """The open gaps that grow faster than their own history in the last `WINDOW`, the fastest first."""
    require(by, Action.READ_GAPS)
    latest: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(_met(at - WINDOW, at + timedelta(microseconds=1), tag)):
        latest[row.gap].append(row)
    many = {id: some for id, some in latest.items() if len({row.call for row in some}) >= LEAST}
    if not many:
        return ()
    gaps = {one.id: one for one in every(connection, by, OPEN, tag)}
    earlier = _spent(_met(at - LOOKS_BACK, at - WINDOW, tag), at - LOOKS_BACK)
    history = {row.gap: row.calls for row in connection.execute(earlier)}
    windows = LOOKS_BACK / WINDOW - 1
    found = []
    for id, some in many.items():
        calls, before = len({row.call for row in some}), history.get(id, 0)
        if id in gaps and is_surge(calls, before, windows):
            questions = tuple(dict.fromkeys(row.question for row in some if row.question))
            found.append(Surge(gaps[id], min(row.at for row in some), calls, before / windows, questions))
    return tuple(sorted(found, key=lambda one: (-one.calls, one.gap.id)))


def holding(surge: Surge, language: str, at: datetime) -> Notice:
    """A bulletin to begin with: a sentence to hold callers with, beside the searches that say what these say.

    language: `zh` or `en`, of its sentences
    """
    about = surge.gap.question
    return Notice(
        kind="holding",
        title=say(language, "surge.title", question=about)[:TITLE_MOST],
        say=say(language, "surge.say")[:SAY_MOST],
        expires_at=at + HOLDS,
        products=(surge.gap.product,) if surge.gap.product else (),
        words=_words(surge.questions or (about,)),
    )


def _words(questions: Sequence[str]) -> tuple[str, ...]:
    """What a search must have to be one of these: the words that at least half of them have, in each language."""
    found = []
    for lang in sorted({text.language(question) for question in questions}):
        own = [text.query_terms(question).words for question in questions if text.language(question) == lang]
        counts = Counter(word for words in own for word in words)  # each word once a question, in their order
        said = (word for word, n in counts.most_common() if n >= TOLD_BY * len(own) and len(word) > 1)
        common = [word for word in said if word not in text.FUNCTION_WORDS][:WORDS]
        found += [" ".join(common)] if common else []
    return tuple(found)


def _met(since: datetime, until: datetime, tag: str, team: str = "") -> sa.CompoundSelect[Any]:
    """Every miss and report in [since, until): (gap it goes by now, call, agent, at, seconds, question)."""
    gap, miss, report, call = tables.gap, tables.miss, tables.gap_report, tables.call

    def then(one: sa.Table, teams: sa.Column[Any]) -> sa.ColumnElement[bool]:
        own = sa.cast(teams, sa.Text).contains(json.dumps(team), autoescape=True) if team else sa.true()
        return (one.c.at >= since) & (one.c.at < until) & (gap.c.tag == tag) & own

    missed = sa.select(goes_by.label("gap"), miss.c.call, miss.c.agent, miss.c.at, miss.c.seconds, miss.c.question)
    missed = missed.join(gap, gap.c.id == miss.c.gap).where(then(miss, miss.c.teams))
    free = sa.literal(0.0).label("seconds")  # what it cost is its miss's
    reported = sa.select(goes_by.label("gap"), report.c.call, report.c.agent, report.c.at, free, report.c.question)
    reported = reported.join(gap, gap.c.id == report.c.gap).outerjoin(call, call.c.id == report.c.call)
    return sa.union_all(missed, reported.where(report.c.undone_at.is_(None), then(report, call.c.teams)))


def _spent(met: sa.CompoundSelect[Any], since: datetime) -> sa.Select[Any]:
    """Of what each gap met from `since` on: (gap, calls, agents, seconds, first_at, last_at), and calls before it."""
    one = met.subquery()

    def now(of: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.case((one.c.at >= since, of))

    def each(of: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.func.count(sa.distinct(of))

    calls = each(now(one.c.call))
    moments = sa.func.min(now(one.c.at)), sa.func.max(now(one.c.at))
    before = each(sa.case((one.c.at < since, one.c.call)))
    numbers = (calls.label("calls"), each(now(one.c.agent)), sa.func.sum(now(one.c.seconds)), *moments, before)
    return sa.select(one.c.gap, *numbers).group_by(one.c.gap).having(calls > 0)
