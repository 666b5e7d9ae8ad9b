"""Words that mean the same: what a question is asked for too, and the file they live in."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb import text
from kb.config import ROOT
from kb.errors import ArticleError, RequestError
from kb.text import query_terms
from kb.tuning import synonyms
from kb.tuning.synonyms import NONE, Synonyms, checked, load, read, written

MONEY = Synonyms((("退款", "退钱", "refund", "money back"), ("猫", "光猫", "modem")))
SOURCE = """# Ours
same = [
  # money
  ["退款", "退钱"],  # as callers say it
  ["modem", "光猫"],
]
"""


def alike(question: str, typed: str = "") -> list[tuple[str, ...]]:
    return [way for ways in MONEY.terms(question, typed).alike for way in ways]


@pytest.mark.parametrize("question", ["快递到哪了", "where is my parcel", "refunding", "", "E-04"])
def test_a_question_without_such_a_word_is_asked_as_ever(question: str) -> None:
    question = question.replace("refunding", "unrefund")
    assert MONEY.terms(question) == query_terms(question)
    assert NONE.terms("退钱") == query_terms("退钱")


def test_a_question_is_also_asked_for_what_its_words_may_be_called() -> None:
    found = MONEY.terms("怎么退钱")
    assert (found.words, found.prefix) == (query_terms("怎么退钱").words, query_terms("怎么退钱").prefix)
    assert found.alike == ((("退钱", "退", "钱"), ("退款", "退", "款"), ("refund",), ("money", "back")),)
    assert set(found.every) == {*query_terms("怎么退钱").words, "退款", "款", "refund", "money", "back"}


def test_the_other_way_may_be_in_the_other_language_and_in_any_form() -> None:
    assert alike("Can I have my money back") == [
        ("money", "back"),
        ("退款", "退", "款"),
        ("退钱", "退", "钱"),
        ("refund",),
    ]
    assert alike("Refunds?")[0] == ("refund",)
    assert alike("光猫坏了")[1:] == [("猫",), ("modem",)]


def test_what_was_typed_counts_too_where_the_spelling_made_another_word_of_it() -> None:
    assert alike("model is broken", "modem is broken") == [(), ("猫",), ("光猫", "光", "猫")]


def test_at_most_so_many_phrases_are_said_otherwise() -> None:
    many = Synonyms(tuple((f"word{n}x", f"other{n}x") for n in range(20)))
    question = " ".join(f"word{n}x" for n in range(20))
    assert len(many.terms(question).alike) == synonyms.PHRASES_MOST
    wide = Synonyms((tuple(f"way{n}x" for n in range(20)),))
    assert len(wide.terms("way0x").alike[0]) == 1 + synonyms.OTHERS_MOST


# --- groups --------------------------------------------------------------------------------------


def test_words_join_the_one_group_that_has_some_of_them() -> None:
    assert MONEY.with_words(["退费", "退钱"]).groups[0] == ("退款", "退钱", "refund", "money back", "退费")
    assert MONEY.with_words(["Refunds", "退款"]) == MONEY
    new = MONEY.with_words(["押金", "保证金"])
    assert new.groups == (*MONEY.groups, ("押金", "保证金"))
    assert new.with_words(["押金", "退款"]).groups[-1] == ("押金", "退款")  # two groups are never made one


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["退款"], "synonyms_count"),
        (["refund", " Refunds "], "synonyms_count"),
        (["退款", "！"], "synonyms_count"),
        ([f"w{n}" for n in range(21)], "synonyms_count"),
        (["退款", "怎么" * 21], "synonym_long"),
    ],
)
def test_what_can_be_no_group_is_refused(words: list[str], code: str) -> None:
    with pytest.raises(RequestError) as caught:
        checked(words)
    assert caught.value.code == code


def test_a_group_is_kept_clean_with_each_word_once() -> None:
    assert checked([" Refund\n", "refunds", "退\u200b款"]) == ("Refund", "退款")


def test_there_are_not_more_groups_than_can_be_looked_through() -> None:
    with pytest.raises(RequestError, match="synonyms_many"):
        synonyms.checked_all([(f"a{n}x", f"b{n}x") for n in range(synonyms.GROUPS_MOST + 1)])


# --- the file ------------------------------------------------------------------------------------


def test_the_file_is_read_and_may_be_missing(tmp_path: Path) -> None:
    assert load(tmp_path) == NONE
    (tmp_path / synonyms.FILE).write_text(SOURCE, "utf-8")
    assert load(tmp_path).groups == (("退款", "退钱"), ("modem", "光猫"))


@pytest.mark.parametrize(
    "source",
    ["same = 3", 'same = ["a", "b"]', 'same = [["a"]]', "same = [", 'other = [["a", "b"]]', 'same = [["a", 2]]'],
)
def test_a_file_that_is_not_what_it_should_be_is_told(source: str) -> None:
    with pytest.raises(ArticleError) as caught:
        read(source.encode())
    assert (caught.value.code, caught.value.facts["file"]) == ("synonyms_broken", "_synonyms.toml")
    with pytest.raises(ArticleError, match="synonyms_broken"):
        read("same = [['猫', '光猫']]".encode("gb18030"))


def test_what_stays_keeps_its_comment_and_what_is_new_comes_last() -> None:
    changed = Synonyms((("退款", "退钱"), ("押金", 'the "deposit"')))
    made = written(SOURCE.encode(), changed)
    assert made.decode() == (
        '# Ours\nsame = [\n  # money\n  ["退款", "退钱"],  # as callers say it\n  ["押金", "the \\"deposit\\""],\n]\n'
    )
    assert read(made) == changed
    assert written(SOURCE.encode(), read(SOURCE.encode())) == SOURCE.encode()


def test_a_new_file_says_what_it_is_for() -> None:
    made = written(b"", MONEY)
    assert made.startswith(b"# Words that mean the same")
    assert read(made) == MONEY
    assert read(written(made, NONE)) == NONE


def test_the_sample_has_synonyms_in_both_languages() -> None:
    groups = load(ROOT / "articles").groups
    assert sum({text.language(word) for word in group} == {"zh", "en"} for group in groups) >= 8


def test_groups_are_written_a_line_each_with_either_comma() -> None:
    lines = "退款、退钱，refund\n\n  modem, 光猫 ；猫\n"
    groups = synonyms.of_lines(lines)
    assert groups == (("退款", "退钱", "refund"), ("modem", "光猫", "猫"))
    assert (
        synonyms.as_lines((*groups, ("cash back", "refund")))
        == "退款、退钱、refund\nmodem、光猫、猫\ncash back, refund"
    )
    assert synonyms.of_lines(synonyms.as_lines(groups)) == groups
    with pytest.raises(RequestError, match="synonyms_count"):
        synonyms.of_lines("退款")


def test_words_told_apart_are_kept_in_the_file_and_settle_what_was_asked() -> None:
    told = read(SOURCE.encode()).with_apart(["押金", "deposit"])
    made = written(SOURCE.encode(), told)
    assert read(made) == told
    assert made.startswith(SOURCE.encode())
    assert told.settles("Deposits", "押金")
    assert told.settles("退钱", "退款")
    assert not told.settles("退款", "押金")
    assert told.terms("押金").alike == ()
