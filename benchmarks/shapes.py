"""What batches of every number and length leave in memory: the product's encoder beside plain calls of its model.

    python benchmarks/shapes.py [--batches 900] [--json OUT]

torch keeps what it made for each shape of an input (texts by tokens). Background work embeds what there is: a few
missed questions, the chunks of an article that was saved. Each way embeds the same batches of one to eight texts of
one to forty words in a process of its own, after one of the largest.

    start_mb  resident before the first of them;  grown_mb  at the end;  later_mb  of that in the second half
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import multiprocessing
import os
from collections.abc import Iterator

import numpy as np

from benchmarks.bench import machine, result, table, write_json
from benchmarks.steady import sample
from indexer.encoder import SentenceEncoder
from kb.config import settings
from kb.doors.wiring.upkeep import give_back

WAYS = ("firstcall", "plain")  # batches of few shapes; one call of the model a batch, as it comes
MOST, LONGEST, SEED = 8, 40, 1
WORDS = "refund card expired router light stays red customer wants money back now please vacuum robot stuck".split()


def batches(count: int) -> Iterator[list[str]]:
    """The same ones every time."""
    draw = np.random.default_rng(SEED)
    for _ in range(count):
        texts, length = draw.integers(1, MOST + 1), draw.integers(1, LONGEST + 1)
        yield [" ".join(draw.choice(WORDS, length)) for _ in range(texts)]


def resident() -> float:
    """MB that this process holds, once what is free was given back."""
    give_back()
    return sample(os.getpid(), 0.0).rss_mb


def grown(way: str, count: int) -> dict[str, float]:
    """What so many batches leave behind."""
    encoder = SentenceEncoder(settings())
    embed = encoder.passages if way == "firstcall" else encoder.raw
    embed([" ".join(WORDS * LONGEST)[:200]] * MOST)
    start, half = resident(), 0.0
    for number, batch in enumerate(batches(count)):
        if number == count // 2:
            half = resident()
        embed(batch)
    end = resident()
    return {"start_mb": round(start), "grown_mb": round(end - start), "later_mb": round(end - half)}


def main() -> int:
    """Measure both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=900)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = {}
    for way in WAYS:
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            found[way] = alone.apply(grown, (way, asked.batches))
    print(table(["way", *found["plain"]], [[way, *figures.values()] for way, figures in found.items()]))
    print(machine())
    if asked.json:
        write_json(asked.json, result("shapes", f"{asked.batches} batches", found, []))
    return 0


if __name__ == "__main__":
    sys.exit(main())
