"""Who may do what: every cell of the table against one written by hand, and what the reaches mean."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from kb.errors import NotAllowedError
from kb.people.users import ALLOWED, OPERATOR, SAMPLES, Action, Reach, Role, User, may, require

ROW = re.compile(r"^\| (\w+) \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$", re.MULTILINE)
REACH = {"–": Reach.NONE, "own": Reach.OWN, "team": Reach.TEAM, "all": Reach.ALL}


def written_by_hand() -> dict[tuple[str, str], Reach]:
    """The table of `allowed.md` as (role, action) → reach."""
    heading, *rows = ROW.findall((Path(__file__).parent / "allowed.md").read_text("utf-8"))
    return {(role, row[0]): REACH[cell] for row in rows for role, cell in zip(heading[1:], row[1:], strict=True)}


EXPECTED = written_by_hand()


def test_the_table_written_by_hand_has_every_role_and_action() -> None:
    assert set(EXPECTED) == set(itertools.product([role.value for role in Role], [action.value for action in Action]))


@pytest.mark.parametrize(("role", "action"), list(itertools.product(Role, Action)))
def test_every_cell_is_as_it_was_written_by_hand(role: Role, action: Action) -> None:
    assert ALLOWED[role].get(action, Reach.NONE) is EXPECTED[role.value, action.value]


@pytest.mark.parametrize(("role", "action"), list(itertools.product(Role, Action)))
def test_every_cell_means_what_it_says(role: Role, action: Action) -> None:
    by = User("wang.min", "Wang Min", role, teams=frozenset({"payments"}))
    reach = EXPECTED[role.value, action.value]
    assert may(by, action) is (reach > Reach.NONE)  # nobody's own
    assert may(by, action, owner="wang.min") is (reach > Reach.NONE)
    assert may(by, action, owner="li.na", teams=frozenset({"payments"})) is (reach >= Reach.TEAM)
    assert may(by, action, owner="li.na", teams=frozenset({"logistics"})) is (reach >= Reach.ALL)
    assert may(by, action, owner="li.na") is (reach >= Reach.ALL)


def test_what_is_not_allowed_names_the_action() -> None:
    with pytest.raises(NotAllowedError) as caught:
        require(SAMPLES["agent"], Action.POST_BULLETIN)
    assert (caught.value.code, caught.value.facts) == ("not_allowed", {"action": "post_bulletin"})
    require(SAMPLES["supervisor"], Action.POST_BULLETIN)


def test_the_sample_people_are_one_of_each_who_use_it() -> None:
    assert {id: (one.id, one.role) for id, one in SAMPLES.items()} == {
        "agent": ("agent", Role.AGENT),
        "editor": ("editor", Role.EDITOR),
        "supervisor": ("supervisor", Role.SUPERVISOR),
    }
    assert OPERATOR.role is Role.ADMIN
