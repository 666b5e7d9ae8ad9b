"""The part of an article that answers: which chunk, and the words of the question in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kb import text
from kb.content.articles import Article, Span
from kb.content.body import heading_at
from kb.finding.chunks import Chunk


@dataclass(frozen=True)
class Passage:
    """What is shown of an article under its title.

    text:  plain, at most `MAX_SHOWN` characters
    span:  the chunk in the article's source
    chunk: its id
    section: heading it stands under, '' for none
    """

    text: str
    span: Span
    chunk: str
    section: str


MAX_SHOWN = 400
# How far a chunk must be better to be shown when it is no answer by its place: may-decide, never and
# escalate are shown apart, and what stands before the say-line is the customer's problem, not its answer.
BEHIND = 0.3
COSINE_SHARE = 0.5  # the rest is the share of the question's terms that the chunk has


def choose(
    article: Article, chunks: Sequence[tuple[Chunk, str]], question: str, cosines: Mapping[str, float]
) -> Passage:
    """The body chunk nearest to the question in meaning and words; the say-line or title where there is no body.

    chunks:  the article's chunks, each with its text as a person reads it
    cosines: chunk id → cosine in [-1, 1]; empty while there is no encoder
    """
    of = {kind: [pair for pair in chunks if pair[0].kind == kind] for kind in ("body", "block", "say")}
    answers = of["body"] + of["block"] or of["say"] or list(chunks[:1])
    folded = [text.fold(shown) for _, shown in answers]
    wanted = _substantial(question)
    shares = _term_shares(folded, wanted)
    scores = _scaled([cosines.get(chunk.id, 0.0) for chunk, _ in answers])
    told = min((chunk.span.start for chunk, _ in of["say"]), default=0)
    behind = [BEHIND if chunk.kind == "block" or chunk.span.start < told else 0.0 for chunk, _ in answers]
    best = max(
        range(len(answers)), key=lambda i: (COSINE_SHARE * scores[i] + (1 - COSINE_SHARE) * shares[i] - behind[i], -i)
    )
    chunk, shown = answers[best]
    section = heading_at(article, chunk.span)
    return Passage(_clip(shown, folded[best], wanted, section), chunk.span, chunk.id, section)


def _substantial(question: str) -> list[str]:
    """The question's terms that mean something and are long enough to be looked for as letters."""
    words = [term for term in text.query_terms(question).words if term not in text.FUNCTION_WORDS]
    return [term for term in words if len(term) > (2 if term.isascii() else 1)]


def _term_shares(folded: Sequence[str], wanted: Sequence[str]) -> list[float]:
    """Per text the share of the wanted terms in it, a term counting more the fewer texts have it. In [0, 1].

    A term counts as there when its letters are: a stem is nearly always the start of its word, and
    taking every text apart into terms would cost more than the rest of the search.
    """
    present = [{term for term in wanted if term in one} for one in folded]
    weight = {term: 1 / (1 + sum(term in has for has in present)) for term in wanted}
    total = sum(weight.values()) or 1.0
    return [sum(weight[term] for term in has) / total for has in present]


def _scaled(values: Sequence[float]) -> list[float]:
    low, width = min(values), max(values) - min(values)
    return [(value - low) / width if width else 0.0 for value in values]


def _clip(shown: str, folded: str, wanted: Sequence[str], section: str) -> str:
    """At most `MAX_SHOWN` characters without the section's heading, begun near the first words asked about."""
    if section and shown.startswith(section):
        cut = len(section)
        shown, folded = shown[cut:].lstrip(), folded[cut:].lstrip()
    if len(shown) <= MAX_SHOWN:
        return shown
    room = MAX_SHOWN - len("…  …")
    places = [place for term in wanted if (place := folded.find(term)) >= 0]
    start = max(0, min(min(places, default=0) - room // 4, len(shown) - room))
    if start:
        space = shown.find(" ", start, start + 20)
        start = space + 1 if space >= 0 else start
    piece = shown[start : start + room]
    return ("… " if start else "") + piece + (" …" if start + room < len(shown) else "")
