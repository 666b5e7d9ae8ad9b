"""Which FAISS index at which size: the figures behind EXACT_UP_TO and PROBES in indexer/engine/fields.py.

    python benchmarks/index.py [--sizes 10000,100000,1000000] [--json OUT]

Rows are drawn from real vectors (the vector cache): a mix of two real rows with a little noise, so
that they lie as embeddings lie. Questions are drawn the same way with another seed. Each kind is
asked through `VectorField`, as the product asks it: candidates rescored exactly where it is not exact.
`sq8`, rows of 8 bits without lists, is what the product does without (docs/search.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import sqlite3
import tempfile
import time

import faiss
import numpy as np

from benchmarks.bench import machine, result, table, write_json
from indexer.engine import VectorField, vector_index
from indexer.engine import fields as engine
from kb.config import settings

QUESTIONS = 200
SEED = 7
KINDS = {"flat": 10**9, "sq8": None, "ivf_sq8": 0}  # name → EXACT_UP_TO, None where it is none of the product's
PROBES = (32, 64, 128, 256)


def real_rows(most: int = 20_000) -> np.ndarray:
    """Real passage vectors from the cache, (n, dim)."""
    with sqlite3.connect(settings().home / "vectors.sqlite") as db:
        rows = [np.frombuffer(row, "<f4") for (row,) in db.execute("select row from vector limit ?", (most,))]
    return np.stack([row for row in rows if row.shape == rows[0].shape])


def drawn(real: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`count` unit rows, each a mix of two real ones and noise, (count, dim) float32."""
    draw = np.random.default_rng(seed)
    rows = np.empty((count, real.shape[1]), np.float32)
    for start in range(0, count, 50_000):
        size = min(50_000, count - start)
        share = draw.uniform(0.5, 1.0, (size, 1)).astype(np.float32)
        mixed = share * real[draw.integers(len(real), size=size)]
        mixed += (1 - share) * real[draw.integers(len(real), size=size)]
        mixed += draw.normal(0, 0.015, mixed.shape).astype(np.float32)
        rows[start : start + size] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return rows


def exact(rows: np.ndarray, questions: np.ndarray, k: int = 10) -> list[set[int]]:
    """The true nearest rows of each question."""
    scores = questions @ rows.T
    return [set(np.argpartition(-one, k)[:k].tolist()) for one in scores]


def ask(field: VectorField, questions: np.ndarray, truth: list[set[int]]) -> dict[str, float]:
    """Recall@10 and time of asking for 500, as a search does."""
    ms, found = [], 0
    for question, true in zip(questions, truth, strict=True):
        started = time.perf_counter()
        rows = field.nearest(question, 500, None)[0].tolist()
        ms.append(1000 * (time.perf_counter() - started))
        found += len(true & set(rows[:10]))
    p50, p95 = np.percentile(ms, [50, 95])
    return {"recall@10": round(found / (10 * len(truth)), 4), "p50_ms": round(p50, 2), "p95_ms": round(p95, 2)}


def made(rows: np.ndarray, exact_up_to: int | None) -> faiss.Index:
    """The product's index of these rows with that bound, or one of 8-bit rows without lists."""
    if exact_up_to is not None:
        engine.EXACT_UP_TO = exact_up_to
        return vector_index(rows)
    index = faiss.IndexScalarQuantizer(rows.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    index.train(rows)
    index.add(rows)
    return index


def measure(rows: np.ndarray, questions: np.ndarray, work: Path) -> dict[str, dict[str, float]]:
    """Every kind of index over the same rows."""
    truth = exact(rows, questions)
    file = work / "rows.f32"
    rows.tofile(file)
    systems: dict[str, dict[str, float]] = {}
    for name, up_to in KINDS.items():
        started = time.perf_counter()
        index = made(rows, up_to)
        built = time.perf_counter() - started
        size = len(faiss.serialize_index(index)) / 2**20
        field = VectorField(index, None if name == "flat" else file)
        for probes in PROBES if name == "ivf_sq8" else (0,):
            engine.PROBES = probes or engine.PROBES
            label = f"{name}_{probes}" if probes else name
            systems[label] = ask(field, questions, truth) | {"build_s": round(built, 2), "mb": round(size, 1)}
            print(label, systems[label], flush=True)
    return systems


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    exact_up_to, probes = engine.EXACT_UP_TO, engine.PROBES
    real = real_rows()
    by_size: dict[str, dict[str, dict[str, float]]] = {}
    for size in map(int, options.sizes.split(",")):
        print(f"{size} rows", flush=True)
        with tempfile.TemporaryDirectory() as work:
            rows = drawn(real, size, SEED)
            by_size[str(size)] = measure(rows, drawn(real, QUESTIONS, SEED + size), Path(work))
    systems: dict[str, dict[str, float]] = {}
    for size, kinds in by_size.items():
        ours = "flat" if int(size) <= exact_up_to else f"ivf_sq8_{probes}"
        for name, figures in kinds.items():
            label = "firstcall" if name == ours else name
            systems.setdefault(label, {}).update({f"{f}_{size}": value for f, value in figures.items()})
    columns = ["recall@10", "p50_ms", "p95_ms", "build_s", "mb"]
    lines = [[s, n, *(f[c] for c in columns)] for s, kinds in by_size.items() for n, f in kinds.items()]
    print(table(["rows", "index", *columns], lines))
    print(machine())
    if options.json:
        more = {"chosen": {"exact_up_to": exact_up_to, "probes": probes}, "sizes": by_size}
        write_json(options.json, result("index", "drawn from real vectors", systems, [], **more))


if __name__ == "__main__":
    main()
