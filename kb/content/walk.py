"""An article's "If … then" table or list of conditions as yes/no questions to click through, in its own words.

Nothing is made up: every question, note and answer is a cell, an item or a block of the article. Three shapes:

- cases, a table that begins with If: the first yes ends the walk with its Then; all no: none of them fits
- questions, a table with a Yes and a No column: both end the walk, unless a cell is empty or says to go on
- conditions, a list under a heading such as "Who is eligible": the first no ends the walk, or, where the list is
  of exclusions or the article says that one is enough, the first yes
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kb.content.articles import LINK, Article, Block, Span, linked, plain
from kb.content.body import Cell, Listing, Table, heading_at, lists, tables
from kb.text import fold


@dataclass(frozen=True)
class End:
    """Where a walk ends.

    text:     what happens, Markdown as the article writes it; '' where the article has no words for this end
    span:     where that stands, None for ''
    fits:     True: a case applies, the conditions are met; False: none applies, one is not met
    say:      the sentence to say, plain text; '' for none of its own
    links:    ids of the articles that the text links to
    escalate: the blocks of the departments that it hands over to
    """

    text: str
    span: Span | None
    fits: bool
    say: str = ""
    links: tuple[str, ...] = ()
    escalate: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Step:
    """One question. `yes` and `no` are where that reply ends, None = on to the next step. `notes` are the cells
    between, each with its column's header: what the question is about, or what its yes costs."""

    question: str
    span: Span
    yes: End | None
    no: End | None
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Walk:
    """The steps of one table or list, under its heading ('' = none). `last` is where it ends after the last step."""

    heading: str
    steps: tuple[Step, ...]
    last: End
    span: Span


@functools.lru_cache(maxsize=1_000)  # half of what opening an article took was reading its tables again
def walks(article: Article) -> tuple[Walk, ...]:
    """Every walk of an article, in the order of its text."""
    found = [_cases(article, table) for table in tables(article) if answer_column(table)]
    found += [_conditions(article, one) for one in lists(article) if _is_of_conditions(article, one)]
    return tuple(sorted((walk for walk in found if walk.steps), key=lambda walk: walk.span.start))


def follow(walk: Walk, replies: Sequence[bool]) -> Step | End:
    """The step or end that these replies, True for yes, lead to. Replies after the end count no more."""
    for step, reply in zip(walk.steps, replies, strict=False):
        end = step.yes if reply else step.no
        if end:
            return end
    return walk.steps[len(replies)] if len(replies) < len(walk.steps) else walk.last


# --- tables --------------------------------------------------------------------------------------


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split("|"))


_IF = re.compile(r"(?:if|in case)\b|如果|若|假如|要是")
_CASE = _words("case|when|question|condition|situation|check", "情况|情形|条件|问题|场景|判断")
_THEN = _words(
    "then|what to do|do this|action|answer|result|what happens|what applies",
    "那么|则|就|处理|怎么办|怎么处理|怎么做|处理方式|处理办法|做法|办法|结果|答复",
)
_YES = _words("yes|y", "是|有|对|能|可以|符合")
_NO = _words("no|n", "否|不是|没有|没|不对|不|不能|不可以|不符合")
_GO_ON = _words(
    "|next|next question|next row|next step|go on|continue|see the next row",
    "继续|下一步|下一条|下一行|下一问|下一题|看下一条|看下一行|往下看|接着问",
)
_OTHERWISE = _words(
    "otherwise|else|none of these|none of the above|anything else|in all other cases",
    "否则|其他|其他情况|以上都不是|都不是|都不符合",
)
_EDGES = " \t.,:;?!。，：；？！、…→>-–—/"


def _word(markdown: str) -> str:
    """A cell as one word to look up: without marks, capitals and what stands at its ends."""
    return fold(plain(markdown)).strip(_EDGES)


def answer_column(table: Table) -> int | None:
    """The column of what a yes leads to in a table of cases or questions; None for another table."""
    columns = _columns(table)
    return columns[0] if columns else None


def _columns(table: Table) -> tuple[int, int | None] | None:
    """The columns of what a yes and a no lead to (None = there is no such column), None for another table."""
    first, *others = [_word(cell.text) for cell in table.header]
    begins_with_if = _IF.match(first) is not None
    if not others or not (begins_with_if or first in _CASE):
        return None
    yes = next((i for i, word in enumerate(others, 1) if word in _YES), None)
    no = next((i for i, word in enumerate(others, 1) if word in _NO), None)
    if yes and no:
        return yes, no
    then = next((i for i in range(len(others), 0, -1) if others[i - 1] in _THEN), None)
    return (then or len(others), None) if then or begins_with_if else None


def _cases(article: Article, table: Table) -> Walk:
    yes, no = _columns(table) or (1, None)
    rows = _with_questions(table.rows)
    last = End("", None, False, article.say, (), _escalations(article))
    if no is None and rows and _word(rows[-1][0].text) in _OTHERWISE:
        last = _end(article, rows.pop()[yes])
    steps = []
    for row in rows:
        notes = tuple(
            (plain(head.text), cell.text)
            for i, (head, cell) in enumerate(zip(table.header, row, strict=True))
            if i not in (0, yes, no) and cell.text
        )
        on_yes, on_no = (
            (_end(article, row[yes]), None)
            if no is None
            else (_branch(article, row[yes]), _branch(article, row[no], fits=False))
        )
        steps.append(Step(row[0].text, row[0].span, on_yes, on_no, notes))
    return Walk(heading_at(article, table.span), tuple(steps), last, table.span)


def _with_questions(rows: Sequence[tuple[Cell, ...]]) -> list[tuple[Cell, ...]]:
    """The rows that ask something; an empty first cell asks what the one above it does."""
    found: list[tuple[Cell, ...]] = []
    for row in rows:
        if row[0].text:
            found.append(row)
        elif found:
            found.append((found[-1][0], *row[1:]))
    return found


def _branch(article: Article, cell: Cell, *, fits: bool = True) -> End | None:
    return None if _word(cell.text) in _GO_ON else replace(_end(article, cell), fits=fits)


# --- lists ---------------------------------------------------------------------------------------

_WHETHER = (
    ("能不能", "是否可以"),
    ("可不可以", "是否可以"),
    ("符不符合", "是否符合"),
    ("是不是", "是否"),
    ("有没有", "是否"),
)
_EXCLUDED = re.compile(
    r"\b(?:not|cannot|can't|isn't|aren't|never|no longer|ineligible|exclu\w+|exceptions?)\b|不|除外|例外|无法|排除"
)
_ELIGIBLE = re.compile(
    r"\b(?:eligib\w+|qualif\w+|entitled|conditions?|requirements?|who (?:can|may|gets?)|which cases)\b"
    r"|\A(?:can|may)\b|\bwhen (?:can|may)\b|exclu\w+|exceptions?|\bnot (?:covered|returnable)\b"
    r"|是否(?:可以|能|符合|满足|适用|享受|属于|有资格)|符合|条件|资格|适用|谁(?:可以|能)|哪些.{0,4}(?:可以|能)"
    r"|例外|除外|不(?:保修|支持|可退)"
)
_ONE_IS_ENOUGH = re.compile(
    r"\b(?:any|(?<!every )(?<!each )one|either)(?: one)? of\b|\bany (?:condition|case)\b|\bwhich cases\b"
    r"|任[意何]?一|之一|其中一[项条种个]|哪些|适用(?:商品|产品|机型|型号|人群|范围|情形|情况)"
)


def _asked(heading: str) -> str:
    """A heading folded, with 能不能 and its like as words that do not say no."""
    asked = fold(plain(heading))
    for words, one in _WHETHER:
        asked = asked.replace(words, one)
    return asked


def _is_of_conditions(article: Article, one: Listing) -> bool:
    return _ELIGIBLE.search(_asked(heading_at(article, one.span))) is not None


def _conditions(article: Article, one: Listing) -> Walk:
    heading = heading_at(article, one.span)
    met = End("", None, True, article.say)
    unmet = End("", None, False, "", (), _escalations(article))
    if _EXCLUDED.search(_asked(heading)):
        yes, no, last = unmet, None, met
    elif _ONE_IS_ENOUGH.search(fold(f"{heading}\n{one.lead}")):
        yes, no, last = met, None, unmet
    else:
        yes, no, last = None, unmet, met
    steps = tuple(Step(item.text, item.span, yes, no) for item in one.items if item.text)
    return Walk(heading, steps, last, one.span)


# --- ends ----------------------------------------------------------------------------------------


def _end(article: Article, cell: Cell) -> End:
    """The end that a cell describes: with what it quotes, links to, and whom it hands over to."""
    paths = [linked(article, match.group(1)) for match in LINK.finditer(cell.text)]
    ids = tuple(path.rsplit("/", 1)[-1].removesuffix(".md") for path in paths if path.endswith(".md"))
    text = plain(cell.text)
    escalate = _handed_to(article, text)
    connecting = (_transfer_sentence(block) for block in escalate if not _is_only_asked(text, block))
    return End(cell.text, cell.span, True, _quoted(text) or next(filter(None, connecting), ""), ids, escalate)


# Words in quotes that are said, not read off a screen: four words at least, or after 说. Not what must not be said.
_QUOTES = (
    re.compile(r"(?<!not say )(?<!never say )[\"“](\w[^\"“”\s]*(?:[ ][^\"“”\s]+){3,})[\"”]"),
    re.compile(r"(?<![不别])(?<!不要)(?:说|告诉客户|念)[:：]?\s?[「“\"]([^「」“”\"]+)[」”\"]"),
)


def _quoted(text: str) -> str:
    """What a cell quotes to be said, '' for nothing."""
    return next((found.group(1) for pattern in _QUOTES if (found := pattern.search(text))), "")


def _transfer_sentence(block: Block) -> str:
    """The sentence to say that an escalate block quotes, '' where it quotes none."""
    lines = [line.strip() for line in block.text.splitlines()]
    return plain("\n".join(line.lstrip("> ") for line in lines if line.startswith(">")))


def _escalations(article: Article) -> tuple[Block, ...]:
    return tuple(block for block in article.blocks if block.kind == "escalate")


_HANDS_OVER = re.compile(r"(?<!not )\b(?:transfer|hand (?:it )?over|pass (?:it )?on)\b|(?<!不要)(?<!不)(?:转接|转过去)")
_BOLD = re.compile(r"\*\*(.+?)\*\*")


def _handed_to(article: Article, text: str) -> tuple[Block, ...]:
    """The escalate blocks that a text hands over to: those it names, or the only one where it names none."""
    folded = fold(text)
    escalations = _escalations(article)
    named = {block: _named(folded, block) for block in escalations}
    if any(named.values()):
        return tuple(b for b, found in named.items() if found and not _REFUSES.search(folded[: found.start()]))
    return escalations if len(escalations) == 1 and _HANDS_OVER.search(folded) else ()


def _named(folded: str, block: Block) -> re.Match[str] | None:
    """Where a text names a block's department: by its name, the last words of a long one, or "to" and its key."""
    bold = _BOLD.search(block.text)
    words = fold(bold.group(1)).split() if bold else []
    names = [" ".join(words[i:]) for i in range(max(1, len(words) - 1)) if words]
    forms = [rf"\b{re.escape(name)}\b" if name.isascii() else re.escape(name) for name in names]
    key = re.escape(fold(block.argument))
    if key:
        forms += [rf"\b(?:to|ask) (?:the )?{key}\b", rf"\b{key}(?= (?:will|decides|says)\b)"]
    return re.search("|".join(forms), folded) if forms else None


_REFUSES = re.compile(
    r"\b(?:not|never|no need to) (?:transfer|hand|pass)\b[^.;]*\Z|(?:不要?|不用|别|无需)[转接][^，。；]*\Z"
)
_ASKS = re.compile(r"(?:\bask (?:the )?|问)\Z")
_CONFIRMS = re.compile(r"(?: will)? confirms?\b|确认")


def _is_only_asked(text: str, block: Block) -> bool:
    """Whether the department is asked something while the caller stays with the agent."""
    folded = fold(text)
    found = _named(folded, block)
    if not found:
        return False
    asked = found.group().startswith("ask ") or _ASKS.search(folded[: found.start()])
    return bool(asked or _CONFIRMS.match(folded, found.end()))
