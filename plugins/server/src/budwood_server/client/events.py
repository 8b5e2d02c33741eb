"""Streams of events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Generic, Self, TypeVar

from budwood_server.client import calls
from budwood_server.client.requests import StreamRequest
from budwood_server.client.senders import AsyncSender, Sender

T = TypeVar("T")


class Events(Generic[T]):
    """
    The events of a stream, as they arrive. The end of a ``with`` block closes its connection.

    Args:
        sender: Sends the request.
        source: The request.
    """

    def __init__(self, sender: Sender, source: StreamRequest[T]) -> None:
        self._events = sender.stream(calls.stream(sender.connection, source))

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        event: T = next(self._events)
        return event

    def close(self) -> None:
        """End the stream early. Closing twice is no error."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncEvents(Generic[T]):
    """The events of a stream, for ``async for`` and ``async with``; see `Events`."""

    def __init__(self, sender: AsyncSender, source: StreamRequest[T]) -> None:
        self._events = sender.stream(calls.stream(sender.connection, source))

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        event: T = await anext(self._events)
        return event

    async def close(self) -> None:
        """End the stream early. Closing twice is no error."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
