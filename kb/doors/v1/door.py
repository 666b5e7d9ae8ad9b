"""What every door of `/api/v1` is made of: its row in the table, what is asked of it, one page of a list."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from kb.calls.journal import MAX_QUERY
from kb.db import Connection
from kb.doors.recorder import Asked as Recorded
from kb.doors.wire import MAX_BODY
from kb.doors.wiring import Desk
from kb.errors import RequestError
from kb.people.users import User

MOST = 100  # in one page of a list
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
Words = Annotated[str, Field(max_length=MAX_QUERY)]
Lang = Literal["", "zh", "en"]
T = TypeVar("T")


class Asked(BaseModel):
    """What is asked: these fields and no other, each of its type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """What stands behind the question mark of an address."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """What is answered. More fields may come; none goes within a version."""


class Problem(Told):
    """Why something was refused."""

    code: str = Field(description="Stable: programs go by it.")
    message: str = Field(description="One sentence in the language of Accept-Language (zh or en).")


class Page(Query):
    """Which part of a list."""

    limit: int = Field(50, ge=1, le=MOST)
    cursor: str = Field("", max_length=400, description="`next` of the answer before; empty: from the beginning.")


Next = Annotated[str | None, Field(description="`cursor` of what follows; null: there is no more.")]


@dataclass(frozen=True)
class Ask:
    """One request. `id` is the one in its address, `ui` the asker's language, `given` the body, `query` what follows
    the question mark."""

    by: User
    at: datetime
    ui: str
    id: str = ""
    given: Any = None
    query: Any = None

    def recorded(self) -> Recorded:
        """The same as the doors of pages take it: only what was said."""
        fields = self.given.model_dump(exclude_unset=True) if self.given is not None else {}
        return Recorded(self.by, self.at, fields, self.id, self.ui)


Read = Callable[[Desk, Ask], dict[str, Any]]
Write = Callable[[Desk, Connection, Ask], dict[str, Any]]


@dataclass(frozen=True)
class Door:
    """One row of the table: who may come (`scope` of a key), what is asked, what is answered, what is done.

    read, write: one of the two; what writes does so in one transaction, once for each Idempotency-Key
    asks, query: the shapes of the body and of the address's query, None = there is none
    most:        bytes of a body
    refuses:     statuses besides those that every door may refuse with
    searches:    it takes its turn among the searches of agents
    """

    method: Literal["GET", "POST", "PUT"]
    path: str
    scope: str
    answers: type[Told]
    read: Read | None = None
    write: Write | None = None
    asks: type[Asked] | None = None
    query: type[Query] | None = None
    status: int = 200
    most: int = MAX_BODY
    refuses: tuple[int, ...] = ()
    searches: bool = False

    @property
    def work(self) -> Callable[..., dict[str, Any]]:
        """What it does."""
        work = self.read or self.write
        assert work is not None
        return work


def page(rows: Sequence[T], key: Callable[[T], tuple[int | str, ...]], asked: Page) -> tuple[Sequence[T], str | None]:
    """One page of rows that are in the order of their keys, and the cursor of the next, None for the last.

    Rows that come or go meanwhile move no other: a cursor is a key. Raises RequestError for one that is none.
    """
    after = _key(asked.cursor, key(rows[0])) if asked.cursor and rows else None
    left = [one for one in rows if after is None or key(one) > after]
    shown = left[: asked.limit]
    return shown, _cursor(key(shown[-1])) if len(left) > len(shown) else None


def _cursor(key: tuple[int | str, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _key(cursor: str, like: tuple[int | str, ...]) -> tuple[int | str, ...]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise RequestError("request_field_value", field="cursor") from error
    if not isinstance(found, list) or [type(one) for one in found] != [type(one) for one in like]:
        raise RequestError("request_field_value", field="cursor")
    return tuple(found)


def micros(at: datetime) -> int:
    """Microseconds since 1970: sorts as moments do."""
    return round(at.timestamp() * 1_000_000)


def day(value: Any) -> str | None:
    """A day or moment as ISO 8601, None for none."""
    return value.isoformat() if value else None


def refused(problem: Mapping[str, Any], known: Sequence[str]) -> RequestError:
    """What one complaint of the shapes' library is in our own words."""
    field = ".".join(str(one) for one in problem["loc"]) or "?"
    kind = str(problem["type"])
    if kind == "extra_forbidden":
        return RequestError("request_unknown_field", known=", ".join(known))
    if kind == "missing":
        return RequestError("request_field_missing", field=field[:80])
    code = "request_wrong_type" if kind.endswith("_type") else "request_field_value"
    return RequestError(code, field=field[:80])
