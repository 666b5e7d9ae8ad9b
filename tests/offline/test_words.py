"""What a copy is searched by, compared with the definitions worked out by hand."""

from __future__ import annotations

import math

import pytest

from kb.content.articles import Article, parse
from kb.offline.words import FIELDS, K1, UNIT, B, Words, words
from kb.tuning.synonyms import Synonyms
from tests.small_base import markdown


def article(id: str, title: str, **keys: object) -> Article:
    return parse(markdown(id, title, **keys), f"products/{id}.md")  # type: ignore[arg-type]


CARD = article("card-en", "Refund", questions=["refund late"], say="Seven days.", body="The refund waits.")
LAMP = article("lamp-en", "Red light", say="Unplug it.", body="Red.")


def made(*articles: Article, synonyms: Synonyms | None = None) -> Words:
    return words(articles, synonyms or Synonyms())


def shares(found: Words) -> dict[str, dict[int, int]]:
    rows = (line.split(" ") for line in found.shares.splitlines())
    pairs = {term: [int(number, 36) for number in row] for term, *row in rows}
    return {term: dict(zip(row[::2], row[1::2], strict=True)) for term, row in pairs.items()}


def test_an_articles_share_of_a_term_is_bm25f() -> None:
    found = shares(made(CARD, LAMP))
    lengths = {"title": (1, 2), "questions": (2, 0), "say": (3, 2), "body": (7, 4)}  # terms; seven is also 7
    counts = {"title": 1, "questions": 1, "say": 0, "body": 1}
    weighed = 0.0
    for field, weight in FIELDS.items():
        usual = sum(lengths[field]) / 2
        weighed += weight * counts[field] / (1 - B + B * lengths[field][0] / usual)
    idf = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    assert found["refund"].keys() == {0}
    assert found["refund"][0] == pytest.approx(UNIT * idf * weighed / (K1 + weighed), abs=1)
    assert found["red"].keys() == {1}


def test_a_title_weighs_more_than_a_body_and_a_rare_term_more_than_a_common_one() -> None:
    titled = article("a-en", "Router", body="Lamp and cable here.")
    told = article("b-en", "Lamp", body="Router and cable here.")
    found = shares(made(titled, told, LAMP))
    assert found["router"][0] > found["router"][1]
    assert found["router"][0] > found["cabl"][0]


def test_the_forms_of_a_word_lead_to_its_stem_whether_the_base_or_anybody_uses_them() -> None:
    forms = dict(line.split(" ", 1) for line in made(CARD).forms.splitlines())
    assert set(forms["refund"].split()) >= {"refunds", "refunded"}
    assert "red" not in forms


def test_tables_hold_only_what_finds_something() -> None:
    found = made(article("card-zh", "退款到账"))
    pairs = dict(zip(found.script[::2], found.script[1::2], strict=True))
    assert pairs["賬"] == "账"
    assert "龍" not in pairs
    sounds = dict(line.split(" ") for line in found.sounds.splitlines())
    assert sounds == {"dao": "到", "kuan": "款", "tui": "退", "zhang": "账"}


def test_words_that_mean_the_same_come_with_their_terms() -> None:
    found = made(CARD, synonyms=Synonyms((("money back", "退款"),)))
    assert found.alike == [[(" money back ", ("money", "back")), ("退款", ("退款", "退", "款"))]]
