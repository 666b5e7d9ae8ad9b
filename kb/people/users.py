"""Who may do what: one table, `ALLOWED`, asked by every function that writes or tells about others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

import sqlalchemy as sa

from kb import tables
from kb.errors import NotAllowedError


class Role(StrEnum):
    """What a person is on this floor."""

    AGENT = "agent"
    EDITOR = "editor"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Action(StrEnum):
    """What can be done, one name for each thing that a person may be allowed or refused."""

    SEARCH = "search"
    TAKE_CALL = "take_call"  # begin, end, hand over, record what happens on it
    READ_CALL = "read_call"  # trail and summary of a call
    RECORD_GAP = "record_gap"
    PROMISE = "promise"
    FLAG = "flag"
    PRACTISE = "practise"
    TAKE_COPY = "take_copy"  # the base as a file for when the server is gone
    READ_BULLETINS = "read_bulletins"
    POST_BULLETIN = "post_bulletin"
    SEE_WHO_SAW = "see_who_saw"  # who has seen a bulletin
    SEE_INSIGHTS = "see_insights"  # what the journal says of the floor and the base, nobody by name
    COACH = "coach"  # the figures of one person
    SHOW_DEMO = "show_demo"  # fill the base with a sample month, and take it out again
    WRITE_ARTICLE = "write_article"  # one in work
    EDIT_ARTICLE = "edit_article"  # one that agents see, labelled not validated; take one out of use
    PUBLISH_ARTICLE = "publish_article"  # a validated one, and what customers are told word for word
    TEACH = "teach"  # nod to a learnt question, or revoke it
    TUNE_SEARCH = "tune_search"  # say which words mean the same, and what is pinned to a question
    READ_GAPS = "read_gaps"  # what was asked and not found, and what it costs
    SORT_GAPS = "sort_gaps"  # triage, merge, split, close, reopen, refer to a department
    ASSIGN_GAP = "assign_gap"  # give it to somebody, with a date
    WORK_ON_GAP = "work_on_gap"  # take it into work, publish its answer
    NOTICE_GAPS = "notice_gaps"  # the machine's part: find misses, join them to gaps
    VERIFY_GAP = "verify_gap"  # the machine's part: its own questions find the answer, or no longer do
    ANSWER_FLAG = "answer_flag"  # what was done about a sentence an agent flagged
    CHANGE_PASSWORD = "change_password"
    MANAGE_USERS = "manage_users"  # add, change, disable, enable, unlock
    READ_AUDIT = "read_audit"
    MANAGE_KEYS = "manage_keys"  # of programs
    READ_WEBHOOKS = "read_webhooks"  # what other systems were told, and send again what they did not take
    EXPORT_PERSON = "export_person"  # all that is kept about somebody
    ERASE_PERSON = "erase_person"
    REDUCE_JOURNAL = "reduce_journal"  # old calls to counts
    BACK_UP = "back_up"  # all there is into a file, and out of it again
    SEE_STATUS = "see_status"  # what serves, what is left out, what failed: of the program, of nobody
    SEE_BACKUPS = "see_backups"  # whether the last backup and restore drill are too old


class Reach(IntEnum):
    """How far an allowed action goes: one's own, one's teams', everyone's."""

    NONE = 0
    OWN = 1
    TEAM = 2
    ALL = 3


@dataclass(frozen=True)
class User:
    """One person. `id` is the name they sign in with; `langs` are what they speak (`zh`, `en`).

    tag:    of the calls they begin; '' = real ones (settled.md, 2)
    scopes: of a program's key, which say what it may do, and then `langs` are all that it may see; None = a person,
            who may do what the role may
    """

    id: str
    name: str
    role: Role
    teams: frozenset[str] = frozenset()
    langs: frozenset[str] = frozenset({"zh", "en"})
    tag: str = ""
    scopes: frozenset[str] | None = None


_AGENT = {
    Action.SEARCH: Reach.ALL,
    Action.TAKE_CALL: Reach.OWN,
    Action.READ_CALL: Reach.TEAM,  # a second tier opens a call that is handed to it
    Action.RECORD_GAP: Reach.ALL,
    Action.PROMISE: Reach.OWN,
    Action.FLAG: Reach.ALL,
    Action.PRACTISE: Reach.OWN,
    Action.TAKE_COPY: Reach.OWN,
    Action.READ_BULLETINS: Reach.ALL,
    Action.WRITE_ARTICLE: Reach.ALL,
    Action.CHANGE_PASSWORD: Reach.OWN,
    Action.EXPORT_PERSON: Reach.OWN,
    Action.COACH: Reach.OWN,
}
_EDITOR = _AGENT | {
    Action.TEACH: Reach.ALL,
    Action.TUNE_SEARCH: Reach.ALL,
    Action.EDIT_ARTICLE: Reach.ALL,
    Action.PUBLISH_ARTICLE: Reach.ALL,
    Action.ANSWER_FLAG: Reach.ALL,
    Action.SEE_INSIGHTS: Reach.ALL,
    Action.READ_GAPS: Reach.ALL,
    Action.SORT_GAPS: Reach.ALL,
    Action.ASSIGN_GAP: Reach.OWN,  # takes one
    Action.WORK_ON_GAP: Reach.OWN,
}
_SUPERVISOR = _AGENT | {
    Action.SEE_INSIGHTS: Reach.ALL,
    Action.READ_CALL: Reach.ALL,
    Action.READ_GAPS: Reach.ALL,
    Action.SORT_GAPS: Reach.ALL,
    Action.ASSIGN_GAP: Reach.ALL,
    Action.WORK_ON_GAP: Reach.ALL,
    Action.POST_BULLETIN: Reach.ALL,
    Action.SEE_WHO_SAW: Reach.ALL,
    Action.COACH: Reach.TEAM,
    Action.SHOW_DEMO: Reach.ALL,
    Action.SEE_BACKUPS: Reach.ALL,
}
_ADMIN = (
    _EDITOR
    | _SUPERVISOR
    | {
        Action.NOTICE_GAPS: Reach.ALL,
        Action.VERIFY_GAP: Reach.ALL,
        Action.CHANGE_PASSWORD: Reach.ALL,
        Action.MANAGE_USERS: Reach.ALL,
        Action.READ_AUDIT: Reach.ALL,
        Action.MANAGE_KEYS: Reach.ALL,
        Action.READ_WEBHOOKS: Reach.ALL,
        Action.EXPORT_PERSON: Reach.ALL,
        Action.ERASE_PERSON: Reach.ALL,
        Action.REDUCE_JOURNAL: Reach.ALL,
        Action.BACK_UP: Reach.ALL,
        Action.TAKE_COPY: Reach.ALL,
        Action.SEE_STATUS: Reach.ALL,
    }
)
ALLOWED: Mapping[Role, Mapping[Action, Reach]] = {
    Role.AGENT: _AGENT,
    Role.EDITOR: _EDITOR,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.ADMIN: _ADMIN,
}

# What each scope of a program's key allows; a program has no role.
GRANTED: Mapping[str, Mapping[Action, Reach]] = {
    "search": {Action.SEARCH: Reach.ALL},
    "calls": {
        Action.TAKE_CALL: Reach.OWN,
        Action.READ_CALL: Reach.TEAM,
        Action.RECORD_GAP: Reach.ALL,
        Action.PROMISE: Reach.OWN,
        Action.FLAG: Reach.ALL,
        Action.READ_BULLETINS: Reach.ALL,
    },
    "real": {},  # what it does on a call counts as a real call
    "gaps:read": {Action.READ_GAPS: Reach.ALL},
    "gaps:write": {Action.RECORD_GAP: Reach.ALL},
    "articles:read": {Action.SEARCH: Reach.ALL},
    "articles:write": {Action.WRITE_ARTICLE: Reach.ALL},  # in work only: a person shows it to agents
    "replay": {Action.READ_GAPS: Reach.ALL},
    "webhooks": {Action.READ_WEBHOOKS: Reach.ALL},
}

# Who gives orders on the command line: whoever can write to the database's file could do the same by hand.
OPERATOR = User("operator", "operator", Role.ADMIN)

# The people of the demo. They have no password and no row, and are nobody once there is an account.
SAMPLES: Mapping[str, User] = {
    one.id: one
    for one in (
        User("agent", "示例坐席 Sample agent", Role.AGENT),
        User("editor", "示例编辑 Sample editor", Role.EDITOR),
        User("supervisor", "示例主管 Sample supervisor", Role.SUPERVISOR),
    )
}


def may(by: User, action: Action, *, owner: str = "", teams: frozenset[str] = frozenset()) -> bool:
    """Whether `by` may do this to something of `owner` (a user's id) or of `teams`; neither = of nobody's own.

    What is nobody's own is within every reach.
    """
    reach = _reach(by, action)
    if reach is Reach.NONE:
        return False
    if reach is Reach.ALL or not (owner or teams) or owner == by.id:
        return True
    return reach is Reach.TEAM and not teams.isdisjoint(by.teams)


def _reach(by: User, action: Action) -> Reach:
    rows = [ALLOWED[by.role]] if by.scopes is None else [GRANTED[scope] for scope in by.scopes]
    return max((row.get(action, Reach.NONE) for row in rows), default=Reach.NONE)


def require(by: User, action: Action, *, owner: str = "", teams: frozenset[str] = frozenset()) -> None:
    """Raises NotAllowedError where `may` says no."""
    if not may(by, action, owner=owner, teams=teams):
        raise NotAllowedError("not_allowed", action=action.value)


# --- reading -------------------------------------------------------------------------------------


def of_row(row: Any) -> User:
    """The person that a row of `user` is about."""
    return User(row.id, row.name, Role(row.role), frozenset(row.teams), frozenset(row.langs))


def get(connection: sa.Connection, id: str) -> User | None:
    """A person by id, also one who may no longer sign in; None for a stranger."""
    row = connection.execute(sa.select(tables.user).where(tables.user.c.id == id)).one_or_none()
    return None if row is None else of_row(row)


def everyone(connection: sa.Connection) -> list[User]:
    """Everyone who may sign in, by id."""
    rows = connection.execute(sa.select(tables.user).where(tables.user.c.disabled_at.is_(None)))
    return sorted((of_row(row) for row in rows), key=lambda user: user.id)


def any_account(connection: sa.Connection) -> bool:
    """Whether anybody has an account, disabled or not. While nobody has, the demo's sample people may sign in."""
    return connection.execute(sa.select(tables.user.c.id).limit(1)).first() is not None
