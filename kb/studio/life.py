"""The life of an article as a table of moves: which state may follow which, and what one must be allowed for it.

States, audience and governance are KCS v6's. What a change needs is the most that any part of it needs: the text of
a validated article, or of one that may be read out to customers, is a publisher's to change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kb.content.articles import Article
from kb.errors import RequestError
from kb.people.scope import EVERYONE
from kb.people.users import Action, User, may, require

NEW = ""  # the state of what is not there yet

# (from, to) → what one must be allowed. A move that is not here is made by nobody.
MOVES: Mapping[tuple[str, str], Action] = {
    (NEW, "wip"): Action.WRITE_ARTICLE,
    (NEW, "not-validated"): Action.EDIT_ARTICLE,
    (NEW, "validated"): Action.PUBLISH_ARTICLE,
    ("wip", "not-validated"): Action.EDIT_ARTICLE,
    ("wip", "validated"): Action.PUBLISH_ARTICLE,
    ("wip", "archived"): Action.EDIT_ARTICLE,
    ("not-validated", "wip"): Action.EDIT_ARTICLE,
    ("not-validated", "validated"): Action.PUBLISH_ARTICLE,
    ("not-validated", "archived"): Action.EDIT_ARTICLE,
    ("validated", "not-validated"): Action.PUBLISH_ARTICLE,
    ("validated", "archived"): Action.PUBLISH_ARTICLE,
    ("archived", "wip"): Action.EDIT_ARTICLE,
    ("archived", "not-validated"): Action.EDIT_ARTICLE,
    ("archived", "validated"): Action.PUBLISH_ARTICLE,
}

# State → what one must be allowed to change the text of an article that is in it.
EDITS: Mapping[str, Action] = {
    "wip": Action.WRITE_ARTICLE,
    "not-validated": Action.EDIT_ARTICLE,
    "validated": Action.PUBLISH_ARTICLE,
    "archived": Action.EDIT_ARTICLE,
}


def moves_of(by: User, article: Article) -> tuple[str, ...]:
    """The states this person may take an article to, in the order of the table."""
    return tuple(
        after for (before, after), action in MOVES.items() if before == article.state and _may(by, action, article)
    )


def check_change(by: User, old: Article | None, new: Article) -> None:
    """Raises NotAllowedError where this person may not make `new` of `old` (None = there was none), RequestError
    for a move that nobody may make."""
    for action, article in _needed(old, new):
        require(by, action, teams=frozenset(article.teams))


def _needed(old: Article | None, new: Article) -> Iterator[tuple[Action, Article]]:
    before = old.state if old else NEW
    if before != new.state:
        if (before, new.state) not in MOVES:
            raise RequestError("move_not_possible", before=before, after=new.state)
        yield MOVES[before, new.state], new
    for one in (old, new):
        if one is None:
            continue
        yield EDITS[one.state], one
        if one.state != "wip" and (one.audience == "external" or one.governance == "compliance"):
            yield Action.PUBLISH_ARTICLE, one


def may_change(by: User, article: Article) -> bool:
    """Whether this person may change the article's text as it stands."""
    return all(_may(by, action, one) for action, one in _needed(article, article))


def _may(by: User, action: Action, article: Article) -> bool:
    return may(by, action, teams=frozenset(article.teams))


def may_read(by: User, article: Article) -> bool:
    """Whether the studio shows this person an article, in whatever state: those of their teams and of nobody's."""
    return not frozenset(article.teams or (EVERYONE,)).isdisjoint(by.teams | {EVERYONE})
