"""
Encode requests for images, speech and transcripts in xAI's form, and decode transcripts.

Source: docs.x.ai, REST API reference: images, text to speech, speech to text; the types of its Python SDK, ``xai-sdk``
1.21.0; recorded traffic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from math import gcd
from typing import Any, Final

from budwood.errors import UnsupportedError
from budwood.providing import FieldNames, Parameters, adapt_fields, drop_fields, media_url, parse_pixels
from budwood.types import (
    Adaptation,
    AnyMedia,
    ImageRequest,
    ModelRules,
    SpeechRequest,
    TranscriptionRequest,
    TranscriptionResponse,
    TranscriptSegment,
    TranscriptWord,
    Usage,
)
from budwood.wire.multipart import FormField
from budwood_openai_compatible.decoding import parse_request_id
from budwood_openai_compatible.media.forms import encode_file, encode_plain_fields

_IMAGE_FIELDS: Final[FieldNames] = {"n": "n", "quality": "quality"}
_NOT_OF_IMAGES: Final = {
    "format": "xAI chooses the format",
    "background": "xAI has no parameter for the background",
    "seed": "xAI has no seed",
    "partial_images": "xAI does not stream images",
}

_CODECS: Final = frozenset({"mp3", "wav", "pcm", "mulaw", "alaw"})
_SPEECH_FIELDS: Final[FieldNames] = {"voice": "voice_id", "speed": "speed"}
_NOT_OF_SPEECH: Final = {"instructions": "xAI has no instructions: put speech tags such as <whisper> into the text"}

_TRANSCRIPTION_FIELDS: Final[FieldNames] = {"language": "language", "diarize": "diarize"}
_NOT_OF_TRANSCRIPTION: Final = {
    "prompt": "xAI takes no prompt: pass words in extra, as keyterm",
    "temperature": "xAI has no temperature for transcription",
}


def refer(part: AnyMedia) -> dict[str, str | None]:
    """Return media as an object with the URL, which may be one with the content, or with the id of a file."""
    return {"file_id": part.file_id} if part.file_id is not None else {"url": media_url(part)}


def encode_size(size: str | None) -> tuple[dict[str, str], tuple[Adaptation, ...]]:
    """Return the fields for a size: an aspect ratio, a resolution such as ``720p``, or the ratio of pixels."""
    if size is None:
        return {}, ()
    if (pixels := parse_pixels(size)) is not None:
        width, height = pixels
        factor = gcd(width, height)
        ratio = f"{width // factor}:{height // factor}"
        reason = f"xAI takes aspect ratios in place of pixels: {ratio} was sent"
        return {"aspect_ratio": ratio}, (Adaptation(parameter="size", action="changed", reason=reason),)
    return {"aspect_ratio" if ":" in size or size == "auto" else "resolution": size}, ()


def encode_image_body(request: ImageRequest, rules: ModelRules) -> Parameters:
    """
    Return the fields of a request for images, and the adaptations.

    Raises:
        UnsupportedError: The request has a mask.
    """
    if request.mask is not None:
        raise UnsupportedError("xAI does not support masks.", hint="Describe the change in the prompt.")
    size, adaptations = encode_size(request.size)
    values, adapted = adapt_fields(request, rules, _IMAGE_FIELDS)
    body: dict[str, Any] = {"model": request.model, "prompt": request.prompt, **values, **size}
    if request.images:
        body["images"] = [{"type": "image_url", **refer(part)} for part in request.images]
    return Parameters(body, (*adaptations, *drop_fields(request, _NOT_OF_IMAGES), *adapted))


def encode_speech_body(request: SpeechRequest, rules: ModelRules) -> Parameters:
    """Return the fields of a request for speech, and the adaptations. The API requires a language."""
    adaptations = drop_fields(request, _NOT_OF_SPEECH)
    values, adapted = adapt_fields(request, rules, _SPEECH_FIELDS)
    body: dict[str, Any] = {"text": request.text, "language": request.language or "auto", **values}
    if request.format in _CODECS:
        body["output_format"] = {"codec": request.format}
    elif request.format is not None:
        reason = f"xAI has no {request.format}: MP3 was asked for"
        adaptations += (Adaptation(parameter="format", action="changed", reason=reason),)
    return Parameters(body, adaptations + adapted)


def encode_transcription_form(
    request: TranscriptionRequest, rules: ModelRules
) -> tuple[list[FormField], tuple[Adaptation, ...]]:
    """Return the fields of the form, whose last one must be the file, and the adaptations."""
    values, adapted = adapt_fields(request, rules, _TRANSCRIPTION_FIELDS)
    fields = [*encode_plain_fields({**values, **request.extra}), _encode_audio(request)]
    if "segment" in request.timestamps and not request.diarize:
        reason = "xAI has times of words, and segments only with diarize"
        adapted += (Adaptation(parameter="timestamps", action="changed", reason=reason),)
    return fields, drop_fields(request, _NOT_OF_TRANSCRIPTION) + adapted


def _encode_audio(request: TranscriptionRequest) -> FormField:
    audio = request.audio
    if audio.url is not None and not audio.url.startswith("data:"):
        return FormField("url", audio.url)
    return encode_file("file", audio, service="transcription")


def decode_transcript(body: Mapping[str, Any], headers: Mapping[str, str]) -> TranscriptionResponse:
    """Decode a transcript. Words of one speaker that follow each other become a segment."""
    rows = [row for row in body.get("words") or () if isinstance(row, Mapping)]
    duration = body.get("duration")
    seconds = float(duration) if isinstance(duration, int | float) else None
    return TranscriptionResponse(
        text=str(body.get("text") or "").strip(),
        language=body.get("language") or None,
        seconds=seconds,
        usage=Usage(audio_seconds=seconds),
        words=tuple(TranscriptWord(word=row["text"], start=row["start"], end=row["end"]) for row in rows),
        segments=tuple(_join_speakers(rows)),
        request_id=parse_request_id(headers),
        raw=dict(body),
    )


def _join_speakers(rows: list[Mapping[str, Any]]) -> Iterator[TranscriptSegment]:
    for speaker, group in groupby(rows, key=lambda row: row.get("speaker")):
        if speaker is not None:
            words = list(group)
            text = " ".join(word["text"] for word in words)
            yield TranscriptSegment(text=text, start=words[0]["start"], end=words[-1]["end"], speaker=str(speaker))
