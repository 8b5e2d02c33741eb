"""How soon events are ordered and sent: wake-ups within a process and between processes, and the polls without them."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from budwood_server.database import KEYS, Database, VersionWatch, raise_version
from budwood_server.events import recording
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.events.services import EventServices
from budwood_server.people.principals import COMMAND
from budwood_server.settings import EventSettings, ServerSettings, WebhookSettings
from budwood_server.vault.master_keys import new_master_key, parse_master_keys
from budwood_server.webhooks import fan_out
from budwood_server.webhooks.store import create_webhook
from tests.plugins.server.databases import open_database
from tests.plugins.server.webhooks.receiver import run_receiver

MASTER_KEYS = parse_master_keys(new_master_key(), "environment")
NEVER = 100_000.0
"""Seconds of a poll that no test waits for."""

LIMIT = 300.0
"""Seconds after which a test has failed: nothing was woken."""


@asynccontextmanager
async def run_process(url, *, poll=NEVER, watches=True, sends=True):
    """
    Run what a process does about events, and return its database.
    """
    events = EventSettings().model_copy(update={"poll": poll})
    webhooks = WebhookSettings(allow_local=True).model_copy(update={"poll": poll})
    server = ServerSettings(database=url).model_copy(update={"events": events, "webhooks": webhooks})
    database = Database(url)
    watch = VersionWatch(database, interval=NEVER if database.is_postgresql else 0.05)
    services = EventServices(database, server, lambda: MASTER_KEYS)
    try:
        await services.start(watch, sends=sends)
        if watches:
            await watch.start()
        yield database
    finally:
        await services.close()
        await watch.close()
        await database.close()


async def write(database, subject, *, with_version=False):
    """
    Write an event in a transaction of its own, as a change of a key does.
    """
    async with database.write() as connection:
        await record_events(connection, [NewEvent("run.finished", subject, {})])
        if with_version:
            await raise_version(connection, KEYS)


async def write_and_fail(database):
    """
    Write an event in a transaction that is not committed.
    """
    async with database.write() as connection:
        await record_events(connection, [NewEvent("run.finished", "lost", {})])
        raise ZeroDivisionError


def run(url, scenario):
    """
    Run a coroutine function with a database with an endpoint, and with the receiver behind that.
    """

    async def main():
        async with open_database(url) as database, run_receiver() as receiver, asyncio.timeout(LIMIT):
            fields = {"name": "all", "url": receiver.url, "types": ["run.finished"], "subjects": None}
            fields |= {"sees_all": True, "with_texts": False, "concurrency": 10, "per_second": None}
            async with database.write() as connection:
                await create_webhook(connection, COMMAND, MASTER_KEYS, fields)
            await scenario(database, receiver)
            return [json.loads(body)["subject"] for _, body in receiver.requests]

    return asyncio.run(main())


def test_a_process_sends_its_own_events_at_once(database_url):
    """
    Without a poll and without an announcement, one transaction after the other.
    """

    async def scenario(_, receiver):
        async with run_process(database_url, watches=False) as database:
            for number in range(3):
                await write(database, f"run_{number}")
                await receiver.wait_for(number + 1)

    assert run(database_url, scenario) == ["run_0", "run_1", "run_2"]


def test_a_transaction_that_fails_sends_nothing(database_url):
    """
    The next one that is committed sends its own event only.
    """

    async def scenario(_, receiver):
        async with run_process(database_url, watches=False) as database:
            with pytest.raises(ZeroDivisionError):
                await write_and_fail(database)
            await write(database, "run_1")
            await receiver.wait_for(1)

    assert run(database_url, scenario) == ["run_1"]


def test_a_process_sends_the_events_that_another_has_ordered(database_url):
    """
    It is told by the version of events, which PostgreSQL announces.
    """

    async def scenario(_, receiver):
        async with run_process(database_url), run_process(database_url, sends=False) as other:
            await write(other, "run_1")
            await receiver.wait_for(1)

    assert run(database_url, scenario) == ["run_1"]


def test_the_event_of_a_command_is_ordered_with_the_change_that_it_tells(database_url):
    """
    A command orders nothing itself; its change of a key raises a version.
    """

    async def scenario(command, receiver):
        async with run_process(database_url):
            await write(command, "run_1", with_version=True)
            await receiver.wait_for(1)

    assert run(database_url, scenario) == ["run_1"]


def test_polls_suffice(database_url, monkeypatch):
    """
    Events are also sent if no wake-up arrives, those of other processes and its own.
    """
    for module in (recording, fan_out):
        monkeypatch.setattr(module, "note_change", lambda *_: None)

    async def scenario(other, receiver):
        async with run_process(database_url, poll=0.02, watches=False) as database:
            await write(database, "own")
            await receiver.wait_for(1)
            await write(other, "other")
            await receiver.wait_for(2)

    assert run(database_url, scenario) == ["own", "other"]
