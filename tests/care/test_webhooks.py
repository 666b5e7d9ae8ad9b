"""Other systems hear what became of a gap: signed, once each, until they have it; unasked, nothing leaves."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import sqlalchemy as sa

from kb import tables
from kb.care import webhooks
from kb.care.chores import deliver
from kb.care.webhooks import FIRST, LONGEST, TRIES, Hook
from kb.db import Database
from kb.errors import NotAllowedError
from kb.gaps import gap, moves
from kb.gaps.gap import Report
from kb.people.users import OPERATOR
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, SUE

SECRET = "a shared secret"
HOUR = 60 * MINUTE


@dataclass
class Receiver:
    """A system that listens on this machine. `answers` are the statuses it gives, then 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((dict(self.headers), body))
            status = found.answers.pop(0) if found.answers else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{found.url}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def answered(database: Database) -> Database:
    """A gap that May recorded, Bo joined and an article answers since noon."""
    with database.write() as connection:
        gap.record(connection, MAY, Report("r-1", "g-1", "call-1", "may", NOON, "门锁泡水了还能保修吗"))
        gap.join(connection, BO, Report("r-2", "g-1", "call-2", "bo", NOON, "lock fell into water"))
        for after in ("triaged", "in_work"):
            moves.move(connection, SUE, "g-1", after, NOON)
        moves.move(connection, SUE, "g-1", "published", NOON, article="lock-water-zh")
    return database


def rows(database: Database) -> list[sa.Row[tuple[object, ...]]]:
    with database.read() as connection:
        return list(connection.execute(sa.select(tables.webhook)))


def test_an_answer_is_told_with_all_who_wanted_it_and_signed(answered: Database, receiver: Receiver) -> None:
    assert deliver(answered, [receiver.url], SECRET, NOON + MINUTE) == 1
    ((headers, body),) = receiver.got
    assert json.loads(body) == {
        "kind": "gap.published",
        "at": NOON.isoformat(),
        "gap": {
            "id": "g-1",
            "state": "published",
            "article": "lock-water-zh",
            "why": "",
            "question": "门锁泡水了还能保修吗",
            "lang": "zh",
            "calls": 2,
            "agents": 2,
        },
        "tell": ["bo", "may"],
    }
    seconds, signed = headers["Firstcall-Signature"].removeprefix("t=").split(",v1=")
    assert int(seconds) == int((NOON + MINUTE).timestamp())
    assert signed == hmac.new(SECRET.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["Content-Type"] == "application/json"
    assert headers["Firstcall-Event"] == "gap.published"
    assert len(headers["Idempotency-Key"]) == 64


def test_each_answer_is_told_once_to_each_address(answered: Database, receiver: Receiver) -> None:
    urls = [f"{receiver.url}/a", f"{receiver.url}/b"]
    assert [deliver(answered, urls, SECRET, NOON + n * MINUTE) for n in range(3)] == [2, 0, 0]
    assert len({headers["Idempotency-Key"] for headers, _ in receiver.got}) == 2
    with answered.write() as connection:
        moves.move(connection, OPERATOR, "g-1", "verified", NOON + MINUTE)
    assert deliver(answered, urls, SECRET, NOON + 3 * MINUTE) == 2
    assert {headers["Firstcall-Event"] for headers, _ in receiver.got} == {"gap.published", "gap.verified"}


def test_nobody_named_nothing_leaves_and_nothing_is_kept(answered: Database, receiver: Receiver) -> None:
    assert deliver(answered, [], SECRET, NOON) == 0
    assert rows(answered) == []
    assert receiver.got == []


def test_what_fails_is_tried_again_later_under_the_same_key(answered: Database, receiver: Receiver) -> None:
    receiver.answers = [500, 302]
    assert deliver(answered, [receiver.url], SECRET, NOON) == 0
    assert deliver(answered, [receiver.url], SECRET, NOON + FIRST - timedelta(seconds=1)) == 0
    assert len(receiver.got) == 1
    assert deliver(answered, [receiver.url], SECRET, NOON + FIRST) == 0  # a redirect is followed nowhere
    assert deliver(answered, [receiver.url], SECRET, NOON + FIRST + 2 * FIRST) == 1
    assert len({headers["Idempotency-Key"] for headers, _ in receiver.got}) == 1
    (row,) = rows(answered)
    assert (row.tries, row.sent_at, row.problem) == (2, NOON + 3 * FIRST, "")


def test_what_cannot_be_reached_waits_in_the_database(answered: Database) -> None:
    nowhere = "http://127.0.0.1:9/"
    assert deliver(answered, [nowhere], SECRET, NOON) == 0
    (row,) = rows(answered)
    assert (row.tries, row.next_at, row.sent_at, row.given_up_at) == (1, NOON + FIRST, None, None)
    assert "refused" in row.problem


def test_a_receiver_that_wants_no_more_of_it_gets_no_more(answered: Database, receiver: Receiver) -> None:
    receiver.answers = [410]
    deliver(answered, [receiver.url], SECRET, NOON)
    deliver(answered, [receiver.url], SECRET, NOON + timedelta(hours=20))
    assert len(receiver.got) == 1


def test_it_is_given_up_after_so_many_tries(answered: Database) -> None:
    hook = Hook("k", "http://127.0.0.1:9/", "gap.published", "{}", TRIES - 1)
    with answered.write() as connection:
        facts = {"id": "k", "url": hook.url, "kind": hook.kind, "body": "{}", "at": NOON, "next_at": NOON}
        connection.execute(sa.insert(tables.webhook).values(**facts))
        webhooks.note(connection, OPERATOR, hook, False, "HTTP 500", NOON)
    (row,) = rows(answered)
    assert (row.tries, row.given_up_at, row.problem) == (TRIES, NOON, "HTTP 500")
    with answered.read() as connection:
        assert webhooks.due(connection, NOON + timedelta(days=9)) == ()


def test_what_was_to_be_tried_again_by_a_clock_ten_years_ahead_is_tried_now(answered: Database) -> None:
    with answered.write() as connection:
        facts = {"id": "k", "url": "http://127.0.0.1:9/", "kind": "gap.published", "body": "{}", "at": NOON}
        connection.execute(sa.insert(tables.webhook).values(**facts, next_at=NOON + timedelta(days=3650)))
        assert [one.id for one in webhooks.due(connection, NOON)] == ["k"]
        connection.execute(sa.update(tables.webhook).values(next_at=NOON + LONGEST))
        assert webhooks.due(connection, NOON) == ()


def test_waits_double_up_to_the_longest() -> None:
    assert [webhooks.wait(n) for n in (1, 2, 3, 4)] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert webhooks.wait(TRIES) == LONGEST


def test_what_was_decided_before_anybody_listened_is_not_told(answered: Database) -> None:
    with answered.write() as connection:
        assert webhooks.queue(connection, OPERATOR, ["http://x"], NOON + timedelta(days=2)) == 0
        assert webhooks.queue(connection, OPERATOR, ["http://x"], NOON + timedelta(hours=1)) == 1
        assert webhooks.queue(connection, OPERATOR, ["http://x"], NOON + timedelta(hours=1)) == 0


def test_telling_is_the_machine_s_part(answered: Database) -> None:
    with answered.write() as connection, pytest.raises(NotAllowedError):
        webhooks.queue(connection, SUE, ["http://x"], NOON)


def test_a_surge_is_told_once_while_it_lasts_and_again_when_it_goes_on_for_hours(
    database: Database, receiver: Receiver
) -> None:
    def met(call: str, at: datetime) -> None:
        row = {"id": call, "call": call, "agent": "may", "teams": [], "at": at, "question": "全网断了", "lang": "zh"}
        row |= {"product": "", "seconds": 30.0, "signals": ["missing"], "tag": "", "gap": "g-1"}
        with database.write() as connection:
            connection.execute(sa.insert(tables.miss).values(**row))

    def told(at: datetime) -> int:
        return deliver(database, [receiver.url], SECRET, at)

    with database.write() as connection:
        gap.record(connection, MAY, Report("r-1", "g-1", "c-0", "may", NOON, "全网断了"))
    for n in range(1, 5):
        met(f"c-{n}", NOON + n * MINUTE)
    assert [told(NOON + n * MINUTE) for n in (2, 5, 6)] == [0, 1, 0]
    ((headers, body),) = receiver.got
    assert headers["Firstcall-Event"] == "gap.surge"
    got = json.loads(body)
    assert got["surge"] == {"since": NOON.isoformat(), "calls": 5, "minutes": 15, "usual": 0.0}
    assert (got["gap"]["id"], got["gap"]["question"], got["gap"]["state"]) == ("g-1", "全网断了", "new")
    for hours in (1, 4):  # the same one still, and one after it
        for n in range(5, 15):
            met(f"c-{hours}-{n}", NOON + hours * HOUR + n * MINUTE)
    assert [told(NOON + hours * HOUR + 15 * MINUTE) for hours in (1, 4)] == [0, 1]


def test_telling_of_surges_is_the_machine_s_part(database: Database) -> None:
    with database.write() as connection, pytest.raises(NotAllowedError):
        webhooks.queue_surges(connection, SUE, ["http://x"], NOON)
