"""The base of the decoders of streams with media: server-sent events, or a complete reply in their place."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from budwood.errors import ProviderError
from budwood.providing import BaseEventDecoder, is_end_mark
from budwood.types import HTTPReply, MediaCompleted, MediaEvent, ReplyHead
from budwood.wire import ServerSentEvent, SSEDecoder
from budwood_openai_compatible.decoding import is_error, is_unusual_error

DecodeReply = Callable[[HTTPReply], Any]
"""Decodes a complete reply."""

ConvertError = Callable[[ReplyHead, Mapping[str, Any]], ProviderError]
"""Converts an event with an error into an exception."""


class MediaEventDecoder(BaseEventDecoder[ServerSentEvent, MediaEvent]):
    """
    Decodes one streamed reply.

    Args:
        head: Status and headers of the reply.
        decode_reply: Decodes a complete reply, which servers send if the model does not stream.
        convert_error: Converts an error inside the stream.
    """

    def __init__(self, head: ReplyHead, *, decode_reply: DecodeReply, convert_error: ConvertError) -> None:
        super().__init__(head, SSEDecoder(), decode_body=self._decode_complete)
        self._decode_reply = decode_reply
        self._convert_error = convert_error
        self._is_ended = False

    def feed(self, data: bytes) -> list[MediaEvent]:
        """Decode the next bytes."""
        if not self._has_data and (head := data.lstrip()) and not _starts_events(head):
            self._has_data = True
            self._body = []
        return super().feed(data)

    @abstractmethod
    def _show(self, response: Any) -> Iterable[MediaEvent]:  # noqa: ANN401 - each service has its own
        """Return the events of a complete reply, before the last one."""

    @abstractmethod
    def _decode_event(self, kind: str, event: dict[str, Any]) -> Iterable[MediaEvent]:
        """Decode one event of a kind such as ``speech.audio.delta``."""

    def _decode_complete(self, reply: HTTPReply) -> Iterator[MediaEvent]:
        response = self._decode_reply(reply)
        yield from self._show(response)
        yield MediaCompleted(response)

    def _decode(self, frame: ServerSentEvent) -> Iterator[MediaEvent]:
        event = self._parse(frame.data, frame.event)
        if event is None:
            self._is_ended = self._is_ended or is_end_mark(frame.data)
            return
        kind = event.get("type") if isinstance(event.get("type"), str) else frame.event
        if kind == "error" or is_error(event) or ("." not in str(kind) and is_unusual_error(event)):
            raise self._convert_error(self._head, event)
        yield from self._decode_event(str(kind), event)


_STARTS: Final = (b"data:", b"event:", b"id:", b"retry:", b":", b"\xef\xbb\xbf")
"""How server-sent events start. All else is a complete reply: JSON, text or subtitles."""


def _starts_events(head: bytes) -> bool:
    return any(head.startswith(start) or start.startswith(head) for start in _STARTS)
