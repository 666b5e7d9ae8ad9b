"""Other systems hear what happened: signed, once each, in order, until they have it; unasked, nothing leaves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import flags
from kb.calls.flags import Flag
from kb.care.chores import deliver
from kb.config import ROOT
from kb.db import Database
from kb.errors import NotAllowedError, NotFoundError
from kb.gaps import gap, moves, replay
from kb.gaps.gap import Report
from kb.gaps.replay import Line, Proof
from kb.people.users import OPERATOR, Role, User
from kb.studio import revisions
from kb.systems import outbox, post, webhooks
from kb.systems.webhooks import FIRST, JITTER, KEPT, LONGEST, RECENT, TRIES, Hook, Sent
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, SUE
from tests.small_base import SmallBase

SECRET = ("a shared secret of some length",)
HOUR = 60 * MINUTE
PROGRAM = User("key:x", "x", Role.AGENT, tag="key", scopes=frozenset({"gaps:write", "calls"}))


@dataclass
class Receiver:
    """A system that listens on this machine. `answers` are the statuses it gives, then 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def kinds(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]


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


def rows(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(sa.select(tables.webhook).order_by(tables.webhook.c.number)))


def put(database: Database, *subjects: str, at: datetime = NOON) -> None:
    """An event for each subject."""
    with database.write() as connection:
        for n, subject in enumerate(subjects):
            outbox.put(connection, "gap.state_changed", subject, at, n=n)


# --- what is told --------------------------------------------------------------------------------


def test_a_gap_is_told_from_its_record_to_its_answer_and_signed(answered: Database, receiver: Receiver) -> None:
    at = NOON + MINUTE
    assert deliver(answered, [receiver.url], SECRET, at) == 5
    changed = ["gap.state_changed"] * 3
    assert receiver.kinds() == ["gap.recorded", *changed, "gap.closed"]
    headers, body = receiver.got[-1]
    told = {"gap": "g-1", "state": "published", "article": "lock-water-zh"}
    assert json.loads(body) == {"type": "gap.closed", "timestamp": NOON.isoformat(), "data": told}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = hmac.new(SECRET[0].encode(), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert int(headers["webhook-timestamp"]) == int(at.timestamp())
    assert headers["Content-Type"] == "application/json"
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 5


def test_no_words_and_no_names_leave(answered: Database, receiver: Receiver) -> None:
    deliver(answered, [receiver.url], SECRET, NOON)
    everything = b" ".join(body for _, body in receiver.got).decode()
    assert [word for word in ("门锁", "water ", "may", "bo", "sue", "call-1") if word in everything] == []


def test_every_kind_is_told_of_what_it_is_about(answered: Database, receiver: Receiver, base: SmallBase) -> None:
    article = base.write("late-en", "Late", say="Five yuan.")
    with answered.write() as connection:
        moves.move(connection, OPERATOR, "g-1", "verified", NOON)
        red = Proof("g-1", "lock-water-zh", "g2", NOON, (Line("q", (), 0), Line("q2", (), 1)))
        assert replay.settle(connection, OPERATOR, red, NOON) == "reopened"
        flags.put(connection, MAY, Flag("f-1", "may", NOON, "late-en", article.version, "wrong", "a sentence", "note"))
        revisions.record(connection, article, NOON, "li", "studio")
    deliver(answered, [receiver.url], SECRET, NOON)
    told = [(one["type"], one["data"]) for one in (json.loads(body) for _, body in receiver.got)]
    assert [one for one in told if "gap" in one[1]][-2:] == [
        ("gap.state_changed", {"before": "verified", "gap": "g-1", "state": "reopened", "article": "lock-water-zh"}),
        ("replay.failed", {"gap": "g-1", "article": "lock-water-zh", "generation": "g2", "failed": 1, "asked": 2}),
    ]
    published = {"article": "late-en", "version": article.version, "state": "validated", "lang": "en"}
    assert [one for one in told if "gap" not in one[1]] == [
        ("flag.raised", {"flag": "f-1", "article": "late-en", "version": article.version, "reason": "wrong"}),
        ("article.published", published | {"cause": "studio"}),
    ]
    assert {kind for kind, _ in told} == set(outbox.KINDS) - {"gap.surge"}


def test_what_counts_nowhere_is_told_to_nobody(database: Database, base: SmallBase) -> None:
    draft = base.write("draft-en", "Draft", state="wip")
    with database.write() as connection:
        gap.record(connection, PROGRAM, Report("r-1", "g-1", "call-1", "x", NOON, "x"))
        flags.put(connection, PROGRAM, Flag("f-1", "x", NOON, "late-en", "0" * 64, "wrong"))
        moves.move(connection, SUE, "g-1", "triaged", NOON)
        revisions.record(connection, draft, NOON, "li", "studio")
        revisions.record(connection, base.write("old-en", "Old"), NOON, "disk", "disk", news=False)
        assert outbox.waiting(connection, 9) == ()


def test_each_event_is_told_once_to_each_address(answered: Database, receiver: Receiver) -> None:
    urls = [f"{receiver.url}/a", f"{receiver.url}/b"]
    assert [deliver(answered, urls, SECRET, NOON + n * MINUTE) for n in range(3)] == [10, 0, 0]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 5
    with answered.write() as connection:
        moves.move(connection, OPERATOR, "g-1", "verified", NOON + MINUTE)
    assert deliver(answered, urls, SECRET, NOON + 3 * MINUTE) == 4


def test_nobody_named_nothing_leaves_and_nothing_is_kept_for_long(answered: Database, receiver: Receiver) -> None:
    assert deliver(answered, [], SECRET, NOON) == 0
    assert rows(answered) == []
    assert deliver(answered, [], SECRET, NOON + RECENT + MINUTE) == 0
    with answered.read() as connection:
        assert outbox.waiting(connection, 9) == ()
    assert receiver.got == []


def test_what_happened_before_anybody_listened_is_not_told(answered: Database) -> None:
    with answered.write() as connection:
        assert webhooks.queue(connection, OPERATOR, ["https://x"], NOON + RECENT + MINUTE) == 0


def test_telling_is_the_machines_part_and_looking_an_admins(answered: Database) -> None:
    with answered.write() as connection:
        with pytest.raises(NotAllowedError):
            webhooks.queue(connection, SUE, ["https://x"], NOON)
        with pytest.raises(NotAllowedError):
            webhooks.deliveries(connection, SUE)


def test_a_surge_is_told_once_while_it_lasts_and_again_when_it_goes_on_for_hours(
    database: Database, receiver: Receiver
) -> None:
    def met(call: str, at: datetime) -> None:
        row = {"id": call, "call": call, "agent": "may", "teams": [], "at": at, "question": "全网断了", "lang": "zh"}
        row |= {"product": "", "seconds": 30.0, "signals": ["missing"], "tag": "", "gap": "g-1"}
        with database.write() as connection:
            connection.execute(sa.insert(tables.miss).values(**row))

    def told(at: datetime) -> int:
        deliver(database, [receiver.url], SECRET, at)
        return receiver.kinds().count("gap.surge")

    with database.write() as connection:
        gap.record(connection, MAY, Report("r-1", "g-1", "c-0", "may", NOON, "全网断了"))
    for n in range(1, 5):
        met(f"c-{n}", NOON + n * MINUTE)
    assert [told(NOON + n * MINUTE) for n in (2, 5, 6)] == [0, 1, 1]
    got = json.loads(receiver.got[-1][1])["data"]
    assert got == {"gap": "g-1", "since": NOON.isoformat(), "calls": 5, "minutes": 15, "usual": 0.0}
    for hours in (1, 4):  # the same one still, and one after it
        for n in range(5, 15):
            met(f"c-{hours}-{n}", NOON + hours * HOUR + n * MINUTE)
    assert [told(NOON + hours * HOUR + 15 * MINUTE) for hours in (1, 4)] == [1, 2]


# --- until they have it --------------------------------------------------------------------------


def test_what_fails_is_tried_again_later_under_the_same_id(database: Database, receiver: Receiver) -> None:
    put(database, "gap:1")
    receiver.answers = [500, 302]
    assert deliver(database, [receiver.url], SECRET, NOON) == 0
    assert deliver(database, [receiver.url], SECRET, NOON + FIRST - timedelta(seconds=1)) == 0
    assert len(receiver.got) == 1
    (row,) = rows(database)
    assert NOON + FIRST <= row.next_at <= NOON + FIRST * (1 + JITTER)
    assert deliver(database, [receiver.url], SECRET, row.next_at) == 0  # a redirect is followed nowhere
    (again,) = rows(database)
    assert deliver(database, [receiver.url], SECRET, again.next_at) == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in receiver.got}) == 3
    (row,) = rows(database)
    assert (row.tries, row.sent_at, row.problem) == (2, again.next_at, "")


def test_what_cannot_be_reached_waits_in_the_database(database: Database) -> None:
    put(database, "gap:1")
    assert deliver(database, ["http://127.0.0.1:9/"], SECRET, NOON) == 0
    (row,) = rows(database)
    assert (row.tries, row.sent_at, row.given_up_at) == (1, None, None)
    assert "refused" in row.problem


def test_an_address_that_is_away_keeps_no_other_waiting(database: Database, receiver: Receiver) -> None:
    put(database, *(f"gap:{n}" for n in range(70)))
    tried: list[str] = []

    def by(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        tried.append(url)
        return post.over_http(url, body, headers)

    assert deliver(database, ["http://127.0.0.1:9/", receiver.url], SECRET, NOON, by) == 70
    assert tried.count("http://127.0.0.1:9/") == 1


def test_a_receiver_that_wants_no_more_of_it_gets_no_more(database: Database, receiver: Receiver) -> None:
    put(database, "gap:1")
    receiver.answers = [410]
    deliver(database, [receiver.url], SECRET, NOON)
    deliver(database, [receiver.url], SECRET, NOON + timedelta(hours=20))
    assert len(receiver.got) == 1
    (row,) = rows(database)
    assert (row.given_up_at, row.problem) == (NOON, "HTTP 410")


def test_of_a_subject_nothing_overtakes_what_happened_before(database: Database, receiver: Receiver) -> None:
    put(database, "gap:1", "gap:1", "gap:2", "gap:1", "gap:2")
    receiver.answers = [400]
    assert deliver(database, [receiver.url], SECRET, NOON) == 2  # gap 2 goes on, gap 1 waits

    def told() -> list[tuple[str, int]]:
        numbers = {row.event: (row.subject, json.loads(row.body)["data"]["n"]) for row in rows(database)}
        return [numbers[headers["webhook-id"]] for headers, _ in receiver.got]

    assert told() == [("gap:1", 0), ("gap:2", 2), ("gap:2", 4)]
    assert deliver(database, [receiver.url], SECRET, NOON + 2 * FIRST) == 3
    assert told()[3:] == [("gap:1", 0), ("gap:1", 1), ("gap:1", 3)]


def test_it_is_given_up_after_so_many_tries_seen_and_sent_again_by_hand(database: Database, receiver: Receiver) -> None:
    put(database, "gap:1", "gap:1")
    receiver.answers = [500] * TRIES
    at = NOON
    for _ in range(TRIES):
        deliver(database, [f"{receiver.url}/a/secret"], SECRET, at)
        at = next(row.next_at for row in rows(database) if row.sent_at is None)
    with database.read() as connection:
        (dead,) = webhooks.deliveries(connection, OPERATOR, "dead")
        assert (dead.tries, dead.problem, dead.origin) == (TRIES, "HTTP 500", receiver.url)
    assert deliver(database, [receiver.url], SECRET, at) == 1  # what came after it goes on
    with database.write() as connection:
        webhooks.again(connection, OPERATOR, dead.id, at)
        with pytest.raises(NotFoundError):
            webhooks.again(connection, OPERATOR, dead.id, at)
    assert deliver(database, [receiver.url], SECRET, at) == 1
    assert receiver.got[0][0]["webhook-id"] == receiver.got[-1][0]["webhook-id"]


def test_what_was_to_be_tried_again_by_a_clock_ten_years_ahead_is_tried_now(database: Database) -> None:
    with database.write() as connection:
        facts = {"id": "k", "url": "http://127.0.0.1:9/", "kind": "gap.closed", "body": "{}", "at": NOON}
        connection.execute(sa.insert(tables.webhook).values(**facts, next_at=NOON + timedelta(days=3650)))
        assert [one.id for one in webhooks.due(connection, NOON)] == ["k"]
        connection.execute(sa.update(tables.webhook).values(next_at=NOON + LONGEST * (1 + JITTER)))
        assert webhooks.due(connection, NOON) == ()


def test_waits_double_up_to_the_longest_and_no_two_are_the_same() -> None:
    assert [webhooks.wait(n) for n in (1, 2, 3, 4)] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert webhooks.wait(TRIES) == LONGEST
    some = {webhooks.wait(3, f"m-{n}") for n in range(50)}
    assert len(some) == 50
    assert min(some) >= 4 * FIRST
    assert max(some) <= 4 * FIRST * (1 + JITTER)
    assert sum((webhooks.wait(n) for n in range(1, TRIES)), timedelta()) > timedelta(days=1)


def test_what_is_through_is_forgotten_after_a_while(database: Database, receiver: Receiver) -> None:
    put(database, "gap:1")
    deliver(database, [receiver.url], SECRET, NOON)
    deliver(database, [receiver.url], SECRET, NOON + KEPT - MINUTE)
    assert len(rows(database)) == 1
    deliver(database, [receiver.url], SECRET, NOON + KEPT + MINUTE)
    assert rows(database) == []


def test_a_number_is_never_given_again(database: Database, receiver: Receiver) -> None:
    put(database, "gap:1", "gap:1")
    deliver(database, [receiver.url], SECRET, NOON)
    put(database, "gap:1")
    deliver(database, [receiver.url], SECRET, NOON)
    assert [row.number for row in rows(database)] == [1, 2, 3]


# --- signed --------------------------------------------------------------------------------------


def test_the_signature_is_that_of_standard_webhooks() -> None:
    secret = "whsec_" + base64.b64encode(bytes(range(24))).decode()
    at = datetime.fromisoformat("2022-11-09T12:31:27+00:00")
    body = b'{"test": 2432232314}'
    signed = f"msg_p5jXN8AQM9LWM0D4loKWxJek.{int(at.timestamp())}.".encode() + body
    expected = base64.b64encode(hmac.new(bytes(range(24)), signed, "sha256").digest()).decode()
    assert webhooks.signature([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body) == f"v1,{expected}"


def test_two_secrets_sign_while_receivers_change_from_one_to_the_other(database: Database, receiver: Receiver) -> None:
    put(database, "gap:1")
    deliver(database, [receiver.url], ["the new secret, sixteen", "the old secret, sixteen"], NOON)
    ((headers, body),) = receiver.got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for given, secret in zip(headers["webhook-signature"].split(" "), (b"the new", b"the old"), strict=True):
        mac = hmac.new(secret + b" secret, sixteen", signed, hashlib.sha256).digest()
        assert given == f"v1,{base64.b64encode(mac).decode()}"


# --- where to ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        *((one, False) for one in ("127.0.0.1", "::1", "10.0.0.8", "192.168.1.1", "172.16.3.4", "169.254.169.254")),
        *((one, False) for one in ("0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::", "fe80::1%eth0")),
        *(
            (one, False)
            for one in ("fc00::1", "::ffff:10.0.0.8", "::ffff:127.0.0.1", "64:ff9b::a00:8", "2002:a00:8::1")
        ),
    ],
)
def test_an_address_inside_is_none_of_the_open_internet(address: str, is_open: bool) -> None:
    assert post.is_open(address) is is_open


def test_a_name_that_leads_inside_is_not_spoken_to(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    port = int(receiver.url.rpartition(":")[2])

    def inside(host: str, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("93.184.215.14", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", inside)
    with pytest.raises(post.NotThereError, match="not an address of the open internet"):
        post.over_http(f"https://hook.example:{port}/", b"{}", {})
    with pytest.raises(post.NotThereError, match="no TLS"):
        post.over_http(f"http://hook.example:{port}/", b"{}", {})
    assert receiver.got == []


def test_an_administrator_may_allow_a_host_inside(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    port = int(receiver.url.rpartition(":")[2])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert post.over_http(f"http://chat.corp:{port}/hook?x=1", b"{}", {"X": "y"}, allowed=("chat.corp",)) == 200
    ((headers, _),) = receiver.got
    assert (headers["Host"], headers["X"]) == (f"chat.corp:{port}", "y")


def test_who_answers_no_http_is_away(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def mumble() -> None:
            one, _ = server.accept()
            one.recv(65_536)
            one.sendall(b"what?\r\n\r\n")
            one.close()

        threading.Thread(target=mumble, daemon=True).start()
        hook = Hook("m", "evt_1", f"http://127.0.0.1:{server.getsockname()[1]}/", "gap.closed", "{}", 0)
        sent = webhooks.send(hook, SECRET, NOON)
    assert sent.away
    assert sent.problem
    assert Sent() == Sent("", False, False)


# --- killed --------------------------------------------------------------------------------------

CHILD = """
import sys
from datetime import UTC, datetime
from kb import failpoints
from kb.care.chores import deliver
from kb.db import Database
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people.users import Role, User

database, now = Database(sys.argv[1]), datetime.now(UTC)
failpoints.arm(sys.argv[3])
if sys.argv[2] == "record":
    with database.write() as connection:
        gap.record(connection, User("may", "May", Role.AGENT), Report("r-1", "g-1", "c-1", "may", now, "x"))
else:
    deliver(database, [sys.argv[2]], ["a shared secret of some length"], now)
"""


def killed(database: Database, what: str, point: str) -> None:
    """Do it in a process that is killed at a point."""
    url = database.url.render_as_string(hide_password=False)
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", CHILD, url, what, point], env=env, check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("point", "there"), [("write.done", 0), ("write.committed", 1)])
def test_a_gap_and_its_event_are_there_together_or_not_at_all(database: Database, point: str, there: int) -> None:
    killed(database, "record", point)
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.gap)) == there
        assert [one.kind for one in outbox.waiting(connection, 9)] == ["gap.recorded"] * there


def test_whoever_is_killed_while_sending_sends_it_again_as_the_same(database: Database, receiver: Receiver) -> None:
    with database.write() as connection:
        gap.record(connection, MAY, Report("r-1", "g-1", "c-1", "may", datetime.now(NOON.tzinfo), "x"))
    killed(database, receiver.url, "write.done:2")  # sent, and not yet written down
    assert len(receiver.got) == 1
    assert deliver(database, [receiver.url], SECRET, datetime.now(NOON.tzinfo)) == 1
    first, again = receiver.got
    assert (first[0]["webhook-id"], first[1]) == (again[0]["webhook-id"], again[1])
    assert deliver(database, [receiver.url], SECRET, datetime.now(NOON.tzinfo)) == 0
