"""The way people really type, kind by kind, against the sample articles and the real encoder."""

from __future__ import annotations

import pytest

from indexer.encoder import SentenceEncoder
from indexer.engine import Engine
from kb.config import ROOT
from kb.content import products
from kb.finding.search import search
from kb.people.scope import ANSWERING_STATES
from tests.small_base import scope

AGENT = scope(states=ANSWERING_STATES)
FIRST = 3  # hits an agent takes in at a glance

# kind → what is typed, and the article it is about, in the language of the question
TYPED: dict[str, list[tuple[str, str]]] = {
    "homophones": [
        ("推款多久到账", "refund-times-zh"),
        ("路由七亮红灯", "router-red-light-zh"),
        ("扫地鸡充不进电", "vacuum-e09-charging-zh"),
    ],
    "pinyin": [
        ("tuikuan", "refund-times-zh"),
        ("tui kuan duo jiu dao zhang", "refund-times-zh"),
        ("luyouqi hongdeng", "router-red-light-zh"),
        ("宽带 banjia", "broadband-move-house-zh"),
    ],
    "initials": [
        ("tk daozhang", "refund-times-zh"),
        ("tk dz", "refund-times-zh"),
        ("路由器 hd", "router-red-light-zh"),
    ],
    "scripts": [
        ("路由器亮紅燈", "router-red-light-zh"),
        ("退款多久到賬", "refund-times-zh"),
        ("掃地機器人報Ｅ－０４", "vacuum-e04-zh"),
        ("ｒｏｕｔｅｒ　ｒｅｄ　ｌｉｇｈｔ", "router-red-light-en"),
    ],
    "two languages": [
        ("wifi 连不上 error 691", "broadband-r691-zh"),
        ("wifi 很 slow", "wifi-slow-zh"),
        ("refund 什么时候到账", "refund-times-zh"),
        ("vacuum 报 e04", "vacuum-e04-zh"),
    ],
    "voice": [
        ("嗯 那个 就是说 我的退款怎么还没有到啊", "refund-times-zh"),
        ("喂你好 就是 我那个门锁 呃 不认指纹了", "lock-fingerprint-zh"),
        ("um so my uh vacuum says e zero four and it it just stops", "vacuum-e04-en"),
        ("yeah hi um i forgot like my wifi password", "router-password-en"),
    ],
    "typos": [
        ("forgto my wfii pasword", "router-password-en"),
        ("refnud not recieved", "refund-times-en"),
        ("fingreprint not reconised", "lock-fingerprint-en"),
    ],
    "split and joined words": [
        ("airfryer smokes", "airfryer-smoke-en"),
        ("air fryer smokes", "airfryer-smoke-en"),
        ("finger print lock", "lock-fingerprint-en"),
        ("ear buds one side", "buds-one-side-en"),
    ],
    "a last word cut short": [
        ("router red li", "router-red-light-en"),
        ("forgot wi-fi passw", "router-password-en"),
        ("refund to expired ca", "refund-expired-card-en"),
        ("空气炸锅冒y", "airfryer-smoke-zh"),
        ("空气炸锅maoy", "airfryer-smoke-zh"),
        ("扫地机地图diush", "vacuum-map-lost-zh"),
    ],
    "numbers and units": [
        ("七天无理由退货", "return-7-day-zh"),
        ("seven day return", "return-7-day-en"),
        ("7天退货", "return-7-day-zh"),
        ("路由器299元", "router-r3000-zh"),
        ("router for ¥299", "router-r3000-en"),
        ("router two hundred and ninety nine yuan", "router-choose-en"),
    ],
}


@pytest.mark.encoder
@pytest.mark.parametrize(("typed", "article"), [pair for some in TYPED.values() for pair in some])
def test_what_is_typed_finds_its_article(
    sample_index: Engine, real_encoder: SentenceEncoder, typed: str, article: str
) -> None:
    catalogue = products.load(ROOT / "articles")
    lang = article.rpartition("-")[2]
    found = search(typed, AGENT, index=sample_index, encoder=real_encoder, catalogue=catalogue, prefer_lang=lang)
    assert article in [hit.article.id for hit in found.hits[:FIRST]], (found.heard, [h.article.id for h in found.hits])
