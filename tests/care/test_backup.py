"""One file with all there is, of one moment, and back again; a damaged one is refused before anything is touched."""

from __future__ import annotations

import io
import json
import os
import random
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from kb import failpoints, tables
from kb.care import backup
from kb.care.spool import Spool
from kb.config import Settings
from kb.content import articles
from kb.db import Database, digest
from kb.doors import studio
from kb.doors.wiring import Desk
from kb.errors import NotAllowedError, StoreError
from kb.people import audit
from kb.people.users import OPERATOR, SAMPLES
from kb.studio import revisions
from tests.faults.storing import store
from tests.people_on_the_floor import MAY, NOON
from tests.small_base import SmallBase, markdown
from tests.studio.test_media import picture

SECRETS = {
    "oidc_secret": "a-very-secret-thing",
    "webhook_secret": "another-secret-thing",
    "api_key": "a-key-that-opens-doors",
}
DRILLS = int(os.environ.get("DRILLS", "4"))


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Four articles, a picture, a database with ten gaps, a record that waits."""
    base = SmallBase(tmp_path / "kb")
    for number in range(4):
        base.write(f"parcel-{number}-en", f"Parcel {number}", body="A shelf. " * 50)
    (base.folder / "_media").mkdir()
    (base.folder / "_media" / "shelf.png").write_bytes(picture())
    (base.folder / ".parcel-0-en.md.1.2").write_text("half a save")
    url = f"sqlite:///{tmp_path}/kb/data/firstcall.sqlite"
    settings = Settings(articles=base.folder, home=base.home, database_url=url, **SECRETS)
    Spool(settings.spool).put("/api/gaps", "", NOON, MAY, {"id": "r-late", "q": "waits"})
    return settings


@pytest.fixture
def database(here: Settings) -> Iterator[Database]:
    one = Database(here.database_url)
    for number in range(10):
        store(one, number)
    yield one
    one.close()


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def written(here: Settings, database: Database, file: Path, passphrase: str = "") -> backup.Backup:
    return backup.write(database, here, file, OPERATOR, NOON, passphrase)


@pytest.mark.parametrize("passphrase", ["", "正确的马 battery staple"])
def test_what_was_backed_up_is_what_is_restored(
    here: Settings, database: Database, tmp_path: Path, passphrase: str
) -> None:
    file = tmp_path / "away" / "one.backup"
    before = digest(Path(here.database_url.removeprefix("sqlite:///")))
    made = written(here, database, file, passphrase)
    assert made.tables == before
    assert (made.articles, made.tables["gap"][0], made.schema) == (4, 10, len(tables_now()))
    assert backup.is_encrypted(file) is bool(passphrase)
    assert backup.check(file, passphrase) == made
    target = tmp_path / "new" / "place"
    assert backup.restore(file, target, OPERATOR, passphrase) == made
    kept = files(here.articles)
    del kept[".parcel-0-en.md.1.2"]
    assert files(target / "articles") == kept
    assert digest(target / "data" / "firstcall.sqlite") == before
    assert [entry.given["q"] for entry in Spool(target / "data" / "spool").entries()] == ["waits"]
    assert sorted(path.name for path in tmp_path.joinpath("new").iterdir()) == ["place"]
    assert [path.name for path in file.parent.iterdir()] == ["one.backup"]
    again = Database(f"sqlite:///{target}/data/firstcall.sqlite")  # and it goes on from there
    store(again, 10)
    with again.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.gap)) == 11
    again.close()


def tables_now() -> list[object]:
    from kb.tables import MIGRATIONS

    return list(MIGRATIONS)


def test_secrets_are_not_in_it(here: Settings, database: Database, tmp_path: Path) -> None:
    written(here, database, tmp_path / "one.backup")
    backup.restore(tmp_path / "one.backup", tmp_path / "new", OPERATOR)
    told = json.loads((tmp_path / "new" / "settings.json").read_text("utf-8"))
    assert set(told) == set(Settings.__dataclass_fields__) - {*SECRETS, "database_url"}
    everything = b"".join(files(tmp_path / "new").values())
    assert not any(secret.encode() in everything for secret in SECRETS.values())


def test_an_encrypted_one_tells_nothing_and_opens_with_its_passphrase_only(
    here: Settings, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "one.backup"
    written(here, database, file, "horse")
    assert not any(word in file.read_bytes() for word in (b"PK\3\4", b"parcel", b"SQLite"))
    for wrong in ("", "Horse", "horse "):
        with pytest.raises(StoreError, match="backup_passphrase"):
            backup.restore(file, tmp_path / "new", OPERATOR, wrong)
    assert not (tmp_path / "new").exists()


def test_it_is_written_down_and_so_is_the_drill(here: Settings, database: Database, tmp_path: Path) -> None:
    made = written(here, database, tmp_path / "one.backup")
    assert backup.drill(database, tmp_path / "one.backup", OPERATOR, NOON + timedelta(1)) == made
    with database.read() as connection:
        last = audit.entries(connection, OPERATOR, most=2)
        assert audit.last_at(connection, "drill") == NOON + timedelta(1)
        assert audit.last_at(connection, "backup") == NOON
    assert [(one.act, one.about) for one in last] == [("drill", "one.backup"), ("backup", "one.backup")]
    assert json.loads(last[0].facts) == {"articles": 4, "rows": made.rows}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kb", "one.backup"]


def test_nobody_but_an_admin_may(here: Settings, database: Database, tmp_path: Path) -> None:
    for by in SAMPLES.values():
        with pytest.raises(NotAllowedError):
            backup.write(database, here, tmp_path / "one.backup", by, NOON)
        with pytest.raises(NotAllowedError):
            backup.restore(tmp_path / "one.backup", tmp_path / "new", by)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kb"]


# --- what is refused -----------------------------------------------------------------------------


def test_nothing_that_is_there_is_written_over(here: Settings, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    file.write_text("mine")
    with pytest.raises(StoreError, match="backup_there"):
        written(here, database, file)
    assert file.read_text() == "mine"
    file.unlink()
    written(here, database, file)
    (tmp_path / "new").mkdir()
    with pytest.raises(StoreError, match="backup_there"):
        backup.restore(file, tmp_path / "new", OPERATOR)
    assert files(tmp_path / "new") == {}


@pytest.mark.parametrize("point", ["backup.copied", "backup.sealed", "save.aside", "restore.written"])
def test_where_the_disk_is_full_nothing_is_left(here: Settings, database: Database, tmp_path: Path, point: str) -> None:
    file = tmp_path / "one.backup"
    written(here, database, file)
    failpoints.arm(f"{point}:1:ENOSPC")
    writes = partial(written, here, database, tmp_path / "two.backup")
    restores = partial(backup.restore, file, tmp_path / "new", OPERATOR)
    failing = writes if point.startswith("backup") else restores
    try:
        with pytest.raises(StoreError, match=r"backup_unwritable.*No space left"):
            failing()
    finally:
        failpoints.arm("")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kb", "one.backup"]


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :]


DAMAGES: dict[str, Callable[[bytes, int], bytes]] = {
    "flipped": flipped,
    "cut": lambda raw, at: raw[:at],
    "zeroed": lambda raw, at: raw[:at] + bytes(min(512, len(raw) - at)) + raw[at + 512 :],
    "with a tail": lambda raw, at: raw + raw[: at % 100 + 1],
    "with a hole": lambda raw, at: raw[:at] + raw[at + 1 :],
}


@pytest.mark.parametrize("passphrase", ["", "horse"])
def test_a_damaged_one_is_refused_and_nothing_is_touched(
    here: Settings, database: Database, tmp_path: Path, passphrase: str
) -> None:
    file, chance = tmp_path / "one.backup", random.Random(3)
    written(here, database, file, passphrase)
    raw = file.read_bytes()
    places = [
        *range(0, 40, 9),
        *range(len(raw) - 200, len(raw) - 1, 3),
        *(chance.randrange(len(raw)) for _ in range(9)),
    ]
    tried = 0
    for damage in DAMAGES.values():
        for at in places:
            broken = damage(raw, at)
            if broken == raw:
                continue
            file.write_bytes(broken)
            with pytest.raises(StoreError, match=r"backup_damaged|backup_newer"):
                backup.restore(file, tmp_path / "new", OPERATOR, passphrase)
            tried += 1
    assert tried > 300
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kb", "one.backup"]


def forged(file: Path, change: Callable[[dict[str, object], dict[str, bytes]], None]) -> None:
    """A backup with another content and the right sum, as somebody with bad intentions would make it."""
    body, _ = backup._opened(file)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    tree = json.loads(members.pop(backup.MANIFEST))
    change(tree, members)
    file.unlink()
    with zipfile.ZipFile(file, "w") as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
        archive.writestr(backup.MANIFEST, json.dumps(tree))
    backup._seal(file, "")


@pytest.mark.parametrize(
    "name", ["../x", "articles/../../x", "/etc/x", "articles//x", "articles/a\\b", "else/x", "spool/../x"]
)
def test_one_that_leads_elsewhere_is_refused(here: Settings, database: Database, tmp_path: Path, name: str) -> None:
    file = tmp_path / "one.backup"
    written(here, database, file)

    def lead(tree: dict[str, object], members: dict[str, bytes]) -> None:
        members[name] = members["articles/troubleshooting/parcel-0-en.md"]
        tree["files"][name] = tree["files"]["articles/troubleshooting/parcel-0-en.md"]  # type: ignore[index]

    forged(file, lead)
    with pytest.raises(StoreError, match="backup_damaged"):
        backup.restore(file, tmp_path / "new", OPERATOR)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kb", "one.backup"]


def test_one_of_a_newer_program_is_refused(here: Settings, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    written(here, database, file)
    forged(file, lambda tree, _: tree.update(schema=len(tables_now()) + 1))
    with pytest.raises(StoreError, match="store_newer"):
        backup.restore(file, tmp_path / "new", OPERATOR)


def test_what_is_none_is_told_as_such(tmp_path: Path) -> None:
    for raw in (b"", b"\n", b"{}\n", b"text\n[]\n", os.urandom(3_000)):
        (tmp_path / "x").write_bytes(raw)
        with pytest.raises(StoreError, match="backup_damaged"):
            backup.check(tmp_path / "x")
    with pytest.raises(StoreError, match="backup_unreadable"):
        backup.check(tmp_path / "nowhere")


def test_a_servers_database_is_left_to_its_own_tools(here: Settings, database: Database, tmp_path: Path) -> None:
    database._sqlite = False
    with pytest.raises(StoreError, match="backup_needs_sqlite"):
        written(here, database, tmp_path / "one.backup")
    database._sqlite = True


# --- while others write --------------------------------------------------------------------------


def test_every_backup_under_load_is_of_one_moment(here: Settings, database: Database, tmp_path: Path) -> None:
    """Gaps are recorded and articles saved without end; what a backup has of them belongs together."""
    desk, over, saved = Desk(replace(here)), threading.Event(), threading.Event()
    troubles: list[BaseException] = []

    def work() -> None:
        number, version = 100, articles.fingerprint((here.articles / "troubleshooting/parcel-0-en.md").read_bytes())
        try:
            while not over.is_set():
                number += 1
                store(database, number)
                source = markdown("parcel-0-en", f"Parcel, edition {number}", body="A shelf.")
                done = studio.save(desk, OPERATOR, "troubleshooting/parcel-0-en.md", source, version, NOON)
                version = done.article.version
                saved.set()
        except BaseException as error:
            troubles.append(error)
            saved.set()

    worker = threading.Thread(target=work)
    worker.start()
    counts = []
    try:
        for number in range(DRILLS):
            saved.clear()
            assert saved.wait(60)
            file, target = tmp_path / f"{number}.backup", tmp_path / f"restored-{number}"
            made = written(here, database, file)
            backup.restore(file, target, OPERATOR)
            restored = Database(f"sqlite:///{target}/data/firstcall.sqlite")
            with restored.read() as connection:
                gaps = set(connection.scalars(sa.select(tables.gap.c.id)))
                events = set(connection.scalars(sa.select(tables.event.c.id)))
                latest = revisions.latest(connection, "parcel-0-en")
                assert audit.verify(connection, OPERATOR).trouble is None
            restored.close()
            assert {id.removeprefix("g-") for id in gaps} == {id.removeprefix("r-") for id in events}
            on_disk = articles.fingerprint((target / "articles/troubleshooting/parcel-0-en.md").read_bytes())
            assert latest is not None
            assert latest.sha256 == on_disk  # the article and what the database knows of it
            counts.append((len(gaps), made.rows))
    finally:
        over.set()
        worker.join(60)
        desk.database.close()
    assert troubles == []
    assert counts == sorted(set(counts))
