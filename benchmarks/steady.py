"""Whether a running process stays as it is: what it holds, sampled from /proc, and whether a curve of that rises.

A rise is the Theil-Sen slope over the time after warm-up, times that time: half of all samples may be anything at all,
and two unlucky ends decide nothing. A drift of times compares the 95th percentiles of the first and the last third;
its interval resamples whole minutes, for what slows one answer slows its neighbours, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

SEED = 7
RESAMPLES = 1_000
BLOCK = 60.0  # seconds that are resampled together
CONFIDENCE = 1.959964  # of the normal distribution: 95 %, both sides


@dataclass(frozen=True)
class Sample:
    """What a process holds at a moment. `at` in seconds; memory in MB (2**20): resident, and its share of it."""

    at: float
    rss_mb: float
    pss_mb: float
    fds: int
    threads: int
    children: int


def sample(pid: int, at: float) -> Sample:
    """What a process of this machine holds now. Raises OSError for one that is not there."""
    process = Path(f"/proc/{pid}")
    status = (process / "status").read_text()
    rollup = (process / "smaps_rollup").read_text()
    children = (process / f"task/{pid}/children").read_text().split()
    return Sample(
        round(at, 1),
        round(_number(status, "VmRSS") / 1024, 2),
        round(_number(rollup, "Pss") / 1024, 2),
        len(os.listdir(process / "fd")),
        _number(status, "Threads"),
        len(children),
    )


def _number(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+([0-9]+)", text, re.MULTILINE)
    if found is None:
        raise OSError(f"/proc does not tell {name}")
    return int(found[1])


@dataclass(frozen=True)
class Promise:
    """One thing that was promised: kept while `value` is below `bound`. `low` and `high`: its 95 % interval."""

    name: str
    value: float
    bound: float
    low: float = 0.0
    high: float = 0.0
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether it was. What could not be measured was not."""
        return bool(self.value < self.bound)

    def tree(self) -> dict[str, object]:
        """For the result's JSON."""
        return {name: value for name, value in {**asdict(self), "kept": self.kept}.items() if value != ""}


def rise(at: Sequence[float], values: Sequence[float]) -> tuple[float, float, float, float]:
    """By how much a curve rises from its first moment to its last: the Theil-Sen estimate, the ends of its 95 %
    interval (Sen 1968), and where its line begins. All `nan` for fewer than three moments."""
    x, y = np.asarray(at, float), np.asarray(values, float)
    if len(x) < 3:
        return (float("nan"),) * 4
    i, j = np.triu_indices(len(x), 1)
    apart = x[j] - x[i]
    slopes = np.sort((y[j] - y[i])[apart > 0] / apart[apart > 0])
    slope, span, n = float(np.median(slopes)), float(x.max() - x.min()), len(x)
    spread = CONFIDENCE * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low, high = (int(np.clip(p, 0, len(slopes) - 1)) for p in ((len(slopes) - spread) / 2, (len(slopes) + spread) / 2))
    begin = float(np.median(y - slope * (x - x.min())))
    return slope * span, float(slopes[low]) * span, float(slopes[high]) * span, begin


def growth(name: str, at: Sequence[float], values: Sequence[float], most: float) -> Promise:
    """A curve that may rise by less than a share of where it began."""
    *risen, begin = rise(at, values)
    value, low, high = (round(one / begin, 4) for one in risen)
    return Promise(name, value, most, low, high)


def flat(name: str, at: Sequence[float], values: Sequence[float], most: float) -> Promise:
    """A count that may rise by less than `most` in all."""
    risen, low, high, _ = rise(at, values)
    return Promise(name, round(risen, 2), most, round(low, 2), round(high, 2))


def drift(name: str, at: Sequence[float], ms: Sequence[float], most: float) -> Promise:
    """Times whose 95th percentile may be higher in the last third of the time than in the first by at most a share."""
    x, y = np.asarray(at, float), np.asarray(ms, float)
    if len(x) < 30:
        return Promise(name, float("nan"), most, note="too few")
    third = (x.max() - x.min()) / 3
    parts = [(x[mask], y[mask]) for mask in (x < x.min() + third, x >= x.max() - third)]
    first, last = (float(np.percentile(part, 95)) for _, part in parts)
    draw = np.random.default_rng(SEED)
    made = [_resampled(*parts[1], draw) / _resampled(*parts[0], draw) - 1 for _ in range(RESAMPLES)]
    low, high = (round(float(one), 4) for one in np.percentile(made, [2.5, 97.5]))
    told = f"p95 {first:.1f} → {last:.1f} ms"
    return Promise(name, round(last / first - 1, 4), most, low, high, told)


def _resampled(at: np.ndarray, ms: np.ndarray, draw: np.random.Generator) -> float:
    """The 95th percentile of as many blocks of time, drawn with repeats."""
    blocks = ((at - at.min()) // BLOCK).astype(int)
    named = np.unique(blocks)
    drawn = draw.choice(named, len(named))
    return float(np.percentile(np.concatenate([ms[blocks == block] for block in drawn]), 95))
