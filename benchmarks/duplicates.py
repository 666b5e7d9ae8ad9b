"""The duplicate warning beside a fixed cosine, on labelled pairs of questions and on the twins of the sample base.

    python benchmarks/duplicates.py PAIRS_FILE [--json OUT] [--limit N] [--fit OUT]

A pairs file has {"a", "b", "label"} a line, and may say "source": pairs of one source are one set, whose `b` are the
base that middles are taken over. At most N pairs of a set are drawn, by a fixed seed. The twins: every article asks
as a draft would, and all articles of the other language are the base; its twin is the duplicate, all others are none.

    firstcall     the probability of `kb.comparing.duplicates`, fitted without the set and its relatives
    fixed_cosine  the cosine of the same vectors, warned from a constant fitted on the same other sets

    ap, auroc           average precision; that a duplicate stands above what is none
    precision recall f1 of the warning; for the twins, of the first article warned of
    p@r50, p@r80        precision where half, and four in five, of the duplicates are warned of

`--fit` fits on the sets of the file instead (and on `stackfaq` beside it, English), all and without each family.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import bench
from benchmarks.bench import Progress
from benchmarks.fit_verdict import logistic
from benchmarks.verdict import auroc
from indexer.encoder import SentenceEncoder
from kb import text
from kb.comparing.duplicates import SIGNALS, WARN_FROM, Asked, Weights, likely, middles_of, signals
from kb.config import settings
from kb.content.articles import Article, read_all

FIT = bench.RESULTS / "duplicates-fit.json"
LIMIT = 1_000
RIDGE = 10.0
RELATIVES = {"ATEC": "ant", "AFQMC": "ant"}  # they share 30,527 sentences
TWINS = "sample-twins"
BATCH = 256

Numbers = NDArray[np.float64]
Labels = NDArray[np.bool_]
Pair = tuple[str, str, bool]


def family(source: str) -> str:
    """Sets of one family share sentences: none is reported with weights that another of it was fitted on."""
    return RELATIVES.get(source, source)


def read_pairs(file: Path, limit: int) -> dict[str, list[Pair]]:
    """Set → its pairs, at most `limit` of each, drawn by a fixed seed."""
    sets: dict[str, list[Pair]] = defaultdict(list)
    for row in bench.json_lines(file):
        pair = text.clean(row["a"]), text.clean(row["b"]), bool(int(row["label"]))
        if pair[0] and pair[1]:
            sets[str(row.get("source") or file.resolve().parent.name)].append(pair)
    chance = np.random.default_rng(bench.SEED)
    return {name: [some[i] for i in chance.permutation(len(some))[:limit]] for name, some in sorted(sets.items())}


def stackfaq(folder: Path, limit: int) -> list[Pair]:
    """English pairs: two askings of one thread, and as many of two threads that share a word."""
    data = bench.read_set(folder)
    threads: dict[str, list[str]] = defaultdict(list)
    for one in data.questions:
        threads[bench.cluster(data.gold[one.id])].append(one.text)
    chance = np.random.default_rng(bench.SEED)
    every = [(id, one) for id, some in threads.items() for one in some]
    same = [(a, b, True) for some in threads.values() for a in some for b in some if a < b]
    other = []
    for id, one in every:
        words = set(text.terms(one))
        near = sorted(every, key=lambda item: -len(words & set(text.terms(item[1]))))
        other += [(one, q, False) for i, q in [item for item in near if item[0] != id][:2]]
    half = limit // 2
    return [side[i] for side in (same, other) for i in chance.permutation(len(side))[:half]]


# --- what both say -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """Of each pair its signals (n, 4), our probability is worked out from, its cosine (n,), and its label (n,)."""

    pairs: Sequence[tuple[Asked, Asked]]
    middles: Mapping[str, Any]
    labels: Labels

    def rows(self) -> Numbers:
        """(n, 4) signals."""
        told = [signals(a, b, self.middles) for a, b in self.pairs]
        return np.array([[one[name] for name in SIGNALS] for one in told])

    def likely(self, weights: Weights) -> Numbers:
        """(n,) our probabilities."""
        return np.array([likely(a, b, self.middles, weights) for a, b in self.pairs])

    def cosines(self) -> Numbers:
        """(n,)."""
        return np.array([float(a.vector @ b.vector) for a, b in self.pairs])


def encoded(texts: Sequence[str], encoder: SentenceEncoder, what: str) -> dict[str, Asked]:
    """Each text as it is compared."""
    missing, found, progress = list(dict.fromkeys(texts)), {}, Progress(f"{what}: questions embedded")
    for start in range(0, len(missing), BATCH):
        some = missing[start : start + BATCH]
        found |= {one: Asked(one, row) for one, row in zip(some, encoder.queries(some), strict=True)}
        progress(len(found), len(missing))
    return found


def told_of(pairs: Sequence[Pair], encoder: SentenceEncoder, what: str) -> Told:
    """A set as both systems see it."""
    asked = encoded([one for a, b, _ in pairs for one in (a, b)], encoder, what)
    base = dict.fromkeys(b for _, b, _ in pairs)
    middles = middles_of([(one, asked[one].vector) for one in base])
    labels = np.array([label for _, _, label in pairs], bool)
    return Told([(asked[a], asked[b]) for a, b, _ in pairs], middles, labels)


# --- figures -------------------------------------------------------------------------------------


def average_precision(scores: Numbers, labels: Labels) -> float:
    """Mean precision at each duplicate, best first; equal scores count as one step."""
    cuts, hits = _cuts(scores, labels)
    return float((np.diff(hits, prepend=0) * hits / cuts).sum() / labels.sum())


def precision_at(scores: Numbers, labels: Labels, recall: float) -> float:
    """Precision where at least this share of the duplicates is warned of."""
    cuts, hits = _cuts(scores, labels)
    first = int(np.argmax(hits >= math.ceil(recall * labels.sum())))
    return float(hits[first] / cuts[first])


def _cuts(scores: Numbers, labels: Labels) -> tuple[Numbers, Numbers]:
    """After each distinct score, best first: how many pairs stand there or above, and how many of them are labelled."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    return (ends + 1).astype(float), np.cumsum(labels[order])[ends].astype(float)


def warned(scores: Numbers, labels: Labels, threshold: float) -> dict[str, float]:
    """Precision, recall and F1 of warning from a threshold."""
    said = scores >= threshold
    right = float((said & labels).sum())
    precision, recall = right / max(1, said.sum()), right / labels.sum()
    f1 = 2 * precision * recall / ((precision + recall) or 1)
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


def figures(scores: Numbers, labels: Labels, threshold: float) -> dict[str, float]:
    """All figures of one system on one set."""
    return {
        **warned(scores, labels, threshold),
        "ap": round(average_precision(scores, labels), 4),
        "auroc": round(auroc(scores, labels), 4),
        "p@r50": round(precision_at(scores, labels, 0.5), 4),
        "p@r80": round(precision_at(scores, labels, 0.8), 4),
    }


# --- the twins of the sample base ----------------------------------------------------------------


def twins(encoder: SentenceEncoder, using: Using) -> dict[str, dict[str, float]]:
    """Every article of the sample base against all of the other language: is its twin the one warned of?"""
    articles, _ = read_all(bench.ROOT / "articles")
    whole = [one for one in articles if one.twin]
    asked = encoded([one for article in whole for one in asks(article)], encoder, TWINS)
    middles = middles_of([(one, found.vector) for one, found in asked.items()])
    scores: dict[str, list[float]] = {"firstcall": [], "fixed_cosine": []}
    labels = []
    for mine in whole:
        for other in whole:
            if mine.lang != other.lang:
                pairs = [(asked[a], asked[b]) for a in asks(mine) for b in asks(other)]
                scores["firstcall"].append(max(likely(a, b, middles, using.weights) for a, b in pairs))
                scores["fixed_cosine"].append(max(float(a.vector @ b.vector) for a, b in pairs))
                labels.append(other.id == mine.twin)
    bars = {"firstcall": WARN_FROM, "fixed_cosine": using.cosine}
    return {name: figures(np.array(some), np.array(labels), bars[name]) for name, some in scores.items()}


def asks(article: Article) -> tuple[str, ...]:
    """What an article asks: its title and its questions."""
    return (article.title, *article.questions)


# --- the fit -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Using:
    """What a set is reported with: our weights, the cosine that a fixed threshold warns from, what they are from."""

    weights: Weights
    cosine: float
    fitted_on: tuple[str, ...]


def fitted(name: str, fit: Path = FIT) -> Using:
    """Fitted without this set's family where it was among those fitted on, else on all."""
    tree = json.loads(fit.read_text("utf-8"))
    one = tree["without"].get(family(name), tree["all"])
    return Using(Weights(one["weights"], one["offset"]), one["cosine"], tuple(one["fitted_on"]))


def fit(told: Mapping[str, Told]) -> dict[str, Any]:
    """Weights ≥ 0 and the best fixed cosine; sets count alike, so do duplicates and others within one."""
    rows, cosines = (np.concatenate([how(one) for one in told.values()]) for how in (Told.rows, Told.cosines))
    labels = np.concatenate([one.labels for one in told.values()])
    shares = np.concatenate(
        [np.where(one.labels, 500 / one.labels.sum(), 500 / (~one.labels).sum()) / len(told) for one in told.values()]
    )
    centre, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    beta = logistic((rows - centre) / spread, labels, shares, RIDGE)
    weights = beta[:-1] / spread
    bars = np.unique(np.round(cosines, 3))
    return {
        "weights": {name: round(float(value), 4) for name, value in zip(SIGNALS, weights, strict=True)},
        "offset": round(float(beta[-1] - weights @ centre), 4),
        "cosine": float(max(bars, key=lambda bar: _weighted_f1(cosines >= bar, labels, shares))),
        "fitted_on": sorted(told),
    }


def _weighted_f1(said: Labels, labels: Labels, weights: Numbers) -> float:
    right = weights[said & labels].sum()
    return float(2 * right / (weights[said].sum() + weights[labels].sum()))


def fit_all(told: Mapping[str, Told]) -> dict[str, Any]:
    """The fit of all sets and, for each family, of the others."""
    families = dict.fromkeys(family(name) for name in told)
    without = {one: fit({name: t for name, t in told.items() if family(name) != one}) for one in families}
    return {"all": fit(told), "without": without}


# --- the report ----------------------------------------------------------------------------------


def measure(file: Path, limit: int, encoder: SentenceEncoder) -> dict[str, Any]:
    """The whole result, as it is published: the mean over the sets of the file, each set, and the twins."""
    sets: dict[str, dict[str, dict[str, float]]] = {}
    used: dict[str, tuple[str, ...]] = {}
    sizes: dict[str, list[int]] = {}
    for name, pairs in read_pairs(file, limit).items():
        using, told = fitted(name), told_of(pairs, encoder, name)
        used[name] = using.fitted_on
        sizes[name] = [len(pairs), int(told.labels.sum())]
        sets[name] = {
            "firstcall": figures(told.likely(using.weights), told.labels, WARN_FROM),
            "fixed_cosine": figures(told.cosines(), told.labels, using.cosine),
        }
    whole = {
        system: {figure: round(float(np.mean([one[system][figure] for one in sets.values()])), 4) for figure in first}
        for system, first in next(iter(sets.values())).items()
    }
    using = fitted(TWINS)
    return bench.result(
        "duplicates",
        file.resolve().parent.name,
        whole,
        sorted(set.intersection(*map(set, used.values()))),
        fitted_on_each=used,
        pairs=sizes,
        sets=sets,
        twins=twins(encoder, using),
        twins_fitted_on=list(using.fitted_on),
    )


def report(found: Mapping[str, Any]) -> str:
    """A result as a person reads it."""
    parts = [*found["sets"].items(), ("mean", found["systems"]), (TWINS, found["twins"])]
    columns = list(found["systems"]["firstcall"])
    rows = [
        [f"{name} {system}", *(f"{one[c]:.3f}" for c in columns)]
        for name, both in parts
        for system, one in both.items()
    ]
    return bench.table(["set", *columns], rows)


def main() -> int:
    """0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="PAIRS_FILE")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the result here")
    parser.add_argument("--limit", type=int, default=LIMIT, metavar="N", help="pairs of a set (%(default)s)")
    parser.add_argument("--fit", type=Path, metavar="OUT", help="fit on the sets of the file and write that here")
    options = parser.parse_args()
    encoder = SentenceEncoder(settings())
    if options.fit:
        sets = read_pairs(options.file, options.limit)
        beside = options.file.resolve().parent.parent / "stackfaq"
        sets |= {"stackfaq": stackfaq(beside, options.limit)} if bench.is_labelled_set(beside) else {}
        tree = fit_all({name: told_of(pairs, encoder, name) for name, pairs in sets.items()})
        bench.write_json(options.fit, tree)
        print(json.dumps(tree["all"], indent=2))
        return 0
    found = measure(options.file, options.limit, encoder)
    if options.json:
        bench.write_json(options.json, found)
    print(report(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
