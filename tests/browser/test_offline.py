"""The offline copy as a person opens it: from the disk, the network cut, with the keyboard alone."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from kb import text
from kb.calls.bulletins import Bulletin
from kb.config import ROOT
from kb.content import products, site
from kb.content.articles import Article, parse, read_all
from kb.finding.spelling.lexicon import english
from kb.offline import notes
from kb.offline.copy import Held, copy
from kb.offline.words import OFTEN
from kb.people.scope import ANSWERING_STATES
from kb.people.users import OPERATOR, Role, User
from kb.tuning import synonyms
from tests.browser.conftest import focused
from tests.browser.test_xss import REMOTE, STRINGS
from tests.small_base import markdown, scope

pytestmark = pytest.mark.browser

AGENT = User("li.na", "李娜", Role.AGENT, frozenset({"tech"}))
AT = datetime(2026, 11, 22, 4, tzinfo=UTC)  # noon in the site's time zone
FOLDER = ROOT / "articles"
ARTICLES = read_all(FOLDER)[0]
OUTAGE = Bulletin("b", "sue", AT, "outage", "城东机房断网", "", "正在抢修。", (), (), (), AT, AT + timedelta(days=2))


def planted(id: str, title: str, **keys: object) -> Article:
    return parse(markdown(id, title, **keys), f"products/{id}.md")  # type: ignore[arg-type]


SECRET = planted("merger-en", "Zanzibar merger", say="Quagga sentence.", teams=["board"])
BRIEF = planted("sale-en", "Pangolin sale", say="Half price.", valid_until=(AT + timedelta(days=2)).date())


def file_of(place: Path, articles: list[Article]) -> str:
    on = site.load(FOLDER)
    held = Held("g-1", articles, [OUTAGE], products.load(FOLDER), on, synonyms.load(FOLDER), FOLDER)
    seen = scope(states=ANSWERING_STATES, teams={"tech", "*"}, on=on.today(AT))
    place.write_bytes(copy(OPERATOR, AGENT, seen, held, AT))
    return place.as_uri()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The copy of the sample base, with an article that is another team's and one that is soon over."""
    return file_of(tmp_path_factory.mktemp("copy") / "firstcall.html", [*ARTICLES, SECRET, BRIEF])


@pytest.fixture
def cut(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser without a network, in Chinese."""
    allowed = ["clipboard-read", "clipboard-write"]
    one = chromium.new_context(locale="zh-CN", viewport={"width": 1366, "height": 900}, permissions=allowed)
    one.set_offline(True)
    yield one
    one.close()


def opened(context: BrowserContext, address: str, at: datetime = AT) -> tuple[Page, list[str]]:
    """The page, and what it asked for, said or ran that it should not."""
    page, wrong = context.new_page(), list[str]()
    page.on("request", lambda one: None if one.url.startswith((address, "data:image/")) else wrong.append(one.url))
    page.on("dialog", lambda one: (wrong.append(one.message), one.dismiss()))
    page.on("console", lambda one: wrong.append(one.text))
    page.on("pageerror", lambda one: wrong.append(str(one)))
    page.clock.set_fixed_time(at)
    page.goto(address)
    expect(page.locator("#q")).to_be_focused()
    return page, wrong


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def asked(page: Page, question: str) -> list[str]:
    """Type a question; the articles shown for it."""
    page.keyboard.press("Escape")
    page.keyboard.type(question)
    expect(page.locator("#list")).to_have_attribute("data-q", question)
    return [str(row.get_attribute("data-article")) for row in page.locator(".row").all()]


def test_a_caller_is_answered_in_chinese_with_the_keyboard_alone(cut: BrowserContext, address: str) -> None:
    page, wrong = opened(cut, address)
    expect(page.locator("#made")).to_contain_text("供 李娜 使用")
    expect(page.locator("#notices")).to_contain_text("故障: 城东机房断网")
    assert asked(page, "退款多久到账")[0] == "refund-times-zh"
    expect(page.locator(".row").first.locator(".line")).to_contain_text("会按原路退回")
    page.keyboard.press("Enter")
    expect(page.locator("#pane h1")).to_have_text("退款多久到账")
    expect(page.locator("#pane")).to_contain_text("您可以决定")
    expect(page.locator("#pane")).to_contain_text("转接: 支付组")
    page.keyboard.press("Alt+c")
    expect(page.locator("#note-say")).to_have_text("请先填写：金额")
    page.keyboard.type("¥200")
    page.keyboard.press("Enter")
    expect(page.locator("#note-say")).to_have_text("已复制")
    said = next(one.say for one in ARTICLES if one.id == "refund-times-zh")
    assert clipboard(page) == said.replace("{amount}", "¥200")
    page.keyboard.press("Escape")
    assert focused(page) == "q"
    assert asked(page, "tuikuan duojiu")[0] == "refund-times-zh"
    assert asked(page, "卡過期了退款")[0] == "refund-expired-card-zh"
    assert wrong == []


def test_a_caller_is_answered_in_english_and_what_is_missing_is_noted(
    cut: BrowserContext, address: str, tmp_path: Path
) -> None:
    page, wrong = opened(cut, address)
    page.locator("#language").press("Enter")
    expect(page.locator("#made")).to_contain_text("for 李娜")
    page.keyboard.press("/")
    assert asked(page, "hoover stops, says E 04")[0] == "vacuum-e04-en"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.keyboard.press("Alt+c")
    expect(page.locator("#note-say")).to_have_text("Copied")
    assert clipboard(page) == next(one.say for one in ARTICLES if one.id == "vacuum-e04-en")
    before = page.locator("#pane").evaluate("pane => pane.scrollTop")
    page.keyboard.press("PageDown")
    assert page.locator("#pane").evaluate("pane => pane.scrollTop") > before
    page.keyboard.press("Alt+l")
    expect(page.locator("#pane h1")).to_have_text("扫地机器人报 E-04 停下不走")
    asked(page, "zanzibar quagga 13812345678")
    expect(page.locator("#none")).to_contain_text("Nothing in this copy")
    page.keyboard.press("Alt+n")
    expect(page.locator("#count")).to_have_text("1 noted")
    page.reload()
    expect(page.locator("#count")).to_have_text("1 noted")
    with page.expect_download() as saving:
        page.locator("#save").press("Enter")
    saving.value.save_as(tmp_path / "notes.json")
    held = notes.read((tmp_path / "notes.json").read_bytes())
    assert (held.by, [one.question for one in held.notes]) == ("li.na", ["zanzibar quagga 13812345678"])
    assert wrong == []


def test_days_later_it_says_so_in_red_and_what_is_over_is_found_no_more(cut: BrowserContext, address: str) -> None:
    page, _ = opened(cut, address, AT + timedelta(hours=5))
    expect(page.locator("#old")).to_have_text("5小时前生成")
    assert asked(page, "pangolin") == ["sale-en"]
    expect(page.locator(".row")).to_contain_text("后天")
    page, _ = opened(cut, address, AT + timedelta(days=4, hours=1))
    expect(page.locator("#old")).to_have_text("4天前生成，可能已过时：说之前请核对")
    expect(page.locator("#old")).to_have_css("color", "rgb(179, 38, 30)")
    assert asked(page, "pangolin") == []
    expect(page.locator(".notice")).to_have_count(0)
    page, _ = opened(cut, address, AT - timedelta(hours=2))
    expect(page.locator("#old")).to_have_text("这台电脑的时间比副本还早：请先核对时间")


def test_a_questions_terms_are_those_of_the_product(cut: BrowserContext, address: str) -> None:
    golden = tomllib.loads((ROOT / "tests/golden/questions.toml").read_text("utf-8"))["question"]
    said = [one["text"] for one in golden]
    said += [part for one in ARTICLES for part in (one.title, *one.questions, one.say, one.body[:600])]
    said += [
        "E 04",
        "lh-R3000 won't",
        "two hundred and fifty yuan",
        "两万三千五",
        "十二天",
        "1,200",
        "ＷＩＦＩ 卡過期",
        "㏘ 5",
    ]
    said += ["İstanbul straße ñ", "한국어 мир", "E-04's a_b air-fryer", "x", "退", "", "the 12 monthly", *STRINGS[:40]]
    page, _ = opened(cut, address)
    made = page.evaluate(
        "said => said.map((one) => { const { words, prefix } = queryTerms(clean(one)); return [words, prefix]; })", said
    )
    known = set(page.evaluate("[...tables.shares.keys()]"))
    differ = []
    for one, (words, prefix) in zip(said, made, strict=True):
        wanted = text.query_terms(text.clean(one))
        if len(wanted.words) == text.MAX_QUERY_TERMS:
            continue
        rare = {text.stem(word) for word in re.findall("[a-z]+", text.fold(one)) if english().get(word, 0.0) < OFTEN}
        if (set(words) ^ set(wanted.words)) & known - rare or prefix != wanted.prefix:
            differ.append((one, words, wanted))
    assert differ == []


def test_hostile_articles_do_nothing_and_nothing_can_be_made_to_run(cut: BrowserContext, tmp_path: Path) -> None:
    some = [REMOTE, *STRINGS]
    articles = []
    for n in range(0, len(some), 40):
        first, second = (some[(n + at) % len(some)].replace("\n", " ") for at in (0, 7))
        body = "\n\n".join(["## Hostile", *(one.replace(":::", "") for one in some[n : n + 40])])
        said = f"{second} {first}".replace(":::", "")
        articles.append(planted(f"h-{n}-en", f"Router {first}", lang="en", say=said, body=body, owner=second[:60]))
    page, wrong = opened(cut, file_of(tmp_path / "hostile.html", articles))
    asked(page, "router")
    for n in range(len(articles)):
        page.evaluate("place => open(place)", n)
        expect(page.locator("#pane")).to_have_attribute("data-article", page.evaluate(f"data.articles[{n}].id"))
    for one in some[:20]:
        page.locator("#q").fill(one[:300])
    bad = "script:not(#data), style, iframe, object, embed, form, link, meta, base, [onerror], [onload], [onclick]"
    assert page.locator(f"main :is({bad})").count() == 0
    assert page.evaluate("[window.__ran, document.title]") == [None, "Firstcall · 离线副本"]
    assert wrong == []
    with pytest.raises(Error, match="TrustedHTML"):
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
    with pytest.raises(Error, match="TrustedScript"):
        page.evaluate("document.body.setAttribute('onclick', 'window.__ran = 1')")


def test_no_byte_of_what_is_hidden_is_in_the_file(address: str) -> None:
    whole = Path(address.removeprefix("file://")).read_text("utf-8")
    assert "Pangolin" in whole
    assert [word for word in ("Zanzibar", "zanzibar", "Quagga", "quagga", "merger-en") if word in whole] == []
    assert len(json.loads(whole.split('id="data">')[1].split("</script>")[0])["articles"]) == len(ARTICLES) + 1
