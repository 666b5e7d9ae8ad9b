"""The page of people: all that can be done to an account, a roster and a key, in both languages; for admins alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from kb.calls import call, promises
from kb.doors.ui.manage import accounts as manage_accounts
from kb.doors.ui.manage import programs, roster
from kb.doors.wiring import Desk
from kb.errors import KBError
from kb.people import accounts, keys, sessions
from kb.people.accounts import Account
from kb.people.keys import Key
from kb.people.users import OPERATOR, Role, User
from kb.systems import outbox, webhooks
from tests.doors.ui.conftest import MAY, PAUL, SUE, Look, texts

NOW = datetime.now(UTC)
PASSWORD = "quiet harbour 7"
BOSS = User("boss", "Boss", Role.ADMIN)
MADE = re.compile(r"(?:[a-z2-9]{4}-){3}[a-z2-9]{4}")


@pytest.fixture
def look(look: Look, monkeypatch: pytest.MonkeyPatch) -> Look:
    """As every page's; its parts have the name of who looks for themselves."""

    def opened(page: str, by: User, hl: str = "en", **query: str) -> AppTest:
        for module in (manage_accounts, programs, roster):
            monkeypatch.setattr(module, "me", lambda: by)
        return look(page, by, hl, **query)

    return opened


@pytest.fixture
def staffed(desk: Desk) -> Desk:
    with desk.database.write() as connection:
        for one in (BOSS, MAY, PAUL):
            accounts.add(connection, OPERATOR, one, PASSWORD, NOW)
    return desk


def pressed(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception, app.exception
    return app


def submitted(app: AppTest, label: str) -> AppTest:
    [*_, button] = [one for one in app.button if one.label == label]
    button.click().run()
    assert not app.exception, app.exception
    return app


def found(desk: Desk) -> dict[str, Account]:
    with desk.database.read() as connection:
        return {one.user.id: one for one in accounts.all_accounts(connection, OPERATOR)}


def let_in(desk: Desk, id: str, password: str) -> str:
    """'' or why not."""
    try:
        accounts.sign_in(desk.database, id, password, "here", datetime.now(UTC))
    except KBError as error:
        return error.code
    return ""


def shown_once(app: AppTest) -> str:
    """The one secret of the dialog; pressing the button takes it away for good."""
    (secret,) = [str(one.value) for one in app.code if one.value != roster.EXAMPLE]
    pressed(app, "manage-kept")
    assert all(secret not in text for text in texts(app))
    return secret


@pytest.mark.parametrize("hl", ["en", "zh"])
def test_nobody_else_sees_any_of_it(staffed: Desk, look: Look, hl: str) -> None:
    for by in (MAY, SUE):
        for part in ("accounts", "import", "keys"):
            app = look("people", by, hl, part=part, who="paul")
            assert len(app.error) == 1
            assert not app.button
            assert not any(PAUL.name in text for text in texts(app))


@pytest.mark.parametrize(("hl", "count"), [("en", "3 of 3 people"), ("zh", "共 3 人，显示 3 人")])
def test_everybody_is_listed_and_found_by_words_and_role(staffed: Desk, look: Look, hl: str, count: str) -> None:
    app = look("people", BOSS, hl)
    assert count in texts(app)
    assert [one.label for one in app.button if str(one.key).startswith("who-")] == ["Boss", "May", "Paul"]
    app.text_input(key="manage-words").set_value("PAYments").run()
    assert [one.label for one in app.button if str(one.key).startswith("who-")] == ["Paul"]
    narrowed = look("people", BOSS, hl, role="admin")
    assert [one.label for one in narrowed.button if str(one.key).startswith("who-")] == ["Boss"]


@pytest.mark.parametrize(("hl", "label"), [("en", "Add a person"), ("zh", "添加人员")])
def test_somebody_new_gets_a_password_that_is_shown_once_and_has_to_be_changed(
    staffed: Desk, look: Look, hl: str, label: str
) -> None:
    app = pressed(look("people", BOSS, hl), "manage-add")
    app.text_input(key="new-id").set_value("Li.Na")
    app.text_input(key="new-name").set_value("李娜")
    app.selectbox(key="new-role").set_value(Role.SUPERVISOR)
    app.multiselect(key="new-teams").set_value(["tech"])
    password = shown_once(submitted(app, label))
    assert MADE.fullmatch(password)
    assert found(staffed)["li.na"].user == User("li.na", "李娜", Role.SUPERVISOR, frozenset({"tech"}))
    assert let_in(staffed, "li.na", password) == "password_must_change"


def test_a_name_that_will_not_do_is_said_in_the_form(staffed: Desk, look: Look) -> None:
    app = pressed(look("people", BOSS), "manage-add")
    app.text_input(key="new-id").set_value("paul")
    assert [one.value for one in submitted(app, "Add a person").error] == ["There is already a user paul."]
    assert set(found(staffed)) == {"boss", "may", "paul"}


@pytest.mark.parametrize(("hl", "save"), [("en", "Save"), ("zh", "保存")])
def test_a_person_gets_another_role_and_teams(staffed: Desk, look: Look, hl: str, save: str) -> None:
    app = look("people", BOSS, hl, who="paul")
    app.selectbox(key="paul-role").set_value(Role.EDITOR)
    app.multiselect(key="paul-teams").set_value(["tech", "payments"])
    app.multiselect(key="paul-langs").set_value(["zh"])
    submitted(app, save)
    assert len(app.success) == 1
    teams = frozenset({"tech", "payments"})
    assert found(staffed)["paul"].user == User("paul", "Paul", Role.EDITOR, teams, frozenset({"zh"}))


def test_disable_enable_and_unlock(staffed: Desk, look: Look) -> None:
    with staffed.database.write() as connection:
        token = sessions.sign_in(connection, "paul", datetime.now(UTC))
    app = pressed(look("people", BOSS, who="paul"), "disabled-paul")
    assert [one.value for one in app.success] == ["paul cannot sign in any more; all sessions are ended\\."]
    assert found(staffed)["paul"].disabled_at is not None
    with staffed.database.read() as connection:
        assert sessions.who(connection, token, datetime.now(UTC)) is None
    pressed(app, "enabled-paul")
    for _ in range(accounts.TRIES_HERE):
        assert let_in(staffed, "paul", "wrong") == "sign_in_wrong"
    assert let_in(staffed, "paul", PASSWORD) == "sign_in_tries"
    pressed(app, "unlocked-paul")
    assert let_in(staffed, "paul", PASSWORD) == ""


def test_a_new_password_ends_the_old_one(staffed: Desk, look: Look) -> None:
    password = shown_once(pressed(look("people", BOSS, who="paul"), "reset-paul"))
    assert let_in(staffed, "paul", PASSWORD) == "sign_in_wrong"
    assert let_in(staffed, "paul", password) == "password_must_change"


def test_ones_own_account_keeps_its_role_and_its_way_in(staffed: Desk, look: Look) -> None:
    app = look("people", BOSS, who="boss")
    assert app.selectbox(key="boss-role").disabled
    assert not [one for one in app.button if str(one.key).startswith(("reset-", "disabled-", "leave-"))]


def test_who_leaves_hands_over(staffed: Desk, look: Look) -> None:
    due = datetime.now(UTC) + timedelta(days=1)
    with staffed.database.write() as connection:
        call.begin(connection, PAUL, "C-1", NOW)
        promises.make(connection, PAUL, promises.Promise("p1", "C-1", "paul", NOW, due, "call back"))
    app = look("people", BOSS, who="paul")
    assert app.button(key="leave-paul").disabled
    app.selectbox(key="heir-paul").set_value("may").run()
    pressed(app, "leave-paul")
    assert found(staffed)["paul"].disabled_at is not None
    assert str(app.success[0].value).startswith("paul cannot sign in any more\\. To may\\: 1 promises")
    with staffed.database.read() as connection:
        assert [one.id for one in promises.due(connection, MAY, due)] == ["p1"]


# --- a roster ------------------------------------------------------------------------------------


@pytest.fixture
def upload(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """`upload(raw)`: what the field for files holds; AppTest has none to put something in."""

    def put(raw: bytes) -> None:
        monkeypatch.setattr(roster.st, "file_uploader", lambda *_, **__: SimpleNamespace(getvalue=lambda: raw))

    return put


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_a_file_is_tried_first_and_then_done(
    staffed: Desk, look: Look, upload: Callable[[bytes], None], encoding: str
) -> None:
    rows = "id,role,name,teams\nli.na,agent,李娜,tech\npaul,editor,Paul,payments\nmay,agent,May,tech\n"
    upload(rows.encode(encoding))
    app = look("people", BOSS, part="import")
    assert "Nothing was done: 1 would be added, 1 changed, 1 stay as they are." in texts(app)
    assert set(found(staffed)) == {"boss", "may", "paul"}
    id, password = shown_once(pressed(app, "manage-import")).split("\t")
    assert id == "li.na"
    assert let_in(staffed, "li.na", password) == "password_must_change"
    assert found(staffed)["li.na"].user.name == "李娜"
    assert found(staffed)["paul"].user.role is Role.EDITOR


@pytest.mark.parametrize(("hl", "line"), [("en", "Line 3: "), ("zh", "第 3 行：")])
def test_a_file_with_a_mistake_does_nothing_and_says_where(
    staffed: Desk, look: Look, upload: Callable[[bytes], None], hl: str, line: str
) -> None:
    upload(b"id,role\nli.na,agent\nx,boss\n")
    app = look("people", BOSS, hl, part="import")
    assert line in str(app.error[0].value).replace("\\", "")
    assert not [one for one in app.button if one.key == "manage-import"]
    assert set(found(staffed)) == {"boss", "may", "paul"}


# --- keys ----------------------------------------------------------------------------------------


def kept(desk: Desk) -> tuple[Key, ...]:
    with desk.database.read() as connection:
        return keys.everything(connection, OPERATOR)


@pytest.mark.parametrize(("hl", "label"), [("en", "Make a key"), ("zh", "创建密钥")])
def test_a_key_is_made_shown_once_and_taken_back(staffed: Desk, look: Look, hl: str, label: str) -> None:
    app = pressed(look("people", BOSS, hl, part="keys"), "manage-key-add")
    app.text_input(key="key-name").set_value("our CRM")
    app.checkbox(key="scope-search").set_value(True)
    app.number_input(key="key-days").set_value(30)
    key = shown_once(submitted(app, label))
    (one,) = kept(staffed)
    assert (one.name, one.scopes, one.by) == ("our CRM", {"search"}, "boss")
    assert one.expires_at == one.created_at + timedelta(days=30)
    with staffed.database.read() as connection:
        assert keys.of(connection, key, datetime.now(UTC)) == one
    pressed(app, f"revoke-{one.id}")
    with staffed.database.read() as connection:
        assert keys.of(connection, key, datetime.now(UTC)) is None


def test_a_key_without_a_scope_is_refused_in_the_form(staffed: Desk, look: Look) -> None:
    app = pressed(look("people", BOSS, part="keys"), "manage-key-add")
    app.text_input(key="key-name").set_value("our CRM")
    assert len(submitted(app, "Make a key").error) == 1
    assert kept(staffed) == ()


@pytest.mark.parametrize(("hl", "heading"), [("en", "Not taken by other systems"), ("zh", "其他系统没有收下的推送")])
def test_what_other_systems_did_not_take_is_shown_and_sent_again(
    staffed: Desk, look: Look, hl: str, heading: str
) -> None:
    assert heading not in [one.value for one in look("people", BOSS, hl, part="keys").subheader]
    at = datetime.now(UTC)
    with staffed.database.write() as connection:
        outbox.put(connection, "gap.closed", "gap:g-1", at, gap="g-1")
        webhooks.queue(connection, OPERATOR, ["https://crm.example/hook/secret"], at)
        (hook,) = webhooks.due(connection, at)
        webhooks.note(connection, OPERATOR, hook, webhooks.Sent("HTTP 410", final=True), at)
    app = look("people", BOSS, hl, part="keys")
    assert heading in [one.value for one in app.subheader]
    said = " ".join(one.value for one in app.caption).replace("\\", "")
    assert "crm.example" in said
    assert "secret" not in said
    pressed(app, f"again-{hook.id}")
    with staffed.database.read() as connection:
        assert [one.id for one in webhooks.due(connection, datetime.now(UTC))] == [hook.id]
