"""One look at the insights: who looks, at what part of the journal, and how things are named to them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime

from kb.content.articles import Article
from kb.db import Connection
from kb.doors.ui.frame import hl, literal, t
from kb.doors.wiring import Desk, Served, scope_of
from kb.gaps.analytics.view import View
from kb.people.scope import STATES, may_see
from kb.people.users import User


@dataclass(frozen=True)
class Looked:
    """One look at the page: who looks, at what part of the journal."""

    here: Desk
    served: Served
    by: User
    view: View
    now: datetime

    def read(self) -> AbstractContextManager[Connection]:
        return self.here.database.read()

    def title(self, id: str) -> str:
        """An article's title; its id where it is gone; nobody's where another team keeps it to itself."""
        known = id in self.served.opened.manifest.articles
        return self.here.title(id, self.by) if not known or self.here.read(id, self.by) else t("insights.hidden")

    def product(self, code: str) -> str:
        product = self.served.catalogue.get(code)
        return product.name(hl()) if product else code or t("insights.no_product")

    def articles(self) -> list[Article]:
        """What this person may see, in whatever state."""
        scope = replace(scope_of(self.served, self.by, self.now), states=frozenset(STATES), expired=True)
        engine = self.served.opened.engine
        return [one for one in map(engine.article, engine.ids) if may_see(scope, one)]


def call_link(id: object) -> str:
    """A call's id that opens it on the page of calls."""
    return f"[{literal(str(id))}](/calls?look={id}&hl={hl()})"


def day_of(day: date | None) -> str:
    """A day, nothing for none."""
    return day.isoformat() if day else ""
