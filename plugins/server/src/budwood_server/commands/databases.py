"""The database of commands that work on it directly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from budwood_server.database import Database

T = TypeVar("T")

URL = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="sqlite:///FILE, or postgresql://USER@HOST/DATABASE. Default: that of the settings.",
    ),
]


def run_with_database(
    url: str | None, action: Callable[[Database], Awaitable[T]], *, check: bool = True, may_create: bool = False
) -> T:
    """
    Open the database of the settings, or another one, run a coroutine function with it, and close it.

    Args:
        url: The URL, or None for that of the settings.
        action: The function.
        check: Whether its tables must be those of this program.
        may_create: Whether a database of SQLite gets its tables if it has none, as at the first start of a server.

    Raises:
        ConfigurationError: The settings are not valid, or the tables are of another version.
        DatabaseError: The database cannot be used.
    """
    import asyncio

    from budwood import Settings
    from budwood_server.database import Database
    from budwood_server.database.schema import check_schema, read_status, upgrade
    from budwood_server.settings import load_server_settings

    async def run() -> T:
        database = Database(load_server_settings(Settings.load(), {"database": url}).database_url)
        try:
            if may_create and not database.is_postgresql and (await read_status(database)).state == "empty":
                await upgrade(database)
            if check:
                await check_schema(database)
            return await action(database)
        finally:
            await database.close()

    return asyncio.run(run())
