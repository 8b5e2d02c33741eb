"""Limits in a Redis server."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from budwood.contracts import PluginContext
from budwood.errors import ConfigurationError
from budwood.types import Claim, Denial
from budwood_redis_limiter.settings import RedisLimiterSettings

if TYPE_CHECKING:
    from redis.commands.core import Script

PATIENCE_SECONDS: Final = 10.0
"""Seconds after its delay until a ticket that does not ask again loses its place."""

POLL_SECONDS: Final = 0.05
"""Seconds after which a ticket asks again that waits for others to end."""

_process: str = uuid.uuid4().hex
"""Identifies this process: quotas that do not outlast it are counted under a key of its own."""


def _after_fork() -> None:
    global _process  # noqa: PLW0603 - the child is another process
    _process = uuid.uuid4().hex


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class RedisLimiter:
    """
    Keeps limits for all processes that share a Redis server; see `budwood.contracts.Limiter`. Thread-safe.

    Each method is one script, so that it is atomic and needs one round trip. Time is that of the server. A script whose
    answer was lost can be repeated.

    Args:
        client: The client of the server.
        settings: The settings.
    """

    def __init__(self, client: redis.Redis, settings: RedisLimiterSettings) -> None:
        self._client = client
        self._prefix = settings.prefix
        self._lease = settings.lease
        self._secrets = _list_secrets(client)
        self._reserve, self._settle, self._correct = (
            client.register_script(_read("common") + _read(name)) for name in ("reserve", "settle", "correct")
        )

    def reserve(self, ticket: str, claims: Sequence[Claim]) -> Denial | None:
        """
        Take all claims, or none of them.

        Raises:
            OSError: The server cannot be reached, or cannot run the script.
        """
        answer = self._run(self._reserve, ticket, claims, self._lease, PATIENCE_SECONDS, POLL_SECONDS)
        if not answer:
            return None
        number, delay, available = (float(part) for part in answer)
        return Denial(claims[int(number) - 1], None if math.isinf(delay) else delay, available)

    def settle(self, ticket: str, claims: Sequence[Claim], amounts: Mapping[str, float]) -> None:
        """
        Replace the amounts of granted claims with those that were used, and end its concurrency.

        Raises:
            OSError: The server cannot be reached, or cannot run the script.
        """
        self._run(self._settle, ticket, claims, *(amounts.get(claim.key, "") for claim in claims))

    def cancel(self, ticket: str, claims: Sequence[Claim]) -> None:
        """
        Give up the place of a ticket, or give back all that it was granted.

        Raises:
            OSError: The server cannot be reached, or cannot run the script.
        """
        self._run(self._settle, ticket, claims, *(0.0 for _ in claims))

    def correct(self, claim: Claim, remaining: float, delay: float | None) -> None:
        """
        Lower the level of a rate to what the vendor reports.

        Raises:
            OSError: The server cannot be reached, or cannot run the script.
        """
        self._run(self._correct, "", (claim,), remaining, "" if delay is None else delay)

    def close(self) -> None:
        """Close the connections. It can be called repeatedly."""
        self._client.close()

    def _run(self, script: Script, ticket: str, claims: Sequence[Claim], *options: float | str) -> list[Any]:
        keys = [self._key(name) for name in ("alive", "tickets", "places")]
        keys = [self._key("grant", ticket), *keys, self._key("queue", _digest(claims))]
        arguments: list[bytes | float | str] = [_encode(ticket)]
        for claim in claims:
            kind = "own quota" if claim.kind == "quota" and not claim.is_lasting else claim.kind
            keys += [self._data_key(kind, claim), self._key("queues", claim.key)]
            arguments += [_encode(claim.key), kind, claim.limit, claim.amount, claim.period, claim.resets_at or 0]
        try:
            answer: list[Any] = script(keys=keys, args=[*arguments, *options])
        except redis.RedisError as error:
            raise OSError(errno.EIO, f"Redis: {self._redact(error)}") from None  # it may quote the URL
        return answer

    def _data_key(self, kind: str, claim: Claim) -> bytes:
        if kind == "own quota":
            kind = f"quota of {_process}"
        period = f"{kind} {claim.resets_at}" if claim.kind == "quota" else kind
        return self._key(period, claim.key)

    def _key(self, kind: str, name: str = "") -> bytes:
        return _encode(f"{self._prefix}:{kind}:{name}")

    def _redact(self, error: Exception) -> str:
        text = str(error) or type(error).__name__
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def build_redis_limiter(settings: RedisLimiterSettings, context: PluginContext) -> RedisLimiter:
    """
    Build a limiter from its settings. It connects on first use.

    Raises:
        ConfigurationError: The URL is not valid.
    """
    connect = partial(
        redis.Redis.from_url,
        socket_connect_timeout=settings.timeout,
        socket_timeout=settings.timeout,
        retry=Retry(NoBackoff(), 1),  # a connection may be older than the server; a limiter has no time to wait
        protocol=2,  # it is what all versions of the server understand
    )
    try:
        client = connect(settings.url.get_secret_value())
    except ValueError:
        client = None
    if client is None:  # not raised inside the handler: its error may quote the URL
        raise ConfigurationError(
            f"[limiters.{context.instance}] url: it is not a valid address of a Redis server.",
            hint='Set it to an address such as "redis://:password@host:6379/0".',
        )
    return RedisLimiter(client, settings)


def _list_secrets(client: redis.Redis) -> tuple[str, ...]:
    options = client.connection_pool.connection_kwargs
    return tuple(secret for name in ("password",) if (secret := options.get(name)))


def _read(name: str) -> str:
    return files("budwood_redis_limiter").joinpath("scripts", f"{name}.lua").read_text("utf-8")


def _digest(claims: Sequence[Claim]) -> str:
    """Return the name of the queue for the limits of claims; quotas have none."""
    keys = sorted(_encode(claim.key) for claim in claims if claim.kind != "quota")
    return hashlib.sha1(repr(keys).encode(), usedforsecurity=False).hexdigest()


def _encode(text: str) -> bytes:
    """Encode a name as bytes; it may be any text, including lone surrogates."""
    return text.encode("utf-8", "surrogatepass")
