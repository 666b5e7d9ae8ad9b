"""Articles, as other systems see them: those an agent would see, and new texts, in work until a person shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from kb.content.articles import AUDIENCES, Article
from kb.db import Connection
from kb.doors import studio
from kb.doors.v1.door import Ask, Asked, Door, Lang, Next, Page, Told, day, page
from kb.doors.wiring import Desk, scope_of
from kb.errors import NotFoundError
from kb.i18n import say
from kb.people.scope import GOVERNANCE, STATES, may_see
from kb.people.users import Action, require
from kb.studio.drafts import TEXT_MOST
from kb.studio.writing import Saved

MOST_BYTES = 4 * TEXT_MOST + 4096  # of a body: JSON escapes, and its other fields


class Articles(Page):
    """Which articles."""

    lang: Lang = ""
    product: str = Field("", max_length=200)


class ArticleFacts(Told):
    """An article, without its text."""

    id: str
    title: str
    lang: str
    category: str
    products: list[str]
    state: Literal[STATES]  # type: ignore[valid-type]
    audience: Literal[AUDIENCES]  # type: ignore[valid-type]
    governance: Literal[GOVERNANCE]  # type: ignore[valid-type]
    owner: str
    twin: str
    version: str
    valid_from: str | None
    valid_until: str | None
    review_by: str | None


class ArticleList(Told):
    """Articles by id."""

    articles: list[ArticleFacts]
    generation: str
    next: Next


class OneArticle(Told):
    """An article whole: the sentence to say, and its Markdown with front matter."""

    article: ArticleFacts
    say: str
    slots: list[str]
    source: str
    generation: str


Source = Annotated[str, Field(min_length=1, max_length=TEXT_MOST, description="Markdown with front matter.")]


class NewArticle(Asked):
    """An article to be begun, in work."""

    id: Annotated[
        str,
        Field(pattern=r"^[a-z0-9]+(?:[-_.][a-z0-9]+)*$", max_length=200, description="The `id:` of its front matter."),
    ]
    category: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$", description="The folder it lies in.")]
    source: Source


class Rewritten(Asked):
    """A new text of an article in work."""

    source: Source
    base: str = Field(max_length=64, description="`version` of the text it was written from.")


class Finding(Told):
    """What to mend in a text before a person shows it to agents."""

    rule: str
    line: int
    message: str


class Written(Told):
    """What was saved. Agents see it once a person has taken it out of work."""

    article: ArticleFacts
    changed: bool
    findings: list[Finding]


# --- work ----------------------------------------------------------------------------------------


def listed(desk: Desk, ask: Ask) -> dict[str, Any]:
    """List the articles that an agent of these teams may see, by id."""
    require(ask.by, Action.SEARCH)
    served = desk.served or desk.open()
    engine = served.opened.engine
    scope = scope_of(served, ask.by, datetime.now(UTC), ask.query.lang, desk.product(ask.query.product))
    seen = [one for one in map(engine.article, sorted(engine.ids)) if may_see(scope, one)]
    shown, after = page(seen, lambda one: (one.id,), ask.query)
    return {"articles": [_facts(one) for one in shown], "generation": engine.generation, "next": after}


def read(desk: Desk, ask: Ask) -> dict[str, Any]:
    """Read an article, whole."""
    require(ask.by, Action.SEARCH)
    found = desk.read(ask.id, ask.by)
    if found is None:
        raise NotFoundError("article_not_found")
    generation = (desk.served or desk.open()).opened.engine.generation
    facts = {"say": found.say, "slots": list(found.slots), "source": found.source, "generation": generation}
    return {"article": _facts(found), **facts}


def begin(desk: Desk, connection: Connection, ask: Ask) -> dict[str, Any]:
    """Write a new article, in work: agents see it once a person has taken it further."""
    require(ask.by, Action.WRITE_ARTICLE)
    path = f"{ask.given.category}/{ask.given.id}.md"
    return _told(desk, ask, studio.save_with(connection, desk, ask.by, path, ask.given.source, "", ask.at, "api"))


def rewrite(desk: Desk, connection: Connection, ask: Ask) -> dict[str, Any]:
    """Write a new text of an article in work, over the version it was written from."""
    require(ask.by, Action.WRITE_ARTICLE)
    path = studio.article_of(desk, ask.by, ask.id).path
    source, base = ask.given.source, ask.given.base
    return _told(desk, ask, studio.save_with(connection, desk, ask.by, path, source, base, ask.at, "api"))


def _told(desk: Desk, ask: Ask, saved: Saved) -> dict[str, Any]:
    one = saved.article
    found = studio.check(desk.served or desk.open(), one.source, one.path, ask.at).findings
    rows = [{"rule": it.rule, "line": it.line, "message": say(ask.ui, f"lint.{it.rule}", **it.facts)} for it in found]
    return {"article": _facts(one), "changed": saved.changed, "findings": rows}


def _facts(one: Article) -> dict[str, Any]:
    days = {name: day(getattr(one, name)) for name in ("valid_from", "valid_until", "review_by")}
    return {name: getattr(one, name) for name in ArticleFacts.model_fields} | {"products": list(one.products)} | days


DOORS = (
    Door("GET", "/api/v1/articles", "articles:read", ArticleList, read=listed, query=Articles, refuses=(503,)),
    Door(
        "POST",
        "/api/v1/articles",
        "articles:write",
        Written,
        write=begin,
        asks=NewArticle,
        status=201,
        most=MOST_BYTES,
        refuses=(409,),
    ),
    Door("GET", "/api/v1/articles/{id}", "articles:read", OneArticle, read=read, refuses=(404, 503)),
    Door(
        "PUT",
        "/api/v1/articles/{id}",
        "articles:write",
        Written,
        write=rewrite,
        asks=Rewritten,
        most=MOST_BYTES,
        refuses=(404, 409),
    ),
)
