"""A base moved to another database and back: every row, stopped and taken up, opened by nobody in between."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from kb import failpoints, tables
from kb.care import demo
from kb.care.move import PAGE, move
from kb.care.spool import Spool
from kb.config import ROOT
from kb.content import articles
from kb.content.site import Site
from kb.db import Database
from kb.db.numbering import numbers
from kb.doors.cli import main
from kb.errors import NotAllowedError, StoreError
from kb.people import audit
from kb.people.users import OPERATOR
from tests.new_database import new_file, rows
from tests.people_on_the_floor import MAY
from tests.postgres import Server

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SERVER, FILE = "a server", "a file"
BACKENDS = {SERVER: "postgresql", FILE: "sqlite"}

New = Callable[[str], str]


@pytest.fixture
def new(server: Server, tmp_path: Path) -> Iterator[New]:
    """The address of a database of a kind that nobody has opened."""
    made: list[str] = []

    def address(kind: str) -> str:
        if kind == SERVER:
            made.append(server.empty())
            return server.url_of(made[-1])
        made.append("")
        return f"sqlite:///{tmp_path}/moved-{len(made)}.sqlite"

    yield address
    for name in filter(None, made):
        server.drop(name)


@pytest.fixture(scope="module")
def versions() -> dict[str, str]:
    """The sample base's articles with their versions."""
    served, _ = articles.read_all(ROOT / "articles")
    return {one.id: one.version for one in served}


@pytest.fixture(scope="module")
def month(versions: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a base with the sample month, numbers that were given to rows that are gone, and a NUL."""
    path = tmp_path_factory.mktemp("month") / "full.sqlite"
    database = Database(new_file(path))
    with database.write() as connection:
        demo.fill(connection, OPERATOR, versions, AT, Site().zone)
        audit.append(connection, "li.na", "edit", AT, "refund-times-zh", why="a\nb")
        draft = {"article": "late-en", "by": "li.na", "path": "late-en.md", "base": "", "source": "a\0b 退款", "at": AT}
        connection.execute(sa.insert(tables.draft).values(**draft))
        connection.execute(sa.insert(tables.outbox), [_an_event(number) for number in range(3)])
        connection.execute(sa.delete(tables.outbox))
    database.close()
    return path.read_bytes()


@pytest.fixture
def full(month: bytes, tmp_path: Path) -> Iterator[Database]:
    """That base in a file of its own."""
    path = tmp_path / "full.sqlite"
    path.write_bytes(month)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


def _an_event(number: int) -> dict[str, object]:
    texts = {one.name: f"{one.name}-{number}"[:8] for one in tables.outbox.columns if isinstance(one.type, sa.String)}
    return texts | {"at": AT, **({"facts": {}} if "facts" in tables.outbox.c else {})}


def opened(url: str) -> Database:
    return Database(url, moving=True)


def stop_half_way(source: Database, target: Database) -> None:
    failpoints.arm("move.page:9:EIO")
    try:
        with pytest.raises(OSError, match="Input/output"):
            move(source, target, OPERATOR, AT)
    finally:
        failpoints.arm("")


def kept(database: Database) -> list[str]:
    """Every row, but what the move itself writes down, as both databases have them."""
    return [
        one.replace(r"\x00", "\ufffd")
        for one in rows(database)
        if "'move'" not in one and not one.startswith(("audit_head", "schema"))
    ]


@pytest.mark.parametrize("way", [(SERVER, FILE), (FILE, SERVER)], ids=str)
def test_a_base_that_goes_there_and_back_is_the_same(full: Database, new: New, way: tuple[str, str]) -> None:
    before, last = kept(full), full
    for kind in way:
        url = new(kind)
        target = opened(url)
        made = move(last, target, OPERATOR, AT)
        assert (kept(target), made.copied) == (before, made.rows)
        target.close()
        last = Database(url)
    with last.read() as connection:
        assert audit.verify(connection, OPERATOR).trouble is None
        entries = [(one.act, one.about, one.facts) for one in audit.entries(connection, OPERATOR) if one.act == "move"]
        assert numbers(connection)["outbox"] == 3
    assert sorted(about for _, about, _ in entries) == sorted(["sqlite", BACKENDS[way[0]]])
    with last.write() as connection:
        connection.execute(sa.insert(tables.outbox).values(_an_event(9)))
        assert connection.scalar(sa.select(sa.func.max(tables.outbox.c[tables.outbox.autoincrement_column.name]))) == 4
    last.close()


@pytest.mark.parametrize("kind", [SERVER, FILE])
def test_a_move_that_was_stopped_goes_on_and_nobody_opens_what_is_half_there(
    full: Database, versions: dict[str, str], new: New, kind: str
) -> None:
    url = new(kind)
    target = opened(url)
    stop_half_way(full, target)
    target.close()
    with pytest.raises(StoreError, match="store_half_moved"):
        Database(url)
    with full.write() as connection:  # the old one was used meanwhile
        demo.clear(connection, OPERATOR)
        demo.fill(connection, OPERATOR, versions, AT + timedelta(days=1), Site().zone)
    target = opened(url)
    made = move(full, target, OPERATOR, AT)
    assert kept(target) == kept(full)
    assert 0 < made.copied <= made.rows
    target.close()
    Database(url).close()


def test_what_was_there_already_is_not_copied_again(full: Database, new: New) -> None:
    url = new(FILE)
    target = opened(url)
    stop_half_way(full, target)
    there = len(rows(target)) - 1  # without the schema's own
    made = move(full, target, OPERATOR, AT)
    assert there > PAGE
    assert made.copied == made.rows - there
    target.close()


def test_a_base_of_somebody_else_is_not_written_over(full: Database, tmp_path: Path) -> None:
    target = Database(new_file(tmp_path / "other.sqlite"), moving=True)
    with target.write() as connection:
        audit.append(connection, "li.na", "edit", AT, "hers")
    before = rows(target)
    with pytest.raises(StoreError, match="move_target_taken"):
        move(full, target, OPERATOR, AT)
    assert rows(target) == before
    target.close()


def test_an_agent_moves_no_base(full: Database, new: New) -> None:
    target = opened(new(FILE))
    with pytest.raises(NotAllowedError):
        move(full, target, MAY, AT)
    target.close()


# --- the command ---------------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, port: int, lang: str = "en") -> Result:
    here = {"DATABASE_URL": f"sqlite:///{tmp_path}/full.sqlite", "LANGUAGE": lang, "PORT": str(port)}
    for name, value in here.items():
        monkeypatch.setenv(f"KB_{name}", value)
    return CliRunner().invoke(main, ["move", url], catch_exceptions=False)


@pytest.fixture
def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(("lang", "words"), [("en", "both databases are the same"), ("zh", "两边数据库一致")])
def test_the_command_says_what_to_do_next_and_no_password(
    full: Database, new: New, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int, lang: str, words: str
) -> None:
    url = new(SERVER).replace("postgres@", "postgres:s3cret@")
    told = run(monkeypatch, tmp_path, url, port, lang)
    assert (told.exit_code, words in told.output, "s3cret" in told.output) == (0, True, False)
    assert "postgresql+psycopg://postgres:***@127.0.0.1" in told.output


def test_the_command_moves_nothing_while_the_app_runs_or_records_wait(
    full: Database, new: New, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    with socket.create_server(("127.0.0.1", port)):
        told = run(monkeypatch, tmp_path, new(FILE), port)
    assert (told.exit_code, told.output.strip()) == (
        2,
        f"Something answers at 127.0.0.1:{port}: stop the app before the base is moved.",
    )
    Spool(tmp_path / "spool").put("gap", "call-1", AT, MAY, {"id": "g-1"})
    told = run(monkeypatch, tmp_path, new(FILE), port, "zh")
    assert (told.exit_code, told.output.strip()) == (
        2,
        "还有暂存的记录没有写入：请先启动应用等它们写入，停止后再迁移。",
    )
    told = run(monkeypatch, tmp_path, f"sqlite:///{tmp_path}/full.sqlite", port)
    assert told.exit_code == 2
