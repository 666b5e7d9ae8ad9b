"""Who may do what: one table, `ALLOWED`, asked by every function that writes or tells about others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

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
    READ_BULLETINS = "read_bulletins"
    POST_BULLETIN = "post_bulletin"
    SEE_WHO_SAW = "see_who_saw"  # who has seen a bulletin


class Reach(IntEnum):
    """How far an allowed action goes: one's own, one's teams', everyone's."""

    NONE = 0
    OWN = 1
    TEAM = 2
    ALL = 3


@dataclass(frozen=True)
class User:
    """One person. `id` is the name they sign in with; `langs` are what they speak (`zh`, `en`)."""

    id: str
    name: str
    role: Role
    teams: frozenset[str] = frozenset()
    langs: frozenset[str] = frozenset({"zh", "en"})


_AGENT = {
    Action.SEARCH: Reach.ALL,
    Action.TAKE_CALL: Reach.OWN,
    Action.READ_CALL: Reach.TEAM,  # a second tier opens a call that is handed to it
    Action.RECORD_GAP: Reach.ALL,
    Action.PROMISE: Reach.OWN,
    Action.FLAG: Reach.ALL,
    Action.PRACTISE: Reach.OWN,
    Action.READ_BULLETINS: Reach.ALL,
}
_SUPERVISOR = _AGENT | {
    Action.READ_CALL: Reach.ALL,
    Action.POST_BULLETIN: Reach.ALL,
    Action.SEE_WHO_SAW: Reach.ALL,
}
ALLOWED: Mapping[Role, Mapping[Action, Reach]] = {
    Role.AGENT: _AGENT,
    Role.EDITOR: _AGENT,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.ADMIN: _SUPERVISOR,
}


def may(by: User, action: Action, *, owner: str = "", teams: frozenset[str] = frozenset()) -> bool:
    """Whether `by` may do this to something of `owner` (a user's id) or of `teams`; neither = of nobody's own.

    What is nobody's own is within every reach.
    """
    reach = ALLOWED[by.role].get(action, Reach.NONE)
    if reach is Reach.NONE:
        return False
    if reach is Reach.ALL or not (owner or teams) or owner == by.id:
        return True
    return reach is Reach.TEAM and not teams.isdisjoint(by.teams)


def require(by: User, action: Action, *, owner: str = "", teams: frozenset[str] = frozenset()) -> None:
    """Raises NotAllowedError where `may` says no."""
    if not may(by, action, owner=owner, teams=teams):
        raise NotAllowedError("not_allowed", action=action.value)
