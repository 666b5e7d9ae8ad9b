"""The glossary as it is edited: a line a word, and a file that keeps its comments."""

from __future__ import annotations

import pytest

from kb.config import ROOT
from kb.content import glossary
from kb.errors import RequestError
from kb.tuning.jargon import as_lines, of_lines, written

SOURCE = b'# Ours\n[en]\n"SSID" = "Wi-Fi name"  # on the label\n"SKU" = "model"\n\n[fr]\n"mot" = "parole"\n'


def test_words_are_written_a_line_each() -> None:
    lines = "固件 = 设备自带的软件\n\nescalate the ticket → hand over the case\n SSID＝Wi-Fi 名称 "
    words = of_lines(lines)
    assert words == {"固件": "设备自带的软件", "escalate the ticket": "hand over the case", "SSID": "Wi-Fi 名称"}
    assert of_lines(as_lines(words)) == words


@pytest.mark.parametrize("line", ["固件", "固件 =", "= 软件", "SSID = ssid", "a" * 61 + " = b"])
def test_a_line_that_is_none_is_told(line: str) -> None:
    with pytest.raises(RequestError) as caught:
        of_lines(line)
    assert caught.value.code == "glossary_line"


def test_what_stays_keeps_its_comment_and_what_is_new_comes_last() -> None:
    made = written(SOURCE, {"en": {"SSID": "Wi-Fi name", "ETA": "expected day"}, "zh": {"固件": "软件"}})
    assert glossary.read(made) == {
        "en": {"SSID": "Wi-Fi name", "ETA": "expected day"},
        "fr": {"mot": "parole"},
        "zh": {"固件": "软件"},
    }
    assert b'"SSID" = "Wi-Fi name"  # on the label\n' in made


def test_the_sample_as_it_is_stays_as_it_is() -> None:
    source = (ROOT / "articles" / glossary.FILE).read_bytes()
    assert written(source, glossary.read(source)) == source
