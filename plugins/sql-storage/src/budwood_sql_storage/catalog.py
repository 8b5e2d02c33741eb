"""Which run each table belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, delete, func, insert, inspect, select, update
from sqlalchemy.schema import CreateColumn, CreateSchema, CreateTable

from budwood.errors import ConfigurationError
from budwood.types import Dataset
from budwood_sql_storage.address import Address
from budwood_sql_storage.encoding import Encoding
from budwood_sql_storage.layout import Layout, parse_layout
from budwood_sql_storage.names import DATASETS, make_table_name
from budwood_sql_storage.tables import define_columns, define_datasets, define_rows

_LOCK: Final = 0x62756477
"""The advisory lock of PostgreSQL that `claim` holds: processes that create a table at once disturb each other."""


@dataclass(frozen=True, slots=True)
class OpenTable:
    """
    A table of rows.

    Attributes:
        name: Its name.
        run: The run that it belongs to.
        rows: Its definition.
        encoding: Encodes its rows.
    """

    name: str
    run: str
    rows: Table
    encoding: Encoding


class Catalog:
    """
    The table ``budwood_datasets``, which records the run, the columns and the state of each table of rows.

    Args:
        address: Where the database is.
        schema: The schema of the tables in PostgreSQL; None for the default.
    """

    def __init__(self, address: Address, schema: str | None) -> None:
        self._address = address
        self._schema = schema
        self._datasets = define_datasets(schema)
        self._is_postgresql = address.path is None

    def claim(self, connection: Connection, dataset: Dataset) -> OpenTable:
        """
        Create the table of a dataset, or take the one that its run created.

        Raises:
            ConfigurationError: Another run or program created the table.
        """
        name = self._address.table or make_table_name(dataset.name)
        self._prepare(connection)
        record = self._find(connection, name)
        exists = inspect(connection).has_table(name, schema=self._schema)
        if exists and record is None:
            raise self._refuse(name, "already exists, and was not created by Budwood")
        if exists and record is not None and record.run != dataset.run:
            raise self._refuse(name, f"contains the rows of another run, of the dataset {record.name!r}")
        old = self._parse(record) if exists and record is not None else None
        layout = (old or Layout()).add_fields(dataset)
        opened = self._open(name, dataset.run, layout)
        if old is None:
            opened.rows.create(connection)
            self._record(connection, dataset, name, layout)
        elif old != layout:
            _add_columns(connection, opened.rows, layout, len(old.columns))
            self._record(connection, dataset, name, layout)
        return opened

    def mark(self, connection: Connection, table: OpenTable, *, is_finished: bool, rows: int | None = None) -> None:
        """
        Record whether a table is complete. It locks the record until the end of the transaction.

        Raises:
            ConfigurationError: The table belongs to another run by now.
        """
        datasets = self._datasets
        is_own = (datasets.c.table_name == table.name) & (datasets.c.run == table.run)
        changed = connection.execute(update(datasets).where(is_own).values(is_finished=is_finished, rows=rows))
        if not changed.rowcount:
            raise self._refuse(table.name, "was removed from the run, or belongs to another one by now")

    def _prepare(self, connection: Connection) -> None:
        """Lock and create what all tables of rows need."""
        if self._is_postgresql:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            self._check_encoding(connection)
            if self._schema is not None and not inspect(connection).has_schema(self._schema):
                connection.execute(CreateSchema(self._schema))
        if not inspect(connection).has_table(DATASETS, schema=self._schema):
            connection.execute(CreateTable(self._datasets))

    def _check_encoding(self, connection: Connection) -> None:
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise ConfigurationError(
                f"{self._address.label} has the encoding {encoding}, which cannot store all texts.",
                hint="Use a database with the encoding UTF8: createdb --encoding UTF8 --template template0 NAME.",
            )

    def _find(self, connection: Connection, name: str) -> Row[Any] | None:
        return connection.execute(select(self._datasets).where(self._datasets.c.table_name == name)).one_or_none()

    def _record(self, connection: Connection, dataset: Dataset, name: str, layout: Layout) -> None:
        datasets = self._datasets
        connection.execute(delete(datasets).where(datasets.c.table_name == name))
        values = {"table_name": name, "run": dataset.run, "name": dataset.name, "layout": layout.to_json()}
        connection.execute(insert(datasets).values(**values, is_finished=False))

    def _open(self, name: str, run: str, layout: Layout) -> OpenTable:
        rows = define_rows(name, self._schema, layout, run)
        return OpenTable(name, run, rows, Encoding(layout, is_postgresql=self._is_postgresql))

    def _parse(self, record: Row[Any]) -> Layout:
        layout = parse_layout(record.layout)
        if layout is None:
            raise self._refuse(record.table_name, "was created by another version of budwood-sql-storage")
        return layout

    def _refuse(self, name: str, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f"The table {name!r} in {self._address.label} {reason}.",
            hint="Choose another table: end the URL with #NAME, or set `table` of the storage. Or rename or drop the "
            "existing table.",
        )


def _add_columns(connection: Connection, table: Table, layout: Layout, start: int) -> None:
    """Add the columns of a layout from a number on."""
    preparer = connection.dialect.identifier_preparer
    for column in define_columns(layout)[start:]:
        definition = CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {preparer.format_table(table)} ADD COLUMN {definition}")
