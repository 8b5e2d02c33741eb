"""
Encode media in messages of Chat Completions, and decode audio and images that models return.

Sources: OpenAI's API description 2.3.0, ``ChatCompletionRequestMessageContentPart…`` and ``audio`` of
``ChatCompletionResponseMessage``; vLLM's documentation, "Multimodal Inputs" (``video_url``); OpenRouter's guide to
image generation (``images`` of a message).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final

from budwood.errors import BadResponseError, UnsupportedError
from budwood.providing import (
    inline_media,
    make_wave_header,
    media_url,
    name_file,
    read_wave_seconds,
    repair_wave,
    sniff_media_type,
)
from budwood.types import (
    AnyMedia,
    AudioPart,
    ChatRequest,
    DocumentPart,
    ImagePart,
    MediaClosed,
    MediaDelta,
    StreamEvent,
    VideoPart,
)

RATE: Final = 24_000
"""Samples per second of ``pcm16``: 16 bits, little-endian, mono."""

_FORMATS: Final = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav", "x-flac": "flac", "mp4": "m4a"}
"""OpenAI's names of audio formats, by the subtype of the media type, if they differ."""

PCM_FORMATS: Final = ("pcm16", "pcm")


def name_type(name: str | None) -> str | None:
    """Return the media type of a format by OpenAI's name; None without a name."""
    return None if name is None else {"mp3": "audio/mpeg"}.get(name, f"audio/{name}")


def name_audio_format(media_type: str | None) -> str:
    """Return OpenAI's name of an audio format, such as ``mp3``; without a media type it is WAV."""
    subtype = (media_type or "audio/wav").partition("/")[2]
    return _FORMATS.get(subtype, subtype)


def encode_media_part(part: AnyMedia) -> dict[str, Any]:
    """
    Encode media as a content part.

    Raises:
        UnsupportedError: The API does not take the media from their source.
    """
    match part:
        case ImagePart() if url := media_url(part):
            return {"type": "image_url", "image_url": {"url": url} | ({"detail": part.detail} if part.detail else {})}
        case AudioPart() if audio := inline_media(part):
            name = name_audio_format(audio.media_type)
            return {"type": "input_audio", "input_audio": {"data": audio.base64, "format": name}}
        case VideoPart() if url := media_url(part):
            return {"type": "video_url", "video_url": {"url": url}}
        case DocumentPart(file_id=str(file_id)):
            return {"type": "file", "file": {"file_id": file_id}}
        case DocumentPart(url=None):
            return {"type": "file", "file": {"filename": name_document(part), "file_data": media_url(part)}}
        case _:
            source = "a file that the vendor stores" if part.file_id is not None else "a URL"
            raise UnsupportedError(
                f"Chat Completions does not take {part.type} from {source}.",
                hint="Pass the content or the path of the file.",
            )


def name_document(part: AnyMedia) -> str:
    """Return the name of a document, with an extension."""
    return name_file(part.name or (part.path.name if part.path else None), part.media_type, default="document")


def is_returned_audio(part: AudioPart, vendor: str, now: float) -> bool:
    """Return whether the server still has audio that it returned, so that its id can replace it."""
    data = part.vendor_data if part.provider == vendor and isinstance(part.vendor_data, dict) else {}
    expires = data.get("expires_at")
    return bool(data.get("id")) and not (isinstance(expires, int | float) and expires <= now)


def decode_audio(audio: Mapping[str, Any], vendor: str, request: ChatRequest | None) -> AudioPart:
    """Decode the audio of a message. Samples get a header, and headers with wrong sizes are corrected."""
    content = _decode_base64(audio.get("data"))
    return make_audio_part(content, audio, vendor, _find_format(request))


def _find_format(request: ChatRequest | None) -> str | None:
    wanted = request.extra.get("audio") if request is not None else None
    name = wanted.get("format") if isinstance(wanted, dict) else None
    return name if isinstance(name, str) else None


def make_audio_part(content: bytes, audio: Mapping[str, Any], vendor: str, name: str | None) -> AudioPart:
    """
    Create the part of audio.

    Args:
        content: The audio.
        audio: The server's other fields: the transcript, the id, and the expiry of the id.
        vendor: The server.
        name: The requested format.
    """
    media_type = sniff_media_type(content[:16])
    seconds: float | None = None
    if media_type is None and name in PCM_FORMATS:
        content = content[: len(content) - len(content) % 2]
        media_type, seconds = "audio/wav", len(content) / 2 / RATE
        content = make_wave_header(len(content), rate=RATE) + content
    else:
        content = repair_wave(content)
        seconds = read_wave_seconds(content)
    transcript = audio.get("transcript")
    data = {field: audio[field] for field in ("id", "expires_at") if audio.get(field) is not None}
    return AudioPart(
        data=content,
        media_type=media_type or name_type(name),
        transcript=transcript if isinstance(transcript, str) and transcript else None,
        seconds=seconds,
        provider=vendor if data else None,
        vendor_data=data or None,
    )


def decode_chat_images(images: object) -> Iterator[ImagePart]:
    """Decode the images of a message, which gateways send beside its text."""
    for row in images if isinstance(images, list) else ():
        inner = row.get("image_url") if isinstance(row, Mapping) else None
        url = inner.get("url") if isinstance(inner, Mapping) else inner
        if not isinstance(url, str) or not url:
            continue
        head, comma, content = url.partition(";base64,")
        if not comma:
            yield ImagePart(url=url)
            continue
        data = _decode_base64(content)
        yield ImagePart(data=data, media_type=sniff_media_type(data[:16]) or head.removeprefix("data:"))


def _decode_base64(content: object) -> bytes:
    try:
        return base64.b64decode(content if isinstance(content, str) else "")
    except binascii.Error as error:
        raise BadResponseError(f"The reply has media that are not base64 ({error}).") from None


class StreamedMedia:
    """
    Collects the media of one choice of a stream.

    Args:
        vendor: The server.
        request: The request, which has the format of the audio.
    """

    def __init__(self, vendor: str, request: ChatRequest | None) -> None:
        self._vendor = vendor
        self._format = _find_format(request) or "pcm16"  # the only format of OpenAI's streams
        self._chunks: list[bytes] = []
        self._rest = b""
        self._fields: dict[str, Any] = {}
        self._images = 0

    def add(self, delta: Mapping[str, Any], choice: int) -> Iterator[StreamEvent]:
        """Return the events of a delta."""
        audio = delta.get("audio")
        if isinstance(audio, Mapping):
            yield from self._add_audio(audio, choice)
        for image in decode_chat_images(delta.get("images")):
            self._images += 1
            yield MediaClosed(self._images, image, choice)

    def _add_audio(self, audio: Mapping[str, Any], choice: int) -> Iterator[StreamEvent]:
        transcript = audio.get("transcript")
        transcript = transcript if isinstance(transcript, str) else ""
        self._fields |= {name: value for name, value in audio.items() if name not in ("data", "transcript")}
        self._fields["transcript"] = self._fields.get("transcript", "") + transcript
        data = self._rest + _decode_base64(audio.get("data"))
        is_pcm = self._format in PCM_FORMATS
        end = len(data) - len(data) % 2 if is_pcm else len(data)
        data, self._rest = data[:end], data[end:]
        self._chunks.append(data)
        if data or transcript:
            media_type = f"audio/pcm;rate={RATE}" if is_pcm else name_type(self._format)
            yield MediaDelta(0, data, transcript, media_type, choice)

    def close(self, choice: int) -> Iterator[StreamEvent]:
        """Return the event that completes the audio, if there is any."""
        if self._fields:
            part = make_audio_part(b"".join(self._chunks), self._fields, self._vendor, self._format)
            self._fields = {}
            yield MediaClosed(0, part, choice)
