"""How well questions that mean the same need are found to be one: batch and one by one, with no number of needs given.

    python benchmarks/clusters.py INTENTS_FILE [--json OUT] [--limit N]
    python benchmarks/clusters.py --fit INTENTS_FILE INTENTS_FILE…

INTENTS_FILE is an `intents.jsonl` ({"text", "intent"} a line), or a folder with one, or a labelled set, whose
questions with the same one answer are one intent. Taken are its held-out intents
where it has some (`kind` = id-oos), else those of its test split where it has one, and of these the intents asked in
at least 5 ways; never what is out of scope. Figures: adjusted Rand index, normalised mutual information, purity;
`_stream` = the same after the questions came one by one and were looked at together whenever that was due, the mean
over 3 orders (of k-means, over 3 seeds).

Beside it, over the same vectors about their mean: k-means **given the true number**, HDBSCAN, and average linkage cut
at one cosine distance. Both bars of ours and that distance are those that `--fit` found on the other sets only.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from benchmarks import bench
from indexer.encoder import SentenceEncoder
from indexer.vectors import VectorCache
from kb import text
from kb.config import settings
from kb.gaps import clusters
from kb.gaps.clusters import Labels, Rows, Space, regrouping
from kb.gaps.clusters.stream import Stream

WORK = settings().home / "bench"
FIT = bench.RESULTS / "clusters-fit.json"
LEAST = 5  # ways an intent is asked in
ORDERS = 3
SEED = 7
GRIDS: Mapping[str, Sequence[float]] = {
    "batch": (0.35, 0.4, 0.45, 0.5, 0.55),
    "stream": (0.45, 0.5, 0.55, 0.6, 0.65),
    "agglomerative": (0.5, 0.55, 0.6, 0.65, 0.7),
}
FIGURES = ("ari", "nmi", "purity")
_SEEN: dict[bytes, Labels] = {}  # what was found in the same questions before: it does not depend on the bar


@dataclass(frozen=True)
class Intents:
    """Questions as vectors (n, dim) with their languages and their intents (n,) as numbers."""

    name: str
    vectors: Rows
    langs: tuple[str, ...]
    intents: Labels

    def in_order(self, order: Labels) -> Intents:
        """The same questions, coming in another order."""
        langs = tuple(self.langs[i] for i in order)
        return Intents(self.name, self.vectors[order], langs, self.intents[order])


class Asked:
    """The encoder's questions, for a cache of passages."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self.name, self.dim = f"{encoder.name} asked", encoder.dim
        self._encoder = encoder

    def passages(self, texts: Sequence[str]) -> Rows:
        return self._encoder.queries(texts)

    queries = passages


def chosen(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(question, intent) of those to be grouped, once each."""
    held_out = [row for row in rows if row.get("kind") == "id-oos"]
    inside = held_out or [row for row in rows if str(row["intent"]).lower() not in ("oos", "out_of_scope", "")]
    test = [row for row in inside if row.get("split") == "test"] or inside
    pairs = [(row["text"], str(row.get("original_intent") or row["intent"])) for row in test]
    ways = Counter(intent for _, intent in pairs)
    return [(text, intent) for text, intent in pairs if ways[intent] >= LEAST]


def asked(folder: Path) -> list[tuple[str, str]]:
    """(question, document) of a labelled set's questions that have one answer; documents asked for often enough."""
    data = bench.read_set(folder)
    pairs = [(one.text, next(iter(data.gold[one.id]))) for one in data.questions if len(data.gold[one.id]) == 1]
    ways = Counter(document for _, document in pairs)
    return [(text, document) for text, document in pairs if ways[document] >= LEAST]


def _intents(file: Path) -> list[tuple[str, str]]:
    return chosen(bench.json_lines(file / "intents.jsonl" if file.is_dir() else file))


def read(file: Path, encoder: SentenceEncoder, limit: int = 0) -> Intents:
    """The questions of a file, embedded; `limit` > 0 draws as many by a fixed seed."""
    pairs = asked(file) if bench.is_labelled_set(file) and not (file / "intents.jsonl").exists() else _intents(file)
    if limit and limit < len(pairs):
        pairs = [pairs[i] for i in sorted(np.random.default_rng(SEED).permutation(len(pairs))[:limit])]
    with closing(VectorCache(WORK / "asked.sqlite")) as cache:
        progress = bench.Progress("embedded")
        vectors = cache.passages([text for text, _ in pairs], Asked(encoder), progress)  # type: ignore[arg-type]
    _, intents = np.unique([intent for _, intent in pairs], return_inverse=True)
    folder = file if file.is_dir() else file.parent
    langs = tuple(text.language(question) for question, _ in pairs)
    return Intents(folder.resolve().name, np.asarray(vectors, np.float32), langs, intents)


def stream(data: Intents, bar: float) -> Labels:
    """Labels after the questions came one by one, in this order, with a look at all of them whenever one is due."""
    placed = Space.of(data.vectors, data.langs).place(data.vectors, data.langs)
    joined, seen = Stream(placed.shape[1], bar=bar), 0
    for n, row in enumerate(placed, 1):
        joined.add(row)
        if regrouping.is_due(n - seen, seen):
            joined, seen = _regrouped(joined, placed[:n], bar), n
    return joined.labels


def _regrouped(joined: Stream, placed: Rows, bar: float) -> Stream:
    """The same questions as the background puts them together, ready for the next to come."""
    needs, latest = joined.labels, placed[-regrouping.MOST :]
    key = hashlib.sha256(latest.tobytes()).digest()
    if key not in _SEEN:
        _SEEN[key] = clusters.grouped(latest)
    now = needs[-len(latest) :]
    after = regrouping.renumbered(now, _SEEN[key], np.zeros(len(now), bool))
    needs[-len(latest) :] = np.where(after > now.max(), after + needs.max() - now.max(), after)
    again = Stream(placed.shape[1], bar=bar, settled=np.unique(needs).tolist())
    for row, need in zip(placed, needs, strict=True):
        again.put(row, int(need))
    return again


def agglomerative(data: Intents, distance: float) -> Labels:
    """Average linkage about the mean, cut at one cosine distance."""
    cut = AgglomerativeClustering(None, metric="cosine", linkage="average", distance_threshold=distance)
    return np.asarray(cut.fit_predict(_centred(data.vectors)), np.int64)


def _centred(vectors: Rows) -> Rows:
    return clusters.unit(vectors - vectors.mean(axis=0))


SYSTEMS: Mapping[str, Callable[[Intents, float], Labels]] = {
    "batch": lambda data, bar: clusters.batch(data.vectors, data.langs, bar=bar),
    "stream": stream,
    "agglomerative": agglomerative,
}


def purity(intents: Labels, labels: Labels) -> float:
    """Share of questions whose group has their intent for its most frequent one."""
    table = np.zeros((labels.max() + 1, intents.max() + 1))
    np.add.at(table, (labels, intents), 1)
    return float(table.max(axis=1).sum() / len(intents))


def figures(intents: Labels, labels: Labels) -> dict[str, float]:
    """All figures of one grouping, each in [0, 1] (ARI from -0.5)."""
    _, labels = np.unique(labels, return_inverse=True)
    found = (
        adjusted_rand_score(intents, labels),
        normalized_mutual_info_score(intents, labels),
        purity(intents, labels),
    )
    return {name: round(float(value), 4) for name, value in zip(FIGURES, found, strict=True)}


def in_orders(data: Intents, bar: float) -> dict[str, float]:
    """The figures one by one, the mean over `ORDERS` orders of arrival."""
    drawn = np.random.default_rng(SEED)
    orders = [drawn.permutation(len(data.vectors)) for _ in range(ORDERS)]
    each = _mean([figures(data.intents[order], stream(data.in_order(order), bar)) for order in orders])
    return {f"{name}_stream": value for name, value in each.items()}


def _mean(each: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([one[name] for one in each])), 4) for name in FIGURES}


def fit(sets: Sequence[Intents]) -> dict[str, Any]:
    """ARI of every system at every bar of its grid, on every set: what leaves-one-out choices are made from."""
    curves = {
        data.name: {
            name: {str(bar): round(adjusted_rand_score(data.intents, run(data, bar)), 4) for bar in GRIDS[name]}
            for name, run in SYSTEMS.items()
        }
        for data in sets
    }
    bars = {name: best(curves, name, "") for name in SYSTEMS}
    return {"benchmark": "clusters fit", "machine": bench.machine(), "commit": bench.commit()} | {
        "bars": bars,
        "curves": curves,
    }


def best(curves: Mapping[str, Any], system: str, but: str) -> float:
    """The bar that loses least on the set it suits worst: the highest least share of a set's own best ARI.

    Over the sets that are not `but` and share no questions with it (`banking77` and `banking77_oos` are one).
    """
    others = [curve[system] for name, curve in curves.items() if _family(name) != _family(but)]
    shares = {bar: min(curve[bar] / max(curve.values()) for curve in others) for bar in others[0]}
    return float(max(shares, key=lambda bar: shares[bar]))


def _family(name: str) -> str:
    return name.partition("_")[0]


def report(data: Intents, fitted: Mapping[str, Any]) -> dict[str, Any]:
    """The result of one set, with bars that were not fitted on it."""
    curves = fitted["curves"]
    bars = {name: best(curves, name, data.name) for name in SYSTEMS}
    true, centred = len(set(data.intents.tolist())), _centred(data.vectors)
    found = {
        "firstcall": clusters.batch(data.vectors, data.langs, bar=bars["batch"]),
        "hdbscan": HDBSCAN(min_cluster_size=LEAST, copy=True).fit_predict(centred),
        "agglomerative": agglomerative(data, bars["agglomerative"]),
    }
    systems = {name: figures(data.intents, np.asarray(labels)) for name, labels in found.items()}
    systems["firstcall"] |= in_orders(data, bars["stream"])
    seeds = [KMeans(true, n_init=3, random_state=seed).fit_predict(centred) for seed in range(ORDERS)]
    systems["kmeans"] = _mean([figures(data.intents, labels) for labels in seeds])
    told = {"questions": len(data.intents), "needs": true, "bars": bars}
    told["found"] = {name: len(np.unique(labels)) for name, labels in found.items()}
    fitted_on = [name for name in curves if _family(name) != _family(data.name)]
    return bench.result("clusters", data.name, systems, fitted_on, **told)


def shown(result: Mapping[str, Any]) -> str:
    """The figures of a result as a table."""
    names = [*FIGURES, *(f"{name}_stream" for name in FIGURES)]
    rows = [[name, *(one.get(figure, "") for figure in names)] for name, one in result["systems"].items()]
    return bench.table(["system", *names], rows)


def main() -> int:
    """Run the benchmark. Exit code 0, 130 where it was interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="INTENTS_FILE")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--limit", type=int, default=0, help="questions drawn, 0 = all")
    parser.add_argument("--fit", action="store_true", help="find the bars on these sets and write them down")
    options = parser.parse_args()
    encoder = SentenceEncoder(settings())
    sets = [read(file, encoder, options.limit) for file in options.files]
    if options.fit:
        bench.write_json(options.json or FIT, fit(sets))
        return 0
    fitted = json.loads(FIT.read_text("utf-8"))
    found = bench.published(lambda: report(sets[0], fitted), options.json, shown)
    return 130 if found is None else 0


if __name__ == "__main__":
    sys.exit(main())
