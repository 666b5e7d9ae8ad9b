"""Would grandma understand it? Words a customer does not use, and the plain ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.content.glossary import jargon, load, plainly
from kb.errors import ArticleError

WORDS = {
    "en": {"SSID": "Wi-Fi name", "escalate the ticket": "hand over the case", "ETA": "expected day"},
    "zh": {"固件": "设备自带的软件", "SSID": "Wi-Fi 名称", "工单": "登记", "仅退款工单": "只退款"},
}


def test_a_glossary_is_read_by_language(tmp_path: Path) -> None:
    (tmp_path / "_glossary.toml").write_text('[en]\n"SSID" = "Wi-Fi name"\n[zh]\n"固件" = "设备自带的软件"\n', "utf-8")
    assert load(tmp_path) == {"en": {"SSID": "Wi-Fi name"}, "zh": {"固件": "设备自带的软件"}}


def test_a_folder_without_a_glossary_has_no_jargon(tmp_path: Path) -> None:
    assert load(tmp_path) == {}


@pytest.mark.parametrize("text", ["[en", 'SSID = "Wi-Fi name"', "en = []"])
def test_a_glossary_that_is_not_what_it_should_be_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "_glossary.toml").write_text(text, "utf-8")
    with pytest.raises(ArticleError) as caught:
        load(tmp_path)
    assert caught.value.code == "glossary_broken"
    assert (caught.value.facts["file"], caught.value.facts["line"]) == ("_glossary.toml", 1)


def test_a_glossary_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "_glossary.toml").write_bytes('[zh]\n"固件" = "软件"\n'.encode("gb18030"))
    with pytest.raises(ArticleError, match="glossary_broken"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "lang", "found"),
    [
        ("The SSID is on the label", "en", [(4, "SSID", "Wi-Fi name")]),
        ("ssid, (SSID)", "en", [(0, "SSID", "Wi-Fi name"), (7, "SSID", "Wi-Fi name")]),
        ("Please escalate the ticket", "en", [(7, "escalate the ticket", "hand over the case")]),
        ("SSIDs, LARK-SSID, beta, ETA1", "en", []),
        ("升级固件", "zh-CN", [(2, "固件", "设备自带的软件")]),
        ("看SSID名称", "zh-CN", [(1, "SSID", "Wi-Fi 名称")]),
        ("仅退款工单", "zh-CN", [(3, "工单", "登记"), (0, "仅退款工单", "只退款")]),
        ("😀 工单", "zh-Hans", [(2, "工单", "登记")]),
        ("The SSID", "en-GB", [(4, "SSID", "Wi-Fi name")]),
        ("固件 SSID", "en", [(3, "SSID", "Wi-Fi name")]),
        ("固件", "fr", []),
        ("", "zh-CN", []),
    ],
)
def test_jargon_is_found_where_it_stands(text: str, lang: str, found: list[tuple[int, str, str]]) -> None:
    assert list(jargon(text, lang, WORDS)) == found


def test_a_word_with_marks_of_a_pattern_is_taken_as_it_stands() -> None:
    assert list(jargon("C++ or c++ (a.b)", "en", {"en": {"a.b": "x", "C++": "y"}})) == [
        (12, "a.b", "x"),
        (0, "C++", "y"),
        (7, "C++", "y"),
    ]
    assert list(jargon("axb", "en", {"en": {"a.b": "x"}})) == []


def test_the_plain_word_is_put_wherever_the_jargon_stands_as_a_word() -> None:
    assert plainly("Firmware is old. The firmware, FIRMWARE-2", "firmware", "software") == (
        "Software is old. The software, FIRMWARE-2"
    )
    assert plainly("升级固件，固件版本", "固件", "自带软件") == "升级自带软件，自带软件版本"
    assert plainly("The ssid", "SSID", r"\1 name") == r"The \1 name"
