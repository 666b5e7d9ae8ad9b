"""Metrics for Prometheus at `http://127.0.0.1:PORT/metrics`: a port of its own that only this machine can reach."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, ThreadingWSGIServer

from kb.care.spool import Spool
from kb.db import file_of
from kb.doors.wiring import Desk
from kb.seen import metrics
from kb.seen.log import log
from kb.seen.metrics import Now

HOST = "127.0.0.1"
PATIENCE = 10  # seconds for one that asks to say what


def now(desk: Desk) -> Now:
    """What is so at this desk. Waits for no database."""
    manifest = desk.served.opened.manifest if desk.served else None
    return Now(
        encoder=desk.encoder_state,
        generation=manifest.generation if manifest else "",
        created=datetime.fromisoformat(manifest.created) if manifest else None,
        indexed=len(manifest.articles) if manifest else 0,
        left_out=len(manifest.refused) if manifest else 0,
        spooled=Spool(desk.settings.spool).waiting(),
        sessions=desk.presence.in_use(),
        free=free(desk),
    )


def free(desk: Desk) -> dict[str, int]:
    """Bytes free for the database, the index and the articles; those folders that are there."""
    here = desk.settings
    file = file_of(here.database_url)
    folders = {"index": here.home, "articles": here.articles} | ({"database": file.parent} if file else {})
    found: dict[str, int] = {}
    for name, folder in folders.items():
        try:
            found[name] = shutil.disk_usage(folder).free
        except OSError:
            continue
    return found


Start = Callable[[str, list[tuple[str, str]]], object]


def answering(desk: Desk, port: int) -> Callable[[dict[str, Any], Start], Iterable[bytes]]:
    """The WSGI app: GET /metrics at this machine's own names, so that no page in its browser reads it by another."""
    hosts = {f"{name}:{port}" for name in (HOST, "localhost")}

    def app(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ.get("HTTP_HOST", "").lower() not in hosts:
            start("421 Misdirected Request", [])
            return []
        if environ["PATH_INFO"] != "/metrics" or environ["REQUEST_METHOD"] != "GET":
            start("404 Not Found", [])
            return []
        body = metrics.exposition(now(desk), datetime.now(UTC))
        start("200 OK", [("Content-Type", CONTENT_TYPE_PLAIN_0_0_4), ("Content-Length", str(len(body)))])
        return [body]

    return app


class _Quiet(WSGIRequestHandler):
    timeout = PATIENCE

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: who scrapes scrapes every few seconds."""


@contextmanager
def serving(desk: Desk) -> Iterator[int]:
    """Answer while the program runs; at which port, 0 for none. A port that is taken costs the metrics, not the app."""
    port = desk.settings.metrics_port
    if not port:
        yield 0
        return
    try:
        server = make_server(HOST, port, lambda *_: [], ThreadingWSGIServer, _Quiet)
    except OSError as error:
        log.warning("metrics_not_served", error, port=port)
        yield 0
        return
    server.set_app(answering(desk, port))
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
