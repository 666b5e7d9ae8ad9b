"""What all benchmarks share: labelled sets, figures over a run, intervals, and the JSON that is published.

A labelled set is a folder with

    corpus.jsonl   {"id", "title", "text", "lang"} a line; title and lang may be missing or empty
    queries.jsonl  {"id", "text"} a line
    qrels.tsv      query, document, relevance a line; > 0 counts as gold

A run is, per query id, document ids best first. A result file is

    {"benchmark", "data", "machine", "date", "commit", "fitted_on", "systems": {name: {figure: value}}, …}

with the figures `hit@1 hit@3 hit@5 mrr ndcg@10` in [0, 1] and `p50_ms p95_ms`. `fitted_on` names the
sets that weights or thresholds were fitted on; the set reported on is never among them.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FILES = ("corpus.jsonl", "queries.jsonl", "qrels.tsv")
QUALITIES = ("hit@1", "hit@3", "hit@5", "mrr", "ndcg@10")
TIMES = ("p50_ms", "p95_ms")
SEED = 7
RESAMPLES = 10_000

Run = Mapping[str, Sequence[str]]
Tree = dict[str, Any]  # a result, as its JSON
Gold = Mapping[str, Mapping[str, float]]  # query → document → grade > 0


# --- labelled sets -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Document:
    """One text that may be found. `title` and `lang` are '' where the set gives none."""

    id: str
    title: str
    text: str
    lang: str


@dataclass(frozen=True)
class Question:
    """One text to search with."""

    id: str
    text: str


@dataclass(frozen=True)
class LabelledSet:
    """Documents, and the questions that have at least one gold document among the labels."""

    name: str
    documents: tuple[Document, ...]
    questions: tuple[Question, ...]
    gold: Gold

    def sampled(self, limit: int) -> LabelledSet:
        """The same set with at most `limit` questions, drawn by a fixed seed and kept in their order."""
        if limit >= len(self.questions):
            return self
        drawn = np.random.default_rng(SEED).permutation(len(self.questions))[:limit]
        questions = tuple(self.questions[i] for i in sorted(drawn.tolist()))
        return replace(self, questions=questions, gold={one.id: self.gold[one.id] for one in questions})

    def shortened(self, first: int) -> LabelledSet:
        """The same questions over the first documents and every gold one."""
        wanted = {document for grades in self.gold.values() for document in grades}
        kept = (one for i, one in enumerate(self.documents) if i < first or one.id in wanted)
        return replace(self, documents=tuple(kept))


def is_labelled_set(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def read_set(folder: Path) -> LabelledSet:
    """The labelled set in a folder."""
    corpus, queries, qrels = (folder / name for name in FILES)
    gold = read_gold(qrels)
    documents = tuple(
        Document(str(row["id"]), row.get("title") or "", row.get("text") or "", row.get("lang") or "")
        for row in json_lines(corpus)
    )
    questions = tuple(Question(str(row["id"]), row["text"]) for row in json_lines(queries) if str(row["id"]) in gold)
    gold = {one.id: gold[one.id] for one in questions}
    return LabelledSet(folder.resolve().name, documents, questions, gold)


def read_gold(file: Path) -> dict[str, dict[str, float]]:
    """Query → gold documents with their grades."""
    gold: dict[str, dict[str, float]] = {}
    for line in file.read_text("utf-8").splitlines():
        if line.strip():
            query, document, grade = line.split("\t")
            if float(grade) > 0:
                gold.setdefault(query, {})[document] = float(grade)
    return gold


def json_lines(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:  # not splitlines(): a text may hold U+2028
        return [json.loads(line) for line in lines if line.strip()]


# --- figures -------------------------------------------------------------------------------------


def ndcg(ranking: Sequence[str], grades: Mapping[str, float], depth: int = 10) -> float:
    """Normalised discounted cumulative gain over the first `depth`, gain = grade, discount = log2. In [0, 1]."""
    found = list(dict.fromkeys(ranking))[:depth]
    ideal = sorted(grades.values(), reverse=True)[:depth]
    return _discounted(grades.get(id, 0.0) for id in found) / _discounted(ideal)


def _discounted(gains: Iterable[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def quality(ranking: Sequence[str], grades: Mapping[str, float]) -> dict[str, float]:
    """All of `QUALITIES` for one question, each in [0, 1]."""
    first = next((rank for rank, id in enumerate(dict.fromkeys(ranking), 1) if id in grades), math.inf)
    hits = {f"hit@{k}": float(first <= k) for k in (1, 3, 5)}
    return {**hits, "mrr": 1 / first, "ndcg@10": ndcg(ranking, grades)}


def by_question(run: Run, gold: Gold, figure: str) -> dict[str, float]:
    """One figure per question that has gold; a question the run does not answer counts 0."""
    return {id: quality(run.get(id, ()), grades)[figure] for id, grades in gold.items()}


def figures(run: Run, gold: Gold, ms: Sequence[float] = ()) -> dict[str, float]:
    """Means of `QUALITIES` over the questions that have gold and, where `ms` are given, their percentiles."""
    each = [quality(run.get(id, ()), grades) for id, grades in gold.items()]
    means = {name: round(float(np.mean([one[name] for one in each])), 4) for name in QUALITIES}
    percentiles = np.percentile(ms, (50, 95)).tolist() if len(ms) else []
    return means | {name: round(value, 1) for name, value in zip(TIMES, percentiles, strict=False)}


# --- intervals -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """How far one system is ahead of another, in the figure's own unit, with a 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """`ahead` or `behind` where the interval leaves zero out, else `tied`."""
        if self.low > 0:
            return "ahead"
        return "behind" if self.high < 0 else "tied"


def difference(ours: Mapping[str, float], theirs: Mapping[str, float], gold: Gold, seed: int = SEED) -> Difference:
    """Mean of ours - theirs per question, with the interval of a bootstrap over gold documents.

    Questions about one document stand or fall together, so documents are resampled, not questions.
    A question with several gold documents goes with the best graded, the first of equals.
    """
    clusters: dict[str, list[float]] = {}
    for id, grades in gold.items():
        clusters.setdefault(cluster(grades), []).append(ours[id] - theirs[id])
    sums = np.array([sum(values) for values in clusters.values()])
    counts = np.array([len(values) for values in clusters.values()])
    drawn = np.random.default_rng(seed).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5)).tolist()
    return Difference(float(sums.sum() / counts.sum()), low, high)


def cluster(grades: Mapping[str, float]) -> str:
    """The document a question stands or falls with: the best graded, the first of equals."""
    return max(sorted(grades), key=lambda one: grades[one])


def versus(runs: Mapping[str, Run], gold: Gold, us: str, figure: str = "ndcg@10") -> dict[str, dict[str, Any]]:
    """How far `us` is ahead of each other system in one figure: {system: {figure, low, high, verdict}}."""
    own = by_question(runs[us], gold, figure)
    found = {name: difference(own, by_question(run, gold, figure), gold) for name, run in runs.items() if name != us}
    return {
        name: {figure: round(d.mean, 4), "low": round(d.low, 4), "high": round(d.high, 4), "verdict": d.verdict}
        for name, d in found.items()
    }


# --- results -------------------------------------------------------------------------------------


def machine() -> str:
    """Processor, memory and Python, without names or paths of the host."""
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{cores} cores of {_processor()}, {memory:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts: dict[str, str] = {}
    for name, _, value in (line.partition(":") for line in lines):
        facts.setdefault(name.strip(), value.strip())
    bf16 = " with bf16" if "avx512_bf16" in facts.get("flags", "").split() else ""
    return facts.get("model name", platform.machine()) + bf16


@functools.cache
def commit() -> str:
    """The commit the figures belong to, with `+` where files differ from it; '' outside of git.

    Asked when a benchmark starts, which is when the code it measures was read.
    """
    head = _git("rev-parse", "--short=12", "HEAD")
    return head + "+" if head and _git("status", "--porcelain", "--untracked-files=no") else head


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def result(
    benchmark: str, data: str, systems: Mapping[str, Mapping[str, float]], fitted_on: Sequence[str], **more: Any
) -> dict[str, Any]:
    """A result as it is published. Raises ValueError when the set reported on was fitted on."""
    if data in fitted_on:
        raise ValueError(f"{data} cannot be reported with weights that were fitted on it")
    return {
        "benchmark": benchmark,
        "data": data,
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "fitted_on": list(fitted_on),
        "systems": {name: dict(values) for name, values in systems.items()},
        **more,
    }


def write_json(file: Path, tree: Mapping[str, Any]) -> None:
    """Write a result whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}")
    aside.write_text(json.dumps(tree, ensure_ascii=False, indent=2) + "\n", "utf-8")
    aside.replace(file)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows under a header as plain text: the first column to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def arguments(name: str, story: str, systems: Sequence[str], limit: int | None = None) -> argparse.Namespace:
    """What `benchmarks/{name}.py` is asked: `folder` (a labelled set), `systems` (a list), `json`, `limit`.

    story: its docstring; systems: those it knows, all asked unless some are named; limit: where none is given
    """
    parser = argparse.ArgumentParser(prog=f"python benchmarks/{name}.py", description=story.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DATA_DIR", help="with " + ", ".join(FILES))
    parser.add_argument("--systems", default=",".join(systems), help="default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the result here")
    most = "at most N questions" + (" (%(default)s)" if limit else "")
    parser.add_argument("--limit", type=int, default=limit, metavar="N", help=most)
    given = parser.parse_args()
    given.systems = given.systems.split(",")
    if unknown := set(given.systems) - set(systems):
        parser.error(f"unknown systems: {', '.join(sorted(unknown))}")
    if not is_labelled_set(given.folder):
        parser.error(f"{given.folder} has not all of {', '.join(FILES)}")
    return given


def published(measure: Callable[[], Tree], to: Path | None, report: Callable[[Tree], str]) -> Tree | None:
    """Measure, write the result to a file where one is named, print the report: what was found, None where somebody
    interrupted it. The commit is the one at the beginning, however long the run takes."""
    commit()
    try:
        found = measure()
    except KeyboardInterrupt:
        print("interrupted: nothing written", file=sys.stderr)
        return None
    if to:
        write_json(to, found)
    print(report(found))
    return found


class Progress:
    """A line on stderr every other second, so that a long run is seen to move."""

    def __init__(self, what: str) -> None:
        self._what, self._said = what, time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._said >= 2:
            self._said = now
            print(f"{self._what}: {done}/{total}", file=sys.stderr, flush=True)
