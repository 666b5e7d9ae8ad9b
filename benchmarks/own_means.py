"""What own means would add: the base's mean vector taken off its texts and the mean of its own questions off the
question before the cosine, on top of everything the search does.

    python benchmarks/own_means.py DATA_ROOT [--limit N] [--json OUT]

nDCG@10 on every labelled set under a folder, late interaction and all weights as in the product:

    plain     the product's own lists
    answers   the list of what articles answer by centred cosines
    both      what they ask, too
    decided   plain or answers, by what the base's own titles and questions prefer when each is asked without itself:
              by more than a standard error of their reciprocal rank

Nothing is fitted. The mean of the questions is that of the base's own: it has not been asked any other.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks import bench
from benchmarks.bench import LabelledSet, Progress, ndcg
from benchmarks.retrieval import WORK, everything, published
from indexer.encoder import SentenceEncoder
from indexer.engine import Engine
from indexer.vectors import VectorCache
from kb import text
from kb.config import settings
from kb.finding.chunks import ANSWERS, ASKS
from kb.finding.held_out import HeldOut
from kb.finding.search import Index, Ranked, Tokens, Vector
from kb.finding.search.lists import found_in
from kb.people.scope import Scope

OWN = 100  # of the base's own titles and questions, asked to decide
FORMS: Mapping[str, tuple[tuple[str, ...], ...]] = {"plain": (), "answers": (ANSWERS,), "both": (ANSWERS, ASKS)}


@dataclass(frozen=True)
class Centred:
    """An index whose cosines for some kinds of chunks are about the base's own means; all else is the index's."""

    index: Any
    kinds: tuple[tuple[str, ...], ...]
    texts: Mapping[tuple[str, ...], tuple[list[tuple[str, str]], Vector, Vector]] = field(repr=False)
    questions: Vector  # (dim,), the mean of the base's own

    def __getattr__(self, name: str) -> Any:
        return getattr(self.index, name)

    def dense(
        self, vector: Vector, scope: Scope, k: int, kinds: tuple[str, ...], articles: int | None = None
    ) -> list[Ranked]:
        """As of an Index."""
        if kinds not in self.kinds or not len(self.texts[kinds][1]):
            return list(self.index.dense(vector, scope, k, kinds, articles))
        places, rows, _ = self.texts[kinds]
        asked = vector - self.questions
        cosines = rows @ (asked / np.linalg.norm(asked))
        best = np.argsort(-cosines, kind="stable")[:k]
        out = getattr(self.index, "out", frozenset())
        found: dict[str, Ranked] = {}
        for at in best.tolist():
            article, chunk = places[at]
            if chunk not in out:
                found.setdefault(article if articles else chunk, Ranked(article, chunk, float(cosines[at])))
        return list(found.values())[: articles or k]


def texts_of(engine: Engine) -> dict[tuple[str, ...], tuple[list[tuple[str, str]], Vector, Vector]]:
    """By kinds: article and chunk of each row, the rows about their mean at length 1, and the mean."""
    found = {}
    for kinds in (ANSWERS, ASKS):
        places: list[tuple[str, str]] = []
        rows: list[Vector] = []
        for segment in engine.segments:
            name = next(name for name, members in _fields().items() if members == kinds)
            numbers = segment.chunk_rows[name]
            rows.append(segment.fields[name].rows(np.arange(len(numbers))))
            chunks = (segment.chunk(int(number)) for number in numbers)
            places += [(chunk.article, chunk.id) for chunk in chunks]
        every = np.concatenate(rows)
        mean = every.mean(axis=0) if len(every) else np.zeros(every.shape[1], np.float32)
        off = every - mean
        unit = off / np.maximum(np.linalg.norm(off, axis=1, keepdims=True), 1e-9)
        found[kinds] = places, np.asarray(unit, np.float32), mean
    return found


def _fields() -> Mapping[str, tuple[str, ...]]:
    from indexer.engine.segments import FIELDS

    return FIELDS


def measure(data: LabelledSet, encoder: SentenceEncoder, cache: VectorCache) -> dict[str, Any]:
    """nDCG@10 by form, and what the base's own texts preferred."""
    with published(data, encoder, cache) as base:
        engine = base.engine
        texts = texts_of(engine)
        own = [(id, chunk, shown) for id in engine.ids for chunk, shown in engine.chunks(id) if chunk.kind in ASKS]
        drawn = np.random.default_rng(bench.SEED).permutation(len(own))[:OWN]
        own = [own[i] for i in drawn.tolist()]
        rows, tokens = encoder.with_tokens([text.clean(shown) for _, _, shown in own], query=True)
        mean = rows.mean(axis=0) if len(own) else texts[ANSWERS][2]
        indexes = {name: Centred(engine, kinds, texts, mean) for name, kinds in FORMS.items()}
        gains = []
        for (id, chunk, shown), row, some in zip(own, rows, tokens, strict=True):
            held = HeldOut(engine, frozenset({chunk.id}))
            ranks = [
                _reciprocal(_ids(text.clean(shown), row, some, Centred(held, FORMS[form], texts, mean)), id)
                for form in ("plain", "answers")
            ]
            gains.append(ranks[1] - ranks[0])
        asked = [text.clean(one.text) for one in data.questions]
        made = zip(*encoder.with_tokens(asked, query=True), strict=True)
        scores: dict[str, list[float]] = {name: [] for name in FORMS}
        progress = Progress(f"{data.name}: questions")
        for one, question, (vector, its) in zip(data.questions, asked, made, strict=True):
            for name, index in indexes.items():
                ids = [base.document[id] for id in _ids(question, vector, its, index)[:10]]
                scores[name].append(ndcg(ids, data.gold[one.id]))
            progress(len(scores["plain"]), len(asked))
    gain, error = (float(np.mean(gains)), float(np.std(gains) / len(gains) ** 0.5)) if gains else (0.0, 0.0)
    found = {name: round(float(np.mean(values)), 4) for name, values in scores.items()}
    found["decided"] = found["answers"] if gain > error and gain > 0 else found["plain"]
    return found | {"own_gain": round(gain, 4), "own_texts": len(own)}


def _ids(question: str, vector: Vector, tokens: Tokens, index: Index | Centred) -> list[str]:
    return list(found_in(question, vector, tokens, everything(), index).scores)  # type: ignore[arg-type]


def _reciprocal(ids: list[str], gold: str) -> float:
    return 1 / (1 + ids.index(gold)) if gold in ids else 0.0


def main() -> int:
    bench.commit()
    parser = argparse.ArgumentParser(prog="python benchmarks/own_means.py", description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, metavar="DATA_ROOT", help="folder of sets")
    parser.add_argument("--limit", type=int, default=300, metavar="N", help="questions a set (%(default)s)")
    parser.add_argument("--json", type=Path, default=bench.RESULTS / "own-means.json", metavar="OUT")
    given = parser.parse_args()
    encoder = SentenceEncoder(settings())
    sets: dict[str, dict[str, Any]] = {}
    with closing(VectorCache(WORK / "vectors.sqlite")) as cache:
        for folder in sorted(given.root.iterdir()):
            if bench.is_labelled_set(folder):
                data = bench.read_set(folder).sampled(given.limit).shortened(2_000)
                sets[data.name] = measure(data, encoder, cache)
                print(data.name, sets[data.name], file=sys.stderr)
    names = [*FORMS, "decided"]
    systems = {name: {one: figures[name] for one, figures in sets.items()} for name in names}
    bench.write_json(given.json, bench.result("own_means", given.root.resolve().name, systems, (), sets=sets))
    rows = [[one, *(f"{figures[name]:.4f}" for name in names)] for one, figures in sets.items()]
    print(bench.table(["nDCG@10", *names], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
