"""A Word document: one article, its first heading the title, its pictures with it."""

from __future__ import annotations

import base64
import io
import re
import zipfile

import mammoth

from kb.errors import KBError, RequestError
from kb.studio.transfer.found import Found
from kb.studio.transfer.html import markdown_of
from kb.studio.transfer.pack import MOST_FILE, MOST_RATIO, SMALL, Pack

MOST_XML = 4 * 2**20  # of the text of a document, unpacked: a book has less
_TITLE = re.compile(r"#{1,6} (.+)\n*")


def read(pack: Pack, name: str) -> Found:
    """The article of one document. Raises RequestError for what is no document, or too large."""
    raw = pack.read(name)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            _check(archive.infolist(), name)
        html = str(mammoth.convert_to_html(io.BytesIO(raw), external_file_access=False).value)
    except KBError:
        raise
    except (Exception, RecursionError) as error:  # zip, XML, and whatever a damaged document makes of either
        raise RequestError("import_docx_broken", file=name) from error
    # its pictures stand in the page as text: they are taken out before the page is found too long
    body, papers = markdown_of(*_without_pictures(html, name))
    stem = name.rpartition("/")[2].rpartition(".")[0]
    found = _TITLE.match(body)
    title = found[1] if found else stem
    body = body[found.end() :] if found else body
    if not body.strip():
        raise RequestError("import_no_text", file=name)
    folders = tuple(name.split("/")[:-1])
    return Found(
        name, re.sub(r"[*_\\]", "", title).strip() or stem, body, folders, papers={**papers, **_pictures(html)}
    )


def _check(infos: list[zipfile.ZipInfo], name: str) -> None:
    for info in infos:
        most = MOST_XML if info.filename.endswith((".xml", ".rels")) else MOST_FILE
        bomb = info.file_size > SMALL and info.file_size > MOST_RATIO * max(info.compress_size, 1)
        if info.file_size > most or bomb:
            raise RequestError("import_too_large", file=name, limit=most // 2**20)
    if sum(info.file_size for info in infos) > 4 * MOST_FILE:
        raise RequestError("import_too_large", file=name, limit=4 * MOST_FILE // 2**20)


_INLINE = re.compile(r'src="(data:image/[^"]*)"')


def _without_pictures(html: str, name: str) -> tuple[str, str]:
    count = iter(range(10_000))
    return _INLINE.sub(lambda _: f'src="picture-{next(count)}"', html), name


def _pictures(html: str) -> dict[str, str | bytes]:
    found = enumerate(_INLINE.findall(html))
    return {f"picture-{at}": base64.b64decode(one.partition(",")[2], validate=False) for at, one in found}
