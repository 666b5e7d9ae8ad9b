"""The learnt questions of a generation: kept as texts with their vectors, opened as evidence for a search.

A generation has them in a folder of their own beside its segments, so that learning one more shares
everything else. What follows from them (classes, one an article) is worked out when they are opened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import faiss
import numpy as np
from numpy.typing import NDArray

from kb import text
from kb.content.articles import Span
from kb.errors import GenerationError
from kb.finding.chunks import Chunk
from kb.finding.learning import key_of
from kb.finding.learning.evidence import UNMEASURED, Weights, classes_of, nearness, scaled
from kb.finding.learning.logistic import Logistic, blended
from kb.finding.search import Vector

FOLDER = "learnt"
NEAREST = 256  # learnt questions looked at, enough to fill a list of articles
EXACT_UP_TO = 2_000  # beyond, 8 bits a number find the nearest, which are then compared exactly


@dataclass(frozen=True)
class Lesson:
    """A masked question that solved calls say an article answers."""

    article: str
    question: str

    @property
    def key(self) -> str:
        return key_of(self.article, self.question)

    @property
    def chunk(self) -> Chunk:
        """Itself as a chunk of its article; it stands nowhere in the source."""
        return Chunk(f"{self.article}#{self.key}", self.article, "question", Span(0, 0))


@dataclass(frozen=True)
class Taught:
    """Lessons with the encoder's rows for them as questions, (m, dim), and as an article's own, likewise; None = not
    made; what they count; and the regression fitted on them, or on those of them there were then."""

    lessons: tuple[Lesson, ...] = ()
    rows: Vector | None = None
    weights: Weights = UNMEASURED
    passages: Vector | None = None
    logistic: Logistic | None = None

    def by_key(self) -> dict[str, tuple[Vector, Vector]]:
        """The two rows of each lesson."""
        if self.rows is None or self.passages is None:
            return {}
        both = zip(self.lessons, self.rows, self.passages, strict=True)
        return {one.key: (row, passage) for one, row, passage in both}


def write_learnt(folder: Path, taught: Taught) -> None:
    """Write the lessons of a generation; nothing where there are none."""
    if not taught.lessons or taught.rows is None:
        return
    folder.mkdir()
    with (folder / "questions.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in taught.lessons)
    np.save(folder / "rows.npy", taught.rows.astype("<f4"), allow_pickle=False)
    if taught.passages is not None:
        np.save(folder / "passages.npy", taught.passages.astype("<f4"), allow_pickle=False)
    if taught.logistic:
        with (folder / "logistic.npz").open("wb") as file:
            write_logistic(file, taught.logistic)
    (folder / "weights.json").write_text(json.dumps(asdict(taught.weights)), "utf-8")


def read_learnt(folder: Path) -> Taught:
    """The lessons of a generation. Raises GenerationError where they are not whole."""
    if not folder.exists():
        return Taught()
    with (folder / "questions.jsonl").open(encoding="utf-8") as lines:
        lessons = tuple(Lesson(**json.loads(line)) for line in lines)
    rows = _rows(folder / "rows.npy", len(lessons))
    passages = folder / "passages.npy"  # generations of before the verdict heard of lessons have none
    weights = Weights(**json.loads((folder / "weights.json").read_text("utf-8")))
    own = _rows(passages, len(lessons)) if passages.exists() else None
    fitted = folder / "logistic.npz"
    return Taught(lessons, rows, weights, own, read_logistic(fitted) if fitted.exists() else None)


def write_logistic(file: IO[bytes], one: Logistic) -> None:
    """A regression as a file keeps it."""
    np.savez(file, ids=np.array(one.ids), middle=one.middle, weights=one.weights)


def read_logistic(file: Path | IO[bytes]) -> Logistic:
    """The regression that `write_logistic` wrote."""
    with np.load(file, allow_pickle=False) as found:
        return Logistic(tuple(found["ids"].tolist()), found["middle"], found["weights"])


def _rows(file: Path, count: int) -> Vector:
    rows: Vector = np.load(file, allow_pickle=False)
    if rows.shape[:1] != (count,):
        raise GenerationError("generation_damaged", generation=file.parent.parent.name, file=f"learnt/{file.name}")
    return rows


class Learnt:
    """What was learnt, ready to be asked. Read-only; any number of threads may ask."""

    def __init__(self, taught: Taught, articles: Sequence[str], titles: Vector) -> None:
        """`titles` are the rows of `articles`, (n, dim); lessons of other articles are left out."""
        self.places = {id: place for place, id in enumerate(articles)}
        here = [i for i, one in enumerate(taught.lessons) if one.article in self.places]
        self.lessons = tuple(taught.lessons[i] for i in here)
        self.weights = taught.weights
        self.logistic = taught.logistic
        self._row = np.full(len(articles), -1)  # of each article in the regression
        for row, id in enumerate(taught.logistic.ids if taught.logistic else ()):
            if id in self.places:
                self._row[self.places[id]] = row
        self._of = np.array([self.places[one.article] for one in self.lessons], np.int64)
        self._numbers = {one.key: number for number, one in enumerate(self.lessons)}
        self._passages = taught.passages[here] if taught.passages is not None else None
        self._spelled: dict[str, list[Lesson]] = {}
        for one in self.lessons:
            self._spelled.setdefault(text.fold(one.question), []).append(one)
        if self.lessons and taught.rows is not None:
            raw = taught.rows[here]
            self.classes = classes_of(titles, raw, self._of)
            self._rows = self.classes.about(raw)
            kind = "Flat" if len(raw) <= EXACT_UP_TO else "SQ8"
            self._index = faiss.index_factory(raw.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
            if not self._index.is_trained:
                self._index.train(self._rows)
            self._index.add(self._rows)

    def __len__(self) -> int:
        return len(self.lessons)

    def allowed(self, ids: Mapping[int, str]) -> NDArray[np.uint8] | None:
        """A bit a lesson, set where its article is among the values; None for all."""
        seen = set(ids.values())
        mask = np.array([one.article in seen for one in self.lessons], np.bool_)
        return None if mask.all() else np.packbits(mask, bitorder="little")

    def spelled(self, asked: str, but: str = "") -> list[str]:
        """Articles that learnt this very question; `but` one lesson is left out."""
        return [one.article for one in self._spelled.get(text.fold(asked), []) if one.key != but]

    def near(self, vector: Vector, allowed: NDArray[np.uint8] | None, but: str = "") -> dict[str, tuple[float, str]]:
        """Article → how near its nearest lesson is, in (0, 1], and that lesson's chunk; `but` one is left out."""
        asked = self.classes.about(vector[None])
        selector = faiss.IDSelectorBitmap(allowed.size, faiss.swig_ptr(allowed)) if allowed is not None else None
        parameters = faiss.SearchParameters(sel=selector) if selector is not None else None  # type: ignore[call-arg]
        _, found = self._index.search(asked, min(NEAREST, len(self)), params=parameters)
        numbers = found[0][found[0] >= 0]
        near = nearness(self._rows[numbers] @ asked[0])
        left_out = self._numbers.get(but, -1)
        best: dict[str, tuple[float, str]] = {}
        for number, score in zip(numbers.tolist(), near.tolist(), strict=True):
            one = self.lessons[number]
            if score > 0 and number != left_out and score > best.get(one.article, (0.0, ""))[0]:
                best[one.article] = score, one.chunk.id
        return best

    def cosines(self, vector: Vector, near: Mapping[str, tuple[float, str]]) -> dict[str, float]:
        """Cosine with the lessons that `near` found, by article, as with questions of the article's own; empty
        where they were never embedded as such."""
        if self._passages is None:
            return {}
        numbers = {id: self._numbers[chunk.partition("#")[2]] for id, (_, chunk) in near.items()}
        return {id: float(self._passages[number] @ vector) for id, number in numbers.items()}

    def classes_at(self, vector: Vector, articles: Sequence[str], but: str = "") -> NDArray[np.float64]:
        """The class score of each article, in [0, 1], (n,); `but` one lesson, as if it were not learnt, which the
        regression cannot say."""
        linear = scaled(self._linear(vector, articles, but))
        if not self.logistic or not self.weights.share or but:
            return linear
        rows = self._row[[self.places[id] for id in articles]]
        known = rows >= 0
        regressed = linear.copy()  # of an article that came after the fit the discriminant speaks alone
        regressed[known] = scaled(self.logistic.scores(vector[None], rows[known])[0].astype(np.float64))
        return blended(linear, regressed, self.weights.share)

    def _linear(self, vector: Vector, articles: Sequence[str], but: str) -> NDArray[np.float64]:
        asked = self.classes.about(vector[None])[0]
        places = [self.places[id] for id in articles]
        scores = np.asarray(self.classes.weights[places] @ asked + self.classes.offsets[places], np.float64)
        number = self._numbers.get(but)
        if number is not None and self.lessons[number].article in articles:
            weights, offset = self.classes.without(int(self._of[number]), self._rows[number])
            scores[list(articles).index(self.lessons[number].article)] = float(weights @ asked) + offset
        return scores
