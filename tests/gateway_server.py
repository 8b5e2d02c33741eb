"""The gateway on loopback, by uvicorn in a thread of the tests."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import threading

import uvicorn

from budwood import Settings
from budwood.settings_sources import Source
from budwood_server.access.keys import ApiKey
from budwood_server.app import create_app
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
        loop: The event loop of its thread.
    """

    def __init__(self, **settings):
        source = Source("arguments", settings)
        self.worker = Worker(lambda: Settings(source), authenticate=lambda token: KEY if token == TOKEN else None)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        config = uvicorn.Config(
            create_app(self.worker), http="httptools", ws="none", log_level="error", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run)
        self.loop = None

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
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def _run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        self.loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._listener])
