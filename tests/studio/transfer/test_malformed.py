"""Whatever is imported: one clear error or an article, the good file beside it comes, in 2 s and 200 MB.

500 cases here, 10,000 by `make faults`: sound files of every format, damaged in ways that files are damaged and
attackers try, beside a corpus of nasty ones.
"""

from __future__ import annotations

import itertools
import os
import random
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kb.config import ROOT
from kb.content.articles import files, parse, read_all
from kb.studio.header import with_keys
from kb.studio.transfer import OUTCOMES
from kb.text import query_terms
from tests.small_base import SmallBase, markdown, scope
from tests.studio.test_media import picture
from tests.studio.transfer.malformed import GOOD, Child, child
from tests.studio.transfer.packs import zendesk, zipped
from tests.studio.transfer.test_markdown import MKDOCS
from tests.studio.transfer.test_plan import HOSTILE
from tests.studio.transfer.test_tables_and_documents import BAD_DOCUMENTS, docx, paragraph, text
from tests.studio.transfer.test_zendesk import BODY, CATEGORIES, SECTIONS, article

CASES = int(os.environ.get("FAULTS", "500"))
SECONDS, MEMORY = 2.0, 200 * 2**20

SOUND: dict[str, bytes] = {
    "a.md": MKDOCS.encode(),
    "own-en.md": markdown("own-en", "Own", say="Say it.", body="![p](../_media/p.png)", questions=["Why?"]).encode(),
    "a.json": zendesk(articles=[article(1, "A", BODY)], sections=SECTIONS, categories=CATEGORIES).encode(),
    "a.csv": "question,answer,category\nWhy?,Because.,refunds\n为什么？,因为。,refunds\n".encode(),
    "a.docx": docx(paragraph(text("Title"), "Heading1") + paragraph(text("Words."))),
    "a.html": f"<html><body><h1>T</h1>{BODY}</body></html>".encode(),
    "a.zip": zipped({"a.md": MKDOCS, "img/lamp.png": picture(), "b/c.csv": "q,a\n"}),
    "p.png": picture(),
}
PIECES = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"---\n", b"::: say\n", b":::", b"&a *a", b"![", b"](", b"[[",
    b"<div>" * 300,    b"> " * 300, b"- " * 300, b"`" * 400, b"{" * 400, b'"' * 300, b"|" * 500, b"\r",
    "\u202e\u200b\ud7ff".encode(),
    b"../" * 20, b"!!! note\n    " * 40, b"<!--", b"%%", b"=" * 300, b"&#x0;", b"<![CDATA[", b"\xe4\xb8", b"9" * 5_000,
]  # fmt: skip

damages = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), st.floats(0, 1), st.floats(0, 1)),
        st.tuples(st.just("put"), st.floats(0, 1), st.sampled_from(PIECES)),
        st.tuples(st.just("flip"), st.floats(0, 1), st.integers(0, 255)),
        st.tuples(st.just("again"), st.floats(0, 1), st.integers(2, 60)),
        st.tuples(st.just("put"), st.floats(0, 1), st.binary(max_size=30)),
    ),
    min_size=1,
    max_size=6,
)


def damaged(raw: bytes, steps: list[tuple[str, float, object]]) -> bytes:
    """A file after what was done to it."""
    for kind, place, how in steps:
        at = int(place * len(raw))
        if kind == "cut" and isinstance(how, float):
            raw = raw[:at] + raw[at + int(how * (len(raw) - at)) :]
        elif kind == "put" and isinstance(how, bytes):
            raw = raw[:at] + how + raw[at:]
        elif kind == "flip" and isinstance(how, int) and raw:
            raw = raw[: at - 1] + bytes([how]) + raw[at:]
        elif kind == "again" and isinstance(how, int):
            raw = (raw[:at] + raw[at : at + 200] * how + raw[at + 200 :])[:300_000]
    return raw


@pytest.fixture(scope="module")
def other() -> Iterator[Child]:
    with child() as one:
        yield one


HOLE = re.compile(r"\{[a-z_]+\}")  # a fact that a sentence was not given


def wrong(other: Child, name: str, raw: bytes) -> list[str]:
    """What is not as it must be with a case, as sentences; every case must have none."""
    told = other.ask(name, raw)
    if "hung" in told or "crash" in told:
        return [f"{name}: {told}"]
    rows = told.get("rows", [])
    outcomes, own = {outcome for _, outcome, _ in rows}, [row for row in rows if row[0] == name]
    checks = {
        "it took too long": told["seconds"] <= SECONDS,
        "it took too much memory": told["memory"] <= MEMORY,
        "a sentence is empty or not filled in": all(one and not HOLE.search(one) for one in told["sentences"]),
        "a whole file was refused that is no pack": "refused" not in told or name.endswith(".zip"),
        "an outcome is none": outcomes <= set(OUTCOMES),
        "a refusal has no reason, or something else has one": all(
            bool(code) == (outcome == "refused") for _, outcome, code in rows
        ),
        "the good article is not new": name.endswith(".zip") or ["good.md", "new", ""] in rows,
        "it is not one article or one error": not name.endswith((".md", ".docx", ".html")) or len(own) == 1,
    }
    return [f"{name}: {complaint}" for complaint, holds in checks.items() if not holds]


@settings(max_examples=CASES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(SOUND)), damages)
def test_a_malformed_file_is_one_clear_error_and_the_good_one_comes(
    other: Child, name: str, steps: list[tuple[str, float, object]]
) -> None:
    assert wrong(other, name, damaged(SOUND[name], steps)) == []


NASTY = {
    **{f"{name}.md": raw for name, raw in HOSTILE.items()},
    **{f"{name}.docx": raw for name, raw in BAD_DOCUMENTS.items()},
    "quotes.md": b"> " * 50_000,
    "lists.md": b"".join(b" " * n + b"- x\n" for n in range(400)),
    "brackets.md": b"[" * 60_000,
    "images.md": b"![" * 60_000 + b"](x)",
    "wiki.md": b"[[" * 60_000,
    "equals.md": b"==" * 60_000,
    "percent.md": b"%%" * 60_000,
    "comment.md": b"<!--" * 30_000,
    "colons.md": b":::note\n" * 20_000,
    "admonitions.md": b"".join(b"    " * n + b"!!! note\n" for n in range(300)),
    "fences.md": b"```\n~~~\n" * 20_000,
    "tags.md": b"<img src='" * 20_000,
    "references.md": b"".join(b"[%d]: http://x/%d\n" % (n, n) for n in range(5_000)) + b"[a][1]" * 5_000,
    "deep.html": b"<div>" * 40_000,
    "open.html": b"<" * 60_000,
    "table.html": b"<table>" * 2_000,
    "attributes.html": b"<a " + b" ".join(b"a%d=1" % n for n in range(20_000)) + b">x</a>",
    "cells.html": b"<table><tr>" + b"<td>|</td>" * 20_000,
    "deep.json": b'{"articles":' + b"[" * 90_000,
    "wide.json": zendesk(articles=[article(n, "A", "<p>x") for n in range(300)]).encode(),
    "quotes.csv": b'"' * 100_000,
    "wide.csv": b"," * 100_000,
    "a.zip": zipped({f"{n}.md": "x" for n in range(3_000)}),
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_file_is_one_clear_error_and_the_good_one_comes(other: Child, name: str) -> None:
    assert wrong(other, name, NASTY[name]) == []


def test_a_child_that_hangs_is_killed_and_another_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.studio.transfer.malformed.HANGS", 1.0)
    with child() as one:
        assert one.ask("hang", b"") == {"hung": True}
        assert one.killed == 1
        monkeypatch.setattr("tests.studio.transfer.malformed.HANGS", 60.0)
        assert one.ask("a.md", GOOD.encode())["rows"][0][1] == "new"


def test_good_articles_stay_searchable_beside_broken_ones(base: SmallBase) -> None:
    base.write("kettle-en", "Descaling the kettle", say="Boil it once.", questions=["White flakes in my tea"])
    chance = random.Random(5)
    for number, (name, raw) in enumerate(itertools.islice(itertools.cycle(SOUND.items()), 60)):
        at = chance.randrange(len(raw))
        place = base.folder / "products" / f"bad-{number}-{name}.md"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(raw[:at] + chance.choice(PIECES) + raw[at:])
    good, errors = read_all(base.folder)
    assert ([one.id for one in good], len(errors)) == (["kettle-en"], 60)
    assert all(error.facts["file"] and int(str(error.facts["line"])) >= 1 for error in errors)
    base.build()
    found = base.open().engine.lexical(query_terms("descaling kettle"), scope(), 5)
    assert [one.article for one in found] == ["kettle-en"]


# --- an article that is kept is kept whole -------------------------------------------------------

EVERY = [(path.relative_to(ROOT / "articles").as_posix(), path.read_text("utf-8")) for path in files(ROOT / "articles")]


@settings(max_examples=60, deadline=None, database=None)
@given(st.sampled_from(EVERY), st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40))
def test_what_is_saved_is_read_again_as_it_was(one: tuple[str, str], title: str) -> None:
    path, source = one
    article = parse(source, path)
    assert parse(article.source, path) == article
    assert with_keys(article, {"title": article.title, "questions": article.questions}) == source  # byte-equal
    named = " ".join(title.split())
    if named and named not in ("~", "null"):
        made = parse(with_keys(article, {"title": named}), path)
        assert (made.title, made.body, made.questions) == (named, article.body, article.questions)
        assert with_keys(made, {"title": article.title}).split("title:")[0] == source.split("title:")[0]
        back = parse(with_keys(made, {"title": article.title}), path)
        assert (back.title, back.body, back.products) == (article.title, article.body, article.products)
