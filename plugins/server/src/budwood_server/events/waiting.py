"""Wait for work."""

from __future__ import annotations

import asyncio


async def wait_for_work(event: asyncio.Event, seconds: float) -> None:
    """Wait until an event is set, and clear it, or for some seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
    event.clear()
