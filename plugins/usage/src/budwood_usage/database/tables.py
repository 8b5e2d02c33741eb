"""The tables of records, for SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    Double,
    Identity,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

from budwood_usage.rows import CALLS, DROPPED, TOKENS


def _required(name: str, kind: Any) -> Column[Any]:  # noqa: ANN401 - a type of SQLAlchemy
    return Column(name, kind, nullable=False)


class _Tags(TypeDecorator[Any]):
    """JSON; with PostgreSQL JSONB, whose dialect takes 5 MB and is imported only there."""

    impl: Any = JSON
    cache_ok: Any = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != "postgresql":
            return dialect.type_descriptor(JSON())
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB())


METADATA: Final = MetaData()
"""The tables, for programs that compare them with those of a database. Indexes are only in the migrations."""

calls: Final = Table(
    CALLS,
    METADATA,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), Identity(always=True), primary_key=True),
    _required("time", Double()),
    *(_required(name, Text()) for name in ("call", "service", "provider", "model")),
    *(Column(name, Text()) for name in ("endpoint", "label")),
    Column("tags", _Tags()),
    Column("key", Text()),
    *(Column(name, BigInteger()) for name in TOKENS),
    _required("cost", BigInteger()),
    Column("cost_unknown", Text()),
    Column("saved", BigInteger()),
    _required("seconds", Double()),
    Column("first_token", Double()),
    _required("attempts", BigInteger()),
    _required("cached", SmallInteger()),
    Column("status", Integer()),
    Column("error", Text()),
    Column("failures", Text()),
    UniqueConstraint("time", "call", name="budwood_calls_once"),
    sqlite_autoincrement=True,
)
"""One row for each call. ``cost`` and ``saved`` are integers of 10⁻¹² dollars."""

dropped: Final = Table(DROPPED, METADATA, _required("calls", BigInteger()))
"""One row with the number of calls that were not recorded."""
