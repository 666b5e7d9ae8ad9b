"""What other systems are told, and what programs and app servers were answered."""

from __future__ import annotations

import sqlalchemy as sa

from kb.tables.columns import Moment, metadata

# What happened that other systems may want to hear, written with it (`kb.systems.outbox`).
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),  # rises: the order in which it happened
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("subject", sa.String(240), nullable=False),  # what it is about: `gap:…`, `article:…`
    sa.Column("at", Moment, nullable=False),
    sa.Column("data", sa.Text, nullable=False),  # JSON, without personal data
    sa.Index("outbox_by_time", "at"),
    sqlite_autoincrement=True,  # a number is never given again: those that were handed over are gone
)

# What is to be told to which address, until it has it. `id` is made of what happened and the address.
webhook = sa.Table(
    "webhook",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # JSON, as it is signed and sent
    sa.Column("at", Moment, nullable=False),
    sa.Column("next_at", Moment, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("sent_at", Moment),
    sa.Column("given_up_at", Moment),
    sa.Column("problem", sa.String(200), nullable=False, default=""),
    sa.Column("event", sa.String(64), nullable=False, default="", server_default=""),  # outbox.id
    sa.Column("number", sa.Integer, nullable=False, default=0, server_default="0"),  # outbox.number
    sa.Column("subject", sa.String(240), nullable=False, default="", server_default=""),
    sa.Index("webhook_waiting", "sent_at", "next_at"),
    sa.Index("webhook_in_order", "url", "subject", "number"),
    sa.Index("webhook_of_event", "event"),
)

# What a program was answered under its own key of a request (`kb.systems.receipts`).
receipt = sa.Table(
    "receipt",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # sha256 of who asked and the key of the request
    sa.Column("asked", sa.String(64), nullable=False),  # sha256 of what was asked
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("receipt_by_time", "at"),
)

# How often app servers let somebody ask lately, whom they soon will not let (`kb.systems.shares`).
share = sa.Table(
    "share",
    metadata,
    sa.Column("server", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("who", sa.String(64), primary_key=True),  # sha256: an address or a person
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
