"""What is known about the libraries: pip-audit, strict, and by name what it could not ask about.

Exit code 1 where a library has a known hole. Where pip-audit cannot ask (no network, a library it does not know),
that is said, one name a line: nobody should take silence for safety.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

PINNED = ("requirements.txt", "requirements-dev.txt")
LOCKS = ("requirements.lock", "requirements-dev.lock")


def main(program: str) -> int:
    """Audit both locks. `program` is pip-audit."""
    asked = [word for lock in LOCKS for word in ("-r", lock)]
    command = [program, "--disable-pip", "--require-hashes", *asked]
    strict = subprocess.run([*command, "--strict"], capture_output=True, text=True)
    if strict.returncode == 0:
        print("pip-audit --strict: no known hole.", *_not_audited(()), sep="\n")
        return 0
    told = subprocess.run([*command, "--format", "json"], capture_output=True, text=True)
    try:
        found = json.loads(told.stdout)["dependencies"]
    except (ValueError, KeyError):
        print("pip-audit could not ask anything:", *(told.stderr or strict.stderr).strip().splitlines()[-1:], sep="\n")
        print(*_not_audited(_names(*LOCKS)), sep="\n")
        return 0
    holes = [(one["name"], one["version"], hole["id"]) for one in found for hole in one.get("vulns", ())]
    skipped = [one["name"] for one in found if "skip_reason" in one]
    for name, version, id in holes:
        print(f"{name} {version}: {id}")
    print(f"{len(found) - len(skipped)} libraries asked about.", *_not_audited(skipped), sep="\n")
    return 1 if holes else 0


def _not_audited(skipped: Iterable[str]) -> list[str]:
    """A line for each library that pip-audit did not answer for; those without a hash (torch) are never asked about."""
    names = sorted({*skipped, *(set(_names(*PINNED)) - set(_names(*LOCKS)))})
    return [f"Not audited ({len(names)}):", *(f"  {name}" for name in names)]


def _names(*files: str) -> list[str]:
    lines = [line for file in files for line in Path(file).read_text("utf-8").splitlines()]
    pinned = [line.split("==")[0].lower() for line in lines if "==" in line and not line.startswith((" ", "#"))]
    return [re.sub("[-_.]+", "-", name) for name in pinned]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
