"""`/api/search` from outside: the right answer, the right refusal, never a traceback."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from kb.config import ROOT, Settings
from kb.doors import api, wiring
from kb.doors.limits.turns import Turns
from kb.doors.wire import MAX_BODY
from kb.errors import BusyError
from kb.seen import metrics
from tests import gated
from tests.fake_encoder import HashEncoder
from tests.people_on_the_floor import MAY
from tests.waiting import within

KEYS = {"query", "verdict", "probability", "hits", "took_ms", "generation", "complete", "encoder", "filters", "beside"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> wiring.Desk:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "articles", home / "articles")
    settings = Settings(articles=home / "articles", home=home, database_url=f"sqlite:///{home}/firstcall.sqlite")
    encoder = HashEncoder()
    wiring.build(settings, encoder)
    desk = wiring.Desk(settings, encoder=encoder, encoder_state="ready")
    desk.open()
    return desk


@pytest.fixture
def client(desk: wiring.Desk) -> Iterator[TestClient]:
    with gated.client(desk) as client:
        yield client


def search(client: TestClient, **body: object) -> dict[str, object]:
    answer = client.post("/api/search", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_answer_has_the_documented_shape_and_values(client: TestClient, desk: wiring.Desk) -> None:
    answer = search(client, q="refund to an expired card", limit=1)
    assert set(answer) == KEYS
    assert answer["query"] == "refund to an expired card"
    assert answer["generation"] == desk.served.opened.manifest.generation  # type: ignore[union-attr]
    assert answer["complete"] is True
    hit = answer["hits"][0]  # type: ignore[index]
    article = desk.read("refund-expired-card-en", MAY)
    assert article is not None
    assert hit["article"] == "refund-expired-card-en"
    assert hit["title"] == article.title
    assert hit["say"] == article.say
    assert hit["twin"] == "refund-expired-card-zh"
    assert (hit["version"], hit["solved"], hit["changed_at"]) == (article.version, 0, None)
    assert answer["filters"] == {"product": "", "lang": ""}
    assert answer["beside"] == {"gaps": [], "drafts": [], "bulletins": [], "experts": [], "unfiltered": None}
    start, end = hit["passage"]["start"], hit["passage"]["end"]
    sentence = hit["passage"]["text"][slice(*hit["passage"]["sentence"])]
    assert sentence
    assert sentence.split()[0] in article.source[start:end]
    first_word = hit["passage"]["text"].replace("… ", "").split()[0]
    assert first_word in article.source[start:end]
    marked = [article.title[a:b] for a, b in hit["marks"]["title"]]
    assert marked == ["Refund", "expired", "card"]


def test_the_answer_is_in_the_customers_language(client: TestClient) -> None:
    assert search(client, q="退款多久到账")["hits"][0]["article"] == "refund-times-zh"  # type: ignore[index]
    in_english = search(client, q="退款多久到账", prefer_lang="en")["hits"][0]  # type: ignore[index]
    assert (in_english["article"], in_english["twin"]) == ("refund-times-en", "refund-times-zh")


def test_language_and_product_narrow(client: TestClient) -> None:
    only_zh = search(client, q="refund", lang="zh", limit=50)["hits"]
    assert {hit["lang"] for hit in only_zh} == {"zh-CN"}  # type: ignore[index,union-attr]
    hits = search(client, q="charging", product="扫地机 V7", limit=50)["hits"]
    named = {product for hit in hits for product in hit["products"]}  # type: ignore[index,union-attr]
    assert "LH-V7" in named
    assert all("LH-V7" in hit["products"] or not hit["products"] for hit in hits)  # type: ignore[index,union-attr]


def test_why_is_told_on_request(client: TestClient) -> None:
    plain = search(client, q="E-04", limit=1)["hits"][0]  # type: ignore[index]
    assert "why" not in plain
    told = search(client, q="E-04", limit=1, why=True)["hits"][0]  # type: ignore[index]
    assert (told["named"], told["pinned"]) == (True, False)
    assert set(told["why"]) <= {"answers", "asks", "lexical", "late"}
    assert told["why"]["lexical"]["score"] > 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "question_empty"),
        ("[]", "request_unknown_field"),
        ("{", "request_not_json"),
        ("[" * 50_000, "request_not_json"),
        ('{"q": 1}', "request_wrong_type"),
        ('{"q": "a", "limit": true}', "request_wrong_type"),
        ('{"q": "a", "limit": 0}', "request_limit"),
        ('{"q": "a", "limit": 51}', "request_limit"),
        ('{"q": "a", "teams": ["*"]}', "request_unknown_field"),
        ('{"q": ""}', "question_empty"),
        ('{"q": "  \\u0000\\u200b "}', "question_empty"),
        ('{"q": "a", "product": "no such thing"}', "product_unknown"),
        (json.dumps({"q": "a" * (MAX_BODY + 1)}), "request_too_large"),
    ],
)
def test_a_bad_request_gets_one_sentence_in_the_askers_language(client: TestClient, body: str, code: str) -> None:
    for language, beginning in (("en-US", "A"), ("zh-CN", "")):
        answer = client.post("/api/search", content=body, headers={"accept-language": language})
        assert answer.status_code == 400
        told = answer.json()
        assert told["error"] == code
        is_chinese = any("\u4e00" <= char <= "\u9fff" for char in told["message"])
        assert is_chinese == (language == "zh-CN"), (beginning, told)
        assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "question",
    [
        "x" * 10_000,
        "退款" * 5_000,
        "😀😀😀",
        "\x00\x1b[31mrefund\x07",
        "\ud800 refund",
        "' OR 1=1 -- \" AND title:*",
        "((((" * 500,
        "- / ? * [a-z]",
        "a" * 60 + " " + "(?:a+)+$" * 100,
    ],
)
def test_any_question_is_answered(client: TestClient, question: str) -> None:
    body = json.dumps({"q": question})
    answer = client.post("/api/search", content=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["verdict"] in ("found", "maybe", "missing")


def test_a_search_is_no_get_so_that_no_words_reach_an_address(client: TestClient) -> None:
    assert client.get("/api/search?q=refund").status_code == 405


def test_answers_are_not_stored_on_the_way(client: TestClient) -> None:
    assert client.post("/api/search", json={"q": "refund"}).headers["cache-control"] == "no-store"


def test_an_encoder_that_fails_costs_the_vectors_never_the_answer(desk: wiring.Desk) -> None:
    class Broken(HashEncoder):
        def queries(self, texts: object) -> object:  # type: ignore[override]
            raise RuntimeError("out of memory")

    broken = wiring.Desk(desk.settings, encoder=Broken(), encoder_state="ready")  # type: ignore[arg-type]
    broken.open()
    with gated.client(broken) as client:
        answer = search(client, q="refund to an expired card")
    assert answer["complete"] is False
    assert answer["hits"][0]["article"] == "refund-expired-card-en"  # type: ignore[index]


def test_vectors_of_another_model_are_not_compared(desk: wiring.Desk) -> None:
    other = wiring.Desk(desk.settings, encoder=HashEncoder("another:model"), encoder_state="ready")
    other.open()
    assert other.ask("refund to an expired card", MAY).complete is False


def test_without_an_index_it_says_what_to_run(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/firstcall.sqlite"
    empty = wiring.Desk(Settings(articles=tmp_path, home=tmp_path / "home", database_url=database))
    with gated.client(empty) as client:
        answer = client.post("/api/search", json={"q": "refund"}, headers={"accept-language": "en"})
        assert answer.status_code == 503
        assert answer.json()["message"] == "There is no index yet. Run: python -m indexer build"
        assert client.get("/healthz").status_code == 503


def test_health_names_the_generation(client: TestClient, desk: wiring.Desk) -> None:
    told = client.get("/healthz").json()
    assert told == {"ok": True, "generation": desk.open().opened.manifest.generation, "encoder": "ready"}


# --- more than can be answered -------------------------------------------------------------------


def busy(code: str) -> Turns:
    """A line in which nobody may wait, and somebody has the only turn."""
    turns = Turns(1, 0.0, lambda seconds: BusyError(code, seconds=seconds))
    turns._free = 0
    return turns


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Too many are searching just now, so this was not answered. Try again in 1 s."),
        ("zh-CN", "现在查询的人太多，这次没能查。请 1 秒后再试。"),
    ],
)
def test_a_search_that_would_wait_too_long_is_refused_at_once(
    client: TestClient, desk: wiring.Desk, monkeypatch: pytest.MonkeyPatch, language: str, sentence: str
) -> None:
    def refused() -> float:
        return metrics._refusals.labels("search_busy")._value.get()

    before = refused()
    monkeypatch.setattr(desk, "searches", busy("search_busy"))
    for path, name in (("/api/search", "error"), ("/api/v1/search", "code")):
        answer = client.post(path, json={"q": "refund"}, headers={"accept-language": language})
        assert (answer.status_code, answer.json()) == (503, {name: "search_busy", "message": sentence})
        assert answer.headers["retry-after"] == "1"
    assert refused() == before + 2


def test_who_signs_in_while_too_many_do_reads_so(
    client: TestClient, desk: wiring.Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "sign_ins", busy("sign_in_busy"))
    answer = client.post("/sign-in", data={"sample": "agent"}, headers={"accept-language": "en"})
    assert answer.status_code == 503
    assert "Too many are signing in just now. Try again in 1 s." in answer.text
    zh = client.post("/sign-in", data={"sample": "agent"}, headers={"accept-language": "zh-CN"})
    assert "现在登录的人太多，请 1 秒后再试。" in zh.text


def test_the_turns_are_given_back(client: TestClient, desk: wiring.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    one = busy("search_busy")
    one._free = 1
    monkeypatch.setattr(desk, "searches", one)
    assert client.post("/api/search", json={"q": " "}).status_code == 400
    assert client.post("/api/v1/search", json={"q": " "}).status_code == 422
    assert search(client, q="refund")["hits"]
    assert (one._free, len(one)) == (1, 0)


def test_what_is_typed_on_in_a_box_takes_the_place_of_what_still_waits_of_it(
    client: TestClient, desk: wiring.Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, int] = {}
    turns = Turns(1, 20.0, lambda seconds: BusyError("search_busy", seconds=seconds))
    monkeypatch.setattr(desk, "searches", turns)
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> dict[str, object]:
        begun.set()
        go_on.wait(20)
        return {}

    monkeypatch.setattr(api, "answer", slow)

    def ask(name: str, **body: str) -> threading.Thread:
        def sent() -> None:
            answer = client.post("/api/search", json={"q": name, **body})
            told[name] = answer.json().get("error", answer.status_code)

        thread = threading.Thread(target=sent)
        thread.start()
        return thread

    threads = [ask("first")]
    assert begun.wait(10)
    for waiting, name, body in (
        (1, "refu", {"box": "a"}),
        (2, "elsewhere", {"box": "b"}),
        (3, "a program", {}),
        (3, "refund", {"box": "a"}),
    ):
        threads.append(ask(name, **body))
        assert within(10, lambda many=waiting: len(turns) == many)  # type: ignore[misc]
    assert within(10, lambda: "refu" in told)
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert told == {"first": 200, "refu": "replaced", "elsewhere": 200, "a program": 200, "refund": 200}
