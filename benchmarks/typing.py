"""How early a question being typed has its answer on the screen: the share of its characters after which the right
article is among the first three and stays there.

    python benchmarks/typing.py DATA_DIR [--systems firstcall,bm25,dense] [--json OUT] [--limit N]

Every system is asked for the same beginnings of the same questions; 1 is counted where the whole question does not
find it. `found_early` = 1 - mean share typed, higher is better. A set that benchmarks/fit.py fitted on is searched
with the weights it fitted without that set.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import bench
from benchmarks.bench import LabelledSet, Progress
from benchmarks.retrieval import OWN, WORK, Rank, bm25, dense, firstcall, published, weighting
from indexer.encoder import SentenceEncoder
from indexer.vectors import VectorCache
from kb.config import settings
from kb.finding.search import Tokens, Vector

TOP = 3
MOST_STEPS = 40  # beginnings of one question: a long one is looked at every few characters
LIMIT = 200


@dataclass(frozen=True)
class Prepared:
    """The encoder for texts whose vectors are there already: every system types the same. What the product hears
    otherwise than it was typed is embedded when it is asked for, once."""

    encoder: SentenceEncoder
    made: dict[str, tuple[Vector, Tokens]]

    @property
    def name(self) -> str:
        return self.encoder.name

    @property
    def dim(self) -> int:
        return self.encoder.dim

    def queries(self, texts: Sequence[str]) -> Vector:
        return np.stack([self._made(text.strip())[0] for text in texts])

    def _made(self, text: str) -> tuple[Vector, Tokens]:
        if text not in self.made:
            self.made.update(made(self.encoder, [text]))
        return self.made[text]

    def passages(self, texts: Sequence[str]) -> Vector:
        return self.encoder.passages(texts)

    @property
    def token_name(self) -> str:
        return self.encoder.token_name

    def with_tokens(self, texts: Sequence[str], *, query: bool) -> tuple[Vector, list[Tokens]]:
        if not query:
            return self.encoder.with_tokens(texts, query=False)
        return self.queries(texts), [self._made(text.strip())[1] for text in texts]


def made(encoder: SentenceEncoder, texts: Sequence[str]) -> dict[str, tuple[Vector, Tokens]]:
    """The vector and tokens of each question."""
    rows, tokens = encoder.with_tokens(texts, query=True)
    return dict(zip(texts, zip(rows, tokens, strict=True), strict=True))


def beginnings(question: str) -> list[str]:
    """What stands in the box while a question is typed, the whole at the end; spaces at an end are no new text."""
    whole = " ".join(question.split())
    step = max(1, -(-len(whole) // MOST_STEPS))
    ends = [*range(step, len(whole), step), len(whole)]
    return list(dict.fromkeys(whole[:end].strip() for end in ends if whole[:end].strip()))


def share_typed(rank: Rank, typed: Sequence[str], gold: frozenset[str]) -> float:
    """The share of characters after which gold is among the first `TOP` and stays, in (0, 1]; 1 where it never is."""
    needed = len(typed) - 1
    for at in reversed(range(len(typed))):
        if gold.isdisjoint(rank(typed[at])[:TOP]):
            break
        needed = at
    return len(typed[needed]) / len(typed[-1])


def figures(shares: Sequence[float]) -> dict[str, float]:
    """What is reported of the shares of one system."""
    mean = float(np.mean(shares))
    return {
        "found_early": round(1 - mean, 4),
        "mean_typed": round(mean, 4),
        "median_typed": round(float(np.median(shares)), 4),
    }


def measure(data: LabelledSet, wanted: Sequence[str]) -> dict[str, Any]:
    """The whole result of one set, as it is published."""
    chosen = weighting(data.name)
    encoder = SentenceEncoder(settings())
    typed = {one.id: beginnings(one.text) for one in data.questions}
    gold = {id: frozenset(doc for doc, grade in grades.items() if grade > 0) for id, grades in data.gold.items()}
    texts = sorted({text for some in typed.values() for text in some})
    with closing(VectorCache(WORK / "vectors.sqlite")) as cache, published(data, encoder, cache) as base:
        prepared: Any = Prepared(encoder, made(encoder, texts))
        prepared_dense = dense(data, prepared, cache) if "dense" in wanted else None
        ranks = {"firstcall": firstcall(base, prepared, chosen.weights), "bm25": bm25(base), "dense": prepared_dense}
        shares: dict[str, dict[str, float]] = {}
        for name in wanted:
            progress = Progress(f"{data.name} {name}: questions")
            shares[name] = {}
            for one in data.questions:
                shares[name][one.id] = share_typed(ranks[name], typed[one.id], gold[one.id])  # type: ignore[arg-type]
                progress(len(shares[name]), len(data.questions))
    systems = {name: figures(list(some.values())) for name, some in shares.items()}
    more = {
        "questions": len(data.questions),
        "weights": dict(chosen.weights),
        "top": TOP,
        "versus": versus(shares, data),
    }
    return bench.result("typing", data.name, systems, chosen.fitted_on, **more)


def versus(shares: Mapping[str, Mapping[str, float]], data: LabelledSet) -> dict[str, dict[str, Any]]:
    """How far the product is ahead of each other system in found_early, with a document-clustered 95 % interval."""
    ours = shares.get("firstcall")
    if ours is None:
        return {}
    found = {name: bench.difference(some, ours, data.gold) for name, some in shares.items() if name != "firstcall"}
    return {
        name: {"found_early": round(d.mean, 4), "low": round(d.low, 4), "high": round(d.high, 4), "verdict": d.verdict}
        for name, d in found.items()
    }


def report(found: bench.Tree) -> str:
    """The table of a result."""
    rows = []
    for name, values in found["systems"].items():
        told = found["versus"].get(name)
        ahead = (
            f"{told['verdict']} {told['found_early']:+.4f} ({told['low']:+.4f} … {told['high']:+.4f})" if told else ""
        )
        rows.append([name, *(f"{value:.4f}" for value in values.values()), ahead])
    return bench.table(["system", "found_early", "mean_typed", "median_typed", "firstcall is"], rows)


def main() -> int:
    given = bench.arguments("typing", __doc__, OWN, LIMIT)
    data = bench.read_set(given.folder).sampled(given.limit)
    return 130 if bench.published(lambda: measure(data, given.systems), given.json, report) is None else 0


if __name__ == "__main__":
    sys.exit(main())
