"""The call behind the agent's page: how a visit begins, and what the bar is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import streamlit as st

from kb.calls import call, flags, journal
from kb.calls.call import Call
from kb.content.articles import Article, plain
from kb.db import Connection
from kb.doors import payload
from kb.doors.call_api import mine
from kb.doors.ui.frame import me, told
from kb.doors.ui.keys import KEYS
from kb.doors.wiring import Desk, Served
from kb.errors import KBError, QuestionError, RequestError
from kb.gaps import gap
from kb.i18n import explain, sentences

POP = ("call", "q", "product", "lang")
MOST_SENTENCES = 40


def begin(here: Desk) -> None:
    """A new visit: a screen-pop's call, else where this person left off. Nothing here keeps the page from opening."""
    given = {name: st.query_params.get(name, "") for name in POP}
    state = {"article": st.query_params.get("article", ""), "question": "", "section": "", "restored": True, "pop": {}}
    for name, value in {**state, "refused": [], "asked": ""}.items():
        st.session_state[name] = value
    for name in POP:
        if name in st.query_params:
            del st.query_params[name]  # read once: no caller's words stay in the address
    try:
        if any(given.values()):
            _pop(here, given)
        else:
            with here.database.read() as connection:
                _resume(connection)
    except KBError as error:
        _refused(error)


def _refused(error: KBError) -> None:
    st.session_state["refused"].append(explain(str(st.session_state["hl"]), error))


def _pop(here: Desk, given: dict[str, str]) -> None:
    """What the CRM opened the page for.

    A phone number in it refuses the whole; a product or language that is none costs only itself. Without a call id
    its words are searched, and its product and language are those of the call that begins next.
    """
    id, at = call.checked_pop(given["call"] or "q", given["q"]), datetime.now(UTC)
    product, lang = _known(here.product, given["product"]), _known(call.checked_lang, given["lang"])
    st.session_state["question"] = given["q"]
    taken = False
    if given["call"]:
        with here.database.write() as connection:
            before = call.find(connection, id)
            taken = before is not None and before.agent != me().id
            call.pop(connection, me(), id, at, product=product, lang=lang)
            if not given["q"]:
                _resume(connection, id)
    pop = {"token": uuid4().hex, "call": given["call"], "product": product, "lang": lang, "taken": taken}
    st.session_state["pop"] = pop  # its token: box and bar are mounted again with it, and apply it once


def _known(check: Callable[[str], str], given: str) -> str:
    """What a check makes of a value; '' where it refuses it, which is told."""
    try:
        return check(given)
    except (QuestionError, RequestError) as error:
        _refused(error)
        return ""


def _resume(connection: Connection, id: str = "") -> None:
    """The words and the article of the call that is going on."""
    held = call.held(connection, me(), datetime.now(UTC))
    here_now = next((one for one in held if one.id == id), held[0] if held else None)
    if here_now is not None:
        last = _last(connection, here_now)
        st.session_state["question"] = last["q"]
        st.session_state["article"] = st.session_state["article"] or last["article"]


def _last(connection: Connection, one: Call) -> dict[str, str]:
    """What was last asked and last open on a call."""
    trail = journal.trail(connection, one.id)
    asked = [event.query for event in trail if event.kind == "search"]
    opened = [event.article for event in trail if event.kind == "open"]
    return {"q": asked[-1] if asked else "", "article": opened[-1] if opened else ""}


def bar_data(here: Desk, served: Served, article: Article | None, keys: dict[str, list[str]]) -> dict[str, Any]:
    """What the call bar is told at every run. A database that fails leaves it without calls, not without keys, and
    is told on the page."""
    hl, by, at = str(st.session_state["hl"]), me(), datetime.now(UTC)
    calls: list[dict[str, Any]] = []
    waiting: dict[str, Any] = {"promises": [], "answered": [], "unseen": []}
    with told(), here.database.read() as connection:
        calls = [payload.of_call(one) | _last(connection, one) for one in call.held(connection, by, at)]
        waiting = mine(here, connection, by, at)
    return {
        "labels": payload.labels(sentences(hl), "call"),
        "ui": hl,
        "user": by.id,
        "keys": keys,
        "defaults": KEYS,
        "chosen": st.session_state.get("keys", {}),
        "calls": calls,
        "mine": waiting,
        "pop": st.session_state["pop"],
        "article": _open_article(here, article) if article else None,
        "asked": st.session_state["asked"],
        "products": {code: product.name(hl) for code, product in served.catalogue.items() if not product.discontinued},
        "reasons": flags.REASONS,
        "kinds": gap.KINDS,
        "token": f"{hl}|{served.opened.manifest.generation}",
    }


def _open_article(here: Desk, article: Article) -> dict[str, Any]:
    twin = here.read(article.twin, me()) if article.twin else None
    return {
        "id": article.id,
        "version": article.version,
        "title": article.title,
        "twin": twin.id if twin else "",
        "sentences": sentences_of(article),
        "restored": bool(st.session_state["restored"]),
    }


def sentences_of(article: Article) -> list[str]:
    """What an agent may point at as wrong, as it is shown: say-line, blocks, then paragraphs and list items."""
    texts = [article.say, *(block.text for block in article.blocks if block.kind != "say")]
    inside = [block.span for block in article.blocks]
    outside = (span for span in article.paragraphs if not any(b.start <= span.start < b.end for b in inside))
    texts += [article.source[span.start : span.end] for span in outside]
    lines = (plain(line) for text in texts for line in text.split("\n"))
    return list(dict.fromkeys(line for line in lines if line))[:MOST_SENTENCES]
