"""A gateway on loopback, in a thread, whose vendor is a server on loopback as well."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from datetime import UTC, datetime

import uvicorn

from budwood.settings import Settings
from budwood.settings_sources import Source
from budwood_server.access.keys import ApiKey
from budwood_server.app import create_app
from budwood_server.database import Database
from budwood_server.database.schema import upgrade
from budwood_server.worker import Worker

TOKEN = "bw_live_media"
OTHER_TOKEN = "bw_live_other"


def make_key(name, **fields):
    """Return a key that may infer."""
    return ApiKey(id=name, name=name, scopes=frozenset({"infer"}), created=datetime(2026, 1, 1, tzinfo=UTC), **fields)


KEYS = {TOKEN: make_key("media"), OTHER_TOKEN: make_key("other")}


class WorkerWithDatabase(Worker):
    """
    A worker whose keys are given, and that has a database nevertheless.
    """

    database_file = None

    async def start(self):
        await super().start()
        if self.database_file is not None:
            self.database = Database(f"sqlite:///{self.database_file}")
            await upgrade(self.database)

    async def stop(self):
        if self.database_file is not None:
            await self.database.close()
        await super().stop()


@contextlib.contextmanager
def run_gateway(settings, keys=None, database_file=None):
    """
    Run a gateway with settings. Yields its base URL for clients of OpenAI.
    """
    known = KEYS if keys is None else keys
    worker = WorkerWithDatabase(lambda: Settings(Source("arguments", settings)), authenticate=known.get)
    worker.database_file = database_file
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(worker), log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def vendor_settings(url):
    """
    Return settings with vendors that are all at one address.
    """
    providers = {
        "openai": {"base_url": url, "api_key": "sk-test"},
        "gemini": {"base_url": url, "api_key": "test"},
        "anthropic": {"base_url": url, "api_key": "test"},
        "mistral": {"base_url": url, "api_key": "test"},
        "xai": {"base_url": url, "api_key": "test"},
    }
    return {"providers": providers, "options": {"retries": 0}}
