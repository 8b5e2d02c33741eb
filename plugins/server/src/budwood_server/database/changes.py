"""Call functions after transactions of this process that have changed a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.database.engine import Database

_CHANGED: Final = "budwood_changed"


def note_change(connection: AsyncConnection, table: str) -> None:
    """
    Have the functions of a table called when the transaction has ended.

    Args:
        connection: The transaction that changes the table.
        table: The name of the table.
    """
    connection.info.setdefault(_CHANGED, set()).add(table)


def call_after_changes(database: Database, table: str, function: Callable[[], None]) -> None:
    """
    Call a function after each transaction of this process that has noted a change of a table, also if it has failed.

    It is called in the event loop when the connection is free again, so it must neither block nor raise.

    Args:
        database: The database.
        table: The name of the table.
        function: The function.
    """

    def check_in(_: object, record: Any) -> None:  # noqa: ANN401 - SQLAlchemy exports no type for it
        if table in record.info.get(_CHANGED, ()):
            record.info[_CHANGED].discard(table)
            function()

    event.listen(database.engine.sync_engine, "checkin", check_in)
