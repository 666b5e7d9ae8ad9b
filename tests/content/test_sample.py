"""The sample base in `articles/`: forty topics of Lark Home, each in Chinese and English, nothing to mend."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from kb.content import glossary, lint, products, site
from kb.content.articles import CATEGORIES, Article, files, read_all
from kb.content.lint import QUESTIONS_LEAST, Base, check
from kb.i18n import say

FOLDER = Path(__file__).resolve().parent.parent.parent / "articles"
TODAY = date(2026, 11, 21)

ARTICLES, ERRORS = read_all(FOLDER)
BY_ID = {one.id: one for one in ARTICLES}
TOPICS = sorted({one.id.rpartition("-")[0] for one in ARTICLES})

AMOUNT = re.compile(r"[¥￥] ?([0-9][0-9,]*(?:\.[0-9]+)?)")
CODE = re.compile(r"\b[EFLR]-[0-9]{2,3}\b")


def amounts(one: Article) -> set[str]:
    """Every amount of money in an article, in one spelling."""
    return {amount.rstrip(",").replace(",", "") for amount in AMOUNT.findall(one.source)}


def error_codes(one: Article) -> set[str]:
    """Every error code in an article."""
    return set(CODE.findall(one.source))


def twins(topic: str) -> tuple[Article, Article]:
    """The Chinese and the English article of a topic."""
    return BY_ID[f"{topic}-zh"], BY_ID[f"{topic}-en"]


def test_every_file_can_be_read() -> None:
    assert [str(error) for error in ERRORS] == []
    assert len(ARTICLES) == len(files(FOLDER))


def test_there_are_forty_topics_each_as_two_twins() -> None:
    assert len(TOPICS) == 40
    assert sorted(BY_ID) == sorted(f"{topic}-{language}" for topic in TOPICS for language in ("en", "zh"))


def test_each_folder_has_at_least_twelve_topics() -> None:
    count = Counter(twins(topic)[0].category for topic in TOPICS)
    assert set(count) == set(CATEGORIES)
    assert {folder: topics for folder, topics in count.items() if topics < 12} == {}


def test_lint_finds_nothing_to_mend() -> None:
    base = Base(
        articles=BY_ID,
        paths=frozenset(path.relative_to(FOLDER).as_posix() for path in files(FOLDER)),
        catalogue=products.load(FOLDER),
        site=site.load(FOLDER),
        glossary=glossary.load(FOLDER),
        today=TODAY,
    )
    found = [f"{f.file}:{f.line}: {say('en', f'lint.{f.rule}', **f.facts)}" for f in check(ARTICLES, base)]
    assert found == []
    assert base.catalogue
    assert base.site.departments
    assert base.glossary
    assert lint.RULES


@pytest.mark.parametrize("topic", TOPICS)
def test_twins_name_each_other_and_lie_in_one_folder(topic: str) -> None:
    zh, en = twins(topic)
    assert (zh.lang, en.lang) == ("zh-CN", "en")
    assert (zh.twin, en.twin) == (en.id, zh.id)
    assert zh.category == en.category


@pytest.mark.parametrize("topic", TOPICS)
def test_twins_name_the_same_amounts(topic: str) -> None:
    zh, en = twins(topic)
    assert sorted(amounts(zh)) == sorted(amounts(en))


@pytest.mark.parametrize("topic", TOPICS)
def test_twins_name_the_same_error_codes(topic: str) -> None:
    zh, en = twins(topic)
    assert sorted(error_codes(zh)) == sorted(error_codes(en))


@pytest.mark.parametrize("topic", TOPICS)
def test_twins_agree_on_everything_but_words(topic: str) -> None:
    zh, en = twins(topic)
    for name in ("products", "state", "audience", "governance", "teams", "review_by", "valid_from", "valid_until"):
        assert getattr(zh, name) == getattr(en, name), name
    assert [(block.kind, block.argument) for block in zh.blocks] == [
        (block.kind, block.argument) for block in en.blocks
    ]
    assert zh.slots == en.slots


@pytest.mark.parametrize("id", sorted(BY_ID))
def test_every_article_says_what_to_say_and_what_never(id: str) -> None:
    one = BY_ID[id]
    kinds = {block.kind for block in one.blocks}
    assert one.say
    assert {"say", "never"} <= kinds
    assert all(block.text for block in one.blocks)


@pytest.mark.parametrize("id", sorted(BY_ID))
def test_every_article_has_the_customers_own_questions_each_once(id: str) -> None:
    one = BY_ID[id]
    assert len(set(one.questions)) == len(one.questions) >= QUESTIONS_LEAST


@pytest.mark.parametrize("id", sorted(BY_ID))
def test_every_article_is_written_in_its_language(id: str) -> None:
    one = BY_ID[id]
    written = f"{one.title} {' '.join(one.questions)} {one.say}"
    chinese = len(re.findall(r"[\u4e00-\u9fff]", written)) / len(re.sub(r"\s", "", written))
    assert chinese > 0.5 if one.lang == "zh-CN" else chinese == 0


@pytest.mark.parametrize("id", sorted(BY_ID))
def test_every_article_has_an_owner_and_days_to_live_by(id: str) -> None:
    one = BY_ID[id]
    assert one.owner
    assert one.review_by
    assert one.review_by >= TODAY
    assert one.valid_from
    assert one.valid_from <= TODAY


def test_no_question_is_asked_of_two_topics() -> None:
    asked = Counter(
        (question.casefold(), topic) for topic in TOPICS for one in twins(topic) for question in one.questions
    )
    of_topics = Counter(question for question, _ in asked)
    assert {question for question, topics in of_topics.items() if topics > 1} == set()


def test_every_product_is_written_about() -> None:
    assert set(products.load(FOLDER)) - {code for one in ARTICLES for code in one.products} == set()


def test_every_department_is_handed_to() -> None:
    named = {block.argument for one in ARTICLES for block in one.blocks if block.kind == "escalate"}
    assert set(site.load(FOLDER).departments or {}) - named == set()
