"""
Read streamed replies of Anthropic's Messages API.

Source: the types of its Python SDK, ``anthropic`` 2.11.0: ``types/raw_message_stream_event.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from budwood.errors import BadResponseError, ProviderError, StreamInterruptedError
from budwood.providing import BaseStreamDecoder, make_events, parse_count, parse_request_id
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
from budwood_anthropic.blocks import OpenBlock, OpenCall, block_for, open_block
from budwood_anthropic.decoding import content_blocks, decode_metadata, decode_usage, finish_reason, stop_reason

DecodeBody = Callable[[HTTPReply], ChatResponse]
"""Reads a whole reply."""

Failure = Callable[[Mapping[str, Any]], ProviderError]
"""Makes the error of an event that holds one."""

_EVENT_FIELDS: Final = frozenset({"type", "index", "delta", "usage", "message", "content_block"})


class MessageStreamDecoder(BaseStreamDecoder[ServerSentEvent]):
    """
    Decodes one streamed reply.

    Args:
        head: The reply's head.
        limits: What the head says of limits.
        decode_body: Reads what a gateway sends that answers a request for a stream with a whole reply.
        failure: Makes the error of an error inside the stream.
    """

    def __init__(
        self, head: ReplyHead, *, limits: RateLimits | None, decode_body: DecodeBody, failure: Failure
    ) -> None:
        super().__init__(head, SSEDecoder(), decode_body=lambda reply: make_events(decode_body(reply)))
        self._limits = limits
        self._failure = failure
        self._started = False
        self._stopped = False
        self._finished = False
        self._blocks: dict[int, OpenBlock] = {}
        self._implicit: set[int] = set()
        self._latest = 0
        self._calls = 0
        self._usage: dict[str, JSON] = {}
        self._stop_reason: str | None = None
        self._take: Final[dict[str, Callable[[dict[str, Any]], Iterator[StreamEvent]]]] = {
            "message_start": self._start,
            "content_block_start": self._open,
            "content_block_delta": self._continue,
            "content_block_stop": self._close_block,
            "message_delta": self._change,
            "message_stop": self._stop,
        }

    def _end(self) -> list[StreamEvent]:
        if self._finished:
            return []
        if not self._stopped:
            raise StreamInterruptedError("The stream ended without a stop reason.")
        return [Finished("other")]  # message_stop alone: complete, but the server did not say why

    def _decode(self, frame: ServerSentEvent) -> Iterator[StreamEvent]:
        said = self._parse(frame.data, frame.event)
        if said is None:
            return
        if "error" in said or frame.event == "error" or said.get("type") == "error":
            raise self._failure(said)
        kind = said.get("type") or frame.event
        if take := self._take.get(str(kind)):
            yield from take(said)
        elif kind != "ping":
            yield ResponseMetadata({str(kind): said})

    def _start(self, said: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Begin a message. A gateway that fails over in mid-reply begins a second one: the first is void."""
        message = _object(said, "message")
        if self._started:
            self._blocks.clear()
            self._calls = 0
            self._finished = False
            yield Restarted("the vendor began the reply anew")
        self._started = True
        yield ResponseStarted(message.get("id") or None, message.get("model") or None)
        yield ResponseMetadata(decode_metadata(message), self._limits, parse_request_id(self._head.headers))
        self._usage = {}
        self._stop_reason = stop_reason(message.get("stop_reason"))
        yield from self._report(message.get("usage"))
        for number, block in enumerate(content_blocks(message.get("content") or [])):
            yield from self._open({"index": number, "content_block": block})

    def _open(self, said: Mapping[str, Any]) -> Iterator[StreamEvent]:
        block = _object(said, "content_block")
        index = self._index(said)
        for ended in (*self._implicit, index):  # some gateways leave out the stop
            yield from self._close_index(ended)
        self._implicit.clear()
        opened = open_block(block, call=self._calls)
        self._calls += isinstance(opened, OpenCall)
        self._blocks[index] = opened
        yield from opened.start()

    def _continue(self, said: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Add a delta to its block; text and thinking of a block that is not open start one, so that none is lost."""
        index, delta = self._index(said), _object(said, "delta")
        block = self._blocks.get(index)
        if block is None:
            block = self._blocks[index] = block_for(delta)
            self._implicit.add(index)
        return block.add(delta)

    def _close_block(self, said: Mapping[str, Any]) -> Iterator[StreamEvent]:
        return self._close_index(self._index(said))

    def _close_index(self, index: int) -> Iterator[StreamEvent]:
        block = self._blocks.pop(index, None)
        return iter(()) if block is None else block.close()

    def _index(self, said: Mapping[str, Any]) -> int:
        """Return the index of the block that an event is about, by default the latest."""
        index = parse_count(said.get("index"))
        self._latest = self._latest if index is None else index
        return self._latest

    def _stop(self, _said: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """End the message. One that began whole, as calls made by code do, said at its beginning why it ends."""
        self._stopped = True
        yield from self._close_blocks()
        if self._stop_reason and not self._finished:
            self._finished = True
            yield Finished(finish_reason(self._stop_reason), self._stop_reason)

    def _close_blocks(self) -> Iterator[StreamEvent]:
        """Close what gateways left open."""
        for block in self._blocks.values():
            yield from block.close()
        self._blocks.clear()

    def _change(self, said: Mapping[str, Any]) -> Iterator[StreamEvent]:
        delta = said.get("delta") or {}
        notes = {name: value for name, value in said.items() if name not in _EVENT_FIELDS}
        if metadata := decode_metadata({**notes, **delta}):
            yield ResponseMetadata(metadata)
        yield from self._report(said.get("usage"))
        if raw := stop_reason(delta.get("stop_reason")):
            yield from self._close_blocks()
            self._finished = True
            yield Finished(finish_reason(raw), raw)

    def _report(self, usage: object) -> Iterator[StreamEvent]:
        """Tell what was consumed so far: later counts are totals; those that are left out still hold."""
        if isinstance(usage, dict) and usage:
            self._usage |= {name: value for name, value in usage.items() if value is not None}
            yield UsageReported(decode_usage(self._usage))


def _object(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = said.get(name)
    if not isinstance(value, dict):
        raise BadResponseError(f"An event {said.get('type')} of the stream holds no {name}.")
    return value
