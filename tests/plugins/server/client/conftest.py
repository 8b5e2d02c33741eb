"""A gateway on loopback with a database and keys, and clients of it."""

from __future__ import annotations

import asyncio

import pytest

from budwood import Settings
from budwood.settings_sources import Source
from budwood_server.access.key_store import KeyStore
from budwood_server.access.keys import ADMIN, INFER, PROMPTS, TELEMETRY, KeyPolicy
from budwood_server.client import GatewayClient
from budwood_server.database import Database
from budwood_server.database.schema import upgrade
from budwood_server.process.server import GatewayServer as Server
from budwood_server.runs.run_worker import RunWorker
from budwood_server.vault.master_keys import new_master_key
from budwood_server.worker import Worker
from tests.plugins.server.gateway_server import GatewayServer

POLICIES = {
    "admin": {ADMIN, PROMPTS, TELEMETRY},
    "infer": {INFER, PROMPTS, TELEMETRY},
}


class ServedGateway(GatewayServer):
    """
    A gateway whose keys are in its database.

    Args:
        folder: Where the database is.
        settings: Further settings.

    Attributes:
        keys: The tokens of the keys, by what they are for.
        database: The URL of the database.
    """

    def __init__(self, folder, settings=None):
        self.database = f"sqlite:///{folder}/server.sqlite3"
        models = {"fast": "offline/extractive", "demo": "offline/extractive"}
        server = {"database": self.database, "models": models, "runs": {"dir": f"{folder}/runs"}}
        settings = settings or {}
        settings = {**settings, "server": server | settings.get("server", {})}
        variables = {"BUDWOOD_MASTER_KEY": new_master_key()}
        super().__init__(settings)
        self.worker = Worker(lambda: Settings(Source("arguments", settings, variables)))
        self._server = Server(self.worker)
        self.keys = asyncio.run(self._create_keys())

    def execute_runs(self):
        """
        Execute the dataset runs that wait.
        """
        asyncio.run_coroutine_threadsafe(RunWorker(self.worker).execute_waiting(), self._loop).result()

    def add_error(self, context):
        """
        Ignore the task in which SQLAlchemy closes the connection of a read that was cancelled because a client left.
        """
        if "aiosqlite" not in repr(context.get("task")):
            super().add_error(context)

    async def _create_keys(self):
        database = Database(self.database)
        await upgrade(database)
        store = KeyStore(database)
        created = {name: await store.create(KeyPolicy(name=name, scopes=scopes)) for name, scopes in POLICIES.items()}
        await database.close()
        return {name: new.token for name, new in created.items()}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway.
    """
    with ServedGateway(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture
def admin(gateway):
    """
    A client with a key for everything but calls of models.
    """
    with GatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
        yield client
