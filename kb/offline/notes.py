"""What agents noted in a copy while the server was gone: read strictly, and written down as gaps once it is back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kb import text
from kb.calls.call import own_id
from kb.errors import RequestError
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people.users import User

MOST_BYTES = 2**20
MOST = 2_000  # notes of one file
_ID = re.compile(r"[0-9a-f]{8,40}")


@dataclass(frozen=True)
class Note:
    """One question that the copy did not answer, as it was typed. `at` is by the clock of that computer."""

    id: str
    question: str
    at: datetime


@dataclass(frozen=True)
class Notes:
    """A file of notes. `by` is the user's id that the copy was made for, '' for a copy of teams."""

    by: str
    notes: tuple[Note, ...]


def read(raw: bytes) -> Notes:
    """The notes of a file that a copy saved. Raises RequestError for anything else."""
    try:
        if len(raw) > MOST_BYTES:
            raise ValueError("size")
        tree = json.loads(raw.decode("utf-8-sig"))
        if tree["firstcall"] != "notes" or tree["version"] != 1 or len(tree["notes"]) > MOST:
            raise ValueError("kind")
        return Notes(_text(tree["by"]), tuple(_note(one) for one in tree["notes"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RequestError("notes_broken") from error


def _note(tree: Any) -> Note:
    at = datetime.fromisoformat(_text(tree["at"]))
    if not _ID.fullmatch(_text(tree["id"])) or at.tzinfo is None:
        raise ValueError("note")
    return Note(tree["id"], text.clean(_text(tree["q"])), at)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value


# --- writes --------------------------------------------------------------------------------------


def take_in(connection: sa.Connection, by: User, notes: Sequence[Note], at: datetime) -> int:
    """Record each note as a gap, masked; one that was taken in before is not again. How many had a question.

    A clock that is ahead is not believed: nothing is noted after `at`. Raises NotAllowedError.
    """
    asked = [one for one in notes if one.question]
    for one in asked:
        name = f"offline-{own_id(one.id)}"
        gap.record(connection, by, Report(name, name, name, by.id, min(one.at, at), one.question))
    return len(asked)
