"""The version of the tables, and their changes by alembic."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, inspect, text

from budwood.errors import ConfigurationError

VERSION_TABLE: Final = "budwood_usage_version"
"""The table of alembic with the version of the tables."""

HEAD: Final = "0001"
"""The newest version; a file of `migrations/versions` leads to it."""

LOCK: Final = 0x62756475
"""PostgreSQL's advisory lock of those who change the tables or write to them: rows get their ids in the order in which
they are committed."""

_MIGRATIONS: Final = Path(__file__).with_name("migrations")


def is_postgresql(connection: Connection) -> bool:
    """Tell whether the database is PostgreSQL, and not SQLite."""
    return connection.dialect.name == "postgresql"


def lock(connection: Connection) -> None:
    """Wait until no other process writes. The lock is released at the end of the transaction."""
    if is_postgresql(connection):
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))


def find_version(connection: Connection) -> str | None:
    """Return the version of the tables; None if there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    versions = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()  # noqa: S608 - constant
    return max(versions, default=None)


def is_newer(version: str | None) -> bool:
    """Tell whether the tables are of a newer version of budwood-usage, which this one must not use."""
    return version is not None and version > HEAD


def upgrade(connection: Connection, label: str = "the database", hint: str = "Update budwood-usage.") -> None:
    """
    Create the tables, or bring those of an older version up to date, in the transaction of the connection.

    Processes that do it at the same time wait for each other. If the tables are current, nothing is imported or locked.

    Args:
        connection: A connection in a transaction.
        label: The address of the database, for errors.
        hint: What to do if the tables are of a newer version.

    Raises:
        ConfigurationError: The tables are of a newer version, or the database cannot store all texts.
    """
    if find_version(connection) == HEAD:
        return
    _begin(connection)
    version = find_version(connection)  # another process may have changed it in the meantime
    if is_newer(version):
        raise ConfigurationError(f"The tables in {label} are of a newer version of budwood-usage.", hint=hint)
    if version != HEAD:
        _check_encoding(connection, label)
        _migrate(connection)


def _begin(connection: Connection) -> None:
    """Wait until no other process writes. The driver of SQLite starts no transaction before DDL."""
    driver: Any = connection.connection.driver_connection
    if is_postgresql(connection):
        lock(connection)
    elif not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check_encoding(connection: Connection, label: str) -> None:
    if not is_postgresql(connection):
        return
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise ConfigurationError(
            f"{label} has the encoding {encoding}, which cannot store all texts.",
            hint="Use a database with the encoding UTF8: createdb --encoding UTF8 --template template0 NAME.",
        )


def _migrate(connection: Connection) -> None:
    from alembic import command  # slow, and seldom needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
