"""The endpoints that a worker sends to, with their secrets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from budwood.errors import BudwoodError
from budwood_server.database.tables import WEBHOOKS
from budwood_server.webhooks.principals import select_webhooks
from budwood_server.webhooks.records import to_webhook
from budwood_server.webhooks.secrets import load_secrets

if TYPE_CHECKING:
    from budwood_server.database import Database
    from budwood_server.events.reading import EventFilter
    from budwood_server.vault.master_keys import MasterKeys

KEPT_SECONDS: Final = 60.0
"""Seconds for which an endpoint is kept in memory, unless it is changed: secrets may expire meanwhile."""


class TargetError(BudwoodError):
    """Nothing can be sent to an endpoint."""

    error_code = "webhook"


@dataclass(frozen=True, slots=True)
class Target:
    """
    An endpoint with what a request to it needs.

    Attributes:
        url: Its URL.
        filter: Which events it may get now. Deliveries of others may wait: its rights or choices may have changed.
        with_texts: Whether it gets the texts of prompts and replies.
        secrets: The secrets that sign, the newest first.
    """

    url: str
    filter: EventFilter
    with_texts: bool
    secrets: Sequence[str] = field(repr=False)


class Targets:
    """
    Finds endpoints with their secrets, which are kept until endpoints are changed.

    Args:
        database: The database.
        find_keys: Returns the master keys, which may take long.
    """

    def __init__(self, database: Database, find_keys: Callable[[], MasterKeys]) -> None:
        self._database = database
        self._find_keys = find_keys
        self._kept: dict[str, tuple[float, Target]] = {}

    async def forget(self) -> None:
        """Read endpoints again, because some were changed."""
        self._kept.clear()

    async def find(self, webhook: str) -> Target:
        """
        Return an endpoint with its secrets.

        Raises:
            TargetError: It does not exist any more, or its key or account cannot be used.
            BudwoodError: Its secrets cannot be opened, or the database cannot be used.
        """
        now = time.monotonic()
        kept = self._kept.get(webhook)
        if kept is not None and now - kept[0] < KEPT_SECONDS:
            return kept[1]
        target = await self._load(webhook)
        self._kept[webhook] = (now, target)
        return target

    async def _load(self, webhook: str) -> Target:
        query = select_webhooks().where(WEBHOOKS.c.id == webhook)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
            stored = await load_secrets(connection, [webhook], now=time.time())
        if row is None:
            raise TargetError("The endpoint does not exist any more.")
        found = to_webhook(dict(row))
        if not found.has_principal:
            raise TargetError(f"The endpoint is disabled. {found.reason}")
        keys = await asyncio.to_thread(self._find_keys)
        return Target(found.url, found.filter, found.with_texts, [secret.open(keys) for secret in stored])
