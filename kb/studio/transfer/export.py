"""The base as a zip: every article a person may see, the files it shows, and the base's own tables, to the byte."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from kb.content import articles
from kb.errors import ArticleError
from kb.people.users import Action, User, require
from kb.studio import media
from kb.studio.life import may_read

DAY = (1980, 1, 1, 0, 0, 0)  # the same base is the same zip


def export(folder: Path, by: User) -> bytes:
    """A zip of the articles folder as it is on disk. A file that is no article is left out: nobody can say whose it is.

    Raises NotAllowedError.
    """
    require(by, Action.EDIT_ARTICLE)
    shown: set[str] = set()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in articles.files(folder):
            try:
                article = articles.read(path, folder)
            except ArticleError:
                continue
            if may_read(by, article):
                shown |= media.names(article)
                _add(archive, article.path, path)
        for path in [*sorted(folder.glob("_*.toml")), *(folder / media.FOLDER / name for name in sorted(shown))]:
            if path.is_file() and not path.is_symlink():
                _add(archive, path.relative_to(folder).as_posix(), path)
    return out.getvalue()


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    info = zipfile.ZipInfo(name, DAY)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, path.read_bytes())
