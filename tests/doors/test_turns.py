"""Whose turn it is: short lines that keep their order, and one sentence at once for who would wait too long."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest

from kb.doors.limits.turns import TAKES, Turns
from kb.errors import BusyError

LONG = 30.0


def busy(seconds: int) -> BusyError:
    return BusyError("search_busy", seconds=seconds)


class Line:
    """Turns, and who had or was refused theirs. Whoever has one keeps it until `end`."""

    def __init__(self, at_once: int = 1, patience: float = LONG) -> None:
        self.turns = Turns(at_once, patience, busy)
        self.had: list[str] = []
        self.refused: dict[str, BusyError] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, whose: str = "") -> None:
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._have(name, whose))
        await settled()

    async def _have(self, name: str, whose: str) -> None:
        try:
            async with self.turns.turn(whose):
                self.had.append(name)
                await self._ends[name].wait()
        except BusyError as error:
            self.refused[name] = error

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
            await settled()

    async def leave(self, name: str) -> None:
        self._tasks[name].cancel()
        await settled()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(play: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(play())  # type: ignore[arg-type]


def test_so_many_have_their_turn_at_once_and_the_others_come_in_order() -> None:
    async def play() -> None:
        line = Line(2)
        for name in "abcde":
            await line.come(name)
        assert (line.had, len(line.turns)) == (["a", "b"], 3)
        await line.end("b", "a", "c")
        assert (line.had, len(line.turns)) == (["a", "b", "c", "d", "e"], 0)
        await line.end("d", "e")
        await line.come("f")
        await line.come("g")
        await line.come("h")
        assert (line.had[5:], line.refused) == (["f", "g"], {})

    run(play)


def test_what_is_asked_anew_takes_the_place_of_what_still_waits() -> None:
    async def play() -> None:
        line = Line()
        await line.come("busy")
        await line.come("refu", "may")
        await line.come("other", "june")
        await line.come("refund", "may")
        assert {name: error.code for name, error in line.refused.items()} == {"refu": "replaced"}
        await line.end("busy", "refund", "other")
        assert line.had == ["busy", "refund", "other"]

    run(play)


def test_what_has_its_turn_already_is_not_replaced_and_nobodys_replace_nobodys() -> None:
    async def play() -> None:
        line = Line()
        await line.come("refu", "may")
        await line.come("refund", "may")
        await line.come("a")
        await line.come("b")
        await line.end("refu", "refund", "a", "b")
        assert (line.had, line.refused) == (["refu", "refund", "a", "b"], {})

    run(play)


def test_who_would_wait_too_long_is_told_at_once_and_for_how_long() -> None:
    async def play() -> None:
        line = Line(2, patience=2.5 * TAKES)
        for n in range(8):  # two have their turn, 5 wait: the wait for two turns and a half
            await line.come(str(n))
        assert len(line.turns) == 5
        assert {name: (error.code, error.facts) for name, error in line.refused.items()} == {
            "7": ("search_busy", {"seconds": 1})
        }
        await line.come("4 again", "")
        assert set(line.refused) == {"7", "4 again"}
        await line.end("0")
        await line.come("8")
        assert len(line.turns) == 5
        assert "8" not in line.refused

    run(play)


def test_slow_turns_make_the_line_shorter() -> None:
    at = [0.0]
    turns = Turns(1, 1.0, busy, lambda: at[0])

    async def play() -> None:
        for _ in range(40):
            async with turns.turn():
                at[0] += 2.0
        async with turns.turn():
            with pytest.raises(BusyError) as caught:
                async with turns.turn():
                    pass
        assert caught.value.facts == {"seconds": 2}

    run(play)


def test_nobody_waits_longer_than_the_patience() -> None:
    async def play() -> None:
        line = Line(patience=TAKES)
        await line.come("a")
        await line.come("b")
        await asyncio.sleep(3 * TAKES)
        assert (line.had, set(line.refused), len(line.turns)) == (["a"], {"b"}, 0)
        await line.end("a")
        await line.come("c")
        assert line.had == ["a", "c"]

    run(play)


def test_who_leaves_the_line_costs_nobody_a_turn() -> None:
    async def play() -> None:
        line = Line()
        for name in "abcd":
            await line.come(name)
        await line.leave("b")
        await line.leave("a")
        assert line.had == ["a", "c"]
        await line.end("c", "d")
        await line.come("e")
        assert line.had == ["a", "c", "d", "e"]

    run(play)


def test_a_turn_that_comes_as_somebody_leaves_goes_to_the_next() -> None:
    async def play() -> None:
        line = Line()
        for name in "abc":
            await line.come(name)
        line._ends["a"].set()
        await asyncio.sleep(0)  # `a` has ended and `b` was called …
        line._tasks["b"].cancel()  # … and is gone before it heard of it
        await settled()
        assert line.had in (["a", "c"], ["a", "b", "c"])
        await line.end("c")
        await line.come("d")
        assert line.had[-1] == "d"

    run(play)


def test_work_that_fails_ends_its_turn() -> None:
    async def play() -> None:
        turns = Turns(1, LONG, busy)
        for _ in range(3):
            with pytest.raises(ValueError, match="no"):
                async with turns.turn():
                    raise ValueError("no")
        async with turns.turn():
            pass

    run(play)


def test_turns_are_shared_by_threads_with_event_loops_of_their_own() -> None:
    turns, inside, most = Turns(2, LONG, busy), [0], [0]

    async def work() -> None:
        async with turns.turn():
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            await asyncio.sleep(0.01)
            inside[0] -= 1

    async def play() -> None:
        await asyncio.gather(*(asyncio.to_thread(asyncio.run, work()) for _ in range(12)))

    run(play)
    assert (inside, most, len(turns)) == ([0], [2], 0)


def test_where_patience_has_no_end_nobody_is_refused() -> None:
    async def play() -> None:
        line = Line(patience=math.inf)
        names = [str(n) for n in range(300)]
        for name in names:
            await line.come(name)
        assert (len(line.turns), line.refused) == (299, {})
        await line.end(*names)
        assert line.had == names

    run(play)
