"""How much each signal of the verdict counts: fits `kb.finding.verdict.PRIOR` on the sets under a folder.

    python benchmarks/fit_verdict.py DATA_ROOT [--json OUT]

Each set becomes an exam as in benchmarks/verdict.py, each question the signals of the product's own
lists. A logistic regression with weights ≥ 0, so that more of a signal never makes an answer less
likely, tells answerable from not. Families of sets count alike, so do both kinds of answer within
one. Then: `middle`, halfway between both, the mean over families; `answerable`, the mean share; `easier`, how much
higher the middle lies where articles are left out instead: for callers' questions, each asked again without the
articles that answer it (`learnt`: a set's gaps are further off than that), and for what a base asks itself, by how
much the articles' own words lie higher than callers'. A set of far gaps so says nothing of words, nor one of easy
words of gaps.

A set has no vote where not even the top cosine follows its labels (AUROC < `HEARD`): there the
deleted answer stands in other documents too. The sample base has none either: it is not among them.

What is reported for a set is fitted without it and its relatives (`family`, as in benchmarks/fit.py).
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks import bench
from benchmarks.bench import Progress
from benchmarks.exam import NEAR, is_exam, read_exam
from benchmarks.fit import family
from benchmarks.retrieval import WORK, everything
from benchmarks.verdict import FIT, auroc, published, top_cosine
from indexer.calibrate import trials
from indexer.encoder import SentenceEncoder
from indexer.vectors import VectorCache
from kb import text
from kb.config import settings
from kb.finding.search import Place, lists_of, signals_of
from kb.finding.verdict import LEARNT, SIGNALS, Prior, Trial

MAX_QUESTIONS = 1_500  # of a set
MAX_DOCUMENTS = 4_000  # of a set, and every gold one
HEARD = 0.65
RIDGE = 30.0  # beside 1,000 questions; .3 to 300 were tried: the same within .003 AUROC
MIN_TRIALS = 10

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """The questions of one set with gaps of one `sort`, NEAR or FAR.

    rows:   (n, 7) signals; labels: (n,) whether answerable; top: (n,) best cosine
    trials: what the base says of itself, and of each question it answers, as if that had been learnt and left out
    """

    name: str
    sort: str
    rows: Numbers
    labels: NDArray[np.bool_]
    top: Numbers
    trials: tuple[Trial, ...]


# --- the signals ---------------------------------------------------------------------------------


def collect(folder: Path, encoder: SentenceEncoder, cache: VectorCache) -> list[Part]:
    """The parts of a set, from an index that the product built of it."""
    exam = read_exam(folder, MAX_DOCUMENTS).sampled(MAX_QUESTIONS)
    with published(exam, encoder, cache) as engine:
        own = trials(engine, encoder, [engine.article(id) for id in engine.ids], everything())
        asked = [text.clean(one.text) for one in exam.asked]
        progress = Progress(f"{exam.name}: questions")
        rows, top, known, called = [], [], [], []
        for place, (question, vector) in enumerate(zip(asked, encoder.queries(asked), strict=True)):
            lists = lists_of(question, vector, everything(), engine)
            found = signals_of(lists, engine)
            if found:
                one = exam.asked[place]
                rows.append(found.vector())
                top.append(top_cosine(vector, engine))
                known.append(one)
                if one.answerable:
                    called.append(Trial(one.cluster, LEARNT, found, signals_of(without(lists, one.gold), engine)))
            progress(place + 1, len(asked))
    labels = np.array([one.answerable for one in known], bool)
    sorts = np.array([one.sort for one in known])
    parts = []
    for sort in dict.fromkeys([NEAR, *sorts.tolist()]):
        chosen = labels | (sorts == sort)
        some = (*(one for language in own.values() for one in language), *called) if sort == NEAR else ()
        parts.append(Part(exam.name, sort, np.array(rows)[chosen], labels[chosen], np.array(top)[chosen], some))
    return parts


def without(lists: Mapping[str, Mapping[str, Place]], articles: frozenset[str]) -> dict[str, dict[str, Place]]:
    """Lists as they are where some articles are not there."""
    return {name: {id: one for id, one in ranks.items() if id not in articles} for name, ranks in lists.items()}


# --- the fit -------------------------------------------------------------------------------------


def balanced(parts: Sequence[Part]) -> Numbers:
    """A weight a question, 1,000 in all: alike by family, by part within it, by kind of answer within that."""
    families = [family(part.name) for part in parts]
    weights = []
    for part, own in zip(parts, families, strict=True):
        share = 1_000 / len(set(families)) / families.count(own)
        weights.append(np.where(part.labels, 0.5 / part.labels.sum(), 0.5 / (~part.labels).sum()) * share)
    return np.concatenate(weights)


def logistic(rows: Numbers, labels: NDArray[np.bool_], weights: Numbers, ridge: float = RIDGE) -> Numbers:
    """Weights ≥ 0 and offset of the penalised logistic regression, (d + 1,)."""
    signs = np.where(labels, 1.0, -1.0)
    count = rows.shape[1]

    def loss(beta: Numbers) -> tuple[float, Numbers]:
        margins = signs * (rows @ beta[:count] + beta[count])
        pull = -weights * signs / (1 + np.exp(np.clip(margins, -30, 30)))
        value = (weights * np.logaddexp(0, -margins)).sum() + ridge / 2 * (beta[:count] ** 2).sum()
        return float(value), np.append(rows.T @ pull + ridge * beta[:count], pull.sum())

    bounds = [(0.0, None)] * count + [(None, None)]
    return np.asarray(minimize(loss, np.zeros(count + 1), jac=True, bounds=bounds, method="L-BFGS-B").x)


def fit(parts: Sequence[Part], model: str) -> dict[str, Any]:
    """The prior of some parts, and the curve of the top cosine alone."""
    rows, labels, weights = (
        np.vstack([p.rows for p in parts]),
        np.concatenate([p.labels for p in parts]),
        balanced(parts),
    )
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    beta = logistic((rows - centre) / spread, labels, weights)[:-1]
    prior = Prior(model, _named(centre), _named(spread), _named(beta), 0.0, {}, 0.5)
    middles = {part.name: _halfway(prior, part) for part in parts if part.sort == NEAR}
    answerable = by_family({p.name: float(p.labels.mean()) for p in parts})
    easier = _easier(prior, parts, middles)
    top = np.concatenate([part.top for part in parts])
    slope, offset = logistic(((top - top.mean()) / top.std())[:, None], labels, weights, 1.0)
    odds = float(np.log(answerable / (1 - answerable)))
    whole = Prior(
        model, prior.centre, prior.spread, prior.weights, round(by_family(middles), 4), easier, round(answerable, 4)
    )
    return {
        "prior": asdict(whole),
        "top_cosine": [float(slope / top.std()), float(offset + odds - slope * top.mean() / top.std())],
        "fitted_on": sorted({part.name for part in parts}),
    }


def _named(values: Numbers) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(SIGNALS, values, strict=True)}


def by_family(values: Mapping[str, float]) -> float:
    """The mean over families of the mean over their sets."""
    families = {family(name) for name in values}
    return float(np.mean([np.mean([v for name, v in values.items() if family(name) == one]) for one in families]))


def scores(prior: Prior, rows: Numbers) -> Numbers:
    """The score of each row of signals, (n,)."""
    centre, spread, weights = (np.array([m[n] for n in SIGNALS]) for m in (prior.centre, prior.spread, prior.weights))
    return np.asarray(((rows - centre) / spread) @ weights)


def _halfway(prior: Prior, part: Part) -> float:
    told = scores(prior, part.rows)
    return float((told[part.labels].mean() + told[~part.labels].mean()) / 2)


def _easier(prior: Prior, parts: Sequence[Part], middles: Mapping[str, float]) -> dict[str, float]:
    """By kind; a kind that no set has is as callers' own words."""
    near = [part for part in parts if part.sort == NEAR]
    left_out = {part.name: halfway for part in near if (halfway := _left_out(prior, part, LEARNT)) is not None}
    further = by_family({name: halfway - middles[name] for name, halfway in left_out.items()})
    found = {LEARNT: further}
    for kind in ("title", "question"):
        own = {part.name: _left_out(prior, part, kind) for part in near}
        higher = {name: one - left_out[name] for name, one in own.items() if one is not None}
        found[kind] = further + (by_family(higher) if higher else 0.0)
    return {kind: round(value, 4) for kind, value in found.items()}


def _left_out(prior: Prior, part: Part, kind: str) -> float | None:
    """Halfway between there and gone for the texts of a kind; None where they are too few."""
    halfway = [(prior.of(t.there) + prior.of(t.gone)) / 2 for t in part.trials if t.kind == kind and t.there and t.gone]
    return float(np.mean(halfway)) if len(halfway) >= MIN_TRIALS else None


def fitted(parts: Sequence[Part], model: str) -> dict[str, Any]:
    """The prior of all sets that have a vote and, for each family, of the others."""
    near = [part for part in parts if part.sort == NEAR]
    tops = {part.name: auroc(part.top, part.labels) for part in near}
    voting = [part for part in parts if tops[part.name] >= HEARD]
    without = {}
    for one in dict.fromkeys(family(part.name) for part in parts):
        rest = [part for part in voting if family(part.name) != one]
        left_out = sorted({part.name for part in parts if family(part.name) == one})
        without[one] = {"left_out": left_out, **fit(rest, model)}
    systems: dict[str, dict[str, float]] = {"firstcall": {}, "top_cosine": tops}
    for part in near:
        prior = Prior(**without[family(part.name)]["prior"])
        systems["firstcall"][part.name] = auroc(scores(prior, part.rows), part.labels)
    rounded = {name: {key: round(v, 4) for key, v in one.items()} for name, one in systems.items()}
    return {"systems": rounded, "all": fit(voting, model), "without": without}


def report(found: Mapping[str, Any]) -> str:
    """A result as a person reads it."""
    ours, top = found["systems"]["firstcall"], found["systems"]["top_cosine"]
    rows = [[name, f"{ours[name]:.4f}", f"{top[name]:.4f}"] for name in sorted(ours)]
    return bench.table(["AUROC", "fitted on the others", "top cosine"], rows) + f"\n{found['all']['prior']}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python benchmarks/fit_verdict.py", description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, metavar="DATA_ROOT", help="folder of sets")
    parser.add_argument("--json", type=Path, default=FIT, metavar="OUT", help=f"default: {FIT.name}")
    return parser.parse_args()


def main() -> int:
    bench.commit()
    given = arguments()
    encoder = SentenceEncoder(settings())
    parts: list[Part] = []
    with closing(VectorCache(WORK / "vectors.sqlite")) as cache:
        for folder in sorted(given.root.iterdir()):
            if is_exam(folder):
                parts += collect(folder, encoder, cache)
    found = fitted(parts, encoder.name.partition(":")[0])
    on = found["all"]["fitted_on"]
    bench.write_json(given.json, bench.result("verdict-fit", given.root.resolve().name, fitted_on=on, **found))
    print(report(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
