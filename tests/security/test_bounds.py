"""100 KB of anything, at every input: nobody else stands still for a quarter of a second, and it ends in a sentence.

Two floods an input here, the worst known ones among them; every flood in `make security`, with its result in
benchmarks/results/bounds.json.
"""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from kb.config import ROOT
from tests.security import assisting, commanding
from tests.security.bounded import ELSEWHERE, chosen, desk_at, functions, of_field, of_function
from tests.security.floods import FLOODS, MOST_STALL, SIZE, Cost, Heart, beating, cost, filled
from tests.security.knocking import FORMS, NO_TEXT, QUERIES, RAW, Field, Knocker
from tests.security.test_permission import ROUTES

RESULT = ROOT / "benchmarks/results/bounds.json"
WORST = json.loads(RESULT.read_text("utf-8"))["inputs"] if RESULT.exists() else {}
FUNCTIONS = {one.name: one for one in functions()}


@pytest.fixture(scope="module")
def heart() -> Iterator[Heart]:
    with beating() as one:
        yield one


# --- the lists are whole -------------------------------------------------------------------------


def test_every_function_that_takes_a_text_is_called_or_declared_not_to_be() -> None:
    unknown = {name: one.unknown for name, one in FUNCTIONS.items() if one.unknown and name not in ELSEWHERE}
    assert unknown == {}
    assert set(ELSEWHERE) - set(FUNCTIONS) == set()  # no stale row
    assert {"kb.text.terms", "kb.masking.mask", "kb.content.articles.parse", "kb.finding.search.search"} <= set(
        FUNCTIONS
    )
    assert len(FUNCTIONS) - len(ELSEWHERE) > 140


def test_every_route_has_fields_or_is_declared_to_take_nothing(tmp_path: Path) -> None:
    knocker = Knocker(desk_at(tmp_path))
    found = {route: knocker.fields(route) for route in ROUTES}
    empty = {route for route, fields in found.items() if not fields}
    assert empty - set(NO_TEXT) == {"GET /api/v1/articles", "GET /api/v1/gaps"} & empty
    assert {*FORMS, *QUERIES, *NO_TEXT, *RAW} - set(ROUTES) == set()
    assert [one.name for one in found["POST /api/gaps/{id}/join"]] == [
        "POST /api/gaps/{id}/join {id}",
        *(f"POST /api/gaps/{{id}}/join {name}" for name in ("id", "call", "q", "ago", "ui", "whole")),
    ]


def test_a_flood_is_a_hundred_kilobytes() -> None:
    sizes = {name: len(flood.encode("utf-8", "surrogatepass")) for name, flood in FLOODS.items()}
    assert {name: size for name, size in sizes.items() if not 0.55 * SIZE < size < 1.1 * SIZE} == {}
    assert len(FLOODS) >= 80


# --- the heart is right --------------------------------------------------------------------------


def test_the_heart_feels_who_holds_the_interpreter_and_not_who_sleeps(heart: Heart) -> None:
    slow = re.compile(r"(a+)+b")
    held = cost(heart, lambda: slow.match("a" * 25), ())
    assert held.stall > MOST_STALL
    assert not held.bounded
    assert cost(heart, lambda: time.sleep(0.5), ()).bounded
    assert cost(heart, lambda: sum(range(3_000_000)) and list(map(str, range(1_000_000))), ()).stall < MOST_STALL


def test_an_error_that_is_no_refusal_is_told(heart: Heart) -> None:
    assert cost(heart, lambda: [][0], (KeyError,)).broke == "IndexError: list index out of range"  # type: ignore[misc]
    assert cost(heart, lambda: {}[0], (KeyError,)).bounded  # type: ignore[misc]


# --- every input ---------------------------------------------------------------------------------


def unbounded(measure: Callable[..., dict[str, Cost]], heart: Heart, one: object, floods: dict[str, str]) -> object:
    """The floods that cost too much, and did so again: a machine that is busy elsewhere is no fault of theirs."""
    again = {flood: floods[flood] for flood, told in measure(heart, one, floods).items() if not told.bounded}
    return {flood: told for flood, told in measure(heart, one, again).items() if not told.bounded}


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in ELSEWHERE])
def test_a_function_bears_any_text(name: str, heart: Heart) -> None:
    assert unbounded(of_function, heart, FUNCTIONS[name], chosen(name, WORST)) == {}


@pytest.fixture(scope="module")
def knocker(tmp_path_factory: pytest.TempPathFactory) -> Knocker:
    return Knocker(desk_at(tmp_path_factory.mktemp("doors")))


@pytest.mark.parametrize("route", ROUTES)
def test_every_field_of_a_route_bears_any_text(route: str, heart: Heart, knocker: Knocker) -> None:
    for field in knocker.fields(route):
        assert unbounded(of_field, heart, field, chosen(field.name, WORST, 1)) == {}, field.name


def test_headers_bear_any_text(heart: Heart, knocker: Knocker) -> None:
    for field in knocker.headers():
        assert unbounded(of_field, heart, field, chosen(field.name, WORST, 3)) == {}, field.name


# --- the command line ----------------------------------------------------------------------------


def test_every_command_is_flooded_or_waits_for_others() -> None:
    names = {one.name for one in commanding.commands()}
    fields = {one.name for one in commanding.fields()}
    taking = {one.name for one in commanding.commands() if any(map(commanding.takes_text, one.parameters))}
    assert {name for name in taking if not any(field.startswith(f"{name} ") for field in fields)} == set()
    assert set(commanding.ENDLESS) & names == set()
    assert {"kb ask", "kb user import", "kb backup restore", "indexer build"} <= names
    assert {where for where in commanding.READ if where not in fields} == set()
    assert len(fields) > 75


def test_a_command_that_is_given_what_it_wants_does_it(tmp_path: Path) -> None:
    """Else the floods would only find out that it is called wrongly."""
    fields = {one.name: one for one in commanding.fields()}
    wanted = {"kb user add id": 0, "kb ask question": 0, "kb key add name": 0, "kb new id": 0, "kb export teams": 0}
    wanted |= {"kb lint path < a.md": 1, "kb history id": 0, "kb backup write target": 0, "kb mask < stdin": 0}
    with commanding.at(tmp_path):
        assert {name: fields[name].send("refund").exit_code for name in wanted} == wanted
        assert "[refund-card-en, " in fields["kb ask question"].send("refund card").stdout


def test_every_place_of_the_command_line_bears_any_text(heart: Heart, tmp_path: Path) -> None:
    def measure(heart: Heart, one: Field, floods: dict[str, str]) -> dict[str, Cost]:
        return of_field(heart, one, floods, commanding.told)

    with commanding.at(tmp_path):
        found = {one.name: unbounded(measure, heart, one, chosen(one.name, WORST, 1)) for one in commanding.fields()}
    assert {name: costs for name, costs in found.items() if costs} == {}


# --- an assistant --------------------------------------------------------------------------------


def test_whatever_an_assistant_says_is_answered_or_refused_briefly(tmp_path: Path) -> None:
    floods = {one: FLOODS[one] for one in ("half characters", "deep JSON", "dots")}
    found = assisting.costs(desk_at(tmp_path), floods)
    assert {"mcp line", "mcp tool", "mcp search question", "mcp search limit", "mcp read_article id"} <= set(found)
    wrong = {name: costs for name, costs in found.items() if not all(one.bounded for one in costs.values())}
    assert wrong == {}


# --- fields of pages -----------------------------------------------------------------------------


def unbounded_fields() -> list[str]:
    """Text fields of pages that take any length, as file:line."""
    found = []
    for path in sorted((ROOT / "kb/doors/ui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            kind = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if kind in ("st.text_input", "st.text_area", "st.chat_input"):
                assert isinstance(node, ast.Call)
                if not any(word.arg == "max_chars" for word in node.keywords):
                    found.append(f"{path.name}:{node.lineno}")
    return found


def test_every_text_field_of_a_page_has_a_length() -> None:
    """Streamlit cuts what a page sends to it, so a browser that does not cannot get around it."""
    assert unbounded_fields() == []


def test_a_field_that_was_sent_more_than_it_takes_has_its_beginning() -> None:
    page = AppTest.from_string("import streamlit as st\nst.text(len(st.text_input('a', max_chars=2_000)))")
    page.run().text_input[0].set_value(filled("a")).run()
    assert page.text[0].value == "2000"
