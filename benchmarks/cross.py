"""How well a question finds its answer in the other language: nDCG@10 by direction, alone and in a mixed base.

    python benchmarks/cross.py ZH_DIR EN_DIR [--json OUT] [--limit N]

The two sets hold the same documents and questions under the same ids (xquad_zh and xquad_en).

    zh_en, en_zh   Chinese questions over the English documents, and back
    mixed_other    half of the documents in Chinese, the other half in English: questions whose answer is in the other
    mixed_same     the same base and questions, each asked in the language of its answer
    mixed          the mean of the two: a base in which one language hides the other loses here

A set that benchmarks/fit.py fitted on is searched with the weights it fitted without that set.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import bench
from benchmarks.bench import LabelledSet, Progress, Question, ndcg
from benchmarks.retrieval import WORK, bm25, dense, firstcall, published, weighting
from benchmarks.typing import Prepared, made
from indexer.encoder import SentenceEncoder
from indexer.vectors import VectorCache
from kb.config import settings

SYSTEMS = ("firstcall", "dense", "bm25")


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
                ranks: Mapping[str, Callable[[str], list[str]]] = {
                    "firstcall": firstcall(base, prepared, chosen.weights),
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
    for figures in systems.values():
        figures["mixed"] = round((figures["mixed_other"] + figures["mixed_same"]) / 2, 4)
    more = {"questions": len(zh.questions), "documents": len(zh.documents), "weights": dict(chosen.weights)}
    return bench.result("cross", f"{zh.name}+{en.name}", systems, chosen.fitted_on, **more)


def report(found: Mapping[str, Any]) -> str:
    """A result as a person reads it."""
    names = list(found["systems"]["firstcall"])
    rows = [[name, *(f"{values[one]:.4f}" for one in names)] for name, values in found["systems"].items()]
    return f"{found['data']}: {found['questions']} questions\n" + bench.table(["nDCG@10", *names], rows)


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
