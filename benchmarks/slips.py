"""The ways people really type: what happens to a question between the head and the search box.

Each kind of noise is a function of a question and a random generator; `noisy` gives it a seed of the kind and the
text, so that a question is spoilt the same way in every run and in every set. A question that a kind cannot touch
(no Chinese, no number) comes back as it is. Nothing here knows how the search mends: the words come from wordfreq's
large lists, the characters from OpenCC, the keys from a keyboard.
"""

from __future__ import annotations

import functools
import itertools
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import opencc
import wordfreq
from pypinyin import lazy_pinyin

Rng = np.random.Generator
Kind = Callable[[str, Rng], str]

SEED = 20261122
HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_HAN_RUN = re.compile(f"[{HAN}]+")
_PUNCTUATION = re.compile(r"[^\w\s%$¥€£'’\-]|_")
_LONGEST_WORD = 6
OFFERED = 60_000  # words a pinyin keyboard offers before one goes looking

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


# --- Chinese -------------------------------------------------------------------------------------


@functools.cache
def _chinese() -> Mapping[str, float]:
    """Chinese words of anybody with their share of all words."""
    listed = wordfreq.get_frequency_dict("zh", wordlist="large")
    return {word: share for word, share in listed.items() if re.fullmatch(f"[{HAN}]{{1,{_LONGEST_WORD}}}", word)}


@functools.cache
def _homophones() -> Mapping[str, Sequence[str]]:
    """Words by how they are typed, the commonest first, as a pinyin keyboard offers them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for word in itertools.islice(_chinese(), OFFERED):  # already the commonest first
        if len(word) < 4:
            found["".join(lazy_pinyin(word))].append(word)
    return found


def words(run: str) -> list[str]:
    """Chinese characters as words: the longest listed word first, left to right."""
    found = []
    while run:
        size = next((n for n in range(min(_LONGEST_WORD, len(run)), 1, -1) if run[:n] in _chinese()), 1)
        found.append(run[:size])
        run = run[size:]
    return found


def _pieces(text: str) -> list[str]:
    """A text as Chinese words and what stands between them; joined it is the text."""
    found = []
    at = 0
    for match in _HAN_RUN.finditer(text):
        found += [text[at : match.start()], *words(match.group())]
        at = match.end()
    return [piece for piece in [*found, text[at:]] if piece]


def _is_han(piece: str) -> bool:
    return bool(_HAN_RUN.fullmatch(piece))


def _some(places: Sequence[int], share: float, rng: Rng) -> set[int]:
    """A share of the places, at least one where there is one."""
    count = min(len(places), max(1, round(share * len(places))))
    return set(rng.choice(places, count, replace=False).tolist()) if places else set()


def _another(word: str, rng: Rng) -> str:
    """Another word that is typed alike: one of the first five the keyboard offers, else one character of it."""
    typed = "".join(lazy_pinyin(word))
    offered = [other for other in _homophones().get(typed, ()) if other != word and len(other) == len(word)][:5]
    if offered:
        return str(rng.choice(offered))
    place = int(rng.integers(len(word)))
    alike = [c for c in _homophones().get("".join(lazy_pinyin(word[place])), ()) if len(c) == 1 and c != word[place]]
    return word[:place] + str(rng.choice(alike[:8])) + word[place + 1 :] if alike else word


def homophone(text: str, rng: Rng) -> str:
    """One word in five, of two characters and more, is another of the same sound: 退款 → 推款."""
    pieces = _pieces(text)
    chosen = _some([i for i, piece in enumerate(pieces) if _is_han(piece) and len(piece) > 1], 0.2, rng)
    return "".join(_another(piece, rng) if i in chosen else piece for i, piece in enumerate(pieces))


def pinyin(text: str, rng: Rng) -> str:
    """The keyboard was not in Chinese: the whole question, or a third of its words, stays as letters."""
    pieces = _pieces(text)
    han = [i for i, piece in enumerate(pieces) if _is_han(piece)]
    chosen = set(han) if rng.random() < 0.5 else _some([i for i in han if len(pieces[i]) > 1], 1 / 3, rng)
    return _latin_between(pieces, chosen, lambda piece: "".join(lazy_pinyin(piece)))


def initials(text: str, rng: Rng) -> str:
    """A word or two as the first letters of their syllables: 退款 → tk."""
    pieces = _pieces(text)
    chosen = _some([i for i, piece in enumerate(pieces) if _is_han(piece) and len(piece) > 1], 0.15, rng)
    return _latin_between(pieces, chosen, lambda piece: "".join(one[0] for one in lazy_pinyin(piece)))


def _latin_between(pieces: Sequence[str], chosen: set[int], letters: Callable[[str], str]) -> str:
    """The pieces with some as letters, which stand apart from their neighbours by a space."""
    out = "".join(f" {letters(piece)} " if i in chosen else piece for i, piece in enumerate(pieces))
    return " ".join(out.split())


def traditional(text: str, rng: Rng) -> str:
    """Simplified Chinese as it is written in Taiwan, in Hong Kong, or by the plain table."""
    return _converter(str(rng.choice(["s2t", "s2tw", "s2hk"]))).convert(text)


@functools.cache
def _converter(name: str) -> opencc.OpenCC:
    return opencc.OpenCC(name)


ENGLISH = dict(
    pair.split()
    for pair in """退款 refund|订单 order|密码 password|账号 account|账户 account|客服 service|支付 pay|付款 payment|
    手机 phone|电话 phone|邮箱 email|短信 SMS|银行 bank|银行卡 card|贷款 loan|额度 limit|利息 interest|还款 repay|
    借款 loan|系统 system|错误 error|网络 network|验证码 code|取消 cancel|申请 apply|审核 review|通过 pass|失败 fail|
    登录 login|注册 register|更新 update|下载 download|时间 time|问题 issue|价格 price|优惠 discount|会员 member|
    配送 delivery|保修 warranty|发票 invoice|路由器 router|耳机 earbuds|人 people|国家 country|政府 government|
    城市 city|公司 company|学校 school|大学 university|世界 world|历史 history|名字 name|语言 language|战争 war|
    教育 education|电影 movie|音乐 music|比赛 game|冠军 champion|教堂 church|法律 law|经济 economy|能量 energy|
    机器 machine|细胞 cell|细菌 bacteria|药物 drug|医院 hospital|多少 多少""".replace("\n", "").split("|")
)


def mixed(text: str, rng: Rng) -> str:
    """Half of the words that offices say in English are in English: 退款 → refund."""
    pieces = _pieces(text)
    chosen = _some([i for i, piece in enumerate(pieces) if ENGLISH.get(piece, piece) != piece], 0.5, rng)
    return _latin_between(pieces, chosen, lambda piece: ENGLISH[piece])


# --- English -------------------------------------------------------------------------------------


def _near(letter: str) -> str:
    """The keys beside a letter's."""
    for r, row in enumerate(ROWS):
        if letter in row:
            at = row.index(letter)
            beside = row[max(0, at - 1) : at] + row[at + 1 : at + 2]
            return beside + "".join(other[max(0, at - 1) : at + 1] for other in ROWS[r + 1 : r + 2])
    return letter


def slip(word: str, rng: Rng) -> str:
    """A word of letters with one slip: a letter left out, doubled, changed with the next, or the key beside it."""
    at = int(rng.integers(1, len(word)))
    letter = word[at]
    which = rng.choice(["out", "twice", "swap", "beside", "both"], p=[0.25, 0.1, 0.25, 0.3, 0.1])
    if which == "out":
        return word[:at] + word[at + 1 :]
    if which == "twice":
        return word[:at] + letter + word[at:]
    if which == "swap":
        return word[: at - 1] + letter + word[at - 1] + word[at + 1 :]
    beside = str(rng.choice(list(_near(letter.lower()))))
    return word[:at] + beside + word[at + (which == "beside") :]


def typo(text: str, rng: Rng) -> str:
    """One word in five of four letters and more has a slip."""
    pieces = re.split(r"([A-Za-z]{4,})", text)
    chosen = _some(range(1, len(pieces), 2), 0.2, rng)
    return "".join(slip(piece, rng) if i in chosen else piece for i, piece in enumerate(pieces))


def joined(text: str, rng: Rng) -> str:
    """A space is missing between two words, or stands inside a long one, once in six words."""
    words = text.split(" ")
    places = [
        i for i in range(len(words) - 1) if words[i].isalpha() and words[i].isascii() and words[i + 1][:1].isalpha()
    ]
    long = [i for i, word in enumerate(words) if len(word) > 6 and word.isalpha() and word.isascii()]
    for _ in range(max(1, len(words) // 6)):
        if long and (not places or rng.random() < 0.5):
            at = long.pop(int(rng.integers(len(long))))
            cut = int(rng.integers(3, len(words[at]) - 2))
            words[at] = words[at][:cut] + " " + words[at][cut:]
        elif places:
            at = places.pop(int(rng.integers(len(places))))
            words[at] += "\0"
    return " ".join(words).replace("\0 ", "").replace("\0", "")


# --- both ----------------------------------------------------------------------------------------


def fullwidth(text: str, _: Rng) -> str:
    """Letters, digits and spaces as wide as a Chinese character."""
    wide = {ord(c): ord(c) + 0xFEE0 for c in map(chr, range(0x21, 0x7F)) if c.isalnum()}
    return text.translate(wide | {0x20: 0x3000}) if re.search("[A-Za-z0-9]", text) else text


FILLERS = (
    "um|uh|er|you know|I mean|like|so|well|basically|actually|let me see|how do I say|okay so|sort of|right|hmm".split(
        "|"
    ),
    "嗯|呃|那个|就是|就是说|然后|这个|那什么|怎么说呢|你知道吧|其实|我想问一下|请问一下啊|啊|的话".split("|"),
)


def voice(text: str, rng: Rng) -> str:
    """What a recogniser writes down: no punctuation, no capitals, numbers in words, fillers, words said twice, and
    in Chinese, every other time, one word heard as another of its sound."""
    chinese = bool(_HAN_RUN.search(text))
    if chinese and rng.random() < 0.5:
        pieces = _pieces(text)
        chosen = _some([i for i, piece in enumerate(pieces) if _is_han(piece) and len(piece) > 1], 0.01, rng)
        text = "".join(_another(piece, rng) if i in chosen else piece for i, piece in enumerate(pieces))
    bare = " ".join(_PUNCTUATION.sub(" ", spelled(text)).lower().split())
    said = list(_pieces(bare)) if chinese else bare.split()
    out: list[str] = []
    for i, word in enumerate(said):
        if i == 0 or rng.random() < 0.15:
            out += rng.choice(FILLERS[chinese], int(rng.integers(1, 3)), replace=False).tolist()
        out += [word] * (2 if rng.random() < 0.07 else 1)
    return " ".join("".join(out).split()) if chinese else " ".join(out)


def partial(text: str, rng: Rng) -> str:
    """The last word is still being typed: its first half or so, in Chinese in the letters of the keyboard."""
    pieces = _pieces(_PUNCTUATION.sub(" ", text).strip())
    last = pieces[-1] if pieces else ""
    if _is_han(last):
        letters = "".join(lazy_pinyin(last))
        return "".join(pieces[:-1]) + letters[: _part_of(len(letters), rng)]
    before, _, word = " ".join("".join(pieces).split()).rpartition(" ")
    return f"{before} {word[: _part_of(len(word), rng)]}".strip() if len(word) > 3 else text


def _part_of(length: int, rng: Rng) -> int:
    return max(2, int(length * rng.uniform(0.4, 0.85)))


# --- numbers -------------------------------------------------------------------------------------

_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
_ONES += "seventeen eighteen nineteen".split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9.,\-])(¥|\$|€|£)?(\d{1,3}(?:,\d{3})+|\d{1,5})(?![A-Za-z0-9\-]|[.,]\d)(?:\s?(元|块))?"
)
_MONEY = {"$": "dollars", "€": "euros", "£": "pounds", "¥": "yuan"}


def in_english(number: int) -> str:
    """A number below a million in words."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10] + (f" {_ONES[number % 10]}" if number % 10 else "")
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {in_english(number % size)}" if number % size else ""
            return f"{in_english(number // size)} {name}{rest}"
    raise ValueError(number)


def in_chinese(number: int) -> str:
    """A number below a million in Chinese characters, as it is said: 二百 as 两百."""
    if number >= 10_000:
        rest = number % 10_000
        return (
            in_chinese(number // 10_000) + "万" + ("零" if 0 < rest < 1000 else "") + (in_chinese(rest) if rest else "")
        )
    out, zero = "", False
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, size)
        if digit:
            two = digit == 2 and size > 10
            out += ("零" if zero and out else "") + ("两" if two else "零一二三四五六七八九"[digit]) + name
        zero = digit == 0
    return re.sub("^一十", "十", out) or "零"


def spelled(text: str) -> str:
    """Whole numbers in words: $200 → two hundred dollars, 200元 → 两百块. Years and codes stay."""
    chinese = bool(_HAN_RUN.search(text))

    def said(match: re.Match[str]) -> str:
        sign, digits, unit = match.group(1) or "", match.group(2), match.group(3) or ""
        number = int(digits.replace(",", ""))
        if 1500 < number < 2100 and not sign and not unit:
            return match.group()
        if chinese:
            return in_chinese(number) + ("块" if unit or sign else "")
        return in_english(number) + (f" {_MONEY[sign]}" if sign else "")

    return _NUMBER.sub(said, text)


_SAID = re.compile(r"\b(?:" + "|".join(_ONES[2:]) + "|" + "|".join(_TENS[2:]) + r")\b", re.IGNORECASE)


def numbers(text: str, _: Rng) -> str:
    """Numbers the other way: digits in words, words in digits, money by its sign or its name."""
    other = spelled(text)
    if other != text:
        return other
    return _SAID.sub(lambda m: str(_digits(m.group().lower())), text)


def _digits(word: str) -> int:
    return _ONES.index(word) if word in _ONES else 10 * _TENS.index(word)


KINDS: Mapping[str, Mapping[str, Kind]] = {
    "zh": {
        "homophone": homophone,
        "pinyin": pinyin,
        "initials": initials,
        "traditional": traditional,
        "mixed": mixed,
        "voice": voice,
        "partial": partial,
        "numbers": numbers,
        "fullwidth": fullwidth,
    },
    "en": {
        "typo": typo,
        "joined": joined,
        "voice": voice,
        "partial": partial,
        "numbers": numbers,
        "fullwidth": fullwidth,
    },
}


def noisy(text: str, kind: str, seed: int = SEED) -> str:
    """A question as it comes out with one kind of noise; the same each time. As it is where the kind is not of its
    language or finds nothing to touch."""
    make = KINDS["zh" if _HAN_RUN.search(text) else "en"].get(kind)
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), zlib.crc32(text.encode())])
    return make(text, rng) if make else text
