"""Folders that really take nothing, and files that really may not be read: search goes on, what is recorded waits or is
refused in a sentence, and all comes right when the folder does.

These run as root, whom no folder refuses, so the trials run in a process without the capabilities that let root past
modes (`setpriv`, CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH): the kernel then asks the modes as it asks anybody. A file
system that is mounted read-only refuses root too: that trial mounts one, in a namespace of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kb.config import ROOT

PAST_MODES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
MAY_MOUNT = 1 << 21  # CAP_SYS_ADMIN


def capabilities() -> int:
    """What this process may do beyond what modes let it, as the kernel's bits."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("CapEff:")).split()[1], 16)


def impossible(why: str) -> None:
    """This machine cannot run a trial, and says why: that is a failure only where it should have been able to."""
    pytest.skip(why)


def tried(names: str, home: Path, *before: str) -> dict[str, Any]:
    """What trials of this file say, run one after the other in a process of their own."""
    command = [
        *before,
        sys.executable,
        "-c",
        "from tests.faults.test_refused import main as go; go()",
        names,
        str(home),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run the trials that the command names, each in a folder of its own."""
    found = {}
    for name in sys.argv[1].split():
        here = Path(sys.argv[2]) / name
        here.mkdir()
        found[name] = TRIALS[name](here)
    print(json.dumps(found))


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of the trials in which modes refuse."""
    return tried("store start publish", tmp_path_factory.mktemp("refused"), *without_power())


def without_power() -> list[str]:
    """What to put before a command so that modes refuse it: nothing where they do already."""
    if not capabilities() & PAST_MODES:
        return []
    if not shutil.which("setpriv"):
        if os.environ.get("CI") == "true":
            pytest.fail("setpriv (util-linux) is missing")
        impossible("root cannot be refused here without setpriv (util-linux)")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]


# --- the trials, each in a process of its own ----------------------------------------------------


def _desk(home: Path) -> tuple[Any, Any]:
    from tests.doors.test_recorder import client
    from tests.on_call import base_of, desk_of
    from tests.people_on_the_floor import MAY

    base = base_of(home)
    (home / "data").mkdir()
    desk = desk_of(base, home / "data" / "firstcall.sqlite")
    return desk, client(desk, MAY)


def _gap(may: Any, name: str) -> tuple[int, Any]:
    body = {"id": f"r-{name}", "gap": name, "call": "c", "q": f"refund {name}"}
    answer = may.post("/api/gaps", content=json.dumps(body))
    return answer.status_code, answer.json().get("error") or answer.json().get("spooled", 0)


def _finds(may: Any) -> bool:
    answer = may.post("/api/search", content=json.dumps({"q": "refund to an expired card"}))
    return bool(answer.status_code == 200 and answer.json()["hits"][0]["article"] == "refund-card-en")


def _gaps(home: Path) -> list[str]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(home / "data" / "firstcall.sqlite")) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [row[0] for row in raw.execute("SELECT id FROM gap ORDER BY rowid")]


def _refuse(folder: Path, allow: Callable[[], None]) -> Callable[[], None]:
    """Take the right to write to a folder away; a test that this took, for a trial of nothing would be green."""
    try:
        (folder / ".try").write_text("x")
    except OSError:
        return allow
    raise AssertionError(f"{folder} still takes files: this trial would show nothing")


def _shut(folder: Path) -> Callable[[], None]:
    """Let nobody write to a folder or the files that lie in it; what lets them again."""

    def allow(file: int = 0o644, whole: int = 0o755) -> None:
        for path in folder.iterdir():
            if path.is_file():
                path.chmod(file)
        folder.chmod(whole)

    allow(0o444, 0o555)
    return _refuse(folder, allow)


def store(here: Path) -> Any:
    """The folder of the database takes nothing: with a spool folder that does, and without."""
    from tests.waiting import within

    _, may = _desk(here)
    spool = here / "data" / "spool"
    said = [_gap(may, "before")]
    spool.mkdir(exist_ok=True)
    allow = _shut(here / "data")
    said += [_gap(may, "spooled-1"), _gap(may, "spooled-2")]
    found = [_finds(may)]
    reads = may.post("/api/mine", content="{}").status_code
    again = _shut(spool)
    said.append(_gap(may, "refused"))
    found.append(_finds(may))
    sentence = may.post("/api/gaps", content=json.dumps({"id": "x", "gap": "x", "call": "c", "q": "x"})).json()[
        "message"
    ]
    again()
    allow()
    emptied = within(30, lambda: not list(spool.glob("*.json")))
    said.append(_gap(may, "after"))
    return [said, found, reads, sentence, emptied, _gaps(here)]


def start(here: Path) -> Any:
    """A program that starts on a database in such a folder, and on one that it may not even read."""
    from kb.errors import AwayError

    desk, may = _desk(here)
    file = here / "data" / "firstcall.sqlite"
    _gap(may, "before")
    desk.database.close()
    del desk.database
    allow = _shut(here / "data")
    desk.check_access()
    reads, found = may.post("/api/mine", content="{}").status_code, [_finds(may)]
    said = [_gap(may, "refused")]
    allow()
    said.append(_gap(may, "taken"))
    desk.database.close()
    del desk.database
    file.chmod(0)
    desk.check_access()
    try:
        away = str(desk.database)
    except AwayError as error:
        away = error.code
    found.append(_finds(may))
    file.chmod(0o644)
    import time

    time.sleep(0.6)
    said.append(_gap(may, "again"))
    return [reads, found, said, away, _gaps(here)]


def publish(here: Path) -> Any:
    """The index, the vectors, the articles, a backup's and a copy's folder take nothing."""
    from datetime import UTC, datetime

    from indexer.vectors import VectorCache
    from kb.care import backup
    from kb.doors import studio
    from kb.doors.wiring.offline import write_copy
    from kb.errors import KBError
    from kb.people.users import OPERATOR
    from tests.fake_encoder import HashEncoder
    from tests.on_call import base_of, desk_of

    said: list[str] = []

    def refused(work: Callable[[], object]) -> None:
        try:
            work()
            said.append("done")
        except KBError as error:
            said.append(error.code)

    base = base_of(here)
    desk = desk_of(base, here / "firstcall.sqlite")
    _ = desk.database
    served = desk.open().opened.engine.generation
    base.write("new-en", "A new one", say="New.")
    allow = _shut(base.index)
    inner = _shut(base.index / "generations")
    refused(base.build)
    still = base.open().engine.generation == served and not base.open().damaged
    inner()
    allow()
    refused(base.build)
    (here / "closed").mkdir()
    _shut(here / "closed")
    cache = VectorCache(here / "closed" / "vectors.sqlite")
    rows = cache.passages(["red light"], HashEncoder())
    cache.close()
    same = bool((rows == HashEncoder().passages(["red light"])).all())
    at = datetime.now(UTC)
    refused(lambda: backup.write(desk.database, desk.settings, here / "closed" / "x.backup", OPERATOR, at))
    refused(lambda: write_copy(here / "closed" / "copy.html", b"x"))
    article = base.folder / "troubleshooting" / "late-en.md"
    version = studio.article_of(desk, OPERATOR, "late-en").version
    source = article.read_text("utf-8").replace("Five", "Six")
    allow = _shut(article.parent)
    save = lambda: studio.save(desk, OPERATOR, "troubleshooting/late-en.md", source, version, at)  # noqa: E731
    refused(save)
    kept = "Five" in article.read_text("utf-8")
    allow()
    refused(save)
    begun = [*base.folder.rglob(".*"), *(here / "closed").iterdir(), *(base.index / "generations").glob(".*")]
    left = sorted(path.name for path in begun)
    return [said, still, same, kept, "Six" in article.read_text("utf-8"), left]


def mount(here: Path) -> Any:
    """The same for the database on a file system that is mounted read-only, which refuses root too."""
    from tests.waiting import within

    desk, may = _desk(here)
    said = [_gap(may, "before")]
    place = here / "data"
    for words in (["--bind", str(place)], ["-o", "remount,bind,ro"]):
        subprocess.run(["mount", *words, str(place)], check=True)
    allow = _refuse(place, lambda: None)
    os.chdir("/")
    said.append(_gap(may, "refused"))
    found, reads = _finds(may), may.post("/api/mine", content="{}").status_code
    desk.database.close()
    del desk.database
    desk.check_access()
    reads_anew = may.post("/api/mine", content="{}").status_code
    desk.database.close()
    del desk.database
    allow()
    subprocess.run(["umount", str(place)], check=True)
    recovered = within(20, lambda: _gap(may, "after") == (200, 0))
    return [said, found, reads, reads_anew, recovered, _gaps(here)]


TRIALS: dict[str, Callable[[Path], Any]] = {"store": store, "start": start, "publish": publish, "mount": mount}


# --- what they show ------------------------------------------------------------------------------


def test_a_folder_that_takes_no_record_costs_no_search_and_what_is_recorded_waits_or_is_refused(
    refused: dict[str, Any],
) -> None:
    said, found, reads, sentence, emptied, gaps = refused["store"]
    assert said == [[200, 0], [200, 1], [200, 2], [503, "store_unusable"], [200, 0]]
    assert (found, reads, emptied) == ([True, True], 200, True)
    assert sentence.startswith("The database cannot be used: ")
    assert gaps == ["before", "spooled-1", "spooled-2", "after"]


def test_a_program_starts_on_a_database_that_it_may_only_read_or_not_even_that(refused: dict[str, Any]) -> None:
    reads, found, said, away, gaps = refused["start"]
    assert (reads, found, away) == (200, [True, True], "store_unusable")
    assert said == [[503, "store_unusable"], [200, 0], [200, 0]]
    assert gaps == ["before", "taken", "again"]


def test_whatever_cannot_be_written_is_told_by_its_code_and_the_next_try_succeeds(refused: dict[str, Any]) -> None:
    said, still, same, kept, saved, left = refused["publish"]
    assert said == ["publish_failed", "done", "backup_unwritable", "copy_unwritable", "article_unwritable", "done"]
    assert (still, same, kept, saved) == (True, True, True, True)
    assert left == [".studio.lock"]


def test_a_file_system_that_is_mounted_read_only_refuses_root_too_and_nothing_is_lost(tmp_path: Path) -> None:
    if not capabilities() & MAY_MOUNT:
        impossible("mounting needs CAP_SYS_ADMIN, which this machine does not give")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        impossible("this machine makes no namespace of mounts although it gives CAP_SYS_ADMIN (a container's seccomp)")
    said, found, reads, reads_anew, recovered, gaps = tried("mount", tmp_path, "unshare", "-m")["mount"]
    assert said == [[200, 0], [503, "store_unusable"]]
    assert (found, reads, reads_anew, recovered) == (True, 200, 200, True)
    assert gaps == ["before", "after"]
