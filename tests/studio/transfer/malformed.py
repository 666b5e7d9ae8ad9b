"""A child that imports one file after another, so that one which hangs or eats the memory costs a child and no more.

It reads a line of JSON for each case (`name`, `raw` in base64) and answers with one: what became of every file, the
error's code and sentence, the processor's seconds and the memory (bytes) that this case took.
"""

from __future__ import annotations

import base64
import contextlib
import json
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
GOOD = "# Good\n\nIt is still here.\n"
HANGS = 20.0  # seconds on the wall: far beyond any case that ends by itself, also on a busy machine


class Child:
    """The child, made anew when it was killed."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.killed = 0

    def ask(self, name: str, raw: bytes) -> dict[str, Any]:
        """What became of a case; `{"hung": True}` where it did not end."""
        process = self.process = self.process or self._born()
        assert process.stdin is not None
        assert process.stdout is not None
        case = json.dumps({"name": name, "raw": base64.b64encode(raw).decode()})
        process.stdin.write(case.encode() + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], HANGS)
        line = process.stdout.readline() if ready else b""
        if not line:
            self.end()
            self.killed += 1
            return {"hung": True}
        return dict(json.loads(line))

    def _born(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.studio.transfer.malformed"]
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def end(self) -> None:
        """Kill it, if there is one."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@contextlib.contextmanager
def child() -> Iterator[Child]:
    """A child for the time of a test."""
    one = Child()
    try:
        yield one
    finally:
        one.end()


def _serve() -> None:
    from kb.i18n import LANGUAGES, explain
    from tests.studio.transfer.packs import planned, zipped

    folder = Path(tempfile.mkdtemp())
    planned({"warm.md": GOOD, "w.html": "<p>x</p>", "w.csv": "a,b\n", "w.docx": b""}, folder)
    for line in sys.stdin.buffer:
        case = json.loads(line)
        if case["name"] == "hang":
            time.sleep(3_600)
        name, raw = case["name"], base64.b64decode(case["raw"])
        before, began = _peak(), time.process_time()
        answer: dict[str, Any] = {"rows": [], "sentences": []}
        try:
            from kb.errors import KBError
            from kb.studio.transfer import of_bytes

            pack = (
                of_bytes(name, raw)
                if name.endswith(".zip")
                else of_bytes("x.zip", zipped({name: raw, "good.md": GOOD}))
            )
            for row in planned(pack, folder).rows:
                answer["rows"].append([row.origin, row.outcome, row.error.code if row.error else ""])
                errors = [one for one in (row.error, *row.notes) if one]
                answer["sentences"] += [explain(lang, one) for one in errors for lang in LANGUAGES]
        except KBError as error:
            answer["refused"] = error.code
            answer["sentences"] += [explain(lang, error) for lang in LANGUAGES]
        except Exception as error:
            answer["crash"] = repr(error)[:300]
        answer |= {"seconds": time.process_time() - began, "memory": _peak() - before}
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    _serve()
