"""
Speech: encode requests, and decode replies and streams.

Source: OpenAI's API description 2.3.0; openai 3.57.0; recorded traffic. A stream is the audio itself, or events with
parts of it in base64.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from budwood.errors import BadResponseError, PromptError, StreamInterruptedError
from budwood.providing import FieldNames, make_wave_header, repair_wave, sniff_media_type
from budwood.types import (
    AudioDelta,
    GeneratedAudio,
    HTTPReply,
    MediaCompleted,
    MediaEvent,
    ModelRules,
    ReplyHead,
    SpeechRequest,
    SpeechResponse,
    Usage,
)
from budwood_openai_compatible.decoding import decode_usage, parse_request_id, reject_page
from budwood_openai_compatible.media.events import ConvertError, DecodeReply, MediaEventDecoder
from budwood_openai_compatible.media.images import decode_base64

SPEECH_FIELDS: Final[FieldNames] = {
    "voice": "voice",
    "format": "response_format",
    "speed": "speed",
    "instructions": "instructions",
    "language": "language",
}
"""The API's names of the fields of a request. ``language`` is one of compatible servers."""

SPEECH_EVENTS: Final = "speech_events"
"""Trait in the catalog: the model can stream speech as events, which end with the usage."""

PCM: Final = "audio/pcm"
RATE: Final = 24_000
"""Samples per second of OpenAI's audio without header: 16 bits, little-endian, mono."""

_TYPES: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": PCM,
    "pcm16": PCM,
}

_AUDIO: Final = ("audio", "audio_data")
"""The fields of an object or an event that may have the audio, in base64."""

_RATE: Final = re.compile(r"rate=(\d+)")


def check_length(request: SpeechRequest, rules: ModelRules) -> None:
    """
    Check the length of a text.

    Raises:
        PromptError: It is longer than the model takes.
    """
    if rules.max_characters is not None and len(request.text) > rules.max_characters:
        raise PromptError(
            f"The text has {len(request.text):,} characters, and {request.model} speaks at most "
            f"{rules.max_characters:,} at once.",
            hint="Split the text, and call speak() for each part.",
        )


def make_audio(content: bytes, media_type: str) -> GeneratedAudio:
    """
    Return audio as a file: samples get a header, and headers with wrong sizes are corrected.

    Args:
        content: The audio.
        media_type: Its media type; that of samples may have their rate, as ``audio/pcm;rate=16000``.
    """
    plain = media_type.partition(";")[0].strip().lower()
    if plain == PCM:
        samples = content[: len(content) - len(content) % 2]
        rate = int(found[1]) if (found := _RATE.search(media_type)) else RATE
        return GeneratedAudio(
            data=make_wave_header(len(samples), rate=rate) + samples,
            media_type="audio/wav",
            seconds=len(samples) / 2 / rate,
        )
    return GeneratedAudio(data=repair_wave(content), media_type=plain)


def find_audio_type(request: SpeechRequest, headers: Mapping[str, str], head: bytes) -> str:
    """Return the media type of audio: that of the header, or else that of its first bytes, or the one requested."""
    media_type = headers.get("content-type", "")
    if media_type.lower().startswith("audio/"):
        return media_type
    wanted = request.format or str(request.extra.get("response_format") or "mp3")
    return sniff_media_type(head) or _TYPES.get(wanted, f"audio/{wanted}")


def decode_speech(request: SpeechRequest, reply: HTTPReply, body: Mapping[str, Any] | None) -> SpeechResponse:
    """
    Decode a complete reply: audio, or an object with audio in base64, as Mistral and gateways send it.

    Args:
        request: The request.
        reply: The reply.
        body: The parsed object; None if the reply is audio.
    """
    if body is None:
        reject_page(reply, "audio")
    content = reply.body if body is None else decode_base64(find_audio(body))
    if not content:
        raise BadResponseError("The reply has no audio.", request_id=parse_request_id(reply.headers))
    usage = body.get("usage") if body is not None else None
    headers = reply.headers if body is None else {}
    return SpeechResponse(
        audio=make_audio(content, find_audio_type(request, headers, content[:16])),
        usage=_decode_usage(request, usage),
        request_id=parse_request_id(reply.headers),
        raw=None if body is None else {name: value for name, value in body.items() if name not in _AUDIO},
    )


def _decode_usage(request: SpeechRequest, usage: object) -> Usage:
    """Return the usage that a server reports, with the characters of the text, by which some vendors charge."""
    known = decode_usage(usage) if isinstance(usage, Mapping) else Usage()
    return known.model_copy(update={"characters": len(request.text)})


def find_audio(body: Mapping[str, Any]) -> str:
    """Return the audio of an object or an event, in base64; empty if it has none."""
    return next((value for name in _AUDIO if isinstance(value := body.get(name), str)), "")


def is_json(headers: Mapping[str, str]) -> bool:
    """Return whether a reply is JSON, by its header."""
    return headers.get("content-type", "").partition(";")[0].strip().lower().endswith("json")


def is_event_stream(headers: Mapping[str, str]) -> bool:
    """Return whether a streamed reply consists of events or text, and not of audio, by its header."""
    media_type = headers.get("content-type", "").lower()
    return media_type.startswith("text/") or is_json(headers)


class SpeechEventDecoder(MediaEventDecoder):
    """
    Decodes events with parts of the audio.

    Args:
        head: Status and headers of the reply.
        decode_reply: Decodes a complete reply.
        convert_error: Converts an error inside the stream.
        is_pcm: Whether the audio are samples without header.
    """

    def __init__(
        self, head: ReplyHead, *, decode_reply: DecodeReply, convert_error: ConvertError, is_pcm: bool
    ) -> None:
        super().__init__(head, decode_reply=decode_reply, convert_error=convert_error)
        self._collected = AudioCollector(is_pcm=is_pcm)
        self._usage: Usage | None = None

    def _show(self, response: Any) -> Iterator[MediaEvent]:  # noqa: ANN401 - see the base class
        yield AudioDelta(response.audio.read())

    def _decode_event(self, kind: str, event: dict[str, Any]) -> Iterator[MediaEvent]:
        if kind.endswith(".delta"):
            yield from self._collected.add(decode_base64(find_audio(event)))
        elif kind.endswith(".done"):
            usage = event.get("usage")
            self._usage = decode_usage(usage) if isinstance(usage, Mapping) else Usage()

    def _end(self) -> Iterator[MediaEvent]:
        if self._usage is None and not self._is_ended:
            raise StreamInterruptedError("The stream ended before the speech was complete.")
        reply = HTTPReply(ReplyHead(self._head.status, _without_type(self._head.headers)), self._collected.content)
        response: SpeechResponse = self._decode_reply(reply)
        if self._usage is not None:
            usage = self._usage.model_copy(update={"characters": response.usage.characters})
            response = response.model_copy(update={"usage": usage})
        yield MediaCompleted(response)


def _without_type(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers without the type of the events, so that the type of the audio is found by its content."""
    return {name: value for name, value in headers.items() if name != "content-type"}


class AudioCollector:
    """Collects audio. ``is_pcm`` marks samples, which are never split between two deltas."""

    def __init__(self, *, is_pcm: bool = False) -> None:
        self._chunks: list[bytes] = []
        self._rest = b""
        self._is_pcm = is_pcm

    def add(self, data: bytes) -> Iterator[AudioDelta]:
        """Collect bytes, and yield those that are complete samples."""
        data = self._rest + data
        end = len(data) - len(data) % 2 if self._is_pcm else len(data)
        self._rest = data[end:]
        if data := data[:end]:
            self._chunks.append(data)
            yield AudioDelta(data)

    @property
    def content(self) -> bytes:
        """All audio so far."""
        return b"".join(self._chunks)


class SpeechBytesDecoder:
    """Decodes a stream that is the audio itself; see `budwood.contracts.MediaDecoder`."""

    def __init__(self, request: SpeechRequest, head: ReplyHead) -> None:
        self._request = request
        self._head = head
        self._collected: AudioCollector | None = None

    def feed(self, data: bytes) -> list[MediaEvent]:
        """Decode the next bytes."""
        if not data:
            return []
        if self._collected is None:
            media_type = find_audio_type(self._request, self._head.headers, data[:16])
            self._collected = AudioCollector(is_pcm=media_type.lower().startswith(PCM))
        return list(self._collected.add(data))

    def close(self) -> list[MediaEvent]:
        """Return the complete reply."""
        content = self._collected.content if self._collected is not None else b""
        return [MediaCompleted(decode_speech(self._request, HTTPReply(self._head, content), None))]
