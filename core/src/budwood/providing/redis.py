"""The client of a Redis server, for plugins that use one. It needs the extra ``redis``, which is slow to import."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from budwood.errors import ConfigurationError

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

MAX_CONNECTIONS: Final = 64
"""Connections of one client. Further threads wait for one: a call of the server takes less than a millisecond."""

WAIT_SECONDS: Final = 10.0
"""Seconds that a thread waits for a connection."""

_SCHEMES: Final = ("redis", "rediss", "unix")


def _check_url(url: SecretStr) -> SecretStr:
    try:
        scheme = urlsplit(url.get_secret_value()).scheme
    except ValueError:
        scheme = ""
    if scheme not in _SCHEMES:
        raise ValueError(f"must begin with {', '.join(f'{name}://' for name in _SCHEMES[:-1])} or unix://")
    return url


RedisURL = Annotated[SecretStr, AfterValidator(_check_url)]
"""``redis://[[user]:password@]host[:port][/database]``, ``rediss://…`` for TLS, or ``unix://[[user]:password@]path``."""


class RedisServer:
    """
    A server. Thread-safe; after a fork, each process has connections of its own.

    Args:
        client: Its client.

    Attributes:
        client: Its client.
    """

    def __init__(self, client: Redis) -> None:
        self.client = client
        options = client.connection_pool.connection_kwargs
        self._secrets = tuple(secret for name in ("password",) if (secret := options.get(name)))

    def run(self, use: Callable[[], T]) -> T:
        """
        Run a function that uses the client.

        Raises:
            ConnectionError: The server cannot be reached, or did not answer in time.
            OSError: It reported an error.
        """
        import redis

        try:
            return use()
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionError(errno.EIO, self._describe(error)) from None  # it may quote the URL
        except redis.RedisError as error:
            raise OSError(errno.EIO, self._describe(error)) from None

    def close(self) -> None:
        """Close the connections. It can be called repeatedly."""
        self.client.close()

    def _describe(self, error: Exception) -> str:
        text = str(error) or type(error).__name__
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return f"Redis: {text.rstrip('.')}"


def connect(url: SecretStr, timeout: float, setting: str) -> RedisServer:
    """
    Return a server, without asking it.

    Args:
        url: Its URL.
        timeout: Seconds to connect, and to wait for an answer.
        setting: The name of the URL in an error, such as ``[caches.redis] url``.

    Raises:
        ConfigurationError: The URL is not valid.
    """
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    options: dict[str, Any] = {
        "socket_connect_timeout": timeout,
        "socket_timeout": timeout,
        # Once, since a connection may be older than the server. A timeout is not repeated.
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        "protocol": 2,  # it is what all versions of the server understand
        "max_connections": MAX_CONNECTIONS,
        "timeout": WAIT_SECONDS,
    }
    try:
        pool = redis.BlockingConnectionPool.from_url(url.get_secret_value(), **options)
    except ValueError:
        pool = None
    if pool is None:  # not raised inside the handler: its error may quote the URL
        raise ConfigurationError(
            f"{setting}: it is not a valid address of a Redis server.",
            hint='Set it to an address such as "redis://:password@host:6379/0".',
        )
    return RedisServer(redis.Redis.from_pool(pool))
