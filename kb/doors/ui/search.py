"""The agent's page: the box and its results on the left, the article with its sentence to say on the right."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import streamlit as st

from kb.content.articles import Article, Block
from kb.doors import payload
from kb.doors.ui.finder import finder
from kb.doors.ui.frame import article_links, safe_markdown, t
from kb.doors.ui.say import say_line
from kb.doors.wiring import Desk, Served, desk
from kb.errors import GenerationError
from kb.i18n import explain, sentences

BLOCK_LOOK = {
    "decide": (st.success, ":material/check_circle:"),
    "never": (st.error, ":material/block:"),
    "escalate": (st.info, ":material/call_split:"),
}
_RELATED = re.compile(r"\n#{2,3}[^\n]*\n+(?:[ \t]*[-*][ \t]*\[[^\[\]\n]*\]\([^()\n]*\)[ \t]*\n?)+\s*\Z")


def page() -> None:
    """The whole page."""
    here = desk()
    try:
        served = here.served or here.open()
    except GenerationError as error:
        _not_yet(here, error)
        return
    if "article" not in st.session_state:
        st.session_state["article"] = st.query_params.get("article", "")
        st.session_state["question"] = st.query_params.get("q", "")
    _desk(here, served)


@st.fragment
def _desk(here: Desk, served: Served) -> None:
    left, right = st.columns([5, 7], gap="medium")
    with left:
        finder(data=_finder_data(served), on_open=_open)
        if here.trouble is not None:
            st.warning(t("shell.trouble", problem=explain(_hl(), here.trouble)), icon=":material/warning:")
    with right, st.container(border=True, key="article-pane"):
        _article(here, served, str(st.session_state["article"]))


def _hl() -> str:
    return str(st.session_state["hl"])


def _open() -> None:
    """An article was opened in the box."""
    result = st.session_state["finder"].get("open")
    if result:
        st.session_state["article"] = str(result["article"])
        st.session_state["question"] = str(result["q"])[:2000]


def _finder_data(served: Served) -> dict[str, object]:
    hl = _hl()
    labels: dict[str, object] = dict(payload.labels(sentences(hl), "finder"))
    labels["categories"] = payload.labels(sentences(hl), "category")
    labels["products"] = {code: product.name(hl) for code, product in served.catalogue.items()}
    labels["slots"] = {slot: names.get(hl, slot) for slot, names in (served.site.slots or {}).items()}
    return {
        "labels": labels,
        "ui": hl,
        "open": st.session_state["article"],
        "q": st.session_state["question"],
        "token": f"{hl}|{served.opened.manifest.generation}",
    }


def _not_yet(here: Desk, error: GenerationError) -> None:
    """Nothing to serve yet: the first index is being built, or the index is damaged."""
    if error.code == "index_missing":
        st.info(t("article.no_index"), icon=":material/hourglass_top:")
    else:
        st.error(explain(_hl(), error), icon=":material/error:")

    @st.fragment(run_every=2)
    def wait() -> None:
        if here.served is not None:
            st.rerun(scope="app")

    wait()


# --- the article ---------------------------------------------------------------------------------


def _article(here: Desk, served: Served, id: str) -> None:
    article = here.read(id) if id else None
    if article is None:
        empty = not served.opened.engine.ids
        sentence = t("article.empty_base", folder=here.settings.articles) if empty else t("article.pick")
        st.caption(t("article.gone") if id else sentence)
        return
    _heading(here, served, article)
    _say(served, article)
    _blocks(served, [block for block in article.blocks if block.kind in ("decide", "never")])
    for block in article.blocks:
        if block.kind == "escalate":
            _block(served, block)
    prose = _RELATED.sub("\n", article.prose)
    st.markdown(safe_markdown(prose))
    _links(here, article)
    _footer(article)


def _footer(article: Article) -> None:
    """Who answers for it, and until when."""
    facts = [t("article.owner", owner=article.owner)] if article.owner else []
    if article.review_by:
        facts.append(t("article.review_by", day=article.review_by.isoformat()))
    if article.audience == "external":
        facts.append(t("article.external"))
    st.caption(" · ".join([*facts, article.id]))


def _heading(here: Desk, served: Served, article: Article) -> None:
    hl = _hl()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        category = f"category.{article.category}"
        st.badge(t(category) if category in sentences(hl) else article.category or "–", color="blue")
        st.badge(t(f"state.{article.state}"), color="green" if article.state == "validated" else "orange")
        for name in payload.product_names(served.catalogue, article.products, hl):
            st.badge(name, color="gray")
        if article.audience == "internal":
            st.badge(t("article.internal"), color="orange")
        if article.valid_until:
            st.caption(t("article.valid_until", day=article.valid_until.isoformat()))
        if here.read(article.twin):
            other = "中文" if article.lang == "en" else "English"
            look = ":material/translate:"
            st.button(other, icon=look, type="tertiary", key="twin", on_click=_show, args=(article.twin,))
    st.header(article.title, anchor=False)


def _show(id: str) -> None:
    st.session_state["article"] = id


def _say(served: Served, article: Article) -> None:
    hl = _hl()
    if not article.say:
        st.caption(t("say.none"))
        return
    known = served.site.slots or {}
    slots = {slot: known.get(slot, {}).get(hl, slot) for slot in article.slots}
    labels = payload.labels(sentences(hl), "say")
    say_line(data={"text": article.say, "article": article.id, "lang": article.lang, "slots": slots, "labels": labels})


def _blocks(served: Served, blocks: list[Block]) -> None:
    """What may be decided and what must never be said, side by side."""
    if blocks:
        for column, block in zip(st.columns(len(blocks)), blocks, strict=True):
            with column:
                _block(served, block)


def _block(served: Served, block: Block) -> None:
    look, icon = BLOCK_LOOK[block.kind]
    label = t(f"article.{block.kind}")
    department = (served.site.departments or {}).get(block.argument)
    if block.kind == "escalate" and department:
        local = datetime.now(UTC).astimezone(served.site.zone)
        name = department.name_zh if _hl() == "zh" else department.name_en
        state = t("article.open_now") if department.hours.open_at(local) else t("article.closed_now")
        label = f"{label}: {name} – {state}"
    look(f"**{safe_markdown(label)}**\n\n{safe_markdown(block.text)}", icon=icon)


def _links(here: Desk, article: Article) -> None:
    links = [(text, id) for text, id in article_links(article.body) if here.read(id)]
    if links:
        with st.container(horizontal=True, gap="small"):
            for text, id in links:
                st.button(text, icon=":material/arrow_forward:", on_click=_show, args=(id,), key=f"link-{id}")


page()
