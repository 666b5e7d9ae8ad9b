"""A base of any size without running the encoder: real sentences in new company, vectors drawn from real ones.

Sentences and questions are the sample base's own. Among them stand words drawn as often as people use them (wordfreq),
so that the vocabulary grows with the base as it does in real text. A chunk's vector mixes a row that all chunks of its
article share with one of its own and a little noise, all from real passages' rows, so that an article's chunks lie
together as they do in truth; its tokens are a real passage's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.latency import sentences
from indexer.encoder.tokens import unit
from indexer.vectors import VectorCache
from kb.content.articles import Article
from kb.finding.chunks import cut, embedded
from kb.finding.search import Encoder, Tokens, Vector

SEED = 7
SECTIONS = 5  # of an article: with its title, three questions and the say-line ten chunks
QUESTIONS = 3
SENTENCES = 2  # of a section
WORDS = 4  # drawn into a section
NOISE = 0.015  # standard deviation of each number, as benchmarks/index.py
LANGUAGES = ("zh-CN", "en")

_MODEL = re.compile(r"LH-[A-K][0-9]+")  # of each article its own, in all that is embedded of it


@dataclass(frozen=True)
class Real:
    """What is drawn from: rows of passages, (n, dim), their packed tokens, and tokens of questions."""

    rows: Vector
    packed: list[Tokens]
    asked: list[Tokens]

    def save(self, file: Path) -> None:
        """Keep it for another process."""
        counts = [np.array([len(one) for one in some]) for some in (self.packed, self.asked)]
        joined = np.concatenate(self.packed), np.concatenate(self.asked)
        np.savez(file, rows=self.rows, packed=joined[0], asked=joined[1], counts=counts[0], counts_asked=counts[1])

    @classmethod
    def load(cls, file: Path) -> Real:
        """What `save` kept."""
        with np.load(file, allow_pickle=False) as found:
            packed = np.split(found["packed"], np.cumsum(found["counts"])[:-1])
            asked = np.split(found["asked"], np.cumsum(found["counts_asked"])[:-1])
            return cls(found["rows"], packed, asked)


def real(sample: Sequence[Article], encoder: Encoder, cache: VectorCache) -> Real:
    """The rows and tokens of the sample base, and of its questions as they are asked."""
    texts = list(dict.fromkeys(embedded(one, chunk) for one in sample for chunk in cut(one)))
    rows, packed = cache.with_tokens(texts, encoder)
    _, asked = encoder.with_tokens([one.questions[0] for one in sample if one.questions], query=True)
    return Real(rows, packed, asked)


class Drawn:
    """An encoder that draws: the same text gets the same row and tokens, in any process."""

    name, token_name = "drawn", "drawn:tokens"

    def __init__(self, source: Real) -> None:
        self._real = source
        self.dim = source.rows.shape[1]

    def queries(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, rows of length 1."""
        return self.passages(texts)

    def passages(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, rows of length 1."""
        rows = self._real.rows
        topics = [_seed(found.group() if (found := _MODEL.search(text)) else text) % len(rows) for text in texts]
        draws = [np.random.default_rng(_seed(text)) for text in texts]
        shares = np.array([[one.uniform(0.5, 0.8)] for one in draws], np.float32).reshape(len(texts), 1)
        own = [int(one.integers(len(rows))) for one in draws]
        noise = np.array([one.standard_normal(self.dim, np.float32) for one in draws], np.float32)
        mixed = shares * rows[topics] + (1 - shares) * rows[own] + NOISE * noise.reshape(len(texts), self.dim)
        return unit(mixed)

    def with_tokens(self, texts: Sequence[str], *, query: bool) -> tuple[Vector, list[Tokens]]:
        """The same rows, and real tokens: packed ones of passages, a question's as rows."""
        tokens = self._real.asked if query else self._real.packed
        return self.passages(texts), [tokens[_seed(text) % len(tokens)] for text in texts]


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])


def model(number: int) -> str:
    """The model number that article `number` is about."""
    return f"LH-{'ABCDEFGHJK'[number % 10]}{1000 + number}"


def write_base(folder: Path, count: int, sample: Sequence[Article]) -> None:
    """`count` distinct articles of ten chunks, half of them Chinese, in folders of a thousand."""
    draw = np.random.default_rng(SEED)
    pools = {lang: sentences(list(sample), lang) for lang in LANGUAGES}
    words = {lang: _words(lang) for lang in LANGUAGES}
    for number in range(count):
        lang = LANGUAGES[number % 2]
        path = folder / f"{number // 1000:03d}" / f"made-{number:06d}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_article(number, lang, pools[lang], words[lang], draw), "utf-8")


def _article(
    number: int,
    lang: str,
    pools: tuple[list[str], list[str]],
    words: tuple[list[str], Vector],
    draw: np.random.Generator,
) -> str:
    (questions, bodies), (known, until) = pools, words
    name = model(number)
    asked = [questions[i] for i in draw.choice(len(questions), QUESTIONS, replace=False)]
    front = {"id": f"made-{number:06d}", "title": f"{name} {asked[0][:40]}", "lang": lang, "state": "validated"}
    head = "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items())
    listed = "\n".join(f"  - {json.dumps(f'{one} {name}', ensure_ascii=False)}" for one in asked)
    between = "" if lang == "zh-CN" else " "
    parts = [f"::: say\n{name}: {bodies[int(draw.integers(len(bodies)))]}\n:::"]
    for section in range(SECTIONS):
        said = [bodies[i] for i in draw.integers(len(bodies), size=SENTENCES)]
        drawn = [known[i] for i in np.searchsorted(until, draw.random(WORDS))]
        parts.append(f"## {section + 1}\n\n{between.join(said)}{between}{between.join(drawn)}")
    return f"---\n{head}\nquestions:\n{listed}\n---\n\n" + "\n\n".join(parts) + "\n"


def _words(lang: str) -> tuple[list[str], Vector]:
    """Words of a language, and the share of all that they and those before them are, (n,)."""
    from wordfreq import get_frequency_dict

    found = get_frequency_dict(lang.partition("-")[0], wordlist="best")
    until = np.cumsum(list(found.values()))
    return list(found), until / until[-1] * (1 - 1e-12)


def questions(
    sample: Sequence[Article], source: Real, count: int, articles: int, seed: int
) -> Iterator[tuple[str, Vector, Tokens]]:
    """Questions no process has met, each with the row and tokens the encoder would give: half a real question and a
    part of another, near one article of the base."""
    draw = np.random.default_rng(seed)
    pools = [sentences(list(sample), lang)[0] for lang in LANGUAGES]
    encoder = Drawn(source)
    for number in range(count):
        pool = pools[number % 2]
        first, second = (pool[i] for i in draw.integers(len(pool), size=2))
        text = f"{first[: len(first) * 2 // 3]} {second[: len(second) // 3]} {seed % 97}{number}"
        about = model(int(draw.integers(articles)))
        (row,), (tokens,) = encoder.with_tokens([f"{text} {about}"], query=True)
        yield text, row, tokens
