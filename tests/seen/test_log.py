"""The program's log: lines of JSON with what happened and where, and nothing that anybody said."""

from __future__ import annotations

import ast
import json
import logging
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.config import ROOT
from kb.errors import AwayError, StoreError
from kb.seen import log as room
from kb.seen.log import FACTS, Lines, hand_over, log, request

SAID = "王敏 13812345678 refund 10.2.3.4"


@pytest.fixture
def lines() -> Iterator[list[dict[str, object]]]:
    """What is logged meanwhile, as it would be written."""
    found: list[dict[str, object]] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written = Lines().format(record)
            assert "\n" not in written
            found.append(json.loads(written))

    handler, root = Kept(), logging.getLogger()
    root.addHandler(handler)
    logging.getLogger(room.OURS).setLevel(logging.INFO)
    yield found
    root.removeHandler(handler)
    logging.getLogger(room.OURS).setLevel(logging.NOTSET)


def test_a_line_says_when_how_bad_what_and_its_facts(lines: list[dict[str, object]]) -> None:
    log.info("request", method="POST", route="/api/calls/{id}/end", status=200, ms=12.5)
    (line,) = lines
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line.pop("at")))
    assert line == {
        "level": "info",
        "event": "request",
        "method": "POST",
        "route": "/api/calls/{id}/end",
        "status": 200,
        "ms": 12.5,
    }


@pytest.mark.parametrize("name", FACTS)
def test_no_fact_can_hold_what_somebody_said(lines: list[dict[str, object]], name: str) -> None:
    other = 138.0 if FACTS[name] != "number" else "1"
    for said in (SAID, "Wang Min", "/gaps?q=王敏", "a\nb", {"q": SAID}, [SAID], other):
        log.info("request", **{name: said})
    assert [line[name] for line in lines] == ["?"] * 7


def test_a_fact_nobody_declared_is_dropped_and_an_event_is_a_word(lines: list[dict[str, object]]) -> None:
    log.warning("request", query=SAID, user="wang.min")  # type: ignore[arg-type]
    log.warning(f"asked {SAID}")
    assert [set(line) - {"at", "level"} for line in lines] == [{"event"}, {"event"}]
    assert [line["event"] for line in lines] == ["request", "?"]


def test_an_exception_is_its_type_its_code_its_reason_and_its_place(lines: list[dict[str, object]]) -> None:
    def locked() -> None:
        error = sqlite3.OperationalError(SAID)
        error.sqlite_errorname = "SQLITE_BUSY"
        raise error

    try:
        try:
            locked()
        except sqlite3.Error as error:
            raise AwayError("store_unusable", problem=SAID) from error
    except StoreError as error:
        log.warning("record_spooled", error)
    told = lines[0]["exception"]
    assert isinstance(told, list)
    assert [(one["type"], one.get("code"), one.get("reason")) for one in told] == [
        ("kb.errors.AwayError", "store_unusable", None),
        ("sqlite3.OperationalError", None, "SQLITE_BUSY"),
    ]
    assert re.fullmatch(r"tests/seen/test_log\.py:\d+ in locked", told[1]["place"])


def test_an_error_of_the_system_is_told_by_its_name(lines: list[dict[str, object]]) -> None:
    try:
        Path(f"/nowhere/{SAID}").read_bytes()
    except OSError as error:
        log.warning("could_not", error, work="rebuild")
    (line,) = lines
    (told,) = line["exception"]  # type: ignore[misc]
    assert (line["work"], told["type"], told["reason"]) == ("rebuild", "FileNotFoundError", "ENOENT")
    assert re.fullmatch(r"pathlib\.py:\d+ in \w+", told["place"])
    assert re.fullmatch(r"tests/seen/test_log\.py:\d+ in test_an_error\w+", told["by"])


def test_a_librarys_line_is_what_stands_in_its_source_and_nothing_else(lines: list[dict[str, object]]) -> None:
    library = logging.getLogger("some.library")
    library.warning("asked %s", SAID)
    library.warning(f"asked {SAID}")
    library.warning(SAID)
    library.error("broken\n", exc_info=ValueError(SAID))
    assert [line.get("message") for line in lines] == ["asked %s", None, None, "broken\n"]
    assert {line["logger"] for line in lines} == {"some.library"}
    assert lines[3]["exception"] == [{"type": "ValueError"}]


def test_a_page_that_fails_is_a_line_and_no_traceback(
    lines: list[dict[str, object]], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `app` has it: Streamlit gives each of its loggers a handler, and again whenever it reads its options."""
    from streamlit import error_util
    from streamlit import logger as streamlit_logger

    monkeypatch.setattr(streamlit_logger, "setup_formatter", hand_over)
    streamlit_logger.update_formatter()
    error_util._log_uncaught_app_exception(ValueError(SAID))
    (line,) = lines
    assert (line["message"], line["exception"]) == ("Uncaught app execution", [{"type": "ValueError"}])
    assert capfd.readouterr() == ("", "")


def test_nothing_said_is_in_any_of_it(lines: list[dict[str, object]]) -> None:
    test_a_librarys_line_is_what_stands_in_its_source_and_nothing_else(lines)
    written = json.dumps(lines, ensure_ascii=False)
    assert not any(word in written for word in SAID.split())


def test_every_line_of_a_request_has_its_id(lines: list[dict[str, object]]) -> None:
    with request() as first:
        log.info("request", status=200)
        with request() as second:
            log.info("request", status=200)
    log.info("request", status=200)
    assert [line.get("request") for line in lines] == [first, second, None]
    assert re.fullmatch(r"[0-9a-f]{16}", first)
    assert first != second


def test_a_librarys_logger_that_wrote_by_itself_no_longer_does(lines: list[dict[str, object]]) -> None:
    own = logging.getLogger("writes.by.itself")
    own.addHandler(logging.StreamHandler())
    own.propagate = False
    own.warning("unheard")
    hand_over(own)
    own.warning("heard")
    assert [line.get("message") for line in lines] == ["heard"]


SCRIPT = """
import logging, sys, threading, warnings
from pathlib import Path
from kb.seen.log import log, set_up
set_up(Path(sys.argv[1]) if sys.argv[1:] else None)
said = "王敏 13812345678"
def fail():
    raise ValueError(said)
one = threading.Thread(target=fail); one.start(); one.join()
warnings.warn(said)
logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=ValueError(said))
log.info("gap_moved", state="verified")
fail()
"""


@pytest.mark.parametrize("to_a_file", [False, True])
def test_all_that_a_process_says_is_lines_of_it(tmp_path: Path, to_a_file: bool) -> None:
    """A thread that fails, a warning, a library, a crash: nothing reaches standard error any other way."""
    file = tmp_path / "log.jsonl"
    given = [str(file)] if to_a_file else []
    done = subprocess.run([sys.executable, "-c", SCRIPT, *given], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    written = file.read_text("utf-8") if to_a_file else done.stderr
    assert bool(done.stderr) == (not to_a_file)
    found = [json.loads(line) for line in written.splitlines()]
    assert [one["event"] for one in found] == ["uncaught", "library", "library", "gap_moved", "uncaught"]
    assert [one.get("exception", [{}])[0].get("type") for one in found] == [
        *("ValueError", None, "ValueError", None, "ValueError"),
    ]
    assert found[0]["exception"][0]["place"].endswith(" in fail")
    assert "王敏" not in json.dumps(found, ensure_ascii=False)
    assert "138" not in written


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of `log.info`, `log.warning`, `log.failed` in our code."""
    for path in sorted([*(ROOT / "kb").rglob("*.py"), *(ROOT / "indexer").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and re.fullmatch(r"log\.(info|warning|failed)", ast.unparse(node.func)):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_event_we_log_is_a_constant_with_facts_that_are_declared() -> None:
    found = list(calls())
    assert len(found) > 10
    for where, call in found:
        event = call.args[0]
        assert isinstance(event, ast.Constant), where
        assert re.fullmatch(room.WORD, str(event.value)), where
        assert {one.arg for one in call.keywords} <= set(FACTS), where


def test_threads_do_not_mix_their_requests(lines: list[dict[str, object]]) -> None:
    gate = threading.Barrier(2)

    def work(ids: list[str]) -> None:
        with request() as id:
            ids.append(id)
            gate.wait()
            log.info("request", status=200)

    ids: list[str] = []
    threads = [threading.Thread(target=work, args=(ids,)) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(str(line["request"]) for line in lines) == sorted(ids)
