"""How much each list and late interaction count: fits `kb.finding.search.WEIGHTS`.

    python benchmarks/fit.py DATA_ROOT [--leave insuranceqa_en] [--json OUT]

The three lists of every question come once from the product's own index and are scaled by its own
`fuse`; then every mix of weights in steps of `STEP` is tried. Chosen is, of the mixes that no set of
evidence tells from the best, the one nearest to equal weights: the one-standard-error rule (Breiman
and others, Classification and Regression Trees, 1984) over the mean of nDCG@10 of the sets, each
counting the same however many questions it has. Then the weight of late interaction on top of these, in steps of
`LATE_STEP`: by the same rule the one nearest to none. The sample base with its golden questions is shown
and has no vote: its questions avoid its words by design.

What is reported for a set is never fitted on it, nor on a relative of it (`family`): the same texts
in another language, or another collection about the same thing, would give the answer away.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import bench
from benchmarks.bench import LabelledSet, Progress
from benchmarks.retrieval import FIT, WORK, Published, everything, published
from indexer import generation
from indexer.build import build
from indexer.encoder import SentenceEncoder
from indexer.vectors import VectorCache
from kb import text
from kb.config import settings
from kb.finding.search import LATE_DEPTH, Index, Place, Tokens, Vector, fuse, late, lists_of

SAMPLE = "sample base"
LISTS = ("answers", "asks", "lexical")
STEP = 0.05
LATE_STEP, LATE_MOST = 0.1, 1.5
MAX_QUESTIONS = 300  # of a set
MAX_DOCUMENTS = 4_000  # of a set, and every gold one
RANK_CONSTANT = 60  # of reciprocal rank fusion, as its authors and its users set it
DEPTH_MEASURED = 10
TIE = 9  # decimals from which on two scores are the same
EQUAL = np.full(len(LISTS), 1 / len(LISTS))

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One question's lists, over the n documents that are in any of them, in id order.

    scaled: (n, 3) each list of `LISTS` scaled to [0, 1] by `fuse`, 0 where absent
    ranks:  (n, 3) from 1, inf where absent
    late:   (n,) late interaction scaled to [0, 1] over the first `LATE_DEPTH` by equal weights, nan elsewhere
    gains:  (n,) grade of each document, 0 where it is not gold
    ideal:  discounted gain of the best order there could be, > 0
    """

    scaled: Matrix
    ranks: Matrix
    late: Matrix
    gains: Matrix
    ideal: float


# --- the lists -----------------------------------------------------------------------------------


def collect(data: LabelledSet, encoder: SentenceEncoder, cache: VectorCache) -> list[Case]:
    """A case for each question of a set, from an index that the product built of it."""
    with published(data, encoder, cache) as base:
        asked = [text.clean(one.text) for one in data.questions]
        made = zip(*encoder.with_tokens(asked, query=True), strict=True)
        progress = Progress(f"{data.name}: questions")
        cases = []
        for question, one, (vector, tokens) in zip(asked, data.questions, made, strict=True):
            lists = lists_with_late(question, vector, tokens, base.engine)
            cases.append(case(by_document(lists, base), data.gold[one.id]))
            progress(len(cases), len(asked))
        return cases


def lists_with_late(question: str, vector: Vector, tokens: Tokens, index: Index) -> dict[str, dict[str, Place]]:
    """The lists a search fuses, and late interaction with the first of them by equal weights."""
    lists = lists_of(question, vector, everything(), index)
    fused = fuse({name: list(ranks.items()) for name, ranks in lists.items()}, dict.fromkeys(LISTS, 1.0))
    first = list(fused)[:LATE_DEPTH]
    return lists | {"late": late(dict(zip(first, index.maxsim(first, tokens), strict=True)))}


def by_document(lists: Mapping[str, Mapping[str, Place]], base: Published) -> dict[str, dict[str, Place]]:
    """The lists by the ids of the set's documents."""
    return {name: {base.document[id]: place for id, place in ranks.items()} for name, ranks in lists.items()}


def golden(encoder: SentenceEncoder, cache: VectorCache) -> list[Case]:
    """The sample base with its golden questions: the only set whose articles carry customers' own questions.

    Both twins of the right topic are gold.
    """
    asked = tomllib.loads((bench.ROOT / "tests/golden/questions.toml").read_text("utf-8"))["question"]
    answered = [one for one in asked if "topic" in one]
    with tempfile.TemporaryDirectory(prefix="firstcall-bench-") as scratch:
        build(bench.ROOT / "articles", Path(scratch), encoder, cache, at=datetime.now(UTC))
        engine = generation.open_current(Path(scratch)).engine
        questions = [text.clean(one["text"]) for one in answered]
        made = zip(*encoder.with_tokens(questions, query=True), strict=True)
        return [
            case(
                lists_with_late(question, vector, tokens, engine),
                {f"{one['topic']}-{lang}": 1.0 for lang in ("zh", "en")},
            )
            for question, one, (vector, tokens) in zip(questions, answered, made, strict=True)
        ]


def case(lists: Mapping[str, Mapping[str, Place]], grades: Mapping[str, float]) -> Case:
    """The lists as numbers."""
    scaled = {name: fuse({name: list(lists[name].items())}, {name: 1.0}) for name in LISTS}
    ids = sorted({id for ranks in lists.values() for id in ranks})
    extra = fuse({"late": list(lists.get("late", {}).items())}, {"late": 1.0})
    return Case(
        scaled=np.array([[scaled[name].get(id, 0.0) for name in LISTS] for id in ids]).reshape(len(ids), len(LISTS)),
        ranks=np.array(
            [[lists[name][id].rank if id in lists[name] else np.inf for name in LISTS] for id in ids]
        ).reshape(len(ids), len(LISTS)),
        late=np.array([extra.get(id, np.nan) for id in ids]),
        gains=np.array([grades.get(id, 0.0) for id in ids]),
        ideal=float(_discounted(np.array(sorted(grades.values(), reverse=True)[:DEPTH_MEASURED]))),
    )


def _discounted(gains: Matrix) -> Matrix:
    """Gains in order of rank, each over log2(rank + 1), summed along the first axis."""
    discounts = 1 / np.log2(np.arange(len(gains)) + 2)
    return np.asarray(np.tensordot(discounts, gains, axes=1))


# --- trying weights ------------------------------------------------------------------------------


def simplex(step: float = STEP) -> Matrix:
    """Every triple of multiples of `step` that sums to 1, then equal weights, (m + 1, 3)."""
    parts = round(1 / step)
    triples = [(a, b, parts - a - b) for a in range(parts + 1) for b in range(parts + 1 - a)]
    return np.vstack([np.array(triples) / parts, EQUAL])


def ndcg(one: Case, scores: Matrix) -> Matrix:
    """nDCG@10 in [0, 1] of each column of scores, (n, m) → (m,); ties by id, as in `fuse`."""
    if not len(one.gains):
        return np.zeros(scores.shape[1])
    order = np.argsort(-scores.round(TIE), axis=0, kind="stable")[:DEPTH_MEASURED]
    return _discounted(one.gains[order]) / one.ideal


def weighted(cases: Sequence[Case], weights: Matrix) -> Matrix:
    """Mean nDCG@10 of a set under each row of weights, (m, 3) → (m,)."""
    return np.mean([ndcg(one, one.scaled @ weights.T) for one in cases], axis=0)  # type: ignore[no-any-return]


def with_late(cases: Sequence[Case], weights: Matrix, late_weights: Matrix) -> Matrix:
    """Mean nDCG@10 of a set under one row of weights and each weight of late interaction, (3,), (m,) → (m,)."""
    values = []
    for one in cases:
        extra = np.nan_to_num(one.late)[:, None] * late_weights
        values.append(ndcg(one, (one.scaled @ weights)[:, None] + extra))
    return np.mean(values, axis=0)  # type: ignore[no-any-return]


def rank_fusion(cases: Sequence[Case]) -> float:
    """Mean nDCG@10 of a set under reciprocal rank fusion of the three lists."""
    values = [ndcg(one, (1 / (RANK_CONSTANT + one.ranks)).sum(axis=1, keepdims=True)) for one in cases]
    return float(np.mean(values))


def family(name: str) -> str:
    """What relatives have in common: `xquad_en` and `xquad_zh` are the same questions twice."""
    return name.split("_")[0]


def best(values: Mapping[str, Matrix], sets: Sequence[str], distance: Matrix) -> int:
    """Of the choices within one standard error of the best one, that with the least distance.

    The error is that of the mean, over the public sets, of what a choice is behind the best one.
    """
    public = np.array([values[name] for name in sets if name != SAMPLE])
    behind = public[:, [int(public.mean(axis=0).argmax())]] - public
    error = behind.std(axis=0, ddof=1) / np.sqrt(len(public)) if len(public) > 1 else 0.0
    return int(np.argmin(np.where(behind.mean(axis=0) <= error, distance, np.inf)))


def finest(values: Mapping[str, Matrix], sets: Sequence[str]) -> int:
    """The choice with the best mean over the public sets, whatever it is ahead by."""
    return int(np.mean([values[name] for name in sets if name != SAMPLE], axis=0).argmax())


# --- the report ----------------------------------------------------------------------------------


BASELINES: Mapping[str, tuple[float, ...]] = {
    "answers": (1, 0, 0),
    "asks": (0, 1, 0),
    "lexical": (0, 0, 1),
    "equal weights": (1 / 3, 1 / 3, 1 / 3),
}


@dataclass(frozen=True)
class Chosen:
    """Weights of the lists, and of late interaction on top of them."""

    weights: Matrix
    late: float

    def facts(self) -> dict[str, Any]:
        return {"weights": _named(self.weights) | {"late": _figure(self.late)}}


def chosen(cases: Mapping[str, Sequence[Case]], values: Mapping[str, Matrix], sets: Sequence[str]) -> Chosen:
    """What some sets tell: the weights of the lists, then that of late interaction."""
    grid = simplex()
    weights = grid[best(values, sets, np.linalg.norm(grid - EQUAL, axis=1).round(TIE))]
    steps = np.arange(0, LATE_MOST + LATE_STEP / 2, LATE_STEP)
    later = {name: with_late(cases[name], weights, steps) for name in sets}
    return Chosen(weights, float(steps[best(later, sets, steps)]))


def fitted(cases: Mapping[str, Sequence[Case]]) -> dict[str, Any]:
    """Weights for all sets and, by leaving out each set with its family, what they are worth."""
    grid = simplex()
    values = {name: weighted(some, grid) for name, some in cases.items()}
    everywhere = chosen(cases, values, list(cases))
    systems: dict[str, dict[str, float]] = {
        label: {name: _figure(weighted(some, np.array([row]))[0]) for name, some in cases.items()}
        for label, row in BASELINES.items()
    }
    systems["reciprocal rank fusion"] = {name: _figure(rank_fusion(some)) for name, some in cases.items()}
    without: dict[str, dict[str, Any]] = {}
    systems["finest mix of the others"], systems["without late interaction"] = {}, {}
    for name, some in cases.items():
        others = [other for other in cases if family(other) != family(name)]
        told = chosen(cases, values, others)
        plain, whole = with_late(some, told.weights, np.array([0.0, told.late]))
        without[name] = {**told.facts(), "fitted_on": others, "ndcg@10": _figure(whole)}
        systems["without late interaction"][name] = _figure(plain)
        systems["finest mix of the others"][name] = _figure(values[name][finest(values, others)])
    systems = {"firstcall": {name: one["ndcg@10"] for name, one in without.items()}, **systems}
    return {
        "systems": {label: {**each, "mean": _figure(np.mean(list(each.values())))} for label, each in systems.items()},
        **everywhere.facts(),
        "sets": list(cases),
        "without": without,
        "all_sets": {
            name: _figure(with_late(some, everywhere.weights, np.array([everywhere.late]))[0])
            for name, some in cases.items()
        },
        "late_curve": {
            f"{step:.1f}": {
                name: _figure(with_late(some, everywhere.weights, np.array([step]))[0]) for name, some in cases.items()
            }
            for step in np.arange(0, LATE_MOST + LATE_STEP / 2, LATE_STEP)
        },
        "ceiling": {
            name: {"weights": _named(grid[row]), "ndcg@10": _figure(values[name][row])}
            for name in cases
            for row in [int(np.argmax(values[name]))]
        },
    }


def _figure(value: Any) -> float:
    return round(float(value), 4)


def _named(weights: Matrix) -> dict[str, float]:
    return {name: round(float(weight), 4) for name, weight in zip(LISTS, weights, strict=True)}


def report(found: Mapping[str, Any]) -> str:
    """A result as a person reads it."""
    labels = list(found["systems"])
    header = ["nDCG@10", *labels, "weights without it", "all sets'", "its own"]
    rows = []
    for name in found["sets"]:
        own = found["ceiling"][name]
        row = [f"{found['systems'][label][name]:.4f}" for label in labels]
        rows.append(
            [
                name,
                *row,
                _short(found["without"][name]["weights"]),
                f"{found['all_sets'][name]:.4f}",
                f"{own['ndcg@10']:.4f} at {_short(own['weights'])}",
            ]
        )
    rows.append(["mean", *(f"{found['systems'][label]['mean']:.4f}" for label in labels), "", "", ""])
    return bench.table(header, rows) + f"\nweights of all sets: {found['weights']}"


def _short(weights: Mapping[str, float]) -> str:
    return "/".join(f"{weights[name]:.2f}" for name in (*LISTS, "late") if name in weights)


def collect_all(root: Path, leave: Sequence[str] = ()) -> dict[str, list[Case]]:
    """The cases of the sample base and of every labelled set under a folder, small sets first."""
    folders = [one for one in sorted(root.iterdir()) if bench.is_labelled_set(one) and one.name not in leave]
    sets = [bench.read_set(folder).sampled(MAX_QUESTIONS).shortened(MAX_DOCUMENTS) for folder in folders]
    encoder = SentenceEncoder(settings())
    with closing(VectorCache(WORK / "vectors.sqlite")) as cache:
        sets.sort(key=lambda data: len(data.documents))
        public = {data.name: collect(data, encoder, cache) for data in sets}
        return {SAMPLE: golden(encoder, cache), **public}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python benchmarks/fit.py", description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, metavar="DATA_ROOT", help="folder of labelled sets")
    parser.add_argument("--json", type=Path, default=FIT, metavar="OUT", help="default: benchmarks/results/fit.json")
    parser.add_argument("--leave", action="append", default=[], metavar="SET", help="a set to fit nothing on")
    given = parser.parse_args()
    if not any(bench.is_labelled_set(folder) for folder in given.root.iterdir()):
        parser.error(f"no folder under {given.root} has all of {', '.join(bench.FILES)}")
    return given


def main() -> int:
    bench.commit()
    given = arguments()
    try:
        found = fitted(collect_all(given.root, given.leave))
    except KeyboardInterrupt:
        print("interrupted: nothing written", file=sys.stderr)
        return 130
    # `fitted_on` are the sets of `weights`; each figure is of the weights fitted without its set (`without`)
    bench.write_json(given.json, bench.result("fit", given.root.resolve().name, fitted_on=found["sets"], **found))
    print(report(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
