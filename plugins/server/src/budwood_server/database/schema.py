"""The version of the tables, and their migrations by alembic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from budwood.errors import ConfigurationError
from budwood_server.database.engine import Database

VERSION_TABLE: Final = "budwood_server_version"
"""The table of alembic with the version of the tables."""

HEAD: Final = "0002"
"""The newest version; a file of `migrations/versions` leads to it."""

_LOCK: Final = 0x62756477
"""The advisory lock of PostgreSQL for those who change the tables."""

_MIGRATIONS: Final = Path(__file__).with_name("migrations")


class SchemaError(ConfigurationError):
    """The tables of the database are of another version."""


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """
    The version of the tables.

    Attributes:
        version: Their version; None if there are none.
        head: The version that this program needs.
    """

    version: str | None
    head: str = HEAD

    @property
    def is_current(self) -> bool:
        """Whether the program can use the tables."""
        return self.version == self.head

    @property
    def is_newer(self) -> bool:
        """Whether a newer program has changed the tables."""
        return self.version is not None and self.version > self.head


async def read_status(database: Database) -> SchemaStatus:
    """
    Return the version of the tables.

    Raises:
        DatabaseError: The database cannot be used.
    """
    async with database.read() as connection:
        return SchemaStatus(await connection.run_sync(_find_version))


async def check_schema(database: Database) -> None:
    """
    Check that the tables are of the version of this program.

    Raises:
        SchemaError: They are older or newer, or there are none.
        DatabaseError: The database cannot be used.
    """
    status = await read_status(database)
    if status.is_newer:
        raise _newer(database, status)
    if not status.is_current:
        what = "has no tables yet" if status.version is None else f"has tables of an older version ({status.version})"
        raise SchemaError(
            f"The database {database.address.label} {what}; this program needs version {status.head}.",
            hint="Run `budwood server db upgrade`.",
        )


async def upgrade(database: Database) -> SchemaStatus:
    """
    Create the tables, or bring older ones up to date. Return what was there before.

    Several processes can do it at the same time: one after the other, and all but the first find nothing to do.

    Raises:
        SchemaError: The tables are newer. Nothing was changed.
        DatabaseError: The database cannot be used. Nothing was changed.
    """
    async with database.write() as connection:
        if database.is_postgresql:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        status = SchemaStatus(await connection.run_sync(_find_version))
        if status.is_newer:
            raise _newer(database, status)
        if not status.is_current:
            await connection.run_sync(_migrate)
    return status


def _newer(database: Database, status: SchemaStatus) -> SchemaError:
    return SchemaError(
        f"The database {database.address.label} has tables of a newer version ({status.version}) than this program "
        f"({status.head}).",
        hint="Update budwood-server, or name another database.",
    )


def _find_version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    versions = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()  # noqa: S608 - constant
    return max(versions, default=None)


def _migrate(connection: Connection) -> None:
    from alembic import command  # slow, and never needed by a worker
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
