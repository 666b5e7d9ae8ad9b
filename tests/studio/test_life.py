"""Who may take an article from which state to which: every cell, against a table written by hand."""

from __future__ import annotations

import itertools

import pytest

from kb.content.articles import Article, parse
from kb.errors import NotAllowedError, RequestError
from kb.people.scope import STATES
from kb.people.users import Role, User
from kb.studio.life import MOVES, NEW, check_change, may_change, may_read, moves_of

# from → to: who may, as the team would say it. a = anybody, e = editor and admin; what is not here nobody may.
BY_HAND = """
            wip  not-validated  validated  archived
(new)       a    e              e          -
wip         .    e              e          e
not-validated e  .              e          e
validated   -    e              .          e
archived    e    e              e          .
"""
PEOPLE = {role: User(role.value, role.value, role) for role in Role}


def article(state: str, **keys: str) -> Article:
    head = {"id": "a", "title": "T", "lang": "en", "state": state} | keys
    return parse(
        "---\n" + "".join(f"{key}: {value}\n" for key, value in head.items()) + "---\n\nBody\n", "products/a.md"
    )


def by_hand() -> dict[tuple[str, str], str]:
    head, *rows = BY_HAND.strip().splitlines()
    cells = {}
    for row in rows:
        before, *who = row.split()
        for after, one in zip(head.split(), who, strict=True):
            cells["" if before == "(new)" else before, after] = one
    return cells


def outcome(by: User, before: str, after: str) -> str:
    try:
        check_change(by, article(before) if before else None, article(after))
    except NotAllowedError:
        return "not allowed"
    except RequestError:
        return "no such move"
    return "done"


@pytest.mark.parametrize("role", list(Role))
def test_every_move_is_made_by_those_who_may(role: Role) -> None:
    cells = by_hand()
    assert set(cells) == set(itertools.product(("", *STATES), STATES))
    for (before, after), who in cells.items():
        allowed = who == "a" or (who == "e" and role in (Role.EDITOR, Role.ADMIN))
        wanted = {"-": "no such move"}.get(who, "done" if allowed else "not allowed")
        if who != ".":
            assert outcome(PEOPLE[role], before, after) == wanted, (role, before, after)


def test_a_text_is_changed_by_those_who_may_make_one_of_its_state() -> None:
    who = {state: [role.value for role in Role if may_change(PEOPLE[role], article(state))] for state in STATES}
    assert who == {
        "wip": ["agent", "editor", "supervisor", "admin"],
        "not-validated": ["editor", "admin"],
        "validated": ["editor", "admin"],
        "archived": ["editor", "admin"],
    }


def test_what_customers_may_be_told_word_for_word_needs_a_publisher() -> None:
    for keys in ({"audience": "external"}, {"governance": "compliance"}):
        with pytest.raises(NotAllowedError):
            check_change(PEOPLE[Role.AGENT], article("not-validated"), article("not-validated", **keys))
        check_change(PEOPLE[Role.EDITOR], article("not-validated"), article("not-validated", **keys))
        check_change(PEOPLE[Role.AGENT], article("wip"), article("wip", **keys))  # in work it is told to nobody


def test_the_moves_offered_are_the_moves_that_may_be_made() -> None:
    assert moves_of(PEOPLE[Role.EDITOR], article("validated")) == ("not-validated", "archived")
    assert moves_of(PEOPLE[Role.EDITOR], article("archived")) == ("wip", "not-validated", "validated")
    assert moves_of(PEOPLE[Role.AGENT], article("wip")) == ()
    for (before, after), role in itertools.product(MOVES, Role):
        if before != NEW:
            offered = after in moves_of(PEOPLE[role], article(before))
            assert offered == (outcome(PEOPLE[role], before, after) == "done")


def test_an_article_of_a_team_is_for_that_team() -> None:
    tier2 = User("two", "Two", Role.EDITOR, frozenset({"tier2"}))
    limited = article("wip", teams="[tier2]")
    assert may_read(tier2, limited)
    assert not may_read(PEOPLE[Role.ADMIN], limited)
    assert may_read(PEOPLE[Role.AGENT], article("archived"))
