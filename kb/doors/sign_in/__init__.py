"""Signing in and out, and the very first account: plain pages, in the visitor's language, that need no script."""

from __future__ import annotations

from functools import partial

from starlette.routing import BaseRoute, Route

from kb.doors.sign_in import company, local, set_up
from kb.doors.wiring import Desk


def routes(desk: Desk) -> list[BaseRoute]:
    """`/sign-in`, `/sign-out` and `/set-up`, behind the gate."""
    return [
        Route("/sign-in", partial(local.show, desk), methods=["GET"]),
        Route("/sign-in", partial(local.sign_in, desk), methods=["POST"]),
        Route("/sign-in/oidc", partial(company.go, desk), methods=["GET"]),
        Route("/sign-in/oidc/back", partial(company.come_back, desk), methods=["GET"]),
        Route("/sign-out", partial(local.sign_out, desk), methods=["POST"]),
        Route("/set-up", partial(set_up.show, desk), methods=["GET"]),
        Route("/set-up", partial(set_up.make, desk), methods=["POST"]),
    ]
