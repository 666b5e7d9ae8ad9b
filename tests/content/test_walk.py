"""A walk through an article's own cases: its words, its order, and what is said at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.content.articles import Article, parse, read_all
from kb.content.walk import End, Step, Walk, follow, walks
from kb.errors import ArticleError

ARTICLES, _ = read_all(Path(__file__).resolve().parent.parent.parent / "articles")
BY_ID = {one.id: one for one in ARTICLES}
TOPICS = sorted({one.id.rpartition("-")[0] for one in ARTICLES})

SAY = "::: say\n7 天内可以退。\n:::\n\n"
ESCALATE = "::: escalate payments\n**Payments desk**, daily.\n\n> I am passing you on.\n:::\n"


def article(body: str, lang: str = "en") -> Article:
    """An article with this body."""
    return parse(f"---\nid: a\ntitle: T\nlang: {lang}\n---\n{body}", "refund-policy/a.md")


def only(body: str, lang: str = "en") -> Walk:
    """The one walk of a body."""
    (walk,) = walks(article(body, lang))
    return walk


def table(*lines: str) -> str:
    """A table of these lines, header first."""
    head, *rows = lines
    return "\n".join([head, "|---" * (head.count("|") - 1) + "|", *rows, ""])


def texts(walk: Walk) -> list[tuple[str, str | None, str | None]]:
    """Each step's question and where yes and no end, None for on to the next."""
    return [
        (step.question, step.yes.text if step.yes else None, step.no.text if step.no else None) for step in walk.steps
    ]


# --- tables --------------------------------------------------------------------------------------


def test_a_table_of_cases_asks_one_after_the_other() -> None:
    walk = only("## Decide\n\n" + table("| If | Then |", "| Is it **red**? | Wait. |", "| Is it off? | Plug it in. |"))
    assert walk.heading == "Decide"
    assert texts(walk) == [("Is it **red**?", "Wait.", None), ("Is it off?", "Plug it in.", None)]
    assert follow(walk, []) == walk.steps[0]
    assert follow(walk, [True]) == walk.steps[0].yes
    assert follow(walk, [False]) == walk.steps[1]
    assert follow(walk, [False, True]) == walk.steps[1].yes
    assert follow(walk, [False, False]) == walk.last
    assert follow(walk, [False, False, True]) == walk.last


def test_where_no_case_fits_the_article_says_what_it_says_first_and_whom_to_ask() -> None:
    cases = table("| 如果 | 那么 |", "| 红灯 | 等 |")
    walk = only(SAY + cases + ESCALATE, "zh-CN")
    assert (walk.last.fits, walk.last.text, walk.last.say) == (False, "", "7 天内可以退。")
    assert [block.argument for block in walk.last.escalate] == ["payments"]
    assert only(cases, "zh-CN").last == End("", None, fits=False)


@pytest.mark.parametrize(
    "header",
    [
        "| If | Then |",
        "| If the light is | Do this |",
        "| Case | What to do |",
        "| Question | Answer |",
        "| **When** | Then |",
        "| 如果 | 那么 |",
        "| 情况 | 处理 |",
        "| 情况 | 怎么办 |",
        "| 情形 | 处理方式 |",
        "| 若 | 则 |",
        "| 條件 | 處理 |",
    ],
)
def test_a_table_of_cases_is_told_by_its_header(header: str) -> None:
    assert texts(only(table(header, "| a | b |"))) == [("a", "b", None)]


@pytest.mark.parametrize(
    "header",
    [
        "| Light | Meaning |",
        "| Code | Then |",
        "| When | Where |",
        "| Iffy | Then |",
        "| | 那么 |",
        "| 商品 | 保修期 |",
    ],
)
def test_another_table_is_no_walk(header: str) -> None:
    assert walks(article(table(header, "| a | b |"))) == ()


@pytest.mark.parametrize("header", ["| Question | Yes | No |", "| 问题 | 是 | 否 |", "| 条件 | 是 | 否 |"])
def test_a_table_with_yes_and_no_branches_both_ways(header: str) -> None:
    walk = only(table(header, "| Paid? | | Nothing to do |", "| Shipped? | Refuse it | Cancel it |"))
    assert texts(walk) == [("Paid?", None, "Nothing to do"), ("Shipped?", "Refuse it", "Cancel it")]
    assert follow(walk, [True]) == walk.steps[1]
    ends = [follow(walk, replies) for replies in ([False], [True, True], [True, False])]
    assert [(end.text, end.fits) for end in ends if isinstance(end, End)] == [
        ("Nothing to do", False),
        ("Refuse it", True),
        ("Cancel it", False),
    ]


@pytest.mark.parametrize("cell", ["", "–", "next", "Go on.", "→ next question", "继续", "看下一条"])
def test_a_cell_that_says_go_on_ends_nothing(cell: str) -> None:
    walk = only(table("| Question | Yes | No |", f"| a | {cell} | b |", f"| c | d | {cell} |"))
    assert texts(walk) == [("a", None, "b"), ("c", "d", None)]


def test_the_cells_between_are_notes_with_their_header() -> None:
    walk = only(
        table(
            "| If | Day | *Cost* | Then |", "| Is there a fault? | 1–7 | ¥0 | Refund |", "| | up to 15 | | Exchange |"
        )
    )
    assert texts(walk) == [("Is there a fault?", "Refund", None), ("Is there a fault?", "Exchange", None)]
    assert [step.notes for step in walk.steps] == [(("Day", "1–7"), ("Cost", "¥0")), (("Day", "up to 15"),)]


@pytest.mark.parametrize("otherwise", ["Otherwise", "In all other cases:", "否则", "以上都不是"])
def test_a_last_row_for_everything_else_is_the_end(otherwise: str) -> None:
    walk = only(SAY + table("| If | Then |", "| a | b |", f"| {otherwise} | c |"))
    assert texts(walk) == [("a", "b", None)]
    assert (walk.last.text, walk.last.fits, walk.last.say) == ("c", True, "")


def test_a_table_without_rows_is_no_walk() -> None:
    assert walks(article(table("| If | Then |"))) == ()
    assert walks(article(table("| If | Then |", "| | b |"))) == ()


def test_walks_come_in_the_order_of_the_text() -> None:
    one = article("## Who is eligible\n\n- a\n\n" + table("| If | Then |", "| b | c |") + "\n## Conditions\n\n- d\n")
    assert [walk.steps[0].question for walk in walks(one)] == ["a", "b", "d"]


# --- lists ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "heading",
    [
        "Who is eligible",
        "Eligibility",
        "Conditions",
        "Who can get it",
        "Can I return it?",
        "是否符合",
        "申请条件",
        "能不能退",
    ],
)
def test_a_list_of_conditions_ends_with_the_first_that_is_not_met(heading: str) -> None:
    walk = only(f"{SAY}## {heading}\n\n1. Within 7 days\n2. All parts there\n\n{ESCALATE}")
    assert walk.heading == heading
    assert [step.question for step in walk.steps] == ["Within 7 days", "All parts there"]
    assert follow(walk, [True]) == walk.steps[1]
    met, unmet = follow(walk, [True, True]), follow(walk, [True, False])
    assert isinstance(met, End)
    assert (met.fits, met.say, met.escalate) == (True, "7 天内可以退。", ())
    assert isinstance(unmet, End)
    assert (unmet.fits, unmet.say, [block.argument for block in unmet.escalate]) == (False, "", ["payments"])
    assert follow(walk, [False]) == unmet


@pytest.mark.parametrize(
    ("heading", "lead"),
    [
        ("Who is eligible", "Any of these is enough:"),
        ("Eligible is one of", ""),
        ("是否符合", "满足以下任一条件即可："),
        ("哪些情况可以退", ""),
        ("适用商品", ""),
    ],
)
def test_where_one_is_enough_the_first_yes_ends(heading: str, lead: str) -> None:
    walk = only(f"{SAY}## {heading}\n\n{lead}\n\n- a\n- b\n")
    assert follow(walk, [False]) == walk.steps[1]
    met, unmet = follow(walk, [False, True]), follow(walk, [False, False])
    assert isinstance(met, End)
    assert (met.fits, met.say) == (True, "7 天内可以退。")
    assert isinstance(unmet, End)
    assert (unmet.fits, unmet.say) == (False, "")


def test_every_one_of_them_is_not_one_of_them() -> None:
    walk = only("## Conditions\n\nEvery one of these:\n\n- a\n- b\n")
    assert follow(walk, [True]) == walk.steps[1]


@pytest.mark.parametrize(
    "heading", ["Not eligible", "Exceptions", "Not covered", "不符合的情况", "例外", "不支持退货的商品"]
)
def test_a_list_of_exclusions_ends_with_the_first_that_applies(heading: str) -> None:
    walk = only(f"{SAY}## {heading}\n\n- a\n- b\n")
    excluded, clear = follow(walk, [True]), follow(walk, [False, False])
    assert isinstance(excluded, End)
    assert (excluded.fits, excluded.say) == (False, "")
    assert isinstance(clear, End)
    assert (clear.fits, clear.say) == (True, "7 天内可以退。")


@pytest.mark.parametrize(
    "heading", ["Steps", "Related", "How can I reset it", "处理步骤", "先看有没有冒烟", "是不是坏了"]
)
def test_another_list_is_no_walk(heading: str) -> None:
    assert walks(article(f"## {heading}\n\n- a\n- b\n")) == ()


def test_a_list_of_what_never_to_say_is_no_walk() -> None:
    assert walks(article("## Conditions\n\n::: never\n- Never promise it.\n:::\n")) == ()


# --- what an end says ----------------------------------------------------------------------------

TWO = ESCALATE + (
    "\n::: escalate noc\n**Broadband network centre**, 24 hours.\n\n> They can measure it.\n>\n> One moment.\n:::\n"
    "\n::: escalate tech\n**技术支持组**\n\n> 我帮您转。\n:::\n"
)


def ending(then: str, blocks: str = TWO) -> End:
    """The end that a Then cell with this text leads to."""
    end = only(table("| If | Then |", f"| a | {then} |") + "\n" + blocks).steps[0].yes
    assert end
    return end


@pytest.mark.parametrize(
    ("then", "departments", "say"),
    [
        ("Transfer to the payments desk.", ["payments"], "I am passing you on."),
        ("Transfer to payments at once.", ["payments"], "I am passing you on."),
        ("Hand over to the network centre.", ["noc"], "They can measure it. One moment."),
        ("转技术支持组", ["tech"], "我帮您转。"),
        ("Payments desk first, then 技术支持组", ["payments", "tech"], "I am passing you on."),
        ("Ask the payments desk whether it came.", ["payments"], ""),
        ("Say that payments will confirm it.", ["payments"], ""),
        ("问技术支持组", ["tech"], ""),
        ("哪天由技术支持组确认", ["tech"], ""),
        ("Do not transfer to payments.", [], ""),
        ("不要转技术支持组", [], ""),
        ("Payments of any kind are returned.", [], ""),
        ("Transfer.", [], ""),  # to whom, of three?
    ],
)
def test_an_end_knows_whom_it_hands_over_to(then: str, departments: list[str], say: str) -> None:
    end = ending(then)
    assert ([block.argument for block in end.escalate], end.say) == (departments, say)


@pytest.mark.parametrize(
    ("then", "handed"), [("Read it, then transfer.", True), ("备注后转接", True), ("Wait.", False)]
)
def test_the_only_department_need_not_be_named(then: str, handed: bool) -> None:
    assert bool(ending(then, ESCALATE).escalate) is handed


@pytest.mark.parametrize(
    ("then", "say"),
    [
        ('No refund: "That price was for less than two hours"', "That price was for less than two hours"),
        ("“Please stop using it now.” Transfer to payments.", "Please stop using it now."),
        ("不退，说「那个价格只有两个小时」", "那个价格只有两个小时"),
        ('Cancel it in "Orders".', ""),
        ("在「订单中心」取消", ""),
        ('Do not say "it will surely be there tomorrow".', ""),
        ("不要说「明天一定到」", ""),
    ],
)
def test_an_end_says_what_its_cell_quotes(then: str, say: str) -> None:
    assert ending(then).say == say


def test_an_end_knows_the_articles_it_links_to() -> None:
    end = ending("See [late](../products/late-en.md#x), [this](b.md), [that](https://example.com/c.md), ![i](d.md).")
    assert end.links == ("late-en", "b")
    assert end.text.startswith("See [late](")


# --- the sample, and anything --------------------------------------------------------------------


@pytest.mark.parametrize("one", ARTICLES, ids=lambda one: one.id)
def test_every_sample_article_is_walked_in_its_own_words(one: Article) -> None:
    (walk,) = walks(one)
    lines = one.body[one.body.index("## Decide" if one.lang == "en" else "## 判断") :].split("\n\n")[1].splitlines()
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert walk.heading in ("Decide", "判断")
    assert [
        [step.question, *(note for _, note in step.notes), step.yes.text if step.yes else ""] for step in walk.steps
    ] == rows
    assert all([name for name, _ in step.notes] == header[1:-1] for step in walk.steps)
    assert all(step.no is None for step in walk.steps)
    for step in walk.steps:
        assert one.source[step.span.start : step.span.end] == step.question
        assert step.yes
        assert step.yes.span
        assert one.source[step.yes.span.start : step.yes.span.end] == step.yes.text
    assert (walk.last.fits, walk.last.say) == (False, one.say)
    assert walk.last.escalate == tuple(block for block in one.blocks if block.kind == "escalate")


@pytest.mark.parametrize("topic", TOPICS)
def test_twins_hand_over_to_the_same_departments_and_speak_at_the_same_ends(topic: str) -> None:
    def facts(id: str) -> list[tuple[list[str], list[str], bool]]:
        ends = [step.yes for step in walks(BY_ID[id])[0].steps if step.yes]
        return [
            ([block.argument for block in end.escalate], [link[:-3] for link in end.links], bool(end.say))
            for end in ends
        ]

    assert facts(f"{topic}-zh") == facts(f"{topic}-en")


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            "| If | Then |#|---|---|#| 如果 | 那么 |#| Question | Yes | No |#|---|---|---|#| a | 转接 |#| | \\| |"
            "#- a#1. 甲#> #::: say#::: escalate x#:::#".split("#")
        ),
        st.sampled_from(["## Conditions", "## 是否符合"]),
        st.text(alphabet='|-: ab\\"「」转接*[]().md\r\t', max_size=12),
    ),
    max_size=14,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(LINES, st.lists(st.booleans(), max_size=5))
def test_any_article_can_be_walked(lines: list[str], replies: list[bool]) -> None:
    try:
        one = article("\n".join(lines))
    except ArticleError:
        return
    for walk in walks(one):
        assert walk.steps
        for step in walk.steps:
            assert one.source[step.span.start : step.span.end] == step.question != ""
        at = follow(walk, replies)
        assert isinstance(at, End) or (isinstance(at, Step) and at in walk.steps)
        assert isinstance(follow(walk, [*replies, *[False] * len(walk.steps), *[True] * len(walk.steps)]), End)
