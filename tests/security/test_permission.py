"""Every door asks: each route, page and function against a table written by hand, for every role, both ways.

A cell is proved twice: the role as it is gets what the table says, and with that one action taken away from it
is refused with that action's name. So no route can pass by asking for nothing, or for something else.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from kb.config import ROOT
from kb.doors.wiring import Desk
from kb.errors import KBError, NotAllowedError
from kb.people import users
from kb.people.users import ALLOWED, Action, Reach, Role, User
from tests.on_call import client
from tests.small_base import markdown

HERE = Path(__file__).parent
OPEN = ("open to everybody", "own rows only")
ROLES = list(Role)


def section(name: str) -> dict[str, str]:
    """A table of `doors.md`: door → what it asks for."""
    text = (HERE / "doors.md").read_text("utf-8").split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    assert len({door for door, _ in rows}) == len(rows)
    return {door: asks for door, asks in rows[1:] if not door.startswith("-")}


ROUTES, PAGES, FREE = section("Routes"), section("Pages"), section("Functions that ask for nothing")


def without(action: Action) -> Mapping[Role, Mapping[Action, Reach]]:
    """`ALLOWED` with one action taken away from everybody."""
    return {role: {a: reach for a, reach in row.items() if a is not action} for role, row in ALLOWED.items()}


# --- the lists are whole -------------------------------------------------------------------------


def modules_with_routes() -> list[str]:
    """The modules that app.py takes routes from."""
    tree = ast.parse((ROOT / "app.py").read_text("utf-8"))
    (given,) = [k.value for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords if k.arg == "routes"]
    names = re.findall(r"\*(\w+)\.routes\(desk\(\)\)", ast.unparse(given))
    assert ast.unparse(given) == "[" + ", ".join(f"*{name}.routes(desk())" for name in names) + "]"
    return names


def routes(desk: Desk) -> list[Route]:
    found = [one for name in modules_with_routes() for one in importlib.import_module(f"kb.doors.{name}").routes(desk)]
    assert all(isinstance(one, Route) for one in found)  # a websocket or a mount of ours would need its own test
    return found


def test_every_route_of_the_app_is_declared_and_no_other(call_desk: Desk) -> None:
    there = {f"{method} {one.path}" for one in routes(call_desk) for method in (one.methods or ()) if method != "HEAD"}
    assert there == set(ROUTES)


def test_every_page_is_declared_and_no_other() -> None:
    tree = ast.parse((ROOT / "kb/doors/ui/shell.py").read_text("utf-8"))
    (pages,) = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "PAGES"
    ]
    assert isinstance(pages, ast.Tuple)
    rows = [row.elts for row in pages.elts if isinstance(row, ast.Tuple)]
    assert len(rows) == len(pages.elts)
    needs = {ast.literal_eval(row[0]): Action[ast.unparse(row[3]).removeprefix("Action.")].value for row in rows}
    assert needs == PAGES


def test_every_door_asks_for_an_action_that_there_is() -> None:
    actions = {action.value for action in Action}
    asked = {asks for asks in (*ROUTES.values(), *PAGES.values()) if not asks.startswith(OPEN)}
    assert asked - actions == set()


# --- functions -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Function:
    """One public function of a room that acts for somebody."""

    name: str  # kb.calls.call.begin
    first: str  # the action that its first statement requires, '' for none
    own: bool  # it requires it of one's own things only
    calls: frozenset[str]  # full names of what it calls, as far as they are ours: kb.calls.journal.append
    asks: bool  # it requires something itself, anywhere


def rooms() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "kb").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "doors" not in parts:
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), ast.parse(path.read_text("utf-8"))


def _functions(module: str, tree: ast.Module) -> Iterator[tuple[Function, bool]]:
    names = _names(module, tree)
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        named = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
        inside = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
        first = next((one for one in node.body if not _is_text(one)), None)
        asked = ast.unparse(first) if first else ""
        found = re.match(r"require\(by, Action\.(\w+)", asked)
        yield (
            Function(
                f"{module}.{node.name}",
                Action[found[1]].value if found else "",
                "owner=" in asked,
                frozenset(filter(None, (_meant(ast.unparse(one.func), names) for one in inside))),
                _asks(inside),
            ),
            "by" in named and not node.name.startswith("_"),
        )


def _names(module: str, tree: ast.Module) -> dict[str, str]:
    """What a name at the top of a module stands for: its own functions and what it imports of ours."""
    own = {node.name: f"{module}.{node.name}" for node in tree.body if isinstance(node, ast.FunctionDef)}
    brought = (node for node in tree.body if isinstance(node, ast.ImportFrom) and str(node.module).startswith("kb"))
    return own | {one.asname or one.name: f"{node.module}.{one.name}" for node in brought for one in node.names}


def _meant(call: str, names: Mapping[str, str]) -> str:
    """The full name of what a call as written calls, '' for what is not of ours."""
    head, dot, rest = call.partition(".")
    return f"{names[head]}{dot}{rest}" if head in names else ""


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _asks(calls: list[ast.Call]) -> bool:
    return any(ast.unparse(one.func).rpartition(".")[2] in ("require", "may") for one in calls)


FOUND = [pair for module, tree in rooms() for pair in _functions(module, tree)]
EVERY = {one.name: one for one, _ in FOUND}
ACTING = {one.name: one for one, acts in FOUND if acts}
FIRST = {name: one for name, one in ACTING.items() if one.first}


def asks(name: str, every: Mapping[str, Function] = EVERY) -> bool:
    """Whether a function requires something itself, or calls one that does."""
    seen, waiting = {name}, [name]
    while waiting:
        one = every.get(waiting.pop())
        if one is None:
            continue
        if one.first or one.asks:
            return True
        reached = one.calls - seen
        seen |= reached
        waiting += reached
    return False


def test_there_are_functions_that_act_for_somebody() -> None:
    assert {"kb.calls.call.begin", "kb.gaps.gap.record", "kb.people.accounts.add", "kb.people.audit.verify"} <= set(
        ACTING
    )
    assert len(FIRST) > 40


def test_every_function_that_acts_for_somebody_asks_or_is_declared_not_to() -> None:
    silent = {name for name in ACTING if not asks(name)}
    assert silent - set(FREE) == set()
    assert set(FREE) - set(ACTING) == set()  # no stale row


def person(role: Role, **facts: Any) -> User:
    return User("wang.min", "王敏", role, **facts)


def outcome(name: str, by: User) -> str:
    """The action a function refuses, '' for none. Its arguments are of no kind at all: it has to ask first."""
    module, _, function = name.rpartition(".")
    called = getattr(importlib.import_module(module), function)
    parameters = [one for one in _parameters(called) if one != "by"]
    try:
        called(**{one: MagicMock() for one in parameters}, by=by)
    except NotAllowedError as error:
        return str(error.facts.get("action", error.code))
    except Exception:
        return ""  # it went on, and the arguments were nonsense
    return ""


def _parameters(called: Any) -> list[str]:
    import inspect

    return [name for name, one in inspect.signature(called).parameters.items() if one.default is one.empty]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", FIRST)
def test_a_function_refuses_a_role_that_may_not_and_no_other(
    name: str, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = FIRST[name]
    reach = ALLOWED[role].get(Action(one.first), Reach.NONE)
    if reach is Reach.NONE:
        assert outcome(name, person(role)) == one.first
    elif reach is Reach.ALL or not one.own:
        assert outcome(name, person(role)) != one.first
    monkeypatch.setattr(users, "ALLOWED", without(Action(one.first)))
    assert outcome(name, person(role)) == one.first


# --- routes --------------------------------------------------------------------------------------

BODIES: Mapping[str, Mapping[str, Any]] = {
    "POST /api/search": {"q": "refund"},
    "POST /api/calls": {"call": "C-2"},
    "POST /api/calls/{id}/events": {"events": [{"id": "e9", "kind": "search", "q": "refund"}]},
    "POST /api/calls/{id}/about": {"lang": "en"},
    "POST /api/undo": {"id": "e1"},
    "POST /api/gaps": {"id": "r2", "gap": "G-2", "call": "C-1", "q": "no such thing"},
    "POST /api/gaps/{id}/join": {"id": "r3", "call": "C-1", "q": "the same"},
    "POST /api/gaps/{id}/describe": {"report": "r1", "words": "why"},
    "POST /api/gaps/{id}/told": {"report": "r1"},
    "POST /api/gaps/{id}/untold": {"report": "r1"},
    "POST /api/promises": {"id": "p2", "call": "C-1", "what": "call back", "due": "2036-01-01T10:00:00"},
    "POST /api/flags": {"id": "f1", "call": "C-1", "article": "refund-card-en", "reason": "wrong"},
    "POST /api/preferences": {"keys": {}},
    "POST /api/v1/search": {"q": "refund"},
    "POST /api/v1/calls": {"call": "C-2"},
    "POST /api/v1/calls/{id}/events": {"events": [{"id": "e9", "kind": "search", "q": "refund"}]},
    "POST /api/v1/gaps": {"question": "no such thing"},
    "POST /api/v1/gaps/{id}/reports": {"question": "the same"},
    "POST /api/v1/articles": {"id": "late-en", "category": "troubleshooting", "source": markdown("late-en", "Late")},
    "PUT /api/v1/articles/{id}": {"base": "", "source": markdown("x", "X")},
}
REFUSES = {  # what is asked above is refused for another reason, so that nothing is written to the shared base
    "POST /api/v1/articles": (409, "article_changed"),
    "POST /api/v1/gaps/{id}/replay": (422, "replay_unanswered"),
}
IDS = {"calls": "C-1", "gaps": "G-1", "promises": "p1", "bulletins": "none"}


def prepared(desk: Desk, role: Role) -> TestClient:
    """Somebody of this role on a call, with a gap and a promise of theirs."""
    one = client(desk, person(role))
    due = "2036-01-01T10:00:00"
    for path, body in (
        ("/api/calls", {"call": "C-1"}),
        ("/api/calls/C-1/events", {"events": [{"id": "e1", "kind": "search", "q": "refund"}]}),
        ("/api/gaps", {"id": "r1", "gap": "G-1", "call": "C-1", "q": "unheard of"}),
        ("/api/promises", {"id": "p1", "call": "C-1", "what": "call back", "due": due}),
    ):
        assert one.post(path, content=json.dumps(body)).status_code == 200, path
    return one


def asked(one: TestClient, route: str) -> tuple[int, dict[str, Any]]:
    method, _, path = route.partition(" ")
    place = path.removeprefix("/api/").removeprefix("v1/").split("/")[0] if path.startswith("/api/") else ""
    body, headers = json.dumps(BODIES.get(route, {})), {"content-type": "application/json"}
    answer = one.request(method, path.replace("{id}", IDS.get(place, "x")), content=body, headers=headers)
    told = answer.json()
    return answer.status_code, told | {"error": told.get("code", told.get("error"))}


ASKING = {route: Action(asks) for route, asks in ROUTES.items() if not asks.startswith(OPEN)}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", ASKING)
def test_a_route_refuses_a_role_that_may_not_and_no_other(
    call_desk: Desk, route: str, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, action = prepared(call_desk, role), ASKING[route]
    status, told = asked(one, route)
    if ALLOWED[role].get(action, Reach.NONE) is Reach.NONE:
        assert (status, told["error"]) == (403, "not_allowed")
    elif route in REFUSES:
        assert (status, told["error"]) == REFUSES[route]
    else:
        assert status in (200, 201, 404), told  # 404: what is asked for is not there
    monkeypatch.setattr(users, "ALLOWED", without(action))
    status, told = asked(one, route)
    assert (status, told.get("error")) == (403, "not_allowed"), told
    assert f"({action.value})" in told["message"]


# --- own, team, all ------------------------------------------------------------------------------

OWNERS = {
    "own": person(Role.AGENT, teams=frozenset({"payments"})),
    "team": User("li.na", "Li Na", Role.AGENT, frozenset({"payments"})),
    "other": User("zhao.lei", "Zhao Lei", Role.AGENT, frozenset({"broadband"})),
}
READ_CALL = {  # by hand: whose call may be read
    Role.AGENT: {"own", "team"},
    Role.EDITOR: {"own", "team"},
    Role.SUPERVISOR: {"own", "team", "other"},
    Role.ADMIN: {"own", "team", "other"},
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("whose", OWNERS)
def test_a_call_is_read_and_taken_over_as_far_as_the_role_reaches(call_desk: Desk, role: Role, whose: str) -> None:
    by, owner = person(role, teams=frozenset({"payments"})), OWNERS[whose]
    holder, looker = client(call_desk, owner), client(call_desk, by)
    event = {"id": "e1", "kind": "search", "q": "quiet words"}
    assert holder.post("/api/calls/C-1/events", content=json.dumps({"events": [event]})).status_code == 200
    expected = 200 if whose in READ_CALL[role] else 403
    for path in ("/api/calls/C-1/summary", "/api/calls"):
        answer = looker.post(path, content=json.dumps({"call": "C-1"} if path == "/api/calls" else {}))
        assert answer.status_code == expected, (path, answer.text)
        assert ("quiet words" in answer.text) == (expected == 200 and "summary" in path)
        assert expected == 200 or "zhao" not in answer.text  # not even who holds it


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("whose", ["team", "other"])
def test_what_is_one_persons_own_is_nobody_elses_to_change(call_desk: Desk, role: Role, whose: str) -> None:
    by, owner = person(role, teams=frozenset({"payments"})), OWNERS[whose]
    holder, other = client(call_desk, owner), client(call_desk, by)
    begun = (
        ("/api/calls/C-1/events", {"events": [{"id": "e1", "kind": "search", "q": "refund"}]}),
        ("/api/promises", {"id": "p1", "call": "C-1", "what": "call back", "due": "2036-01-01T10:00:00"}),
        ("/api/gaps", {"id": "r1", "gap": "G-1", "call": "C-1", "q": "unheard of"}),
        ("/api/flags", {"id": "f1", "call": "C-1", "article": "late-en", "reason": "wrong"}),
    )
    for path, body in begun:
        assert holder.post(path, content=json.dumps(body)).status_code == 200
    tried = (
        ("/api/calls/C-1/events", {"events": [{"id": "e2", "kind": "search", "q": "x"}]}),
        ("/api/calls/C-1/about", {"lang": "zh"}),
        ("/api/calls/C-1/end", {}),
        ("/api/calls/C-1/resume", {}),
        ("/api/promises/p1/keep", {}),
        ("/api/promises/p1/reopen", {}),
        ("/api/gaps/G-1/describe", {"report": "r1", "words": "forged"}),
        *(("/api/undo", {"id": id}) for id in ("e1", "p1", "r1", "f1")),
    )
    before = state(call_desk)
    for path, body in tried:
        status = other.post(path, content=json.dumps(body)).status_code
        assert status in (403, 404), (path, status)
    assert state(call_desk) == before


def state(desk: Desk) -> list[Any]:
    """Every row about calls."""
    from kb import tables

    with desk.database.read() as connection:
        watched = (tables.call, tables.event, tables.promise, tables.gap_report, tables.flag)
        return [tuple(row) for table in watched for row in connection.execute(table.select())]


def test_a_refusal_writes_nothing_at_all(call_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    one = prepared(call_desk, Role.AGENT)
    before = state(call_desk)
    for route, action in ASKING.items():
        monkeypatch.setattr(users, "ALLOWED", without(action))
        assert asked(one, route)[0] == 403
    assert state(call_desk) == before


def test_the_test_goes_red_on_a_function_that_asks_for_nothing() -> None:
    tree = ast.parse('def peek(connection, by):\n    """Look."""\n    return connection.execute("…")\n')
    ((one, acts),) = _functions("kb.calls.peek", tree)
    assert acts
    assert (one.first, one.asks) == ("", False)


def test_moments_are_real() -> None:
    assert datetime.now(UTC).year < 2036  # the promises above are due in the future
    assert issubclass(NotAllowedError, KBError)
