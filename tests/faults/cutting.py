"""A file of a served generation that another program cuts in its place, while it is searched.

Who serves is forked, for what is mapped and cut ends it: `python -m tests.faults.cutting HOME`.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from indexer import generation
from indexer.engine import fields, segments, words
from indexer.engine.contract import Engine
from kb.errors import GenerationError, PublishError
from kb.finding.search import search
from tests.faults.children import child, told
from tests.small_base import ALL, SmallBase

QUESTIONS = ("refund to an expired card", "路由器红灯一直亮", "vacuum E-04 whe", "refund", "turn it over")
Say = Callable[[str], object]


def made(base: SmallBase, say: Say) -> None:
    """Publish a base and a change of it, with rows and tokens in files of their own; say which files there are."""
    for number in range(20):
        base.write(f"vacuum-{number}-en", f"Vacuum shows E-{number:02}", body="Turn it over. A wheel is stuck.")
    base.write("router-zh", "路由器红灯", questions=["红灯一直亮"], body="拔掉电源等十秒。")
    base.build()
    base.write("refund-en", "Refund to an expired card", body="It arrives all the same.")
    base.build()
    for name in sorted(base.open().manifest.files):
        say(f"{name}\n")


def answers(engine: Engine, base: SmallBase) -> list[object]:
    """All that a search says of the questions."""
    asked = [search(one, ALL, index=engine, encoder=base.encoder, catalogue={}) for one in QUESTIONS]
    return [[(hit.article, hit.score, hit.passage, hit.why) for hit in one.hits] for one in asked]


@contextlib.contextmanager
def cut(path: Path) -> Iterator[None]:
    """A file that is cut in its place, and whole again afterwards."""
    raw = path.read_bytes()
    os.truncate(path, 0)
    yield
    path.write_bytes(raw)


def served(base: SmallBase, say: Say) -> None:
    """Serve and search in two threads while one file after another is cut; say what was not as before."""
    opened = base.open()
    before, stop = answers(opened.engine, base), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                if answers(opened.engine, base) != before:
                    say("another answer\n")
            except Exception as error:
                say(f"{error!r}\n")

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(2)]
    for one in threads:
        one.start()
    for name in sorted(opened.manifest.files):
        with cut(base.index / "generations" / opened.manifest.generation / name):
            if answers(opened.engine, base) != before:
                say(f"another answer without {name}\n")
            try:
                generation.reread(base.index)
            except GenerationError as error:
                say(f"found {error.facts['file']}\n")
    stop.set()
    for one in threads:
        one.join()
    say("alive\n")


def changed(base: SmallBase, say: Say) -> None:
    """Publish a change; what is published is cut while the writer has it open."""
    old = base.index / "generations" / base.current / "lexical"
    base.write("vacuum-1-en", "Vacuum shows E-99")
    with contextlib.ExitStack() as whole:

        def cut_all(_: str) -> None:
            for path in sorted(old.iterdir()):
                whole.enter_context(cut(path))

        with mock.patch.object(words, "reached", cut_all):
            try:
                base.build()
            except PublishError as error:
                say(f"{error.code}\n")
    say(f"{base.open().engine.article('vacuum-1-en').title}\n")
    base.build()
    say(f"{base.open().engine.article('vacuum-1-en').title}\n")
    say("alive\n")


NAIVE: dict[str, Callable[[Path], Any]] = {
    "sealed": contextlib.nullcontext,
    "opened": lambda path: os.open(path, os.O_RDONLY),
}


def tried(base: SmallBase, work: Callable[[SmallBase, Say], None], naive: str = "") -> tuple[list[str], int]:
    """What a child says that has a base of its own, and how it ended: its exit code or signal. naive: which copies are
    not made."""
    own = SmallBase(base.home.with_name(f"{base.home.name} {work.__name__} {naive}"))
    if base.home.exists():
        shutil.copytree(base.home, own.home)

    def work_on(_: int, say: int) -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.ExitStack() as patches:
            for room in (words, fields, segments) if naive else ():
                if hasattr(room, naive):
                    patches.enter_context(mock.patch.object(room, naive, NAIVE[naive]))
            work(own, lambda line: os.write(say, line.encode()))
        os._exit(0)

    with child(work_on) as (process, hear, _):
        said = told(hear).splitlines()
        ended = os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        return said, ended.si_status


def main(home: str) -> dict[str, Any]:
    """All of them. This process itself never opens a base: what has threads cannot be forked."""
    fields.EXACT_UP_TO = 0
    files, _ = tried(SmallBase(Path(home, "none")), made)
    base = SmallBase(Path(home, "none made "))
    return {
        "files": files,
        "served": tried(base, served),
        "served, mapped as they lie": tried(base, served, "sealed"),
        "served, read as they lie": tried(base, served, "opened"),
        "changed": tried(base, changed),
        "changed, mapped as they lie": tried(base, changed, "sealed"),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
