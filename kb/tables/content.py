"""The life of an article: its revisions, its drafts, what editors decided of the questions learnt for it."""

from __future__ import annotations

import sqlalchemy as sa

from kb.tables.columns import Moment, metadata

# One change of an article: who made which version of which one before.
revision = sa.Table(
    "revision",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),  # in the order they were made
    sa.Column("article", sa.String(200), nullable=False),
    sa.Column("path", sa.String(400), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),  # '' = removed
    sa.Column("parent", sa.String(64), nullable=False),  # '' = there was none
    sa.Column("at", Moment, nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("cause", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Index("revision_of_article", "article", "id"),
)

# What somebody is writing, as they last left it: masked.
draft = sa.Table(
    "draft",
    metadata,
    sa.Column("article", sa.String(200), primary_key=True),
    sa.Column("by", sa.String(64), primary_key=True),
    sa.Column("path", sa.String(400), nullable=False),
    sa.Column("base", sa.String(64), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("gap", sa.String(64), nullable=False, default=""),
    sa.Column("at", Moment, nullable=False),
)

# What editors decided of learnt questions, the latest counts; what was learnt follows from the events.
learnt = sa.Table(
    "learnt",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("article", sa.String(200), nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),  # nod, revoke, '' = taken back
    sa.Column("by", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("learnt_by_time", "at"),
)
