"""The tables: definitions for SQLAlchemy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from budwood_sql_storage.encoding import key
from budwood_sql_storage.kinds import ColumnKind
from budwood_sql_storage.layout import EXTRA, ID, INDEX, Layout
from budwood_sql_storage.names import DATASETS, make_name

_TYPES: Final[Mapping[ColumnKind, TypeEngine[Any]]] = {
    "string": Text(),
    "integer": BigInteger(),
    "number": Double(),
    "boolean": Boolean(),
    # Not JSON in SQLite: the type has a numeric affinity, which would change the text "1".
    "json": Text().with_variant(JSONB(), "postgresql"),
}


def define_rows(name: str, schema: str | None, layout: Layout, run: str) -> Table:
    """Define a table of rows, and its index, which keeps its name if the table is renamed."""
    table = Table(
        name,
        MetaData(),
        Column(ID, Text(), primary_key=True),
        Column(INDEX, BigInteger(), nullable=False),
        *define_columns(layout),
        Column(EXTRA, Text()),
        schema=schema,
    )
    Index(make_name(f"{name}_{run[:8]}_{INDEX}", ()), table.c[INDEX])
    return table


def define_columns(layout: Layout) -> list[Column[Any]]:
    """Define the columns of fields."""
    return [Column(column.name, _TYPES[column.kind], key=key(number)) for number, column in enumerate(layout.columns)]


def define_datasets(schema: str | None) -> Table:
    """Define the table of records: one for each table of rows."""
    return Table(
        DATASETS,
        MetaData(),
        Column("table_name", Text(), primary_key=True),
        Column("run", Text(), nullable=False),
        Column("name", Text(), nullable=False),
        Column("layout", Text(), nullable=False),
        Column("is_finished", Boolean(), nullable=False),
        Column("rows", BigInteger()),
        schema=schema,
    )
