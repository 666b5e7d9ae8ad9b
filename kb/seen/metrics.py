"""What this process counts and measures, for Prometheus. Counters begin at nought with the process.

Every label's values are listed here and nothing else becomes one (`other`), so that nothing anybody typed, and no name,
can: the number of series is what this file says. `exposition` is the whole of what is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # memory, descriptors, processor time

OTHER = "other"
VERDICTS = ("found", "maybe", "missing", "refused")  # refused: no answer, for the question or for want of an index
ASKED = ("typing", "settled")  # settled: the question stands
REFUSALS = (
    *("signed_out", "origin_refused", "host_refused", "too_fast", "request_too_large", "page_missing"),
    *("key_wrong", "key_scope", "store_unusable", "full"),
    *("search_busy", "sign_in_busy"),
)
BUILDS = ("published", "unchanged", "busy", "failed")  # busy: another was at it
FAULTS = ("away", "refused")  # the database refuses for now; it refuses what is written
REPLAYS = ("passed", "failed")
ENCODER = ("warming", "ready", "failed")
FOLDERS = ("database", "index", "articles")
FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)  # seconds
SLOW = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)

_searches = Counter("firstcall_searches", "Searches answered.", ["verdict", "asked"], registry=REGISTRY)
_search_seconds = Histogram(
    "firstcall_search_seconds", "From the question to its answer.", ["asked"], buckets=FAST, registry=REGISTRY
)
_refusals = Counter("firstcall_refusals", "Requests that were turned away.", ["code"], registry=REGISTRY)
_builds = Counter("firstcall_builds", "Builds of the index.", ["outcome"], registry=REGISTRY)
_build_seconds = Histogram("firstcall_build_seconds", "Builds that published.", buckets=SLOW, registry=REGISTRY)
_faults = Counter("firstcall_database_errors", "Transactions that failed.", ["kind"], registry=REGISTRY)
_away = Gauge("firstcall_database_away", "1 while the database refused the last time.", registry=REGISTRY)
_replays = Counter("firstcall_replays", "Gaps asked again.", ["outcome"], registry=REGISTRY)
encoding = Gauge("firstcall_encoder_queue", "Batches being embedded or waiting for it.", registry=REGISTRY)
queued = Gauge("firstcall_queue", "Searches, records and sign-ins that wait for their turn.", registry=REGISTRY)


def _listed(value: str, known: Collection[str]) -> str:
    return value if value in known else OTHER


for _asked in ASKED:
    _search_seconds.labels(_asked)
    for _verdict in VERDICTS:
        _searches.labels(_verdict, _asked)
for _counter, _values in ((_refusals, REFUSALS), (_builds, BUILDS), (_faults, FAULTS), (_replays, REPLAYS)):
    for _one in _values:
        _counter.labels(_one)  # each series is there from the start: a rate needs a nought to rise from


def searched(verdict: str, seconds: float, *, settled: bool) -> None:
    """A search was answered, or refused (`VERDICTS`)."""
    asked = ASKED[settled]
    _searches.labels(_listed(verdict, VERDICTS), asked).inc()
    _search_seconds.labels(asked).observe(seconds)


def refused(code: str) -> None:
    """A request was turned away: by the gate, or for there are too many."""
    _refusals.labels(_listed(code, REFUSALS)).inc()


def built(outcome: str, seconds: float) -> None:
    """A build ended (`BUILDS`)."""
    _builds.labels(_listed(outcome, BUILDS)).inc()
    if outcome == "published":
        _build_seconds.observe(seconds)


def database_answered(fault: Literal["", "away", "refused"] = "") -> None:
    """A transaction ended, well or (`FAULTS`) not."""
    if fault:
        _faults.labels(fault).inc()
    _away.set(fault == "away")


def replayed(passed: bool) -> None:
    """A gap was asked again."""
    _replays.labels(REPLAYS[not passed]).inc()


# --- what is so now ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Now:
    """What is measured when somebody looks.

    generation: the name of what serves, '' for nothing; created: when it was made
    free: folder (`FOLDERS`) → bytes
    """

    encoder: str
    generation: str
    created: datetime | None
    indexed: int
    left_out: int
    spooled: int
    sessions: int
    free: Mapping[str, int]


def number_of(generation: str) -> int:
    """`20261122T100502-0001-ab12cd34` → 20261122100502: grows with every generation; 0 for none."""
    digits = generation[:15].replace("T", "")
    return int(digits) if len(digits) == 14 and digits.isdecimal() and digits.isascii() else 0


def gauges(now: Now, at: datetime) -> Iterator[Metric]:
    """What is so now, as Prometheus has it."""
    state = GaugeMetricFamily("firstcall_encoder_state", "1 for the state it is in.", labels=["state"])
    for one in ENCODER:
        state.add_metric([one], float(now.encoder == one))
    yield state
    numbers = {
        "firstcall_generation_number": ("Of the generation that serves; 0 = none.", number_of(now.generation)),
        "firstcall_articles_indexed": ("Articles in the index.", now.indexed),
        "firstcall_articles_left_out": ("Files that could not be indexed.", now.left_out),
        "firstcall_spool_records": ("Records that wait for the database.", now.spooled),
        "firstcall_sessions": ("Sessions in use in the last minute.", now.sessions),
    }
    for name, (about, value) in numbers.items():
        yield GaugeMetricFamily(name, about, value)
    if now.created is not None:
        age = (at - now.created).total_seconds()
        yield GaugeMetricFamily("firstcall_generation_age_seconds", "Since it was made.", age)
    free = GaugeMetricFamily("firstcall_disk_free_bytes", "Free for files of ours.", labels=["folder"])
    for folder in FOLDERS:
        if folder in now.free:
            free.add_metric([folder], now.free[folder])
    yield free


class _Found(Collector):
    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = tuple(found)

    def collect(self) -> Iterable[Metric]:
        return self._found


def exposition(now: Now, at: datetime) -> bytes:
    """Everything, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Found(gauges(now, at)))
    return generate_latest(REGISTRY) + generate_latest(registry)
