"""Versions of an article: each text that an agent was shown is kept, and what changed is told in two lines.

A version is named by the sha256 of its text, as in the index, the journal and the flags. What is compared is
what an agent reads: sentences, rows of tables, and of the front matter the title, state, audience and validity.
Other keys, spaces and line ends are no change.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kb import tables, text
from kb.content.articles import Article, Span, parse, plain
from kb.content.body import paragraphs
from kb.content.deadlines.durations import durations
from kb.errors import ArticleError

FACTS = ("state", "valid_until", "valid_from", "title", "audience")  # of the front matter, what an agent reads
KINDS = ("say", "state", "valid_until", "valid_from", "never", "decide", "escalate", "title", "audience", "prose")
CLIP = {"zh": 60, "en": 120}  # characters of a line that a reader takes in at a glance
WORD = 15  # characters that a clip may be shorter for not ending in the middle of a word
ALIKE = 0.3  # share of common character pairs from which a sentence counts as another one's new wording
MOST_COMPARED = 100  # changed sentences on either side; more is a new article


@dataclass(frozen=True)
class Change:
    """One sentence that is no longer, is new, or reads otherwise.

    kind:   one of `KINDS`: the key of the front matter, the block or the prose that it stands in
    before: as it was, plain text clipped around the change; '' where it is new
    after:  as it is; '' where it is gone
    before_mark, after_mark: what differs, in these texts
    """

    kind: str
    before: str
    after: str
    before_mark: Span
    after_mark: Span


@dataclass(frozen=True)
class Version:
    """One text of an article, and when it was first shown."""

    sha256: str
    article: str
    first_at: datetime


def short_diff(old: str, new: str, limit: int = 2) -> tuple[Change, ...]:
    """What an agent who knows the file `old` should know of the file `new`: at most `limit` changes.

    The most telling first: amounts, then times, then dates and other numbers, then the sentence to say, the
    state, what never to say and may be decided, the rest. Any two texts can be compared.
    """
    was, now = _pieces(old), _pieces(new)
    removed = sorted(_without(was, now), key=lambda piece: _telling((piece, _NOTHING)))
    added = sorted(_without(now, was), key=lambda piece: _telling((_NOTHING, piece)))
    changes = sorted(_paired(removed[:MOST_COMPARED], added[:MOST_COMPARED]), key=_telling)
    return tuple(_clipped(*change) for change in changes[:limit])


# --- what is compared ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Piece:
    """One fact, sentence or row as a reader has it."""

    kind: str
    text: str

    @property
    def letters(self) -> str:
        """The text without blanks: what makes it the same sentence."""
        return "".join(self.text.split())


_NOTHING = _Piece("", "")
_ID = re.compile(r"^[\"']?id[\"']?[ \t]*:[ \t]*[\"']?([a-z0-9._-]+)", re.MULTILINE)
_FRONT = re.compile(r"\A---[ \t]*\r?\n.*?^---[ \t]*\r?$", re.MULTILINE | re.DOTALL)
_SENTENCE = re.compile(r"(?<=[。！？!?；;])|(?<=\.)[ \t]+(?=\S)")


def _pieces(source: str) -> list[_Piece]:
    """The pieces of a file; of one that is no article the sentences of its text."""
    named = _ID.search(source)
    try:
        article = parse(source, f"{named[1] if named else ''}.md")
    except ArticleError:
        lines = _FRONT.sub("", source, count=1).splitlines()
        return [piece for line in lines for piece in _sentences("prose", line)]
    facts = [_Piece(name, str(value)) for name in FACTS if (value := getattr(article, name))]
    read = [_sentences(kind or "prose", source[span.start : span.end]) for span, kind in paragraphs(article)]
    return [*facts, *itertools.chain.from_iterable(read)]


def _sentences(kind: str, markdown: str) -> list[_Piece]:
    """The sentences of a paragraph, or the rows of a table, without their marks."""
    is_table = markdown.lstrip("> \t").startswith("|")
    lines = markdown.splitlines() if is_table else [markdown]
    cut = [one for line in lines for one in ([plain(line)] if is_table else _SENTENCE.split(plain(line)))]
    return [_Piece(kind, one.strip(" ;")) for one in cut if any(char.isalnum() for char in one)]


def _without(pieces: Sequence[_Piece], others: Sequence[_Piece]) -> list[_Piece]:
    """The pieces that the others have not, each as often as it is missing there."""
    left = Counter((other.kind, other.letters) for other in others)
    found = []
    for piece in pieces:
        key = piece.kind, piece.letters
        if left[key]:
            left[key] -= 1
        else:
            found.append(piece)
    return found


# --- which sentence became which, and what that tells --------------------------------------------

_Pair = tuple[_Piece, _Piece]
_AMOUNT = re.compile(r"[¥￥$€£]\s?\d[\d,]*(?:\.\d+)?|\d[\d,]*(?:\.\d+)?\s?(?:[%％元块]|percent\b|yuan\b)")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


def _paired(removed: Sequence[_Piece], added: Sequence[_Piece]) -> list[_Pair]:
    """Each removed piece with the added one that it became, the others with nothing."""
    alike = [
        (_likeness(one, other), -i, -j)
        for i, one in enumerate(removed)
        for j, other in enumerate(added)
        if one.kind == other.kind
    ]
    became: dict[int, int] = {}
    taken: set[int] = set()
    for likeness, i, j in sorted(alike, reverse=True):
        if likeness >= ALIKE and -i not in became and -j not in taken:
            became[-i] = -j
            taken.add(-j)
    pairs = [(one, added[became[i]] if i in became else _NOTHING) for i, one in enumerate(removed)]
    return pairs + [(_NOTHING, other) for j, other in enumerate(added) if j not in taken]


def _likeness(one: _Piece, other: _Piece) -> float:
    """How much of two pieces is the same, in [0, 1]: a fact of the front matter is always itself."""
    if one.kind in FACTS:
        return 1.0
    pairs, others = _pairs(one.letters), _pairs(other.letters)
    return 2 * len(pairs & others) / ((len(pairs) + len(others)) or 1)


def _pairs(letters: str) -> set[str]:
    return {letters[i : i + 2] for i in range(len(letters) - 1)} or {letters}


def _telling(change: _Pair) -> tuple[int, bool, int]:
    """How soon a change is told: what kind of number differs, then whether a sentence reads otherwise, then where."""
    before, after = change
    differs = [told(before.text) != told(after.text) for told in (_amounts, _times, _numbers)]
    number = differs.index(True) if any(differs) else len(differs)
    return number, not (before.text and after.text), KINDS.index((after if after.text else before).kind)


def _amounts(sentence: str) -> list[str]:
    return sorted(re.sub(r"[\s,]", "", amount).replace("￥", "¥") for amount in _AMOUNT.findall(sentence))


def _times(sentence: str) -> list[tuple[int, int, str]]:
    return sorted((one.low, one.high, one.unit) for one in durations(sentence))


def _numbers(sentence: str) -> list[str]:
    return sorted(number.replace(",", "") for number in _NUMBER.findall(sentence))


# --- the lines an agent reads --------------------------------------------------------------------

_TOKEN = re.compile(r"[¥￥$€£]?\d+(?:[.,:/–-]\d+)*[%％]?|[A-Za-z]+(?:['’-][A-Za-z]+)*|.", re.DOTALL)


def _clipped(before: _Piece, after: _Piece) -> Change:
    """A change as it is shown, with the words that differ."""
    olds, news = _TOKEN.findall(before.text), _TOKEN.findall(after.text)
    most = min(len(olds), len(news))
    head = next((i for i in range(most) if olds[i] != news[i]), most)
    tail = next((i for i in range(most - head) if olds[-1 - i] != news[-1 - i]), most - head)
    old, old_mark = _window(before.text, _differing(olds, head, tail))
    new, new_mark = _window(after.text, _differing(news, head, tail))
    return Change((after if after.text else before).kind, old, new, old_mark, new_mark)


def _differing(tokens: Sequence[str], head: int, tail: int) -> Span:
    return Span(sum(map(len, tokens[:head])), sum(map(len, tokens[: len(tokens) - tail])))


def _window(sentence: str, mark: Span) -> tuple[str, Span]:
    """The part of a sentence around what differs in it, and where that is in this part."""
    room = CLIP[text.language(sentence)]
    if len(sentence) <= room:
        return sentence, mark
    before = max(room // 6, (room - (mark.end - mark.start)) // 2)
    start = max(0, min(mark.start - before, len(sentence) - room))
    end = start + room
    if start and (space := sentence.find(" ", start, min(start + WORD, mark.start))) >= 0:
        start = space + 1
    kept = mark.end if mark.end <= end else 0
    if end < len(sentence) and (space := sentence.rfind(" ", max(end - WORD, kept), end)) >= 0:
        end = space
    opening, closing = "…" * (start > 0), "…" * (end < len(sentence))
    shift = len(opening) - start
    return opening + sentence[start:end] + closing, Span(mark.start + shift, min(mark.end, end) + shift)


# --- reads and writes ----------------------------------------------------------------------------


def keep(connection: sa.Connection, article: Article, at: datetime) -> str:
    """Keep the text of an article that is about to be shown, once; its version.

    What may be shown to whom was asked where the article was read; neither here nor below is it asked again.
    """
    version = tables.version
    if connection.scalar(sa.select(version.c.article).where(version.c.sha256 == article.version)) is None:
        facts = {"sha256": article.version, "article": article.id, "first_at": at, "source": article.source}
        connection.execute(sa.insert(version).values(**facts))
    return article.version


def source_of(connection: sa.Connection, sha256: str) -> str | None:
    """The file's text of a version, None where it was never kept."""
    return connection.scalar(sa.select(tables.version.c.source).where(tables.version.c.sha256 == sha256))


def versions_of(connection: sa.Connection, article: str) -> tuple[Version, ...]:
    """Every kept version of an article, by when it was first shown, newest first."""
    version = tables.version
    found = (
        sa.select(version.c.sha256, version.c.article, version.c.first_at)
        .where(version.c.article == article)
        .order_by(version.c.first_at.desc(), version.c.sha256)
    )
    return tuple(Version(**row._mapping) for row in connection.execute(found))


def known(connection: sa.Connection) -> set[str]:
    """The sha256 of every version that is kept."""
    return set(connection.scalars(sa.select(tables.version.c.sha256)))


def changed(connection: sa.Connection) -> dict[str, datetime]:
    """Article id → when its latest version was first shown, for each article that was shown in more than one."""
    version = tables.version
    latest = sa.func.max(version.c.first_at).label("at")
    found = sa.select(version.c.article, latest).group_by(version.c.article).having(sa.func.count() > 1)
    return {row.article: row.at for row in connection.execute(found)}
