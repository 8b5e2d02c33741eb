"""
Decode streamed replies of Anthropic's Messages API.

Source: the types of its Python SDK, ``anthropic`` 2.11.0: ``types/raw_message_stream_event.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from budwood.errors import BadResponseError, ProviderError, StreamInterruptedError
from budwood.providing import BaseStreamDecoder, make_events, parse_count, parse_id, parse_request_id
from budwood.types import (
    JSON,
    ChatResponse,
    Finished,
    HTTPReply,
    RateLimits,
    ReplyHead,
    ResponseMetadata,
    ResponseStarted,
    Restarted,
    StreamEvent,
    UsageReported,
)
from budwood.wire import ServerSentEvent, SSEDecoder
from budwood_anthropic.blocks import OpenBlock, OpenCall, open_block, open_missing_block
from budwood_anthropic.decoding import (
    convert_finish_reason,
    decode_metadata,
    decode_usage,
    list_blocks,
    parse_stop_reason,
)

DecodeBody = Callable[[HTTPReply], ChatResponse]
"""Decodes a reply that is not streamed."""

MakeError = Callable[[Mapping[str, Any]], ProviderError]
"""Makes the error that an event reports."""

_EVENT_FIELDS: Final = frozenset({"type", "index", "delta", "usage", "message", "content_block"})


class MessageStreamDecoder(BaseStreamDecoder[ServerSentEvent]):
    """
    Decodes one streamed reply.

    Args:
        head: The status and headers of the reply.
        limits: The rate limits in the headers.
        decode_body: Decodes a complete reply, which some gateways send in answer to a streaming request.
        make_error: Makes the error that an event of the stream reports.
    """

    def __init__(
        self, head: ReplyHead, *, limits: RateLimits | None, decode_body: DecodeBody, make_error: MakeError
    ) -> None:
        super().__init__(head, SSEDecoder(), decode_body=lambda reply: make_events(decode_body(reply)))
        self._limits = limits
        self._make_error = make_error
        self._has_message = False
        self._is_stopped = False
        self._is_finished = False
        self._blocks: dict[int, OpenBlock] = {}
        self._implicit: set[int] = set()
        self._latest = 0
        self._calls = 0
        self._usage: dict[str, JSON] = {}
        self._stop_reason: str | None = None
        self._handlers: Final[dict[str, Callable[[dict[str, Any]], Iterator[StreamEvent]]]] = {
            "message_start": self._start_message,
            "content_block_start": self._start_block,
            "content_block_delta": self._continue_block,
            "content_block_stop": self._close_block,
            "message_delta": self._update_message,
            "message_stop": self._stop_message,
        }

    def _end(self) -> list[StreamEvent]:
        if self._is_finished:
            return []
        if not self._is_stopped:
            raise StreamInterruptedError("The stream ended without a stop reason.")
        return [Finished("other")]  # message_stop alone: complete, without a reason

    def _decode(self, frame: ServerSentEvent) -> Iterator[StreamEvent]:
        event = self._parse(frame.data, frame.event)
        if event is None:
            return
        if "error" in event or frame.event == "error" or event.get("type") == "error":
            raise self._make_error(event)
        kind = event.get("type") or frame.event
        if handle := self._handlers.get(str(kind)):
            yield from handle(event)
        elif kind != "ping":
            yield ResponseMetadata({str(kind): event})

    def _start_message(self, event: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Start a message. A gateway that fails over during a reply starts a second one, which replaces the first."""
        message = _require_object(event, "message")
        if self._has_message:
            self._blocks.clear()
            self._calls = 0
            self._is_finished = False
            yield Restarted("the vendor restarted the reply")
        self._has_message = True
        yield ResponseStarted(parse_id(message.get("id")), parse_id(message.get("model")))
        yield ResponseMetadata(decode_metadata(message), self._limits, parse_request_id(self._head.headers))
        self._usage = {}
        self._stop_reason = parse_stop_reason(message.get("stop_reason"))
        yield from self._report_usage(message.get("usage"))
        for number, block in enumerate(list_blocks(message.get("content") or [])):
            yield from self._start_block({"index": number, "content_block": block})

    def _start_block(self, event: Mapping[str, Any]) -> Iterator[StreamEvent]:
        start = _require_object(event, "content_block")
        index = self._index(event)
        for ended in (*self._implicit, index):  # some gateways leave out the stop
            yield from self._close_index(ended)
        self._implicit.clear()
        block = open_block(start, call=self._calls)
        self._calls += isinstance(block, OpenCall)
        self._blocks[index] = block
        yield from block.start()

    def _continue_block(self, event: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Add a delta to its block; text and thinking of a block that is not open start one, so that none is lost."""
        index, delta = self._index(event), _require_object(event, "delta")
        block = self._blocks.get(index)
        if block is None:
            block = self._blocks[index] = open_missing_block(delta)
            self._implicit.add(index)
        return block.add(delta)

    def _close_block(self, event: Mapping[str, Any]) -> Iterator[StreamEvent]:
        return self._close_index(self._index(event))

    def _close_index(self, index: int) -> Iterator[StreamEvent]:
        block = self._blocks.pop(index, None)
        return iter(()) if block is None else block.close()

    def _index(self, event: Mapping[str, Any]) -> int:
        """Return the index of the block that an event is about, by default the latest."""
        index = parse_count(event.get("index"))
        self._latest = self._latest if index is None else index
        return self._latest

    def _stop_message(self, _event: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """End the message. One that was complete at its start, such as calls made by code, had its reason there."""
        self._is_stopped = True
        yield from self._close_blocks()
        if self._stop_reason and not self._is_finished:
            self._is_finished = True
            yield Finished(convert_finish_reason(self._stop_reason), self._stop_reason)

    def _close_blocks(self) -> Iterator[StreamEvent]:
        """Close the blocks that gateways left open."""
        for block in self._blocks.values():
            yield from block.close()
        self._blocks.clear()

    def _update_message(self, event: Mapping[str, Any]) -> Iterator[StreamEvent]:
        delta = event.get("delta") or {}
        notes = {name: value for name, value in event.items() if name not in _EVENT_FIELDS}
        if metadata := decode_metadata({**notes, **delta}):
            yield ResponseMetadata(metadata)
        yield from self._report_usage(event.get("usage"))
        if raw := parse_stop_reason(delta.get("stop_reason")):
            yield from self._close_blocks()
            self._is_finished = True
            yield Finished(convert_finish_reason(raw), raw)

    def _report_usage(self, usage: object) -> Iterator[StreamEvent]:
        """Report the usage so far. Later counts are totals; zeros and missing counts do not replace earlier ones."""
        if isinstance(usage, dict) and usage:
            self._usage |= {
                name: value for name, value in usage.items() if value or (value == 0 and not self._usage.get(name))
            }
            yield UsageReported(decode_usage(self._usage))


def _require_object(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = event.get(name)
    if not isinstance(value, dict):
        raise BadResponseError(f"The stream has a {event.get('type')} event without {name}.")
    return value
