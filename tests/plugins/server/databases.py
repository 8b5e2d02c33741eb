"""Databases of the server for tests."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing

import psycopg

from budwood_server.database import Database
from budwood_server.database.schema import upgrade


@asynccontextmanager
async def open_database(url):
    """
    Open a database, with its tables, and close it afterwards.
    """
    database = Database(url)
    try:
        await upgrade(database)
        yield database
    finally:
        await database.close()


def create_tables(url):
    """
    Create the tables of a database.
    """

    async def create():
        async with open_database(url):
            pass

    asyncio.run(create())


def fetch(url, query):
    """
    Return the rows of a query of a database that servers use.
    """
    if url.startswith("postgresql:"):
        with psycopg.connect(url) as connection:
            return connection.execute(query).fetchall()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=60)) as connection:
        return connection.execute(query).fetchall()
