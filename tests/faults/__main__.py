"""The long trials: `python -m tests.faults [--json FILE] [NAME…]`, thousands of kills, each in a process of its own."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kb.config import ROOT

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
    "rot": ("rotting", "rot", 10_000, (), True, 2_500),
    "eight writers": ("storing", "writers", 1_000, (), True, 1_000),  # rows each; `kills` counts the writers
}
SUMMED = ("kills", "published", "acknowledged", "reads", "left")


def run(name: str) -> dict[str, Any]:
    """One trial, in parts, summed."""
    module, first, kills, more, sound, at_once = TRIALS[name]
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
    asked = parser.parse_args()
    found = {}
    for name in asked.names or TRIALS:
        found[name] = run(name)
        if asked.json:
            at = datetime.now(UTC).isoformat(timespec="seconds")
            asked.json.write_text(json.dumps({"at": at, "trials": found}, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return 0 if all(one["as_wanted"] for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
