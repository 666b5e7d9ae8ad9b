"""The long trials: `python -m tests.faults [--json FILE] [NAME…]`, thousands of kills, each in a process of its own.

`--share 0.05` does a twentieth of each, to see that all of it runs.
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kb.config import ROOT
from tests.faults import powerless

LEAST = 40  # kills of a trial that is done in part: every step of most
AT_ONCE = 100  # kills of one base: the next begins anew, so that looking at all of it stays cheap
# name: module, its first argument, kills, what comes after the seed; whether nothing may be torn or lost; kills at once
TRIALS: dict[str, tuple[str, str, int, tuple[str, ...], bool, int]] = {
    "publish": ("publishing", "product", 1_700, (), True, AT_ONCE),
    "publish, naive": ("publishing", "naive", 100, (), False, AT_ONCE),
    "write": ("storing", "writes", 1_000, (), True, AT_ONCE),
    "write, naive": ("storing", "writes", 100, ("naive",), False, AT_ONCE),
    "migrate": ("storing", "migrations", 100, (), True, AT_ONCE),
    "import": ("storing", "imports", 100, (), True, AT_ONCE),
    "backup": ("storing", "backups", 100, (), True, AT_ONCE),
    "move": ("storing", "moves", 100, (), True, AT_ONCE),
    "rot": ("rotting", "rot", 10_000, (), True, 2_500),
    "eight writers": ("storing", "writers", 1_000, (), True, 1_000),  # rows each; `kills` counts the writers
}
POWER = {"rows": 1_000, "upgrade": 200, "spool": 400, "edits": 600, "publish": 600, "backup": 300}  # cuts
TRIALS |= {f"power, {name}": ("powerless", name, cuts, (), True, AT_ONCE) for name, cuts in POWER.items()}
TRIALS |= {f"power, rows, {one}": ("powerless", "rows", 100, (one,), False, AT_ONCE) for one in powerless.SETTINGS}
TRIALS["power, publish, naive"] = ("powerless", "publish, naive", 100, (), False, AT_ONCE)
SUMMED = ("kills", "published", "acknowledged", "reads", "left")


def run(name: str, share: float = 1.0) -> dict[str, Any]:
    """One trial, in parts, summed. `share` of its kills, but `LEAST`."""
    module, first, kills, more, sound, at_once = TRIALS[name]
    kills = max(round(kills * share), LEAST)
    at_once = min(at_once, kills)
    begun, total = time.monotonic(), {"at": {}, "torn": 0, "lost": 0, "seeds": [], "examples": []}
    for _ in range(kills // at_once):
        seed = random.randrange(1_000_000)
        with tempfile.TemporaryDirectory() as home:
            command = [sys.executable, "-m", f"tests.faults.{module}", first, home, str(at_once), str(seed), *more]
            found = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
        for key in SUMMED:
            if key in found:
                total[key] = total.get(key, 0) + found[key]
        if "slowest" in found:
            total["slowest"] = max(total.get("slowest", 0), found["slowest"])
        for place, count in found["at"].items():
            total["at"][place] = total["at"].get(place, 0) + count
        total["torn"] += len(found["torn"])
        total["lost"] += len(found["lost"])
        total["seeds"].append(seed)
        total["examples"] = (total["examples"] + found["torn"] + found["lost"])[:3]
        print(f"{name}: {total['kills']} kills, {total['torn']} torn, {total['lost']} lost", file=sys.stderr)
    as_wanted = not (total["torn"] or total["lost"]) if sound else bool(total["torn"] or total["lost"])
    return {**total, "seconds": round(time.monotonic() - begun), "as_wanted": as_wanted}


def main() -> int:
    """Run the named trials, all where none is named; exit code 1 where one is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*TRIALS, []])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--share", type=float, default=1.0, help="of every trial's kills (default: all)")
    asked = parser.parse_args()
    as_wanted = True
    for name in asked.names or TRIALS:
        found = run(name, asked.share)
        as_wanted = as_wanted and found["as_wanted"]
        if asked.json:
            _keep(asked.json, name, found)
    return 0 if as_wanted else 1


def _keep(file: Path, name: str, found: Mapping[str, Any]) -> None:
    """Put a trial into the file beside the others, with the commit it tried."""
    told = json.loads(file.read_text("utf-8")) if file.exists() else {"trials": {}}
    told["at"] = datetime.now(UTC).isoformat(timespec="seconds")
    told["trials"][name] = {**found, "measured": told["at"], "commit": _commit()}
    file.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _commit() -> str:
    """The commit that is checked out, with `+` where files differ from it; the trials' own results may."""
    git = functools.partial(subprocess.run, cwd=ROOT, capture_output=True, text=True)
    changed = git(["git", "status", "--porcelain", "-uno", "--", ".", ":!benchmarks/results"]).stdout.strip()
    return str(git(["git", "rev-parse", "--short=7", "HEAD"]).stdout.strip()) + ("+" if changed else "")


if __name__ == "__main__":
    sys.exit(main())
