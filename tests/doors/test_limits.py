"""How often somebody may ask: at once, for ever, and in how much memory."""

from __future__ import annotations

import pytest

from kb.doors import limits
from kb.doors.limits import Limits, Rate

TWO = Rate("two", 2, 5)


def test_a_bucket_empties_at_once_and_fills_with_time() -> None:
    clock = [100.0]
    here = Limits(lambda: clock[0])
    assert [here.wait(TWO, "a") for _ in range(5)] == [0.0] * 5
    assert here.wait(TWO, "a") == pytest.approx(0.5)
    assert here.wait(TWO, "b") == 0.0
    assert here.wait(Rate("other", 2, 5), "a") == 0.0
    clock[0] += 0.4
    assert here.wait(TWO, "a") == pytest.approx(0.1)  # asking in vain costs nothing
    clock[0] += 0.1
    assert [here.wait(TWO, "a") == 0.0 for _ in range(2)] == [True, False]
    clock[0] += 3600
    assert [here.wait(TWO, "a") == 0.0 for _ in range(6)] == [True] * 5 + [False]


def test_in_the_long_run_nobody_has_more_than_the_rate() -> None:
    clock = [0.0]
    here = Limits(lambda: clock[0])
    taken = 0
    for _ in range(10_000):
        clock[0] += 0.01
        taken += here.wait(TWO, "a") == 0.0
    assert 5 + 2 * 100 - 1 <= taken <= 5 + 2 * 100  # the last one may lack a rounding error


def test_a_million_addresses_take_no_more_memory_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_KEYS", 50)
    clock = [0.0]
    here = Limits(lambda: clock[0])
    for _ in range(6):
        here.wait(TWO, "busy")
    for number in range(1000):
        here.wait(TWO, f"10.0.{number}")
        assert here.wait(TWO, "busy") > 0  # who goes on asking is not forgotten
    assert len(here) == 50
