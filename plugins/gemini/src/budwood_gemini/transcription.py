"""
Transcription by ``generateContent``, with words that ask for it. For times see `budwood_gemini.timed_transcription`.

Source: ai.google.dev/gemini-api/docs/audio.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood.providing import drop_fields
from budwood.types import (
    MediaEvent,
    ReplyHead,
    StreamEvent,
    TextDelta,
    TranscriptDelta,
    TranscriptionRequest,
    TranscriptionResponse,
)
from budwood_gemini.encoding import Body, merge_extra
from budwood_gemini.media import Form, encode_media
from budwood_gemini.media_streams import MediaStreamDecoder

_TRANSCRIBE: Final = "Write down what is said in this audio. Answer with the transcript alone."
_NOT_OF_TRANSLATION: Final = dict.fromkeys(
    ("timestamps", "diarize"), "Gemini returns no times and speakers of a translation"
)
_TRANSLATE: Final = "Write down in English what is said in this audio. Answer with the translation alone."


def needs_interaction(request: TranscriptionRequest) -> bool:
    """Return whether a request needs Interactions, the only API that returns times and speakers."""
    return not request.translate and bool(request.timestamps or request.diarize)


def encode_transcription(request: TranscriptionRequest, form: Form) -> Body:
    """Encode a request for ``generateContent``."""
    words = [_TRANSLATE if request.translate else _TRANSCRIBE]
    if request.language is not None:
        words.append(f"The language is {request.language}.")
    if request.prompt is not None:
        words.append(f"What precedes the audio, or may occur in it: {request.prompt}")
    body: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [{"text": " ".join(words)}, encode_media(request.audio, form)]}]
    }
    if request.temperature is not None:
        body["generationConfig"] = {"temperature": request.temperature}
    adaptations = drop_fields(request, _NOT_OF_TRANSLATION) if request.translate else ()
    return Body(merge_extra(body, request.extra), adaptations)


def make_transcription(text: str, facts: Mapping[str, Any]) -> TranscriptionResponse:
    """Return the transcript of a reply; it is empty if nothing is said."""
    return TranscriptionResponse(text=text.strip(), **facts)


class TranscriptStreamDecoder(MediaStreamDecoder):
    """Decodes the stream of a request to ``generateContent``."""

    def __init__(self, head: ReplyHead) -> None:
        super().__init__(head)
        self._text = ""

    def _convert(self, event: StreamEvent) -> MediaEvent | None:
        if not isinstance(event, TextDelta):
            return None
        self._text += event.text
        return TranscriptDelta(event.text)

    def _build(self, facts: Mapping[str, Any]) -> TranscriptionResponse:
        return make_transcription(self._text, facts)
