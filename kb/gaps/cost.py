"""What a gap costs: calls, agents, the seconds agents lost searching; which few return most; which one surges now."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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


@dataclass(frozen=True)
class _Met:
    """One meeting with a gap: a miss or a report (whose seconds are its miss's)."""

    gap: str
    call: str
    agent: str
    at: datetime
    seconds: float
    question: str


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
) -> tuple[Price, ...]:
    """What each gap in one of these states cost in [since, until), the dearest first.

    team, product: only calls that somebody of this team held, only gaps of this product; '' = all
    """
    require(by, Action.READ_GAPS)
    found = {one.id: one for one in every(connection, by, states, tag) if product in ("", one.product)}
    met = _met(connection, since - (until - since), until, tag, team)
    now, before = _by_gap(one for one in met if one.at >= since), _by_gap(one for one in met if one.at < since)
    priced = (_price(found[id], some, before.get(id, ())) for id, some in now.items() if id in found)
    return tuple(sorted(priced, key=lambda one: (-one.seconds, -one.calls, one.gap.at, one.gap.id)))


def surges(connection: sa.Connection, by: User, at: datetime, tag: str = "") -> tuple[Surge, ...]:
    """The open gaps that grow faster than their own history in the last `WINDOW`, the fastest first."""
    require(by, Action.READ_GAPS)
    latest = _by_gap(_met(connection, at - WINDOW, at + timedelta(microseconds=1), tag))
    many = {id: some for id, some in latest.items() if _calls(some) >= LEAST}
    if not many:
        return ()
    gaps = {one.id: one for one in every(connection, by, OPEN, tag)}
    earlier = _by_gap(_met(connection, at - LOOKS_BACK, at - WINDOW, tag))
    windows = LOOKS_BACK / WINDOW - 1
    found = []
    for id, some in many.items():
        before = _calls(earlier.get(id, ()))
        if id in gaps and is_surge(_calls(some), before, windows):
            questions = tuple(dict.fromkeys(one.question for one in some if one.question))
            found.append(Surge(gaps[id], min(one.at for one in some), _calls(some), before / windows, questions))
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
        own = [set(text.query_terms(q).words) - text.FUNCTION_WORDS for q in questions if text.language(q) == lang]
        counts = Counter(word for words in own for word in words)
        common = sorted(
            (word for word, n in counts.items() if n >= max(TOLD_BY * len(own), 1)), key=lambda w: -counts[w]
        )
        if common:
            found.append(" ".join(common[:3]))
    return tuple(found)


def _price(one: Gap, met: Sequence[_Met], before: Sequence[_Met]) -> Price:
    moments = [meeting.at for meeting in met]
    return Price(
        one,
        calls=_calls(met),
        agents=len({meeting.agent for meeting in met}),
        seconds=sum(meeting.seconds for meeting in met),
        first_at=min(moments),
        last_at=max(moments),
        before=_calls(before),
    )


def _calls(met: Iterable[_Met]) -> int:
    return len({one.call for one in met})


def _by_gap(met: Iterable[_Met]) -> dict[str, list[_Met]]:
    found: dict[str, list[_Met]] = defaultdict(list)
    for one in met:
        found[one.gap].append(one)
    return found


def _met(connection: sa.Connection, since: datetime, until: datetime, tag: str, team: str = "") -> list[_Met]:
    """Every miss and report in [since, until), under the id its gap goes by now."""
    gap, miss, report, call = tables.gap, tables.miss, tables.gap_report, tables.call
    then = ((one.c.at >= since) & (one.c.at < until) for one in (miss, report))
    missed = sa.select(goes_by, miss.c.call, miss.c.agent, miss.c.at, miss.c.seconds, miss.c.question, miss.c.teams)
    missed = missed.join(gap, gap.c.id == miss.c.gap).where(gap.c.tag == tag, next(then))
    nothing = sa.literal(0.0)
    reported = sa.select(goes_by, report.c.call, report.c.agent, report.c.at, nothing, report.c.question, call.c.teams)
    reported = reported.join(gap, gap.c.id == report.c.gap).outerjoin(call, call.c.id == report.c.call)
    reported = reported.where(gap.c.tag == tag, report.c.undone_at.is_(None), next(then))
    rows = [*connection.execute(missed), *connection.execute(reported)]
    return [_Met(*row[:6]) for row in rows if not team or team in (row[6] or ())]
