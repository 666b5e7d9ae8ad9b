"""Signing in with the company's account: away to its provider of identities, and back from there."""

from __future__ import annotations

from datetime import UTC, datetime

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from kb.doors.sign_in.answers import GONE, answer, entered, refused, set_cookie
from kb.doors.sign_in.form import form_of, local_path, onward
from kb.doors.wiring import Desk
from kb.errors import KBError
from kb.people import oidc


async def go(desk: Desk, request: Request) -> Response:
    """To the provider."""
    form, visit = form_of(request, request.query_params), request.state.visit
    if desk.oidc is None:
        return await answer(desk, request, form, 404)
    back, at = _back(request), datetime.now(UTC)
    try:
        url, state = await to_thread.run_sync(oidc.begin, desk.database, desk.oidc, back, onward(form), at)
    except KBError as error:
        return await refused(desk, request, form, error, 403)
    response = RedirectResponse(url, 303)
    set_cookie(desk, visit, response, f"{visit.cookie}-oidc", state, int(oidc.WITHIN.total_seconds()))
    return response


async def come_back(desk: Desk, request: Request) -> Response:
    """From the provider: a session for who it says they are."""
    form, visit = form_of(request, {}), request.state.visit
    if desk.oidc is None:
        return await answer(desk, request, form, 404)
    given, cookie = dict(request.query_params), request.cookies.get(f"{visit.cookie}-oidc", "")
    back, at = _back(request), datetime.now(UTC)
    try:
        done = await to_thread.run_sync(oidc.finish, desk.database, desk.oidc, back, given, cookie, at)
    except KBError as error:
        return await refused(desk, request, form, error, 403)
    if visit.session is not None:
        await to_thread.run_sync(desk.presence.sign_out, visit.key)
    token, destination = done
    response = entered(desk, request, token, local_path(destination))
    set_cookie(desk, visit, response, f"{visit.cookie}-oidc", "", GONE)
    return response


def _back(request: Request) -> str:
    """Where the provider sends a browser back to. The Host is one of ours: the gate has seen to that."""
    scheme = "https" if request.state.visit.secure else "http"
    return f"{scheme}://{request.headers['host']}/sign-in/oidc/back"
