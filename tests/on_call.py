"""A desk with a small bilingual base, a database of its own, and our routes with somebody signed in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from kb.config import ROOT, Settings
from kb.doors import api, call_api, media_api, v1
from kb.doors.gate import Visit
from kb.doors.wiring import Desk
from kb.finding.search import Encoder
from kb.people.users import User
from tests.fake_encoder import HashEncoder
from tests.small_base import SmallBase

EXPERTS = """
[[expert]]
id = "li.na"
name = { en = "Li Na", zh = "李娜" }
topics.en = ["refund"]
topics.zh = ["退款"]
langs = ["zh", "en"]
extension = "8201"
hours = { mon-sun = "00:00-24:00" }

[[expert]]
id = "day"
name = { en = "Day", zh = "白班" }
topics.en = ["refund"]
topics.zh = ["退款"]
langs = ["zh", "en"]
chat = "@day"
hours = { mon-fri = "09:00-18:00" }
"""
CARD_EN, CARD_ZH = "Seven days to the old card.", "七天内退回原卡。"


def write_articles(base: SmallBase) -> None:
    """Twins about refunds, an article of one product, one in work, two of another team; the site and its products."""
    base.folder.mkdir(parents=True, exist_ok=True)
    for name in ("_site.toml", "_products.toml"):
        shutil.copy(ROOT / "articles" / name, base.folder / name)
    (base.folder / "_experts.toml").write_text(EXPERTS, "utf-8")
    base.write(
        "refund-card-en",
        "Refund to an expired card",
        questions=["My old card got the refund", "card expired before the refund"],
        say=CARD_EN,
        body="The bank forwards it.",
        twin="refund-card-zh",
        owner="li.na",
    )
    base.write(
        "refund-card-zh",
        "卡过期了退款去哪",
        questions=["退款退到旧卡上了", "退到过期的卡"],
        say=CARD_ZH,
        body="银行会转到新卡。",
        twin="refund-card-en",
        owner="li.na",
    )
    base.write(
        "red-light-zh", "路由器亮红灯", questions=["红灯一直亮没有网"], products=["LH-R3000"], say="请拔掉电源。"
    )
    base.write("late-en", "Compensation for late delivery", questions=["It should have come at 5"], say="Five yuan.")
    base.write("vacuum-en", "Vacuum stops", questions=["the hoover stops"], products=["LH-V7"], say="Clean it.")
    base.write("draft-zh", "数字人民币退款", questions=["退款退到数字人民币钱包"], state="wip", owner="li.na")
    base.write("secret-en", "The merger", questions=["is the company sold"], teams=["board"])
    base.write("vote-en", "How the board votes", questions=["the board votes"], state="wip", teams=["board"])


def base_of(home: Path, encoder: Encoder | None = None) -> SmallBase:
    """The base of these articles, built under `home`."""
    base = SmallBase(home, encoder or HashEncoder())
    write_articles(base)
    base.build()
    return base


def desk_of(base: SmallBase, database: Path | str) -> Desk:
    """A desk that serves the base, its encoder ready; `database` is a file, what stands in its place, or an address."""
    url = database if isinstance(database, str) else f"sqlite:///{database}"
    settings = Settings(articles=base.folder, home=base.home, database_url=url, index_in="files")
    desk = Desk(settings, encoder=base.encoder, encoder_state="ready")
    desk.open()
    return desk


def signed_in(app: ASGIApp, by: User) -> ASGIApp:
    """An app that a person is signed in to, as the gate would tell it."""

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        state = {**scope.get("state", {}), "user": by, "visit": Visit("", False, "", None)}
        await app({**scope, "state": state}, receive, send)

    return inside


def client(desk: Desk, by: User, language: str = "en") -> TestClient:
    """A browser in a language, with somebody signed in."""
    routes = [*api.routes(desk), *call_api.routes(desk), *media_api.routes(desk), *v1.routes(desk)]
    app = Starlette(routes=routes)
    return TestClient(signed_in(app, by), headers={"accept-language": language}, raise_server_exceptions=False)


def told(client: TestClient, path: str, **body: Any) -> dict[str, Any]:
    """The answer to a request that is taken."""
    answer = client.post(path, content=json.dumps(body))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(client: TestClient, path: str, body: Mapping[str, Any] | str) -> tuple[int, str]:
    """Status and code of a request that is refused, with a sentence in the language of the asker."""
    answer = client.post(path, content=body if isinstance(body, str) else json.dumps(body))
    assert answer.status_code >= 400, answer.text
    assert "Traceback" not in answer.text
    said = answer.json()
    assert set(said) == {"error", "message"}
    is_chinese = any("\u4e00" <= char <= "\u9fff" for char in said["message"])
    assert is_chinese == (client.headers["accept-language"] == "zh"), said
    return answer.status_code, said["error"]
