"""What the components of a page tell over Streamlit's websocket, filled with floods: a browser of ours says nothing
else, another may say anything.

Each event gets the flood in each of its fields, as the whole of it, and as JSON that is nested as deep as it fits.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.server import Server, serving
from benchmarks.websocket import PageError, Tab, opened, signed_in
from kb.people.users import Role
from tests.security.floods import Cost

ARTICLE = "broadband-early-termination-en"
TOLD: Mapping[str, tuple[str, str, Mapping[str, str]]] = {  # component and event: the page, its query, what is told
    "finder open": ("", "", {"article": ARTICLE, "q": "refund", "section": "", "sentence": ""}),
    "call show": ("", "", {"article": ARTICLE}),
    "call ended": ("", "", {"call": "c", "show": ""}),
    "editor text": ("edit", f"id={ARTICLE}", {"id": "", "base": "", "source": ""}),  # as the page gave them to it
    "editor save": ("edit", f"id={ARTICLE}", {"id": "", "base": "", "source": ""}),
}
KEPT = ("editor text",)  # told as a state of the component, not as an event
LOOK = 0.02  # seconds between two looks whether the server answers
WHOLE, LIST = "whole", "list"
REDACTED = "This app has encountered an error"  # Streamlit's way to say that a script failed
TICK = os.sysconf("SC_CLK_TCK")


class Pulse:
    """How long others waited for the server: the lesser of the time that passed and the processor time it used."""

    def __init__(self, url: str, process: int) -> None:
        self._url, self._process = url, process
        self.worst = 0.0

    def used(self) -> float:
        """Seconds of the processor that the server has used; of anybody's clock where its process is not known (0)."""
        if not self._process:
            return time.monotonic()
        fields = Path(f"/proc/{self._process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def beat(self, stop: threading.Event) -> None:
        """Ask for the server's health until the end."""
        with httpx.Client(base_url=self._url) as http:
            while not stop.wait(LOOK):
                at, used = time.perf_counter(), self.used()
                http.get("/healthz").raise_for_status()
                self.worst = max(self.worst, min(time.perf_counter() - at, self.used() - used))


@contextmanager
def beating(url: str, process: int) -> Iterator[Pulse]:
    """Somebody who asks all the time."""
    pulse, stop = Pulse(url, process), threading.Event()
    thread = threading.Thread(target=pulse.beat, args=(stop,), daemon=True)
    thread.start()
    try:
        yield pulse
    finally:
        stop.set()
        thread.join()


def on_a_server(floods: Mapping[str, str]) -> dict[str, dict[str, Cost]]:
    """What each flood costs each field, on a server of its own."""
    with tempfile.TemporaryDirectory() as home, serving(Path(home), {Role.ADMIN: 1}) as server:
        cookie = asyncio.run(_cookie(server))
        return costs(server.url, cookie, server.process.pid, floods)


async def _cookie(server: Server) -> str:
    ((name, password),) = server.passwords.items()
    async with httpx.AsyncClient(base_url=server.url) as http:
        return await signed_in(http, name, password)


def costs(url: str, cookie: str, process: int, floods: Mapping[str, str]) -> dict[str, dict[str, Cost]]:
    """What each flood costs each field of each event."""
    return asyncio.run(_costs(url, cookie, process, floods))


async def _costs(url: str, cookie: str, process: int, floods: Mapping[str, str]) -> dict[str, dict[str, Cost]]:
    found: dict[str, dict[str, Cost]] = {}
    with beating(url, process) as pulse:
        for name, (_, _, value) in TOLD.items():
            for flood, text in floods.items():
                for field in (*value, WHOLE, LIST):
                    found.setdefault(f"message {name} {field}", {})[flood] = await _cost(
                        url, cookie, pulse, name, field, text
                    )
    return found


async def _cost(url: str, cookie: str, pulse: Pulse, name: str, field: str, flood: str) -> Cost:
    """What it costs to be told a flood, and that the page goes on after it."""
    page, query, usual = TOLD[name]
    key, event = name.split()
    async with opened(url, cookie, page, query) as tab:
        pulse.worst, used = 0.0, pulse.used()
        try:
            value: object = {WHOLE: flood, LIST: [flood]}.get(field) or {**usual, **given(tab, key), field: flood}
            await (tab.keep if name in KEPT else tab.trigger)(key, event, value)
            broke = next((one[:200] for one in tab.troubles if one.startswith(REDACTED)), "")
            await asyncio.sleep(2 * LOOK)
            cost = Cost(round(pulse.worst, 3), round(pulse.used() - used, 3), broke)
            await tab.trigger(key, "nothing", None)
        except PageError as error:
            return Cost(round(pulse.worst, 3), round(pulse.used() - used, 3), str(error)[:200])
        return cost


def given(tab: Tab, key: str) -> dict[str, str]:
    """What the page gave an editor."""
    if key != "editor":
        return {}
    proto = tab.one(key).proto
    data = json.loads(proto.json or proto.mixed.json)
    return {name: data[name] for name in ("id", "base", "source")}
