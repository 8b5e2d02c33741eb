"""Content blocks in the making: what of them can be told at once, and what when they are whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from budwood.types import (
    ReasoningClosed,
    ReasoningDelta,
    StreamEvent,
    TextClosed,
    TextDelta,
    ToolCallClosed,
    ToolCallDelta,
    VendorContent,
    VendorPart,
)
from budwood_anthropic.decoding import THINKING, VENDOR, arguments_text, decode_call, decode_text, decode_thinking


class OpenBlock:
    """
    A block that is still growing, of a kind that Budwood does not model: it is told when it is whole.

    Args:
        block: The block as it began.
    """

    def __init__(self, block: Mapping[str, Any]) -> None:
        self._block: dict[str, Any] = dict(block)
        self._texts: dict[str, list[str]] = {}
        self._json: list[str] = []

    def begin(self) -> Iterator[StreamEvent]:
        """Tell what the beginning says."""
        return iter(())

    def add(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Take a fragment, and tell what it says."""
        match delta.get("type"):
            case "input_json_delta":
                self._json.append(delta.get("partial_json") or "")
            case "citations_delta":
                self._extend("citations", [delta.get("citation")])
            case _:
                for name, value in delta.items():
                    if name != "type":
                        self._extend(name, value)
        return iter(())

    def close(self) -> Iterator[StreamEvent]:
        """Tell what is known when it is whole."""
        written = "".join(self._json)
        if written:
            try:
                self._block["input"] = from_json(written)
            except ValueError:
                self._block["input"] = written  # cut off: kept as it came
        block = self.whole()
        yield VendorContent(VendorPart(provider=VENDOR, kind=str(block.get("type") or "content"), data=block))

    def whole(self) -> dict[str, Any]:
        """Return the block as it would stand in a reply that is not streamed."""
        return self._block | {name: "".join(pieces) for name, pieces in self._texts.items()}

    def _extend(self, name: str, more: Any) -> None:  # noqa: ANN401 - any JSON
        """Put a fragment behind what is there: texts and lists grow, all else is replaced."""
        known = self._block.get(name)
        if isinstance(more, str) and (known is None or isinstance(known, str)):
            self._texts.setdefault(name, [known or ""]).append(more)
        elif isinstance(more, list) and isinstance(known, list):
            self._block[name] = [*known, *more]
        else:
            self._block[name] = more


class OpenText(OpenBlock):
    """Text; when it is whole, so is told, since another text may follow, and its citations with it."""

    def begin(self) -> Iterator[StreamEvent]:
        """Tell the text that stands in the beginning: as a rule there is none."""
        if self._block.get("text"):
            yield TextDelta(self._block["text"])

    def add(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Tell the fragment of the text."""
        super().add(delta)
        if delta.get("type") == "text_delta" and delta.get("text"):
            yield TextDelta(delta["text"])

    def close(self) -> Iterator[StreamEvent]:
        """Tell the whole."""
        text = decode_text(self.whole())
        if text.text:
            yield TextClosed(text)


class OpenThinking(OpenBlock):
    """Thinking, or what the vendor shows of it; the signature comes at its end."""

    def add(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Tell the fragment of the thought."""
        super().add(delta)
        if delta.get("type") == "thinking_delta" and delta.get("thinking"):
            yield ReasoningDelta(delta["thinking"])

    def close(self) -> Iterator[StreamEvent]:
        """Tell the whole, with what the vendor wants back."""
        yield ReasoningClosed(decode_thinking(self.whole()))


class OpenCall(OpenBlock):
    """
    A call of a tool.

    Args:
        block: The block as it began.
        number: Its place among the calls.
    """

    def __init__(self, block: Mapping[str, Any], number: int) -> None:
        super().__init__(block)
        self._number = number
        self._written: list[str] = []

    def begin(self) -> Iterator[StreamEvent]:
        """Tell its id and name."""
        yield ToolCallDelta(self._number, self._block.get("id") or None, self._block.get("name") or None)

    def add(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Tell the fragment of the arguments."""
        if delta.get("type") != "input_json_delta":
            return super().add(delta)
        arguments = delta.get("partial_json") or ""
        if not arguments:
            return iter(())
        self._written.append(arguments)
        return iter([ToolCallDelta(self._number, arguments=arguments)])

    def close(self) -> Iterator[StreamEvent]:
        """Tell the arguments, where they stood in the beginning or there are none, and what its vendor wants back."""
        block = self.whole()
        written = "".join(self._written) or arguments_text(block.get("input"))
        if not self._written:
            yield ToolCallDelta(self._number, arguments=written)
        part = decode_call(block, written)
        if part.data:
            yield ToolCallClosed(self._number, part)


def open_block(block: Mapping[str, Any], *, call: int) -> OpenBlock:
    """Begin a block; ``call`` is the number of the next call of a tool."""
    match block.get("type"):
        case "text":
            return OpenText(block)
        case "tool_use":
            return OpenCall(block, call)
        case kind if kind in THINKING:
            return OpenThinking(block)
        case _:
            return OpenBlock(block)
