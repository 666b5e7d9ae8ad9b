"""Builds that failed: which, since when, how often; noted by the upkeep, told on the page of the status."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest

from kb.doors.wiring import Desk, upkeep
from kb.doors.wiring.failures import KEPT, Failure, Failures
from kb.doors.wiring.upkeep import Upkeep
from kb.errors import GenerationError, KBError, PublishError
from kb.seen.metrics import REGISTRY
from tests.people_on_the_floor import MINUTE, NOON

pytestmark = pytest.mark.embedded  # no database has a part in it

FULL = PublishError("publish_failed", problem="No space left on device")
OTHER = PublishError("publish_failed", problem="Read-only file system")


def told(failures: Failures) -> list[tuple[KBError, timedelta, timedelta, int]]:
    return [(one.error, one.since - NOON, one.last - NOON, one.times) for one in failures.newest_first]


def test_the_same_reason_again_and_again_is_one_failure() -> None:
    failures = Failures()
    for n in range(3):
        failures.note(FULL, NOON + n * MINUTE)
    failures.note(OTHER, NOON + 3 * MINUTE)
    failures.note(PublishError("publish_failed", problem="Read-only file system"), NOON + 4 * MINUTE)
    nought = timedelta(0)
    assert told(failures) == [(OTHER, 3 * MINUTE, 4 * MINUTE, 2), (FULL, nought, 2 * MINUTE, 3)]


def test_after_a_build_that_succeeded_it_is_another_one() -> None:
    failures = Failures()
    failures.note(FULL, NOON)
    failures.over()
    failures.note(FULL, NOON + MINUTE)
    assert told(failures) == [(FULL, MINUTE, MINUTE, 1), (FULL, timedelta(0), timedelta(0), 1)]


def test_the_last_few_are_kept() -> None:
    failures = Failures()
    for n in range(KEPT + 5):
        failures.note(PublishError("publish_failed", problem=str(n)), NOON)
    assert [str(one.error.facts["problem"]) for one in failures.newest_first] == [str(n) for n in range(24, 4, -1)]


@pytest.mark.parametrize(
    ("raised", "noted"),
    [
        (GenerationError("generation_damaged", generation="g", file="canary"), "generation_damaged"),
        (MemoryError("王敏"), "build_failed"),
    ],
)
def test_the_upkeep_notes_why_a_build_failed_and_goes_on_serving(
    call_desk: Desk, raised: Exception, noted: str
) -> None:
    counted = {"outcome": "failed"}
    before = REGISTRY.get_sample_value("firstcall_builds_total", counted)
    one = Upkeep(call_desk)
    with patch("indexer.build.build", side_effect=raised), pytest.raises(type(raised)):
        one._rebuild(NOON)
    (failure,) = call_desk.failures.newest_first
    assert (failure.error.code, failure.since, failure.times) == (noted, NOON, 1)
    assert "王敏" not in str(failure.error)
    assert call_desk.trouble is failure.error
    assert call_desk.served is not None
    assert REGISTRY.get_sample_value("firstcall_builds_total", counted) == (before or 0) + 1
    with patch.object(upkeep, "build"):
        one._rebuild(NOON + MINUTE)
    assert call_desk.trouble is None
    assert call_desk.failures.newest_first == (Failure(failure.error, NOON, NOON),)


def test_a_publisher_that_is_busy_is_no_failure(call_desk: Desk) -> None:
    one = Upkeep(call_desk)
    busy = PublishError("publisher_busy", holder="other, process 1")
    with patch.object(upkeep, "build", side_effect=[busy, FULL, None]), patch.object(upkeep, "FULL_SECONDS", 0.01):
        one._rebuild(NOON)
    assert [failure.error for failure in call_desk.failures.newest_first] == [FULL]
