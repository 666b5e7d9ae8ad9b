"""One change over many articles: seen line by line before, written as one act, taken back as one.

What a change made is read from the revisions: those of one act share who, when and the cause `bulk`. Taking it back
writes each text that was before, where nobody has changed the file since.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

import sqlalchemy as sa

from kb import tables
from kb.content.articles import KEYS, Article, parse
from kb.errors import KBError, RequestError
from kb.people.users import Action, User, require
from kb.studio.header import Value, with_keys
from kb.studio.life import check_change, may_read
from kb.studio.review import next_review
from kb.studio.revisions import Revision, opcodes

KINDS = ("replace", "owner", "review", "add_product", "take_product", "state")
CAUSE = "bulk"
TEXT_MOST = 200  # characters that are looked for or put in their place
TEXTS = ("title", "questions")  # of the front matter: what a replacement may change there
LATELY = timedelta(days=30)  # changes that can still be taken back


@dataclass(frozen=True)
class Change:
    """What to do with each article of a selection: one of `KINDS`.

    old:   what a replacement looks for, '' with all others
    value: what is put in its place, an owner, a day as 2026-12-31, a product's code, a state
    """

    kind: str
    value: str
    old: str = ""


@dataclass(frozen=True)
class Line:
    """One line that changes, by its number from 1 in the file as it is; '' before = it is new, '' after = it goes."""

    number: int
    before: str
    after: str


@dataclass(frozen=True)
class Row:
    """What a change makes of one article: its lines and the whole text; or why this person may not make it."""

    article: Article
    source: str
    lines: tuple[Line, ...]
    refused: KBError | None = None


def plan(by: User, articles: Sequence[Article], change: Change, today: date) -> tuple[Row, ...]:
    """What a change would make of these articles, those left out that it leaves as they are. Nothing is written.

    Raises NotAllowedError, RequestError for a change that says nothing that can be done.
    """
    require(by, Action.EDIT_ARTICLE)
    check(change)
    rows = (_row(by, one, change, today) for one in articles if may_read(by, one))
    return tuple(row for row in rows if row.refused or row.source != row.article.source)


def check(change: Change) -> None:
    """Raises RequestError for a change that says nothing that can be done."""
    said = f"{change.old} → {change.value}"[:TEXT_MOST]
    if change.kind not in KINDS or max(len(change.old), len(change.value)) > TEXT_MOST:
        raise RequestError("bulk_unclear", change=said)
    if change.kind == "replace":
        if not change.old.strip() or change.old == change.value or len((change.old + change.value).splitlines()) > 1:
            raise RequestError("bulk_unclear", change=said)
    elif not change.value:
        raise RequestError("bulk_unclear", change=said)
    if change.kind == "review":
        try:
            date.fromisoformat(change.value)
        except ValueError as error:
            raise RequestError("bulk_unclear", change=said) from error


def only(row: Row, numbers: Collection[int]) -> str:
    """The text where of a replacement's lines only some change, by number."""
    lines = row.article.source.split("\n")
    for one in row.lines:
        if one.number in numbers:
            lines[one.number - 1] = lines[one.number - 1].replace(one.before, one.after, 1)
    return "\n".join(lines)


def _row(by: User, article: Article, change: Change, today: date) -> Row:
    try:
        if change.kind == "replace":
            lines = tuple(_replaced(article, change))
            row = Row(article, article.source, lines)
            row = Row(article, only(row, {line.number for line in lines}), lines)
        else:
            source = with_keys(article, _values(article, change, today))
            row = Row(article, source, tuple(_differing(article.source, source)))
        if row.source != article.source:
            check_change(by, article, parse(row.source, article.path))
        return row
    except KBError as error:
        return Row(article, article.source, (), error)


def _values(article: Article, change: Change, today: date) -> dict[str, Value]:
    """The keys of the front matter that a change sets. Validating is a review too, as by one button."""
    if change.kind == "owner":
        return {"owner": change.value}
    if change.kind == "review":
        return {"review_by": date.fromisoformat(change.value)}
    if change.kind == "state":
        review: dict[str, Value] = {"review_by": next_review(article, today)} if change.value == "validated" else {}
        return {"state": change.value, **(review if article.state != change.value else {})}
    others = [one for one in article.products if one != change.value]
    if change.kind == "take_product":
        return {"products": others}
    return {"products": article.products if change.value in article.products else (*others, change.value)}


def _differing(old: str, new: str) -> Iterator[Line]:
    """The lines that differ between two texts."""
    before, after = old.splitlines(), new.splitlines()
    for tag, a, b, c, d in opcodes(before, after):
        if tag != "equal":
            yield Line(a + 1, "\n".join(before[a:b]), "\n".join(after[c:d]))


# --- replacing -----------------------------------------------------------------------------------


def _replaced(article: Article, change: Change) -> Iterator[Line]:
    """The lines of body, title and questions in which something stands as a whole word, as they would be."""
    wanted, lines = whole(change.old), article.source.split("\n")
    body = article.source.count("\n", 0, article.body_start)
    for at, line in enumerate(lines):
        before = line.rstrip("\r")
        after = wanted.sub(lambda _: change.value, before)
        if after != before and (at >= body or _is_text(article, lines, at, after)):
            yield Line(at + 1, before, after)


def whole(said: str) -> re.Pattern[str]:
    """A word or number as it is written, not inside a longer one: 199 is not in 1199, 199.50, 1,199 or R199."""
    start = r"(?<![A-Za-z0-9])(?<![0-9][.,])" if _is_ascii_word(said[0]) else ""
    end = r"(?![A-Za-z0-9])(?![.,][0-9])" if _is_ascii_word(said[-1]) else ""
    return re.compile(start + re.escape(said) + end)


def _is_ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _is_text(article: Article, lines: Sequence[str], at: int, after: str) -> bool:
    """Whether a line of the front matter may read so: only title and questions are other than before."""
    ending = "\r" if lines[at].endswith("\r") else ""
    try:
        made = parse("\n".join([*lines[:at], after + ending, *lines[at + 1 :]]), article.path)
    except KBError:
        return False
    told = {key for key in KEYS if getattr(article, key) != getattr(made, key)}
    return bool(told) and told <= set(TEXTS)


# --- what was changed ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Edit:
    """One change over many articles, as it was made: who, when, and the revision of each article."""

    by: str
    at: datetime
    revisions: tuple[Revision, ...]


def edits(connection: sa.Connection, by: User, at: datetime) -> tuple[Edit, ...]:
    """The changes over many articles of the last days, the newest first."""
    require(by, Action.EDIT_ARTICLE)
    one = tables.revision
    lately = (
        sa.select(one).where(one.c.cause == CAUSE, one.c.at > at - LATELY).order_by(one.c.at.desc(), one.c.by, one.c.id)
    )
    rows = [Revision(**row._mapping) for row in connection.execute(lately)]
    return tuple(Edit(who, when, tuple(some)) for (when, who), some in groupby(rows, key=lambda row: (row.at, row.by)))
