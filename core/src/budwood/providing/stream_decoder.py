"""Optional base classes for stream decoders; the contract of chat is `budwood.contracts.StreamDecoder`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar, cast

from pydantic_core import from_json

from budwood.errors import BadResponseError, ProviderError
from budwood.providing.bodies import describe_body, parse_json
from budwood.providing.json_limits import MAX_UNCHECKED_BYTES, check_json_cost
from budwood.types import HTTPReply, ReplyHead, StreamEvent

if TYPE_CHECKING:
    from budwood.providing.lenient_json import HalfCharacters

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)
E = TypeVar("E")


_END_MARKS: Final = frozenset({b"[DONE]", b"DONE", b"[done]", b"done"})

_KEEP_ALIVES: Final = frozenset({"", "null", "ping", "pong", "keepalive", "keep-alive", "heartbeat"})


_MAX_KEEP_ALIVE: Final = 32


def is_end_mark(data: bytes) -> bool:
    """Return whether an event's data is the end mark of an event stream: ``[DONE]``, also bare or quoted."""
    return data.strip(b" \t\r\n\"'") in _END_MARKS


def is_keep_alive(data: bytes, event: str = "message") -> bool:
    """
    Return whether an event only keeps the connection alive.

    Servers and proxies use empty data, ``null`` and words such as ``ping``, as the data or as the name of the event.

    Args:
        data: The event's data.
        event: The event's name. An event named ``error`` never counts.
    """
    if event == "error":
        return False
    text = data[:_MAX_KEEP_ALIVE].strip(b" \t\r\n\"':").decode("utf-8", "replace").lower()
    return event.lower() in _KEEP_ALIVES or (text in _KEEP_ALIVES and len(data) < _MAX_KEEP_ALIVE)


class Framer(Protocol[P_co]):
    """Splits bytes into frames: `budwood.wire.SSEDecoder` into events, `budwood.wire.NDJSONDecoder` into lines."""

    def feed(self, data: bytes) -> Sequence[P_co]:
        """Return the frames that these bytes complete."""
        ...

    def close(self) -> Sequence[P_co]:
        """Return the last frame, if it has no terminator."""
        ...


class BaseEventDecoder(ABC, Generic[P, E]):
    """
    Decodes one streamed reply to events, however its bytes are split; see `budwood.contracts.MediaDecoder`.

    Events before an error in the same read are returned first; the next call raises the error.

    Args:
        head: The status and headers of the reply.
        framer: Splits the bytes into the frames that `_decode` gets.
        decode_body: Decodes a body that is not a stream but a JSON value or HTML, which some servers and gateways send
            in answer to a streaming request. None if the stream itself starts with JSON.
    """

    def __init__(
        self,
        head: ReplyHead,
        framer: Framer[P],
        *,
        decode_body: Callable[[HTTPReply], Iterable[E]] | None = None,
    ) -> None:
        self._head = head
        self._framer = framer
        self._decode_body = decode_body
        self._has_data = decode_body is None
        self._body: list[bytes] | None = None
        self._error: ProviderError | None = None
        self._halves: HalfCharacters | None = None

    @abstractmethod
    def _decode(self, frame: P) -> Iterable[E]:
        """Decode one frame; raise a `ProviderError` if it reports an error."""

    @abstractmethod
    def _end(self) -> Iterable[E]:
        """Return the remaining events at the end of the stream, or raise `StreamInterruptedError`."""

    def feed(self, data: bytes) -> list[E]:
        """Decode the next bytes."""
        if self._error is not None:
            raise self._error
        if not self._has_data and (data := data.lstrip()):
            self._has_data = True
            if data[:1] in (b"{", b"[", b"<"):
                self._body = []
        if self._body is not None:
            self._body.append(data)
            return []
        return self._decode_frames(self._framer.feed(data))

    def close(self) -> list[E]:
        """Decode what remains at the end of the stream."""
        if self._error is not None:
            raise self._error
        if self._decode_body is not None and self._body is not None:
            return list(self._decode_body(HTTPReply(self._head, b"".join(self._body))))
        events = self._decode_frames(self._framer.close())
        if self._error is not None:
            raise self._error
        last = list(self._end())
        if self._halves is not None:
            last = [*self._join_halves(last), *cast("list[E]", self._halves.close())]
        return [*events, *last]

    def _decode_frames(self, frames: Iterable[P]) -> list[E]:
        events: list[E] = []
        try:
            for frame in frames:
                events.extend(self._decode(frame))
        except ProviderError as error:
            if not events:
                raise
            self._error = error
        return self._join_halves(events)

    def _join_halves(self, events: list[E]) -> list[E]:
        if self._halves is None:
            return events
        return cast("list[E]", self._halves.feed(cast("list[StreamEvent]", events)))

    def _parse(self, data: bytes, event: str = "message") -> dict[str, Any] | None:
        """
        Parse the data of a frame as a JSON object; return None if it only keeps the stream alive or marks its end.

        Characters that the stream splits in two, in the middle of a surrogate pair or of a UTF-8 sequence, are joined
        in the events that `feed` returns; half a character that stays alone becomes U+FFFD.

        Args:
            data: The frame's data.
            event: The name of a server-sent event.

        Raises:
            BadResponseError: The data is anything else.
        """
        if len(data) > MAX_UNCHECKED_BYTES:
            check_json_cost(data)
        try:
            parsed = from_json(data)
        except ValueError:
            parsed = self._parse_with_halves(data)
        if isinstance(parsed, dict):
            return parsed
        if is_keep_alive(data, event) or is_end_mark(data):
            return None
        raise _make_object_error(data)

    def _parse_with_halves(self, data: bytes) -> Any:  # noqa: ANN401 - any JSON
        from budwood.providing.lenient_json import HalfCharacters, parse_with_halves

        try:
            parsed = parse_with_halves(data)
        except ValueError:
            return None
        self._halves = self._halves or HalfCharacters()
        return parsed


class BaseStreamDecoder(BaseEventDecoder[P, StreamEvent], Generic[P]):
    """Decodes one streamed chat reply; see `budwood.contracts.StreamDecoder`."""


def parse_chunk(data: bytes) -> dict[str, Any]:
    """
    Parse a frame's data as a JSON object, as `parse_json` does; `BaseStreamDecoder._parse` also skips keep-alives.

    Raises:
        BadResponseError: The data is not a JSON object.
    """
    try:
        parsed = parse_json(data)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise _make_object_error(data)
    return parsed


def _make_object_error(data: bytes) -> BadResponseError:
    return BadResponseError(f"The stream contains an event that is not a JSON object but {describe_body(data)}.")
