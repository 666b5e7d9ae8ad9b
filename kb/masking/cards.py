"""Numbers of identity papers and bank cards, and a card's security code.

No check digit decides alone: one random number in ten passes Luhn, so an order number stays where a
word says that it is one; and a caller misreads a digit, so a number goes where a word says that it is
a card's.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from kb.masking.cues import Cues
from kb.masking.digits import Chain
from kb.masking.reading import HIDDEN, Span

# --- identity papers -------------------------------------------------------------------------------

_ID_18 = re.compile(
    r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91)[0-9]{4}"  # province, then city and district
    r"(?P<year>19[0-9]{2}|20[0-2][0-9])(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}"
)
_X = re.compile(r"[\s\-,、]{0,2}(?:x(?![a-z0-9])|ex(?![a-z0-9])|叉|艾克斯)")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_GROWN = 2012  # born later, nobody calls: an order number may have this year's date in the same place

_PAPERS = re.compile(
    r"(?:护照号码|护照号|护照|通行证号码|通行证号|通行证|台胞证号|台胞证|身份证号码|身份证号|身份证|证件号码|证件号|"
    r"(?<![a-z])(?:passport|id card|identity card|national id|id)(?: (?:number|no))?(?![a-z]))"
    r"[\s:=#.]{0,3}(?:是|为|is)?[\s:]{0,2}(?P<paper>[a-z]{1,2}[0-9]{6,9}(?:\([0-9a]\))?)(?![a-z0-9])"
    r"|(?<![a-z])(?:ssn|social security (?:number|no))[\s:=#.]{1,3}(?:is )?(?P<bare>[0-9]{9})(?![0-9])"
    r"|(?<![a-z])passport(?: (?:number|no))?[\s:=#.]{0,3}(?:is )?(?P<booklet>[0-9]{9})(?![0-9])"
    r"|(?<![a-z])national insurance(?: (?:number|no))?[\s:=#.]{0,3}(?:is )?"
    r"(?P<british>[a-z]{2}(?:\s?[0-9]{2}){3}\s?[a-d])(?![a-z0-9])"
    r"|(?<![a-z0-9])(?P<hongkong>[a-z]{1,2}[0-9]{6}\([0-9a]\))"
    r"|(?<![0-9-])(?P<american>[0-9]{3}-[0-9]{2}-[0-9]{4})(?![0-9-])"
)


def papers(text: str, cues: Cues) -> Iterator[Span]:
    """Passports and identity cards with letters, and social security numbers."""
    for match in _PAPERS.finditer(text):
        group = match.lastgroup or "paper"
        start, end = match.span(group)
        if group != "american" or cues.before(start) not in ("number", "thing", "phone"):
            yield Span("id_card", start, end)


def id_card(text: str, cues: Cues, chain: Chain, first: int) -> tuple[int, Span] | None:
    """A Chinese identity card's number that begins with this atom, and one past its last atom."""
    offset = chain.offsets[first]
    if len(chain.digits) - offset < 15:
        return None
    shape = _ID_18.match(chain.digits, offset)
    start = chain.atoms[first].start
    if not shape and cues.before(start) != "id":
        return None
    for length in (17, 18, 15):
        last = chain.end(first, length)
        if not last:
            continue
        end = chain.atoms[last - 1].end
        number = chain.digits[offset : offset + length]
        if length == 17:
            cross = _X.match(text, end)
            if not cross:
                continue
            end, number = cross.end(), number + "X"
        if _is_id(number, shape, cues, start):
            return last, Span("id_card", start, end)
    return None


def _is_id(number: str, shape: re.Match[str] | None, cues: Cues, start: int) -> bool:
    if shape and len(number) == 18 and number[17] == "10X98765432"[_weighed(number) % 11]:
        return True
    cue = cues.before(start)
    if cue == "id":
        return True
    return bool(shape) and len(number) == 18 and cue == "" and int(number[6:10]) <= _GROWN


def _weighed(number: str) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))


# --- bank accounts and cards -----------------------------------------------------------------------

_ISSUER = re.compile(
    r"(?P<unionpay>62|6[045]|81|955[89])|(?P<visa>4)|(?P<mastercard>5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)"
    r"|(?P<amex>3[47])|(?P<jcb>35)|(?P<diners>3[0689])"
)
_LENGTHS = {
    "unionpay": (19, 18, 17, 16),
    "visa": (16,),
    "mastercard": (16,),
    "amex": (15,),
    "jcb": (16,),
    "diners": (14,),
}
_NO_CARD = re.compile(r"0|1[3-9][0-9]{9}(?![0-9])|(?:00)?861[3-9][0-9]{9}(?![0-9])")  # rather a phone
_CALLED_ORDER = re.compile(  # 4000…这个订单
    r"\s?(?:这个|那个|这张|这|那|的)?(?:订单|单号|单子|运单|工单|快递|包裹|物流|什么时候发货|什么时候到)"
    r"|,? (?:is (?:my|the) )?(?:order|parcel|tracking)(?![a-z])"
)
_MIXED_GROUPS = ((4, 6, 5), (4, 6, 4))
_LONGEST, _SHORTEST, _SHORTEST_ACCOUNT = 19, 12, 8


_IBAN = re.compile(r"(?<![a-z0-9])[a-z]{2}[0-9]{2}(?:\s?[a-z0-9]{4}){2,7}+(?:\s?[a-z0-9]{1,3})?(?![a-z0-9])")
_IBAN_LENGTHS = dict(
    entry.split(":")
    for entry in (
        "ad:24 ae:23 at:20 be:16 bg:22 ch:21 cy:28 cz:24 de:22 dk:18 ee:20 es:24 fi:18 fr:27 gb:22 gr:27 hr:21 hu:28 "
        "ie:22 il:23 is:26 it:27 kw:30 li:21 lt:20 lu:20 lv:21 mc:27 mt:31 nl:18 no:15 pl:28 pt:25 qa:29 ro:24 sa:24 "
        "se:24 si:19 sk:24 sm:27 tr:26 ua:29"
    ).split()
)


def bank_accounts(text: str) -> Iterator[Span]:
    """International bank account numbers (IBAN), by their check digits."""
    for match in _IBAN.finditer(text):
        number = "".join(match.group().split())
        if (
            _IBAN_LENGTHS.get(number[:2]) == str(len(number))
            and int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1
        ):
            yield Span("bank_card", *match.span())


def bank_card(text: str, cues: Cues, chain: Chain, first: int) -> tuple[int, Span] | None:
    """A bank card's (or, said to be one, bank account's) number that begins with this atom, and one past its last."""
    left = len(chain.digits) - chain.offsets[first]
    if left < _SHORTEST_ACCOUNT:
        return None
    issuer = _ISSUER.match(chain.digits, chain.offsets[first])
    if not issuer and left < _SHORTEST and first:
        return None
    start = chain.atoms[first].start
    last = _by_check_digit(chain, first, issuer)
    cue = cues.before(start) if last or issuer or first == 0 or chain.gaps[first - 1] == "comma" else ""
    if cue in ("number", "thing"):
        return None
    if cue in ("card", "bank") and not _NO_CARD.match(chain.digits, chain.offsets[first]):
        last = _said_to_be_one(chain, first, _SHORTEST if cue == "card" else _SHORTEST_ACCOUNT) or last
    elif last and _CALLED_ORDER.match(text, chain.atoms[last - 1].end):
        return None
    elif not last and issuer:
        last = _in_fours(chain, first, _LENGTHS[issuer.lastgroup or ""])
    return (last, Span("bank_card", start, chain.atoms[last - 1].end)) if last else None


def _by_check_digit(chain: Chain, first: int, issuer: re.Match[str] | None) -> int:
    for length in _LENGTHS[issuer.lastgroup or ""] if issuer else ():
        last = chain.end(first, length)
        if last and _luhn(chain.digits, chain.offsets[first], length) and _in_groups(chain, first, last):
            return last
    return 0


def _said_to_be_one(chain: Chain, first: int, shortest: int) -> int:
    """The end of what was called a card number: all that was read out, or as much as its check digit says."""
    ends = [(length, chain.end(first, length)) for length in range(_LONGEST, shortest - 1, -1)]
    ends = [(length, last) for length, last in ends if last]
    if not ends:
        return 0
    one_piece = len(chain.atoms[first].digits) >= _SHORTEST
    if ends[0][1] == len(chain.atoms) and not one_piece:
        return ends[0][1]
    by_check = [
        last for length, last in ends if length >= _SHORTEST and _luhn(chain.digits, chain.offsets[first], length)
    ]
    return (by_check or [first + 1 if one_piece else ends[0][1]])[0]


def _in_fours(chain: Chain, first: int, lengths: tuple[int, ...]) -> int:
    """A number written like a card's, with an issuer's first digits, one digit of it wrong."""
    for length in lengths if len(chain.atoms[first].digits) == 4 else ():
        last = chain.end(first, length)
        sizes = chain.sizes(first, last) if last else ()
        if len(sizes) > 3 and all(size == 4 for size in sizes[:4]):
            return last
    return 0


def _in_groups(chain: Chain, first: int, last: int) -> bool:
    """Whether these atoms are the groups of one number, and not numbers that happen to stand in a row."""
    sizes = chain.sizes(first, last)
    if max(sizes) <= 3:
        return chain.read_out(first, last)
    even = len(set(sizes[:-1])) <= 1
    return even or sizes in _MIXED_GROUPS or (first == 0 and last == len(chain.atoms))


def _luhn(digits: str, offset: int, length: int) -> bool:
    """Whether `length` digits from `offset` on end in the check digit of ISO/IEC 7812."""
    number = digits[offset : offset + length][::-1]
    doubled = sum(map(int, number[1::2])) * 2 - 9 * sum(digit > "4" for digit in number[1::2])
    return (sum(map(int, number[::2])) + doubled) % 10 == 0


# --- security codes --------------------------------------------------------------------------------

_AHEAD, _BEHIND = 48, 16  # characters after and before the word within which its code stands
_NAMED_AFTER = re.compile(
    r"[\s,.\"”')]{0,3}(?:(?:这个?)?(?:就是|才是|是)(?:我|这张卡|卡)?的?|"
    r"(?:(?:that|it|this)(?:['’]s| is)|is|was|are|for|as) (?:the |my |his |her )?(?:card'?s? )?|\()\s?"
)
_UNIT = re.compile(
    r"\s?(?:[元块年月日号天次个位分秒周台件折度%/:]|小时|"
    r"(?:yuan|dollars?|pounds?|digits?|days?|hours?|minutes?|times?|gb|mb|ghz|mbps|v|w)(?![a-z]))"
)


def security_codes(text: str, cues: Cues, numbers: Iterable[Chain]) -> Iterator[Span]:
    """The three or four digits that a word names as a card's security code, before or after it."""
    codes = [code for chain in numbers for code in _codes_of(chain)]
    if not codes:
        return
    ends = [end for _, end in codes]
    taken = -1
    for start, end in cues.security_codes:
        place = bisect_right(ends, start) - 1
        if place <= taken or not _named_after(text, codes[place][1], start):
            place = _after(text, cues, codes, max(taken + 1, bisect_right(ends, end)), end)
        if place >= 0:
            yield Span("cvv", *codes[place])
            taken = place


def _codes_of(chain: Chain) -> Iterator[tuple[int, int]]:
    """Where three or four digits stand alone, in one piece or digit by digit."""
    place = 0
    while place < len(chain.atoms):
        last, count = place, 0
        while last < len(chain.atoms) and count + len(chain.atoms[last].digits) <= 4 and not chain.atoms[last].code:
            count += len(chain.atoms[last].digits)
            last += 1
            if count > 2 and len(chain.atoms[last - 1].digits) > 1:
                break
        if count > 2:
            yield chain.atoms[place].start, chain.atoms[last - 1].end
            place = last
        else:
            place += 1


def _named_after(text: str, end: int, word: int) -> bool:
    """`123 is the CVV`"""
    return word - end <= _BEHIND and bool(_NAMED_AFTER.fullmatch(text, end, word))


def _after(text: str, cues: Cues, codes: list[tuple[int, int]], place: int, word: int) -> int:
    """`the CVV on the back is 123`: the place of the code in `codes` from `place` on; -1 for none."""
    for at in range(place, len(codes)):
        start, end = codes[at]
        if start > word + _AHEAD or HIDDEN["cvv"] in text[word:start]:
            break
        if cues.before(start) in ("", "cvv", "card", "account") and not _UNIT.match(text, end):
            return at
    return -1
