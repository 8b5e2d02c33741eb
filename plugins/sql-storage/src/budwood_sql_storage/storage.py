"""The storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from budwood.contracts import PluginContext
from budwood.errors import ConfigurationError
from budwood.types import Dataset, Row
from budwood_sql_storage.address import parse_address
from budwood_sql_storage.catalog import Catalog, OpenTable
from budwood_sql_storage.database import Database
from budwood_sql_storage.encoding import Record
from budwood_sql_storage.layout import ID, INDEX
from budwood_sql_storage.settings import SQLStorageSettings

BATCH: Final = 500
"""Rows that `finish` compares at once."""


class SQLStorage:
    """
    Stores a dataset in a table; see `budwood.contracts.Storage`.

    Args:
        database: The database.
        catalog: The tables of rows in it.
    """

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog
        self._begun: OpenTable | None = None

    def begin(self, dataset: Dataset) -> None:
        """
        Create the table, or continue with it if it belongs to this run.

        Raises:
            ConfigurationError: The table belongs to another run or program, or the database cannot be used.
            OSError: The database cannot be reached or written.
        """
        self._begun = self._database.write_repeatable(lambda connection: self._catalog.claim(connection, dataset))

    def put(self, rows: Sequence[Row]) -> None:
        """
        Insert rows, or replace those with the same ids, in one transaction.

        Raises:
            ConfigurationError: The table was changed or removed.
            OSError: The database cannot be reached or written.
        """
        table = self._require_table()
        records = list(map(table.encoding.encode, rows))

        def store(connection: Connection) -> None:
            self._catalog.mark(connection, table, is_finished=False)
            _upsert(connection, table.rows, records)

        if records:
            self._database.write_repeatable(store)

    def finish(self, rows: Iterable[Row]) -> int:
        """
        Make the table equal to the dataset and mark it as finished, in one transaction.

        Raises:
            ConfigurationError: The table was changed or removed.
            OSError: The database cannot be reached or written.
        """
        table = self._require_table()

        def reconcile(connection: Connection) -> int:
            self._catalog.mark(connection, table, is_finished=False)
            _reconcile(connection, table, rows)
            count = connection.execute(select(func.count()).select_from(table.rows)).scalar_one()
            self._catalog.mark(connection, table, is_finished=True, rows=count)
            return count

        return self._database.write(reconcile)

    def load(self, after: int, limit: int) -> list[Row]:
        """
        Read rows in the order of their indexes.

        Raises:
            ConfigurationError: The table was changed or removed.
            OSError: The database cannot be reached or read.
        """
        table = self._require_table()
        index = table.rows.c[INDEX]
        query = select(table.rows).where(index > after).order_by(index, table.rows.c[ID]).limit(limit)
        return self._database.read(
            lambda connection: [table.encoding.decode(record) for record in _read(connection, table.rows, query)]
        )

    def close(self) -> None:
        """Close the connections. It can be called repeatedly."""
        self._database.close()

    def _require_table(self) -> OpenTable:
        if self._begun is None:
            raise RuntimeError("begin was not called")
        return self._begun


def build_sql_storage(settings: SQLStorageSettings, context: PluginContext) -> SQLStorage:
    """
    Build the storage from its settings. It connects in `begin`.

    Raises:
        ConfigurationError: The output is not a valid address, or a requirement is not installed.
    """
    address = parse_address(settings, context.instance)
    if settings.db_schema is not None and address.path is not None:
        raise ConfigurationError(
            f"[storages.{context.instance}] schema: SQLite has no schemas.", hint="Remove it, or set `table`."
        )
    return SQLStorage(Database(address, settings.timeout), Catalog(address, settings.db_schema))


def _upsert(connection: Connection, table: Table, records: list[Record]) -> None:
    is_postgresql = connection.dialect.name == "postgresql"
    statement = (postgresql.insert if is_postgresql else sqlite.insert)(table)
    new = {column.key: statement.excluded[column.key] for column in table.columns if column.key != ID}
    connection.execute(statement.on_conflict_do_update(index_elements=[ID], set_=new), records)


def _reconcile(connection: Connection, table: OpenTable, rows: Iterable[Row]) -> None:
    """Make the table equal to rows in the order of their indexes. What is stored already is not written again."""
    index = table.rows.c[INDEX]
    until = -1
    iterator = iter(rows)
    for batch in iter(lambda: list(islice(iterator, BATCH)), []):
        after, until = until, max(row.index for row in batch)
        records = {row.id: table.encoding.encode(row) for row in batch}
        is_here = (index > after) & (index <= until)
        connection.execute(delete(table.rows).where(is_here, table.rows.c[ID].not_in(list(records))))
        for stored in _read(connection, table.rows, select(table.rows).where(is_here)):
            if table.encoding.is_equal(stored, records[stored[ID]]):
                del records[stored[ID]]
        if records:
            _upsert(connection, table.rows, list(records.values()))
    connection.execute(delete(table.rows).where(index > until))


def _read(connection: Connection, table: Table, query: Select[Any]) -> Iterator[Record]:
    keys = table.columns.keys()
    return (dict(zip(keys, values, strict=True)) for values in connection.execute(query))
