"""The questions of a gap as they were asked, and what those who asked could see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import sqlalchemy as sa

from kb import tables, text
from kb.content.articles import Article
from kb.content.products import Catalogue, resolve
from kb.finding import filters
from kb.gaps import gap, misses
from kb.people import users
from kb.people.scope import ANSWERING_STATES, EVERY_PRODUCT, EVERYONE, GOVERNANCE, Scope, is_valid_on, may_see
from kb.people.users import User

QUESTIONS_MOST = 20  # of one gap, those asked most


@dataclass(frozen=True)
class Asking:
    """One question as it was asked by people who may see the same.

    question: masked, without typed filters;  lang, product: what it was narrowed to, '' = not
    teams:    the askers';  meetings: how often it was asked so
    """

    question: str
    lang: str
    product: str
    teams: frozenset[str]
    meetings: int = 1


@dataclass(frozen=True)
class Base:
    """What can be let through at the most: every language and team of its articles; `today` is the site's day."""

    langs: frozenset[str]
    teams: frozenset[str]
    today: date


def scope_of(asking: Asking, base: Base) -> Scope:
    """What those who asked could see, as they asked."""
    return Scope(
        teams=asking.teams | {EVERYONE},
        langs=frozenset(one for one in base.langs if not asking.lang or one.split("-")[0] == asking.lang),
        states=ANSWERING_STATES,
        governance=frozenset(GOVERNANCE),
        products=frozenset({asking.product or EVERY_PRODUCT}),
        on=base.today,
    )


def widened(asking: Asking, base: Base) -> tuple[Scope, ...]:
    """What is let through, one wall less at a time: filters; teams; the other language only; archived and expired;
    what is being written; and in the end all of them."""
    free = replace(scope_of(asking, base), products=frozenset({EVERY_PRODUCT}), langs=base.langs)
    spoken = text.language(asking.question)
    others = frozenset(one for one in base.langs if one.split("-")[0] != spoken)
    teams = base.teams | {EVERYONE}
    retired, draft = ANSWERING_STATES | {"archived"}, ANSWERING_STATES | {"wip"}
    return (
        free,
        replace(free, teams=teams),
        replace(free, langs=others),
        replace(free, states=retired, expired=True),
        replace(free, states=draft),
        replace(free, teams=teams, states=retired | draft, expired=True),
    )


def why_unseen(article: Article, asking: Asking, base: Base) -> str:
    """What kept an article from those who asked; '' where they could see it, in whatever place."""
    scope, spoken = scope_of(asking, base), text.language(asking.question)
    if scope.teams.isdisjoint(article.teams or (EVERYONE,)):
        return "hidden"
    if article.state == "wip":
        return "draft"
    if article.state not in scope.states or not is_valid_on(article, scope.on):
        return "retired"
    if article.lang not in scope.langs and article.lang.split("-")[0] != spoken:
        return "other_language"
    return "" if may_see(scope, article) else "filtered"


# --- reads ---------------------------------------------------------------------------------------


def askings(connection: sa.Connection, by: User, id: str, catalogue: Catalogue) -> tuple[Asking, ...]:
    """What was asked of a gap, each question once for each sort of asker, the most asked first."""
    met = misses.of_gap(connection, by, gap.parts(connection, id))
    seen = {(one.call, one.question) for one in met}
    teams = {one.id: one.teams for one in users.everyone(connection)}
    asked = [(one.question, one.product, frozenset(one.teams)) for one in met]
    asked += [
        (one.question, "", teams.get(one.agent, frozenset()))
        for one in gap.reports(connection, by, id)
        if one.question and (one.call, one.question) not in seen
    ]
    counts: dict[Asking, int] = {}
    for question, product, group in asked:
        one = _asking(question, product, group, catalogue)
        if one.question:
            counts[one] = counts.get(one, 0) + 1
    ordered = sorted(counts, key=lambda one: (-counts[one], one.question, sorted(one.teams)))
    return tuple(replace(one, meetings=counts[one]) for one in ordered[:QUESTIONS_MOST])


def _asking(question: str, product: str, teams: frozenset[str], catalogue: Catalogue) -> Asking:
    """A question as it was typed, taken apart. A product that the catalogue no longer has narrows nothing."""
    typed = filters.typed(question)
    code = (resolve(catalogue, typed.product) if typed.product else product) or ""
    return Asking(typed.question, typed.lang, code, teams)


def known(connection: sa.Connection, by: User, id: str) -> frozenset[str]:
    """Articles that people used as a gap's answer: it names one, or its calls were solved with one straight after."""
    one = gap.find(connection, id)
    named = {one.article} if one and one.article else set()
    met = misses.of_gap(connection, by, gap.parts(connection, id))
    event = tables.event
    calls = sorted({miss.call for miss in met})
    wanted = event.c.call.in_(calls) & event.c.kind.in_(("solved", "helped")) & event.c.undone_at.is_(None)
    solved = (
        connection.execute(sa.select(event.c.call, event.c.at, event.c.article).where(wanted)).all() if calls else []
    )
    for miss in met:
        named |= {
            row.article for row in solved if row.call == miss.call and miss.at <= row.at <= miss.at + misses.SETTLED
        }
    return frozenset(named - {""})
