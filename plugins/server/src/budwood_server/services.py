"""What a worker opens once, whatever its settings become: the database, and what counts and records in it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from budwood.clock import SystemClock
from budwood_server.access.directory import KeyDirectory
from budwood_server.alerts.evaluator import Evaluator
from budwood_server.database import Database, VersionWatch
from budwood_server.database.schema import check_schema
from budwood_server.events.services import EventServices
from budwood_server.limits import KeyLimits, Leases, Limiters, open_leases
from budwood_server.prompts.directory import PromptDirectory
from budwood_server.usage import UsageRecorder
from budwood_server.vault.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from budwood_server.settings import ServerSettings
    from budwood_server.vault.master_keys import MasterKeys


@dataclass(frozen=True, slots=True)
class Services:
    """
    What a worker opens once.

    Attributes:
        database: The database.
        watch: Notices changes of keys, prompts and tokens, and that the settings are to be loaded again.
        keys: Finds keys.
        prompts: Finds prompts.
        vault: Opens the tokens of vendors.
        leases: The units of limits and budgets that the worker has leased.
        limiters: Opens the limiters of clients.
        limits: Counts the requests and tokens per minute of keys.
        usage: Records calls; None if the settings say so.
        events: Gives events their places, and sends them to webhooks.
        alerts: Checks the rules of alerts.
    """

    database: Database
    watch: VersionWatch
    keys: KeyDirectory
    prompts: PromptDirectory
    vault: Vault
    leases: Leases
    limiters: Limiters
    limits: KeyLimits
    usage: UsageRecorder | None
    events: EventServices
    alerts: Evaluator

    async def start(self, *, sends_webhooks: bool) -> None:
        """
        Start what runs in the background.

        Args:
            sends_webhooks: Whether this process sends events to webhooks.

        Raises:
            BudwoodError: The database cannot be used, or its tables are of another version.
        """
        await check_schema(self.database)
        await self.keys.start(self.watch)
        self.prompts.start(self.watch)
        await self.events.start(self.watch, sends=sends_webhooks)
        await self.watch.start()
        await self.vault.load()
        self.leases.start()
        if self.usage is not None:
            self.usage.start()
            self.alerts.start()

    async def close(self) -> None:
        """Write what is left, return what was leased, and close the database. Call it after the last request."""
        async with AsyncExitStack() as stack:  # each is closed, also if another cannot be
            stack.push_async_callback(self.database.close)
            stack.callback(self.limiters.close)
            for close in (self.alerts.close, self.events.close, self.keys.close, self.watch.close, self.leases.stop):
                stack.push_async_callback(close)
            if self.usage is not None:
                stack.push_async_callback(self.usage.stop)


def create_services(find_settings: Callable[[], ServerSettings], find_keys: Callable[[], MasterKeys]) -> Services:
    """
    Create what a worker needs, in its event loop.

    Args:
        find_settings: Returns the present settings. Those of now are used for all but the alerts.
        find_keys: Returns the master keys, which open the secrets of webhooks.

    Raises:
        ConfigurationError: The URL of the database is not valid, or a driver is not installed.
    """
    server = find_settings()
    database, clock = Database(server.database_url), SystemClock()
    leases = open_leases(server, database, clock)
    events = EventServices(database, server, find_keys)
    usage = UsageRecorder(database.engine, clock, server.usage_retention_days, events=events.calls)
    return Services(
        database=database,
        watch=VersionWatch(database),
        keys=KeyDirectory(database),
        prompts=PromptDirectory(database),
        vault=Vault(database),
        leases=leases,
        limiters=Limiters(leases),
        limits=KeyLimits(leases, clock),
        usage=usage if server.usage else None,
        events=events,
        alerts=Evaluator(database, find_settings, events.wake),
    )
