"""Who may do what, who is here, and what they did."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from kb.tables.columns import Moment, metadata

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
