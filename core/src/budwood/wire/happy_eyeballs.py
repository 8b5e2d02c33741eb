"""
Connect to a host that has several addresses: to the first that answers (RFC 8305, "Happy Eyeballs").

asyncio can do that too, but a task that is cancelled as its connection stands leaves that connection open
(`asyncio.staggered` forgets the winner).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any, Final

_HEAD_START: Final = 0.25
"""Seconds that an address has for itself, as RFC 8305 recommends."""

_Address = tuple[Any, ...]


async def connected(host: str, port: int, here: str | None, options: Iterable[Any]) -> socket.socket:
    """
    Connect a socket.

    Args:
        host: A name or an address.
        port: A port.
        here: The address to connect from, or None.
        options: Arguments of `socket.socket.setsockopt`.

    Raises:
        OSError: Nobody answers, at any address.
    """
    loop = asyncio.get_running_loop()
    addresses = _alternating(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    attempts: list[asyncio.Task[socket.socket]] = []
    winner: asyncio.Task[socket.socket] | None = None
    try:
        for address in addresses:
            attempts.append(loop.create_task(_connect(address, here, options)))
            last = len(attempts) == len(addresses)
            if winner := await _first(attempts, None if last else _HEAD_START):
                return winner.result()
    finally:
        for attempt in attempts:
            if attempt is not winner:
                attempt.cancel()
                attempt.add_done_callback(_put_away)
    raise attempts[0].exception() or OSError("no address")


async def _first(
    attempts: list[asyncio.Task[socket.socket]], patience: float | None
) -> asyncio.Task[socket.socket] | None:
    """Return the first that succeeds; None where all have failed, or none has succeeded in time."""
    while running := [attempt for attempt in attempts if not attempt.done()]:
        done, _ = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if winner := next((attempt for attempt in done if attempt.exception() is None), None):
            return winner
        if patience is not None:
            return None
    return None


async def _connect(address: _Address, here: str | None, options: Iterable[Any]) -> socket.socket:
    family, kind, protocol, _, place = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's
        for option in options:
            sock.setsockopt(*option)
        if here is not None:
            sock.bind((here, 0))
        await asyncio.get_running_loop().sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock


def _put_away(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


def _alternating(addresses: list[_Address]) -> list[_Address]:
    """Let families take turns, the preferred one first: where one does not work, the other comes second."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    rest = [address for address in addresses if address[0] != addresses[0][0]]
    mixed = [address for pair in zip(first, rest, strict=False) for address in pair]
    return [*mixed, *first[len(rest) :], *rest[len(first) :]]
