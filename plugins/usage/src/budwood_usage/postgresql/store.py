"""Records of calls in PostgreSQL."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from budwood.types import CallFilter, CallRecord, UsageTotals
from budwood_usage.postgresql.address import Address
from budwood_usage.postgresql.failures import to_os_error
from budwood_usage.postgresql.schema import find_version, lock, prepare
from budwood_usage.queries import SELECT_DROPPED, select_calls, select_totals
from budwood_usage.retention import SWEEP, Retention
from budwood_usage.rows import CALLS, COLUMNS, DROPPED, read_row, read_totals

T = TypeVar("T")

READ_SECONDS: Final = 30.0
"""Seconds after which a query is cancelled."""

_INSERT: Final = (
    f"INSERT INTO {CALLS} ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)}) "  # noqa: S608 - constants
    "ON CONFLICT DO NOTHING"
)
_ADD_DROPPED: Final = f"UPDATE {DROPPED} SET calls = calls + :count"  # noqa: S608 - constant
_REMOVE: Final = f"DELETE FROM {CALLS} WHERE id IN (SELECT id FROM {CALLS} WHERE time < :before LIMIT :count)"  # noqa: S608 - constants
_TIMES: Final = {
    "hour": """to_char(to_timestamp(time) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24')""",
    "day": "to_char(to_timestamp(time) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}
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
                prepare(connection, self._address.label)
            lock(connection)
            if rows:
                connection.execute(text(_INSERT), [dict(zip(COLUMNS, row, strict=True)) for row in rows])
            if dropped:
                connection.execute(text(_ADD_DROPPED), {"count": dropped})
            if before is None:
                return 0
            return connection.execute(text(_REMOVE), {"before": before, "count": SWEEP}).rowcount

        removed = self._run(run, seconds)
        self._is_prepared = True
        if before is not None:
            self._retention.removed(removed)

    def totals(self, by: Sequence[str], where: CallFilter) -> Sequence[UsageTotals]:
        """Return the sums over groups of calls; see `budwood.contracts.UsageStore`."""
        return read_totals(self._read(*select_totals(by, where, _TIMES)), len(by))

    def calls(self, where: CallFilter, *, after: int | None = None, limit: int = 100) -> Sequence[CallRecord]:
        """Return records; see `budwood.contracts.UsageStore`."""
        return [read_row(row[0], row[1:]) for row in self._read(*select_calls(where, after, limit))]

    def dropped(self) -> int:
        """Return how many calls were not recorded."""
        return sum(row[0] for row in self._read(SELECT_DROPPED, ()))

    def close(self) -> None:
        """Close the connections. The next use connects again."""
        self._engine.dispose(close=self._process == os.getpid())

    def _read(self, statement: str, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
        names = [f"p{number}" for number in range(len(arguments))]
        for name in names:
            statement = statement.replace("?", f":{name}", 1)

        def run(connection: Connection) -> Sequence[Sequence[Any]]:
            if not self._is_prepared:
                if find_version(connection) is None:
                    return ()
                prepare(connection, self._address.label)
            return connection.execute(text(statement), dict(zip(names, arguments, strict=True))).all()

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
