"""Practice for quiet hours: real past questions, how fast I reach the right article, and nobody else's business.

Nothing here is a call: an attempt goes into its own table, never into the journal, and only its own
person reads it. What was missed comes back sooner than what was known.
"""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import sqlalchemy as sa

from kb import text
from kb.content.articles import Article
from kb.masking import mask
from kb.people.users import Action, User, require
from kb.tables import call, event, practice

YOUNG = 50  # with fewer real questions than these, editors' own are asked too
SOLVED_MOST = 5_000  # solved searches looked at, the latest
MINE_MOST = 2_000  # attempts looked at, the latest
SECONDS_MOST = 300.0  # longer, and the telephone rang: it does not count

# When a question comes back: after a miss, and after one, two, three, four and more right answers in a row.
COMES_BACK = (timedelta(minutes=10), timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=21))


@dataclass(frozen=True)
class Question:
    """One question to practise with. `twin` ('' = none) is as right as `article`; `real` = asked on a call."""

    text: str
    article: str
    twin: str
    real: bool

    def is_answered_by(self, opened: str) -> bool:
        """Whether the article of this id is a right one."""
        return bool(opened) and opened in (self.article, self.twin)


@dataclass(frozen=True)
class Attempt:
    """One answer. `opened` is the id of the article chosen, '' for none; `seconds` from question to choice."""

    id: str
    at: datetime
    question: str
    article: str
    opened: str
    seconds: float
    right: bool


def questions(
    solved: Iterable[tuple[str, str]],
    ids: Iterable[str],
    read: Callable[[str], Article | None],
    langs: frozenset[str],
) -> tuple[Question, ...]:
    """What there is to practise with: real questions and, while these are few, the editors' own.

    solved: (words, article id) of solved searches, see `solved_questions`
    ids:    of all articles served; `read` gives one, or None where this person may not see it
    langs:  the languages asked in (`zh`, `en`)
    """
    real: list[Question] = []
    for words, id in solved:
        article = read(id)
        if article and text.language(words) in langs:
            real.append(Question(words, article.id, article.twin, real=True))
    if len(real) >= YOUNG:
        return tuple(real)
    asked = {text.fold(one.text) for one in real}
    own = [one for id in ids if (article := read(id)) for one in _own(article, langs)]
    return (*real, *(one for one in own if text.fold(one.text) not in asked))


def _own(article: Article, langs: frozenset[str]) -> list[Question]:
    """An article's questions, spelled as they are kept."""
    if article.lang.split("-")[0] not in langs:
        return []
    return [Question(mask(words), article.id, article.twin, real=False) for words in article.questions]


def next_question(asked: Sequence[Question], attempts: Sequence[Attempt], user: str, at: datetime) -> Question | None:
    """What to ask now: what is due again (missed first), then what is new (real first), then what is due soonest.

    attempts: this person's, the newest first. New ones come in an order of each person's own.
    The same question is not asked twice running unless it is the only one.
    """
    of: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        of.setdefault(attempt.question, []).append(attempt)
    last = attempts[0].question if attempts else ""
    candidates = [one for one in asked if one.text != last] or list(asked)

    def turn(one: Question) -> tuple[int, int, float, str]:
        mine = of.get(one.text)
        if not mine:
            return 1, not one.real, 0.0, hashlib.sha256(f"{user}|{one.text}".encode()).hexdigest()
        row, due = known(mine), comes_back(mine)
        return (0, row, due.timestamp(), one.text) if due <= at else (2, 0, due.timestamp(), one.text)

    return min(candidates, key=turn, default=None)


def known(attempts: Sequence[Attempt]) -> int:
    """How often in a row a question was answered right, up to its latest attempt. The newest first; 0 = missed."""
    return next((i for i, attempt in enumerate(attempts) if not attempt.right), len(attempts))


def comes_back(attempts: Sequence[Attempt]) -> datetime:
    """When a question is due again after these attempts at it, the newest first; at least one."""
    return attempts[0].at + COMES_BACK[min(known(attempts), len(COMES_BACK) - 1)]


def median_seconds(attempts: Iterable[Attempt]) -> float | None:
    """The median time of the right ones, None where there is none."""
    seconds = [attempt.seconds for attempt in attempts if attempt.right]
    return statistics.median(seconds) if seconds else None


# --- reads and writes ----------------------------------------------------------------------------


def solved_questions(connection: sa.Connection, by: User) -> tuple[tuple[str, str], ...]:
    """(words, article id) of searches that solved a real call, each once, with the article that most often did.

    The words were masked before they were kept; whose call it was is not read.
    """
    require(by, Action.PRACTISE, owner=by.id)
    real = sa.and_(call.c.tag == "", event.c.kind == "solved", event.c.undone_at.is_(None))
    asked = (
        sa.select(event.c.query, event.c.article)
        .join(call, call.c.id == event.c.call)
        .where(real, event.c.query != "", event.c.article != "")
        .order_by(event.c.at.desc(), event.c.id)
        .limit(SOLVED_MOST)
    )
    words: dict[str, str] = {}
    solved: dict[str, Counter[str]] = {}
    for row in connection.execute(asked):
        spelled = text.fold(text.clean(row.query))
        words.setdefault(spelled, row.query)
        solved.setdefault(spelled, Counter())[row.article] += 1
    return tuple((words[spelled], count.most_common(1)[0][0]) for spelled, count in solved.items())


def record(
    connection: sa.Connection, by: User, question: Question, opened: str, seconds: float, at: datetime
) -> Attempt | None:
    """Keep this person's answer to a question; None where it took so long that it does not count.

    opened: the id of the article chosen, '' for "show me"
    """
    require(by, Action.PRACTISE, owner=by.id)
    if not 0 <= seconds <= SECONDS_MOST:
        return None
    attempt = Attempt(
        uuid4().hex, at, mask(question.text), question.article, opened, seconds, question.is_answered_by(opened)
    )
    connection.execute(sa.insert(practice).values(user=by.id, **asdict(attempt)))
    return attempt


def mine(connection: sa.Connection, by: User) -> tuple[Attempt, ...]:
    """This person's own attempts, the newest first, at most `MINE_MOST`. There is no way to ask for another's."""
    require(by, Action.PRACTISE, owner=by.id)
    columns = [column for column in practice.c if column.name != "user"]
    asked = sa.select(*columns).where(practice.c.user == by.id)
    latest = asked.order_by(practice.c.at.desc(), practice.c.id).limit(MINE_MOST)
    return tuple(Attempt(**row._mapping) for row in connection.execute(latest))
