"""Records of calls in PostgreSQL."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from budwood.types import CallFilter, CallRecord, UsageTotals
from budwood_usage.database import add, find_calls, find_version, prune, read_dropped, sum_calls, upgrade
from budwood_usage.postgresql.address import Address
from budwood_usage.postgresql.failures import to_os_error
from budwood_usage.retention import Retention

T = TypeVar("T")

READ_SECONDS: Final = 30.0
"""Seconds after which a query is cancelled."""

_NEWER: Final = "Update budwood-usage, or set `url` in [observer.usage] to another database."
_CONNECT: Final[Mapping[str, Any]] = {
    "application_name": "budwood",
    "client_encoding": "utf8",
    "connect_timeout": 2,
    "keepalives_count": 3,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "prepare_threshold": None,  # poolers between client and server may not keep prepared statements
    "tcp_user_timeout": 10_000,
}
"""The parameters of libpq (https://www.postgresql.org/docs/current/libpq-connect.html)."""


class PostgreSQLStore:
    """
    Records in a database that machines share. It connects on first use, and again after a connection was lost.

    Exceptions of the driver contain values of rows, and may quote the URL: none is raised, or the cause of another.

    Args:
        address: Where it is.
        retention: Tells when records are removed.
    """

    is_remote: Final = True

    def __init__(self, address: Address, retention: Retention) -> None:
        self._address = address
        self._retention = retention
        self._engine = _create_engine(address)
        self._process = os.getpid()
        self._is_prepared = False

    def write(self, rows: Sequence[tuple[Any, ...]], dropped: int, seconds: float) -> None:
        """
        Write rows in one transaction, and remove old ones.

        Raises:
            OSError: The database cannot be used.
            ConfigurationError: Its tables are of a newer version.
        """
        before = self._retention.due()

        def run(connection: Connection) -> int:
            if not self._is_prepared:
                upgrade(connection, self._address.label, _NEWER)
            add(connection, rows, dropped)
            return 0 if before is None else prune(connection, before)

        removed = self._run(run, seconds)
        self._is_prepared = True
        if before is not None:
            self._retention.removed(removed)

    def totals(self, by: Sequence[str], where: CallFilter) -> Sequence[UsageTotals]:
        """Return the sums over groups of calls; see `budwood.contracts.UsageStore`."""
        return self._read(lambda connection: sum_calls(connection, by, where), [])

    def calls(self, where: CallFilter, *, after: int | None = None, limit: int = 100) -> Sequence[CallRecord]:
        """Return records; see `budwood.contracts.UsageStore`."""
        return self._read(lambda connection: find_calls(connection, where, after=after, limit=limit), [])

    def dropped(self) -> int:
        """Return how many calls were not recorded."""
        return self._read(read_dropped, 0)

    def close(self) -> None:
        """Close the connections. The next use connects again."""
        self._engine.dispose(close=self._process == os.getpid())

    def _read(self, query: Callable[[Connection], T], without_tables: T) -> T:
        def run(connection: Connection) -> T:
            if not self._is_prepared:
                if find_version(connection) is None:
                    return without_tables
                upgrade(connection, self._address.label, _NEWER)
            return query(connection)

        return self._run(run, READ_SECONDS)

    def _run(self, action: Callable[[Connection], T], seconds: float) -> T:
        self._check_process()
        milliseconds = math.ceil(seconds * 1000)
        try:
            with self._engine.begin() as connection:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")
                return action(connection)
        except SQLAlchemyError as error:
            failure = to_os_error(error, self._address)
        self._is_prepared = False
        raise failure

    def _check_process(self) -> None:
        """Leave connections to the parent process after a fork."""
        if self._process != os.getpid():
            self._engine.dispose(close=False)
            self._process = os.getpid()


def _create_engine(address: Address) -> Engine:
    options = {name: value for name, value in _CONNECT.items() if name not in address.url.query}
    return create_engine(address.url, connect_args=options, hide_parameters=True, pool_pre_ping=True, pool_size=1)
