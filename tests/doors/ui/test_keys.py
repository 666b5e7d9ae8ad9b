"""The keys of a live call: free in every browser, no two alike, and a person's own goes first."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from kb.doors.ui.keys import KEYS, bindings

# Taken by a browser's menus or its address line somewhere: not to be the first key of anything.
BROWSER_LETTERS = "DFEVSBTH"
BROWSER_KEYS = (
    {f"Ctrl+{letter}" for letter in "TWNRQLPSFHJDUO"}
    | {f"{held}+{tab}" for held in ("Alt", "Ctrl") for tab in range(1, 10)}
    | {"F1", "F3", "F5", "F6", "F11", "F12", "Alt+F4", "Ctrl+0"}
)


def test_no_two_actions_share_a_key() -> None:
    counted = Counter(key for keys in KEYS.values() for key in keys)
    assert {key: count for key, count in counted.items() if count > 1} == {}


def test_no_first_key_is_a_letter_that_a_browser_keeps() -> None:
    kept = {f"Alt+{letter}" for letter in BROWSER_LETTERS}
    assert {action: keys[0] for action, keys in KEYS.items() if keys[0] in kept} == {}


def test_no_key_at_all_is_one_a_page_never_gets() -> None:
    assert {action: keys for action, keys in KEYS.items() if BROWSER_KEYS.intersection(keys)} == {}


def test_every_key_is_one_that_can_be_pressed_while_typing_or_a_sign() -> None:
    assert [key for keys in KEYS.values() for key in keys if not re.fullmatch(r"(Alt|Ctrl)\+[A-Z0]|[/?]", key)] == []


def test_without_a_choice_every_action_has_its_usual_keys() -> None:
    assert bindings({}) == bindings(None) == {action: list(keys) for action, keys in KEYS.items()}


def test_ones_own_key_goes_first_and_the_second_stays() -> None:
    usual = bindings({})
    assert usual["solved"] == ["Alt+A", "Alt+S"]
    chosen = bindings({"solved": "Ctrl+Shift+Y", "copy": "F8"})
    assert chosen == usual | {"solved": ["Ctrl+Shift+Y", "Alt+S"], "copy": ["F8"]}


def test_the_longest_key_there_is_can_be_chosen() -> None:
    assert bindings({"copy": "Ctrl+Alt+Shift+ArrowRight"})["copy"] == ["Ctrl+Alt+Shift+ArrowRight"]


@pytest.mark.parametrize(
    "nonsense",
    [
        "Alt+C",
        7,
        [],
        ["copy"],
        True,
        {"copy": ""},
        {"copy": None},
        {"copy": 7},
        {"copy": ["Alt+C"]},
        {"copy": {"Alt": "C"}},
        {"copy": "x" * 41},
        {"dance": "Alt+C"},
        {1: "Alt+C"},
    ],
)
def test_nonsense_is_ignored(nonsense: object) -> None:
    assert bindings(nonsense) == bindings({})


def test_asking_changes_nothing() -> None:
    first = bindings({"copy": "F8"})
    first["copy"].append("F9")
    first["solved"].clear()
    assert bindings({}) == {action: list(keys) for action, keys in KEYS.items()}
