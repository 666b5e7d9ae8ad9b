"""What a length of time is counted from, in its sentence's own words: "of delivery", 审核通过后."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What happened on the day that is day 0, in each language's words.
_EVENTS = {
    "delivery": (
        r"deliver(?:y|ed)|signing|signed for|signature|receipt|received|receiving",
        r"签收|收货|收到(?:货|商品|包裹|东西)|送达|到货",
    ),
    "arrival": (
        r"arriv(?:al|ing|es|ed)(?: at (?:the|our) warehouse)?|reach(?:es|ed|ing) us|the warehouse receiving[\w ]*",
        r"到仓|入库|寄到|收到旧机|(?:仓库|我们)收到",
    ),
    "approval": (r"approv(?:al|ed)", r"审核通过|审批通过|批准"),
    "inspection": (r"passing(?: inspection)?|passed inspection|inspection", r"验货通过|(?<!审核)(?<!审批)通过"),
    "order": (r"order(?:ing|ed)?\b(?! (?:number|page|line|value))", r"下单"),
    "purchase": (r"purchas(?:e|ed|ing)|buying|bought", r"购买|购机|购入|买(?=[了后])"),
    "payment": (r"payment\b(?! (?:method|day))|paying|paid", r"付款|支付(?![宝组])"),
    "shipping": (r"shipped|dispatch(?:ed)?", r"发货|发出"),
    "installation": (r"install(?:ation|ed|ing)|fitted", r"安装|装好"),
    "activation": (r"activat(?:ion|ed|ing)", r"开通|激活"),
    "contract_end": (r"contract ends?(?: early)?|terminat(?:ion|ed)", r"合约(?:提前)?(?:结束|到期)|(?:提前)?解约"),
    "request": (r"request|application|applying|applied", r"申请|提交"),
}
EVENTS = tuple(_EVENTS)
_EN_EVENT = "(?:" + "|".join(rf"(?P<{name}>\b(?:{en})\b)" for name, (en, _) in _EVENTS.items()) + ")"
_ZH_EVENT = "(?:" + "|".join(f"(?P<{name}>{zh})" for name, (_, zh) in _EVENTS.items()) + ")"
_ZH_DAY = r"(?:之日|当天|那天|当日|的?第二天|次日)?"
_ZH_FROM = r"(?:之?后|以后|起|开始|算起|算)"

# In the order they are tried: right beside the length of time first, then elsewhere in the sentence.
_RIGHT_AFTER = re.compile(
    rf"(?:\s*ago\b)?\s*(?:after|of|from|since|following)\s+[^,.;:|]{{0,30}}?{_EN_EVENT}", re.IGNORECASE
)
_RIGHT_BEFORE = (
    re.compile(rf"{_EN_EVENT}\s+(?:within|in|for|up to)?\s*(?:the )?(?:last |past )?\Z", re.IGNORECASE),
    re.compile(rf"{_ZH_EVENT}{_ZH_DAY}{_ZH_FROM}*(?:了|的|第|满|约|大约|一般|最多|最长|最晚)?\s*\Z"),
)
_EARLIER = (
    re.compile(rf"\b(?:once|after(?!-)|since)\s[^.;:|]{{0,40}}?{_EN_EVENT}", re.IGNORECASE),
    re.compile(rf"{_ZH_EVENT}{_ZH_DAY}(?:之?后|以后|起|算起)"),
)
_LATER = (
    re.compile(rf"\b(?:after(?!-)|from|since)\s+[^,.;:|]{{0,30}}?{_EN_EVENT}", re.IGNORECASE),
    re.compile(rf"{_ZH_EVENT}{_ZH_DAY}(?:起|开始|算)"),
)

# Beside a length of time: that it must be over, or not yet begun.
_BEYOND = re.compile(
    r"\b(?:more than|over|after|longer than|later than|less than|under|fewer than|beyond|at least)\s+"
    r"(?:the (?:first|last) )?\Z|(?:(?<![不没未])(?<!没有)(?:超过|超出)|晚于|多于|不到|不足|少于|至少)\s*\Z",
    re.IGNORECASE,
)
_OR_MORE = re.compile(r"\s+(?:or (?:more|longer)|and more)\b|\s*(?:以上|或更久|或更长|之?后|以后)", re.IGNORECASE)


def is_bound(before: str, after: str) -> bool:
    """Whether a length of time between these texts is one within which something is due, not one that is over."""
    return not (_BEYOND.search(before) or _OR_MORE.match(after))


def anchor_beside(before: str, after: str, following: int) -> tuple[str, str]:
    """What a length of time is counted from, as written, and its event; ('', '') where its sentence does not say.

    before, after: its sentence on both sides; following: where in `after` the next length of time begins
    """
    found = _RIGHT_AFTER.match(after) or _first(pattern.search(before) for pattern in _RIGHT_BEFORE)
    found = found or _first(_last(pattern, before) for pattern in _EARLIER)
    found = found or _first(pattern.search(after[:following]) for pattern in _LATER)
    return _event(found)


def anchor_in(header: str) -> tuple[str, str]:
    """What the lengths of time in a table's column are counted from, told by its header; ('', '') for nothing."""
    return _event(_first(pattern.search(header) for pattern in (*_LATER, *_EARLIER)))


def _first(found: Iterable[re.Match[str] | None]) -> re.Match[str] | None:
    return next(filter(None, found), None)


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    matches = list(pattern.finditer(text))
    return matches[-1] if matches else None


def _event(found: re.Match[str] | None) -> tuple[str, str]:
    return (found[found.lastgroup].strip(), found.lastgroup) if found and found.lastgroup else ("", "")
