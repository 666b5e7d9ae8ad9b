"""What an assistant is told, field by field: their descriptions are what it reads."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Facts(BaseModel):
    """What is told of an article wherever it is told."""

    id: str
    title: str
    lang: str
    state: Literal["validated", "not-validated"]
    audience: Literal["internal", "external"] = Field(description="external: may be told to a customer word for word")
    notes: list[str] = Field(description="what to heed when using it")
    source: str = Field(description="the article's file in the base")
    version: str = Field(description="sha256 of that file")
    valid_until: str = Field(description="last day it holds, '' = open")


class Hit(Facts):
    """One article found."""

    say: str = Field(description="the sentence to say to the customer, '' where there is none")
    slots: list[str] = Field(description="what is open in it, as {name}, and has to be filled in")
    passage: str = Field(description="the passage that answers")
    section: str


class Found(BaseModel):
    """What was found, the best first."""

    verdict: Literal["found", "maybe", "missing"]
    note: str
    articles: list[Hit]
    generation: str = Field(description="the generation of the index that answered")
    complete: bool = Field(description="false while only words were compared, not meanings")


class Whole(Facts):
    """An article."""

    say: str
    slots: list[str]
    text: str = Field(description="Markdown")
    twin: str = Field(description="id of the same article in the other language, '' = none")
    generation: str
