"""Decode streams of ``streamGenerateContent`` for the services of media."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from budwood.types import (
    Finished,
    MediaCompleted,
    MediaEvent,
    ReplyHead,
    ResponseMetadata,
    ResponseStarted,
    StreamEvent,
    UsageReported,
)
from budwood_gemini.stream_decoder import GeminiStreamDecoder


class MediaStreamDecoder(ABC):
    """
    Converts the events of a chat reply to those of a service, and builds the response of the service at the end.

    Args:
        head: The status and headers of the reply.
    """

    def __init__(self, head: ReplyHead) -> None:
        self._chat = GeminiStreamDecoder(head)
        self._facts: dict[str, Any] = {}
        self._candidate: dict[str, Any] = {}

    def feed(self, data: bytes) -> list[MediaEvent]:
        """Decode the next bytes."""
        return self._read(self._chat.feed(data))

    def close(self) -> list[MediaEvent]:
        """Decode what remains at the end of the stream."""
        events = self._read(self._chat.close())
        return [*events, MediaCompleted(self._build(self._facts))]

    @abstractmethod
    def _convert(self, event: StreamEvent) -> MediaEvent | None:
        """Convert an event with content."""

    @abstractmethod
    def _build(self, facts: Mapping[str, Any]) -> Any:  # noqa: ANN401 - each service has its own response
        """Return the response; ``facts`` are its fields that all services have."""

    def _read(self, events: Iterable[StreamEvent]) -> list[MediaEvent]:
        converted: list[MediaEvent] = []
        for event in events:
            match event:
                case UsageReported():
                    self._facts["usage"] = event.usage
                case ResponseStarted():
                    self._facts |= {"id": event.id, "model": event.model or ""}
                case Finished():
                    self._facts["finish_reason"] = event.reason
                    self._candidate["finishReason"] = event.raw
                case ResponseMetadata():
                    self._facts["request_id"] = event.request_id or self._facts.get("request_id")
                case _:
                    shown = self._convert(event)
                    if shown is not None:
                        converted.append(shown)
        return converted
