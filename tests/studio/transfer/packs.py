"""Packs of files for the tests: a zip from a table of names and texts, and pictures to put in it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kb.content import articles
from kb.people.users import Role, User
from kb.studio.transfer import Base, Pack, Plan, Row, of_bytes, plan

EDITOR = User("ed", "Ed", Role.EDITOR)
Files = Mapping[str, str | bytes]


def zipped(files: Files) -> bytes:
    """A zip of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def pack(files: Files) -> Pack:
    """The same, as it is uploaded."""
    return of_bytes("export.zip", zipped(files))


def planned(files: Files | Pack, folder: Path, by: User = EDITOR, **more: Any) -> Plan:
    """The dry run of these files beside the articles in a folder."""
    there, _ = articles.read_all(folder)
    base = Base(folder, {one.id: one for one in there}, more.pop("catalogue", {}), **more)
    return plan(files if isinstance(files, Pack) else pack(files), base, by)


def only(made: Plan) -> Row:
    """The one row of a plan."""
    (row,) = made.rows
    return row


def body_of(row: Row) -> str:
    """The Markdown that a row would write, without its front matter."""
    return articles.parse(row.source, row.path).body.strip()


def zendesk(**tables: Any) -> str:
    """The JSON of a Help Center, in the words of its API."""
    return json.dumps({"count": len(tables.get("articles", [])), "next_page": None, **tables}, ensure_ascii=False)
