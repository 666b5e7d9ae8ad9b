"""What changes in the articles folder is told once it has come to rest, and nothing else is."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from indexer.watch import SETTLE_MS, changes

SOON = 5.0  # a generous bound in seconds
REST = 3 * SETTLE_MS / 1000


class Listener:
    """A thread that listens to the changes of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: Queue[None] = Queue()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self) -> None:
        for _ in changes(self.folder, self.stop):
            self.told.put(None)

    def begin(self) -> None:
        """Return once the listening has begun and all is quiet."""
        probe = self.folder / "probe.md"
        deadline = time.monotonic() + SOON
        while self.told.empty():
            assert time.monotonic() < deadline, "the folder is not watched"
            probe.write_text(str(time.monotonic()), "utf-8")
            time.sleep(0.1)
        self.drain()

    def drain(self) -> int:
        """How many changes are told until none comes any more."""
        count = 0
        while True:
            try:
                self.told.get(timeout=REST)
                count += 1
            except Empty:
                return count

    def hears(self) -> bool:
        """Whether a change is told soon; the ones right after it are taken as one with it."""
        try:
            self.told.get(timeout=SOON)
        except Empty:
            return False
        self.drain()
        return True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    (folder / "troubleshooting").mkdir(parents=True)
    (folder / "troubleshooting" / "old.md").write_text("old", "utf-8")
    (folder / "troubleshooting" / "other.md").write_text("other", "utf-8")
    return folder


@pytest.fixture
def listener(folder: Path) -> Iterator[Listener]:
    listener = Listener(folder)
    try:
        listener.begin()
        yield listener
    finally:
        listener.stop.set()
        listener.thread.join(SOON)


def new_folder_with_an_article(folder: Path) -> None:
    (folder / "returns" / "deep").mkdir(parents=True)
    time.sleep(0.3)  # a new folder is watched a moment after it is there
    (folder / "returns" / "deep" / "new.md").write_text("new", "utf-8")


def save_as_editors_do(folder: Path) -> None:
    """Write beside it, then rename over it."""
    (folder / "troubleshooting" / ".old.md.swp").write_text("saved", "utf-8")
    (folder / "troubleshooting" / ".old.md.swp").rename(folder / "troubleshooting" / "old.md")


TOLD: dict[str, Callable[[Path], object]] = {
    "a new article": lambda folder: (folder / "troubleshooting" / "new.md").write_text("new", "utf-8"),
    "a Chinese file name": lambda folder: (folder / "troubleshooting" / "路由器红灯.md").write_text("新", "utf-8"),
    "an edited article": lambda folder: (folder / "troubleshooting" / "old.md").write_text("edited", "utf-8"),
    "an article saved by rename": save_as_editors_do,
    "a deleted article": lambda folder: (folder / "troubleshooting" / "old.md").unlink(),
    "a moved article": lambda folder: (folder / "troubleshooting" / "old.md").rename(folder / "old.md"),
    "a folder taken away": lambda folder: shutil.rmtree(folder / "troubleshooting"),
    "a new folder": new_folder_with_an_article,
    "the catalogue": lambda folder: (folder / "_products.toml").write_text("[LH-R3000]", "utf-8"),
}


@pytest.mark.parametrize("change", TOLD)
def test_a_change_is_told(folder: Path, listener: Listener, change: str) -> None:
    TOLD[change](folder)
    assert listener.hears()


def test_what_is_no_article_is_not_told(folder: Path, listener: Listener) -> None:
    (folder / "notes.txt").write_text("a note", "utf-8")
    (folder / "troubleshooting" / ".old.md.swp").write_text("an editor's", "utf-8")
    (folder / "troubleshooting" / ".#old.md").write_text("another editor's", "utf-8")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    (folder / "empty").mkdir()
    assert listener.drain() == 0
    (folder / "troubleshooting" / "old.md").write_text("edited", "utf-8")
    assert listener.hears()


def test_many_files_changed_at_once_are_told_once(folder: Path, listener: Listener) -> None:
    for number in range(50):
        (folder / "troubleshooting" / f"new-{number}.md").write_text("from a git pull", "utf-8")
    assert 1 <= listener.drain() <= 2


def test_listening_ends_when_it_is_told_to(listener: Listener) -> None:
    began = time.monotonic()
    listener.stop.set()
    listener.thread.join(SOON)
    assert not listener.thread.is_alive()
    assert time.monotonic() - began < SOON
