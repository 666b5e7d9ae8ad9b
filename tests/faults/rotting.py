"""Damaged generations, thousands of them: each must be found before it serves, and the one before must serve.

A base with two generations that share no file. One after another a file of the newer is damaged as disks, copies and
people damage files, opened as a program that starts opens it, and put right again. It runs in a process of its own:
what reads a damaged file unverified, as the naive one does, may be ended by it.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from indexer import generation
from indexer.generation import disk, opening
from tests.faults.publishing import Product
from tests.small_base import SmallBase

PAGE = 4096
NAIVE_MOST = 4 * 2**30  # bytes of addresses: a damaged length may ask for all there are


@dataclass
class Found:
    """What a trial saw, in the words of the others: damages (`kills`) by kind (`at`), those that served (`torn`)."""

    kills: int = 0
    at: dict[str, int] = field(default_factory=dict)
    torn: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    slowest: float = 0.0  # seconds until the one before served
    mean: float = 0.0


def flip(raw: bytes, other: bytes, at: int) -> bytes:
    """One bit."""
    return raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :] if raw else b"?"


def another_model(raw: bytes, other: bytes, at: int) -> bytes:
    """A manifest that says its vectors are another model's."""
    tree = json.loads(raw)
    return json.dumps({**tree, "model": "another", "dim": tree["dim"] * 2}).encode()


KINDS: dict[str, Callable[[bytes, bytes, int], bytes]] = {
    "truncated": lambda raw, _, at: raw[:at],
    "bit flipped": flip,
    "page zeroed": lambda raw, _, at: raw[: at // PAGE * PAGE] + bytes(PAGE) + raw[at // PAGE * PAGE + PAGE :],
    "garbage tail": lambda raw, _, at: raw + random.Random(at).randbytes(at % 100 + 1),
    "another generation's": lambda raw, other, _: other,
    "another model's": another_model,
}


def trial(home: Path, damages: int, seed: int) -> Found:
    """Damage, open, put right, so often."""
    subject, chance, found = Product(SmallBase(home)), random.Random(seed), Found()
    for number in (1, 3):
        subject.base.write("extra-en", "x" * number)
        subject.base.write("another-en", f"Another {number}")
        subject.base.build(full=True)
    index = subject.base.index
    older, newer = (index / "generations" / name for name in generation.generations(index))
    files = sorted(path for path in newer.rglob("*") if path.is_file() and path.suffix != ".lock")
    took = 0.0
    while found.kills < damages:
        kind = list(KINDS)[found.kills % len(KINDS)]
        path = newer / "manifest.json" if kind == "another model's" else chance.choice(files)
        twins = sorted(older.rglob(f"*{path.suffix}"))
        raw, other = path.read_bytes(), chance.choice(twins).read_bytes()
        broken = KINDS[kind](raw, other, chance.randrange(max(1, len(raw))))
        if broken == raw:
            broken = raw + b"?"
        path.write_bytes(broken)
        disk._verified.clear()
        opening._held.clear()
        begun = time.monotonic()
        try:
            opened = generation.open_current(index)
            if opened.manifest.generation != older.name or not opened.damaged:
                found.torn.append(f"{kind}: {path.name}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # refused with nothing to serve; a panic of tantivy's, which is no Exception
            found.torn.append(f"{kind}: {path.name}: {error}")
        spent = time.monotonic() - begun
        took += spent
        found.slowest = max(found.slowest, spent)
        path.write_bytes(raw)
        found.kills += 1
        found.at[kind] = found.at.get(kind, 0) + 1
    found.mean = round(took / damages, 4)
    found.slowest = round(found.slowest, 3)
    return found


def _unverified(index: Path, name: str, sha256: str = "") -> generation.Manifest:
    """What a reader that takes every file at its word checks."""
    return generation.read_manifest(index, name)


def main(reader: str, home: str, damages: str, seed: str) -> dict[str, Any]:
    """Run a trial in this process. `reader`: `rot` is the product's own, `naive` verifies nothing."""
    if reader == "rot":
        return asdict(trial(Path(home), int(damages), int(seed)))
    resource.setrlimit(resource.RLIMIT_AS, (NAIVE_MOST, NAIVE_MOST))
    with mock.patch.object(opening, "verified", _unverified):
        return asdict(trial(Path(home), int(damages), int(seed)))


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
