"""The gateway on loopback, in a thread of the tests."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import threading

from budwood import Settings
from budwood.settings_sources import Source
from budwood_server.access.keys import ApiKey
from budwood_server.process.server import GatewayServer as Server
from budwood_server.process.server import run, serve_worker
from budwood_server.worker import Worker

TOKEN = "bw_live_test_secret"
CREATED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
KEY = ApiKey(id="test", name="test", scopes=frozenset({"infer"}), created=CREATED)


class GatewayServer:
    """
    Answers requests inside a ``with`` block, with one key that may use all models.

    Args:
        settings: The settings; those of the user and the environment are not read.

    Attributes:
        worker: The state of the process.
    """

    def __init__(self, **settings):
        source = Source("arguments", settings)
        self.worker = Worker(lambda: Settings(source), authenticate=lambda token: KEY if token == TOKEN else None)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._server = Server(self.worker)
        self._thread = threading.Thread(target=self._run)
        self._started = threading.Event()

    @property
    def address(self):
        """The host and the port."""
        return self._listener.getsockname()

    @property
    def url(self):
        """The URL of the server."""
        return f"http://127.0.0.1:{self.address[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._started.wait()
        self._loop.call_soon_threadsafe(self._server.interrupt)
        self._thread.join()
        self._listener.close()

    def _run(self):
        run(self._serve())

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._started.set()
        await serve_worker(self._server, self.worker, [self._listener])
