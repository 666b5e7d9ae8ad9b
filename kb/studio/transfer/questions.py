"""A table of questions and answers (CSV): an answer is an article, with all the questions it answers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from kb.errors import RequestError
from kb.studio.transfer.found import Found, Refused, decoded, language, tag_of
from kb.studio.transfer.html import tidy
from kb.studio.transfer.pack import Pack

# What a column may be called, in small letters.
COLUMNS = {
    "question": ("question", "questions", "q", "faq", "问题", "提问", "问", "标准问题"),
    "answer": ("answer", "answers", "a", "reply", "response", "答案", "回答", "回复", "答", "标准答案"),
    "title": ("title", "subject", "标题"),
    "folder": ("category", "section", "topic", "分类", "类别", "栏目"),
    "lang": ("lang", "language", "locale", "语言"),
    "tags": ("tags", "labels", "keywords", "product", "products", "标签", "产品", "关键词"),
}
SAY_MOST = 300  # characters of an answer that can be read out as it is
CELL_MOST = 100_000


def read(pack: Pack, name: str) -> Iterator[Found | Refused]:
    """Every answer of the table. A row that has none is refused, with its number. Raises RequestError for a file that
    is no such table."""
    text = decoded(pack.read(name), name)
    try:
        rows = list(_rows(text))
    except csv.Error as error:
        raise RequestError("import_csv_broken", file=name) from error
    if not rows:
        raise RequestError("import_no_text", file=name)
    columns = _columns(rows[0])
    if not columns and len(rows[0]) == 2:
        columns, rows = {"question": 0, "answer": 1}, [[], *rows]
    if not {"question", "answer"} <= set(columns):
        raise RequestError("import_csv_columns", file=name)
    answers: dict[tuple[str, str], list[tuple[int, dict[str, str]]]] = {}
    for number, row in enumerate(rows[1:], 2 if rows[0] else 1):
        cells = {key: row[at].strip() for key, at in columns.items() if at < len(row)}
        if not any(cells.values()):
            continue
        if not cells.get("question") or not cells.get("answer"):
            yield Refused(f"{name}:{number}", RequestError("import_csv_row", line=number))
            continue
        lang = tag_of(cells.get("lang", "")) or language(cells["question"] + cells["answer"])
        answers.setdefault((lang, cells["answer"]), []).append((number, cells))
    for (lang, answer), given in answers.items():
        yield _found(name, lang, answer, given)


def _rows(text: str) -> Iterator[list[str]]:
    csv.field_size_limit(CELL_MOST)
    first = text.split("\n", 1)[0]
    mark = max(",;\t", key=first.count)
    yield from (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True) if any(row))


def _columns(header: list[str]) -> dict[str, int]:
    known = {name: key for key, names in COLUMNS.items() for name in names}
    found: dict[str, int] = {}
    for at, cell in enumerate(header):
        key = known.get(cell.strip().lower().lstrip("\ufeff"))
        if key:
            found.setdefault(key, at)
    return found


def _found(name: str, lang: str, answer: str, given: list[tuple[int, dict[str, str]]]) -> Found:
    number, first = given[0]
    questions = tuple(dict.fromkeys(" ".join(cells["question"].split()) for _, cells in given))
    said = " ".join(tidy(answer).split())
    body = f"::: say\n{said}\n:::" if len(said) <= SAY_MOST else tidy(answer)
    tags = tuple(
        tag.strip()
        for _, cells in given
        for tag in cells.get("tags", "").replace("；", ";").replace(",", ";").split(";")
    )
    return Found(
        origin=f"{name}:{number}",
        title=" ".join((first.get("title") or first["question"]).split()).rstrip("?？"),
        body=body,
        folders=tuple(one.strip() for one in first.get("folder", "").split("/") if one.strip()),
        lang=lang,
        questions=questions,
        tags=tuple(tag for tag in dict.fromkeys(tags) if tag),
    )
