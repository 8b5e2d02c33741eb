"""What a model writes, as events: plain text, or with reasoning and tool calls where a response template tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol

from pydantic_core import to_json

from budwood.providing import make_call_id
from budwood.types import ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta

_REASONING: Final = ("reasoning_content", "reasoning", "thinking")
"""The library's field, and what older response templates call it."""


class ReplyReader(Protocol):
    """Makes events of the text that a model writes."""

    def add(self, text: str) -> Iterable[StreamEvent]:
        """Read more text."""
        ...

    def close(self) -> Iterable[StreamEvent]:
        """Read what is left at the end."""
        ...

    @property
    def called_tools(self) -> bool:
        """Whether the reply calls tools."""
        ...


class PlainReader:
    """All that comes is text."""

    called_tools: bool = False

    def add(self, text: str) -> Iterator[StreamEvent]:
        """Read more text."""
        if text:
            yield TextDelta(text)

    def close(self) -> Iterator[StreamEvent]:
        """Nothing is left."""
        yield from ()


class TemplateReader:
    """
    Follows the library's own parser, which knows from a response template what each stretch of a reply is.

    Args:
        parser: A ``ResponseParser``, made for the tokenizer and the prompt.
        reply_id: Tells calls of tools of different replies apart.
    """

    def __init__(self, parser: Any, reply_id: str) -> None:  # noqa: ANN401 - transformers is not read by mypy
        self._parser = parser
        self._reply_id = reply_id
        self._calls = 0
        self._first: list[StreamEvent] = list(self._read(parser.initial_events))

    @property
    def called_tools(self) -> bool:
        """Whether the reply calls tools."""
        return self._calls > 0

    def add(self, text: str) -> Iterator[StreamEvent]:
        """Read more text."""
        yield from self._begin()
        yield from self._read(self._parser.feed(text))

    def close(self) -> Iterator[StreamEvent]:
        """Read what is left at the end."""
        yield from self._begin()
        _, events = self._parser.finalize()
        yield from self._read(events)

    def _begin(self) -> Iterator[StreamEvent]:
        """Read what the prompt itself wrote of the reply."""
        first, self._first = self._first, []
        yield from first

    def _read(self, events: Iterable[dict[str, Any]]) -> Iterator[StreamEvent]:
        for event in events:
            field = event.get("field")
            if event["type"] == "region_malformed":  # what later releases of the library say in place of an error
                raise ValueError(f"{field} cannot be read")
            if event["type"] == "region_close" and field == "tool_calls":
                yield from self._called(event["value"])
            elif event["type"] == "region_chunk" and not event["dirty"] and (make := _delta(field)) is not None:
                yield make(event["text"])

    def _called(self, value: object) -> Iterator[StreamEvent]:
        for call in value if isinstance(value, list) else [value]:
            function = call.get("function", call) if isinstance(call, dict) else None
            if not isinstance(function, dict) or not isinstance(name := function.get("name"), str):
                raise ValueError(f"a tool call without a name: {call!r}")  # noqa: TRY004 - as the parser's own errors
            arguments = function.get("arguments", {})
            written = arguments if isinstance(arguments, str) else to_json(arguments).decode()
            number, self._calls = self._calls, self._calls + 1
            yield ToolCallDelta(number, make_call_id(self._reply_id, number, name, written), name, written)


def _delta(field: str | None) -> Callable[[str], StreamEvent] | None:
    if field in _REASONING:
        return ReasoningDelta
    return TextDelta if field == "content" else None
