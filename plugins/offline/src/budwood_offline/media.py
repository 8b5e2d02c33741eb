"""The models for media: each returns what was asked in a file, so that everything can be tried without a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from budwood.contracts import PluginContext
from budwood.errors import BudwoodError, InvalidRequestError, NotFoundError
from budwood.providing import drop_fields
from budwood.types import (
    Adaptation,
    ImageRequest,
    ImageResponse,
    ModelKind,
    SpeechRequest,
    SpeechResponse,
    TranscriptionRequest,
    TranscriptionResponse,
    VideoRequest,
    VideoResponse,
)

MediaRequest = ImageRequest | SpeechRequest | TranscriptionRequest | VideoRequest
"""The requests for media."""

KINDS: Final[dict[str, ModelKind]] = {
    "extractive": "chat",
    "image": "image",
    "speech": "speech",
    "transcription": "transcription",
    "video": "video",
}
"""The models, and the kind of each."""

_NOT_SUPPORTED: Final = "the offline provider does not have it"


class OfflineMedia:
    """Draws prompts, and turns texts to tones and back."""

    _context: PluginContext

    def generate_image(self, request: ImageRequest) -> ImageResponse:
        """
        Return pictures that show the prompt.

        Raises:
            NotFoundError: The model does not exist.
            InvalidRequestError: The size or number of images is not possible, or a file cannot be read.
        """
        from budwood_offline.painting import draw_images  # most programs only ask for text

        check_model(request.model, self._context.instance)
        try:
            return ImageResponse(images=draw_images(request), model=request.model)
        except OSError as error:
            raise _unreadable(error) from None

    def generate_speech(self, request: SpeechRequest) -> SpeechResponse:
        """
        Return a WAV of tones that contains the text.

        Raises:
            NotFoundError: The model does not exist.
            InvalidRequestError: The text is too long, or the speed is not possible.
        """
        from budwood_offline.speaking import speak

        check_model(request.model, self._context.instance)
        return SpeechResponse(audio=speak(request), model=request.model)

    def transcribe(self, request: TranscriptionRequest) -> TranscriptionResponse:
        """
        Return the text that a WAV of `generate_speech` contains.

        Raises:
            NotFoundError: The model does not exist.
            InvalidRequestError: It is other audio, or cannot be read.
        """
        from budwood_offline.transcribing import transcribe

        check_model(request.model, self._context.instance)
        try:
            return transcribe(request, request.model)
        except OSError as error:
            raise _unreadable(error) from None

    def generate_video(self, request: VideoRequest) -> VideoResponse:
        """
        Return an MP4 that shows the prompt.

        Raises:
            NotFoundError: The model does not exist.
            InvalidRequestError: The size or duration is not possible, or a file cannot be read.
        """
        from budwood_offline.filming import film

        check_model(request.model, self._context.instance)
        try:
            return VideoResponse(videos=(film(request),), model=request.model)
        except OSError as error:
            raise _unreadable(error) from None


def check_model(model: str, instance: str) -> None:
    """
    Check that an instance has a model.

    Raises:
        NotFoundError: It does not.
    """
    if model not in KINDS:
        models = ", ".join(f"{instance}/{name}" for name in KINDS)
        raise NotFoundError(f"The offline provider has no model {model!r}.", hint=f"Its models are {models}.")


def list_media_adaptations(request: MediaRequest) -> Iterator[Adaptation]:
    """Yield an adaptation for each parameter of a request that the models for media do not use."""
    match request:
        case ImageRequest():
            yield from _of_image(request)
        case SpeechRequest():
            yield from _of_speech(request)
        case TranscriptionRequest():
            yield from _drop(request, "language", "prompt", "temperature", "diarize", "extra")
        case VideoRequest():
            yield from _drop(request, "video", "extra")
            yield from _of_size(request.size)


def _of_image(request: ImageRequest) -> Iterator[Adaptation]:
    yield from _drop(request, "quality", "background", "partial_images", "extra")
    if request.format not in (None, "png"):
        yield Adaptation(parameter="format", action="changed", reason="the offline provider only writes PNG")
    yield from _of_size(request.size)


def _of_size(size: str | None) -> Iterator[Adaptation]:
    from budwood_offline.painting import parse_size

    if parse_size(size) is None:
        yield Adaptation(parameter="size", action="dropped", reason="only WIDTHxHEIGHT and aspect ratios are known")


def _of_speech(request: SpeechRequest) -> Iterator[Adaptation]:
    from budwood_offline.speaking import VOICES

    yield from _drop(request, "instructions", "language", "extra")
    if request.format not in (None, "wav"):
        yield Adaptation(parameter="format", action="changed", reason="the offline provider only writes WAV")
    if request.voice is not None and request.voice not in VOICES:
        yield Adaptation(parameter="voice", action="dropped", reason=f"the voices are {', '.join(VOICES)}")


def _drop(request: MediaRequest, *names: str) -> tuple[Adaptation, ...]:
    return drop_fields(request, dict.fromkeys(names, _NOT_SUPPORTED))


def _unreadable(error: OSError) -> BudwoodError:
    where = f" {error.filename}" if error.filename else ""
    return InvalidRequestError(f"Cannot read the file{where}: {error.strerror or error}.", hint="Check the path.")
