"""
Speech by ``generateContent``.

Source: ai.google.dev/gemini-api/docs/speech-generation, and google-genai 3.6.1, ``SpeechConfig``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from budwood.errors import BadResponseError, ProviderError
from budwood.providing import clip, make_wave_header
from budwood.types import (
    Adaptation,
    AudioDelta,
    GeneratedAudio,
    MediaDelta,
    MediaEvent,
    ModelRules,
    ReplyHead,
    SpeechRequest,
    SpeechResponse,
    StreamEvent,
    TextDelta,
)
from budwood_gemini.decoding import list_parts
from budwood_gemini.encoding import Body, merge_extra
from budwood_gemini.errors import make_refusal_error
from budwood_gemini.media import decode_inline, is_audio, make_audio, parse_raw_audio
from budwood_gemini.media_streams import MediaStreamDecoder

SPEECH_METADATA: Final = "speech_metadata"
"""Trait of models that take the style as a field of each part (from 3.8 on). Others read it in the text."""

_FORMATS: Final = frozenset({None, "wav", "pcm"})
_STREAMED: Final = 0xFFFFFFFF - 36
"""The size of samples in the header of a stream, whose end is not known: the greatest that the header can contain."""


def encode_speech(request: SpeechRequest, rules: ModelRules) -> Body:
    """Encode a request. Several speakers are in ``extra``, as ``generationConfig.speechConfig``."""
    part: dict[str, Any] = {"text": request.text}
    adaptations = list(_adapt(request))
    if request.instructions and SPEECH_METADATA in rules.traits:
        part["speechMetadata"] = {"style": request.instructions}
    elif request.instructions:
        part["text"] = f"{request.instructions.rstrip(' .:')}: {request.text}"
        reason = "the model takes instructions in the text: they were sent before it"
        adaptations.append(Adaptation(parameter="instructions", action="changed", reason=reason))
    speech: dict[str, Any] = {}
    if request.voice is not None:
        speech["voiceConfig"] = {"prebuiltVoiceConfig": {"voiceName": request.voice}}
    if request.language is not None:
        speech["languageCode"] = request.language
    generation = {"responseModalities": ["AUDIO"], **({"speechConfig": speech} if speech else {})}
    body = {"contents": [{"role": "user", "parts": [part]}], "generationConfig": generation}
    return Body(merge_extra(body, request.extra), tuple(adaptations))


def _adapt(request: SpeechRequest) -> Iterator[Adaptation]:
    if request.format not in _FORMATS:
        reason = "Gemini returns samples: they become a WAV file"
        yield Adaptation(parameter="format", action="changed", reason=reason)
    if request.speed is not None:
        reason = "Gemini takes the speed in words: pass instructions, such as 'slowly'"
        yield Adaptation(parameter="speed", action="dropped", reason=reason)


def decode_speech(candidate: Mapping[str, Any], text: str, facts: Mapping[str, Any]) -> SpeechResponse:
    """
    Decode the audio of a reply, whose parts are joined.

    Raises:
        ContentFilterError: A filter has left none.
        BadResponseError: It has none.
    """
    found = [decode_inline(part) for part in list_parts(candidate) if is_audio(part)]
    if not found:
        raise make_missing_audio_error(candidate, text)
    audio = make_speech(found[0][0], b"".join(data for _, data in found))
    return SpeechResponse(audio=audio, **facts)


def make_speech(media_type: str, data: bytes) -> GeneratedAudio:
    """Return audio as a file: samples get a header."""
    part = make_audio(media_type, data)
    return GeneratedAudio(data=part.data, media_type=part.media_type, seconds=part.seconds)


def make_missing_audio_error(candidate: Mapping[str, Any], text: str) -> ProviderError:
    """Return the error for a reply without audio, which may have a text."""
    return make_refusal_error(candidate, clip(text, 200)) or BadResponseError(
        "The reply has no audio.", hint="Choose a speech model, and pass text that can be spoken, without a question."
    )


class SpeechStreamDecoder(MediaStreamDecoder):
    """
    Decodes the stream of a request for speech.

    Unless samples were requested, the header of a WAV file precedes them, so that the whole stream can be played.
    """

    def __init__(self, request: SpeechRequest, head: ReplyHead) -> None:
        super().__init__(head)
        self._request = request
        self._media_type = ""
        self._chunks: list[bytes] = []
        self._text = ""

    def _convert(self, event: StreamEvent) -> MediaEvent | None:
        if isinstance(event, TextDelta):
            self._text += event.text
        if not isinstance(event, MediaDelta):
            return None
        header = b""
        if not self._chunks:
            self._media_type = event.media_type or ""
            raw = parse_raw_audio(self._media_type, event.data)
            if raw is not None and self._request.format != "pcm":
                header = make_wave_header(_STREAMED, rate=raw.rate, channels=raw.channels)
        self._chunks.append(event.data)
        return AudioDelta(header + event.data)

    def _build(self, facts: Mapping[str, Any]) -> SpeechResponse:
        if not self._chunks:
            raise make_missing_audio_error(self._candidate, self._text)
        return SpeechResponse(audio=make_speech(self._media_type, b"".join(self._chunks)), **facts)
