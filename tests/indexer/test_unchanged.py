"""A file that is as it was is not read again; one that may have changed within the clock's tick is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from indexer.build import unchanged
from indexer.build.unchanged import YOUNG, Fingerprints
from kb.content.articles import fingerprint


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bytes of each file that is read."""
    found: list[bytes] = []

    def reading(raw: bytes) -> str:
        found.append(raw)
        return fingerprint(raw)

    monkeypatch.setattr(unchanged, "fingerprint", reading)
    return found


def later(monkeypatch: pytest.MonkeyPatch, seconds: float = YOUNG + 1) -> None:
    """The files of this test are older than a clock's tick."""
    at = time.time() + seconds
    monkeypatch.setattr(unchanged.time, "time", lambda: at)


def test_a_file_is_read_once_until_it_changes(
    tmp_path: Path, read: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, known = tmp_path / "a.md", Fingerprints()
    path.write_bytes(b"one")
    later(monkeypatch)
    assert [known.of(str(path)) for _ in range(3)] == [fingerprint(b"one")] * 3
    assert read == [b"one"]
    path.write_bytes(b"two")
    assert known.of(str(path)) == fingerprint(b"two")
    assert read == [b"one", b"two"]


def test_a_file_put_in_its_place_with_the_same_size_and_time_is_read(
    tmp_path: Path, read: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other, known = tmp_path / "a.md", tmp_path / "b.md", Fingerprints()
    path.write_bytes(b"one")
    other.write_bytes(b"two")
    later(monkeypatch)
    known.of(str(path))
    stat = path.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert known.of(str(path)) == fingerprint(b"two")


def test_a_young_file_may_change_unseen_and_is_read_each_time(
    tmp_path: Path, read: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, known = tmp_path / "a.md", Fingerprints()
    path.write_bytes(b"one")
    stat = path.stat()
    monkeypatch.setattr(unchanged.os, "stat", lambda _: stat)  # a second write in the same tick changes no fact
    assert known.of(str(path)) == fingerprint(b"one")
    path.write_bytes(b"two")
    assert known.of(str(path)) == fingerprint(b"two")
    assert read == [b"one", b"two"]


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Fingerprints().of(str(tmp_path / "a.md"))
