"""A browser tab without a browser: Streamlit's protocol, spoken by a program that signs in, looks and clicks.

    cookie = await signed_in(http, "may", "quiet harbour 7")
    async with opened(url, cookie) as tab:               # the first page has been drawn
        await tab.trigger("finder", "open", {"article": "refund-card-en", "q": "refund"})
        await tab.visit("gaps")
        await tab.click("open-G-1")

What a page shows is what the script's deltas make: an element a path, gone where the last run did not draw it. Every
call comes back when the script run it caused has ended. Made for hundreds of tabs in one process.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

PATIENCE = 60.0  # seconds for one script run
EVENTS = "$$STREAMLIT_INTERNAL_KEY_{id}__events"  # the widget that carries what a component tells
VALUES = {  # kind of element → the field of WidgetState that holds its value
    "button": "trigger_value",
    "text_input": "string_value",
    "text_area": "string_value",
    "selectbox": "string_value",
    "radio": "string_value",
    "checkbox": "bool_value",
    "number_input": "double_value",
    "button_group": "string_array_value",
    "multiselect": "string_array_value",
    "date_input": "string_array_value",
}
ERROR_ICON = ":material/error:"
SPOKEN = ("markdown", "text", "heading", "alert", "exception", "html")  # elements that are text
Path = tuple[int, ...]
Value = str | bool | float | Sequence[str]


class PageError(RuntimeError):
    """A page said that something went wrong, or nothing within `PATIENCE`."""


@dataclass(frozen=True)
class Element:
    """One thing on a page. `fragment` is the one it is part of, '' for none; `run` when it was drawn last."""

    kind: str
    proto: Any
    fragment: str
    run: int

    @property
    def id(self) -> str:
        """Streamlit's id, '' for what is no widget."""
        return str(getattr(self.proto, "id", ""))

    @property
    def key(self) -> str:
        """The key the page gave it, `None` where it gave none, '' for what is no widget."""
        return self.id.split("-", 2)[2] if self.id.startswith("$$ID-") else ""


@dataclass
class Tab:
    """One open tab. Not safe for two tasks at once, like the person at it."""

    socket: ClientConnection
    elements: dict[Path, Element] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)  # name in the address → hash
    page: str = ""  # hash
    query: str = ""
    runs: int = 0
    received: int = 0  # bytes
    _values: dict[str, WidgetState] = field(default_factory=dict)
    _kept: set[str] = field(default_factory=set)  # hashes of messages that need not come again, says Streamlit

    # what a person does

    async def visit(self, page: str, query: str = "") -> None:
        """Go to another page by its name in the address. Raises PageError for one that is not offered."""
        if page not in self.pages:
            raise PageError(f"there is no page {page} for this person, only {', '.join(self.pages)}")
        self.page, self.query = self.pages[page], query
        self._values.clear()
        await self._run()

    async def again(self) -> None:
        """Run the page once more, as a refresh inside the app does."""
        await self._run()

    async def click(self, key: str) -> None:
        """Press a button; that of a form sends its fields with it."""
        await self._run(self.one(key), True)

    async def fill(self, key: str, value: Value) -> None:
        """Give a field a value. Inside a form that stays here until its button is pressed."""
        element = self.one(key)
        self._values[element.id] = _state(element, value)
        if not element.proto.form_id:
            await self._run(element)

    async def trigger(self, key: str, event: str, value: object) -> None:
        """What a Components v2 element tells once: `on_{event}_change`."""
        element = self.one(key)
        told = json.dumps([{"event": event, "value": value}])
        await self._run(element, WidgetState(id=EVENTS.format(id=element.id), json_trigger_value=told))

    async def keep(self, key: str, name: str, value: object) -> None:
        """What a Components v2 element keeps: `on_{name}_change`."""
        element = self.one(key)
        await self._run(element, WidgetState(id=element.id, json_value=json.dumps({name: value})))

    # what a person sees

    @property
    def texts(self) -> list[str]:
        """Every text on the page, from the top."""
        return [_text(one) for _, one in sorted(self.elements.items()) if one.kind in SPOKEN]

    @property
    def troubles(self) -> list[str]:
        """What the page says went wrong: exceptions, boxes with an error's icon (a red one may be an article's)."""
        return [
            _text(one)
            for one in self.elements.values()
            if one.kind == "exception" or (one.kind == "alert" and one.proto.icon == ERROR_ICON)
        ]

    def widgets(self, *kinds: str) -> Iterator[Element]:
        """Those of these kinds, from the top."""
        return (one for _, one in sorted(self.elements.items()) if one.kind in kinds)

    def one(self, key: str) -> Element:
        """What has this key. Raises PageError where nothing has."""
        found = next((one for one in self.elements.values() if one.key == key), None)
        if found is None:
            there = sorted({one.key for one in self.elements.values()} - {"", "None"})
            raise PageError(f"nothing on the page has the key {key}, only {', '.join(there)}")
        return found

    # the protocol

    async def _run(self, element: Element | None = None, pressed: WidgetState | bool | None = None) -> None:
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string, asked.page_script_hash = self.query, self.page
        asked.cached_message_hashes.extend(self._kept)
        states = list(self._values.values())
        if element is not None:
            asked.fragment_id = element.fragment
        if element is not None and pressed is not None:
            states.append(WidgetState(id=element.id, trigger_value=True) if pressed is True else pressed)
        asked.widget_states.widgets.extend(states)
        await self.socket.send(message.SerializeToString())
        await self._drawn(element.fragment if element is not None else "")

    async def _drawn(self, fragment: str = "") -> None:
        """Take what comes until the run has ended; what it did not draw again is gone."""
        self.runs += 1
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    raw = await self.socket.recv()
                    self.received += len(raw)
                    message = ForwardMsg.FromString(raw if isinstance(raw, bytes) else raw.encode())
                    if self._taken(message):
                        break
        except TimeoutError as error:
            raise PageError(f"the page was not drawn within {PATIENCE} s") from error
        gone = [p for p, one in self.elements.items() if one.run < self.runs and fragment in ("", one.fragment)]
        for path in gone:
            del self.elements[path]

    def _taken(self, message: ForwardMsg) -> bool:
        """Whether this message ends the run."""
        kind = message.WhichOneof("type")
        if message.metadata.cacheable:
            self._kept.add(message.hash)
        if kind == "delta":
            delta, path = message.delta, tuple(message.metadata.delta_path)
            if delta.WhichOneof("type") == "new_element":
                name = str(delta.new_element.WhichOneof("type"))
                proto = getattr(delta.new_element, name)
                self.elements[path] = Element(name, proto, delta.fragment_id, self.runs)
            else:
                self.elements.pop(path, None)
        elif kind == "navigation":
            self.pages = {one.url_pathname: one.page_script_hash for one in message.navigation.app_pages}
            self.page = message.navigation.page_script_hash
        elif kind == "ref_hash":
            raise PageError("a message that stands for one sent before: .streamlit/config.toml was not read")
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        ended = (message.FINISHED_SUCCESSFULLY, message.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
        if kind == "script_finished" and message.script_finished == message.FINISHED_WITH_COMPILE_ERROR:
            raise PageError("the page does not compile")
        return kind == "script_finished" and message.script_finished in ended


def _state(element: Element, value: Value) -> WidgetState:
    field = VALUES[element.kind]
    if field == "string_array_value":
        state = WidgetState(id=element.id)
        state.string_array_value.data.extend([value] if isinstance(value, str) else value)  # type: ignore[arg-type]
        return state
    return WidgetState(**{"id": element.id, field: value})  # type: ignore[arg-type]


def _text(element: Element) -> str:
    return str(getattr(element.proto, "message" if element.kind == "exception" else "body", "") or "")


async def signed_in(http: httpx.AsyncClient, name: str, password: str) -> str:
    """A new session's cookie, as a request's header has it. Raises PageError for who is not let in."""
    answer = await http.post("/sign-in", data={"name": name, "password": password}, headers={"cookie": ""})
    if answer.status_code != 303:
        raise PageError(f"{name} was not let in: {answer.status_code}")
    http.cookies.clear()  # one program is many browsers
    return "; ".join(f"{key}={value}" for key, value in answer.cookies.items())


@asynccontextmanager
async def opened(url: str, cookie: str, page: str = "", query: str = "") -> AsyncIterator[Tab]:
    """A tab at `url`, on a page by its name in the address ('' = the first), drawn."""
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    headers = {"Cookie": cookie}
    async with connect(
        address,
        origin=url,  # type: ignore[arg-type]
        additional_headers=headers,
        subprotocols=["streamlit"],  # type: ignore[list-item]
        max_size=None,
        open_timeout=PATIENCE,
    ) as socket:
        tab = Tab(socket, query=query)
        first = BackMsg()
        first.rerun_script.query_string, first.rerun_script.page_name = query, page
        await socket.send(first.SerializeToString())
        await tab._drawn()
        yield tab
