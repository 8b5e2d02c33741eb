"""Parse the text of a model into events: plain text, or reasoning and tool calls with a response template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol

from pydantic_core import to_json

from budwood.providing import make_call_id
from budwood.types import ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta

_REASONING: Final = ("reasoning_content", "reasoning", "thinking")
"""The field for reasoning, and its names in older response templates."""


class ReplyReader(Protocol):
    """Parses the text of a model into events."""

    def add(self, text: str) -> Iterable[StreamEvent]:
        """Parse more text."""
        ...

    def close(self) -> Iterable[StreamEvent]:
        """Parse the remaining text at the end."""
        ...

    @property
    def called_tools(self) -> bool:
        """Whether the reply calls tools."""
        ...


class PlainReader:
    """Returns all text unchanged."""

    called_tools: bool = False

    def add(self, text: str) -> Iterator[StreamEvent]:
        """Parse more text."""
        if text:
            yield TextDelta(text)

    def close(self) -> Iterator[StreamEvent]:
        """Return no further events."""
        yield from ()


class TemplateReader:
    """
    Uses the parser of the library, which identifies the parts of a reply by a response template.

    Args:
        parser: A ``ResponseParser`` for the tokenizer and the prompt.
        reply_id: The id of the reply, which makes ids of tool calls unique.
    """

    def __init__(self, parser: Any, reply_id: str) -> None:  # noqa: ANN401 - transformers is not read by mypy
        self._parser = parser
        self._reply_id = reply_id
        self._calls = 0
        self._first_events: list[StreamEvent] = list(self._parse(parser.initial_events))

    @property
    def called_tools(self) -> bool:
        """Whether the reply calls tools."""
        return self._calls > 0

    def add(self, text: str) -> Iterator[StreamEvent]:
        """Parse more text."""
        yield from self._take_first_events()
        yield from self._parse(self._parser.feed(text))

    def close(self) -> Iterator[StreamEvent]:
        """Parse the remaining text at the end."""
        yield from self._take_first_events()
        _, events = self._parser.finalize()
        yield from self._parse(events)

    def _take_first_events(self) -> Iterator[StreamEvent]:
        """Yield the events of the part of the reply that the prompt already contains, once."""
        first, self._first_events = self._first_events, []
        yield from first

    def _parse(self, events: Iterable[dict[str, Any]]) -> Iterator[StreamEvent]:
        for event in events:
            field = event.get("field")
            if event["type"] == "region_malformed":  # later releases of the library emit this instead of raising
                raise ValueError(f"malformed {field}")
            if event["type"] == "region_close" and field == "tool_calls":
                yield from self._parse_calls(event["value"])
            elif event["type"] == "region_chunk" and not event["dirty"] and (make := _delta(field)) is not None:
                yield make(event["text"])

    def _parse_calls(self, value: object) -> Iterator[StreamEvent]:
        for call in value if isinstance(value, list) else [value]:
            function = call.get("function", call) if isinstance(call, dict) else None
            if not isinstance(function, dict) or not isinstance(name := function.get("name"), str):
                raise ValueError(f"a tool call without a name: {call!r}")  # noqa: TRY004 - the parser also raises ValueError
            arguments = function.get("arguments", {})
            encoded = arguments if isinstance(arguments, str) else to_json(arguments).decode()
            number, self._calls = self._calls, self._calls + 1
            yield ToolCallDelta(number, make_call_id(self._reply_id, number, name, encoded), name, encoded)


def _delta(field: str | None) -> Callable[[str], StreamEvent] | None:
    if field in _REASONING:
        return ReasoningDelta
    return TextDelta if field == "content" else None
