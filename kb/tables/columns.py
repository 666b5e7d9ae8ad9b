"""What columns hold that no database has by itself, and the one `MetaData` that every table is in."""

from __future__ import annotations

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
