"""Misses as they come on a floor, with vectors whose topics are known."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import sqlalchemy as sa

from kb import tables
from kb.db import Connection
from kb.gaps import gap
from kb.gaps.clusters import Rows, Space, joining, unit
from kb.people.users import OPERATOR
from tests.people_on_the_floor import MINUTE, NOON

DIM = 32
LATER = NOON + timedelta(days=1)
TOPICS = {
    "lock": ("门锁泡水了还能保修吗", "lock fell into water", "锁进水保修", "is water in the lock covered"),
    "bill": ("发票抬头开错了怎么改", "wrong name on my invoice", "改发票抬头", "correct the invoice title"),
    "lamp": ("路由器一直亮红灯", "red light on the router", "路由器红灯闪", "router blinks red"),
}


class Base:
    """Vectors by topic, in one narrow cone, and a space measured on the base's own questions."""

    def __init__(self) -> None:
        drawn = np.random.default_rng(0)
        self._middles = {topic: drawn.standard_normal(DIM) for topic in (*TOPICS, *(f"t{n}" for n in range(40)))}
        own = np.array([self.row(f"own {topic} {n}", topic) for topic in self._middles for n in range(3)])
        self.space = Space.of(own)

    def row(self, question: str, topic: str, noise: float = 0.35) -> Rows:
        drawn = np.random.default_rng(sum(question.encode()))
        return unit(3 * np.ones(DIM) + self._middles[topic] + noise * drawn.standard_normal(DIM))


BASE = Base()


class Floor:
    """Misses as they come, and the machine's look at them."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.at, self._n = connection, NOON, 0
        self.vectors: dict[str, Rows] = {}

    def miss(self, question: str, topic: str, *, at: datetime | None = None, tag: str = "") -> str:
        self._n += 1
        self.at = at or self.at + MINUTE
        self.vectors[question] = BASE.row(question, topic)
        lang = "zh" if ord(question[0]) > 255 else "en"
        facts = {"agent": "may", "teams": [], "signals": ["missing"], "seconds": 20.0, "product": "LH-S1"}
        one = {"id": f"m-{self._n}", "call": f"call-{self._n}", "question": question, "lang": lang, "tag": tag}
        self.connection.execute(sa.insert(tables.miss).values(at=self.at, gap="", **facts, **one))
        return f"m-{self._n}"

    def look(self, tag: str = "") -> joining.Decided:
        todo = joining.todo(self.connection, self.at + timedelta(hours=1), tag)
        decided = joining.decide(todo, self.vectors, BASE.space)
        joining.keep(self.connection, OPERATOR, decided, self.at + timedelta(hours=1))
        return decided

    def joined(self) -> dict[str, str]:
        """Miss → the gap it counts with now."""
        rows = self.connection.execute(sa.select(tables.miss.c.id, tables.miss.c.gap))
        return {row.id: gap.root(self.connection, row.gap) for row in rows}
