"""An optional base class for stream decoders; the contract is `budwood.contracts.StreamDecoder`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from pydantic_core import from_json

from budwood.errors import BadResponseError, ProviderError
from budwood.providing.bodies import describe_body
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
    Decodes one streamed reply, however its bytes are split; see `budwood.contracts.StreamDecoder`.

    Events before an error in the same read are returned first; the next call raises the error.

    Args:
        head: The status and headers of the reply.
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
        self._is_started = decode_body is None
        self._body: list[bytes] | None = None
        self._error: ProviderError | None = None

    @abstractmethod
    def _decode(self, frame: P) -> Iterable[StreamEvent]:
        """Decode one frame; raise the `ProviderError` of an error that it holds."""

    @abstractmethod
    def _end(self) -> Iterable[StreamEvent]:
        """Return the remaining events at the end of the stream, or raise `StreamInterruptedError`."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Decode the next bytes."""
        if self._error is not None:
            raise self._error
        if not self._is_started and (data := data.lstrip()):
            self._is_started = True
            if data[:1] in (b"{", b"[", b"<"):
                self._body = []
        if self._body is not None:
            self._body.append(data)
            return []
        return self._decode_frames(self._framer.feed(data))

    def close(self) -> list[StreamEvent]:
        """Decode what remains at the end of the stream."""
        if self._error is not None:
            raise self._error
        if self._decode_body is not None and self._body is not None:
            return list(self._decode_body(HTTPReply(self._head, b"".join(self._body))))
        events = self._decode_frames(self._framer.close())
        if self._error is not None:
            raise self._error
        return [*events, *self._end()]

    def _decode_frames(self, frames: Iterable[P]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        try:
            for frame in frames:
                events.extend(self._decode(frame))
        except ProviderError as error:
            if not events:
                raise
            self._error = error
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
        raise BadResponseError(f"The stream contains an event that is not a JSON object but {describe_body(data)}.")
    return parsed
