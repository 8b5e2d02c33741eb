"""Content blocks of a stream: what can be reported at once, and what only when a block is complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from pydantic_core import from_json, to_json

from budwood.errors import BadResponseError
from budwood.providing import parse_id, require_text
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
from budwood_anthropic.decoding import THINKING, VENDOR, decode_call, decode_text, decode_thinking, encode_arguments

_KINDS: Final[Mapping[str, str]] = {
    "text_delta": "text",
    "citations_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
    "input_json_delta": "tool_use",
}
"""The kind of block that each kind of delta continues."""

_FIELDS: Final[Mapping[str, str]] = {
    "text": "text_delta",
    "thinking": "thinking_delta",
    "signature": "signature_delta",
    "partial_json": "input_json_delta",
}
"""The kind of a delta without a type, by its field."""


def find_delta_kind(delta: Mapping[str, Any]) -> str | None:
    """Return the kind of a delta; gateways leave the type out."""
    kind = delta.get("type")
    return kind if isinstance(kind, str) else next((_FIELDS[name] for name in delta if name in _FIELDS), None)


class OpenBlock:
    """
    A block that is not complete, of a kind that Budwood does not model: it is reported when it is.

    Args:
        block: The block as it started.
    """

    kind: ClassVar[str | None] = None
    """The block's kind in `_KINDS`; None for blocks that take every delta."""

    def __init__(self, block: Mapping[str, Any]) -> None:
        self._block: dict[str, Any] = dict(block)
        self._texts: dict[str, list[str]] = {}
        self._json: list[str] = []

    def start(self) -> Iterator[StreamEvent]:
        """Report the content with which the block starts."""
        return iter(())

    def add(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """
        Add a fragment, and report what can be reported of it.

        Raises:
            BadResponseError: The fragment belongs to another kind of block, or is not a text.
        """
        kind = find_delta_kind(delta)
        if self.kind is not None and _KINDS.get(kind or "", self.kind) != self.kind:
            raise BadResponseError(f"The stream continues a {self.kind} block with a {kind}.")
        match kind:
            case "input_json_delta":
                self._json.append(_json_text(delta.get("partial_json")))
            case "citations_delta":
                self._extend("citations", [delta.get("citation")])
            case _:
                for name, value in delta.items():
                    if name != "type":
                        self._extend(name, value)
        return iter(())

    def close(self) -> Iterator[StreamEvent]:
        """Report the complete block."""
        arguments = "".join(self._json)
        if arguments:
            try:
                self._block["input"] = from_json(arguments)
            except ValueError:
                self._block["input"] = arguments  # truncated: returned as it came
        block = self.complete()
        yield VendorContent(VendorPart(provider=VENDOR, kind=str(block.get("type") or "content"), data=block))

    def complete(self) -> dict[str, Any]:
        """Return the block in the form of a reply that is not streamed."""
        return self._block | {name: "".join(fragments) for name, fragments in self._texts.items()}

    def _extend(self, name: str, more: Any) -> None:  # noqa: ANN401 - any JSON
        """Append a fragment to a text or a list; a value of another type replaces the one before."""
        known = self._block.get(name)
        if isinstance(more, str) and (known is None or isinstance(known, str)):
            self._texts.setdefault(name, [known or ""]).append(more)
        elif isinstance(more, list) and isinstance(known, list):
            self._block[name] = [*known, *more]
        else:
            self._block[name] = more


class OpenText(OpenBlock):
    """Text. It is reported again when it is complete, since another text may follow, and its citations with it."""

    kind: ClassVar[str | None] = "text"

    def start(self) -> Iterator[StreamEvent]:
        """Report the text with which the block starts, usually none."""
        if text := require_text(self._block.get("text"), "text"):
            yield TextDelta(text)

    def add(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Report a fragment of the text."""
        kind = delta.get("type") or find_delta_kind(delta)
        if kind != "text_delta":
            super().add(delta)
        elif text := require_text(delta.get("text"), "text"):
            self._extend("text", text)
            yield TextDelta(text)

    def close(self) -> Iterator[StreamEvent]:
        """Report the complete text."""
        text = decode_text(self.complete())
        if text.text:
            yield TextClosed(text)


class OpenThinking(OpenBlock):
    """Thinking, or what the vendor shows of it; the signature comes at its end."""

    kind: ClassVar[str | None] = "thinking"

    def start(self) -> Iterator[StreamEvent]:
        """Report the thinking with which the block starts, usually none."""
        if thinking := require_text(self._block.get("thinking"), "thinking"):
            yield ReasoningDelta(thinking)

    def add(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Report a fragment of the thinking."""
        kind = delta.get("type") or find_delta_kind(delta)
        if kind != "thinking_delta":
            super().add(delta)
        elif thinking := require_text(delta.get("thinking"), "thinking"):
            self._extend("thinking", thinking)
            yield ReasoningDelta(thinking)

    def close(self) -> Iterator[StreamEvent]:
        """Report the complete thinking, with the fields that the API requires back."""
        yield ReasoningClosed(decode_thinking(self.complete()))


class OpenCall(OpenBlock):
    """
    A tool call.

    Args:
        block: The block as it started.
        number: Its place among the calls.
    """

    kind: ClassVar[str | None] = "tool_use"

    def __init__(self, block: Mapping[str, Any], number: int) -> None:
        super().__init__(block)
        self._number = number

    def start(self) -> Iterator[StreamEvent]:
        """Report its id and name."""
        yield ToolCallDelta(self._number, parse_id(self._block.get("id")), parse_id(self._block.get("name")))

    def add(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Report a fragment of the arguments."""
        known = len(self._json)
        super().add(delta)
        for arguments in self._json[known:]:
            if arguments:
                yield ToolCallDelta(self._number, arguments=arguments)

    def close(self) -> Iterator[StreamEvent]:
        """Report arguments that were not streamed, and the fields that the API requires back."""
        block = self.complete()
        streamed = "".join(self._json)
        arguments = streamed or encode_arguments(block.get("input"))
        if not streamed:
            yield ToolCallDelta(self._number, arguments=arguments)
        part = decode_call(block, arguments)
        if part.data:
            yield ToolCallClosed(self._number, part)


def open_block(block: Mapping[str, Any], *, call: int) -> OpenBlock:
    """Start a block; ``call`` is the number of the next tool call."""
    kind = block.get("type")
    match kind if isinstance(kind, str) else None:
        case "text":
            return OpenText(block)
        case None if "text" in block:
            return OpenText({"type": "text", **block})
        case "tool_use":
            return OpenCall(block, call)
        case kind if kind in THINKING:
            return OpenThinking(block)
        case _:
            return OpenBlock(block)


def open_missing_block(delta: Mapping[str, Any]) -> OpenBlock:
    """
    Start the block that a delta continues although no event started it.

    Raises:
        BadResponseError: The kind of block is unknown, or it is a tool call, whose name is missing.
    """
    kind = _KINDS.get(find_delta_kind(delta) or "")
    if kind == "text":
        return OpenText({"type": "text"})
    if kind == "thinking":
        return OpenThinking({"type": "thinking"})
    raise BadResponseError("The stream continues a content block that was never started.")


def _json_text(value: object) -> str:
    """Return a fragment of arguments; some gateways send them as an object, in one event."""
    return to_json(value).decode() if isinstance(value, dict) else require_text(value, "partial_json")
