"""Every table and every migration, in order. Text of callers and agents is masked before it is written here."""

from __future__ import annotations

import sqlalchemy as sa

from kb.tables.calls import (
    asked,
    bulletin,
    bulletin_seen,
    call,
    event,
    flag,
    flag_answer,
    past,
    practice,
    promise,
    version,
)
from kb.tables.columns import EPOCH, Moment, Words, metadata, schema
from kb.tables.content import draft, learnt, revision
from kb.tables.gaps import gap, gap_apart, gap_move, gap_report, miss, replay, round_item, round_table
from kb.tables.migrations import MIGRATIONS, grow
from kb.tables.people import (
    REFUSES,
    api_key,
    attempt,
    audit,
    audit_head,
    audit_unsealed,
    device,
    identity,
    oidc_flow,
    preference,
    session,
    user,
)
from kb.tables.systems import outbox, receipt, share, webhook

__all__ = [
    "EPOCH",
    "MIGRATIONS",
    "REFUSES",
    "Moment",
    "Words",
    "api_key",
    "asked",
    "attempt",
    "audit",
    "audit_head",
    "audit_unsealed",
    "bulletin",
    "bulletin_seen",
    "call",
    "device",
    "draft",
    "event",
    "flag",
    "flag_answer",
    "gap",
    "gap_apart",
    "gap_move",
    "gap_report",
    "grow",
    "identity",
    "learnt",
    "metadata",
    "miss",
    "oidc_flow",
    "outbox",
    "past",
    "practice",
    "preference",
    "promise",
    "receipt",
    "replay",
    "revision",
    "round_item",
    "round_table",
    "schema",
    "session",
    "share",
    "user",
    "version",
    "webhook",
]

# Whatever is text, in any of them. A module of this package is never imported before this one.
for _table in metadata.tables.values():
    for _column in _table.columns:
        if isinstance(_column.type, sa.String):
            _column.type = _column.type.with_variant(Words(), "postgresql")
