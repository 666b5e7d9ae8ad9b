"""What changed since an agent last used an article, in two lines, and the versions that callers were told."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.content.articles import Article, Span, fingerprint, parse, read_all
from kb.content.versions import (
    CLIP,
    KINDS,
    Change,
    Version,
    changed,
    keep,
    known,
    short_diff,
    source_of,
    versions_of,
)
from kb.db import Database
from tests.small_base import NOON, markdown

ARTICLES, _ = read_all(Path(__file__).resolve().parent.parent.parent / "articles")
BY_ID = {one.id: one for one in ARTICLES}
EN = BY_ID["refund-times-en"].source
ZH = BY_ID["refund-times-zh"].source

Told = tuple[str, str, str]  # kind, what differs in the old text, what differs in the new one


def marked(change: Change) -> Told:
    """A change as its kind and the words that differ."""
    old, new = change.before_mark, change.after_mark
    return change.kind, change.before[old.start : old.end], change.after[new.start : new.end]


def told(old: str, *replaced: tuple[str, str], limit: int = 9) -> list[Told]:
    """What is told of a text in which these words were replaced."""
    new = old
    for before, after in replaced:
        assert new.count(before) == 1
        new = new.replace(before, after)
    return [marked(change) for change in short_diff(old, new, limit)]


# --- what is told --------------------------------------------------------------------------------


def test_a_change_is_told_by_its_sentence_before_and_after() -> None:
    assert short_diff(EN, EN.replace("up to ¥50", "up to ¥80")) == (
        Change(
            "decide",
            "Our own delay (inspection or start too late): voucher of up to ¥50 for the order.",
            "Our own delay (inspection or start too late): voucher of up to ¥80 for the order.",
            Span(63, 66),
            Span(63, 66),
        ),
    )


def test_a_row_of_a_table_is_told_whole() -> None:
    (change,) = short_diff(ZH, ZH.replace("| 3–7 个工作日 |", "| 5–10 个工作日 |"))
    assert (change.before, change.after) == ("国内信用卡 · 3–7 个工作日", "国内信用卡 · 5–10 个工作日")
    assert marked(change) == ("prose", "3–7", "5–10")


@pytest.mark.parametrize(
    ("old", "replaced", "expected"),
    [
        (EN, ("state: validated", "state: not-validated"), ("state", "validated", "not-validated")),
        (EN, ("valid_from: 2026-06-01", "valid_from: 2026-07-01"), ("valid_from", "2026-06-01", "2026-07-01")),
        (EN, ("twin:", "valid_until: 2027-01-31\ntwin:"), ("valid_until", "", "2027-01-31")),
        (EN, ("audience: external", "audience: internal"), ("audience", "external", "internal")),
        (EN, ("How long a refund takes", "How long refunds take"), ("title", "a refund takes", "refunds take")),
        (EN, ("goes back the way you paid", "goes back to your card"), ("say", "the way you paid", "to your card")),
        (ZH, ("会按原路退回", "会退到您的卡里"), ("say", "按原路退回", "退到您的卡里")),
        (ZH, ("- 不答应退给别人或退到别的卡。\n", ""), ("never", "不答应退给别人或退到别的卡。", "")),
        (EN, ("Send the bank form by text message. ", ""), ("prose", "Send the bank form by text message. ", "")),
        (ZH, ("金额不对时转接", "金额有误时转接"), ("escalate", "不对", "有误")),
    ],
)
def test_what_an_agent_reads_is_told(old: str, replaced: tuple[str, str], expected: Told) -> None:
    assert told(old, replaced) == [expected]


@pytest.mark.parametrize(
    "replaced",
    [
        ("owner: li.na", "owner: zhou.lan"),
        ("review_by: 2026-12-10", "review_by: 2027-12-10"),
        ("teams: []", "teams: [payments]"),
        ('  - "When do I get my money back"\n', ""),
        ("governance: compliance", "governance: experience"),
        ("Two clocks run one after the other. First", "Two clocks run\none after the   other.\nFirst"),
        ("Instalment fees are", "**Instalment fees** are"),
        ("## Why\n", "## Why\n\n\n"),
    ],
)
def test_what_an_agent_does_not_read_is_no_change(replaced: tuple[str, str]) -> None:
    assert told(EN, replaced) == []


def test_other_line_ends_and_blanks_are_no_change() -> None:
    assert short_diff(EN, EN) == ()
    assert short_diff(EN, EN.replace("\n", "\r\n")) == ()
    assert short_diff(ZH, ZH.replace("1–3 个工作日", "1–3个工作日")) == ()
    assert short_diff(ZH, ZH.replace("要么是", "要么是\n") + "\n\n") == ()


def test_a_sentence_that_only_moved_is_no_change() -> None:
    old = markdown("a", "T", body="One two three. Four five six.\n\n- a b\n- c d")
    assert short_diff(old, markdown("a", "T", body="- c d\n- a b\n\nFour five six. One two three.")) == ()


def test_a_sentence_that_moved_into_another_block_is_told() -> None:
    old = markdown("a", "T", body="::: decide\n- Refund at once.\n:::")
    new = markdown("a", "T", body="::: never\n- Refund at once.\n:::")
    assert [marked(one) for one in short_diff(old, new)] == [
        ("never", "", "Refund at once."),
        ("decide", "Refund at once.", ""),
    ]


def test_a_sentence_said_twice_and_now_once_is_told() -> None:
    old = markdown("a", "T", body="Wait.\n\nThen go.\n\nWait.")
    assert [marked(one) for one in short_diff(old, markdown("a", "T", body="Wait.\n\nThen go."))] == [
        ("prose", "Wait.", "")
    ]


@pytest.mark.parametrize(
    ("old", "replaced"),
    [
        (
            EN,
            [
                ("The customer is waiting for money.", "The customer waits for money."),
                ("state: validated", "state: not-validated"),
                ("goes back the way you paid", "goes back to your card"),
                ("valid_from: 2026-06-01", "valid_from: 2026-07-01"),
                ("| UnionPay debit card | 3–5 working days |", "| UnionPay debit card | 4–6 working days |"),
                ("up to ¥50", "up to ¥80"),
            ],
        ),
        (
            ZH,
            [
                ("客户在等钱", "客户等着钱"),
                ("state: validated", "state: not-validated"),
                ("会按原路退回", "会退到您的卡里"),
                ("valid_from: 2026-06-01", "valid_from: 2026-07-01"),
                ("| 银联借记卡 | 3–5 个工作日 |", "| 银联借记卡 | 4–6 个工作日 |"),
                ("¥50", "¥80"),
            ],
        ),
    ],
)
def test_the_most_telling_change_comes_first(old: str, replaced: list[tuple[str, str]]) -> None:
    kinds = ["decide", "prose", "valid_from", "say", "state", "prose"]
    assert [kind for kind, _, _ in told(old, *replaced)] == kinds
    assert told(old, *replaced, limit=2) == told(old, *replaced)[:2]
    assert [words for _, words, _ in told(old, *replaced)][:3] == ["¥50", "3–5", "2026-06-01"]


def test_an_amount_that_changed_is_told_before_one_that_is_new() -> None:
    changes = told(EN, ("up to ¥50", "up to ¥80"), ("Instalment fees", "A fee of ¥9 is kept. Instalment fees"))
    assert [kind for kind, _, _ in changes] == ["decide", "prose"]


def test_an_amount_written_otherwise_is_no_other_amount() -> None:
    old = markdown("a", "T", body="Up to ¥1,000 at once.\n\nBefore the 3rd visit.")
    new = markdown("a", "T", body="Up to ￥1000 now.\n\nBefore the 4th visit.")
    assert [one.before for one in short_diff(old, new)] == ["Before the 3rd visit.", "Up to ¥1,000 at once."]


# --- how it is clipped ---------------------------------------------------------------------------


def test_a_long_sentence_is_clipped_around_the_change() -> None:
    words = " ".join(f"word{n}" for n in range(60))
    old, new = f"{words} costs ¥20 and {words}.", f"{words} costs ¥25 and {words}."
    (change,) = short_diff(markdown("a", "T", body=old), markdown("a", "T", body=new))
    assert marked(change) == ("prose", "¥20", "¥25")
    for shown, whole in ((change.before, old), (change.after, new)):
        assert shown.startswith("…word")
        assert shown.endswith("…")
        assert len(shown) <= CLIP["en"] + 2
        assert f" {shown.strip('…')} " in f" {whole} "


def test_a_long_chinese_sentence_is_clipped_shorter() -> None:
    old = "请客户先看一下机器下面" * 9 + "，退 ¥20，" + "再看一下灯" * 20
    (change,) = short_diff(markdown("a", "标题", body=old), markdown("a", "标题", body=old.replace("20", "25")))
    assert marked(change) == ("prose", "¥20", "¥25")
    assert 50 <= len(change.after) <= CLIP["zh"] + 2
    assert change.after.strip("…") in old.replace("20", "25")


def test_a_long_new_sentence_is_shown_from_its_beginning() -> None:
    new = "The customer " + "really " * 40 + "wants it."
    (change,) = short_diff(markdown("a", "T", body="Wait."), markdown("a", "T", body=f"Wait.\n\n{new}"))
    assert change.after.startswith("The customer really")
    assert change.after.endswith("really…")
    assert change.after_mark == Span(0, len(change.after) - 1)


# --- anything ------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", sorted({one.id.rpartition("-")[0] for one in ARTICLES}))
def test_twins_can_be_compared(topic: str) -> None:
    changes = short_diff(BY_ID[f"{topic}-zh"].source, BY_ID[f"{topic}-en"].source)
    assert len(changes) == 2


def test_a_text_that_is_no_article_is_compared_by_its_sentences() -> None:
    assert [marked(one) for one in short_diff("One. Two ¥3.\n", "One. Two ¥4.\n")] == [("prose", "¥3", "¥4")]
    broken = EN.replace("lang: en", "lang: [en]")
    assert [marked(one) for one in short_diff(broken, broken.replace("¥50", "¥80"))] == [("prose", "¥50", "¥80")]
    assert short_diff("", "") == ()


SOURCES = st.one_of(
    st.sampled_from([EN, ZH, EN.replace("¥50", "¥80"), ZH.replace("3–5", "4–6"), ""]),
    st.lists(st.sampled_from(["¥20 now. ", "等 3 天。", "| a | b |\n", "\n\n", "- c\n", "::: say\n", ":::\n"])).map(
        lambda lines: "---\nid: a\ntitle: T\nlang: en\n---\n" + "".join(lines)
    ),
    st.text(max_size=60),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(SOURCES, SOURCES, st.integers(0, 5))
def test_any_two_texts_can_be_compared(old: str, new: str, limit: int) -> None:
    changes = short_diff(old, new, limit)
    assert len(changes) <= limit
    for one in changes:
        assert one.kind in KINDS
        assert one.before or one.after
        assert 0 <= one.before_mark.start <= one.before_mark.end <= len(one.before)
        assert 0 <= one.after_mark.start <= one.after_mark.end <= len(one.after)
        assert max(len(one.before), len(one.after)) <= CLIP["en"] + 2
    assert short_diff(old, old) == ()
    assert [(one.after, one.before) for one in short_diff(new, old, 99)] != [] or short_diff(old, new) == ()


# --- what is kept --------------------------------------------------------------------------------


def article(id: str, title: str) -> Article:
    """A small article."""
    return parse(markdown(id, title), f"{id}.md")


FIRST, SECOND, OTHER = article("a", "七天退货"), article("a", "十天退货"), article("b", "Refund times")


def test_a_version_is_kept_once_under_the_name_the_index_has(database: Database) -> None:
    with database.write() as connection:
        sha256 = keep(connection, FIRST, NOON)
        assert keep(connection, FIRST, NOON + timedelta(days=1)) == sha256
    assert sha256 == FIRST.version == fingerprint(FIRST.source.encode())
    with database.read() as connection:
        assert source_of(connection, sha256) == FIRST.source
        assert source_of(connection, SECOND.version) is None
        assert versions_of(connection, "a") == (Version(sha256, "a", NOON),)


def test_the_versions_of_an_article_come_newest_first(database: Database) -> None:
    later = datetime(2026, 11, 22, 8, tzinfo=UTC)
    with database.write() as connection:
        keep(connection, SECOND, NOON)
        keep(connection, OTHER, NOON)
        keep(connection, FIRST, later)
    with database.read() as connection:
        assert versions_of(connection, "a") == (
            Version(FIRST.version, "a", later),
            Version(SECOND.version, "a", NOON),
        )
        assert versions_of(connection, "c") == ()
        assert known(connection) == {FIRST.version, SECOND.version, OTHER.version}
        assert changed(connection) == {"a": later}


def test_what_was_kept_can_be_compared_with_what_is_now(database: Database) -> None:
    with database.write() as connection:
        sha256 = keep(connection, FIRST, NOON)
        source = source_of(connection, sha256) or ""
    assert [marked(one) for one in short_diff(source, SECOND.source)] == [("title", "七", "十")]


def test_two_agents_may_open_it_at_once(database: Database) -> None:
    def open_it() -> None:
        with database.write() as connection:
            keep(connection, FIRST, NOON)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert versions_of(connection, "a") == (Version(FIRST.version, "a", NOON),)
