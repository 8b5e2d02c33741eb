"""The gateway without a server, with a database and real keys of several kinds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from budwood import Settings
from budwood.types import Claim
from budwood_server.access.keys import ADMIN, INFER, TELEMETRY, KeyPolicy
from budwood_server.access.ownership import Ownership
from budwood_server.database import Database
from budwood_server.database.schema import upgrade
from budwood_server.worker import Worker
from tests.plugins.server.in_process import Answer, send_request

POLICIES = {
    "owner": KeyPolicy(name="owner", team="red"),
    "colleague": KeyPolicy(name="colleague", team="red"),
    "other": KeyPolicy(name="other", team="blue"),
    "alone": KeyPolicy(name="alone"),
    "admin": KeyPolicy(name="admin", scopes={ADMIN}),
    "telemetry": KeyPolicy(name="telemetry", scopes={TELEMETRY}),
    "expired": KeyPolicy(name="expired", scopes={INFER}, expires=datetime.now(UTC) - timedelta(days=1)),
    "revoked": KeyPolicy(name="revoked", scopes={INFER}),
}
"""The keys, by name. Two are of one team."""


class KeyedGateway:
    """
    A gateway with keys inside a ``with`` block.

    Args:
        settings: The settings, without the database.
        url: The URL of a new database.

    Attributes:
        keys: The tokens of `POLICIES`.
        settings: The settings, which tests may change before a reload.
        worker: The state of the process.
    """

    def __init__(self, settings: dict[str, Any], url: str) -> None:
        self.settings = settings | {"server": {**settings.get("server", {}), "database": url}}
        self._url = url
        self.keys: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.worker.stop())
        self._runner.close()

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine in the event loop of the gateway."""
        return self._runner.run(coroutine)

    @property
    def ownership(self) -> Ownership:
        """Who owns objects."""
        return Ownership(self.worker.database)

    def owner_of(self, name: str) -> str:
        """Return who owns what a key creates."""
        key = self.run(self.worker.find_key(self.keys[name]))
        return key.owner

    def create_key(self, **policy: Any) -> str:
        """Create a key, and return its token."""
        created = self.run(self.worker.services.keys.store.create(KeyPolicy(**({"name": "test"} | policy))))
        token: str = created.token
        return token

    def find_spent(self, token: str, model: str) -> Decimal:
        """Return what is spent of the budget of a key. The model is any that it may use."""
        configuration = self.worker.configuration
        key = self.run(self.worker.find_key(token))
        client = configuration.client_for(key, configuration.names.resolve(model))
        (budget,) = self.run(client.budgets())
        spent: Decimal = budget.spent
        return spent

    def spend(self, token: str, model: str, tokens: int) -> None:
        """Spend tokens of the budget of a key, as a call of its client would. The model is any that it may use."""
        self.run(self._spend(token, model, tokens))

    async def _spend(self, token: str, model: str, tokens: int) -> None:
        configuration, leases = self.worker.configuration, self.worker.services.leases
        client = configuration.client_for(await self.worker.find_key(token), configuration.names.resolve(model))
        (budget,) = await client.budgets()
        name, end = f"budget/{budget.name}/{budget.unit}/{budget.per}", budget.resets_at.timestamp()
        claims = [Claim(name, "quota", float(budget.limit), float(tokens), resets_at=end, is_lasting=True)]
        await leases.ensure(claims)
        assert leases.reserve("spent", claims) is None
        leases.settle("spent", {})

    def send(self, method: str, path: str, token: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request with a token, or without any if it is empty."""
        authorization = f"Bearer {token}" if token else ""
        return self.run(send_request(self.worker, method, path, body, headers | {"authorization": authorization}))

    async def _start(self) -> None:
        database = Database(self._url)
        await upgrade(database)
        await database.close()
        self.worker = Worker(lambda: Settings.load(self.settings))
        await self.worker.start()
        store = self.worker.services.keys.store
        for name, policy in POLICIES.items():
            created = await store.create(policy)
            self.keys[name] = created.token
            if name == "revoked":
                await store.revoke(created.key.id)
