"""A server on loopback in the event loop of a test, and WebSockets to it."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager

from websockets.asyncio.client import connect

from budwood import Settings
from budwood_server.process.server import GatewayServer, serve_worker
from budwood_server.worker import Worker
from tests.plugins.server.databases import open_database
from tests.plugins.server.events.streaming import SETTINGS, create_keys, write


class Served:
    """
    A server that can be restarted on its port.

    Attributes:
        red: A key of the team red for telemetry.
        admin: A key for all.
        other_admin: Another one.
        worker: The state of the server that runs now.
    """

    def __init__(self, url, keys, settings):
        self._url = url
        self.red, self.admin, self.other_admin = keys
        self._settings = settings
        self.port = 0

    async def start(self):
        """
        Start, and wait until connections are accepted.
        """
        server = {"database": self._url, "webhooks": {"worker": False}, "drain": 5.0, **self._settings}
        server["events"] = SETTINGS | server.get("events", {})
        self.worker = Worker(lambda: Settings.load({"server": server}))
        started = asyncio.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self._server = GatewayServer(self.worker, started.set)
        self._task = asyncio.create_task(serve_worker(self._server, self.worker, [self._listener]))
        await started.wait()
        self.worker.services.watch._interval = 0.01

    async def stop(self):
        """
        Stop, and wait until it has ended.
        """
        self._server.stop()
        await self._task
        self._listener.close()

    async def write(self, *numbers, **fields):
        """
        Write events; see `write`.
        """
        await write(self.worker.database, *numbers, **fields)
        self.worker.services.events.wake()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def connect(self, token="", query="", path="/v1/events", **options):
        """
        Return a connection of a WebSocket.
        """
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        target = f"ws://127.0.0.1:{self.port}{path}?{query}"
        return connect(target, additional_headers=headers, proxy=None, compression=None, **options)


@asynccontextmanager
async def serve(url, **settings):
    """
    Serve a new database.
    """
    async with open_database(url) as database:
        served = Served(url, await create_keys(database), settings)
        await served.start()
        try:
            yield served
        finally:
            await served.stop()


async def receive(client):
    """
    Return the next event or notice.
    """
    return json.loads(await client.recv())


async def take_numbers(client, number):
    """
    Return the numbers of some next events, among which there is no notice.
    """
    return [(await receive(client))["data"]["number"] for _ in range(number)]
