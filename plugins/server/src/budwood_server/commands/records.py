"""The records of calls in the database of the server, for ``budwood usage --server`` and ``budwood telemetry``."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from budwood import Settings
from budwood.types import CallFilter, CallRecord, UsageTotals
from budwood_server.database import Database, DatabaseError
from budwood_server.database.schema import SchemaError, check_schema, read_status
from budwood_server.settings import load_server_settings
from budwood_usage.database import find_calls, read_dropped, sum_calls

T = TypeVar("T")


class ServerRecords:
    """
    Reads records while servers write them. It changes nothing; see `budwood.contracts.UsageStore`.

    Args:
        url: The URL of the database.

    Raises:
        ConfigurationError: The URL is not valid, or the driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._runner = asyncio.Runner()

    def check(self) -> None:
        """
        Check that a server has used the database, and that its tables are of the version of this program.

        Raises:
            SchemaError: There are no tables, or they are older or newer.
            DatabaseError: The database cannot be used.
        """
        self._runner.run(_check(self._database))

    def totals(self, by: Sequence[str], where: CallFilter) -> Sequence[UsageTotals]:
        """Return the sums over groups of calls."""
        return self._read(lambda connection: sum_calls(connection, by, where))

    def calls(self, where: CallFilter, *, after: int | None = None, limit: int = 100) -> Sequence[CallRecord]:
        """Return records, the newest first."""
        return self._read(lambda connection: find_calls(connection, where, after=after, limit=limit))

    def dropped(self) -> int:
        """Return how many calls were not recorded."""
        return self._read(read_dropped)

    def close(self) -> None:
        """Close the connections."""
        try:
            self._runner.run(self._database.close())
        finally:
            self._runner.close()

    def _read(self, query: Callable[[Connection], T]) -> T:
        async def run() -> T:
            async with self._database.read() as connection:
                await connection.run_sync(_forbid_changes)
                return await connection.run_sync(query)

        try:
            return self._runner.run(run())
        except DatabaseError as error:
            failure = OSError(errno.EIO, f"{error} {error.hint}")
        raise failure


def open_records() -> ServerRecords:
    """
    Open the database of ``[server]`` in the settings.

    Raises:
        ConfigurationError: The settings are not valid, or no server of this version has used the database.
        DatabaseError: The database cannot be used.
    """
    records = ServerRecords(load_server_settings(Settings.load()).database_url)
    try:
        records.check()
    except BaseException:
        records.close()
        raise
    return records


async def _check(database: Database) -> None:
    if (await read_status(database)).state == "empty":
        raise SchemaError(
            f"There are no records in {database.address.label}: no server has used this database.",
            hint="Start `budwood serve`, or set `database` in [server] to the database of the server.",
        )
    await check_schema(database)


def _forbid_changes(connection: Connection) -> None:
    is_postgresql = connection.dialect.name == "postgresql"
    connection.exec_driver_sql("SET TRANSACTION READ ONLY" if is_postgresql else "PRAGMA query_only = ON")
