"""How much personal data is masked, and how much else is not: on a labelled file, or on the generated sentences.

    python benchmarks/masking.py [FILE] [--json OUT]

FILE has {"text": …, "spans": [{"start": …, "end": …, "kind": …}]} a line, as `python -m kb mask --json` writes it;
start and end count characters, kind is one of bank_card, cvv, id_card, phone, email, name, address. A line without
spans is a counter-example: all of it must survive. Without FILE: tests/masking_cases.py at two seeds.

    recall      of a kind: the share of planted values of which every letter and digit is masked, as what they are
    precision   of a kind: the share of what is masked as it that touches a planted value of that kind
    survived    the share of what is not personal that is left as it is
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks import bench
from kb.masking import KINDS, Found, find
from tests.masking_cases import SEED, Case, Planted, generated, labelled


@dataclass
class Counts:
    """What was counted over cases, by kind."""

    planted: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)  # of the planted
    found: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)  # of the found
    keepable: int = 0
    kept: int = 0

    @property
    def recall(self) -> dict[str, float]:
        return {kind: self.masked[kind] / self.planted[kind] for kind in sorted(self.planted)}

    @property
    def precision(self) -> float:
        return self.right.total() / max(1, self.found.total())

    @property
    def survived(self) -> float:
        return self.kept / max(1, self.keepable)


def counted(cases: Iterable[Case]) -> Counts:
    """Mask every case and count."""
    counts = Counts()
    for case in cases:
        found = find(case.text)
        for planted in case.personal:
            counts.planted[planted.kind] += 1
            counts.masked[planted.kind] += is_masked(case, planted, found)
        for one in found:
            counts.found[one.kind] += 1
            counts.right[one.kind] += is_right(case, one)
        counts.keepable += len(case.kept)
        counts.kept += sum(not is_touched(planted, found) for planted in case.kept)
    return counts


def is_masked(case: Case, planted: Planted, found: Sequence[Found]) -> bool:
    """Whether every letter and digit of a planted value is masked, and some of it as what it is."""
    near = [one for one in found if one.start < planted.end and planted.start < one.end]
    places = (i for i in range(planted.start, planted.end) if case.text[i].isalnum())
    covered = all(any(one.start <= i < one.end for one in near) for i in places)
    return covered and any(one.kind == planted.kind for one in near)


def is_right(case: Case, one: Found) -> bool:
    """Whether what is masked touches a planted value of its kind."""
    return any(p.kind == one.kind and p.start < one.end and one.start < p.end for p in case.personal)


def is_touched(planted: Planted, found: Sequence[Found]) -> bool:
    """Whether something of what must survive is masked."""
    return any(one.start < planted.end and planted.start < one.end for one in found)


def figures(counts: Counts) -> dict[str, float]:
    """What is published of a set."""
    told = {f"recall_{kind}": share for kind, share in counts.recall.items()}
    told |= {f"precision_{kind}": counts.right[kind] / count for kind, count in sorted(counts.found.items())}
    told |= {"precision": counts.precision, "survived": counts.survived}
    return {name: round(value, 4) for name, value in told.items()}


def report(counts: Counts) -> str:
    """The figures as a person reads them."""
    rows: list[Sequence[object]] = []
    for kind in sorted({*counts.planted, *counts.found}):
        recall = f"{counts.recall[kind]:.4f}" if kind in counts.planted else "–"
        precision = f"{counts.right[kind] / counts.found[kind]:.4f}" if counts.found[kind] else "–"
        rows.append((kind, counts.planted[kind], recall, counts.found[kind], precision))
    whole = sum(counts.masked.values()) / max(1, counts.planted.total())
    rows.append(("all", counts.planted.total(), f"{whole:.4f}", counts.found.total(), f"{counts.precision:.4f}"))
    table = bench.table(["kind", "planted", "recall", "masked", "precision"], rows)
    return f"{table}\n\nsurvived: {counts.kept} of {counts.keepable} ({counts.survived:.4f})"


def read(file: Path | None) -> Mapping[str, list[Case]]:
    """The sets: the file's, else the generated ones. Exits with a sentence for a file that cannot be used."""
    if file is None:
        return {f"generated, seed {seed}": generated(seed) for seed in (SEED, SEED + 1)}
    try:
        cases = labelled(file)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        sys.exit(f"{file} cannot be read: {error!r}")
    unknown = sorted({planted.kind for case in cases for planted in case.personal} - set(KINDS))
    if unknown:
        sys.exit(f"{file} has kinds that are none of {', '.join(KINDS)}: {', '.join(unknown)}")
    return {file.stem: cases}


def main() -> int:
    """0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the result here")
    options = parser.parse_args()
    found = {name: counted(cases) for name, cases in read(options.file).items()}
    for name, counts in found.items():
        print(f"{name}\n\n{report(counts)}\n")
    if options.json:
        sets = {name: figures(counts) for name, counts in found.items()}
        bench.write_json(options.json, bench.result("masking", ", ".join(sets), {}, [], sets=sets))
    return 0


if __name__ == "__main__":
    sys.exit(main())
