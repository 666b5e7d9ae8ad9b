"""Every table and every migration, in order. Text of callers and agents is masked before it is written here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(sa.TypeDecorator[datetime]):
    """An aware moment, kept as microseconds since 1970 in UTC: the same on every database, and it sorts."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Any) -> int | None:
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, _: Any) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Words(sa.TypeDecorator[str]):
    """Text in PostgreSQL as SQLite has it: of any length, in the order of its bytes whatever the server's language.

    It cannot hold NUL, which nobody types: U+FFFD stands for it, so that two texts that differ stay different.
    """

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.Text(collation="C"))

    def process_bind_param(self, value: str | None, _: Any) -> str | None:
        return value if value is None else value.replace("\0", "\ufffd")


metadata = sa.MetaData()

schema = sa.Table("schema", metadata, sa.Column("version", sa.Integer, nullable=False))

# --- calls -----------------------------------------------------------------------------------------

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

# --- gaps ------------------------------------------------------------------------------------------

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

# --- learning --------------------------------------------------------------------------------------

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

# --- around the call -------------------------------------------------------------------------------

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

# --- people ----------------------------------------------------------------------------------------

user = sa.Table(
    "user",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # the name they sign in with
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("teams", sa.JSON, nullable=False, default=list),
    sa.Column("langs", sa.JSON, nullable=False, default=list),
    sa.Column("password", sa.String(200), nullable=False),  # argon2id, with its salt and costs
    sa.Column("must_change", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("disabled_at", Moment),
)

session = sa.Table(
    "session",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),  # sha256 of the token, which is kept nowhere
    sa.Column("user", sa.String(64), nullable=False),
    sa.Column("sample", sa.Boolean, nullable=False),  # of a sample person: worth nothing once there are accounts
    sa.Column("begun_at", Moment, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
    sa.Index("session_of_user", "user"),
)

# Tries to sign in that reached the password hash, of the last minutes only.
attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("who", sa.String(64), nullable=False),  # sha256 of the name: a mistyped password is no name
    sa.Column(
        "place", sa.String(64), nullable=False, server_default=""
    ),  # sha256 of name and address, or of a known browser's token
    sa.Column(
        "known", sa.Boolean, nullable=False, server_default=sa.false()
    ),  # from a browser that this person has signed in with
    sa.Column("at", Moment, nullable=False),
    sa.Index("attempt_of", "who", "at"),
)

# Browsers that a person has signed in with: somebody else's guessing does not lock them out there.
device = sa.Table(
    "device",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),  # sha256 of the browser's token
    sa.Column("user", sa.String(64), primary_key=True),
    sa.Column("seen_at", Moment, nullable=False),
)

# Keys of programs (`kb.people.keys`).
api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", sa.String(12), primary_key=True),  # stands in the key
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),  # sha256 of its secret
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("teams", sa.JSON, nullable=False),
    sa.Column("by", sa.String(64), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("revoked_at", Moment),
    sa.Column("langs", sa.JSON),  # of the articles it may see; NULL = every one
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

# Who somebody is at the company's own provider of identities (`kb.people.oidc`).
identity = sa.Table(
    "identity",
    metadata,
    sa.Column("issuer", sa.String(200), primary_key=True),
    sa.Column("subject", sa.String(255), primary_key=True),
    sa.Column("user", sa.String(64), nullable=False),
)

# Browsers sent to that provider and not yet back, for ten minutes.
oidc_flow = sa.Table(
    "oidc_flow",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),  # sha256 of the state
    sa.Column("nonce", sa.String(64), nullable=False),
    sa.Column("verifier", sa.String(64), nullable=False),
    sa.Column("destination", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

# What a person chose for themselves: their keys, when they last looked at the start-of-shift view.
preference = sa.Table(
    "preference",
    metadata,
    sa.Column("user", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

# --- articles ----------------------------------------------------------------------------------------

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
# --- audit -----------------------------------------------------------------------------------------

# Who did what (`kb.people.audit`): each row is sealed with the one before, and no row is ever changed.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # from 1, without holes
    sa.Column("at", Moment, nullable=False),
    sa.Column("by", sa.String(64), nullable=False),  # '' = somebody not signed in
    sa.Column("act", sa.String(16), nullable=False),
    sa.Column("about", sa.String(200), nullable=False, default=""),
    sa.Column("facts", sa.Text, nullable=False),  # JSON as it was sealed, to the byte
    sa.Column("seal", sa.String(64), nullable=False),
    sa.Index("audit_of_act", "act", "number"),
)

# The last seal, one row: tells that the end was cut off, and is what a second writer waits for.
audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("seal", sa.String(64), nullable=False),
)
audit_unsealed = "0" * 64  # what stands before the first seal


REFUSES = "BEGIN RAISE EXCEPTION 'append-only' USING ERRCODE = 'integrity_constraint_violation'; END"


def _append_only(_: sa.Table, connection: sa.Connection, **__: Any) -> None:
    """The database itself refuses what nobody of us does."""
    if connection.dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            refuse = "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
            connection.exec_driver_sql(f"CREATE TRIGGER audit_no_{what.lower()} BEFORE {what} ON audit {refuse}")
    else:
        refuses = f"CREATE OR REPLACE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ {REFUSES} $$"
        connection.exec_driver_sql(refuses)
        before = "BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT"
        connection.exec_driver_sql(f"CREATE TRIGGER audit_append_only {before} EXECUTE FUNCTION audit_refuses()")


sa.event.listen(audit, "after_create", _append_only)

for _table in metadata.tables.values():
    for _column in _table.columns:
        if isinstance(_column.type, sa.String):
            _column.type = _column.type.with_variant(Words(), "postgresql")

# --- migrations ------------------------------------------------------------------------------------


def grow(connection: sa.Connection) -> None:
    """Add the tables, columns and indexes of `metadata` that a database does not have yet; take nothing away.

    A column added to a table that was released needs a `server_default`, or may be NULL.
    """
    metadata.create_all(connection)
    found, quoted = sa.inspect(connection), connection.dialect.identifier_preparer
    for table in metadata.sorted_tables:
        there = {column["name"] for column in found.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                spec = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {quoted.format_table(table)} ADD COLUMN {spec}")
        for index in table.indexes:
            index.create(connection, checkfirst=True)


# Number i (from 1) takes a database from version i - 1 to i. Released ones never change.
MIGRATIONS: Sequence[Callable[[sa.Connection], None]] = (
    lambda connection: metadata.create_all(connection),
    lambda connection: metadata.create_all(connection, [revision, draft]),
    lambda connection: metadata.create_all(connection, tables=[audit, audit_head]),
    grow,  # gaps are noticed, joined, moved and told of
    grow,  # tries are counted by place, browsers are known
    grow,  # keys of programs
    grow,  # what is left of old calls, people of another house
    grow,  # every search with what came of it
    grow,  # what editors decided of learnt questions
    grow,  # flags are answered
    grow,  # gaps are replayed, and talked about at a round table
    grow,  # what would answer it, on the agenda
    grow,  # what happened, for other systems; what programs were answered
    grow,  # which calls something happened on lately
    grow,  # how often several app servers let somebody ask
)
