"""Pictures and papers: taken from the editor, shown to those who may see an article that names them."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kb.doors import studio
from kb.doors.wire import answering, raw_body, refused, user
from kb.doors.wiring import Desk
from kb.errors import KBError
from kb.people.users import Action, require
from kb.studio import media

# A file is shown and nothing else: whatever it says it is, no script in it runs, and a paper is saved, not opened.
SHOWN = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin"}


def routes(desk: Desk) -> list[BaseRoute]:
    """The upload, and what is shown."""

    async def upload(request: Request) -> dict[str, Any]:
        by = user(request)
        require(by, Action.WRITE_ARTICLE)
        request.state.ui = request.query_params.get("ui", "")
        id = request.query_params.get("article", "")
        path = await to_thread.run_sync(studio.picture_path, desk, by, id)
        raw = await raw_body(request, media.MOST_BYTES)
        name = await to_thread.run_sync(media.put, desk.settings.articles, raw, by)
        return {"link": media.link(path, name)}

    async def show(request: Request) -> Response:
        by, facts = user(request), request.path_params
        try:
            require(by, Action.SEARCH)
            raw, kind = await to_thread.run_sync(studio.picture, desk, by, facts["id"], facts["name"])
        except KBError as error:
            return refused(request, error)
        shown = "inline" if kind.startswith("image/") else "attachment"
        named = f'{shown}; filename="{facts["name"]}"'  # a file there is has a name of letters, digits, - and _
        headers = {**SHOWN, "X-Content-Type-Options": "nosniff", "Content-Disposition": named}
        return Response(raw, media_type=kind, headers=headers)

    return [
        Route("/api/media", answering(upload), methods=["POST"]),
        Route("/articles-media/{id}/{name}", show, methods=["GET"]),
    ]
