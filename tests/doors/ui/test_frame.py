"""What every page shares."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from kb.doors.ui.frame import moment

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)  # noon there


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (datetime(2026, 11, 21, 10, 5, tzinfo=UTC), "18:05"),
        (datetime(2026, 11, 20, 16, 0, tzinfo=UTC), "00:00"),
        (datetime(2026, 11, 21, 16, 0, tzinfo=UTC), "2026-11-22 00:00"),
        (datetime(2026, 11, 20, 15, 59, tzinfo=UTC), "2026-11-20 23:59"),
    ],
)
def test_a_moment_is_told_in_site_time_and_with_its_day_only_where_it_is_another(at: datetime, told: str) -> None:
    assert moment(at, SHANGHAI, NOW) == told
