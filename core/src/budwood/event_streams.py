"""The common base of all streams of events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from budwood.engine.drivers.asynchronous import AsyncFlowEvents
    from budwood.engine.drivers.blocking import FlowEvents

E = TypeVar("E")
R = TypeVar("R")


class EventStream(Generic[E, R]):
    """Events as they arrive. Leaving a ``with`` block, also by ``break`` or an error, closes the connection."""

    def __init__(self, events: FlowEvents[E, R]) -> None:
        self._events = events

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'ended' if self._events.is_ended else 'open'})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[E]:
        return self._events

    def batches(self) -> Iterator[list[E]]:
        """Yield the events that arrived together, as lists: one for each read of the connection."""
        ready = self._events.ready
        while ready or self._events.more():
            batch = [*ready]
            ready.clear()
            yield batch

    def close(self) -> None:
        """Close the connection. Closing twice is no error."""
        self._events.close()


class AsyncEventStream(Generic[E, R]):
    """Events as they arrive; see `EventStream`. Use it in an ``async with`` block."""

    def __init__(self, events: AsyncFlowEvents[E, R]) -> None:
        self._events = events

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'ended' if self._events.is_ended else 'open'})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[E]:
        return self._events

    async def batches(self) -> AsyncIterator[list[E]]:
        """Yield the events that arrived together, as lists: one for each read of the connection."""
        ready = self._events.ready
        while ready or await self._events.more():
            batch = [*ready]
            ready.clear()
            yield batch

    async def close(self) -> None:
        """Close the connection. Closing twice is no error."""
        await self._events.close()
