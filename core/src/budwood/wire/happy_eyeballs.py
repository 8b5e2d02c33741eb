"""
Connect to the first address of a host that answers (RFC 8305, "Happy Eyeballs").

asyncio supports that too, but leaks the connection if the task is cancelled at the moment when it is established
(`asyncio.staggered` loses the winner).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any, Final

_HEAD_START: Final = 0.25
"""Seconds before the next address is tried as well, as RFC 8305 recommends."""

_Address = tuple[Any, ...]


async def connect_socket(
    hosts: tuple[str, ...], port: int, local_address: str | None, options: Iterable[Any]
) -> socket.socket:
    """
    Connect a socket.

    Args:
        hosts: A name, or addresses.
        port: The port.
        local_address: The address to connect from, or None.
        options: Arguments of `socket.socket.setsockopt`.

    Raises:
        OSError: No address answers.
    """
    loop = asyncio.get_running_loop()
    found = [each for host in hosts for each in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    addresses = _interleave(found)
    attempts: list[asyncio.Task[socket.socket]] = []
    winner: asyncio.Task[socket.socket] | None = None
    try:
        for address in addresses:
            attempts.append(loop.create_task(_connect(address, local_address, options)))
            last = len(attempts) == len(addresses)
            if winner := await _wait_for_first(attempts, None if last else _HEAD_START):
                return winner.result()
    finally:
        for attempt in attempts:
            if attempt is not winner:
                attempt.cancel()
                attempt.add_done_callback(_close_socket)
    raise attempts[0].exception() or OSError("no address")


async def _wait_for_first(
    attempts: list[asyncio.Task[socket.socket]], timeout: float | None
) -> asyncio.Task[socket.socket] | None:
    """Return the first attempt that succeeds; None if all fail, or none succeeds in time."""
    while running := [attempt for attempt in attempts if not attempt.done()]:
        done, _ = await asyncio.wait(running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if winner := next((attempt for attempt in done if attempt.exception() is None), None):
            return winner
        if timeout is not None:
            return None
    return None


async def _connect(address: _Address, local_address: str | None, options: Iterable[Any]) -> socket.socket:
    family, kind, protocol, _, place = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's
        for option in options:
            sock.setsockopt(*option)
        if local_address is not None:
            sock.bind((local_address, 0))
        await asyncio.get_running_loop().sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock


def _close_socket(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


def _interleave(addresses: list[_Address]) -> list[_Address]:
    """Alternate the address families, the preferred one first, so that one that does not work costs one attempt."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    rest = [address for address in addresses if address[0] != addresses[0][0]]
    mixed = [address for pair in zip(first, rest, strict=False) for address in pair]
    return [*mixed, *first[len(rest) :], *rest[len(first) :]]
