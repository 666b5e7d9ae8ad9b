"""One question, answered for the page, for other programs and for the command line alike."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kb.doors import payload
from kb.doors.beside import beside
from kb.doors.wiring import Desk
from kb.errors import QuestionError
from kb.finding import filters
from kb.people.users import User
from kb.seen import metrics

# What may be asked, and what is asked where it is not said.
# `settled`: the question stands, nobody is typing.
QUESTION: Mapping[str, Any] = {
    "q": "",
    "lang": "",
    "product": "",
    "prefer_lang": "",
    "limit": 10,
    "why": False,
    "settled": False,
}


def answer(desk: Desk, asked: Mapping[str, Any], by: User, ui: str) -> dict[str, Any]:
    """The answer to one question, with what stands beside it. Filters typed in it go before the call's own.

    asked: every key of `QUESTION`; ui: the interface's language
    Raises QuestionError for an empty question or an unknown product, GenerationError where no index serves.
    """
    started = time.perf_counter()
    verdict = "refused"
    try:
        told = _answer(desk, asked, by, ui, started)
        verdict = told["verdict"]
        return told
    finally:
        metrics.searched(verdict, time.perf_counter() - started, settled=asked["settled"])


def _answer(desk: Desk, asked: Mapping[str, Any], by: User, ui: str, started: float) -> dict[str, Any]:
    typed = filters.typed(asked["q"])
    product, lang = _product(desk, typed) or desk.product(asked["product"]), typed.lang or asked["lang"]
    at, speaks = datetime.now(UTC), asked["prefer_lang"]
    options = {"limit": asked["limit"], "settled": asked["settled"]}
    hits = desk.ask(typed.question, by, lang=lang, product=product, prefer_lang=speaks, at=at, **options)
    found = beside(desk, hits, product=product, lang=lang, speaks=speaks, by=by, at=at)
    return {
        **payload.of_hits(hits, 1000 * (time.perf_counter() - started), floor=desk.floor.now, why=asked["why"]),
        "filters": {"product": product, "lang": lang},
        "beside": payload.of_beside(found, ui, lambda id: desk.title(id, by), (desk.served or desk.open()).catalogue),
        "encoder": desk.encoder_state,
    }


def _product(desk: Desk, typed: filters.Filters) -> str:
    """The product typed as a filter. Raises QuestionError for an unknown one, unless it is still being typed."""
    try:
        return desk.product(typed.product)
    except QuestionError:
        if typed.growing:
            return ""
        raise
