"""Large bodies that arrive in time: the time grows with what has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final

from budwood_server.web.problems import SLOW_BODY, ProblemError

if TYPE_CHECKING:
    from budwood_server.web.exchange import Exchange

MIN_RATE: Final = 16 * 1024
"""The bytes per second that a client must send on average, after the first ``timeout`` seconds."""


async def read_in_time(exchange: Exchange, limit: int, timeout: float, setting: str) -> AsyncGenerator[bytes, None]:
    """
    Yield the parts of a large body as they arrive.

    Args:
        exchange: The request.
        limit: The maximum size in bytes.
        timeout: Seconds within which the body must arrive, besides the time that `MIN_RATE` allows it.
        setting: The setting that is the limit.

    Raises:
        ProblemError: 408 or 413: it did not arrive in time, or is too large.
        ClientGoneError: The client has closed the connection.
    """
    due = asyncio.get_running_loop().time() + timeout
    parts = exchange.read_parts(limit, setting)
    try:
        while True:
            async with asyncio.timeout_at(due):
                part = await anext(parts, None)
            if part is None:
                return
            due += len(part) / MIN_RATE
            yield part
    except TimeoutError:
        raise ProblemError(SLOW_BODY) from None
    finally:
        await parts.aclose()  # type: ignore[attr-defined] # an async generator
