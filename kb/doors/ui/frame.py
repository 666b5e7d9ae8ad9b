"""What every page shares: the language a person reads, and article text made safe to draw."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

import streamlit as st

from kb.content.articles import Article
from kb.doors import wiring
from kb.doors.wiring import desk
from kb.errors import KBError, StoreError
from kb.i18n import LANGUAGES, explain, nearest_language, say
from kb.people import audit
from kb.people.sessions import Session
from kb.people.users import Action, User, may
from kb.studio.media import media_of

LINE_MOST = 2_000  # characters of a field of one line; Streamlit cuts what is longer, whoever sent it
NEVER = timedelta(days=1)  # no session lives so long, and none is kept alive by it
SEARCH_PAGE = Path(__file__).parent / "search.py"
# Streamlit's captions, quotes, key hints and chosen options are too faint to read: below 4.5 : 1.
LEGIBLE = """
[data-testid="stCaptionContainer"], [data-testid="stMarkdownContainer"] blockquote { color: inherit; opacity: .8; }
[data-testid="stMarkdownContainer"] blockquote p { color: inherit; opacity: 1; }
button kbd { color: inherit !important; opacity: 1 !important; }
[data-testid="stButtonGroup"] button[data-selected="true"] { color: inherit !important; }
"""
CORNER = """
.st-key-corner { position: fixed; top: .85rem; right: 3.5rem; z-index: 999990; width: auto; gap: .75rem; }
.leave { display: flex; align-items: center; gap: .6rem; margin: 0; font-size: .9rem; white-space: nowrap; }
.leave span { max-width: 14rem; overflow: hidden; text-overflow: ellipsis; opacity: .8; }
.leave button { padding: .2rem .7rem; font: inherit; color: inherit; background: none; cursor: pointer;
  border: 1px solid color-mix(in srgb, currentColor 30%, transparent); border-radius: 8px; }
.leave button:hover { border-color: currentColor; }
.demo { position: fixed; bottom: 0; left: 0; z-index: 999970; margin: 0; padding: .1rem .8rem; font-size: .8rem;
  border-radius: 0 8px 0 0; background: color-mix(in srgb, orange 30%, Canvas); color: CanvasText; }
[data-testid="stTopNavLink"] { padding-inline: .35rem; }
@media (max-width: 1660px) { .leave.beside-all span { display: none; } }
@media (min-width: 769px) { [data-testid="stToolbar"] { padding-right: 18.2rem; } }
@media (max-width: 760px) { .leave span { display: none; } }
"""
NAMES = {"zh": "中文", "en": "English"}


def language() -> str:
    """The interface's language: chosen (`?hl=`), else the browser's."""
    chosen = st.query_params.get("hl", "")
    if chosen not in LANGUAGES:
        chosen = st.session_state.get("hl") or nearest_language(st.context.locale)
    st.session_state["hl"] = chosen
    return str(chosen)


def session() -> Session:
    """The session that this page is looked at in. Where it is over the page says so, and nothing after this runs.

    Asked anew on every run, and anew of the database every 1.5 s.
    """
    try:
        found = desk().presence.session(str(st.user.get("session") or ""))
    except StoreError as error:
        st.error(explain(language(), error), icon=":material/error:")
        st.stop()
    if found is None:
        _say_it_ended()
        st.stop()
    st.session_state["here"] = _address()
    return found


def me() -> User:
    """Who is looking at this page. Where their session is over the page says so, and nothing after this runs."""
    return session().user


def _address() -> str:
    """Path and query of this page."""
    path = urlsplit(st.context.url or "").path or "/"
    query = urlencode(st.query_params.to_dict())
    return f"{path}?{query}" if query else path


def _say_it_ended() -> None:
    """One sentence and the way back. The run that tells this may know no address; the one before it did."""
    link = f"/sign-in?next={quote(str(st.session_state.get('here', '/')), safe='')}"
    st.warning(t("people.ended"), icon=":material/lock:")
    st.html(f'<a class="again" href="{escape(link)}">{escape(t("people.again_link"))}</a>')


def hl() -> str:
    """The interface's language of this visit: `zh` or `en`."""
    return str(st.session_state.get("hl", "en"))


def t(key: str, **facts: object) -> str:
    """A sentence in the interface's language."""
    return say(hl(), key, **facts)


def corner(visit: Session, hl: str) -> None:
    """Top right, on every page: who is signed in, the way out, 中文 | English."""
    st.html(f"<style>{CORNER}{LEGIBLE}</style>")
    name, leave = escape(visit.user.name), escape(t("people.sign_out"))
    beside = " beside-all" if may(visit.user, Action.MANAGE_USERS) else ""  # the row of every page leaves little room
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="corner"):
        st.html(
            f'<form class="leave{beside}" method="post" action="/sign-out?hl={hl}">'
            f'<span title="{escape(visit.user.id)}">{name}</span><button>{leave}</button></form>',
            width="content",
        )
        _language_switch(hl)
    if visit.sample:
        st.html(f'<p class="demo">{escape(t("people.demo"))}</p>')


@st.fragment(run_every=NEVER)
def whole_again() -> None:
    """Draws nothing. A page with a part that runs by itself is run as a whole when its connection comes back; any
    other waits for the next key, and a server that never saw it, the one before having died, has no part to answer it
    with."""


def _language_switch(current: str) -> None:
    """In the address too, so that a refresh keeps it."""
    with st.container(key="language", width="content"):
        chosen = st.segmented_control(
            t("shell.language"),
            options=list(LANGUAGES),
            format_func=NAMES.__getitem__,
            default=current,
            label_visibility="collapsed",
            key=f"language-{current}",
        )
    if chosen and chosen != current:
        st.query_params["hl"] = chosen
        st.session_state["hl"] = chosen
        st.rerun()


_MARK = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])")
_IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\(([^()\s]*)[^()\n]*\)|!\[")
_LINK = re.compile(r"(?<!!)\[([^\[\]\n]*)\]\(([^()\s]+)\)")
# Where a link's address begins, and its scheme: inline, by reference, between angle brackets.
_SCHEME = re.compile(
    r"(\](?:\(|:)[ \t\r\n]*<?|<)([A-Za-z&#;0-9+.\t\r\n-]{1,40}?)(:|&colon;|&#0*58;|&#x0*3a;)", re.IGNORECASE
)
_SAFE = ("http", "https", "mailto", "tel")
_DIRECTIVE = re.compile(r":(?=[a-z-]+(?:\[|/))")


def article_links(markdown: str) -> list[tuple[str, str]]:
    """Links to other articles as (text, article id), in order, each once."""
    found: dict[str, str] = {}
    for text, target in _LINK.findall(markdown):
        name = target.split("#")[0].rsplit("/", 1)[-1]
        if name.endswith(".md") and ":" not in target:
            found.setdefault(name.removesuffix(".md"), text)
    return [(text, id) for id, text in found.items()]


def literal(text: str) -> str:
    """What a person typed, for `st.markdown`: every mark of Markdown as itself."""
    return _MARK.sub(r"\\\1", " ".join(text.split()))


def safe_markdown(markdown: str, article: Article | None = None) -> str:
    """Article Markdown for `st.markdown`: no images from elsewhere, no Streamlit directives, no formulas, no links that
    run or hold something (`data:`, `javascript:`).

    Pictures of the base are shown by our own route, where the article they are in is given. Links to articles become
    their text: the page offers them as buttons, so that nobody leaves a call.
    """
    text = _LINK.sub(lambda m: _link(article, m), markdown)
    text = _IMAGE.sub(lambda m: _picture(article, m), text)
    text = _SCHEME.sub(lambda m: m[0] if m[2].lower() in _SAFE else f"{m[1]}{m[2]}%3A", text)
    text = _DIRECTIVE.sub(r"\\:", text)
    return text.replace("$", "\\$")


def _picture(article: Article | None, found: re.Match[str]) -> str:
    if found[1] is None:  # an image whose address stands elsewhere, or is no plain one
        return "!\\["
    address = _address_of(article, found[2])
    return f"![{found[1]}]({address})" if address else found[1]


def _link(article: Article | None, found: re.Match[str]) -> str:
    if ".md" in found[2]:
        return found[1]
    address = _address_of(article, found[2])
    return f"[{found[1]}]({address})" if address else found[0]


def _address_of(article: Article | None, target: str) -> str:
    """Where our own route shows a file that an article names, '' for anything else."""
    name = media_of(article, target) if article else ""
    return f"/articles-media/{article.id}/{name}" if article and name else ""


@contextmanager
def told() -> Iterator[None]:
    """What goes wrong inside is told in one sentence, and the rest of the page goes on. A page that comes before the
    first index waits for it."""
    try:
        yield
    except KBError as error:
        if error.code == "index_missing":
            _wait_for_the_index()
            return
        _note_refusal(error)
        st.error(explain(str(st.session_state.get("hl", "en")), error), icon=":material/error:")


def _wait_for_the_index() -> None:
    st.info(t("article.no_index"), icon=":material/hourglass_top:")

    @st.fragment(run_every=2)
    def wait() -> None:
        if desk().served is not None:
            st.rerun(scope="app")

    wait()


def _note_refusal(error: KBError) -> None:
    if error.code == "not_allowed":
        with suppress(StoreError):
            desk().presence.note_refusal(me().id, str(error.facts["action"]))


def taken(what: str, made: Callable[[], str | bytes]) -> Callable[[], str | bytes]:
    """For a button that downloads: the file as it is made, once it stands in the audit log who took it.

    what: the file in a word or two, nothing of what is in it
    """
    here, by = wiring.desk(), me()  # whoever presses; the file is made outside of the page's run

    def make() -> str | bytes:
        with here.database.write() as connection:
            audit.append(connection, by.id, "export", datetime.now(UTC), what)
        return made()

    return make


def moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """A moment in site time, as short as it can be told: `18:00` today, else with its day."""
    local = at.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%Y-%m-%d %H:%M}"


def open_article(id: str) -> None:
    """Leave this page for an article on the agent's page, which takes it from the address on its first visit."""
    if "article" in st.session_state:
        st.session_state["article"], st.session_state["section"], st.session_state["restored"] = id, "", False
        st.switch_page(SEARCH_PAGE)
    st.switch_page(SEARCH_PAGE, query_params={"article": id})
