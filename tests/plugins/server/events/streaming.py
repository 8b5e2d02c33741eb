"""A gateway with streams of events, and clients of them, in one event loop without a server."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import NamedTuple

from sqlalchemy import delete

from budwood import Settings
from budwood_server.access.key_store import KeyStore
from budwood_server.access.keys import ADMIN, TELEMETRY, KeyPolicy
from budwood_server.app import create_app
from budwood_server.database.tables import EVENTS
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.worker import Worker
from tests.plugins.server.databases import open_database

SETTINGS = {"poll": 0.01, "heartbeat": 60.0}


class Received(NamedTuple):
    """
    An event or a notice that a client has received.
    """

    id: str
    notice: str | None
    data: dict


@asynccontextmanager
async def open_gateway(url, keys=(), **events):
    """
    Open a worker with an application, on a database that has its tables. It sends no webhooks.
    """
    server = {"database": url, "events": SETTINGS | events, "webhooks": {"worker": False}}
    worker = Worker(lambda: Settings.load({"server": server | {"models": {"fast": "offline/extractive"}}}))
    await worker.start()
    worker.services.watch._interval = 0.01
    try:
        yield Gateway(worker, *keys)
    finally:
        await worker.stop()


def run(url, scenario, **events):
    """
    Run a coroutine function with a gateway on a new database.
    """

    async def main():
        async with open_database(url) as database:
            keys = await create_keys(database)
            async with open_gateway(url, keys, **events) as gateway:
                return await scenario(gateway)

    return asyncio.run(main())


async def create_keys(database):
    """
    Return the tokens of a key of the team red for telemetry, and of two keys for all. There are no events of them.
    """
    store = KeyStore(database)
    red = await store.create(KeyPolicy(name="red", scopes={TELEMETRY}, team="red"))
    first, second = [await store.create(KeyPolicy(name="all", scopes={ADMIN, TELEMETRY})) for _ in range(2)]
    async with database.write() as connection:
        await connection.execute(delete(EVENTS))
    return red.token, first.token, second.token


class Gateway:
    """
    A worker with its application.

    Attributes:
        red: A key of the team red for telemetry.
        admin: A key for all.
        other_admin: Another one.
    """

    def __init__(self, worker, red="", admin="", other_admin=""):
        self.worker = worker
        self.red, self.admin, self.other_admin = red, admin, other_admin
        self.app = create_app(worker)

    @property
    def hub(self):
        return self.worker.services.events.hub

    async def write(self, *numbers, kind="run.finished", owner="team-red", **fields):
        """
        Write events, and give them their places, as one of the processes does.
        """
        await write(self.worker.database, *numbers, kind=kind, owner=owner, **fields)
        self.worker.services.events.wake()

    def follow(self, token, query="", **headers):
        """
        Return a client of an event stream.
        """
        return StreamClient(self.app, token, query, headers)


async def write(database, *numbers, kind="run.finished", owner="team-red", **fields):
    """
    Write events in a transaction of their own. The number is in their data, and their subjects have it.
    """
    events = [NewEvent(kind, f"s_{number}", {"number": number, **fields}, owner=owner) for number in numbers]
    async with database.write() as connection:
        await record_events(connection, events)


class StreamClient:
    """
    Reads server-sent events inside an ``async with`` block.

    Attributes:
        status: The status of the reply, once there is one.
        body: The bytes that were received.
    """

    def __init__(self, app, token, query, headers):
        self._app = app
        headers = {"authorization": f"Bearer {token}" if token else "", "accept": "text/event-stream"} | headers
        sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items() if value]
        scope = {"type": "http", "method": "GET", "path": "/v1/events", "query_string": query.encode()}
        self._scope = scope | {"client": ("127.0.0.1", 50_000), "headers": sent}
        self._leaves = asyncio.Event()
        self._changed = asyncio.Event()
        self.may_receive = asyncio.Event()
        self.may_receive.set()
        self.transport = self
        self.is_aborted = False
        self.status = None
        self.headers = {}
        self.body = b""
        self._read = 0

    async def __aenter__(self):
        self._task = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        return self

    async def __aexit__(self, *_):
        self._leaves.set()
        self.may_receive.set()
        await self._task

    async def next(self):
        """
        Return the next event or notice; None at the end.
        """
        while True:
            start = self._read
            end = self.body.find(b"\n\n", start)
            if end >= 0:
                self._read = end + 2
                lines = dict(line.split(": ", 1) for line in self.body[start:end].decode().split("\n"))
                if "data" in lines:
                    return Received(lines.get("id"), lines.get("event"), json.loads(lines["data"]))
            elif self._task.done():
                return None
            else:
                await self._wait()

    async def take(self, number):
        """
        Return some next events and notices.
        """
        return [await self.next() for _ in range(number)]

    async def take_numbers(self, number):
        """
        Return the numbers of some next events, among which there is no notice.
        """
        return [received.data["data"]["number"] for received in await self.take(number)]

    def abort(self):
        """
        Close the connection, as a transport does.
        """
        self.is_aborted = True
        self._leaves.set()

    async def wait_for_end(self):
        """
        Wait until the reply is complete.
        """
        await asyncio.shield(self._task)

    async def _wait(self):
        self._changed.clear()
        changed = asyncio.create_task(self._changed.wait())
        await asyncio.wait({changed, self._task}, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()

    async def _receive(self):
        await self._leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        await self.may_receive.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {str(name, "latin-1"): str(value, "latin-1") for name, value in message["headers"]}
        self.body += message.get("body", b"")
        self._changed.set()
