"""The app: one ASGI process for the pages and the JSON API.

Run it with `make run`, `python -m kb serve` or any ASGI server (`uvicorn app:app`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from kb.doors.api import routes
from kb.doors.wiring import desk

HERE = Path(__file__).parent


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Open the index before the first request, load the encoder beside it, and stop both at the end."""
    here = desk()
    here.start()
    try:
        yield {}
    finally:
        here.stop()


app = st.App(HERE / "kb/doors/ui/shell.py", lifespan=lifespan, routes=routes(desk()))
