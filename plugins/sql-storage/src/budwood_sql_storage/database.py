"""Connections and transactions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from budwood.errors import ConfigurationError
from budwood_sql_storage.address import Address
from budwood_sql_storage.failures import to_error

T = TypeVar("T")

_IMMEDIATE: Final = "budwood_immediate"
"""The option of connections whose transactions take the lock of SQLite at their start."""


class Database:
    """
    Runs functions in transactions. It connects on first use, and again after a connection was lost. Thread-safe.

    Exceptions of the driver contain values of rows, and may quote the URL: none is raised, or the cause of another.

    Args:
        address: Where it is.
        timeout: Seconds to connect, to wait for a lock, and until a connection without answers counts as lost.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        self.address = address
        self.is_postgresql = address.path is None
        self._has_connected = False
        self._engine = _create_engine(address, timeout)
        self._writer = self._engine.execution_options(**{_IMMEDIATE: True})

    def read(self, action: Callable[[Connection], T]) -> T:
        """
        Run a function in a transaction that changes nothing.

        Raises:
            ConfigurationError, OSError: The database cannot be used.
        """
        return self._run(self._engine, action)

    def write(self, action: Callable[[Connection], T]) -> T:
        """
        Run a function in a transaction, and commit.

        Raises:
            ConfigurationError, OSError: The database cannot be used. Nothing has changed.
        """
        return self._run(self._writer, action)

    def write_repeatable(self, action: Callable[[Connection], T]) -> T:
        """Run a function that can run twice as `write` does, again if the connection was lost."""
        return self._run(self._writer, action, attempts=2)

    def close(self) -> None:
        """Close all connections. It can be called repeatedly."""
        self._engine.dispose()

    def _run(self, engine: Engine, action: Callable[[Connection], T], attempts: int = 1) -> T:
        while True:
            attempts -= 1
            try:
                with engine.begin() as connection:
                    self._has_connected = True
                    return action(connection)
            except SQLAlchemyError as error:
                is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
                failure = to_error(error, self.address, has_connected=self._has_connected)
            if not (is_lost and attempts):
                raise failure


def _create_engine(address: Address, timeout: float) -> Engine:
    options: dict[str, Any] = {"hide_parameters": True, "json_serializer": _keep, "json_deserializer": _to_text}
    if address.path is not None:
        engine = create_engine(address.url, connect_args={"timeout": timeout}, **options)
        event.listen(engine, "connect", _disable_driver_transactions)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return _create_postgresql_engine(address, timeout, options)


def _create_postgresql_engine(address: Address, timeout: float, options: Mapping[str, Any]) -> Engine:
    arguments = {name: value for name, value in _connect_arguments(timeout).items() if name not in address.url.query}
    try:
        engine = create_engine(address.url, connect_args=arguments, pool_pre_ping=True, **options)
    except ImportError as error:
        raise ConfigurationError(
            f"PostgreSQL needs psycopg, which cannot be imported: {error}.",
            hint="Install it: pip install 'psycopg[binary]'.",
        ) from None
    limit = f"SET LOCAL lock_timeout = {math.ceil(timeout * 1000)}"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(limit))
    return engine


def _connect_arguments(timeout: float) -> dict[str, Any]:
    """Return the parameters of libpq (https://www.postgresql.org/docs/current/libpq-connect.html)."""
    return {
        "application_name": "budwood",
        "client_encoding": "utf8",
        "connect_timeout": math.ceil(timeout),
        "keepalives_count": 3,
        "keepalives_idle": math.ceil(timeout),
        "keepalives_interval": math.ceil(timeout / 3),
        "prepare_threshold": None,  # poolers between client and server may not keep prepared statements
        "tcp_user_timeout": math.ceil(timeout * 1000),
    }


def _keep(value: str) -> str:
    """Return JSON as it is: it is encoded already."""
    return value


def _to_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


def _disable_driver_transactions(connection: Any, _record: object) -> None:  # noqa: ANN401 - of any driver
    """Let `_begin_sqlite` start transactions: sqlite3 would not start one before DDL."""
    connection.isolation_level = None


def _begin_sqlite(connection: Connection) -> None:
    is_immediate = connection.get_execution_options().get(_IMMEDIATE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_immediate else "BEGIN")
