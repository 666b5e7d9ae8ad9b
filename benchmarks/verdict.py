"""Does it know what it does not know: the verdict beside the top cosine and beside a constant.

    python benchmarks/verdict.py DATA_DIR [--learn N] [--json OUT] [--limit N]

A set becomes a base, built by the product itself, and questions of which it is known whether the base answers them:

    labels    queries that carry "answerable": false are the gaps; intents.jsonl with the intent `OOS`: those are
    removal   elsewhere one document in five (md5(id) mod 5 = 0) is deleted; a question that lost all its gold is a
              gap, one that kept any of it is answerable. Without documents, intents are deleted the same way.

An intent is an article, its training questions are the article's `questions`; its test questions are asked.

With `--learn N`, calls solved N questions of each article before: of an intent, which then says no more than its name,
N of its training questions; of a document N of its own, which are not asked. They go the product's way
(`indexer.learnt.teach`), and so does the verdict that hears of them.

Where gaps are of several sorts, the figures are over those nearest to the base (`in-domain`), the others apart.

    firstcall      the probability of the product's own search: weights fitted without this set and its relatives
                   (benchmarks/fit_verdict.py), the rest measured on the base itself as every build does
    top_cosine     the best cosine of any chunk by the same model, made a probability by the same other sets
    fixed_constant the share of answerable questions of those sets, whatever is asked

    auroc          that an answerable question is believed more than a gap; .5 is chance
    false_missing  share of the answerable called "not in the base" where 90 % of the gaps are
    ece            expected calibration error of the probability, ten bins
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import bench
from benchmarks.bench import Progress
from benchmarks.exam import FAR, NEAR, Exam, is_exam, read_exam
from benchmarks.retrieval import WORK, everything
from indexer import generation, learnt
from indexer.build import build
from indexer.calibrate import calibrate
from indexer.encoder import SentenceEncoder
from indexer.engine import Engine
from indexer.vectors import VectorCache
from kb import text
from kb.config import settings
from kb.errors import QuestionError
from kb.finding import verdict
from kb.finding.chunks import ANSWERS, ASKS
from kb.finding.search import Vector, search
from kb.finding.verdict import Curve, Prior, calibration_error

FIT = bench.RESULTS / "verdict-fit.json"
CAUGHT = 0.9  # share of the gaps that have to be called missing
RESAMPLES = 2_000

Numbers = NDArray[np.float64]
Labels = NDArray[np.bool_]


# --- through the product -------------------------------------------------------------------------


@contextlib.contextmanager
def published(exam: Exam, encoder: SentenceEncoder, cache: VectorCache) -> Iterator[Engine]:
    """The exam's base, built and opened by the product itself; gone again afterwards."""
    with tempfile.TemporaryDirectory(prefix="firstcall-bench-") as scratch:
        folder, index = Path(scratch, "articles"), Path(scratch, "index")
        folder.mkdir()
        for id, source in exam.files.items():
            (folder / f"{id}.md").write_bytes(source.encode("utf-8", "surrogatepass"))
        build(folder, index, encoder, cache, at=datetime.now(UTC), progress=Progress(f"{exam.name}: texts embedded"))
        if exam.lessons:
            learnt.teach(index, encoder, exam.lessons, datetime.now(UTC))
            learnt.measure(index, encoder, datetime.now(UTC))
        yield generation.open_current(index).engine


def believed(question: str, vector: Vector, engine: Engine, encoder: SentenceEncoder, unknown: float) -> float:
    """The probability that the product's search gives; `unknown` where it only says "maybe", 0 for nothing found."""
    try:
        found = search(
            question,
            everything(),
            index=engine,
            encoder=encoder,
            catalogue={},
            vector=vector,
            limit=1,
            fold_twins=False,
        ).verdict
    except QuestionError:
        return 0.0
    return found.probability if found.probability is not None else unknown if found.name == "maybe" else 0.0


def top_cosine(vector: Vector, engine: Engine) -> float:
    """The best cosine of any chunk, or of a question that was learnt."""
    scope = everything()
    taught = engine.learnt("", vector, scope, ())
    found = [hit.score for kinds in (ASKS, ANSWERS) for hit in engine.dense(vector, scope, 1, kinds)]
    return max([*found, *(taught.cosines.values() if taught else ())], default=-1.0)


# --- figures -------------------------------------------------------------------------------------


def auroc(beliefs: Numbers, labels: Labels, weights: Numbers | None = None) -> float:
    """Share of the pairs of an answerable question and a gap that are in the right order, ties half. All (n,)."""
    weights = np.ones(len(labels)) if weights is None else weights
    _, group = np.unique(beliefs, return_inverse=True)
    there, gone = np.bincount(group, weights * labels), np.bincount(group, weights * ~labels)
    below = np.cumsum(gone) - gone
    return float((there * (below + gone / 2)).sum() / (there.sum() * gone.sum()))


def false_missing(beliefs: Numbers, labels: Labels) -> float:
    """Share of the answerable believed no more than the gap at `CAUGHT` of the gaps, those believed alike in part."""
    gaps = np.sort(beliefs[~labels])
    bar = gaps[max(0, int(np.ceil(CAUGHT * len(gaps))) - 1)]
    below, level = float((gaps < bar).sum()), float((gaps == bar).sum())
    part = (CAUGHT * len(gaps) - below) / level  # of those at the bar, so many are needed
    return float(np.mean(beliefs[labels] < bar) + min(1.0, max(0.0, part)) * np.mean(beliefs[labels] == bar))


def figures(beliefs: Numbers, labels: Labels) -> dict[str, float]:
    """`auroc`, `false_missing` and `ece`."""
    return {
        "auroc": round(auroc(beliefs, labels), 4),
        "false_missing": round(false_missing(beliefs, labels), 4),
        "ece": round(calibration_error(beliefs, labels), 4),
    }


def versus(ours: Numbers, theirs: Numbers, labels: Labels, clusters: Sequence[str]) -> dict[str, Any]:
    """How far our AUROC is ahead, with the 95 % interval of a bootstrap over documents."""
    _, member = np.unique(clusters, return_inverse=True)
    chance = np.random.default_rng(bench.SEED)
    count = int(member.max()) + 1
    drawn = []
    for _ in range(RESAMPLES):
        weights = np.bincount(chance.integers(count, size=count), minlength=count)[member].astype(float)
        if weights[labels].any() and weights[~labels].any():
            drawn.append(auroc(ours, labels, weights) - auroc(theirs, labels, weights))
    low, high = np.percentile(drawn, (2.5, 97.5)).tolist()
    d = bench.Difference(auroc(ours, labels) - auroc(theirs, labels), low, high)
    return {"auroc": round(d.mean, 4), "low": round(low, 4), "high": round(high, 4), "verdict": d.verdict}


# --- the report ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fitted:
    """A prior, the curve of the top cosine alone (slope, offset), and the sets they were fitted on."""

    prior: Prior
    top: tuple[float, float]
    fitted_on: tuple[str, ...]


def fitted(name: str, fit: Path = FIT) -> Fitted:
    """What to report a set with: fitted without it and its relatives where it was fitted on, else on all."""
    tree = json.loads(fit.read_text("utf-8"))
    one = next((row for row in tree["without"].values() if name in row["left_out"]), tree["all"])
    return Fitted(Prior(**one["prior"]), tuple(one["top_cosine"]), tuple(one["fitted_on"]))


def measure(folder: Path, limit: int | None, learn: int = 0) -> dict[str, Any]:
    """The whole result of one set, as it is published."""
    exam = read_exam(folder, learn=learn)
    exam = exam.sampled(limit) if limit else exam
    using = fitted(exam.name)
    encoder = SentenceEncoder(settings())
    with closing(VectorCache(WORK / "vectors.sqlite")) as cache, published(exam, encoder, cache) as engine:
        engine.calibration = calibrate(engine, encoder, datetime.now(UTC), using.prior)
        vectors = encoder.queries([text.clean(one.text) for one in exam.asked])
        progress = Progress(f"{exam.name}: questions")
        ours, top = [], []
        for one, vector in zip(exam.asked, vectors, strict=True):
            ours.append(believed(one.text, vector, engine, encoder, using.prior.answerable))
            top.append(top_cosine(vector, engine))
            progress(len(ours), len(exam.asked))
        curves = engine.calibration
    slope, offset = using.top
    systems = {
        "firstcall": np.array(ours),
        "top_cosine": 1 / (1 + np.exp(-(slope * np.array(top) + offset))),
        "fixed_constant": np.full(len(top), using.prior.answerable),
    }
    return _result(exam, systems, using, curves, learn)


def _result(
    exam: Exam, systems: Mapping[str, Numbers], using: Fitted, curves: Mapping[str, Curve], learn: int
) -> dict[str, Any]:
    labels = np.array([one.answerable for one in exam.asked], bool)
    clusters = np.array([one.cluster for one in exam.asked])
    sorts = np.array([one.sort for one in exam.asked])
    near = labels | (sorts == NEAR)
    told = {name: figures(beliefs[near], labels[near]) for name, beliefs in systems.items()}
    if (~near).any():
        far = labels | (sorts == FAR)
        for name, beliefs in systems.items():
            told[name]["auroc_far"] = round(auroc(beliefs[far], labels[far]), 4)
    ours = systems["firstcall"][near]
    return bench.result(
        "verdict_learnt" if learn else "verdict",
        exam.name,
        told,
        using.fitted_on,
        versus={
            name: versus(ours, systems[name][near], labels[near], clusters[near].tolist())
            for name in ("top_cosine", "fixed_constant")
        },
        protocol=exam.protocol,
        documents=len(exam.files),
        questions=int(near.sum()),
        answerable=int(labels.sum()),
        gaps=int((near & ~labels).sum()),
        partly=exam.partly,
        **({"learn": learn, "lessons": len(exam.lessons)} if learn else {}),
        said={
            sort: dict(Counter(verdict.name_of(p) for p in ours[labels[near] == answer].tolist()))
            for sort, answer in (("answerable", True), ("gaps", False))
        },
        measured={
            language: {"samples": curve.samples, "offset": round(curve.offset, 3)} for language, curve in curves.items()
        },
    )


def report(found: Mapping[str, Any]) -> str:
    """A result as a person reads it."""
    names = ("auroc", "false_missing", "ece", "auroc_far")
    rows = []
    for system, one in found["systems"].items():
        told = found["versus"].get(system)
        ahead = f"{told['verdict']} {told['auroc']:+.4f} ({told['low']:+.4f} … {told['high']:+.4f})" if told else ""
        rows.append([system, *(f"{one[name]:.4f}" if name in one else "" for name in names), ahead])
    head = (
        f"{found['data']} by {found['protocol']}: {found['documents']} articles, {found.get('lessons', 0)} lessons, "
        f"{found['answerable']} answerable, {found['gaps']} gaps; said {found['said']}"
    )
    return f"{head}\n{bench.table(['system', *names, 'firstcall is'], rows)}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python benchmarks/verdict.py", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DATA_DIR", help="a labelled set, or a set of intents")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the result there")
    parser.add_argument("--learn", type=int, default=0, metavar="N", help="questions an article solved before")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N questions, by a fixed seed")
    given = parser.parse_args()
    if not is_exam(given.folder):
        parser.error(f"{given.folder} has neither {', '.join(bench.FILES)} nor intents.jsonl")
    return given


def main() -> int:
    given = arguments()
    found = bench.published(lambda: measure(given.folder, given.limit, given.learn), given.json, report)
    return 130 if found is None else 0


if __name__ == "__main__":
    sys.exit(main())
