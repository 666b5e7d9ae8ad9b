"""Hits as JSON: one shape for the command line and `/api/search`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from kb import text
from kb.calls.bulletins import Bulletin
from kb.calls.call import Call, Summary
from kb.calls.experts import Suggestion
from kb.calls.promises import Promise
from kb.content.articles import SLOT
from kb.content.products import Catalogue
from kb.doors.beside import Beside
from kb.doors.floor import Floor
from kb.finding.search import Hit, Hits
from kb.gaps.gap import Gap, Report
from kb.i18n import say


def of_hits(hits: Hits, took_ms: float, *, floor: Floor, why: bool = False) -> dict[str, Any]:
    """The answer to one question. `complete` is false while the encoder had no part in it."""
    return {
        "query": hits.query,
        "verdict": hits.verdict.name,
        "probability": _rounded(hits.verdict.probability),
        "hits": [_hit(hit, hits.heard, floor, why) for hit in hits.hits],
        "took_ms": round(took_ms, 1),
        "generation": hits.generation,
        "complete": hits.complete,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


def _hit(hit: Hit, query: str, floor: Floor, why: bool) -> dict[str, Any]:
    article = hit.article
    changed = floor.changed.get(article.id)
    facts: dict[str, Any] = {
        "article": article.id,
        "title": article.title,
        "lang": article.lang,
        "say": article.say,
        "slots": list(dict.fromkeys(SLOT.findall(article.say))),
        "passage": {
            "text": hit.passage.text,
            "start": hit.passage.span.start,
            "end": hit.passage.span.end,
            "section": hit.passage.section,
            "chunk": hit.passage.chunk,
            "sentence": list(hit.passage.sentence),
        },
        "score": round(hit.score, 4),
        "state": article.state,
        "audience": article.audience,
        "category": article.category,
        "products": list(article.products),
        "valid_until": article.valid_until.isoformat() if article.valid_until else None,
        "twin": hit.twin,
        "version": article.version,
        "solved": floor.solved.get(article.id, 0),
        "changed_at": changed.isoformat() if changed else None,
        "named": hit.named,
        "pinned": hit.pinned,
        "marks": {
            "title": text.marks(article.title, query),
            "say": text.marks(article.say, query),
            "passage": text.marks(hit.passage.text, query),
        },
    }
    if why:
        facts["why"] = {
            name: {"rank": place.rank, "score": round(place.score, 4), "chunk": place.chunk}
            for name, place in hit.why.items()
        }
    return facts


def of_beside(found: Beside, language: str, title: Callable[[str], str], catalogue: Catalogue) -> dict[str, Any]:
    """What stands beside the hits. `language` is the interface's; `title` gives an article's title by its id."""
    return {
        "gaps": [
            {"id": one.id, "question": one.question, "calls": one.calls, "last_at": one.last_at.isoformat()}
            for one in found.gaps
        ],
        "drafts": [{"article": one.id, "title": one.title, "owner": one.owner} for one in found.drafts],
        "bulletins": [of_bulletin(one) for one in found.bulletins],
        "experts": [_expert(one, language, title, catalogue) for one in found.experts],
        "unfiltered": {"article": found.unfiltered.id, "title": found.unfiltered.title} if found.unfiltered else None,
    }


LANGUAGE_NAMES = {"zh": "中文", "en": "English"}


def _expert(one: Suggestion, language: str, title: Callable[[str], str], catalogue: Catalogue) -> dict[str, Any]:
    expert, reason = one.expert, one.why[0]
    named: Mapping[str, Callable[[str], str]] = {
        "owner": title,
        "product": lambda code: product_names(catalogue, (code,), language)[0],
        "lang": lambda lang: LANGUAGE_NAMES.get(lang, lang),
    }
    about = named.get(reason.ground, str)(reason.about)
    return {
        "name": expert.name(language),
        "reach": expert.extension or expert.chat,
        "on_duty": one.on_duty,
        "why": say(language, f"expert.{reason.ground}", about=about),
    }


def of_call(one: Call) -> dict[str, Any]:
    """A call as its page needs it."""
    return {
        "id": one.id,
        "agent": one.agent,
        "begun_at": one.begun_at.isoformat(),
        "ended_at": one.ended_at.isoformat() if one.ended_at else None,
        "product": one.product,
        "lang": one.lang,
    }


def of_promise(one: Promise) -> dict[str, Any]:
    """A promise as its list shows it."""
    return {"id": one.id, "call": one.call, "what": one.what, "due_at": one.due_at.isoformat(), "gap": one.gap}


def of_bulletin(one: Bulletin) -> dict[str, Any]:
    """A bulletin as a caller's agent reads it."""
    return {"id": one.id, "kind": one.kind, "title": one.title, "body": one.body, "say": one.say}


def of_mine(
    promised: Sequence[Promise], answered: Sequence[tuple[Gap, Report]], unseen: Sequence[Bulletin]
) -> dict[str, Any]:
    """What waits for an agent: whom to call back (promises, gaps answered since), bulletins not yet read."""
    return {
        "promises": [of_promise(one) for one in promised],
        "answered": [
            {"gap": gap.id, "report": report.id, "question": report.question or gap.question, "article": gap.article}
            for gap, report in answered
        ],
        "unseen": [of_bulletin(one) for one in unseen],
    }


def summary_text(found: Summary, language: str, title: Callable[[str], str], zone: tzinfo) -> str:
    """A call for the CRM, as plain text. `title` gives an article's title by its id."""

    def at(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")

    lines = [say(language, "summary.call", call=found.call.id, begun=at(found.call.begun_at), agent=found.call.agent)]
    lines += [say(language, "summary.asked", question=question) for question in found.questions]
    for told in found.told:
        key = "summary.solved" if told.solved else "summary.told"
        facts = {
            "title": title(told.article),
            "article": told.article,
            "version": told.version[:8],
            "agent": told.agent,
        }
        lines.append(say(language, key, **facts))
        lines += [say(language, "summary.said", said=told.said)] if told.said else []
    lines += [say(language, "summary.missing", question=question) for question in found.missing]
    lines += [say(language, "summary.promised", what=one.what, due=at(one.due_at)) for one in found.promised]
    return "\n".join(lines)


def product_names(catalogue: Catalogue, codes: tuple[str, ...], language: str) -> list[str]:
    """Names of products to show, the code itself for one that is not in the catalogue."""
    return [catalogue[code].name(language) if code in catalogue else code for code in codes]


def labels(sentences: Mapping[str, str], section: str) -> dict[str, str]:
    """One section of the sentences, for a component that fills them in itself."""
    start = f"{section}."
    return {key.removeprefix(start): text for key, text in sentences.items() if key.startswith(start)}
