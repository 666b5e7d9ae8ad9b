"""OpenID Connect against a provider of our own on this machine: the way in, and every way round it refused."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from kb.config import Settings, settings
from kb.doors.wiring import Desk
from kb.errors import KBError, NotAllowedError, SettingError
from kb.people import accounts, audit, oidc, sessions, users
from kb.people.oidc import Issuer, Provider
from kb.people.users import OPERATOR, Role, User
from tests import gated
from tests.idp import KEY, Handler, Idp, serving
from tests.new_database import NewUrl

OTHER_KEY = RSAKey.generate_key(2048, {"kid": "k2", "use": "sig"})
BACK = "http://127.0.0.1:8501/sign-in/oidc/back"
ROLES = {"kb-agents": Role.AGENT, "kb-leads": Role.SUPERVISOR}


@pytest.fixture
def idp() -> Iterator[Idp]:
    with serving() as one:
        yield one


@pytest.fixture
def desk(idp: Idp, new_url: NewUrl, tmp_path: Path) -> Desk:
    named = {"oidc_issuer": idp.url, "oidc_client": "firstcall", "oidc_secret": "s3cret"}
    roles = "kb-agents=agent, kb-leads=supervisor"
    return Desk(Settings(articles=tmp_path, home=tmp_path, database_url=new_url(), oidc_roles=roles, **named))  # type: ignore[arg-type]


@pytest.fixture
def browser(desk: Desk) -> Iterator[TestClient]:
    with gated.client(desk, sample="") as one:
        yield one


def sent_away(browser: TestClient, next: str = "/") -> str:
    answer = browser.get("/sign-in/oidc", params={"next": next})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def come_back(browser: TestClient, given: dict[str, str], language: str = "en") -> tuple[int, str]:
    """Status, and where to or the sentence."""
    answer = browser.get("/sign-in/oidc/back", params=given, headers={"accept-language": language})
    if answer.status_code == 303:
        return 303, str(answer.headers["location"])
    return answer.status_code, answer.text.split('role="alert">')[1].split("</p>")[0]


def who(desk: Desk, browser: TestClient) -> User | None:
    token = browser.cookies.get("firstcall-8501", "")
    with desk.database.read() as connection:
        return sessions.who(connection, token, datetime.now(UTC))


# --- the way in ----------------------------------------------------------------------------------


def test_the_question_asked_has_state_nonce_and_a_challenge(idp: Idp, browser: TestClient) -> None:
    one, other = (parse_qs(urlsplit(sent_away(browser)).query) for _ in range(2))
    assert one["response_type"] == ["code"]
    assert (one["client_id"], one["redirect_uri"], one["scope"]) == (["firstcall"], [BACK], ["openid profile"])
    assert one["code_challenge_method"] == ["S256"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name][0]) >= 43
        assert one[name] != other[name]


def test_a_person_comes_in_with_the_role_of_their_group_and_goes_where_they_wanted(
    idp: Idp, desk: Desk, browser: TestClient
) -> None:
    back = idp.authorize(sent_away(browser, "/?call=C-17&q=%E9%80%80"))
    assert come_back(browser, back) == (303, "/?call=C-17&q=%E9%80%80")
    assert who(desk, browser) == User("wang.min", "王敏", Role.AGENT)
    assert browser.get("/api/mine").status_code == 404  # behind the gate now: no such route in this small app
    with desk.database.read() as connection:
        acts = [(one.by, one.act) for one in audit.entries(connection, OPERATOR)]
    assert acts == [("wang.min", "sign_in"), ("operator", "account")]


def test_the_same_subject_is_the_same_person_whatever_it_is_called_and_the_role_follows_the_claim(
    idp: Idp, desk: Desk, browser: TestClient
) -> None:
    come_back(browser, idp.authorize(sent_away(browser)))
    idp.says = {"preferred_username": "somebody.else", "name": "王敏敏", "groups": ["kb-leads", "kb-agents"]}
    browser.cookies.clear()
    come_back(browser, idp.authorize(sent_away(browser)))
    assert who(desk, browser) == User("wang.min", "王敏敏", Role.SUPERVISOR)


def test_another_subject_of_the_same_name_is_somebody_else_and_no_local_account_is_taken_over(
    idp: Idp, desk: Desk, browser: TestClient
) -> None:
    with desk.database.write() as connection:
        local = User("wang.min", "Local", Role.ADMIN)
        accounts.add(connection, OPERATOR, local, "quiet harbour 7", datetime.now(UTC))
    come_back(browser, idp.authorize(sent_away(browser)))
    assert who(desk, browser) == User("wang.min-2", "王敏", Role.AGENT)
    idp.says = {"sub": "another", "email": "wang.min@corp.example"}
    browser.cookies.clear()
    come_back(browser, idp.authorize(sent_away(browser)))
    assert who(desk, browser) == User("wang.min-3", "王敏", Role.AGENT)
    with desk.database.read() as connection:
        assert users.get(connection, "wang.min") == local


def test_the_page_offers_it_only_where_it_is_configured(desk: Desk, browser: TestClient, tmp_path: Path) -> None:
    page = browser.get("/sign-in?next=%2Fgaps", headers={"accept-language": "zh-CN"}).text
    assert 'href="/sign-in/oidc?next=%2Fgaps"' in page
    assert "用公司账号登录" in page
    plain = Desk(Settings(articles=tmp_path, home=tmp_path, database_url=desk.settings.database_url))
    with gated.client(plain, sample="") as one:
        assert "oidc" not in one.get("/sign-in").text
        assert one.get("/sign-in/oidc").status_code == 404


# --- every way round it --------------------------------------------------------------------------

NOW = int(time.time())
WRONG = {
    "another nonce": ({"nonce": "made-up"}, "oidc_wrong_token"),
    "no nonce": ({"nonce": None}, "oidc_wrong_token"),
    "another issuer": ({"iss": "http://evil.example"}, "oidc_wrong_issuer"),
    "an issuer with a slash more": ({"iss": "SLASH"}, "oidc_wrong_issuer"),
    "no issuer": ({"iss": None}, "oidc_wrong_issuer"),
    "another audience": ({"aud": "another-app"}, "oidc_wrong_token"),
    "ours among others, for another party": ({"aud": ["firstcall", "x"], "azp": "x"}, "oidc_wrong_token"),
    "no audience": ({"aud": None}, "oidc_wrong_token"),
    "an hour ago": ({"exp": NOW - 3600, "iat": NOW - 3900}, "oidc_too_late"),
    "from the future": ({"iat": NOW + 3600, "exp": NOW + 7200}, "oidc_too_late"),
    "no end": ({"exp": None}, "oidc_wrong_token"),
    "an end that is no time": ({"exp": "never"}, "oidc_wrong_token"),
    "no subject": ({"sub": None}, "oidc_wrong_token"),
    "a group that has no role here": ({"groups": ["all-staff"]}, "oidc_no_role"),
    "no groups": ({"groups": None}, "oidc_no_role"),
    "groups that are no list": ({"groups": {"kb-leads": True}}, "oidc_no_role"),
}


def sentence(code: str, language: str) -> str:
    from html import escape

    from kb.i18n import say

    return escape(say(language, f"error.{code}"))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", WRONG)
def test_a_token_that_is_wrong_lets_nobody_in_and_says_why(
    idp: Idp, desk: Desk, browser: TestClient, name: str, language: str
) -> None:
    says, code = WRONG[name]
    idp.says = {key: f"{idp.url}/" if value == "SLASH" else value for key, value in says.items()}
    back = idp.authorize(sent_away(browser))
    assert come_back(browser, back, language) == (403, sentence(code, language))
    assert who(desk, browser) is None
    with desk.database.read() as connection:
        assert users.everyone(connection) == []


def _part(facts: Any) -> str:
    raw = facts if isinstance(facts, bytes) else json.dumps(facts).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _hmac_signed(claims: dict[str, Any]) -> str:
    signed = f"{_part({'alg': 'HS256', 'kid': 'k1'})}.{_part(claims)}"
    return f"{signed}.{_part(hmac.digest(KEY.as_pem(private=False), signed.encode(), 'sha256'))}"


@pytest.mark.parametrize("how", ["another key", "a shared secret", "none", "no token at all"])
def test_a_token_signed_by_anybody_else_lets_nobody_in(
    idp: Idp, browser: TestClient, how: str, monkeypatch: Any
) -> None:
    if how == "another key":
        idp.key = OTHER_KEY
    elif how == "a shared secret":  # the public key as an HMAC secret, the old confusion
        monkeypatch.setattr(idp, "id_token", lambda asked: _hmac_signed({"sub": "1", "nonce": asked["nonce"]}))
    elif how == "none":
        part = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
        body = base64.urlsafe_b64encode(json.dumps({"sub": "1"}).encode()).decode().rstrip("=")
        monkeypatch.setattr(idp, "id_token", lambda asked: f"{part}.{body}.")
    else:
        monkeypatch.setattr(idp, "id_token", lambda asked: "")
    assert come_back(browser, idp.authorize(sent_away(browser))) == (403, sentence("oidc_wrong_token", "en"))


def test_a_state_is_good_once(idp: Idp, browser: TestClient) -> None:
    url = sent_away(browser)
    back = idp.authorize(url)
    cookie = browser.cookies["firstcall-8501-oidc"]
    assert come_back(browser, back)[0] == 303
    browser.cookies.clear()
    browser.cookies.set("firstcall-8501-oidc", cookie, domain="127.0.0.1")
    assert come_back(browser, {**idp.authorize(url), "state": back["state"]}) == (403, sentence("oidc_state", "en"))


def test_a_state_of_another_browser_lets_nobody_in(idp: Idp, desk: Desk, browser: TestClient) -> None:
    with gated.client(desk, sample="") as attacker:
        planted = idp.authorize(sent_away(attacker))
    assert come_back(browser, planted) == (403, sentence("oidc_state", "en"))
    sent_away(browser)
    with gated.client(desk, sample="") as attacker:
        planted = idp.authorize(sent_away(attacker))
    assert come_back(browser, planted) == (403, sentence("oidc_state", "en"))


@pytest.mark.parametrize("given", [{}, {"state": ""}, {"state": "made-up", "code": "x"}, {"code": "x"}])
def test_what_nobody_asked_for_is_no_answer(browser: TestClient, given: dict[str, str]) -> None:
    sent_away(browser)
    assert come_back(browser, given) == (403, sentence("oidc_state", "en"))


def test_who_takes_longer_than_ten_minutes_begins_again(idp: Idp, desk: Desk) -> None:
    issuer, at = Issuer(desk.oidc.provider), datetime.now(UTC)  # type: ignore[union-attr]
    url, state = oidc.begin(desk.database, issuer, BACK, "/", at)
    back = idp.authorize(url)
    with pytest.raises(NotAllowedError) as caught:
        oidc.finish(desk.database, issuer, BACK, back, state, at + timedelta(minutes=10))
    assert caught.value.code == "oidc_too_late"


def test_an_answer_of_another_issuer_is_not_taken_to_ours(idp: Idp, browser: TestClient) -> None:
    back = idp.authorize(sent_away(browser)) | {"iss": "http://evil.example"}
    assert come_back(browser, back) == (403, sentence("oidc_wrong_issuer", "en"))
    assert len(idp.codes) == 1  # the code was never shown to anybody


def test_who_does_not_agree_is_told_so(idp: Idp, browser: TestClient) -> None:
    back = idp.authorize(sent_away(browser))
    refused = {"state": back["state"], "error": "access_denied"}
    assert come_back(browser, refused) == (403, sentence("oidc_refused", "en"))


def test_a_code_of_another_question_is_refused_by_its_verifier(idp: Idp, browser: TestClient) -> None:
    stolen = idp.authorize(sent_away(browser))["code"]
    mine = idp.authorize(sent_away(browser)) | {"code": stolen}
    assert come_back(browser, mine) == (403, sentence("oidc_refused", "en"))


def test_an_issuer_that_says_it_is_another_one_is_not_asked_further(idp: Idp, browser: TestClient) -> None:
    idp.issuer = "http://evil.example"
    answer = browser.get("/sign-in/oidc")
    assert answer.status_code == 403
    assert sentence("oidc_wrong_issuer", "en") in answer.text
    assert idp.asked == ["/.well-known/openid-configuration"]


def test_an_issuer_that_is_away_is_a_sentence_and_local_accounts_still_work(
    idp: Idp, desk: Desk, browser: TestClient
) -> None:
    idp.shutdown()
    idp.server_close()
    answer = browser.get("/sign-in/oidc")
    assert (answer.status_code, sentence("oidc_away", "en") in answer.text) == (403, True)
    with desk.database.write() as connection:
        accounts.add(connection, OPERATOR, User("li.na", "Li Na", Role.AGENT), "quiet harbour 7", datetime.now(UTC))
    assert browser.post("/sign-in", data={"name": "li.na", "password": "quiet harbour 7"}).status_code == 303


def test_a_disabled_person_stays_out(idp: Idp, desk: Desk, browser: TestClient) -> None:
    come_back(browser, idp.authorize(sent_away(browser)))
    with desk.database.write() as connection:
        accounts.disable(connection, OPERATOR, "wang.min", datetime.now(UTC))
    browser.cookies.clear()
    assert come_back(browser, idp.authorize(sent_away(browser))) == (403, sentence("sign_in_wrong", "en"))


def test_keys_that_were_changed_are_read_anew(idp: Idp, desk: Desk, browser: TestClient, monkeypatch: Any) -> None:
    come_back(browser, idp.authorize(sent_away(browser)))
    idp.key = OTHER_KEY
    monkeypatch.setattr(Handler, "do_GET", _with_other_key(Handler.do_GET))
    browser.cookies.clear()
    assert come_back(browser, idp.authorize(sent_away(browser)))[0] == 303


def _with_other_key(before: Any) -> Any:
    def get(self: Handler) -> None:
        if self.path == "/keys":
            self.answer(200, {"keys": [OTHER_KEY.as_dict(private=False) | {"kid": "k1"}]})
        else:
            before(self)

    return get


# --- settings ------------------------------------------------------------------------------------


def test_the_settings_name_a_provider() -> None:
    env = {"KB_OIDC_ISSUER": "https://id.example.com", "KB_OIDC_CLIENT": "kb", "KB_OIDC_ROLES": "a=agent,b=admin"}
    read = settings(env)
    found = oidc.provider(read.oidc_issuer, read.oidc_client, read.oidc_secret, read.oidc_claim, read.oidc_roles)
    assert found == Provider("https://id.example.com", "kb", "", "groups", {"a": Role.AGENT, "b": Role.ADMIN})
    assert oidc.provider("", "", "", "groups", "") is None


@pytest.mark.parametrize(
    ("issuer", "client", "roles"),
    [
        ("http://id.example.com", "kb", "a=agent"),
        ("id.example.com", "kb", "a=agent"),
        ("https://id.example.com", "kb", "a=boss"),
        ("https://id.example.com", "kb", ""),
        ("https://id.example.com", "", "a=agent"),
    ],
)
def test_a_provider_that_cannot_be_trusted_or_used_is_refused_at_start(issuer: str, client: str, roles: str) -> None:
    with pytest.raises(SettingError):
        oidc.provider(issuer, client, "", "groups", roles)


def test_the_strongest_of_several_roles_counts() -> None:
    given = Provider("i", "c", "", "roles", ROLES)
    assert oidc.role_of(given, {"roles": ["kb-agents", "kb-leads"]}) is Role.SUPERVISOR
    assert oidc.role_of(given, {"roles": "kb-agents"}) is Role.AGENT
    with pytest.raises(KBError):
        oidc.role_of(given, {"roles": "KB-AGENTS"})
