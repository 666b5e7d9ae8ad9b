"""Whom to ask: the file, and who of it may know."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.calls.experts import Expert, Suggestion, Why, load, whom_to_ask
from kb.content import products, site
from kb.content.articles import read_all
from kb.content.products import Product
from kb.content.site import ALWAYS, Hours
from kb.errors import ArticleError
from kb.i18n import LANGUAGES, explain

SAMPLE = Path(__file__).resolve().parents[2] / "articles"
WEEKDAYS = Hours((*[(time(9), time(18))] * 5, None, None))
MONDAY_NOON, MONDAY_NIGHT = datetime(2026, 11, 16, 12), datetime(2026, 11, 16, 22)

CATALOGUE = {
    "LH-R3000": Product("LH-R3000", "Lark Router R3000", "云雀路由器 R3000", "router", ("R3000",)),
    "LH-M6000": Product("LH-M6000", "Lark Mesh M6000", "云雀 Mesh M6000", "router", ("M6000",)),
    "LH-V9": Product("LH-V9", "Robot Vacuum V9", "扫地机器人 V9", "vacuum", ("V9",)),
}
FILE = """# whom to ask
[[expert]]
id = "chen.yu"
name = { en = "Chen Yu", zh = "陈宇" }
lines = ["router"]
products = ["LH-V9"]
topics.en = ["no internet"]
topics.zh = ["断网", "路由器"]
langs = ["zh", "en"]
extension = "8101"
chat = "@chen.yu"
hours = { mon-fri = "09:00-18:00" }

[[expert]]
id = "gao.ming"
name = { en = "Gao Ming", zh = "高明" }
langs = ["zh"]
hours = { mon-sun = "00:00-24:00" }
"""


def person(id: str, *, langs: tuple[str, ...] = ("zh", "en"), hours: Hours = ALWAYS, **known: object) -> Expert:
    topics = {"en": known.pop("en", ()), "zh": known.pop("zh", ())}
    return Expert(id, {"en": id, "zh": id}, langs, hours, topics, **known)  # type: ignore[arg-type]


def asked(experts: list[Expert], question: str, **changes: object) -> tuple[Suggestion, ...]:
    facts: dict[str, object] = {"owners": (), "catalogue": CATALOGUE, "product": "", "lang": "", "local": MONDAY_NOON}
    return whom_to_ask(experts, question, **facts | changes)  # type: ignore[arg-type]


def ids(found: tuple[Suggestion, ...]) -> list[str]:
    return [one.expert.id for one in found]


def written(folder: Path, text: str) -> Path:
    (folder / "_experts.toml").write_text(text, "utf-8")
    return folder


# --- who -----------------------------------------------------------------------------------------


def test_the_owner_of_the_nearest_article_comes_before_that_of_the_next() -> None:
    experts = [person("second", lines=("x",)), person("first", lines=("x",)), person("other", lines=("x",))]
    found = asked(experts, "hm", owners=[("red-light-en", "first"), ("slow-en", "second"), ("times-en", "first")])
    assert ids(found) == ["first", "second"]
    assert [one.why for one in found] == [
        (Why("owner", "red-light-en"), Why("lang", "en")),
        (Why("owner", "slow-en"), Why("lang", "en")),
    ]


def test_the_owner_of_a_far_article_is_no_reason() -> None:
    owners = [(f"article-{i}", "nobody") for i in range(5)] + [("far", "wang")]
    assert asked([person("wang", lines=("x",))], "hm", owners=owners) == ()


@pytest.mark.parametrize(
    ("question", "product", "why"),
    [
        ("my v9 is stuck", "", {"vacuum": Why("product", "LH-V9")}),
        ("it is stuck", "V9", {"vacuum": Why("product", "LH-V9")}),
        ("扫地机器人V9卡住了", "", {"vacuum": Why("product", "LH-V9")}),
        ("my r3000 is hot", "", {"router": Why("line", "router")}),
        ("M6000 很烫", "LH-R3000", {"router": Why("line", "router")}),
        ("there is no internet here", "", {"net": Why("topic", "no internet")}),
        ("我家断网了", "", {"net": Why("topic", "断网")}),
        ("internet please", "", {}),
        ("it is stuck", "no such product", {}),
    ],
)
def test_people_are_found_by_product_by_line_and_by_topic(question: str, product: str, why: dict[str, Why]) -> None:
    experts = [
        person("vacuum", products=("LH-V9",)),
        person("router", lines=("router",)),
        person("net", en=("no internet",), zh=("断网",)),
    ]
    found = asked(experts, question, product=product)
    assert {one.expert.id: next(w for w in one.why if w.ground != "lang") for one in found} == why


def test_who_knows_the_very_product_comes_before_who_knows_its_line() -> None:
    experts = [person("line", lines=("router",)), person("product", products=("LH-R3000",), lines=("router",))]
    found = asked(experts, "my R3000 is hot")
    assert ids(found) == ["product", "line"]
    assert found[0].why == (Why("product", "LH-R3000"), Why("lang", "en"))  # its line says nothing more


def test_of_two_who_know_the_same_the_one_who_speaks_the_customers_language_comes_first() -> None:
    experts = [person("a", langs=("en",), zh=("发票",)), person("b", langs=("zh",), zh=("发票",))]
    assert ids(asked(experts, "发票怎么开")) == ["b", "a"]
    assert ids(asked(experts, "发票怎么开", lang="en")) == ["a", "b"]
    assert ids(asked(experts, "发票怎么开", lang="zh-CN")) == ["b", "a"]
    assert asked(experts, "发票怎么开")[0].why == (Why("topic", "发票"), Why("lang", "zh"))


def test_nobody_is_asked_for_the_language_alone() -> None:
    assert asked([person("net", zh=("断网",))], "发票怎么开") == ()


def test_who_is_on_duty_comes_first_and_who_is_not_is_still_named() -> None:
    experts = [person("office", hours=WEEKDAYS, products=("LH-V9",)), person("night", lines=("vacuum",))]
    assert [(one.expert.id, one.on_duty) for one in asked(experts, "V9")] == [("office", True), ("night", True)]
    assert [(one.expert.id, one.on_duty) for one in asked(experts, "V9", local=MONDAY_NIGHT)] == [
        ("night", True),
        ("office", False),
    ]


def test_who_is_there_for_anything_comes_last_and_alone_where_nobody_knows() -> None:
    lead, net = person("lead"), person("net", langs=("en",), zh=("断网",))
    assert ids(asked([lead, net], "断网")) == ["net", "lead"]
    assert [(one.expert.id, one.why) for one in asked([lead, net], "会下雨吗")] == [
        ("lead", (Why("lang", "zh"), Why("anything", "")))
    ]


def test_at_most_so_many_are_named_in_an_order_that_never_depends_on_chance() -> None:
    experts = [person(id, en=("fax",)) for id in ("d", "b", "c", "a")]
    assert ids(asked(experts, "fax")) == ["a", "b", "c"]
    assert ids(asked(experts[::-1], "fax", most=4)) == ["a", "b", "c", "d"]


def test_nobody_there_is_nobody_to_ask() -> None:
    assert asked([], "断网") == ()


# --- the file ------------------------------------------------------------------------------------


def test_the_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    chen, gao = load(written(tmp_path, FILE))
    assert chen == Expert(
        id="chen.yu",
        names={"zh": "陈宇", "en": "Chen Yu"},
        langs=("zh", "en"),
        hours=WEEKDAYS,
        topics={"zh": ("断网", "路由器"), "en": ("no internet",)},
        lines=("router",),
        products=("LH-V9",),
        extension="8101",
        chat="@chen.yu",
    )
    assert (chen.name("zh"), chen.name("en"), chen.for_anything) == ("陈宇", "Chen Yu", False)
    assert (gao.extension, gao.chat, gao.hours, gao.for_anything) == ("", "", ALWAYS, True)


def test_a_folder_without_the_file_has_nobody_to_ask(tmp_path: Path) -> None:
    assert load(tmp_path) == ()


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ('id = "gao.ming"', "id = gao.ming", "experts_broken", 15),
        ('hours = { mon-sun = "00:00-24:00" }\n', "hours = ", "experts_broken", 18),
        ("[[expert]]", "[expert]", "experts_broken", 14),
        ("# whom to ask", "people = 3", "experts_not_a_list", 1),
        ('id = "gao.ming"', 'id = "chen.yu"', "expert_twice", 15),
        ('id = "gao.ming"\n', "", "key_missing", 14),
        ('id = "chen.yu"', 'id = ""', "key_missing", 3),
        ('langs = ["zh"]', "langs = []", "key_missing", 17),
        ('chat = "@chen.yu"', 'phone = "13800138000"', "key_unknown", 11),
        ('extension = "8101"', 'extension = "138 0013 8000"', "expert_phone_number", 10),
        ('chat = "@chen.yu"', 'chat = "wx-13800138000"', "expert_phone_number", 11),
        ('extension = "8101"', "extension = 8101", "expert_value_wrong", 10),
        ('lines = ["router"]', 'lines = "router"', "expert_value_wrong", 5),
        ('products = ["LH-V9"]', "products = [9]", "expert_value_wrong", 6),
        ('topics.en = ["no internet"]', 'topics.en = ["?!"]', "expert_value_wrong", 7),
        ("topics.en", "topics.fr", "expert_value_wrong", 7),
        ('langs = ["zh"]', 'langs = ["zh", "fr"]', "expert_value_wrong", 17),
        ('name = { en = "Gao Ming", zh = "高明" }', 'name = "Gao Ming"', "expert_value_wrong", 16),
        ('zh = "高明"', 'zh = " "', "expert_value_wrong", 16),
        (', zh = "高明"', "", "expert_value_wrong", 16),
        ('{ mon-fri = "09:00-18:00" }', '{ mon-fri = "9-18" }', "expert_value_wrong", 12),
        ('{ mon-fri = "09:00-18:00" }', '"always"', "expert_value_wrong", 12),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_one_sentence_with_its_line(
    tmp_path: Path, old: str, new: str, code: str, line: int
) -> None:
    assert old in FILE
    with pytest.raises(ArticleError) as caught:
        load(written(tmp_path, FILE.replace(old, new, 1)))
    assert (caught.value.code, caught.value.facts["file"], caught.value.facts["line"]) == (code, "_experts.toml", line)
    for language in LANGUAGES:
        assert explain(language, caught.value).startswith(f"_experts.toml:{line}")


def test_a_file_in_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "_experts.toml").write_bytes(FILE.encode("gb18030"))
    with pytest.raises(ArticleError) as caught:
        load(tmp_path)
    assert (caught.value.code, caught.value.facts["line"]) == ("article_not_utf8", 4)


def test_a_folder_with_the_files_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "_experts.toml").mkdir()
    with pytest.raises(ArticleError, match="article_unreadable"):
        load(tmp_path)


VALUES = st.recursive(
    st.sampled_from(['"x"', "'zh'", "8101", "true", "2026-11-21", "[]", "{}", "1e999", f"1{'0' * 5000}"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda given: f"[{', '.join(given)}]")
        | st.dictionaries(st.sampled_from(["en", "zh", "mon", "mon-fri"]), inner, max_size=2).map(
            lambda given: "{" + ", ".join(f"{key} = {value}" for key, value in given.items()) + "}"
        )
    ),
    max_leaves=4,
)
KEYS = st.sampled_from(["id", "name", "topics", "lines", "products", "langs", "extension", "chat", "hours", '""'])
ROWS = st.lists(st.dictionaries(KEYS, VALUES, max_size=9), max_size=3).map(
    lambda rows: "\n".join("[[expert]]\n" + "\n".join(f"{k} = {v}" for k, v in row.items()) for row in rows)
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(ROWS | st.text(max_size=80))
def test_nothing_in_the_file_raises_anything_but_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "hostile"
    folder.mkdir(exist_ok=True)
    (folder / "_experts.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    told: list[ArticleError] = []
    try:
        load(folder)
    except ArticleError as error:
        told.append(error)
    lines = range(1, text.count("\n") + 2)
    assert [error for error in told if error.facts["file"] != "_experts.toml" or error.facts["line"] not in lines] == []
    assert all(explain(language, error) for language in LANGUAGES for error in told)


# --- the sample ----------------------------------------------------------------------------------

EXPERTS = load(SAMPLE)
CODES = products.load(SAMPLE)


def test_every_owner_of_a_sample_article_can_be_asked() -> None:
    owners = {article.owner for article in read_all(SAMPLE)[0]}
    assert owners - {expert.id for expert in EXPERTS} == set()


def test_the_sample_names_products_and_lines_of_the_catalogue() -> None:
    assert {code for expert in EXPERTS for code in expert.products} - set(CODES) == set()
    assert {line for expert in EXPERTS for line in expert.lines} == {product.line for product in CODES.values()}


def test_somebody_can_be_reached_in_each_language_whenever_the_site_is_open() -> None:
    hours = site.load(SAMPLE).hours
    open_hours = [
        at for day in range(16, 23) for hour in range(24) if hours.open_at(at := datetime(2026, 11, day, hour, 30))
    ]
    assert len(open_hours) == 7 * 16
    for question in ("会下雨吗", "will it rain"):
        reached = [
            whom_to_ask(EXPERTS, question, owners=(), catalogue=CODES, product="", lang="", local=at)[0]
            for at in open_hours
        ]
        assert {(one.expert.id, one.on_duty) for one in reached} == {("gao.ming", True)}


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("断网了怎么办", "chen.yu"),
        ("how do I get an invoice", "emma.clarke"),
        ("我的 V9 地图不见了", "he.jing"),
        ("快递员把包裹弄坏了", "sun.hao"),
        ("the fingerprint on my S1 is not recognised", "zhou.lan"),
        ("空气炸锅冒烟", "wang.min"),
    ],
)
def test_the_sample_knows_whom_to_ask_on_a_weekday_afternoon(question: str, first: str) -> None:
    found = whom_to_ask(
        EXPERTS, question, owners=(), catalogue=CODES, product="", lang="", local=datetime(2026, 11, 16, 15)
    )
    assert found[0].expert.id == first
    assert found[-1].expert.id == "gao.ming"
