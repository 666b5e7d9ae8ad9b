"""What is counted and measured: the right values, and never a series that somebody outside could make."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kb.seen import metrics
from kb.seen.metrics import Now

AT = datetime(2026, 11, 22, 10, 5, 2, tzinfo=UTC)
NOW = Now(
    encoder="ready",
    generation="20261122T100502-0001-ab12cd34",
    created=AT - timedelta(minutes=5),
    indexed=80,
    left_out=2,
    spooled=3,
    sessions=7,
    free={"index": 10, "articles": 20, "database": 30},
)
HOSTILE = ("王敏", "wang.min", "refund\nfirstcall_x 1", 'a"} 1', "x" * 10_000, "")

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def shown(now: Now = NOW) -> Series:
    """Name and labels of each series → its value."""
    families = text_string_to_metric_families(metrics.exposition(now, AT).decode())
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def value(name: str, **labels: str) -> float:
    return shown()[name, tuple(sorted(labels.items()))]


def test_what_is_so_now_is_shown() -> None:
    assert value("firstcall_encoder_state", state="ready") == 1
    assert value("firstcall_encoder_state", state="warming") == 0
    assert value("firstcall_generation_number") == 20261122100502
    assert value("firstcall_generation_age_seconds") == 300
    assert value("firstcall_articles_indexed") == 80
    assert value("firstcall_articles_left_out") == 2
    assert value("firstcall_spool_records") == 3
    assert value("firstcall_sessions") == 7
    assert [value("firstcall_disk_free_bytes", folder=one) for one in ("index", "articles", "database")] == [10, 20, 30]
    assert value("process_open_fds") > 2


def test_before_the_first_index_there_is_no_age() -> None:
    found = shown(Now("warming", "", None, 0, 0, 0, 0, {}))
    assert found["firstcall_generation_number", ()] == 0
    assert not [name for name, _ in found if name in ("firstcall_generation_age_seconds", "firstcall_disk_free_bytes")]


def test_every_counter_counts() -> None:
    before = shown()
    metrics.searched("missing", 0.02, settled=True)
    metrics.refused("too_fast")
    metrics.built("published", 3.0)
    metrics.built("failed", 99.0)
    metrics.database_answered("refused")
    metrics.database_answered("away")
    metrics.replayed(True)
    with metrics.encoding.track_inprogress():
        assert value("firstcall_encoder_queue") == 1
    after = shown()
    assert after["firstcall_database_away", ()] == 1
    metrics.database_answered()
    assert value("firstcall_database_away") == 0
    ours = {key for key in after if key[0].startswith("firstcall_")}
    grown = {key: after[key] - before[key] for key in ours if after[key] > before[key]}
    grown.pop(("firstcall_database_away", ()))
    assert {key: number for key, number in grown.items() if "_seconds" not in key[0]} == {
        ("firstcall_searches_total", (("asked", "settled"), ("verdict", "missing"))): 1,
        ("firstcall_refusals_total", (("code", "too_fast"),)): 1,
        ("firstcall_builds_total", (("outcome", "published"),)): 1,
        ("firstcall_builds_total", (("outcome", "failed"),)): 1,
        ("firstcall_database_errors_total", (("kind", "refused"),)): 1,
        ("firstcall_database_errors_total", (("kind", "away"),)): 1,
        ("firstcall_replays_total", (("outcome", "passed"),)): 1,
    }
    assert grown["firstcall_build_seconds_sum", ()] == 3
    assert grown["firstcall_search_seconds_bucket", (("asked", "settled"), ("le", "0.025"))] == 1
    assert ("firstcall_search_seconds_bucket", (("asked", "settled"), ("le", "0.01"))) not in grown


@pytest.mark.parametrize("said", HOSTILE)
def test_nothing_that_is_not_listed_becomes_a_series(said: str) -> None:
    shown()
    metrics.refused(metrics.OTHER)
    metrics.searched(metrics.OTHER, 0.1, settled=False)
    metrics.built(metrics.OTHER, 0.1)
    before = set(shown())
    metrics.refused(said)
    metrics.searched(said, 0.1, settled=False)
    metrics.built(said, 0.1)
    hostile = Now(said, said, AT, 1, 1, 1, 1, {said: 1, "index": 1, "articles": 1, "database": 1})
    assert set(shown(hostile)) == before
    text = metrics.exposition(hostile, AT).decode()
    assert not said or said not in text


def test_every_label_is_one_of_a_short_list() -> None:
    labels = {pair for _, several in shown() for pair in several}
    assert len(labels) < 60
    assert {name for name, _ in labels} == {"asked", "code", "folder", "kind", "le", "outcome", "state", "verdict"}
    assert all(re.fullmatch(r"[a-z_]+|[0-9.]+|\+Inf", value) for _, value in labels)


@pytest.mark.parametrize(
    ("generation", "number"),
    [
        ("20261122T100502-0001-ab12cd34", 20261122100502),
        ("20261122T100503-0000-ab12cd34", 20261122100503),
        ("", 0),
        ("made-up", 0),
        ("２０２６１１２２T100502", 0),
    ],
)
def test_the_number_of_a_generation_is_the_second_it_was_made_in(generation: str, number: int) -> None:
    assert metrics.number_of(generation) == number
