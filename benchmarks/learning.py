"""How much better the search gets by the calls it solved: learn n questions an article, ask it the rest.

    python benchmarks/learning.py DATA_DIR [--json OUT] [--limit N]

DATA_DIR is a labelled set (corpus, queries, qrels) or a folder with intents.jsonl, where each intent is one
document that says no more than its name. The questions of an article are put in one order by a fixed seed;
n of them are solved by two agents each, which goes the product's way: votes, `kb.finding.learning.standing`,
`indexer.learnt.teach`, `kb.finding.search.search`. The questions after the n-th are asked, at most
`MOST_ASKED`, each of every system. An n with fewer than `LEAST_ASKED` of them is left out.

    firstcall    the product
    no_learning  the product, which never learnt: n = 0, on the same questions
    fixed_bonus  the same search and a bonus to articles solved for a near question: what one would write first

`hit@1` and `hit@3` are at n = 5, the others `hit@1_n10` and so on, each with a 95 % interval of a bootstrap
over documents. Nothing is fitted on the set but what the product measures on the questions it has learnt.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks import bench
from benchmarks.bench import Document, LabelledSet, Progress, Question
from benchmarks.retrieval import WORK, article, everything
from indexer import generation, learnt
from indexer.build import build
from indexer.encoder import SentenceEncoder
from indexer.engine import Engine, Lesson
from indexer.vectors import VectorCache
from kb import text
from kb.config import settings
from kb.errors import QuestionError
from kb.finding.learning import Learnt, Neighbours, Vote, standing
from kb.finding.search import Tokens, Vector, scored, search

STEPS = (1, 2, 3, 5, 10, 20, 50)
PLAIN = 5  # the n whose figures have no suffix
LEAST_ASKED = 100
MOST_ASKED = 1_000
SHOWN = 3
SYSTEMS = ("firstcall", "no_learning", "fixed_bonus")
AGENTS = ("one", "two")
BONUS = 0.3  # of the fused score, to an article solved for a near question
BONUS_FROM = 0.5  # cosine about the middle
OUT_OF_SCOPE = ("oos", "ood")


# --- the set -------------------------------------------------------------------------------------


def read(folder: Path) -> LabelledSet:
    """A labelled set, or one document an intent where the folder has intents only."""
    if bench.is_labelled_set(folder):
        return bench.read_set(folder)
    rows = [row for row in bench.json_lines(folder / "intents.jsonl") if not _is_outside(row)]
    names = sorted({str(row["intent"]) for row in rows})
    documents = tuple(Document(name, name.replace("_", " "), "", str(rows[0].get("lang") or "")) for name in names)
    questions = tuple(Question(f"{i}", row["text"]) for i, row in enumerate(rows))
    gold = {one.id: {str(row["intent"]): 1.0} for one, row in zip(questions, rows, strict=True)}
    return LabelledSet(folder.resolve().name, documents, questions, gold)


def _is_outside(row: Mapping[str, Any]) -> bool:
    """Whether no document answers this one: a question put in to be refused."""
    marks = (str(row.get("intent", "")), str(row.get("kind", "")))
    return any(word in mark.lower().replace("-", "_").split("_") for mark in marks for word in OUT_OF_SCOPE)


def ordered(data: LabelledSet) -> dict[str, list[Question]]:
    """The questions of each document in the order they are solved. One with several gold ones is its best's."""
    drawn = np.random.default_rng(bench.SEED).permutation(len(data.questions))
    found: dict[str, list[Question]] = {}
    for i in drawn.tolist():
        question = data.questions[i]
        grades = data.gold[question.id]
        found.setdefault(max(sorted(grades), key=lambda id: grades[id]), []).append(question)
    return found


# --- a base that learns --------------------------------------------------------------------------


@dataclass(frozen=True)
class Base:
    """A set as the product published it. `ids` gives the article of each document."""

    index: Path
    encoder: SentenceEncoder
    ids: Mapping[str, str]
    rows: Mapping[str, Vector]  # of questions, by id
    tokens: Mapping[str, Tokens]

    def engine(self) -> Engine:
        """The current generation."""
        return generation.open_current(self.index).engine


def learn(base: Base, solved: Mapping[str, Sequence[Question]]) -> tuple[Engine, tuple[Learnt, ...]]:
    """The base after calls solved these questions of each document, and what became of them."""
    at = datetime.now(UTC)
    votes = [
        Vote(base.ids[document], text.clean(one.text), agent, at, True)
        for document, questions in solved.items()
        for one in questions
        for agent in AGENTS
    ]
    by_text = {text.clean(one.text): base.rows[one.id] for questions in solved.values() for one in questions}
    middle = np.mean(list(by_text.values()), axis=0)
    known = Neighbours(lambda texts: np.stack([by_text[one] for one in texts]), middle)
    stand = standing(votes, (), known, at, len(AGENTS))
    lessons = [Lesson(one.article, one.question) for one in stand if one.state == "holds"]
    learnt.teach(base.index, base.encoder, lessons, at)
    learnt.measure(base.index, base.encoder, at)
    return base.engine(), stand


def ask(engine: Engine, base: Base, questions: Sequence[Question], what: str) -> dict[str, list[str]]:
    """The first articles for each question."""
    scope, run, progress = everything(), {}, Progress(what)
    for question in questions:
        try:
            found = search(
                question.text,
                scope,
                index=engine,
                encoder=base.encoder,
                catalogue={},
                limit=SHOWN,
                vector=base.rows[question.id],
                tokens=base.tokens[question.id],
                fold_twins=False,
            )
            run[question.id] = [hit.article.id for hit in found.hits]
        except QuestionError:
            run[question.id] = []
        progress(len(run), len(questions))
    return run


def with_bonus(
    engine: Engine, base: Base, solved: Mapping[str, Sequence[Question]], questions: Sequence[Question]
) -> dict[str, list[str]]:
    """The search without learning, and `BONUS` to every article solved for a question that is near."""
    kept = [(base.ids[document], base.rows[one.id]) for document, some in solved.items() for one in some]
    rows = np.stack([row for _, row in kept])
    middle = rows.mean(axis=0)
    centred = (rows - middle) / np.linalg.norm(rows - middle, axis=1, keepdims=True)
    scope, run = everything(), {}
    for question in questions:
        vector = base.rows[question.id]
        asked = (vector - middle) / np.linalg.norm(vector - middle)
        scores = scored(text.clean(question.text), vector, base.tokens[question.id], scope, engine).scores
        near = {kept[i][0] for i in np.flatnonzero(centred @ asked >= BONUS_FROM)}
        for id in near:
            scores[id] = scores.get(id, 0.0) + BONUS
        run[question.id] = sorted(scores, key=lambda id: (-scores[id], id))[:SHOWN]
    return run


# --- the figures ---------------------------------------------------------------------------------


def hits(run: Mapping[str, Sequence[str]], gold: Mapping[str, set[str]], k: int) -> dict[str, float]:
    """1 for each question whose first k articles have a gold one, else 0."""
    return {id: float(not wanted.isdisjoint(run[id][:k])) for id, wanted in gold.items()}


def interval(values: Mapping[str, float], document: Mapping[str, str]) -> tuple[float, float]:
    """The 95 % interval of a mean, of a bootstrap over documents: questions of one stand or fall together."""
    clusters: dict[str, list[float]] = {}
    for id, value in values.items():
        clusters.setdefault(document[id], []).append(value)
    sums = np.array([sum(some) for some in clusters.values()])
    counts = np.array([len(some) for some in clusters.values()])
    drawn = np.random.default_rng(bench.SEED).integers(len(sums), size=(2_000, len(sums)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), (2.5, 97.5)).tolist()
    return round(low, 4), round(high, 4)


def figures(
    runs: Mapping[str, Mapping[str, Sequence[str]]], gold: Mapping[str, set[str]], document: Mapping[str, str], n: int
) -> dict[str, dict[str, Any]]:
    """hit@1 and hit@3 of each system with their intervals."""
    suffix = "" if n == PLAIN else f"_n{n}"
    found: dict[str, dict[str, Any]] = {name: {} for name in runs}
    for name, run in runs.items():
        for k in (1, 3):
            values = hits(run, gold, k)
            key = f"hit@{k}{suffix}"
            found[name][key] = round(float(np.mean(list(values.values()))), 4)
            found[name][f"{key}_low"], found[name][f"{key}_high"] = interval(values, document)
    return found


def measure(folder: Path, limit: int) -> dict[str, Any]:
    """The whole result of one set."""
    data = read(folder)
    encoder = SentenceEncoder(settings())
    ids = {one.id: f"d{number:06}" for number, one in enumerate(data.documents, 1)}
    queue = {id: some for id, some in ordered(data).items() if len(some) > 1}
    wanted = questions_at(queue, limit)
    used = {one.id: one for some in queue.values() for one in some[: max(STEPS)]} | {
        one.id: one for some in wanted.values() for _, one in some
    }
    vectors, some = encoder.with_tokens([text.clean(one.text) for one in used.values()], query=True)
    rows, tokens = dict(zip(used, vectors, strict=True)), dict(zip(used, some, strict=True))
    systems: dict[str, dict[str, Any]] = {name: {} for name in SYSTEMS}
    steps: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="firstcall-bench-") as scratch:
        base = Base(publish(data, ids, Path(scratch), encoder), encoder, ids, rows, tokens)
        untaught = base.engine()
        before: dict[str, list[str]] = {}
        for n, asked in wanted.items():
            solved = {document: some[:n] for document, some in queue.items()}
            questions = [one for _, one in asked]
            document = {one.id: id for id, one in asked}
            gold = {one.id: {ids[id] for id in data.gold[one.id] if id in ids} for one in questions}
            new = [one for one in questions if one.id not in before]
            before |= ask(untaught, base, new, f"{data.name} before")
            engine, stand = learn(base, solved)
            runs = {
                "firstcall": ask(engine, base, questions, f"{data.name} n = {n}"),
                "no_learning": {one.id: before[one.id] for one in questions},
                "fixed_bonus": with_bonus(untaught, base, solved, questions),
            }
            for name, values in figures(runs, gold, document, n).items():
                systems[name] |= values
            steps[str(n)] = _told(engine, stand, asked)
    return bench.result("learning", data.name, systems, (), steps=steps, documents=len(data.documents))


def questions_at(queue: Mapping[str, Sequence[Question]], limit: int) -> dict[int, list[tuple[str, Question]]]:
    """By n, the questions asked with their documents: those after the n-th of each, a sample of at most `limit`."""
    found: dict[int, list[tuple[str, Question]]] = {}
    for n in STEPS:
        left = [(id, one) for id, some in queue.items() for one in some[n:]]
        if len(left) >= LEAST_ASKED:
            rank = {one.id: r for r, one in enumerate(_shuffled(queue))}
            found[n] = sorted(left, key=lambda item: rank[item[1].id])[:limit]
    return found


def _shuffled(queue: Mapping[str, Sequence[Question]]) -> list[Question]:
    """All questions in one random order: what is asked at one n is mostly asked at the next."""
    every = [one for some in queue.values() for one in some]
    return [every[i] for i in np.random.default_rng(bench.SEED).permutation(len(every)).tolist()]


def _told(engine: Engine, stand: Sequence[Learnt], asked: Sequence[tuple[str, Question]]) -> dict[str, Any]:
    """What was learnt and asked at one n, and how much it counted."""
    weights = engine.learnt_weights
    return {
        "asked": len(asked),
        "articles_asked": len({id for id, _ in asked}),
        "learnt": len(engine.lessons),
        "not_learnt": sum(one.state != "holds" for one in stand),
        "weights": {"near": weights.near, "classes": weights.classes, "share": weights.share},
    }


def publish(data: LabelledSet, ids: Mapping[str, str], scratch: Path, encoder: SentenceEncoder) -> Path:
    """The folder of the set's index, built by the product."""
    folder, index = scratch / "articles", scratch / "index"
    folder.mkdir()
    for one in data.documents:
        (folder / f"{ids[one.id]}.md").write_bytes(article(one, ids[one.id]).encode("utf-8", "surrogatepass"))
    with closing(VectorCache(WORK / "vectors.sqlite")) as cache:
        progress = Progress(f"{data.name}: texts embedded")
        report = build(folder, index, encoder, cache, at=datetime.now(UTC), progress=progress)
    for error in report.refused:
        print(f"{data.name}: not indexed, so it cannot be found: {error}", file=sys.stderr)
    return index


# --- the report ----------------------------------------------------------------------------------


def report(found: Mapping[str, Any]) -> str:
    """A result as a person reads it."""
    lines = []
    for n, told in found["steps"].items():
        key = "hit@1" if int(n) == PLAIN else f"hit@1_n{n}"
        cells = [f"{found['systems'][name][key]:.3f}" for name in SYSTEMS]
        ours = found["systems"]["firstcall"]
        spread = f"{ours[f'{key}_low']:.3f} … {ours[f'{key}_high']:.3f}"
        weights = " / ".join(f"{told['weights'][name]:g}" for name in ("near", "classes", "share"))
        lines.append([n, *cells, spread, str(told["asked"]), str(told["articles_asked"]), str(told["learnt"]), weights])
    header = ["n", *SYSTEMS, "firstcall, 95 %", "asked", "articles", "learnt", "near / classes / share"]
    return f"{found['data']}, hit@1:\n" + bench.table(header, lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python benchmarks/learning.py", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DATA_DIR", help="a labelled set, or a folder with intents.jsonl")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the result here")
    parser.add_argument("--limit", type=int, default=MOST_ASKED, metavar="N", help="questions asked (%(default)s)")
    given = parser.parse_args()
    if not (bench.is_labelled_set(given.folder) or (given.folder / "intents.jsonl").is_file()):
        parser.error(f"{given.folder} has neither {', '.join(bench.FILES)} nor intents.jsonl")
    return given


def main() -> int:
    given = arguments()
    found = bench.published(lambda: measure(given.folder, given.limit), given.json, report)
    return 130 if found is None else 0


if __name__ == "__main__":
    sys.exit(main())
