"""E-mail addresses, as typed (`li.na@qq.com`, also full-width) and as said (`li dot na at qq dot com`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kb.masking.reading import Span

_SIGN = re.compile(r"[\s(\[]{0,2}@[\s)\]]{0,2}")
_HOST = re.compile(
    r"[a-z0-9-]{1,63}(?:(?:\.|。|\s\.\s|\s?[.,。]\s?(?=(?:com|cn|net|org|co|edu)(?![a-z0-9])))[a-z0-9-]{1,63}){1,6}"
)
_LABELS = re.compile(r"\s?[.,。]\s?")
_GLUED = re.compile(r"(com|cn|net|org|edu|uk|co|io|me)[0-9]+")
_LOCAL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._%+-'’")
_EDGES = ".'’-%+"
_LOCAL_LONGEST = 64

_SAID_AT = re.compile(r"\s(?:at|@)\s|\s?(?:艾特|圈[aA]|\(at\)|\[at\]|at符号)\s?")
_SAID_HOST = re.compile(r"[a-z0-9-]{1,63}(?:(?:\s?点\s?|\s?[\[(]?dot[\])]?\s?|\.)[a-z]{2,24}(?![a-z])){1,3}")
_SAID_LOCAL = re.compile(
    r"(?<![a-z0-9])(?:[a-z0-9][a-z0-9._+'-]{0,63}|(?:[a-z0-9] ){2,30}[a-z0-9])"
    r"(?: (?:zero|oh|one|two|three|four|five|six|seven|eight|nine)(?![a-z])"
    r"|(?:\s(?:dot|underscore|dash|hyphen|minus|plus)\s|\s?(?:点|下划线|横杠|杠|减号|加号)\s?)[a-z0-9][a-z0-9._+'-]{0,63}){0,12}\Z"
)
_CONNECTED = re.compile(r"\s(?:dot|underscore|dash|hyphen|minus|plus)\s|点|下划线|横杠|杠|减号|加号|[0-9._]")
_PROVIDER = re.compile(
    r"(?:gmail|googlemail|outlook|hotmail|live|msn|yahoo|icloud|me|proton|protonmail|gmx|qq|foxmail|163|126|yeah|sina|sohu|"
    r"aliyun|139|189|tom)(?![a-z0-9])"
)
_ABOUT_MAIL = re.compile(r"e-?mail|邮箱|邮件|邮址|mail")
_BACK = 96


def emails(text: str) -> Iterator[Span]:
    """Every e-mail address in a folded text, in order."""
    done = 0
    for sign in _SIGN.finditer(text):
        found = _typed(text, sign.start(), sign.end(), done)
        if found:
            yield found
            done = found.end
    if "dot" in text or "点" in text or "." in text:
        yield from _said_ones(text)


def _typed(text: str, sign: int, after: int, done: int) -> Span | None:
    end = _host_end(text, after)
    start = sign
    while start > done and sign - start < _LOCAL_LONGEST and text[start - 1] in _LOCAL:
        start -= 1
    while start < sign and text[start] in _EDGES:
        start += 1
    return Span("email", start, end) if end and start < sign else None


def _host_end(text: str, start: int) -> int:
    """Where the host ends that begins here: at its last label of letters; 0 without one."""
    host = _HOST.match(text, start)
    if not host:
        provider = _PROVIDER.match(text, start)
        return provider.end() if provider else 0
    end = host.end()
    while end > start:
        label = re.split(_LABELS, text[start:end])[-1]
        glued = _GLUED.fullmatch(label)
        if glued:  # a@qq.com11号
            return end - len(label) + glued.end(1)
        if label.isalpha() and 2 <= len(label) <= 24 and end - start > len(label):
            return end
        end -= len(label)
        while end > start and text[end - 1] in " .,。":
            end -= 1
        if not _LABELS.search(text, start, end):
            break
    provider = _PROVIDER.match(text, start)
    return provider.end() if provider else 0


def _said_ones(text: str) -> Iterator[Span]:
    done = 0
    for sign in _SAID_AT.finditer(text):
        host = _SAID_HOST.match(text, sign.end())
        if not host:
            continue
        begin = max(done, sign.start() - _BACK)
        local = _SAID_LOCAL.search(text[begin : sign.start()])
        if local and (sign.group().strip() != "at" or _is_mail(text, begin, local.group(), host.group())):
            yield Span("email", begin + local.start(), host.end())
            done = host.end()


def _is_mail(text: str, begin: int, local: str, host: str) -> bool:
    """`at` is also a plain word: `look at lark dot com` is none."""
    return bool(_CONNECTED.search(local) or _PROVIDER.match(host) or _ABOUT_MAIL.search(text, begin, begin + _BACK))
