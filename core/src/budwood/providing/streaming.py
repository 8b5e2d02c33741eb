"""What decoders of streams have in common. Inheriting it is optional: `StreamDecoder` is the contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from pydantic_core import from_json

from budwood.errors import BadResponseError, ProviderError
from budwood.providing.failures import describe_body
from budwood.types import HTTPReply, ReplyHead, StreamEvent

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)


class Framer(Protocol[P_co]):
    """Splits bytes into frames: `budwood.wire.SSEDecoder` into events, `budwood.wire.NDJSONDecoder` into lines."""

    def feed(self, data: bytes) -> Sequence[P_co]:
        """Return the frames that these bytes complete."""
        ...

    def close(self) -> Sequence[P_co]:
        """Return the last frame, if it has no terminator."""
        ...


class BaseStreamDecoder(ABC, Generic[P]):
    """
    Decodes one streamed reply, however its bytes are cut; see `budwood.contracts.StreamDecoder`.

    What comes before an error in the same read is told first, and the error is raised by the next call.

    Args:
        head: The reply's head.
        framer: Splits the bytes into the frames that `_decode` gets.
        decode_body: Decodes a body that is not a stream but a JSON value or HTML, which some servers and gateways send
            in answer to a streaming request. None where a stream itself starts with JSON.
    """

    def __init__(
        self,
        head: ReplyHead,
        framer: Framer[P],
        *,
        decode_body: Callable[[HTTPReply], Iterable[StreamEvent]] | None = None,
    ) -> None:
        self._head = head
        self._framer = framer
        self._decode_body = decode_body
        self._begun = decode_body is None
        self._not_a_stream: list[bytes] | None = None
        self._failed: ProviderError | None = None

    @abstractmethod
    def _decode(self, frame: P) -> Iterable[StreamEvent]:
        """Decode one frame; raise the `ProviderError` of an error that it holds."""

    @abstractmethod
    def _end(self) -> Iterable[StreamEvent]:
        """Return what is still to be told when the stream has ended, or raise `StreamInterruptedError`."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Decode what came."""
        if self._failed is not None:
            raise self._failed
        if not self._begun and (data := data.lstrip()):
            self._begun = True
            if data[:1] in (b"{", b"[", b"<"):
                self._not_a_stream = []
        if self._not_a_stream is not None:
            self._not_a_stream.append(data)
            return []
        return self._decoded(self._framer.feed(data))

    def close(self) -> list[StreamEvent]:
        """Decode what is left."""
        if self._failed is not None:
            raise self._failed
        if self._decode_body is not None and self._not_a_stream is not None:
            return list(self._decode_body(HTTPReply(self._head, b"".join(self._not_a_stream))))
        events = self._decoded(self._framer.close())
        if self._failed is not None:
            raise self._failed
        return [*events, *self._end()]

    def _decoded(self, frames: Iterable[P]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        try:
            for frame in frames:
                events.extend(self._decode(frame))
        except ProviderError as error:
            if not events:
                raise
            self._failed = error
        return events


def parse_chunk(data: bytes) -> dict[str, Any]:
    """
    Parse a frame's data as a JSON object.

    Raises:
        BadResponseError: It is not one.
    """
    try:
        parsed = from_json(data)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise BadResponseError(f"The stream holds an event that is no JSON object but {describe_body(data)}.")
    return parsed
