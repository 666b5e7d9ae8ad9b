"""Golden questions, as callers and agents really type them, against the sample articles and the real encoder.

The set has to be hard: other words than the articles use, and questions that have no answer. The
floors lie two to three points under what was measured when they were set, so that a change for the
worse is seen and the noise of a processor is not. Raise them when search gets better.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from indexer.encoder import SentenceEncoder
from indexer.engine import Engine
from kb import text
from kb.config import ROOT
from kb.content import products
from kb.content.articles import read_all
from kb.finding.search import Hits, Tokens, Vector, search
from kb.people.scope import ANSWERING_STATES
from kb.tuning import synonyms
from tests.small_base import scope

GOLDEN = ROOT / "tests" / "golden"
LANGUAGES = ("zh", "en")
AGENT = scope(states=ANSWERING_STATES)  # on 2026-11-21

# Measured on 2026-11-22 with equal weights and the packaged model in bf16:
# hit@1 .659 zh, .573 en; recall@3 .878 zh, .841 en; BM25 alone: recall@3 .622 zh, .537 en.
FLOORS = {("hit@1", "zh"): 0.63, ("hit@1", "en"): 0.55, ("recall@3", "zh"): 0.85, ("recall@3", "en"): 0.82}
BEHIND = 0.15  # how far BM25 alone has to be behind in recall@3
# Measured: 1.00 zh and .963 en of the answerable are said to be found or maybe; 1.00 zh and .963 en of the
# unanswerable missing or maybe. Most are maybe: these questions avoid the base's words (docs/search.md has the table).
KEPT = {"zh": 0.97, "en": 0.925}
NOT_CLAIMED = {"zh": 0.97, "en": 0.935}


@dataclass(frozen=True)
class Question:
    """One golden question. `topic` is the answering article's id without its language, '' for no answer."""

    text: str
    lang: str
    topic: str


with (GOLDEN / "questions.toml").open("rb") as file:
    QUESTIONS = [Question(one["text"], one["lang"], one.get("topic", "")) for one in tomllib.load(file)["question"]]
with (GOLDEN / "stopwords.toml").open("rb") as file:
    STOPWORDS = frozenset(word for words in tomllib.load(file).values() for word in words)
ARTICLES = {one.id: one for one in read_all(ROOT / "articles")[0]}
ANSWERABLE = [one for one in QUESTIONS if one.topic]
UNANSWERABLE = [one for one in QUESTIONS if not one.topic]


def topic(id: str) -> str:
    """An article's id without its language."""
    return id.rsplit("-", 1)[0]


def content(*texts: str) -> set[str]:
    """The content words of some texts, as terms; a single Chinese character of a word is no word."""
    return {term.text for term in text.folded_terms(text.fold("\n".join(texts)))} - STOPWORDS


def words_of(question: str) -> text.QueryTerms:
    """What BM25 alone is asked: the words, as content() counts them, without their single characters."""
    asked = text.query_terms(text.clean(question))
    words = {term.text for term in text.folded_terms(text.fold(question))}
    return replace(asked, words=tuple(word for word in asked.words if word in words))


# --- the set itself ------------------------------------------------------------------------------


def test_there_are_enough_questions_in_both_languages() -> None:
    assert len(QUESTIONS) >= 120
    languages = Counter(one.lang for one in QUESTIONS)
    assert set(languages) == set(LANGUAGES)
    assert min(languages.values()) >= 0.4 * len(QUESTIONS)


def test_no_question_stands_twice() -> None:
    assert [asked for asked, count in Counter(text.fold(one.text) for one in QUESTIONS).items() if count > 1] == []


def test_every_question_is_in_the_language_it_says() -> None:
    assert [one.text for one in QUESTIONS if text.language(one.text) != one.lang] == []


def test_at_least_a_fifth_has_no_answer_in_each_language() -> None:
    for lang in LANGUAGES:
        asked = [one for one in QUESTIONS if one.lang == lang]
        assert sum(not one.topic for one in asked) >= 0.2 * len(asked)


def test_every_topic_of_the_sample_is_asked_for_in_both_languages_and_no_other() -> None:
    topics = {topic(id) for id in ARTICLES}
    for lang in LANGUAGES:
        assert {one.topic for one in ANSWERABLE if one.lang == lang} == topics


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_question_shares_few_content_words_with_title_and_questions_of_its_article(lang: str) -> None:
    too_near = []
    for one in ANSWERABLE:
        if one.lang == lang:
            twins = [ARTICLES[f"{one.topic}-{side}"] for side in LANGUAGES]
            asked = content(one.text)
            shared = asked & content(*(words for article in twins for words in (article.title, *article.questions)))
            if len(shared) > 0.3 * len(asked):
                too_near.append((one.text, shared))
    assert too_near == []


# --- what search makes of it ---------------------------------------------------------------------


class Prepared:
    """The real encoder with the vectors of some questions made beforehand, all in one go."""

    def __init__(self, encoder: SentenceEncoder, asked: Sequence[str]) -> None:
        self.name, self.dim, self.passages = encoder.name, encoder.dim, encoder.passages
        self.token_name = encoder.token_name
        self._encoder = encoder
        rows, tokens = encoder.with_tokens(asked, query=True)
        self._made = dict(zip(asked, zip(rows, tokens, strict=True), strict=True))

    def queries(self, texts: Sequence[str]) -> Vector:
        (asked,) = texts
        return self.with_tokens([asked], query=True)[0]

    def with_tokens(self, texts: Sequence[str], *, query: bool) -> tuple[Vector, list[Tokens]]:
        (asked,) = texts
        if asked not in self._made:  # heard otherwise than typed
            rows, more = self._encoder.with_tokens(texts, query=True)
            self._made[asked] = (rows[0], more[0])
        row, tokens = self._made[asked]
        return row[None], [tokens]


@dataclass(frozen=True)
class Measured:
    """Per question the answer, and the topics that BM25 alone gives, best first."""

    answers: Mapping[Question, Hits]
    words: Mapping[Question, list[str]]

    def topics(self, one: Question) -> list[str]:
        return [topic(hit.article.id) for hit in self.answers[one].hits]

    def share(self, lang: str, depth: int, *, words: bool = False) -> float:
        """Share of the answerable questions of a language whose topic is among the first `depth`."""
        asked = [one for one in ANSWERABLE if one.lang == lang]
        found = self.words if words else {one: self.topics(one) for one in asked}
        return sum(one.topic in found[one][:depth] for one in asked) / len(asked)

    def said(self, asked: Sequence[Question], lang: str, names: set[str]) -> float:
        """Share of some questions of a language whose verdict is one of these."""
        verdicts = [self.answers[one].verdict.name for one in asked if one.lang == lang]
        return sum(name in names for name in verdicts) / len(verdicts)

    def told(self, lang: str) -> str:
        """The figures of one language, in a line."""
        return (
            f"{lang}: hit@1 {self.share(lang, 1):.3f}, recall@3 {self.share(lang, 3):.3f}, "
            f"BM25 alone hit@1 {self.share(lang, 1, words=True):.3f}, "
            f"recall@3 {self.share(lang, 3, words=True):.3f}; "
            f"answerable found or maybe {self.said(ANSWERABLE, lang, {'found', 'maybe'}):.3f}, "
            f"found {self.said(ANSWERABLE, lang, {'found'}):.3f}; "
            f"unanswerable missing or maybe {self.said(UNANSWERABLE, lang, {'missing', 'maybe'}):.3f}, "
            f"missing {self.said(UNANSWERABLE, lang, {'missing'}):.3f}"
        )


@pytest.fixture(scope="module")
def measured(real_encoder: SentenceEncoder, sample_index: Engine) -> Measured:
    """Every golden question asked of the sample base."""
    index = sample_index
    catalogue = products.load(ROOT / "articles")
    encoder = Prepared(real_encoder, [text.clean(one.text) for one in QUESTIONS])
    answers, words = {}, {}
    for one in QUESTIONS:
        answers[one] = search(one.text, AGENT, index=index, encoder=encoder, catalogue=catalogue)
        found = index.lexical(words_of(one.text), AGENT, 100)
        words[one] = list(dict.fromkeys(topic(item.article) for item in found))
    found = Measured(answers, words)
    print("", *map(found.told, LANGUAGES), sep="\n")  # with -s: what to copy into the floors above
    return found


@pytest.mark.encoder
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_right_article_comes_first_often_enough(measured: Measured, lang: str) -> None:
    assert measured.share(lang, 1) >= FLOORS["hit@1", lang]


@pytest.mark.encoder
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_right_article_is_among_the_first_three_often_enough(measured: Measured, lang: str) -> None:
    assert measured.share(lang, 3) >= FLOORS["recall@3", lang]


@pytest.mark.encoder
@pytest.mark.parametrize("lang", LANGUAGES)
def test_words_alone_are_far_behind(measured: Measured, lang: str) -> None:
    assert measured.share(lang, 3, words=True) <= measured.share(lang, 3) - BEHIND


@pytest.mark.encoder
@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_can_be_answered_is_rarely_called_missing(measured: Measured, lang: str) -> None:
    assert measured.said(ANSWERABLE, lang, {"found", "maybe"}) >= KEPT[lang]


@pytest.mark.encoder
@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_cannot_be_answered_is_rarely_called_found(measured: Measured, lang: str) -> None:
    assert measured.said(UNANSWERABLE, lang, {"missing", "maybe"}) >= NOT_CLAIMED[lang]


@pytest.mark.encoder
def test_every_answer_is_complete_in_the_askers_language_and_folded(measured: Measured) -> None:
    for one, answer in measured.answers.items():
        assert answer.complete
        assert answer.hits
        assert {hit.article.lang.split("-")[0] for hit in answer.hits} == {one.lang}
        assert len(set(measured.topics(one))) == len(answer.hits)
        assert all(hit.twin == hit.article.twin != "" for hit in answer.hits)


@pytest.mark.encoder
def test_the_samples_synonyms_bring_answers_up_and_claim_no_others(measured: Measured, sample_index: Engine) -> None:
    catalogue, known = products.load(ROOT / "articles"), synonyms.load(ROOT / "articles")
    said = {one: found for one, found in measured.answers.items() if known.terms(found.heard, found.query).alike}
    assert min(Counter(one.lang for one in said).values()) >= 10
    better: list[int] = []
    for one, plain in said.items():
        row, made = plain.vector, plain.tokens
        options = {"encoder": None, "catalogue": catalogue, "synonyms": known, "vector": row, "tokens": made}
        found = search(one.text, AGENT, index=sample_index, **options)  # type: ignore[arg-type]
        if one.topic:
            places = [[*(topic(hit.article.id) for hit in some.hits), one.topic] for some in (plain, found)]
            better.append(places[0].index(one.topic) - places[1].index(one.topic))
        else:
            assert found.verdict.name != "found" or plain.verdict.name == "found"
    assert sum(better) >= 0
    assert sum(places > 0 for places in better) >= sum(places < 0 for places in better)
