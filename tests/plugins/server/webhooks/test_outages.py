"""Databases that fail while events are ordered and sent: nothing is lost, and nothing is tried without a pause."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import event

from budwood_server.database import DatabaseError
from budwood_server.events import sequencing
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.events.sequencing import Sequencer
from budwood_server.webhooks import dispatch
from budwood_server.webhooks.deliveries import list_attempts
from budwood_server.webhooks.dispatch import Dispatcher
from budwood_server.webhooks.fan_out import fan_out
from budwood_server.webhooks.sending import Sender
from tests.plugins.server.webhooks.receiver import run_receiver
from tests.plugins.server.webhooks.stored import run_stored
from tests.plugins.server.webhooks.test_dispatch import FixedTargets, wait_until_delivered
from tests.postgresql_server import PostgreSQLServer
from tests.small_disk import mount_disk

POLL = 0.2
ATTEMPTS = 20
"""The number of connections that are refused before a database works again."""


class Logged(list):
    """
    The log events of the sequencer and the dispatcher.
    """

    def emit(self, name, **fields):
        """
        Log.
        """
        self.append((name, fields))

    async def wait(self):
        """
        Wait until something is logged.
        """
        while not self:  # noqa: ASYNC110 - of a log
            await asyncio.sleep(0.01)


@pytest.fixture
def logged(monkeypatch):
    """
    What is logged.
    """
    events = Logged()
    for module in (sequencing, dispatch):
        monkeypatch.setattr(module, "logs", events)
    return events


@asynccontextmanager
async def run_services(stored, receiver, targets=None, queue=None):
    """
    Give events their places and send them, as a process of the server does.
    """
    sender = Sender(timeout=500.0, allow_local=True)
    queue = queue or stored.queue(lease=1.0, delays=(0.0,) * 9)
    targets = targets or FixedTargets(receiver.url)
    dispatcher = Dispatcher(stored.database, queue, targets, sender, source="test", poll=POLL, concurrency=20)
    sequencer = Sequencer(stored.database, fan_out, poll=POLL)
    tasks = [asyncio.create_task(each.run()) for each in (sequencer, dispatcher)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await sender.close()


async def write_events(stored, *names):
    """
    Write events in one transaction.
    """
    async with stored.database.write() as connection:
        await record_events(connection, [NewEvent("run.finished", name, {}, owner="red") for name in names])


def list_subjects(receiver):
    """
    Return the subjects of the events that have arrived, by their ids.
    """
    return {headers["webhook-id"]: json.loads(body)["subject"] for headers, body in receiver.requests}


@asynccontextmanager
async def refuse_connections(port):
    """
    Close each connection to a port, and yield a function that waits for some of them.
    """
    connected = asyncio.Semaphore(0)

    async def refuse(_reader, writer):
        connected.release()
        writer.close()

    async def wait_for(count):
        for _ in range(count):
            await connected.acquire()

    async with await asyncio.start_server(refuse, "127.0.0.1", port, reuse_address=True):
        yield wait_for


@pytest.mark.real_server
def test_events_arrive_after_postgresql_was_restarted():
    """
    It crashes while the first event is sent. Meanwhile, connections are tried at the usual pace.
    """

    async def scenario(stored, server):
        await stored.add_webhook("w")
        async with run_receiver() as receiver:
            crashed = asyncio.Event()

            def crash(_request):
                if not crashed.is_set():
                    server.crash()
                    crashed.set()
                return 204

            receiver.find_status = crash
            async with run_services(stored, receiver):
                await write_events(stored, "first", "second", "third")
                await crashed.wait()
                async with refuse_connections(server.port) as wait_for:
                    await wait_for(1)
                    began = time.monotonic()
                    await wait_for(ATTEMPTS)
                    assert time.monotonic() - began > POLL * 2
                server.start()
                await write_events(stored, "fourth")
                await wait_until_delivered_all(stored, 4)
            assert sorted(list_subjects(receiver).values()) == ["first", "fourth", "second", "third"]
            assert (await stored.read_webhook("w")).failures == 0

    with PostgreSQLServer() as server:
        run_stored(server.new_database(), lambda stored: scenario(stored, server))


async def wait_until_delivered_all(stored, count):
    """
    Wait until so many deliveries exist and none is open.
    """
    while len(await stored.read()) < count:  # noqa: ASYNC110 - of a database
        await asyncio.sleep(0.01)
    await wait_until_delivered(stored)


@pytest.mark.real_server
def test_events_that_are_committed_in_reverse_order_arrive(postgresql):
    """
    The one that was written first and committed last arrives, too, and has the greater id.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        async with run_receiver() as receiver, run_services(stored, receiver):
            async with stored.database.write() as first:
                await record_events(first, [NewEvent("run.finished", "first", {}, owner="red")])
                await write_events(stored, "second")
                await receiver.wait_for(1)
                await wait_until_delivered(stored)
            await receiver.wait_for(2)
        assert [subject for _, subject in sorted(list_subjects(receiver).items())] == ["second", "first"]

    run_stored(postgresql.new_database(), scenario)


class ReadOnly:
    """
    Makes a file of SQLite read-only for an engine, until `end` is called.
    """

    def __init__(self, engine):
        self._value = "ON"
        event.listen(engine.sync_engine, "begin", self._prepare)

    def _prepare(self, connection):
        connection.exec_driver_sql(f"PRAGMA query_only = {self._value}")

    def end(self):
        """
        Make it writable again.
        """
        self._value = "OFF"


def test_events_arrive_after_a_database_was_read_only(sqlite_url, logged):
    """
    The log says so once, with the cure.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        await write_events(stored, "first")
        async with run_receiver() as receiver:
            fault = ReadOnly(stored.database.engine)
            async with run_services(stored, receiver):
                with pytest.raises(DatabaseError, match="Make the file and its folder writable"):
                    await write_events(stored, "lost")
                await logged.wait()
                fault.end()
                await receiver.wait_for(1)
                await wait_until_delivered(stored)
        assert [*list_subjects(receiver).values()] == ["first"]

    run_stored(sqlite_url, scenario)
    [(name, fields)] = logged
    assert name == "events not ordered"
    assert "readonly database. Make the file and its folder writable" in fields["reason"]


def test_events_arrive_after_a_disk_was_full(tmp_path, logged):
    """
    The log says so once, with the cure.
    """

    async def scenario(stored, disk):
        await stored.add_webhook("w")
        await write_events(stored, "first")
        async with run_receiver() as receiver:
            disk.leave(0)
            async with run_services(stored, receiver):
                with pytest.raises(DatabaseError, match=r"disk is full|disk I/O error"):
                    await write_events(stored, *[f"lost {number}" * 1000 for number in range(100)])
                await logged.wait()
                disk.make_room()
                await write_events(stored, "second")
                await receiver.wait_for(2)
                await wait_until_delivered(stored)
        assert sorted(list_subjects(receiver).values()) == ["first", "second"]

    with mount_disk(tmp_path / "disk") as disk:
        run_stored(f"sqlite:///{disk.folder}/server.sqlite3", lambda stored: scenario(stored, disk))
    assert "Free disk space" in repr(logged)


class FailingQueue:
    """
    A queue that cannot store the first results.
    """

    def __init__(self, queue, failures):
        self._queue = queue
        self._failures = failures
        self.claim = queue.claim

    async def finish(self, results):
        """
        Fail, or store results.
        """
        self._failures -= 1
        if self._failures >= 0:
            raise DatabaseError("It does not answer.")
        await self._queue.finish(results)


def test_results_that_cannot_be_stored_are_kept(sqlite_url):
    """
    They are stored when the database works again: no event is sent twice.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        queue = FailingQueue(stored.queue(lease=600.0), failures=2)
        async with run_receiver() as receiver, run_services(stored, receiver, queue=queue):
            await stored.add_events(5)
            await receiver.wait_for(5)
            await wait_until_delivered(stored)
        assert len(receiver.requests) == 5
        assert [delivery.attempts for delivery in await stored.read()] == [1] * 5

    run_stored(sqlite_url, scenario)


class FailingTargets(FixedTargets):
    """
    Endpoints that cannot be found the first time.
    """

    def __init__(self, url, error):
        super().__init__(url)
        self._error = error

    async def find(self, webhook):
        """
        Fail, or return the endpoint.
        """
        error, self._error = self._error, None
        if error is not None:
            raise error
        return await super().find(webhook)


@pytest.mark.parametrize(("error", "failed_attempts"), [(DatabaseError("No."), 0), (LookupError("secret"), 1)])
def test_errors_of_the_server_are_no_end_of_a_delivery(sqlite_url, error, failed_attempts, logged):
    """
    A database that fails is no failure of the endpoint. Unexpected errors are, so that the attempts end.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        async with run_receiver() as receiver:
            targets = FailingTargets(receiver.url, error)
            async with run_services(stored, receiver, targets):
                await stored.add_events(1)
                await receiver.wait_for(1)
                await wait_until_delivered(stored)
        [delivery] = await stored.read()
        async with stored.database.read() as connection:
            found = (await list_attempts(connection, [delivery.id]))[delivery.id]
        assert len(found) == 1 + failed_attempts

    run_stored(sqlite_url, scenario)
    assert "secret" not in repr(logged)
