"""From where another language comes first, and how softly: the constants of kb/finding/search/languages.py.

    python benchmarks/cross_fit.py DATA_ROOT [--limit N] [--json OUT]

Bases of two languages: the halves of the sample base and of xquad (benchmarks/cross.py), where some answers are in the
other language, and pairs of unrelated sets, a Chinese and an English one, where none is. Tried is every `above` (what
usual) and `soft`. Taken is the best mean over the bases with answers in the other language, of those that lose no more
than `LOSS` of nDCG@10 where the answer is in the question's language (`lost`, the mean over bases) and that in no base
show an article of the other among the first `FIRST` oftener than `STRANGE` (`strange`); without each base, too.
`grid` has the figures of all, `above_usual` how far the gap of questions answered at home lies above what the base said
is usual.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from benchmarks import bench
from benchmarks.bench import LabelledSet, ndcg
from benchmarks.cross import half, mixed, same_and_other
from benchmarks.retrieval import WORK, Published, everything, published
from indexer.encoder import SentenceEncoder
from indexer.vectors import VectorCache
from kb import text
from kb.config import settings
from kb.finding.search import Scored
from kb.finding.search.languages import apart, gap, merged
from kb.finding.verdict import ABROAD, USUAL

CHINESE = "bq_bank_std_question_dev"
ENGLISH = ("stackfaq", "covid_faq_deepset", "covid_infobot_faq", "rasa_sara_faq")
ABOVE = (0.06, 0.09, 0.12, 0.15, 0.18, 0.21)
SOFT = (0.03, 0.06, 0.12, 0.24)
LOSS = 0.015
STRANGE, FIRST = 0.2, 3
OWN, OTHER = "same", "other"


@dataclass(frozen=True)
class Case:
    """A question asked in each language apart: what was found, what answers it, and the gap above what is usual."""

    home: Scored
    abroad: Scored
    gold: Mapping[str, float]
    kind: str
    above: float

    def found(self, above: float, soft: float) -> list[str]:
        """The merged result, its first ten."""
        return list(merged(self.home, self.abroad, math.exp(min(5.0, (self.above - above) / soft))).scores)[:10]

    def alone(self) -> float:
        """nDCG@10 of the question's own language."""
        return ndcg(list(self.home.scores)[:10], self.gold)


def cases(
    base: Published, asked: Sequence[tuple[str, Mapping[str, float], str]], encoder: SentenceEncoder
) -> Iterator[Case]:
    """The cases of some questions with the articles that answer them."""
    questions = [text.clean(one) for one, _, _ in asked]
    made = zip(*encoder.with_tokens(questions, query=True), strict=True)
    for question, (_, gold, kind), (vector, tokens) in zip(questions, asked, made, strict=True):
        home, abroad = apart(question, vector, tokens, everything(), base.engine)
        behind = gap(home, abroad)
        curve = (base.engine.calibration or {}).get(text.language(question))
        usual = (curve.abroad if curve else ABROAD) - ABROAD + USUAL
        if behind is not None:
            yield Case(home, abroad, gold, kind, behind - usual)


def pair(zh: LabelledSet, en: LabelledSet) -> tuple[LabelledSet, list[tuple[str, Mapping[str, float], str]]]:
    """One base of two sets that have nothing to do with each other; their questions are answered at home."""
    documents = tuple(replace(one, id=f"{data.name}:{one.id}") for data in (zh, en) for one in data.documents)
    asked = [
        (one.text, {f"{data.name}:{id}": grade for id, grade in data.gold[one.id].items()}, OWN)
        for data in (zh, en)
        for one in data.questions
    ]
    return LabelledSet(f"{zh.name}+{en.name}", documents, (), {}), asked


def collect(root: Path, limit: int, encoder: SentenceEncoder, cache: VectorCache) -> dict[str, list[Case]]:
    """The cases of each base."""
    found: dict[str, list[Case]] = {}
    for first in (True, False):
        with half(first, encoder, cache) as (base, asked):
            some = [(one.text, {one.article: 1.0}, OWN if one.kind == OWN else OTHER) for one in asked]
            found.setdefault("sample base", []).extend(cases(base, some, encoder))
    zh, en = (bench.read_set(root / name).sampled(limit) for name in ("xquad_zh", "xquad_en"))
    sides = zip((OWN, OTHER), same_and_other(zh, en), strict=True)
    bases = {"xquad": (mixed(zh, en), [(one.text, zh.gold[one.id], kind) for kind, some in sides for one in some])}
    for one in ENGLISH:
        bases[one] = pair(*(bench.read_set(root / name).sampled(limit) for name in (CHINESE, one)))
    for name, (data, some) in bases.items():
        with published(data, encoder, cache) as base:
            article = {document: id for id, document in base.document.items()}
            here = [(q, {article[id]: g for id, g in gold.items() if id in article}, kind) for q, gold, kind in some]
            found[name] = list(cases(base, here, encoder))
        print(f"{name}: {len(found[name])} questions", file=sys.stderr)
    return found


def figures(some: Sequence[Case], above: float, soft: float) -> dict[str, float]:
    """`lost` and `strange` in the question's language, and nDCG@10 where the answer is in the `other`."""
    runs = [(one, one.found(above, soft)) for one in some]
    own = [(one, ids) for one, ids in runs if one.kind == OWN]
    other = [ndcg(ids, one.gold) for one, ids in runs if one.kind == OTHER]
    found = {
        "lost": float(np.mean([one.alone() - ndcg(ids, one.gold) for one, ids in own])),
        "strange": float(np.mean([any(id in one.abroad.scores for id in ids[:FIRST]) for one, ids in own])),
    }
    return found | ({"other": float(np.mean(other))} if other else {})


Grid = Mapping[tuple[float, float], Mapping[str, Mapping[str, float]]]


def chosen(grid: Grid, names: Sequence[str]) -> tuple[float, float]:
    """The constants by the bases named."""

    def mean(one: tuple[float, float], figure: str) -> float:
        return float(np.mean([grid[one][name][figure] for name in names if figure in grid[one][name]]))

    strange = {one: max(grid[one][name]["strange"] for name in names) for one in grid}
    allowed = [one for one in grid if mean(one, "lost") <= LOSS and strange[one] <= STRANGE]
    return max(allowed, key=lambda one: (mean(one, "other"), one))


def main() -> int:
    bench.commit()
    parser = argparse.ArgumentParser(prog="python benchmarks/cross_fit.py", description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, metavar="DATA_ROOT", help="folder of sets")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="questions of a set (%(default)s)")
    parser.add_argument("--json", type=Path, default=bench.RESULTS / "cross-fit.json", metavar="OUT")
    given = parser.parse_args()
    encoder = SentenceEncoder(settings())
    with closing(VectorCache(WORK / "vectors.sqlite")) as cache:
        found = collect(given.root, given.limit, encoder, cache)
    grid = {
        (above, soft): {name: figures(some, above, soft) for name, some in found.items()}
        for above, soft in product(ABOVE, SOFT)
    }
    without = {name: chosen(grid, [other for other in found if other != name]) for name in found}
    systems = {
        "firstcall": {
            name: {key: round(value, 4) for key, value in grid[without[name]][name].items()} for name in found
        }
    }
    every = chosen(grid, list(found))
    more = {
        "all": every,
        "without": without,
        "grid": {
            f"{above:g} {soft:g}": {
                name: {key: round(value, 4) for key, value in one.items()} for name, one in each.items()
            }
            for (above, soft), each in grid.items()
        },
        "above_usual": {
            name: round(float(np.mean([one.above for one in some if one.kind == OWN])), 4)
            for name, some in found.items()
        },
    }
    bench.write_json(given.json, bench.result("cross_fit", given.root.resolve().name, systems, sorted(found), **more))
    names = ("lost", "strange", "other")
    rows = [
        [name, *map(str, without[name]), *(f"{figures[key]:.4f}" if key in figures else "" for key in names)]
        for name, figures in systems["firstcall"].items()
    ]
    print(bench.table(["base", "above", "soft", *names], rows), f"\nall: {every}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
