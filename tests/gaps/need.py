"""A base in which each of the reasons why a search misses holds for two needs, one asked in Chinese, one in English."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from kb.config import ROOT
from tests.fake_encoder import HashEncoder
from tests.small_base import SmallBase


@dataclass(frozen=True)
class Need:
    """What is asked, in two wordings; with which product on the call; and what the base has for it, '' = nothing.

    used: the article was found in other words on the same call, and solved it
    """

    reason: str
    first: str
    second: str
    article: str = ""
    product: str = ""
    used: bool = False


NEEDS = {
    "filtered-zh": Need("filtered", "滚刷缠满猫毛怎么清理", "滚刷缠绕宠物毛发清理", "roller-hair-zh", "LH-R3000"),
    "filtered-en": Need(
        "filtered",
        "cat hair round the roller brush",
        "roller brush tangled with pet hair",
        "roller-hair-en",
        "LH-R3000",
    ),
    "hidden-zh": Need("hidden", "并购后工龄怎么计算", "集团并购员工工龄计算", "seniority-zh"),
    "hidden-en": Need(
        "hidden", "does seniority start again after the merger", "staff seniority after the merger", "seniority-en"
    ),
    "foreign-zh": Need(
        "other_language", "Iceland customs duty parcels 要交吗", "寄 parcels Iceland customs duty", "iceland-en"
    ),
    "foreign-en": Need(
        "other_language",
        "Apple Pay Visa Mastercard declined in the wallet",
        "wallet says Apple Pay Visa Mastercard declined",
        "apple-pay-zh",
    ),
    "retired-zh": Need("retired", "电视盒子遥控器怎么配对", "旧款电视盒子遥控器配不上", "remote-zh"),
    "retired-en": Need(
        "retired", "the television box remote will not pair", "old television box remote does not pair", "remote-en"
    ),
    "draft-zh": Need("draft", "电子礼品卡能转送给朋友吗", "电子礼品卡转赠好友", "ecard-zh"),
    "draft-en": Need(
        "draft", "pass my electronic gift card on to a friend", "send an electronic gift card to a friend", "ecard-en"
    ),
    "ranked-zh": Need("ranked", "机器人用久了不转谁来出钱", "东西坏得太快要说法", "warranty-terms-zh", used=True),
    "ranked-en": Need(
        "ranked", "it broke so soon, who stands for that", "it broke so soon", "warranty-terms-en", used=True
    ),
    "missing-zh": Need("missing", "宠物仓鼠可以寄空运吗", "宠物仓鼠寄空运"),
    "missing-en": Need("missing", "may a hamster travel by air freight", "hamster by air freight"),
}


def base_of_needs(home: Path) -> SmallBase:
    """The sample base with an article for each need that has one, built under `home`."""
    base = SmallBase(home, HashEncoder(dim=256))
    shutil.copytree(ROOT / "articles", base.folder)
    hair, senior, remote, card = (
        {"products": ["LH-V7"]},
        {"teams": ["board"]},
        {"state": "archived"},
        {"state": "wip"},
    )
    base.write(
        *("roller-hair-zh", "滚刷缠绕宠物毛发怎么清理"),
        questions=["滚刷缠满猫毛转不动"],
        say="请先关机再取下滚刷。",
        body="取下滚刷，用剪刀剪断缠绕的宠物毛发和猫毛，清理两端轴承再装回。",
        **hair,
    )
    base.write(
        *("roller-hair-en", "Pet hair tangled round the roller brush"),
        questions=["cat hair blocks the roller brush"],
        say="Switch it off and take out the roller brush.",
        body="Cut the cat or pet hair tangled round the roller brush with scissors and clean both ends.",
        **hair,
    )
    base.write(
        *("seniority-zh", "集团并购后员工工龄怎么计算"),
        questions=["并购以后工龄重新算吗"],
        say="工龄连续计算。",
        body="并购后员工工龄按集团并购协议第三条连续计算，不重新开始。",
        **senior,
    )
    base.write(
        *("seniority-en", "Seniority of staff after the merger"),
        questions=["does my seniority start again after the merger"],
        say="It goes on.",
        body="After the merger the seniority of staff does not start again: third clause of the merger agreement.",
        **senior,
    )
    base.write(
        *("iceland-en", "Customs duty for parcels to Iceland"),
        questions=["Iceland customs duty parcels"],
        say="Iceland charges duty.",
        body="The receiver pays the customs duty in Iceland.",
    )
    base.write(
        *("apple-pay-zh", "Apple Pay Visa Mastercard wallet declined 怎么办"),
        questions=["Apple Pay Visa Mastercard declined"],
        lang="zh-CN",
        say="请换一张卡。",
        body="Apple Pay 被拒，请联系发卡行。",
    )
    base.write(
        *("remote-zh", "旧款电视盒子遥控器配对"),
        questions=["电视盒子遥控器配不上对"],
        say="长按确认键。",
        body="旧款电视盒子遥控器配不上对时，长按确认键和返回键五秒再配对。",
        **remote,
    )
    base.write(
        *("remote-en", "Pairing the remote of the old television box"),
        questions=["television box remote does not pair"],
        valid_until="2020-01-01",
        say="Hold OK.",
        body="When the remote of the old television box does not pair, hold OK and back for five seconds.",
    )
    base.write(
        *("ecard-zh", "电子礼品卡转赠好友"),
        questions=["电子礼品卡能不能转送给朋友"],
        say="可以转赠。",
        body="电子礼品卡可以转送：在卡包里点转赠，好友领取后生效。",
        **card,
    )
    base.write(
        *("ecard-en", "Sending an electronic gift card to a friend"),
        questions=["can I pass an electronic gift card on to a friend"],
        say="Yes, you can.",
        body="To pass or send an electronic gift card on, tap send in the wallet and choose the friend.",
        **card,
    )
    base.build()
    return base
