"""Bulletins: what everybody must know today (promotion, outage, recall, a sentence to hold callers with).

A bulletin is shown until it is seen, and again beside every search it matches, until it expires or is
withdrawn. Nothing in one is ever edited: a change withdraws it and posts another, so that who saw which
words stays true.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import uuid4

import sqlalchemy as sa

from kb import text
from kb.content import products
from kb.content.products import Catalogue
from kb.errors import NotFoundError, RequestError
from kb.masking import mask
from kb.people.users import Action, User, require
from kb.tables import bulletin, bulletin_seen

KINDS = ("recall", "outage", "holding", "promotion")  # the most urgent first
LONGEST = timedelta(days=90)  # a notice nobody ends would be read for years
TITLE_MOST, BODY_MOST, SAY_MOST, WORDS_MOST = 80, 2_000, 300, 50  # characters; words a bulletin

State = Literal["planned", "live", "expired", "withdrawn"]


@dataclass(frozen=True)
class Notice:
    """What a supervisor fills in.

    teams:      who it is for, () = everyone
    products:   codes or other names; a search that names one shows it
    words:      a search that has all the words of one of these shows it too
    valid_from: None = from now on
    """

    kind: str
    title: str
    expires_at: datetime
    body: str = ""
    say: str = ""
    teams: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    valid_from: datetime | None = None


@dataclass(frozen=True)
class Bulletin:
    """A notice as it was posted: masked, its products by code. `by` is a user's id."""

    id: str
    by: str
    at: datetime
    kind: str
    title: str
    body: str
    say: str
    teams: tuple[str, ...]
    products: tuple[str, ...]
    words: tuple[str, ...]
    valid_from: datetime
    expires_at: datetime
    withdrawn_at: datetime | None = None


@dataclass(frozen=True)
class Audience:
    """Who has seen a bulletin (user id, when first; in that order), and who of those it is for has not."""

    seen: tuple[tuple[str, datetime], ...]
    unseen: tuple[User, ...]


def state(one: Bulletin, at: datetime) -> State:
    """Where a bulletin stands. `expires_at` is the first moment at which it is gone."""
    if one.withdrawn_at is not None and one.withdrawn_at <= at:
        return "withdrawn"
    if at >= one.expires_at:
        return "expired"
    return "live" if one.valid_from <= at else "planned"


def concerns(one: Bulletin, user: User) -> bool:
    """Whether a bulletin is for this person."""
    return not one.teams or not user.teams.isdisjoint(one.teams)


def matching(
    bulletins: Sequence[Bulletin], question: str, catalogue: Catalogue, product: str = ""
) -> tuple[Bulletin, ...]:
    """The bulletins to show beside a search, in the order given: by a product, of the question or of the call
    (`product`, any name of it), or by one of their words. Asked on every key: reads nothing, about 0.1 ms.
    """
    if not bulletins:
        return ()
    named = {*products.named_in(catalogue, question), products.resolve(catalogue, product) if product else None}
    terms, codes = frozenset(text.query_terms(question).words), text.codes(question, spoken=True)
    return tuple(
        one
        for one in bulletins
        if not named.isdisjoint(one.products) or any(_said(word, terms, codes) for word in one.words)
    )


def _said(word: str, terms: frozenset[str], codes: frozenset[str]) -> bool:
    """Whether a question of these terms and codes has every piece of a bulletin's word."""
    return all(code <= codes if code else own <= terms for code, own in _pieces(word))


@functools.lru_cache(maxsize=10_000)
def _pieces(word: str) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """The codes and the terms of each piece between spaces: `E-04` is found in `e4`, `red light` in `light is red`."""
    return tuple((text.codes(piece), frozenset(text.query_terms(piece).words)) for piece in word.split())


def _checked(notice: Notice, at: datetime, catalogue: Catalogue) -> Notice:
    """The notice as it will be kept. Raises RequestError for one that cannot be posted."""
    title, body, say = mask(text.clean(notice.title)), mask(notice.body.strip()), mask(text.clean(notice.say))
    if notice.kind not in KINDS:
        raise RequestError("bulletin_kind_unknown", kind=notice.kind, known=", ".join(KINDS))
    if not title:
        raise RequestError("bulletin_title_missing")
    if notice.kind == "holding" and not say:
        raise RequestError("bulletin_say_missing")
    if len(title) > TITLE_MOST or len(body) > BODY_MOST or len(say) > SAY_MOST:
        raise RequestError("bulletin_too_long", title=TITLE_MOST, body=BODY_MOST, say=SAY_MOST)
    begins = notice.valid_from or at
    if notice.expires_at <= max(begins, at):
        raise RequestError("bulletin_ends_too_early")
    if notice.expires_at - at > LONGEST:
        raise RequestError("bulletin_ends_too_late", days=LONGEST.days)
    return Notice(
        notice.kind,
        title,
        notice.expires_at,
        body,
        say,
        _distinct(notice.teams),
        tuple(dict.fromkeys(_code(catalogue, name) for name in notice.products)),
        _words(notice.words),
        begins,
    )


def _code(catalogue: Catalogue, name: str) -> str:
    code = products.resolve(catalogue, name)
    if code is None:
        raise RequestError("product_unknown", product=name[:40])
    return code


def _words(given: Iterable[str]) -> tuple[str, ...]:
    words = _distinct(mask(word) for word in given)
    if len(words) > WORDS_MOST:
        raise RequestError("bulletin_too_many_words", most=WORDS_MOST)
    for word in words:
        terms = frozenset().union(*(own for _, own in _pieces(word)))
        if terms <= text.FUNCTION_WORDS:  # nothing to find it by, or every search has it
            raise RequestError("bulletin_word_in_every_search", word=word[:40])
    return words


def _distinct(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cleaned for one in given if (cleaned := text.clean(one))))


# --- reads and writes ----------------------------------------------------------------------------


def post(connection: sa.Connection, by: User, notice: Notice, at: datetime, catalogue: Catalogue) -> Bulletin:
    """Put a notice before the people it is for. Raises RequestError for one that cannot be posted."""
    require(by, Action.POST_BULLETIN)
    facts = asdict(_checked(notice, at, catalogue))
    posted = Bulletin(id=uuid4().hex, by=by.id, at=at, **facts)
    connection.execute(sa.insert(bulletin).values(**asdict(posted)))
    return posted


def change(
    connection: sa.Connection, by: User, id: str, notice: Notice, at: datetime, catalogue: Catalogue
) -> Bulletin:
    """Withdraw one and post another in its place, which everybody sees anew.

    Raises RequestError for a notice that cannot be posted, NotFoundError where there is none to change.
    """
    withdraw(connection, by, id, at)
    return post(connection, by, notice, at, catalogue)


def withdraw(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """End a bulletin now; one that is withdrawn stays so. Raises NotFoundError where there is none."""
    require(by, Action.POST_BULLETIN)
    _one(connection, id)
    still = sa.and_(bulletin.c.id == id, bulletin.c.withdrawn_at.is_(None))
    connection.execute(sa.update(bulletin).where(still).values(withdrawn_at=at))


def live(connection: sa.Connection, by: User, at: datetime) -> tuple[Bulletin, ...]:
    """What is in force now for this person, the most urgent kind first, the newest first of each."""
    require(by, Action.READ_BULLETINS)
    return _urgent_first(one for one in _in_force(connection, _all(), at) if concerns(one, by))


def in_force(connection: sa.Connection, at: datetime) -> tuple[Bulletin, ...]:
    """What is in force now, whomever it is for: for a snapshot that is asked by `concerns`."""
    return _urgent_first(_in_force(connection, _all(), at))


def unseen(connection: sa.Connection, by: User, at: datetime) -> tuple[Bulletin, ...]:
    """Of what is `live` for this person, what they have not yet seen."""
    require(by, Action.READ_BULLETINS)
    seen = sa.select(bulletin_seen.c.bulletin).where(bulletin_seen.c.user == by.id)
    new = _all().where(bulletin.c.id.not_in(seen))
    return _urgent_first(one for one in _in_force(connection, new, at) if concerns(one, by))


def mark_seen(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """Note that this person has seen a bulletin; the first time counts. Raises NotFoundError for one not theirs."""
    require(by, Action.READ_BULLETINS)
    if not concerns(_one(connection, id), by):
        raise NotFoundError("bulletin_missing")
    mine = sa.and_(bulletin_seen.c.bulletin == id, bulletin_seen.c.user == by.id)
    if not connection.scalar(sa.select(sa.exists().where(mine))):
        connection.execute(sa.insert(bulletin_seen).values(bulletin=id, user=by.id, at=at))


def mark_unseen(connection: sa.Connection, by: User, id: str) -> None:
    """This person has not read it after all."""
    require(by, Action.READ_BULLETINS)
    mine = sa.and_(bulletin_seen.c.bulletin == id, bulletin_seen.c.user == by.id)
    connection.execute(sa.delete(bulletin_seen).where(mine))


def posted(connection: sa.Connection, by: User, at: datetime) -> tuple[Bulletin, ...]:
    """Every team's bulletins, planned, live, and ended at most `LONGEST` ago, the newest first."""
    require(by, Action.POST_BULLETIN)
    asked = _all().where(bulletin.c.expires_at > at - LONGEST).order_by(bulletin.c.at.desc(), bulletin.c.id)
    return tuple(_read(row) for row in connection.execute(asked))


def who_saw(connection: sa.Connection, by: User, id: str, users: Iterable[User] = ()) -> Audience:
    """Who has seen a bulletin and who of `users` whom it concerns has not. Raises NotFoundError where there is none."""
    require(by, Action.SEE_WHO_SAW)
    one = _one(connection, id)
    asked = sa.select(bulletin_seen.c.user, bulletin_seen.c.at).where(bulletin_seen.c.bulletin == id)
    seen = tuple(
        (row.user, row.at) for row in connection.execute(asked.order_by(bulletin_seen.c.at, bulletin_seen.c.user))
    )
    have = {user for user, _ in seen}
    return Audience(seen, tuple(user for user in users if concerns(one, user) and user.id not in have))


def _all() -> sa.Select[tuple[object, ...]]:
    return sa.select(bulletin)


def _in_force(connection: sa.Connection, asked: sa.Select[tuple[object, ...]], at: datetime) -> Iterable[Bulletin]:
    now = asked.where(bulletin.c.withdrawn_at.is_(None), bulletin.c.valid_from <= at, bulletin.c.expires_at > at)
    return [_read(row) for row in connection.execute(now)]


def _urgent_first(bulletins: Iterable[Bulletin]) -> tuple[Bulletin, ...]:
    newest = sorted(bulletins, key=lambda one: (one.at, one.id), reverse=True)
    return tuple(sorted(newest, key=lambda one: KINDS.index(one.kind)))


def _one(connection: sa.Connection, id: str) -> Bulletin:
    row = connection.execute(_all().where(bulletin.c.id == id)).one_or_none()
    if row is None:
        raise NotFoundError("bulletin_missing")
    return _read(row)


def _read(row: sa.Row[tuple[object, ...]]) -> Bulletin:
    facts = dict(row._mapping)
    return Bulletin(**facts | {name: tuple(facts[name]) for name in ("teams", "products", "words")})
