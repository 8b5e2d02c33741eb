"""
Prepare the database before workers start: its tables, and the first admin key.

It runs in a process of its own, because alembic takes memory that serving does not need:
``python -m budwood_server.process.preparation``, with JSON on standard input and output.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from budwood.errors import BudwoodError, ConfigurationError

if TYPE_CHECKING:
    from budwood_server.settings import ServerSettings

COMMAND: Final = (sys.executable, "-P", "-m", "budwood_server.process.preparation")


class PreparedDatabase(NamedTuple):
    """
    A database that workers can use.

    Attributes:
        label: Where it is, without secrets.
        admin_key: The first admin key, if it was created now. It cannot be read again.
    """

    label: str
    admin_key: str | None = None

    def __repr__(self) -> str:
        return f"PreparedDatabase({self.label!r})"


def prepare_in_process(server: ServerSettings) -> PreparedDatabase:
    """
    Prepare the database in another process.

    Raises:
        ConfigurationError: It cannot be used, or its tables are newer than the program.
    """
    admin_key = None if server.admin_key is None else server.admin_key.get_secret_value()
    order = json.dumps({"url": server.database_url, "admin_key": admin_key})
    done = subprocess.run(COMMAND, input=order, stdout=subprocess.PIPE, encoding="utf-8", check=False)  # noqa: S603 - our own module
    if done.returncode != 0 or not done.stdout:
        raise ConfigurationError("The database could not be prepared.", hint="What was printed above says why.")
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise ConfigurationError(answer["error"], hint=answer["hint"])
    return PreparedDatabase(**answer)


async def prepare(url: str, admin_key: str | None) -> PreparedDatabase:
    """
    Bring the tables up to date, and make sure that there is an admin key.

    Raises:
        BudwoodError: The database cannot be used, or its tables are newer than the program.
    """
    from budwood_server.access.first_key import prepare_admin_key
    from budwood_server.database import Database
    from budwood_server.database.schema import upgrade

    database = Database(url)
    if database.address.path is None and not database.is_postgresql:
        hint = "Name a file: sqlite:///server.sqlite3."
        raise ConfigurationError("A database in memory cannot keep the keys of a server.", hint=hint)
    try:
        await upgrade(database)
        created = await prepare_admin_key(database, admin_key)
    finally:
        await database.close()
    return PreparedDatabase(database.address.label, None if created is None else created.token)


def main() -> None:
    """Prepare the database that standard input names."""
    threading.excepthook = lambda _: None  # after a failed connection, a thread of aiosqlite outlives the event loop
    order = json.load(sys.stdin)
    try:
        answer = asyncio.run(prepare(order["url"], order["admin_key"]))._asdict()
    except BudwoodError as error:
        answer = {"error": error.message, "hint": error.hint}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
