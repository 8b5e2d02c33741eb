"""
Encode media in messages, and requests for speech and transcripts, in Mistral's form.

Source: the types of its Python SDK, ``mistralai`` 3.7.0: ``models/contentchunk.py``, ``models/speechrequest.py``,
``models/audiotranscriptionrequest.py``; recorded traffic.
"""

from __future__ import annotations

from typing import Any, Final

from budwood.errors import UnsupportedError
from budwood.providing import FieldNames, Parameters, adapt_fields, drop_fields, inline_media, media_url
from budwood.types import (
    Adaptation,
    AnyMedia,
    AudioPart,
    DocumentPart,
    ImagePart,
    ModelRules,
    SpeechRequest,
    TranscriptionRequest,
)
from budwood.wire.multipart import FormField
from budwood_openai_compatible.chat_media import encode_media_part as encode_openai_part
from budwood_openai_compatible.media.forms import encode_file, encode_plain_fields

_SPEECH_FIELDS: Final[FieldNames] = {"voice": "voice_id", "format": "response_format"}
_NOT_OF_SPEECH: Final = {
    "speed": "Mistral has no parameter for the speed: put tags for the pace into the text",
    "instructions": "Mistral has no instructions: put tags for emotions into the text",
    "language": "each voice of Mistral has its own language",
}
_FORMATS: Final = {"pcm": "Mistral's samples are 32-bit numbers", "aac": "Mistral has no AAC"}
"""Formats in whose place WAV is sent, with reasons."""

_TRANSCRIPTION_FIELDS: Final[FieldNames] = {
    "language": "language",
    "temperature": "temperature",
    "diarize": "diarize",
}
_NOT_OF_TRANSCRIPTION: Final = {
    "prompt": "Mistral has no prompt for transcriptions: pass words in extra, as context_bias"
}


def encode_media_part(part: AnyMedia) -> dict[str, Any]:
    """
    Encode media as a content part.

    Raises:
        UnsupportedError: Mistral does not take the media, or not from their source.
    """
    match part:
        case ImagePart(file_id=None):
            return encode_openai_part(part)
        case AudioPart(file_id=None):
            audio = inline_media(part)
            return {"type": "input_audio", "input_audio": part.url if audio is None else audio.base64}
        case DocumentPart(file_id=str(file_id)):
            return {"type": "file", "file_id": file_id}
        case DocumentPart():
            name = {"document_name": part.name} if part.name else {}
            return {"type": "document_url", "document_url": media_url(part), **name}
        case _ if part.file_id is not None:
            raise UnsupportedError(
                f"Mistral does not take {part.type} by the id of a file.", hint="Pass the content, the path or a URL."
            )
        case _:
            raise UnsupportedError(
                f"Mistral does not accept {part.type} in messages.", hint="Pass some frames as images."
            )


def encode_speech_body(request: SpeechRequest, rules: ModelRules) -> Parameters:
    """Return the fields of a request for speech, and the adaptations."""
    adaptations = drop_fields(request, _NOT_OF_SPEECH)
    if reason := _FORMATS.get(request.format or ""):
        request = request.model_copy(update={"format": "wav"})
        adaptations += (Adaptation(parameter="format", action="changed", reason=f"{reason}: WAV was sent"),)
    values, adapted = adapt_fields(request, rules, _SPEECH_FIELDS)
    return Parameters({"model": request.model, "input": request.text, **values}, adaptations + adapted)


def encode_transcription_form(
    request: TranscriptionRequest, rules: ModelRules, *, stream: bool
) -> tuple[list[FormField], tuple[Adaptation, ...]]:
    """
    Return the fields of the form, and the adaptations.

    The API has times of segments only, and needs them to tell speakers apart.
    """
    adaptations = drop_fields(request, _NOT_OF_TRANSCRIPTION)
    values, adapted = adapt_fields(request, rules, _TRANSCRIPTION_FIELDS)
    if "word" in request.timestamps:
        reason = "Mistral has times of segments, not of words"
        adaptations += (Adaptation(parameter="timestamps", action="changed", reason=reason),)
    if request.timestamps or request.diarize:
        values["timestamp_granularities"] = ["segment"]
    if stream:
        values["stream"] = True
    values = {"model": request.model, **values, **request.extra}
    if wanted := values.pop("timestamp_granularities", None):
        values["timestamp_granularities[]"] = wanted  # as recorded; the SDK has brackets nowhere
    fields = encode_plain_fields(values)
    return [*fields, _encode_audio(request.audio)], adaptations + adapted


def _encode_audio(audio: AudioPart) -> FormField:
    if audio.file_id is not None:
        return FormField("file_id", audio.file_id)
    if audio.url is not None and not audio.url.startswith("data:"):
        return FormField("file_url", audio.url)
    return encode_file("file", audio, service="transcription")
