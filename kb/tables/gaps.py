"""What nobody could answer, until it is proven answered."""

from __future__ import annotations

import sqlalchemy as sa

from kb.tables.columns import Moment, metadata

gap = sa.Table(
    "gap",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("question", sa.Text, nullable=False),  # the words typed when it was recorded
    sa.Column("lang", sa.String(8), nullable=False),
    sa.Column("product", sa.String(64), nullable=False, default=""),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("article", sa.String(200), nullable=False, default=""),  # what answers it
    sa.Column("closed_at", Moment),
    sa.Column("into", sa.String(64), nullable=False, default="", server_default=""),  # the gap it was merged into
    sa.Column("owner", sa.String(64), nullable=False, default="", server_default=""),  # who answers it
    sa.Column("due_at", Moment),
    sa.Column("department", sa.String(64), nullable=False, default="", server_default=""),  # whose fault it is
    sa.Column("tag", sa.String(16), nullable=False, default="", server_default=""),  # as of a call: '' or demo
    sa.Index("gap_by_state", "state", "at"),
    sa.Index("gap_by_owner", "owner", "due_at"),
)

# Who met a gap on which call: its recorder and everyone who joined with +1.
gap_report = sa.Table(
    "gap_report",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("gap", sa.String(64), sa.ForeignKey("gap.id"), nullable=False),
    sa.Column("call", sa.String(64), nullable=False),
    sa.Column("agent", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("question", sa.Text, nullable=False, default=""),
    sa.Column("kind", sa.String(16), nullable=False, default=""),  # missing, wrong, unclear, fault; '' = not said
    sa.Column("words", sa.Text, nullable=False, default=""),  # the customer's own words, added afterwards
    sa.Column("answered", sa.Text, nullable=False, default=""),  # what the agent told them
    sa.Column("suggestion", sa.Text, nullable=False, default=""),
    sa.Column("told_at", Moment),  # when this agent saw that it is answered
    sa.Column("undone_at", Moment),
    sa.Index("report_of_gap", "gap", "at"),
    sa.Index("report_of_agent", "agent", "told_at"),
)

# A search that did not find what was asked for, noticed in the journal. `id` is its event's.
miss = sa.Table(
    "miss",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("call", sa.String(64), nullable=False),
    sa.Column("agent", sa.String(64), nullable=False),
    sa.Column("teams", sa.JSON, nullable=False, default=list),  # of whoever held the call
    sa.Column("at", Moment, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("lang", sa.String(8), nullable=False),
    sa.Column("product", sa.String(64), nullable=False, default=""),
    sa.Column("seconds", sa.Float, nullable=False),  # spent on it until the next search, the answer or the end
    sa.Column("signals", sa.JSON, nullable=False),
    sa.Column("tag", sa.String(16), nullable=False, default=""),
    sa.Column("gap", sa.String(64), nullable=False, default=""),  # '' until it is joined to one
    sa.Index("miss_of_gap", "gap", "at"),
    sa.Index("miss_of_call", "call"),
    sa.Index("miss_by_time", "at"),
)

# Two gaps that a person told apart: the machine never joins them. `one` < `other`.
gap_apart = sa.Table(
    "gap_apart",
    metadata,
    sa.Column("one", sa.String(64), sa.ForeignKey("gap.id"), primary_key=True),
    sa.Column("other", sa.String(64), sa.ForeignKey("gap.id"), primary_key=True),
    sa.Column("by", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False),
)

# What was decided about a gap, in order: every move with who, when and why. Nothing in it ever changes.
gap_move = sa.Table(
    "gap_move",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("gap", sa.String(64), sa.ForeignKey("gap.id"), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("by", sa.String(64), nullable=False),
    sa.Column("before", sa.String(16), nullable=False),
    sa.Column("after", sa.String(16), nullable=False),
    sa.Column("why", sa.Text, nullable=False, default=""),
    sa.Column("article", sa.String(200), nullable=False, default=""),
    sa.Column("owner", sa.String(64), nullable=False, default=""),
    sa.Column("due_at", Moment),
    sa.Column("department", sa.String(64), nullable=False, default=""),
    sa.Index("move_of_gap", "gap", "id"),
    sa.Index("move_by_time", "at", "after"),
)

# A gap's own questions asked of the base as it is (`kb.gaps.replay`): the last time of each.
replay = sa.Table(
    "replay",
    metadata,
    sa.Column("gap", sa.String(64), sa.ForeignKey("gap.id"), primary_key=True),
    sa.Column("article", sa.String(200), nullable=False),
    sa.Column("generation", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("lines", sa.JSON, nullable=False),  # question, teams, rank
    sa.Column("lacks", sa.JSON, nullable=False),
)

# People who decide about gaps together, and what they decided: evidence and cost as they were then.
round_table = sa.Table(
    "round_table",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("by", sa.String(64), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
)
round_item = sa.Table(
    "round_item",
    metadata,
    sa.Column("round", sa.String(64), sa.ForeignKey("round_table.id"), primary_key=True),
    sa.Column("gap", sa.String(64), sa.ForeignKey("gap.id"), primary_key=True),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # of the gap then
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("agents", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("questions", sa.JSON, nullable=False),
    sa.Column("reason", sa.String(16), nullable=False, default=""),  # why it missed
    sa.Column("answer", sa.String(200), nullable=False, default="", server_default=""),  # the article that would answer
    sa.Column("decision", sa.Text, nullable=False, default=""),
    sa.Column("decided_by", sa.String(64), nullable=False, default=""),
    sa.Column("decided_at", Moment),
)
