"""Signing in and out: one plain page, in the visitor's language, that needs no script.

`next` is where they wanted to go. It comes back to the byte, so that a call that pops up before
somebody has signed in keeps its id and its question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from kb.config import is_loopback
from kb.doors.gate import Visit
from kb.doors.wiring import Desk
from kb.errors import KBError, RequestError
from kb.i18n import LANGUAGES, browser_language, explain, say
from kb.people import accounts, oidc, sessions
from kb.people.users import SAMPLES

FIRST_ACCOUNT = "python -m kb user add NAME --role admin"
MAX_BODY = 16 * 1024
NAMES = {"zh": "中文", "en": "English"}
TAGS = {"zh": "zh-CN", "en": "en"}
STATUS = {"sign_in_wrong": 401, "sign_in_tries": 429, "demo_over": 403, "password_must_change": 403}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"


@dataclass(frozen=True)
class Form:
    """What the page shows: where it leads, in which language, what was typed and what went wrong."""

    destination: str
    hl: str = ""  # the language, where it was chosen on this page
    language: str = "en"
    name: str = ""
    changing: bool = False  # a new password is asked for too
    demo: bool = False
    company: bool = False  # the company's own accounts are good here
    problem: str = ""


def routes(desk: Desk) -> list[BaseRoute]:
    """`/sign-in` and `/sign-out`, behind the gate."""

    async def show(request: Request) -> Response:
        visit: Visit = request.state.visit
        form = _form(request, dict(request.query_params))
        if visit.session is not None and not form.changing:
            return RedirectResponse(_onward(form), 303)
        return await answer(request, form)

    async def sign_in(request: Request) -> Response:
        form = _form(request, {})
        try:
            given = await _given(request)
            form = _form(request, given)
            token, device = await to_thread.run_sync(_token, desk, request, given)
        except KBError as error:
            changing = form.changing or error.code == "password_must_change"
            told = replace(form, problem=explain(form.language, error), changing=changing)
            return await answer(request, told, STATUS.get(error.code, 400))
        visit: Visit = request.state.visit
        response = RedirectResponse(_onward(form), 303)
        flags: dict[str, Any] = {"httponly": True, "samesite": "lax", "secure": visit.secure}
        response.set_cookie(visit.cookie, token, **flags)
        if device:
            life = int(accounts.DEVICE_LIFE.total_seconds())
            response.set_cookie(f"{visit.cookie}-device", device, max_age=life, **flags)
        return response

    async def go(request: Request) -> Response:
        """To the company's provider of identities."""
        form, visit = _form(request, dict(request.query_params)), request.state.visit
        if desk.oidc is None:
            return await answer(request, form, 404)
        back, at = _back(request), datetime.now(UTC)
        try:
            url, state = await to_thread.run_sync(oidc.begin, desk.database, desk.oidc, back, _onward(form), at)
        except KBError as error:
            return await answer(request, replace(form, problem=explain(form.language, error)), 403)
        response = RedirectResponse(url, 303)
        life = int(oidc.WITHIN.total_seconds())
        flags: dict[str, Any] = {"httponly": True, "samesite": "lax", "secure": visit.secure}
        response.set_cookie(f"{visit.cookie}-oidc", state, max_age=life, **flags)
        return response

    async def come_back(request: Request) -> Response:
        """And back from there."""
        form, visit = _form(request, {}), request.state.visit
        if desk.oidc is None:
            return await answer(request, form, 404)
        given, cookie = dict(request.query_params), request.cookies.get(f"{visit.cookie}-oidc", "")
        back, at = _back(request), datetime.now(UTC)
        flags: dict[str, Any] = {"httponly": True, "samesite": "lax", "secure": visit.secure}
        try:
            done = await to_thread.run_sync(oidc.finish, desk.database, desk.oidc, back, given, cookie, at)
        except KBError as error:
            return await answer(request, replace(form, problem=explain(form.language, error)), 403)
        if visit.session is not None:
            await to_thread.run_sync(desk.presence.sign_out, visit.key)
        token, destination = done
        response = RedirectResponse(local_path(destination), 303)
        response.set_cookie(visit.cookie, token, **flags)
        response.delete_cookie(f"{visit.cookie}-oidc", **flags)
        return response

    async def sign_out(request: Request) -> Response:
        visit: Visit = request.state.visit
        if visit.key:
            await to_thread.run_sync(desk.presence.sign_out, visit.key)
        hl = request.query_params.get("hl")
        response = RedirectResponse(f"/sign-in?hl={hl}" if hl in LANGUAGES else "/sign-in", 303)
        response.delete_cookie(visit.cookie, httponly=True, samesite="lax", secure=visit.secure)
        return response

    async def answer(request: Request, form: Form, status: int = 200) -> Response:
        demo = await to_thread.run_sync(_demo, desk, request)
        return HTMLResponse(
            page(replace(form, demo=demo, company=desk.oidc is not None)), status, {"Content-Security-Policy": POLICY}
        )

    return [
        Route("/sign-in", show, methods=["GET"]),
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-in/oidc", go, methods=["GET"]),
        Route("/sign-in/oidc/back", come_back, methods=["GET"]),
        Route("/sign-out", sign_out, methods=["POST"]),
    ]


def _back(request: Request) -> str:
    """Where the provider sends a browser back to. The Host is one of ours: the gate has seen to that."""
    scheme = "https" if request.state.visit.secure else "http"
    return f"{scheme}://{request.headers['host']}/sign-in/oidc/back"


def local_path(path: str) -> str:
    """Where to go after signing in: a path of this app with its query, else the first page."""
    odd = path.startswith("//") or "\\" in path or any(ord(char) < 33 for char in path)
    return "/" if odd or not path.startswith("/") or path.startswith(("/sign-in", "/sign-out")) else path


async def _given(request: Request) -> dict[str, str]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise RequestError("request_too_large", limit=MAX_BODY // 1024)
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    except ValueError as error:
        raise RequestError("request_not_a_form") from error
    return {name: values[0] for name, values in fields.items()}


def _form(request: Request, given: Mapping[str, str]) -> Form:
    """The page asked for. Its language: chosen on it, else that of the page they wanted, else the browser's."""
    destination = local_path(given.get("next", ""))
    chosen = given.get("hl", "")
    wanted = parse_qs(urlsplit(destination).query).get("hl", [""])[0]
    browser = browser_language(request.headers.get("accept-language", ""))
    language = next((one for one in (chosen, wanted) if one in LANGUAGES), browser)
    hl = chosen if chosen in LANGUAGES else ""
    return Form(destination, hl, language, given.get("name", "")[:100], changing="change" in given)


def _token(desk: Desk, request: Request, given: Mapping[str, str]) -> tuple[str, str]:
    """A new session's token, and the browser's ('' for a sample person's); the session they came with ends.

    Raises KBError for whoever is not let in.
    """
    visit: Visit = request.state.visit
    at, device = datetime.now(UTC), ""
    if "sample" in given:
        with desk.database.write() as connection:
            token = sessions.sign_in_sample(connection, given["sample"], at, local=_is_local(desk, request))
    else:
        name, password, new = (given.get(field, "") for field in ("name", "password", "new"))
        address = request.client.host if request.client else ""
        before = request.cookies.get(f"{visit.cookie}-device", "")[:200]
        token = accounts.sign_in(desk.database, name, password, address, at, new=new, device=before)
        with desk.database.write() as connection:
            device = accounts.remember(connection, accounts.id_of(name), before, at)
    if visit.session is not None:
        desk.presence.sign_out(visit.key)
    return token, device


def _is_local(desk: Desk, request: Request) -> bool:
    return desk.settings.local and request.client is not None and is_loopback(request.client.host)


def _demo(desk: Desk, request: Request) -> bool:
    with desk.database.read() as connection:
        return sessions.demo(connection, local=_is_local(desk, request))


def _onward(form: Form) -> str:
    """Where to go now, in the language chosen on the way where none was before."""
    if not form.hl or "hl" in parse_qs(urlsplit(form.destination).query):
        return form.destination
    return f"{form.destination}{'&' if '?' in form.destination else '?'}hl={form.hl}"


# --- the page ------------------------------------------------------------------------------------


@cache
def _template() -> Template:
    return Template((Path(__file__).parent / "sign_in.html").read_text("utf-8"))


def page(form: Form) -> str:
    """The page as HTML. Nothing that was typed gets in unescaped."""
    language = form.language
    other = "en" if language == "zh" else "zh"
    if form.demo:
        title, fields, below = say(language, "sign_in.demo_title"), _samples(form), _end_of_demo(language)
    else:
        title = say(language, "sign_in.change_title" if form.changing else "sign_in.title")
        fields, below = _fields(form), _other_form(form)
    if form.company:
        company = escape(f"/sign-in/oidc?{urlencode({'next': form.destination})}")
        below = f'<p><a class="company" href="{company}">{escape(say(language, "sign_in.company"))}</a></p>{below}'
    problem = f'<p class="bad" role="alert">{escape(form.problem)}</p>' if form.problem else ""
    return _template().substitute(
        lang=TAGS[language],
        title=escape(title),
        message=problem,
        next=escape(form.destination),
        hl=form.hl,
        fields=fields,
        below=below,
        other_link=escape(_link(form, hl=other, change=form.changing)),
        other_lang=TAGS[other],
        other_name=NAMES[other],
    )


def _link(form: Form, *, hl: str, change: bool) -> str:
    asked = {"next": form.destination} | ({"hl": hl} if hl else {}) | ({"change": "1"} if change else {})
    return f"/sign-in?{urlencode(asked)}"


def _samples(form: Form) -> str:
    hint = f"<p>{escape(say(form.language, 'sign_in.demo_hint'))}</p>"
    buttons = [
        f'<button name="sample" value="{id}"{" autofocus" if number == 0 else ""}>'
        f"{escape(say(form.language, f'sign_in.as_{id}'))}</button>"
        for number, id in enumerate(SAMPLES)
    ]
    return "\n".join([hint, *buttons])


def _end_of_demo(language: str) -> str:
    return f'<p class="soft">{escape(say(language, "sign_in.demo_end"))}<br><code>{FIRST_ACCOUNT}</code></p>'


def _fields(form: Form) -> str:
    language = form.language
    name = f'<input name="name" value="{escape(form.name)}" autocomplete="username" autocapitalize="none"'
    name += f' spellcheck="false" required{"" if form.name else " autofocus"}>'
    password = '<input name="password" type="password" autocomplete="current-password" required'
    password += f"{' autofocus' if form.name else ''}>"
    rows = [(say(language, "sign_in.name"), name), (say(language, "sign_in.password"), password)]
    if form.changing:
        new = f'<input name="new" type="password" autocomplete="new-password" minlength="{accounts.SHORTEST}" required>'
        rows.append((say(language, "sign_in.new_password", least=accounts.SHORTEST), new))
    labels = [f"<label>{escape(label)}{field}</label>" for label, field in rows]
    change = '<input type="hidden" name="change" value="1">' if form.changing else ""
    return "\n".join([*labels, change, f"<button>{escape(say(language, 'sign_in.button'))}</button>"])


def _other_form(form: Form) -> str:
    key = "sign_in.back" if form.changing else "sign_in.change"
    link = escape(_link(form, hl=form.hl, change=not form.changing))
    return f'<p class="soft"><a href="{link}">{escape(say(form.language, key))}</a></p>'
