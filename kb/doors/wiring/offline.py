"""Copies of what serves, for when this server is gone: for a person who asks, and on a schedule into a folder."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kb.calls import bulletins
from kb.doors.wiring.parts import scope_of
from kb.durable import write_file
from kb.errors import RequestError, StoreError
from kb.offline.copy import OLD_DAYS, Held, copy
from kb.people import audit, users
from kb.people.users import Role, User

if TYPE_CHECKING:
    from kb.doors.wiring import Desk

NAME = "firstcall-offline"
REST = 20.0  # times what the last copies took, seconds: a morning of saves is not a morning of copies
NOBODY = User("", "", Role.AGENT)


def copy_for(desk: Desk, by: User, whom: User, at: datetime, langs: Collection[str] = (), old: int = OLD_DAYS) -> bytes:
    """The base as one HTML file, for a person, or for teams (a user with id ''). langs: `zh`, `en`; () = every one.

    Raises NotAllowedError, GenerationError where no index serves.
    """
    served = desk.served or desk.open()
    scope = scope_of(served, whom, at)
    if langs:
        scope = replace(scope, langs=frozenset(one for one in scope.langs if one.split("-")[0] in langs))
    engine = served.opened.engine
    held = Held(
        generation=engine.generation,
        articles=[engine.article(id) for id in engine.ids],
        bulletins=_notices(desk, at),
        catalogue=served.catalogue,
        site=served.site,
        synonyms=served.synonyms,
        folder=desk.settings.articles,
    )
    return copy(by, whom, scope, held, at, old)


def _notices(desk: Desk, at: datetime) -> tuple[bulletins.Bulletin, ...]:
    """What is in force, whomever it is for; as it was last known where the database does not answer."""
    try:
        with desk.database.read() as connection:
            return bulletins.in_force(connection, at)
    except StoreError:
        return desk.floor.now.bulletins


def write_copy(place: Path, raw: bytes) -> None:
    """A copy as a file, whole or not at all. Raises RequestError where it cannot be written."""
    try:
        write_file(place, raw)
    except OSError as error:
        raise RequestError("copy_unwritable", file=place, problem=error.strerror or error) from error


class Copies:
    """The copies of a schedule: one of what no team has to itself, one a team that the settings name."""

    def __init__(self) -> None:
        self._generation = ""
        self._began, self._took = 0.0, 0.0  # by the monotonic clock

    def look(self, desk: Desk, at: datetime) -> int:
        """Write them where a new generation serves, or the hours of the settings are over; how many were written.

        Raises RequestError where a file cannot be written; those there were stay.
        """
        here, served, now = desk.settings, desk.served, time.monotonic()
        if not here.offline or served is None:
            return 0
        new = served.opened.engine.generation != self._generation
        rested = now - self._began > REST * self._took
        late = now - self._began >= 3600 * here.offline_hours
        if self._generation and not ((new and rested) or late):
            return 0
        count = 0
        for place, whom in _scheduled(Path(here.offline), here.offline_teams):
            write_copy(place, copy_for(desk, users.OPERATOR, whom, at))
            count += 1
        self._generation, self._began, self._took = served.opened.engine.generation, now, time.monotonic() - now
        with suppress(StoreError), desk.database.write() as connection:
            audit.append(connection, users.OPERATOR.id, "export", at, "offline copies", count=count)
        return count


def _scheduled(folder: Path, teams: str) -> Iterator[tuple[Path, User]]:
    yield folder / f"{NAME}.html", NOBODY
    for team in filter(None, teams.split(",")):
        yield folder / f"{NAME}-{_slug(team)}.html", replace(NOBODY, teams=frozenset({team}))


def _slug(team: str) -> str:
    """A team's name as part of a file's: no two teams share one."""
    plain = re.sub(r"[^\w-]", "-", team)
    return plain if plain == team else f"{plain}-{hashlib.sha256(team.encode()).hexdigest()[:6]}"
