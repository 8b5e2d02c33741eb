"""Master keys, and a database with tokens."""

from __future__ import annotations

import asyncio

import pytest

from budwood_server.vault.master_keys import new_master_key, parse_master_keys
from tests.plugins.server.databases import open_database


@pytest.fixture
def keys():
    """
    One master key.
    """
    return parse_master_keys(new_master_key(), "environment")


@pytest.fixture
def run(database_url):
    """
    Return a function that runs a coroutine function with a database.
    """

    def run_one(scenario):
        async def main():
            async with open_database(database_url) as database:
                return await scenario(database)

        return asyncio.run(main())

    return run_one
