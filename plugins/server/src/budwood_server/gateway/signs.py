"""Signs of a worker that work goes on which another worker may take over, or regard as lost, without them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

T = TypeVar("T")

LEASE_SECONDS: Final = 60.0
"""How long work counts as under way after a sign."""


async def with_signs(call: Awaitable[T], give_sign: Callable[[], Awaitable[bool]]) -> T:
    """
    Await a call, and give signs meanwhile.

    Args:
        call: The work.
        give_sign: Says that it is under way. Returns false if it is no longer wanted: the call is cancelled.

    Raises:
        CancelledError: The work is no longer wanted.
    """
    task = asyncio.ensure_future(call)

    async def give_signs() -> None:
        is_wanted = True
        while is_wanted:
            await asyncio.sleep(LEASE_SECONDS / 4)
            is_wanted = await give_sign()
        task.cancel()

    signs = asyncio.create_task(give_signs())
    try:
        return await task
    finally:
        signs.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await signs
