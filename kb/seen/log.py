"""The program's log: one JSON object a line, with what happened and where, and nothing that anybody said.

    {"at": "2026-11-22T02:03:04.567Z", "level": "warning", "event": "could_not", "request": "9f86d081884c7d65", …}

Personal data stays out by construction: a fact is a number or a word of the program's own (`FACTS` says which facts
there are and how each must look); an exception is its type, its code and its place, never its message; of a library's
line only what stands in its source is told. So nothing has to be recognised in order to be left out.
"""

from __future__ import annotations

import errno
import functools
import json
import linecache
import logging
import re
import secrets
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any

OURS = "firstcall"
NUMBER, WORD, NAME = "number", r"[a-z][a-z0-9_]{0,59}", r"[A-Z][A-Z0-9_]{1,39}"
FACTS: Mapping[str, str] = {  # the name of a fact → how its value looks; any other name or look is left out
    "code": WORD,  # of a KBError
    "count": NUMBER,
    "generation": r"[0-9A-Za-z~-]{1,60}",
    "kind": r"[a-z][a-z_.]{0,59}",
    "method": r"[A-Z]{1,10}",
    "ms": NUMBER,
    "page": WORD,
    "port": NUMBER,
    "route": r"/[A-Za-z0-9_/{}.:-]{0,99}",
    "seconds": NUMBER,
    "state": WORD,
    "status": NUMBER,
    "work": r"[a-z ]{1,60}",  # of a thread
}
LEFT_OUT = "?"
CAUSES = 5  # of an exception, that are told
CALL_LINES = 8  # of a call that logs, in which its message may stand
ROOT = Path(__file__).resolve().parents[2]

_request: ContextVar[str] = ContextVar("request", default="")


class Log:
    """`log.warning("could_not", error, work="rebuild")`. Facts are those of `FACTS`."""

    def __init__(self) -> None:
        self._logger = logging.getLogger(OURS)

    def info(self, event: str, **facts: object) -> None:
        """Something happened as it should."""
        self._write(logging.INFO, event, facts)

    def warning(self, event: str, error: BaseException | None = None, **facts: object) -> None:
        """Something somebody may have to look at, in time; `error` is why."""
        self._write(logging.WARNING, event, facts, error)

    def failed(self, event: str, **facts: object) -> None:
        """Something went wrong that should not; called where the exception is caught."""
        self._write(logging.ERROR, event, facts, sys.exception())

    def _write(self, level: int, event: str, facts: Mapping[str, object], error: BaseException | None = None) -> None:
        self._logger.log(level, event, extra={"facts": facts}, exc_info=error)


log = Log()


@contextmanager
def request() -> Iterator[str]:
    """One request: every line of it, also those of the threads it works in, has the id that is given here."""
    id = secrets.token_hex(8)
    before = _request.set(id)
    try:
        yield id
    finally:
        _request.reset(before)


# --- a line --------------------------------------------------------------------------------------


class Lines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object, without a line break in it."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"at": at.replace("+00:00", "Z"), "level": record.levelname.lower()}
        line |= _ours(record) if record.name == OURS else _librarys(record)
        if id := _request.get():
            line["request"] = id
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = exceptions(record.exc_info[1])
        return json.dumps(line)


def _ours(record: logging.LogRecord) -> dict[str, Any]:
    event = record.msg if re.fullmatch(WORD, str(record.msg)) else LEFT_OUT
    return {"event": event, **told(getattr(record, "facts", {}))}


def told(facts: Mapping[str, object]) -> dict[str, object]:
    """The facts of an event as they may be written: unknown ones are dropped, a value of another look is `?`."""
    return {name: _value(FACTS[name], value) for name, value in facts.items() if name in FACTS}


def _value(look: str, value: object) -> object:
    if look == NUMBER:
        return value if isinstance(value, int | float) else LEFT_OUT
    return value if isinstance(value, str) and re.fullmatch(look, value) else LEFT_OUT


def _librarys(record: logging.LogRecord) -> dict[str, Any]:
    """A library's line: whose, where, and its message as it stands in the source, with nothing filled in."""
    line = {"event": "library", "logger": record.name, "place": place(record.pathname, record.lineno, record.funcName)}
    if isinstance(record.msg, str) and _stands_in(record.pathname, record.lineno, record.msg):
        line["message"] = record.msg
    return line


@functools.lru_cache(1000)
def _stands_in(path: str, line: int, message: str) -> bool:
    """Whether a message stands between quotes in the call that logged it: then nobody's words are in it."""
    call = "".join(linecache.getline(path, line + n) for n in range(CALL_LINES))
    written = message.replace("\n", "\\n")
    return any(f"{quote}{written}{quote}" in call for quote in ('"', "'"))


def exceptions(error: BaseException) -> list[dict[str, str]]:
    """An exception and what caused it, the outermost first: type, code if it has one, and the innermost place."""
    found: list[dict[str, str]] = []
    one: BaseException | None = error
    while one is not None and len(found) < CAUSES:
        kind = type(one)
        told = {"type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")}
        told |= {name: found for name, look, found in _said(one) if re.fullmatch(look, found)}
        found.append(told | _places(one.__traceback__))
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return found


def _said(error: BaseException) -> Iterator[tuple[str, str, str]]:
    """What an exception says of itself by names of the program's own: (name, look, value)."""
    yield "code", WORD, str(getattr(error, "code", ""))
    yield "reason", NAME, str(getattr(error, "sqlite_errorname", ""))
    yield "reason", NAME, errno.errorcode.get(getattr(error, "errno", None) or 0, "")


def _places(traceback: TracebackType | None) -> dict[str, str]:
    """Where it was raised and, where that is in a library, which line of ours led there."""
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append((code.co_filename, place(code.co_filename, traceback.tb_lineno, code.co_name)))
        traceback = traceback.tb_next
    if not places:
        return {}
    ours = [said for file, said in places if _is_ours(file)]
    found = {"place": places[-1][1]}
    return found | ({"by": ours[-1]} if ours and ours[-1] != found["place"] else {})


def _is_ours(file: str) -> bool:
    return "site-packages" not in file and Path(file).is_relative_to(ROOT)


def place(file: str, line: int, function: str) -> str:
    """`kb/db.py:120 in read`: a file from the program's or the library's own folder on."""
    path = Path(file)
    if "site-packages" in path.parts:
        parts = path.parts[path.parts.index("site-packages") + 1 :]
    else:
        parts = path.relative_to(ROOT).parts if _is_ours(file) else path.parts[-1:]
    return f"{'/'.join(parts)}:{line} in {function}"


# --- where it goes -------------------------------------------------------------------------------


def set_up(file: Path | None = None) -> None:
    """Send every line of this process, a library's too, to standard error or to the end of a file.

    A file that is moved away (logrotate) is begun anew. Raises OSError where it cannot be written.
    """
    handler = WatchedFileHandler(file, encoding="utf-8") if file else logging.StreamHandler()
    handler.setFormatter(Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(logging.INFO)
    for one in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(one, logging.Logger):
            hand_over(one)
    logging.raiseExceptions = False  # a line that cannot be written is lost, and not told with what is in it
    logging.captureWarnings(True)
    sys.excepthook = _crashed
    sys.unraisablehook = lambda found: _untold(found.exc_value)
    threading.excepthook = lambda found: _untold(found.exc_value)


def hand_over(logger: logging.Logger) -> None:
    """A library's logger writes nothing by itself any more."""
    logger.handlers[:] = []
    logger.propagate = True


def _crashed(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _untold(error)


def _untold(error: BaseException | None) -> None:
    """What nobody caught."""
    if error is not None:
        logging.getLogger(OURS).error("uncaught", extra={"facts": {}}, exc_info=error)
