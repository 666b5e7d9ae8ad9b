"""The page of bulletins, as agents read it and supervisors write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from kb.calls import bulletins
from kb.calls.bulletins import Bulletin, Notice
from kb.doors.wiring import Desk
from kb.errors import NotAllowedError
from tests.doors.ui.conftest import MAY, PAUL, SUE, Look, texts

HOUR = timedelta(hours=1)


def post(desk: Desk, title: str = "Broadband down in Pudong", **facts: object) -> Bulletin:
    served = desk.open()
    now = datetime.now(UTC)
    notice = Notice("outage", title, now + 4 * HOUR, body="Engineers are on site.", **facts)  # type: ignore[arg-type]
    with desk.database.write() as connection:
        return bulletins.post(connection, SUE, notice, now, served.catalogue)


def posted(desk: Desk) -> list[Bulletin]:
    with desk.database.read() as connection:
        return list(bulletins.posted(connection, SUE, datetime.now(UTC)))


def unseen(desk: Desk) -> list[str]:
    with desk.database.read() as connection:
        return [one.title for one in bulletins.unseen(connection, MAY, datetime.now(UTC))]


def press(app: AppTest, label: str) -> AppTest:
    """Press the first button with this label."""
    return next(one for one in app.button if one.label == label).click().run()


def fill(app: AppTest, **values: object) -> None:
    number = app.session_state["bulletin-form"]
    for name, value in values.items():
        kinds = (app.text_input, app.text_area, app.multiselect, app.datetime_input, app.button_group)
        key = f"notice-{number}-{name}"
        (field,) = [one for kind in kinds for one in kind if one.key == key]
        field.set_value(value)


@pytest.mark.parametrize(("hl", "sentence"), [("zh", "现在没有通知"), ("en", "There are no notices now")])
def test_an_empty_page_says_what_will_appear(look: Look, hl: str, sentence: str) -> None:
    app = look("bulletins", MAY, hl)
    assert sentence in app.caption[0].value
    assert [one.label for one in app.button] == []


@pytest.mark.parametrize(
    ("hl", "kind", "new", "seen"), [("zh", "故障", "新", "知道了"), ("en", "Outage", "New", "Got it")]
)
def test_an_agent_reads_a_notice_and_says_so(look: Look, desk: Desk, hl: str, kind: str, new: str, seen: str) -> None:
    post(desk, say="Our engineers are there now.", products=("R3000",))
    app = look("bulletins", MAY, hl)
    shown = texts(app)
    assert [one.value for one in app.subheader] == ["Broadband down in Pudong"]
    assert "Engineers are on site." in shown
    assert [one.value for one in app.code] == ["Our engineers are there now."]
    assert any(kind in one for one in shown)
    assert any(new in one for one in shown)
    assert unseen(desk) == ["Broadband down in Pudong"]
    press(app, seen)
    assert unseen(desk) == []
    assert [one.label for one in app.button] == []
    assert [one.value for one in app.subheader] == ["Broadband down in Pudong"]  # still there to read


def test_an_agent_of_another_team_does_not_see_it(look: Look, desk: Desk) -> None:
    post(desk, teams=("tech",))
    assert [one.value for one in look("bulletins", MAY).subheader] == ["Broadband down in Pudong"]
    assert [one.value for one in look("bulletins", PAUL).subheader] == []


def test_an_agent_has_no_form_and_the_room_refuses_them(look: Look, desk: Desk) -> None:
    app = look("bulletins", MAY)
    assert (len(app.tabs), len(app.text_input)) == (0, 0)
    notice = Notice("outage", "x", datetime.now(UTC) + HOUR)
    with desk.database.write() as connection, pytest.raises(NotAllowedError):
        bulletins.post(connection, MAY, notice, datetime.now(UTC), {})
    assert posted(desk) == []


@pytest.mark.parametrize(("hl", "label"), [("zh", "发布"), ("en", "Post")])
def test_a_supervisor_posts_a_notice_in_site_time(look: Look, desk: Desk, hl: str, label: str) -> None:
    app = look("bulletins", SUE, hl)
    ends = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    wall = ends.astimezone(desk.open().site.zone).replace(tzinfo=None)
    fill(
        app, title="V9 recalled", say="Please unplug it.", products=["LH-V9"], teams=["tech"], ends=wall, kind="recall"
    )
    press(app, label)
    assert not app.exception
    assert [one.value for one in app.error] == []
    (one,) = posted(desk)
    assert (one.kind, one.title, one.say, one.by) == ("recall", "V9 recalled", "Please unplug it.", "sue")
    assert (one.products, one.teams, one.expires_at) == (("LH-V9",), ("tech",), ends)
    assert app.text_input(key=f"notice-{app.session_state['bulletin-form']}-title").value == ""
    assert unseen(desk) == ["V9 recalled"]


@pytest.mark.parametrize(
    ("hl", "label", "sentence"),
    [("zh", "发布", "请给通知写一个标题。"), ("en", "Post", "Give the notice a headline.")],
)
def test_a_refused_notice_says_why_and_nothing_typed_is_lost(
    look: Look, desk: Desk, hl: str, label: str, sentence: str
) -> None:
    app = look("bulletins", SUE, hl)
    fill(app, body="A long explanation")
    press(app, label)
    assert [one.value for one in app.error] == [sentence]
    assert app.text_area(key="notice-0-body").value == "A long explanation"
    assert posted(desk) == []


def test_a_supervisor_reads_and_manages_the_same_notice_on_one_page(look: Look, desk: Desk) -> None:
    post(desk, say="Our engineers are there now.")
    app = look("bulletins", SUE)
    assert [one.value for one in app.tabs[0].code] == ["Our engineers are there now."]
    assert [one.value for one in app.tabs[1].code] == ["Our engineers are there now."]


def test_a_supervisor_sees_who_has_seen_it_and_who_has_not(look: Look, desk: Desk) -> None:
    one = post(desk)
    with desk.database.write() as connection:
        bulletins.mark_seen(connection, MAY, one.id, datetime.now(UTC))
    app = look("bulletins", SUE)
    assert [text for text in texts(app) if text in ("Paul\nSue",) or text.startswith("May ·")] == [
        "Paul\nSue",
        next(text for text in texts(app) if text.startswith("May ·")),
    ]


def test_a_changed_notice_is_filled_in_and_takes_the_place_of_the_old_one(look: Look, desk: Desk) -> None:
    old = post(desk, words=("断网",))
    app = look("bulletins", SUE)
    press(app, "Change")
    number = app.session_state["bulletin-form"]
    assert app.text_input(key=f"notice-{number}-title").value == "Broadband down in Pudong"
    assert app.multiselect(key=f"notice-{number}-words").value == ["断网"]
    fill(app, title="Broadband is back")
    press(app, "Withdraw the old one and post")
    new, before = posted(desk)
    assert (new.title, new.words, new.expires_at) == (
        "Broadband is back",
        ("断网",),
        old.expires_at.replace(second=0, microsecond=0),
    )
    assert (before.id, before.withdrawn_at is not None) == (old.id, True)
    assert unseen(desk) == ["Broadband is back"]


def test_a_withdrawn_notice_is_gone_for_agents_and_can_be_used_again(look: Look, desk: Desk) -> None:
    post(desk)
    app = look("bulletins", SUE)
    press(app, "Withdraw it")
    assert unseen(desk) == []
    assert [one.label for one in app.button if one.label in ("Withdraw it", "Change")] == []
    press(app, "Use again")
    press(app, "Post")
    assert [one.withdrawn_at is None for one in posted(desk)] == [True, False]
    assert unseen(desk) == ["Broadband down in Pudong"]


def test_what_a_supervisor_writes_runs_and_fetches_nothing(look: Look, desk: Desk) -> None:
    post(desk, title="![x](http://evil.example/x.png) :red[a] $x$", say="<script>1</script>")
    shown = "\n".join(texts(look("bulletins", MAY)))
    assert "evil.example" not in shown
    assert "\\:red[a] \\$x\\$" in shown
