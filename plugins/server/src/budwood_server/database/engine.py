"""Connections and transactions."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from budwood.errors import ConfigurationError
from budwood_server.database.address import Address, parse_address
from budwood_server.database.failures import is_database_failure, to_database_error

CONNECT_SECONDS: Final = 10.0
"""Seconds to wait for a connection to PostgreSQL."""

LOCK_SECONDS: Final = 30.0
"""Seconds to wait for a lock of SQLite."""

_IMMEDIATE: Final = "budwood_immediate"
"""The option of connections whose transactions take the lock of SQLite at their start."""

_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {int(LOCK_SECONDS * 1000)}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",  # a crash of the process loses nothing; one of the machine the last moments
    "PRAGMA foreign_keys = ON",
)


class Database:
    """
    The database of the server. It connects on first use, and again after a connection was lost.

    One event loop uses it. Exceptions of the drivers contain values of rows, and may quote the URL: `read` and `write`
    raise `DatabaseError` in place of them.

    Args:
        url: ``sqlite:///PATH``, ``sqlite://`` for a database in memory, or ``postgresql://user:password@host/database``.

    Raises:
        ConfigurationError: The URL is not valid, or the driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self.address = parse_address(url)
        self.engine = _create_engine(self.address)
        self._writer = self.engine.execution_options(**{_IMMEDIATE: True})

    @property
    def is_postgresql(self) -> bool:
        """Whether it is PostgreSQL, and not SQLite."""
        return self.address.is_postgresql

    def __repr__(self) -> str:
        return f"Database({self.address.label!r})"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """
        Open a transaction that changes nothing.

        Raises:
            DatabaseError: The database cannot be used.
        """
        async with self._transaction(self.engine) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """
        Open a transaction, and commit it at the end. SQLite admits one at a time, from its start.

        Raises:
            DatabaseError: The database cannot be used. Nothing has changed.
        """
        async with self._transaction(self._writer) as connection:
            yield connection

    async def close(self) -> None:
        """Close all connections. The next use connects again."""
        await self.engine.dispose()

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        try:
            async with engine.begin() as connection:
                yield connection
        except Exception as error:
            if not is_database_failure(error):
                raise
            failure = to_database_error(error, self.address)
        else:
            return
        raise failure  # not inside the handler: the cause would have the values


def _create_engine(address: Address) -> AsyncEngine:
    return _create_postgresql_engine(address) if address.is_postgresql else _create_sqlite_engine(address)


def _create_sqlite_engine(address: Address) -> AsyncEngine:
    options: dict[str, Any] = {"pool_size": 3}
    if address.path is None:  # the connection is the database
        options = {"pool_size": 1, "max_overflow": 0}
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{address.path or ':memory:'}",
        connect_args={"timeout": LOCK_SECONDS},
        hide_parameters=True,
        poolclass=_queue_pool(),
        **options,
    )
    if address.path is not None:
        path = address.path
        event.listen(engine.sync_engine, "do_connect", lambda *_: _create_file(path))
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    event.listen(engine.sync_engine, "invalidate", _roll_back_sqlite)
    return engine


def _queue_pool() -> Any:  # noqa: ANN401 - SQLAlchemy exports the class without a type
    from sqlalchemy.pool import AsyncAdaptedQueuePool

    return AsyncAdaptedQueuePool


def _create_file(path: Path) -> None:
    """Create the file for its owner alone: it has hashes of keys and texts of replies."""
    with contextlib.suppress(FileExistsError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - of any driver
    """Let `_begin_sqlite` start transactions: sqlite3 would not start one before DDL."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    is_immediate = connection.get_execution_options().get(_IMMEDIATE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_immediate else "BEGIN")


def _roll_back_sqlite(connection: Any, *_: object) -> None:  # noqa: ANN401 - of any driver
    """
    Release the lock of a transaction whose task was cancelled.

    Closing the connection does not: SQLite keeps it while a cursor, which the exception refers to, has rows left.
    """
    with contextlib.suppress(Exception):  # the connection may be closed
        connection.rollback()


def _create_postgresql_engine(address: Address) -> AsyncEngine:
    if find_spec("asyncpg") is None:
        raise ConfigurationError(
            "PostgreSQL needs asyncpg, which is not installed.",
            hint="Install it: pip install asyncpg 'psycopg[binary]'.",
        )

    async def connect(**_: object) -> Any:  # noqa: ANN401 - a connection of asyncpg
        return await connect_postgresql(address)

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=5,
    )


async def connect_postgresql(address: Address) -> Any:  # noqa: ANN401 - a connection of asyncpg, which has no types
    """Open a connection of the driver. asyncpg parses the URL, which may have all options that it knows."""
    import asyncpg

    return await asyncpg.connect(
        dsn=address.dsn,
        timeout=CONNECT_SECONDS,
        server_settings={"application_name": "budwood"},
    )
