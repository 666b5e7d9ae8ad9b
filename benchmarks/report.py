"""The tables of README.md and docs/scale.md, written from the committed results, so that they cannot differ.

    python benchmarks/report.py [--check]

Replaces what stands between the `figures` and `size` marks; `--check` only says whether it would.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks import size
from benchmarks.bench import RESULTS, ROOT

README, SCALE = ROOT / "README.md", ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
GROUPERS = ("firstcall", "kmeans", "hdbscan", "agglomerative")
SYSTEMS = ("firstcall", "dense", "bm25", "txtai", "haystack")


def load(name: str) -> dict[str, Any] | None:
    """One committed result, None where there is none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def results(benchmark: str) -> list[dict[str, Any]]:
    """All committed results of a benchmark, a set each, in the order of their sets."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob(f"{benchmark}-*.json"))]
    return [one for one in found if one["benchmark"] == benchmark]  # none of the fits


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def both(figures: Mapping[str, Any], name: str = "") -> str:
    """The middle and the 95th percentile of a time."""
    return f"{figures[f'{name}p50_ms']} / {figures[f'{name}p95_ms']} ms"


def retrieval() -> str:
    """nDCG@10 and hit@1 of every set, side by side."""
    found = results("retrieval")
    rows = []
    for one in found:
        cells = [f"{one['data']} ({one['documents']} / {one['questions']})"]
        for name in SYSTEMS:
            figures = one["systems"].get(name)
            cells.append(f"{figures['ndcg@10']:.3f} / {figures['hit@1']:.3f}" if figures else "–")
        told = [one["versus"][peer]["verdict"] for peer in ("txtai", "haystack") if peer in one["versus"]]
        rows.append([*cells, ", ".join(told) or "–"])
    text = (
        "**Retrieval**, nDCG@10 / hit@1 (`python benchmarks/retrieval.py DATA_DIR --json OUT`): the same model and "
        "prompts for all, one run a set, weights never fitted on the set reported. The last column compares with "
        "txtai and Haystack by a document-clustered 95 % interval."
    )
    header = ["set (documents / questions)", *SYSTEMS, "against txtai, haystack"]
    return f"{text}\n\n{table(header, rows)}"


def learning() -> str:
    """How much better the search gets by what it solved."""
    found = results("learning")
    steps = ("1", "5", "10", "20", "50")
    rows = []
    for one in found:
        cells = [one["data"]]
        for n in steps:
            key = "hit@1" if n == "5" else f"hit@1_n{n}"
            there = n in one["steps"]
            told = [f"{one['systems'][name][key]:.3f}" for name in ("no_learning", "fixed_bonus", "firstcall") if there]
            cells.append(" → ".join([" / ".join(told[:2]), f"**{told[2]}**"]) if there else "–")
        rows.append(cells)
    text = (
        "**Learning** (`python benchmarks/learning.py DATA_DIR --json OUT`), hit@1 after n solved questions "
        "an article, on the questions left: without learning / with a fixed bonus → **firstcall**. 95 %: JSON."
    )
    return f"{text}\n\n{table(['set', *(f'n = {n}' for n in steps)], rows)}"


def encoder(found: Mapping[str, Any]) -> str:
    """The encoder's ways to run."""
    columns = ("p50_ms", "p95_ms", "passages_per_s", "cosine_min")
    rows = [[name, *(figures.get(c, "–") for c in columns)] for name, figures in found["systems"].items()]
    text = (
        "**Encoder** (`python benchmarks/encoder.py`): unpacked weights against the package's own engine; `firstcall` "
        "is bf16 where the processor has it."
    )
    return f"{text}\n\n{table(['engine', *columns], rows)}"


def index(found: Mapping[str, Any]) -> str:
    """Which FAISS index at which size."""
    columns = ("recall@10", "p50_ms", "p95_ms", "build_s", "mb")
    rows = [[s, n, *(f[c] for c in columns)] for s, kinds in found["sizes"].items() for n, f in kinds.items()]
    chosen = found["chosen"]
    text = (
        "**Index** (`python benchmarks/index.py`), 500 results a question, candidates rescored exactly. Chosen: exact "
        f"to {chosen['exact_up_to']:,} vectors a field, then IVF,SQ8 with {chosen['probes']} probes."
    )
    return f"{text}\n\n{table(['vectors', 'index', *columns], rows)}"


def latency(found: Mapping[str, Any]) -> str:
    """What an agent waits for."""
    ours, raw = found["systems"]["firstcall"], found["systems"]["encoder"]
    rows = [
        ["one search in process, p50 / p95", both(ours, "search_")],
        ["encoding its question alone", both(raw)],
        ["what the search adds to that", both(ours, "search_less_encoder_")],
        ["keystroke → results painted in Chromium", both(ours, "keystroke_")],
        ["article saved → found, middle / worst of 10", f"{ours['save_p50_s']} / {ours['save_max_s']} s"],
        ["start → first answer by words / encoder warm", f"{ours['first_answer_s']} / {ours['warm_s']} s"],
        ["build, texts a second (share of the raw encoder's rate)", f"{ours['build_per_s']} ({ours['build_to_raw']})"],
    ]
    text = f"**Latency** (`python benchmarks/latency.py --articles {int(ours['articles'])}`), {found['machine']}."
    return f"{text}\n\n{table(['measure', 'figure'], rows)}"


def typing() -> str:
    """How early a question being typed has its answer."""
    found = results("typing")
    rows = [
        [
            f"{one['data']} ({one['questions']})",
            *(f"{one['systems'][name]['found_early']:.3f}" for name in ("firstcall", "bm25", "dense")),
            f"{one['systems']['firstcall']['median_typed']:.0%}",
            ", ".join(one["versus"][name]["verdict"] for name in ("bm25", "dense")),
        ]
        for one in found
    ]
    text = (
        "**Typing** (`python benchmarks/typing.py DATA_DIR --json OUT`): the share of a question's characters that "
        "need not be typed until its article is among the first three and stays there (mean; 0 where it never is). "
        "The last column compares by a document-clustered 95 % interval."
    )
    header = ["set (questions)", "firstcall", "bm25", "dense", "typed, middle question", "against bm25, dense"]
    return f"{text}\n\n{table(header, rows)}"


def noise() -> str:
    """What the ways people really type cost."""
    found = results("noise")
    rows = [
        [
            f"{one['data']} ({one['questions']})",
            *(f"{one['systems'][name]['loss']:.3f}" for name in ("firstcall", "bm25", "dense")),
            f"{one['share_of_better'].get('loss', 0):.2f}",
            f"{one['clean_difference']:+.4f}",
        ]
        for one in found
    ]
    text = (
        "**Noise** (`python benchmarks/noise.py DATA_DIR --json OUT`): nDCG@10 lost to how people type (homophones, "
        "pinyin, first letters, typos, split words, speech and more), mean over kinds; our loss as a share of the "
        "better of the two others; what hearing does to clean questions."
    )
    header = ["set (questions)", "firstcall", "bm25", "dense", "share", "clean"]
    return f"{text}\n\n{table(header, rows)}"


def live(found: Mapping[str, Any]) -> str:
    """What an agent's eyes wait for."""
    ours, api = found["systems"]["firstcall"], found["systems"]["api"]
    rows = [
        ["key pressed → results painted", both(ours, "keystroke_")],
        ["Enter → article and its sentence painted", both(ours, "open_")],
        ["/api/search from outside the browser", both(api)],
    ]
    text = f"**Live** (`python benchmarks/live.py`), {found['data']}, in Chromium, p50 / p95."
    return f"{text}\n\n{table(['measure', 'figure'], rows)}"


def verdict() -> str:
    """How well it knows what it does not know, on every set."""
    rows = []
    for one in results("verdict"):
        ours, top = one["systems"]["firstcall"], one["systems"]["top_cosine"]
        cells = [f"{ours[name]:.3f} / {top[name]:.3f}" for name in ("auroc", "false_missing", "ece")]
        told = one["versus"]["top_cosine"]
        asked = f"{one['data']} ({one['answerable']} / {one['gaps']})"
        rows.append(
            [asked, *cells, f"{told['verdict']} {told['auroc']:+.3f} ({told['low']:+.3f} … {told['high']:+.3f})"]
        )
    text = (
        "**Verdict** (`python benchmarks/verdict.py DATA_DIR --json OUT`), firstcall / top cosine of the same model: "
        "telling questions the base answers from those it does not (AUROC), answerable questions wrongly called *not "
        "in the base* where 90 % of the gaps are caught, and calibration error. Nothing is fitted on the set reported; "
        "the last column has the document-clustered 95 % interval."
    )
    header = ["set (answerable / gaps)", "AUROC", "wrongly missing", "calibration error", "AUROC against top cosine"]
    return f"{text}\n\n{table(header, rows)}"


def verdict_learnt() -> str:
    """The same once calls were solved, beside what it is before."""
    rows = []
    for one in results("verdict_learnt"):
        ours, top = one["systems"]["firstcall"], one["systems"]["top_cosine"]
        cells = [f"{ours[name]:.3f} / {top[name]:.3f}" for name in ("auroc", "false_missing", "ece")]
        asked = f"{one['data']} ({one['answerable']} / {one['gaps']})"
        rows.append([asked, one["lessons"], *cells, one["versus"]["top_cosine"]["verdict"]])
    text = (
        "**Verdict with lessons** (`python benchmarks/verdict.py DATA_DIR --learn 5 --json OUT`): the same after calls "
        "solved five questions of each article, on the questions left; an intent's article then says no more than its "
        "name. The top cosine may be a lesson's. *Found* begins where the base's own lessons say."
    )
    header = [
        "set (answerable / gaps)",
        "lessons",
        "AUROC",
        "wrongly missing",
        "calibration error",
        "against top cosine",
    ]
    return f"{text}\n\n{table(header, rows)}"


def pages(found: Mapping[str, Any]) -> str:
    """How long the supervisor's pages take over a busy journal."""
    rows = [[name, both(ms)] for name, ms in found["systems"].items()]
    text = f"**Pages** (`python benchmarks/pages.py`), drawn in process over {found['data']}, p50 / p95."
    return f"{text}\n\n{table(['page', 'time'], rows)}"


def clusters() -> str:
    """How well questions that mean the same need are found to be one."""
    found = results("clusters")
    rows = []
    for one in found:
        systems, ours = one["systems"], one["systems"]["firstcall"]
        cells = [f"{systems[name]['ari']:.3f} / {systems[name]['purity']:.3f}" for name in GROUPERS]
        stream = f"{ours['ari_stream']:.3f} / {ours['purity_stream']:.3f}"
        rows.append([f"{one['data']} ({one['questions']} / {one['needs']})", *cells, stream])
    text = (
        "**Needs** (`python benchmarks/clusters.py INTENTS_FILE --json OUT`): questions that mean the same, found to "
        "be one; adjusted Rand index / purity over the same vectors. Only k-means is told how many needs there are; "
        "bars are never fitted on the set reported. The last column: the questions came one by one."
    )
    header = ["set (questions / needs)", "firstcall", "k-means, true k", *GROUPERS[2:], "firstcall, one by one"]
    return f"{text}\n\n{table(header, rows)}"


def duplicates(found: Mapping[str, Any]) -> str:
    """How often "already covered by …" is right."""
    columns = ("precision", "recall", "f1", "ap", "p@r50", "p@r80")
    names = {"twins": "twins of the sample base, zh ↔ en", "mean": "mean of the pair sets"}
    sets = {**found["sets"], "mean": found["systems"], "twins": found["twins"]}
    rows = [
        [names.get(name, name), *(f"{one['firstcall'][c]:.3f} / {one['fixed_cosine'][c]:.3f}" for c in columns)]
        for name, one in sets.items()
    ]
    text = (
        "**Duplicates** (`python benchmarks/duplicates.py PAIRS_FILE --json OUT`), firstcall / fixed cosine: the "
        "warning's precision and recall, average precision, and precision where half and four in five of the "
        "duplicates are warned of. Each set is reported with what was fitted without it and its relatives."
    )
    return f"{text}\n\n{table(['set', *columns], rows)}"


def soak(found: Mapping[str, Any]) -> str:
    """Whether half an hour of a floor leaves the server as it was."""
    kept = {True: "kept", False: "broken"}
    rows = []
    for one in found["promises"]:
        share = one["name"] in ("memory", "search p95")
        shown = [f"{one[key]:+.1%}" if share else f"{one[key]:g}" for key in ("value", "low", "high")]
        bound = f"{one['bound']:.0%}" if share else f"{one['bound']:g}"
        sure = f"{shown[1]} … {shown[2]}" if one["low"] != one["high"] else "–"
        rows.append([one["name"], shown[0], sure, f"< {bound}", kept[one["kept"]]])
    done = found["systems"]["firstcall"]
    counted = f"{done['searches']:,} searches, {done['published']} publishes, {done['signed_in']:.0f} sessions"
    text = (
        f"**Soak** (`make soak`), {found['data']}, {found['machine']}: {counted}, {done['calls']:.0f} calls. What rose "
        "after the warm-up, with its 95 % interval."
    )
    return f"{text}\n\n{table(['promise', 'rose by', '95 %', 'bound', ''], rows)}"


def load_of(found: Mapping[str, Any]) -> str:
    """How many agents one process carries, and what becomes of more."""
    columns = ["p50_ms", "p95_ms", "p99_ms", "keystroke_p95_ms", "answered_per_s", "refused", "server_cores"]
    past, kept = found["past"], {True: "kept", False: "broken"}
    steps = {**found["systems"], f"{past['sessions']:g}, {past['haste']:g} × as fast": past}
    rows = [[name, *(one.get(column, "–") for column in columns)] for name, one in steps.items()]
    goals = [[one["name"], f"{one['value']:g}", kept[one["kept"]]] for one in found["goals"]]
    text = (
        f"**Load** (`make load`), {found['data']}, {found['machine']}, which the agents share. A step (search, open, "
        f"solve) is timed from when it was due. The knee: {found['knee']} sessions. Past it, searches that would wait "
        "too long are refused."
    )
    return "\n\n".join([text, table(["sessions", *columns], rows), table(["goal", "value", ""], goals)])


def bounds(found: Mapping[str, Any]) -> str:
    """What 100 KB of anything costs at every input."""
    total, inputs = found["systems"]["firstcall"], found["inputs"]
    slow = sorted(inputs, key=lambda name: -inputs[name]["time"])[:5]
    rows = [
        [f"`{name}`", one["by"], f"{one['time']} s", f"{one['stall']} s"] for name in slow for one in [inputs[name]]
    ]
    text = (
        f"**Bounds** (`make security`): {total['floods']} floods of 100 KB at {total['inputs']} inputs. The longest "
        f"that anybody else stood still was {total['stall_s']} s (bound: .25), the longest an input took "
        f"{total['time_s']} s of the processor (bound: 2). The five that took longest, each with its worst stall:"
    )
    return f"{text}\n\n{table(['input', 'flood', 'time', 'stall'], rows)}"


def figures() -> str:
    """All tables there are results for."""
    parts = [retrieval(), typing(), noise(), verdict(), verdict_learnt(), clusters()]
    for name, draw in (
        ("duplicates", duplicates),
        ("live", live),
        ("latency", latency),
        ("encoder", encoder),
        ("index", index),
        ("pages", pages),
        ("soak", soak),
        ("load", load_of),
        ("bounds", bounds),
    ):
        found = load(name)
        if found:
            parts.append(draw(found))
    return "\n\n".join([parts[0], learning(), *parts[1:]])


def sizes() -> str:
    """What size costs, where it was measured."""
    scale, took = load("scale"), load("latency")
    return size.drawn(scale, took) if scale and took else ""


def written(text: str, mark: str, drawn: str) -> str:
    """A page with what was drawn between its marks."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, rest = text.split(begin, 1)
    _, after = rest.split(end, 1)
    return f"{before}{begin}\n\n{drawn}\n\n{end}{after}"


def main() -> int:
    """0, or 1 when `--check` finds that a page says something else than the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    differ = 0
    for page, mark, draw in ((README, "figures", figures), (SCALE, "size", sizes)):
        text = page.read_text("utf-8")
        new = written(text, mark, draw())
        differ |= int(new != text)
        if not options.check:
            page.write_text(new, "utf-8")
    return differ if options.check else 0


if __name__ == "__main__":
    sys.exit(main())
