"""The one text a person is writing: opened from its file or their draft, kept as they type, saved or merged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import streamlit as st

from kb.content import versions
from kb.content.articles import Article
from kb.doors import studio
from kb.doors.ui.frame import me, t
from kb.doors.wiring import Desk
from kb.errors import KBError, NotFoundError
from kb.people.users import Action, User, may
from kb.studio import drafts, writing
from kb.studio.drafts import Draft
from kb.studio.writing import Saved, StaleError

MINE, TWIN = "work", "work-twin"  # the text that is written, and beside it its twin in the other language


@dataclass(frozen=True)
class Work:
    """What is being written.

    base:     sha256 of the version it is written from, '' for a new file; `before` is that version's text
    token:    counts up when the page, not the person, changed `source`
    at:       when it was last kept (seconds since 1970): what a browser kept later is newer
    restored: it was a draft
    theirs:   what somebody else saved meanwhile, to be looked at; None = nothing
    keep:     False once it is saved: the browser's own copy may go
    """

    id: str
    path: str
    base: str
    before: str
    source: str
    gap: str = ""
    token: int = 0
    at: float = 0.0
    restored: bool = False
    theirs: str | None = None
    keep: bool = True

    @property
    def changed(self) -> bool:
        """Whether it reads otherwise than the version it is written from."""
        return self.source != self.before


def open_work(here: Desk, id: str) -> Work:
    """This person's draft of an article, else its file. Raises NotFoundError where there is neither."""
    by = me()
    with here.database.read() as connection:
        draft = drafts.of(connection, by, id)
    if draft is None:
        try:
            return _from_file(here, studio.article_of(here, by, id))
        except NotFoundError:
            path, source = _broken(here, by, id)
            return Work(id, path, writing.version_of(source), source, source)
    with here.database.read() as connection:
        before = versions.source_of(connection, draft.base) if draft.base else ""
    if before is None:
        try:
            before = studio.article_of(here, by, id).source
        except NotFoundError:
            _, before = _broken(here, by, id)
    at = draft.at.timestamp()
    return Work(id, draft.path, draft.base, before, draft.source, draft.gap, at=at, restored=draft.source != before)


def _broken(here: Desk, by: User, id: str) -> tuple[str, str]:
    """Path and text of a file that is no article, for those who see that there is one. Raises NotFoundError."""
    if not may(by, Action.SEE_STATUS):
        raise NotFoundError("article_not_found")
    return studio.broken(here, by, id)


def _from_file(here: Desk, article: Article) -> Work:
    with here.database.write() as connection:  # so that a merge has what both began from
        versions.keep(connection, article, datetime.now(UTC))
    return Work(article.id, article.path, article.version, article.source, article.source)


def new_work(id: str, category: str, source: str, gap: str = "") -> Work:
    """A file that is not there yet."""
    return Work(id, f"{category}/{id}.md", "", "", source, gap, token=1)


def current(slot: str = MINE) -> Work | None:
    """What this visit is writing; its twin where that is the `slot`, as in all that follows."""
    found: Work | None = st.session_state.get(slot)
    return found


def opened(here: Desk, id: str, slot: str = MINE) -> None:
    """Begin on an article, unless it is written already. Raises NotFoundError where there is none."""
    work = current(slot)
    if work is None or work.id != id:
        put(open_work(here, id), slot)
        tell(None, slot)


def told(slot: str = MINE) -> tuple[str, str] | None:
    """What the last step of this text came to, `done` or `trouble`, and its sentence."""
    note: tuple[str, str] | None = st.session_state.get(f"note-{slot}")
    return note


def tell(note: tuple[str, str] | None, slot: str = MINE) -> None:
    """Say what a step came to, None for nothing."""
    st.session_state[f"note-{slot}"] = note


def go(line: int, slot: str = MINE) -> None:
    """Put a line of the text in sight and choose it."""
    before = st.session_state.get(f"go-{slot}") or {"turn": 0}
    st.session_state[f"go-{slot}"] = {"line": line, "turn": before["turn"] + 1}


def put(work: Work | None, slot: str = MINE) -> None:
    """Go on with this text."""
    st.session_state[slot] = work


def typed(here: Desk, source: str, slot: str = MINE) -> None:
    """The person typed: go on with it, and keep it."""
    work = current(slot)
    if work is not None:
        put(keep(here, replace(work, source=source, keep=True)), slot)


def set_source(here: Desk, source: str, slot: str = MINE) -> None:
    """The page changed the text: the field shows it."""
    work = current(slot)
    if work is not None:
        put(keep(here, replace(work, source=source, token=work.token + 1, keep=True)), slot)


def keep(here: Desk, work: Work) -> Work:
    """Keep the draft. Where it cannot be kept the page says so; the browser has its own copy."""
    at = datetime.now(UTC)
    try:
        with here.database.write() as connection:
            if work.changed:
                draft = Draft(work.id, me().id, work.path, work.base, work.source, work.gap, at)
                drafts.keep(connection, me(), draft, known=work.before)
            else:
                drafts.drop(connection, me(), work.id)
    except KBError:
        st.session_state["unkept"] = True
        return work
    st.session_state["unkept"] = False
    return replace(work, at=at.timestamp())


def reload(here: Desk, slot: str = MINE) -> None:
    """Back to the file as it is, without the draft."""
    work = current(slot)
    if work is not None:
        with here.database.write() as connection:
            drafts.drop(connection, me(), work.id)
        fresh = _from_file(here, studio.article_of(here, me(), work.id))
        put(replace(fresh, token=work.token + 1, keep=False), slot)


def save(here: Desk, by: User, slot: str = MINE) -> Saved | None:
    """Save it; None where somebody else saved first: then both are shown, and nothing was written.

    Raises KBError where it cannot be saved as it is.
    """
    work = current(slot)
    if work is None:
        return None
    try:
        saved = studio.save(here, by, work.path, work.source, work.base, datetime.now(UTC))
    except StaleError as stale:
        put(replace(work, theirs=str(stale.facts["theirs"])), slot)
        return None
    article = saved.article
    put(
        replace(
            work,
            base=article.version,
            before=article.source,
            source=article.source,
            at=datetime.now(UTC).timestamp(),
            restored=False,
            theirs=None,
            keep=False,
        ),
        slot,
    )
    return saved


def take_theirs_in(here: Desk, slot: str = MINE) -> int:
    """Merge what somebody else saved into the text; how many places both changed, which now show both."""
    work = current(slot)
    if work is None or work.theirs is None:
        return 0
    merged = writing.merge(work.before, work.source, work.theirs, (t("edit.mine"), t("edit.theirs")))
    base = writing.version_of(work.theirs)
    both = replace(work, base=base, before=work.theirs, source=merged.source, token=work.token + 1, theirs=None)
    put(keep(here, both), slot)
    return merged.clashes
