"""Names of people, after a word that says that one follows (我叫, my name is) or beside a title (王先生, Mr Smith)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kb.masking import han_name, latin_name
from kb.masking.name_words import NOT_NAMES, RISKY_SURNAMES
from kb.masking.reading import Reading, Span

# --- Chinese words ---------------------------------------------------------------------------------

_PEOPLE = "老公|老婆|妈妈?|爸爸?|先生|太太|爱人|儿子|女儿|孩子|朋友|同事"
_CUE_ZH = re.compile(
    # the label of a field, or a role: 姓名：张伟
    r"(?P<label>(?:收件人|收货人|联系人|客户|用户|顾客|持卡人)姓名|姓名|名字|户名|开户名|开户人|收件人|收件者|收货人|联系人|联络人|"
    r"寄件人|发件人|持卡人|机主|户主|投保人|签收人|订货人|下单人|预约人|申请人|经办人|负责人|当事人|法人|代收人|报修人|投诉人|来电人|购买人|付款人|登记人|监护人|称呼|真名|实名|英文名)"
    rf"|(?P<called>我名叫|我就叫|我叫做|我叫|叫我|本人叫|名叫|(?<=,)叫|(?:他|她|{_PEOPLE}|人)叫)"
    r"|(?P<am>我是|本人是?|这位是|那位是|我这边是|这里是|这边是)|(?P<guest>客户|用户|顾客)|(?P<surname>(?<![百同])姓(?![名氏]))"
)
_BETWEEN_ZH = re.compile(
    r"(?:[\s:=,\-—\"“”'‘’(（【「*]|写的|填的|登记的|显示的|留的|用的|拼音|"
    rf"我(?:{_PEOPLE}|家人)的?|应该|改成|改为|换成|是|为|叫做|叫|就)*+"
)
_REACH_ZH = 12
_OF_A_THING = re.compile(
    r"(?:产品|商品|型号|网络|wi-?fi|文件|用户|店铺|店|公司|设备|品牌|热点|路由器?|套餐|小区|活动|昵称)的?\Z"
)
_TITLE_ZH = re.compile(
    r"先生|女士|小姐|太太|师傅|老师|经理|阿姨|总(?![是共结部体数计价额量会算之要得])|哥(?![哥们])|姐(?![姐妹])"
)
_SURE_TITLES = ("先生", "女士", "小姐", "太太")
_LEADS_TO_A_NAME = frozenset("是叫给找跟和请让对向问替帮为由于的位了打接来户客告诉转联系到下")


def chinese(reading: Reading) -> Iterator[Span]:
    """Names after a Chinese cue and before a Chinese title, not in order."""
    text = reading.text
    for cue in _CUE_ZH.finditer(text):
        between = _BETWEEN_ZH.match(text, cue.end(), cue.end() + _REACH_ZH)
        start = between.end() if between else cue.end()
        end = _after_chinese(reading, cue, start)
        if end > start:
            yield Span("name", start, end)
    for title in _TITLE_ZH.finditer(text):
        lengths = (length for length in (4, 3, 2, 1) if _before_title(text, title.start() - length, title))
        length = next(lengths, 0)
        if length:
            yield Span("name", title.start() - length, title.start())


def _after_chinese(reading: Reading, cue: re.Match[str], start: int) -> int:
    """Where the name ends that begins here; `start` where none does."""
    text, kind = reading.text, cue.lastgroup
    if kind == "surname":
        return han_name.surname(text, start)
    if kind == "guest":
        return han_name.full_name(text, start, strict=True)
    if kind == "am":
        end = max(han_name.full_name(text, start, strict=True), han_name.short_name(text, start))
        return end if end > start else latin_name.name(reading, start, sure=False, small=False)
    if kind == "label" and _OF_A_THING.search(text, max(0, cue.start() - 8), cue.start()):
        return start
    readers = [han_name.foreign_name, han_name.short_name]
    readers += [han_name.whole_run] if ":" in text[cue.end() : start] else []
    end = max(han_name.full_name(text, start, strict=False), *(read(text, start) for read in readers))
    return end if end > start else latin_name.name(reading, start, sure=True, small=True)


def _before_title(text: str, start: int, title: re.Match[str]) -> bool:
    """Whether what stands between this place and the title is a name."""
    name = text[max(0, start) : title.start()]
    if start < 0 or not han_name.is_name(name):
        return False
    if text[max(0, start - 1) : start + 1] in NOT_NAMES or name + title.group() in NOT_NAMES:
        return False
    sure = len(name) == 1 and title.group() in _SURE_TITLES and name not in RISKY_SURNAMES
    pause = start == 0 or not han_name.HAN_RUN.match(text, start - 1)
    return sure or pause or text[start - 1] in _LEADS_TO_A_NAME


# --- English words ---------------------------------------------------------------------------------

_CUE_EN = re.compile(
    r"(?<![a-z_-])(?:(?P<name>(?:names?|surname|forename)(?:['’]?s)?(?![a-z-])|named(?![a-z]))"
    r"|(?P<role>cardholder|card holder|account holder|recipient|addressee|consignee|attn|signed (?:for )?by|"
    r"in the name of|under the name(?: of)?|on behalf of)(?![a-z])"
    r"|(?P<contact>contact(?: person)?|ask(?:ed)? for|speak(?:ing)? (?:to|with)|spoke (?:to|with)|customer|caller|"
    r"client)(?![a-z])"
    r"|(?P<near>(?:ship(?:ped)?|sent|addressed|deliver(?:ed)?) to|(?:ordered|bought|placed) by|call me|go by|known as|"
    r"(?:kind |best |warm )?regards|sincerely|my (?:husband|wife|son|daughter|mother|father|mum|mom|dad|brother|sister|"
    r"friend|partner|neighbou?r|boss|colleague))(?![a-z])"
    r"|(?P<me>i am|i['’]m|im)(?![a-z])|(?P<this>this is|it is|it['’]s|its|that['’]s)(?![a-z])"
    r"|(?P<title>mr|mrs|ms|mx|messrs)(?![a-z])\.?|(?P<rank>dr|prof|professor|miss|sir|madam|captain|sgt)(?![a-z])\.?)"
)
_ON_THE_CARD = (
    r"(?:on|for|under|in|with) (?:(?:the|my|this|that|your|our) )?(?:card|account|order|contract|parcel|bill)"
)
_BETWEEN_EN = re.compile(
    r"(?:[\s:=,\-–—\"“”'‘’(*]|(?:is|was|are|as|name|holder|should be|changed to|reads|says|here is|person|called|mr|"
    rf"mrs|ms|miss|dr)(?![a-z])\.?|{_ON_THE_CARD}(?![a-z]))*+"
)
_REACH_EN = 40
_SAYS = re.compile(rf"[:=]| [-–—] |(?<![a-z])(?:is|was|are|as|reads|says|be)(?![a-z])|{_ON_THE_CARD}")
_OF_A_THING_EN = re.compile(
    r"(?:product|model|user|file|network|wi-?fi|device|brand|host|domain|plan|package|item|store|shop|company|street|app|"
    r"screen|nick|display|bank|server|path|class|ssid|router|place|field|code|pet|dog|cat|what)['’]?s?\s?\Z"
)
_OF_A_PERSON = re.compile(
    r"(?:customer|client|caller|full|account|contact|recipient|cardholder|billing|delivery|my|his|her|real|first|last)"
    r"['’]?s? \Z"
)
_WHOSE_REACH = 12
_SPELT = re.compile(
    r"(?<![a-z])(?:spell(?:ed|ing|s)?|spelt)(?: (?:it|is|that|as|my|the|name|surname))*+[\s:,]{1,3}"
    r"(?P<letters>(?:[a-z][-. ]{1,2}){2,20}+[a-z])(?![a-z])"
)


def english(reading: Reading) -> Iterator[Span]:
    """Names after an English cue or title, and names spelt out, not in order."""
    text = reading.text
    for cue in _CUE_EN.finditer(text):
        between = _BETWEEN_EN.match(text, cue.end(), cue.end() + _REACH_EN)
        start = between.end() if between else cue.end()
        end = _after_english(reading, cue, start) if start > cue.end() else start
        if end > start:
            yield Span("name", start, end)
    for spelt in _SPELT.finditer(text):  # spelled S-M-I-T-H
        yield Span("name", *spelt.span("letters"))


def _after_english(reading: Reading, cue: re.Match[str], start: int) -> int:
    """Where the name ends that begins here; `start` where none does."""
    text, kind = reading.text, cue.lastgroup or ""
    if kind in ("title", "rank"):
        return _after_title(reading, cue, start)
    end = han_name.full_name(text, start, strict=kind not in ("name", "role"))
    if end > start:
        return end
    if kind in ("name", "role"):
        return _after_label(reading, cue, start)
    if kind in ("me", "this"):
        return latin_name.introduced(reading, start, me=kind == "me")
    colon = ":" in text[cue.end() : start]
    two = kind == "contact" and latin_name.capitals(reading, start) > 1
    return latin_name.name(reading, start, sure=two or colon, small=colon)


def _after_label(reading: Reading, cue: re.Match[str], start: int) -> int:
    """After `name`, `recipient`: small letters are believed where it is a person's and more than a space follows."""
    before, between = reading.text[max(0, cue.start() - _WHOSE_REACH) : cue.start()], reading.text[cue.end() : start]
    if cue.lastgroup == "name" and _OF_A_THING_EN.search(before):
        return start
    says = bool(_SAYS.search(between)) or cue.group().endswith(("'s", "’s"))
    person = cue.lastgroup == "role" or bool(_OF_A_PERSON.search(before))
    return latin_name.name(reading, start, sure=says or person, small=says and (person or ":" in between))


def _after_title(reading: Reading, cue: re.Match[str], start: int) -> int:
    if reading.text[cue.end() : start].strip() or (cue.lastgroup == "rank" and not reading.capital(cue.start())):
        return start
    if cue.group() == "ms" and reading.capital(cue.start() + 1) and not reading.capital(start + 1):  # MS Office
        return start
    return latin_name.titled(reading, start, small=cue.lastgroup == "title")
