"""Markdown ⇄ Article. What an editor might write stands in `tests/cases/*.md`; the rest is here."""

from __future__ import annotations

import re
import time
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kb.content import articles
from kb.content.articles import (
    MAX_ARTICLE,
    MAX_FRONT_MATTER,
    Article,
    Span,
    files,
    fingerprint,
    linked,
    names,
    parse,
    plain,
    read,
    read_all,
)
from kb.errors import ArticleError
from kb.i18n import LANGUAGES, explain

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = ROOT / "tests/cases"


def article(
    body: str = "", front: str = "", *, title: str = "Refund times", path: str = "refund-policy/a.md"
) -> Article:
    """An article with this body and these further lines of front matter."""
    return parse(f"---\nid: a\ntitle: {title}\nlang: en\n{front}---\n{body}", path)


def refused(source: str, path: str = "a.md") -> tuple[str, int]:
    """The code and line that a text is refused with."""
    with pytest.raises(ArticleError) as caught:
        parse(source, path)
    assert caught.value.facts["file"] == path
    return caught.value.code, int(str(caught.value.facts["line"]))


# --- the cases anybody can add -------------------------------------------------------------------


def cases() -> dict[str, tuple[str, dict[str, Any]]]:
    """Each case: its text and what its .toml expects, {} where it has none."""
    found = {}
    for path in sorted(CASES.glob("*.md")):
        if path.stem != "README":
            beside = path.with_suffix(".toml")
            expected = tomllib.loads(beside.read_text("utf-8")) if beside.exists() else {}
            found[path.stem] = (path.read_text("utf-8"), expected)
    return found


ALL_CASES = cases()
BROKEN = [name for name, (_, expected) in ALL_CASES.items() if "code" in expected]
GOOD = [name for name in ALL_CASES if name not in BROKEN]


def as_written(one: Article, name: str) -> Any:
    """A fact of an article in the form a case's .toml has it."""
    if name == "sections":
        return [section.heading for section in one.sections]
    if name == "blocks":
        return [f"{block.kind} {block.argument}".strip() for block in one.blocks]
    value = getattr(one, name)
    if isinstance(value, tuple):
        return list(value)
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("name", GOOD)
def test_a_good_case_is_read_as_it_says(name: str) -> None:
    source, expected = ALL_CASES[name]
    one = parse(source, f"cases/{name}.md")
    assert {fact: as_written(one, fact) for fact in expected} == expected


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_case_is_refused_with_its_code_and_line(name: str) -> None:
    source, expected = ALL_CASES[name]
    with pytest.raises(ArticleError) as caught:
        parse(source, f"cases/{name}.md")
    error = caught.value
    assert (error.code, error.facts["line"]) == (expected["code"], expected["line"])
    assert error.facts["file"] == f"cases/{name}.md"
    assert {fact: error.facts[fact] for fact in expected.get("facts", {})} == expected.get("facts", {})
    for language in LANGUAGES:
        assert explain(language, error).startswith(f"cases/{name}.md:{expected['line']}")


def test_every_expectation_belongs_to_a_case_and_says_something() -> None:
    assert {path.stem for path in CASES.glob("*.toml")} <= set(ALL_CASES)
    assert {name for name in BROKEN if set(ALL_CASES[name][1]) - {"code", "line", "facts"}} == set()


def test_every_way_an_articles_text_can_be_wrong_has_a_case() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "kb/content/articles").glob("*.py"))
    all_codes = set(re.findall(r'(?:ArticleError|_error)\(\s*"(\w+)"', code))
    below = {"article_unreadable", "article_not_utf8", "article_too_long", "front_matter_too_long"}
    below |= {"body_too_deep", "id_twice"}  # tested in this file: they need bytes, size or two files
    assert all_codes - below == {ALL_CASES[name][1]["code"] for name in BROKEN}


def test_there_are_good_cases_in_both_languages() -> None:
    langs = {parse(source, f"{name}.md").lang for name, (source, _) in ALL_CASES.items() if name in GOOD}
    assert {"en", "zh-CN"} <= langs


# --- front matter --------------------------------------------------------------------------------


def test_every_key_has_its_type() -> None:
    one = article(
        front="products: [LH-R3000, LH-M6000]\nquestions: [where is my money]\nstate: validated\naudience: external\n"
        "governance: compliance\nteams: [payments]\nowner: li.na\nreview_by: 2026-12-15\nvalid_from: 2026-03-01\n"
        "valid_until: 2026-12-31\ntwin: a-zh\n"
    )
    assert one == Article(
        id="a",
        title="Refund times",
        lang="en",
        path="refund-policy/a.md",
        source=one.source,
        products=("LH-R3000", "LH-M6000"),
        questions=("where is my money",),
        state="validated",
        audience="external",
        governance="compliance",
        teams=("payments",),
        owner="li.na",
        review_by=date(2026, 12, 15),
        valid_from=date(2026, 3, 1),
        valid_until=date(2026, 12, 31),
        twin="a-zh",
        body_start=len(one.source),
        title_span=one.title_span,
        question_spans=one.question_spans,
    )


@pytest.mark.parametrize(
    ("written", "read_as", "source"),
    [
        ("退款多久到账", "退款多久到账", "退款多久到账"),
        ('"Refund: times"', "Refund: times", "Refund: times"),
        ("'Refund times'", "Refund times", "Refund times"),
        ("😀 退款 👨‍👩‍👧 times  # why", "😀 退款 👨‍👩‍👧 times", "😀 退款 👨‍👩‍👧 times"),
        ("  Refund   times", "Refund times", "Refund   times"),
    ],
)
def test_the_title_knows_its_place_in_the_file(written: str, read_as: str, source: str) -> None:
    one = article(title=written)
    assert one.title == read_as
    assert one.source[one.title_span.start : one.title_span.end] == source


def test_each_question_knows_its_place_in_the_file() -> None:
    one = article(front="questions:\n  - 😀 退款多久到账\n  - ''\n  - \"where's my money\"\n  - plain one\n")
    assert one.questions == ("😀 退款多久到账", "where's my money", "plain one")
    assert [one.source[span.start : span.end] for span in one.question_spans] == list(one.questions)


@pytest.mark.parametrize("empty", ["questions:\n", "questions: ~\n", "questions: []\n", "questions: ['']\n", ""])
def test_an_article_without_questions_has_no_places_of_questions(empty: str) -> None:
    one = article(front=empty)
    assert (one.questions, one.question_spans) == ((), ())


@pytest.mark.parametrize("lang", ["en", "zh-CN", "en-GB", "zh-Hant", "yue"])
def test_a_language_is_written_like_a_locale(lang: str) -> None:
    assert parse(f"---\nid: a\ntitle: T\nlang: {lang}\n---\n", "a.md").lang == lang


@pytest.mark.parametrize("id", ["a", "e-04", "r3000.v2", "a_b", "0"])
def test_an_id_may_have_small_letters_digits_and_single_joints(id: str) -> None:
    assert parse(f"---\nid: {id}\ntitle: T\nlang: en\n---\n", f"products/{id}.md").id == id


@pytest.mark.parametrize("id", ["-a", "a-", "a--b", "A", "a b", "á", "a/b", "."])
def test_an_id_that_is_no_file_name_is_refused(id: str) -> None:
    assert refused(f'---\nid: "{id}"\ntitle: T\nlang: en\n---\n', f"{id}.md") == ("id_malformed", 2)


def test_laughing_a_billion_times_costs_nothing() -> None:
    lol = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    started = time.process_time()
    assert refused(f"---\na0: &a0 lol\n{lol}---\n") == ("key_unknown", 2)
    assert refused(f"---\nteams: &a0 [lol]\n{lol}---\n") == ("yaml_alias", 2)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("opened", ["[", "{a: ", "[{", "- ", "? ", "!!seq [", "&a ", "!", "'", '"', "|\n", "%"])
def test_deeply_nested_front_matter_is_refused_and_nothing_else(opened: str) -> None:
    started = time.process_time()
    code, _ = refused(f"---\nteams: {opened * (60_000 // len(opened))}\n---\n")
    assert code in ("value_not_plain", "yaml_broken", "yaml_alias", "value_not_list", "key_missing")
    assert time.process_time() - started < 5


def test_a_text_that_cannot_be_written_as_utf8_is_refused() -> None:
    assert refused("---\nid: a\ntitle: \ud800\nlang: en\n---\n") == ("yaml_broken", 1)


def test_an_escape_that_makes_no_character_is_refused_on_its_line() -> None:
    assert refused('---\nid: a\ntitle: "\\uD800"\nlang: en\n---\n') == ("yaml_broken", 3)


@pytest.mark.parametrize("fence", ["---", "--- ", "---\t"])
def test_a_fence_may_have_spaces_after_it(fence: str) -> None:
    assert parse(f"{fence}\nid: a\ntitle: T\nlang: en\n{fence}\nBody", "a.md").body == "Body"


def test_front_matter_may_end_with_the_file() -> None:
    one = parse("---\nid: a\ntitle: T\nlang: en\n---", "a.md")
    assert (one.body, one.blocks, one.sections, one.paragraphs) == ("", (), (), ())


def test_front_matter_has_a_limit() -> None:
    front = "---\nid: a\ntitle: T\nlang: en\n# {}\n---\n"
    room = MAX_FRONT_MATTER - len("id: a\ntitle: T\nlang: en\n# \n")
    assert parse(front.format("x" * room), "a.md").id == "a"
    assert refused(front.format("x" * (room + 1))) == ("front_matter_too_long", 1)


def test_an_article_has_a_limit() -> None:
    head = "---\nid: a\ntitle: T\nlang: en\n---\n"
    assert len(parse(head + "x" * (MAX_ARTICLE - len(head)), "a.md").source) == MAX_ARTICLE
    assert refused(head + "x" * (MAX_ARTICLE - len(head) + 1)) == ("article_too_long", 1)


# --- the body ------------------------------------------------------------------------------------

BODY = """
The robot starts and stops.

::: say
Please switch the robot off.
It takes **five** minutes, {order}.
:::

## Why

A wheel meets resistance.

### More

- one
- two

  still two

| If | Then |
|---|---|
| stuck | clean |

::: escalate tech
**Technical support**, daily.

> I am passing you on.
:::

## Steps

1. Turn it.
"""


@pytest.fixture
def e04() -> Article:
    return article(BODY)


def cut_out(one: Article, spans: list[Span]) -> list[str]:
    """The source at these spans."""
    return [one.source[span.start : span.end] for span in spans]


def test_a_block_is_where_its_span_says(e04: Article) -> None:
    assert cut_out(e04, [block.span for block in e04.blocks]) == [
        "::: say\nPlease switch the robot off.\nIt takes **five** minutes, {order}.\n:::\n",
        "::: escalate tech\n**Technical support**, daily.\n\n> I am passing you on.\n:::\n",
    ]


def test_a_block_has_its_kind_its_argument_and_its_markdown(e04: Article) -> None:
    assert [(block.kind, block.argument, block.text) for block in e04.blocks] == [
        ("say", "", "Please switch the robot off.\nIt takes **five** minutes, {order}."),
        ("escalate", "tech", "**Technical support**, daily.\n\n> I am passing you on."),
    ]


def test_what_is_said_is_plain_and_knows_its_slots(e04: Article) -> None:
    assert e04.say == "Please switch the robot off. It takes five minutes, {order}."
    assert e04.slots == ("order",)


def test_prose_is_the_body_without_its_blocks(e04: Article) -> None:
    assert ":::" not in e04.prose
    assert "switch the robot off" not in e04.prose
    assert plain(e04.prose) == (
        "The robot starts and stops. Why A wheel meets resistance. More one two still two "
        "If · Then; stuck · clean; Steps Turn it."
    )


def test_sections_reach_to_the_next_heading_of_their_level(e04: Article) -> None:
    assert [(section.heading, section.level) for section in e04.sections] == [("Why", 2), ("More", 3), ("Steps", 2)]
    why, more, steps = cut_out(e04, [section.span for section in e04.sections])
    assert why.startswith("## Why\n")
    assert why.endswith(more)
    assert more.startswith("### More\n")
    assert more.endswith("I am passing you on.\n:::\n\n")
    assert steps == "## Steps\n\n1. Turn it.\n"


def test_paragraphs_are_the_smallest_blocks_in_order(e04: Article) -> None:
    assert cut_out(e04, list(e04.paragraphs)) == [
        "The robot starts and stops.\n",
        "Please switch the robot off.\nIt takes **five** minutes, {order}.\n",
        "## Why\n",
        "A wheel meets resistance.\n",
        "### More\n",
        "- one\n",
        "- two\n",
        "  still two\n",
        "| If | Then |\n|---|---|\n| stuck | clean |\n",
        "**Technical support**, daily.\n",
        "> I am passing you on.\n",
        "## Steps\n",
        "1. Turn it.\n",
    ]


def test_a_place_has_a_line(e04: Article) -> None:
    assert e04.source.split("\n")[e04.line_of(e04.blocks[1].span.start) - 1] == "::: escalate tech"
    assert e04.line_of(0) == 1


def test_a_key_has_a_place_and_no_other_text_is_taken_for_it() -> None:
    one = article('twin: "b"\n', front="questions: ['twin: which']\n\"twin\": b\n", title='"twin: a pair"')
    assert one.line_of(one.place_of("twin")) == 6
    assert one.place_of("owner") == 0


@pytest.mark.parametrize(
    ("path", "category"),
    [("refund-policy/a.md", "refund-policy"), ("a/b/a.md", "a"), ("a.md", ""), ("自建/a.md", "自建")],
)
def test_the_category_is_the_folder(path: str, category: str) -> None:
    assert article(path=path).category == category


def test_html_is_text() -> None:
    one = article("<script>alert(1)</script>\n\n<h2>Not a heading</h2>\n")
    assert one.sections == ()
    assert cut_out(one, list(one.paragraphs)) == ["<script>alert(1)</script>\n", "<h2>Not a heading</h2>\n"]


def test_a_fence_hides_what_looks_like_a_block() -> None:
    assert article("```\n::: say\nno\n:::\n```\n").blocks == ()


def test_a_longer_fence_may_hold_a_shorter_one() -> None:
    one = article(":::: decide\nUp to ¥50.\n\n::: say\nYes.\n:::\n\nMore.\n::::\n\nThe rest.\n")
    assert [(block.kind, cut_out(one, [block.span])[0].count("\n")) for block in one.blocks] == [
        ("decide", 9),
        ("say", 3),
    ]
    assert one.prose.strip() == "The rest."


@pytest.mark.parametrize("text", ["Line one\r\nLine two", "第一行\r\n第二行"])
def test_windows_line_ends_shift_nothing(text: str) -> None:
    head = "---\r\nid: a\r\ntitle: T\r\nlang: en\r\nquestions: [one]\r\n---\r\n"
    source = f"{head}\r\n::: say\r\n{text}\r\n:::\r\n\r\n## Why\r\n\r\nEnd.\r\n"
    one = parse(source, "a.md")
    assert cut_out(one, [one.blocks[0].span]) == [f"::: say\r\n{text}\r\n:::\r\n"]
    assert one.say == text.replace("\r\n", " ")
    assert cut_out(one, [one.title_span, *one.question_spans]) == ["T", "one"]
    assert cut_out(one, [one.sections[0].span]) == ["## Why\r\n\r\nEnd.\r\n"]
    assert refused(source.replace("lang: en", "lang: en\r\nbad: 1")) == ("key_unknown", 5)


def test_a_carriage_return_of_its_own_shifts_nothing() -> None:
    one = article("A para\rgraph\n\n::: say\nHello.\n:::\n\nEnd\n")
    assert cut_out(one, [one.blocks[0].span]) == ["::: say\nHello.\n:::\n"]
    assert cut_out(one, list(one.paragraphs)) == ["A para\rgraph\n", "Hello.\n", "End\n"]


@pytest.mark.parametrize("odd", ["\u2028", "\x85", "\x0b", "\x0c", "\u2029", "\x1c", "\x00"])
def test_what_only_looks_like_a_line_end_shifts_nothing(odd: str) -> None:
    one = article(f"A para{odd}graph\n\n::: say\nHel{odd}lo.\n:::\n")
    assert cut_out(one, [one.blocks[0].span]) == [f"::: say\nHel{odd}lo.\n:::\n"]


# --- plain text ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("**Bold** and *not* and `code`", "Bold and not and code"),
        ("## Why\n\nBecause.", "Why Because."),
        ("- one\n* two\n+ three\n1. four\n2) five", "one two three four five"),
        ("> quoted", "quoted"),
        ("[Refund times](../refund-policy/refund-times-en.md)", "Refund times"),
        ("![a picture](x.png)", "a picture"),
        ("| 如果 | 那么 |\n|---|:-:|\n| 卡住 | 清理 |", "如果 · 那么; 卡住 · 清理;"),
        ("::: say\nHello {amount}\n:::", "Hello {amount}"),
        ("```\nadmin\n```", "admin"),
        ("snake_case and _em_", "snake_case and em"),
        ("~~old~~ new", "old new"),
        (r"5 \* 3 \_ 2", "5 * 3 _ 2"),
        ("¥50 – 3–5 天\n\n  第二段", "¥50 – 3–5 天 第二段"),
        ("-5 °C", "-5 °C"),
        ("", ""),
    ],
)
def test_markdown_is_read_aloud_without_its_marks(markdown: str, text: str) -> None:
    assert plain(markdown) == text


# --- hostile text --------------------------------------------------------------------------------

SIZE = 100_000
HOSTILE = {
    "quotes": ">" * SIZE,
    "lists": "- " * (SIZE // 2),
    "brackets": "[" * SIZE,
    "images": "![" * (SIZE // 2),
    "emphasis": "*a **b " * (SIZE // 7),
    "backticks": "".join("`" * n + " " for n in range(1, 400)),
    "a wide table": "|a" * 300 + "\n" + "|-" * 300 + "\n" + ("|b" * 300 + "\n") * 100,
    "a long table": "|a|\n|-|\n" + "|b|\n" * (SIZE // 8),
    "headings": "#\n" * (SIZE // 4),
    "blocks": "::: say\nx\n:::\n" * 2_000,
    "a block without an end": "::: say\n" + "Say. " * 2_000,
    "colons": ":" * SIZE,
    "definitions": "[a]: b\n" * (SIZE // 14),
    "spaces": "x" + " " * SIZE + "y",
    "pipes": "| " * (SIZE // 2),
    "underscores": "a" + "_" * SIZE,
    "entities": "&#x20;" * (SIZE // 6),
    "Chinese": "退款到账。" * (SIZE // 5),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_done_within_five_seconds(name: str) -> None:
    started = time.process_time()
    one = article(HOSTILE[name])
    _ = (plain(one.body), one.say, one.prose, one.slots)
    assert time.process_time() - started < 5


def test_thousands_of_blocks_without_an_end_are_refused_within_five_seconds() -> None:
    started = time.process_time()
    head = "---\nid: a\ntitle: T\nlang: en\n---\n"
    assert refused(head + "::: say\n" * 2_000) == ("block_open", 6)
    assert time.process_time() - started < 5


def test_a_body_too_deep_for_the_parser_is_told_on_its_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_deep(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(articles, "body_of", too_deep)
    assert refused("---\nid: a\ntitle: T\nlang: en\n---\n> deep\n") == ("body_too_deep", 6)


# --- any text at all -----------------------------------------------------------------------------

PIECES = [
    *("---\n", "...\n", "id: a\n", "title: T\n", "lang: en\n", "lang: zh-CN\n", "questions:\n", "questions: [", "  - "),
    *(
        "state: validated\n",
        "review_by: 2026-12-01\n",
        "twin: b\n",
        "owner: ",
        "products: ",
        ": ",
        "? ",
        "- ",
        "&a ",
        "*a",
    ),
    *("!!str ", "'", '"', "|\n", ">-\n", "{", "}", "]", ",", "#", "%YAML 1.1\n", "\t", "\n", "\r\n", "\r", " ", "    "),
    *(
        "::: say\n",
        ":::\n",
        "::: escalate tech\n",
        ":::: decide\n",
        "::::\n",
        "## 原因\n",
        "# \n",
        "> ",
        "1. ",
        "```\n",
    ),
    *(
        "| a | b |\n",
        "|---|---|\n",
        "[a](b.md)",
        "![",
        "**",
        "_",
        "`",
        "\\",
        "{amount}",
        "退款",
        "到賬",
        "😀",
        "\ufeff",
    ),
    *("\x00", "\x85", "\u2028", "\ud800", "NO", "013", "<!-- ", "&amp;", "\u200b"),
]
SCRAPS = st.lists(st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=()), max_size=8), max_size=40).map(
    "".join
)
HEADED = st.builds("---\nid: a\ntitle: T\nlang: en\n{}---\n{}".format, SCRAPS, SCRAPS)
BODIED = st.builds("---\nid: a\ntitle: T\nlang: en\nquestions: [a, 退款]\n---\n{}".format, SCRAPS)
settled = settings(max_examples=300, deadline=None, derandomize=True)


def parsed(source: str) -> Article | ArticleError:
    """What a text is: an article, or why it is none."""
    try:
        return parse(source, "a.md")
    except ArticleError as error:
        return error


def check_spans(one: Article) -> None:
    """Every span lies in the source, in order, and holds what it says."""
    size = len(one.source)
    assert cut_out(one, list(one.question_spans)) or not one.questions
    assert len(one.question_spans) == len(one.questions)
    for span in (one.title_span, *one.question_spans):
        assert 0 <= span.start <= span.end <= one.body_start
    ends = [one.body_start, *(span.end for span in one.paragraphs)]
    for before, span in zip(ends, one.paragraphs, strict=False):
        assert before <= span.start <= span.end <= size
    for block in one.blocks:
        assert one.body_start <= block.span.start < block.span.end <= size
        assert block.kind in cut_out(one, [block.span])[0].split("\n")[0]
    starts = [block.span.start for block in one.blocks]
    assert starts == sorted(starts)
    for section in one.sections:
        assert one.body_start <= section.span.start < section.span.end <= size
        assert 1 <= section.level <= 6


@settled
@given(st.one_of(SCRAPS, HEADED, BODIED))
@example("---\nid: a\ntitle: T\nlang: en\n---\n> ::: say\n> x\n> :::\n")
@example("---\nid: a\ntitle: T\nlang: en\nquestions: ~\n---\n")
@example("---\nid: a\ntitle: T\nlang: en\n---\n> | If | Then |\n> |---|---|\n> ")
def test_any_text_is_an_article_or_an_article_error(source: str) -> None:
    one = parsed(source)
    if isinstance(one, ArticleError):
        assert {"file", "line"} <= set(one.facts)
        assert 1 <= int(str(one.facts["line"])) <= source.count("\n") + 1
        assert all(explain(language, one).startswith("a.md:") for language in LANGUAGES)
        return
    assert one.source == source
    check_spans(one)
    assert one.say == " ".join(one.say.split())
    assert one.source.endswith(one.body)


@settled
@given(SCRAPS)
def test_plain_text_is_one_line(markdown: str) -> None:
    assert plain(markdown) == " ".join(plain(markdown).split())


# --- links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("b.md", "refund-policy/b.md"),
        ("../products/b.md#how-long", "products/b.md"),
        ("./b.md", "refund-policy/b.md"),
        ("../../b.md", "../b.md"),
        ("#why", ""),
        ("https://example.com/b.md", ""),
        ("mailto:a@example.com", ""),
    ],
)
def test_a_link_leads_to_a_file_of_the_folder_or_elsewhere(target: str, path: str) -> None:
    assert linked(article(), target) == path


# --- files ---------------------------------------------------------------------------------------


def written(folder: Path, name: str, data: bytes | str) -> Path:
    """A file of these bytes in an articles folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    return path


def test_a_file_has_the_fingerprint_of_the_source_it_is_read_as(tmp_path: Path) -> None:
    written(tmp_path, "a.md", b"\xef\xbb\xbf" + text_of("a").encode())
    one = read(tmp_path / "a.md", tmp_path)
    assert fingerprint((tmp_path / "a.md").read_bytes()) == fingerprint(one.source.encode())
    assert fingerprint(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert fingerprint(b"abc\n") != fingerprint(b"abc")


def text_of(id: str, title: str = "路由器亮红灯", lang: str = "zh-CN") -> str:
    """A small article's file."""
    return f"---\nid: {id}\ntitle: {title}\nlang: {lang}\n---\n\n正文。\n"


def test_a_file_is_named_by_its_path_in_the_folder(tmp_path: Path) -> None:
    path = written(tmp_path, "products/router-r3000-zh.md", text_of("router-r3000-zh"))
    one = read(path, tmp_path)
    assert (one.path, one.category, one.title) == ("products/router-r3000-zh.md", "products", "路由器亮红灯")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    one = read(written(tmp_path, "a.md", "\ufeff".encode() + text_of("a").encode()), tmp_path)
    assert one.source == text_of("a")
    assert cut_out(one, [one.title_span]) == ["路由器亮红灯"]


def test_windows_line_ends_are_kept_as_they_are(tmp_path: Path) -> None:
    source = text_of("a").replace("\n", "\r\n")
    one = read(written(tmp_path, "a.md", source), tmp_path)
    assert one.source == source
    assert one.title == "路由器亮红灯"


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "utf-16"])
def test_a_file_in_another_encoding_is_refused_on_the_line_that_shows_it(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "a.md", text_of("a", title="路由器").replace("正文", "文").encode(encoding))
    with pytest.raises(ArticleError) as caught:
        read(path, tmp_path)
    line = 1 if encoding == "utf-16" else 3
    assert (caught.value.code, caught.value.facts) == ("article_not_utf8", {"file": "a.md", "line": line})


def test_a_file_that_is_gone_is_told_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ArticleError) as caught:
        read(tmp_path / "gone.md", tmp_path)
    facts = {"file": "gone.md", "line": 1, "reason": "No such file or directory"}
    assert (caught.value.code, caught.value.facts) == ("article_unreadable", facts)


def test_files_are_articles_unless_they_or_their_folder_begin_with_a_mark(tmp_path: Path) -> None:
    for name in (
        "b.md",
        "a/z.md",
        "a/b/c.md",
        "_draft.md",
        ".hidden.md",
        "_old/a.md",
        ".git/a.md",
        "a/notes.txt",
        "A.MD",
    ):
        written(tmp_path, name, "")
    (tmp_path / "folder.md").mkdir()
    assert [path.relative_to(tmp_path).as_posix() for path in files(tmp_path)] == ["a/b/c.md", "a/z.md", "b.md"]


def test_files_stand_in_the_order_of_their_folders_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    for name in ("base/a/z.md", "base/a-b/c.md", "base/a.md", "elsewhere/one.md", "elsewhere/deep/two.md"):
        written(tmp_path, name, "")
    folder = tmp_path / "base"
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "one.md").symlink_to(tmp_path / "elsewhere" / "one.md")
    (folder / "nowhere.md").symlink_to(tmp_path / "nowhere")
    assert names(folder) == ["a/z.md", "a-b/c.md", "a.md", "one.md"]
    assert files(folder) == [folder / name for name in names(folder)]


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert read_all(tmp_path / "nowhere") == ([], [])


def test_one_broken_file_stops_no_other(tmp_path: Path) -> None:
    written(tmp_path, "a.md", text_of("a"))
    written(tmp_path, "b.md", text_of("b").replace("lang", "language"))
    written(tmp_path, "c.md", text_of("c").encode("gb18030"))
    written(tmp_path, "d.md", text_of("d", "Router light is red", "en"))
    good, errors = read_all(tmp_path)
    assert [one.id for one in good] == ["a", "d"]
    assert [(error.code, error.facts["file"], error.facts["line"]) for error in errors] == [
        ("key_unknown", "b.md", 4),
        ("article_not_utf8", "c.md", 3),
    ]


def test_of_two_files_with_one_id_the_first_path_counts(tmp_path: Path) -> None:
    written(tmp_path, "products/a.md", "---\ntitle: a router\nlang: en\nid: a\n---\n")
    written(tmp_path, "troubleshooting/a.md", "---\ntitle: a red light\nlang: en\nid: a\n---\n")
    good, errors = read_all(tmp_path)
    assert [one.path for one in good] == ["products/a.md"]
    assert [(error.code, error.facts) for error in errors] == [
        ("id_twice", {"file": "troubleshooting/a.md", "line": 4, "id": "a", "first": "products/a.md"})
    ]


def test_an_article_does_not_change() -> None:
    one = article("::: say\nHello.\n:::\n")
    with pytest.raises(AttributeError):
        one.title = "Another"  # type: ignore[misc]
