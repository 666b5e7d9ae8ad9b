"""What the load test makes of what it saw, on stretches of time made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.agents import Tally, Timed
from benchmarks.load import NEVER, change, figures, from_soak, knee, percentiles, recovered


def tally(*searches: tuple[float, float], kind: str = "search") -> Tally:
    """Searches as (seconds from the beginning when due, milliseconds)."""
    return Tally(100.0, [Timed(kind, 100.0 + at, ms, ms) for at, ms in searches])


def test_percentiles_are_those_of_all_that_were_timed() -> None:
    assert percentiles(list(range(101)), "x_") == {"x_p50_ms": 50, "x_p95_ms": 95, "x_p99_ms": 99}
    assert percentiles([]) == {}


def test_a_stretch_of_time_is_told_by_steps_and_the_rest_apart() -> None:
    seen = tally((0, 10), (1, 30))
    seen.times += [Timed("keystroke", 100.0, 5000, 5000), Timed("open", 101.0, 20, 20), Timed("record", 101.0, 7, 7)]
    seen.done.update(refused=3, unanswered=1)
    seen.errors.append("open: no")
    found = figures(seen, 10)
    assert (found["answered_per_s"], found["refused"], found["unanswered"], found["errors"]) == (0.5, 3, 1, 1)
    assert (found["p50_ms"], found["search_p50_ms"], found["open_p50_ms"], found["record_p50_ms"]) == (20, 20, 20, 7)
    assert found["keystroke_p95_ms"] == 5000
    assert "solve_p50_ms" not in found


def test_the_time_that_a_try_took_leaves_out_those_that_were_refused_before() -> None:
    seen = Tally(100.0, [Timed("search", 100.0, 3000, 80)])
    assert (figures(seen, 1)["p95_ms"], figures(seen, 1)["let_in_p95_ms"]) == (3000, 80)


@pytest.mark.parametrize(("slow_for", "seconds"), [(0.0, 0.0), (4.0, 4.0), (9.9, 10.0), (60.0, NEVER)])
def test_it_is_recovered_from_the_first_window_on_that_is_fast(slow_for: float, seconds: float) -> None:
    seen = tally(*((at, 900.0 if at < slow_for else 40.0) for at in np.arange(0, 35, 0.25)))
    assert recovered(seen, bound=150, window=5) == seconds


def test_nobody_who_worked_is_no_recovery() -> None:
    assert recovered(Tally()) == NEVER


def test_the_knee_is_the_last_step_before_the_first_that_was_too_slow_or_failed() -> None:
    def step(sessions: int, p95: float, errors: int = 0, unanswered: int = 0) -> dict[str, float]:
        return {"sessions": sessions, "p95_ms": p95, "errors": errors, "unanswered": unanswered}

    assert knee([step(1, 40), step(50, 150), step(200, 151), step(400, 90)]) == 50
    assert knee([step(1, 40), step(50, 60, errors=1)]) == 1
    assert knee([step(1, 40, unanswered=1)]) == 0


def test_a_change_of_the_95th_percentile_has_its_interval() -> None:
    draw = np.random.default_rng(5)
    before = draw.gamma(4, 10, 3_000)
    more, low, high = change(before.tolist(), (1.5 * draw.gamma(4, 10, 3_000)).tolist())
    assert low < more < high
    assert more == pytest.approx(0.5, abs=0.1)
    assert change(before.tolist(), before.tolist())[0] == 0


def test_the_half_hour_of_the_soak_stands_for_the_steady_one() -> None:
    soak = {"systems": {"firstcall": {"search_p95_ms": 71.8}}, "data": "30 minutes on the sample base", "commit": "abc"}
    found = from_soak(soak)
    assert (found.value, found.kept) == (71.8, True)
    assert found.name == "5 searches a second, 30 minutes on the sample base: p95 ms (soak.json, abc)"
