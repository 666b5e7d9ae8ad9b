"""Our routes as the app serves them: behind the gate, with somebody signed in."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from kb.doors import api, probes, sign_in, v1
from kb.doors.gate import Gate
from kb.doors.wiring import Desk

HERE = "http://127.0.0.1:8501"
FAREWELL = b"from the top"


def app(desk: Desk, more: Sequence[BaseRoute] = ()) -> Starlette:
    """Sign-in page and API of this desk behind its gate; `more` are routes that stand for Streamlit's."""
    gate = Middleware(
        Gate,
        presence=lambda: desk.presence,
        addresses=desk.settings.addresses,
        policy="default-src 'self'",
        farewell=FAREWELL,
        most_sessions=desk.settings.most_sessions,
    )
    routes = [*probes.routes(desk), *sign_in.routes(desk), *api.routes(desk), *v1.routes(desk), *more]
    return Starlette(routes=routes, middleware=[gate])


def client(desk: Desk, more: Sequence[BaseRoute] = (), *, sample: str = "agent", base: str = HERE) -> TestClient:
    """A browser at this machine, signed in as a sample person unless `sample` is ''."""
    one = TestClient(app(desk, more), base_url=base, client=("127.0.0.1", 50_000), follow_redirects=False)
    if sample:
        assert one.post("/sign-in", data={"sample": sample}).status_code == 303
    return one
