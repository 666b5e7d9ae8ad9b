"""How long a request, an upload and a message may be."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Message, Receive

UPLOADS = "/_stcore/upload_file"
MAX_UPLOAD = 21 * 2**20  # bytes: Streamlit's own limit of 20 MB (.streamlit/config.toml) and the form around it
MEDIA, MAX_MEDIA = "/api/media", 8 * 2**20  # a picture of an article (kb.studio.media)
MAX_REQUEST = 2**20  # bytes of any other body; a route of ours may allow less
MAX_MESSAGE = 4 * 2**20  # bytes a page may say at once: the longest article four times over


def most(path: str) -> int:
    """Bytes that a body sent there may have."""
    if path.startswith(UPLOADS):
        return MAX_UPLOAD
    return MAX_MEDIA if path == MEDIA else MAX_REQUEST


def announced(headers: Headers) -> int:
    """The length a body is said to have; none said, 0."""
    said = headers.get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < 19 else 0


def size(message: Message) -> int:
    """Bytes or characters of one message of a page."""
    return len(message.get("bytes") or b"") + len(message.get("text") or "")


def bounded(receive: Receive, limit: int) -> Receive:
    """A body of at most so many bytes, whatever was announced: beyond it the asker is gone."""
    taken = 0

    async def received() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
        return message if taken <= limit else {"type": "http.disconnect"}

    return received
