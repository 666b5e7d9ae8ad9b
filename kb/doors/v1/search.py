"""A question, asked by a program: nothing of it is journalled."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from kb.calls.journal import MAX_QUERY
from kb.doors.answer import QUESTION, answer
from kb.doors.v1.door import Ask, Asked, Door, Lang, Told
from kb.doors.wiring import Desk
from kb.people.users import Action, require


class Question(Asked):
    """A question, in the words of whoever asks."""

    q: Annotated[str, Field(min_length=1, max_length=MAX_QUERY)]
    lang: Lang = Field("", description="Only articles of this language.")
    product: str = Field("", max_length=200, description="Only about this product, by code, name or alias.")
    prefer_lang: Lang = Field("", description="The customer's language: what is shown of two twins.")
    limit: int = Field(10, ge=1, le=50)
    why: bool = Field(False, description="Say why each article stands where it stands.")


class Passage(Told):
    """The passage of an article that answers; `start` and `end` in its source, `sentence` in `text`."""

    text: str
    start: int
    end: int
    section: str
    chunk: str
    sentence: list[int]


class Hit(Told):
    """One article found."""

    article: str
    title: str
    lang: str
    say: str = Field(description="The sentence to say to the customer, as plain text.")
    slots: list[str] = Field(description="What is open in it and has to be filled in.")
    passage: Passage
    score: float
    state: Literal["validated", "not-validated"]
    audience: str = Field(description="`external`: may be told to customers word for word.")
    category: str
    products: list[str]
    valid_until: str | None
    twin: str = Field(description="The same in the other language, '' where there is none.")
    version: str
    solved: int = Field(description="Calls it solved lately.")
    changed_at: str | None
    named: bool
    pinned: bool
    marks: dict[str, list[list[int]]]
    why: dict[str, Any] | None = None


class Narrowed(Told):
    """What the hits were narrowed to."""

    product: str
    lang: str


class Answer(Told):
    """What was found, the best first, and whether that is an answer."""

    query: str
    verdict: Literal["found", "maybe", "missing"]
    probability: float | None
    hits: list[Hit]
    took_ms: float
    generation: str
    complete: bool = Field(description="False while the encoder had no part in it.")
    encoder: Literal["warming", "ready", "failed"]
    filters: Narrowed


def search(desk: Desk, ask: Ask) -> dict[str, Any]:
    """Find the articles that answer a question, the sentence to say first."""
    require(ask.by, Action.SEARCH)
    told = answer(desk, {**QUESTION, **ask.given.model_dump()}, ask.by, ask.ui)
    return {name: value for name, value in told.items() if name in Answer.model_fields}


DOORS = (Door("POST", "/api/v1/search", "search", Answer, read=search, asks=Question, searches=True),)
