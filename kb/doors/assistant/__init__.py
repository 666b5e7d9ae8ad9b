"""Search and articles for AI assistants over the Model Context Protocol, for one key or one person of this machine.

An assistant sees what its key, or its person, would see, and nothing it does is journalled: it is no search of a real
call (settled.md, 2). What it is told says whether it may be told to a customer.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from kb import text
from kb.calls.journal import MAX_QUERY
from kb.content.articles import Article
from kb.doors import wiring
from kb.doors.answer import QUESTION, answer
from kb.doors.assistant.told import Found, Hit, Whole
from kb.doors.wiring import Desk, scope_of
from kb.errors import KBError, NotAllowedError, NotFoundError
from kb.i18n import explain, nearest_language, say
from kb.people.scope import may_see
from kb.people.users import Action, User, require
from kb.seen.log import log

NAME, ARTICLE = "firstcall", "firstcall://article/{id}"
MOST = 20  # articles in one answer
ABOUT = """The knowledge base of a contact centre, in Chinese and English. Ask `search` in the customer's own words, in
either language; read an article whole before you rely on it. Tell nobody more than an article says. What is not marked
as external must not be quoted to a customer; what is not validated may be wrong. A verdict of `missing` means that the
base has no answer: say so and make none up."""
READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
T = TypeVar("T")
Question = Annotated[str, Field(min_length=1, max_length=MAX_QUERY, description="In the customer's own words.")]
Lang = Annotated[str, Field(pattern="^(|zh|en)$", description="Only articles of this language: zh or en; '' = both.")]
Product = Annotated[str, Field(max_length=200, description="Only about this product, by code or name; '' = any.")]
Limit = Annotated[int, Field(ge=1, le=MOST, description="How many articles at the most.")]
Id = Annotated[str, Field(min_length=1, max_length=200, description="The id of an article, as `search` tells it.")]


def server(desk: Desk, who: Callable[[], User], ui: str, *, words: bool = False) -> MCPServer[None]:
    """The tools and resources over this desk.

    who: for whom it is asked, each time anew; raises NotAllowedError once that is over
    ui:  the language of sentences where nothing else tells one; words: never load the encoder, answer by words
    """

    @asynccontextmanager
    async def lifespan(_: MCPServer[None]) -> AsyncIterator[None]:
        if not words:
            threading.Thread(target=_load_encoder, args=(desk,), name="encoder", daemon=True).start()
        yield

    made: MCPServer[None] = MCPServer(NAME, instructions=ABOUT, log_level="WARNING", lifespan=lifespan)

    @made.tool(annotations=READS)
    def search(question: Question, lang: Lang = "", product: Product = "", limit: Limit = 5) -> Found:
        """Find the articles that answer a question, the best first, each with the sentence to say."""
        spoken = nearest_language(text.language(question))

        def work() -> Found:
            by = _allowed(who(), "search")
            desk.open()
            asked = {**QUESTION, "q": question, "lang": lang, "product": product, "limit": limit, "settled": True}
            told = answer(desk, asked, by, spoken)
            facts = {name: told[name] for name in ("verdict", "generation", "complete")}
            hits = [_hit(hit, _seen(desk, hit["article"], by), spoken) for hit in told["hits"]]
            return Found(note=say(spoken, f"verdict.{told['verdict']}"), articles=hits, **facts)

        return _told(work, ToolError, spoken)

    @made.tool(annotations=READS)
    def read_article(id: Id) -> Whole:
        """Read an article whole, as Markdown, with its state, audience, source and version."""
        return _told(lambda: _whole(desk, _allowed(who(), "articles:read"), id), ToolError, ui)

    @made.resource(ARTICLE, name="article", title="An article by its id", mime_type="text/markdown")
    def article(id: str) -> str:
        """An article's Markdown with its front matter."""

        def work() -> str:
            by = _allowed(who(), "articles:read")
            desk.open()
            return _seen(desk, id, by).source

        return _told(work, ResourceError, ui)

    return made


def _told(work: Callable[[], T], kind: type[Exception], language: str) -> T:
    """What `work` returns; what it refuses is one sentence."""
    try:
        return work()
    except KBError as error:
        raise kind(explain(language, error)) from error


def _allowed(by: User, scope: str) -> User:
    if by.scopes is not None and scope not in by.scopes:
        raise NotAllowedError("key_scope")
    require(by, Action.SEARCH)
    return by


def _seen(desk: Desk, id: str, by: User) -> Article:
    """An article as it is served; one that is hidden from `by` is as if it were not there."""
    found = desk.read(id, by)
    if found is None:
        raise NotFoundError("article_not_found")
    return found


def _whole(desk: Desk, by: User, id: str) -> Whole:
    served = desk.open()
    one = _seen(desk, id, by)
    twin = desk.read(one.twin, by) if one.twin else None
    return Whole(
        **_facts(one, nearest_language(one.lang)),
        say=one.say,
        slots=list(one.slots),
        text=one.body,
        twin=twin.id if twin and may_see(scope_of(served, by, datetime.now(UTC)), twin) else "",
        generation=served.opened.manifest.generation,
    )


def _hit(hit: dict[str, Any], one: Article, language: str) -> Hit:
    passage = hit["passage"]
    told = {"say": one.say, "slots": list(one.slots), "passage": passage["text"], "section": passage["section"]}
    return Hit(**_facts(one, language), **told)


def _facts(one: Article, language: str) -> dict[str, Any]:
    """What is told of an article wherever it is told: whether it may be relied on, and read out."""
    notes = [say(language, f"assistant.{one.audience}")]
    notes += [say(language, "assistant.not_validated")] if one.state != "validated" else []
    return {
        "id": one.id,
        "title": one.title,
        "lang": one.lang,
        "state": one.state,
        "audience": one.audience,
        "notes": notes,
        "source": one.path,
        "version": one.version,
        "valid_until": one.valid_until.isoformat() if one.valid_until else "",
    }


def _load_encoder(desk: Desk) -> None:
    """Until it is there, and where it is not, words answer."""
    try:
        encoder = wiring.load_encoder(desk.settings)
        desk.reranker = wiring.load_reranker(desk.settings)
        desk.encoder, desk.encoder_state = encoder, "ready"
    except Exception:
        desk.encoder_state = "failed"
        log.failed("encoder_not_loaded")
