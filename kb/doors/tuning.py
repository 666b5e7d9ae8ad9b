"""What editors tell the search, at the desk: written to its file, audited, and heard by the next question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kb.doors.wiring import Desk
from kb.people import audit
from kb.people.users import User
from kb.tuning import files, synonyms
from kb.tuning.synonyms import Synonyms


def add_synonyms(desk: Desk, by: User, words: Sequence[str], at: datetime) -> Synonyms:
    """Let these words mean the same from now on: added to the group that has some of them, else a group of their own.

    Nothing is written where they do already. Raises NotAllowedError, RequestError for words that can be no group,
    ArticleError where the file cannot be read, StaleError where somebody else writes it just now.
    """
    source, base = files.now(desk.settings.articles, synonyms.FILE)
    before = synonyms.read(source)
    after = before.with_words(words)
    if after != before:
        save_synonyms(desk, by, after, base, at)
    return after


def save_synonyms(desk: Desk, by: User, wanted: Synonyms, base: str, at: datetime) -> None:
    """Make these the synonyms, over the version `base` of their file. Raises as `add_synonyms` does."""
    source, _ = files.now(desk.settings.articles, synonyms.FILE)
    before = synonyms.read(source).groups
    _save(
        desk,
        by,
        synonyms.FILE,
        synonyms.written(source, wanted),
        base,
        at,
        added=["、".join(one) for one in wanted.groups if one not in before],
        taken_out=["、".join(one) for one in before if one not in wanted.groups],
    )


def _save(desk: Desk, by: User, name: str, source: bytes, base: str, at: datetime, **facts: object) -> None:
    """One file written and audited: both, or neither."""
    with desk.database.write() as connection:
        audit.append(connection, by.id, "edit", at, name, **facts)
        files.save(desk.settings.articles, name, source, base, by)
    desk.reread()
