"""A publisher killed again and again, beside a reader that verifies all the time.

Half of the kills are at a failpoint, in turn, half from outside at a random moment. Parent and children are forked
after the imports, before anything has threads. What is tried is a `Subject`: the product, or a publisher as one
would write it first, on which the same trial must go red.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from indexer.generation import disk, opening
from indexer.generation.rows import store
from kb import failpoints
from kb.errors import PublishError
from kb.failpoints import POINTS, reached
from tests.faults.children import child, end, hears, told
from tests.small_base import SmallBase

STEPS = tuple(point for point in POINTS if point.partition(".")[0] in ("build", "publish", "point", "clean"))
ROWS = tuple(point for point in POINTS if point.startswith("rows."))
ROUNDS = 1_000  # numbers that one publisher may use; the next begins above them
FINISHED = 3  # publishes, in one of which a publisher is killed from outside: time tells nothing on a busy machine
MOST = 12  # publishes within which every step comes by


class Subject(Protocol):
    """Something that publishes rounds, each with a number, and reads them back. `steps`: where it can be killed."""

    steps: tuple[str, ...]

    def publish(self, number: int) -> None:
        """Publish a round. Numbers grow."""

    def read(self, *, afresh: bool) -> int:
        """The round that serves, verified, also against the disk where it is read `afresh`. Raises for a torn one."""


class TornError(Exception):
    """What serves is not what was published."""


@dataclass
class Product:
    """Our own publisher: three articles that all say their round, full and incremental builds in turn."""

    base: SmallBase
    steps: tuple[str, ...] = STEPS

    def publish(self, number: int) -> None:
        """Write the round and build it."""
        for id in ("router-red-light", "refund-times", "vacuum-wheel"):
            self.base.write(id, f"{id}, round {number}", questions=[f"Where is {id}"], body="Turn it over.")
        self.base.build(full=number % 3 == 0, keep=2)

    def read(self, *, afresh: bool) -> int:
        """Open what serves, by nothing but the product's own check."""
        if afresh:
            disk._verified.clear()
            opening._held.clear()
        opened = self.base.open()
        rounds = {opened.engine.article(id).title.rpartition(" ")[2] for id in opened.engine.ids}
        if opened.damaged or len(rounds) != 1 or len(opened.engine.ids) != 3:
            raise TornError(f"{opened.damaged} {rounds} {opened.engine.ids}")
        return int(rounds.pop())


@dataclass
class Server(Product):
    """The same on a database server, whose address is in the file `url`: nobody connects before there is a child."""

    steps: tuple[str, ...] = ROWS

    def publish(self, number: int) -> None:
        """As soon as the server has noticed that the publisher before was killed."""
        while True:
            try:
                return super().publish(number)
            except PublishError as error:
                if error.code != "publisher_busy":
                    raise
                time.sleep(0.01)

    def read(self, *, afresh: bool) -> int:
        """Open what serves, by nothing but the product's own check."""
        if afresh and self.base.rows:
            self.base.rows.reread()
        return super().read(afresh=False)


def _server(home: Path) -> Server:
    store.GRACE_SECONDS = 0  # so that cleaning comes by
    return Server(SmallBase(home, rows=store.Rows((home / "url").read_text())))


@dataclass
class TwoRenames:
    """As one would write it first: vectors and texts, each written aside and renamed over the one before."""

    folder: Path
    steps: tuple[str, ...] = STEPS

    def publish(self, number: int) -> None:
        """Replace both files."""
        for name, point in (("vectors", "publish.hashed"), ("texts", "publish.renamed")):
            aside = self.folder / f".{name}"
            aside.write_bytes(f"{number}\n".encode() * 20_000)
            reached(point)
            os.rename(aside, self.folder / name)

    def read(self, *, afresh: bool) -> int:
        """Both, which should be of one round."""
        rounds = {(self.folder / name).read_bytes().partition(b"\n")[0] for name in ("vectors", "texts")}
        if len(rounds) != 1:
            raise TornError(str(rounds))
        return int(rounds.pop())


SUBJECTS: dict[str, Callable[[Path], Subject]] = {
    "product": lambda home: Product(SmallBase(home)),
    "server": _server,
    "naive": TwoRenames,
}


@dataclass
class Found:
    """What a trial saw. `torn` and `lost` have a line each; `at` counts kills by where they came."""

    kills: int = 0
    at: dict[str, int] = field(default_factory=dict)
    published: int = 0  # acknowledged
    reads: int = 0
    torn: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # acknowledged, and not what serves
    left: int = 0  # files and folders that a kill left and nobody took away


# --- the trial -----------------------------------------------------------------------------------


def _publish(subject: Subject, first: int, point: str) -> Callable[[int, int], None]:
    def work(_: int, say: int) -> None:
        failpoints.arm(point)
        for number in range(first, first + (MOST if point else ROUNDS)):
            os.write(say, f"begun {number}\n".encode())
            subject.publish(number)
            os.write(say, f"done {number}\n".encode())

    return work


def _read_on(subject: Subject) -> Callable[[int, int], None]:
    """Read and verify for ever; asked for an account, give one of all reads since the last, read afresh."""

    def work(heed: int, say: int) -> None:
        reads, last, torn = 0, -1, []
        while True:
            asked = bool(select.select([heed], [], [], 0)[0]) and bool(os.read(heed, 1))
            try:
                number = subject.read(afresh=asked)
                if number < last:
                    torn.append(f"went back from {last} to {number}")
                last = number
            except Exception as error:
                torn.append(repr(error))
            reads += 1
            if asked:
                os.write(say, json.dumps({"reads": reads, "last": last, "torn": torn[:3]}).encode() + b"\n")
                reads, torn = 0, []

    return work


def trial(subject: Subject, kills: int, seed: int) -> Found:
    """Publish and kill so often. Nothing is published anew in between: each publisher finds what the kill left."""
    chance, found, latest = random.Random(seed), Found(), 1
    begun = time.monotonic()
    _publish_once(subject, latest)
    within = time.monotonic() - begun
    with child(_read_on(subject)) as (_, hear, tell):
        for number in range(1, kills + 1):
            point = subject.steps[number // 2 % len(subject.steps)] if number % 2 else ""
            said = _killed(subject, number * ROUNDS, point, within, chance)
            done = [int(line.split()[1]) for line in said if line.startswith("done ")]
            latest = max([latest, *done])
            os.write(tell, b"?")
            account = json.loads(hears(hear))
            where = f"kill {number} at {point or 'any moment'}"
            found.kills += 1
            found.at[point or "outside"] = found.at.get(point or "outside", 0) + 1
            found.published += len(done)
            found.reads += account["reads"]
            found.torn += [f"{where}: {one}" for one in account["torn"]]
            found.torn += [f"{where}: {line}" for line in said if line.startswith("error ")]
            if account["last"] < latest:
                found.lost.append(f"{where}: {latest} was published, {account['last']} serves")
    _publish_once(subject, (kills + 1) * ROUNDS)
    return found


def _publish_once(subject: Subject, number: int) -> None:
    def work(_: int, say: int) -> None:
        subject.publish(number)
        os.write(say, b"done\n")

    with child(work) as (_, hear, _tell):
        said = told(hear)
    if said != "done\n":
        raise TornError(said)


def _killed(subject: Subject, first: int, point: str, within: float, chance: random.Random) -> list[str]:
    """What a publisher said before it was killed."""
    spec = f"{point}:{chance.choice((1, 2))}" if point else ""
    with child(_publish(subject, first, spec)) as (process, hear, _):
        if point:
            return told(hear).splitlines()
        heard, finished = hears(hear).decode(), chance.randrange(FINISHED)
        while heard.count("done ") < finished and (more := hears(hear).decode()):
            heard += more
        heard += told(hear, time.monotonic() + chance.uniform(0, within))
        end(process)
        return (heard + told(hear)).splitlines()


def leftovers(home: Path) -> list[str]:
    """What kills left beside what is published."""
    return [path.name for folder in ("index", "index/generations") for path in (home / folder).glob(".*")]


def main(name: str, home: str, kills: str, seed: str) -> dict[str, Any]:
    """Run a trial in this process, which must have done nothing before."""
    Path(home).mkdir(parents=True, exist_ok=True)
    found = trial(SUBJECTS[name](Path(home)), int(kills), int(seed))
    found.left = len(leftovers(Path(home)))
    return asdict(found)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
