"""The desk in the background: it follows, rebuilds, waits its turn and goes on serving."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexer import generation
from kb import failpoints
from kb.config import ROOT, Settings
from kb.doors import wiring
from kb.doors.wiring import upkeep
from kb.errors import GenerationError, SettingError
from kb.people import audit
from kb.people.users import OPERATOR
from tests.fake_encoder import HashEncoder
from tests.people_on_the_floor import MAY
from tests.waiting import within

KETTLE = "---\nid: kettle-en\ntitle: Descaling the kettle\nlang: en\nstate: {state}\n---\n\nBoil it once.\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[wiring.Desk]:
    shutil.copytree(ROOT / "articles" / "products", tmp_path / "articles" / "products")
    monkeypatch.setattr(upkeep, "load_encoder", lambda settings: HashEncoder())
    monkeypatch.setattr(upkeep.gc, "freeze", lambda: None)  # the test process goes on
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    one = wiring.Desk(Settings(articles=tmp_path / "articles", home=tmp_path / "home", database_url=url))
    one.start()
    yield one
    one.stop()


def ids(desk: wiring.Desk) -> tuple[str, ...]:
    return desk.served.opened.engine.ids if desk.served else ()


def test_the_first_index_is_built_and_served(desk: wiring.Desk) -> None:
    assert within(60, lambda: len(ids(desk)) == 28)
    assert within(20, lambda: (desk.encoder_state, desk.trouble) == ("ready", None))  # said after it serves


def rot(desk: wiring.Desk, name: str) -> Path:
    """Flip one bit of a file of the generation that serves, as a disk does: its time of change stays."""
    served = desk.served
    assert served is not None
    path = next((desk.settings.index / "generations" / served.opened.manifest.generation).rglob(name))
    raw, stat = bytearray(path.read_bytes()), path.stat()
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    return path


@pytest.mark.parametrize("name", ["asks.faiss", "articles.jsonl"])
def test_an_index_that_rots_while_it_serves_is_found_and_built_anew(desk: wiring.Desk, name: str) -> None:
    assert within(60, lambda: len(ids(desk)) == 28)
    served = desk.served
    assert served is not None
    before = served.opened.manifest.generation
    assert desk._upkeep is not None
    desk._upkeep._check(datetime.now(UTC))
    assert desk.repaired is None
    rot(desk, name)
    with suppress(GenerationError):  # nothing older is there: what is in memory goes on
        desk._upkeep._check(datetime.now(UTC))
    assert desk.repaired is not None
    damage, _ = desk.repaired
    assert str(damage.facts["file"]).endswith(name)
    assert desk.ask("router", MAY).hits
    assert within(60, lambda: desk.served is not None and desk.served.opened.manifest.generation > before)
    assert within(60, lambda: desk.trouble is None)
    assert len(ids(desk)) == 28
    generation.reread(desk.settings.index)
    with desk.database.read() as connection:
        (entry,) = [one for one in audit.entries(connection, OPERATOR) if one.act == "repair"]
    assert (entry.about, entry.by) == (before, OPERATOR.id)


def test_a_build_that_was_under_way_when_damage_was_found_does_not_make_it_news_again(desk: wiring.Desk) -> None:
    assert within(60, lambda: len(ids(desk)) == 28)
    assert desk.served is not None
    assert desk._upkeep is not None
    name, at = desk.served.opened.manifest.generation, datetime.now(UTC)
    damage = GenerationError("generation_damaged", generation=name, file="asks.faiss")
    for _ in range(2):
        desk._upkeep._repair(damage, at)
        desk._upkeep._rebuild(at)
    with desk.database.read() as connection:
        told = [one.about for one in audit.entries(connection, OPERATOR) if one.act == "repair"]
    assert told == [name]


def test_a_generation_published_damaged_never_serves_and_is_built_anew(desk: wiring.Desk) -> None:
    assert within(60, lambda: len(ids(desk)) == 28)
    served = desk.served
    assert served is not None
    (desk.settings.index / "CURRENT").write_bytes(b"garbage")
    assert within(60, lambda: desk.repaired is not None)
    assert within(60, lambda: desk.served is not None and desk.served is not served and desk.trouble is None)
    assert generation.current(desk.settings.index) is not None
    assert len(ids(desk)) == 28


def test_a_full_disk_is_told_and_what_was_changed_comes_once_there_is_room(
    desk: wiring.Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "FULL_SECONDS", 0.2)
    assert within(60, lambda: len(ids(desk)) == 28)
    failpoints.arm("publish.hashed:1:ENOSPC")
    try:
        (desk.settings.articles / "products" / "kettle-en.md").write_text(KETTLE.format(state="validated"), "utf-8")
        assert within(60, lambda: desk.trouble is not None and desk.trouble.code == "publish_failed")
    finally:
        failpoints.arm("")
    assert within(60, lambda: desk.read("kettle-en", MAY) is not None)
    assert within(60, lambda: desk.trouble is None)


def test_a_changed_folder_is_followed(desk: wiring.Desk) -> None:
    assert within(20, lambda: len(ids(desk)) == 28)
    path = desk.settings.articles / "products" / "kettle-en.md"
    path.write_text(KETTLE.format(state="validated"), "utf-8")
    assert within(20, lambda: desk.read("kettle-en", MAY) is not None)
    assert desk.ask("descaling kettle", MAY).hits[0].article.id == "kettle-en"
    path.write_text(KETTLE.format(state="wip"), "utf-8")
    assert within(20, lambda: desk.read("kettle-en", MAY) is None)
    assert "kettle-en" not in [hit.article.id for hit in desk.ask("descaling kettle", MAY).hits]


def test_it_waits_for_another_publisher_and_then_publishes(desk: wiring.Desk) -> None:
    assert within(20, lambda: len(ids(desk)) == 28)
    released = threading.Event()

    def hold() -> None:
        with generation.publisher(desk.settings.index):
            released.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    (desk.settings.articles / "products" / "kettle-en.md").write_text(KETTLE.format(state="validated"), "utf-8")
    assert within(10, lambda: desk.trouble is not None and desk.trouble.code == "publisher_busy")
    assert desk.ask("router", MAY).hits  # it goes on serving
    released.set()
    holder.join()
    assert within(20, lambda: desk.read("kettle-en", MAY) is not None)
    assert within(5, lambda: desk.trouble is None)


def test_a_generation_published_elsewhere_is_followed(desk: wiring.Desk) -> None:
    assert within(20, lambda: len(ids(desk)) == 28)
    before = ids(desk)
    with generation.publisher(desk.settings.index):
        pass
    wiring.build(desk.settings, HashEncoder(), full=True)
    name = generation.current(desk.settings.index)
    assert within(5, lambda: desk.served is not None and (desk.served.opened.manifest.generation == name[0]))
    assert ids(desk) == before


def test_a_model_that_does_not_load_leaves_the_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(articles=ROOT / "articles", home=tmp_path)
    wiring.build(settings, HashEncoder())

    def broken(settings: Settings) -> HashEncoder:
        raise SettingError("model_unusable", model="nowhere", problem="no such folder")

    monkeypatch.setattr(upkeep, "load_encoder", broken)
    desk = wiring.Desk(settings)
    desk.start()
    try:
        assert within(10, lambda: desk.encoder_state == "failed")
        assert desk.trouble is not None
        assert desk.trouble.code == "model_unusable"
        found = desk.ask("refund to an expired card", MAY)
        assert (found.complete, found.hits[0].article.id) == (False, "refund-expired-card-en")
    finally:
        desk.stop()


def test_each_generation_that_begins_to_serve_is_one_entry_of_the_audit_log(call_desk: wiring.Desk) -> None:
    def published() -> list[str]:
        with call_desk.database.read() as connection:
            return [one.about for one in audit.entries(connection, OPERATOR) if one.act == "publish"]

    keeper = upkeep.Upkeep(call_desk)
    for name in ("g1", "g1", "g2", "g1", ""):
        keeper._note_published(name, datetime.now(UTC))
    assert published() == ["g1", "g2", "g1"]
    again = wiring.Desk(call_desk.settings)  # the next process serves the same one
    upkeep.Upkeep(again)._note_published("g1", datetime.now(UTC))
    again.database.close()
    assert published() == ["g1", "g2", "g1"]
