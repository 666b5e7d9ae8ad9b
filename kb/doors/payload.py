"""Hits as JSON: one shape for the command line and `/api/search`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kb import text
from kb.content.articles import SLOT
from kb.content.products import Catalogue
from kb.finding.search import Hit, Hits


def of_hits(hits: Hits, took_ms: float, *, why: bool = False) -> dict[str, Any]:
    """The answer to one question. `complete` is false while the encoder had no part in it."""
    return {
        "query": hits.query,
        "verdict": hits.verdict.name,
        "probability": _rounded(hits.verdict.probability),
        "hits": [_hit(hit, hits.query, why) for hit in hits.hits],
        "took_ms": round(took_ms, 1),
        "generation": hits.generation,
        "complete": hits.complete,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


def _hit(hit: Hit, query: str, why: bool) -> dict[str, Any]:
    article = hit.article
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
        },
        "score": round(hit.score, 4),
        "state": article.state,
        "audience": article.audience,
        "category": article.category,
        "products": list(article.products),
        "valid_until": article.valid_until.isoformat() if article.valid_until else None,
        "twin": hit.twin,
        "named": hit.named,
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


def product_names(catalogue: Catalogue, codes: tuple[str, ...], language: str) -> list[str]:
    """Names of products to show, the code itself for one that is not in the catalogue."""
    return [catalogue[code].name(language) if code in catalogue else code for code in codes]


def labels(sentences: Mapping[str, str], section: str) -> dict[str, str]:
    """One section of the sentences, for a component that fills them in itself."""
    start = f"{section}."
    return {key.removeprefix(start): text for key, text in sentences.items() if key.startswith(start)}
