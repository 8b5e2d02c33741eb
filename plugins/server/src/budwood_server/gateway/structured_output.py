"""Answer a reply as it is, if it does not satisfy the schema of the request: the APIs of vendors do not check it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any, Self

from budwood.errors import StructuredOutputError

if TYPE_CHECKING:
    from budwood import AsyncChatStream
    from budwood.types import ChatResponse, StreamEvent


async def accept_any_output(call: Awaitable[ChatResponse]) -> ChatResponse:
    """Return the reply of a call, also if it does not satisfy the schema."""
    try:
        return await call
    except StructuredOutputError as error:
        if error.response is None:
            raise
        return error.response


class UncheckedStream:
    """
    A stream that ends without an error if the reply does not satisfy the schema.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: AsyncChatStream) -> None:
        self._stream = stream
        self._response: ChatResponse | None = None

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:  # noqa: ANN401, PYI036 - as of the stream
        await self._stream.__aexit__(*error)

    async def batches(self) -> AsyncIterator[list[StreamEvent]]:
        """Yield the events that arrived together."""
        try:
            async for events in self._stream.batches():
                yield events
        except StructuredOutputError as error:
            if error.response is None:
                raise
            self._response = error.response

    @property
    def response(self) -> ChatResponse:
        """The reply; see `budwood.AsyncChatStream`."""
        return self._response or self._stream.response
