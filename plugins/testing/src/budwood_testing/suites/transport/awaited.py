"""Async transports, called from blocking code: so that one test serves both kinds."""

from __future__ import annotations

import asyncio
from pathlib import Path

from budwood.contracts import AsyncExchange, AsyncTransport
from budwood.engine.drivers.saving import save_reply_async
from budwood.types import HTTPCall, SavedReply, Timing

_TURNS = 5


class AwaitedTransport:
    """
    An async transport on a loop that runs while it is called; see `budwood.contracts.Transport`.

    Args:
        runner: Has the loop.
        transport: The transport.
    """

    def __init__(self, runner: asyncio.Runner, transport: AsyncTransport) -> None:
        self._runner = runner
        self._transport = transport

    def open(self, call: HTTPCall, timing: Timing) -> AwaitedExchange:
        """Send the call and wait for the head of the reply."""
        return AwaitedExchange(self._runner, self._runner.run(self._transport.open(call, timing)))

    def interrupt(self, thread: int) -> None:
        """Do nothing: tasks are cancelled."""

    def close(self) -> None:
        """Close all connections."""
        self._runner.run(self._transport.close())

    def settle(self) -> None:
        """Let the loop see what has happened to its connections."""
        self._runner.run(turns(_TURNS))


class AwaitedExchange:
    """One request under way; see `budwood.contracts.Exchange`."""

    def __init__(self, runner: asyncio.Runner, exchange: AsyncExchange) -> None:
        self._runner = runner
        self._exchange = exchange
        self.head = exchange.head

    def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""
        return self._runner.run(self._exchange.read())

    def read_all(self, limit: int) -> bytes:
        """Wait for the whole body."""
        return self._runner.run(self._exchange.read_all(limit))

    def save(self, path: Path, limit: int | None) -> SavedReply:
        """Write the rest of the body to a file, as async code does."""
        return self._runner.run(save_reply_async(self._exchange, path, limit))

    def close(self) -> None:
        """End it."""
        self._runner.run(self._exchange.close())


async def turns(count: int) -> None:
    """Let the loop turn so often."""
    for _ in range(count):
        await asyncio.sleep(0)
