"""What other systems were told, as a program sees it: whether it was taken, and once more where it was given up."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from kb.db import Connection
from kb.doors.v1.door import Ask, Door, Next, Page, Told, page
from kb.doors.wiring import Desk
from kb.people.users import Action, require
from kb.systems import webhooks
from kb.systems.webhooks import Delivery


class Deliveries(Page):
    """Which messages."""

    state: Literal["", "waiting", "sent", "dead"] = Field("", description="`dead`: given up.")


class DeliveryFacts(Told):
    """A message to one address. `event` is the `webhook-id` that it carries."""

    id: str
    event: str
    kind: str
    subject: str
    origin: str
    state: Literal["waiting", "sent", "dead"]
    tries: int
    at: str
    next_at: str
    sent_at: str | None
    given_up_at: str | None
    problem: str


class DeliveryList(Told):
    """Messages in the order in which it happened."""

    deliveries: list[DeliveryFacts]
    next: Next


class Again(Told):
    """A message that will be sent anew."""

    id: str


def listed(desk: Desk, ask: Ask) -> dict[str, Any]:
    """List what other systems were told in the last 30 days."""
    require(ask.by, Action.READ_WEBHOOKS)
    with desk.database.read() as connection:
        found = webhooks.deliveries(connection, ask.by, ask.query.state or None)
    shown, after = page(found, lambda one: (one.number, one.id), ask.query)
    return {"deliveries": [_facts(one) for one in shown], "next": after}


def again(_: Desk, connection: Connection, ask: Ask) -> dict[str, Any]:
    """Send a message that was given up anew."""
    require(ask.by, Action.READ_WEBHOOKS)
    webhooks.again(connection, ask.by, ask.id, ask.at)
    return {"id": ask.id}


def _facts(one: Delivery) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(one).items() if name in DeliveryFacts.model_fields}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in facts.items()}


DOORS = (
    Door("GET", "/api/v1/webhooks", "webhooks", DeliveryList, read=listed, query=Deliveries),
    Door("POST", "/api/v1/webhooks/{id}/again", "webhooks", Again, write=again, refuses=(404,)),
)
