"""The part of an article that answers: which chunk, which sentence of it, and the words of the question in it."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    sentence: where in `text` the sentence that answers stands, [start, end)
    """

    text: str
    span: Span
    chunk: str
    section: str
    sentence: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class Near:
    """How near a chunk is to a question, token by token.

    score:   late interaction: the mean over the question's q tokens of the best cosine with one of the
             chunk's, in [-1, 1] (Khattab and Zaharia, ColBERT, 2020)
    places:  (t,) where each of its tokens begins in the text it was embedded with, ascending
    cosines: (t, q) of each of its tokens with each of the question's
    """

    chunk: Chunk
    score: float
    places: NDArray[np.uint16]
    cosines: NDArray[np.float32]


MAX_SHOWN = 480
# How far a chunk must be better to be shown when it is no answer by its place: may-decide, never and
# escalate are shown apart, and what stands before the say-line is the customer's problem, not its answer.
BEHIND = 0.3
# What counts for a sentence: how near its chunk is as a whole, its own tokens, its share of the question's words.
CHUNK_SHARE, TOKEN_SHARE, WORD_SHARE = 0.2, 0.3, 0.5
LENGTH_SHARE = 0.4  # how much a sentence's length counts against its words


def choose(
    article: Article,
    chunks: Sequence[tuple[Chunk, str]],
    question: str,
    cosines: Mapping[str, float],
    near: Sequence[Near] = (),
) -> Passage:
    """The sentence of the body nearest to the question in meaning and words, in its chunk; the say-line or title
    where there is no body.

    chunks:  the article's chunks, each with its text as a person reads it
    cosines: chunk id → cosine in [-1, 1]; empty while there is no encoder
    near:    chunks token by token; empty where no tokens were kept
    """
    of = {kind: [pair for pair in chunks if pair[0].kind == kind] for kind in ("body", "block", "say")}
    answers = of["body"] + of["block"] or of["say"] or list(chunks[:1])
    wanted = _substantial(question)
    told = min((chunk.span.start for chunk, _ in of["say"]), default=0)
    behind = [BEHIND if chunk.kind == "block" or chunk.span.start < told else 0.0 for chunk, _ in answers]
    whole = _scaled([cosines.get(chunk.id, 0.0) for chunk, _ in answers])
    parts = [(i, a, b) for i, (_, shown) in enumerate(answers) for a, b in sentences(shown)]
    shares = _term_shares([one for _, shown in answers for one in _folded(shown)], wanted)
    titled = any(chunk.kind == "title" for chunk, _ in chunks)  # and so embedded before each piece of its text
    tokens = _scaled(_token_scores(len(article.title) + 1 if titled else 0, answers, parts, near))
    scores = [
        CHUNK_SHARE * whole[i] + TOKEN_SHARE * token + WORD_SHARE * share - behind[i]
        for (i, _, _), token, share in zip(parts, tokens, shares, strict=True)
    ]
    best, start, end = parts[max(range(len(parts)), key=lambda at: (scores[at], -at))]
    chunk, shown = answers[best]
    section = heading_at(article, chunk.span)
    clip, sentence = clipped(shown, (start, end), section)
    return Passage(clip, chunk.span, chunk.id, section, sentence)


# A sentence ends after Chinese marks, after Latin ones before a space and a new beginning, and at a line's end.
_END = re.compile(
    r"[。！？；]+[”’」』）)]*|(?<!\b[A-Z])(?<!\b(?:Mr|Dr|St|Jr|No|vs))(?<!\bMrs)[.!?]+[\"”’)]*(?=\s+[^a-z])|\n+"
)

_CELL, _ROW_END = " · ", re.compile(r";(?=\s+[^a-z]|\s*$)")  # "wait; note it" is one cell


@functools.lru_cache(maxsize=20_000)
def _folded(shown: str) -> tuple[str, ...]:
    """The sentences of a text as the search sees them; the same chunks are shown again and again."""
    return tuple(text.fold(shown[a:b]) for a, b in sentences(shown))


@functools.lru_cache(maxsize=20_000)
def sentences(shown: str) -> tuple[tuple[int, int], ...]:
    """The sentences of a text, [start, end) without the blanks around them, at least one. A table's row is one."""
    bounds = [0, *_ends(shown), len(shown)]
    found = []
    for start, end in itertools.pairwise(bounds):
        piece = shown[start:end]
        if any(char.isalnum() for char in piece):
            found.append((start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())))
    return tuple(found) or ((0, len(shown)),)


def _ends(shown: str) -> list[int]:
    """Where sentences end, and the rows of tables, which plain text writes as `cell · cell;`."""
    ends = [match.end() for match in _END.finditer(shown)]
    start = 0
    for match in _ROW_END.finditer(shown) if _CELL in shown else ():
        bar = shown.find(_CELL, start, match.end())
        if bar >= 0:
            begins = max((end for end in ends if end < bar), default=0)  # prose may stand before the first row
            ends = sorted({end for end in ends if not begins < end < match.end()} | {match.end()})
            start = match.end()
    return ends


def _token_scores(
    lead: int, answers: Sequence[tuple[Chunk, str]], parts: Sequence[tuple[int, int, int]], near: Sequence[Near]
) -> list[float]:
    """Per sentence the mean over the question's tokens of the best cosine with one of the sentence's own.

    lead: characters that stand before a piece of the body where it was embedded
    """
    of = {one.chunk.id: one for one in near}
    found = []
    for i, of_chunk in itertools.groupby(parts, key=lambda part: part[0]):
        bounds = np.array([part[1:] for part in of_chunk])
        chunk = answers[i][0]
        one = of.get(chunk.id)
        if one is None:
            found += [-1.0] * len(bounds)
            continue
        ends = one.places.searchsorted(bounds + (lead if chunk.kind in ("body", "block") else 0)).tolist()
        best = (np.maximum.reduce(one.cosines[low:high]) if high > low else None for low, high in ends)
        found += [-1.0 if each is None else float(each.sum()) / len(each) for each in best]
    least = min((score for score in found if score > -1), default=0.0)
    return [max(score, least) for score in found]


@functools.lru_cache(maxsize=100)
def _substantial(question: str) -> tuple[str, ...]:
    """The question's terms that mean something: English words from three letters on, Chinese characters and pairs."""
    words = [term for term in text.query_terms(question).words if term not in text.FUNCTION_WORDS]
    return tuple(term for term in words if len(term) > 2 or not term.isascii())


def _term_shares(folded: Sequence[str], wanted: Sequence[str]) -> list[float]:
    """Per text the share of the wanted terms in it, ≥ 0: a rare term counts more, a long text less, as in BM25.

    A term counts as there when its letters are: a stem is nearly always the start of its word, and
    taking every text apart into terms would cost more than the rest of the search.
    """
    present = [{term for term in wanted if term in one} for one in folded]
    having = {term: sum(term in has for has in present) for term in wanted}
    weight = {term: math.log(1 + (len(folded) - n + 0.5) / (n + 0.5)) for term, n in having.items()}
    total = sum(weight.values()) or 1.0
    usual = sum(map(len, folded)) / max(1, len(folded)) or 1.0
    return [
        sum(weight[term] for term in has) / total / (1 - LENGTH_SHARE + LENGTH_SHARE * len(one) / usual)
        for has, one in zip(present, folded, strict=True)
    ]


def _scaled(values: Sequence[float]) -> list[float]:
    low, width = min(values), max(values) - min(values)
    return [(value - low) / width if width else 0.0 for value in values]


def clipped(shown: str, sentence: tuple[int, int], section: str = "") -> tuple[str, tuple[int, int]]:
    """At most `MAX_SHOWN` characters without the section's heading, with the sentence in the middle, and its place."""
    start, end = sentence
    if section and shown.startswith(section):
        cut = len(shown) - len(shown[len(section) :].lstrip())
        shown, start, end = shown[cut:], max(0, start - cut), max(0, end - cut)
    if len(shown) <= MAX_SHOWN:
        return shown, (start, end)
    room = MAX_SHOWN - len("…  …")
    first = max(0, min((start + end - room) // 2, len(shown) - room, start))
    starts = [a for a, _ in sentences(shown) if first <= a <= start]
    if first and starts and end - starts[0] <= room:
        first = starts[0]  # whole sentences, where they fit
    piece = shown[first : first + room]
    lead = "… " if first else ""
    place = (start - first + len(lead), min(end - first, len(piece)) + len(lead))
    return lead + piece + (" …" if first + room < len(shown) else ""), place
