"""What docs/scale.md says of size, from benchmarks/results/scale.json and latency.json: measured, then computed.

Everything that was not measured says so in its heading, and how it follows from what was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Tree = Mapping[str, Any]
Sizes = Mapping[str, Mapping[str, Mapping[str, float]]]  # articles → profile → figures

BUSY = 0.5  # of a core's time, at most, that searches may take: beyond, they wait for each other
SEARCHES = 1 / 60  # a second and agent at the busiest time: a question a minute
CONNECTIONS = 15  # of the database, an app process: docs/scale.md
HOUSES = ((20, 1_000), (200, 10_000), (1_000, 10_000), (1_000, 100_000), (5_000, 100_000))
GPU = 50  # times as many texts a second as one machine's two cores: assumed, no GPU is here
STORIES = {
    "files": "files: FAISS and tantivy",
    "postgresql": "PostgreSQL: pgvector and rows",
}


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def drawn(scale: Tree, latency: Tree) -> str:
    """All of it."""
    return "\n\n".join([cost(scale), needs(scale["sizes"], latency), more(scale["sizes"], latency)])


# --- measured ------------------------------------------------------------------------------------


def cost(scale: Tree) -> str:
    """The curves: each figure by size, a table a profile."""
    text = (
        f"Measured (`python benchmarks/scale.py --json OUT`; {scale['machine']}; {scale['date']}, commit "
        f"{scale['commit']}{'; ' + scale['note'] if scale.get('note') else ''}). Articles of ten chunks; times without "
        "the encoder, for which a stand-in draws rows from real ones. A *search* is a whole one, its ratio that to the "
        "ten nearest chunks alone by plain FAISS (Flat) or plain pgvector. *Memory* is what a process holds beside the "
        "program itself, after all searches; the server's is its own. *Recall* is of the ten nearest chunks."
    )
    parts = [text]
    for name, story in STORIES.items():
        sizes = {size: each[name] for size, each in scale["sizes"].items() if name in each}
        if sizes:
            parts.append(
                f"**{story}**\n\n{table(['articles', *HEADER], [_line(size, one) for size, one in sizes.items()])}"
            )
    return "\n\n".join(parts)


HEADER = (
    "build",
    "its process at most",
    "disk",
    "opens in",
    "memory",
    "server's",
    "save → found, p50 / worst",
    "search p50 / p95",
    "ratio",
    "recall@10",
)


def _line(size: str, one: Mapping[str, float]) -> list[str]:
    return [
        f"{int(size):,}",
        _seconds(one["build_s"]),
        _mb(one["build_peak_mb"]),
        _mb(one["disk_mb"]),
        _seconds(one["open_s"]),
        _mb(one["serving_mb"] - one["program_mb"]),
        _mb(one["server_mb"]) if "server_mb" in one else "–",
        f"{one['save_p50_s']:.2f} / {one['save_worst_s']:.2f} s",
        f"{one['search_p50_ms']:.0f} / {one['search_p95_ms']:.0f} ms",
        f"{one['ratio']:.1f}",
        f"{one['recall@10']:.3f}",
    ]


def _seconds(value: float) -> str:
    return f"{value / 60:.0f} min" if value >= 600 else f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


def _mb(value: float) -> str:
    return f"{value / 1024:.1f} GB" if value >= 1024 else f"{max(value, 0):.0f} MB"


def _hours(value: float) -> str:
    return f"{value:.0f} h" if value >= 3 else f"{60 * value:.0f} min" if value >= 0.05 else f"{3600 * value:.0f} s"


# --- computed ------------------------------------------------------------------------------------


def needs(sizes: Sizes, latency: Tree) -> str:
    """How many agents and articles need what."""
    encode = latency["systems"]["encoder"]["p50_ms"]
    rows = []
    for agents, articles in HOUSES:
        each = sizes.get(str(articles), {})
        if "files" not in each:
            continue
        one, asked = each["files"], agents * SEARCHES
        cores = asked * (encode + one["search_p50_ms"]) / 1000 / BUSY
        servers = max(1, -(-int(100 * cores) // 200))
        rows.append(
            [
                f"{agents:,}",
                f"{articles:,}",
                f"{asked:.1f}",
                f"{cores:.1f}",
                "SQLite and files"
                if servers == 1 and agents <= 200
                else f"PostgreSQL for state, {servers} app servers",
                _mb(one["serving_mb"]),
                _mb(one["disk_mb"] + one["cache_mb"] + one["articles_mb"]),
                f"{CONNECTIONS * servers}" if servers > 1 else "–",
            ]
        )
    text = (
        "**How many agents and articles need what**: computed. An agent asks a question a minute when it is busiest; a "
        f"search takes the encoder's {encode:.0f} ms (latency.json) and its own p50 from above, and searches get at "
        "most half of a core's time, so that they do not wait for each other. An app server has two such cores; the "
        "encoder holds about 1 GB more."
    )
    header = ["agents", "articles", "searches a second", "cores for searches", "where", "memory an app server"]
    return f"{text}\n\n{table([*header, 'disk of it', 'connections'], rows)}"


def more(sizes: Sizes, latency: Tree) -> str:
    """What ten times and a hundred times the largest measured base would take."""
    largest = max((int(size) for size, each in sizes.items() if "files" in each), default=0)
    if not largest:
        return ""
    each, rate = sizes[str(largest)], latency["systems"]["firstcall"]["build_per_s"]
    rows = []
    for times in (1, 10, 100):
        chunks = 10 * largest * times
        hours = chunks / rate / 3600
        cells = [f"{largest * times:,} / {chunks:,}", str(times), _hours(hours), _hours(hours / GPU)]
        for name in STORIES:
            one = each.get(name)
            cells.append(_mb(one["disk_mb"] * times) if one else "–")
        one = each["files"]
        rows.append([*cells, _mb((one["serving_mb"] - one["program_mb"]) * times), _seconds(one["build_s"])])
    text = (
        f"**Ten and a hundred times more**: computed, in proportion to {largest:,} articles. A *shard* is a base of "
        "that size with a publisher of its own: of a tenant, of a line of products, or a Citus node with its share "
        "of a table. To build one or to save into it takes what was measured, side by side with the others. "
        f"Embedding at the {rate:.0f} texts a second that a whole build reaches here, and on a GPU taken to be {GPU} "
        "times as fast, which nothing here could try; a text that did not change is never embedded again. A read "
        "replica has a shard's disk once more and serves searches."
    )
    header = ["articles / chunks", "shards", "embedding once, two cores", "one GPU", "disk, files", "disk, PostgreSQL"]
    return f"{text}\n\n{table([*header, 'memory of all shards', 'build of a shard'], rows)}"
