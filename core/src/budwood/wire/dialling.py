"""Connect tasks to servers, on whichever event loop runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ssl import SSLContext
from typing import Final, TypeVar

P = TypeVar("P", bound=asyncio.BaseProtocol)

_NEXT_ADDRESS: Final = 0.25
"""Seconds until another address of a host is tried as well (RFC 8305)."""


async def connected(
    protocol: Callable[[], P],
    host: str,
    port: int,
    *,
    ssl: SSLContext | None = None,
    local_addr: tuple[str, int] | None = None,
) -> P:
    """
    Connect, to the first of the host's addresses that answers.

    Args:
        protocol: Makes what receives the bytes.
        host: A name or an address.
        port: The port.
        ssl: Where TLS is spoken from the first byte on.
        local_addr: From where.

    Raises:
        OSError: Nobody answers.
    """
    loop = asyncio.get_running_loop()
    if isinstance(loop, asyncio.BaseEventLoop):
        _, made = await loop.create_connection(
            protocol, host, port, ssl=ssl, local_addr=local_addr, happy_eyeballs_delay=_NEXT_ADDRESS
        )
    else:  # uvloop does not know how to race them: it tries one after the other
        _, made = await loop.create_connection(protocol, host, port, ssl=ssl, local_addr=local_addr)
    return made
