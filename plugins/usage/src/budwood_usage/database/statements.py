"""Run the statements of this package on a connection of SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, CursorResult, text

from budwood_usage.database.schema import is_postgresql
from budwood_usage.queries import POSTGRESQL, SQLITE, Dialect


def execute(connection: Connection, statement: str, arguments: Sequence[Any]) -> CursorResult[Any]:
    """Run a statement with ``?`` in place of its arguments."""
    names = [f"p{number}" for number in range(len(arguments))]
    for name in names:
        statement = statement.replace("?", f":{name}", 1)
    return connection.execute(text(statement), dict(zip(names, arguments, strict=True)))


def read_rows(connection: Connection, statement: str, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """Return the rows of a statement with ``?`` in place of its arguments."""
    return execute(connection, statement, arguments).all()


def read_column(connection: Connection, statement: str, arguments: Sequence[Any]) -> Iterable[Any]:
    """
    Return the only column of a statement with ``?`` in place of its arguments.

    It may have very many values: they are taken from the driver, which returns them at once.
    """
    return chain.from_iterable(execute(connection, statement, arguments).cursor.fetchall())


def find_dialect(connection: Connection) -> Dialect:
    """Return what the database writes differently."""
    return POSTGRESQL if is_postgresql(connection) else SQLITE
