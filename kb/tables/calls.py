"""What happens while the caller is on the line, and what is around the call."""

from __future__ import annotations

import sqlalchemy as sa

from kb.tables.columns import Moment, metadata

call = sa.Table(
    "call",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("agent", sa.String(64), nullable=False),  # who holds it now
    sa.Column("teams", sa.JSON, nullable=False, default=list),  # of whoever holds it
    sa.Column("begun_at", Moment, nullable=False),
    sa.Column("last_at", Moment, nullable=False),  # of its latest event: 15 idle minutes end a call
    sa.Column("ended_at", Moment),
    sa.Column("product", sa.String(64), nullable=False, default=""),
    sa.Column("lang", sa.String(8), nullable=False, default=""),  # the customer's language
    sa.Column("tag", sa.String(16), nullable=False, default=""),  # '' = a real call; practice, demo, preview, key
    sa.Column("read_at", Moment),  # when its searches were read into `asked`; NULL = as above
    sa.Column("noticed_at", Moment),  # when its misses were looked for; NULL = not since its latest event
    sa.Index("call_held", "agent", "ended_at"),
    sa.Index("call_to_notice", "noticed_at", "last_at"),
    sa.Index("call_to_read", "read_at", "tag"),
    sa.Index("call_of_tag", "tag"),
    sa.Index("call_lately", "last_at"),
)

# What happened on a call, in order. `id` is made by whoever saw it happen, so that sending it twice is once.
event = sa.Table(
    "event",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("call", sa.String(64), sa.ForeignKey("call.id"), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("agent", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("query", sa.Text, nullable=False, default=""),
    sa.Column("article", sa.String(200), nullable=False, default=""),
    sa.Column("version", sa.String(64), nullable=False, default=""),  # sha256 of the article's file
    sa.Column("detail", sa.JSON, nullable=False, default=dict),
    sa.Column("undone_at", Moment),
    sa.Index("event_of_call", "call", "at"),
    sa.Index("event_of_article", "article", "kind"),
    sa.Index("event_of_agent", "agent", "at"),
    sa.Index("event_that_solved", "kind", "article", "undone_at", "call"),
    sa.Index("event_taken_back", "undone_at"),
)

# Every search with what came of it (kb/gaps/analytics): read from `event`, and to be read anew at any time.
asked = sa.Table(
    "asked",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # of its event
    sa.Column("call", sa.String(64), nullable=False),
    sa.Column("agent", sa.String(64), nullable=False),
    sa.Column("teams", sa.JSON, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("day", sa.String(10), nullable=False),  # of the site
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("lang", sa.String(2), nullable=False),
    sa.Column("product", sa.String(64), nullable=False),
    sa.Column("tag", sa.String(16), nullable=False),
    sa.Column("verdict", sa.String(8), nullable=False),  # '' = none was given
    sa.Column("hits", sa.Integer),
    sa.Column("opened", sa.String(200), nullable=False),
    sa.Column("rank", sa.Integer),
    sa.Column("outcome", sa.String(8), nullable=False),
    sa.Column("article", sa.String(200), nullable=False),  # what solved or helped
    sa.Column("seconds", sa.Float),
    sa.Column("pressed", sa.Integer),
    sa.Index("asked_of_call", "call"),
    sa.Index("asked_by_time", "tag", "at"),
    sa.Index("asked_that_opened", "opened", "tag", "at"),
)

# Every version of an article that an agent was shown, so that what a caller was told can be read again.
version = sa.Table(
    "version",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("article", sa.String(200), nullable=False),
    sa.Column("first_at", Moment, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Index("version_of_article", "article", "first_at"),
)

promise = sa.Table(
    "promise",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("call", sa.String(64), sa.ForeignKey("call.id"), nullable=False),
    sa.Column("agent", sa.String(64), nullable=False),  # who keeps it
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("gap", sa.String(64), nullable=False, default=""),  # the gap whose answer is promised
    sa.Column("kept_at", Moment),
    sa.Column("undone_at", Moment),
    sa.Index("promise_of_agent", "agent", "due_at"),
)

flag = sa.Table(
    "flag",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("call", sa.String(64), nullable=False, default=""),
    sa.Column("agent", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("article", sa.String(200), nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("sentence", sa.Text, nullable=False, default=""),
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("note", sa.Text, nullable=False, default=""),
    sa.Column("undone_at", Moment),
    sa.Index("flag_of_article", "article", "at"),
)

# What an editor did about a flag; whoever flagged it is told.
flag_answer = sa.Table(
    "flag_answer",
    metadata,
    sa.Column("flag", sa.String(64), sa.ForeignKey("flag.id"), primary_key=True),
    sa.Column("by", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),  # the article was mended; False = it is right as it is
    sa.Column("text", sa.Text, nullable=False, default=""),
    sa.Column("told_at", Moment),  # when whoever flagged it saw this
)

# What is left of old calls (`kb.care.retention`): how often what happened, in which month.
past = sa.Table(
    "past",
    metadata,
    sa.Column("month", sa.String(7), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),  # of the event; `call` counts the calls
    sa.Column("article", sa.String(200), primary_key=True),
    sa.Column("tag", sa.String(16), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)

bulletin = sa.Table(
    "bulletin",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("by", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),  # promotion, outage, recall, holding
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False, default=""),
    sa.Column("say", sa.Text, nullable=False, default=""),  # the sentence to hold callers with
    sa.Column("teams", sa.JSON, nullable=False, default=list),  # [] = everyone
    sa.Column("products", sa.JSON, nullable=False, default=list),  # [] = any
    sa.Column("words", sa.JSON, nullable=False, default=list),  # searches with one of these show it too
    sa.Column("valid_from", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("withdrawn_at", Moment),
    sa.Index("bulletin_live", "expires_at"),
)

bulletin_seen = sa.Table(
    "bulletin_seen",
    metadata,
    sa.Column("bulletin", sa.String(64), sa.ForeignKey("bulletin.id"), primary_key=True),
    sa.Column("user", sa.String(64), primary_key=True),
    sa.Column("at", Moment, nullable=False),
)

practice = sa.Table(
    "practice",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("user", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("article", sa.String(200), nullable=False),  # the right one
    sa.Column("opened", sa.String(200), nullable=False, default=""),  # the last one opened
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("right", sa.Boolean, nullable=False),
    sa.Index("practice_of_user", "user", "at"),
)
