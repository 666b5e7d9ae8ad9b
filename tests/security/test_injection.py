"""What is typed stays what it is: in every field of every route, nothing of it becomes a command, a path or a page."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import journal
from kb.config import ROOT
from kb.db import Database
from kb.doors.wiring import Desk
from kb.people import accounts, audit, roster
from kb.people.users import OPERATOR, Role, User
from tests import gated
from tests.on_call import client
from tests.people_on_the_floor import MAY
from tests.security.payloads import hostile

SQL = [
    "' OR 1=1 --",
    "'; DROP TABLE event; --",
    '"; DELETE FROM call; --',
    "') UNION SELECT password FROM user --",
    "1); ATTACH DATABASE '/tmp/x' AS x; --",
    "%' AND 1=(SELECT count(*) FROM user) AND '%'='",
    "\\'; VACUUM; --",
    "x' || (SELECT key FROM session) || '",
]
SEARCH = [
    'title:"refund" OR *:*',
    "state:wip",
    "teams:board",
    "*",
    "a*",
    "/.*/",
    "refund~9999999999",
    "refund^1e308",
    "[a TO z]",
    "(((((((((((((((",
    '"',
    "\\",
    "NOT refund",
    "+refund -card",
    "IN [secret-en]",
    "NEAR/999999(a b)",
    "product:" + "x" * 3000,
    "lang:" + "é" * 3000,
    "((((a OR " * 400,
]
FORMAT = ["{0}", "{hits}", "{0.__class__.__mro__}", "%s%n%x", "{{7*7}}", "${7*7}", "$(id)", "`id`", "| id", "; id"]
PATHS = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "....//....//etc/passwd",
    "/etc/passwd",
    "C:\\windows\\win.ini",
    "file:///etc/passwd",
    "refund-card-en/../../secret",
    "..\\..\\secret",
    "secret-en\x00.md",
    "~root/.ssh/id_rsa",
]
BREAKS = [
    "a\r\nSet-Cookie: evil=1",
    "a\nLocation: //evil.example",
    "a\u2028b",
    "a\x00b",
    "\ud800",
    "é" * 5000,
    "\x1b[2J",
]
FORMULAS = ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://evil.example")']
INSIDE = re.compile(  # of no answer
    rf"Traceback|sqlite3|sqlalchemy|OperationalError|argon2|{re.escape(str(ROOT))}|/site-packages/"
)
ALL = [*SQL, *SEARCH, *FORMAT, *PATHS, *BREAKS, *FORMULAS, *hostile()[::97]]

FIELDS: Mapping[str, Mapping[str, Any]] = {
    "/api/search": {"q": "refund", "lang": "", "product": "", "prefer_lang": ""},
    "/api/calls": {"call": "C-1", "q": "", "product": "", "lang": ""},
    "/api/calls/C-1/about": {"product": "", "lang": ""},
    "/api/gaps": {"id": "r9", "gap": "G-9", "call": "C-1", "q": "x", "product": ""},
    "/api/gaps/G-1/join": {"id": "r8", "call": "C-1", "q": "x"},
    "/api/gaps/G-1/describe": {"report": "r1", "kind": "", "words": "", "answered": "", "suggestion": ""},
    "/api/promises": {"id": "p9", "call": "C-1", "what": "x", "due": "2036-01-01T10:00:00", "gap": ""},
    "/api/flags": {
        "id": "f9",
        "call": "C-1",
        "article": "late-en",
        "version": "",
        "sentence": "",
        "reason": "wrong",
        "note": "",
    },
    "/api/undo": {"id": "e1"},
}


def _begun(desk: Desk) -> Any:
    one = client(desk, MAY)
    for path, body in (
        ("/api/calls", {"call": "C-1"}),
        ("/api/gaps", {"id": "r1", "gap": "G-1", "call": "C-1", "q": "unheard of"}),
    ):
        assert one.post(path, content=json.dumps(body)).status_code == 200
    return one


@pytest.mark.parametrize("path", FIELDS)
def test_no_field_of_a_route_is_a_command(call_desk: Desk, path: str) -> None:
    one = _begun(call_desk)
    there = set(sa.inspect(call_desk.database._engine).get_table_names())
    for field in FIELDS[path]:
        for text in ALL:
            answer = one.post(path, content=json.dumps({**FIELDS[path], field: text}))
            assert answer.status_code in (200, 400, 403, 404), (field, text, answer.text)
            assert answer.headers["content-type"] == "application/json"
            assert set(answer.headers) <= {"content-type", "content-length", "cache-control"}
            told = answer.json()
            assert not INSIDE.search(json.dumps(told, ensure_ascii=False))
            if path == "/api/search" and answer.status_code == 200:
                assert "secret-en" not in {hit["article"] for hit in told["hits"]}
                assert all(hit["state"] in ("validated", "not-validated") for hit in told["hits"])
    assert set(sa.inspect(call_desk.database._engine).get_table_names()) == there
    with call_desk.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.call)) or 0 >= 1


@pytest.mark.parametrize("text", [*SQL, *FORMAT, *BREAKS[:4]])
def test_what_is_typed_is_kept_as_it_is(call_desk: Desk, text: str) -> None:
    one = _begun(call_desk)
    event = {"id": "e1", "kind": "search", "q": f"before {text} after"}
    assert one.post("/api/calls/C-1/events", content=json.dumps({"events": [event]})).status_code == 200
    with call_desk.database.read() as connection:
        (found,) = [one.query for one in journal.trail(connection, "C-1") if one.kind == "search"]
    kept = " ".join(re.sub(r"[\x00-\x1f\u2028]", " ", f"before {text} after").split())
    assert " ".join(found.split()) == kept


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out(call_desk: Desk, path: str) -> None:
    assert call_desk.read(path, MAY) is None
    with gated.client(call_desk) as browser:
        for asked in (f"/static/{path}", f"/{path}", f"/media/{path}", f"/component/{path}", f"/api/{path}"):
            answer = browser.get(asked.replace("\x00", "%00"))
            assert answer.status_code in (303, 400, 404), asked
            assert "root:" not in answer.text


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_methods_that_nobody_uses_do_nothing(call_desk: Desk, method: str) -> None:
    with gated.client(call_desk) as browser:
        for path in ("/api/search", "/sign-in", "/healthz"):
            assert browser.request(method, path).status_code == 405


@pytest.mark.parametrize("text", BREAKS[:3])
def test_nothing_typed_becomes_a_header(call_desk: Desk, text: str) -> None:
    with gated.client(call_desk, sample="") as browser:
        answers = [
            browser.post("/sign-in", data={"name": text, "password": text, "next": f"/{text}", "hl": text}),
            browser.get("/sign-in", params={"next": f"/x?{text}", "hl": text}),
            browser.get("/gaps", params={"q": text}),
            browser.post("/sign-out", params={"hl": text}),
        ]
    for answer in answers:
        assert "evil" not in answer.headers.get("set-cookie", "")
        assert not answer.headers.get("location", "/").startswith("//")
        assert all("\n" not in value and "\r" not in value for value in answer.headers.values())


@pytest.mark.parametrize("text", [*FORMULAS, *SQL[:3]])
def test_no_formula_gets_in_with_a_list_of_people_or_out_with_the_log(database: Database, text: str) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([["id", "role", "name"], [text, "agent", "x"]])
    rows, wrong = roster.read(file.getvalue())
    assert (rows, len(wrong)) == ([], 1)
    with database.write() as connection:
        accounts.add(connection, OPERATOR, User("li.na", text, Role.AGENT), "quiet harbour 7", datetime.now(UTC))
        audit.append(connection, "li.na", "edit", datetime.now(UTC), text, why=text)
        (entry, *_) = audit.entries(connection, OPERATOR)
    assert "\n" not in entry.facts
    assert json.loads(entry.facts) == {"why": text}


def test_a_log_of_many_lines_cannot_be_forged_by_one_entry(database: Database) -> None:
    with database.write() as connection:
        audit.append(
            connection, "li.na", "edit", datetime.now(UTC), "a\n2\t2026-01-01 00:00:00\tadmin\trole\tx", why="a\nb"
        )
        (entry,) = audit.entries(connection, OPERATOR)
    assert "\n" not in entry.facts
    from click.testing import CliRunner

    from kb.doors.cli import main

    env = {"KB_DATABASE_URL": database.url.render_as_string(hide_password=False)}
    told = CliRunner().invoke(main, ["audit", "list"], env=env, catch_exceptions=False)
    assert len(told.output.splitlines()) == 1


def test_the_house_runs_no_text_as_code_and_starts_no_shell() -> None:
    found = []
    for path in [*(ROOT / "kb").rglob("*.py"), *(ROOT / "indexer").rglob("*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in ("eval", "exec", "compile", "os.system", "os.popen") or "pickle" in name:
                    found.append(f"{path.name}:{node.lineno} {name}")
                if any(k.arg == "shell" and getattr(k.value, "value", None) is True for k in node.keywords):
                    found.append(f"{path.name}:{node.lineno} shell=True")
    assert found == []


NAMED_BY_DATA = re.compile(r"\w+\[(?!\d|\"|')[^\[\]]+\]\s*(?:=|\|\|=|\?\?=)(?![=>])")


def test_no_name_from_data_reaches_the_prototype_of_a_page_of_ours() -> None:
    """Two places write by a name that comes with data: the bar's own actions, and an article's slots."""
    written = {
        (path.name, found.strip())
        for path in (ROOT / "kb/doors/ui").glob("*/*.js")
        for found in NAMED_BY_DATA.findall(path.read_text("utf-8"))
    }
    assert written == {("sheet.js", "keys[action] ="), ("say.js", "values[name] =")}
    say = (ROOT / "kb/doors/ui/say/say.js").read_text("utf-8")
    assert say.count("Object.create(null)") == 3  # begun, read back, and read back broken
    assert "values: {}" not in say
