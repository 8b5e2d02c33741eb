"""The version of the tables, and their migrations by alembic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Connection, inspect, text

from budwood.errors import ConfigurationError
from budwood_server.database.engine import Database
from budwood_usage import database as usage

VERSION_TABLE: Final = "budwood_server_version"
"""The table of alembic with the version of the tables."""

HEAD: Final = "0009"
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
        usage_version: The version of the tables of budwood-usage, which has migrations of its own.
    """

    version: str | None
    usage_version: str | None

    @property
    def state(self) -> Literal["empty", "older", "current", "newer"]:
        """Whether the tables are those of this program; ``"empty"`` if there are none."""
        if self.version is None:
            return "empty"
        if self.version > HEAD or usage.is_newer(self.usage_version):
            return "newer"
        return "current" if (self.version, self.usage_version) == (HEAD, usage.HEAD) else "older"

    def __str__(self) -> str:
        return f"{self.version}, usage {self.usage_version}"


CURRENT: Final = SchemaStatus(HEAD, usage.HEAD)
"""The versions that this program needs."""


async def read_status(database: Database) -> SchemaStatus:
    """
    Return the version of the tables. A file that does not exist is not created.

    Raises:
        DatabaseError: The database cannot be used.
    """
    path = database.address.path
    if path is not None and not path.exists():
        return SchemaStatus(None, None)
    async with database.read() as connection:
        return await connection.run_sync(_find_status)


async def check_schema(database: Database) -> None:
    """
    Check that the tables are of the version of this program.

    Raises:
        SchemaError: They are older or newer, or there are none.
        DatabaseError: The database cannot be used.
    """
    status = await read_status(database)
    if status.state == "newer":
        raise _newer(database, status)
    if status.state != "current":
        what = "no tables yet" if status.state == "empty" else f"tables of an older version ({status})"
        raise SchemaError(
            f"The database {database.address.label} has {what}; this program needs version {CURRENT}.",
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
        status = await connection.run_sync(_find_status)
        if status.state == "newer":
            raise _newer(database, status)
        if status.state != "current":
            await connection.run_sync(_migrate)
            await connection.run_sync(usage.upgrade, database.address.label)
    return status


def _newer(database: Database, status: SchemaStatus) -> SchemaError:
    return SchemaError(
        f"The database {database.address.label} has tables of a newer version ({status}) than this program has "
        f"({CURRENT}).",
        hint="Update budwood-server, or name another database.",
    )


def _find_status(connection: Connection) -> SchemaStatus:
    version = None
    if inspect(connection).has_table(VERSION_TABLE):
        versions = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars()  # noqa: S608 - constant
        version = max(versions, default=None)
    return SchemaStatus(version, usage.find_version(connection))


def _migrate(connection: Connection) -> None:
    from alembic import command  # slow, and never needed by a worker
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
