"""The article page marks the sentence that answers, where it stands in one piece."""

from __future__ import annotations

import pytest

from kb.doors.ui.article import answering


@pytest.mark.parametrize(
    ("markdown", "sentence", "marked"),
    [
        ("拔掉电源。等十秒。", "等十秒。", "拔掉电源。:orange-background[等十秒。]"),
        (
            "Unplug it.\nWait **ten\nseconds**. Done.",
            "Wait ten seconds.",
            "Unplug it.\n:orange-background[Wait **ten\nseconds**.] Done.",
        ),
        ("1. Unplug it (now).\n2. Wait.", "Unplug it (now).", "1. :orange-background[Unplug it (now).]\n2. Wait."),
        ("Nothing like it.", "Wait.", "Nothing like it."),
        ("See [the table](x.md) first.", "See the table first.", "See [the table](x.md) first."),
        ("**Wait** ten **seconds now**.", "Wait** ten **seconds", "**Wait** ten **seconds now**."),
        ("Anything.", "", "Anything."),
        (
            "| Paid with | Time |\n|---|---|\n| Lark card | At once. No fee. |\n| Cash | 3 days |",
            "Lark card · At once. No fee.;",
            "| Paid with | Time |\n|---|---|\n| :orange-background[Lark card] | :orange-background[At once. No fee.] |"
            "\n| Cash | 3 days |",
        ),
        (
            "| 方式 | 时间 |\n|---|---|\n| **支付宝** | 24 小时内 |",
            "支付宝 · 24 小时内;",
            "| 方式 | 时间 |\n|---|---|\n| :orange-background[**支付宝**] | :orange-background[24 小时内] |",
        ),
        ("- Ask\n- Wait", "Ask Wait", "- :orange-background[Ask]\n- :orange-background[Wait]"),
        ("**Wait.** Go.", "Wait.", ":orange-background[**Wait.**] Go."),
        ("```\nWait.\n```", "Wait.", "```\nWait.\n```"),
    ],
)
def test_the_sentence_is_marked_and_nothing_else_changes(markdown: str, sentence: str, marked: str) -> None:
    assert answering(markdown, sentence) == marked
