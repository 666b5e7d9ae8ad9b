"""The Index contract: whatever is under it, an index gives the numbers that a naive reading of the articles gives."""

from __future__ import annotations

import functools
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from math import log
from pathlib import Path

import numpy as np
import pytest

from indexer import engine
from indexer.engine import Engine, VectorField, vector_index
from indexer.engine import fields as engines
from indexer.engine.postgres import engine as postgres
from indexer.engine.postgres import nearest as near
from indexer.generation.rows.store import Rows
from kb import text
from kb.content.articles import Article
from kb.finding.chunks import ANSWERS, ASKS, cut, embedded, shown
from kb.finding.search import Index, Ranked, Tokens, Vector
from kb.people.scope import Scope, may_see
from tests.fake_encoder import HashEncoder
from tests.postgres import Server
from tests.small_base import ALL, TODAY, SmallBase, scope

ENCODER = HashEncoder()
DAY = timedelta(days=1)

# --- the articles --------------------------------------------------------------------------------

# id: title, two questions, what to say, why. Short: up to 40 terms tantivy stores a field's length exactly.
TOPICS: Mapping[str, tuple[str, str, str, str, str]] = {
    "red-light-zh": ("{m} 亮红灯", "{m} 红灯一直亮", "没有网，红灯", "请拔掉电源等十秒", "红灯是没有信号"),
    "red-light-en": ("Red light on {m}", "{m} has a red light", "No internet", "Please unplug it", "No signal"),
    "refund-zh": ("{m} 退款多久到账", "{m} 的钱什么时候退", "退款没收到", "三天内原路退回", "银行还要一天"),
    "refund-en": ("When a refund for {m} arrives", "Where is my money", "Refund late", "Within 3 days", "Bank adds 1"),
    "e04-zh": ("{m} 报 E-04", "{m} 轮子不转", "屏幕写着 E04", "请先关机清理轮子", "轮子缠了头发"),
    "e04-en": ("{m} shows E-04", "A wheel of {m} is stuck", "It says E 04", "Please turn it over", "Hair in the wheel"),
    "f3-zh": ("{m} 报 F-03 过热", "{m} 太烫停机", "显示 F3", "请让它冷却半小时", "进风口被挡住"),
    "f3-en": ("{m} stops with F-03", "{m} is too hot", "Display says F3", "Let it cool down", "Air inlet blocked"),
}
MODELS = ("LH-R3000", "LH-V7", "LH-AF8", "LH-S3", "LH-B2")

TEAMS = ((), (), ("retail",), ("business",), ("business", "retail"))
PRODUCTS = ((), ("LH-R3000",), ("LH-V7",), ("LH-V7", "LH-R3000"), ("LH-AF8",))
VALID = (
    {},
    {},
    {"valid_from": TODAY},
    {"valid_until": TODAY},
    {"valid_from": TODAY + DAY},
    {"valid_until": TODAY - DAY},
    {"valid_from": TODAY - DAY, "valid_until": TODAY + DAY},
)


def write_all(base: SmallBase, *, outdated: bool = False) -> list[Article]:
    """The articles of the contract. `outdated`: as they were before, some different, some missing, one more."""
    chance, age = random.Random(8), random.Random(1)
    written = []
    for number, (topic, texts) in enumerate(sorted(TOPICS.items())):
        for model in MODELS:
            title, *questions, say, body = (one.format(m=model) for one in texts)
            facts = {
                "state": chance.choice(("validated", "validated", "not-validated", "wip", "archived")),
                "governance": chance.choice(("experience", "compliance")),
                "teams": chance.choice(TEAMS),
                "products": chance.choice(PRODUCTS),
                **chance.choice(VALID),
            }
            id = f"{model.lower()}-{topic}"
            old = outdated and age.random() < 0.3
            if old and age.random() < 0.5:
                continue  # not written yet
            title, teams = (f"{title} (2025)", ("retail",)) if old else (title, facts["teams"])
            keys = {"questions": questions, "say": say, "body": body, **facts, "teams": teams}
            written.append(base.write(id, title, place=f"shelf-{number}", **keys))
    for place, id in (("y", "same-c"), ("z", "same-a"), ("x", "same-b")):  # path order is not id order
        same = {"questions": ["Same question"], "say": "Same words to say", "body": "Same body"}
        written.append(base.write(id, "Same title", place=place, **same))
    if outdated:
        written.append(base.write("gone", "Red light, an article that is deleted", questions=["红灯退款"]))
    return written


# --- the kinds of index --------------------------------------------------------------------------


@dataclass(frozen=True)
class Built:
    """An index, the articles that are in it, and BM25 with the statistics it has: in files those of superseded articles
    count, too."""

    base: SmallBase
    index: Engine
    articles: Mapping[str, Article]
    bm25: Bm25
    exact: bool

    def seen(self, scope: Scope) -> list[Article]:
        return [one for one in self.articles.values() if may_see(scope, one)]


# kind → EXACT_UP_TO, whether a delta lies beside the base, how much of a server's rows stays in memory (None = files)
KINDS: Mapping[str, tuple[int, bool, int | None]] = {
    "one flat segment": (1_000, False, None),
    "inverted lists, rescored": (0, False, None),
    "base and delta": (1_000, True, None),
    "inverted lists, base and delta": (0, True, None),
    "rows": (1_000, False, 0),
    "rows in memory, base and delta": (1_000, True, 2**30),
    "rows, by their HNSW index, base and delta": (0, True, 0),
}


@pytest.fixture(scope="module", params=KINDS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    exact_up_to, delta, in_memory = KINDS[request.param]
    base = SmallBase(tmp_path_factory.mktemp("contract"), ENCODER)
    if in_memory is not None:
        base.rows = rows_of(request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "EXACT_UP_TO", exact_up_to)
        patch.setattr(postgres, "EXACT_UP_TO", exact_up_to)
        patch.setattr(near, "MOST_BYTES", in_memory or 0)
        yield _built(base, delta, exact_up_to > 0)
    if base.rows:
        base.rows.close()


def rows_of(request: pytest.FixtureRequest) -> Rows:
    """Rows in a database of their own."""
    server: Server = request.getfixturevalue("server")
    return Rows(server.url_of(server.empty()))


def _built(base: SmallBase, delta: bool, exact: bool) -> Built:
    before: list[Article] = []
    if delta:
        before = write_all(base, outdated=True)
        base.build()
        (base.folder / "troubleshooting" / "gone.md").unlink()
    articles = {one.id: one for one in write_all(base)}
    base.build()
    opened = base.open()
    assert len(opened.manifest.segments) == 1 + delta
    superseded = [one for one in before if articles.get(one.id) != one and not base.rows]
    return Built(base, opened.engine, articles, Bm25([*articles.values(), *superseded]), exact)


QUESTIONS = (
    "红灯一直亮怎么办",
    "路由器没有网",
    "退款没收到，钱去哪了",
    "扫地机轮子缠住了头发",
    "屏幕写着 E-04",
    "LH-AF8 太烫停机",
    "the router has a red light",
    "where is my refund",
    "a wheel is stuck, it says E-04",
    "it is too hot and stopped",
    "LH-S3 shows F3",
    "Same question",
)

SCOPES: Mapping[str, Scope] = {
    "all": ALL,
    "a team": scope(teams={"retail"}),
    "a team and everyone": scope(teams={"*", "business"}),
    "every team": scope(teams={"*", "business", "retail"}),
    "a team nobody wrote for": scope(teams={"night shift"}),
    "Chinese": scope(langs={"zh-CN"}),
    "English": scope(langs={"en"}),
    "a language nobody wrote": scope(langs={"fr"}),
    "what an agent may tell": scope(states={"validated", "not-validated"}),
    "archived": scope(states={"archived"}),
    "in work": scope(states={"wip"}),
    "compliance": scope(governance={"compliance"}),
    "experience": scope(governance={"experience"}),
    "a product": scope(products={"LH-V7"}),
    "two products": scope(products={"LH-V7", "LH-R3000"}),
    "a product without articles": scope(products={"LH-M6000"}),
    "tomorrow": scope(on=TODAY + DAY),
    "yesterday": scope(on=TODAY - DAY),
    "last year": scope(on=TODAY - 365 * DAY),
    "expired too": scope(expired=True),
    "narrow": scope(teams={"*", "retail"}, langs={"en"}, states={"validated"}, products={"LH-R3000"}),
    "no teams": scope(teams=()),
    "no languages": scope(langs=()),
    "no states": scope(states=()),
    "no governance": scope(governance=()),
    "no products": scope(products=()),
}


# --- the oracle ----------------------------------------------------------------------------------


@functools.cache
def rows(article: Article) -> Mapping[str, Vector]:
    """The vector of every chunk of an article, by chunk id."""
    chunks = cut(article)
    vectors = ENCODER.passages([embedded(article, chunk) for chunk in chunks])
    return {chunk.id: row for chunk, row in zip(chunks, vectors, strict=True)}


def cosines(article: Article, vector: Vector) -> dict[str, float]:
    """Cosine of every chunk of an article, by chunk id."""
    return {id: float(row @ vector) for id, row in rows(article).items()}


def nearest(articles: Sequence[Article], vector: Vector, kinds: Sequence[str]) -> list[tuple[str, float]]:
    """Every chunk of these kinds as (chunk id, cosine), best first, ties by id."""
    scores = {id: score for article in articles for id, score in cosines(article, vector).items()}
    wanted = [chunk.id for article in articles for chunk in cut(article) if chunk.kind in kinds]
    return sorted(((id, scores[id]) for id in wanted), key=lambda item: (-item[1], item[0]))


@functools.cache
def fields(article: Article) -> tuple[list[str], list[str]]:
    """The terms of the two fields words are looked for in."""
    asks = text.terms("\n".join((article.title, *article.questions)))
    return asks, asks + text.terms(article.body)


# tantivy keeps a field's length in a byte: exact to 40, then the next of these below it
LENGTHS = (*range(41), *range(42, 57, 2), *range(60, 89, 4))


def kept_length(terms: Sequence[str]) -> int:
    """The length of a field as BM25 sees it."""
    return max(length for length in LENGTHS if length <= len(terms))


class Bm25:
    """BM25 by hand: k1 1.2, b .75, idf ln(1 + (N - df + .5) / (df + .5)), summed over words and both fields."""

    def __init__(self, counted: Sequence[Article]) -> None:
        stored = [fields(one) for one in counted]
        assert max(len(body) for _, body in stored) <= max(LENGTHS)
        self.count = len(stored)
        self.mean = [sum(len(one[f]) for one in stored) / self.count for f in (0, 1)]
        self.holders = [Counter(chain.from_iterable(set(one[f]) for one in stored)) for f in (0, 1)]

    def word(self, article: Article, word: str) -> float:
        return sum(self._field(article, word, f) for f in (0, 1))

    def _field(self, article: Article, word: str, f: int) -> float:
        terms = fields(article)[f]
        often, holders = terms.count(word), self.holders[f][word]
        idf = log(1 + (self.count - holders + 0.5) / (holders + 0.5))
        return idf * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * kept_length(terms) / self.mean[f]))

    def ranked(self, articles: Sequence[Article], query: text.QueryTerms) -> list[tuple[str, float]]:
        """(article id, score > 0), best first, ties by id."""
        grown = {t for t in self.holders[1] if query.prefix and t.startswith(query.prefix)} - set(query.words)
        found = []
        for one in articles:
            score = sum(self.word(one, word) for word in query.words)
            score += 0.5 * max((self.word(one, word) for word in grown), default=0.0)
            if score > 0:
                found.append((one.id, score))
        return sorted(found, key=lambda item: (-round(item[1], 6), item[0]))


def words_of(question: str) -> text.QueryTerms:
    """The whole words of a question, none of them still growing."""
    return text.query_terms(question + " ")


# --- vectors -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [ASKS, ANSWERS], ids=["asks", "answers"])
@pytest.mark.parametrize("name", SCOPES)
def test_dense_gives_the_nearest_chunks_with_their_cosines(built: Built, name: str, kinds: tuple[str, ...]) -> None:
    seen = built.seen(SCOPES[name])
    hits = 0
    for vector in ENCODER.queries(QUESTIONS):
        wanted = nearest(seen, vector, kinds)[:10]
        found = built.index.dense(vector, SCOPES[name], 10, kinds)
        truth = {id: score for one in seen for id, score in cosines(one, vector).items()}
        assert [item.score for item in found] == pytest.approx([truth[item.chunk] for item in found], abs=1e-6)
        assert [item.article for item in found] == [item.chunk.split("#")[0] for item in found]
        assert found == sorted(set(found), key=lambda item: (-item.score, item.chunk))
        if built.exact:
            assert [item.score for item in found] == pytest.approx([score for _, score in wanted], abs=1e-6)
        least = wanted[-1][1] if wanted else 0.0
        hits += sum(item.score >= least - 1e-6 for item in found)
    assert hits >= 0.98 * len(QUESTIONS) * len(wanted)


@pytest.mark.parametrize("name", SCOPES)
def test_dense_gives_every_chunk_the_scope_lets_through_and_no_other(built: Built, name: str) -> None:
    vector = ENCODER.queries(["红灯 red light"])[0]
    for kinds in (ASKS, ANSWERS):
        wanted = {chunk.id for one in built.seen(SCOPES[name]) for chunk in cut(one) if chunk.kind in kinds}
        assert {item.chunk for item in built.index.dense(vector, SCOPES[name], 10_000, kinds)} == wanted


def test_the_scopes_of_this_test_differ_in_what_they_let_through(built: Built) -> None:
    let_through: dict[frozenset[str], list[str]] = {}
    for name, one in SCOPES.items():
        let_through.setdefault(frozenset(article.id for article in built.seen(one)), []).append(name)
    assert [names for names in let_through.values() if len(names) > 1] == [
        ["a team nobody wrote for", "a language nobody wrote", *(name for name in SCOPES if name.startswith("no "))]
    ]


def test_cosines_are_those_of_every_chunk_of_the_article(built: Built) -> None:
    for vector in ENCODER.queries(QUESTIONS[::4]):
        for id, article in built.articles.items():
            assert built.index.cosines(vector, id) == pytest.approx(cosines(article, vector), abs=1e-6)


def test_chunks_that_are_equally_near_come_in_the_order_of_their_ids(built: Built) -> None:
    vector = ENCODER.queries(["Same question"])[0]
    found = built.index.dense(vector, ALL, 3, ASKS)
    assert [item.chunk for item in found] == ["same-a#1", "same-b#1", "same-c#1"]
    assert [item.score for item in found] == pytest.approx([1.0] * 3)


# --- tokens --------------------------------------------------------------------------------------


def by_hand(tokens: Tokens) -> Vector:
    """Packed tokens as rows, one value at a time: two bits a value, the lowest first, then the scale."""
    levels = (-0.4528, -1.510, 0.4528, 1.510)
    return np.array(
        [
            [levels[code >> 2 * i & 3] * float(one["scale"]) for code in one["codes"].tolist() for i in range(4)]
            for one in tokens
        ]
    ).reshape(len(tokens), ENCODER.dim)


@functools.cache
def token_rows(text: str) -> Vector:
    return by_hand(ENCODER.with_tokens([text], query=False)[1][0])


def test_maxsim_is_the_mean_over_the_questions_tokens_of_the_best_of_each_chunk(built: Built) -> None:
    ids = list(built.articles)[::3]
    for tokens in ENCODER.with_tokens(QUESTIONS[::3], query=True)[1]:
        found = built.index.maxsim(ids, tokens)
        for id, scores in zip(ids, found, strict=True):
            article = built.articles[id]
            wanted = {c: (tokens @ token_rows(embedded(article, c)).T).max(axis=1).mean() for c in cut(article)}
            assert {one.chunk: one.score for one in scores} == pytest.approx(wanted, abs=1e-4)
            assert [one.chunk for one in scores] == cut(article)
            for one in scores:
                assert one.cosines == pytest.approx(token_rows(embedded(article, one.chunk)) @ tokens.T, abs=1e-4)
                (made,) = ENCODER.with_tokens([embedded(article, one.chunk)], query=False)[1]
                assert one.places.tolist() == made["place"].tolist()


def test_maxsim_of_no_tokens_or_no_articles_is_nothing(built: Built) -> None:
    (tokens,) = ENCODER.with_tokens(["red light"], query=True)[1]
    assert built.index.maxsim([], tokens) == []
    assert built.index.maxsim(["same-a"], tokens[:0]) == [[]]
    with pytest.raises(KeyError):
        built.index.maxsim(["gone-for-good"], tokens)


def test_a_model_without_tokens_gives_an_index_without_late_interaction(base: SmallBase) -> None:
    base.encoder.token_name = ""
    base.write("only", "Red light", body="No signal.")
    base.build()
    (tokens,) = ENCODER.with_tokens(["red light"], query=True)[1]
    assert base.open().engine.maxsim(["only"], tokens) == [[]]


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCOPES)
def test_lexical_gives_bm25_summed_over_both_fields(built: Built, name: str) -> None:
    seen = built.seen(SCOPES[name])
    for question in QUESTIONS:
        wanted = built.bm25.ranked(seen, words_of(question))
        found = built.index.lexical(words_of(question), SCOPES[name], 100)
        assert {item.article: item.score for item in found} == pytest.approx(dict(wanted), rel=1e-5)
        assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
        assert {item.chunk for item in found} <= {""}


def test_the_first_of_a_lexical_list_are_the_best_however_few_are_asked_for(built: Built) -> None:
    for name in ("all", "English", "narrow", "archived"):
        wanted = built.bm25.ranked(built.seen(SCOPES[name]), words_of("red light on the display"))
        for k in (1, 2, 5):
            found = built.index.lexical(words_of("red light on the display"), SCOPES[name], k)
            assert [item.score for item in found] == pytest.approx([score for _, score in wanted[:k]], rel=1e-5)


@pytest.mark.parametrize("question", ["no sig", "the wh", "lhr3", "refu", "lh-v7 轮", "停机，热", "E0", "E-04"])
def test_the_word_being_typed_counts_half_of_what_it_may_become(built: Built, question: str) -> None:
    query = text.query_terms(question)
    assert query.prefix
    wanted = built.bm25.ranked(built.seen(ALL), query)
    found = built.index.lexical(query, ALL, 100)
    assert {item.article: item.score for item in found} == pytest.approx(dict(wanted), rel=1e-5)
    assert wanted


def test_a_phrase_counts_as_itself_or_as_the_whole_of_another_way_to_say_it(built: Built) -> None:
    refund, own, money = ("退款", "退", "款"), ("没有",), ("money",)
    query = text.QueryTerms(("没有", "网"), "", ((own, refund, money, ("no", "absent")),))

    def score(article: Article) -> float:
        word = functools.partial(built.bm25.word, article)
        whole = [sum(map(word, way)) for way in (refund, money) if all(map(word, way))]
        return word("网") + max(word("没有"), *(0.8 * one for one in whole), 0.0)

    wanted = {one.id: score(one) for one in built.seen(ALL) if score(one) > 0}
    found = built.index.lexical(query, ALL, 100)
    assert {item.article: item.score for item in found} == pytest.approx(wanted, rel=1e-5)
    plain = {item.article for item in built.index.lexical(text.QueryTerms(("没有", "网"), ""), ALL, 100)}
    assert plain < set(wanted)


def test_articles_that_score_the_same_come_in_the_order_of_their_ids(built: Built) -> None:
    found = built.index.lexical(words_of("same"), ALL, 10)
    assert [item.article for item in found] == ["same-a", "same-b", "same-c"]


def test_no_words_find_nothing(built: Built) -> None:
    for question in ("", "。、！", "🤖🔥", "zyzzyva"):
        assert built.index.lexical(text.query_terms(question), ALL, 10) == []


# --- by name -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCOPES)
def test_a_code_names_the_articles_that_have_it_in_title_or_questions(built: Built, name: str) -> None:
    for code in ("e4", "f3", "lhr3000", "r691"):
        wanted = sorted(one.id for one in built.seen(SCOPES[name]) if code in fields(one)[0])
        assert built.index.named(code, SCOPES[name]) == [Ranked(id, "", 1.0) for id in wanted]


@pytest.mark.parametrize("name", SCOPES)
def test_an_id_names_its_article_where_the_scope_lets_it_through(built: Built, name: str) -> None:
    for id, article in built.articles.items():
        wanted = [Ranked(id, "", 1.0)] if may_see(SCOPES[name], article) else []
        assert built.index.named(id, SCOPES[name]) == wanted


# --- what an article is --------------------------------------------------------------------------


def test_an_article_is_the_one_its_file_says(built: Built) -> None:
    assert built.index.ids == tuple(sorted(built.articles))
    assert {id: built.index.article(id) for id in built.index.ids} == built.articles


def test_the_chunks_of_an_article_come_in_order_with_their_text(built: Built) -> None:
    for id, article in built.articles.items():
        assert list(built.index.chunks(id)) == [(chunk, shown(article, chunk)) for chunk in cut(article)]
        assert [built.index.chunk(chunk.id) for chunk in cut(article)] == cut(article)


def test_an_article_asks_where_it_has_a_title_or_question_of_its_own(built: Built, base: SmallBase) -> None:
    assert all(built.index.asks(id) for id in built.articles)
    base.write("mute", "路由器亮红灯", body="路由器亮红灯就是没有信号。")
    base.write("asking", "路由器亮红灯", body="路由器亮红灯就是没有信号。", questions=["为什么没有网"])
    base.build()
    index = base.open().engine
    assert {id: index.asks(id) for id in index.ids} == {"asking": True, "mute": False}


@pytest.mark.parametrize("id", ["", "gone", "#", "lh-v7-e04-zh#99", "lh-v7-e04-zh#-1", "lh-v7-e04-zh#x", "gone#0"])
def test_what_is_not_in_the_index_is_a_key_error(built: Built, id: str) -> None:
    with pytest.raises(KeyError):
        built.index.chunk(id)
    with pytest.raises(KeyError):
        built.index.article(id)
    with pytest.raises(KeyError):
        built.index.chunks(id)
    with pytest.raises(KeyError):
        built.index.asks(id)
    with pytest.raises(KeyError):
        built.index.cosines(ENCODER.queries(["x"])[0], id)


def test_the_engine_is_an_index(built: Built) -> None:
    index: Index = built.index
    assert index.generation == built.base.current


@pytest.fixture(params=["files", "rows"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallBase]:
    """An empty knowledge base with the hash encoder, of either kind."""
    base = SmallBase(tmp_path, rows=rows_of(request) if request.param == "rows" else None)
    yield base
    if base.rows:
        base.rows.close()


# --- many at once --------------------------------------------------------------------------------


def ask_everything(index: Engine, order: Sequence[int]) -> dict[int, object]:
    """Every question in every scope, in the given order."""
    vectors = ENCODER.queries(QUESTIONS)
    scopes = list(SCOPES.values())
    answers: dict[int, object] = {}
    for number in order:
        q, s = divmod(number, len(scopes))
        answers[number] = (
            index.dense(vectors[q], scopes[s], 20, ASKS),
            index.dense(vectors[q], scopes[s], 20, ANSWERS),
            index.lexical(text.query_terms(QUESTIONS[q]), scopes[s], 20),
            index.named("e4", scopes[s]),
            [index.chunks(id) for id in index.ids[number % 7 :: 7]],
        )
    return answers


def test_eight_threads_at_once_get_the_answers_of_one(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_TEXTS", 5)  # what is remembered is forgotten all the time
    monkeypatch.setattr(engine, "MAX_VIEWS", 3)
    monkeypatch.setattr(postgres, "MAX_VIEWS", 3)
    numbers = range(0, len(QUESTIONS) * len(SCOPES), 5)
    alone = ask_everything(built.index, numbers)
    fresh = built.base.open().engine
    answers: list[dict[int, object]] = []
    start = threading.Barrier(8)

    def ask(seed: int) -> None:
        start.wait()
        answers.append(ask_everything(fresh, random.Random(seed).sample(numbers, len(numbers))))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [alone] * 8


# --- vector fields at size -----------------------------------------------------------------------


def clustered(count: int, dim: int, seed: int) -> Vector:
    """Unit rows around 100 directions, as texts about the same things lie."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(100, dim))
    rows = centres[chance.integers(len(centres), size=count)] + chance.normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_an_approximate_field_finds_nearly_all_and_scores_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, asked = clustered(8_000, 32, seed=1), clustered(100, 32, seed=2)
    monkeypatch.setattr(engines, "EXACT_UP_TO", 0)
    (tmp_path / "rows.f32").write_bytes(rows.tobytes())
    field = VectorField(vector_index(rows), tmp_path / "rows.f32")
    allowed = np.random.default_rng(3).random(len(rows)) < 0.3
    for mask in (None, allowed):
        bits = None if mask is None else np.packbits(mask, bitorder="little")
        recalled = 0
        for vector in asked:
            exact = rows @ vector
            found, scores = field.nearest(vector, 10, bits)
            assert scores.tolist() == pytest.approx(exact[found].tolist(), abs=1e-6)
            possible = exact if mask is None else np.where(mask, exact, -2)
            best = np.argsort(-possible, kind="stable")[:10]
            recalled += len(set(best.tolist()) & set(found.tolist()))
        assert recalled / (10 * len(asked)) >= 0.98


def test_an_index_of_no_articles_finds_nothing(base: SmallBase) -> None:
    base.build()
    index = base.open().engine
    assert index.ids == ()
    assert index.dense(ENCODER.queries(["红灯"])[0], ALL, 10, ASKS) == []
    assert index.lexical(text.query_terms("red light"), ALL, 10) == []
    assert index.named("e4", ALL) == []


def test_a_field_compares_no_vector_of_another_length_and_no_row_it_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "EXACT_UP_TO", 8)
    rows = np.eye(8, dtype=np.float32)
    field = VectorField(vector_index(rows), None)
    assert field.cosines(rows[3], np.array([3, 1])).tolist() == [1.0, 0.0]
    for beyond in (8, -1, 10**12):
        with pytest.raises(IndexError):
            VectorField(vector_index(rows), None).cosines(rows[3], np.array([beyond]))
    with pytest.raises(ValueError, match="rows of 8"):
        field.cosines(np.ones(7, np.float32))
