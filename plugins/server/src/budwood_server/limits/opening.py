"""Open what counts limits in a worker, from the settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import ConfigurationError
from budwood.hooks import LIMITER
from budwood.plugins import Instances
from budwood_server.limits.budget_events import BudgetEvents
from budwood_server.limits.leases import Leases
from budwood_server.limits.limiter import LeasedLimiter

if TYPE_CHECKING:
    from budwood import Settings
    from budwood.contracts import Clock, Limiter
    from budwood_server.database import Database
    from budwood_server.limits.stores import LeaseStore
    from budwood_server.settings import ServerSettings

LOCAL: Final = "local"


def open_leases(server: ServerSettings, database: Database, clock: Clock) -> Leases:
    """
    Open the leases of a worker: in Redis if the settings name one, otherwise in the database.

    Call their `start` in the event loop, and `stop` at the end.

    Raises:
        ConfigurationError: Redis is named, and its client is not installed.
    """
    return Leases(_open_store(server, database), clock)


class Limiters:
    """
    Opens the limiters of clients, which all use the same leases.

    Args:
        leases: The leases of this worker.
    """

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._identity: tuple[str, Any] | None = None
        self._vendors: Limiter | None = None

    def open(self, settings: Settings) -> LeasedLimiter:
        """
        Open the limiter of a client. Vendors' limits are counted by the limiter that the settings name.

        That one stays the same as long as its settings do, so that a reload forgets no counts.

        Raises:
            PluginError: It cannot be used.
            ConfigurationError: Its settings are not valid.
        """
        instance = Instances(settings).build(LIMITER, settings.limiter or LOCAL)
        identity = instance.spec.name, instance.settings
        if self._vendors is None or self._identity != identity:
            self._identity, self._vendors = identity, instance.implementation
        return LeasedLimiter(self._leases, self._vendors, is_vendors_inline=instance.spec.inline)

    def close(self) -> None:
        """Close the limiter of vendors' limits."""
        if self._vendors is not None:
            self._vendors.close()


def _open_store(server: ServerSettings, database: Database) -> LeaseStore:
    events = BudgetEvents(server.events.budget_thresholds)
    if server.redis is None:
        from budwood_server.limits.sql_store import SqlLeaseStore

        return SqlLeaseStore(database, events)
    try:
        from budwood_server.limits.redis_store import RedisLeaseStore  # few workers use Redis
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise ConfigurationError(
            "[server] redis needs the package redis, which is not installed.",
            hint="Install it: pip install redis.",
        ) from None
    return RedisLeaseStore(server.redis.get_secret_value(), partial(events.report, database))
