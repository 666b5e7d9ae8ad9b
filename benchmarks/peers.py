"""Runs a peer, txtai or Haystack, over one data set: the rankings our own search is measured against.

    .venv-peers/bin/python -P benchmarks/peers.py SYSTEM DATA_DIR MODEL_DIR --out RUN.json [--depth 100] [--vectors DIR]

Both get what ours gets: title + text of each document, the same model with its own prompts and precision.
All else is what the peer's makers recommend for hybrid search; RUN.json says in words what was set.
Depth is also how much the peer fuses and copies: judge its speed, and its best ranking, at --depth 10 as well.
Never imported by the product: the peers live in a virtual environment of their own (requirements-peers.txt).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as our own program has it: waiting threads sleep

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Embed = Callable[[list[str]], Any]

CHUNK = 64  # texts embedded between two commits and two chances of a progress line
WARM_UP = ("Is anybody there?", "Good morning, I have been waiting for quite a while now and would like to begin.")


@dataclass(frozen=True)
class Text:
    """One document or query."""

    id: str
    text: str


class Peer(Protocol):
    """A peer with its index built."""

    settings: dict[str, str]

    def hybrid(self, query: str) -> list[str]:
        """Document ids, best first, by the peer's hybrid search. This is what is timed."""

    def dense(self, query: str) -> list[str]:
        """Document ids by vectors alone over the same index; asked only after `hybrid` of the same query."""


def documents(folder: Path) -> list[Text]:
    """Title and text as one text, because that is what ours indexes."""
    return [
        Text(row["id"], f"{row['title']}\n{row['text']}" if row.get("title") else row["text"])
        for row in json_lines(folder / "corpus.jsonl")
    ]


def queries(folder: Path) -> list[Text]:
    return [Text(row["id"], row["text"]) for row in json_lines(folder / "queries.jsonl")]


def json_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]


class Progress:
    """A line on stderr every other second, so that a long run is seen to move."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done, self._said = what, total, 0, time.monotonic()

    def add(self, count: int = 1) -> None:
        self._done += count
        if time.monotonic() - self._said >= 2 or self._done == self._total:
            self._said = time.monotonic()
            print(f"{self._what}: {self._done}/{self._total}", file=sys.stderr, flush=True)


class VectorCache:
    """Unit vectors of documents, so that several systems need not embed one big corpus again and again.

    SQLite, because an interrupted run then keeps what it embedded and leaves nothing half written.
    Without a file they live in memory for the run alone.
    """

    def __init__(self, file: Path | None, model: str) -> None:
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._model = model
        self._db = sqlite3.connect(file or ":memory:", timeout=60)
        self._db.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)")
        self.embedded = 0

    def close(self) -> None:
        self._db.close()

    def vectors(self, texts: Sequence[str], embed: Embed) -> Vectors:
        """One row for each of `texts`; those unknown are embedded, like lengths together: less padding."""
        keys = [self._key(text) for text in texts]
        rows = self._known(keys)
        progress = Progress("documents embedded", len(set(keys)))
        progress.add(len(rows))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in rows}
        order = sorted(missing, key=lambda key: -len(missing[key]))
        for start in range(0, len(order), CHUNK):
            chunk = order[start : start + CHUNK]
            rows.update(zip(chunk, unit(embed([missing[key] for key in chunk])), strict=True))
            with self._db:
                self._db.executemany(
                    "INSERT OR IGNORE INTO vectors VALUES (?, ?)", [(key, rows[key].tobytes()) for key in chunk]
                )
            self.embedded += len(chunk)
            progress.add(len(chunk))
        return np.stack([rows[key] for key in keys])

    def _key(self, text: str) -> bytes:
        return hashlib.sha256((self._model + text).encode()).digest()

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        found = {}
        for key in keys:
            row = self._db.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
            if row:
                found[key] = np.frombuffer(row[0], np.float32)
        return found


def unit(rows: Any) -> Vectors:
    """Rows of length 1: a model in bf16 leaves lengths of .9992–1.0009."""
    matrix: Vectors = np.asarray(rows, np.float32)
    lengths: Vectors = np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    return matrix / lengths


def precision() -> str:
    """bf16 where the processor multiplies it, as in the product, so that neither side has the faster model."""
    import torch

    return "bf16" if torch.cpu.get_capabilities().get("avx512_bf16") else "fp32"


def model_arguments() -> dict[str, Any]:
    import torch

    return {"dtype": torch.bfloat16} if precision() == "bf16" else {}


class Txtai:
    """txtai's `hybrid=True` with nothing tuned but an exact vector index (its own default above 5,000 is not)."""

    def __init__(self, corpus: list[Text], model_dir: Path, depth: int, cache: VectorCache) -> None:
        from txtai import Embeddings

        self._depth = depth
        self._place = {document.id: place for place, document in enumerate(corpus)}
        self._embeddings = Embeddings(
            path=str(model_dir),
            hybrid=True,
            content=False,
            faiss={"components": "IDMap,Flat"},
            vectors=model_arguments(),
        )
        self._index(corpus, cache)
        prompts = self._embeddings.model.model.prompts or {}
        self.settings = {
            "version": f"txtai {version('txtai')}, faiss-cpu {version('faiss-cpu')}",
            "hybrid": "Embeddings(hybrid=True, content=False), search() with its default weights: 0.5 cosine + 0.5 "
            "normalised BM25, a convex combination over the best 10 * depth of each",
            "bm25": "as hybrid=True sets it: k1 1.2, b 0.75, normalize=True (score over the lesser of best + average "
            "and 6 * average), UAX #29 tokens",
            "vectors": "cosine, exact (faiss IDMap,Flat); method 'transformers', which txtai takes for such a path",
            "prompts": f"loaded by txtai from the model: query {prompts.get('query')!r}, data {prompts.get('data')!r}",
            "ties": "equal scores (twin documents) in corpus order",
        }

    def _index(self, corpus: list[Text], cache: VectorCache) -> None:
        """txtai takes a text or a vector, and BM25 needs the text: so its encoder is made to look vectors up."""
        model = self._embeddings.model
        texts = [document.text for document in corpus]
        rows = cache.vectors(texts, lambda some: self._embeddings.batchtransform(some, "data"))
        ready = dict(zip(texts, rows, strict=True))
        model.encode = lambda some, _category: np.stack([ready[text] for text in some])
        self._embeddings.index((document.id, document.text, None) for document in corpus)
        del model.encode  # queries are encoded by txtai itself

    def hybrid(self, query: str) -> list[str]:
        return self._ids(self._embeddings.search(query, self._depth))

    def dense(self, query: str) -> list[str]:
        return self._ids(self._embeddings.search(query, self._depth, weights=1.0))

    def _ids(self, found: list[tuple[str, float]]) -> list[str]:
        """Equal scores in corpus order, as Haystack has them: faiss turns twins round, and one alone is labelled."""
        return [id_ for id_, _ in sorted(found, key=lambda hit: (-hit[1], self._place[hit[0]]))]


class Haystack:
    """Haystack's hybrid pipeline with its reciprocal rank fusion, and no cross-encoder, which ours has not either."""

    def __init__(self, corpus: list[Text], model_dir: Path, depth: int, cache: VectorCache) -> None:
        from haystack import Pipeline
        from haystack.components.joiners import DocumentJoiner
        from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore
        from haystack_integrations.components.embedders.sentence_transformers import SentenceTransformersTextEmbedder

        prompts = json.loads((model_dir / "config_sentence_transformers.json").read_text("utf-8")).get("prompts", {})
        query_prefix, passage_prefix = prompts.get("query", ""), prompts.get("document", "")
        common = {"model": str(model_dir), "model_kwargs": model_arguments(), "progress_bar": False}
        store = InMemoryDocumentStore(embedding_similarity_function="cosine")
        self._index(corpus, store, {**common, "prefix": passage_prefix}, cache)
        self._pipeline = Pipeline()
        self._pipeline.add_component("embedder", SentenceTransformersTextEmbedder(**common, prefix=query_prefix))
        self._pipeline.add_component("dense", InMemoryEmbeddingRetriever(store, top_k=depth))
        self._pipeline.add_component("bm25", InMemoryBM25Retriever(store, top_k=depth))
        self._pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=depth))
        self._pipeline.connect("embedder.embedding", "dense.query_embedding")
        self._pipeline.connect("bm25", "joiner")
        self._pipeline.connect("dense", "joiner")
        self._dense: dict[str, list[str]] = {}
        self.settings = {
            "version": f"haystack-ai {version('haystack-ai')}, "
            f"sentence-transformers-haystack {version('sentence-transformers-haystack')}",
            "hybrid": "InMemoryBM25Retriever + InMemoryEmbeddingRetriever, top_k = depth each → DocumentJoiner("
            "join_mode='reciprocal_rank_fusion'), equal weights; its tutorial's cross-encoder is left out",
            "bm25": f"InMemoryDocumentStore's default: {store.bm25_algorithm}, its default parameters and tokens "
            "(words; Chinese, Japanese and Korean one character a token)",
            "vectors": "cosine, exact; SentenceTransformersDocumentEmbedder and SentenceTransformersTextEmbedder",
            "prompts": f"as prefix: query {query_prefix!r}, document {passage_prefix!r}",
        }

    @staticmethod
    def _index(corpus: list[Text], store: Any, embedder_arguments: dict[str, Any], cache: VectorCache) -> None:
        from haystack import Document
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersDocumentEmbedder,
        )

        embedder = SentenceTransformersDocumentEmbedder(**embedder_arguments)

        def embed(texts: list[str]) -> list[list[float]]:
            return [found.embedding for found in embedder.run([Document(content=text) for text in texts])["documents"]]

        rows = cache.vectors([document.text for document in corpus], embed)
        store.write_documents(
            [
                Document(id=document.id, content=document.text, embedding=row.tolist())
                for document, row in zip(corpus, rows, strict=True)
            ]
        )

    def hybrid(self, query: str) -> list[str]:
        found = self._pipeline.run(
            {"embedder": {"text": query}, "bm25": {"query": query}}, include_outputs_from={"dense"}
        )
        self._dense[query] = [document.id for document in found["dense"]["documents"]]
        return [document.id for document in found["joiner"]["documents"]]

    def dense(self, query: str) -> list[str]:
        """What the dense half of `hybrid` found: its search is too slow on a big corpus to be run twice."""
        return self._dense[query]


SYSTEMS: dict[str, Callable[[list[Text], Path, int, VectorCache], Peer]] = {"txtai": Txtai, "haystack": Haystack}


def measure(peer: Peer, asked: list[Text]) -> dict[str, Any]:
    """All hybrid searches timed one by one, and only then the dense ones: a timed text is new to the process."""
    for text in WARM_UP:
        peer.hybrid(text)
    run, milliseconds = {}, []
    progress = Progress("queries", len(asked))
    for query in asked:
        start = time.perf_counter()
        run[query.id] = peer.hybrid(query.text)
        milliseconds.append(round((time.perf_counter() - start) * 1000, 3))
        progress.add()
    dense_run = {}
    progress = Progress("dense queries", len(asked))
    for query in asked:
        dense_run[query.id] = peer.dense(query.text)
        progress.add()
    return {"run": run, "dense_run": dense_run, "ms": milliseconds}


def benchmark(system: str, data_dir: Path, model_dir: Path, depth: int, vectors_dir: Path | None) -> dict[str, Any]:
    corpus, asked = documents(data_dir), queries(data_dir)
    file = vectors_dir / f"{model_dir.name}.{precision()}.sqlite" if vectors_dir else None
    # a mended tokeniser makes other vectors of the same weights
    tokenizer = hashlib.sha256((model_dir / "tokenizer.json").read_bytes()).hexdigest()
    with closing(VectorCache(file, f"{model_dir.name} {tokenizer}")) as cache:
        peer = SYSTEMS[system](corpus, model_dir, depth, cache)
        embedded = cache.embedded
    settings = {
        **peer.settings,
        "model": f"{model_dir.name}, {precision()}; title + newline + text, cut where the model ends (E5: 512 tokens)",
        "document vectors": f"{embedded} embedded by this run, the others from the cache",
        "libraries": ", ".join(
            f"{name} {version(name)}" for name in ("torch", "transformers", "sentence-transformers")
        ),
        "depth": str(depth),
    }
    return {"system": system, "settings": settings, **measure(peer, asked)}


def stay_offline_and_quiet() -> None:
    """Before any import of theirs: Haystack would report its use and write to the home folder otherwise."""
    os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run a peer search system over one data set.")
    parser.add_argument("system", choices=sorted(SYSTEMS))
    parser.add_argument("data_dir", type=Path, help="folder with corpus.jsonl and queries.jsonl")
    parser.add_argument("model_dir", type=Path, help="sentence-transformers folder")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--depth", type=int, default=100, help="documents kept for a query")
    parser.add_argument("--vectors", type=Path, help="folder of the cache of document vectors")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    stay_offline_and_quiet()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stopped run clears up as an interrupted one does
    with tempfile.TemporaryDirectory(prefix="peers-") as scratch:
        tempfile.tempdir = scratch  # txtai spools vectors to a file that it forgets when interrupted
        try:
            result = benchmark(given.system, given.data_dir, given.model_dir.resolve(), given.depth, given.vectors)
        except KeyboardInterrupt:
            print("interrupted: nothing written", file=sys.stderr)
            return 130
    given.out.write_text(json.dumps(result, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
