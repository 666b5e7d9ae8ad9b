"""The answers of the sign-in pages: a page, or the way on with the cookies of whoever came in."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from kb.config import is_loopback
from kb.doors.gate import Visit
from kb.doors.gate.policy import frames_of
from kb.doors.sign_in.form import Form
from kb.doors.sign_in.page import page
from kb.doors.wiring import Desk
from kb.errors import KBError, StoreError
from kb.i18n import explain, say
from kb.people import accounts, sessions

POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
AGAIN = 5  # seconds after which the page looks again whether the database is back
PATIENCE = 1.0  # seconds that anybody waits for the database here
GONE = 0  # the life of a cookie that is taken away


async def answer(desk: Desk, request: Request, form: Form, status: int = 200) -> Response:
    """The page, as it is for who asks from there."""
    headers = {"Content-Security-Policy": f"{POLICY}; {frames_of(desk.settings.frame_ancestors)}"}
    try:
        demo = await to_thread.run_sync(is_demo, desk, request)
    except StoreError:
        demo, status = False, 503
        form = replace(form, problem=say(form.language, "sign_in.away"), setting_up=False)
        headers["Refresh"] = f"{AGAIN}; url=/sign-in?{urlencode({'next': form.destination, 'hl': form.hl})}"
    shown = replace(form, demo=demo, company=desk.oidc is not None)
    return HTMLResponse(page(shown), status, headers)


async def refused(desk: Desk, request: Request, form: Form, error: KBError, status: int = 400) -> Response:
    """The page once more, with what went wrong."""
    told = replace(form, problem=explain(form.language, error))
    return await answer(desk, request, told, status)


def entered(desk: Desk, request: Request, token: str, destination: str, device: str = "") -> Response:
    """On to where they wanted to go, with the session's cookie, and the browser's where it is known from now on."""
    visit: Visit = request.state.visit
    response = RedirectResponse(destination, 303)
    set_cookie(desk, visit, response, visit.cookie, token)
    if device:
        life = int(accounts.DEVICE_LIFE.total_seconds())
        set_cookie(desk, visit, response, f"{visit.cookie}-device", device, life)
    return response


def set_cookie(desk: Desk, visit: Visit, response: Response, name: str, value: str, life: int | None = None) -> None:
    """A cookie for this site and no script. life: seconds, None = until the browser is closed, `GONE`."""
    samesite = desk.settings.samesite
    response.set_cookie(name, value, max_age=life, httponly=True, samesite=samesite, secure=visit.secure)  # type: ignore[arg-type]
    if samesite == "none":  # good in the frame it was given in, and below no other site's page (CHIPS)
        header, cookie = response.raw_headers[-1]
        response.raw_headers[-1] = header, cookie + b"; Partitioned"


def is_local(desk: Desk, request: Request) -> bool:
    """Whether who asks sits at this machine, and nobody else can ask."""
    return desk.settings.local and request.client is not None and is_loopback(request.client.host)


def is_demo(desk: Desk, request: Request) -> bool:
    """Whether sample people may sign in from there, and the first account be made. Raises StoreError."""
    with desk.database.read(PATIENCE) as connection:
        return sessions.demo(connection, local=is_local(desk, request))
