"""What one asker may see. Every search takes a scope; there is no default and no "everything"."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

STATES = ("wip", "not-validated", "validated", "archived")
ANSWERING_STATES = frozenset({"validated", "not-validated"})  # what an agent may tell a caller
GOVERNANCE = ("experience", "compliance")
EVERYONE = "*"  # the team of an article that names no team
EVERY_PRODUCT = "*"  # a scope not narrowed to a product


@dataclass(frozen=True)
class Scope:
    """A filter, spelled out in full. An empty set lets nothing through.

    teams:      the asker's teams, with `EVERYONE` for articles of no team
    langs:      article languages (`zh-CN`, `en`); which of them comes first is not the scope's matter
    states:     KCS states
    governance: KCS governance
    products:   product codes, or `EVERY_PRODUCT`; articles of no product pass any of them
    on:         the site's day, for `valid_from` ≤ day ≤ `valid_until`
    expired:    True also shows articles outside their validity
    """

    teams: frozenset[str]
    langs: frozenset[str]
    states: frozenset[str]
    governance: frozenset[str]
    products: frozenset[str]
    on: date
    expired: bool = False


class Visible(Protocol):
    """The facts about an article that decide who may see it."""

    @property
    def lang(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def governance(self) -> str: ...
    @property
    def teams(self) -> tuple[str, ...]: ...
    @property
    def products(self) -> tuple[str, ...]: ...
    @property
    def valid_from(self) -> date | None: ...
    @property
    def valid_until(self) -> date | None: ...


def is_valid_on(article: Visible, day: date) -> bool:
    """Whether `day` lies in the article's validity, both ends included."""
    return (article.valid_from is None or article.valid_from <= day) and (
        article.valid_until is None or day <= article.valid_until
    )


def facets(article: Visible) -> Hashable:
    """All that `may_see` looks at: two articles that agree in it are seen by the same askers."""
    who = article.state, article.lang, article.governance, article.teams, article.products
    return *who, article.valid_from, article.valid_until


def may_see(scope: Scope, article: Visible) -> bool:
    """Whether an asker with this scope may see this article."""
    return (
        article.state in scope.states
        and article.lang in scope.langs
        and article.governance in scope.governance
        and not scope.teams.isdisjoint(article.teams or (EVERYONE,))
        and _about(scope.products, article.products)
        and (scope.expired or is_valid_on(article, scope.on))
    )


def _about(wanted: frozenset[str], products: tuple[str, ...]) -> bool:
    if not wanted:
        return False
    return EVERY_PRODUCT in wanted or not products or not wanted.isdisjoint(products)
