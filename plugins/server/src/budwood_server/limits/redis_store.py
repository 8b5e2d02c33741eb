"""Counts of limits in Redis."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from math import inf
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError, WatchError

from budwood_server.limits.counts import (
    KEPT_SECONDS,
    RECALL_SECONDS,
    Count,
    Lease,
    LeaseAnswer,
    LeaseRequest,
    Period,
    exchange,
)

PREFIX: Final = "budwood:limits:"
TIMEOUT_SECONDS: Final = 2.0
SCAN_COUNT: Final = 1000
"""The names that Redis looks at in one step."""

_RECALLS: Final = f"{PREFIX}recalls"

Report = Callable[[Sequence[LeaseRequest], Sequence[LeaseAnswer]], Awaitable[None]]
"""Takes the requests and the answers of an exchange."""


class RedisLeaseStore:
    """
    Stores counts and leases in Redis, a JSON text for each period; see `budwood_server.limits.stores.LeaseStore`.

    Args:
        url: The URL, such as ``redis://localhost:6379/0``, which may contain a password.
        report: Is told of each exchange that has succeeded, for events of budgets.
    """

    def __init__(self, url: str, report: Report) -> None:
        self._report = report
        self._redis: Any = Redis.from_url(  # its types do not tell blocking from async results
            url, decode_responses=True, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )

    async def exchange(self, worker: str, requests: Sequence[LeaseRequest], now: float) -> list[LeaseAnswer]:
        """Answer requests, each in a transaction that is repeated if another worker was faster."""
        async with _as_os_error():
            answers = [await self._exchange(worker, request, now) for request in requests]
        await self._report(requests, answers)
        return answers

    async def _exchange(self, worker: str, request: LeaseRequest, now: float) -> LeaseAnswer:
        name = PREFIX + _encode(request.period)
        while True:
            async with self._redis.pipeline() as pipeline:
                await pipeline.watch(name)
                count = _read(await pipeline.get(name))
                answer = exchange(count, request, worker, now)
                pipeline.multi()
                pipeline.set(name, _write(count))
                if request.period.resets_at < inf:
                    pipeline.expire(name, max(int(request.period.resets_at - now + KEPT_SECONDS), 1))
                if count.recalled_until == now + RECALL_SECONDS:
                    pipeline.zadd(_RECALLS, {_encode(request.period): count.recalled_until})
                try:
                    await pipeline.execute()
                except WatchError:
                    continue
                return answer

    async def read(self, keys: Collection[str], now: float) -> Mapping[Period, Count]:
        """Return the counts of limits in their present periods. Their names are looked for among all counts."""
        async with _as_os_error():
            names = [name async for name in self._redis.scan_iter(f"{PREFIX}*:*", count=SCAN_COUNT)]
            periods = {name: _decode(name.removeprefix(PREFIX)) for name in names}
            found = {name: each for name, each in periods.items() if each.key in keys and each.resets_at > now}
            texts = await self._redis.mget(list(found)) if found else []
        return {period: _read(text) for period, text in zip(found.values(), texts, strict=True) if text is not None}

    async def list_recalled(self, now: float) -> frozenset[Period]:
        """List the periods of which workers return their units in reserve."""
        async with _as_os_error():
            found = await self._redis.zrangebyscore(_RECALLS, f"({now}", "+inf")
        return frozenset(_decode(name) for name in found)

    async def prune(self, before: float) -> None:
        """Remove recalls that have ended; Redis removes the counts."""
        async with _as_os_error():
            await self._redis.zremrangebyscore(_RECALLS, "-inf", before)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


@asynccontextmanager
async def _as_os_error() -> AsyncIterator[None]:
    """Raise failures of Redis as `OSError`, as limiters do. Their texts have no password."""
    try:
        yield
    except RedisError as error:
        raise OSError(f"Cannot use Redis: {error}") from None


def _encode(period: Period) -> str:
    return f"{period.resets_at!r}:{period.key}"


def _decode(name: str) -> Period:
    resets_at, _, key = name.partition(":")
    return Period(key, float(resets_at))


def _read(text: Any) -> Count:  # noqa: ANN401 - redis has no exact types
    if text is None:
        return Count()
    used, recalled_until, leases = json.loads(text)
    return Count(used, recalled_until, {worker: Lease(*lease) for worker, lease in leases.items()})


def _write(count: Count) -> str:
    return json.dumps([count.used, count.recalled_until, count.leases])
