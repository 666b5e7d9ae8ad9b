"""How often what is shown of an article has the answer, and the sentence marked in it.

    python benchmarks/passage.py DATA_DIR [--json OUT] [--limit N]

DATA_DIR is a labelled set (benchmarks/bench.py) whose queries carry `"answers": [{"text", "start"}]`. A question
counts where one of its answers' texts is in what is shown: `passage` in the passage, `sentence` in the sentence
marked, of the gold article; `first_passage` and `first_sentence` the same of the first hit, whichever that is.

    firstcall           the product's own passage and sentence
    first_chunk         the article's first chunk, clipped like the product's, and its first sentence
    best_bm25_sentence  the sentence of the article with the highest BM25 over its sentences, and what fits around it
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import bench
from benchmarks.bench import Progress
from benchmarks.retrieval import WORK, everything, published, weighting
from indexer.encoder import SentenceEncoder
from indexer.vectors import VectorCache
from kb import text
from kb.config import settings
from kb.content.articles import Article, plain
from kb.finding.passage import Passage, clipped, sentences
from kb.finding.search import passage_of, search

Shown = tuple[str, str]  # the passage, and the sentence marked in it
K1, B = 1.2, 0.75


@dataclass(frozen=True)
class Asked:
    """One question with its answers and what each system shows of the gold article and of the first hit."""

    answers: tuple[str, ...]
    gold: Mapping[str, Shown]
    first: Mapping[str, Shown]


def of(passage: Passage) -> Shown:
    start, end = passage.sentence
    return passage.text, passage.text[start:end]


def first_chunk(article: Article, _: str) -> Shown:
    """The beginning of the text."""
    whole = plain(article.body)
    shown, (start, end) = clipped(whole, sentences(whole)[0])
    return shown, shown[start:end]


def best_bm25_sentence(article: Article, question: str) -> Shown:
    """The sentence with the highest BM25 among the article's own, by the product's terms."""
    whole = plain(article.body)
    spans = sentences(whole)
    counts = [Counter(text.terms(whole[a:b])) for a, b in spans]
    mean = sum(map(Counter.total, counts)) / len(counts)
    wanted = set(text.query_terms(question).words)
    having = {one: sum(one in count for count in counts) for one in wanted}
    idf = {one: math.log(1 + (len(spans) - n + 0.5) / (n + 0.5)) for one, n in having.items()}

    def score(count: Counter[str]) -> float:
        length = K1 * (1 - B + B * count.total() / mean)
        return sum(idf[one] * count[one] * (K1 + 1) / (count[one] + length) for one in sorted(wanted))

    best = max(range(len(spans)), key=lambda i: (score(counts[i]), -i))
    shown, (start, end) = clipped(whole, spans[best])
    return shown, shown[start:end]


SYSTEMS: Mapping[str, Callable[[Article, str], Shown]] = {
    "first_chunk": first_chunk,
    "best_bm25_sentence": best_bm25_sentence,
}


def figures(asked: Sequence[Asked], system: str) -> dict[str, float]:
    """The four shares of a system, in [0, 1]."""

    def share(which: Callable[[Asked], Shown], part: int) -> float:
        return round(float(np.mean([any(a in squeezed(which(one)[part]) for a in one.answers) for one in asked])), 4)

    return {
        "passage": share(lambda one: one.gold[system], 0),
        "sentence": share(lambda one: one.gold[system], 1),
        "first_passage": share(lambda one: one.first[system], 0),
        "first_sentence": share(lambda one: one.first[system], 1),
    }


def squeezed(shown: str) -> str:
    """Without differences in blanks, which are nothing a reader sees."""
    return " ".join(shown.split())


def measure(folder: Path, limit: int | None) -> dict[str, Any]:
    """The whole result of one set, as it is published."""
    whole = bench.read_set(folder)
    data = whole.sampled(limit) if limit else whole
    told = {
        str(row["id"]): tuple(squeezed(one["text"]).rstrip(".,;") for one in row.get("answers", ()))
        for row in bench.json_lines(folder / "queries.jsonl")
    }
    encoder = SentenceEncoder(settings())
    chosen = weighting(data.name)
    asked: list[Asked] = []
    with closing(VectorCache(WORK / "vectors.sqlite")) as cache, published(data, encoder, cache) as base:
        article = {document: id for id, document in base.document.items()}
        progress = Progress(f"{data.name}: questions")
        for question in data.questions:
            gold = next((article[id] for id in data.gold[question.id] if id in article), None)
            if gold is None or not told[question.id]:
                continue
            options: Any = {"encoder": encoder, "catalogue": {}, "weights": chosen.weights, "fold_twins": False}
            hits = search(question.text, everything(), index=base.engine, limit=1, **options)
            own = passage_of(base.engine.article(gold), hits.heard, base.engine, hits.vector, hits.tokens)
            shown = [{"firstcall": of(own)}, {"firstcall": of(hits.hits[0].passage)}]
            for found, id in zip(shown, (gold, hits.hits[0].article.id), strict=True):
                found |= {name: one(base.engine.article(id), hits.heard) for name, one in SYSTEMS.items()}
            asked.append(Asked(told[question.id], *shown))
            progress(len(asked), len(data.questions))
    systems = {name: figures(asked, name) for name in ("firstcall", *SYSTEMS)}
    return bench.result("passage", data.name, systems, chosen.fitted_on, questions=len(asked))


def report(found: Mapping[str, Any]) -> str:
    """A result as a person reads it."""
    header = ["system", *next(iter(found["systems"].values()))]
    rows = [[name, *(f"{value:.4f}" for value in values.values())] for name, values in found["systems"].items()]
    return f"{found['data']}: {found['questions']} questions\n{bench.table(header, rows)}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/passage.py", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DATA_DIR", help="with answers in its queries.jsonl")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the result here")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N questions")
    given = parser.parse_args()
    if not bench.is_labelled_set(given.folder):
        parser.error(f"{given.folder} has not all of {', '.join(bench.FILES)}")
    if not any(row.get("answers") for row in bench.json_lines(given.folder / "queries.jsonl")):
        parser.error(f"the queries of {given.folder} carry no answers")
    found = bench.published(lambda: measure(given.folder, given.limit), given.json, report)
    return 130 if found is None else 0


if __name__ == "__main__":
    sys.exit(main())
