"""One article as an agent reads it on a call: the sentence to say first, then what to do, decide and never say."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime

import streamlit as st

from kb.calls import journal
from kb.content import versions, walk
from kb.content.articles import Article, Block, Span, plain
from kb.content.body import parts
from kb.content.glossary import jargon
from kb.content.versions import Change
from kb.content.walk import End
from kb.doors import payload
from kb.doors.ui.dates import dates
from kb.doors.ui.frame import article_links, hl, literal, me, safe_markdown, t
from kb.doors.ui.say import say_line
from kb.doors.ui.walk import case_walk
from kb.doors.wiring import Desk, Served
from kb.errors import StoreError
from kb.i18n import sentences

BLOCK_LOOK = {
    "decide": (st.success, ":material/check_circle:"),
    "never": (st.error, ":material/block:"),
    "escalate": (st.info, ":material/call_split:"),
}
LONG = 1_500  # characters of prose: more is folded but for the section asked about
_NOT_EXPLAINED = re.compile(r"^#|`|\]\(")  # a heading, code, a link: a link inside would break them
ANSWERING = ":orange-background["
_ONLY_LINKS = re.compile(r"(?:[ \t]*[-*][ \t]*\[[^\[\]\n]*\]\([^()\n]*\)[ \t]*\n?)+")  # shown as buttons


def draw(here: Desk, served: Served, article: Article | None, keys: dict[str, list[str]]) -> None:
    """The article, or what to do where none is open. `keys`: action → its keys, the first one is shown."""
    if article is None:
        empty = not served.opened.engine.ids
        sentence = t("article.empty_base", folder=here.settings.articles) if empty else t("article.pick")
        st.caption(t("article.gone") if st.session_state["article"] else sentence)
        return
    _heading(here, served, article)
    _say(served, article, keys)
    _changed(here, article)
    _walks(here, article, keys)
    dates(served, article)
    _blocks(served, article, [block for block in article.blocks if block.kind in ("decide", "never")])
    for block in article.blocks:
        if block.kind == "escalate":
            _block(served, article, block)
    _prose(served, article)
    _links(here, article)
    _footer(article)


def _changed(here: Desk, article: Article) -> None:
    """What reads otherwise since this person last had the article open: worked out once, as it is opened."""
    known = st.session_state.setdefault("changes", {})
    if (article.id, article.version) not in known:
        known[article.id, article.version] = _changes(here, article)
    if not known[article.id, article.version]:
        return
    lines = [f":material/history: **{t('article.changed')}**"]
    for change in known[article.id, article.version]:
        before, after = _marked(change.before, change.before_mark), _marked(change.after, change.after_mark)
        lines.append(" → ".join(text for text in (f"~~{before}~~" if before else "", after) if text))
    st.warning("\n\n".join(lines))


def _changes(here: Desk, article: Article) -> tuple[Change, ...]:
    try:
        with here.database.read() as connection:
            used = journal.last_version_used(connection, me(), article.id)
            old = versions.source_of(connection, used) if used and used != article.version else None
    except StoreError:
        return ()
    return versions.short_diff(old, article.source) if old else ()


def _marked(text: str, mark: Span) -> str:
    """A sentence with what differs in bold."""
    before, differs, after = text[: mark.start], text[mark.start : mark.end], text[mark.end :]
    if not differs.strip():
        return literal(text)
    lead, tail = (" " if side[-1:] == " " else "" for side in (before, differs))
    start = " " if after[:1] == " " else ""
    return f"{literal(before)}{lead}**{literal(differs)}**{tail}{start}{literal(after)}"


def _prose(served: Served, article: Article) -> None:
    """Cause, steps, tables. A long article is folded but for the section that the question is about."""
    sections = [(heading, text) for heading, text in parts(article) if not _ONLY_LINKS.fullmatch(text)]
    wanted = str(st.session_state.get("section", ""))
    if sum(len(text) for _, text in sections) <= LONG or wanted not in {heading for heading, _ in sections}:
        for heading, text in sections:
            st.markdown(_explained(served, article, f"## {heading}\n\n{text}" if heading else text), anchors=False)
        return
    for at, (heading, text) in enumerate(sections):
        with st.expander(
            literal(heading or article.title), expanded=heading == wanted, key=f"part-{article.id}-{at}-{wanted}"
        ):
            st.markdown(_explained(served, article, text), anchors=False)


_PIECES = re.compile(  # what a mark cannot reach over: a table's bars, the beginnings of lines that are items
    r"(?<!\\)\||\n[ \t]*(?=\n)|\n(?=[ \t]*\|)|(?:^|\n)[ \t]*(?:[-*+]|\d{1,9}[.)]|>|#{1,6})[ \t]+"
)
_OPENING, _CLOSING = '*_“"‘「『（(¥$\\', '*_”"’」』）).!?。！？…'  # what belongs to a sentence at its ends


def answering(markdown: str, sentence: str) -> str:
    """Markdown with the sentence that answers the question marked: in one piece, or cell by cell in a table's row.

    The sentence is plain text: only its letters and digits are compared, and the first place with all of them is it.
    """
    items = {at for piece in _PIECES.finditer(markdown) for at in range(*piece.span())}
    places = [at for at, char in enumerate(markdown) if char.isalnum() and at not in items]
    wanted = "".join(char for char in sentence if char.isalnum())
    at = "".join(markdown[place] for place in places).find(wanted)
    if not wanted or at < 0:
        return markdown
    start, end = places[at], places[at + len(wanted) - 1] + 1
    while start and markdown[start - 1] in _OPENING and start - 1 not in items:
        start -= 1
    while end < len(markdown) and markdown[end] in _CLOSING:
        end += 1
    if markdown[:start].count("```") % 2:
        return markdown
    bounds = [start, *(place for piece in _PIECES.finditer(markdown, start, end) for place in piece.span()), end]
    marked = "".join(
        _answer(markdown, low, high) if i % 2 == 0 else markdown[low:high]
        for i, (low, high) in enumerate(itertools.pairwise(bounds))
    )
    return f"{markdown[:start]}{marked}{markdown[end:]}"


def _answer(markdown: str, start: int, end: int) -> str:
    """A piece marked, without the blanks around it; as it is where that would break what it stands in."""
    piece = markdown[start:end]
    before = markdown[:start].rpartition("\n")[2]
    text = piece.strip()
    whole = not any(char in "[]`" for char in text) and before.count("**") % 2 == 0 and text.count("**") % 2 == 0
    if not whole or not any(char.isalnum() for char in text):
        return piece
    lead = len(piece) - len(piece.lstrip())
    return f"{piece[:lead]}{ANSWERING}{text}]{piece[lead + len(text) :]}"


def _explained(served: Served, article: Article, markdown: str) -> str:
    """Article Markdown to draw: the sentence that answers is marked, and the plain meaning of a glossary word shown
    where the mouse rests on it."""
    safe = answering(safe_markdown(markdown, article), str(st.session_state.get("sentence", "")))
    lines = safe.split("\n")
    return "\n".join(line if _NOT_EXPLAINED.search(line) else _with_meanings(served, article, line) for line in lines)


def _with_meanings(served: Served, article: Article, line: str) -> str:
    for place, word, meaning in sorted(jargon(line, article.lang, served.glossary), reverse=True):  # from the end on
        end, title = place + len(word), meaning.replace('"', "”")
        line = f'{line[:place]}[{line[place:end]}](#plain "{title}"){line[end:]}'
    return line


def _walks(here: Desk, article: Article, keys: dict[str, list[str]]) -> None:
    found = walk.walks(article)
    if not found:
        return

    def end(one: End | None) -> dict[str, object] | None:
        if one is None:
            return None
        links = [{"id": id, "title": here.title(id, me())} for id in one.links if here.read(id, me())]
        escalate = [plain(block.text) for block in one.escalate]
        return {"text": plain(one.text), "say": one.say, "fits": one.fits, "links": links, "escalate": escalate}

    walks = [
        {
            "heading": one.heading,
            "steps": [
                {
                    "question": plain(step.question),
                    "notes": [[plain(name), plain(text)] for name, text in step.notes],
                    "yes": end(step.yes),
                    "no": end(step.no),
                }
                for step in one.steps
            ],
            "last": end(one.last),
        }
        for one in found
    ]
    labels = payload.labels(sentences(hl()), "walk")
    facts = {"article": article.id, "version": article.version, "key": keys["walk"][0]}
    case_walk(data={**facts, "labels": labels, "walks": walks})


def _footer(article: Article) -> None:
    """Who answers for it, and until when."""
    facts = [t("article.owner", owner=literal(article.owner))] if article.owner else []
    if article.review_by:
        facts.append(t("article.review_by", day=article.review_by.isoformat()))
    if article.audience == "external":
        facts.append(t("article.external"))
    st.caption(" · ".join([*facts, article.id]))


def _heading(here: Desk, served: Served, article: Article) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        category = f"category.{article.category}"
        st.badge(t(category) if category in sentences(hl()) else article.category or "–", color="blue")
        st.badge(t(f"state.{article.state}"), color="green" if article.state == "validated" else "orange")
        for name in payload.product_names(served.catalogue, article.products, hl()):
            st.badge(literal(name), color="gray")
        if article.audience == "internal":
            st.badge(t("article.internal"), color="orange")
        if article.valid_until:
            st.caption(t("article.valid_until", day=article.valid_until.isoformat()))
        if here.read(article.twin, me()):
            other = "中文" if article.lang == "en" else "English"
            look = ":material/translate:"
            st.button(other, icon=look, type="tertiary", key="twin", on_click=show, args=(article.twin,))
    st.header(literal(article.title), anchor=False)


def show(id: str) -> None:
    """Open another article of this visit; '' closes."""
    st.session_state["article"] = id
    st.session_state["section"] = st.session_state["sentence"] = ""
    st.session_state["restored"] = False


def _say(served: Served, article: Article, keys: dict[str, list[str]]) -> None:
    known = served.site.slots or {}
    slots = {slot: known.get(slot, {}).get(hl(), slot) for slot in article.slots}
    labels = payload.labels(sentences(hl()), "say")
    facts = {"text": article.say, "article": article.id, "version": article.version, "lang": article.lang}
    first = {action: first for action, (first, *_) in keys.items()}
    say_line(data={**facts, "slots": slots, "labels": labels, "keys": first})


def _blocks(served: Served, article: Article, blocks: list[Block]) -> None:
    """What may be decided and what must never be said, side by side."""
    if blocks:
        for column, block in zip(st.columns(len(blocks)), blocks, strict=True):
            with column:
                _block(served, article, block)


def _block(served: Served, article: Article, block: Block) -> None:
    look, icon = BLOCK_LOOK[block.kind]
    label = t(f"article.{block.kind}")
    department = (served.site.departments or {}).get(block.argument)
    if block.kind == "escalate" and department:
        local = datetime.now(UTC).astimezone(served.site.zone)
        name = department.name_zh if hl() == "zh" else department.name_en
        state = t("article.open_now") if department.hours.open_at(local) else t("article.closed_now")
        label = f"{label}: {name} – {state}"
    text = answering(safe_markdown(block.text, article), str(st.session_state.get("sentence", "")))
    look(f"**{safe_markdown(label)}**\n\n{text}", icon=icon)


def _links(here: Desk, article: Article) -> None:
    links = [(text, id) for text, id in article_links(article.body) if here.read(id, me())]
    if links:
        with st.container(horizontal=True, gap="small"):
            for text, id in links:
                st.button(literal(text), icon=":material/arrow_forward:", on_click=show, args=(id,), key=f"link-{id}")
