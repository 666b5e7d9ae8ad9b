"""`/api/v1` from outside: every answer in its shape, every refusal with its status, each scope and no more."""

from __future__ import annotations

import copy
import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from kb import tables
from kb.calls import call
from kb.doors import v1
from kb.doors.v1 import openapi
from kb.doors.v1.door import Door
from kb.doors.v1.table import DOORS
from kb.doors.wiring import Desk
from kb.gaps import gap, moves, replay
from kb.gaps.replay import Line, Proof
from kb.people import keys
from kb.people.users import GRANTED, OPERATOR, Role, User
from kb.systems import outbox, webhooks
from tests import gated
from tests.new_database import new_database
from tests.on_call import CARD_EN, desk_of
from tests.people_on_the_floor import PHONE
from tests.postgres import Server, started
from tests.small_base import SmallBase, markdown
from tests.waiting import within

ROOT = Path(__file__).parents[3]
JSON = {"content-type": "application/json"}
EVERY = tuple(GRANTED)
SUPERVISOR = User("sue", "Sue", Role.SUPERVISOR)


@pytest.fixture
def desk(call_base: SmallBase, tmp_path: Path) -> Iterator[Desk]:
    """A desk whose articles may be written to."""
    shutil.copytree(call_base.home, tmp_path / "home")
    new_database(tmp_path / "firstcall.sqlite").close()
    made = desk_of(SmallBase(tmp_path / "home", call_base.encoder), tmp_path / "firstcall.sqlite")
    yield made
    made.database.close()


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with gated.client(desk, sample="") as one:
        yield one


def key(desk: Desk, *scopes: str, teams: tuple[str, ...] = (), langs: tuple[str, ...] = ()) -> str:
    with desk.database.write() as connection:
        return keys.add(connection, OPERATOR, "our CRM", scopes, datetime.now(UTC), teams=teams, langs=langs)


class Program:
    """Somebody's program with its key."""

    def __init__(self, client: TestClient, shown: str) -> None:
        self.client, self.headers = client, {"authorization": f"Bearer {shown}"}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        content = None if body is None else body if isinstance(body, bytes | str) else json.dumps(body)
        if body is not None:
            sent = JSON | sent
        answer = self.client.request(method, f"/api/v1/{path}", content=content, headers=sent)
        return answer.status_code, answer.json()

    def told(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """What is answered, which fits what the documentation says of it."""
        status, answer = self.ask(method, path, body, **headers)
        fits(method, path, status, answer)
        assert status < 300, answer
        return answer

    def refused(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        status, answer = self.ask(method, path, body, **headers)
        fits(method, path, status, answer)
        assert set(answer) == {"code", "message"}
        assert status >= 400
        return status, answer["code"]


@pytest.fixture
def crm(desk: Desk, client: TestClient) -> Program:
    return Program(client, key(desk, *EVERY))


def door_of(method: str, path: str) -> Door:
    bare = "/api/v1/" + path.partition("?")[0]
    (found,) = (
        one for one in DOORS if one.method == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", one.path), bare)
    )
    return found


def strict(schema: Any) -> Any:
    """The same with no field besides those it names: nothing is told that is not documented."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: strict(one) for name, one in schema.items()}
    return inner | ({"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {})


STRICT = strict(copy.deepcopy(openapi.document()["components"]["schemas"]))


def fits(method: str, path: str, status: int, answer: Mapping[str, Any]) -> None:
    """The status is documented for this door, and the answer has the shape documented for it."""
    operation = openapi.document()["paths"][door_of(method, path).path][method.lower()]
    assert str(status) in operation["responses"], (status, answer)
    named = operation["responses"][str(status)]["content"]["application/json"]["schema"]["$ref"]
    schema = {"$ref": named, "components": {"schemas": STRICT}}
    jsonschema.validate(answer, schema, jsonschema.Draft202012Validator)


# --- the documentation ---------------------------------------------------------------------------


def test_the_documentation_that_is_committed_is_the_one_of_this_code() -> None:
    assert (ROOT / "docs/openapi.json").read_text("utf-8") == openapi.text(), "make openapi"


def test_the_documentation_is_valid_openapi() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    assert list(OpenAPIV31SpecValidator(json.loads(openapi.text())).iter_errors()) == []


def test_the_documentation_is_served_to_everybody(client: TestClient) -> None:
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.json()) == (200, openapi.document())


def test_every_door_is_documented_with_its_scope_and_in_a_sentence() -> None:
    operations = {
        (method.upper(), path): one
        for path, many in openapi.document()["paths"].items()
        for method, one in many.items()
    }
    assert set(operations) == {(one.method, one.path) for one in DOORS}
    for one in DOORS:
        found = operations[one.method, one.path]
        assert found["security"] == [{"key": [one.scope]}]
        assert found["summary"].endswith(".")
        assert ("Idempotency-Key" in [it["name"] for it in found["parameters"]]) is (one.write is not None)
    assert len({one["operationId"] for one in operations.values()}) == len(DOORS)


# --- search and articles -------------------------------------------------------------------------


def test_a_question_finds_the_sentence_to_say(desk: Desk, crm: Program) -> None:
    told = crm.told("POST", "search", {"q": "Refund to an expired card", "limit": 1, "why": True})
    (hit,) = told["hits"]
    assert (hit["article"], hit["say"], hit["twin"]) == ("refund-card-en", CARD_EN, "refund-card-zh")
    assert set(hit["why"]) <= {"answers", "asks", "lexical", "late"}
    assert told["generation"] == desk.served.opened.manifest.generation  # type: ignore[union-attr]
    with desk.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.event)) == 0


def test_a_key_sees_the_articles_of_its_teams_and_languages_and_no_other(desk: Desk, client: TestClient) -> None:
    scopes = ("articles:read", "search")
    plain, board = Program(client, key(desk, *scopes)), Program(client, key(desk, *scopes, teams=("board",)))
    chinese = Program(client, key(desk, *scopes, langs=("zh",)))

    def ids(one: Program) -> list[str]:
        return [article["id"] for article in one.told("GET", "articles")["articles"]]

    assert ids(plain) == ["late-en", "red-light-zh", "refund-card-en", "refund-card-zh", "vacuum-en"]
    assert ids(board) == [*ids(plain)[:-1], "secret-en", "vacuum-en"]
    assert ids(chinese) == ["red-light-zh", "refund-card-zh"]
    for id in ("secret-en", "draft-zh", "vote-en", "nothing"):
        assert plain.refused("GET", f"articles/{id}") == (404, "article_not_found")
    assert chinese.refused("GET", "articles/late-en") == (404, "article_not_found")
    assert {hit["lang"] for hit in chinese.told("POST", "search", {"q": "refund card 退款"})["hits"]} == {"zh-CN"}
    assert board.told("GET", "articles/secret-en")["article"]["title"] == "The merger"


def test_an_article_is_read_whole(desk: Desk, crm: Program) -> None:
    told = crm.told("GET", "articles/refund-card-en")
    source = (desk.settings.articles / "troubleshooting/refund-card-en.md").read_text("utf-8")
    assert (told["source"], told["say"], told["article"]["twin"]) == (source, CARD_EN, "refund-card-zh")
    assert told["article"]["state"] == "validated"


def test_a_list_is_paged_without_loss_or_repetition(crm: Program) -> None:
    whole = crm.told("GET", "articles")["articles"]
    pages, cursor = [], ""
    while True:
        told = crm.told("GET", f"articles?limit=2&cursor={cursor}")
        pages.append(told["articles"])
        if told["next"] is None:
            break
        cursor = told["next"]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == whole
    assert [one["id"] for one in crm.told("GET", "articles?lang=zh&product=R3000")["articles"]] == [
        "red-light-zh",
        "refund-card-zh",
    ]


@pytest.mark.parametrize("cursor", ["x", "bm9uZQ==", "WzFd", "WyJhIiwgMV0=", "%00", "W1tbW1s="])
def test_a_cursor_that_is_none_is_refused(crm: Program, cursor: str) -> None:
    assert crm.refused("GET", f"articles?cursor={cursor}") == (422, "request_field_value")


def test_an_article_is_begun_in_work_and_rewritten_over_the_version_it_was_written_from(
    desk: Desk, crm: Program
) -> None:
    body = {"id": "kettle-en", "category": "products", "source": markdown("kettle-en", "Kettle", state="wip")}
    told = crm.told("POST", "articles", body)
    file = desk.settings.articles / "products/kettle-en.md"
    assert file.read_text("utf-8") == body["source"]
    assert (told["article"]["state"], told["changed"]) == ("wip", True)
    assert "no_owner" in {one["rule"] for one in told["findings"]} or told["findings"]
    base = told["article"]["version"]
    source = markdown("kettle-en", "Kettle and jug", state="wip")
    again = crm.told("PUT", "articles/kettle-en", {"source": source, "base": base})
    assert (again["article"]["title"], file.read_text("utf-8")) == ("Kettle and jug", source)
    stale = {"source": markdown("kettle-en", "Other", state="wip"), "base": base}
    assert crm.refused("PUT", "articles/kettle-en", stale) == (409, "article_changed")
    assert crm.refused("POST", "articles", body) == (409, "article_changed")
    with desk.database.read() as connection:
        causes = connection.execute(sa.select(tables.revision.c.cause, tables.revision.c.by)).all()
    assert [tuple(row) for row in causes] == [("api", f"key:{crm.headers['authorization'][10:22]}")] * 2


@pytest.mark.parametrize("state", ["validated", "not-validated", "archived"])
def test_a_program_shows_no_article_to_agents(desk: Desk, crm: Program, state: str) -> None:
    body = {"id": "kettle-en", "category": "products", "source": markdown("kettle-en", "Kettle", state=state)}
    assert crm.refused("POST", "articles", body)[0] in (403, 422)
    version = crm.told("GET", "articles/late-en")["article"]["version"]
    changed = {"source": markdown("late-en", "Late", state="validated"), "base": version}
    assert crm.refused("PUT", "articles/late-en", changed) == (403, "not_allowed")
    assert not (desk.settings.articles / "products/kettle-en.md").exists()


def test_an_article_that_is_none_names_its_line(crm: Program) -> None:
    body = {"id": "kettle-en", "category": "products", "source": "---\nid: kettle-en\nbad: x\n---\n"}
    assert crm.refused("POST", "articles", body)[0] == 422
    assert crm.refused("POST", "articles", body | {"id": "../x"}) == (422, "request_field_value")
    assert crm.refused("PUT", "articles/nothing", {"source": "x", "base": ""}) == (404, "article_not_found")


# --- calls ---------------------------------------------------------------------------------------


def test_a_call_from_its_beginning_to_its_summary(desk: Desk, crm: Program) -> None:
    begun = crm.told("POST", "calls", {"call": "crm-7", "q": "退到过期的卡", "product": "R3000", "lang": "zh"})
    assert begun["call"]["product"] == "LH-R3000"
    solved = {"id": "e1", "kind": "solved", "article": "refund-card-zh", "rank": 1}
    crm.told("POST", "calls/crm-7/events", {"events": [solved]})
    assert crm.told("POST", "calls/crm-7/end")["call"]["ended_at"] is not None
    told = crm.told("GET", "calls/crm-7/summary", accept_language="zh")
    assert told["questions"] == ["退到过期的卡"]
    assert [(one["article"], one["solved"]) for one in told["told"]] == [("refund-card-zh", True)]
    assert told["text"].split("\n")[1] == "客户问：退到过期的卡"
    assert crm.refused("POST", "calls/none/end") == (404, "call_not_found")
    assert crm.refused("POST", "calls", {"call": PHONE}) == (422, "phone_in_address")


def test_what_is_said_on_a_call_is_masked(desk: Desk, crm: Program) -> None:
    search = {"id": "e1", "kind": "search", "q": f"call me at {PHONE}"}
    crm.told("POST", "calls/crm-7/events", {"events": [search]})
    assert crm.refused("POST", "calls", {"call": "crm-8", "q": PHONE}) == (422, "phone_in_address")
    assert PHONE not in crm.told("GET", "calls/crm-7/summary")["text"]


@pytest.mark.parametrize(("scopes", "tag"), [(("calls",), "key"), (("calls", "real"), "")])
def test_a_call_is_a_real_one_only_where_the_key_says_so(
    desk: Desk, client: TestClient, scopes: tuple[str, ...], tag: str
) -> None:
    Program(client, key(desk, *scopes)).told("POST", "calls", {"call": "crm-7"})
    with desk.database.read() as connection:
        assert connection.scalar(sa.select(tables.call.c.tag)) == tag


def test_an_agent_takes_over_the_call_that_the_telephony_began(desk: Desk, client: TestClient) -> None:
    Program(client, key(desk, "calls", "real")).told("POST", "calls", {"call": "crm-7", "q": "late"})
    may, at = User("may", "May", Role.AGENT, frozenset({"payments"})), datetime.now(UTC)
    with desk.database.write() as connection:
        taken = call.pop(connection, may, "crm-7", at)
    assert (taken.agent, taken.tag) == ("may", "")


# --- gaps ----------------------------------------------------------------------------------------


def test_a_gap_is_recorded_met_again_read_and_listed(desk: Desk, client: TestClient) -> None:
    one = Program(client, key(desk, "gaps:read", "gaps:write", "real"))
    first = one.told("POST", "gaps", {"question": f"digital yuan refund {PHONE}", "product": "R3000", "call": "c-1"})
    again = one.told("POST", f"gaps/{first['gap']}/reports", {"question": "e-CNY", "call": "c-2"})
    assert again["gap"] == first["gap"]
    told = one.told("GET", f"gaps/{first['gap']}")
    facts = told["gap"]
    assert (facts["product"], facts["state"], facts["calls"], facts["agents"]) == ("LH-R3000", "new", 2, 1)
    assert PHONE not in facts["question"]
    assert [report["id"] for report in told["reports"]] == [first["report"], again["report"]]
    other = one.told("POST", "gaps", {"question": "another"})["gap"]
    assert [it["id"] for it in one.told("GET", "gaps")["gaps"]] == [first["gap"], other]
    page = one.told("GET", "gaps?limit=1")
    assert [it["id"] for it in page["gaps"]] == [first["gap"]]
    assert [it["id"] for it in one.told("GET", f"gaps?cursor={page['next']}")["gaps"]] == [other]
    assert one.told("GET", "gaps?state=verified")["gaps"] == []
    assert one.refused("GET", "gaps?state=asleep") == (422, "request_field_value")
    assert one.refused("POST", "gaps/none/reports", {}) == (404, "gap_not_found")
    assert one.refused("POST", "gaps", {"question": "x", "product": "no such thing"}) == (422, "product_unknown")


def test_what_a_key_that_is_not_real_records_stays_apart(desk: Desk, client: TestClient) -> None:
    real = Program(client, key(desk, "gaps:read", "gaps:write", "real"))
    trial = Program(client, key(desk, "gaps:read", "gaps:write"))
    mine, theirs = (one.told("POST", "gaps", {"question": "x"})["gap"] for one in (trial, real))
    assert [one["id"] for one in trial.told("GET", "gaps")["gaps"]] == [theirs]
    assert [one["id"] for one in trial.told("GET", "gaps?apart=true")["gaps"]] == [mine]
    assert trial.refused("POST", f"gaps/{theirs}/reports", {}) == (404, "gap_not_found")
    assert real.told("GET", f"gaps/{theirs}")["gap"]["calls"] == 1


def answered(desk: Desk, question: str, article: str) -> str:
    """The id of a gap of real calls that an article answers."""
    at = datetime.now(UTC)
    with desk.database.write() as connection:
        gap.record(connection, SUPERVISOR, gap.Report("r-1", "g-1", "call-1", "sue", at, question))
        for after in ("triaged", "in_work"):
            moves.move(connection, SUPERVISOR, "g-1", after, at)
        moves.move(connection, SUPERVISOR, "g-1", "published", at, article=article)
    return "g-1"


def test_a_gap_is_replayed_and_nothing_of_it_is_written(desk: Desk, crm: Program) -> None:
    id = answered(desk, "compensation for late delivery", "late-en")
    told = crm.told("POST", f"gaps/{id}/replay")
    assert (told["gap"], told["article"], told["green"]) == (id, "late-en", False)
    assert told["lacks"] == ["no_body"]
    assert told["why"]
    assert [one["question"] for one in told["questions"]] == ["compensation for late delivery"]
    assert crm.told("GET", "replays") == {"replays": [], "next": None}
    line = Line("compensation for late delivery", ("*",), 1)
    with desk.database.write() as connection:
        proof = Proof(id, "late-en", "g", datetime.now(UTC), (line,))
        assert replay.settle(connection, OPERATOR, proof, datetime.now(UTC)) == "verified"
    (last,) = crm.told("GET", "replays")["replays"]
    assert (last["gap"], last["green"], last["why"], last["questions"][0]["rank"]) == (id, True, "", 1)
    assert crm.refused("POST", "gaps/none/replay") == (404, "gap_not_found")


def test_a_gap_without_an_answer_has_nothing_to_replay(desk: Desk, client: TestClient) -> None:
    one = Program(client, key(desk, "gaps:write", "replay", "real"))
    id = one.told("POST", "gaps", {"question": "x"})["gap"]
    assert one.refused("POST", f"gaps/{id}/replay") == (422, "replay_unanswered")


# --- what other systems were told ----------------------------------------------------------------


def test_what_was_given_up_is_seen_and_sent_anew(desk: Desk, crm: Program) -> None:
    at = datetime.now(UTC)
    with desk.database.write() as connection:
        for n in range(3):
            outbox.put(connection, "gap.recorded", f"gap:{n}", at, gap=str(n))
        webhooks.queue(connection, OPERATOR, ["https://crm.example/hook/secret"], at)
        first, second, _ = webhooks.due(connection, at)
        webhooks.note(connection, OPERATOR, first, webhooks.Sent("HTTP 410", final=True), at)
        webhooks.note(connection, OPERATOR, second, webhooks.Sent(), at)
    told = crm.told("GET", "webhooks")["deliveries"]
    assert [(one["subject"], one["state"]) for one in told] == [
        ("gap:0", "dead"),
        ("gap:1", "sent"),
        ("gap:2", "waiting"),
    ]
    assert {one["origin"] for one in told} == {"https://crm.example"}
    (dead,) = crm.told("GET", "webhooks?state=dead")["deliveries"]
    assert (dead["event"], dead["problem"]) == (first.event, "HTTP 410")
    assert crm.told("POST", f"webhooks/{dead['id']}/again") == {"id": dead["id"]}
    assert crm.refused("POST", f"webhooks/{dead['id']}/again") == (404, "webhook_missing")
    assert crm.told("GET", "webhooks?limit=2")["next"] is not None


# --- once ----------------------------------------------------------------------------------------


def test_the_same_request_under_the_same_key_is_done_once(desk: Desk, client: TestClient) -> None:
    one = Program(client, key(desk, "gaps:write", "real"))
    body = {"question": "once"}
    first = one.told("POST", "gaps", body, idempotency_key="k-1")
    again = client.post(
        "/api/v1/gaps", content=json.dumps(body), headers=JSON | one.headers | {"idempotency-key": "k-1"}
    )
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, first, "true")
    assert one.told("POST", "gaps", body, idempotency_key="k-2") != first
    assert one.refused("POST", "gaps", {"question": "other"}, idempotency_key="k-1") == (409, "idempotency_reused")
    assert one.refused("POST", f"gaps/{first['gap']}/reports", body, idempotency_key="k-1")[0] == 409
    other = Program(client, key(desk, "gaps:write", "real"))  # a key of its own: its own keys of requests
    assert other.told("POST", "gaps", {"question": "other"}, idempotency_key="k-1") != first
    with desk.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.gap)) == 3
    assert one.refused("POST", "gaps", body, idempotency_key="k" * 201) == (400, "idempotency_malformed")


def test_what_was_refused_may_be_asked_again_under_its_key(desk: Desk, client: TestClient) -> None:
    one = Program(client, key(desk, "gaps:write", "real"))
    body = {"question": "once", "product": "no such thing"}
    assert one.refused("POST", "gaps", body, idempotency_key="k-1")[0] == 422
    assert one.told("POST", "gaps", {"question": "once"}, idempotency_key="k-1")


def test_an_article_is_begun_once(desk: Desk, crm: Program) -> None:
    body = {"id": "kettle-en", "category": "products", "source": markdown("kettle-en", "Kettle", state="wip")}
    assert crm.told("POST", "articles", body, idempotency_key="k") == crm.told(
        "POST", "articles", body, idempotency_key="k"
    )


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "request_not_json"),
        (b"\xff", 400, "request_not_json"),
        (b"[" * 50_000, 400, "request_not_json"),
        (b"[]", 422, "request_wrong_type"),
        (b"{}", 422, "request_field_missing"),
        (b'{"q": 1}', 422, "request_wrong_type"),
        (b'{"q": "a", "limit": true}', 422, "request_wrong_type"),
        (b'{"q": "a", "limit": 0}', 422, "request_field_value"),
        (b'{"q": "a", "lang": "fr"}', 422, "request_field_value"),
        (b'{"q": "a", "teams": ["*"]}', 422, "request_unknown_field"),
        (b'{"q": "  \\u200b "}', 422, "question_empty"),
        (b'{"q": "a", "product": "no such thing"}', 422, "product_unknown"),
        (json.dumps({"q": "a" * 70_000}).encode(), 413, "request_too_large"),
    ],
)
def test_a_bad_request_is_refused_with_its_status(crm: Program, body: bytes, status: int, code: str) -> None:
    assert crm.refused("POST", "search", body) == (status, code)


def test_a_refusal_is_one_sentence_in_the_language_of_the_asker(crm: Program) -> None:
    chinese = crm.ask("POST", "search", {}, accept_language="zh-CN")
    assert chinese == (422, {"code": "request_field_missing", "message": "缺少字段“q”。"})
    english = crm.ask("POST", "search", {}, accept_language="en")
    assert english == (422, {"code": "request_field_missing", "message": 'The field "q" is missing.'})


def test_a_body_that_is_not_said_to_be_json_is_refused(crm: Program) -> None:
    assert crm.refused("POST", "search", {"q": "x"}, content_type="text/plain") == (415, "media_type_wrong")
    assert crm.ask("POST", "search", {"q": "late"}, content_type="application/json; charset=utf-8")[0] == 200


def test_what_is_not_there_is_json_too(client: TestClient, crm: Program) -> None:
    assert crm.ask("GET", "nothing")[1]["code"] == "page_missing"
    answer = client.delete("/api/v1/gaps", headers=crm.headers)
    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (
        405,
        "method_wrong",
        "GET, HEAD, POST",
    )
    for shown in ({}, {"authorization": "Bearer nonsense"}):
        answer = client.get("/api/v1/gaps", headers=shown)
        assert (answer.status_code, set(answer.json())) == (401, {"code", "message"})


def test_what_goes_wrong_inside_is_told_without_a_traceback(
    crm: Program, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "read", lambda *_: 1 / 0)
    status, told = crm.ask("GET", "articles/late-en")
    assert (status, told["code"]) == (500, "unexpected")
    assert "Zero" not in told["message"]


def test_a_database_that_is_away_is_told_to_be_asked_again(desk: Desk, crm: Program, client: TestClient) -> None:
    crm.told("GET", "gaps")
    desk.database.close()
    file = Path(desk.settings.database_url.removeprefix("sqlite:///"))
    file.unlink()
    file.mkdir()
    answer = client.get("/api/v1/gaps", headers=crm.headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unusable")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.fixture
def served(call_base: SmallBase) -> Iterator[tuple[Desk, Server]]:
    """A desk with a database on a server of its own, to be killed."""
    for own in started(fsync="on", synchronous_commit="on", full_page_writes="on"):
        made = desk_of(call_base, own.url_of(own.new()))
        yield made, own
        made.database.close()


def test_while_the_database_is_away_a_program_reads_on_and_writes_later_under_the_same_key(
    served: tuple[Desk, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, server = served
    monkeypatch.setattr("kb.doors.presence.FRESH", 0.0)  # each request is looked at anew
    with gated.client(desk, sample="") as client:
        crm, stranger = Program(client, key(desk, *EVERY)), Program(client, key(desk, *EVERY))
        body = {"question": "can I pay in digital yuan", "call": "crm-77"}
        done = crm.told("POST", "gaps", {"question": "before"}, idempotency_key="ticket-1")
        server.kill()
        assert [hit["article"] for hit in crm.told("POST", "search", {"q": "hoover stops"})["hits"]][:1] == [
            "vacuum-en"
        ]
        for program in (crm, stranger):  # one that was here, and one of whom nobody knows anything now
            for asked in (body, {"question": "before"}):
                answer = client.post(
                    "/api/v1/gaps", json=asked, headers=program.headers | {"idempotency-key": "ticket-2"}
                )
                assert (answer.status_code, answer.json()["code"]) == (503, "store_unusable")
                assert int(answer.headers["retry-after"]) >= 1
        server.start()
        time.sleep(1.1)  # for so long a server that is away is not asked again
        made = crm.told("POST", "gaps", body, idempotency_key="ticket-2")
        assert crm.told("POST", "gaps", body, idempotency_key="ticket-2") == made
        assert crm.told("POST", "gaps", {"question": "before"}, idempotency_key="ticket-1") == done
        with desk.database.read() as connection:
            asked = sorted(connection.scalars(sa.select(tables.gap.c.question)))
            assert asked == ["before", "can I pay in digital yuan"]
            assert len(connection.scalars(sa.select(tables.receipt.c.id)).all()) == 2
    assert not list(desk.settings.spool.glob("*"))  # a program was told, and has it still


# --- scopes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", EVERY)
def test_a_scope_opens_its_own_doors_and_no_other(desk: Desk, client: TestClient, scope: str) -> None:
    program, opened = Program(client, key(desk, scope)), set()
    for door in DOORS:
        path = door.path.removeprefix("/api/v1/").replace("{id}", "none")
        status, told = program.ask(door.method, path, {} if door.asks else None)
        opened |= {(door.method, door.path)} if status != 403 else set()
        assert status != 403 or told["code"] == "key_scope"
    assert opened == {(one.method, one.path) for one in DOORS if one.scope == scope}


def test_each_scope_grants_what_its_doors_ask_and_a_key_without_it_is_refused_in_the_room(
    desk: Desk, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Program(client, key(desk, *EVERY))
    asked: list[tuple[str, str, Any]] = [
        ("POST", "search", {"q": "late"}),
        ("POST", "calls", {"call": "c-1"}),
        ("GET", "gaps", None),
        ("POST", "gaps", {"question": "x"}),
        ("GET", "articles", None),
        ("GET", "replays", None),
        ("PUT", "articles/late-en", {"source": "x", "base": ""}),
    ]
    for method, path, body in asked:
        assert one.ask(method, path, body)[1].get("code") != "not_allowed"
    monkeypatch.setattr("kb.people.users.GRANTED", {scope: {} for scope in GRANTED})
    for method, path, body in asked:
        assert one.refused(method, path, body) == (403, "not_allowed")


def test_a_person_signed_in_may_ask_too_with_their_role(desk: Desk) -> None:
    with gated.client(desk, sample="agent") as agent, gated.client(desk, sample="editor") as editor:
        assert agent.get("/api/v1/gaps").status_code == 403
        assert editor.get("/api/v1/gaps").status_code == 200
        assert agent.get("/api/v1/articles").status_code == 200


def test_a_program_that_is_refused_is_written_down(desk: Desk, client: TestClient) -> None:
    one = Program(client, key(desk, "search"))
    assert one.refused("GET", "gaps") == (403, "key_scope")
    denied = sa.select(tables.audit.c.about, tables.audit.c.by).where(tables.audit.c.act == "denied")

    def written() -> list[tuple[str, ...]]:
        with desk.database.read() as connection:
            return [tuple(row) for row in connection.execute(denied)]

    assert within(10, lambda: written() != [])
    assert written() == [("/api/v1/gaps", f"key:{one.headers['authorization'][10:22]}")]


# --- whatever is sent ----------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def body_of(door: Door) -> st.SearchStrategy[Any]:
    names = list(door.asks.model_fields) if door.asks else []
    return st.dictionaries(st.sampled_from([*names, "x"]), ANYTHING, max_size=5) | ANYTHING


@pytest.mark.parametrize("door", [one for one in DOORS if one.asks], ids=lambda one: f"{one.method} {one.path}")
def test_whatever_is_sent_is_answered_as_documented(call_desk: Desk, door: Door) -> None:
    with gated.client(call_desk, sample="") as client:
        program = Program(client, key(call_desk, *(set(EVERY) - {"articles:write"})))

        @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(body_of(door))
        def tried(body: Any) -> None:
            path = door.path.removeprefix("/api/v1/").replace("{id}", "none")
            status, told = program.ask(door.method, path, body if body is not None else {})
            fits(door.method, path, status, told)
            assert status < 500 or status == 503

        tried()


def test_the_routes_are_those_of_the_table(call_desk: Desk) -> None:
    made = {(method, one.path) for one in v1.routes(call_desk)[:-1] for method in one.methods - {"HEAD"}}  # type: ignore[attr-defined]
    assert made == {(one.method, one.path) for one in DOORS} | {("GET", "/api/v1/openapi.json")}
