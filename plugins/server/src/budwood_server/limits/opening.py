"""Open what counts limits in a worker, from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budwood.errors import ConfigurationError
from budwood.hooks import LIMITER
from budwood.plugins import Instances
from budwood_server.limits.leases import Leases
from budwood_server.limits.limiter import LeasedLimiter

if TYPE_CHECKING:
    from budwood import Settings
    from budwood.contracts import Clock
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


def open_limiter(settings: Settings, leases: Leases) -> LeasedLimiter:
    """
    Open the limiter of a client. Vendors' limits are counted by the limiter that the settings name.

    Raises:
        PluginError: That limiter cannot be used.
        ConfigurationError: Its settings are not valid.
    """
    instance = Instances(settings).build(LIMITER, settings.limiter or LOCAL)
    return LeasedLimiter(leases, instance.implementation, is_vendors_inline=instance.spec.inline)


def _open_store(server: ServerSettings, database: Database) -> LeaseStore:
    if server.redis is None:
        from budwood_server.limits.sql_store import SqlLeaseStore

        return SqlLeaseStore(database)
    try:
        from budwood_server.limits.redis_store import RedisLeaseStore  # few workers use Redis
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise ConfigurationError(
            "[server] redis needs the package redis, which is not installed.",
            hint="Install it: pip install 'budwood-server[redis]'.",
        ) from None
    return RedisLeaseStore(server.redis.get_secret_value())
