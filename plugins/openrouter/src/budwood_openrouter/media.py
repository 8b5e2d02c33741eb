"""
Encode media in messages, and requests for images, speech and transcripts, in OpenRouter's form.

Source: the types of its Python SDK, ``openrouter`` 1.3.84, in ``components``: ``imagegenerationrequest.py``,
``speechrequest.py``, ``sttrequest.py``, ``chatcontentfile.py``; recorded traffic.
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
    ImageRequest,
    ModelRules,
    SpeechRequest,
    TranscriptionRequest,
)
from budwood_openai_compatible.chat_media import encode_media_part as encode_openai_part
from budwood_openai_compatible.chat_media import name_audio_format, name_document

_IMAGE_FIELDS: Final[FieldNames] = {
    "n": "n",
    "quality": "quality",
    "format": "output_format",
    "background": "background",
    "seed": "seed",
}
_NOT_OF_IMAGES: Final = {"partial_images": "OpenRouter chooses the number of unfinished images"}
_NOT_OF_SPEECH: Final = {"language": "OpenRouter has no parameter for the language"}
_TRANSCRIPTION_FIELDS: Final[FieldNames] = {
    "language": "language",
    "temperature": "temperature",
    "timestamps": "timestamp_granularities",
    "diarize": "diarize",
}
_NOT_OF_TRANSCRIPTION: Final = {"prompt": "OpenRouter takes no prompt: pass words in extra, as keyterms"}


def encode_media_part(part: AnyMedia) -> dict[str, Any]:
    """Encode media as a content part. OpenRouter fetches documents, which OpenAI does not."""
    if isinstance(part, DocumentPart) and part.url is not None:
        return {"type": "file", "file": {"filename": name_document(part), "file_data": part.url}}
    return encode_openai_part(part)


def encode_image_body(request: ImageRequest, rules: ModelRules) -> Parameters:
    """
    Return the fields of a request for images, and the adaptations.

    Raises:
        UnsupportedError: The request has a mask, or refers to the id of a file.
    """
    if request.mask is not None:
        raise UnsupportedError("OpenRouter does not support masks.", hint="Describe the change in the prompt.")
    values, adaptations = adapt_fields(request, rules, _IMAGE_FIELDS)
    body: dict[str, Any] = {"model": request.model, "prompt": request.prompt, **values}
    if request.size is not None:
        body["aspect_ratio" if ":" in request.size else "size"] = request.size
    if request.images:
        body["input_references"] = [_refer(part) for part in request.images]
    return Parameters(body, drop_fields(request, _NOT_OF_IMAGES) + adaptations)


def _refer(part: ImagePart) -> dict[str, Any]:
    url = media_url(part)
    if url is None:
        raise UnsupportedError(
            "OpenRouter does not take images by the id of a file.", hint="Pass the content, the path or a URL."
        )
    return {"type": "image_url", "image_url": {"url": url}}


def drop_language(request: SpeechRequest) -> tuple[SpeechRequest, tuple[Adaptation, ...]]:
    """Return a request for speech without its language, and the adaptation."""
    dropped = drop_fields(request, _NOT_OF_SPEECH)
    return (request.model_copy(update={"language": None}) if dropped else request), dropped


def encode_transcription_body(request: TranscriptionRequest, rules: ModelRules) -> Parameters:
    """
    Return the fields of a request for a transcript, and the adaptations.

    Times and speakers are only in the format ``verbose_json``.
    """
    values, adaptations = adapt_fields(request, rules, _TRANSCRIPTION_FIELDS)
    body: dict[str, Any] = {"model": request.model, "input_audio": _encode_audio(request.audio), **values}
    if request.timestamps or request.diarize:
        body["response_format"] = "verbose_json"
    return Parameters(body, drop_fields(request, _NOT_OF_TRANSCRIPTION) + adaptations)


def _encode_audio(part: AudioPart) -> dict[str, Any]:
    audio = inline_media(part)
    if audio is not None:
        return {"data": audio.base64, "format": name_audio_format(audio.media_type)}
    if part.url is None:
        raise UnsupportedError(
            "OpenRouter does not take audio by the id of a file.", hint="Pass the content, the path or a URL."
        )
    return {"url": part.url}
