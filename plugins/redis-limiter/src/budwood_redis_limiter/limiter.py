"""Limits in a Redis server."""

from __future__ import annotations

import hashlib
import math
import os
import uuid
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from budwood.contracts import PluginContext
from budwood.providing.redis import RedisServer, connect
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
        server: The server.
        settings: The settings.
    """

    def __init__(self, server: RedisServer, settings: RedisLimiterSettings) -> None:
        self._server = server
        self._prefix = settings.prefix
        self._lease = settings.lease
        self._reserve, self._settle, self._correct = (
            server.client.register_script(_read("common") + _read(name)) for name in ("reserve", "settle", "correct")
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
        self._server.close()

    def _run(self, script: Script, ticket: str, claims: Sequence[Claim], *options: float | str) -> list[Any]:
        keys = [self._key(name) for name in ("alive", "tickets", "places")]
        keys = [self._key("grant", ticket), *keys, self._key("queue", _digest(claims))]
        arguments: list[bytes | float | str] = [_encode(ticket)]
        for claim in claims:
            kind = "own quota" if claim.kind == "quota" and not claim.is_lasting else claim.kind
            keys += [self._data_key(kind, claim), self._key("queues", claim.key)]
            arguments += [_encode(claim.key), kind, claim.limit, claim.amount, claim.period, claim.resets_at or 0]
        answer: list[Any] = self._server.run(lambda: script(keys=keys, args=[*arguments, *options]))
        return answer

    def _data_key(self, kind: str, claim: Claim) -> bytes:
        if kind == "own quota":
            kind = f"quota of {_process}"
        period = f"{kind} {claim.resets_at}" if claim.kind == "quota" else kind
        return self._key(period, claim.key)

    def _key(self, kind: str, name: str = "") -> bytes:
        return _encode(f"{self._prefix}:{kind}:{name}")


def build_redis_limiter(settings: RedisLimiterSettings, context: PluginContext) -> RedisLimiter:
    """
    Build a limiter from its settings. It connects on first use.

    Raises:
        ConfigurationError: The URL is not valid.
    """
    server = connect(settings.url, settings.timeout, f"[limiters.{context.instance}] url")
    return RedisLimiter(server, settings)


def _read(name: str) -> str:
    return files("budwood_redis_limiter").joinpath("scripts", f"{name}.lua").read_text("utf-8")


def _digest(claims: Sequence[Claim]) -> str:
    """Return the name of the queue for the limits of claims; quotas have none."""
    keys = sorted(_encode(claim.key) for claim in claims if claim.kind != "quota")
    return hashlib.sha1(repr(keys).encode(), usedforsecurity=False).hexdigest()


def _encode(text: str) -> bytes:
    """Encode a name as bytes; it may be any text, including lone surrogates."""
    return text.encode("utf-8", "surrogatepass")
