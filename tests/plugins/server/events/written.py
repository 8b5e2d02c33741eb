"""The events in a database, without their order."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from jsonschema import Draft202012Validator
from sqlalchemy import select

from budwood_server.database import Database
from budwood_server.database.tables import EVENTS
from budwood_server.events.schemas import describe_data


async def read_written(database, kind):
    """
    Return the events of a type in a database. Their data is what the schema says.
    """
    async with database.read() as connection:
        query = select(EVENTS).where(EVENTS.c.type == kind).order_by(EVENTS.c.id)
        found = [SimpleNamespace(**row) for row in (await connection.execute(query)).mappings()]
    for each in found:
        Draft202012Validator(describe_data(kind)).validate(each.data)
    return found


def read_file(path, kind):
    """
    Return the events of a type in a file of SQLite; see `read_written`.
    """

    async def main():
        database = Database(f"sqlite:///{path}")
        try:
            return await read_written(database, kind)
        finally:
            await database.close()

    return asyncio.run(main())
