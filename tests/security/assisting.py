"""What `python -m kb mcp` reads on standard input, filled with floods: a process of its own, a line each.

Its tools and their fields are those that it lists itself. Nobody else waits for it, so that it cannot stall anybody.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kb.config import ROOT
from kb.doors.wiring import Desk
from tests.security.floods import Cost
from tests.security.messaging import Pulse

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "flood", "version": "1"}}
USUAL = {"question": "refund", "lang": "en", "product": "", "limit": 5, "id": "refund-card-en"}
READ = "firstcall://article/"
PATIENCE = 30.0  # seconds for one answer
MOST = 2_000  # characters of an answer that refuses, besides what was said: the protocol's library repeats it
TRACEBACK = "Traceback (most recent call last)"
Place = Callable[[str], bytes]


class Assistant:
    """The process, and somebody who talks to it line by line. Raises TimeoutError where it says no more."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.pulse, self._process, self._log = Pulse("", process.pid), process, log
        self._numbers, self._lines = itertools.count(1), queue.Queue[bytes]()
        threading.Thread(target=self._listen, daemon=True).start()
        self.ask("initialize", HELLO)
        self._write(line("notifications/initialized", {}))

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for said in self._process.stdout:
            self._lines.put(said)

    def _write(self, said: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(said.replace(b"\n", b" ") + b"\n")
        self._process.stdin.flush()

    def ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request."""
        number = next(self._numbers)
        self._write(line(method, params, number))
        return next(one for one in self._heard() if one.get("id") == number)

    def told(self, said: bytes) -> list[dict[str, Any]]:
        """All that is answered to a line, until the process answers whether it is there."""
        self._write(said)
        number = next(self._numbers)
        self._write(line("ping", {}, number))
        return list(itertools.takewhile(lambda one: one.get("id") != number, self._heard()))

    def _heard(self) -> Iterator[dict[str, Any]]:
        while True:
            try:
                yield json.loads(self._lines.get(timeout=PATIENCE))
            except queue.Empty:
                raise TimeoutError(f"no answer; it ended with {self._process.poll()}") from None

    def cost(self, said: bytes) -> Cost:
        """What a line costs; whatever is no answer, or much longer, broke it."""
        used = self.pulse.used()
        try:
            answers = self.told(said)
        except (TimeoutError, OSError, ValueError) as error:
            return Cost(0.0, round(self.pulse.used() - used, 3), f"{type(error).__name__}: {error}")
        long = max((len(json.dumps(one)) for one in answers if refuses(one)), default=0)
        broke = f"{long:,} characters of a refusal" if long > MOST + 2 * len(said) else ""
        if TRACEBACK in self._log.read_text("utf-8", "replace") + json.dumps(answers):
            broke = TRACEBACK
            os.truncate(self._log, 0)
        return Cost(0.0, round(self.pulse.used() - used, 3), broke)


def refuses(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is an error, of the protocol's or a tool's."""
    return "error" in answer or bool(answer.get("result", {}).get("isError"))


def line(method: str, params: object, number: object = None) -> bytes:
    """A message of the protocol; a half character in it is written as JSON may."""
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()


@contextmanager
def started(desk: Desk) -> Iterator[Assistant]:
    """`python -m kb mcp` over this desk's base, for its sample agent, answering by words."""
    here = desk.settings
    env = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    env |= {"KB_ARTICLES": str(here.articles), "KB_HOME": str(here.home), "KB_DATABASE_URL": here.database_url}
    command = [sys.executable, "-m", "kb", "mcp", "--words", "--user", "agent"]
    with tempfile.NamedTemporaryFile() as log:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        process = subprocess.Popen(command, cwd=ROOT, env=env, **pipes)  # type: ignore[call-overload]
        try:
            yield Assistant(process, Path(log.name))
        finally:
            process.kill()
            process.wait()


def places(tools: Mapping[str, Iterable[str]]) -> dict[str, Place]:
    """Where a flood may stand. tools: name → its fields."""
    found: dict[str, Place] = {
        "line": lambda flood: flood.encode("utf-8", "surrogatepass"),
        "method": lambda flood: line(flood, {}, 0),
        "params": lambda flood: line("tools/call", flood, 0),
        "id": lambda flood: line("ping", {}, flood),
        "tool": lambda flood: line("tools/call", {"name": flood, "arguments": {}}, 0),
        "arguments": lambda flood: line("tools/call", {"name": "search", "arguments": flood}, 0),
        "resource": lambda flood: line("resources/read", {"uri": flood}, 0),
        "resource article": lambda flood: line("resources/read", {"uri": READ + flood}, 0),
    }
    for tool, fields in tools.items():
        usual = {field: USUAL[field] for field in fields}
        found |= {f"{tool} {field}": _argument(tool, usual, field) for field in fields}
        found[f"{tool} a field of its own"] = _argument(tool, usual, "")
    return found


def _argument(tool: str, usual: Mapping[str, object], field: str) -> Place:
    def said(flood: str) -> bytes:
        given = {**usual, field: flood} if field else {**usual, flood: ""}
        return line("tools/call", {"name": tool, "arguments": given}, 0)

    return said


def costs(desk: Desk, floods: Mapping[str, str]) -> dict[str, dict[str, Cost]]:
    """What each flood costs each place."""
    found: dict[str, dict[str, Cost]] = {}
    with started(desk) as assistant:
        listed = assistant.ask("tools/list", {})["result"]["tools"]
        tools = {one["name"]: one["inputSchema"]["properties"] for one in listed}
        for name, place in places(tools).items():
            for flood, text in floods.items():
                found.setdefault(f"mcp {name}", {})[flood] = assistant.cost(place(text))
    return found
