"""Signing in with name and password, or as one of the demo's sample people, and signing out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from kb.doors.gate import Visit
from kb.doors.sign_in.answers import GONE, answer, entered, is_local, refused, set_cookie
from kb.doors.sign_in.form import form_of, given, onward
from kb.doors.wiring import Desk
from kb.errors import KBError, StoreError
from kb.i18n import LANGUAGES, say
from kb.people import accounts, sessions

STATUS = {
    "sign_in_wrong": 401,
    "sign_in_tries": 429,
    "sign_in_busy": 503,
    "demo_over": 403,
    "password_must_change": 403,
}


async def show(desk: Desk, request: Request) -> Response:
    """The page; who is signed in already goes straight on."""
    visit: Visit = request.state.visit
    form = form_of(request, request.query_params)
    if visit.session is not None and not form.changing:
        return RedirectResponse(onward(form), 303)
    if _is_in_vain(desk, request):
        form = replace(form, problem=say(form.language, "sign_in.framed"))
    return await answer(desk, request, form)


def _is_in_vain(desk: Desk, request: Request) -> bool:
    """Whether the page is in a frame of another site, and browsers would keep no cookie of ours there."""
    framed = request.headers.get("sec-fetch-dest") == "iframe" and request.headers.get("sec-fetch-site") == "cross-site"
    return framed and desk.settings.samesite == "lax"


async def sign_in(desk: Desk, request: Request) -> Response:
    """Let in whoever has name and password, or is told why not."""
    form = form_of(request, {})
    try:
        fields = await given(request)
        form = form_of(request, fields)
        async with desk.sign_ins.turn():
            token, device = await to_thread.run_sync(_token, desk, request, fields)
    except KBError as error:
        changing = form.changing or error.code == "password_must_change"
        return await refused(desk, request, replace(form, changing=changing), error, STATUS.get(error.code, 400))
    return entered(desk, request, token, onward(form), device)


async def sign_out(desk: Desk, request: Request) -> Response:
    """End the session of this browser."""
    visit: Visit = request.state.visit
    if visit.key:
        try:
            await to_thread.run_sync(desk.presence.sign_out, visit.key)
        except StoreError as error:  # it would be said to be over, and not be
            return await refused(desk, request, form_of(request, {}), error, 503)
    hl = request.query_params.get("hl")
    response = RedirectResponse(f"/sign-in?hl={hl}" if hl in LANGUAGES else "/sign-in", 303)
    set_cookie(desk, visit, response, visit.cookie, "", GONE)
    return response


def _token(desk: Desk, request: Request, fields: Mapping[str, str]) -> tuple[str, str]:
    """A new session's token, and the browser's ('' for a sample person's); the session they came with ends.

    Raises KBError for whoever is not let in.
    """
    visit: Visit = request.state.visit
    desk.presence.mind_clock()
    at, device = datetime.now(UTC), ""
    if "sample" in fields:
        with desk.database.write() as connection:
            token = sessions.sign_in_sample(connection, fields["sample"], at, local=is_local(desk, request))
    else:
        name, password, new = (fields.get(field, "") for field in ("name", "password", "new"))
        address = request.client.host if request.client else ""
        before = request.cookies.get(f"{visit.cookie}-device", "")[:200]
        token = accounts.sign_in(desk.database, name, password, address, at, new=new, device=before)
        with desk.database.write() as connection:
            device = accounts.remember(connection, accounts.id_of(name), before, at)
    if visit.session is not None:
        desk.presence.sign_out(visit.key)
    return token, device
