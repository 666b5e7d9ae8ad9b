"""Late interaction of a question with the chunks of some articles, all in one product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexer.encoder.tokens import cosines
from kb.finding.chunks import Chunk
from kb.finding.passage import Near
from kb.finding.search import Tokens

Kept = tuple[Sequence[Chunk], Sequence[Tokens]]  # the chunks of an article and their packed tokens, [] where none are


def maxsim(articles: Sequence[Kept], tokens: Tokens) -> list[list[Near]]:
    """For each article its chunks that have tokens, in order. `tokens` are the question's, (q, kept)."""
    flat = [one for _, some in articles for one in some]
    if not len(tokens) or not any(map(len, flat)):
        return [[] for _ in articles]
    # Joined as bytes: to join arrays of records numpy compares their types field by field, one pair at a time.
    every = np.frombuffer(b"".join([one.tobytes() for one in flat]), flat[0].dtype)
    near, begins = cosines(every, tokens), every["place"]
    ends = np.cumsum([len(one) for one in flat]).tolist()
    filled = [end for end, one in zip(ends, flat, strict=True) if len(one)]
    best = iter(np.maximum.reduceat(near, [0, *filled[:-1]], axis=0).mean(axis=1).tolist())
    end = iter(ends)
    found: list[list[Near]] = []
    for chunks, some in articles:
        found.append([])
        for chunk, one in zip(chunks if some else (), some, strict=True):
            its = slice((stop := next(end)) - len(one), stop)
            if len(one):
                found[-1].append(Near(chunk, next(best), begins[its], near[its]))
    return found
