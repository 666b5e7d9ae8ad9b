"""What is known about the libraries: pip-audit, strict, and by name what it could not ask about.

Exit code 1 where a library has a known hole. Where pip-audit cannot ask (no network, a library it does not know),
that is said, one name a line: nobody should take silence for safety.
"""

from __future__ import annotations

import json
import subprocess
import sys

LOCKS = ("requirements.lock", "requirements-dev.lock")


def main(program: str) -> int:
    """Audit both locks. `program` is pip-audit."""
    asked = [word for lock in LOCKS for word in ("-r", lock)]
    command = [program, "--disable-pip", "--require-hashes", *asked]
    strict = subprocess.run([*command, "--strict"], capture_output=True, text=True)
    if strict.returncode == 0:
        print("pip-audit --strict: no known hole")
        return 0
    told = subprocess.run([*command, "--format", "json"], capture_output=True, text=True)
    try:
        found = json.loads(told.stdout)["dependencies"]
    except (ValueError, KeyError):
        print("pip-audit could not ask anything:", *(told.stderr or strict.stderr).strip().splitlines()[-1:], sep="\n")
        print("Not audited:", *(line.split("==")[0] for lock in LOCKS for line in _pins(lock)), sep="\n  ")
        return 0
    holes = [(one["name"], one["version"], hole["id"]) for one in found for hole in one.get("vulns", ())]
    skipped = [one["name"] for one in found if "skip_reason" in one]
    print(*(f"{name} {version}: {id}" for name, version, id in holes), sep="\n")
    print(f"{len(found) - len(skipped)} libraries asked about. Not audited ({len(skipped)}):", *skipped, sep="\n  ")
    return 1 if holes else 0


def _pins(lock: str) -> list[str]:
    with open(lock, encoding="utf-8") as lines:
        return [line for line in lines if "==" in line and not line.startswith((" ", "#"))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
