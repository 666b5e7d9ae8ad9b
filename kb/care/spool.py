"""What was recorded while the database refused it: kept beside it in order, masked, until it can be taken.

A folder with a file for each record, durable before anybody is told that it is kept. What turns out to be wrong when
it is taken at last (a gap that is no longer there) is set aside with its reason, for somebody to look at.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kb.durable import write_file
from kb.errors import AwayError
from kb.masking import mask
from kb.people.users import Role, User

TEXTS = frozenset({"q", "what", "note", "words", "answered", "suggestion", "sentence", "said"})  # the others are ids
ASIDE = "aside"


@dataclass(frozen=True)
class Entry:
    """One record. `name` orders it; `path` is the door it came by, `call` the id in its address; `by` is whoever
    recorded it, with the rights they had then."""

    name: str
    path: str
    call: str
    at: datetime
    by: User
    given: Mapping[str, Any]


class Spool:
    """The records that wait. One process puts and takes."""

    def __init__(self, folder: Path) -> None:
        """folder: made when it is needed"""
        self._folder = folder
        self._last = max((_number(name) for name in self._names()), default=0)

    def put(self, path: str, call: str, at: datetime, by: User, given: Mapping[str, Any]) -> None:
        """Keep a record behind all others. Raises AwayError where not even that is possible."""
        self._last += 1
        scopes = None if by.scopes is None else sorted(by.scopes)
        person = asdict(by) | {"teams": sorted(by.teams), "langs": sorted(by.langs), "scopes": scopes}
        tree = {"path": path, "call": call, "at": at.isoformat(), "by": person, "given": _masked(given)}
        body = json.dumps(tree, ensure_ascii=False).encode()
        place = self._folder / f"{self._last:012}-{secrets.token_hex(4)}.json"
        try:
            write_file(place, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        except OSError as error:
            raise AwayError("store_unusable", problem=error.strerror or "?") from error

    def waiting(self) -> int:
        """How many wait."""
        return len(self._names())

    def entries(self) -> Iterator[Entry]:
        """Those that wait, in order. One that does not read as it was written is set aside."""
        for name in self._names():
            try:
                yield self._read(name)
            except (ValueError, KeyError, TypeError) as error:
                self.set_aside(name, f"damaged: {error}")

    def taken(self, name: str) -> None:
        """The database has it."""
        (self._folder / name).unlink(missing_ok=True)

    def set_aside(self, name: str, reason: str) -> None:
        """It will never be taken as it is."""
        place = self._folder / ASIDE / name
        place.parent.mkdir(exist_ok=True)
        write_file(place.with_suffix(".txt"), reason.encode())
        os.replace(self._folder / name, place)

    def aside(self) -> int:
        """How many were set aside."""
        return len(list((self._folder / ASIDE).glob("*.json")))

    def _names(self) -> list[str]:
        return sorted(path.name for path in self._folder.glob("[0-9]*.json"))

    def _read(self, name: str) -> Entry:
        sha256, _, body = (self._folder / name).read_bytes().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != sha256:
            raise ValueError("hash")
        tree = json.loads(body)
        by = tree["by"]
        scopes = by.get("scopes")  # not in what an earlier program spooled
        person = {**by, "role": Role(by["role"]), "teams": frozenset(by["teams"]), "langs": frozenset(by["langs"])}
        person |= {"scopes": None if scopes is None else frozenset(scopes)}
        at = datetime.fromisoformat(tree["at"])
        return Entry(name, tree["path"], tree["call"], at, User(**person), tree["given"])


def _number(name: str) -> int:
    return int(name.partition("-")[0])


def _masked(value: Any, name: str = "") -> Any:
    """The same with everything that people wrote masked."""
    if isinstance(value, dict):
        return {one: _masked(inner, one) for one, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, name) for inner in value]
    return mask(value) if isinstance(value, str) and name in TEXTS else value
