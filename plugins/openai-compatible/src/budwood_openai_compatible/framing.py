"""What the streams of both APIs have in common: server-sent events that hold JSON objects, or no stream at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from budwood.errors import BadResponseError, ProviderError
from budwood.providing import describe_body, events_of
from budwood.types import ChatResponse, HTTPReply, ReplyHead, StreamEvent
from budwood.wire import ServerSentEvent, SSEDecoder

Whole = Callable[[HTTPReply], ChatResponse]
"""Reads a whole reply."""

Failure = Callable[[Mapping[str, Any]], ProviderError]
"""Makes the error of a chunk that holds one."""


class JSONEventDecoder(ABC):
    """
    Decodes one streamed reply, however its bytes are cut.

    Args:
        head: The reply's head.
        vendor: The plugin's name, for vendor parts.
        whole: Reads what a server sends that answers a request for a stream with a whole reply, as some do.
        failure: Makes the error of an error inside the stream.
    """

    def __init__(self, head: ReplyHead, *, vendor: str, whole: Whole, failure: Failure) -> None:
        self._head = head
        self._vendor = vendor
        self._whole = whole
        self._failure = failure
        self._sse = SSEDecoder()
        self._not_a_stream: list[bytes] | None = None
        self._begun = False
        self._failed: ProviderError | None = None

    @abstractmethod
    def _decode(self, sent: ServerSentEvent) -> Iterator[StreamEvent]:
        """Decode one event of the stream."""

    @abstractmethod
    def _end(self) -> list[StreamEvent]:
        """Return what is still to be told when the stream has ended, or raise `StreamInterruptedError`."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Decode what came; see `budwood.contracts.StreamDecoder`."""
        if self._failed is not None:
            raise self._failed
        if not self._begun and (data := data.lstrip()):
            self._begun = True
            if data[:1] in (b"{", b"[", b"<"):
                self._not_a_stream = []
        if self._not_a_stream is not None:
            self._not_a_stream.append(data)
            return []
        events: list[StreamEvent] = []
        try:
            for sent in self._sse.feed(data):
                events.extend(self._decode(sent))
        except ProviderError as error:
            if not events:
                raise
            self._failed = error  # what came before it, in the same read, is not lost: it is raised next time
        return events

    def close(self) -> list[StreamEvent]:
        """Decode what is left; see `budwood.contracts.StreamDecoder`."""
        if self._failed is not None:
            raise self._failed
        if self._not_a_stream is not None:
            return events_of(self._whole(HTTPReply(self._head, b"".join(self._not_a_stream))))
        events = [event for sent in self._sse.close() for event in self._decode(sent)]
        return [*events, *self._end()]


def parse_event(data: bytes) -> dict[str, Any]:
    """
    Parse the data of one event.

    Raises:
        BadResponseError: It is no JSON object.
    """
    try:
        parsed = from_json(data)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise BadResponseError(f"The stream holds an event that is no JSON object but {describe_body(data)}.")
    return parsed
