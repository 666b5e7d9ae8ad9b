"""What an asker may see: nothing that is not let through by name."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.people.scope import (
    ANSWERING_STATES,
    EVERY_PRODUCT,
    EVERYONE,
    GOVERNANCE,
    STATES,
    Scope,
    facets,
    is_valid_on,
    may_see,
)

DAY = date(2026, 11, 21)


@dataclass(frozen=True)
class Facts:
    """An article's facts that decide who may see it."""

    lang: str = "zh-CN"
    state: str = "validated"
    governance: str = "compliance"
    teams: tuple[str, ...] = ()
    products: tuple[str, ...] = ("LH-R3000",)
    valid_from: date | None = None
    valid_until: date | None = None


AGENT = Scope(
    teams=frozenset({EVERYONE, "payments"}),
    langs=frozenset({"zh-CN", "en"}),
    states=ANSWERING_STATES,
    governance=frozenset(GOVERNANCE),
    products=frozenset({EVERY_PRODUCT}),
    on=DAY,
)
ARTICLE = Facts()


def test_an_agent_sees_a_validated_article_of_every_team() -> None:
    assert may_see(AGENT, ARTICLE)
    assert may_see(AGENT, replace(ARTICLE, lang="en"))


@pytest.mark.parametrize("name", ["teams", "langs", "states", "governance", "products"])
def test_an_empty_set_lets_nothing_through(name: str) -> None:
    empty = replace(AGENT, **{name: frozenset()})
    assert not may_see(empty, ARTICLE)
    assert not may_see(empty, replace(ARTICLE, products=(), teams=()))


def test_nothing_of_a_scope_but_expired_goes_without_saying() -> None:
    assert [field.name for field in fields(Scope) if field.default is not MISSING] == ["expired"]
    assert not AGENT.expired


@pytest.mark.parametrize(
    ("state", "seen"), [("validated", True), ("not-validated", True), ("wip", False), ("archived", False)]
)
def test_agents_see_what_may_be_told_to_a_caller(state: str, seen: bool) -> None:
    assert may_see(AGENT, replace(ARTICLE, state=state)) is seen


def test_work_in_progress_is_seen_where_the_scope_says_so() -> None:
    assert may_see(replace(AGENT, states=frozenset(STATES)), replace(ARTICLE, state="wip"))


@pytest.mark.parametrize(
    ("langs", "lang", "seen"),
    [({"zh-CN"}, "zh-CN", True), ({"zh-CN"}, "en", False), ({"en"}, "en-GB", False), ({"zh-CN", "en"}, "en", True)],
)
def test_languages_are_a_hard_filter(langs: set[str], lang: str, seen: bool) -> None:
    assert may_see(replace(AGENT, langs=frozenset(langs)), replace(ARTICLE, lang=lang)) is seen


@pytest.mark.parametrize(("governance", "seen"), [("experience", True), ("compliance", False)])
def test_governance_is_a_filter(governance: str, seen: bool) -> None:
    only = replace(AGENT, governance=frozenset({"experience"}))
    assert may_see(only, replace(ARTICLE, governance=governance)) is seen


@pytest.mark.parametrize(
    ("asker", "article", "seen"),
    [
        ({EVERYONE}, (), True),
        ({EVERYONE}, ("payments",), False),
        ({EVERYONE, "payments"}, ("payments",), True),
        ({EVERYONE, "payments"}, ("logistics", "payments"), True),
        ({EVERYONE, "payments"}, ("logistics",), False),
        ({"payments"}, (), False),  # an article of every team asks for the team "everyone", spelled out
        ({"Payments"}, ("payments",), False),
    ],
)
def test_an_article_of_a_team_is_for_that_team(asker: set[str], article: tuple[str, ...], seen: bool) -> None:
    assert may_see(replace(AGENT, teams=frozenset(asker)), replace(ARTICLE, teams=article)) is seen


@pytest.mark.parametrize(
    ("wanted", "article", "seen"),
    [
        ({EVERY_PRODUCT}, ("LH-R3000",), True),
        ({EVERY_PRODUCT}, (), True),
        ({"LH-R3000"}, ("LH-R3000",), True),
        ({"LH-R3000"}, ("LH-M6000", "LH-R3000"), True),
        ({"LH-R3000"}, ("LH-M6000",), False),
        ({"LH-R3000"}, (), True),  # refund times concern every product
        ({"LH-R3000", "LH-V9"}, ("LH-V9",), True),
        (set(), (), False),
    ],
)
def test_a_scope_narrowed_to_a_product_keeps_what_concerns_every_product(
    wanted: set[str], article: tuple[str, ...], seen: bool
) -> None:
    assert may_see(replace(AGENT, products=frozenset(wanted)), replace(ARTICLE, products=article)) is seen


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "valid"),
    [
        (None, None, True),
        (DAY, None, True),
        (None, DAY, True),
        (DAY, DAY, True),
        (DAY + timedelta(days=1), None, False),
        (None, DAY - timedelta(days=1), False),
        (date(2026, 11, 1), date(2026, 12, 11), True),
    ],
)
def test_validity_includes_both_its_days(valid_from: date | None, valid_until: date | None, valid: bool) -> None:
    article = replace(ARTICLE, valid_from=valid_from, valid_until=valid_until)
    assert is_valid_on(article, DAY) is valid
    assert may_see(AGENT, article) is valid


def test_what_has_expired_is_seen_where_the_scope_says_so() -> None:
    expired = replace(ARTICLE, valid_until=DAY - timedelta(days=1))
    not_yet = replace(ARTICLE, valid_from=DAY + timedelta(days=1))
    wide = replace(AGENT, expired=True)
    assert (may_see(wide, expired), may_see(wide, not_yet)) == (True, True)
    assert not may_see(wide, replace(expired, state="archived"))


def test_a_scope_can_be_kept_by_what_it_says() -> None:
    assert hash(AGENT) == hash(replace(AGENT))
    assert replace(AGENT) == AGENT


TEAMS = st.frozensets(st.sampled_from([EVERYONE, "payments", "tech"]))
LANGS = st.frozensets(st.sampled_from(["zh-CN", "en"]))
PRODUCTS = st.frozensets(st.sampled_from([EVERY_PRODUCT, "LH-R3000", "LH-V9"]))
DAYS = st.none() | st.dates(DAY - timedelta(days=2), DAY + timedelta(days=2))
SCOPES = st.builds(
    Scope,
    teams=TEAMS,
    langs=LANGS,
    states=st.frozensets(st.sampled_from(STATES)),
    governance=st.frozensets(st.sampled_from(GOVERNANCE)),
    products=PRODUCTS,
    on=st.just(DAY),
    expired=st.booleans(),
)
ARTICLES = st.builds(
    Facts,
    lang=st.sampled_from(["zh-CN", "en"]),
    state=st.sampled_from(STATES),
    governance=st.sampled_from(GOVERNANCE),
    teams=st.sets(st.sampled_from(["payments", "tech"])).map(tuple),
    products=st.sets(st.sampled_from(["LH-R3000", "LH-V9"])).map(tuple),
    valid_from=DAYS,
    valid_until=DAYS,
)
SETS = ("teams", "langs", "states", "governance", "products")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(SCOPES, SCOPES, ARTICLES)
def test_a_wider_scope_never_sees_less(one: Scope, other: Scope, article: Facts) -> None:
    both = {name: getattr(one, name) | getattr(other, name) for name in SETS}
    wider = replace(one, **both, expired=one.expired or other.expired)
    assert may_see(wider, article) or not may_see(one, article)


def test_what_a_scope_may_tell_apart_is_all_in_the_facets() -> None:
    other = {
        "lang": "en",
        "state": "wip",
        "governance": "experience",
        "teams": ("payments",),
        "products": (),
        "valid_from": DAY,
        "valid_until": DAY,
    }
    assert other.keys() == {field.name for field in fields(Facts)}
    kinds = {facets(replace(ARTICLE, **{name: value})) for name, value in other.items()}  # type: ignore[arg-type]
    assert len(kinds | {facets(ARTICLE), facets(replace(ARTICLE))}) == len(other) + 1
