"""The sample month as rows: every call with its searches, what solved it, what nobody could answer.

The same month each time for the same moment: one seeded generator, no clock, no database.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kb import text

TAG = "demo"
DAYS = 30
CALLS_A_DAY = 70
SURGE_CALLS, SURGE_MINUTES = 14, 25
SURGE_AT = time(20, 40)
WEEK = (1.25, 1.05, 1.0, 0.95, 1.0, 0.8, 0.7)  # Monday's share of calls … Sunday's
HOURS = {8: 3, 9: 7, 10: 10, 11: 9, 12: 5, 13: 5, 14: 7, 15: 8, 16: 7, 17: 6, 18: 6, 19: 8, 20: 9, 21: 7, 22: 4, 23: 2}
ZH = 0.72  # of the callers
RANKS = {1: 74, 2: 13, 3: 7, 4: 3, 5: 2, 7: 1}  # where in the list the answer stood when it was opened
KEY_SECONDS = 0.17
WITHIN = timedelta(days=7)  # a gap is given to somebody for
LEAD = "demo.lead"  # who sorts the gaps
CLOSED = ("published", "verified", "not_needed")

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A question on one call: what is typed for it, and the article that answers it, '' for none."""

    words: Mapping[str, Sequence[str]]
    product: str = ""
    article: str = ""
    topic: str = ""


@dataclass(frozen=True)
class Month:
    """Rows by table, each as it is inserted; the topics nobody could answer, by key."""

    calls: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    promises: list[Row] = field(default_factory=list)
    flags: list[Row] = field(default_factory=list)
    reports: list[Row] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    moves: list[Row] = field(default_factory=list)
    bulletins: list[Row] = field(default_factory=list)
    seen: list[Row] = field(default_factory=list)


@cache
def told() -> Mapping[str, Any]:
    """`story.toml` as it is read."""
    tree: dict[str, Any] = tomllib.loads((Path(__file__).parent / "story.toml").read_text("utf-8"))
    return tree


def month(
    versions: Mapping[str, str], at: datetime, zone: ZoneInfo, *, calls_a_day: int = CALLS_A_DAY, days: int = DAYS
) -> Month:
    """The month that ends at `at`.

    versions: article id → sha256 of its file; topics whose article is not among them are left out
    """
    teller = _Teller(versions, at, zone)
    if not teller.known:
        return teller.month
    today = at.astimezone(zone).date()
    for back in range(days, -1, -1):
        day = today - timedelta(days=back)
        for _ in range(round(calls_a_day * WEEK[day.weekday()] * teller.chance.uniform(0.9, 1.1))):
            hour = teller.pick(HOURS)
            begun = datetime.combine(day, time(hour, teller.chance.randrange(60), teller.chance.randrange(60)), zone)
            if begun < at - timedelta(minutes=12):
                teller.call(begun, back, teller.topic(back))
    for topic in told()["missing"]:
        if "surge" in topic:
            teller.surge(topic)
    for flagged in told()["flagged"]:
        teller.flagged(flagged)
    for topic in told()["missing"]:
        teller.gap(topic)
    return teller.month


class _Teller:
    """Puts a month together, call by call."""

    def __init__(self, versions: Mapping[str, str], at: datetime, zone: ZoneInfo) -> None:
        self.versions, self.at, self.zone = versions, at, zone
        self.chance = random.Random(20)
        self.numbers = count(1)
        self.month = Month()
        self.met: dict[str, list[Row]] = {}  # topic → the events by which it was recorded and joined
        self.known = [one for one in told()["asked"] if f"{one['article']}-zh" in versions]

    def pick(self, weights: Mapping[Any, float]) -> Any:
        return self.chance.choices(list(weights), list(weights.values()))[0]

    def id(self, letter: str) -> str:
        return f"{TAG}-{letter}{next(self.numbers):06}"

    def topic(self, back: int) -> Asked:
        """What a call so many days before the end is about."""
        asked = {i: one["weight"] for i, one in enumerate(self.known)}
        whole = sum(asked.values()) / 100
        missing = {-1 - i: one["weight"] * whole for i, one in enumerate(told()["missing"])}
        chosen = self.pick(asked | missing)
        if chosen >= 0:
            one = self.known[chosen]
            return Asked(one, one.get("product", ""), one["article"])
        one = told()["missing"][-1 - chosen]
        answered = back < one.get("answered", -1) and f"{one['article']}-zh" in self.versions
        return Asked(one, one["product"], one["article"] if answered else "", "" if answered else one["key"])

    def call(self, begun: datetime, back: int, asked: Asked, lang: str = "") -> None:
        """One call: its row, and what happened on it."""
        lang = lang or ("zh" if self.chance.random() < ZH else "en")
        agent = self.pick({i: 2.0 if one["langs"][0] == lang else 1.0 for i, one in enumerate(told()["agent"])})
        who = told()["agent"][agent]
        if lang not in who["langs"]:
            lang = who["langs"][0]
        line = _Line(self, begun, who, lang, 1.15 - 0.25 * (DAYS - back) / DAYS)
        solved = line.answered(asked) if asked.article else line.missed(asked)
        line.move(15, 70)
        facts = {"id": line.id, "agent": who["id"], "teams": [who["team"]], "begun_at": begun, "last_at": line.now}
        said = self.chance.random() < 0.6
        product = asked.product if said else ""
        more = {"ended_at": line.now, "product": product, "lang": lang if said else "", "tag": TAG}
        self.month.calls.append(facts | more)
        if asked.topic and not solved and self.chance.random() < 0.4:
            due = line.now + timedelta(hours=self.chance.choice((2, 24, 72)))
            what = {"zh": "查清楚后给客户回电", "en": "Call back with the answer"}[lang]
            kept = due - timedelta(minutes=20) if due < self.at and self.chance.random() < 0.85 else None
            promise = {"id": self.id("p"), "call": line.id, "agent": who["id"], "made_at": line.now, "due_at": due}
            self.month.promises.append(promise | {"what": what, "kept_at": kept})
            line.event("promise", query=what, id=promise["id"])

    def surge(self, topic: Row) -> None:
        """Many ask the same within minutes, so many days before the end."""
        last = self._on(topic["surge"], SURGE_AT) if topic["surge"] else self.at - timedelta(minutes=2)
        for n in range(SURGE_CALLS):
            began = last - timedelta(minutes=SURGE_MINUTES * (1 - (n / SURGE_CALLS) ** 0.6) + 2)
            self.call(began, topic["surge"], Asked(topic, topic["product"], topic=topic["key"]))

    def _on(self, back: int, hour: time) -> datetime:
        """An hour of the site's day so many days before the end."""
        return datetime.combine(self.at.astimezone(self.zone).date() - timedelta(days=back), hour, self.zone)

    def flagged(self, given: Row) -> None:
        """An agent reads an article out and finds fault with it."""
        lang = self.chance.choice(("zh", "en"))
        article = f"{given['article']}-{lang}"
        if article not in self.versions:
            return
        begun = self._on(given["day"], time(self.chance.randrange(9, 18), self.chance.randrange(60)))
        who = self.chance.choice([one for one in told()["agent"] if lang in one["langs"]])
        line = _Line(self, begun, who, lang, 1.0)
        topic = next(one for one in self.known if one["article"] == given["article"])
        line.answered(Asked(topic, article=given["article"]))
        flag = {"id": self.id("f"), "call": line.id, "agent": who["id"], "at": line.now, "article": article}
        flag |= {"version": self.versions[article], "reason": given["reason"], "note": given[f"note_{lang}"]}
        self.month.flags.append(flag)
        line.event("flag", article=article, id=flag["id"])
        line.move(10, 40)
        facts = {"id": line.id, "agent": who["id"], "teams": [who["team"]], "begun_at": begun, "last_at": line.now}
        self.month.calls.append(facts | {"ended_at": line.now, "product": "", "lang": lang, "tag": TAG})

    # --- what becomes of a gap -------------------------------------------------------------------

    def gap(self, topic: Row) -> None:
        """The gap of a topic: recorded first by one, joined by the others, and what was decided about it."""
        met = sorted(self.met.get(topic["key"], []), key=lambda event: event["at"])
        if not met:
            return
        first, id = met[0], gap_id(topic)
        first["kind"] = "gap"
        row = {"id": id, "at": first["at"], "question": first["query"], "lang": text.language(first["query"])}
        row |= {"product": topic["product"], "state": "new", "tag": TAG, "closed_at": None, "article": "", "owner": ""}
        self.month.gaps.append(row | {"due_at": None, "department": ""})
        for event in met:
            report = {name: event[name] for name in ("id", "call", "agent", "at")}
            self.month.reports.append(report | {"gap": id, "question": event["query"]})
        begun = min(first["at"], self.at - timedelta(hours=1))
        end = self.at - timedelta(days=topic.get("answered", 0)) if "answered" in topic else self.at
        steps = topic.get("fate", [])
        for n, state in enumerate(steps, 1):
            self._move(self.month.gaps[-1], topic, state, begun + (end - begun) * n / (len(steps) + 1))
        if "bulletin" in topic:
            self._bulletin(topic, first["at"])

    def _move(self, gap: Row, topic: Row, state: str, at: datetime) -> None:
        facts: Row = {"why": topic.get("why", "") if state == "not_needed" else "", "article": "", "owner": ""}
        facts |= {"due_at": None, "department": ""}
        if state == "assigned":
            facts |= {
                "owner": topic["owner"],
                "due_at": self.at + timedelta(days=topic["due"]) if "due" in topic else at + WITHIN,
            }
        if state in ("published", "verified"):
            facts["article"] = f"{topic['article']}-{gap['lang']}"
        if state == "referred":
            facts |= {"department": topic["department"], "why": topic["why"]}
        by = facts["owner"] or gap["owner"] or LEAD
        move = {"gap": gap["id"], "at": at, "by": by, "before": gap["state"], "after": state} | facts
        self.month.moves.append(move)
        gap |= {name: facts[name] for name in ("article", "owner", "due_at", "department") if facts[name]}
        gap |= {"state": state, "closed_at": at if state in CLOSED and not gap["closed_at"] else gap["closed_at"]}

    def _bulletin(self, topic: Row, at: datetime) -> None:
        """A sentence to hold callers with, posted a few minutes into the surge and over the next day."""
        posted = at + timedelta(minutes=6)
        id = f"{TAG}-b-{topic['key']}"
        facts = {"id": id, "by": LEAD, "at": posted, "kind": "holding", "title": topic["bulletin"], "body": ""}
        facts |= {"say": topic["say"], "teams": [], "products": [], "words": [], "valid_from": posted}
        self.month.bulletins.append(facts | {"expires_at": posted + timedelta(days=1), "withdrawn_at": None})
        for n, agent in enumerate(told()["agent"]):
            self.month.seen.append({"bulletin": id, "user": agent["id"], "at": posted + timedelta(minutes=2 + 3 * n)})


def gap_id(topic: Row) -> str:
    """The id of the gap that a topic makes."""
    return f"{TAG}-g-{topic['key']}"


def topics() -> Iterator[tuple[str, list[str]]]:
    """What nobody could answer: the id of its gap, and the words it is asked in."""
    for topic in told()["missing"]:
        yield gap_id(topic), [*topic["zh"], *topic["en"]]


class _Line:
    """What happens on one call, with the time running on."""

    def __init__(self, teller: _Teller, begun: datetime, who: Row, lang: str, pace: float) -> None:
        self.teller, self.now, self.who, self.lang = teller, begun, who, lang
        self.pace = pace * float(who["pace"])
        self.id = teller.id("c")

    def move(self, least: float, most: float) -> None:
        self.now += timedelta(seconds=self.teller.chance.uniform(least, most) * self.pace)

    def event(self, kind: str, *, id: str = "", **facts: Any) -> Row:
        article = facts.get("article", "")
        row = {"id": id or self.teller.id("e"), "call": self.id, "at": self.now, "agent": self.who["id"], "kind": kind}
        row |= {"query": "", "article": "", "version": self.teller.versions.get(article, ""), "detail": {}} | facts
        self.teller.month.events.append(row)
        return row

    def search(self, words: str, verdict: str, hits: int) -> None:
        keys = len(words) * (2 if text.language(words) == "zh" else 1) + self.teller.chance.randrange(4)
        spent = keys * KEY_SECONDS * self.pace * self.teller.chance.uniform(0.8, 1.6) + 0.8
        self.now += timedelta(seconds=spent)
        typed = {"keys": keys, "since": round(spent * 1000)}
        self.event("search", query=words, detail={"verdict": verdict, "hits": hits, "complete": True, **typed})

    def answered(self, asked: Asked) -> bool:
        """A question that the base answers: most often at the first try, and most often marked as solved."""
        chance = self.teller.chance
        wordings = chance.sample(list(asked.words[self.lang]), k=min(2, len(asked.words[self.lang])))
        self.move(8, 40)
        if chance.random() < 0.16:
            self.search(wordings[-1], "maybe", chance.randrange(1, 6))
            self.move(3, 9)
        words = wordings[0]
        self.search(words, "found" if chance.random() < 0.9 else "maybe", chance.randrange(3, 10))
        self.move(1.5, 6)
        if chance.random() < 0.04:
            return False  # the customer told more, or hung up
        article = f"{asked.article}-{self.lang}"
        rank = {"rank": self.teller.pick(RANKS)}
        self.event("open", query=words, article=article, detail=rank)
        self.move(6, 25)
        if chance.random() < 0.6:
            self.event("copy", article=article)
            self.move(4, 20)
        fate = chance.random()
        if fate < 0.82:
            kind = "solved" if fate < 0.7 else "helped"
            self.move(10, 60)
            self.event(kind, query=words, article=article, detail=rank)
        return fate < 0.82

    def missed(self, asked: Asked) -> bool:
        """A question nobody can answer: other words, perhaps an article that does not help, perhaps a gap recorded."""
        chance = self.teller.chance
        self.move(8, 40)
        wordings = chance.sample(
            list(asked.words[self.lang]), k=min(chance.choice((1, 1, 2, 2, 3)), 3, len(asked.words[self.lang]))
        )
        for words in wordings:
            self.search(words, "missing" if chance.random() < 0.75 else "maybe", chance.choice((0, 0, 3, 6)))
            self.move(8, 35)
        last = wordings[-1]
        fate = chance.random()
        if fate < 0.4:
            recorded = self.event("join", query=last, id=self.teller.id("r"))
            self.teller.met.setdefault(asked.topic, []).append(recorded)
        elif fate < 0.6:
            self.event("unsolved", query=last)
        return False
