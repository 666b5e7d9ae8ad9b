"""Phone numbers: Chinese mobiles and landlines, British and American ones, any with +, any that a word calls one.

Numbers that everybody may know stay: 400 and 800, other free and shared-cost numbers, 10086, 95588.
The `phonenumbers` library knows which numbers can exist abroad; it never decides about a Chinese mobile.
"""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import PhoneNumberType, ValidationResult

from kb.masking.cues import Cues
from kb.masking.digits import Chain
from kb.masking.reading import Span

MOBILE = r"1[3-9][0-9]{9}"

_MOBILE = re.compile(rf"(?P<prefix>(?:00)?86|0|)(?={MOBILE})")
_MOBILE_GROUPS = frozenset(
    tuple(map(int, sizes)) if sizes != "11" else (11,)
    for sizes in "11 344 38 74 335 443 434 56 65 47 1334 3332".split()
)
_LANDLINE = re.compile(r"(?P<area>0(?:10|2[0-9]|[3-9][0-9]{2}))[2-9][0-9]{6}")
_BRITISH = re.compile(r"07[0-9]{9}|01[0-9]{8,9}|02[0-9]{9}")  # also the numbers set aside for films, 07700 900123
_AMERICAN = re.compile(r"1?[2-9][0-9]{2}[2-9][0-9]{6}")
_ABROAD = re.compile(r"0(?:0|11)(?=[1-9])")
_EXTENSION = re.compile(r"\s?(?:转|分机号?|ext\.?|extension)\s?[0-9]{1,5}(?![0-9])")
_UNIT = re.compile(r"\s?(?:元(?!旦)|块|次|个|天|yuan|dollars|pounds|times|days|%)")
_DAY = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_SERVICE = re.compile(
    r"[48]00[0-9]{7}|1?8(?:00|88|77|66|55|44|33)[0-9]{7}|0(?:800|808|3[0-9]{2}|84[345]|87[0-3])[0-9]{6,7}|"
    r"9[56][0-9]{3,4}|1010[0-9]{4}|1[0-2][0-9]{1,4}"
)
_SERVICE_TYPES = (
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.UAN,
    PhoneNumberType.PREMIUM_RATE,
)


def phone(text: str, cues: Cues, chain: Chain, first: int) -> tuple[int, Span] | None:
    """A phone number that begins with this atom, and one past its last atom."""
    if len(chain.digits) - chain.offsets[first] < 7:
        return None
    start = chain.atoms[first].start
    begin = _plus(text, start) if first == 0 else start
    last = _abroad(chain, first, 0) if begin < start else 0
    last = last or _mobile(text, cues, chain, first) or _national(text, cues, chain, first)
    if not last:
        return None
    last = _with_extension(text, chain, last)
    end = chain.atoms[last - 1].end
    extension = _EXTENSION.match(text, end)
    return last, Span("phone", *_with_brackets(text, begin, extension.end() if extension else end))


def _plus(text: str, start: int) -> int:
    """Where the `+` (or `plus`, `加`) right before this place stands; else the place itself."""
    place = start - 1
    while place > start - 4 and place >= 0 and text[place] in " (":
        place -= 1
    if place >= 0 and text[place] == "+":
        return start if place and text[place - 1].isascii() and text[place - 1].isalnum() else place
    if place >= 0 and text[place] == "加":
        return place
    return place - 3 if text[max(0, place - 3) : place + 1] == "plus" else start


def _with_brackets(text: str, start: int, end: int) -> tuple[int, int]:
    opened, closed = text.count("(", start, end), text.count(")", start, end)
    if closed > opened and start and text[start - 1] == "(":
        return start - 1, end
    if opened > closed and text[end : end + 1] == ")":
        return start, end + 1
    return start, end


def _with_extension(text: str, chain: Chain, last: int) -> int:
    """`010-88886666-801`: the desk behind the number goes with it."""
    follows = last == len(chain.atoms) - 1 and len(chain.atoms[last].digits) <= 4
    return last + 1 if follows and _tied(text, chain, last) and not chain.atoms[last].code else last


def _tied(text: str, chain: Chain, place: int) -> bool:
    """Whether this atom is joined to the one before it as the parts of an order number are."""
    end, start = chain.atoms[place - 1].end, chain.atoms[place].start
    return start - end == 1 and text[end] in "-._"


# --- by country ------------------------------------------------------------------------------------


def _mobile(text: str, cues: Cues, chain: Chain, first: int) -> int:
    """A Chinese mobile number, with or without 86."""
    shape = _MOBILE.match(chain.digits, chain.offsets[first])
    if not shape:
        return 0
    prefix = len(shape.group("prefix"))
    last = chain.end(first, prefix + 11)
    if not last or not _free(text, chain, first, last):
        return 0
    sizes = _without(chain.sizes(first, last), prefix)
    if sizes == (1, 3, 3, 4) and _service(chain, first):  # 1-800-555-0199
        return 0
    cue = cues.before(chain.atoms[first].start)
    if cue == "number" and len(sizes) == 1:
        return 0
    known = sizes in _MOBILE_GROUPS or prefix > 1 or cue == "phone"
    return last if known or chain.read_out(first, last) else 0


def _without(sizes: tuple[int, ...], prefix: int) -> tuple[int, ...]:
    """The sizes of the groups once the first `prefix` digits are taken away."""
    rest = list(sizes)
    while prefix and rest:
        taken = min(prefix, rest[0])
        rest[0] -= taken
        prefix -= taken
        if not rest[0]:
            rest.pop(0)
    return tuple(rest)


def _free(text: str, chain: Chain, first: int, last: int) -> bool:
    """Whether no hyphen or dot ties these atoms to more digits that are no phone of their own."""
    before = chain.atoms[first - 1] if first else None
    if before and _tied(text, chain, first) and len(before.digits) not in (1, 2, 11):
        return False
    after = chain.atoms[last] if last < len(chain.atoms) else None
    return not after or not _tied(text, chain, last) or len(after.digits) == 11


def _national(text: str, cues: Cues, chain: Chain, first: int) -> int:
    """A landline, a British or American number, a foreign one after 00, or what a word calls a phone."""
    offset = chain.offsets[first]
    digits = chain.digits[offset : offset + 18]
    cue = cues.before(chain.atoms[first].start)
    if cue in ("number", "code", "id") or _service(chain, first):
        return 0
    found = 0
    if digits[0] == "0":
        abroad = _ABROAD.match(digits)
        if not abroad:
            found = _with_zero(text, chain, first, digits, cue)
        elif cue != "thing":
            found = _abroad(chain, first, abroad.end())
    elif _AMERICAN.match(digits):
        found = _american(text, chain, first, digits, cue)
    return found or (_called_a_phone(text, chain, first) if cue == "phone" else 0)


def _with_zero(text: str, chain: Chain, first: int, digits: str, cue: str) -> int:
    """A Chinese landline with its area code, or a British number."""
    for length in (12, 11, 10):
        last = chain.end(first, length)
        if not last or not (_free(text, chain, first, last) or last == len(chain.atoms) - 1):
            continue
        sizes = chain.sizes(first, last)
        if _is_landline(digits, length, sizes):
            if len(sizes) > 1 or cue == "phone" or _valid(86, digits[1:length]):
                return last
        elif length < 12 and _is_british(digits, length, sizes):
            return last
    return 0


def _is_landline(digits: str, length: int, sizes: tuple[int, ...]) -> bool:
    area = _LANDLINE.match(digits)
    if not area or length - len(area.group("area")) not in (7, 8):
        return False
    return sizes[0] in (len(area.group("area")), length) and len(sizes) < 5


def _is_british(digits: str, length: int, sizes: tuple[int, ...]) -> bool:
    grouped = sizes[0] in (3, 4, 5) or (sizes == (11,) and digits[1] == "7")
    return bool(grouped and _BRITISH.fullmatch(digits, 0, length)) or _valid(44, digits[1:length])


def _american(text: str, chain: Chain, first: int, digits: str, cue: str) -> int:
    length = 11 if digits[0] == "1" else 10
    last = chain.end(first, length)
    if not last or not _free(text, chain, first, last) or (first and _tied(text, chain, first)):
        return 0
    sizes = chain.sizes(first, last)
    alone = first == 0 and last == len(chain.atoms)
    if alone and chain.spoken(first, last) and max(sizes) <= 4:
        return last
    gaps = set(chain.gaps[first : last - 1])
    if sizes == (3, 7):
        return last if "bracket" in gaps else 0
    marked = cue == "phone" or gaps & {"dash", "dot", "bracket"} or (alone and gaps == {"space"})
    return last if sizes[-3:] == (3, 3, 4) and marked else 0


def _called_a_phone(text: str, chain: Chain, first: int) -> int:
    """Any number of 7 to 15 digits that stands where a word says phone, but for days, amounts and order numbers."""
    last = first + 1
    apart = () if chain.spoken(first, first + 1) else ("comma", "filler")
    while last < len(chain.atoms) and chain.gaps[last - 1] not in apart and not chain.atoms[last].code:
        last += 1
    while last > first:
        length = chain.offsets[last] - chain.offsets[first]
        if 7 <= length <= 15:
            dated = _DAY.match(chain.digits, chain.offsets[first])
            amount = _UNIT.match(text, chain.atoms[last - 1].end)
            return 0 if dated or amount or chain.atoms[first].code else last
        last -= 1
    return 0


def _service(chain: Chain, first: int) -> bool:
    """Whether a number that everybody may know begins with this atom and fills its groups."""
    service = _SERVICE.match(chain.digits, chain.offsets[first])
    return service is not None and chain.end(first, len(service.group())) > 0


# --- by the library --------------------------------------------------------------------------------


def _abroad(chain: Chain, first: int, dialled: int) -> int:
    """A number with its country: after `+` (`dialled` 0) or after 00 or 011 (that many digits)."""
    offset = chain.offsets[first] + dialled
    digits = chain.digits[offset : offset + 16]
    country = next(
        (n for n in (1, 2, 3) if digits[:n] and int(digits[:n]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), 0
    )
    if not country:
        return 0
    code = int(digits[:country])
    possible = 0
    for length in range(min(16, len(digits)), max(7, country + 6), -1):
        last = chain.end(first, dialled + length)
        if not last:
            continue
        national = digits[country:length]
        if _valid(code, national):
            return last
        if not possible and _possible(code, national):
            possible = last
    return possible


def _valid(country: int, national: str) -> bool:
    """Whether this number exists there and belongs to a person or a desk, not to a service line."""
    number = _number(country, national)
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE  # cheap: asked first
    return possible and phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) not in _SERVICE_TYPES


def _possible(country: int, national: str) -> bool:
    """Whether a number there may have these many digits, and it is no service line."""
    number = _number(country, national)
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return possible and phonenumbers.number_type(number) not in _SERVICE_TYPES


def _number(country: int, national: str) -> phonenumbers.PhoneNumber:
    """`(0)20 …` after a country code is 20 …, except in Italy, where the zero is dialled."""
    return phonenumbers.PhoneNumber(
        country_code=country, national_number=int(national), italian_leading_zero=country == 39
    )
