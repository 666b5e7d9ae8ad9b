"""Chinese address lines: a road or an estate with its number (科技南路12号3栋402室, 翠苑小区5幢).

Read outwards from the number of a house, block or room: leftwards over the places it lies in, rightwards
over what is inside it. A city or a district alone is no address, but where a word says that it is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kb.masking.reading import HAN, Span

_NUMBER = r"(?:[0-9]{1,5}(?:-[0-9]{1,4}){0,3}|[一二三四五六七八九十百千零〇两]{1,8}|[a-z][0-9]{0,3})"
_BUILDING = r"(?:号院|号楼|栋|幢|座|单元|号公寓)"
_HOUSE = re.compile(
    rf"{_NUMBER}\s?(?:{_BUILDING}|(?P<door>号(?!线|键|口|程序|端口|机)|弄|巷|室|户|层|楼(?!上|下)))"
    r"|(?<![0-9-])[0-9]{1,4}(?:-[0-9]{1,4}){1,3}(?![0-9-])"
)
_ESTATE = "小区|花园|家园|公寓|大厦|新村|广场|宿舍|华庭"
# What comes after a house: more numbers of it, an estate with its own, a bare room number.
_INSIDE = re.compile(
    rf"[\s,、]{{0,2}}(?:[{HAN}a-z]{{1,10}}?(?:{_ESTATE}|中心|学校|大楼|[苑庭城园村里府湾郡轩阁居院楼])[\s,、]?)?"
    rf"(?:[东南西北][塔座楼区][\s,、]?)?{_NUMBER}\s?(?:{_BUILDING}|[号室户层楼房])"
    rf"|[\s,、]{{0,2}}[{HAN}]{{1,10}}?(?:{_ESTATE}|[苑庭城园村里])[0-9]{{1,4}}-[0-9a-z]{{1,4}}(?![0-9a-z])"
)
_ROOM = re.compile(r"\s?[0-9]{2,4}(?:[室户房]|(?![0-9a-z.\-/年月日元块]))")
_NAMED = re.compile(rf"[\s,、]{{0,2}}[{HAN}]{{1,8}}?(?:{_ESTATE}|中心|大楼|大学|产业园|科技园|[苑庭])")

_MARKER = re.compile(
    r"(?P<region>特别行政区|自治区|自治州|街道(?!口)|[省市区县镇乡州])"
    r"|(?P<road>大道|大街|胡同|里弄|[路街道巷])(?:[东南西北中]?[一二三四五六七八九]?段|[东南西北])?"
    rf"|(?P<estate>{_ESTATE}|社区|[苑庭])(?:[东南西北]?[一二三四五六七八九0-9]{{0,2}}[区期])?"
    r"|(?P<vague>[城园村屯庄里府湾郡轩阁居院])(?:[一二三四五六七八九0-9]{1,2}[区期])?"
)
_STEM = 10  # characters of a place's name before its marker, at most
_REACH = 60  # from the number of the house back to the beginning of the address, at most
_ADDRESS = "收货地址|装机地址|上门地址|家庭住址|地址|住址|家住|住在"
_LEAD = re.compile(  # what stands before an address in a sentence and is no part of it
    rf"{_ADDRESS}|家在|寄到|寄往|寄给|寄去|送到|送往|送去|发到|发往|发去|发给|搬到|搬去|放在|改成|改为|改到|换成|位于|"
    r"我家|我们|你们|他们|咱们|这个|那个|哪个|整个|同一|用户|客户|师傅|上门|装机|在|到|往|是|给"
)
_SOFT_LEAD = re.compile(  # the same, but for where it stands inside a name: 和平区
    r"来(?![安宾凤])|去|从(?![化江])|我|您|他|她|住|叫|把|请|的|了|和(?![平田县顺龙林布硕])|跟|说|至|为"
)
_KNOWN = re.compile(  # where one of these stands, the address begins with it
    "北京|上海|天津|重庆|广东|浙江|江苏|山东|河南|四川|湖北|湖南|河北|福建|安徽|江西|辽宁|陕西|山西|云南|贵州|"
    "广西|海南|甘肃|青海|宁夏|新疆|西藏|内蒙古|吉林|黑龙江|台湾|香港|澳门|广州|深圳|东莞|佛山|珠海|杭州|宁波|温州|"
    "南京|苏州|无锡|成都|武汉|长沙|郑州|西安|青岛|济南|大连|沈阳|哈尔滨|长春|厦门|福州|合肥|南昌|昆明|贵阳|南宁|"
    "石家庄|太原|兰州|乌鲁木齐|呼和浩特|银川|西宁|拉萨|海口|台北|九龙"
)
_NO_PLACE = re.compile(
    r"(?:线|电|链|通|回|思|套|短|支|旁|断|铁|网|一|半|上|走|带|问|出|马|养|十字)路|"
    r"(?:频|渠|管|通|轨|味|报|知|跑|隧|难|说|力)道|(?:家|这|那|哪|公|心|手|店|群|屋|夜|包|盒|箱)里|"
    r"(?:超|上|股|门|城|夜|菜|楼)市|(?:地|时|误|分|景|战|盲|片|专)区|(?:商|长)城|(?:公|校|乐|动物)园|"
    r"(?:医|法|学|影|剧)院|(?:政|官)府|(?:同|邻)居|(?:上|逛)街"
)
_AREA = re.compile(
    rf"(?:{_ADDRESS})[\s:是为在]{{0,4}}"
    rf"(?P<area>(?:[{HAN}]{{1,8}}?(?:自治区|街道|大道|小区|花园|公寓|[省市区县镇乡村路街])){{2,6}}+)"
)
_PAUSES = " ,、"
_OUTSIDE = re.compile(rf"[^{HAN}0-9a-z]")  # no part of a place's name


def houses(text: str) -> Iterator[Span]:
    """Every address line down to its house, in order."""
    places = _Places(text)
    done = 0
    for house in _HOUSE.finditer(text):
        if house.start() < done:
            continue
        start, kinds = places.around(house.start(), done)
        building = house.group("door") is None
        if start >= 0 and (building or kinds & {"road", "estate"} or kinds >= {"region", "vague"}):
            done = _inside(text, house.end())
            yield Span("address", start, done)


def areas(text: str) -> Iterator[Span]:
    """What a word calls an address, though it stops at the district or the road."""
    for area in _AREA.finditer(text):
        yield Span("address", *area.span("area"))


def _inside(text: str, end: int) -> int:
    """Past the estate, the block and the room that follow the number of a house."""
    while more := _INSIDE.match(text, end):
        end = more.end()
    room = _ROOM.match(text, end)
    if room:
        return room.end()
    named = _NAMED.match(text, end)
    return named.end() if named and not _LEAD.search(text, end, named.end()) else end


class _Places:
    """The places that a text names, by the end of their markers: 路, 区, 小区."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ending = {marker.end(): marker for marker in _MARKER.finditer(text)}

    def around(self, house: int, floor: int) -> tuple[int, set[str]]:
        """Where the places begin that a house lies in, and of what kinds they are; -1 where there are none."""
        first, kinds, at = -1, set[str](), house
        while house - at < _REACH:
            marker = self._ending.get(self._before_pause(at))
            if not marker or marker.start() < floor:
                break
            start, begins = self._name(marker)
            start = max(start, floor)
            if start == marker.start():  # 翠苑·小区: the name is another place; 小区 alone names none
                if begins or start not in self._ending:
                    break
            elif _NO_PLACE.search(self._text, start, marker.end()):
                break
            first = at = start
            kinds.add(marker.lastgroup or "")
            if begins:
                break
        return first, kinds

    def _before_pause(self, place: int) -> int:
        """The place before at most two spaces and commas."""
        bare = place
        while bare and place - bare < 2 and self._text[bare - 1] in _PAUSES:
            bare -= 1
        return bare

    def _name(self, marker: re.Match[str]) -> tuple[int, bool]:
        """Where the name before a marker begins, and whether the address begins there too."""
        end = marker.start()
        low = max(0, end - _STEM)
        edge = next((place for place in range(end, low, -1) if place in self._ending), -1)
        outside = [match.end() for match in _OUTSIDE.finditer(self._text, max(low, edge), end)]
        start = outside[-1] if outside else max(low, edge)
        leads = [match.end() for match in _LEAD.finditer(self._text, start, end)]
        if start != edge and (start == 0 or self._before_pause(start) not in self._ending):
            leads += [match.end() for match in _SOFT_LEAD.finditer(self._text, start, end)]
        begin = max([start, *leads])
        known = _KNOWN.search(self._text, begin, end)
        if known and known.start() > begin:
            return known.start(), True
        return begin, bool(leads)
