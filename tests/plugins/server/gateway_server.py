"""The gateway on loopback, in a thread of the tests."""

from __future__ import annotations

import asyncio
import select
import socket
import threading

from budwood import Settings
from budwood.settings_sources import Source
from budwood_server.database import Database
from budwood_server.database.schema import upgrade
from budwood_server.process.server import GatewayServer as Server
from budwood_server.process.server import run, serve_worker
from budwood_server.worker import Worker
from tests.plugins.server.keys import KEYS


class GatewayServer:
    """
    Answers requests inside a ``with`` block.

    Args:
        settings: The settings; those of the user and the environment are not read.
        keys: The keys, by their tokens.
        database_file: Where the gateway records files, batches and responses; by default nowhere.

    Attributes:
        worker: The state of the process.
    """

    def __init__(self, settings, *, keys=KEYS, database_file=None):
        self.worker = WorkerWithKeys(settings, keys, database_file)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._server = Server(self.worker)
        self._thread = threading.Thread(target=self._run)
        self._started = threading.Event()
        self._errors = []

    @property
    def address(self):
        """The host and the port."""
        return self._listener.getsockname()

    @property
    def url(self):
        """The URL of the server, without a path."""
        return f"http://127.0.0.1:{self.address[1]}"

    @property
    def base_url(self):
        """The URL for clients of OpenAI."""
        return f"{self.url}/v1"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._started.wait()
        self._loop.call_soon_threadsafe(self._server.interrupt)
        self._thread.join()
        self._listener.close()
        assert self._errors == [], self._errors

    def add_error(self, context):
        """
        Note an error in a callback of the event loop, which fails the test at the end.
        """
        self._errors.append(context)

    def _run(self):
        run(self._serve())

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _, context: self.add_error(context))
        self._started.set()
        await serve_worker(self._server, self.worker, [self._listener])


class ClockedServer(GatewayServer):
    """
    Serves with a clock that tests advance, so that limits of seconds end in order, however slow the machine is.
    """

    def _run(self):
        with asyncio.Runner(loop_factory=ClockedLoop) as runner:
            runner.run(self._serve())

    def wait_for_connections(self, number):
        """
        Wait until the server has accepted a number of connections that are open.
        """
        while self._call(lambda: len(self._server.server_state.connections)) < number:
            pass

    def advance_until_heard(self, connection, seconds):
        """
        Advance the clock, each time by some seconds, until the server has sent something, or closes the connection.
        """
        while not select.select([connection], [], [], 0.01)[0]:
            self._call(lambda: self._loop.advance(seconds))

    def _call(self, function):
        """
        Return what a function returns in the thread of the server.
        """

        async def call():
            return function()

        self._started.wait()
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()


class ClockedLoop(asyncio.SelectorEventLoop):
    """
    An event loop whose clock can be advanced.
    """

    advanced = 0.0

    def time(self):
        return super().time() + self.advanced

    def advance(self, seconds):
        """
        Let some seconds pass at once.
        """
        self.advanced += seconds


class WorkerWithKeys(Worker):
    """
    A worker whose keys are given, and that may have a database nevertheless.
    """

    def __init__(self, settings, keys, database_file):
        super().__init__(lambda: Settings(Source("arguments", settings)), authenticate=keys.get)
        self._database_file = database_file

    async def start(self):
        await super().start()
        if self._database_file is not None:
            self.database = Database(f"sqlite:///{self._database_file}")
            await upgrade(self.database)

    async def stop(self):
        await super().stop()
        if self.database is not None:
            await self.database.close()
