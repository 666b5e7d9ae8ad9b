"""How well a question finds its answer in the other language: nDCG@10 by direction, alone and in a mixed base.

    python benchmarks/cross.py ZH_DIR EN_DIR [--json OUT] [--limit N]

The two sets hold the same documents and questions under the same ids (xquad_zh and xquad_en).

    zh_en, en_zh   Chinese questions over the English documents, and back
    mixed_other    half of the documents in Chinese, the other half in English: questions whose answer is in the other
    mixed_same     the same base and questions, each asked in the language of its answer
    mixed          the mean of the two: a base in which one language hides the other loses here
    sample_zh_en, sample_en_zh, sample_same
                   the sample base, each topic in one of its two languages: golden questions in Chinese whose article
                   is in English, and back, and those in the language of their article; both halves, added up
    sample_own     the questions of the articles left out, whose twins are there
    sample_other@5 share of the first two kinds that has its article among the first five

`firstcall_as_one` is the product with the languages searched as one. A set that benchmarks/fit.py fitted on is
searched with the weights it fitted without that set; how the two languages are merged was fitted on
`languages_fitted_on`, and benchmarks/cross_fit.py has the figures of each base without it.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import copy
import json
import shutil
import tempfile
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks import bench
from benchmarks.bench import LabelledSet, Progress, Question, ndcg
from benchmarks.retrieval import WORK, Published, Rank, bm25, dense, firstcall, published, weighting
from benchmarks.typing import Prepared, made
from indexer import generation
from indexer.build import build
from indexer.encoder import SentenceEncoder
from indexer.engine import FileEngine
from indexer.vectors import VectorCache
from kb.config import settings
from kb.content.articles import read_all
from kb.finding.search import WEIGHTS
from kb.text import language

SYSTEMS = ("firstcall", "firstcall_as_one", "dense", "bm25")
SAMPLE_SYSTEMS = SYSTEMS[:2]
FIT = bench.RESULTS / "cross-fit.json"  # of the constants of kb/finding/search/languages.py


def in_chinese(id: str) -> bool:
    """Whether the mixed base has this document in Chinese; its other half is in English."""
    return zlib.crc32(id.encode()) % 2 == 0


def mixed(zh: LabelledSet, en: LabelledSet) -> LabelledSet:
    """One base of both languages, each document in one of them. It has the questions of `zh`."""
    documents = [a if in_chinese(a.id) else b for a, b in zip(zh.documents, en.documents, strict=True)]
    return replace(zh, name="mixed", documents=tuple(documents))


def asked_in(data: LabelledSet, of: LabelledSet) -> LabelledSet:
    """The documents of `data` with the questions of `of`."""
    return replace(data, questions=of.questions, gold=of.gold)


def same_and_other(zh: LabelledSet, en: LabelledSet) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """The questions in the language of their answer in the mixed base, and in the other one."""
    pairs = list(zip(zh.questions, en.questions, strict=True))
    chinese = [in_chinese(next(iter(zh.gold[a.id]))) for a, _ in pairs]
    same = tuple(a if is_zh else b for (a, b), is_zh in zip(pairs, chinese, strict=True))
    return same, tuple(b if is_zh else a for (a, b), is_zh in zip(pairs, chinese, strict=True))


def measure(zh: LabelledSet, en: LabelledSet) -> dict[str, Any]:
    """The whole result, as it is published."""
    chosen = weighting(zh.name)
    encoder = SentenceEncoder(settings())
    both = mixed(zh, en)
    same, other = same_and_other(zh, en)
    questions = {
        "zh_en": (asked_in(en, zh), zh.questions),
        "en_zh": (asked_in(zh, en), en.questions),
        "mixed_other": (both, other),
        "mixed_same": (both, same),
    }
    texts = sorted({one.text.strip() for _, some in questions.values() for one in some})
    prepared: Any = Prepared(encoder, made(encoder, texts))
    systems: dict[str, dict[str, float]] = {name: {} for name in SYSTEMS}
    with closing(VectorCache(WORK / "vectors.sqlite")) as cache:
        for data in {id(one): one for one, _ in questions.values()}.values():
            with published(data, encoder, cache) as base:
                ranks: Mapping[str, Rank] = {
                    "firstcall": firstcall(base, prepared, chosen.weights),
                    "firstcall_as_one": firstcall(as_one(base), prepared, chosen.weights),
                    "dense": dense(data, prepared, cache),
                    "bm25": bm25(base),
                }
                for figure, (over, some) in questions.items():
                    if over is data:
                        for name, rank in ranks.items():
                            progress = Progress(f"{figure} {name}")
                            scores = []
                            for one in some:
                                scores.append(ndcg(rank(one.text), data.gold[one.id]))
                                progress(len(scores), len(some))
                            systems[name][figure] = round(float(np.mean(scores)), 4)
        for name, figures in sample(encoder, cache).items():
            systems[name] |= figures
    for figures in systems.values():
        figures["mixed"] = round((figures["mixed_other"] + figures["mixed_same"]) / 2, 4)
    more = {
        "questions": len(zh.questions),
        "documents": len(zh.documents),
        "weights": dict(chosen.weights),
        "languages_fitted_on": json.loads(FIT.read_text("utf-8"))["fitted_on"],
    }
    return bench.result("cross", f"{zh.name}+{en.name}", systems, chosen.fitted_on, **more)


class _AsOne(FileEngine):
    """An index whose languages are searched as one."""

    def mixed(self, *_: Any, **__: Any) -> bool:
        return False


def as_one(base: Published) -> Published:
    """A base whose languages are searched as one."""
    engine = copy.copy(base.engine)
    engine.__class__ = _AsOne
    return replace(base, engine=engine)


# --- the sample base -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A question of a mixed base, the article that answers it, and whether that is in its language."""

    text: str
    article: str
    kind: str  # same, other, own


@contextmanager
def half(first: bool, encoder: SentenceEncoder, cache: VectorCache) -> Iterator[tuple[Published, list[Asked]]]:
    """The sample base with each topic in one of its languages, those of the first half or the others; its questions."""
    articles = {one.id: one for one in read_all(bench.ROOT / "articles")[0]}
    topics = sorted({id.rpartition("-")[0] for id in articles})
    kept = {topic: f"{topic}-{'zh' if in_chinese(topic) == first else 'en'}" for topic in topics}
    golden = tomllib.loads((bench.ROOT / "tests/golden/questions.toml").read_text("utf-8"))["question"]
    asked = [
        Asked(one["text"], kept[one["topic"]], "same" if kept[one["topic"]].endswith(one["lang"]) else "other")
        for one in golden
        if "topic" in one
    ]
    for id, one in articles.items():
        topic, _, lang = id.rpartition("-")
        if kept[topic] != id:
            asked += [Asked(question, kept[topic], "own") for question in one.questions if language(question) == lang]
    with tempfile.TemporaryDirectory(prefix="firstcall-bench-") as scratch:
        folder, index = Path(scratch, "articles"), Path(scratch, "index")
        shutil.copytree(bench.ROOT / "articles", folder)
        for file in folder.glob("*/*.md"):
            if file.stem not in kept.values():
                file.unlink()
        build(folder, index, encoder, cache, at=datetime.now(UTC))
        engine = generation.open_current(index).engine
        yield Published(engine, {id: id for id in engine.ids}, {}), asked


def sample(encoder: SentenceEncoder, cache: VectorCache) -> dict[str, dict[str, float]]:
    """The figures of the sample base, by system."""
    scores: dict[str, dict[str, list[float]]] = {name: {} for name in SAMPLE_SYSTEMS}
    for first in (True, False):
        with half(first, encoder, cache) as (base, asked):
            prepared: Any = Prepared(encoder, made(encoder, sorted({one.text.strip() for one in asked})))
            for name, one_base in (("firstcall", base), ("firstcall_as_one", as_one(base))):
                rank = firstcall(one_base, prepared, WEIGHTS)
                for one in asked:
                    ids = rank(one.text)
                    score = ndcg(ids, {one.article: 1.0})
                    way = "zh_en" if language(one.text) == "zh" else "en_zh"
                    scores[name].setdefault(way if one.kind == "other" else one.kind, []).append(score)
                    if one.kind == "other":
                        scores[name].setdefault("other@5", []).append(float(one.article in ids[:5]))
    return {
        name: {f"sample_{kind}": round(float(np.mean(values)), 4) for kind, values in some.items()}
        for name, some in scores.items()
    }


def report(found: Mapping[str, Any]) -> str:
    """A result as a person reads it."""
    systems = found["systems"]
    rows = [
        [name, *(f"{values[name]:.4f}" if name in values else "" for values in systems.values())]
        for name in systems["firstcall"]
    ]
    return f"{found['data']}: {found['questions']} questions\n" + bench.table(["nDCG@10", *systems], rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python benchmarks/cross.py", description=__doc__.splitlines()[0])
    parser.add_argument("zh", type=Path, metavar="ZH_DIR", help="with " + ", ".join(bench.FILES))
    parser.add_argument("en", type=Path, metavar="EN_DIR", help="the same documents and questions in English")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the result here")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N questions")
    given = parser.parse_args()
    for folder in (given.zh, given.en):
        if not bench.is_labelled_set(folder):
            parser.error(f"{folder} has not all of {', '.join(bench.FILES)}")
    return given


def main() -> int:
    given = arguments()
    zh, en = (bench.read_set(folder).sampled(given.limit or sys.maxsize) for folder in (given.zh, given.en))
    if [one.id for one in zh.questions] != [one.id for one in en.questions]:
        print("the two sets have not the same questions", file=sys.stderr)
        return 2
    return 130 if bench.published(lambda: measure(zh, en), given.json, report) is None else 0


if __name__ == "__main__":
    sys.exit(main())
