"""The first start: whoever sits at this machine makes the first account, an admin's. Then there is no such page."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from kb.doors.sign_in.answers import answer, entered, is_demo, is_local, refused
from kb.doors.sign_in.form import Form, form_of, given, onward
from kb.doors.wiring import Desk
from kb.errors import KBError, NotFoundError, RequestError, StoreError
from kb.i18n import explain
from kb.people import accounts, sessions
from kb.people.users import Role, User


async def show(desk: Desk, request: Request) -> Response:
    """The page, while nobody has an account and who asks is at this machine."""
    form = replace(form_of(request, request.query_params), setting_up=True)
    with suppress(StoreError):  # `answer` says so
        if not await to_thread.run_sync(is_demo, desk, request):
            return _gone(form)
    return await answer(desk, request, form)


async def make(desk: Desk, request: Request) -> Response:
    """Make the account and let its person in."""
    form = replace(form_of(request, {}), setting_up=True)
    try:
        fields = await given(request)
        form = replace(form_of(request, fields), setting_up=True)
        token = await to_thread.run_sync(_token, desk, request, fields)
    except KBError as error:
        return _gone(form) if error.code == "demo_over" else await refused(desk, request, form, error)
    return entered(desk, request, token, onward(form))


def _token(desk: Desk, request: Request, fields: Mapping[str, str]) -> str:
    """The token of the first person's session. Raises KBError."""
    id, password = accounts.id_of(fields.get("name", "")), fields.get("password", "")
    if password != fields.get("again", ""):
        raise RequestError("passwords_differ")
    first, at = User(id, fields.get("shown", "").strip() or id, Role.ADMIN), datetime.now(UTC)
    with desk.database.write() as connection:
        accounts.add_first(connection, first, password, at, local=is_local(desk, request))
        return sessions.sign_in(connection, id, at)


def _gone(form: Form) -> Response:
    return PlainTextResponse(explain(form.language, NotFoundError("page_missing")), 404)
