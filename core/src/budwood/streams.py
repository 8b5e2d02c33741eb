"""Streamed replies and downloads."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

from pydantic_core import from_json

from budwood.errors import BudwoodError
from budwood.event_streams import AsyncEventStream, EventStream
from budwood.types import (
    OUTPUT_TOOL,
    ChatResponse,
    Finished,
    PullProgress,
    Restarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolExecuted,
)
from budwood.types.json_text import find_json
from budwood.types.record import JSON

if TYPE_CHECKING:
    from budwood.engine.drivers.asynchronous import AsyncFlowEvents
    from budwood.engine.drivers.blocking import FlowEvents


class ChatStream(EventStream[StreamEvent, ChatResponse]):
    """
    A streamed reply. Iterating over it yields the events of `budwood.types`.

    Use it in a ``with`` block: leaving the block, also by ``break`` or an error, closes the connection immediately, and
    the model stops.
    """

    def __init__(
        self, events: FlowEvents[StreamEvent, ChatResponse], partial: Callable[[], ChatResponse | None]
    ) -> None:
        super().__init__(events)
        self._partial = partial

    def __repr__(self) -> str:
        return f"ChatStream({_describe_state(self._events.result, self._partial())})"

    def text_deltas(self) -> Iterator[str]:
        """Yield only the text."""
        ready = self._events.ready
        while ready or self._events.more():
            event = ready.popleft()
            if isinstance(event, TextDelta) and event.choice == 0:
                yield event.text

    def partial_objects(self) -> Iterator[JSON]:
        """Yield structured output as it grows. Each value is the JSON that has arrived so far."""
        parser = _PartialJSON()
        for event in self._events:
            yield from parser.add(event)
        yield from parser.parse()

    @property
    def response(self) -> ChatResponse:
        """
        The complete reply, after all events were read.

        Before that, or after the stream was left early, it is the partial reply, with ``partial`` set to true.

        Raises:
            BudwoodError: Nothing has arrived.
        """
        return self._events.result or _require_response(self._partial())


class AsyncChatStream(AsyncEventStream[StreamEvent, ChatResponse]):
    """A streamed reply; see `ChatStream`. Use it in an ``async with`` block."""

    def __init__(
        self, events: AsyncFlowEvents[StreamEvent, ChatResponse], partial: Callable[[], ChatResponse | None]
    ) -> None:
        super().__init__(events)
        self._partial = partial

    def __repr__(self) -> str:
        return f"AsyncChatStream({_describe_state(self._events.result, self._partial())})"

    async def text_deltas(self) -> AsyncIterator[str]:
        """Yield only the text."""
        ready = self._events.ready
        while ready or await self._events.more():  # faster than awaiting each of thousands of events
            event = ready.popleft()
            if isinstance(event, TextDelta) and event.choice == 0:
                yield event.text

    async def partial_objects(self) -> AsyncIterator[JSON]:
        """Yield structured output as it grows; see `ChatStream.partial_objects`."""
        parser = _PartialJSON()
        async for event in self._events:
            for value in parser.add(event):
                yield value
        for value in parser.parse():
            yield value

    @property
    def response(self) -> ChatResponse:
        """The complete reply, after all events were read; see `ChatStream.response`."""
        return self._events.result or _require_response(self._partial())


class PullStream(EventStream[PullProgress, None]):
    """
    A download of a model by a server. Iterating over it yields `budwood.types.PullProgress`.

    Use it in a ``with`` block: leaving the block closes the connection, and the server keeps the downloaded part.
    """


class AsyncPullStream(AsyncEventStream[PullProgress, None]):
    """A download of a model by a server; see `PullStream`. Use it in an ``async with`` block."""


def _describe_state(response: ChatResponse | None, partial: ChatResponse | None) -> str:
    if response is not None:
        return "complete"
    return "nothing has arrived" if partial is None else f"{len(partial.text)} characters have arrived"


def _require_response(response: ChatResponse | None) -> ChatResponse:
    if response is None:
        raise BudwoodError("No part of the reply has arrived.", hint="Read the events of the stream first.")
    return response


class _PartialJSON:
    """
    Parses JSON that is incomplete.

    It is parsed whenever its length has grown by a sixteenth: parsing it for every chunk would take quadratic time.
    """

    def __init__(self) -> None:
        self._text: list[str] = []
        self._length = 0
        self._due = 1
        self._output_call: int | None = None
        self._last: JSON = None

    def add(self, event: StreamEvent) -> Iterator[JSON]:
        """Add an event; yield the new value if it has changed."""
        if text := self._get_text(event):
            self._text.append(text)
            self._length += len(text)
        if self._length >= self._due or isinstance(event, Finished):
            yield from self.parse()

    def parse(self) -> Iterator[JSON]:
        """Yield the current value if it has changed."""
        self._due = self._length + max(1, self._length // 16)
        value = next(_read_partial("".join(self._text)), None)
        if value is not None and value != self._last:
            self._last = value
            yield value

    def _get_text(self, event: StreamEvent) -> str:
        match event:
            case TextDelta(text=text, choice=0):
                return text
            case ToolCallDelta(index=index, name=name, arguments=arguments, choice=0):
                if name is not None and name.partition("<|")[0] == OUTPUT_TOOL:  # some models append a special token
                    self._output_call = index
                return arguments if index == self._output_call else ""
            case Restarted() | ToolExecuted():
                self._text.clear()
                self._length, self._due = 0, 1
                self._output_call = None
                self._last = None
            case _:
                pass
        return ""


def _read_partial(text: str) -> Iterator[JSON]:
    """Yield the objects and arrays in an incomplete text, best first."""
    for found in find_json(text):
        with contextlib.suppress(ValueError):
            value: JSON = from_json(found.encode("utf-8", "replace"), allow_partial="trailing-strings")
            if isinstance(value, dict | list):
                yield value
