"""What waits for the database: in order, masked, durable, and nothing in the way of what waits behind it."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from kb import failpoints
from kb.care.spool import Spool
from kb.errors import AwayError
from tests.people_on_the_floor import BO, LI, MAY, MINUTE, NOON, PHONE


def put(spool: Spool, *questions: str) -> None:
    for question in questions:
        spool.put("/api/gaps", "", NOON, MAY, {"id": f"r-{question}", "q": question})


def questions(spool: Spool) -> list[str]:
    return [str(entry.given["q"]) for entry in spool.entries()]


def test_what_was_put_comes_out_as_it_was_in_order_also_after_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    assert (spool.waiting(), spool.aside(), list(spool.entries())) == (0, 0, [])
    keyed = replace(BO, tag="key")
    events = {"events": [{"id": "e-1", "kind": "copy", "said": "七天内退回原卡。", "rank": 2}], "ago": 1500}
    spool.put("/api/calls/{id}/events", "call-1", NOON, keyed, events)
    again = Spool(tmp_path / "spool")
    again.put("/api/undo", "", NOON + MINUTE, LI, {"id": "e-1"})
    first, second = again.entries()
    assert (first.path, first.call, first.at, first.by, first.given) == (
        "/api/calls/{id}/events",
        "call-1",
        NOON,
        keyed,
        events,
    )
    assert (second.by, second.given, second.at) == (LI, {"id": "e-1"}, NOON + MINUTE)
    assert first.name < second.name
    again.taken(first.name)
    assert [entry.name for entry in Spool(tmp_path / "spool").entries()] == [second.name]


def test_nobodys_number_is_written_there_and_ids_stay_as_they_are(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    told = {"id": "e-13812345678-x", "q": f"请打 {PHONE}", "events": [{"said": f"call {PHONE}", "article": "a-en"}]}
    spool.put("/api/gaps", "", NOON, MAY, told)
    (entry,) = spool.entries()
    assert entry.given == {
        "id": "e-13812345678-x",
        "q": "请打 ‹phone›",
        "events": [{"said": "call ‹phone›", "article": "a-en"}],
    }
    assert all(PHONE not in path.read_text("utf-8").replace("e-13812345678-x", "") for path in tmp_path.iterdir())


def test_one_that_does_not_read_as_it_was_written_is_set_aside_and_the_others_come(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    put(spool, "a", "b", "c", "d")
    files = sorted(path for path in tmp_path.iterdir() if path.suffix == ".json")
    files[1].write_bytes(files[1].read_bytes().replace(b"r-b", b"r-z"))
    files[2].write_bytes(b"")
    assert questions(spool) == ["a", "d"]
    assert (spool.waiting(), spool.aside()) == (2, 2)
    reason = (tmp_path / "aside" / files[1].name).with_suffix(".txt").read_text()
    assert reason == "damaged: hash"


@pytest.mark.parametrize("error", ["ENOSPC", "EROFS", "EACCES"])
def test_what_cannot_be_kept_is_refused_and_leaves_nothing(tmp_path: Path, error: str) -> None:
    spool = Spool(tmp_path)
    put(spool, "a")
    failpoints.arm(f"save.aside:1:{error}")
    try:
        with pytest.raises(AwayError):
            put(spool, "b")
    finally:
        failpoints.arm("")
    put(spool, "c")
    assert questions(spool) == ["a", "c"]
    assert len(list(tmp_path.iterdir())) == 2
    assert getattr(errno, error)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AwayError):
        put(Spool(tmp_path / "file" / "spool"), "a")
