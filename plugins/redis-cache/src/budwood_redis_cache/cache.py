"""A cache in a Redis server."""

from __future__ import annotations

import errno
import math
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, TypeVar

from budwood.contracts import Clock, PluginContext
from budwood.providing.money import from_pico, to_pico
from budwood.providing.redis import RedisServer, connect
from budwood.types import CacheCounts, CachedItem, LeaseState
from budwood_redis_cache.settings import RedisCacheSettings

T = TypeVar("T")

RETRY_SECONDS: Final = 5.0
"""Seconds for which a server is not asked that could not be reached, so that calls do not wait for it."""

BATCH: Final = 500
"""The maximum number of keys of one command, since the server runs one command at a time."""

_MAX_MILLISECONDS: Final = 10**15
"""A longer ttl is not valid for the server. It is 31,000 years."""

BATCH_MILLISECONDS: Final = 60_000
"""The time for which the server remembers a batch of counts, which the client may send again at once."""

_PATTERN: Final = re.compile(rb"[*?\[\]\\]")
"""The characters with a meaning in the patterns of SCAN."""

_COUNTS: Final = ("hits", "misses", "saved")


class RedisCache:
    """
    Stores values in a server that processes on several machines can share; see `budwood.contracts.Cache`. Thread-safe.

    Times are by the clock of the server, which removes expired values itself. All methods except `close` raise
    `OSError` if the server cannot be reached or reports an error.

    Args:
        server: The server.
        clock: The clock for `RETRY_SECONDS`.
        prefix: The beginning of all keys.
    """

    def __init__(self, server: RedisServer, clock: Clock, prefix: str) -> None:
        self._server = server
        self._client = server.client
        self._clock = clock
        self._prefix = prefix
        self._retry_at = -math.inf
        self._leases: set[tuple[str, str]] = set()  # key and owner of those that the server was asked for
        self._acquire, self._release, self._count = (
            self._client.register_script(_read(name)) for name in ("acquire", "release", "count")
        )

    def get(self, key: str) -> bytes | None:
        """Return the value of the key, or None."""
        value: bytes | None = self._run(lambda: self._client.get(self._entry(key)))
        return value

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of the keys, in their order; None for each that is missing."""
        values: list[bytes | None] = []
        for start in range(0, len(keys), BATCH):
            names = [self._entry(key) for key in keys[start : start + BATCH]]
            values += self._run(lambda: self._client.mget(names))  # noqa: B023 - it runs at once
        return values

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Store a value for ``ttl`` seconds, or without a limit."""
        milliseconds = None if ttl is None else _milliseconds(ttl)
        self._run(lambda: self._client.set(self._entry(key), value, px=milliseconds))

    def items(self, prefix: str = "") -> Iterator[CachedItem]:
        """Yield the entries whose key starts with the prefix. It is not known when they were used."""
        start = len(self._entry(""))
        seen: set[bytes] = set()  # the server may return a key several times
        for found in self._scan(prefix):
            names = [name for name in dict.fromkeys(found) if name not in seen]
            seen.update(names)
            for name, (size, expires) in zip(names, self._describe(names), strict=True):
                if size is not None:
                    yield CachedItem(_decode(name[start:]), size, expires)

    def delete(self, key: str) -> bool:
        """Remove an entry. Return whether there was one."""
        return bool(self._run(lambda: self._client.unlink(self._entry(key))))

    def clear(self, prefix: str = "") -> int:
        """Remove the entries whose key starts with the prefix. Return their number."""
        removed = 0
        for names in self._scan(prefix):
            removed += self._run(lambda: self._client.unlink(*names))  # noqa: B023 - it runs at once
        return removed

    def prune(self) -> int:
        """Return 0: the server removes expired entries itself."""
        self._run(self._client.ping)
        return 0

    def add_counts(self, counts: Mapping[str, CacheCounts]) -> None:
        """Add to the counts of namespaces."""
        keys = [self._name("batch", secrets.token_hex(16)), *map(self._name, _COUNTS)]
        arguments: list[bytes | int] = [BATCH_MILLISECONDS]
        for namespace, count in counts.items():
            arguments += (_encode(namespace), count.hits, count.misses, to_pico(count.saved))
        self._run(lambda: self._count(keys=keys, args=arguments))

    def counts(self) -> dict[str, CacheCounts]:
        """Return the counts of all namespaces."""
        with self._client.pipeline() as pipeline:
            for name in _COUNTS:
                pipeline.hgetall(self._name(name))
            hits, misses, saved = self._run(pipeline.execute)
        return {
            _decode(name): CacheCounts(int(hits[name]), int(misses.get(name, 0)), from_pico(int(saved.get(name, 0))))
            for name in hits
        }

    def acquire(self, key: str, owner: str, seconds: float) -> LeaseState:
        """Take the lease of a key, or renew it; see `budwood.contracts.LeasingCache`."""
        arguments = (_owner(owner), _milliseconds(seconds))

        def ask() -> bytes:
            self._leases.add((key, owner))  # also if the answer is lost
            answer: bytes = self._acquire(keys=[self._name("lease", key)], args=arguments)
            return answer

        match self._run(ask):
            case b"acquired":
                return "acquired"
            case b"not kept":
                return "not kept"
            case _:
                return "held"

    def release(self, key: str, owner: str, *, kept: bool, seconds: float) -> None:
        """End the lease of a key, if the owner still holds it; see `budwood.contracts.LeasingCache`."""
        arguments = (_owner(owner), 0 if kept else _milliseconds(seconds))
        is_held = (key, owner) in self._leases  # then others wait for the lease
        self._leases.discard((key, owner))
        self._run(lambda: self._release(keys=[self._name("lease", key)], args=arguments), is_urgent=is_held)

    def close(self) -> None:
        """Close the connections. It can be called repeatedly."""
        self._server.close()

    def _run(self, use: Callable[[], Any], *, is_urgent: bool = False) -> Any:  # noqa: ANN401 - the server's answers
        """
        Use the client.

        Args:
            use: Uses it.
            is_urgent: Whether to ask the server even if it could not be reached a short time ago.

        Raises:
            ConnectionError: The server cannot be reached, or could not a short time ago.
            OSError: It reported an error.
        """
        if self._clock.monotonic() < self._retry_at and not is_urgent:
            raise ConnectionError(errno.EIO, "Redis: the server could not be reached a few seconds ago")
        try:
            return self._server.run(use)
        except ConnectionError:
            self._retry_at = self._clock.monotonic() + RETRY_SECONDS
            raise

    def _scan(self, prefix: str) -> Iterator[list[bytes]]:
        """Yield batches of the names of entries whose key starts with a prefix."""
        pattern = _PATTERN.sub(rb"\\\g<0>", self._entry(prefix)) + b"*"
        cursor = 0
        while True:
            cursor, names = self._run(lambda: self._client.scan(cursor, pattern, BATCH))  # noqa: B023 - it runs at once
            if names:
                yield names
            if not cursor:
                return

    def _describe(self, names: Sequence[bytes]) -> list[tuple[int | None, float | None]]:
        """Return the size of each entry, None if it is gone, and when it expires, None if it does not."""
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.time()
            for name in names:
                pipeline.strlen(name)
                pipeline.pttl(name)  # after the size: -2 if the entry is gone, -1 if it does not expire
            (seconds, microseconds), *answers = self._run(pipeline.execute)
        now = seconds + microseconds / 1e6
        return [
            (None if ttl == -2 else size, now + ttl / 1000 if ttl >= 0 else None)
            for size, ttl in zip(answers[::2], answers[1::2], strict=True)
        ]

    def _entry(self, key: str) -> bytes:
        return self._name("entry", key)

    def _name(self, kind: str, key: str = "") -> bytes:
        return _encode(f"{self._prefix}:{kind}:{key}")


def build_redis_cache(settings: RedisCacheSettings, context: PluginContext) -> RedisCache:
    """
    Build a cache from its settings. It connects on first use.

    Raises:
        ConfigurationError: The URL is not valid.
    """
    server = connect(settings.url, settings.timeout, f"[caches.{context.instance}] url")
    return RedisCache(server, context.clock, settings.prefix)


def _milliseconds(seconds: float) -> int:
    return max(1, min(round(seconds * 1000), _MAX_MILLISECONDS))


def _owner(owner: str) -> bytes:
    """Return the value of a lease, which is not empty even if the name of its owner is."""
    return b"owner " + _encode(owner)


def _read(name: str) -> str:
    return files("budwood_redis_cache").joinpath("scripts", f"{name}.lua").read_text("utf-8")


def _encode(text: str) -> bytes:
    """Encode a text as bytes; it may be any, including lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")
