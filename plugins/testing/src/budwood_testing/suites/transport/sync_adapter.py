"""A blocking interface to async transports, so that one test covers both kinds."""

from __future__ import annotations

import asyncio
from pathlib import Path

from budwood.contracts import AsyncExchange, AsyncTransport
from budwood.engine.drivers.reply_files import save_reply_async
from budwood.types import HTTPCall, SavedReply, Timing

_TURNS = 5


class SyncTransport:
    """
    Runs the event loop of an async transport during each call; see `budwood.contracts.Transport`.

    Args:
        runner: Runs the event loop.
        transport: The transport.
    """

    def __init__(self, runner: asyncio.Runner, transport: AsyncTransport) -> None:
        self._runner = runner
        self._transport = transport

    def open(self, call: HTTPCall, timing: Timing) -> SyncExchange:
        """Send the call and wait for the head of the reply."""
        return SyncExchange(self._runner, self._runner.run(self._transport.open(call, timing)))

    def interrupt(self, thread: int) -> None:
        """Do nothing: async calls are cancelled instead."""

    def close(self) -> None:
        """Close all connections."""
        self._runner.run(self._transport.close())

    def settle(self) -> None:
        """Let the event loop process events of its connections."""
        self._runner.run(turns(_TURNS))


class SyncExchange:
    """A blocking interface to an async exchange; see `budwood.contracts.Exchange`."""

    def __init__(self, runner: asyncio.Runner, exchange: AsyncExchange) -> None:
        self._runner = runner
        self._exchange = exchange
        self.head = exchange.head

    def read(self) -> bytes:
        """Read the next part of the body; empty bytes mean the end."""
        return self._runner.run(self._exchange.read())

    def read_all(self, limit: int) -> bytes:
        """Read the complete body."""
        return self._runner.run(self._exchange.read_all(limit))

    def save(self, path: Path, limit: int | None) -> SavedReply:
        """Write the rest of the body to a file, with the async driver."""
        return self._runner.run(save_reply_async(self._exchange, path, limit))

    def close(self) -> None:
        """Close the exchange."""
        self._runner.run(self._exchange.close())


async def turns(count: int) -> None:
    """Run a number of iterations of the event loop."""
    for _ in range(count):
        await asyncio.sleep(0)
