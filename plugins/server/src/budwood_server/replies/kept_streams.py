"""Streams whose reply is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Self

from budwood.errors import StructuredOutputError
from budwood.types import ResponseStarted

if TYPE_CHECKING:
    from budwood import AsyncChatStream
    from budwood.types import ChatResponse, StreamEvent


class KeptStream:
    """
    A stream that is recorded at its start, and kept at its end, before the client learns of either.

    Args:
        stream: The stream.
        on_start: Called once with the provider and the vendor's id, as soon as it is known.
        on_end: Called with the reply.
    """

    def __init__(
        self,
        stream: AsyncChatStream,
        on_start: Callable[[str, str], Awaitable[None]],
        on_end: Callable[[ChatResponse], Awaitable[None]],
    ) -> None:
        self._stream = stream
        self._on_start = on_start
        self._on_end = on_end

    @property
    def response(self) -> ChatResponse:
        """The reply; see `budwood.AsyncChatStream.response`."""
        return self._stream.response

    async def batches(self) -> AsyncIterator[list[StreamEvent]]:
        """Yield events that arrived together."""
        try:
            async for events in self._stream.batches():
                for event in events:
                    if isinstance(event, ResponseStarted) and event.id:
                        await self._on_start(self._stream.response.provider, event.id)
                yield events
        except StructuredOutputError as error:  # the reply is sent nevertheless
            if error.response is not None:
                await self._on_end(error.response)
            raise
        await self._on_end(self._stream.response)

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:  # noqa: ANN401, PYI036 - as of the stream
        await self._stream.__aexit__(*error)
