"""A real server with the admin page, on loopback, with data in it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from budwood import Settings
from budwood.settings_sources import Source
from budwood_server.access.key_store import KeyStore
from budwood_server.access.keys import ADMIN, TELEMETRY, KeyBudget, KeyPolicy
from budwood_server.database import Database
from budwood_server.database.schema import upgrade
from budwood_server.people.accounts import create_account
from budwood_server.people.passwords import hash_password
from budwood_server.people.principals import COMMAND
from budwood_server.vault import acts
from budwood_server.vault.master_keys import VARIABLE, find_master_keys, new_master_key
from budwood_server.vault.tokens import parse_new_token
from budwood_server.worker import Worker
from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.seeding import seed

PASSWORD: Final = "correct horse battery"
ACCOUNTS: Final = (("ann@example.com", "admin"), ("oli@example.com", "operator"), ("vera@example.com", "viewer"))
TOKENS: Final = (
    ("openai", "default", "sk-proj-0123456789abcdefgh4f7Q"),
    ("openai", "batches", "sk-proj-abcdefgh0123456789pR2k"),
    ("anthropic", "default", "sk-ant-api03-0123456789abcd8xTw"),
)
KEYS: Final = (
    KeyPolicy(name="deploy pipeline", scopes={ADMIN}),
    KeyPolicy(name="dashboards", scopes={TELEMETRY}),
    KeyPolicy(name="nightly reports", team="data", requests_per_minute=60, models=("fast", "openai/*")),
    KeyPolicy(name="support chat", team="support", budget=KeyBudget(tokens=5_000_000, per="day")),
    KeyPolicy(name="checkout service", team="shop", budget=KeyBudget(dollars=250), tokens_per_minute=200_000),
)
MODELS: Final = {"fast": "offline/extractive", "careful": ["openai/gpt-5.1", "anthropic/claude-opus-4-6"]}

ALERTS: Final = {
    "failures": {"metric": "error_rate", "above": 0.05, "window": "1h", "for": "1m"},
    "spending": {"metric": "cost", "above": 0.01, "window": "7d", "team": "support"},
}


class PageServer(GatewayServer):
    """
    Serves the page inside a ``with`` block, to the accounts of `ACCOUNTS`, whose password is `PASSWORD`.

    Args:
        folder: Where the database is.
        calls: The number of calls of the last 30 days in its telemetry.

    Attributes:
        database_file: The database.
    """

    def __init__(self, folder: Path, *, calls: int = 300) -> None:
        super().__init__({})
        self.database_file = folder / "server.sqlite3"
        self.worker = WorkerWithData(folder, calls)
        self._server = type(self._server)(self.worker)


class WorkerWithData(Worker):
    """
    A worker that creates its database, with accounts, keys, tokens, prompts and calls, when it starts.
    """

    def __init__(self, folder: Path, calls: int) -> None:
        url = f"sqlite:///{folder}/server.sqlite3"
        server = {"database": url, "models": MODELS, "runs": {"dir": f"{folder}/runs"}}
        server |= {"webhooks": {"allow_local": True}, "alerts": ALERTS}
        tree: dict[str, Any] = {"server": server}
        sources = Source("budwood.toml", tree), Source("environment", {}, {VARIABLE: new_master_key()})
        super().__init__(lambda: Settings(*sources))
        self._url, self._calls = url, calls

    async def start(self) -> None:
        database = Database(self._url)
        await upgrade(database)
        hashed = hash_password(PASSWORD)
        async with database.write() as connection:
            for name, role in ACCOUNTS:
                await create_account(connection, COMMAND, name, role, hashed)
            for token in TOKENS:
                keys = find_master_keys(self.configured)
                await acts.add(connection, COMMAND, keys, parse_new_token(*token))
        await seed(database, calls=self._calls)
        store = KeyStore(database)
        for policy in KEYS:
            await store.create(policy)
        now = time.time()
        await store.save_last_used({key.id: now - 400 * number**2 for number, key in enumerate(await store.list(), 1)})
        await database.close()
        await super().start()

    @property
    def configured(self) -> Settings:
        """The settings, before the start."""
        return self._load_settings()
