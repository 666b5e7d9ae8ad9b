"""A sentence that is not right: flagged with a reason in two actions, by the one who just read it out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kb import tables, text
from kb.calls.journal import checked_id
from kb.errors import NotFoundError, RequestError
from kb.masking import mask
from kb.people.users import Action, User, require
from kb.systems import outbox

REASONS = ("wrong", "outdated", "unclear", "jargon", "other")
MAX_TEXT = 1_000


@dataclass(frozen=True)
class Flag:
    """What somebody found wrong in one version of an article. `sentence` '' = the whole article."""

    id: str
    agent: str
    at: datetime
    article: str
    version: str
    reason: str
    sentence: str = ""
    note: str = ""
    call: str = ""
    undone_at: datetime | None = None


@dataclass(frozen=True)
class Answer:
    """What an editor did about a flag. `done`: the article was mended; False: it is right as it is, and why."""

    flag: str
    by: str
    at: datetime
    done: bool
    text: str = ""
    told_at: datetime | None = None


def put(connection: sa.Connection, by: User, flag: Flag) -> None:
    """Write a flag down, once. Raises RequestError for a reason that is not one of `REASONS`."""
    require(by, Action.FLAG)
    if flag.reason not in REASONS:
        raise RequestError("reason_unknown", reason=flag.reason[:40])
    facts = {name: getattr(flag, name) for name in Flag.__dataclass_fields__}
    facts |= {"agent": by.id, "sentence": _kept(flag.sentence), "note": _kept(flag.note)}
    known = sa.select(tables.flag.c.id).where(tables.flag.c.id == checked_id(flag.id))
    if connection.scalar(known) is None:
        connection.execute(sa.insert(tables.flag).values(**facts))
        if not by.tag:
            told = {"flag": flag.id, "article": flag.article, "version": flag.version, "reason": flag.reason}
            outbox.put(connection, "flag.raised", f"article:{flag.article}", flag.at, **told)


def undo(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """Take one's own flag back. Raises NotFoundError for another's or none."""
    require(by, Action.FLAG)
    mine = (tables.flag.c.id == id) & (tables.flag.c.agent == by.id)
    if not connection.execute(sa.update(tables.flag).where(mine).values(undone_at=at)).rowcount:
        raise NotFoundError("flag_not_found")


def of_article(connection: sa.Connection, article: str) -> tuple[Flag, ...]:
    """The flags on an article that stand, newest first."""
    wanted = (tables.flag.c.article == article) & tables.flag.c.undone_at.is_(None)
    rows = connection.execute(sa.select(tables.flag).where(wanted).order_by(tables.flag.c.at.desc(), tables.flag.c.id))
    return tuple(_flag(row) for row in rows)


def of_call(connection: sa.Connection, call: str) -> tuple[Flag, ...]:
    """The flags put on a call that stand, in order."""
    wanted = (tables.flag.c.call == call) & tables.flag.c.undone_at.is_(None)
    return tuple(
        _flag(row)
        for row in connection.execute(sa.select(tables.flag).where(wanted).order_by(tables.flag.c.at, tables.flag.c.id))
    )


def waiting(connection: sa.Connection) -> tuple[Flag, ...]:
    """The flags that nobody has answered, oldest first."""
    wanted = tables.flag.c.undone_at.is_(None) & tables.flag_answer.c.flag.is_(None)
    joined = sa.select(tables.flag).outerjoin(tables.flag_answer, tables.flag_answer.c.flag == tables.flag.c.id)
    return tuple(
        _flag(row) for row in connection.execute(joined.where(wanted).order_by(tables.flag.c.at, tables.flag.c.id))
    )


def answer(connection: sa.Connection, by: User, given: Answer) -> None:
    """Answer a flag, once; a second answer takes the place of the first. Raises NotFoundError for no such flag."""
    require(by, Action.ANSWER_FLAG)
    if connection.scalar(sa.select(tables.flag.c.id).where(tables.flag.c.id == given.flag)) is None:
        raise NotFoundError("flag_not_found")
    table = tables.flag_answer
    connection.execute(sa.delete(table).where(table.c.flag == given.flag))
    facts = vars(given) | {"by": by.id, "text": _kept(given.text), "told_at": None}
    connection.execute(sa.insert(table).values(**facts))


def answers_for(connection: sa.Connection, by: User) -> tuple[tuple[Flag, Answer], ...]:
    """The answers to this person's flags that they have not seen yet, oldest first."""
    flag, table = tables.flag, tables.flag_answer
    found = (
        sa.select(flag, table.c.by, table.c.at.label("answered_at"), table.c.done, table.c.text)
        .join(table, table.c.flag == flag.c.id)
        .where(flag.c.agent == by.id, flag.c.undone_at.is_(None), table.c.told_at.is_(None))
        .order_by(table.c.at, table.c.flag)
    )
    return tuple(
        (
            Flag(**{name: getattr(row, name) for name in Flag.__dataclass_fields__}),
            Answer(row.id, row.by, row.answered_at, row.done, row.text),
        )
        for row in connection.execute(found)
    )


def told(connection: sa.Connection, by: User, flag: str, at: datetime) -> None:
    """This person has seen the answer to their flag. Raises NotFoundError for another's."""
    _tell(connection, by, flag, at)


def untold(connection: sa.Connection, by: User, flag: str) -> None:
    """They have not, after all. Raises NotFoundError for another's."""
    _tell(connection, by, flag, None)


def _tell(connection: sa.Connection, by: User, flag: str, at: datetime | None) -> None:
    mine = sa.select(tables.flag.c.id).where(tables.flag.c.id == flag, tables.flag.c.agent == by.id)
    answered = tables.flag_answer.c.flag.in_(mine)
    if not connection.execute(sa.update(tables.flag_answer).where(answered).values(told_at=at)).rowcount:
        raise NotFoundError("flag_not_found")


def _kept(written: str) -> str:
    return mask(text.clean(written))[:MAX_TEXT]


def _flag(row: sa.Row[Any]) -> Flag:
    return Flag(**row._mapping)
