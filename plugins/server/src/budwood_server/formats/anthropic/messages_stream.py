"""
Encode streamed replies as the events of the Messages API.

Source: the types of Anthropic's Python SDK, ``anthropic`` 2.14.0: ``types/raw_message_stream_event.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json, to_json

from budwood.errors import StreamInterruptedError
from budwood.types import (
    OUTPUT_TOOL,
    ChatResponse,
    MediaClosed,
    MediaDelta,
    Part,
    ReasoningClosed,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    ResponseStarted,
    Restarted,
    StreamEvent,
    TextClosed,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReported,
    VendorContent,
)
from budwood_server.formats.anthropic.messages_reply import (
    encode_part,
    encode_stop_reason,
    encode_usage,
    is_native,
    list_parts,
)
from budwood_server.formats.anthropic.signatures import encode_thinking
from budwood_server.formats.errors import encode_anthropic
from budwood_server.gateway.reply_headers import describe_end

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.web.problems import Problem

_IN_DELTA: Final = ("stop_sequence", "container", "stop_details")
_BESIDE_DELTA: Final = ("context_management",)
"""Where fields of the message that are known at its end stand in the event ``message_delta``."""

_CONTENT: Final[Mapping[str, tuple[str, str]]] = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}
"""The type of the deltas of each type of block, and the field with their text."""


@dataclass(slots=True)
class _OpenBlock:
    """A block that has started. ``text`` is what its deltas contained, of a tool call the arguments."""

    index: int
    type: str
    text: list[str] = field(default_factory=list)


class MessageStreamEncoder:
    """
    Encodes one streamed reply.

    Args:
        plan: The plan of the call.
        message_id: The id of the message if the vendor gives it none.
        at_end: Whether all content is sent at the end, because it is known only then: structured output for a model
            that does not know schemas.
    """

    def __init__(self, plan: CallPlan, message_id: str, *, at_end: bool) -> None:
        self._plan = plan
        self._id = message_id
        self._model = plan.name
        self._at_end = at_end
        self._usage = Usage()
        self._next = 0
        self._current: _OpenBlock | None = None
        self._calls: dict[int, _OpenBlock] = {}
        self._output: int | None = None
        self._handlers: Final[dict[type[Any], Callable[[Any], Iterable[bytes]]]] = {
            TextDelta: lambda event: self._add("text", event.text),
            RefusalDelta: lambda event: self._add("text", event.text),
            ReasoningDelta: lambda event: self._add("thinking", event.text),
            TextClosed: self._close_text,
            ReasoningClosed: self._close_thinking,
            ToolCallDelta: self._add_to_call,
            VendorContent: lambda event: self._send_whole(event.part),
            MediaClosed: lambda event: self._send_whole(event.part),
            MediaDelta: lambda event: self._add("text", event.transcript),
            Restarted: self._restart,
        }

    def start(self) -> bytes:
        """Return the event that starts the message."""
        message: dict[str, Any] = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": encode_usage(self._usage, native=self._plan.api == "anthropic"),
        }
        return _encode("message_start", {"message": message}) + _encode("ping", {})

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        """
        Return the events for those that arrived together.

        Raises:
            StreamInterruptedError: The reply starts again, but its content was already sent.
        """
        found: list[bytes] = []
        for event in events:
            if isinstance(event, ResponseStarted):
                self._id, self._model = event.id or self._id, event.model or self._model
            elif isinstance(event, UsageReported):
                self._usage = event.usage
            elif not self._at_end and not getattr(event, "choice", 0) and (handle := self._handlers.get(type(event))):
                found += handle(event)
        return b"".join(found)

    def finish(self, response: ChatResponse) -> bytes:
        """Return the events that end the message, with the reason, the usage, and what Budwood knows about the call."""
        found = list(self._close_all())
        if self._at_end:
            for part in list_parts(response):
                found += self._send_whole(part)
        native = is_native(response, self._plan)
        kept = response.metadata if native else {}
        delta: dict[str, Any] = {"stop_reason": encode_stop_reason(response, native=native), "stop_sequence": None}
        delta |= {name: kept[name] for name in _IN_DELTA if name in kept}
        event = {
            "delta": delta,
            "usage": encode_usage(response.usage, native=native),
            **{name: kept[name] for name in _BESIDE_DELTA if name in kept},
            "budwood": describe_end(response, self._plan.adaptations),
        }
        return b"".join((*found, _encode("message_delta", event), _encode("message_stop", {})))

    def fail(self, problem: Problem, request_id: str) -> bytes:
        """Return the event that ends a stream that failed."""
        return b"event: error\ndata: " + to_json(encode_anthropic(problem, request_id)) + b"\n\n"

    def _start_block(self, block: dict[str, Any]) -> tuple[_OpenBlock, bytes]:
        opened = _OpenBlock(self._next, block["type"])
        self._next += 1
        return opened, _encode("content_block_start", {"index": opened.index, "content_block": block})

    def _add(self, kind: str, text: str) -> Iterable[bytes]:
        """Add to the current block, or start one."""
        if not text:
            return
        block = self._current
        if block is None or block.type != kind:
            yield from self._close_all()
            empty = {"type": "text", "text": ""} if kind == "text" else encode_thinking(ReasoningPart(text=""))
            self._current, started = self._start_block(empty)
            yield started
        assert self._current is not None  # noqa: S101 - for type checkers
        yield self._encode_delta(self._current, text)

    def _encode_delta(self, block: _OpenBlock, text: str) -> bytes:
        kind, name = _CONTENT[block.type]
        return _encode("content_block_delta", {"index": block.index, "delta": {"type": kind, name: text}})

    def _close_current(self) -> Iterable[bytes]:
        if self._current is not None:
            yield _encode("content_block_stop", {"index": self._current.index})
            self._current = None

    def _close_all(self) -> Iterable[bytes]:
        yield from self._close_current()
        for block in self._calls.values():
            yield _encode("content_block_stop", {"index": block.index})
        self._calls.clear()

    def _close_text(self, event: TextClosed) -> Iterable[bytes]:
        block = self._current
        if block is None or block.type != "text":
            return
        for citation in (encode_part(event.part) or {}).get("citations") or ():
            delta = {"type": "citations_delta", "citation": citation}
            yield _encode("content_block_delta", {"index": block.index, "delta": delta})
        yield from self._close_current()

    def _close_thinking(self, event: ReasoningClosed) -> Iterable[bytes]:
        """Send the signature, and end the block. Thinking of which nothing is shown has no block yet."""
        encoded = encode_thinking(event.part)
        block = self._current
        if block is None or block.type != "thinking":
            yield from self._send_whole(event.part)
            return
        if encoded.get("signature"):
            delta = {"type": "signature_delta", "signature": encoded["signature"]}
            yield _encode("content_block_delta", {"index": block.index, "delta": delta})
        yield from self._close_current()

    def _add_to_call(self, event: ToolCallDelta) -> Iterable[bytes]:
        if event.name is not None and event.name.partition("<|")[0] == OUTPUT_TOOL:  # some models append a token
            self._output = event.index
        if event.index == self._output:
            yield from self._add("text", event.arguments)
            return
        block = self._calls.get(event.index)
        if block is None:
            yield from self._close_before_call()
            start = {"type": "tool_use", "id": event.id or f"toolu_{self._id}_{event.index}", "name": event.name or ""}
            block, started = self._start_block({**start, "input": {}})
            self._calls[event.index] = block
            yield started
        if event.arguments:
            block.text.append(event.arguments)
            yield self._encode_delta(block, event.arguments)

    def _close_before_call(self) -> Iterable[bytes]:
        """End the blocks before a call. A call whose arguments are not complete stays open: calls can alternate."""
        yield from self._close_current()
        for index, block in list(self._calls.items()):
            if _is_complete("".join(block.text)):
                yield _encode("content_block_stop", {"index": block.index})
                del self._calls[index]

    def _send_whole(self, part: Part) -> Iterable[bytes]:
        """Send a part that is complete as one block."""
        block = encode_part(part)
        if block is None:
            return
        yield from self._close_all()
        start, deltas = _split(block)
        opened, started = self._start_block(start)
        yield started
        for delta in deltas:
            yield _encode("content_block_delta", {"index": opened.index, "delta": delta})
        yield _encode("content_block_stop", {"index": opened.index})

    def _restart(self, event: Restarted) -> Iterable[bytes]:
        if self._next:
            raise StreamInterruptedError(f"The reply started again after content was sent: {event.reason}.")
        return ()


def _split(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a block as it starts, and the deltas with its content, as clients expect them."""
    match block["type"]:
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": block["text"]}]
        case "thinking":
            texts = [{"type": "thinking_delta", "thinking": block["thinking"]}] if block["thinking"] else []
            signature = block.get("signature") or ""
            ends = [{"type": "signature_delta", "signature": signature}] if signature else []
            return {**block, "thinking": "", "signature": ""}, [*texts, *ends]
        case "tool_use":
            delta = {"type": "input_json_delta", "partial_json": to_json(block["input"]).decode()}
            return {**block, "input": {}}, [delta]
        case _:
            return block, []


def _is_complete(arguments: str) -> bool:
    try:
        return not arguments or isinstance(from_json(arguments), dict)
    except ValueError:
        return False


def _encode(kind: str, fields: dict[str, Any]) -> bytes:
    data = to_json({"type": kind, **fields}, inf_nan_mode="null")
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
