"""How backups, checks of them and restore drills ended, well or not: a small file of each kind beside the database.

The audit log knows only those that went well, and nothing where the database could not be written. A run is noted when
it begins, so that one that was killed is told of, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kb.db import Connection
from kb.durable import write_file
from kb.errors import KBError
from kb.people import audit
from kb.people.users import Action, User, require
from kb.seen.log import log

KINDS = ("backup", "check", "drill")
CRASHED = "unexpected"  # in place of a code


@dataclass(frozen=True)
class Run:
    """One run. `code` is '' where it ended well, `ended` None where it has not: it goes on, or was killed."""

    file: str
    begun: datetime
    ended: datetime | None = None
    code: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it ended well."""
        return self.ended is not None and not self.code


@dataclass(frozen=True)
class Runs:
    """Of one kind: the last, and the last that ended well."""

    last: Run | None = None
    good: Run | None = None


def noted(folder: Path, by: User, kind: str, file: str, clock: Callable[[], datetime]) -> AbstractContextManager[None]:
    """Note that a run begins, and how it ends. What cannot be noted keeps nobody from it.

    folder: `Settings.runs`; file: of the backup, by its name alone
    """
    require(by, Action.BACK_UP)
    return _noting(folder, kind, file, clock)


@contextmanager
def _noting(folder: Path, kind: str, file: str, clock: Callable[[], datetime]) -> Iterator[None]:
    begun, good = clock(), read(folder, kind).good
    _keep(folder, kind, Runs(Run(file, begun), good))
    try:
        yield
    except BaseException as error:
        code = error.code if isinstance(error, KBError) else CRASHED
        _keep(folder, kind, Runs(Run(file, begun, clock(), code), good))
        raise
    ended = Run(file, begun, clock())
    _keep(folder, kind, Runs(ended, ended))


def read(folder: Path, kind: str) -> Runs:
    """What is known of a kind; nothing where there is no such file, or none that can be read."""
    try:
        tree = json.loads((folder / f"{kind}.json").read_text("utf-8"))
        return Runs(_run(tree["last"]), _run(tree["good"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Runs()


def last_good(connection: Connection | None, folder: Path, kind: str) -> datetime | None:
    """When a run of a kind ended well last, by its file or by the audit log, None for never."""
    good = read(folder, kind).good
    logged = audit.last_at(connection, kind) if connection is not None and kind in audit.ACTS else None
    noted = good.ended if good is not None else None
    return max((at for at in (logged, noted) if at is not None), default=None)


def _keep(folder: Path, kind: str, runs: Runs) -> None:
    if not folder.parent.is_dir():  # a backup that is checked where no base is
        return
    tree = {name: run and {key: _plain(value) for key, value in vars(run).items()} for name, run in vars(runs).items()}
    try:
        write_file(folder / f"{kind}.json", json.dumps(tree, ensure_ascii=False).encode())
    except OSError as error:
        log.warning("run_not_noted", error)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _run(tree: dict[str, Any] | None) -> Run | None:
    if tree is None:
        return None
    begun, ended = datetime.fromisoformat(tree["begun"]), tree["ended"]
    return Run(str(tree["file"]), begun, datetime.fromisoformat(ended) if ended else None, str(tree["code"]))
