"""A labelled set, or a set of intents, as an exam: a base, and questions of which it is known whether it answers them.

Used by benchmarks/verdict.py, which says how a set becomes one, and benchmarks/fit_verdict.py.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import bench
from benchmarks.learning import ordered
from benchmarks.retrieval import article
from indexer.engine import Lesson
from kb import text

OUT_OF_SCOPE = "OOS"
NEAR, FAR = "in-domain", "far"


@dataclass(frozen=True)
class Asked:
    """One labelled question. `cluster` is the document it stands or falls with; `sort` of a gap is NEAR or FAR.
    `gold`: the ids of the articles that answer it."""

    text: str
    answerable: bool
    cluster: str
    sort: str = NEAR
    gold: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Exam:
    """A base as article files by id, and questions of which it is known whether it answers them.

    partly:  answerable questions that lost some of their gold and kept some
    lessons: what calls solved before, with the id of the article
    """

    name: str
    protocol: str
    files: Mapping[str, str]
    asked: tuple[Asked, ...]
    partly: int = 0
    lessons: tuple[Lesson, ...] = ()

    def sampled(self, limit: int) -> Exam:
        """The same base with at most `limit` questions, drawn by a fixed seed and kept in their order."""
        drawn = np.random.default_rng(bench.SEED).permutation(len(self.asked))[:limit]
        return replace(self, asked=tuple(self.asked[i] for i in sorted(drawn.tolist())))


def is_exam(folder: Path) -> bool:
    """Whether a folder holds what `read_exam` needs."""
    return bench.is_labelled_set(folder) or (folder / "intents.jsonl").is_file()


def read_exam(folder: Path, documents: int | None = None, learn: int = 0) -> Exam:
    """The exam a set makes, `learn` questions an article solved; at most `documents` documents beside the gold ones."""
    return _of_documents(folder, documents, learn) if bench.is_labelled_set(folder) else _of_intents(folder, learn)


def removed(id: str) -> bool:
    """Whether the removal protocol takes this document out: one in five, by its id alone."""
    return int(hashlib.md5(id.encode(), usedforsecurity=False).hexdigest(), 16) % 5 == 0


def _of_documents(folder: Path, documents: int | None, learn: int) -> Exam:
    data = bench.read_set(folder)
    if documents:
        data = data.shortened(documents)
    rows = {str(row["id"]): row for row in bench.json_lines(folder / "queries.jsonl")}
    labelled = [id for id, row in rows.items() if row.get("answerable") is False]
    gone = set() if labelled else {one.id for one in data.documents if removed(one.id)}
    kept = [one for one in data.documents if one.id not in gone]
    ids = {one.id: f"d{number:06}" for number, one in enumerate(kept, 1)}
    solved = {one.id: document for document, some in ordered(data).items() if document in ids for one in some[:learn]}
    asked = [
        Asked(
            one.text,
            bool(grades.keys() - gone),
            bench.cluster(grades),
            gold=frozenset(ids[document] for document in grades.keys() - gone),
        )
        for one in data.questions
        for grades in [data.gold[one.id]]
        if one.id not in solved
    ]
    asked += [Asked(rows[id]["text"], False, f"gap {id}") for id in labelled]
    partly = sum(bool(grades.keys() & gone) and bool(grades.keys() - gone) for grades in data.gold.values())
    files = {ids[one.id]: article(one, ids[one.id]) for one in kept}
    lessons = _lessons((ids[solved[one.id]], one.text) for one in data.questions if one.id in solved)
    return Exam(data.name, "labels" if labelled else "removal", files, tuple(asked), partly, lessons)


def _lessons(solved: Iterable[tuple[str, str]]) -> tuple[Lesson, ...]:
    """Questions with their articles, each once."""
    return tuple({one.key: one for one in (Lesson(id, text.clean(question)) for id, question in solved)}.values())


def _of_intents(folder: Path, learn: int) -> Exam:
    rows = bench.json_lines(folder / "intents.jsonl")
    labelled = any(row["intent"] == OUT_OF_SCOPE for row in rows)

    def is_gap(row: Mapping[str, Any]) -> bool:
        return row["intent"] == OUT_OF_SCOPE if labelled else removed(row["intent"])

    taught: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["split"] == "train" and not is_gap(row):
            taught[row["intent"]].append(text.clean(row["text"]))
    ids = {intent: f"d{number:06}" for number, intent in enumerate(sorted(taught), 1)}
    files = {id: _intent(id, intent, taught[intent], asks=not learn) for intent, id in ids.items()}
    chance = np.random.default_rng(bench.SEED)
    drawn = {id: chance.permutation(len(taught[intent]))[:learn].tolist() for intent, id in ids.items()}
    lessons = _lessons((id, taught[intent][i]) for intent, id in ids.items() for i in drawn[id])
    nearest = any(row.get("original_intent") for row in rows if is_gap(row))
    asked = []
    for row in rows:
        if row["split"] == "test":
            intent = row.get("original_intent") or (row["id"] if labelled and is_gap(row) else row["intent"])
            far = is_gap(row) and nearest and not row.get("original_intent")
            gold = frozenset({ids[row["intent"]]} if row["intent"] in ids else ())
            asked.append(Asked(row["text"], not is_gap(row), intent, FAR if far else NEAR, gold))
    return Exam(folder.resolve().name, "labels" if labelled else "removal", files, tuple(asked), lessons=lessons)


def _intent(id: str, intent: str, questions: Sequence[str], *, asks: bool) -> str:
    """An intent as an article's file: its name, its questions where it `asks` them, and no body."""
    front = {
        "id": id,
        "title": json.dumps(intent.replace("_", " "), ensure_ascii=False),
        "lang": "zh-CN" if text.language(questions[0]) == "zh" else "en",
        "questions": json.dumps(list(dict.fromkeys(questions)) if asks else [], ensure_ascii=False),
        "state": "validated",
        "audience": "external",
        "governance": "experience",
    }
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in front.items()) + "---\n"
