"""The app: one ASGI process for the pages and the JSON API.

Run it with `make run`, `python -m kb serve` or any ASGI server (`uvicorn app:app`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from streamlit import logger as streamlit_logger
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

from kb.doors import api, call_api, media_api, meter, probes, sign_in, v1
from kb.doors.gate import Gate
from kb.doors.gate.policy import content_policy
from kb.doors.wiring import desk
from kb.errors import SettingError
from kb.seen.log import hand_over, log, set_up

HERE = Path(__file__).parent

# What .streamlit/config.toml must have said: without these the app is slow, or tells strangers too much.
OPTIONS = {
    "global.minCachedMessageSize": 1e12,  # what stands for a message outlives the run it is of, and empties the page
    "runner.postScriptGC": False,
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "logger.enableRich": False,  # it prints what went wrong with all that was in it
    "server.fileWatcherType": "none",
    "server.enableAgentApi": False,
    "server.trustedUserHeaders": {"x-kb-session": "session"},
}
PAGE = Path(st.__file__).parent / "static/index.html"
FROM_THE_TOP = BackMsg(rerun_script=ClientState()).SerializeToString()  # no widget of it, no fragment


def check_options() -> None:
    """Raises SettingError when Streamlit did not read our configuration."""
    for name, wanted in OPTIONS.items():
        found = st.get_option(name)
        if found != wanted:
            raise SettingError("option_not_set", name=name, wanted=wanted, found=found)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Open the index before the first request, load the encoder beside it, and stop both at the end."""
    streamlit_logger.setup_formatter = hand_over  # it would give each of its loggers a handler of its own
    set_up(desk().settings.log_file)
    check_options()
    here = desk()
    here.check_access()
    here.start()
    try:
        with meter.serving(here):
            log.info("started", port=here.settings.port)
            yield {}
    finally:
        here.stop()
        log.info("stopped")


gate = Middleware(
    Gate,
    presence=lambda: desk().presence,
    addresses=desk().settings.addresses,
    policy=content_policy(PAGE.read_text("utf-8"), desk().settings.frame_ancestors),
    farewell=FROM_THE_TOP,
    most_sessions=desk().settings.most_sessions,
    limits=desk().limits,
)
app = st.App(
    HERE / "kb/doors/ui/shell.py",
    lifespan=lifespan,
    routes=[
        *probes.routes(desk()),
        *sign_in.routes(desk()),
        *api.routes(desk()),
        *call_api.routes(desk()),
        *media_api.routes(desk()),
        *v1.routes(desk()),
    ],
    middleware=[gate],
)
