"""What is asked on the sign-in pages, and where they lead.

`next` is where somebody wanted to go. It comes back to the byte, so that a call that pops up before
they have signed in keeps its id and its question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from kb.doors.wire import raw_body
from kb.errors import RequestError
from kb.i18n import LANGUAGES, browser_language

MAX_BODY = 16 * 1024
MOST_FIELDS = 10
MOST_NAME = 200  # characters of a name shown again
OURS = ("/sign-in", "/sign-out", "/set-up")  # no places to go on to


@dataclass(frozen=True)
class Form:
    """What a page shows: where it leads, in which language, what was typed and what went wrong."""

    destination: str
    hl: str = ""  # the language, where it was chosen on this page
    language: str = "en"
    name: str = ""
    shown: str = ""  # the name that others will see
    changing: bool = False  # a new password is asked for too
    setting_up: bool = False  # the first account is made
    demo: bool = False
    company: bool = False  # the company's own accounts are good here
    problem: str = ""


async def given(request: Request) -> dict[str, str]:
    """The fields of a posted form. Raises RequestError for what is none."""
    body = await raw_body(request, MAX_BODY)
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise RequestError("request_not_a_form") from error
    return {name: values[0] for name, values in fields.items()}


def form_of(request: Request, fields: Mapping[str, str]) -> Form:
    """The page asked for. Its language: chosen on it, else that of the page they wanted, else the browser's."""
    destination = local_path(fields.get("next", ""))
    chosen = fields.get("hl", "")
    wanted = parse_qs(urlsplit(destination).query).get("hl", [""])[0]
    browser = browser_language(request.headers.get("accept-language", ""))
    language = next((one for one in (chosen, wanted) if one in LANGUAGES), browser)
    hl = chosen if chosen in LANGUAGES else ""
    name, shown = (fields.get(field, "")[:MOST_NAME] for field in ("name", "shown"))
    return Form(destination, hl, language, name, shown, changing="change" in fields)


def local_path(path: str) -> str:
    """Where to go after signing in: a path of this app with its query, else the first page."""
    odd = path.startswith("//") or "\\" in path or any(ord(char) < 33 for char in path)
    return "/" if odd or not path.startswith("/") or path.startswith(OURS) else path


def onward(form: Form) -> str:
    """Where to go now, in the language chosen on the way where none was before."""
    if not form.hl or "hl" in parse_qs(urlsplit(form.destination).query):
        return form.destination
    return f"{form.destination}{'&' if '?' in form.destination else '?'}hl={form.hl}"
