"""Transactions whose task is cancelled, at each of their steps."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest
from sqlalchemy import select, text

from budwood_server.database import Database

STEPS = 30
"""More than a transaction waits for the thread of its connection."""


async def use(database):
    """
    Write nothing in a transaction.
    """
    async with database.write() as connection:
        await connection.execute(text("SELECT 1"))


async def cancel_at(database, step, times):
    """
    Cancel a transaction when its thread has answered so many times, and close the database.
    """
    loop = asyncio.get_running_loop()
    answers = asyncio.Semaphore(0)
    call_soon = loop.call_soon_threadsafe

    def call_and_count(callback, *arguments, **options):
        return call_soon(lambda: (callback(*arguments), answers.release()), **options)

    loop.call_soon_threadsafe = call_and_count
    task = asyncio.create_task(use(database))
    await asyncio.sleep(0)
    for _ in range(step):
        answer = asyncio.create_task(answers.acquire())
        await asyncio.wait({answer, task}, return_when=asyncio.FIRST_COMPLETED)
        answer.cancel()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([task])
    await database.close()
    return task.cancelled()


@pytest.mark.parametrize("times", [1, 2])
def test_a_cancelled_transaction_leaves_no_connection_open(sqlite_url, times):
    """
    Nor a thread or a task, also if it is cancelled again while it closes its connection.
    """
    before = set(threading.enumerate())
    cancelled = [asyncio.run(cancel_at(Database(sqlite_url), step, times)) for step in range(STEPS)]
    gc.collect()  # a connection that was not closed is reported now

    assert cancelled[0]
    assert not cancelled[-1]
    for thread in set(threading.enumerate()) - before:
        thread.join()


def test_the_database_is_used_after_a_cancellation(sqlite_url):
    """
    The lock of SQLite is free again.
    """

    async def scenario():
        database = Database(sqlite_url)
        task = asyncio.create_task(use(database))
        await asyncio.sleep(0)
        task.cancel()
        async with database.write() as connection:
            found = (await connection.execute(select(1))).scalar_one()
        await database.close()
        return found

    assert asyncio.run(scenario()) == 1
