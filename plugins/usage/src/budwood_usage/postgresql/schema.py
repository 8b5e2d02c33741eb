"""The tables, created and changed by alembic."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from budwood.errors import ConfigurationError

VERSION_TABLE: Final = "budwood_usage_version"
"""The table of alembic with the version of the tables."""

HEAD: Final = "0001"
"""The newest version; a file of `migrations/versions` leads to it."""

LOCK: Final = 0x62756475
"""The advisory lock of those who change the tables or write to them: a row gets its number when it is committed."""

_MIGRATIONS: Final = Path(__file__).with_name("migrations")


def lock(connection: Connection) -> None:
    """Wait until no other process writes. The lock is released at the end of the transaction."""
    connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))


def find_version(connection: Connection) -> str | None:
    """Return the version of the tables; None if there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    versions = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()  # noqa: S608 - constant
    return ", ".join(versions) or None


def prepare(connection: Connection, label: str) -> None:
    """
    Create the tables, or bring those of an older version up to date, in the transaction of the connection.

    Args:
        connection: A connection in a transaction.
        label: The address, for errors.

    Raises:
        ConfigurationError: The tables are of a newer version, or the database cannot store all texts.
    """
    if find_version(connection) == HEAD:
        return
    lock(connection)
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise ConfigurationError(
            f"{label} has the encoding {encoding}, which cannot store all texts.",
            hint="Use a database with the encoding UTF8: createdb --encoding UTF8 --template template0 NAME.",
        )
    _upgrade(connection, label)


def _upgrade(connection: Connection, label: str) -> None:
    from alembic import command  # slow, and seldom needed
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    version = find_version(connection)
    try:
        if version is not None:
            ScriptDirectory.from_config(config).get_revision(version)
    except CommandError:
        raise ConfigurationError(
            f"The tables in {label} are of a newer version of budwood-usage.",
            hint="Update budwood-usage, or set `url` in [observer.usage] to another database.",
        ) from None
    command.upgrade(config, "head")
