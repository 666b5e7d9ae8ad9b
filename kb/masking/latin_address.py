"""Address lines in Latin letters: a number and its street, with flat, town and postcode; boxes; postcodes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kb.masking.reading import Reading, Span

_SURE = "street|road|avenue|boulevard|lane|ave|blvd|rd"
_UNSURE = (
    "st|drive|dr|court|ct|close|way|place|pl|square|sq|terrace|gardens|grove|hill|crescent|highway|hwy|parkway|pkwy|row|"
    "walk|mews|park|green|quay|circle|cir|trail|ln"
)
_WORD = r"(?:[a-z]{1,2}\.|[a-z][a-z'’]{0,20})"
_STREET = re.compile(
    r"(?<![a-z0-9.])(?<![0-9],)(?:no\.?\s?)?(?:[0-9]{1,3}[a-z]?,|[0-9]{1,5}[a-z]?(?:-[0-9]{1,4})?)"
    rf"\s(?P<words>(?:{_WORD}\s){{1,4}}?)(?:(?P<sure>{_SURE})|(?P<unsure>{_UNSURE}))(?![a-z])"
    r"(?:\s(?:north|south|east|west|[nsew]{1,2})(?![a-z]))?"
    r"|post ?code(?: is|:)?\s(?P<post>[a-z]{1,2}[0-9][0-9a-z]?\s?[0-9][a-z]{2})(?![0-9a-z])"
    r"|(?P<box>p\.?\s?o\.?\sbox\s[0-9]{1,6})(?![0-9])"
)
_NOT_IN_A_STREET = frozenset(
    "a an and are as at be but by can days day did do does for from get got had has have hour hours i if in is it its "
    "left me metre metres meter meters miles minutes my no not of off on one or our out over per people should that "
    "the them then there they way side please this times to two up us was we weeks were what when where which who will "
    "with years you your".split()
)
_FLAT = r"(?:flat|apt|apartment|unit|suite|room|rm|house|building|bldg|floor|level|block|tower)\.?"
_DOOR = r"(?:[0-9]{1,4}[a-z]?|[a-z][0-9]{0,3})(?![a-z0-9])"
_UNITS_BEFORE = re.compile(rf"(?<![a-z0-9])(?:{_FLAT}\s?#?{_DOOR},?\s){{1,4}}\Z")
_UNIT_AFTER = re.compile(rf",?\s(?:{_FLAT}\s?#?|#)\s?{_DOOR}")
_POSTCODE = re.compile(
    r",?\s(?:(?:nsw|vic|qld|wa|sa|tas|act|nt)\s[0-9]{4}|[a-z]{1,2}[0-9][0-9a-z]?\s?[0-9][a-z]{2}"
    r"|(?:[a-z]{2}[,\s]\s?)?[0-9]{5}(?:-[0-9]{4})?|[0-9]{6})(?![a-z0-9])"
)
_TOWN = re.compile(rf",?\s(?P<town>{_WORD})(?:\s{_WORD}){{0,2}}")
_IN_TOWN = re.compile(_WORD)
_GOES_ON = re.compile(r"\s[a-z]{2}")
_MEANT = re.compile(r"address|liv(?:e|es|ing) at|moved to|sen[dt]|ship|deliver|come to|office at|home at")
_BEFORE = 48


def streets(reading: Reading) -> Iterator[Span]:
    """Every address line in a text, in order."""
    text, done = reading.text, 0
    for street in _STREET.finditer(text):
        if street.start() < done or not _is_street(reading, street):
            continue
        begin = max(done, street.start() - _BEFORE)
        units = _UNITS_BEFORE.search(text[begin : street.start()])
        start = begin + units.start() if units else street.start("post" if street.group("post") else 0)
        done = _rest(reading, street.end())
        yield Span("address", start, done)


def _is_street(reading: Reading, street: re.Match[str]) -> bool:
    if street.group("box") or street.group("post"):
        return True
    if not _NOT_IN_A_STREET.isdisjoint(street.group("words").split()):
        return False
    if street.group("sure"):
        return True
    begin = max(0, street.start() - _BEFORE)
    return reading.capital(street.start("unsure")) or bool(_MEANT.search(reading.text, begin, street.start()))


def _rest(reading: Reading, end: int) -> int:
    """Past the flat, the towns and the postcode that follow a street."""
    for _ in range(6):
        more = _UNIT_AFTER.match(reading.text, end) or _POSTCODE.match(reading.text, end)
        further = more.end() if more else _town(reading, end)
        if further == end:
            break
        end = further
    return end


def _town(reading: Reading, end: int) -> int:
    """Past a town that is written with capitals or has a postcode behind it; `end` where none follows."""
    town = _TOWN.match(reading.text, end)
    if not town:
        return end
    capitals = end
    for word in _IN_TOWN.finditer(reading.text, town.start("town"), town.end()):
        if word.group().rstrip(".") in _NOT_IN_A_STREET:
            break
        if _POSTCODE.match(reading.text, word.end()):
            return word.end()
        if capitals in (end, word.start() - 1) and reading.capital(word.start()):
            capitals = word.end()
    if reading.text[end] != "," and _GOES_ON.match(reading.text, capitals):
        return end
    return capitals - 1 if reading.text[capitals - 1] == "." else capitals
