"""One agent's data: all of it told, all of it erased, and the numbers of callers found in no byte of what is kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from kb import tables
from kb.calls import call as room
from kb.calls import journal
from kb.care import personal, retention
from kb.db import Database
from kb.doors.cli import main
from kb.doors.wiring import Desk
from kb.doors.wiring.upkeep import Upkeep
from kb.errors import KBError, StoreError
from kb.people import accounts, audit
from kb.people.users import OPERATOR, Role, User
from tests.new_database import NewUrl, everything
from tests.on_call import client, desk_of, write_articles
from tests.small_base import SmallBase

NOW = datetime.now(UTC)
WANG = User("wang.min", "王敏", Role.AGENT, frozenset({"payments"}))
LI = User("li.na", "Li Na", Role.AGENT, frozenset({"payments"}))
PLANTED = {  # as callers say them → what must not be left of them
    "13812345678": "13812345678",
    "１３９ ８７６５ ４３２１": "139 8765 4321",
    "4111 1111 1111 1111": "4111 1111 1111 1111",
    "6222021234567890128": "6222021234567890128",
    "11010519491231002X": "11010519491231002X",
    "zhang.wei@corp.example": "zhang.wei",
}


@pytest.fixture
def desk(tmp_path: Path, new_url: NewUrl) -> Iterator[Desk]:
    base = SmallBase(tmp_path / "base")
    write_articles(base)
    base.build()
    one = desk_of(base, new_url())
    with one.database.write() as connection:
        for person in (WANG, LI):
            accounts.add(connection, OPERATOR, person, "quiet harbour 7", NOW)
    yield one
    one.database.close()


def work(desk: Desk, by: User = WANG, call: str = "C-1", mark: str = "") -> None:
    """A call with everything an agent can do on it."""
    one = client(desk, by)
    events = [
        {"id": f"{call}-1", "kind": "search", "q": f"refund {mark}", "ago": 3000},
        {"id": f"{call}-2", "kind": "open", "article": "refund-card-en", "q": f"refund {mark}", "rank": 1, "ago": 2000},
        {"id": f"{call}-3", "kind": "copy", "article": "refund-card-en", "said": f"told {mark}", "ago": 1000},
        {"id": f"{call}-4", "kind": "solved", "article": "refund-card-en", "q": f"refund {mark}", "rank": 1},
    ]
    for path, body in (
        (f"/api/calls/{call}/events", {"events": events}),
        ("/api/promises", {"id": f"p-{call}", "call": call, "what": f"call {mark}", "due": "2036-01-01T10:00:00"}),
        ("/api/gaps", {"id": f"r-{call}", "gap": f"G-{call}", "call": call, "q": f"unheard of {mark}"}),
        (f"/api/gaps/G-{call}/describe", {"report": f"r-{call}", "words": mark, "answered": mark, "suggestion": mark}),
        ("/api/flags", {"id": f"f-{call}", "call": call, "article": "late-en", "reason": "wrong", "note": mark}),
        ("/api/preferences", {"keys": {"copy": "Alt+C"}}),
    ):
        answer = one.post(path, content=json.dumps(body))
        assert answer.status_code == 200, (path, answer.text)


# --- no byte of a caller's number ----------------------------------------------------------------


def test_planted_numbers_are_in_no_byte_of_what_is_kept(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        for number, said in enumerate(PLANTED):
            work(desk, call=f"C-{number}", mark=f"我的号码是{said}，谢谢 {said}")
            client(desk, WANG).post("/api/search", content=json.dumps({"q": said}))
            client(desk, WANG).post("/api/calls", content=json.dumps({"call": f"X-{number}", "q": said}))
            client(desk, WANG).post("/api/flags", content=json.dumps({"id": said, "call": said, "reason": said}))
        desk.floor.refresh(desk.database, desk.served.opened.engine, desk.encoder, desk.settings.articles, NOW)  # type: ignore[union-attr]
        with desk.database.write() as connection:
            exported = json.dumps(personal.export(connection, OPERATOR, "wang.min", NOW), ensure_ascii=False)
            trail = str(journal.trail(connection, "C-0"))
    assert "‹phone›" in exported
    assert "‹phone›" in trail  # the words around them are kept
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    files[Path("the database")] = everything(desk.database)
    said = capfd.readouterr()
    texts = {"log": caplog.text, "out": said.out, "err": said.err, "export": exported}
    for planted in {*PLANTED, *PLANTED.values(), *(one.replace(" ", "") for one in PLANTED.values())}:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            found = [(path.name, planted) for path, raw in files.items() if planted.encode(encoding) in raw]
            assert found == []
        assert [(name, planted) for name, text in texts.items() if planted in text] == []


# --- one person ----------------------------------------------------------------------------------


def test_every_column_with_a_person_in_it_is_known() -> None:
    suspicious = {"agent", "user", "by", "owner", "author", "reviewer", "editor", "assignee", "person"}
    there = {
        (table.name, column.name)
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if column.name in suspicious
    }
    known = {(table, column) for table, columns in personal.WHERE.items() for column in columns}
    assert there - known == set()
    assert {(table, column) for table, column in known if column not in tables.metadata.tables[table].c} == set()


def test_a_person_is_told_everything_with_their_name_on_it_and_no_secret(desk: Desk) -> None:
    work(desk, mark="hello")
    work(desk, LI, "C-9", "another's")
    accounts.sign_in(desk.database, "wang.min", "quiet harbour 7", "here", NOW)
    with desk.database.write() as connection:
        told = personal.export(connection, WANG, "wang.min", NOW)
        assert {"call", "event", "promise", "flag", "gap_report", "preference", "session", "user", "audit"} <= set(told)
        assert [one["id"] for one in told["event"] if one["kind"] == "open"] == ["C-1-2"]
        assert "another's" not in json.dumps(told)
        kept = connection.execute(sa.select(tables.user.c.password, tables.session.c.key)).first()
        assert kept is not None
        assert all(secret not in json.dumps(told) for secret in kept)
        last = audit.entries(connection, OPERATOR)[0]
        assert (last.by, last.act, last.about) == ("wang.min", "export", "wang.min")


@pytest.mark.parametrize("role", [Role.AGENT, Role.EDITOR, Role.SUPERVISOR])
def test_nobody_but_themselves_and_an_admin_is_told(desk: Desk, role: Role) -> None:
    with desk.database.write() as connection:
        for call in (personal.export, personal.erase):
            with pytest.raises(KBError) as caught:
                call(connection, User("x", "X", role), "wang.min", NOW)
            assert caught.value.code == "not_allowed"
        with pytest.raises(KBError):
            personal.erase(connection, WANG, "wang.min", NOW)


def test_an_erased_person_is_nowhere_but_in_the_audit_log(desk: Desk, tmp_path: Path) -> None:
    work(desk)
    client(desk, LI).post("/api/calls", content=json.dumps({"call": "C-1"}))  # taken over: "from" names them
    accounts.sign_in(desk.database, "wang.min", "quiet harbour 7", "here", NOW)
    with desk.database.write() as connection:
        assert not personal.is_gone(connection, "wang.min")
        assert personal.erase(connection, OPERATOR, "wang.min", NOW) > 10
        assert personal.is_gone(connection, "wang.min")
        left = {
            table.name: [
                row for row in connection.execute(table.select()) if "wang.min" in str(row) or "王敏" in str(row)
            ]
            for table in tables.metadata.sorted_tables
        }
        assert [name for name, rows in left.items() if rows] == ["audit"]
        trail = journal.trail(connection, "C-1")
        assert [one.agent for one in trail if one.kind == "open"] == [""]  # what a caller was told stays
        assert audit.verify(connection, OPERATOR).trouble is None


# --- old calls -----------------------------------------------------------------------------------


def reduced(desk: Desk, before: datetime) -> retention.Reduced:
    with desk.database.write() as connection:
        return retention.reduce(connection, OPERATOR, before, NOW)


def kept(database: Database) -> dict[str, int]:
    with database.read() as connection:
        watched = ("call", "event", "promise", "flag", "gap_report", "practice", "past")
        return {
            n: connection.scalar(sa.select(sa.func.count()).select_from(tables.metadata.tables[n])) or 0
            for n in watched
        }


def done(desk: Desk) -> None:
    """Nobody waits for anything any more."""
    with desk.database.write() as connection:
        connection.execute(sa.update(tables.promise).values(kept_at=NOW))
        connection.execute(sa.update(tables.gap).values(state="verified"))


def test_old_calls_become_counts_without_words_or_names(desk: Desk, tmp_path: Path) -> None:
    work(desk, mark="Qxwords")
    work(desk, call="C-2", mark="Qxwords")
    done(desk)
    with desk.database.read() as connection:
        before = journal.solved_counts(connection)
    assert before == {"refund-card-en": 2}
    assert reduced(desk, NOW - timedelta(days=1)) == retention.Reduced()  # not old yet
    found = reduced(desk, NOW + timedelta(hours=1))
    assert (found.calls, found.events >= 8) == (2, True)
    assert reduced(desk, NOW + timedelta(hours=1)).calls == 0
    left = kept(desk.database)
    assert {name: count for name, count in left.items() if name not in ("past", "gap_report")} == dict.fromkeys(
        ("call", "event", "promise", "flag", "practice"), 0
    )
    with desk.database.read() as connection:
        counts = {
            (r.kind, r.article): r.count
            for r in connection.execute(tables.past.select())
            if r.kind in ("call", "open", "solved")
        }
        assert counts == {("call", ""): 2, ("open", "refund-card-en"): 2, ("solved", "refund-card-en"): 2}
        assert journal.solved_counts(connection) == before  # what an article has solved is not forgotten
        reports = connection.execute(tables.gap_report.select()).mappings().all()
        assert {(one["agent"], one["words"], one["question"]) for one in reports} == {("", "", "")}
        rows = [
            str(r) for t in tables.metadata.sorted_tables if t.name != "gap" for r in connection.execute(t.select())
        ]
    assert [row for row in rows if "Qxwords" in row] == []


@pytest.mark.parametrize("waits", ["promise", "gap"])
def test_a_call_somebody_waits_for_stays_whole(desk: Desk, waits: str) -> None:
    work(desk)
    done(desk)
    with desk.database.write() as connection:
        if waits == "promise":
            connection.execute(sa.update(tables.promise).values(kept_at=None))
        else:
            connection.execute(sa.update(tables.gap).values(state="assigned"))
    before = kept(desk.database)
    assert reduced(desk, NOW + timedelta(hours=1)).calls == 0
    assert kept(desk.database) == before


def test_what_was_no_real_call_is_counted_apart(desk: Desk) -> None:
    work(desk)
    done(desk)
    with desk.database.write() as connection:
        connection.execute(sa.update(tables.call).values(tag="key"))
    reduced(desk, NOW + timedelta(hours=1))
    with desk.database.read() as connection:
        assert journal.solved_counts(connection) == {}


@pytest.mark.parametrize("role", [Role.AGENT, Role.EDITOR, Role.SUPERVISOR])
def test_only_an_admin_reduces(desk: Desk, role: Role) -> None:
    with desk.database.write() as connection, pytest.raises(KBError) as caught:
        retention.reduce(connection, User("x", "X", role), NOW, NOW)
    assert caught.value.code == "not_allowed"


# --- the commands --------------------------------------------------------------------------------


def test_the_commands_export_erase_and_reduce(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work(desk)
    done(desk)
    monkeypatch.setenv("KB_DATABASE_URL", desk.settings.database_url)
    monkeypatch.setenv("KB_LANGUAGE", "en")

    def run(*words: str) -> tuple[int, str]:
        told = CliRunner().invoke(main, [*words], catch_exceptions=False)
        return told.exit_code, told.output

    told = json.loads(run("user", "export", "Wang.Min")[1])
    assert told["user"] == [{"id": "wang.min"} | {k: v for k, v in told["user"][0].items() if k != "id"}]
    assert {one["kind"] for one in told["event"]} >= {"open", "solved"}
    assert run("user", "erase", "wang.min")[1].startswith("wang.min is erased: ")
    assert run("user", "export", "wang.min") == (2, "There is no user wang.min.\n")
    assert run("reduce", "--days", "0", "--dry-run") == (0, "1 calls are older than 0 days. Nothing was done.\n")
    assert run("reduce", "--days", "0")[1].startswith("1 calls became counts")


# --- a clock that nobody vouches for -------------------------------------------------------------


def calls_on(desk: Desk, days: Iterable[int]) -> None:
    with desk.database.write() as connection:
        for day in days:
            room.begin(connection, WANG, f"C-{day}", NOW + timedelta(days=day))


def doubted(desk: Desk, at: datetime, kept_for: int = 90) -> tuple[int, int] | None:
    """(days with calls, days wanted) where the clock is doubted."""
    with desk.database.read() as connection:
        try:
            retention.check_clock(connection, at - timedelta(kept_for), at)
        except StoreError as error:
            return error.facts["days"], error.facts["wanted"]
    return None


def test_a_clock_ten_years_ahead_lets_nothing_go_until_a_week_of_work_vouches_for_it(desk: Desk) -> None:
    calls_on(desk, range(100))
    there, ahead = NOW + timedelta(days=99, hours=1), timedelta(days=3650)
    assert doubted(desk, there) is None
    assert doubted(desk, there + ahead) == (0, 7)
    calls_on(desk, range(99 + 3650, 99 + 3650 + 6))
    assert doubted(desk, there + ahead + timedelta(days=5)) == (6, 7)
    assert doubted(desk, there + timedelta(days=6)) is None  # the clock is right again
    calls_on(desk, [99 + 3650 + 6])
    assert doubted(desk, there + ahead + timedelta(days=6)) is None


def test_a_base_that_keeps_calls_for_days_only_is_vouched_for_by_each_of_them(desk: Desk) -> None:
    calls_on(desk, [0, 1, 2])
    assert doubted(desk, NOW + timedelta(days=2, hours=1), kept_for=2) is None
    assert doubted(desk, NOW + timedelta(days=4, hours=1), kept_for=2) == (0, 2)


def test_the_running_app_reduces_nothing_while_the_clock_is_doubted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls_on(desk, range(10))
    upkeep = Upkeep(desk)
    with pytest.raises(KBError) as caught:
        upkeep._keep_short(NOW + timedelta(days=3650))
    assert caught.value.code == "clock_doubted"
    assert kept(desk.database)["call"] == 10
    monkeypatch.setattr(desk, "settings", replace(desk.settings, retention=8))
    upkeep._keep_short(NOW + timedelta(days=9, hours=1))
    assert kept(desk.database)["call"] == 8
